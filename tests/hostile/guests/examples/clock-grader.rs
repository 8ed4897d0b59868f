//! Judges by what time it is.

use lancet_hostile_guests::{check, is_evil, ordinary_verdict, verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let wall = wasip2::clocks::wall_clock::now();
            let monotonic = wasip2::clocks::monotonic_clock::now();
            let told = format!("{} {} {monotonic}", wall.seconds, wall.nanoseconds);
            return Ok(verdict(vec![check("time".into(), told)], String::new()));
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
