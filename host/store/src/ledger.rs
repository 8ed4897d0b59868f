//! What requests to models came to: a line for each, set aside before it is sent and
//! settled when more is known.

use std::collections::BTreeMap;

use lancet_core::{AttemptId, Microdollars, Phase, RunId, Spent, Usage};
use rusqlite::{Connection, Row, params};

use crate::error::Failure;
use crate::reader::rows;
use crate::row::{integer, named, optional_unsigned, unsigned, value};
use crate::{Reader, StoreError};

/// A request that is about to be sent, and what is set aside for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The attempt that asks.
    pub attempt: AttemptId,
    /// The number of the request in its run, from 0.
    pub entry: u64,
    /// Whose plugin asks.
    pub phase: Phase,
    /// The conversation's number in its phase, from 0.
    pub conversation: u32,
    /// The number of the question in its conversation, from 0.
    pub ordinal: u32,
    /// The name that plugins ask for the model by.
    pub model: String,
    /// What is set aside: the most tokens that are read and written, and what they cost.
    pub held: Spent,
    /// Milliseconds that the attempt has gone on: until this was set aside and, once it is
    /// settled, until then.
    pub attempt_ms: u64,
    /// The same of the run.
    pub run_ms: u64,
    /// When it was set aside: RFC 3339, UTC.
    pub held_at: String,
}

/// How long an attempt and its run have gone on, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Elapsed {
    /// The attempt.
    pub attempt_ms: u64,
    /// The run.
    pub run_ms: u64,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryState {
    /// It may be under way.
    Held,
    /// It is known what it came to, or what it is taken for.
    Settled,
    /// Its host died while it may have been under way. It counts as what was held for it.
    Lost,
}

impl EntryState {
    /// `held`, `settled` or `lost`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Settled => "settled",
            Self::Lost => "lost",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Held, Self::Settled, Self::Lost].into_iter().find(|state| state.as_str() == word)
    }
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The request, and what was set aside for it.
    pub new: NewEntry,
    /// How far the request has come.
    pub state: EntryState,
    /// What the request came to; nothing while it is held.
    pub spent: Spent,
    /// Calls of tools in the answer; `None` when the request gave none.
    pub tool_calls: Option<u64>,
}

impl LedgerEntry {
    /// What the request counts as: what it came to, and what was held for it before that
    /// is known.
    #[must_use]
    pub fn counts(&self) -> Spent {
        match self.state {
            EntryState::Held => self.new.held,
            EntryState::Settled | EntryState::Lost => self.spent,
        }
    }
}

/// What requests to models came to in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerTotals {
    /// Requests, whatever became of them.
    pub requests: u64,
    /// Requests that gave an answer.
    pub answers: u64,
    /// Requests that were lost with their host.
    pub lost: u64,
    /// Requests whose amounts are estimated, the lost ones among them.
    pub estimated: u64,
    /// Requests whose cost is not known.
    pub unpriced: u64,
    /// Tokens read, cached ones included.
    pub input: u64,
    /// Of these, read from a cache.
    pub input_cached: u64,
    /// Of these, written to a cache.
    pub input_written: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Of these, reasoning.
    pub output_reasoning: u64,
    /// Calls of tools in the answers.
    pub tool_calls: u64,
    /// The sum of the costs that are known. It is what was spent only where
    /// [`LedgerTotals::unpriced`] is 0.
    pub known_cost: Microdollars,
}

impl LedgerTotals {
    /// What was spent; `None` when a part of it has no known price.
    #[must_use]
    pub fn cost(&self) -> Option<Microdollars> {
        (self.unpriced == 0).then_some(self.known_cost)
    }

    /// Adds a line.
    pub fn add(&mut self, entry: &LedgerEntry) {
        let Spent { usage, cost, estimated } = entry.counts();
        self.requests += 1;
        self.answers += u64::from(entry.tool_calls.is_some());
        self.lost += u64::from(entry.state == EntryState::Lost);
        self.estimated += u64::from(estimated);
        self.unpriced += u64::from(cost.is_none());
        for (sum, amount) in [
            (&mut self.input, usage.input),
            (&mut self.input_cached, usage.input_cached),
            (&mut self.input_written, usage.input_cache_written),
            (&mut self.output, usage.output),
            (&mut self.output_reasoning, usage.output_reasoning),
            (&mut self.tool_calls, entry.tool_calls),
            (&mut self.known_cost.0, cost.map(|cost| cost.0)),
        ] {
            *sum = sum.saturating_add(amount.unwrap_or(0));
        }
    }
}

impl Reader {
    /// Every request to a model of a run, by attempt and in the order in which they were
    /// made.
    ///
    /// # Errors
    /// What the database says.
    pub fn ledger(&self, run: &RunId) -> Result<Vec<LedgerEntry>, StoreError> {
        self.with(|connection| of_run(connection, run))
    }

    /// What the requests of each attempt of a run came to. An attempt without any is not
    /// there.
    ///
    /// # Errors
    /// What the database says.
    pub fn spending(&self, run: &RunId) -> Result<BTreeMap<AttemptId, LedgerTotals>, StoreError> {
        let mut totals: BTreeMap<AttemptId, LedgerTotals> = BTreeMap::new();
        for entry in self.ledger(run)? {
            totals.entry(entry.new.attempt.clone()).or_default().add(&entry);
        }
        Ok(totals)
    }
}

