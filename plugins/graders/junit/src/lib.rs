//! The grader `junit`: do the hidden tests pass?
//!
//! The task's answer key is `{"plan": "hidden"}`, the test plan that decides. What
//! is handed in has to be a work tree; the host runs the plan on it, and the
//! verdict follows from the run's exit status, its JUnit report, the tests that
//! are required and the sentinels. For the reasons see `lancet-evidence`.

#![forbid(unsafe_code)]

use lancet_evidence::{Tested, judge, test};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct JUnit;

impl Grader for JUnit {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        Ok(match test(&task, "junit")? {
            Tested::Not(verdict) => verdict,
            Tested::Run { plan, report } => judge(&plan, &report),
        })
    }
}

lancet_sdk::export_grader!(JUnit);

#[cfg(test)]
mod unit {
    use lancet_sdk::TaskKind;

    use super::*;

    #[test]
    fn manager_tasks_are_for_others() {
        let task = Task {
            id: "t".into(),
            kind: TaskKind::SweManager,
            title: String::new(),
            statement: String::new(),
            price: 1,
            proposals: Vec::new(),
        };
        assert!(matches!(JUnit::grade(task), Err(GradeError::Unsupported(_))));
    }
}
