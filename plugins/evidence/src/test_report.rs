//! Reports for tests: a plan of two required tests and a sentinel.

use lancet_sdk::Outcome;
use lancet_sdk::tests::{CaseStatus, Conclusion, Plan, ReportState, RunEnd, TestCase, TestReport, TestRun};

pub(crate) fn plan() -> Plan {
    Plan {
        name: "hidden".into(),
        required: vec!["t::a".into(), "t::b".into()],
        sentinels: vec!["t::s".into()],
        pass_exit: 1,
        most_runs: 3,
    }
}

pub(crate) fn case(id: &str, status: CaseStatus) -> TestCase {
    TestCase { id: id.into(), status, detail: String::new() }
}

/// A run in which everything is as the plan says, whatever the host concludes.
pub(crate) fn run(outcome: Outcome, reason: &str, exit: i64) -> TestRun {
    TestRun {
        end: RunEnd::Exited(exit),
        status: None,
        report: ReportState::Read,
        cases: vec![
            case("t::a", CaseStatus::Passed),
            case("t::b", CaseStatus::Passed),
            case("t::s", CaseStatus::Failed),
        ],
        artifacts: Vec::new(),
        conclusion: Conclusion { outcome, reason: reason.into(), detail: "as the host sees it".into() },
    }
}

pub(crate) fn report(runs: Vec<TestRun>) -> TestReport {
    TestReport { plan: "hidden".into(), runs }
}
