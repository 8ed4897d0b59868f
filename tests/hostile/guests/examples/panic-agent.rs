//! Panics, with a message that people have to be told.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task, log};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let shown = task.proposals.len();
            let none = task.proposals.get(shown + 1).map(|p| p.id);
            log::info("about to fail", &[("proposals", &shown.to_string())]);
            return Ok(Answer::Choice(none.expect("a proposal past the last one\u{7}\u{202e}")));
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
