//! The checks of a verdict, made of what a test run showed.

use std::ops::Range;

use lancet_sdk::Check;
use lancet_sdk::tests::{CaseStatus, Plan, ReportState, RunEnd, TestCase, TestRun};

use crate::cut;

/// The most required tests that have a check of their own; the contract allows 256
/// checks in all.
const MAX_TEST_CHECKS: usize = 200;
/// The most bytes of a check's name: the contract's limit.
const MAX_NAME_BYTES: usize = 128;
/// The most bytes that one check quotes of a test case.
const MAX_QUOTE_BYTES: usize = 500;
/// The most bytes that all checks quote, of the 64 KiB of a verdict.
const MAX_QUOTED_BYTES: usize = 20 << 10;

/// Goes through everything that a pass of this run would rest on, a check for
/// each: the exit status, the report, the sentinels, and the required tests. Of
/// more than 200 required tests those that did not pass come first, and the rest
/// shares one check.
#[must_use]
pub fn examine(plan: &Plan, run: &TestRun) -> Vec<Check> {
    let cases = Cases(&run.cases);
    let mut checks = vec![exit_status(plan, run), report(plan, run, &cases)];
    if !plan.sentinels.is_empty() {
        checks.push(sentinels(plan, &cases));
    }
    required(plan, &cases, &mut checks);
    checks
}

/// Test cases as the host gives them: sorted by id.
struct Cases<'a>(&'a [TestCase]);

impl<'a> Cases<'a> {
    /// Where those of that id are.
    fn places(&self, id: &str) -> Range<usize> {
        let begin = self.0.partition_point(|case| case.id.as_str() < id);
        let count = self.0[begin..].iter().take_while(|case| case.id == id).count();
        begin..begin + count
    }

    /// All of that id.
    fn named(&self, id: &str) -> &'a [TestCase] {
        &self.0[self.places(id)]
    }

    /// The one of that id, unless there are several.
    fn only(&self, id: &str) -> Option<&'a TestCase> {
        match self.named(id) {
            [case] => Some(case),
            _ => None,
        }
    }

    /// Whether it ran once and passed.
    fn passes(&self, id: &str) -> bool {
        self.only(id).is_some_and(|case| case.status == CaseStatus::Passed)
    }

    /// One that is in none of the plan's lists.
    fn unknown(&self, plan: &Plan) -> Option<&'a TestCase> {
        let mut known = vec![false; self.0.len()];
        for id in plan.required.iter().chain(&plan.sentinels) {
            known[self.places(id)].fill(true);
        }
        self.0.iter().zip(known).find(|(_, known)| !known).map(|(case, _)| case)
    }
}

fn exit_status(plan: &Plan, run: &TestRun) -> Check {
    let expected = plan.pass_exit;
    let ended = match run.end {
        RunEnd::Exited(status) => Ok(status),
        RunEnd::TimedOut => Err("the time was over"),
        RunEnd::OutOfMemory => Err("the memory was used up"),
        RunEnd::DiskLimit => Err("the disk space was used up"),
        RunEnd::NotReady => Err("the app was not ready"),
        RunEnd::Broken => Err("the tests could not be carried out"),
    };
    let (passed, detail) = match (ended, run.status) {
        (Err(why), _) => (false, why.to_owned()),
        (Ok(status), None) => (status == expected, format!("{status}, expected {expected}")),
        (Ok(process), Some(status)) => (
            process == 0 && status == expected,
            format!("{status}, expected {expected}, by the tests; {process}, expected 0, by their command"),
        ),
    };
    Check { name: "exit-status".into(), passed, detail }
}

fn report(plan: &Plan, run: &TestRun, cases: &Cases<'_>) -> Check {
    let detail = match &run.report {
        ReportState::Read => {
            let twice = cases.0.windows(2).find(|pair| pair[0].id == pair[1].id);
            match (cases.unknown(plan), twice) {
                (None, None) => return Check { name: "report".into(), passed: true, detail: String::new() },
                (Some(case), _) => format!("it has `{}`, which the plan does not", case.id),
                (None, Some(pair)) => format!("it has `{}` more than once", pair[0].id),
            }
        }
        ReportState::Missing => "there is none".into(),
        ReportState::Malformed(why) => format!("it cannot be understood: {why}"),
        ReportState::TooLarge(why) => format!("it is too large: {why}"),
    };
    Check { name: "report".into(), passed: false, detail: quoted(&detail) }
}

