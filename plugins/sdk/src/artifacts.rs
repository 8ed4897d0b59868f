//! What test runs left: logs, traces, screenshots. Granted to graders.
//!
//! Where the app and the tests share a container, submitted code can have written
//! them: they are for people, and no ground for a pass.

use crate::{ArtifactEntry, CallError};

/// What the run that counts of the last [`tests::run`](crate::tests::run) left,
/// sorted by name.
///
/// # Errors
/// A [`CallError`]: [`CallError::Unavailable`] on a task without an environment.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn list() -> Result<Vec<ArtifactEntry>, CallError> {
    host!(artifacts::list())
}

/// Bytes of an artifact of that list, from `offset`: at most `length`, and never
/// more than 1 MiB.
///
/// # Errors
/// A [`CallError`], when there is no artifact of that name.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn read(name: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
    host!(artifacts::read(name, offset, length))
}
