//! The controls of a suite: answers that are known to be right or wrong, run like any
//! other, to see whether the suite tells them apart. Beside those that every task has there are
//! the cases that its author gave it.

mod case;
mod coverage;

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;

use lancet_core::{
    AttemptState, Budgets, Capability, ControlledTask, Controls, History, Kind, Limits, Outcome, Role, RunId,
    Score, SolveEnd, SurpriseCause, TaskId, UntriedControl, Verdict,
};
use lancet_store::{AttemptRow, Store};
use lancet_suite::{Gold, ImageLock, MAX_GOLD_BYTES, Suite, SuiteTask};

use self::coverage::{Coverage, Seen};
use crate::catalog;
use crate::error::Error;
use crate::observer::{Notice, Observer};
use crate::order::{Order, prepare};
use crate::recorder;
use crate::run::{Ended, Host};
use crate::sandboxes::Sandboxes;

/// The most bytes that are told of a surprise's cause.
const MAX_CAUSE_BYTES: usize = 1_000;

/// What every task of a suite is tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// The right answer.
    Gold,
    /// Nothing handed in.
    Noop,
    /// The work tree as it is.
    Empty,
    /// A work tree with a line changed at random.
    Random,
}

impl Control {
    const ALL: [Self; 4] = [Self::Gold, Self::Noop, Self::Empty, Self::Random];

    fn as_str(self) -> &'static str {
        match self {
            Self::Gold => "gold",
            Self::Noop => "noop",
            Self::Empty => "empty",
            Self::Random => "random",
        }
    }

    fn expected(self) -> Outcome {
        if self == Self::Gold { Outcome::Pass } else { Outcome::Fail }
    }

    /// Whether tasks of that kind are tried with it. Of a manager's proposals a
    /// random one is right now and then, and there is no empty choice.
    fn applies(self, kind: Kind) -> bool {
        kind == Kind::IcSwe || matches!(self, Self::Gold | Self::Noop)
    }

    fn agent(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Gold, Kind::SweManager) => "gold",
            (Self::Gold | Self::Empty, _) => "patch",
            (Self::Noop, _) => "noop",
            (Self::Random, _) => "random",
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a run of cases is called, as a control.
const CASES: &str = "cases";

const NOT_RUNNABLE: &str = "the task has no grader or no environment, and cannot be run";
const NOT_PINNED: &str = "the task's images are not pinned, so it cannot be run";
const NO_GOLD: &str = "the task has no gold patch";
const KEY_OF_ITS_OWN: &str = "only the task's own grader can read its answer key";

/// What controls are to be run of a suite.
pub struct ControlsOrder<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The suite's folder, for the record.
    pub path: &'a Path,
    /// The tasks that are tried.
    pub selected: Vec<&'a SuiteTask>,
    /// The patterns that narrowed the selection of tasks, for the record.
    pub patterns: Vec<String>,
    /// How often each control is run.
    pub rounds: NonZeroU32,
    /// What is granted to graders beyond what their role comes with.
    pub grants: Vec<(Role, Capability)>,
    /// What one call of an agent may use.
    pub agent_limits: Limits,
    /// What one call of a grader may use.
    pub grader_limits: Limits,
}

