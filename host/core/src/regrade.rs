//! What came of judging recorded submissions again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cents, Outcome};

/// What came of a regrading. This is the JSON of `lancet regrade --format json`, a public
/// interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Regraded {
    /// The run that was graded again.
    pub run: String,
    /// The graders that judged when the run was made: name and short digest.
    pub old_graders: Vec<String>,
    /// The graders that judged now.
    pub new_graders: Vec<String>,
    /// Submissions that were judged again.
    pub regraded: usize,
    /// Submissions whose verdict or payout is another now.
    pub changed: usize,
    /// Submissions whose outcome or payment is another now, of those that are changed; of the
    /// others only the reason, the score, the checks or the words are.
    pub outcome_changed: usize,
    /// Submissions that could not be judged now.
    pub invalid: usize,
    /// Attempts without a submission that a grader could judge.
    pub not_regraded: usize,
    /// What the regraded attempts earned then.
    pub old_earned_cents: Cents,
    /// What the regraded attempts would earn now.
    pub new_earned_cents: Cents,
    /// Each regraded attempt, by task and number.
    pub attempts: Vec<RegradedAttempt>,
}

/// The verdict of one attempt then and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegradedAttempt {
    /// The attempt that was graded again.
    pub attempt: String,
    /// The outcome then.
    pub old_outcome: Outcome,
    /// The reason code then.
    pub old_reason: String,
    /// What the attempt earned then.
    pub old_earned_cents: Cents,
    /// The outcome now.
    pub new_outcome: Outcome,
    /// The reason code now.
    pub new_reason: String,
    /// What the attempt would earn now.
    pub new_earned_cents: Cents,
    /// Whether verdict and payout are the same.
    pub same: bool,
    /// Whether outcome and payment are the same.
    pub same_outcome: bool,
    /// What the verdict said then, for people.
    pub old_explanation: String,
    /// What the verdict says now, for people: why it is what it is.
    pub new_explanation: String,
}
