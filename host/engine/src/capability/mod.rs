//! One file a capability: its host implementation, its bounds and its source.

pub(crate) mod answer_key;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod submission;
pub(crate) mod wasi;
