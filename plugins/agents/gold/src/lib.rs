//! The agent `gold`: reads the answer key and hands in what it says. A control:
//! a task that does not pay it is broken.
//!
//! It imports `answer-key`, so it is refused unless the operator grants that.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, SolveError, Task, TaskKind, answer_key};
use serde_json::Value;

struct Gold;

impl Agent for Gold {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        match task.kind {
            TaskKind::SweManager => {
                correct(&answer_key::read()).map(Answer::Choice).map_err(SolveError::Other)
            }
            TaskKind::IcSwe => Err(SolveError::Unsupported(
                "`gold` has no patch to apply: it only chooses among proposals".into(),
            )),
        }
    }
}

lancet_sdk::export_agent!(Gold);

/// The number under `correct`. Other keys are for the grader.
fn correct(key: &str) -> Result<u32, String> {
    let key: Value = serde_json::from_str(key)
        .map_err(|e| format!("the answer key is not JSON: {e}; expected `{{\"correct\": 3}}`"))?;
    key.get("correct").and_then(Value::as_u64).and_then(|id| id.try_into().ok()).ok_or_else(|| {
        "the answer key has no proposal's id under `correct`; expected `{\"correct\": 3}`".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correct_one_is_found() {
        assert_eq!(correct(r#"{"correct": 3, "mode": "lenient"}"#), Ok(3));
        assert_eq!(correct(r#"{"correct": 0}"#), Ok(0));
    }

    #[test]
    fn a_key_without_it_is_told() {
        for key in ["", "3", "{}", r#"{"correct": "3"}"#, r#"{"correct": -1}"#, r#"{"correct": 4294967296}"#]
        {
            let error = correct(key).unwrap_err();
            assert!(error.contains(r#"expected `{"correct": 3}`"#), "{key}: {error}");
        }
    }
}
