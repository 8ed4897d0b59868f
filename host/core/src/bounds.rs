//! The bounds that the contract states for an agent's work in its container, in one place
//! for whoever checks a call and whoever carries it out.

/// The longest path of a work tree, in bytes: 3,072.
pub const MAX_PATH_BYTES: usize = 3_072;
/// The longest pattern of a search, in bytes: 4,096.
pub const MAX_PATTERN_BYTES: usize = 4_096;
/// The most bytes that are given of a line that a search found: 512.
pub const MAX_HIT_BYTES: usize = 512;
/// The longest command, in bytes: 64 KiB.
pub const MAX_COMMAND_BYTES: usize = 64 << 10;
/// The most bytes of the message of a call's error: 2,000.
pub const MAX_CALL_ERROR_BYTES: usize = 2_000;
