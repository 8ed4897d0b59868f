//! Gives a verdict with one check more than the 256 that are allowed.

use lancet_hostile_guests::{check, is_evil, ordinary_verdict, verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let checks = (0..257).map(|i| check(i.to_string(), String::new())).collect();
            return Ok(verdict(checks, String::new()));
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
