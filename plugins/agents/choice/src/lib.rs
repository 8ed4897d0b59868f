//! The agent `choice`: chooses the proposal whose id the operator gave for the task. For
//! choices that were made elsewhere, and for controls.
//!
//! Without an id it hands in nothing.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, SolveError, Task, TaskKind, input};

struct Choice;

impl Agent for Choice {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if task.kind != TaskKind::SweManager {
            return Err(SolveError::Unsupported("`choice` only works on `swe-manager` tasks".into()));
        }
        chosen(&input::read().unwrap_or_default()).map_err(SolveError::Other)
    }
}

lancet_sdk::export_agent!(Choice);

/// The number that a text is. Whether a proposal has it is for the grader to say.
fn chosen(text: &str) -> Result<Answer, String> {
    match text.trim() {
        "" => Ok(Answer::Nothing),
        number => number.parse().map(Answer::Choice).map_err(|_| {
            let shown: String = number.chars().take(40).collect();
            format!("`{shown}` is no proposal's id; expected a whole number, such as 3")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_chosen() {
        assert_eq!(chosen(" 3\n"), Ok(Answer::Choice(3)));
        assert_eq!(chosen("4294967295"), Ok(Answer::Choice(u32::MAX)));
        assert_eq!(chosen("\n"), Ok(Answer::Nothing));
    }

    #[test]
    fn anything_else_is_told() {
        for text in ["-1", "4294967296", "three", "1 2", "0x1", &"é".repeat(1_000)] {
            let error = chosen(text).unwrap_err();
            assert!(error.contains("expected a whole number") && error.len() < 200, "{error}");
        }
    }
}
