//! What the graders of test runs share.
//!
//! The task's answer key is `{"plan": "hidden"}`: the test plan that decides.
//!
//! | reason | outcome | when |
//! |---|---|---|
//! | `no-submission` | fail | nothing was handed in: no test is run |
//! | `wrong-kind` | fail | a choice or a document was handed in: no test is run |
//! | `tests-passed` | pass | the host's conclusion is a pass, and so is the grader's own |
//! | `grader-disagrees` | invalid | the host's conclusion is a pass, and the grader's own is not |
//! | `no-test-run` | invalid | the host made no run |
//! | any other | fail or invalid | the host's conclusion, with its reason |
//!
//! A grader does not take the host's word for a pass: it goes through exit status,
//! report, required tests and sentinels by itself, and both have to agree. For
//! anything but a pass the host's conclusion is what counts.

#![forbid(unsafe_code)]

mod checks;
mod key;

use lancet_sdk::tests::{Plan, TestReport, TestRun};
use lancet_sdk::{
    Answer, CallError, Check, GradeError, Outcome, Task, TaskKind, Verdict, answer_key, submission, tests,
};

pub use crate::checks::examine;
pub use crate::key::Key;

/// The most bytes of an explanation: the contract's limit.
const MAX_EXPLANATION_BYTES: usize = 4 << 10;

/// What came of putting a submission to the test.
pub enum Tested {
    /// There was nothing to test.
    Not(Verdict),
    /// The plan has been run.
    Run {
        /// The plan.
        plan: Plan,
        /// What its runs showed.
        report: TestReport,
    },
}

/// Puts what was handed in to the test that the answer key names. `grader` is who
/// asks, for messages.
///
/// # Errors
/// When the task is of another kind, its answer key cannot be used, or the plan
/// cannot be run.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn test(task: &Task, grader: &str) -> Result<Tested, GradeError> {
    if task.kind != TaskKind::IcSwe {
        return Err(GradeError::Unsupported(format!("`{grader}` only judges `ic-swe` tasks")));
    }
    let key = Key::parse(&answer_key::read()).map_err(GradeError::BadAnswerKey)?;
    if let Some(verdict) = untested(&submission::answer()) {
        return Ok(Tested::Not(verdict));
    }
    let plan = chosen(tests::plans(), &key)?;
    match tests::run(&plan.name) {
        Ok(report) => Ok(Tested::Run { plan, report }),
        Err(error) => Err(not_run(&plan.name, &error)),
    }
}

/// The verdict on what is not worth a test.
fn untested(answer: &Answer) -> Option<Verdict> {
    let fail = |reason: &str, detail: &str| {
        let check = Check { name: "work-tree".into(), passed: false, detail: detail.into() };
        Some(verdict(Outcome::Fail, reason, vec![check], String::new()))
    };
    match answer {
        Answer::WorkTree => None,
        Answer::Nothing => fail("no-submission", "nothing was handed in"),
        Answer::Choice(_) => fail("wrong-kind", "the choice of a proposal; expected a work tree"),
        Answer::Document(_) => fail("wrong-kind", "a document; expected a work tree"),
    }
}

fn chosen(plans: Vec<Plan>, key: &Key) -> Result<Plan, GradeError> {
    let names = plans.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>().join(", ");
    plans.into_iter().find(|plan| plan.name == key.plan).ok_or_else(|| {
        let known = if names.is_empty() { "it has none" } else { &names };
        GradeError::BadAnswerKey(format!(
            "answer-key.json: the task has no test plan `{}`; expected one of its plans: {known}",
            key.plan
        ))
    })
}

fn not_run(plan: &str, error: &CallError) -> GradeError {
    GradeError::Other(format!("the plan `{plan}` could not be run: {}", error.message()))
}

/// Judges what test runs showed, without any call of the host.
#[must_use]
pub fn judge(plan: &Plan, report: &TestReport) -> Verdict {
    let Some(run) = report.decisive() else {
        let explanation = format!("no run of the plan `{}` was made", plan.name);
        return verdict(Outcome::Invalid, "no-test-run", Vec::new(), explanation);
    };
    let checks = examine(plan, run);
    let conclusion = &run.conclusion;
    let mut explanation = conclusion.detail.clone();
    if report.is_flaky() {
        explanation.push_str(&flakiness(&report.runs));
    }
    let failed = checks.iter().find(|check| !check.passed);
    match (conclusion.outcome, failed) {
        (Outcome::Pass, Some(failed)) => {
            let disagreement = format!(
                "the host concludes `{}`, but the grader finds of `{}`: {}",
                conclusion.reason, failed.name, failed.detail
            );
            verdict(Outcome::Invalid, "grader-disagrees", checks, disagreement)
        }
        (outcome, _) => verdict(outcome, &conclusion.reason, checks, explanation),
    }
}

/// What is said of runs that did not come to the same.
fn flakiness(runs: &[TestRun]) -> String {
    let mut text = format!("; flaky: its {} runs came to", runs.len());
    for (index, run) in runs.iter().enumerate() {
        text.push_str(if index == 0 { " " } else { ", " });
        text.push_str(match run.conclusion.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Invalid => "invalid",
        });
    }
    text
}