/// Runs every control of the suite, `rounds` times each. `None` when it was told to stop:
/// `stops` gives the futures that stop and abort each run, as for [`crate::Run::finish`].
///
/// # Errors
/// As preparing and executing runs, and when a gold patch cannot be read.
pub async fn controls<S, A>(
    host: &Host,
    order: ControlsOrder<'_>,
    jobs: NonZeroUsize,
    stops: impl Fn() -> (S, A),
    observer: &Arc<dyn Observer>,
) -> Result<Option<Controls>, Error>
where
    S: Future<Output = ()>,
    A: Future<Output = ()>,
{
    let ControlsOrder { suite, selected, .. } = &order;
    let gold = golds(suite, selected, &host.sandboxes, &**observer).await?;
    let mut summary = Controls {
        suite: suite.name().to_owned(),
        digest: suite.digest().to_string(),
        cases_digest: suite.cases_digest().map(|digest| digest.to_string()),
        rounds: order.rounds.get(),
        controls: Vec::new(),
        cases: Vec::new(),
        coverage: Vec::new(),
        surprises: 0,
        left_out: left_out(selected, &gold),
        runs: Vec::new(),
    };
    let mut coverage = Coverage::default();
    for control in Control::ALL {
        for kind in Kind::ALL.into_iter().filter(|kind| control.applies(*kind)) {
            let tasks: Vec<_> = selected
                .iter()
                .copied()
                .filter(|task| task.public.kind == kind && is_tried(task))
                .filter(|task| control != Control::Gold || without_gold(task, &gold).is_none())
                .collect();
            if tasks.is_empty() {
                continue;
            }
            let tried = tasks.clone();
            let due = ordered(&order, control, kind, tasks, &gold)?;
            let Some(id) = carried_out(host, due, jobs, &stops, observer).await? else { return Ok(None) };
            summary.runs.push(id.to_string());
            let lines = lines(&host.store, &id, control, &tried, &mut coverage)?;
            // Those that could not be run have been warned of, which nobody reads who reads
            // the JSON.
            let untried = tried.iter().filter(|task| !lines.contains_key(&task.public.id));
            summary.left_out.extend(untried.map(|task| not_pinned(task, control.as_str())));
            summary.controls.extend(lines.into_values());
        }
    }
    // A run of none but tasks that cannot be run is refused, whatever others have come to.
    let lock = ImageLock::read(suite)?;
    let is_pinned = |task: &&SuiteTask| suite.environment(task, &lock).is_ok();
    let (tried, unpinned): (Vec<_>, Vec<_>) =
        selected.iter().copied().filter(|task| is_tried(task)).partition(is_pinned);
    let unpinned = unpinned.iter().flat_map(|task| task.cases.iter().map(move |case| (task, case)));
    summary.left_out.extend(unpinned.map(|(task, case)| not_pinned(task, &format!("cases/{}", case.name))));
    for batch in case::batches(&tried) {
        let due = with_cases(&order, &batch)?;
        let Some(id) = carried_out(host, due, jobs, &stops, observer).await? else { return Ok(None) };
        summary.runs.push(id.to_string());
        summary.cases.extend(batch.lines(&host.store, &id, &mut coverage)?);
    }
    summary.controls.sort_by(|a, b| a.task.cmp(&b.task));
    summary.cases.sort_by(|a, b| (&a.task, &a.case).cmp(&(&b.task, &b.case)));
    summary.coverage = coverage.sum(selected);
    let of_controls = summary.controls.iter().map(|line| line.rounds - line.as_expected);
    let of_cases = summary.cases.iter().map(|line| line.rounds - line.as_expected);
    summary.surprises = of_controls.chain(of_cases).sum();
    Ok(Some(summary))
}

/// Records a run and executes it to its end. `None` when it was told to stop.
async fn carried_out<S, A>(
    host: &Host,
    due: Order<'_>,
    jobs: NonZeroUsize,
    stops: &impl Fn() -> (S, A),
    observer: &Arc<dyn Observer>,
) -> Result<Option<RunId>, Error>
where
    S: Future<Output = ()>,
    A: Future<Output = ()>,
{
    let run = prepare(&host.loader, due, &**observer).await?.record(host).await?;
    let id = run.id().clone();
    let (stop, abort) = stops();
    let ended = run.finish(jobs, stop, abort, Arc::clone(observer)).await?;
    Ok((ended != Ended::Stopped).then_some(id))
}

fn not_pinned(task: &SuiteTask, control: &str) -> UntriedControl {
    UntriedControl {
        task: task.public.id.to_string(),
        control: control.to_owned(),
        why: NOT_PINNED.to_owned(),
    }
}

/// The run that tries tasks of one kind with one control.
fn ordered<'a>(
    order: &ControlsOrder<'a>,
    control: Control,
    kind: Kind,
    tasks: Vec<&'a SuiteTask>,
    gold: &BTreeMap<TaskId, Arc<str>>,
) -> Result<Order<'a>, Error> {
    let inputs = match control {
        Control::Gold => gold.clone(),
        Control::Empty => tasks.iter().map(|task| (task.public.id.clone(), "".into())).collect(),
        Control::Noop | Control::Random => BTreeMap::new(),
    };
    let mut due = run_of(order, kind, control.agent(kind), control.as_str())?;
    (due.selected, due.inputs) = (tasks, inputs);
    if (control, kind) == (Control::Gold, Kind::SweManager) {
        due.grants.push((Role::Agent, Capability::AnswerKey));
    }
    Ok(due)
}

