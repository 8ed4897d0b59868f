use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use lancet_core::{AttemptState, Capability, Kind, Outcome, Role, TaskId};
use lancet_store::Store;
use lancet_suite::{Gold, Lock, MAX_GOLD_BYTES, Suite, SuiteTask};
use serde::Serialize;

use crate::arguments::{Check, FormatKind, Global};
use crate::catalog;
use crate::execution::block_on;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::launch::{Order, prepare};
use crate::output;
use crate::render::{Table, left, right};
use crate::sandboxes::Sandboxes;

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
}

#[derive(Serialize)]
struct Summary {
    suite: String,
    digest: String,
    rounds: u32,
    controls: Vec<Line>,
    surprises: u64,
    runs: Vec<String>,
}

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
        runs: Vec::new(),
    };
    for control in Control::ALL {
        for kind in Kind::ALL.into_iter().filter(|kind| control.applies(*kind)) {
            let tasks: Vec<_> = selected
                .iter()
                .copied()
                .filter(|task| task.public.kind == kind && is_tried(task))
                .filter(|task| {
                    control != Control::Gold || kind == Kind::SweManager || gold.contains_key(&task.public.id)
                })
                .collect();
            if tasks.is_empty() {
                continue;
            }
            let inputs = match control {
                Control::Gold => gold.clone(),
                Control::Empty => tasks.iter().map(|task| (task.public.id.clone(), "".into())).collect(),
                Control::Noop | Control::Random => BTreeMap::new(),
            };
            let grants = match (control, kind) {
                (Control::Gold, Kind::SweManager) => vec![(Role::Agent, Capability::AnswerKey)],
                _ => Vec::new(),
            };
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
            summary.controls.extend(lines(&store, &run, control)?);
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

/// The gold patches of the individual contributor tasks that have one.
async fn golds(
    suite: &Suite,
    tasks: &[&SuiteTask],
    sandboxes: &Sandboxes,
) -> Result<BTreeMap<TaskId, Arc<str>>, Failure> {
    let lock = Lock::read(suite)?;
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

fn lines(store: &Store, run: &lancet_core::RunId, control: Control) -> Result<Vec<Line>, Failure> {
    let mut lines: BTreeMap<TaskId, Line> = BTreeMap::new();
    for row in store.reader().attempts(run)? {
        let line = lines.entry(row.id.task.clone()).or_insert_with(|| Line {
            task: row.id.task.to_string(),
            control: control.as_str(),
            expected: control.expected(),
            rounds: 0,
            as_expected: 0,
            surprises: BTreeMap::new(),
        });
        line.rounds += 1;
        match row.state {
            AttemptState::Decided(outcome) if outcome == control.expected() => line.as_expected += 1,
            AttemptState::Decided(outcome) => {
                let reason = row.reason.map(|reason| format!(" {reason}")).unwrap_or_default();
                *line.surprises.entry(format!("{outcome}{reason}")).or_default() += 1;
            }
            AttemptState::Queued | AttemptState::Submitted => {
                *line.surprises.entry("undecided".to_owned()).or_default() += 1;
            }
        }
    }
    Ok(lines.into_values().collect())
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
            "\n{} controls of `{}`, {} rounds each: {} surprises",
            summary.controls.len(),
            suite.display(),
            summary.rounds,
            summary.surprises
        ))?;
    }
    Ok(if summary.surprises == 0 { Exit::Done } else { Exit::Suite })
}