fn sentinels(plan: &Plan, cases: &Cases<'_>) -> Check {
    let fails = |id: &String| {
        let status = cases.only(id).map(|case| case.status);
        matches!(status, Some(CaseStatus::Failed | CaseStatus::Errored))
    };
    let held = plan.sentinels.iter().filter(|id| fails(id)).count();
    let mut detail = format!("{held} of {} failed as they have to", plan.sentinels.len());
    if let Some(id) = plan.sentinels.iter().find(|id| !fails(id)) {
        detail.push_str(&quoted(&format!("; `{id}` did not")));
    }
    Check { name: "sentinels".into(), passed: held == plan.sentinels.len(), detail }
}

fn required(plan: &Plan, cases: &Cases<'_>, checks: &mut Vec<Check>) {
    let numbered = || plan.required.iter().enumerate();
    let (shown, rest): (Vec<_>, Vec<_>) = if plan.required.len() <= MAX_TEST_CHECKS {
        (numbered().collect(), Vec::new())
    } else {
        let failed = numbered().filter(|(_, id)| !cases.passes(id));
        let mut ordered: Vec<_> = failed.chain(numbered().filter(|(_, id)| cases.passes(id))).collect();
        let rest = ordered.split_off(MAX_TEST_CHECKS);
        (ordered, rest)
    };
    let mut quotes = MAX_QUOTED_BYTES;
    for (index, id) in shown {
        let passed = cases.passes(id);
        let mut detail = if passed { String::new() } else { shortcoming(cases.named(id)) };
        cut(&mut detail, quotes);
        quotes -= detail.len();
        checks.push(Check { name: name(id, index), passed, detail });
    }
    if !rest.is_empty() {
        let passed = rest.iter().filter(|(_, id)| cases.passes(id)).count();
        checks.push(Check {
            name: "other-tests".into(),
            passed: passed == rest.len(),
            detail: format!("{passed} of the {} other required tests passed", rest.len()),
        });
    }
}

/// Why a required test did not pass.
fn shortcoming(cases: &[TestCase]) -> String {
    let case = match cases {
        [] => return "it did not run".into(),
        [case] => case,
        _ => return "it is in the report more than once".into(),
    };
    let word = match case.status {
        CaseStatus::Passed => "passed",
        CaseStatus::Failed => "failed",
        CaseStatus::Errored => "error",
        CaseStatus::Skipped => "skipped",
    };
    if case.detail.is_empty() { word.into() } else { quoted(&format!("{word}: {}", case.detail)) }
}

/// The name of a required test's check: its id, or the beginning of it with its
/// place in the plan. No other check's name begins like that.
fn name(id: &str, index: usize) -> String {
    let name = format!("test:{id}");
    if name.len() <= MAX_NAME_BYTES {
        return name;
    }
    let ending = format!("…#{}", index + 1);
    format!("{}{ending}", &name[..name.floor_char_boundary(MAX_NAME_BYTES - ending.len())])
}

