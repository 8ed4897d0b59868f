//! `lancet suite check --controls`.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lancet_core::{CaseCoverage, Controls, SurpriseCause, UntriedControl};
use lancet_runner::{ControlsOrder, Host, Observer, Sandboxes, controls};
use lancet_suite::Suite;

use crate::arguments::{Check, FormatKind, Global};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::{Gate, guarded};
use crate::output;
use crate::progress::Progress;
use crate::render::{Table, display_safe, either, left, numbered, right};
use crate::session::{Signals, block_on};

/// The most surprises, and the most tasks left out, that are told of one by one.
const MAX_LISTED: usize = 50;

/// Runs every control of the suite, `rounds` times each.
pub(crate) fn main(
    suite: &Suite,
    arguments: &Check,
    gate: &Arc<Gate>,
    global: &Global,
) -> Result<Exit, Failure> {
    gate.limits(&arguments.bounds.agent(false), &arguments.bounds.grader())?;
    let selected = lancet_suite::select(suite, None, &arguments.tasks)
        .map_err(|e| Failure::from(e).exit(Exit::Usage))?;
    let jobs = arguments.jobs.number();
    let sandboxes = Sandboxes::new(arguments.docker.options());
    let host = Host {
        store: super::open_store(global)?,
        loader: guarded(jobs, &arguments.isolation, gate)?,
        sandboxes,
    };
    let order = ControlsOrder {
        suite,
        path: &arguments.suite,
        selected,
        patterns: arguments.tasks.clone(),
        rounds: arguments.rounds,
        grants: arguments.grants.clone(),
        agent_limits: arguments.bounds.agent(false),
        grader_limits: arguments.bounds.grader(),
    };
    let progress: Arc<dyn Observer> = Progress::new(global.quiet);
    let controls = block_on(async {
        // Before the first run a signal ends the process, which loses nothing.
        let signals = OnceCell::new();
        let stops = || {
            let signals = signals.get_or_init(Signals::listen);
            (signals.first(), signals.second())
        };
        Ok(Box::pin(controls(&host, order, jobs, stops, &progress)).await?)
    })?;
    // Its bar must not stand before the table.
    drop(progress);
    match controls {
        Some(controls) => print(&controls, arguments.format.kind, &arguments.suite),
        None => Ok(Exit::Interrupted),
    }
}

fn print(summary: &Controls, format: FormatKind, suite: &Path) -> Result<Exit, Failure> {
    let mut table = Table::new([
        left("task"),
        left("control"),
        left("expected"),
        right("as expected"),
        left("surprises"),
    ]);
    let tried = tried(summary);
    for Tried { task, name, expected, as_expected, surprises, .. } in &tried {
        let surprises = surprises.iter().map(|(what, times)| format!("{times}x {what}"));
        let surprises = surprises.collect::<Vec<_>>().join(", ");
        table.row([
            (*task).to_owned(),
            name.clone(),
            expected.clone(),
            as_expected.clone(),
            if surprises.is_empty() { "-".to_owned() } else { surprises },
        ]);
    }
    output::print_table(format, &table, summary)?;
    if format == FormatKind::Table {
        let cases = match summary.cases.len() {
            0 => String::new(),
            number => format!(" and {}", numbered(number, "case")),
        };
        output::tell(&format!(
            "\n{}{}{}{}{cases} of `{}`, {} each: {}",
            causes(&tried),
            not_tried(&summary.left_out),
            coverage(&summary.coverage),
            numbered(summary.controls.len(), "control"),
            suite.display(),
            numbered(summary.rounds, "round"),
            numbered(summary.surprises, "surprise")
        ))?;
    }
    if summary.controls.is_empty() {
        return Err(Failure::new(Exit::Suite, format!("no control of `{}` could be tried", suite.display()))
            .hint("a task needs a grader, and to hand in a patch an environment, to be tried"));
    }
    Ok(if summary.surprises == 0 { Exit::Done } else { Exit::Suite })
}

/// A control or a case of a task, as both are told of.
struct Tried<'a> {
    task: &'a str,
    name: String,
    expected: String,
    as_expected: String,
    surprises: &'a BTreeMap<String, u64>,
    causes: &'a BTreeMap<String, SurpriseCause>,
}

/// All that was tried: of each task its controls, and then its cases.
fn tried(summary: &Controls) -> Vec<Tried<'_>> {
    let controls = summary.controls.iter().map(|line| Tried {
        task: &line.task,
        name: line.control.clone(),
        expected: line.expected.to_string(),
        as_expected: format!("{}/{}", line.as_expected, line.rounds),
        surprises: &line.surprises,
        causes: &line.causes,
    });
    let cases = summary.cases.iter().map(|line| Tried {
        task: &line.task,
        name: format!("cases/{}", line.case),
        expected: line.expected.clone(),
        as_expected: format!("{}/{}", line.as_expected, line.rounds),
        surprises: &line.surprises,
        causes: &line.causes,
    });
    let mut tried: Vec<_> = controls.chain(cases).collect();
    // Stable: within a task the order stays.
    tried.sort_by_key(|tried| tried.task);
    tried
}

/// What the cases show of the tests: a line per task, and below it what is missing.
fn coverage(tasks: &[CaseCoverage]) -> String {
    let mut text = String::new();
    for task in tasks.iter().take(MAX_LISTED) {
        let CaseCoverage { task, wrong, undetected, required, never_failed } = task;
        let told = wrong - undetected.len() as u64;
        text.push_str(&format!(
            "{task}: {told} of {} {} told from the right one",
            numbered(*wrong, "wrong submission"),
            either(told, "is", "are")
        ));
        if *required > 0 {
            let failed = required - never_failed.len() as u64;
            text.push_str(&format!(
                "; {failed} of {} {} without the fix or for one",
                numbered(*required, "required test"),
                either(failed, "fails", "fail")
            ));
        }
        text.push('\n');
        for case in undetected {
            // What is chosen is held against the key; no test says anything.
            let why =
                if *required > 0 { "no required test fails for it" } else { "it is judged as the right one" };
            text.push_str(&format!("  cases/{case}: {why}\n"));
        }
        for test in never_failed.iter().take(MAX_LISTED) {
            let test = display_safe(&test.test);
            text.push_str(&format!("  {test}: nothing shows that it can fail\n"));
        }
    }
    more(&mut text, tasks.len());
    text
}

/// A line for each surprise whose cause is known, with where to read more.
fn causes(lines: &[Tried<'_>]) -> String {
    let known =
        lines.iter().flat_map(|line| line.causes.iter().map(move |(what, cause)| (line, what, cause)));
    let mut text = String::new();
    for (line, what, cause) in known.clone().take(MAX_LISTED) {
        let why = display_safe(cause.why.trim());
        text.push_str(&format!(
            "{} {}: {what}: {why} (`lancet show {}`)\n",
            line.task, line.name, cause.attempt
        ));
    }
    more(&mut text, known.count());
    text
}

fn not_tried(left_out: &[UntriedControl]) -> String {
    let mut text = String::new();
    for UntriedControl { task, control, why } in left_out.iter().take(MAX_LISTED) {
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
