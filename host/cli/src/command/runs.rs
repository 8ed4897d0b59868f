//! `lancet runs`.

use std::collections::BTreeMap;

use lancet_core::{Cents, ListedRun, RunState};
use lancet_store::{Audit, StoreError};

use crate::arguments::{Global, Listing};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{Table, left, money, right};

/// Lists the runs of the store, the newest last. What is earned and available is for one
/// attempt at each task, of what is decided so far.
pub(crate) fn main(arguments: &Listing, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let reader = store.reader();
    let (mut contradicted, mut unread) = (Vec::new(), None);
    let mut table = Table::new([
        left("run"),
        left("suite"),
        left("agent"),
        left("state"),
        right("attempts"),
        right("pass"),
        right("fail"),
        right("invalid"),
        right("pending"),
        right("earned"),
        right("available"),
    ]);
    let mut lines = Vec::new();
    for id in reader.run_ids()? {
        let audited = match reader.audit(&id) {
            Ok(audited) => audited,
            // A file of this one that cannot be read: the others are shown.
            Err(error @ StoreError::Io { .. }) => {
                unread.get_or_insert(error);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Audit { run, attempts, differences } = audited;
        let counts = run.counts;
        let state = match (differences.is_empty(), run.finished, counts.pending()) {
            (false, ..) => {
                contradicted.push(id.to_string());
                RunState::Contradicted
            }
            (_, true, _) => RunState::Finished,
            (_, false, 0) => RunState::Decided,
            (_, false, _) => RunState::Unfinished,
        };
        let one = lancet_runner::report(&run, &attempts, &BTreeMap::new()).totals.all;
        let available =
            Cents(one.per_attempt.available_cents.0.saturating_sub(one.not_runnable.available_cents.0));
        let control = run.spec.is_control();
        let agent = run.spec.agent.name;
        table.row([
            run.id.to_string(),
            run.spec.suite.reported.name.clone(),
            if control { format!("{agent} (control)") } else { agent.clone() },
            state.as_str().to_owned(),
            counts.attempts.to_string(),
            counts.pass.to_string(),
            counts.fail.to_string(),
            counts.invalid.to_string(),
            counts.pending().to_string(),
            money(one.per_attempt.earned_cents),
            available.to_string(),
        ]);
        lines.push(ListedRun {
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
            earned_per_attempt_cents: one.per_attempt.earned_cents,
            available_per_attempt_cents: available.0,
        });
    }
    output::print_table(arguments.format.kind, &table, &lines)?;
    if let Some(error) = unread {
        return Err(error.into());
    }
    if contradicted.is_empty() {
        return Ok(Exit::Done);
    }
    let message = format!("the records of {} contradict one another", contradicted.join(", "));
    Err(Failure::new(Exit::Store, message).hint("`lancet report RUN` says in what"))
}
