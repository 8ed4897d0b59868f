//! What the operator gave the agent to go by: a patch, a script, a prompt.
//! Granted to agents.

/// The operator's text for this task, at most 1 MiB, or `None` when there is none.
///
/// An agent that uses this is never given more; [`crate::workspace::apply_input`] takes a
/// patch of any size that the task allows.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn read() -> Option<String> {
    host!(input::read())
}
