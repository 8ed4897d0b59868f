//! Writes to its standard output for as long as it is let.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let output = wasip2::cli::stdout::get_stdout();
            for _ in 0..4096 {
                if output.blocking_write_and_flush(&[b'x'; 4096]).is_err() {
                    break;
                }
            }
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
