//! Fixtures of plugins: what a plugin is told in a call, and what it has to come to. The form
//! of a file that an author writes, or that is made from a recorded attempt.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Answer, ArtifactKind, CONTRACT_VERSION, CaseStatus, Cents, Kind, Octets, Outcome, Proposal, ReportState,
    Role, RunEnd, Sha256, Task, TaskId,
};

/// The version of the form of fixtures that this host reads and writes.
pub const FIXTURE_VERSION: u32 = 1;

/// The most bytes of a fixture's file: 4 MiB.
pub const MAX_FIXTURE_BYTES: usize = 4 << 20;

/// A fixture: a call of a plugin, all that the host answers in it, and what has to come of it.
///
/// It has no limits and no fuel: only what the plugin is told. What the host would answer from the task, its key and the submission is written as plain values, and every other
/// answer as a journal has it, under `calls`. A plugin may ask in another order than the one that
/// the fixture was recorded from, and ask for other things that the fixture holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fixture {
    /// Where editors find the schema of this file. It is not looked at.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The version of this form: 1.
    pub fixture: u32,
    /// The version of the contract that its answers are of: `0.1.0`.
    pub contract: String,
    /// The engine of the host that recorded it, as runs name it: fuel, and so where a limit ends
    /// a plugin, depends on it. A fixture without it is for every engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Which role the plugin has.
    pub role: Role,
    /// What is tried, in a sentence, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The task.
    pub task: FixtureTask,
    /// What has to come of it.
    pub expect: Expected,
    /// Graders: what was handed in. A fixture of a grader has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<Answer>,
    /// Graders: the task's private configuration. A text is the file as it stands, anything else
    /// what the file holds as JSON. Without it the file is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_key: Option<Value>,
    /// Graders: the files that a work tree was handed in with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FixtureFile>,
    /// Graders: the same as a unified diff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<FixtureContents>,
    /// Graders: the task's test plans with their runs. Without any the task has no environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<FixturePlan>,
    /// What was set of the plugin, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Value>,
    /// Agents: the prompt that the operator gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Agents: what the operator gave for the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What the run's random numbers derive from; a grader has some by WASI alone. 0 when it is not
    /// said.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seed: u64,
    /// The number of the attempt, of which its random numbers derive too. 1 when it is not said.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub attempt: u32,
    /// What the host answers to other calls, in their order. What is asked several times is
    /// answered so in turn; after the last answer again with that one, where asking does nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<FixtureCall>,
    /// Where it was recorded. A fixture that was written by hand has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<FixtureOrigin>,
}

impl Fixture {
    /// A fixture in which nothing but the task is said: nothing is answered, and nothing expected.
    #[must_use]
    pub fn blank(role: Role, task: FixtureTask) -> Self {
        Self {
            schema: None,
            fixture: FIXTURE_VERSION,
            contract: CONTRACT_VERSION.to_owned(),
            engine: None,
            role,
            about: String::new(),
            task,
            expect: Expected::default(),
            submission: None,
            answer_key: None,
            files: Vec::new(),
            diff: None,
            tests: Vec::new(),
            settings: BTreeMap::new(),
            prompt: None,
            input: None,
            seed: 0,
            attempt: one(),
            calls: Vec::new(),
            recorded: None,
        }
    }
}

/// The public part of a fixture's task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureTask {
    /// The task's name.
    pub id: TaskId,
    /// What has to be handed in.
    pub kind: Kind,
    /// The issue's title, one line.
    #[serde(default)]
    pub title: String,
    /// The issue in full.
    #[serde(default)]
    pub statement: String,
    /// What a pass pays, in cents.
    #[serde(default)]
    pub price_cents: Cents,
    /// The proposals to choose from, of manager tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<Proposal>,
}

impl From<Task> for FixtureTask {
    fn from(task: Task) -> Self {
        let Task { id, kind, title, statement, price, proposals } = task;
        Self { id, kind, title, statement, price_cents: price, proposals }
    }
}

impl From<FixtureTask> for Task {
    fn from(task: FixtureTask) -> Self {
        let FixtureTask { id, kind, title, statement, price_cents, proposals } = task;
        Self { id, kind, title, statement, price: price_cents, proposals }
    }
}

/// What has to come of a fixture: of a grader's an outcome and a reason, of an agent's an answer
/// or how it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// Graders: the outcome. A grader that returns an error, or fails, comes to `invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Graders: the reason code; `grader-error` is that of a grader that returns an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Graders: the score, 0 to 1000. Not compared when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u16>,
    /// Agents: what is handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Agents: how it ends without an answer: `gave-up`, or how it fails (`trap`, `out-of-fuel`,
    /// …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
}

