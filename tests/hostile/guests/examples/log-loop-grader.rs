//! Logs for ever.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict, log};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            loop {
                log::info("still here", &[("and", "again")]);
            }
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
