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
    /// How often each control was tried.
    pub rounds: u32,
    /// Each control of each task.
    pub controls: Vec<ControlledTask>,
    /// How often a control did not go as expected.
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

/// Why a control did not go as expected.
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
    /// The control; `all` when the task cannot be run.
    pub control: String,
    /// Why it was not tried.
    pub why: String,
}
