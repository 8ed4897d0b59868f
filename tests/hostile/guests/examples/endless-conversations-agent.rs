//! Opens conversations for ever, and keeps each of them.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::model::{Conversation, Setup};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let mut kept = Vec::new();
            let setup = Setup::new().instructions("x".repeat(1_000));
            loop {
                if let Ok(conversation) = Conversation::open(&setup) {
                    kept.push(conversation);
                }
            }
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
