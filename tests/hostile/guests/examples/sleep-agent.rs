//! Sleeps for an hour: it costs no fuel at all.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            wasip2::clocks::monotonic_clock::subscribe_duration(3_600_000_000_000).block();
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
