//! The grader `manager-choice`: was the right proposal chosen?
//!
//! The task's answer key is `{"correct": 3}`, with an optional `"mode"`:
//!
//! - `"strict"`, the default: the answer is a choice, or a document that is a
//!   JSON object with the one key `selected_proposal_id` and an integer there.
//! - `"lenient"`: of a document the first value counts, under any key, as in
//!   SWE-Lancer's own harness. As Python's `==` does, it takes `3.0` for 3; unlike
//!   it, not `true` for 1.
//!
//! | reason | outcome | when |
//! |---|---|---|
//! | `right-choice` | pass | the id is the correct one |
//! | `wrong-choice` | fail | it is another one of the task's |
//! | `unknown-proposal` | fail | it is none of the task's |
//! | `no-submission` | fail | nothing was handed in |
//! | `malformed-answer` | fail | the document cannot be read |
//! | `wrong-kind` | fail | a work tree was handed in |
//!
//! A key that cannot be used, or whose proposal the task does not have, is an
//! error, and the attempt invalid: the agent is not to blame for it.

#![forbid(unsafe_code)]

mod json;
mod key;
mod reading;

use lancet_sdk::{
    Answer, Check, GradeError, Grader, Outcome, Proposal, Task, TaskKind, Verdict, answer_key, submission,
};

use crate::key::Key;
use crate::reading::{Unreadable, chosen};

struct ManagerChoice;

impl Grader for ManagerChoice {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        if task.kind != TaskKind::SweManager {
            return Err(GradeError::Unsupported("`manager-choice` only judges `swe-manager` tasks".into()));
        }
        let key = Key::parse(&answer_key::read()).map_err(GradeError::BadAnswerKey)?;
        judge(&task.proposals, &key, &submission::answer())
    }
}

lancet_sdk::export_grader!(ManagerChoice);

fn judge(proposals: &[Proposal], key: &Key, answer: &Answer) -> Result<Verdict, GradeError> {
    let known = |id| proposals.iter().any(|p| p.id == id);
    if !known(key.correct) {
        return Err(GradeError::BadAnswerKey(format!(
            "answer-key.json: `correct` is {}, which is none of the task's proposals; expected one of {}",
            key.correct,
            ids(proposals)
        )));
    }
    Ok(match chosen(answer, key.mode) {
        Ok(id) if !known(id) => {
            let detail = format!("{id} is none of {}", ids(proposals));
            verdict("unknown-proposal", vec![held("answered"), failed("known-proposal", detail)])
        }
        Ok(id) if id != key.correct => {
            let checks = vec![
                held("answered"),
                held("known-proposal"),
                failed("right-choice", format!("{id} was chosen")),
            ];
            verdict("wrong-choice", checks)
        }
        Ok(_) => Verdict {
            outcome: Outcome::Pass,
            score: 1000,
            ..verdict("right-choice", vec![held("answered"), held("known-proposal"), held("right-choice")])
        },
        Err(Unreadable { reason, detail }) => verdict(reason, vec![failed("answered", detail)]),
    })
}

/// A fail; the one pass is made of it above.
fn verdict(reason: &str, checks: Vec<Check>) -> Verdict {
    Verdict { outcome: Outcome::Fail, reason: reason.into(), score: 0, checks, explanation: String::new() }
}

fn held(name: &str) -> Check {
    Check { name: name.into(), passed: true, detail: String::new() }
}

fn failed(name: &str, detail: String) -> Check {
    Check { name: name.into(), passed: false, detail }
}

/// The first few ids, as a task may have any number of them.
fn ids(proposals: &[Proposal]) -> String {
    const SHOWN: usize = 16;
    let mut text = String::new();
    for (i, proposal) in proposals.iter().take(SHOWN).enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        text.push_str(&proposal.id.to_string());
    }
    match proposals.len() {
        0 => text.push_str("no proposals"),
        n if n > SHOWN => text.push_str(", …"),
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Mode;

    const STRICT: Key = Key { correct: 3, mode: Mode::Strict };
    const LENIENT: Key = Key { correct: 3, mode: Mode::Lenient };

    fn graded(key: &Key, answer: &Answer) -> Verdict {
        let proposals = [3, 0, 7].map(|id| Proposal { id, text: String::new() });
        let verdict = judge(&proposals, key, answer).unwrap();
        let passed = verdict.outcome == Outcome::Pass;
        assert_eq!(verdict.score, if passed { 1000 } else { 0 });
        assert_eq!(verdict.reason == "right-choice", passed);
        assert_eq!(verdict.checks.iter().all(|c| c.passed), passed);
        verdict
    }

    fn document(text: &str) -> Answer {
        Answer::Document(text.into())
    }

    #[test]
    fn every_way_to_answer_has_its_reason() {
        for (answer, reason) in [
            (Answer::Choice(3), "right-choice"),
            (Answer::Choice(7), "wrong-choice"),
            (Answer::Choice(0), "wrong-choice"),
            (Answer::Choice(4), "unknown-proposal"),
            (Answer::Nothing, "no-submission"),
            (Answer::WorkTree, "wrong-kind"),
            (document(r#"{"selected_proposal_id": 3}"#), "right-choice"),
            (document(r#"{"selected_proposal_id": 7}"#), "wrong-choice"),
            (document(r#"{"selected_proposal_id": 8}"#), "unknown-proposal"),
            (document("{"), "malformed-answer"),
        ] {
            assert_eq!(graded(&STRICT, &answer).reason, reason, "{answer:?}");
            assert_eq!(graded(&LENIENT, &answer).reason, reason, "{answer:?}");
        }
    }

    #[test]
    fn a_pass_needs_the_correct_id_and_nothing_less() {
        for id in (0..1000).chain([u32::MAX]) {
            for key in [&STRICT, &LENIENT] {
                assert_eq!(graded(key, &Answer::Choice(id)).outcome == Outcome::Pass, id == 3);
                let text = format!(r#"{{"selected_proposal_id": {id}}}"#);
                assert_eq!(graded(key, &document(&text)).outcome == Outcome::Pass, id == 3);
            }
        }
    }

    #[test]
    fn a_key_that_names_no_proposal_is_an_error_and_not_a_fail() {
        for proposals in [&[][..], &[Proposal { id: 4, text: String::new() }]] {
            for answer in [Answer::Choice(3), Answer::Nothing] {
                let error = judge(proposals, &STRICT, &answer).unwrap_err();
                assert!(
                    matches!(&error, GradeError::BadAnswerKey(text) if text.contains("`correct` is 3")),
                    "{error:?}"
                );
            }
        }
    }

    #[test]
    fn long_lists_of_ids_are_cut() {
        let proposals: Vec<_> = (0..10_000).map(|id| Proposal { id, text: String::new() }).collect();
        assert_eq!(ids(&proposals), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, …");
        assert_eq!(ids(&proposals[..2]), "0, 1");
    }
}
