//! What wrong submissions show of the tests that have to tell them from right ones.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{CaseCoverage, CaseStatus, History, Outcome, ReportState, RequiredTest, Response, TaskId};
use lancet_suite::SuiteTask;

/// What the tests of a task's plans came to in one attempt.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The plans whose reports could be read.
    plans: BTreeSet<String>,
    /// The required tests that failed.
    pub(super) failed: BTreeSet<RequiredTest>,
    /// Whether every required test of these plans passed.
    all_passed: bool,
}

impl Seen {
    /// Reads the reports of an attempt's test runs: of each the run that counts. A report that
    /// could not be read says nothing of single tests.
    pub(super) fn of(task: &SuiteTask, history: &History) -> Self {
        let mut seen = Self { all_passed: true, ..Self::default() };
        let plans = task.environment.as_ref().map(|environment| environment.plans()).unwrap_or_default();
        let calls = history.grade.iter().flat_map(|part| &part.calls);
        let reports = calls.filter_map(|call| match &call.response {
            Response::Tested(report) => Some(report),
            _ => None,
        });
        for report in reports {
            let Some(plan) = plans.iter().find(|plan| plan.name == report.plan) else { continue };
            let Some(run) = report.decisive().filter(|run| run.report == ReportState::Read) else {
                seen.all_passed = false;
                continue;
            };
            seen.plans.insert(plan.name.clone());
            let mut statuses: BTreeMap<&str, Vec<CaseStatus>> = BTreeMap::new();
            for case in &run.cases {
                statuses.entry(&case.id).or_default().push(case.status);
            }
            for test in &plan.required {
                let found = statuses.get(test.as_str()).map(Vec::as_slice).unwrap_or_default();
                let passed = !found.is_empty() && found.iter().all(|status| *status == CaseStatus::Passed);
                seen.all_passed &= passed;
                if found.iter().any(|status| matches!(status, CaseStatus::Failed | CaseStatus::Errored)) {
                    seen.failed.insert(RequiredTest { plan: plan.name.clone(), test: test.clone() });
                }
            }
        }
        seen
    }

    /// Whether nothing tells the submission from the gold answer: it passed, or its tests were
    /// run and every required one passed.
    fn is_undetected(&self, outcome: Option<Outcome>) -> bool {
        outcome == Some(Outcome::Pass) || (!self.plans.is_empty() && self.all_passed)
    }
}

/// What was seen of each task's tests, attempt by attempt.
#[derive(Debug, Default)]
pub(super) struct Coverage(BTreeMap<TaskId, Sheet>);

#[derive(Debug, Default)]
struct Sheet {
    wrong: BTreeSet<String>,
    undetected: BTreeSet<String>,
    plans: BTreeSet<String>,
    failed: BTreeSet<RequiredTest>,
}

impl Coverage {
    /// Adds an attempt with the unchanged work tree.
    pub(super) fn unchanged(&mut self, task: &TaskId, seen: Seen) {
        let sheet = self.0.entry(task.clone()).or_default();
        sheet.plans.extend(seen.plans);
        sheet.failed.extend(seen.failed);
    }

    /// Adds an attempt with a case that has to fail.
    pub(super) fn wrong(&mut self, task: &TaskId, case: &str, outcome: Option<Outcome>, seen: Seen) {
        let sheet = self.0.entry(task.clone()).or_default();
        sheet.wrong.insert(case.to_owned());
        if seen.is_undetected(outcome) {
            sheet.undetected.insert(case.to_owned());
        }
        self.unchanged(task, seen);
    }

    /// What all of it shows, of each task that has a case that has to fail.
    pub(super) fn sum(self, tasks: &[&SuiteTask]) -> Vec<CaseCoverage> {
        let Self(mut sheets) = self;
        let with_cases = tasks.iter().filter_map(|task| {
            let sheet = sheets.remove(&task.public.id).filter(|sheet| !sheet.wrong.is_empty())?;
            let plans = task.environment.as_ref().map(|environment| environment.plans()).unwrap_or_default();
            let required = plans.iter().filter(|plan| sheet.plans.contains(&plan.name)).flat_map(|plan| {
                plan.required.iter().map(|test| RequiredTest { plan: plan.name.clone(), test: test.clone() })
            });
            let (failed, never_failed): (Vec<_>, Vec<_>) =
                required.partition(|test| sheet.failed.contains(test));
            Some(CaseCoverage {
                task: task.public.id.to_string(),
                wrong: sheet.wrong.len() as u64,
                undetected: sheet.undetected.into_iter().collect(),
                required: (failed.len() + never_failed.len()) as u64,
                never_failed,
            })
        });
        with_cases.collect()
    }
}
