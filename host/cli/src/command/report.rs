//! `lancet report`, and what other commands that execute a run end with.

use std::io::IsTerminal as _;

use lancet_core::RunId;
use lancet_store::Store;

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
        print_outcome(&store, &run, arguments.format.kind, Exit::Done).await
    })
}

/// Prints the report of a run whose records hold together, and turns the way it ended into an exit code:
/// invalid attempts are worth one of their own.
pub(crate) async fn print_outcome(
    store: &Store,
    run: &RunId,
    format: FormatKind,
    exit: Exit,
) -> Result<Exit, Failure> {
    let audit = lancet_runner::audited(&store.reader(), run, &*Progress::new(false))?;
    let report = lancet_runner::report(&audit.run, &audit.attempts);
    match format {
        FormatKind::Json => output::print_json(&report)?,
        FormatKind::Csv => output::print(&render::report_csv(&report))?,
        FormatKind::Md => output::print(&render::report_markdown(&report))?,
        FormatKind::Table => {
            let color = std::io::stdout().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            output::print(&render::report_table(&report, &Style { color, width: 100 }))?;
        }
    }
    if exit == Exit::Interrupted {
        crate::failure::warn(&format!("interrupted; `lancet resume {run}` goes on"));
        return Ok(exit);
    }
    Ok(if report.totals.all.invalid > 0 { Exit::Invalid } else { exit })
}
