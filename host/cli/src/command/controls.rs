use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use lancet_core::{
    AttemptState, Capability, Event, Kind, Outcome, Phase, Role, Score, SolveEnd, TaskId, Verdict,
};
use lancet_store::{AttemptRow, Store, TimedEvent};
use lancet_suite::{Gold, ImageLock, MAX_GOLD_BYTES, Suite, SuiteTask};
use serde::Serialize;

use crate::arguments::{Check, FormatKind, Global};
use crate::catalog;
use crate::execution::block_on;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::launch::{Order, prepare};
use crate::output;
use crate::render::{Table, display_safe, left, right};
use crate::sandboxes::Sandboxes;

/// The most surprises, and the most tasks left out, that are told of one by one.
const MAX_LISTED: usize = 50;
/// The most bytes that are shown of a surprise's cause.
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

/// How one control of one task went.
#[derive(Debug, Serialize)]
struct Line {
    task: String,
    control: &'static str,
    expected: Outcome,
    rounds: u64,
    as_expected: u64,
    /// Of those that were not: outcome and reason, and how often.
    surprises: BTreeMap<String, u64>,
    /// Of each surprise what is known of its cause, from the first attempt that came
    /// to it.
    causes: BTreeMap<String, Cause>,
}

/// Why a control did not go as expected.
#[derive(Debug, Serialize)]
struct Cause {
    attempt: String,
    why: String,
}

/// A control that a task was not tried with.
#[derive(Debug, Serialize)]
struct LeftOut {
    task: String,
    /// Which control; `all` when the task cannot be run.
    control: &'static str,
    why: &'static str,
}

#[derive(Serialize)]
struct Summary {
    suite: String,
    digest: String,
    rounds: u32,
    controls: Vec<Line>,
    surprises: u64,
    /// What was not tried, and says nothing of the suite therefore.
    left_out: Vec<LeftOut>,
    runs: Vec<String>,
}

const NOT_RUNNABLE: &str = "the task has no grader or no environment, and cannot be run";
const NOT_PINNED: &str = "the task's images are not pinned, so it cannot be run";
const NO_GOLD: &str = "the task has no gold patch";
const KEY_OF_ITS_OWN: &str = "only the task's own grader can read its answer key";

/// Runs every control of the suite, `rounds` times each.
pub(crate) fn main(suite: &Suite, arguments: &Check, global: &Global) -> Result<Exit, Failure> {
    let selected = lancet_suite::select(suite, None, &arguments.tasks)
        .map_err(|e| Failure::from(e).exit(Exit::Usage))?;
    let store = super::open_store(global)?;
    let sandboxes = Sandboxes::new(&arguments.docker);
    let gold = block_on(golds(suite, &selected, &sandboxes))?;
    let mut summary = Summary {
        suite: suite.name().to_owned(),
        digest: suite.digest().to_string(),
        rounds: arguments.rounds.get(),
        controls: Vec::new(),
        surprises: 0,
        left_out: left_out(&selected, &gold),
        runs: Vec::new(),
    };
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
            let inputs = match control {
                Control::Gold => gold.clone(),
                Control::Empty => tasks.iter().map(|task| (task.public.id.clone(), "".into())).collect(),
                Control::Noop | Control::Random => BTreeMap::new(),
            };
            let mut grants = arguments.grants.clone();
            if (control, kind) == (Control::Gold, Kind::SweManager) {
                grants.push((Role::Agent, Capability::AnswerKey));
            }
            let tried: Vec<_> = tasks.iter().map(|task| task.public.id.clone()).collect();
            let order = Order {
                suite,
                path: &arguments.suite,
                patterns: arguments.tasks.clone(),
                selected: tasks,
                kind: Some(kind),
                agent: catalog::find(Role::Agent, control.agent(kind))?,
                inputs,
                seed: 0,
                attempts: arguments.rounds,
                grants,
                bounds: &arguments.bounds,
                control: Some(control.as_str()),
            };
            let ready = prepare(order, arguments.jobs.number())?;
            let (run, exit) = block_on(ready.execute(
                &store,
                Arc::clone(&sandboxes),
                arguments.jobs.number(),
                global.quiet,
            ))?;
            if exit == Exit::Interrupted {
                return Ok(exit);
            }
            summary.runs.push(run.to_string());
            let lines = lines(&store, &run, control)?;
            // Those that could not be run have been warned of, which nobody reads who reads
            // the JSON.
            summary.left_out.extend(
                tried.iter().filter(|task| !lines.contains_key(*task)).map(|task| LeftOut {
                    task: task.to_string(),
                    control: control.as_str(),
                    why: NOT_PINNED,
                }),
            );
            summary.controls.extend(lines.into_values());
        }
    }
    summary.controls.sort_by(|a, b| a.task.cmp(&b.task));
    summary.surprises = summary.controls.iter().map(|line| line.rounds - line.as_expected).sum();
    print(&summary, arguments.format.kind, &arguments.suite)
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
fn left_out(tasks: &[&SuiteTask], golds: &BTreeMap<TaskId, Arc<str>>) -> Vec<LeftOut> {
    let all = |task: &SuiteTask| (!is_tried(task)).then_some(("all", NOT_RUNNABLE));
    let gold = |task: &SuiteTask| without_gold(task, golds).map(|why| (Control::Gold.as_str(), why));
    tasks
        .iter()
        .filter_map(|task| {
            let (control, why) = all(task).or_else(|| gold(task))?;
            Some(LeftOut { task: task.public.id.to_string(), control, why })
        })
        .collect()
}

