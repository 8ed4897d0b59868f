use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use lancet_core::{
    Answer, AttemptId, AttemptState, Capture, Cents, Environment, Event, Grant, Outcome, Phase,
    PluginIdentity, Response, Role, RunSpec, Sha256, Task, TestReport, Verdict, VerdictRecord,
};
use lancet_engine::{EngineError, Plugin, Sources};
use lancet_store::{AttemptRow, Reader, RunRow, Store};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::arguments::{FormatKind, Global, Regrade};
use crate::attempt::{grade, judged_by, refused_verdict, submission_digest, taken, verdict_record};
use crate::audit;
use crate::catalog;
use crate::evidence::Evidence;
use crate::execution::block_on;
use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::nothing;
use crate::output;
use crate::record;
use crate::render::{Table, left, right};

/// A recorded submission, with what is needed to judge it again.
#[derive(Clone)]
struct Recorded {
    row: AttemptRow,
    task: Task,
    key: String,
    answer: Answer,
    capture: Option<Capture>,
    /// The verdict, when nothing was handed in and the host saw why.
    nothing: Option<Verdict>,
    environment: Option<Arc<Environment>>,
    /// The test runs of the first grading, by plan: a grader is shown these, and no
    /// container is started.
    reports: BTreeMap<String, TestReport>,
    old: VerdictRecord,
}

impl Recorded {
    /// Has a grader judge it, or repeats what the host itself decided.
    async fn judge(self, store: &Store, spec: &RunSpec, plugin: &Plugin) -> Result<Judged, EngineError> {
        let submission = submission_digest(&self.answer, self.capture.as_ref());
        let verdict = match (&self.capture, self.nothing, self.environment) {
            (Some(Capture::Refused(refused)), ..) => refused_verdict(refused),
            (_, Some(verdict), _) => verdict,
            (capture, None, environment) => {
                let sources = match environment {
                    None => Sources { submission: Some(Arc::new(self.answer.clone())), ..Sources::default() },
                    Some(environment) => {
                        let manifest = taken(capture.as_ref()).cloned();
                        judged_by(Evidence::recorded(
                            store,
                            &self.answer,
                            manifest,
                            &environment,
                            self.reports,
                        ))
                    }
                };
                grade(plugin, spec, &self.row, &self.task, &self.key, sources, &self.answer).await?.verdict
            }
        };
        let new = verdict_record(spec, &self.row, plugin.digest(), verdict, submission);
        Ok((self.row.id, self.old, new))
    }
}

/// An attempt, and its verdict then and now.
type Judged = (AttemptId, VerdictRecord, VerdictRecord);

#[derive(Serialize)]
struct Line {
    attempt: String,
    old_outcome: Outcome,
    old_reason: String,
    old_earned_cents: Cents,
    new_outcome: Outcome,
    new_reason: String,
    new_earned_cents: Cents,
    same: bool,
}

#[derive(Serialize)]
struct Comparison {
    run: String,
    old_graders: Vec<String>,
    new_graders: Vec<String>,
    regraded: usize,
    changed: usize,
    not_regraded: usize,
    old_earned_cents: Cents,
    new_earned_cents: Cents,
    attempts: Vec<Line>,
}

/// Judges the recorded submissions of a run again. Records nothing: the verdicts
/// of the run stay what they are.
pub(crate) fn main(arguments: &Regrade, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let reader = store.reader();
    let run = audit::audited(&reader, &reader.resolve_run(&arguments.run)?)?.run;
    let runtime = catalog::runtime(arguments.jobs.number())?;
    let grant =
        arguments.grants.iter().fold(run.spec.grader_grant.clone(), |grant: Grant, (_, capability)| {
            grant.clone().with(*capability).unwrap_or(grant)
        });
    let replacement = match &arguments.grader {
        None => None,
        Some(name) => {
            let named = catalog::find(Role::Grader, name)?;
            Some((named.identity.clone(), catalog::load(&runtime, &named, &grant)?))
        }
    };
    let mut graders = BTreeMap::new();
    if replacement.is_none() {
        for identity in &run.spec.graders {
            let named = catalog::recorded(&reader, identity)?;
            graders.insert(identity.digest, catalog::load(&runtime, &named, &grant)?);
        }
    }
    let (recorded, left_out) = recorded(&reader, &run)?;
    let judge = |row: &AttemptRow| match &replacement {
        Some((_, plugin)) => Ok(plugin.clone()),
        None => graders.get(&row.grader.digest).cloned().ok_or_else(|| {
            Failure::new(Exit::Store, format!("the run does not record the grader of attempt {}", row.id))
        }),
    };
    let mut work = Vec::with_capacity(recorded.len());
    for one in recorded {
        let plugin = judge(&one.row)?;
        work.push((one, plugin));
    }
    let rounds = arguments.rounds.get();
    let started = Instant::now();
    let mut lines = Vec::new();
    for _ in 0..rounds {
        lines = block_on(regrade(&store, &run, work.clone(), arguments.jobs.number().get()))?;
    }
    if rounds > 1 {
        let number = f64::from(rounds) * f64::from(u32::try_from(lines.len()).unwrap_or(u32::MAX));
        eprintln!("{:.0} verdicts a second", number / started.elapsed().as_secs_f64());
    }
    let new_graders = replacement.map_or_else(|| run.spec.graders.clone(), |(identity, _)| vec![identity]);
    print(&run, &new_graders, lines, left_out, arguments.format.kind)?;
    Ok(Exit::Done)
}

