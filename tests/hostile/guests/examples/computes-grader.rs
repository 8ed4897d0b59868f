//! Computes for a quarter of a second before it judges.

use lancet_hostile_guests::{compute, is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            compute(&task);
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
