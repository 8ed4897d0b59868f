//! What the agent handed in, read only. Granted to graders.

pub use crate::bindings::imports::lancet::plugin::submission::{FileChange, SubmittedFile, WrittenFile};
use crate::{Answer, CallError};

/// The answer, exactly as the agent left it.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn answer() -> Answer {
    host!(submission::answer())
}

/// What differs from the task's image in a work tree that was handed in, sorted by
/// path. Empty when the answer is something else.
///
/// # Errors
/// A [`CallError`].
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn files() -> Result<Vec<SubmittedFile>, CallError> {
    host!(submission::files())
}

/// Bytes of a file that was handed in, from `offset`: at most `length`, and never
/// more than 1 MiB.
///
/// # Errors
/// A [`CallError`], when no such file was handed in.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
    host!(submission::read(path, offset, length))
}

/// Bytes of the readable unified diff of what was handed in, as [`read`] gives
/// them. Empty when there is none.
///
/// # Errors
/// A [`CallError`].
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn diff(offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
    host!(submission::diff(offset, length))
}
