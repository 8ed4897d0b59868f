//! Compares the log with a run: what it tells is what the run came to.

use std::collections::BTreeMap;

use lancet_core::{
    AttemptId, AttemptState, Leaf, LoggedBegin, LoggedEnd, LoggedReopening, LoggedVerdict, Outcome, RunId,
    Sha256, TaskId,
};

use crate::{AttemptRow, RunRow};

/// What is wrong, and with which attempt, if it is about one.
type Problem = (Option<(TaskId, u32)>, String);

/// A run by its leaves.
#[derive(Default)]
struct Told {
    has_begun: bool,
    /// Whether it has ended, and no attempt was taken up again since.
    has_ended: bool,
    verdicts: BTreeMap<(TaskId, u32), (Outcome, Sha256)>,
    problems: Vec<Problem>,
}

/// Everything in which the log and a run differ. `attempts` are all of the run's.
pub(super) fn compare(run: &RunRow, attempts: &[AttemptRow], leaves: &[(u64, String)]) -> Vec<Problem> {
    if !run.logged {
        let first = leaves.first();
        let stray = first.map(|(place, _)| {
            (None, format!("has the leaf {place} of a run from before there was a log, which has none"))
        });
        return stray.into_iter().collect();
    }
    let mut told = Told::default();
    for (place, text) in leaves {
        match Leaf::parse(text) {
            Some(leaf) => told.read(run, attempts, *place, leaf),
            None => told.add(None, format!("at {place} is no leaf of a log")),
        }
    }
    if !told.has_begun {
        told.add(None, "does not tell that the run began");
    }
    for row in attempts {
        let key = (row.id.task.clone(), row.id.number);
        let due = match (row.state, row.verdict_digest) {
            (AttemptState::Decided(outcome), Some(digest)) => Some((outcome, digest)),
            _ => None,
        };
        let is = told.verdicts.remove(&key);
        if is != due {
            let shown = |verdict: Option<(Outcome, Sha256)>| match verdict {
                Some((outcome, digest)) => format!("{outcome}, {digest}"),
                None => "no verdict".to_owned(),
            };
            told.add(Some(key), format!("tells of {}, by its row it has to be {}", shown(is), shown(due)));
        }
    }
    for key in std::mem::take(&mut told.verdicts).into_keys() {
        told.add(Some(key), "tells of a verdict, and there is no such attempt");
    }
    if told.has_ended != run.finished {
        let (is, due) = if run.finished { ("has not", "1") } else { ("has", "0") };
        told.add(None, format!("tells that the run {is} ended, and `runs.finished` is {due}"));
    }
    told.problems
}

impl Told {
    fn add(&mut self, attempt: Option<(TaskId, u32)>, problem: impl Into<String>) {
        self.problems.push((attempt, problem.into()));
    }

    fn read(&mut self, run: &RunRow, attempts: &[AttemptRow], place: u64, leaf: Leaf) {
        if !self.has_begun && !matches!(leaf, Leaf::RunBegin(_)) {
            self.add(None, format!("at {place} tells of the run before it tells that it began"));
            self.has_begun = true;
        }
        match leaf {
            Leaf::RunBegin(begin) => {
                if self.has_begun {
                    self.add(None, format!("at {place} tells again that the run began"));
                }
                self.has_begun = true;
                self.begin(run, attempts, place, &begin);
            }
            Leaf::Verdict(LoggedVerdict { run: of, task, attempt, outcome, digest }) => {
                self.is_of(run, place, &of);
                let key = (task, attempt);
                if self.verdicts.insert(key.clone(), (outcome, digest)).is_some() {
                    self.add(Some(key), format!("at {place} tells of a second verdict"));
                }
                if self.has_ended {
                    self.add(None, format!("at {place} tells of a verdict after the run's end"));
                }
            }
            Leaf::Reopened(LoggedReopening { run: of, task, attempt }) => {
                self.is_of(run, place, &of);
                let key = (task, attempt);
                match self.verdicts.remove(&key) {
                    Some((Outcome::Invalid, _)) => {}
                    _ => self.add(Some(key), format!("at {place} takes back a verdict that was not invalid")),
                }
                self.has_ended = false;
            }
            Leaf::RunEnd(end) => {
                self.is_of(run, place, &end.run);
                if self.has_ended {
                    self.add(None, format!("at {place} tells again that the run ended"));
                }
                self.has_ended = true;
                let verdicts =
                    self.verdicts.iter().map(|((task, attempt), (outcome, digest))| LoggedVerdict {
                        run: run.id.clone(),
                        task: task.clone(),
                        attempt: *attempt,
                        outcome: *outcome,
                        digest: *digest,
                    });
                if end != LoggedEnd::new(run.id.clone(), verdicts.collect()) {
                    let problem = format!(
                        "at {place} tells of {} verdicts under {}, and they are not those before it",
                        end.verdicts, end.root
                    );
                    self.add(None, problem);
                }
            }
        }
    }

    fn is_of(&mut self, run: &RunRow, place: u64, of: &RunId) {
        if *of != run.id {
            self.add(None, format!("at {place} is of run {of}"));
        }
    }

    fn begin(&mut self, run: &RunRow, attempts: &[AttemptRow], place: u64, is: &LoggedBegin) {
        let mut tasks: Vec<&TaskId> = attempts.iter().map(|row| &row.id.task).collect();
        tasks.dedup();
        let record = run.record.unwrap_or(is.record);
        let due =
            LoggedBegin::new(run.id.clone(), record, &run.spec, tasks.len() as u64, attempts.len() as u64);
        if let Some((key, is, due)) = is.difference(&due) {
            self.add(None, format!("at {place} has `{key}` {is}, by the run it has to be {due}"));
        }
    }
}

/// The attempt of a run that a problem is with.
pub(super) fn name(run: &RunId, attempt: Option<(TaskId, u32)>) -> Option<String> {
    attempt.map(|(task, number)| AttemptId { run: run.clone(), task, number }.to_string())
}
