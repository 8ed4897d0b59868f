//! Pays whoever chose the proposal that the task's answer key names, `{"correct": 3}`.

use lancet_sdk::{Answer, Check, GradeError, Grader, Outcome, Task, Verdict, answer_key, log, submission};

struct MyGrader;

impl Grader for MyGrader {
    fn grade(_: Task) -> Result<Verdict, GradeError> {
        let reason = judge(&answer_key::read(), &submission::answer())?;
        log::info("compared", &[("reason", reason)]);
        let passed = reason == "right-choice";
        Ok(Verdict {
            outcome: if passed { Outcome::Pass } else { Outcome::Fail },
            reason: reason.into(),
            score: if passed { 1000 } else { 0 },
            checks: vec![Check { name: "right-choice".into(), passed, detail: String::new() }],
            explanation: String::new(),
        })
    }
}

/// The reason code of the verdict on an answer.
fn judge(key: &str, answer: &Answer) -> Result<&'static str, GradeError> {
    let correct = proposal(key)?;
    Ok(match answer {
        Answer::Choice(id) if u64::from(*id) == correct => "right-choice",
        Answer::Choice(_) => "wrong-choice",
        Answer::Nothing => "no-submission",
        Answer::Document(_) | Answer::WorkTree => "wrong-kind",
    })
}

/// The proposal that a key names. What cannot be read is no fail of the agent's.
fn proposal(key: &str) -> Result<u64, GradeError> {
    let bad = |why: String| GradeError::BadAnswerKey(format!("{why}; expected `{{\"correct\": 3}}`"));
    let key: serde_json::Value = serde_json::from_str(key).map_err(|e| bad(e.to_string()))?;
    key["correct"].as_u64().ok_or_else(|| bad("there is no number under `correct`".into()))
}

lancet_sdk::export_grader!(MyGrader);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_choice_passes_and_nothing_else_does() {
        for (answer, reason) in [
            (Answer::Choice(1), "right-choice"),
            (Answer::Choice(0), "wrong-choice"),
            (Answer::Nothing, "no-submission"),
            (Answer::Document(r#"{"selected_proposal_id": 1}"#.into()), "wrong-kind"),
            (Answer::WorkTree, "wrong-kind"),
        ] {
            assert_eq!(judge(r#"{"correct": 1}"#, &answer).unwrap(), reason);
        }
    }

    #[test]
    fn a_key_that_cannot_be_read_is_no_fail() {
        for key in
            ["", "{}", "[]", "null", r#"{"correct": true}"#, r#"{"correct": "1"}"#, r#"{"correct": -1}"#]
        {
            assert!(matches!(judge(key, &Answer::Choice(1)), Err(GradeError::BadAnswerKey(_))), "{key}");
        }
    }
}