/// A verdict whose score and texts are as its outcome and the contract ask.
#[must_use]
pub fn verdict(outcome: Outcome, reason: &str, checks: Vec<Check>, mut explanation: String) -> Verdict {
    cut(&mut explanation, MAX_EXPLANATION_BYTES);
    let score = if outcome == Outcome::Pass { 1000 } else { 0 };
    Verdict { outcome, reason: reason.into(), score, checks, explanation }
}

/// Cuts a text to at most that many bytes, at a character.
fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
    }
}

#[cfg(test)]
mod test_report;

#[cfg(test)]
mod unit {
    use lancet_sdk::tests::{CaseStatus, RunEnd};

    use super::*;
    use crate::test_report::{case, plan, report, run};

    #[test]
    fn a_pass_needs_the_host_and_the_grader() {
        let good = report(vec![run(Outcome::Pass, "tests-passed", 1)]);
        let verdict = judge(&plan(), &good);
        assert_eq!(
            (verdict.outcome, verdict.reason.as_str(), verdict.score),
            (Outcome::Pass, "tests-passed", 1000)
        );
        assert!(verdict.checks.iter().all(|check| check.passed), "{:?}", verdict.checks);

        // The same run, and the host says otherwise: it is believed.
        for (outcome, reason) in [(Outcome::Fail, "disk-limit"), (Outcome::Invalid, "no-exit-status")] {
            let verdict = judge(&plan(), &report(vec![run(outcome, reason, 1)]));
            assert_eq!((verdict.outcome, verdict.reason.as_str(), verdict.score), (outcome, reason, 0));
        }
    }

    #[test]
    fn a_pass_of_the_host_alone_is_invalid() {
        let tampered: [fn(&mut TestRun); 6] = [
            |run| run.end = RunEnd::Exited(0),
            |run| run.end = RunEnd::TimedOut,
            |run| run.cases[0].status = CaseStatus::Failed,
            |run| drop(run.cases.remove(1)),
            |run| run.cases[2].status = CaseStatus::Passed,
            |run| run.cases.push(case("t::x", CaseStatus::Passed)),
        ];
        for tamper in tampered {
            let mut run = run(Outcome::Pass, "tests-passed", 1);
            tamper(&mut run);
            let verdict = judge(&plan(), &report(vec![run]));
            assert_eq!((verdict.outcome, verdict.reason.as_str()), (Outcome::Invalid, "grader-disagrees"));
            assert!(verdict.explanation.contains("tests-passed"), "{}", verdict.explanation);
        }
    }

    #[test]
    fn the_run_that_passed_counts_and_the_others_are_told() {
        let mut failed = run(Outcome::Fail, "tests-failed", 1);
        failed.cases[0].status = CaseStatus::Failed;
        let verdict = judge(&plan(), &report(vec![failed.clone(), run(Outcome::Pass, "tests-passed", 1)]));
        assert_eq!(verdict.outcome, Outcome::Pass);
        assert!(
            verdict.explanation.ends_with("; flaky: its 2 runs came to fail, pass"),
            "{}",
            verdict.explanation
        );
        let verdict = judge(&plan(), &report(vec![failed.clone(), failed]));
        assert_eq!(verdict.outcome, Outcome::Fail);
        assert!(!verdict.explanation.contains("flaky"));
    }

    #[test]
    fn nothing_that_was_run_passes_nothing() {
        let verdict = judge(&plan(), &report(Vec::new()));
        assert_eq!((verdict.outcome, verdict.reason.as_str()), (Outcome::Invalid, "no-test-run"));
    }

    #[test]
    fn only_a_work_tree_is_worth_a_test() {
        assert!(untested(&Answer::WorkTree).is_none());
        for (answer, reason) in [
            (Answer::Nothing, "no-submission"),
            (Answer::Choice(0), "wrong-kind"),
            (Answer::Document("{}".into()), "wrong-kind"),
        ] {
            let verdict = untested(&answer).unwrap();
            assert_eq!((verdict.outcome, verdict.reason.as_str()), (Outcome::Fail, reason));
        }
    }

    #[test]
    fn a_plan_that_the_task_does_not_have_is_the_key_s_fault() {
        let key = Key { plan: "other".into() };
        let Err(GradeError::BadAnswerKey(text)) = chosen(vec![plan()], &key) else { panic!() };
        assert!(text.contains("`other`") && text.contains("hidden"), "{text}");
        let Err(GradeError::BadAnswerKey(text)) = chosen(Vec::new(), &key) else { panic!() };
        assert!(text.contains("it has none"), "{text}");
        assert_eq!(chosen(vec![plan()], &Key { plan: "hidden".into() }).unwrap().name, "hidden");
    }

    #[test]
    fn explanations_stay_within_the_contract() {
        let mut long = run(Outcome::Fail, "tests-failed", 1);
        long.conclusion.detail = "é".repeat(MAX_EXPLANATION_BYTES);
        assert!(judge(&plan(), &report(vec![long])).explanation.len() <= MAX_EXPLANATION_BYTES);
    }
}
