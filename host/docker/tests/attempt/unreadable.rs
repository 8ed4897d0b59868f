//! An engine that cannot read one container, and can read everything else: nothing that
//! submitted code does is known to bring that about, so a relay before the real engine
//! does.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use lancet_core::{InfraFaultKind, RefusalKind};
use lancet_docker::{Docker, DockerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};

use crate::bench::{Bench, refused, sh, taken};

/// What the relay does to requests that read files of containers.
#[derive(Default)]
struct Faults {
    /// The container in which commands were executed: the agent's.
    agents: Mutex<Option<String>>,
    /// How many readings of it are still to fail.
    of_agent: AtomicU32,
    /// The same of any other container: the image's.
    of_image: AtomicU32,
}

impl Faults {
    /// Whether the request with this head is to fail.
    fn fails(&self, head: &str) -> bool {
        let Some((method, path)) = head.split_once(' ') else { return false };
        let Some((_, rest)) = path.split_once("/containers/") else { return false };
        let Some((id, call)) = rest.split_once('/') else { return false };
        let mut agents = self.agents.lock().unwrap();
        if method == "POST" && call.starts_with("exec") {
            *agents = Some(id.to_owned());
        }
        if method != "GET" || !call.starts_with("archive") {
            return false;
        }
        let left = if agents.as_deref() == Some(id) { &self.of_agent } else { &self.of_image };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Hands requests on to the engine, but for those that are to fail. A request without a
/// body comes in one piece, since the client writes its head at once.
fn relay(socket: &Path, faults: Arc<Faults>) {
    const REPLY: &str = "{\"message\":\"the layers have come apart\"}";
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut ours, _) = listener.accept().await.unwrap();
            let faults = Arc::clone(&faults);
            tokio::spawn(async move {
                let engine = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                let (mut from, mut to) = engine.into_split();
                let (mut asked, mut answered) = ours.split();
                let asking = async {
                    let mut bytes = vec![0; 64 << 10];
                    loop {
                        let read = asked.read(&mut bytes).await.unwrap_or_default();
                        if read == 0 {
                            let _ = to.shutdown().await;
                            return false;
                        }
                        let head = String::from_utf8_lossy(&bytes[..read.min(1 << 10)]).into_owned();
                        if faults.fails(head.lines().next().unwrap_or_default()) {
                            return true;
                        }
                        if to.write_all(&bytes[..read]).await.is_err() {
                            return false;
                        }
                    }
                };
                let fails = tokio::select! {
                    fails = asking => fails,
                    _ = copy(&mut from, &mut answered) => false,
                };
                if fails {
                    let reply = format!(
                        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
                         Content-Length: {}\r\nConnection: close\r\n\r\n{REPLY}",
                        REPLY.len()
                    );
                    let _ = answered.write_all(reply.as_bytes()).await;
                } else {
                    // The client may have closed its half only.
                    let _ = copy(&mut from, &mut answered).await;
                }
            });
        }
    });
}

/// A bench whose engine is behind a relay, and what that does.
async fn behind_a_relay(folder: &Path) -> (Bench, Arc<Faults>) {
    let (socket, faults) = (folder.join("docker.sock"), Arc::<Faults>::default());
    relay(&socket, Arc::clone(&faults));
    let mut bench = Bench::new().await;
    let options = DockerOptions { socket: Some(socket), ..bench.docker.options().clone() };
    bench.docker = Docker::connect(options).await.unwrap();
    (bench, faults)
}

#[tokio::test]
async fn what_the_engine_cannot_read_of_the_agents_container_alone_is_its_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, faults) = behind_a_relay(folder.path()).await;
    for (of_agent, of_image) in [(0, 0), (1, 0), (u32::MAX, 0), (u32::MAX, u32::MAX)] {
        let agent = bench.open().await;
        sh(&agent, "echo '# changed' >> logic.py").await;
        faults.of_agent.store(of_agent, Ordering::Relaxed);
        faults.of_image.store(of_image, Ordering::Relaxed);
        let captured = agent.finish().await;
        let left = faults.of_agent.swap(0, Ordering::Relaxed);
        faults.of_image.store(0, Ordering::Relaxed);
        match (of_agent, of_image) {
            // Once is chance, and it is read again.
            (0 | 1, _) => {
                assert_eq!((taken(captured.unwrap()).files.len(), left), (1, 0));
            }
            (_, 0) => {
                let refusal = refused(captured.unwrap());
                assert_eq!(refusal.kind, RefusalKind::Unreadable, "{}", refusal.message);
                assert_eq!(u32::MAX - left, 2, "it is read twice");
            }
            // An engine that cannot read the image either has failed by itself.
            _ => assert_eq!(captured.unwrap_err().kind, InfraFaultKind::DockerError),
        }
    }
    bench.nothing_is_left().await;
}
