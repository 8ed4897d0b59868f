//! What test runs come to that is no pass by the host's own rule.

use lancet_core::{
    ArtifactKind, CaseStatus, Fixture, FixtureArtifact, FixtureConclusion, FixtureContents, FixtureRun,
    FixtureTestCase, Outcome, ReportState, Response, RunEnd,
};

use super::Maker;
use crate::check::finding::{PASSES_UNTESTED, Rule};
use crate::contents::Contents;

/// What it is to pass this, where no test run that can be had is a pass by the host's own rule: what
/// fails under one plan is what another wants.
pub(super) fn if_untested(contents: &Contents) -> Option<Rule> {
    let of_calls = contents.calls.values().flatten().filter_map(|response| match response {
        Response::Tested(report) => Some(&**report),
        _ => None,
    });
    let mut reports = contents.plans.iter().filter_map(|plan| plan.report.as_ref()).chain(of_calls);
    let is_passed = reports
        .any(|report| report.conclusion().is_some_and(|conclusion| conclusion.outcome == Outcome::Pass));
    (!is_passed).then_some(PASSES_UNTESTED)
}

/// What test runs can come to that is mostly no pass, and what of a task's plans can be missing.
pub(super) fn reports(maker: &mut Maker, name: &str, base: &Fixture) {
    let Some(plan) = base.tests.iter().find(|plan| !plan.runs.is_empty()).or(base.tests.first()) else {
        return;
    };
    let run = FixtureRun {
        end: RunEnd::Exited(1),
        status: None,
        report: ReportState::Read,
        cases: Vec::new(),
        artifacts: Vec::new(),
        conclusion: None,
    };
    let cases = |status: CaseStatus, detail: &str| -> Vec<FixtureTestCase> {
        let named = plan.required.iter().chain(&plan.sentinels);
        named.map(|id| FixtureTestCase { id: id.clone(), status, detail: detail.to_owned() }).collect()
    };
    let log = |bytes: Vec<u8>| {
        let contents = FixtureContents::whole(bytes);
        vec![FixtureArtifact { name: "log".to_owned(), kind: ArtifactKind::Log, contents }]
    };
    let kinds = [
        ArtifactKind::Trace,
        ArtifactKind::Video,
        ArtifactKind::Screenshot,
        ArtifactKind::Other,
        ArtifactKind::Log,
    ];
    let odd = kinds.into_iter().cycle().take(200).zip(0_u8..).map(|(kind, n)| FixtureArtifact {
        name: format!("\u{202e}é/{n}"),
        kind,
        contents: FixtureContents::whole(vec![255 - n; usize::from(n)]),
    });
    let ended = |end: RunEnd| FixtureRun { end, ..run.clone() };
    let many = (0..10_000).map(|n| FixtureTestCase {
        id: format!("suite::a test with a long name of its own {n:05}"),
        status: CaseStatus::Failed,
        detail: String::new(),
    });
    let failing = cases(CaseStatus::Failed, &"é".repeat(1_000));
    let status = |id: &String| match plan.sentinels.contains(id) {
        true => CaseStatus::Failed,
        false => CaseStatus::Passed,
    };
    let passing = FixtureRun {
        cases: cases(CaseStatus::Passed, "")
            .into_iter()
            .map(|case| FixtureTestCase { status: status(&case.id), ..case })
            .collect(),
        ..ended(RunEnd::Exited(plan.pass_exit))
    };
    let last = plan.required.last();
    let is_last = |case: &FixtureTestCase| Some(&case.id) == last;
    let all_but_one = passing.cases.iter().filter(|case| !is_last(case)).cloned().collect();
    let failed = |case: &FixtureTestCase| FixtureTestCase { status: CaseStatus::Failed, ..case.clone() };
    let one_failed = passing.cases.iter().map(|case| if is_last(case) { failed(case) } else { case.clone() });
    let one_failed = one_failed.collect();
    let again = passing.cases.iter().filter(|case| is_last(case)).map(failed);
    let doubled = passing.cases.iter().cloned().chain(again).collect();
    let concluded = |outcome, reason: &str| {
        Some(FixtureConclusion { outcome, reason: reason.to_owned(), detail: String::new() })
    };
    let runs: Vec<(&str, bool, FixtureRun)> = vec![
        (
            "tests that fail",
            false,
            FixtureRun { cases: failing, artifacts: log(b"\x1b[31mno\x1b[0m \xff".to_vec()), ..run.clone() },
        ),
        (
            "tests that fail, with an empty log",
            false,
            FixtureRun { cases: cases(CaseStatus::Errored, ""), artifacts: log(Vec::new()), ..run.clone() },
        ),
        (
            "tests that fail, with a log that says that they pass",
            false,
            FixtureRun {
                cases: cases(CaseStatus::Failed, "ok: passed"),
                artifacts: log(b"PASS\nok\nall tests passed, 0 failed (100%)\nexit status 0\n".to_vec()),
                ..run.clone()
            },
        ),
        (
            "tests that fail, with 200 artifacts of every kind",
            false,
            FixtureRun { cases: cases(CaseStatus::Failed, ""), artifacts: odd.collect(), ..run.clone() },
        ),
        (
            "tests that fail, with a log of 1 MiB",
            true,
            FixtureRun {
                cases: cases(CaseStatus::Failed, ""),
                artifacts: log(vec![b'x'; 1 << 20]),
                ..run.clone()
            },
        ),
        (
            "tests that were skipped",
            false,
            FixtureRun { cases: cases(CaseStatus::Skipped, ""), ..ended(RunEnd::Exited(plan.pass_exit)) },
        ),
        (
            "sentinels that pass",
            false,
            FixtureRun { cases: cases(CaseStatus::Passed, ""), ..ended(RunEnd::Exited(9)) },
        ),
        ("a report without a test", false, run.clone()),
        ("no report", false, FixtureRun { report: ReportState::Missing, ..ended(RunEnd::Exited(0)) }),
        (
            "a report that cannot be understood",
            false,
            FixtureRun { report: ReportState::Malformed("line 1: `<`".to_owned()), ..run.clone() },
        ),
        (
            "a report that is too large",
            false,
            FixtureRun { report: ReportState::TooLarge("17 MiB".to_owned()), ..run.clone() },
        ),
        ("tests that were not done in time", false, ended(RunEnd::TimedOut)),
        ("tests without memory", false, ended(RunEnd::OutOfMemory)),
        ("tests without disk space", false, ended(RunEnd::DiskLimit)),
        ("an app that is not ready", false, ended(RunEnd::NotReady)),
        ("tests that are broken", false, ended(RunEnd::Broken)),
        ("an exit status below 0", false, ended(RunEnd::Exited(i64::MIN))),
        ("a report of 10,000 tests", true, FixtureRun { cases: many.collect(), ..run.clone() }),
        ("a required test that did not run", false, FixtureRun { cases: all_but_one, ..passing.clone() }),
        (
            "a required test that failed, with the exit status of a pass",
            false,
            FixtureRun { cases: one_failed, ..passing.clone() },
        ),
        ("a required test that passed and failed", false, FixtureRun { cases: doubled, ..passing.clone() }),
        (
            "tests that passed in a run that came to nothing by the host",
            false,
            FixtureRun { conclusion: concluded(Outcome::Invalid, "tests-broken"), ..passing.clone() },
        ),
        (
            "tests that passed in a run that the host fails",
            false,
            FixtureRun { conclusion: concluded(Outcome::Fail, "tests-failed"), ..passing.clone() },
        ),
    ];
    for (what, is_huge, run) in runs {
        let mut fixture = base.clone();
        fixture.tests.iter_mut().for_each(|plan| plan.runs = vec![run.clone()]);
        maker.add(format!("{name}, {what}"), &fixture, |graded| {
            (graded.if_passed, graded.is_huge) = (if_untested(&graded.contents), is_huge);
        });
    }
    let sentinel = "suite::has_to_fail".to_owned();
    for (what, status) in
        [("a sentinel that passes", Some(CaseStatus::Passed)), ("a sentinel that did not run", None)]
    {
        let case =
            status.map(|status| FixtureTestCase { id: sentinel.clone(), status, detail: String::new() });
        let mut fixture = base.clone();
        for plan in &mut fixture.tests {
            plan.sentinels.push(sentinel.clone());
            let cases = passing.cases.iter().cloned().chain(case.clone()).collect();
            plan.runs = vec![FixtureRun { cases, ..passing.clone() }];
        }
        let tried = format!("{name}, {what}, with the exit status of a pass");
        maker.add(tried, &fixture, |graded| graded.if_passed = if_untested(&graded.contents));
    }
    let none = Fixture { tests: Vec::new(), ..base.clone() };
    maker.add(format!("{name}, no environment"), &none, |graded| {
        graded.if_passed = if_untested(&graded.contents);
    });
    let mut other = base.clone();
    other.tests.iter_mut().for_each(|plan| plan.name.push_str("-other"));
    maker.add(format!("{name}, plans of other names"), &other, |_| {});
    let mut empty = base.clone();
    empty.tests.iter_mut().for_each(|plan| {
        (plan.required, plan.sentinels) = (Vec::new(), Vec::new());
        plan.runs = vec![FixtureRun { end: RunEnd::Exited(plan.pass_exit.wrapping_add(1)), ..run.clone() }];
    });
    maker.add(format!("{name}, a plan that requires no test"), &empty, |graded| {
        graded.if_passed = if_untested(&graded.contents);
    });
}
