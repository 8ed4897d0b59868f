//! Removes what processes have left that ended before they could.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::label::{self, Owner};
use crate::{Docker, DockerError};

/// How often the reaper comes.
const PERIOD: Duration = Duration::from_secs(30);
/// How long after a try the next one comes, where somebody waits for it.
const AGAIN: Duration = Duration::from_millis(100);

/// What containers, networks and volumes are marked with.
type Labels = HashMap<String, String>;

/// How much a visit of the reaper removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reaped {
    /// How many containers were removed.
    pub containers: u32,
    /// How many networks were removed.
    pub networks: u32,
    /// How many volumes were removed.
    pub volumes: u32,
}

/// Reaps at once and every 30 s, until it is dropped.
#[derive(Debug)]
#[must_use = "nothing is reaped any more when this is dropped"]
pub struct Reaper {
    task: JoinHandle<()>,
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Docker {
    /// Removes containers, networks and volumes of Lancet's whose owner is not live,
    /// or whose deadline has passed. Whatever has no such labels is left alone.
    ///
    /// # Errors
    /// [`DockerError`] when they cannot be listed. One that cannot be removed does
    /// not keep the others: the next time is soon enough.
    pub async fn reap(&self, live: &(dyn Fn(&str) -> bool + Sync)) -> Result<Reaped, DockerError> {
        let now = since_epoch();
        self.sweep(&|labels| is_stale(labels, now, live)).await
    }

    /// Removes everything of an owner that is at its end, and whatever is left over
    /// besides. What of the owner's is still being removed, or is held by what is, is
    /// waited for and tried again, at most `patience` long. It is over when nothing of the
    /// owner's was there for as long as `settled`: an engine goes on with what it was told to
    /// make when nobody waits for it any more.
    ///
    /// # Errors
    /// As [`Docker::reap`].
    pub async fn clear(&self, owner: &str, settled: Duration, patience: Duration) -> Result<(), DockerError> {
        let deadline = Instant::now() + patience;
        let mut seen = Instant::now();
        loop {
            let (now, left) = (since_epoch(), AtomicU32::new(0));
            let stale = |labels: &Labels| {
                let is_owners = labels.get(label::OWNER).is_some_and(|found| found == owner);
                left.fetch_add(u32::from(is_owners), Ordering::Relaxed);
                is_owners || is_stale(labels, now, &Owner::lives)
            };
            self.sweep(&stale).await?;
            // What was there may be there still: an engine says that it has removed what
            // it is only about to.
            let is_left = left.into_inner() > 0;
            if is_left {
                seen = Instant::now();
            }
            if (!is_left && seen.elapsed() >= settled) || Instant::now() >= deadline {
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Removes what has labels of Lancet's that are stale.
    async fn sweep(&self, stale: &(dyn Fn(&Labels) -> bool + Sync)) -> Result<Reaped, DockerError> {
        let doing = "looking for what is left over";
        let filters = HashMap::from([("label", vec![label::OWNER])]);
        let mut reaped = Reaped::default();

        // Containers first: they hold networks and volumes.
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        for found in self.call(doing, self.client().list_containers(Some(options))).await? {
            if let (Some(id), Some(labels)) = (found.id, found.labels)
                && stale(&labels)
            {
                reaped.containers += u32::from(self.remove_container(&id).await.is_ok());
            }
        }
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        for found in self.call(doing, self.client().list_networks(Some(options))).await? {
            if let (Some(id), Some(labels)) = (found.id, found.labels)
                && stale(&labels)
            {
                reaped.networks += u32::from(self.remove_network(&id).await.is_ok());
            }
        }
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let found = self.call(doing, self.client().list_volumes(Some(options))).await?;
        for volume in found.volumes.unwrap_or_default() {
            if stale(&volume.labels) {
                reaped.volumes += u32::from(self.remove_volume(&volume.name).await.is_ok());
            }
        }
        Ok(reaped)
    }

    /// Begins to reap what dead processes of Lancet left on this engine.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn_reaper(&self) -> Reaper {
        let docker = self.clone();
        let task = tokio::spawn(async move {
            let mut period = interval(PERIOD);
            period.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                period.tick().await;
                // An engine that is away is asked again the next time.
                let _ = docker.reap(&Owner::lives).await;
            }
        });
        Reaper { task }
    }
}

fn since_epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn is_stale(labels: &Labels, now: u64, live: &dyn Fn(&str) -> bool) -> bool {
    match labels.get(label::OWNER) {
        // An image that was kept from a container has the label, without a value.
        None => false,
        Some(owner) if owner.is_empty() => false,
        Some(owner) => {
            let deadline = labels.get(label::DEADLINE).and_then(|deadline| deadline.parse::<u64>().ok());
            !live(owner) || deadline.is_none_or(|deadline| deadline <= now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_and_left_over_is_stale() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let live = |owner: &str| owner == "live";
        for (pairs, stale) in [
            (vec![], false),
            (vec![("com.example", "x")], false),
            (vec![(label::OWNER, ""), (label::DEADLINE, "")], false),
            (vec![(label::OWNER, "live"), (label::DEADLINE, "101")], false),
            (vec![(label::OWNER, "live"), (label::DEADLINE, "100")], true),
            (vec![(label::OWNER, "live"), (label::DEADLINE, "soon")], true),
            (vec![(label::OWNER, "live")], true),
            (vec![(label::OWNER, "dead"), (label::DEADLINE, "101")], true),
        ] {
            assert_eq!(is_stale(&labels(&pairs), 100, &live), stale, "{pairs:?}");
        }
    }
}