/// The gold patches of the individual contributor tasks that have one.
async fn golds(
    suite: &Suite,
    tasks: &[&SuiteTask],
    sandboxes: &Sandboxes,
) -> Result<BTreeMap<TaskId, Arc<str>>, Failure> {
    let lock = ImageLock::read(suite)?;
    let mut golds = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.public.kind == Kind::IcSwe && is_tried(task)) {
        let patch = match suite.gold(task)? {
            None => {
                warn(&format!("the task {} has no gold patch, so that control is left out", task.public.id));
                continue;
            }
            Some(Gold::File(patch)) => patch,
            Some(Gold::Image { image, path }) => {
                let pinned = lock.pinned(suite, &image).map_err(|e| {
                    let failure = Failure::new(Exit::Suite, e.to_string());
                    e.hint()
                        .map_or_else(|| Failure::new(Exit::Suite, e.to_string()), |hint| failure.hint(hint))
                })?;
                let docker = sandboxes.docker().await.map_err(|fault| unavailable(&fault))?;
                let bytes = docker.image_file(&pinned, &path, MAX_GOLD_BYTES).await?;
                String::from_utf8(bytes).map_err(|_| {
                    Failure::new(Exit::Suite, format!("`{path}` of the image `{image}` is not UTF-8"))
                        .hint("a gold patch is a unified diff")
                })?
            }
        };
        golds.insert(task.public.id.clone(), patch.into());
    }
    Ok(golds)
}

fn unavailable(fault: &lancet_core::InfraFault) -> Failure {
    Failure::new(Exit::Host, fault.to_string()).hint(fault.kind.hint())
}

fn lines(
    store: &Store,
    run: &lancet_core::RunId,
    control: Control,
) -> Result<BTreeMap<TaskId, Line>, Failure> {
    let mut lines: BTreeMap<TaskId, Line> = BTreeMap::new();
    let reader = store.reader();
    for row in reader.attempts(run)? {
        let events = match row.state {
            // What a fail or a refusal as expected rests on is of no interest here.
            AttemptState::Decided(Outcome::Fail) if control != Control::Gold => Vec::new(),
            _ => reader.events(&row.id)?,
        };
        let line = lines.entry(row.id.task.clone()).or_insert_with(|| Line {
            task: row.id.task.to_string(),
            control: control.as_str(),
            expected: control.expected(),
            rounds: 0,
            as_expected: 0,
            surprises: BTreeMap::new(),
            causes: BTreeMap::new(),
        });
        line.rounds += 1;
        match surprise(control, &row, &events) {
            None => line.as_expected += 1,
            Some(surprise) => {
                *line.surprises.entry(surprise.clone()).or_default() += 1;
                if let Some(why) = cause(&events) {
                    line.causes.entry(surprise).or_insert_with(|| Cause { attempt: row.id.to_string(), why });
                }
            }
        }
    }
    Ok(lines)
}

