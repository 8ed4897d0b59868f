//! Recorded submissions, judged again.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};

use lancet_core::{
    Answer, AttemptId, AttemptState, Capability, Capture, Decision, Environment, Grant, History, Outcome,
    Part, PluginIdentity, Regraded, RegradedAttempt, RunId, RunSpec, Setting, Sha256, SolveEnd, Task,
    TestReport, Verdict, VerdictRecord,
};
use lancet_engine::{Plugin, Sources};
use lancet_store::{AttemptRow, Reader, RunRow, Store};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::attempt::{
    grade, is_tested, judged_by, may_ask, refused_verdict, submission_digest, taken, verdict_record,
};
use crate::audit;
use crate::blobs::Blobs;
use crate::catalog::{self, Loader, Named};
use crate::error::Error;
use crate::grader_settings;
use crate::grader_sources::{GraderSources, Tests};
use crate::measure;
use crate::nothing;
use crate::observer::Observer;
use crate::recorder;

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
    /// What was set of the grader.
    settings: BTreeMap<String, Value>,
    old: VerdictRecord,
    /// How the agent ended.
    end: SolveEnd,
}

impl Recorded {
    /// Has a grader judge it, or repeats what the host itself decided.
    async fn judge(self, store: &Store, spec: &RunSpec, plugin: &Plugin) -> Result<Judged, Error> {
        let submission = submission_digest(&self.answer, self.capture.as_ref());
        let verdict = match (&self.capture, self.nothing, self.environment) {
            (Some(Capture::Refused(refused)), ..) => refused_verdict(refused),
            (_, Some(verdict), _) => verdict,
            (capture, None, environment) => {
                let sources = match environment {
                    None => Sources { submission: Some(Arc::new(self.answer.clone())), ..Sources::default() },
                    Some(environment) => {
                        let changes = taken(capture.as_ref()).cloned();
                        let tests = Tests::recorded(&environment, self.reports);
                        judged_by(GraderSources::new(Blobs::new(store), &self.answer, changes, tests))
                    }
                };
                let settings = grader_settings::source(plugin, &self.row.id.task, &self.settings)?;
                let sources = Sources { settings: Some(settings), ..sources };
                let graded = grade(plugin, spec, &self.row, &self.task, &self.key, sources, &self.answer);
                let verdict = graded.await?.verdict;
                // Records from before an agent's words were added are not changed by that.
                if verdict == self.old.verdict { verdict } else { verdict.with_end(&self.end) }
            }
        };
        let by_model = may_ask(spec, plugin);
        let new = verdict_record(spec, &self.row, plugin.digest(), verdict, submission, by_model);
        Ok((self.row.id, self.old, new))
    }
}

/// An attempt, and its verdict then and now.
type Judged = (AttemptId, VerdictRecord, VerdictRecord);

/// How a run's submissions are to be judged again.
#[derive(Debug, Clone)]
pub struct Regrading {
    /// The grader that judges all of them; without one, those that the run recorded.
    pub grader: Option<Named>,
    /// What graders are granted beyond the run's own grant.
    pub grants: Vec<Capability>,
    /// How often everything is judged, which is for measuring.
    pub rounds: NonZeroU32,
    /// How many are judged at a time.
    pub jobs: NonZeroUsize,
}

/// Judges the recorded submissions of a run again. Records nothing: the verdicts
/// of the run stay what they are. `started` is told when everything is loaded and read,
/// and judging begins.
///
/// # Errors
/// When there is no such run, its records contradict one another, or a grader or blob
/// cannot be used. A grader that asks models is not used: nothing is asked or spent here.
pub async fn regrade(
    store: &Store,
    loader: &Loader,
    run: &RunId,
    regrading: Regrading,
    started: impl FnOnce(),
    observer: &dyn Observer,
) -> Result<Regraded, Error> {
    let reader = store.reader();
    let run = audit::audited(&reader, run, observer)?.run;
    let grant = regrading.grants.iter().fold(run.spec.grader_grant.clone(), |grant: Grant, capability| {
        grant.clone().with(*capability).unwrap_or(grant)
    });
    let replacement = match &regrading.grader {
        None => None,
        Some(named) => Some((named.identity.clone(), loader.load(named, &grant)?)),
    };
    let mut graders: BTreeMap<_, Plugin> = BTreeMap::new();
    if replacement.is_none() {
        for identity in &run.spec.graders {
            let named = catalog::recorded(&reader, identity)?;
            graders.insert(identity.digest, loader.load(&named, &grant)?);
        }
    }
    let mut judges = replacement.iter().map(|(_, plugin)| plugin).chain(graders.values());
    if let Some(grader) = judges.find(|grader| grader.has(Capability::Model)) {
        return Err(Error::GraderAsks { grader: grader.name().to_owned() });
    }
    let mut judges = replacement.iter().map(|(_, plugin)| plugin);
    judges.try_for_each(|grader| measure::needs(grader, &run.spec.grader_limits))?;
    let (recorded, not_regraded) = recorded(&reader, &run)?;
    let judge = |row: &AttemptRow| match &replacement {
        Some((_, plugin)) => Ok(plugin.clone()),
        None => {
            graders.get(&row.grader.digest).cloned().ok_or_else(|| Error::UnrecordedGrader(row.id.clone()))
        }
    };
    let mut work = Vec::with_capacity(recorded.len());
    for one in recorded {
        let plugin = judge(&one.row)?;
        grader_settings::source(&plugin, &one.row.id.task, &one.settings)?;
        work.push((one, plugin));
    }
    started();
    let mut attempts = Vec::new();
    for _ in 0..regrading.rounds.get() {
        attempts = judge_all(store, &run, work.clone(), regrading.jobs).await?;
    }
    let new_graders = replacement.map_or_else(|| run.spec.graders.clone(), |(identity, _)| vec![identity]);
    let names = |graders: &[PluginIdentity]| {
        graders.iter().map(|g| format!("{} ({})", g.name, g.digest.short())).collect::<Vec<_>>()
    };
    Ok(Regraded {
        run: run.id.to_string(),
        old_graders: names(&run.spec.graders),
        new_graders: names(&new_graders),
        regraded: attempts.len(),
        changed: attempts.iter().filter(|line| !line.same).count(),
        outcome_changed: attempts.iter().filter(|line| !line.same_outcome).count(),
        invalid: attempts.iter().filter(|line| line.new_outcome == Outcome::Invalid).count(),
        not_regraded,
        old_earned_cents: attempts.iter().map(|line| line.old_earned_cents).sum(),
        new_earned_cents: attempts.iter().map(|line| line.new_earned_cents).sum(),
        attempts,
    })
}

