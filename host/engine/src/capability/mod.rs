//! One file a capability: its host implementation, its bounds and its source.

pub(crate) mod answer_key;
pub(crate) mod artifacts;
pub(crate) mod input;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod shell;
pub(crate) mod submission;
pub(crate) mod tests;
pub(crate) mod user_tool;
pub(crate) mod workspace;
