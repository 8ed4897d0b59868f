//! The list of a store's runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One run of a store. A list of these, the newest last, is the JSON of `lancet runs
/// --format json`, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListedRun {
    /// The run's name.
    pub run: String,
    /// When it was started, in UTC.
    pub started: String,
    /// The suite's name.
    pub suite: String,
    /// The agent, as the operator called it.
    pub agent: String,
    /// Whether the agent was told the answers, so that the run is no result.
    pub control: bool,
    /// How far it has come.
    pub state: RunState,
    /// Attempts of the run.
    pub attempts: u64,
    /// Attempts that passed.
    pub pass: u64,
    /// Attempts that failed.
    pub fail: u64,
    /// Attempts that could not be judged.
    pub invalid: u64,
    /// Attempts that are not decided yet.
    pub pending: u64,
    /// What all attempts earned together, in cents.
    pub earned_cents: u64,
    /// What all attempts could earn together, in cents.
    pub available_cents: u64,
    /// What is earned with one attempt at each task, in cents, of what is decided so far: the
    /// mean over each task's attempts.
    pub earned_per_attempt_cents: f64,
    /// What can be earned with one attempt at each task, in cents, of what is decided so far.
    pub available_per_attempt_cents: u64,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Attempts are not decided yet; `lancet resume` goes on with them.
    Unfinished,
    /// Every attempt is decided, and the run was killed before it was marked as finished.
    Decided,
    /// Every attempt is decided.
    Finished,
    /// The run's records contradict one another, which `lancet report` says more of.
    #[serde(rename = "CONTRADICTED")]
    Contradicted,
}

impl RunState {
    /// The word in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Decided => "decided",
            Self::Finished => "finished",
            Self::Contradicted => "CONTRADICTED",
        }
    }
}
