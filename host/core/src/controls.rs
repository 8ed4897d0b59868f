//! What came of a suite's controls.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// What came of a suite's controls. This is the JSON of `lancet suite check --controls
/// --format json`, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Controls {
    /// The suite's name.
    pub suite: String,
    /// The digest over all its files.
    pub digest: String,
    /// The digest over the files of its tasks' cases, which are no part of `digest`; `null`
    /// when no task has a case.
    pub cases_digest: Option<String>,
    /// How often each control was tried.
    pub rounds: u32,
    /// Each control of each task.
    pub controls: Vec<ControlledTask>,
    /// Each case of each task: the submissions of its own that it has to tell apart.
    pub cases: Vec<TriedCase>,
    /// Of each task with a case that has to fail: what the cases show of its tests.
    pub coverage: Vec<CaseCoverage>,
    /// How often a control, or a case, did not go as expected.
    pub surprises: u64,
    /// What was not tried, and says nothing of the suite therefore.
    pub left_out: Vec<UntriedControl>,
    /// The runs that the controls were made in.
    pub runs: Vec<String>,
}

/// How one control of one task went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ControlledTask {
    /// The task.
    pub task: String,
    /// The control: `gold`, `noop`, `empty` or `random`.
    pub control: String,
    /// The outcome that it has to come to.
    pub expected: Outcome,
    /// How often it was tried.
    pub rounds: u64,
    /// How often it went as expected.
    pub as_expected: u64,
    /// Of those that did not: outcome and reason, and how often.
    pub surprises: BTreeMap<String, u64>,
    /// Of each surprise what is known of its cause, from the first attempt that came
    /// to it.
    pub causes: BTreeMap<String, SurpriseCause>,
}

/// How one case of one task went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TriedCase {
    /// The task.
    pub task: String,
    /// The case: the name of its file in the task's `cases/`, without `.toml`.
    pub case: String,
    /// What its author says of it; absent when that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The verdict that it has to get: outcome and reason, and of a pass in part its worth.
    pub expected: String,
    /// How often it was tried.
    pub rounds: u64,
    /// How often it went as expected.
    pub as_expected: u64,
    /// Of those that did not: outcome and reason, and how often.
    pub surprises: BTreeMap<String, u64>,
    /// Of each surprise what is known of its cause, from the first attempt that came to it.
    pub causes: BTreeMap<String, SurpriseCause>,
    /// The required tests that failed with it, in any of its attempts.
    pub fails: Vec<RequiredTest>,
}

/// What the cases of a task show of its tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseCoverage {
    /// The task.
    pub task: String,
    /// How many cases were tried that have to fail.
    pub wrong: u64,
    /// Those of them that nothing tells from the gold answer: they passed, or all required
    /// tests did with them.
    pub undetected: Vec<String>,
    /// How many tests are required to pass, in the plans that the task's grader ran.
    pub required: u64,
    /// Those of them that failed neither with the unchanged work tree nor with any case that
    /// has to fail: nothing shows that they can.
    pub never_failed: Vec<RequiredTest>,
}

/// A test that has to pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RequiredTest {
    /// The plan that requires it.
    pub plan: String,
    /// The test, as the plan names it.
    pub test: String,
}

/// Why a control or a case did not go as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SurpriseCause {
    /// The attempt that came to it.
    pub attempt: String,
    /// What is known of it: at most 1,000 bytes.
    pub why: String,
}

/// A control that a task was not tried with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UntriedControl {
    /// The task.
    pub task: String,
    /// The control, or `cases/NAME`; `all` when the task cannot be run.
    pub control: String,
    /// Why it was not tried.
    pub why: String,
}
