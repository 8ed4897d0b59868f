//! The cases of tasks: submissions of their own, each run like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lancet_core::{AttemptState, Kind, Outcome, RequiredTest, RunId, Score, TaskId, TriedCase};
use lancet_store::{AttemptRow, Store};
use lancet_suite::{Case, CaseSubmission, Suite, SuiteTask};

use super::coverage::{Coverage, Seen};
use super::{Tally, came_to, verdict};
use crate::error::Error;
use crate::recorder;

/// How a case is handed in: those of one form can share a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Patch,
    Script,
    Choice,
}

impl Form {
    const ALL: [Self; 3] = [Self::Patch, Self::Script, Self::Choice];

    fn of(case: &Case) -> Self {
        match case.submission {
            CaseSubmission::Patch(_) => Self::Patch,
            CaseSubmission::Script(_) => Self::Script,
            CaseSubmission::Choice(_) => Self::Choice,
        }
    }

    fn agent(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Script => "script",
            Self::Choice => "choice",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Choice => Kind::SweManager,
            Self::Patch | Self::Script => Kind::IcSwe,
        }
    }
}

/// Cases that share a run: of each task at most one, and all of one form.
pub(super) struct Batch<'a> {
    form: Form,
    cases: Vec<(&'a SuiteTask, &'a Case)>,
}

/// All cases of some tasks, in as few runs as they fit into.
pub(super) fn batches<'a>(tasks: &[&'a SuiteTask]) -> Vec<Batch<'a>> {
    let mut batches = Vec::new();
    for form in Form::ALL {
        let of_form = |task: &'a SuiteTask| task.cases.iter().filter(move |case| Form::of(case) == form);
        let most = tasks.iter().map(|task| of_form(task).count()).max().unwrap_or_default();
        batches.extend((0..most).map(|number| {
            let nth = |task: &&'a SuiteTask| of_form(task).nth(number).map(|case| (*task, case));
            Batch { form, cases: tasks.iter().filter_map(nth).collect() }
        }));
    }
    batches
}

impl<'a> Batch<'a> {
    pub(super) fn agent(&self) -> &'static str {
        self.form.agent()
    }

    pub(super) fn kind(&self) -> Kind {
        self.form.kind()
    }

    pub(super) fn tasks(&self) -> Vec<&'a SuiteTask> {
        self.cases.iter().map(|(task, _)| *task).collect()
    }

    /// What each task's agent is given.
    pub(super) fn inputs(&self, suite: &Suite) -> Result<BTreeMap<TaskId, Arc<str>>, Error> {
        let input =
            |(task, case): &(&SuiteTask, &Case)| Ok((task.public.id.clone(), suite.case_input(case)?.into()));
        self.cases.iter().map(input).collect()
    }

    /// What came of them, in the order of the tasks.
    pub(super) fn lines(
        &self,
        store: &Store,
        run: &RunId,
        coverage: &mut Coverage,
    ) -> Result<Vec<TriedCase>, Error> {
        let reader = store.reader();
        let rows = reader.attempts(run)?;
        let mut lines = Vec::new();
        for (task, case) in &self.cases {
            let mut tally = Tally::default();
            let mut fails = BTreeSet::new();
            for row in rows.iter().filter(|row| row.id.task == task.public.id) {
                let history = recorder::history(reader.events(&row.id)?);
                let seen = Seen::of(task, &history);
                fails.extend(seen.failed.iter().cloned());
                let outcome = match row.state {
                    AttemptState::Decided(outcome) => Some(outcome),
                    _ => None,
                };
                if case.is_wrong() {
                    coverage.wrong(&task.public.id, &case.name, outcome, seen);
                }
                let score = verdict(&history).map(|verdict| verdict.score);
                tally.add(surprise(case, row, score), row, &history);
            }
            lines.push(line(task, case, tally, fails.into_iter().collect()));
        }
        Ok(lines)
    }
}

fn line(task: &SuiteTask, case: &Case, tally: Tally, fails: Vec<RequiredTest>) -> TriedCase {
    TriedCase {
        task: task.public.id.to_string(),
        case: case.name.clone(),
        about: case.about.clone(),
        expected: case.expected.to_string(),
        rounds: tally.rounds,
        as_expected: tally.as_expected,
        surprises: tally.surprises,
        causes: tally.causes,
        fails,
    }
}

/// What an attempt came to, when that is not what its case has to come to.
fn surprise(case: &Case, row: &AttemptRow, score: Option<Score>) -> Option<String> {
    let AttemptState::Decided(outcome) = row.state else { return Some("undecided".to_owned()) };
    let expected = &case.expected;
    let is_worth = outcome != Outcome::Pass || score == Some(expected.score);
    let is_expected =
        outcome == expected.outcome && row.reason.as_ref() == Some(&expected.reason) && is_worth;
    let in_part = score.filter(|score| outcome == Outcome::Pass && *score != Score::FULL);
    (!is_expected).then(|| came_to(outcome, row, in_part))
}
