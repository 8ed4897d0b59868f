//! What came of executing recorded attempts again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of a replay. This is the JSON of `lancet replay --format json`, a public
/// interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Replayed {
    /// The run that was replayed.
    pub run: String,
    /// Attempts that were executed again, or found to contradict their records.
    pub replayed: usize,
    /// Attempts that went as they were recorded.
    pub identical: usize,
    /// Attempts that went otherwise than recorded, and records that contradict one another.
    pub different: usize,
    /// Attempts that are not decided yet.
    pub undecided: usize,
    /// Attempts of a run that was exported which need more than its plugins may use here: whether
    /// they follow is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub beyond_limits: usize,
    /// Each attempt, by task and number; first the run itself, when its own record
    /// contradicts the rest.
    pub attempts: Vec<ReplayedAttempt>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What came of replaying one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayedAttempt {
    /// The attempt, or the run when its own record is different.
    pub attempt: String,
    /// How the attempt compares with its record.
    pub result: ReplayResult,
    /// Where the first difference is, or where more was needed than there is here; `null` when
    /// neither is.
    pub phase: Option<ReplayPhase>,
    /// The first difference, or what more was needed; `null` when there is neither.
    pub difference: Option<String>,
}

impl ReplayedAttempt {
    /// An attempt without a difference.
    #[must_use]
    pub fn alike(attempt: String, result: ReplayResult) -> Self {
        Self { attempt, result, phase: None, difference: None }
    }

    /// An attempt with its first difference.
    #[must_use]
    pub fn different(attempt: String, phase: ReplayPhase, difference: String) -> Self {
        Self { attempt, result: ReplayResult::Different, phase: Some(phase), difference: Some(difference) }
    }

    /// An attempt that needs more than its plugins may use here.
    #[must_use]
    pub fn beyond_limits(attempt: String, phase: ReplayPhase, what: String) -> Self {
        Self { attempt, result: ReplayResult::BeyondLimits, phase: Some(phase), difference: Some(what) }
    }
}

/// How an attempt compares with its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayResult {
    /// Everything is the same: calls, fuel, submission, verdict, digest.
    Identical,
    /// Something differs from the record.
    Different,
    /// The attempt is not decided yet.
    Undecided,
    /// It needs more than its plugins may use here, so that nothing is known of it.
    BeyondLimits,
}

impl ReplayResult {
    /// The word in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Different => "different",
            Self::Undecided => "undecided",
            Self::BeyondLimits => "beyond-limits",
        }
    }
}

/// Where a replay differs from the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayPhase {
    /// The agent's work.
    Solve,
    /// The grading, or the verdict.
    Grade,
    /// The records themselves: nothing was executed.
    Record,
}

impl ReplayPhase {
    /// The word in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Solve => "solve",
            Self::Grade => "grade",
            Self::Record => "record",
        }
    }
}
