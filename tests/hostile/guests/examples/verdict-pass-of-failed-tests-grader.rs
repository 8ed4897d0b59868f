//! Has the tests run, sees them fail, and passes the patch all the same.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{GradeError, Grader, Outcome, Task, Verdict, tests};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            assert!(tests::run("hidden").is_ok());
            return Ok(Verdict { outcome: Outcome::Pass, score: 1000, ..ordinary_verdict() });
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
