//! What a host says of a run, and of each verdict in it.

use lancet_core::{
    Capability, Event, JailRecord, Limits, Outcome, PackageIdentity, Phase, RunId, RunRecord, Sha256, TaskId,
    VerdictRecord,
};
use serde::{Deserialize, Serialize};

use crate::statement::{Predicate, Statement, Subject};

/// That a host made a run, and came to these verdicts and no others. Its subject is the run's
/// own record, which was written before the first attempt and lists every one that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Run {
    /// The run.
    pub run: RunId,
    /// The suite's name: the operator's word, as names are.
    pub suite: String,
    /// The digest over the suite's files.
    pub suite_digest: Sha256,
    /// What the agent was called.
    pub agent: String,
    /// The agent's component.
    pub agent_digest: Sha256,
    /// What random numbers derived from.
    pub seed: u64,
    /// Whether the agent was told the answers, so that this is no result.
    pub control: bool,
    /// What names the log that the run is in; absent for runs from before their store had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The verdicts on all attempts that were due, in the order of tasks and numbers.
    pub verdicts: Vec<Listed>,
}

impl Predicate for Run {
    const TYPE: &'static str = "lancet:statement/run/v0.1";
}

/// A verdict in a run's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The task.
    pub task: TaskId,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The digest of the verdict's record.
    pub digest: Sha256,
}

/// That a host came to a verdict on a submission, which is its subject. Graders judge what a
/// host saw: that tests ran as it says is the host's word, and a replay executes the grader
/// again, not the tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Judged {
    /// The run.
    pub run: RunId,
    /// The digest of the run's own record.
    pub run_record: Sha256,
    /// How many attempts at a task the run has.
    pub attempts: u32,
    /// The blob of the task's public part.
    pub task: Sha256,
    /// The blob of what the task is worked on and judged in, images too, when it has that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<Sha256>,
    /// How the agent was executed; absent when it never began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solve: Option<Executed>,
    /// How the grader was executed; absent when it never began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<Executed>,
    /// How often the infrastructure failed it and it was taken up again, after a verdict that was
    /// *invalid*: absent when it was not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retakes: u32,
    /// The SHA-256 over the journal's events, each as JSON in a line, without times.
    pub journal: Sha256,
    /// The digest of what follows, which a replay has to come to again.
    pub digest: Sha256,
    /// The verdict with all that it is about.
    pub record: VerdictRecord,
}

impl Predicate for Judged {
    const TYPE: &'static str = "lancet:statement/verdict/v0.1";
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How a plugin was executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Executed {
    /// Its component.
    pub plugin: Sha256,
    /// Which package it says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageIdentity>,
    /// What it might import.
    pub grant: Vec<Capability>,
    /// Its limits.
    pub limits: Limits,
    /// The engine, as fuel depends on it.
    pub engine: String,
    /// Fuel that it used in all; absent when the clock ended it, or it came to no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// What held the process that it ran in; absent when that was the host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailRecord>,
}

/// What other tools know of a verdict: in-toto's test result. It has no *invalid*, and such a
/// verdict has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TestResult {
    /// `PASSED` or `FAILED`.
    result: String,
    /// What it rests on, by digest.
    configuration: Vec<Configured>,
    /// Checks of the grader that held.
    passed_tests: Vec<String>,
    /// Checks of the grader that did not.
    failed_tests: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configured {
    name: String,
    digest: std::collections::BTreeMap<String, String>,
}

impl Predicate for TestResult {
    const TYPE: &'static str = "https://in-toto.io/attestation/test-result/v0.1";
}

impl Statement<Run> {
    /// What a host says of a run with that record, of which that is the digest, and that is in the
    /// log of that name.
    #[must_use]
    pub fn of_run(record: &RunRecord, digest: Sha256, log: Option<String>, verdicts: Vec<Listed>) -> Self {
        let spec = &record.spec;
        let said = Run {
            run: record.run.clone(),
            suite: spec.suite.reported.name.clone(),
            suite_digest: spec.suite.reported.digest,
            agent: spec.agent.name.clone(),
            agent_digest: spec.agent.digest,
            seed: spec.seed,
            control: spec.is_control(),
            log,
            verdicts,
        };
        Self::said_of_run(digest, said)
    }

    /// That, of a run whose own record has that digest.
    #[must_use]
    pub fn said_of_run(record: Sha256, said: Run) -> Self {
        Self::new(vec![Subject::file("run-record", record)], said)
    }

    /// The digest of the run's own record.
    #[must_use]
    pub fn run_record(&self) -> Option<Sha256> {
        self.subject.first()?.sha256()
    }
}

impl Statement<Judged> {
    /// What a host says of a verdict.
    #[must_use]
    pub fn of_verdict(judged: Judged) -> Self {
        Self::new(vec![Subject::file("submission", judged.record.submission)], judged)
    }
}

impl Statement<TestResult> {
    /// The same for other tools. `None` of a verdict that is invalid.
    #[must_use]
    pub fn of_result(judged: &Judged) -> Option<Self> {
        let record = &judged.record;
        let result = match record.verdict.outcome {
            Outcome::Pass => "PASSED",
            Outcome::Fail => "FAILED",
            Outcome::Invalid => return None,
        };
        let configured = |name: &str, digest: Sha256| {
            let Subject { name, digest } = Subject::file(name, digest);
            Configured { name, digest }
        };
        let checks = |passed| {
            let checks = record.verdict.checks.iter().filter(move |check| check.passed == passed);
            checks.map(|check| check.name.clone()).collect()
        };
        let said = TestResult {
            result: result.to_owned(),
            configuration: vec![
                configured("run-record", judged.run_record),
                configured("task", judged.task),
                configured("grader", record.grader),
                configured("verdict", judged.digest),
            ],
            passed_tests: checks(true),
            failed_tests: checks(false),
        };
        Some(Self::new(vec![Subject::file("submission", record.submission)], said))
    }
}

/// The text of a journal: each event as JSON, in a line of its own.
#[must_use]
pub fn journal_text<'e>(events: impl IntoIterator<Item = &'e Event>) -> Vec<u8> {
    let mut lines = Vec::new();
    for event in events {
        lines.extend(serde_json::to_vec(event).unwrap_or_default());
        lines.push(b'\n');
    }
    lines
}

/// The digest over that text.
#[must_use]
pub fn journal_digest<'e>(events: impl IntoIterator<Item = &'e Event>) -> Sha256 {
    Sha256::of(&journal_text(events))
}

/// How often an attempt was taken up again.
#[must_use]
pub fn retakes<'e>(events: impl IntoIterator<Item = &'e Event>) -> u32 {
    let retakes = events.into_iter().filter(|event| matches!(event, Event::Reopened { .. })).count();
    u32::try_from(retakes).unwrap_or(u32::MAX)
}

/// How the plugin of a phase was executed, the last time that it began.
#[must_use]
pub fn executed(events: &[&Event], of: Phase) -> Option<Executed> {
    let began =
        events.iter().rposition(|event| matches!(event, Event::Began { phase, .. } if *phase == of))?;
    let Event::Began { plugin, grant, limits, engine, jail, package, .. } = events[began] else {
        return None;
    };
    let fuel = events[began..].iter().find_map(|event| match (of, event) {
        (Phase::Solve, Event::Solved { fuel_used, .. }) | (Phase::Grade, Event::Graded { fuel_used, .. }) => {
            *fuel_used
        }
        _ => None,
    });
    Some(Executed {
        plugin: *plugin,
        package: package.clone(),
        grant: grant.clone(),
        limits: limits.clone(),
        engine: engine.clone(),
        fuel,
        jail: *jail,
    })
}
