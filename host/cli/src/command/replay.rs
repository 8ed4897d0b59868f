//! `lancet replay`.

use lancet_core::{ReplayPhase, ReplayResult, Replayed};
use lancet_runner::replay;

use crate::arguments::{FormatKind, Global, Replay};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::{Gate, guarded};
use crate::output;
use crate::progress::Progress;
use crate::render::{Table, left};
use crate::session::block_on;

/// Executes attempts again, from nothing but what the store recorded.
pub(crate) fn main(arguments: &Replay, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let jobs = arguments.jobs.number();
    let (replayed, only) = block_on(async {
        let only = super::attempt_named(&store, &arguments.what).await?;
        if only.is_some() && arguments.jobs.jobs.is_some() {
            return Err(Failure::usage(format!(
                "`{}` is one attempt, and `--jobs` is for several",
                arguments.what
            ))
            .hint("leave the option out, or replay all of the run"));
        }
        let run = match &only {
            Some(attempt) => attempt.run.clone(),
            None => store.resolve_run(&arguments.what).await?,
        };
        // A row that cannot be read is the replay's to tell of.
        let spec = store.run(&run).await.ok().map(|row| row.spec);
        let gate = Gate::marking(&arguments.policy, &arguments.isolation, spec.as_ref())?;
        let (loader, progress) = (guarded(jobs, &arguments.isolation, &gate)?, Progress::new(global.quiet));
        let replayed = replay(&store.reader(), &loader, &run, only.as_ref(), jobs, &*progress).await?;
        Ok((replayed, only))
    })?;
    print(&replayed, only.is_some(), arguments.format.kind)?;
    Ok(if replayed.different > 0 { Exit::Mismatch } else { Exit::Done })
}

fn print(replayed: &Replayed, one: bool, format: FormatKind) -> Result<(), Failure> {
    let mut table = Table::new([left("attempt"), left("result"), left("phase"), left("difference")]);
    for line in &replayed.attempts {
        // In a run of hundreds only what differs is worth a line.
        if format == FormatKind::Table && !one && line.result != ReplayResult::Different {
            continue;
        }
        table.row([
            line.attempt.clone(),
            line.result.as_str().to_owned(),
            line.phase.map_or("-", ReplayPhase::as_str).to_owned(),
            line.difference.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    if format != FormatKind::Table || one || replayed.different > 0 {
        output::print_table(format, &table, replayed)?;
    }
    if format == FormatKind::Table {
        output::tell(&format!(
            "run {}: {} replayed, {} identical, {} different, {} not decided yet",
            replayed.run, replayed.replayed, replayed.identical, replayed.different, replayed.undecided
        ))?;
    }
    Ok(())
}
