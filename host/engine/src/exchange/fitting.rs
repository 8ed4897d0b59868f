//! What a response may be before the plugin is told.

use lancet_core::{CallError, CallErrorKind, Response};

/// What a plugin is told in place of a response that is larger than a call may be.
/// A report of tests is worth having without what its cases say.
pub(super) fn fitting(mut response: Response, limit: u64) -> Response {
    let fits = |response: &Response| response.bytes() as u64 <= limit;
    if !fits(&response)
        && let Response::Tested(report) = &mut response
    {
        for case in report.runs.iter_mut().flat_map(|run| &mut run.cases) {
            case.detail = String::new();
        }
    }
    if fits(&response) {
        return response;
    }
    let bytes = response.bytes();
    let message = format!("the answer has {bytes} bytes, a call carries at most {limit}");
    Response::Refused(CallError::new(CallErrorKind::TooLarge, message))
}

#[cfg(test)]
mod tests {
    use lancet_core::{CaseStatus, Conclusion, Outcome, ReportState, RunEnd, TestCase, TestReport, TestRun};

    use super::*;

    fn report(cases: usize, detail: usize) -> Response {
        let case =
            |n| TestCase { id: format!("t::{n}"), status: CaseStatus::Failed, detail: "x".repeat(detail) };
        Response::Tested(Box::new(TestReport {
            plan: "hidden".into(),
            runs: vec![TestRun {
                end: RunEnd::Exited(1),
                status: None,
                report: ReportState::Read,
                cases: (0..cases).map(case).collect(),
                artifacts: Vec::new(),
                conclusion: Conclusion {
                    outcome: Outcome::Fail,
                    reason: "tests-failed".parse().unwrap(),
                    detail: String::new(),
                },
                wall_ms: 0,
            }],
        }))
    }

    #[test]
    fn a_large_report_loses_what_its_cases_say_and_no_case() {
        let limit = 100_000;
        assert_eq!(fitting(report(10, 2_000), limit), report(10, 2_000));
        assert_eq!(fitting(report(1_000, 2_000), limit), report(1_000, 0));
        assert!(matches!(
            fitting(report(10_000, 0), limit),
            Response::Refused(CallError { kind: CallErrorKind::TooLarge, .. })
        ));
    }

    #[test]
    fn a_large_answer_is_refused_as_a_whole() {
        let answer = Response::Bytes(vec![0; 101].into());
        assert_eq!(fitting(answer.clone(), 101), answer);
        assert!(matches!(fitting(answer, 100), Response::Refused(_)));
    }
}
