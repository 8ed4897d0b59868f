//! Numbers that look random and are the same each time. Granted to agents.
//!
//! They are derived from the run's seed and the task's id, so the same run gives
//! the same numbers whatever the order of its tasks.

/// The next 64 bits of the stream.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn next_u64() -> u64 {
    host!(random::next_u64())
}

/// A number below `bound`, uniform without bias.
///
/// # Panics
/// When `bound` is 0: the host ends the plugin then. On targets other than
/// `wasm32`, where no host is there to ask.
#[must_use]
pub fn below(bound: u64) -> u64 {
    host!(random::below(bound))
}
