//! Gives the verdict that the task's statement dictates (`pass half-right 500`), and an ordinary one where it dictates none.

use lancet_hostile_guests::{ordinary_verdict, verdict};
use lancet_sdk::{Answer, GradeError, Grader, Outcome, Task, Verdict, submission};

struct Hostile;

impl Grader for Hostile {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        // A second line is for when nothing was handed in: that must not pass.
        let mut lines = task.statement.lines();
        let first = lines.next().unwrap_or_default();
        let line = match submission::answer() {
            Answer::Nothing => lines.next().unwrap_or(first),
            _ => first,
        };
        Ok(dictated(line).unwrap_or_else(ordinary_verdict))
    }
}

fn dictated(line: &str) -> Option<Verdict> {
    let mut words = line.split_whitespace();
    let outcome = match words.next()? {
        "pass" => Outcome::Pass,
        "fail" => Outcome::Fail,
        "invalid" => Outcome::Invalid,
        _ => return None,
    };
    let reason = words.next()?.to_owned();
    let score = words.next()?.parse().ok()?;
    Some(Verdict { outcome, reason, score, ..verdict(Vec::new(), "as dictated".to_owned()) })
}

lancet_sdk::export_grader!(Hostile);
