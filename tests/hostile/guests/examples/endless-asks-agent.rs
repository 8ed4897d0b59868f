//! Asks a model for ever, whatever it answers.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::model::{Conversation, Setup};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let talk = Conversation::open(&Setup::new()).expect("it may be opened");
            loop {
                let _ = talk.ask();
            }
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
