//! Looks for secrets in the environment, the arguments and the input, and dies if
//! there is anything.

use lancet_hostile_guests::{is_evil, ordinary_answer};
use lancet_sdk::{Agent, Answer, SolveError, Task};

struct Hostile;

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if is_evil(&task) {
            assert_eq!(wasip2::cli::environment::get_environment(), []);
            assert_eq!(wasip2::cli::environment::get_arguments(), [""; 0]);
            assert_eq!(wasip2::cli::environment::initial_cwd(), None);
            assert!(wasip2::cli::stdin::get_stdin().blocking_read(1).is_err(), "there is input");
        }
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