fn quoted(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_QUOTE_BYTES)].into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lancet_sdk::Outcome;

    use super::*;
    use crate::test_report::{case, plan, run};

    fn good() -> TestRun {
        run(Outcome::Pass, "tests-passed", 1)
    }

    fn failing(plan: &Plan, run: &TestRun) -> Vec<String> {
        examine(plan, run).into_iter().filter(|check| !check.passed).map(|check| check.name).collect()
    }

    #[test]
    fn each_thing_has_a_check_in_a_fixed_order() {
        let checks = examine(&plan(), &good());
        let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
        assert_eq!(names, ["exit-status", "report", "sentinels", "test:t::a", "test:t::b"]);
        assert!(checks.iter().all(|check| check.passed));
    }

    #[test]
    fn the_exit_status_is_what_the_plan_says() {
        let mut run = good();
        run.end = RunEnd::Exited(0);
        assert_eq!(failing(&plan(), &run), ["exit-status"]);
        let plan = Plan { sentinels: Vec::new(), pass_exit: 0, ..plan() };
        run.cases.pop();
        assert_eq!(failing(&plan, &run), [""; 0]);
        run.end = RunEnd::Exited(1);
        assert_eq!(failing(&plan, &run), ["exit-status"]);
        let odd = Plan { pass_exit: 1, ..plan };
        assert_eq!(failing(&odd, &run), [""; 0]);
    }

    #[test]
    fn a_status_file_counts_beside_the_process() {
        let mut run = good();
        for (process, status, held) in [(0, 1, true), (1, 1, false), (0, 0, false), (0, 2, false)] {
            run.end = RunEnd::Exited(process);
            run.status = Some(status);
            assert_eq!(failing(&plan(), &run).is_empty(), held, "{process} {status}");
        }
    }

    #[test]
    fn what_did_not_pass_is_named_with_what_it_says() {
        let mut run = good();
        run.cases[0] =
            TestCase { id: "t::a".into(), status: CaseStatus::Failed, detail: "assert 1 == 2".into() };
        run.cases[1].status = CaseStatus::Skipped;
        let checks = examine(&plan(), &run);
        assert_eq!(checks[3].detail, "failed: assert 1 == 2");
        assert_eq!(checks[4].detail, "skipped");
        assert_eq!(failing(&plan(), &run), ["test:t::a", "test:t::b"]);
        run.cases.remove(1);
        assert_eq!(examine(&plan(), &run)[4].detail, "it did not run");
    }

    #[test]
    fn sentinels_have_to_fail() {
        for status in [CaseStatus::Passed, CaseStatus::Skipped] {
            let mut run = good();
            run.cases[2].status = status;
            assert_eq!(failing(&plan(), &run), ["sentinels"]);
        }
        let mut run = good();
        run.cases.pop();
        assert_eq!(failing(&plan(), &run), ["sentinels"]);
        run.cases.push(case("t::s", CaseStatus::Errored));
        assert_eq!(failing(&plan(), &run), [""; 0]);
    }

    #[test]
    fn a_report_with_other_tests_does_not_hold() {
        let mut run = good();
        run.cases.push(case("t::x", CaseStatus::Passed));
        assert_eq!(failing(&plan(), &run), ["report"]);
        run.cases.pop();
        run.cases.insert(0, case("t::a", CaseStatus::Passed));
        assert_eq!(failing(&plan(), &run), ["report", "test:t::a"], "one that is there twice is none");
        for state in [
            ReportState::Missing,
            ReportState::Malformed("x".repeat(5_000)),
            ReportState::TooLarge(String::new()),
        ] {
            let run = TestRun { report: state, ..good() };
            assert_eq!(failing(&plan(), &run), ["report"]);
        }
    }

    #[test]
    fn any_number_of_tests_with_any_names_fits_into_a_verdict() {
        let ids: Vec<_> = (0..5_000).map(|n| format!("{}{n:04}", "é".repeat(100))).collect();
        let mut run = good();
        run.cases = ids
            .iter()
            .map(|id| TestCase { id: id.clone(), status: CaseStatus::Failed, detail: "é".repeat(1_000) })
            .collect();
        run.cases[0].status = CaseStatus::Passed;
        run.cases[4_999].status = CaseStatus::Passed;
        let plan = Plan { required: ids, ..plan() };
        let checks = examine(&plan, &run);
        assert!(checks.len() <= 256);
        let names: BTreeSet<_> = checks.iter().map(|check| &check.name).collect();
        assert_eq!(names.len(), checks.len());
        assert!(
            checks.iter().all(|check| (1..=128).contains(&check.name.len()) && check.detail.len() <= 4_096)
        );
        let bytes: usize = checks.iter().map(|check| check.name.len() + check.detail.len()).sum();
        assert!(bytes <= (64 << 10) - super::super::MAX_EXPLANATION_BYTES, "{bytes}");
        let other = checks.last().unwrap();
        assert_eq!(other.detail, "2 of the 4800 other required tests passed");
        assert!(!other.passed);
        assert!(checks[3..203].iter().all(|check| !check.passed), "those that failed are named");
    }
}
