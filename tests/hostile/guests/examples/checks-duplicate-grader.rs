//! Gives a verdict with two checks of one name.

use lancet_hostile_guests::{check, is_evil, ordinary_verdict, verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let checks = ["a", "b", "a"].map(|name| check(name.into(), String::new())).into();
            return Ok(verdict(checks, String::new()));
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
