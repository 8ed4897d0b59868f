//! A grader of both kinds of tasks: a pass for the proposal that the answer key names as
//! `correct`, or for a work tree with which the plan that it names passes.

#![forbid(unsafe_code)]

use lancet_sdk::tests::{CaseStatus, TestRun};
use lancet_sdk::{
    Answer, Check, GradeError, Grader, Outcome, Task, TaskKind, Verdict, answer_key, log, submission, tests,
};

struct Judge;

impl Grader for Judge {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        let key: serde_json::Value = serde_json::from_str(&answer_key::read()).unwrap_or_default();
        match task.kind {
            TaskKind::SweManager => choice(&task, &key),
            TaskKind::IcSwe => work_tree(&key),
        }
    }
}

lancet_sdk::export_grader!(Judge);

fn bad(text: &str) -> GradeError {
    GradeError::BadAnswerKey(text.into())
}

fn choice(task: &Task, key: &serde_json::Value) -> Result<Verdict, GradeError> {
    let correct = key["correct"].as_u64().ok_or_else(|| bad("there is no number `correct` in it"))?;
    let (right, detail) = match submission::answer() {
        Answer::Choice(chosen) => {
            (u64::from(chosen) == correct, format!("{chosen} of {} was chosen", task.proposals.len()))
        }
        _ => (false, "nothing was chosen".into()),
    };
    log::info("compared", &[("detail", &detail)]);
    let checks = vec![Check { name: "choice".into(), passed: right, detail }];
    let (outcome, reason) =
        if right { (Outcome::Pass, "as-in-the-key") } else { (Outcome::Fail, "not-as-in-the-key") };
    Ok(verdict(outcome, reason, checks, String::new()))
}

fn work_tree(key: &serde_json::Value) -> Result<Verdict, GradeError> {
    let plan = tests::plans().into_iter().find(|plan| key["plan"] == plan.name.as_str());
    let plan = plan.ok_or_else(|| bad("there is no plan of the task's under `plan` in it"))?;
    let fail = |reason| Ok(verdict(Outcome::Fail, reason, Vec::new(), String::new()));
    match submission::answer() {
        Answer::WorkTree => {}
        Answer::Nothing => return fail("no-submission"),
        Answer::Choice(_) | Answer::Document(_) => return fail("wrong-kind"),
    }
    let report = tests::run(&plan.name).map_err(|error| GradeError::Other(error.message().into()))?;
    let run = report.decisive().ok_or_else(|| GradeError::Other("there was no run".into()))?;
    let checks: Vec<_> = plan.required.iter().map(|test| required(test, run)).collect();
    let held = checks.iter().filter(|check| check.passed).count();
    let seen = &run.conclusion;
    let (all, runs) = (checks.len(), report.runs.len());
    let explanation = format!("{held} of {all} required tests passed in {runs} runs: {}", seen.detail);
    log::info("tested", &[("held", &held.to_string())]);
    Ok(verdict(seen.outcome, &seen.reason, checks, explanation))
}

fn required(test: &str, run: &TestRun) -> Check {
    let statuses: Vec<_> =
        run.cases.iter().filter(|found| found.id == test).map(|found| found.status).collect();
    let words = statuses.iter().map(|status| match status {
        CaseStatus::Passed => "passed",
        CaseStatus::Failed => "failed",
        CaseStatus::Errored => "errored",
        CaseStatus::Skipped => "skipped",
    });
    let passed = !statuses.is_empty() && statuses.iter().all(|status| *status == CaseStatus::Passed);
    let detail = if statuses.is_empty() { "not run".into() } else { words.collect::<Vec<_>>().join(", ") };
    Check { name: test.into(), passed, detail }
}

fn verdict(outcome: Outcome, reason: &str, checks: Vec<Check>, explanation: String) -> Verdict {
    let score = if outcome == Outcome::Pass { 1000 } else { 0 };
    Verdict { outcome, reason: reason.into(), score, checks, explanation }
}