/// The run that tries cases.
fn with_cases<'a>(order: &ControlsOrder<'a>, batch: &case::Batch<'a>) -> Result<Order<'a>, Error> {
    let mut due = run_of(order, batch.kind(), batch.agent(), CASES)?;
    (due.selected, due.inputs) = (batch.tasks(), batch.inputs(order.suite)?);
    Ok(due)
}

/// A run of no task yet, by one of the agents that hand in what they are told to.
fn run_of<'a>(
    order: &ControlsOrder<'a>,
    kind: Kind,
    agent: &str,
    control: &'static str,
) -> Result<Order<'a>, Error> {
    Ok(Order {
        suite: order.suite,
        path: order.path,
        patterns: order.patterns.clone(),
        selected: Vec::new(),
        kind: Some(kind),
        agent: catalog::find(Role::Agent, agent)?,
        inputs: BTreeMap::new(),
        seed: 0,
        attempts: order.rounds,
        grants: order.grants.clone(),
        agent_limits: order.agent_limits.clone(),
        grader_limits: order.grader_limits.clone(),
        control: Some(control),
        models: Vec::new(),
        scripts: BTreeMap::new(),
        budgets: Budgets::default(),
        settings: BTreeMap::new(),
        prompt: None,
    })
}

/// Whether a task takes part: those that are not runnable have been warned of.
fn is_tried(task: &SuiteTask) -> bool {
    task.grader.is_some() && (task.public.kind == Kind::SweManager || task.environment.is_some())
}

/// Why a task that takes part has no gold control, when it has none.
fn without_gold(task: &SuiteTask, golds: &BTreeMap<TaskId, Arc<str>>) -> Option<&'static str> {
    match task.public.kind {
        Kind::SweManager => task.has_key_of_its_own().then_some(KEY_OF_ITS_OWN),
        Kind::IcSwe => (!golds.contains_key(&task.public.id)).then_some(NO_GOLD),
    }
}

/// What can be told before anything is run of the tasks that are not tried.
fn left_out(tasks: &[&SuiteTask], golds: &BTreeMap<TaskId, Arc<str>>) -> Vec<UntriedControl> {
    let all = |task: &SuiteTask| (!is_tried(task)).then_some(("all", NOT_RUNNABLE));
    let gold = |task: &SuiteTask| without_gold(task, golds).map(|why| (Control::Gold.as_str(), why));
    tasks
        .iter()
        .filter_map(|task| {
            let (control, why) = all(task).or_else(|| gold(task))?;
            let task = task.public.id.to_string();
            Some(UntriedControl { task, control: control.to_owned(), why: why.to_owned() })
        })
        .collect()
}

/// The gold patches of the individual contributor tasks that have one.
async fn golds(
    suite: &Suite,
    tasks: &[&SuiteTask],
    sandboxes: &Sandboxes,
    observer: &dyn Observer,
) -> Result<BTreeMap<TaskId, Arc<str>>, Error> {
    let lock = ImageLock::read(suite)?;
    // Files of images are read from containers, which a run that ends would clear away.
    let _in_use = sandboxes.in_use().await;
    let mut golds = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.public.kind == Kind::IcSwe && is_tried(task)) {
        let patch = match suite.gold(task)? {
            None => {
                observer.notice(Notice::WithoutGold { task: &task.public.id });
                continue;
            }
            Some(Gold::File(patch)) => patch,
            Some(Gold::Image { image, path }) => {
                let pinned = lock.pinned(suite, &image)?;
                let docker = sandboxes.docker().await.map_err(Error::Unavailable)?;
                let bytes = docker.image_file(&pinned, &path, MAX_GOLD_BYTES).await?;
                String::from_utf8(bytes).map_err(|_| Error::GoldNotUtf8 { path, image })?
            }
        };
        golds.insert(task.public.id.clone(), patch.into());
    }
    Ok(golds)
}

/// How the attempts at one task went, compared with what they have to come to.
#[derive(Debug, Default)]
struct Tally {
    rounds: u64,
    as_expected: u64,
    surprises: BTreeMap<String, u64>,
    causes: BTreeMap<String, SurpriseCause>,
}

impl Tally {
    /// Adds an attempt: what it came to where that is a surprise.
    fn add(&mut self, surprise: Option<String>, row: &AttemptRow, history: &History) {
        self.rounds += 1;
        let Some(surprise) = surprise else {
            self.as_expected += 1;
            return;
        };
        *self.surprises.entry(surprise.clone()).or_default() += 1;
        if let Some(why) = cause(history) {
            let attempt = row.id.to_string();
            self.causes.entry(surprise).or_insert_with(|| SurpriseCause { attempt, why });
        }
    }
}

