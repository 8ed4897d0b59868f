//! What the host makes of a test run, whatever a grader says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{CaseStatus, Outcome, Plan, ReasonCode, ReportState, RunEnd, TestCase, fold};

/// What the host makes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conclusion {
    /// Pass, fail, or invalid.
    pub outcome: Outcome,
    /// The reason for the outcome.
    pub reason: ReasonCode,
    /// What the outcome rests on, for a person.
    pub detail: String,
}

/// The facts of a run that its conclusion rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// See [`crate::TestRun::end`].
    pub end: RunEnd,
    /// See [`crate::TestRun::status`].
    pub status: Option<i64>,
    /// See [`crate::TestRun::report`].
    pub report: &'a ReportState,
    /// See [`crate::TestRun::cases`].
    pub cases: &'a [TestCase],
}

/// The statuses of a process that SIGKILL or SIGTERM ended.
pub const KILLED: [i64; 2] = [137, 143];

/// What a run comes to: a pass only if the exit status, the report, the exact set
/// of required tests and every sentinel say so.
///
/// | reason | outcome | when |
/// |---|---|---|
/// | `tests-passed` | pass | everything is as the plan says |
/// | `tests-failed` | fail | a required test failed, whatever the exit status says of it, unless they were killed ([`KILLED`]): tools exit with 1, with 100, or with how many failed |
/// | `required-test-skipped`, `required-test-missing` | fail | a required test did not run |
/// | `sentinel-passed` | fail | a test that has to fail did not: results were tampered with |
/// | `tests-timed-out`, `out-of-memory`, `disk-limit` | fail | a limit of the run |
/// | `app-not-ready` | fail | the app comes up without the submission, but not with it |
/// | `tests-broken` | fail | the tests can be carried out without the submission, but not with it |
/// | `no-report`, `malformed-report`, `report-too-large` | invalid | there is nothing to judge by |
/// | `no-exit-status` | invalid | the status file is missing or unreadable |
/// | `tests-error` | invalid | the exit status is that of an error of the tests, and no required test is known to have failed; or that of tests that were killed |
/// | `exit-status-contradicts` | invalid | the exit status does not fit the report |
/// | `unknown-tests`, `repeated-tests` | invalid | the report has tests that the plan does not know, or has one twice that [`fold()`] does not make one |
///
/// A run that is invalid is made once more without the submission, and is
/// `tests-broken` where that is not.
///
/// # Panics
/// Never: the reasons are reason codes, which a test holds.
#[must_use]
pub fn conclude(plan: &Plan, facts: Facts<'_>) -> Conclusion {
    let (outcome, reason, detail) = judge(plan, facts);
    Conclusion { outcome, reason: reason.parse().expect("reasons are reason codes"), detail }
}

/// Whether a run would be a pass, had the tests ended with the status that a pass has: their
/// status is all that is amiss.
#[must_use]
pub fn passes_but_for_its_status(plan: &Plan, facts: Facts<'_>) -> bool {
    let RunEnd::Exited(_) = facts.end else { return false };
    let (end, status) = match plan.status_file {
        None => (plan.pass_exit, facts.status),
        Some(_) => (0, Some(plan.pass_exit)),
    };
    conclude(plan, Facts { end: RunEnd::Exited(end), status, ..facts }).outcome == Outcome::Pass
}

