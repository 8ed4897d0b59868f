use serde::Serialize;

use crate::arguments::{Global, Listing};
use crate::execution::block_on;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{Table, left, right};

/// One line of `lancet runs --format json`.
#[derive(Serialize)]
struct Line {
    run: String,
    started: String,
    suite: String,
    agent: String,
    control: bool,
    state: &'static str,
    attempts: u64,
    pass: u64,
    fail: u64,
    invalid: u64,
    pending: u64,
    earned_cents: u64,
    available_cents: u64,
}

/// Lists the runs of the store, the newest last.
pub(crate) fn main(arguments: &Listing, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let runs = block_on(async { Ok(store.runs().await?) })?;
    let mut table = Table::new([
        left("run"),
        left("suite"),
        left("agent"),
        left("state"),
        right("attempts"),
        right("pass"),
        right("fail"),
        right("invalid"),
        right("earned"),
        right("available"),
    ]);
    let mut lines = Vec::new();
    for run in runs {
        let counts = run.counts;
        let state = match (run.finished, counts.pending()) {
            (true, _) => "finished",
            (false, 0) => "decided",
            (false, _) => "unfinished",
        };
        let control = run.spec.is_control();
        let agent = run.spec.agent.name;
        table.row([
            run.id.to_string(),
            run.spec.suite.reported.name.clone(),
            if control { format!("{agent} (control)") } else { agent.clone() },
            state.to_owned(),
            counts.attempts.to_string(),
            counts.pass.to_string(),
            counts.fail.to_string(),
            counts.invalid.to_string(),
            counts.earned.to_string(),
            counts.available.to_string(),
        ]);
        lines.push(Line {
            run: run.id.to_string(),
            started: run.created,
            suite: run.spec.suite.reported.name,
            agent,
            control,
            state,
            attempts: counts.attempts,
            pass: counts.pass,
            fail: counts.fail,
            invalid: counts.invalid,
            pending: counts.pending(),
            earned_cents: counts.earned.0,
            available_cents: counts.available.0,
        });
    }
    output::print_table(arguments.format.kind, &table, &lines)?;
    Ok(Exit::Done)
}