/// What an attempt came to, when that is not what its control has to come to. A gold
/// answer has to earn the whole price, since there is no better one.
fn surprise(control: Control, row: &AttemptRow, events: &[TimedEvent]) -> Option<String> {
    let AttemptState::Decided(outcome) = row.state else { return Some("undecided".to_owned()) };
    let score = verdict(events).map(|verdict| verdict.score);
    let in_part = score.filter(|score| outcome == Outcome::Pass && *score != Score::FULL);
    if outcome == control.expected() && in_part.is_none() {
        return None;
    }
    let reason = row.reason.as_ref().map(|reason| format!(" {reason}")).unwrap_or_default();
    let in_part = in_part.map(|score| format!(" for {} of 1000", score.thousandths())).unwrap_or_default();
    Some(format!("{outcome}{reason}{in_part}"))
}

/// The verdict that an attempt's journal ends with.
fn verdict(events: &[TimedEvent]) -> Option<&Verdict> {
    events.iter().rev().find_map(|line| match &line.event {
        Event::Decided { record, .. } => Some(&record.verdict),
        _ => None,
    })
}

/// Why an attempt came to what it came to: what its agent said when it gave up, the
/// verdict's explanation, and the first check that did not hold.
fn cause(events: &[TimedEvent]) -> Option<String> {
    let gave_up = events.iter().rev().find_map(|line| match &line.event {
        Event::Solved { end: SolveEnd::GaveUp(why), .. } => Some(format!("the agent gave up: {why}")),
        Event::Solved { end: SolveEnd::TimedOut, .. } => Some("the agent's time was over".to_owned()),
        Event::Reopened { phase: Phase::Solve, .. } => Some(String::new()),
        _ => None,
    });
    let verdict = verdict(events);
    let explanation = verdict.map(|verdict| verdict.explanation.clone());
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

fn print(summary: &Summary, format: FormatKind, suite: &Path) -> Result<Exit, Failure> {
    let mut table = Table::new([
        left("task"),
        left("control"),
        left("expected"),
        right("as expected"),
        left("surprises"),
    ]);
    for line in &summary.controls {
        let surprises = line
            .surprises
            .iter()
            .map(|(what, times)| format!("{times}x {what}"))
            .collect::<Vec<_>>()
            .join(", ");
        table.row([
            line.task.clone(),
            line.control.to_owned(),
            line.expected.to_string(),
            format!("{}/{}", line.as_expected, line.rounds),
            if surprises.is_empty() { "-".to_owned() } else { surprises },
        ]);
    }
    output::print_table(format, &table, summary)?;
    if format == FormatKind::Table {
        output::print(&format!(
            "\n{}{}{} controls of `{}`, {} rounds each: {} surprises",
            causes(&summary.controls),
            not_tried(&summary.left_out),
            summary.controls.len(),
            suite.display(),
            summary.rounds,
            summary.surprises
        ))?;
    }
    if summary.controls.is_empty() {
        return Err(Failure::new(Exit::Suite, format!("no control of `{}` could be tried", suite.display()))
            .hint("a task needs a grader, and to hand in a patch an environment, to be tried"));
    }
    Ok(if summary.surprises == 0 { Exit::Done } else { Exit::Suite })
}

/// A line for each surprise whose cause is known, with where to read more.
fn causes(lines: &[Line]) -> String {
    let known =
        lines.iter().flat_map(|line| line.causes.iter().map(move |(what, cause)| (line, what, cause)));
    let mut text = String::new();
    for (line, what, cause) in known.clone().take(MAX_LISTED) {
        let why = display_safe(cause.why.trim());
        text.push_str(&format!(
            "{} {}: {what}: {why} (`lancet show {}`)\n",
            line.task, line.control, cause.attempt
        ));
    }
    more(&mut text, known.count());
    text
}

fn not_tried(left_out: &[LeftOut]) -> String {
    let mut text = String::new();
    for LeftOut { task, control, why } in left_out.iter().take(MAX_LISTED) {
        text.push_str(&format!("left out: {task} {control}: {why}\n"));
    }
    more(&mut text, left_out.len());
    text
}

/// Ends a list of which only the first are told of with how many there are besides.
fn more(text: &mut String, count: usize) {
    if count > MAX_LISTED {
        text.push_str(&format!("and {} more; `--format json` lists them all\n", count - MAX_LISTED));
    }
    if count > 0 {
        text.push('\n');
    }
}
