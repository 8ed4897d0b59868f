//! The agent `patch`: applies the patch that the operator gave for the task, and
//! hands in the work tree. For patches that were made elsewhere, and for controls.
//!
//! Without a patch it hands in nothing; with an empty one, the work tree as it is. The
//! patch itself stays with the host: it may be larger than a plugin.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, SolveError, Task, TaskKind, log, workspace};

struct Patch;

impl Agent for Patch {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if task.kind != TaskKind::IcSwe {
            return Err(SolveError::Unsupported("`patch` only works on `ic-swe` tasks".into()));
        }
        match workspace::apply_input() {
            Ok(true) => Ok(Answer::WorkTree),
            Ok(false) => {
                log::info("there is no patch", &[]);
                Ok(Answer::Nothing)
            }
            Err(error) => {
                log::error("the patch was not applied", &[("why", error.message())]);
                Err(SolveError::Other(format!("the patch was not applied: {}", error.message())))
            }
        }
    }
}

lancet_sdk::export_agent!(Patch);