/// Bytes: as text, in base64, or left out when the fixture was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FixtureContents {
    /// UTF-8.
    Text(String),
    /// Other bytes, in base64.
    Base64(String),
    /// Not here: a plugin that asks for it is not answered.
    LeftOut {
        /// How many bytes there were.
        bytes: u64,
        /// Their digest.
        sha256: Sha256,
    },
}

impl FixtureContents {
    /// The bytes; `None` when they were left out.
    ///
    /// # Errors
    /// When it is no base64.
    pub fn octets(&self) -> Result<Option<Octets>, String> {
        match self {
            Self::Text(text) => Ok(Some(text.clone().into_bytes().into())),
            Self::Base64(_) => {
                let written = serde_json::to_value(self).map_err(|e| e.to_string())?;
                serde_json::from_value(written).map(Some).map_err(|e| e.to_string())
            }
            Self::LeftOut { .. } => Ok(None),
        }
    }

    /// All of those bytes, as text where they are UTF-8.
    #[must_use]
    pub fn whole(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Base64(crate::octets::base64(error.as_bytes())),
        }
    }
}

/// A path of a work tree that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureFile {
    /// From the work tree.
    pub path: String,
    /// What the file holds; a file without it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<FixtureContents>,
    /// Whether it may be executed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// A test plan, and what its runs showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixturePlan {
    /// The plan's name.
    pub name: String,
    /// The tests that have to run and to pass.
    #[serde(default)]
    pub required: Vec<String>,
    /// The tests that have to run and to fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentinels: Vec<String>,
    /// The exit status of a run in which everything is as it has to be. 0 when it is not said.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub pass_exit: i64,
    /// The most runs that the plan allows. 1 when it is not said.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub most_runs: u32,
    /// Its runs; a grader that runs a plan without any is not answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<FixtureRun>,
}

/// One run of a test plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureRun {
    /// How the process ended.
    pub end: RunEnd,
    /// What the plan's status file held, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    /// What came of reading the report. It was read when it is not said.
    #[serde(default = "read", skip_serializing_if = "is_read")]
    pub report: ReportState,
    /// The test cases of the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<FixtureTestCase>,
    /// What the run left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<FixtureArtifact>,
    /// What the host makes of it: by its own rule when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<FixtureConclusion>,
}

/// A test case of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureTestCase {
    /// What the plan names it by.
    pub id: String,
    /// What became of it.
    pub status: CaseStatus,
    /// What it says of a failure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Something that a test run left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureArtifact {
    /// Its name, unique in its run.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// What it holds.
    pub contents: FixtureContents,
}

/// What the host makes of a test run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureConclusion {
    /// Pass, fail or invalid.
    pub outcome: Outcome,
    /// A reason code.
    pub reason: String,
    /// What it rests on, for a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// A call, and what the host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureCall {
    /// What is asked, as a journal has it: `lancet show RUN/TASK/N --format json`.
    pub request: Value,
    /// What is answered, as a journal has it.
    pub response: Value,
}

/// Where a fixture was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureOrigin {
    /// The attempt: `RUN/TASK/NUMBER`.
    pub attempt: String,
    /// The plugin that was recorded, by its digest.
    pub plugin: Sha256,
    /// The names of the fields whose texts were replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
    /// What is not in the fixture, with its bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

fn one() -> u32 {
    1
}

fn read() -> ReportState {
    ReportState::Read
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_one(n: &u32) -> bool {
    *n == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_nothing(n: &i64) -> bool {
    *n == 0
}

fn is_read(state: &ReportState) -> bool {
    *state == ReportState::Read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_come_back_as_they_were() {
        for bytes in [b"caf\xc3\xa9".to_vec(), vec![0, 255, 128], Vec::new()] {
            let contents = FixtureContents::whole(bytes.clone());
            assert_eq!(contents.octets(), Ok(Some(Octets(bytes))));
        }
        assert!(FixtureContents::Base64("!".into()).octets().is_err());
    }

    #[test]
    fn a_fixture_by_hand_is_short() {
        let text = r#"{"fixture": 1, "contract": "0.1.0", "role": "grader",
            "task": {"id": "t", "kind": "swe-manager", "proposals": [{"id": 3, "text": "Mend it."}]},
            "submission": {"choice": 3}, "answer-key": {"correct": 3},
            "expect": {"outcome": "pass", "reason": "right-choice"}}"#;
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        let again: Fixture = serde_json::from_str(&serde_json::to_string(&fixture).unwrap()).unwrap();
        assert_eq!(fixture, again);
        assert_eq!((fixture.seed, fixture.attempt), (0, 1));
        let blank = Fixture::blank(Role::Grader, fixture.task.clone());
        let Fixture { contract, submission, answer_key, expect, .. } = fixture.clone();
        assert_eq!(Fixture { contract, submission, answer_key, expect, ..blank }, fixture);
    }
}
