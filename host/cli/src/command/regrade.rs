//! `lancet regrade`.

use std::collections::BTreeMap;
use std::time::Instant;

use lancet_core::{Outcome, Regraded, RegradedAttempt, Role};
use lancet_runner::{Regrading, find, regrade};

use crate::arguments::{FormatKind, Global, Regrade};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::{Gate, guarded};
use crate::output;
use crate::progress::Progress;
use crate::render::{MAX_MESSAGE, Table, clipped, left, many, right};
use crate::session::block_on;
use crate::terminal::tell;

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
        let spec = store.run(&run).await?.spec;
        let gate = Gate::of_run(&arguments.policy, &arguments.isolation, &spec)?;
        gate.recorded_suite(&spec)?;
        gate.limits(&spec.agent_limits, &spec.grader_limits)?;
        let (loader, progress) = (guarded(jobs, &arguments.isolation, &gate)?, Progress::new(global.quiet));
        let begin = || started = Instant::now();
        Ok(regrade(&store, &loader, &run, regrading, begin, &*progress).await?)
    })?;
    if arguments.rounds.get() > 1 {
        let attempts = u32::try_from(regraded.attempts.len()).unwrap_or(u32::MAX);
        let number = f64::from(arguments.rounds.get()) * f64::from(attempts);
        let seconds = started.elapsed().as_secs_f64();
        tell(format_args!("{:.0} verdicts per second", number / seconds));
    }
    print(&regraded, arguments.format.kind)?;
    Ok(if regraded.invalid > 0 { Exit::Invalid } else { Exit::Done })
}

/// How a verdict compares with the recorded one.
fn compared(line: &RegradedAttempt) -> &'static str {
    match (line.same, line.same_outcome) {
        (true, _) => "same",
        (false, true) => "reason or words changed",
        (false, false) => "outcome changed",
    }
}

/// Why verdicts are what they are, for those that are not as they were or that decide nothing: a
/// line per reason, with what the first of its verdicts says.
fn reasons(attempts: &[RegradedAttempt]) -> String {
    let mut lines: BTreeMap<(&str, &str), (u64, &RegradedAttempt)> = BTreeMap::new();
    for line in attempts.iter().filter(|line| !line.same || line.new_outcome == Outcome::Invalid) {
        let entry = lines.entry((line.new_outcome.as_str(), &line.new_reason));
        entry.or_insert((0, line)).0 += 1;
    }
    let mut text = String::new();
    for ((outcome, reason), (attempts, first)) in lines {
        let why = clipped(first.new_explanation.trim(), MAX_MESSAGE);
        let colon = if why.is_empty() { "" } else { ": " };
        let many = many(attempts, "attempt");
        text.push_str(&format!("{outcome} {reason}, {many}, {} for one{colon}{why}\n", first.attempt));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
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
            compared(line).to_owned(),
        ]);
    }
    output::print_table(format, &table, regraded)?;
    if format == FormatKind::Table {
        output::tell(&format!(
            "{}\n{} regraded: {} with another outcome or payment, {} with another reason or other words alone; {} \
             without a submission; earned {} before, {} now",
            reasons(&regraded.attempts),
            regraded.regraded,
            regraded.outcome_changed,
            regraded.changed - regraded.outcome_changed,
            regraded.not_regraded,
            regraded.old_earned_cents,
            regraded.new_earned_cents
        ))?;
    }
    Ok(())
}
