//! The submissions by which a task checks itself.

use std::fmt;

use lancet_core::{Outcome, ReasonCode, Score, Sha256};

use crate::format::{MAX_CASE_SCRIPT_BYTES, MAX_GOLD_BYTES};
use crate::problem::SuiteError;
use crate::suite::Suite;

/// A submission to a task, and the verdict that it has to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its file's name without the ending: unique in the task.
    pub name: String,
    /// What the submission does, when its author says so.
    pub about: Option<String>,
    /// What is handed in.
    pub submission: CaseSubmission,
    /// The verdict that it has to get.
    pub expected: Expected,
}

/// What a case hands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseSubmission {
    /// A patch to the work tree.
    Patch(CasePlace),
    /// A shell script that is run in the work tree.
    Script(CasePlace),
    /// The id of a proposal.
    Choice(u32),
}

/// A file of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePlace {
    pub(crate) path: String,
    pub(crate) sha256: Sha256,
}

impl CasePlace {
    /// The file, as a path from the suite's folder.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The verdict that a case has to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Pass or fail: a case is decided.
    pub outcome: Outcome,
    /// The verdict's reason.
    pub reason: ReasonCode,
    /// What a pass is worth; nothing for a fail.
    pub score: Score,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.outcome, self.reason)?;
        if self.outcome == Outcome::Pass && self.score != Score::FULL {
            write!(f, " for {} of 1000", self.score.thousandths())?;
        }
        Ok(())
    }
}

impl Case {
    /// Whether it has to fail.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.expected.outcome != Outcome::Pass
    }
}

impl Suite {
    /// What an agent is given to hand a case in: the patch, the script, or the number of the
    /// proposal.
    ///
    /// # Errors
    /// When its file cannot be read, is not UTF-8, or is no longer what it was as the suite was
    /// loaded.
    pub fn case_input(&self, case: &Case) -> Result<String, SuiteError> {
        let (place, most) = match &case.submission {
            CaseSubmission::Patch(place) => (place, MAX_GOLD_BYTES),
            CaseSubmission::Script(place) => (place, MAX_CASE_SCRIPT_BYTES),
            CaseSubmission::Choice(id) => return Ok(id.to_string()),
        };
        let bytes = self.verified(&place.path, most, place.sha256)?;
        String::from_utf8(bytes).map_err(|error| SuiteError::File {
            path: place.path.clone(),
            source: std::io::Error::other(error.utf8_error()),
        })
    }
}
