//! The agent `patch`: applies the patch that the operator gave for the task, and
//! hands in the work tree. For patches that were made elsewhere, and for controls.
//!
//! Without a patch it hands in nothing; with an empty one, the work tree as it is.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, SolveError, Task, TaskKind, input, log, workspace};

struct Patch;

impl Agent for Patch {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if task.kind != TaskKind::IcSwe {
            return Err(SolveError::Unsupported("`patch` only works on `ic-swe` tasks".into()));
        }
        let Some(patch) = input::read() else {
            log::info("there is no patch", &[]);
            return Ok(Answer::Nothing);
        };
        if let Some(patch) = complete(patch)
            && let Err(error) = workspace::apply_patch(&patch)
        {
            log::error("the patch was not applied", &[("why", error.message())]);
            return Err(SolveError::Other(format!("the patch was not applied: {}", error.message())));
        }
        Ok(Answer::WorkTree)
    }
}

lancet_sdk::export_agent!(Patch);

/// The patch, unless there is nothing in it.
fn complete(patch: String) -> Option<String> {
    (!patch.trim().is_empty()).then_some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_patch_is_none() {
        for patch in ["", " \n\n"] {
            assert_eq!(complete(patch.into()), None);
        }
        assert_eq!(complete("--- a/x".into()), Some("--- a/x".into()));
    }
}
