//! The engine goes away and comes back: a relay between us and the engine's socket
//! does what a restart of the engine does to its connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lancet_core::{InfraFault, InfraFaultKind};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::{TestEngine, argv, options};
use crate::{Docker, DockerError, DockerOptions};

/// Hands connections on, while it is up.
struct Relay {
    folder: tempfile::TempDir,
    engine: PathBuf,
    up: Arc<watch::Sender<bool>>,
}

impl Relay {
    async fn new() -> Self {
        let engine = Docker::connect(options()).await.unwrap().socket().to_owned();
        let relay =
            Self { folder: tempfile::tempdir().unwrap(), engine, up: Arc::new(watch::Sender::new(false)) };
        relay.up();
        relay
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    fn up(&self) {
        let _ = std::fs::remove_file(self.socket());
        let listener = UnixListener::bind(self.socket()).unwrap();
        self.up.send_replace(true);
        let (engine, up) = (self.engine.clone(), Arc::clone(&self.up));
        tokio::spawn(async move {
            let mut down = up.subscribe();
            loop {
                tokio::select! {
                    _ = down.wait_for(|up| !up) => return,
                    accepted = listener.accept() => {
                        let (mut ours, _) = accepted.unwrap();
                        let (engine, mut down) = (engine.clone(), up.subscribe());
                        tokio::spawn(async move {
                            let mut theirs = UnixStream::connect(engine).await.unwrap();
                            tokio::select! {
                                _ = down.wait_for(|up| !up) => {}
                                _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs) => {}
                            }
                        });
                    }
                }
            }
        });
    }

    fn down(&self) {
        self.up.send_replace(false);
    }
}

#[tokio::test]
async fn calls_say_that_the_engine_went_away_and_wait_until_it_is_back() {
    let engine = TestEngine::new().await;
    let relay = Relay::new().await;
    let docker = Docker::connect(DockerOptions { socket: Some(relay.socket()), ..options() }).await.unwrap();
    let idle = argv(&["sleep", "600"]);
    let container = docker.create(&engine.spec(&idle)).await.unwrap();
    container.start().await.unwrap();
    let id = container.id().to_owned();

    // In the middle of a call.
    let time = Duration::from_secs(300);
    let (ended, ()) = tokio::join!(container.wait(time, 1 << 30), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        relay.down();
    });
    let error = ended.unwrap_err();
    assert!(matches!(error, DockerError::Interrupted { .. }), "{error}");
    assert!(error.is_outage());
    assert_eq!(InfraFault::from(error).kind, InfraFaultKind::DockerUnreachable);

    // While it is away.
    let error = container.state().await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    let error = container.changes("/srv/app").await.unwrap_err();
    assert!(error.is_outage(), "{error}");
    let error = docker.wait_until_reachable(Duration::from_millis(300)).await.unwrap_err();
    assert!(error.is_outage(), "{error}");

    // It comes back while it is waited for.
    let (back, ()) = tokio::join!(docker.wait_until_reachable(Duration::from_secs(60)), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        relay.up();
    });
    back.unwrap();
    container.kill().await.unwrap();
    container.remove().await.unwrap();
    assert!(engine.docker.client().inspect_container(&id, None).await.is_err());
}

#[tokio::test]
async fn what_is_made_for_nobody_is_removed() {
    let engine = TestEngine::new().await;
    let lease = crate::Lease { attempt: format!("given up {}", std::process::id()), ..engine.lease.clone() };
    let idle = argv(&["sleep", "600"]);
    let spec = crate::engine::hardening::ContainerSpec { lease: &lease, ..engine.spec(&idle) };
    // Given up at different moments of the call.
    for wait in [0, 5, 10, 20, 40, 80] {
        let _ = tokio::time::timeout(Duration::from_millis(wait), engine.docker.create(&spec)).await;
    }
    let filter =
        std::collections::HashMap::from([("label", vec![format!("dev.lancet.attempt={}", lease.attempt)])]);
    let options =
        bollard::query_parameters::ListContainersOptionsBuilder::default().all(true).filters(&filter).build();
    // Calls that were given up may still be under way: none is there when none has
    // been for a while.
    let mut quiet = 0;
    while quiet < 5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let left = engine.docker.client().list_containers(Some(options.clone())).await.unwrap();
        quiet = if left.is_empty() { quiet + 1 } else { 0 };
    }
}
