//! What a container takes of the disk, looked at again and again while it runs: no engine
//! bounds it everywhere.

use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use tokio::time::{Instant, sleep};

use crate::engine::container::Container;
#[cfg(target_os = "linux")]
use crate::engine::overlayfs::Layers;
use crate::engine::overlayfs::{self, Usage};
use crate::{DiskBound, Docker, DockerError};

/// How often a container's use of the disk is looked at. Between two looks it may
/// write as much as the disk takes; its limit of file sizes holds at once.
const DISK_LOOK: Duration = Duration::from_secs(2);
/// So many times as long as that look took it is let be.
const DISK_REST: u32 = 2;
/// How often the engine is asked what was written when it cannot add it up.
const DISK_TRIES: u32 = 3;
/// How often the engine is asked for its files too: empty ones take no bytes, but the
/// machine has only so many.
const FILES_LOOK: Duration = Duration::from_secs(10);
/// So many times as long as that look took it is let be.
const FILES_REST: u32 = 20;
/// Bytes of one line of the engine's list of changes.
const CHANGE_BYTES: u64 = 100;

/// What a container may write to its root file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskLimits {
    /// Bytes of its files.
    pub(crate) bytes: u64,
    /// Files and folders.
    pub(crate) files: usize,
}

impl Docker {
    /// What bounds the disk that a container takes here, as far as is known: that an
    /// engine gives no quotas shows when it is asked for one.
    #[must_use]
    pub fn disk_bound(&self) -> DiskBound {
        if self.gives_quotas() {
            DiskBound::Quota
        } else if overlayfs::may_read() && self.info().storage_driver == "overlay2" {
            DiskBound::Blocks
        } else {
            DiskBound::Sizes
        }
    }
}

impl Container {
    /// Bytes that it has written to its root file system, and has not removed; more
    /// than any limit where it cannot be told. By the blocks that the file system has
    /// given to it where the engine's folders can be read, with files that are open
    /// and have no name any more; by the sizes of its files otherwise.
    pub(crate) async fn disk_bytes(&self) -> Result<u64, DockerError> {
        if let Some(taken) = self.taken().await? {
            return Ok(taken.bytes);
        }
        for _ in 0..DISK_TRIES {
            if let Some(bytes) = disk(&self.inspect(true).await?) {
                return Ok(bytes);
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(u64::MAX)
    }

    /// What it takes of the disk, where the engine's folders can be read; without end
    /// above [`MAX_FILES`].
    #[cfg(target_os = "linux")]
    async fn taken(&self) -> Result<Option<Usage>, DockerError> {
        let found = self.inspect(false).await?;
        let Some(layers) = Layers::of(&found) else { return Ok(None) };
        let process = found.state.and_then(|state| state.pid).and_then(|process| i32::try_from(process).ok());
        let process = process.filter(|process| *process > 0);
        let taken = tokio::task::spawn_blocking(move || layers.usage(process)).await;
        Ok(taken.ok().and_then(Result::ok))
    }

    #[cfg(not(target_os = "linux"))]
    async fn taken(&self) -> Result<Option<Usage>, DockerError> {
        Ok(None)
    }

    /// Looks again and again, until it has written too much.
    pub(crate) async fn filled(&self, limits: DiskLimits) -> Result<(), DockerError> {
        let mut next_files = Instant::now() + FILES_LOOK;
        let mut rest = DISK_LOOK;
        loop {
            sleep(rest).await;
            let began = Instant::now();
            if let Some(taken) = self.taken().await? {
                if taken.bytes >= limits.bytes || taken.files > limits.files {
                    return Ok(());
                }
            } else {
                if self.disk_bytes().await? >= limits.bytes {
                    return Ok(());
                }
                // The engine compares every file of the image for its list.
                if began >= next_files {
                    if self.changes_exceed(limits.files as u64 * CHANGE_BYTES).await? {
                        return Ok(());
                    }
                    next_files = Instant::now() + FILES_LOOK.max(began.elapsed() * FILES_REST);
                }
            }
            rest = DISK_LOOK.max(began.elapsed() * DISK_REST);
        }
    }
}

/// `None` when the engine could not add up what was written. Something changed under
/// it, or there are folders nested so deep that it does not get at them, which is a
/// way to write without being counted.
fn disk(found: &ContainerInspectResponse) -> Option<u64> {
    u64::try_from(found.size_rw.unwrap_or_default()).ok()
}
