//! Sleeps now and then, a few seconds in all: nobody waits for it.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            for _ in 0..10 {
                wasip2::clocks::monotonic_clock::subscribe_duration(500_000_000).block();
            }
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
