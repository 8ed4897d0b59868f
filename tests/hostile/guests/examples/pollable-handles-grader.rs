//! Makes things to wait for, and waits for none.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            loop {
                std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(1_000_000_000));
            }
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
