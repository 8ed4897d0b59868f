//! What the agent handed in, read only. Granted to graders.

use crate::Answer;

/// The answer, exactly as the agent left it.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn answer() -> Answer {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::imports::lancet::plugin::submission::answer();
    #[cfg(not(target_arch = "wasm32"))]
    crate::no_host("submission::answer");
}
