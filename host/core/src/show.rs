//! A run's attempts, and the journal of one of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AttemptState, Cents, Event, JailRecord, Kind, Outcome, PackageIdentity, Sha256};

/// One attempt of a run. A list of these, by task and number, is the JSON of `lancet show
/// RUN --format json`, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShownAttempt {
    /// The attempt: `RUN/TASK/NUMBER`.
    pub attempt: String,
    /// The task's kind.
    pub kind: Kind,
    /// What the task pays, in cents.
    pub price_cents: Cents,
    /// How far the attempt has come.
    pub state: ShownState,
    /// The reason code of the verdict; `null` while there is none.
    pub reason: Option<String>,
    /// What it earned, in cents; `null` while it is not decided.
    pub earned_cents: Option<Cents>,
    /// The digest of the verdict's record; `null` while it is not decided.
    pub verdict_digest: Option<Sha256>,
    /// How long the agent worked, in microseconds; `null` until it has handed in.
    pub solve_us: Option<u64>,
    /// How long the grader took, in microseconds; `null` until it has judged, and where it never does.
    pub grade_us: Option<u64>,
    /// How often tests were run; `null` while it is not decided.
    pub test_runs: Option<u64>,
    /// Whether those runs differed from one another; `null` while it is not decided.
    pub flaky: Option<bool>,
}

/// How far an attempt has come, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShownState {
    /// The agent has not handed in yet.
    Queued,
    /// The agent has handed in, and that is not judged yet.
    Submitted,
    /// Decided: solved, and paid.
    Pass,
    /// Decided: not solved.
    Fail,
    /// Decided: it could not be judged.
    Invalid,
}

impl ShownState {
    /// The word in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitted => "submitted",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
        }
    }
}

impl From<AttemptState> for ShownState {
    fn from(state: AttemptState) -> Self {
        match state {
            AttemptState::Queued => Self::Queued,
            AttemptState::Submitted => Self::Submitted,
            AttemptState::Decided(Outcome::Pass) => Self::Pass,
            AttemptState::Decided(Outcome::Fail) => Self::Fail,
            AttemptState::Decided(Outcome::Invalid) => Self::Invalid,
        }
    }
}

/// One event of an attempt's journal. A list of these, in the order in which they happened,
/// is the JSON of `lancet show RUN/TASK/NUMBER --format json`, a public interface: fields are
/// added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShownEvent {
    /// The event's place in the journal, from 0.
    pub seq: usize,
    /// When it was written: microseconds since the attempt was started, or resumed.
    pub at_us: u64,
    /// What happened.
    #[serde(flatten)]
    #[schemars(with = "EventName")]
    pub event: Event,
}

/// What the schema says of an event: its name. What else it has depends on the name, and is
/// as the journal has it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct EventName {
    /// `began`, `called`, `solved`, `captured`, `reopened`, `graded` or `decided`. The other
    /// keys of the event are those of the journal, beside this one.
    event: String,
    /// Of `began`: what held the process that the plugin ran in; absent when that was the host's
    /// own, as in records from before there was another.
    #[serde(default)]
    jail: Option<JailRecord>,
    /// Of `began`: which package the plugin is; absent when it is none.
    #[serde(default)]
    package: Option<PackageIdentity>,
}
