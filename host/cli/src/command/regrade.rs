//! `lancet regrade`.

use std::time::Instant;

use lancet_core::{Regraded, Role};
use lancet_runner::{Regrading, find, regrade};

use crate::arguments::{FormatKind, Global, Regrade};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::render::{Table, left, right};
use crate::session::{block_on, loader};

/// Judges the recorded submissions of a run again. Records nothing: the verdicts
/// of the run stay what they are.
pub(crate) fn main(arguments: &Regrade, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let jobs = arguments.jobs.number();
    let mut started = Instant::now();
    let regraded = block_on(async {
        let run = store.resolve_run(&arguments.run).await?;
        let regrading = Regrading {
            grader: arguments.grader.as_deref().map(|name| find(Role::Grader, name)).transpose()?,
            grants: arguments.grants.iter().map(|(_, capability)| *capability).collect(),
            rounds: arguments.rounds,
            jobs,
        };
        let (loader, progress) = (loader(jobs, &arguments.isolation)?, Progress::new(global.quiet));
        let begin = || started = Instant::now();
        Ok(regrade(&store, &loader, &run, regrading, begin, &*progress).await?)
    })?;
    if arguments.rounds.get() > 1 {
        let attempts = u32::try_from(regraded.attempts.len()).unwrap_or(u32::MAX);
        let number = f64::from(arguments.rounds.get()) * f64::from(attempts);
        let seconds = started.elapsed().as_secs_f64();
        output::tell(format_args!("{:.0} verdicts per second", number / seconds));
    }
    print(&regraded, arguments.format.kind)?;
    Ok(Exit::Done)
}

fn print(regraded: &Regraded, format: FormatKind) -> Result<(), Failure> {
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
    for line in &regraded.attempts {
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
    output::print_table(format, &table, regraded)?;
    if format == FormatKind::Table {
        output::print(&format!(
            "\n{} regraded, {} changed, {} without a submission; earned {} before, {} now",
            regraded.regraded,
            regraded.changed,
            regraded.not_regraded,
            regraded.old_earned_cents,
            regraded.new_earned_cents
        ))?;
    }
    Ok(())
}