fn lines(
    store: &Store,
    run: &RunId,
    control: Control,
    tasks: &[&SuiteTask],
    coverage: &mut Coverage,
) -> Result<BTreeMap<TaskId, ControlledTask>, Error> {
    let mut tallies: BTreeMap<TaskId, Tally> = BTreeMap::new();
    let reader = store.reader();
    // How the unchanged tree fails is told only beside cases.
    let with_cases =
        |id: &TaskId| tasks.iter().copied().find(|task| task.public.id == *id && !task.cases.is_empty());
    for row in reader.attempts(run)? {
        let unchanged = with_cases(&row.id.task).filter(|_| control == Control::Empty);
        let history = match row.state {
            // What a fail or a refusal as expected rests on is of no interest otherwise.
            AttemptState::Decided(Outcome::Fail) if control != Control::Gold && unchanged.is_none() => {
                History::default()
            }
            _ => recorder::history(reader.events(&row.id)?),
        };
        if let Some(task) = unchanged {
            coverage.unchanged(&row.id.task, Seen::of(task, &history));
        }
        let tally = tallies.entry(row.id.task.clone()).or_default();
        tally.add(surprise(control, &row, &history), &row, &history);
    }
    let line = |(task, tally): (TaskId, Tally)| {
        let line = ControlledTask {
            task: task.to_string(),
            control: control.as_str().to_owned(),
            expected: control.expected(),
            rounds: tally.rounds,
            as_expected: tally.as_expected,
            surprises: tally.surprises,
            causes: tally.causes,
        };
        (task, line)
    };
    Ok(tallies.into_iter().map(line).collect())
}

/// What an attempt came to, when that is not what its control has to come to. A gold
/// answer has to earn the whole price, since there is no better one.
fn surprise(control: Control, row: &AttemptRow, history: &History) -> Option<String> {
    let AttemptState::Decided(outcome) = row.state else { return Some("undecided".to_owned()) };
    let score = verdict(history).map(|verdict| verdict.score);
    let in_part = score.filter(|score| outcome == Outcome::Pass && *score != Score::FULL);
    if outcome == control.expected() && in_part.is_none() {
        return None;
    }
    Some(came_to(outcome, row, in_part))
}

/// What an attempt came to, in words: outcome, reason, and what a pass in part is worth.
fn came_to(outcome: Outcome, row: &AttemptRow, in_part: Option<Score>) -> String {
    let reason = row.reason.as_ref().map(|reason| format!(" {reason}")).unwrap_or_default();
    let in_part = in_part.map(|score| format!(" for {} of 1000", score.thousandths())).unwrap_or_default();
    format!("{outcome}{reason}{in_part}")
}

/// The verdict that an attempt was decided with.
fn verdict(history: &History) -> Option<&Verdict> {
    history.decided.as_ref().map(|decided| &decided.record.verdict)
}

/// Why an attempt came to what it came to: what its agent said when it gave up, the
/// verdict's explanation, and the first check that did not hold.
fn cause(history: &History) -> Option<String> {
    let gave_up = match history.solved.as_ref().map(|solved| &solved.end) {
        Some(SolveEnd::GaveUp(why)) => Some(format!("the agent gave up: {why}")),
        Some(SolveEnd::TimedOut) => Some("the agent's time was over".to_owned()),
        _ => None,
    };
    let verdict = verdict(history);
    let explanation = verdict.map(|verdict| verdict.explanation.clone());
    // A verdict has what the agent said in it, unless it is of an earlier version.
    let gave_up = gave_up.filter(|said| !explanation.as_ref().is_some_and(|words| words.contains(said)));
    let check = verdict.and_then(|verdict| verdict.checks.iter().find(|check| !check.passed));
    let check = check.map(|check| match check.detail.as_str() {
        "" => format!("the check `{}` did not hold", check.name),
        detail => format!("{}: {detail}", check.name),
    });
    let parts: Vec<_> =
        [gave_up, explanation, check].into_iter().flatten().filter(|s| !s.is_empty()).collect();
    let mut why = parts.join("; ");
    why.truncate(why.floor_char_boundary(MAX_CAUSE_BYTES));
    (!why.is_empty()).then_some(why)
}