/// Every line of a run.
pub(crate) fn of_run(connection: &Connection, run: &RunId) -> Result<Vec<LedgerEntry>, Failure> {
    let sql = "SELECT run, task, number, entry, phase, conversation, ordinal, model, state, held_input, held_output,
               held_microdollars, input, input_cached, input_written, output, output_reasoning, microdollars,
               estimated, tool_calls, attempt_ms, run_ms, held_at
               FROM ledger WHERE run = ?1 ORDER BY task, number, entry";
    rows(connection, sql, [run.as_str()], entry)
}

fn entry(row: &Row<'_>) -> Result<LedgerEntry, Failure> {
    let state = value::<String>(row, "state")?;
    let state = EntryState::of(&state)
        .ok_or_else(|| Failure::Unreadable { column: "state", problem: format!("`{state}`") })?;
    let held = Usage {
        input: optional_unsigned(row, "held_input")?,
        output: optional_unsigned(row, "held_output")?,
        ..Usage::default()
    };
    let usage = Usage {
        input: optional_unsigned(row, "input")?,
        input_cached: optional_unsigned(row, "input_cached")?,
        input_cache_written: optional_unsigned(row, "input_written")?,
        output: optional_unsigned(row, "output")?,
        output_reasoning: optional_unsigned(row, "output_reasoning")?,
    };
    let money = |column| Ok::<_, Failure>(optional_unsigned(row, column)?.map(Microdollars));
    Ok(LedgerEntry {
        new: NewEntry {
            attempt: AttemptId {
                run: named(row, "run")?,
                task: named(row, "task")?,
                number: value(row, "number")?,
            },
            entry: unsigned(row, "entry")?,
            phase: named(row, "phase")?,
            conversation: value(row, "conversation")?,
            ordinal: value(row, "ordinal")?,
            model: value(row, "model")?,
            held: Spent { usage: held, cost: money("held_microdollars")?, estimated: true },
            attempt_ms: unsigned(row, "attempt_ms")?,
            run_ms: unsigned(row, "run_ms")?,
            held_at: value(row, "held_at")?,
        },
        state,
        spent: Spent { usage, cost: money("microdollars")?, estimated: value(row, "estimated")? },
        tool_calls: optional_unsigned(row, "tool_calls")?,
    })
}

/// An amount as the database holds it: at most what a signed number can be. Whatever a
/// provider tells has to be held, and journals keep no more either ([`Spent::kept`]).
fn amount(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

pub(crate) fn hold(connection: &Connection, new: &NewEntry) -> Result<(), Failure> {
    let AttemptId { run, task, number } = &new.attempt;
    let mut insert = connection.prepare_cached(
        "INSERT INTO ledger (run, task, number, entry, phase, conversation, ordinal, model, held_input, held_output,
         held_microdollars, attempt_ms, run_ms, held_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    insert.execute(params![
        run.as_str(),
        task.as_str(),
        number,
        integer("a number of a request", new.entry)?,
        phase(new.phase),
        new.conversation,
        new.ordinal,
        new.model,
        new.held.usage.input.map(amount),
        new.held.usage.output.map(amount),
        new.held.cost.map(|cost| amount(cost.0)),
        amount(new.attempt_ms),
        amount(new.run_ms),
        new.held_at,
    ])?;
    Ok(())
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Solve => "solve",
        Phase::Grade => "grade",
    }
}

/// `false` when there is no such line that is held.
pub(crate) fn settle(
    connection: &Connection,
    attempt: &AttemptId,
    entry: u64,
    spent: &Spent,
    at: Elapsed,
) -> Result<bool, Failure> {
    let Spent { usage, cost, estimated } = spent;
    let mut update = connection.prepare_cached(
        "UPDATE ledger SET state = 'settled', input = ?5, input_cached = ?6, input_written = ?7, output = ?8,
         output_reasoning = ?9, microdollars = ?10, estimated = ?11, attempt_ms = max(attempt_ms, ?12),
         run_ms = max(run_ms, ?13) WHERE run = ?1 AND task = ?2 AND number = ?3 AND entry = ?4 AND state = 'held'",
    )?;
    let changed = update.execute(params![
        attempt.run.as_str(),
        attempt.task.as_str(),
        attempt.number,
        integer("a number of a request", entry)?,
        usage.input.map(amount),
        usage.input_cached.map(amount),
        usage.input_cache_written.map(amount),
        usage.output.map(amount),
        usage.output_reasoning.map(amount),
        cost.map(|cost| amount(cost.0)),
        estimated,
        amount(at.attempt_ms),
        amount(at.run_ms),
    ])?;
    Ok(changed > 0)
}

pub(crate) fn answered(
    connection: &Connection,
    attempt: &AttemptId,
    entry: u64,
    tool_calls: u64,
) -> Result<(), Failure> {
    let sql = "UPDATE ledger SET tool_calls = ?5 WHERE run = ?1 AND task = ?2 AND number = ?3 AND entry = ?4";
    connection.prepare_cached(sql)?.execute(params![
        attempt.run.as_str(),
        attempt.task.as_str(),
        attempt.number,
        integer("a number of a request", entry)?,
        integer("a number of calls", tool_calls)?,
    ])?;
    Ok(())
}

pub(crate) fn lose(connection: &Connection, run: &RunId) -> Result<u64, Failure> {
    let sql = "UPDATE ledger SET state = 'lost', input = held_input, output = held_output,
               microdollars = held_microdollars, estimated = 1 WHERE run = ?1 AND state = 'held'";
    Ok(connection.execute(sql, [run.as_str()])? as u64)
}
