//! Nothing leaves. A listener of the host on all its addresses hears whatever gets
//! out of a container; that it would hear it is shown with a container in the
//! engine's ordinary network first.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use super::unprivileged::not_shown;
use super::{TestEngine, output};
use crate::engine::container::Container;
use crate::engine::hardening::Joined;
use crate::{Purpose, Tracking};

/// Tries everything it can think of, and prints what answered.
const PROBE: &str = r#"
import socket, struct, sys, threading

port, addresses = int(sys.argv[1]), sys.argv[2].split(',')

attempts, reached = [], []

def tried(name, attempt):
    def run():
        try:
            found = attempt()
            if found:
                reached.append(f'reached {name} {found}')
        except OSError:
            pass
    attempts.append(threading.Thread(target=run, daemon=True))

def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect(address)
        return 'tcp'

def query(name):
    words = b''.join(bytes([len(part)]) + part.encode() for part in name.split('.'))
    return struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0) + words + b'\0' + struct.pack('>HH', 1, 1)

def ask(family, address, name):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.sendto(query(name), address)
        answer = s.recv(512)
        flags, _, answers = struct.unpack('>HHH', answer[2:8])
        return 'dns' if flags & 15 == 0 and answers else None

def ping(address):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        return 'raw socket'

def packet():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
        return 'packet socket'

for a in addresses + ['8.8.8.8', '1.1.1.1', '169.254.169.254', '10.255.255.254']:
    for p in sorted({port, 53, 80, 443}) if a not in addresses else [port]:
        tried(f'{a}:{p}', lambda a=a, p=p: connect(socket.AF_INET, (a, p)))
    tried(f'{a} udp', lambda a=a: ask(socket.AF_INET, (a, port if a in addresses else 53), 'example.com'))
for a in ['2001:4860:4860::8888', 'fd00::1', 'ff02::1']:
    tried(f'[{a}]', lambda a=a: connect(socket.AF_INET6, (a, 53)))
    tried(f'[{a}] udp', lambda a=a: ask(socket.AF_INET6, (a, 53), 'example.com'))
for i, name in socket.if_nameindex():
    tried(f'fe80 {name}', lambda i=i: connect(socket.AF_INET6, ('fe80::1', port, 0, i)))
    tried(f'ff02 {name}', lambda i=i: ask(socket.AF_INET6, ('ff02::1', port, 0, i), 'example.com'))
for name in ['example.com', 'secret.lancet.example', 'host.docker.internal', 'gateway.docker.internal']:
    tried(f'{name} by 127.0.0.11', lambda name=name: ask(socket.AF_INET, ('127.0.0.11', 53), name))
    tried(f'{name} by the resolver', lambda name=name: socket.getaddrinfo(name, 80))
tried('icmp', lambda: ping('8.8.8.8'))
tried('packets', packet)
for attempt in attempts:
    attempt.start()
for attempt in attempts:
    attempt.join()
print('\n'.join(sorted(reached) + ['done']))
"#;

