//! The agent `patch`: applies the patch that the operator gave for the task, and
//! hands in the work tree. For patches that were made elsewhere, and for controls.
//!
//! Without a patch, or with an empty one, it hands in the work tree as it is.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, SolveError, Task, TaskKind, input, log, workspace};

struct Patch;

impl Agent for Patch {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if task.kind != TaskKind::IcSwe {
            return Err(SolveError::Unsupported("`patch` only works on `ic-swe` tasks".into()));
        }
        match given(input::read()) {
            None => log::info("there is no patch", &[]),
            Some(patch) => {
                if let Err(error) = workspace::apply_patch(&patch) {
                    log::error("the patch was not applied", &[("why", error.message())]);
                    return Err(SolveError::Other(format!("the patch was not applied: {}", error.message())));
                }
            }
        }
        Ok(Answer::WorkTree)
    }
}

lancet_sdk::export_agent!(Patch);

/// The patch, unless there is nothing in it. It ends with a line break, which
/// tools that copy texts like to take away and `git apply` insists on.
fn given(input: Option<String>) -> Option<String> {
    let mut patch = input.filter(|patch| !patch.trim().is_empty())?;
    if !patch.ends_with('\n') {
        patch.push('\n');
    }
    Some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_patch_is_none() {
        for input in [None, Some(String::new()), Some(" \n\n".into())] {
            assert_eq!(given(input), None);
        }
        assert_eq!(given(Some("--- a/x\n".into())), Some("--- a/x\n".into()));
        assert_eq!(given(Some("--- a/x".into())), Some("--- a/x\n".into()));
    }
}
