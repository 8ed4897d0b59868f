//! Waiting for a container's end, and seeing to it that there is one: at its time, and when
//! it has written too much.

use std::time::Duration;

use bollard::query_parameters::WaitContainerOptions;
use futures_util::StreamExt as _;
use tokio::time::sleep;

use crate::DockerError;
use crate::engine::container::{Container, State};
use crate::engine::disk::DiskLimits;
use crate::engine::listing::MAX_FILES;
use crate::engine::timer::Timer;

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Exited {
        /// See [`State::Exited`].
        code: i64,
        /// See [`State::Exited`].
        out_of_memory: bool,
    },
    /// It was killed when its time was over.
    TimedOut,
    /// It wrote more than it may; if it still ran, it was killed.
    DiskLimit,
}

impl Container {
    /// Waits until it has ended; kills it when that time is over, and when it has written
    /// `disk_bytes` or more, or more than a million files. Its bytes are looked at every
    /// two seconds and at the end, its files then or every ten seconds at most. It has
    /// to have been started.
    ///
    /// # Errors
    /// [`DockerError::Unreachable`] and [`DockerError::Interrupted`] when the engine was
    /// stopped, which may be what has ended it; any other.
    pub(crate) async fn wait(&self, time: Duration, disk_bytes: u64) -> Result<Ended, DockerError> {
        self.wait_within(time, DiskLimits { bytes: disk_bytes, files: MAX_FILES }).await
    }

    /// As [`Container::wait`], with a limit of files too.
    pub(crate) async fn wait_within(&self, time: Duration, limits: DiskLimits) -> Result<Ended, DockerError> {
        self.wait_telling(time, limits, || ()).await
    }

    /// As [`Container::wait_within`], and tells that it wrote too much before it is killed for that:
    /// whatever ends with it ends later.
    pub(crate) async fn wait_telling(
        &self,
        time: Duration,
        limits: DiskLimits,
        tell: impl Fn(),
    ) -> Result<Ended, DockerError> {
        let (client, timer) = (self.docker().client(), Timer::new(time));
        let presence = self.docker().presence().await?;
        loop {
            // On the heap: attempts are many at a time, and this is in all of them.
            let mut ended = Box::pin(client.wait_container(self.id(), None::<WaitContainerOptions>));
            let mut filled = Box::pin(self.filled(limits));
            // The status is not taken from the first answer: it is -1 when the engine
            // lost sight of the container, and inspecting tells more.
            let looked = timer.during(async {
                tokio::select! {
                    answer = ended.next() => match answer {
                        None | Some(Ok(_)) => Ok(None),
                        Some(Err(bollard::errors::Error::DockerContainerWaitError { .. })) => Ok(None),
                        Some(Err(error)) => Err(self.docker().failed("waiting for a container", error)),
                    },
                    filled = &mut filled => filled.map(|()| Some(Ended::DiskLimit)),
                }
            });
            let killed = looked.await.unwrap_or(Ok(Some(Ended::TimedOut)))?;
            if let Some(killed) = &killed {
                if *killed == Ended::DiskLimit {
                    tell();
                }
                self.kill().await?;
            }
            match (self.state().await?, killed) {
                (State::Exited { .. }, _) if self.disk_bytes().await? >= limits.bytes => {
                    return Ok(Ended::DiskLimit);
                }
                (State::Exited { .. }, Some(killed)) => return Ok(killed),
                (State::Exited { code, out_of_memory }, None) => {
                    // An engine that ended it as it was stopped may answer like any other, or
                    // break off; the next one may say 0 of what was killed.
                    presence.confirm().await?;
                    return Ok(Ended::Exited { code, out_of_memory });
                }
                (State::Created | State::Running | State::Paused, _) => {
                    timer.during(sleep(Duration::from_millis(50))).await;
                }
            }
        }
    }
}
