//! Hides the answer key, 1,000 times over, in the text of its verdict.

use lancet_hostile_guests::{is_evil, ordinary_verdict, verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict, answer_key};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            return Ok(verdict(Vec::new(), answer_key::read().repeat(1000)));
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
