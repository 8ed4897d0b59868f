//! Asks for a gigabyte of random numbers.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            drop(std::hint::black_box(wasip2::random::random::get_random_bytes(1 << 30)));
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
