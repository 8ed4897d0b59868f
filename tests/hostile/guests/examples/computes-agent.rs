//! Computes for a quarter of a second before it answers: more than its share where
//! hundreds of its kind run at a time.

use lancet_hostile_guests::{compute, is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            compute(&task);
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
