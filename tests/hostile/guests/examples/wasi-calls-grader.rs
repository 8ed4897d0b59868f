//! Asks for random bytes without end: the host's work, and hardly any of its own.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            loop {
                let bytes = wasip2::random::random::get_random_bytes(4 << 10);
                if bytes.is_empty() {
                    break;
                }
            }
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
