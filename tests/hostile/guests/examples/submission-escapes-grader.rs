//! Names files that were not handed in, in every way that a path can.

use lancet_hostile_guests::{is_evil, ordinary_verdict};
use lancet_sdk::{CallError, GradeError, Grader, Task, Verdict, submission};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if is_evil(&task) {
            for path in
                ["", "/etc/passwd", "../private/answer-key.json", "a/../../x", ".", "a//x", "a/", "a\0b"]
            {
                let read = submission::read(path, 0, 100);
                assert!(matches!(read, Err(CallError::Refused(_))), "{path} was not refused");
            }
        }
        Ok(ordinary_verdict())
    }
}

lancet_sdk::export_grader!(Hostile);
