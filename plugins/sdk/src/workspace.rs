//! The files of the work tree that the agent works on. Granted to agents.
//!
//! What the work tree holds when the agent answers [`Answer::WorkTree`] is what is
//! handed in. A path names a file from there: names joined by `/`, at most 3,072
//! bytes, none of them empty, `.` or `..`, and not out of the work tree through a
//! symbolic link.
//!
//! Every function gives [`CallError::Unavailable`] on a task without an
//! environment, and when the agent's time is over.
//!
//! [`Answer::WorkTree`]: crate::Answer::WorkTree

use crate::CallError;
pub use crate::bindings::imports::lancet::plugin::workspace::{Entry, Hit};

/// The regular files below a folder, at any depth, sorted by path and without
/// `.git`: at most the first 10,000. An empty path is the work tree itself.
///
/// # Errors
/// A [`CallError`], when there is no such folder or it is not allowed.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn list(path: &str) -> Result<Vec<Entry>, CallError> {
    host!(workspace::list(path))
}

/// Bytes of a file, from `offset`: at most `length`, and never more than 1 MiB.
///
/// # Errors
/// A [`CallError`], when there is no such file or it is not allowed.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
    host!(workspace::read(path, offset, length))
}

/// Lines that match a POSIX extended regular expression, in the text files below a
/// folder: at most 10,000. An empty path is the work tree itself.
///
/// # Errors
/// A [`CallError`], when the pattern is none, there is no such folder or it is not
/// allowed.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn search(pattern: &str, path: &str) -> Result<Vec<Hit>, CallError> {
    host!(workspace::search(pattern, path))
}

/// Makes a file hold these bytes, at most 1 MiB, and nothing else. It is made, with
/// its folders, when it is not there.
///
/// # Errors
/// A [`CallError`], when they are too many or the path is not allowed.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn write(path: &str, contents: &[u8]) -> Result<(), CallError> {
    host!(workspace::write(path, contents))
}

/// Removes a file.
///
/// # Errors
/// A [`CallError`], when there is no such file or it is not allowed.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn remove(path: &str) -> Result<(), CallError> {
    host!(workspace::remove(path))
}

/// Applies a unified diff of at most 1 MiB, as `git diff` writes it: all of it, or
/// nothing.
///
/// # Errors
/// A [`CallError`]; [`CallError::Other`] says why it does not apply.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn apply_patch(patch: &str) -> Result<(), CallError> {
    host!(workspace::apply_patch(patch))
}

/// Applies the operator's text for this task as [`apply_patch`] would, however large it
/// is. `false` when there is none.
///
/// # Errors
/// A [`CallError`]; [`CallError::Other`] says why it does not apply.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn apply_input() -> Result<bool, CallError> {
    host!(workspace::apply_input())
}
