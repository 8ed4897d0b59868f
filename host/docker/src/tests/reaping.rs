//! What dead processes left is removed, and nothing else.

use std::process::Command;
use std::time::{Duration, SystemTime};

use super::{TestEngine, argv};
use crate::engine::hardening::{ContainerSpec, Joined};
use crate::engine::label::Owner;
use crate::{DockerError, Lease, Purpose};

struct Left {
    container: String,
    network: String,
    volume: String,
}

impl Left {
    /// Makes one of each, and forgets that they are ours to remove.
    ///
    /// The reaper of any other process on this engine may remove what nobody alive owns as soon
    /// as it is there, between two of the calls made here: then it is made again.
    async fn new(engine: &TestEngine, lease: &Lease) -> Self {
        let mut last = None;
        for _ in 0..20 {
            match Self::once(engine, lease).await {
                Ok(left) => return left,
                Err(error) => last = Some(error),
            }
        }
        panic!("nothing could be left behind: {last:?}")
    }

    async fn once(engine: &TestEngine, lease: &Lease) -> Result<Self, DockerError> {
        let network = engine.docker.network(lease).await?;
        let volume = engine.docker.volume(lease).await?;
        let idle = argv(&["sleep", "600"]);
        let spec = ContainerSpec {
            purpose: Purpose::App,
            lease,
            network: Some(Joined { network: network.name(), alias: Some("app") }),
            volume: Some(volume.name()),
            ..engine.spec(&idle)
        };
        let container = engine.docker.create(&spec).await?;
        container.start().await?;
        let left = Self {
            container: container.id().to_owned(),
            network: network.name().to_owned(),
            volume: volume.name().to_owned(),
        };
        std::mem::forget((container, network, volume));
        Ok(left)
    }

    async fn there(&self, engine: &TestEngine) -> [bool; 3] {
        let client = engine.docker.client();
        [
            client.inspect_container(&self.container, None).await.is_ok(),
            client.inspect_network(&self.network, None).await.is_ok(),
            client.inspect_volume(&self.volume).await.is_ok(),
        ]
    }

    async fn remove(&self, engine: &TestEngine) {
        engine.docker.remove_container(&self.container).await.unwrap();
        engine.docker.remove_network(&self.network).await.unwrap();
        engine.docker.remove_volume(&self.volume).await.unwrap();
    }
}

/// A process of this machine that has ended.
fn dead_owner() -> String {
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let this = Owner::this_process().to_string();
    let mut parts: Vec<String> = this.split('-').map(str::to_owned).collect();
    parts[3] = pid.to_string();
    parts.join("-")
}

#[tokio::test]
async fn only_what_dead_owners_left_and_what_is_overdue_is_removed() {
    let engine = TestEngine::new().await;
    let dead = Lease { owner: dead_owner(), ..engine.lease.clone() };
    let overdue = Lease { deadline: SystemTime::now() - Duration::from_secs(1), ..engine.lease.clone() };
    let (live, dead, overdue) = (
        Left::new(&engine, &engine.lease).await,
        Left::new(&engine, &dead).await,
        Left::new(&engine, &overdue).await,
    );
    let reaper = engine.docker.spawn_reaper();
    let gone = async {
        while dead.there(&engine).await != [false; 3] || overdue.there(&engine).await != [false; 3] {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), gone).await.unwrap();
    assert_eq!(live.there(&engine).await, [true; 3]);
    drop(reaper);
    live.remove(&engine).await;
}