/// Every submission of the run that was graded, and how many attempts have none.
fn recorded(reader: &Reader, run: &RunRow) -> Result<(Vec<Recorded>, usize), Error> {
    let mut recorded = Vec::new();
    let mut left_out = 0;
    let mut tasks: BTreeMap<Sha256, Task> = BTreeMap::new();
    for row in reader.attempts(&run.id)? {
        let history = match row.state {
            AttemptState::Decided(_) => recorder::history(reader.events(&row.id)?),
            AttemptState::Queued | AttemptState::Submitted => History::default(),
        };
        let nothing = nothing::recorded(row.kind, &history);
        let handed_in = history.handed_in().map(|(answer, capture)| (answer, capture.cloned()));
        let History { grade, graded, decided, solved, .. } = history;
        let end = solved.map_or(SolveEnd::Answer(Answer::Nothing), |solved| solved.end);
        let graded = graded.is_some();
        let (Some((answer, capture)), Some(Decision { record: old, .. })) = (handed_in, decided) else {
            left_out += 1;
            continue;
        };
        let reports = grade.map(Part::into_reports).unwrap_or_default();
        // What no grader was asked for is not a grader's to judge: a failure of the
        // infrastructure, an agent whose time was over. What the host decided stays.
        if !graded && nothing.is_none() && !matches!(capture, Some(Capture::Refused(_))) {
            left_out += 1;
            continue;
        }
        let Setting { environment, grader_settings: settings, .. } =
            recorder::setting(reader, row.setting_blob)?;
        let environment = environment.filter(|_| is_tested(row.kind)).map(Arc::new);
        let task = match tasks.get(&row.task_blob) {
            Some(task) => task.clone(),
            None => {
                let task = recorder::task(reader, row.task_blob)?;
                tasks.insert(row.task_blob, task.clone());
                task
            }
        };
        let key = recorder::answer_key(reader, row.key_blob)?;
        recorded.push(Recorded {
            row,
            task,
            key,
            answer,
            capture,
            nothing,
            environment,
            reports,
            settings,
            old,
            end,
        });
    }
    Ok((recorded, left_out))
}

/// Judges everything with `jobs` workers that take the next one each when they
/// are done: at tens of thousands per second a task for each would cost more than
/// the judging.
async fn judge_all(
    store: &Store,
    run: &RunRow,
    work: Vec<(Recorded, Plugin)>,
    jobs: NonZeroUsize,
) -> Result<Vec<RegradedAttempt>, Error> {
    let spec = Arc::new(run.spec.clone());
    let waiting = Arc::new(Mutex::new(work.into_iter()));
    let mut workers = JoinSet::new();
    for _ in 0..jobs.get() {
        let (store, spec, waiting) = (store.clone(), Arc::clone(&spec), Arc::clone(&waiting));
        workers.spawn(async move {
            let mut judged = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((one, plugin)) = next else { break };
                judged.push(one.judge(&store, &spec, &plugin).await?);
            }
            Ok::<_, Error>(judged)
        });
    }
    let mut lines = BTreeMap::new();
    while let Some(joined) = workers.join_next().await {
        for (id, old, new) in joined.map_err(|e| Error::host("a grader's task died", e))?? {
            let line = RegradedAttempt {
                attempt: id.to_string(),
                old_outcome: old.verdict.outcome,
                old_reason: old.verdict.reason.to_string(),
                old_earned_cents: old.earned,
                new_outcome: new.verdict.outcome,
                new_reason: new.verdict.reason.to_string(),
                new_earned_cents: new.earned,
                // Another grader makes another record even when it judges the same.
                same: old.verdict == new.verdict && old.earned == new.earned,
                same_outcome: old.verdict.outcome == new.verdict.outcome && old.earned == new.earned,
                old_explanation: old.verdict.explanation,
                new_explanation: new.verdict.explanation,
            };
            lines.insert(id, line);
        }
    }
    Ok(lines.into_values().collect())
}
