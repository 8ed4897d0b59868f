//! Asks for more than there is to be had: reads of 4 GiB, and names that are too
//! long.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{CallError, GradeError, Grader, Task, Verdict, artifacts, submission, tests};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            let name = "x".repeat(4_097);
            assert!(matches!(tests::run(&name), Err(CallError::TooLarge(_))));
            assert!(matches!(artifacts::read(&name, 0, 1), Err(CallError::TooLarge(_))));
            assert!(matches!(submission::read(&name, 0, 1), Err(CallError::TooLarge(_))));
            for bytes in [
                artifacts::read("large", 0, u32::MAX),
                submission::read("large", 0, u32::MAX),
                submission::diff(0, u32::MAX),
            ] {
                assert_eq!(bytes.map(|bytes| bytes.len()), Ok(1 << 20));
            }
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
