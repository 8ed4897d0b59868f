//! One file per capability: the trait of its source, and what Wasmtime lifts and lowers for it.

pub(crate) mod answer_key;
pub(crate) mod artifacts;
pub(crate) mod budget;
pub(crate) mod input;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod random;
pub(crate) mod settings;
pub(crate) mod shell;
pub(crate) mod submission;
pub(crate) mod tests;
pub(crate) mod user_tool;
pub(crate) mod workspace;
