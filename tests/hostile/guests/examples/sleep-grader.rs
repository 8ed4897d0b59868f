//! Sleeps for an hour: it costs no fuel at all.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Task, Verdict};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            wasip2::clocks::monotonic_clock::subscribe_duration(3_600_000_000_000).block();
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
