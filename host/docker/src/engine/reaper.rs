//! Removes what processes have left that ended before they could.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::label::{self, Owner};
use crate::{Docker, DockerError};

/// How often the reaper comes.
const PERIOD: Duration = Duration::from_secs(30);

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
        let doing = "looking for what is left over";
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let stale = |labels: &HashMap<String, String>| is_stale(labels, now, live);
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

fn is_stale(labels: &HashMap<String, String>, now: u64, live: &dyn Fn(&str) -> bool) -> bool {
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
