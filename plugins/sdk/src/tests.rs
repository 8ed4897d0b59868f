//! Test runs on the submission. Granted to graders.
//!
//! On a task of the kind [`TaskKind::IcSwe`] the host accepts a pass only after a
//! [`run`] whose conclusion is one.
//!
//! [`TaskKind::IcSwe`]: crate::TaskKind::IcSwe

pub use crate::bindings::imports::lancet::plugin::tests::{
    CaseStatus, Conclusion, Plan, ReportState, RunEnd, TestCase, TestReport, TestRun,
};
use crate::{CallError, Outcome};

/// The plans that the task declares; none when it has no environment.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn plans() -> Vec<Plan> {
    host!(tests::plans())
}

/// Runs a plan, at most once per grading. The time that it takes is not the grader's.
///
/// # Errors
/// A [`CallError`], when there is no such plan or it has been run already.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
pub fn run(plan: &str) -> Result<TestReport, CallError> {
    host!(tests::run(plan))
}

impl TestReport {
    /// The run that counts: one that the host concludes to be a pass if there is
    /// any, otherwise the first.
    #[must_use]
    pub fn decisive(&self) -> Option<&TestRun> {
        let passed = self.runs.iter().find(|run| run.conclusion.outcome == Outcome::Pass);
        passed.or_else(|| self.runs.first())
    }

    /// Whether its runs came to different outcomes.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        self.runs.windows(2).any(|pair| pair[0].conclusion.outcome != pair[1].conclusion.outcome)
    }
}
