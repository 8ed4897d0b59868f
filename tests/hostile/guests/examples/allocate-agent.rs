//! Allocates until it is refused, and dies of it as Rust does.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let mut kept = Vec::new();
            loop {
                kept.push(std::hint::black_box(vec![1u8; 64 << 10]));
            }
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
