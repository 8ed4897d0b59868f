//! Says why it is of no use, and ends the process, as it thinks.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            let errors = wasip2::cli::stderr::get_stderr();
            let _ = errors.blocking_write_and_flush(b"first of all:\nthere is \x07nothing to be done\n");
            wasip2::cli::exit::exit(Ok(()));
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
