//! Commands in the agent's container, in the work tree and without a network.
//! Granted to agents.

use crate::CallError;
pub use crate::bindings::imports::lancet::plugin::shell::CommandOutput;

/// Runs `sh -c COMMAND`, of at most 64 KiB, for 1 to 3,600 seconds.
///
/// # Errors
/// A [`CallError`]: [`CallError::Unavailable`] on a task without an environment,
/// and when the agent's time is over. A command that fails is none.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn run(command: &str, timeout_seconds: u32) -> Result<CommandOutput, CallError> {
    host!(shell::run(command, timeout_seconds))
}
