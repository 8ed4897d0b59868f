//! The agent `tool-loop`: has a model work on the task with tools that it calls, until it
//! hands in.
//!
//! On an `ic-swe` task the model has a shell, the files of the work tree, patches and the
//! user who reproduces the issue; what is in the work tree at the end is handed in. On a
//! `swe-manager` task it reads the proposals and picks one, and reads the files as well when
//! the task has an environment.
//!
//! With `tools = "bash"` it is the bash-only baseline: one tool, `bash`, each command in a
//! shell of its own, a history that is never shortened, and a command that hands in (see
//! [`HAND_IN_LINE`]).
//!
//! # How an attempt ends
//!
//! | why (in the log) | what is handed in |
//! |---|---|
//! | `handed-in` | the work tree; the proposal that was picked |
//! | `steps`, `calls`, `time-over`: no more may be asked or done | what is there |
//! | `no-valid-call`: three answers in a row without one | what is there |
//! | `refused`: the model refuses to go on | what is there |
//! | `context`, `over-budget`: the conversation is too long, or too dear | what is there |
//! | `failed`: the provider does not take the request | what is there, or an error |
//!
//! What is there is the work tree once anything was done that may have changed it. Before,
//! and on a task that asks for a choice, there is nothing: the agent then ends with an error
//! that has the word and what is known of it.

#![forbid(unsafe_code)]

mod arguments;
mod meter;
mod observation;
mod options;
mod session;
mod tool;
mod world;

use lancet_brief::Host;
use lancet_sdk::{Agent, Answer, Configuration, Configure, SolveError, Task, settings};

use crate::options::Options;

/// The line that the output of a command begins with that hands in, when there is only
/// `bash`.
pub const HAND_IN_LINE: &str = "LANCET-HAND-IN";

/// The template of the first message, and of what stands before it.
const PROMPT: &str = include_str!("../prompt.md.j2");

struct ToolLoop;

impl Agent for ToolLoop {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        let template = settings::prompt().unwrap_or_else(|| PROMPT.to_owned());
        session::solve(&mut Host::default(), &task, &Options::read(), &template)
    }
}

impl Configure for ToolLoop {
    fn configuration() -> Configuration {
        Options::declare().prompt(PROMPT, &session::VARIABLES)
    }
}

lancet_sdk::export_agent!(ToolLoop);
lancet_sdk::export_configuration!(ToolLoop);
