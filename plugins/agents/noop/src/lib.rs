//! The agent `noop`: hands in nothing, whatever the task. A control: a task that
//! pays it is broken.

#![forbid(unsafe_code)]

use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Noop;

impl Agent for Noop {
    fn solve(_: Task) -> Result<Answer, SolveError> {
        Ok(Answer::Nothing)
    }
}

lancet_sdk::export_agent!(Noop);

#[cfg(test)]
mod tests {
    use lancet_sdk::TaskKind;

    use super::*;

    #[test]
    fn nothing_is_handed_in() {
        for kind in [TaskKind::IcSwe, TaskKind::SweManager] {
            let task = Task {
                id: "t".into(),
                kind,
                title: String::new(),
                statement: String::new(),
                price: 1,
                proposals: Vec::new(),
            };
            assert_eq!(Noop::solve(task), Ok(Answer::Nothing));
        }
    }
}