/// Listens on all of the host's addresses, and notes who comes.
struct Ear {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Ear {
    async fn new() -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let tcp = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = tcp.local_addr().unwrap().port();
        let mut sockets = vec![UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await.unwrap()];
        // Where Docker's own server would ask on behalf of a container, if it asked
        // the host's. Not everybody may listen there, or nobody does already.
        sockets.extend(UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await.ok());
        let note = |heard: &Arc<Mutex<Vec<String>>>| {
            let heard = Arc::clone(heard);
            move |what: &str, from: SocketAddr| heard.lock().unwrap().push(format!("{what} from {from}"))
        };
        let mut tasks = Vec::new();
        let tell = note(&heard);
        tasks.push(tokio::spawn(async move {
            while let Ok((_stream, from)) = tcp.accept().await {
                tell("tcp", from);
            }
        }));
        for socket in sockets {
            let tell = note(&heard);
            tasks.push(tokio::spawn(async move {
                let mut buffer = [0; 512];
                while let Ok((_, from)) = socket.recv_from(&mut buffer).await {
                    tell("udp", from);
                }
            }));
        }
        Self { port, heard, tasks }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Addresses of the host: of Docker's bridge, and the one it has to the outside.
async fn addresses(engine: &TestEngine, networks: &[&str]) -> BTreeSet<String> {
    let mut addresses = BTreeSet::new();
    for network in networks {
        let found = engine.docker.client().inspect_network(network, None).await.unwrap();
        for config in found.ipam.unwrap().config.unwrap() {
            addresses.extend(config.gateway);
        }
    }
    let outside = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    if outside.connect(("192.0.2.1", 9)).await.is_ok() {
        addresses.insert(outside.local_addr().unwrap().ip().to_string());
    }
    addresses
}

async fn probe(container: &Container, ear: &Ear, addresses: &BTreeSet<String>) -> String {
    let addresses = addresses.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let variables = std::collections::BTreeMap::new();
    let argv = super::argv(&["python3", "-c", PROBE, &ear.port.to_string(), &addresses]);
    let spec = crate::engine::exec::ExecSpec {
        argv: &argv,
        variables: &variables,
        working_directory: None,
        stdin: b"",
        time: std::time::Duration::from_secs(240),
        output_bytes: 1 << 20,
    };
    let found = container.exec(&spec).await.unwrap();
    let errors = String::from_utf8_lossy(&found.stderr.bytes).into_owned();
    assert_eq!(found.end, crate::engine::exec::ExecEnd::Exited(0), "{errors}");
    String::from_utf8(found.stdout.bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves() {
    let engine = TestEngine::new().await;
    let ear = Ear::new().await;
    let network = engine.docker.network(&engine.lease).await.unwrap();
    let other = engine.docker.network(&engine.lease).await.unwrap();
    let addresses = addresses(&engine, &["bridge", network.name(), other.name()]).await;

    // The listener hears those who can get out.
    let open = engine.idle_in(Purpose::Agent, Joined { network: "bridge", alias: None }).await;
    let reached = probe(&open, &ear, &addresses).await;
    assert!(reached.contains("tcp") && !ear.heard().is_empty(), "{reached}");
    open.remove().await.unwrap();

    let app = engine.idle_in(Purpose::App, Joined { network: network.name(), alias: Some("app") }).await;
    let driver = engine.idle_in(Purpose::Driver, Joined { network: network.name(), alias: None }).await;
    let stranger =
        engine.idle_in(Purpose::App, Joined { network: other.name(), alias: Some("stranger") }).await;
    let agent = engine.idle().await;
    for container in [&agent, &app, &driver, &stranger] {
        assert_eq!(probe(container, &ear, &addresses).await, "done\n");
        assert_eq!(ear.heard(), Vec::<String>::new());
    }

    // The tests reach the app by its alias, and a stranger does not.
    let serve =
        "import socket\ns = socket.create_server(('', 8000))\nwhile True: s.accept()[0].sendall(b'here')";
    assert_eq!(output(&app, &["setsid", "-f", "python3", "-c", serve]).await, "");
    let ask = |host: &str| {
        format!(
            "import socket, time\nfor _ in range(50):\n    try:\n        print(socket.create_connection(('{host}', 8000), 2).recv(9)); break\n    except ConnectionRefusedError: time.sleep(0.1)"
        )
    };
    assert_eq!(output(&driver, &["python3", "-c", &ask("app")]).await, "b'here'\n");
    let address = output(&app, &["hostname", "-i"]).await;
    for container in [&stranger, &agent] {
        for host in ["app", address.trim()] {
            let found = super::run(container, &["python3", "-c", &ask(host)]).await;
            assert_eq!(found.stdout.bytes, b"", "{host}");
        }
    }
    for container in [agent, app, driver, stranger] {
        container.remove().await.unwrap();
    }
    network.remove().await.unwrap();
    other.remove().await.unwrap();
}

#[tokio::test]
async fn more_networks_than_the_engines_own_pools_have() {
    let engine = TestEngine::new().await;
    let mut networks = Vec::new();
    for _ in 0..40 {
        networks.push(engine.docker.network(&engine.lease).await.unwrap());
    }
    for network in networks {
        network.remove().await.unwrap();
    }
}

/// Sends datagrams from and to ever other ports, and says how many went out.
const SPRAY: &str = r#"
import socket, sys
sent = 0
for _ in range(8):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        for port in range(1024, 4096):
            try:
                s.sendto(b'x', (sys.argv[1], port)); sent += 1
            except OSError:
                pass
print(sent)
"#;

/// How many connections the machine's table has.
const TABLE: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// The machine's table of connections is everybody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_take_no_place_in_the_machines_table_of_connections() {
    let engine = TestEngine::new().await;
    let network = engine.docker.network(&engine.lease).await.unwrap();
    let app = engine.idle_in(Purpose::App, Joined { network: network.name(), alias: Some("app") }).await;
    let driver = engine.idle_in(Purpose::Driver, Joined { network: network.name(), alias: None }).await;
    // What is taken is given back when a container ends, so this is looked at before.
    let places = || -> u32 {
        let count = std::fs::read_to_string(TABLE);
        count.map_or(0, |count| count.trim().parse().unwrap())
    };
    let before = places();
    let address = output(&driver, &["hostname", "-i"]).await;
    let sent: u32 = output(&app, &["python3", "-c", SPRAY, address.trim()]).await.trim().parse().unwrap();
    let after = places();
    assert!(sent > 10_000, "{sent}");
    assert!(after < before + sent / 10, "{sent} datagrams, {before} places before and {after} after");
    match Tracking::look().await {
        // Here the rule is what keeps the table free.
        Tracking::Exempt => assert!(Path::new(TABLE).exists(), "there is no table to look at"),
        // Where there is a filter, it has to be seen, and the rule to be there.
        Tracking::Unfiltered => println!("not shown: the rule, as nothing over bridges is filtered here"),
        other => not_shown(&format!("that datagrams take no places in the table ({other:?})")),
    }
    for container in [app, driver] {
        container.remove().await.unwrap();
    }
    network.remove().await.unwrap();
}
