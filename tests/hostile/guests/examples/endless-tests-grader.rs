//! Has the tests run for ever, in the hope that they pass once.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{CallError, GradeError, Grader, Task, Verdict, tests};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            assert!(tests::run("hidden").is_ok(), "the first time it is not refused");
            loop {
                assert!(matches!(tests::run("hidden"), Err(CallError::Refused(_))), "it was run again");
            }
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
