//! Whether the engine was there all the time.
//!
//! What an engine does as it is stopped looks like something else: it ends containers by
//! signals, and the next one knows of them that they have ended, and not why. Each call has
//! a connection of its own, so where the engine is back before the next call, or its socket
//! is held by somebody else meanwhile, as systemd does, no call fails. A connection that is
//! held open does.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::{Docker, DockerError};

const DOING: &str = "looking whether it was there all the time";
/// No container is called that: the events of it are none.
const NOBODY: &str = "lancet-nobody";
/// How long the end of the connection may take to be heard of, after an engine has
/// answered that came after it.
const MOMENT: Duration = Duration::from_millis(20);

/// Holds a connection to the engine until it is dropped.
pub(crate) struct Presence {
    docker: Docker,
    is_lost: Arc<AtomicBool>,
    held: JoinHandle<()>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.held.abort();
    }
}

impl Docker {
    /// Begins to look whether the engine stays.
    pub(crate) fn presence(&self) -> Presence {
        let (docker, is_lost) = (self.clone(), Arc::new(AtomicBool::new(false)));
        let lost = Arc::clone(&is_lost);
        let held = tokio::spawn(async move {
            let filters = HashMap::from([("container", vec![NOBODY])]);
            let options = EventsOptionsBuilder::default().filters(&filters).build();
            let mut events = Box::pin(docker.client().events(Some(options)));
            let mut outcome = events.next().await;
            while let Some(Ok(_)) = outcome {
                outcome = events.next().await;
            }
            // Of an engine that only takes its time to answer nothing is known.
            let is_lost =
                outcome.and_then(Result::err).is_none_or(|error| docker.failed(DOING, error).is_outage());
            if is_lost {
                lost.store(true, Ordering::Relaxed);
            }
        });
        Presence { docker: self.clone(), is_lost, held }
    }
}

impl Presence {
    /// Makes sure that the engine was there since this was made, and is there now: what
    /// was seen meanwhile was not its going.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`] and [`DockerError::Interrupted`] when it was not; any
    /// other when it cannot be asked.
    pub(crate) async fn confirm(&self) -> Result<(), DockerError> {
        // An engine that is being stopped takes no connections any more.
        self.docker.call(DOING, self.docker.client().ping()).await?;
        sleep(MOMENT).await;
        if self.is_lost.load(Ordering::Relaxed) {
            let reason = "the engine was stopped meanwhile, and with it all containers".to_owned();
            return Err(DockerError::Interrupted { doing: DOING, reason });
        }
        Ok(())
    }
}
