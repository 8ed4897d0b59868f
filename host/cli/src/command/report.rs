//! `lancet report`, and what other commands that execute a run end with.

use std::collections::BTreeMap;

use lancet_core::{AttemptId, Expense, RunId};
use lancet_store::{Audit, Store};

use crate::arguments::{FormatKind, Global, Report};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::render::{self, Style};
use crate::session::block_on;

/// Shows what a run came to.
pub(crate) fn main(arguments: &Report, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    block_on(async {
        let run = store.resolve_run(&arguments.run).await?;
        let (audit, expenses) = records(&store, &run)?;
        if let Some(file) = &arguments.results {
            let results = render::results_csv(&audit.attempts, &expenses);
            if file.as_os_str() == "-" {
                output::print(&results)?;
                return Ok(Exit::Done);
            }
            std::fs::write(file, results)
                .map_err(|error| Failure::file("write the results to", file, &error))?;
        }
        print_report(&audit, &expenses, arguments.format.kind, Exit::Done)
    })
}

/// A run whose records hold together, and what its attempts spent on models.
fn records(store: &Store, run: &RunId) -> Result<(Audit, BTreeMap<AttemptId, Expense>), Failure> {
    let reader = store.reader();
    let audit = lancet_runner::audited(&reader, run, &*Progress::new(false))?;
    let expenses = lancet_runner::expenses(&reader, &audit.run, &audit.attempts)?;
    Ok((audit, expenses))
}

/// Prints the report of a run whose records hold together, and turns the way it ended into an exit code:
/// invalid attempts are worth one of their own.
pub(crate) async fn print_outcome(
    store: &Store,
    run: &RunId,
    format: FormatKind,
    exit: Exit,
) -> Result<Exit, Failure> {
    let (audit, expenses) = records(store, run)?;
    print_report(&audit, &expenses, format, exit)
}

fn print_report(
    audit: &Audit,
    expenses: &BTreeMap<AttemptId, Expense>,
    format: FormatKind,
    exit: Exit,
) -> Result<Exit, Failure> {
    let report = lancet_runner::report(&audit.run, &audit.attempts, expenses);
    match format {
        FormatKind::Json => output::print_json(&report)?,
        FormatKind::Csv => output::print(&render::report_csv(&report))?,
        FormatKind::Md => output::print(&render::report_markdown(&report))?,
        FormatKind::Table => {
            output::print(&render::report_table(&report, &Style { color: output::color(), width: 100 }))?;
        }
    }
    if exit == Exit::Interrupted {
        crate::failure::warn(&format!("interrupted; `lancet resume {}` goes on", report.run));
        return Ok(exit);
    }
    Ok(if report.totals.all.invalid > 0 { Exit::Invalid } else { exit })
}
