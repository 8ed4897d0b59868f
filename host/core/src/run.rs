//! What a run is defined by, and what its attempts are called.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Baselines, Budgets, Environment, Grant, Kind, Limits, ModelChoice, NotRunnable, Outcome, ReportedSuite,
    Sha256, TaskId,
};

/// What names a run: `20261123-083329-4f2a9c`, its start in UTC and six
/// hexadecimal digits, which hold its microsecond. Runs sort by their start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RunId(String);

/// A text that is not a [`RunId`] or an [`AttemptId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRunIdError {
    /// No run.
    #[error("`{0}` is not a run id: expected a form like `20261123-083329-4f2a9c`")]
    Run(String),
    /// No attempt.
    #[error("`{0}` is not an attempt id: expected `RUN/TASK/NUMBER`")]
    Attempt(String),
}

impl RunId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = ParseRunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        let hex =
            |s: &str| s.len() == 6 && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let mut parts = text.split('-');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(date), Some(time), Some(rest), None) if digits(date, 8) && digits(time, 6) && hex(rest) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ParseRunIdError::Run(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for RunId {
    type Error = ParseRunIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl JsonSchema for RunId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RunId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$",
            "description": "A run: its start in UTC and six hexadecimal digits.",
        })
    }
}

/// What names an attempt: `RUN/TASK/NUMBER`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The run that it belongs to.
    pub run: RunId,
    /// The task that is tried.
    pub task: TaskId,
    /// Which try at that task, from 1.
    pub number: u32,
}

impl FromStr for AttemptId {
    type Err = ParseRunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseRunIdError::Attempt(text.chars().take(220).collect());
        let mut parts = text.split('/');
        let (Some(run), Some(task), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error());
        };
        let number = number.parse().ok().filter(|n| *n > 0).ok_or_else(error)?;
        Ok(Self { run: run.parse()?, task: task.parse().map_err(|_| error())?, number })
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.run, self.task, self.number)
    }
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptState {
    /// Not begun, or begun and nothing of it committed.
    Queued,
    /// The agent has handed in; not graded yet.
    Submitted,
    /// Over, with this outcome.
    Decided(Outcome),
}

/// A plugin that took part in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginIdentity {
    /// What the operator or the task called it.
    pub name: String,
    /// What it was.
    pub digest: Sha256,
}

/// The suite of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteIdentity {
    /// What reports show.
    pub reported: ReportedSuite,
    /// Where it lay, for a person; nothing is read from there again.
    pub path: String,
}

/// What an attempt needs besides its task: kept as a blob, as neither the suite nor
/// a file of the operator's is read again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Where an individual contributor's task is worked on and judged.
    pub environment: Option<Environment>,
    /// The blob of what the operator gave the agent for this task.
    pub input: Option<Sha256>,
    /// What the task and the operator set of the grader, by name. Records from before there
    /// were such settings have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grader_settings: BTreeMap<String, serde_json::Value>,
}

/// What an agent's own fault (a trap, a limit, a malformed answer) makes of its
/// attempt: part of a run, so that what was recorded is replayed by its own rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentFaults {
    /// The attempt is invalid, and one whose time is over is graded with nothing handed
    /// in: the rule of runs that do not name theirs.
    #[default]
    Invalid,
    /// The attempt fails: the submission is what its agent does.
    Fail,
}

impl AgentFaults {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// All that a run is defined by, fixed when it starts. A run that is resumed
/// goes by this and not by what the command line or the suite say then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSpec {
    /// The suite.
    pub suite: SuiteIdentity,
    /// The agent.
    pub agent: PluginIdentity,
    /// Every grader that a task of the run names.
    pub graders: Vec<PluginIdentity>,
    /// What the random streams derive from.
    pub seed: u64,
    /// Attempts at each task.
    pub attempts: u32,
    /// The kind asked for, if one was.
    pub kind: Option<Kind>,
    /// The patterns of task ids asked for; empty for all.
    pub tasks: Vec<String>,
    /// What the agent may import.
    pub agent_grant: Grant,
    /// What the graders may import.
    pub grader_grant: Grant,
    /// What one call of the agent may use.
    pub agent_limits: Limits,
    /// What one call of a grader may use.
    pub grader_limits: Limits,
    /// The engine at the start, as fuel depends on it.
    pub engine: String,
    /// Tasks that were selected and that this version cannot run, by kind.
    pub not_runnable: Vec<(Kind, NotRunnable)>,
    /// The trivial policies on the manager tasks selected.
    pub baselines: Option<Baselines>,
    /// Manager tasks that no baseline counts, because only their own grader can read
    /// their answer keys.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_baseline: u64,
    /// Which control of the suite this is, when the host made the inputs from the
    /// answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// What an agent's own fault makes of its attempt.
    #[serde(default, skip_serializing_if = "AgentFaults::is_default")]
    pub agent_faults: AgentFaults,
    /// The models that plugins may use; the first is the one that is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelChoice>,
    /// What may be spent on models.
    #[serde(default, skip_serializing_if = "Budgets::is_empty")]
    pub budgets: Budgets,
    /// The agent's settings, all that it has, as JSON: the operator's and its defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, serde_json::Value>,
    /// The blob of the agent's prompt, the operator's or its own, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Sha256>,
    /// By what its plugins were let in, when that was a policy or a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<RunTrust>,
}

/// By what the plugins of a run were let in when it began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunTrust {
    /// The digest of the policy's text; `None` when there was no file of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Sha256>,
    /// The id of the key by which a signature held, by the digest of the component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<Sha256, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl RunSpec {
    /// Whether the agent knew the answers, so that this is no result.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.control.is_some() || self.agent_grant.is_control()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip() {
        let text = "20261123-083329-4f2a9c/15193-manager-0/2";
        let id: AttemptId = text.parse().unwrap();
        assert_eq!(id.number, 2);
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "latest", "20261123-083329", "20261123-083329-4F2A9C", "20261123-083329-4f2a9c-1"] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
        for text in ["20261123-083329-4f2a9c", "20261123-083329-4f2a9c/t/0", "20261123-083329-4f2a9c/../1"] {
            assert!(text.parse::<AttemptId>().is_err(), "{text}");
        }
    }
}
