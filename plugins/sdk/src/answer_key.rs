//! The task's private configuration. Granted to graders.
//!
//! An agent that calls this is refused, unless the operator grants it
//! `answer-key` to have a control.

/// The file `private/answer-key.json` of the task as its author wrote it: at
/// most 1 MiB. What it holds is between the author and the grader.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn read() -> String {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::lancet::plugin::answer_key::read();
    #[cfg(not(target_arch = "wasm32"))]
    crate::no_host("answer_key::read");
}
