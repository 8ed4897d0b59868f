//! Any bytes as a JUnit report: cases or a state that says why there are none, and what is
//! kept of a case is bounded, printable, sorted, and the same each time.

#![no_main]

use lancet_core::{CaseNaming, MAX_CASE_DETAIL_BYTES, ReportState};
use lancet_docker::read_report;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (state, cases) = read_report(bytes, CaseNaming::Full);
    match &state {
        ReportState::Read => {}
        ReportState::Malformed(problem) | ReportState::TooLarge(problem) => {
            assert!(cases.is_empty() && !problem.is_empty());
            assert!(!problem.contains(char::is_control), "{problem:?}");
        }
        _ => panic!("{state:?} of a report that is there"),
    }
    assert!(cases.is_sorted_by(|one, other| one.id <= other.id));
    for case in &cases {
        assert!(!case.id.is_empty() && !case.id.contains(char::is_control), "{:?}", case.id);
        assert!(case.detail.len() <= MAX_CASE_DETAIL_BYTES);
        assert!(!case.detail.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
    }
    // However cases are named, there are as many of them.
    let (other, others) = read_report(bytes, CaseNaming::Function);
    if (&state, &other) == (&ReportState::Read, &ReportState::Read) {
        assert_eq!(cases.len(), others.len());
    }
});
