'use strict';

// Tries every way out of a container that programs of an ordinary user have, for a few seconds, and prints each that works.

const dgram = require('node:dgram');
const dns = require('node:dns');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');

const mark = 'FO' + 'UND';
const SECONDS = 3;
// Where the test listens on the host, on all addresses.
const HOST_TCP = Number('@TCP_PORT@') || 9;
const HOST_UDP = Number('@UDP_PORT@') || 9;

/** Addresses of the host that bridges of Docker and its networks usually have, and those that its own addresses suggest. */
function gateways() {
    const near = Object.values(os.networkInterfaces())
        .flat()
        .filter((address) => address.family === 'IPv4' && !address.internal)
        .flatMap((address) => {
            const parts = address.address.split('.').map(Number);
            const base = parts[3] & ~15;
            return Array.from({length: 16}, (_, last) => [...parts.slice(0, 3), base + last].join('.'));
        });
    const routes = fs
        .readFileSync('/proc/net/route', 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t')[2])
        .filter((hex) => hex && hex !== '00000000')
        .map((hex) => hex.match(/../g).reverse().map((byte) => parseInt(byte, 16)).join('.'));
    const own = new Set(Object.values(os.networkInterfaces()).flat().map((address) => address.address));
    const all = ['172.17.0.1', '172.18.0.1', '172.19.0.1', '192.168.0.1', '192.168.65.2', '10.0.0.1', ...near, ...routes];
    return [...new Set(all)].filter((address) => !own.has(address));
}

function connect(host, port) {
    const socket = net.connect({host, port});
    socket.on('connect', () => {
        console.log(`${mark} a way to ${host}:${port}`);
        socket.end('out');
    });
    socket.on('error', () => {});
}

function send(type, host, port, message) {
    const socket = dgram.createSocket(type);
    socket.on('error', () => {});
    socket.on('message', (answer, from) => console.log(`${mark} an answer of ${from.address}`));
    socket.send(message, port, host, () => {});
}

function resolve(name, server) {
    const resolver = new dns.Resolver({timeout: 1000, tries: 1});
    if (server) resolver.setServers([server]);
    for (const type of ['A', 'AAAA', 'TXT', 'MX']) {
        resolver.resolve(name, type, (error, records) => {
            if (!error && records.length > 0) console.log(`${mark} ${type} ${name} by ${server}: ${JSON.stringify(records)}`);
        });
    }
}

// A query for the address of example.com, as it is on the wire.
const query = Buffer.from('000101000001000000000000076578616d706c6503636f6d0000010001', 'hex');

for (const name of ['example.com', 'secret.tunnel.example.com', 'host.docker.internal', 'gateway.docker.internal', 'metadata.google.internal']) {
    resolve(name);
    for (const server of ['127.0.0.11', '127.0.0.53', '8.8.8.8', '1.1.1.1', '[2606:4700:4700::1111]']) resolve(name, server);
    dns.lookup(name, (error, address) => {
        if (!error) console.log(`${mark} ${name} is ${address}`);
    });
}
for (const host of ['1.1.1.1', '8.8.8.8', '2606:4700:4700::1111', '2001:4860:4860::8888']) {
    for (const port of [53, 80, 443]) connect(host, port);
    send(host.includes(':') ? 'udp6' : 'udp4', host, 53, query);
}
for (const host of ['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', '100.100.100.200', '168.63.129.16']) connect(host, 80);
for (const host of gateways()) {
    for (const port of [HOST_TCP, 22, 80, 2375, 2376]) connect(host, port);
    send('udp4', host, HOST_UDP, 'out');
    send('udp4', host, 53, query);
}
for (const name of Object.keys(os.networkInterfaces())) {
    connect(`fe80::1%${name}`, HOST_TCP);
    connect(`ff02::1%${name}`, HOST_TCP);
    send('udp6', `ff02::1%${name}`, HOST_UDP, 'out');
    send('udp6', `fe80::1%${name}`, HOST_UDP, 'out');
}
send('udp4', '255.255.255.255', HOST_UDP, 'out');
for (const path of ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock', '/run/dbus/system_bus_socket']) {
    const socket = net.connect({path});
    socket.on('connect', () => console.log(`${mark} ${path}`));
    socket.on('error', () => {});
}
setTimeout(() => {
    fs.writeSync(1, `${['tried', 'every', 'way'].join(' ')}\n`);
    // Look-ups that wait for an answer would hold up an ordinary exit.
    process.kill(process.pid, 'SIGKILL');
}, SECONDS * 1000);
