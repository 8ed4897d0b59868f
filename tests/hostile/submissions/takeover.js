'use strict';

// Takes over the service that started the library: opens its debugger with a signal, which any process of the same user may
// send, and evaluates a script in it. Run as `node takeover.js SERVICE-PID SCRIPT`; waits until the script has run.

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');

const [pid, script] = process.argv.slice(2);
const debuggerAt = {host: '127.0.0.1', port: 9229};

/** A client's frame of WebSocket: text, masked, of less than 64 KiB. */
function frame(text) {
    const bytes = Buffer.from(text);
    const mask = crypto.randomBytes(4);
    const head = Buffer.from([0x81, 0xfe, bytes.length >> 8, bytes.length & 0xff]);
    return Buffer.concat([head, mask, bytes.map((byte, index) => byte ^ mask[index % 4])]);
}

function evaluate(id) {
    const headers = {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64'),
    };
    const request = http.get({...debuggerAt, path: `/${id}`, headers});
    request.on('upgrade', (_, socket) => {
        socket.on('data', () => process.exit(0));
        const params = {expression: fs.readFileSync(script, 'utf8')};
        socket.write(frame(JSON.stringify({id: 1, method: 'Runtime.evaluate', params})));
    });
}

function find() {
    const again = () => setTimeout(find, 50);
    const request = http.get({...debuggerAt, path: '/json/list'}, (response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => evaluate(JSON.parse(body)[0].id));
    });
    request.on('error', again);
}

process.kill(Number(pid), 'SIGUSR1');
find();
setTimeout(() => process.exit(1), 6000);
