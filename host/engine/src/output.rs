//! What a guest wrote to WASI's streams.

use lancet_core::LogLevel;
use serde::{Deserialize, Serialize};

/// The most bytes that a guest may write to each of its output streams.
pub(crate) const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// What a guest wrote to one of its streams.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    pub(crate) level: LogLevel,
    pub(crate) stream: String,
    pub(crate) text: String,
}
