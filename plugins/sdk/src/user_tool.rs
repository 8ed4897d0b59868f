//! A user who reproduces the issue for the agent. Granted to agents.

use crate::CallError;
pub use crate::bindings::imports::lancet::plugin::user_tool::Observation;

/// Has the user go through its steps on the work tree as it is now.
///
/// # Errors
/// A [`CallError`]: [`CallError::Unavailable`] on a task without such a user, and
/// when the agent's time is over.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn reproduce() -> Result<Observation, CallError> {
    host!(user_tool::reproduce())
}

/// Bytes of an artifact of the last [`reproduce`], from `offset`: at most `length`,
/// and never more than 1 MiB.
///
/// # Errors
/// A [`CallError`], when there is no artifact of that name.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn read(name: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
    host!(user_tool::read(name, offset, length))
}