fn judge(plan: &Plan, facts: Facts<'_>) -> (Outcome, &'static str, String) {
    let fail = |reason, detail: String| (Outcome::Fail, reason, detail);
    let invalid = |reason, detail: String| (Outcome::Invalid, reason, detail);
    let code = match facts.end {
        RunEnd::TimedOut => {
            return fail("tests-timed-out", format!("not done after {} s", plan.timeout_seconds));
        }
        RunEnd::OutOfMemory => return fail("out-of-memory", "the memory limit was reached".to_owned()),
        RunEnd::DiskLimit => return fail("disk-limit", "the limit on written bytes was reached".to_owned()),
        RunEnd::NotReady => {
            return fail("app-not-ready", "the app does not come up with the submission".to_owned());
        }
        RunEnd::Broken => {
            let detail = "the tests cannot be carried out with the submission, and can without it";
            let why = match facts.report {
                ReportState::Malformed(problem) | ReportState::TooLarge(problem) => format!(": {problem}"),
                ReportState::Read | ReportState::Missing => String::new(),
            };
            return fail("tests-broken", format!("{detail}{why}"));
        }
        RunEnd::Exited(code) => code,
    };
    // Where the tests' own status is in a file, the process that ran them has to
    // have ended well besides.
    let code = match (&plan.status_file, facts.status) {
        (None, _) => code,
        (Some(_), _) if code != 0 => {
            return invalid("tests-error", format!("the command that runs the tests exited with {code}"));
        }
        (Some(_), Some(status)) => status,
        (Some(file), None) => {
            return invalid("no-exit-status", format!("`{file}` is missing, or holds no number"));
        }
    };
    match facts.report {
        ReportState::Read => {}
        ReportState::Missing => {
            return invalid("no-report", format!("no report at `{}`; exit status {code}", plan.report));
        }
        ReportState::Malformed(problem) => return invalid("malformed-report", problem.clone()),
        ReportState::TooLarge(problem) => return invalid("report-too-large", problem.clone()),
    }
    let cases = fold(plan, facts.cases.to_vec());
    if let Some(pair) = cases.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return invalid("repeated-tests", format!("`{}` is reported twice", pair[0].id));
    }
    let found: BTreeMap<&str, &TestCase> = cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let known: BTreeSet<&str> = plan.required.iter().chain(&plan.sentinels).map(String::as_str).collect();
    let of = |id: &String| found.get(id.as_str()).map(|case| case.status);
    let required = |wanted: fn(Option<CaseStatus>) -> bool| plan.required.iter().find(|id| wanted(of(id)));
    let failed = required(|s| matches!(s, Some(CaseStatus::Failed | CaseStatus::Errored)));
    let unknown = found.keys().find(|id| !known.contains(**id));
    // pytest reports what it could not collect as a test of another name. What failed by
    // the name that the plan has needs no status to say so; but tests that were killed may
    // have failed of what killed them, which is found out.
    let is_killed = KILLED.contains(&code);
    if code > 1 && code != plan.pass_exit && (failed.is_none() || unknown.is_some() || is_killed) {
        return invalid(
            "tests-error",
            format!("the tests exited with {code}, which is neither pass nor fail"),
        );
    }
    if let Some(unknown) = unknown {
        return invalid("unknown-tests", format!("the report has `{unknown}`, which the plan does not"));
    }
    if let Some(sentinel) =
        plan.sentinels.iter().find(|id| !matches!(of(id), Some(CaseStatus::Failed | CaseStatus::Errored)))
    {
        return fail("sentinel-passed", format!("`{sentinel}` has to fail and did not"));
    }
    if let Some(id) = failed {
        let failed = plan.required.iter().filter(|id| of(id) != Some(CaseStatus::Passed)).count();
        let all = plan.required.len();
        return fail(
            "tests-failed",
            format!("{failed} of {all} required tests did not pass, `{id}` for one"),
        );
    }
    if let Some(id) = required(|s| s == Some(CaseStatus::Skipped)) {
        let why = found.get(id.as_str()).and_then(|case| case.detail.lines().next());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        return fail("required-test-skipped", format!("`{id}` was skipped{why}"));
    }
    if let Some(id) = required(|s| s.is_none()) {
        return fail("required-test-missing", format!("`{id}` did not run"));
    }
    if code != plan.pass_exit {
        let expected = plan.pass_exit;
        return invalid(
            "exit-status-contradicts",
            format!("every test is as it has to be, and yet the exit status is {code}, expected {expected}"),
        );
    }
    (Outcome::Pass, "tests-passed", format!("all {} required tests passed", plan.required.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CaseNaming, Isolation, MAX_CASE_DETAIL_BYTES, Rerun, case_id};

    fn plan() -> Plan {
        Plan {
            name: "hidden".into(),
            isolation: Isolation::Single { service: None },
            argv: vec!["pytest".into()],
            variables: BTreeMap::new(),
            working_directory: None,
            timeout_seconds: 60,
            report: "/r.xml".into(),
            status_file: None,
            artifacts: Vec::new(),
            files: Vec::new(),
            files_at: crate::TESTS_FOLDER.into(),
            required: vec!["t::a".into(), "t::b".into()],
            sentinels: vec!["t::s".into()],
            naming: CaseNaming::Full,
            pass_exit: 1,
            rerun: Rerun::Once,
        }
    }

    fn cases(list: &[(&str, CaseStatus)]) -> Vec<TestCase> {
        list.iter()
            .map(|(id, status)| TestCase { id: (*id).into(), status: *status, detail: String::new() })
            .collect()
    }

    fn reason(
        plan: &Plan,
        end: RunEnd,
        status: Option<i64>,
        report: &ReportState,
        list: &[(&str, CaseStatus)],
    ) -> String {
        let conclusion = conclude(plan, Facts { end, status, report, cases: &cases(list) });
        format!("{} {}", conclusion.outcome, conclusion.reason)
    }

    #[test]
    fn everything_has_to_say_pass() {
        use CaseStatus::{Errored, Failed, Passed, Skipped};
        let good = [("t::a", Passed), ("t::b", Passed), ("t::s", Failed)];
        let ran = |code, list: &[(&str, CaseStatus)]| {
            reason(&plan(), RunEnd::Exited(code), None, &ReportState::Read, list)
        };
        assert_eq!(ran(1, &good), "pass tests-passed");
        assert_eq!(ran(0, &good), "invalid exit-status-contradicts");
        assert_eq!(ran(2, &good), "invalid tests-error");
        // cargo-nextest exits with 100, mocha with how many failed.
        let wrong = [("t::a", Failed), ("t::b", Errored), ("t::s", Failed)];
        for code in [2, 3, 100, 255] {
            assert_eq!(ran(code, &wrong), "fail tests-failed");
            assert_eq!(ran(code, &wrong[..2]), "fail sentinel-passed");
            assert_eq!(ran(code, &[&good[..2], &[("t::s", Passed)]].concat()), "invalid tests-error");
            assert_eq!(ran(code, &good[..1]), "invalid tests-error");
            assert_eq!(ran(KILLED[0], &wrong), "invalid tests-error");
            assert_eq!(ran(KILLED[1], &wrong), "invalid tests-error");
            // What pytest could not collect.
            assert_eq!(ran(code, &[&wrong[..], &[("t", Errored)]].concat()), "invalid tests-error");
        }
        assert_eq!(ran(1, &good[..2]), "fail sentinel-passed");
        assert_eq!(ran(0, &[("t::a", Passed), ("t::b", Passed), ("t::s", Passed)]), "fail sentinel-passed");
        assert_eq!(ran(1, &[("t::a", Passed), ("t::b", Failed), ("t::s", Failed)]), "fail tests-failed");
        assert_eq!(ran(1, &[("t::a", Passed), ("t::b", Errored), ("t::s", Failed)]), "fail tests-failed");
        assert_eq!(
            ran(1, &[("t::a", Passed), ("t::b", Skipped), ("t::s", Failed)]),
            "fail required-test-skipped"
        );
        assert_eq!(ran(1, &[("t::a", Passed), ("t::s", Failed)]), "fail required-test-missing");
        assert_eq!(ran(1, &[&good[..], &[("t::x", Passed)]].concat()), "invalid unknown-tests");
        assert_eq!(ran(1, &[&good[..], &[("t::a", Passed)]].concat()), "invalid repeated-tests");
        assert_eq!(ran(1, &[]), "fail sentinel-passed");
        let twice = |a, b| ran(1, &[("t::a", a), ("t::a", b), ("t::b", Passed), ("t::s", Failed)]);
        assert_eq!(twice(Failed, Errored), "fail tests-failed");
        assert_eq!(twice(Passed, Errored), "invalid repeated-tests");
        assert_eq!(twice(Failed, Passed), "invalid repeated-tests");
        assert_eq!(ran(1, &[&good[..], &[("t::s", Passed)]].concat()), "invalid repeated-tests");
        assert_eq!(ran(1, &[&good[..], &[("t::s", Errored)]].concat()), "pass tests-passed");
    }

    #[test]
    fn a_status_is_all_that_is_amiss_where_the_report_is_that_of_a_pass() {
        use CaseStatus::{Failed, Passed};
        let good = [("t::a", Passed), ("t::b", Passed), ("t::s", Failed)];
        let of = |plan: &Plan, end, status, list: &[(&str, CaseStatus)]| {
            let facts = Facts { end, status, report: &ReportState::Read, cases: &cases(list) };
            passes_but_for_its_status(plan, facts)
        };
        let plain = |code, list: &[(&str, CaseStatus)]| of(&plan(), RunEnd::Exited(code), None, list);
        for code in [0, 2, 4, 100, 137] {
            assert!(plain(code, &good));
            // What forges a pass has to forge the sentinel too, and could then pass.
            assert!(!plain(code, &[&good[..2], &[("t::s", Passed)]].concat()));
            assert!(!plain(code, &good[..2]) && !plain(code, &good[1..]));
            assert!(!plain(code, &[&good[..], &[("t::x", Passed)]].concat()));
        }
        let filed = Plan { status_file: Some("/s".into()), ..plan() };
        assert!(of(&filed, RunEnd::Exited(3), Some(1), &good));
        assert!(of(&filed, RunEnd::Exited(0), Some(4), &good) && of(&filed, RunEnd::Exited(0), None, &good));
        for end in [RunEnd::TimedOut, RunEnd::OutOfMemory, RunEnd::Broken] {
            assert!(!of(&plan(), end, None, &good));
        }
    }

    #[test]
    fn all_cases_of_a_function_have_to_pass_and_all_of_a_sentinel_to_fail() {
        use CaseStatus::{Errored, Failed, Passed, Skipped};
        let plan = Plan { naming: CaseNaming::Function, ..plan() };
        let ran =
            |list: &[(&str, CaseStatus)]| reason(&plan, RunEnd::Exited(1), None, &ReportState::Read, list);
        let with = |a: &[CaseStatus], s: &[CaseStatus]| {
            let a = a.iter().map(|status| ("t::a", *status));
            let s = s.iter().map(|status| ("t::s", *status));
            ran(&a.chain(s).chain([("t::b", Passed)]).collect::<Vec<_>>())
        };
        assert_eq!(with(&[Passed, Passed, Passed], &[Failed, Errored]), "pass tests-passed");
        assert_eq!(with(&[Passed, Failed, Skipped], &[Failed]), "fail tests-failed");
        assert_eq!(with(&[Errored, Passed], &[Failed]), "fail tests-failed");
        assert_eq!(with(&[Passed, Skipped, Passed], &[Failed]), "fail required-test-skipped");
        assert_eq!(with(&[Passed, Passed], &[Failed, Passed]), "fail sentinel-passed");
        assert_eq!(with(&[Passed, Passed], &[Failed, Skipped]), "fail sentinel-passed");
        assert_eq!(with(&[], &[Failed, Failed]), "fail required-test-missing");
    }

    #[test]
    fn cases_that_are_made_one_keep_what_the_decisive_one_says() {
        let case = |status, detail: &str| TestCase { id: "t::a".into(), status, detail: detail.into() };
        let function = Plan { naming: CaseNaming::Function, ..plan() };
        let cases = vec![
            case(CaseStatus::Passed, ""),
            case(CaseStatus::Failed, "first"),
            case(CaseStatus::Errored, "second"),
        ];
        let folded = fold(&function, cases.clone());
        assert_eq!(folded, [case(CaseStatus::Failed, "one of 3 cases: first")]);
        // Under full names only what failed each time is one.
        assert_eq!(fold(&plan(), cases.clone()), cases);
        assert_eq!(fold(&plan(), cases[1..].to_vec()).len(), 1);
        let long = case(CaseStatus::Failed, &"é".repeat(MAX_CASE_DETAIL_BYTES / 2));
        assert!(fold(&function, vec![long.clone(), long])[0].detail.len() <= MAX_CASE_DETAIL_BYTES);
    }

    #[test]
    fn without_a_report_nothing_passes() {
        let with = |report| reason(&plan(), RunEnd::Exited(1), None, &report, &[]);
        assert_eq!(with(ReportState::Missing), "invalid no-report");
        assert_eq!(with(ReportState::Malformed(String::new())), "invalid malformed-report");
        assert_eq!(with(ReportState::TooLarge(String::new())), "invalid report-too-large");
    }

    #[test]
    fn limits_of_a_run_are_fails() {
        let ended = |end| reason(&plan(), end, None, &ReportState::Missing, &[]);
        assert_eq!(ended(RunEnd::TimedOut), "fail tests-timed-out");
        assert_eq!(ended(RunEnd::OutOfMemory), "fail out-of-memory");
        assert_eq!(ended(RunEnd::DiskLimit), "fail disk-limit");
        assert_eq!(ended(RunEnd::NotReady), "fail app-not-ready");
        assert_eq!(ended(RunEnd::Broken), "fail tests-broken");
    }

    #[test]
    fn a_status_file_counts_beside_the_exit_status() {
        use CaseStatus::{Failed, Passed};
        let plan = Plan {
            status_file: Some("/code".into()),
            sentinels: Vec::new(),
            required: vec!["t::a".into()],
            pass_exit: 0,
            ..plan()
        };
        let ran = |code, status, case| {
            reason(&plan, RunEnd::Exited(code), status, &ReportState::Read, &[("t::a", case)])
        };
        assert_eq!(ran(0, Some(0), Passed), "pass tests-passed");
        assert_eq!(ran(0, None, Passed), "invalid no-exit-status");
        assert_eq!(ran(2, Some(0), Passed), "invalid tests-error");
        assert_eq!(ran(0, Some(1), Failed), "fail tests-failed");
        assert_eq!(ran(0, Some(4), Passed), "invalid tests-error");
        assert_eq!(ran(0, Some(4), Failed), "fail tests-failed");
        assert_eq!(ran(4, Some(4), Failed), "invalid tests-error");
    }

    #[test]
    fn cases_are_named_as_the_plan_says() {
        assert_eq!(case_id(CaseNaming::Full, "s", "a.b", "test_x[chromium]"), "a.b::test_x[chromium]");
        assert_eq!(case_id(CaseNaming::Full, "s", "", "test_x"), "test_x");
        assert_eq!(case_id(CaseNaming::Function, "s", "a.b", "test_x[chromium]"), "test_x");
        for naming in [CaseNaming::Suite, CaseNaming::Project] {
            assert_eq!(case_id(naming, "firefox", "a.spec.ts", "logs in"), "firefox::a.spec.ts::logs in");
            assert_eq!(case_id(naming, "", "a.spec.ts", "logs in"), "a.spec.ts::logs in");
            assert_eq!(case_id(naming, "firefox", "", "logs in"), "firefox::logs in");
        }
    }
}
