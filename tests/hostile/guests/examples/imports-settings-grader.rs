//! Reads what was set of it, and has no manifest by which anything could be.

use lancet_hostile_guests::ordinary_verdict;
use lancet_sdk::{GradeError, Grader, Task, Verdict, settings};

struct Set;

impl Grader for Set {
    /// What it reads is its verdict's explanation: with a manifest, this is an honest grader.
    fn grade(_: Task) -> Result<Verdict, GradeError> {
        let (strictness, note) = (settings::number("strictness"), settings::text("note"));
        Ok(Verdict { explanation: format!("strictness {strictness}, note {note:?}"), ..ordinary_verdict() })
    }
}

lancet_sdk::export_grader!(Set);
