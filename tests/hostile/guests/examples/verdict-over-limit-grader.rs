//! Gives a verdict of 80 KiB, each part of it within its own limit.

use lancet_hostile_guests::{check, is_evil, ordinary_verdict, verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let checks = (0..20).map(|i| check(i.to_string(), "x".repeat(4096))).collect();
            return Ok(verdict(checks, String::new()));
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
