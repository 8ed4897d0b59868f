//! `lancet report`, and what other commands that execute a run end with.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use lancet_core::{AttemptId, AttemptState, Event, Expense, Outcome, RunId};
use lancet_file::FileError;
use lancet_store::{Audit, Store, TimedEvent};

use crate::arguments::{FormatKind, Global, Report};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::render::{self, Reasons};
use crate::session::block_on;

/// Shows what a run came to.
pub(crate) fn main(arguments: &Report, global: &Global) -> Result<Exit, Failure> {
    let format = arguments.format.kind;
    if arguments.results.as_deref().is_some_and(is_stdout) && format != FormatKind::Table {
        return Err(Failure::usage(
            "`--results -` prints its own table and no report, whose form `--format` says",
        )
        .hint("leave `--format` out, or name a file for the results"));
    }
    let store = super::existing_store(global)?;
    block_on(async {
        let run = store.resolve_run(&arguments.run).await?;
        let records = Records::of(&store, &run)?;
        if let Some(file) = &arguments.results {
            let results = render::results_csv(&records.audit.attempts, &records.expenses);
            if is_stdout(file) {
                output::print(&results)?;
                return Ok(records.exit(Exit::Done));
            }
            let write = || lancet_file::create(file)?.write_all(results.as_bytes()).map_err(FileError::from);
            write().map_err(|error| Failure::file("write the results to", file, &error))?;
        }
        records.print(format, Exit::Done)
    })
}

fn is_stdout(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// A run whose records hold together.
struct Records {
    audit: Audit,
    /// What its attempts spent on models.
    expenses: BTreeMap<AttemptId, Expense>,
    /// Why attempts are invalid.
    reasons: Reasons,
}

impl Records {
    fn of(store: &Store, run: &RunId) -> Result<Self, Failure> {
        let reader = store.reader();
        let audit = lancet_runner::audited(&reader, run, &*Progress::new(false))?;
        let expenses = lancet_runner::expenses(&reader, &audit.run, &audit.attempts)?;
        let mut reasons = Reasons::default();
        for row in &audit.attempts {
            if row.state != AttemptState::Decided(Outcome::Invalid) {
                continue;
            }
            let Some(reason) = &row.reason else { continue };
            let message = match reasons.has(reason) {
                true => String::new(),
                false => explanation(&reader.events(&row.id)?),
            };
            reasons.add(&row.id, reason.clone(), message);
        }
        Ok(Self { audit, expenses, reasons })
    }

    fn print(&self, format: FormatKind, exit: Exit) -> Result<Exit, Failure> {
        let report = lancet_runner::report(&self.audit.run, &self.audit.attempts, &self.expenses);
        match format {
            FormatKind::Json => output::print_json(&report)?,
            FormatKind::Csv => output::print(&render::report_csv(&report))?,
            FormatKind::Md => output::print(&render::report_markdown(&report, &self.reasons))?,
            FormatKind::Table => {
                output::print(&render::report_table(&report, &self.reasons, &output::style()))?;
            }
        }
        if exit == Exit::Interrupted {
            crate::failure::warn(&format!("interrupted; `lancet resume {}` goes on", report.run));
        }
        Ok(self.exit(exit))
    }

    /// The exit code: invalid attempts are worth one of their own.
    fn exit(&self, exit: Exit) -> Exit {
        if exit != Exit::Interrupted && self.audit.run.counts.invalid > 0 { Exit::Invalid } else { exit }
    }
}

/// What the verdict of an attempt says.
fn explanation(events: &[TimedEvent]) -> String {
    let decided = events.iter().rev().find_map(|timed| match &timed.event {
        Event::Decided { record, .. } => Some(record.verdict.explanation.clone()),
        _ => None,
    });
    decided.unwrap_or_default()
}

/// Prints the report of a run whose records hold together, and turns the way it ended into an exit code.
pub(crate) async fn print_outcome(
    store: &Store,
    run: &RunId,
    format: FormatKind,
    exit: Exit,
) -> Result<Exit, Failure> {
    Records::of(store, run)?.print(format, exit)
}
