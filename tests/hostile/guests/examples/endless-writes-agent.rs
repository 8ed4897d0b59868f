//! Writes files for ever, each larger than a file may be.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, CallError, SolveError, Task, workspace};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let contents = vec![b'x'; (1 << 20) + 1];
            loop {
                let written = workspace::write("large", &contents);
                assert!(matches!(written, Err(CallError::TooLarge(_))), "it was written");
            }
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
