//! Runs plugins: loads a component, compares what it imports with what it was
//! granted, links just that, bounds it, records every call that it makes, and
//! executes it again from such a record.
//!
//! Wasmtime is narrowed here to what graders and agents need; nothing else of
//! the project sees it. The outside is reached through [`Sources`], one small
//! trait a capability.
//!
//! Three channels are never mixed. What a plugin may handle comes back as a WIT
//! `result`. What ends the plugin is a [`lancet_core::Fault`], its own failure.
//! What is wrong with the host is an [`EngineError`], and nobody's verdict.

mod answer;
mod bindings;
mod boundary;
mod cache;
mod capability;
mod classify;
mod clock;
mod compile;
mod component;
mod config;
mod exchange;
mod execution;
mod feature;
mod limiter;
mod link;
mod linker;
mod output;
mod outside;
mod plugin;
mod runtime;
mod state;
mod wasi;
mod words;
mod worker;

pub use answer::Sources;
pub use cache::check as check_cache;
pub use capability::answer_key::AnswerKeySource;
pub use capability::artifacts::ArtifactsSource;
pub use capability::budget::BudgetSource;
pub use capability::input::InputSource;
pub use capability::model::ModelSource;
pub use capability::settings::SettingsSource;
pub use capability::shell::ShellSource;
pub use capability::submission::SubmissionSource;
pub use capability::tests::TestsSource;
pub use capability::user_tool::UserToolSource;
pub use capability::workspace::WorkspaceSource;
pub use compile::{
    COMPILE_MEMORY_BYTES, COMPILE_SECONDS, READING_MEMORY_BYTES, READING_SECONDS, Slow, compile_worker,
};
pub use component::{
    Import, ImportProblem, ImportProblems, Inspection, MAX_COMPONENT_BYTES, Meaning, NotAPlugin, inspect,
};
pub use config::{ENGINE_ID, EngineError, MAX_CORE_INSTANCES, WASM_STACK_BYTES};
pub use exchange::{
    Answered, Behind, Divergence, Durable, Exchange, ExchangeError, Exchanged, Journal, NotDurable, Resumed,
};
pub use lancet_jail::Held;
pub use outside::{Answering, NotRecalled, Outside, Reply, SourceError};
pub use plugin::{Call, Described, GradeOutput, Plugin, SolveOutput};
pub use runtime::{Compiler, LoadError, Runtime, RuntimeOptions};
pub use worker::{Workers, run_worker};