/// Every submission of the run that was graded, and how many attempts have none.
fn recorded(reader: &Reader, run: &RunRow) -> Result<(Vec<Recorded>, usize), Failure> {
    let mut recorded = Vec::new();
    let mut left_out = 0;
    let mut tasks: BTreeMap<Sha256, Task> = BTreeMap::new();
    for row in reader.attempts(&run.id)? {
        let events = match row.state {
            AttemptState::Decided(_) => reader.events(&row.id)?,
            AttemptState::Queued | AttemptState::Submitted => Vec::new(),
        };
        let handed_in = record::handed_in(&events);
        let nothing = nothing::recorded(row.kind, &events);
        let mut old = None;
        let mut graded = false;
        let mut reports = BTreeMap::new();
        for line in events {
            match line.event {
                Event::Reopened { .. } => {
                    graded = false;
                    reports.clear();
                }
                Event::Graded { .. } => graded = true,
                Event::Called { phase: Phase::Grade, call } => {
                    if let Response::Tested(report) = call.response {
                        reports.insert(report.plan.clone(), *report);
                    }
                }
                Event::Decided { record, .. } => old = Some(record),
                _ => {}
            }
        }
        let (Some((answer, capture)), Some(old)) = (handed_in, old) else {
            left_out += 1;
            continue;
        };
        // What no grader was asked for is not a grader's to judge: a failure of the
        // infrastructure, an agent whose time was over. What the host decided stays.
        if !graded && nothing.is_none() && !matches!(capture, Some(Capture::Refused(_))) {
            left_out += 1;
            continue;
        }
        let environment = record::setting(reader, row.setting_blob)?.environment.map(Arc::new);
        let task = match tasks.get(&row.task_blob) {
            Some(task) => task.clone(),
            None => {
                let task = record::task(reader, row.task_blob)?;
                tasks.insert(row.task_blob, task.clone());
                task
            }
        };
        let key = record::answer_key(reader, row.key_blob)?;
        recorded.push(Recorded { row, task, key, answer, capture, nothing, environment, reports, old });
    }
    Ok((recorded, left_out))
}

/// Judges everything with `jobs` workers that take the next one each when they
/// are done: at tens of thousands a second a task for each would cost more than
/// the judging.
async fn regrade(
    store: &Store,
    run: &RunRow,
    work: Vec<(Recorded, Plugin)>,
    jobs: usize,
) -> Result<Vec<Line>, Failure> {
    let spec = Arc::new(run.spec.clone());
    let waiting = Arc::new(Mutex::new(work.into_iter()));
    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        let (store, spec, waiting) = (store.clone(), Arc::clone(&spec), Arc::clone(&waiting));
        workers.spawn(async move {
            let mut judged = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((one, plugin)) = next else { break };
                judged.push(one.judge(&store, &spec, &plugin).await?);
            }
            Ok::<_, EngineError>(judged)
        });
    }
    let mut lines = BTreeMap::new();
    while let Some(joined) = workers.join_next().await {
        for (id, old, new) in joined.map_err(|e| host("a grader's task died", e))?? {
            let line = Line {
                attempt: id.to_string(),
                old_outcome: old.verdict.outcome,
                old_reason: old.verdict.reason.to_string(),
                old_earned_cents: old.earned,
                new_outcome: new.verdict.outcome,
                new_reason: new.verdict.reason.to_string(),
                new_earned_cents: new.earned,
                // Another grader makes another record even when it judges the same.
                same: old.verdict == new.verdict && old.earned == new.earned,
            };
            lines.insert(id, line);
        }
    }
    Ok(lines.into_values().collect())
}

fn print(
    run: &RunRow,
    new_graders: &[PluginIdentity],
    attempts: Vec<Line>,
    not_regraded: usize,
    format: FormatKind,
) -> Result<(), Failure> {
    let mut table = Table::new([
        left("attempt"),
        left("old"),
        left("old reason"),
        right("old earned"),
        left("new"),
        left("new reason"),
        right("new earned"),
        left("compared"),
    ]);
    for line in &attempts {
        table.row([
            line.attempt.clone(),
            line.old_outcome.to_string(),
            line.old_reason.clone(),
            line.old_earned_cents.to_string(),
            line.new_outcome.to_string(),
            line.new_reason.clone(),
            line.new_earned_cents.to_string(),
            if line.same { "same".to_owned() } else { "changed".to_owned() },
        ]);
    }
    let names = |graders: &[PluginIdentity]| {
        graders.iter().map(|g| format!("{} ({})", g.name, g.digest.short())).collect::<Vec<_>>()
    };
    let comparison = Comparison {
        run: run.id.to_string(),
        old_graders: names(&run.spec.graders),
        new_graders: names(new_graders),
        regraded: attempts.len(),
        changed: attempts.iter().filter(|line| !line.same).count(),
        not_regraded,
        old_earned_cents: attempts.iter().map(|line| line.old_earned_cents).sum(),
        new_earned_cents: attempts.iter().map(|line| line.new_earned_cents).sum(),
        attempts,
    };
    output::print_table(format, &table, &comparison)?;
    if format == FormatKind::Table {
        output::print(&format!(
            "\n{} regraded, {} changed, {} without a submission; earned {} before, {} now",
            comparison.regraded,
            comparison.changed,
            comparison.not_regraded,
            comparison.old_earned_cents,
            comparison.new_earned_cents
        ))?;
    }
    Ok(())
}
