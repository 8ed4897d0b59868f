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
        Answer::Choice(id) if f64::from(*id) == correct => "right-choice",
        Answer::Choice(_) => "wrong-choice",
        Answer::Nothing => "no-submission",
        Answer::Document(_) | Answer::WorkTree => "wrong-kind",
    })
}

/// More characters than any key has that names a proposal.
const MAX_KEY: usize = 1000;

/// The id of the proposal that a key names. What cannot be read is no fail of the agent's.
fn proposal(key: &str) -> Result<f64, GradeError> {
    let bad = |why: &str| GradeError::BadAnswerKey(format!("{why}; expected `{{\"correct\": 3}}`"));
    if key.chars().nth(MAX_KEY).is_some() {
        return Err(bad("it has more than 1000 characters"));
    }
    let key: serde_json::Value = serde_json::from_str(key).map_err(|e| bad(&e.to_string()))?;
    // Some write 3 as 3.0, which is the same number in JSON.
    let number = key["correct"].as_f64().filter(|number| number.fract() == 0.0);
    let id = number.filter(|number| (0.0..=f64::from(u32::MAX)).contains(number));
    id.ok_or_else(|| bad("there is no proposal's id under `correct`"))
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
        let long = format!(r#"{{"correct": 1}}{}"#, " ".repeat(MAX_KEY));
        for key in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"correct": true}"#,
            r#"{"correct": "1"}"#,
            r#"{"correct": -1}"#,
            r#"{"correct": 1.5}"#,
            r#"{"correct": 4294967296}"#,
            r#"{"correct": 1e999}"#,
            r#"{"correct": 1, "other": NaN}"#,
            &long,
        ] {
            assert!(matches!(judge(key, &Answer::Choice(1)), Err(GradeError::BadAnswerKey(_))), "{key}");
        }
    }

    #[test]
    fn a_number_may_be_written_in_any_way() {
        let long = format!(r#"{{"correct": 1}}{}"#, " ".repeat(MAX_KEY - 14));
        for key in [
            r#"{"correct": 1.0, "mode": "strict"}"#,
            r#"{"correct": 10e-1}"#,
            r#"{"correct": 0, "correct": 1}"#,
            &long,
        ] {
            assert_eq!(judge(key, &Answer::Choice(1)).unwrap(), "right-choice", "{key}");
        }
    }
}
