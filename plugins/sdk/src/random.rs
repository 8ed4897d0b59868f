//! Numbers that look random and are the same each time. Granted to agents.
//!
//! They are derived from the run's seed and the task's id, so the same run gives
//! the same numbers whatever the order of its tasks.

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::lancet::plugin::random;

/// The next 64 bits of the stream.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn next_u64() -> u64 {
    #[cfg(target_arch = "wasm32")]
    return random::next_u64();
    #[cfg(not(target_arch = "wasm32"))]
    crate::no_host("random::next_u64");
}

/// A number below `bound`, uniform without bias.
///
/// # Panics
/// When `bound` is 0: the host ends the plugin then. On targets other than
/// `wasm32`, where no host is there to ask.
#[must_use]
pub fn below(bound: u64) -> u64 {
    #[cfg(target_arch = "wasm32")]
    return random::below(bound);
    #[cfg(not(target_arch = "wasm32"))]
    crate::no_host(&format!("random::below({bound})"));
}
