//! What is written about runs and attempts, each function inside a transaction
//! that somebody else commits.

use lancet_core::{AttemptId, Leaf, LoggedBegin, RunId, Sha256};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Failure;
use crate::log;
use crate::row::{integer, unsigned, value};
use crate::{NewAttempt, StoreError, Transition};

/// An event as it is recorded: its JSON, or the blob that holds it.
pub(crate) struct Line {
    pub(crate) at_us: u64,
    pub(crate) event: Option<String>,
    pub(crate) blob: Option<Sha256>,
}

/// Writes a run with its attempts, and in the log that it begins: nothing of it is executed before
/// that is durable.
pub(crate) fn create_run(
    connection: &Connection,
    begin: LoggedBegin,
    created: &str,
    spec: &str,
    attempts: &[NewAttempt],
) -> Result<(), Failure> {
    let (id, record) = (&begin.run, begin.record);
    let sql =
        "INSERT INTO runs (id, created, spec, record) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING";
    if connection.execute(sql, params![id.as_str(), created, spec, record.to_string()])? == 0 {
        return Err(StoreError::RunExists(id.clone()).into());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO attempts (run, task, number, kind, price_cents, task_blob, key_blob, setting_blob, grader,
         grader_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (run, task, number) DO NOTHING",
    )?;
    for attempt in attempts {
        let inserted = insert.execute(params![
            id.as_str(),
            attempt.task.as_str(),
            attempt.number,
            attempt.kind.as_str(),
            integer("a price in cents", attempt.price.0)?,
            attempt.task_blob.to_string(),
            attempt.key_blob.map(|digest| digest.to_string()),
            attempt.setting_blob.map(|digest| digest.to_string()),
            attempt.grader.name,
            attempt.grader.digest.to_string(),
        ])?;
        if inserted == 0 {
            let id = AttemptId { run: id.clone(), task: attempt.task.clone(), number: attempt.number };
            return Err(StoreError::DuplicateAttempt(id).into());
        }
    }
    log::add(connection, &Leaf::RunBegin(begin))
}

/// Marks a run as finished, which the log tells once. `false` when there is no such run.
pub(crate) fn finish(connection: &Connection, run: &RunId) -> Result<bool, Failure> {
    let sql = "SELECT finished FROM runs WHERE id = ?1";
    let finished: Option<bool> = connection.query_row(sql, [run.as_str()], |row| row.get(0)).optional()?;
    match finished {
        None => return Ok(false),
        Some(true) => return Ok(true),
        Some(false) => {}
    }
    let sql = "SELECT count(*) AS undecided FROM attempts WHERE run = ?1 AND state <> 'decided'";
    let undecided: i64 = connection.query_row(sql, [run.as_str()], |row| row.get(0))?;
    if undecided > 0 {
        return Err(StoreError::Undecided { run: run.clone(), undecided: undecided.unsigned_abs() }.into());
    }
    connection.execute("UPDATE runs SET finished = 1 WHERE id = ?1", [run.as_str()])?;
    log::ended(connection, run)?;
    Ok(true)
}

/// How an attempt stands, as far as a write has to know.
struct Standing {
    submitted: bool,
    events: u64,
    settled: u64,
}

/// How an attempt that is not over stands.
fn standing(connection: &Connection, attempt: &AttemptId) -> Result<Standing, Failure> {
    let mut select = connection.prepare_cached(
        "SELECT state, events, settled FROM attempts WHERE run = ?1 AND task = ?2 AND number = ?3",
    )?;
    let mut rows = select.query(params![attempt.run.as_str(), attempt.task.as_str(), attempt.number])?;
    let Some(row) = rows.next()? else {
        return Err(StoreError::UnknownAttempt(attempt.clone()).into());
    };
    let state: String = value(row, "state")?;
    if state == "decided" {
        return Err(StoreError::AlreadyDecided(attempt.clone()).into());
    }
    Ok(Standing {
        submitted: state == "submitted",
        events: unsigned(row, "events")?,
        settled: unsigned(row, "settled")?,
    })
}

pub(crate) fn append(
    connection: &Connection,
    attempt: &AttemptId,
    first_seq: u64,
    lines: &[Line],
    transition: &Transition,
) -> Result<u64, Failure> {
    let standing = standing(connection, attempt)?;
    if standing.events != first_seq {
        let error =
            StoreError::Sequence { attempt: attempt.clone(), expected: standing.events, given: first_seq };
        return Err(error.into());
    }
    if standing.submitted && matches!(transition, Transition::Submitted { .. }) {
        return Err(StoreError::AlreadySubmitted(attempt.clone()).into());
    }
    let (run, task, number) = (attempt.run.as_str(), attempt.task.as_str(), attempt.number);
    let seq = insert_events(connection, attempt, first_seq, lines)?;
    match transition {
        Transition::None => {
            let sql = "UPDATE attempts SET events = ?4 WHERE run = ?1 AND task = ?2 AND number = ?3";
            connection.prepare_cached(sql)?.execute(params![run, task, number, seq])?;
        }
        Transition::Submitted { solve_us } => {
            let sql = "UPDATE attempts SET events = ?4, settled = ?4, state = 'submitted', solve_us = ?5
                       WHERE run = ?1 AND task = ?2 AND number = ?3";
            let solve_us = integer("a time in microseconds", *solve_us)?;
            connection.prepare_cached(sql)?.execute(params![run, task, number, seq, solve_us])?;
        }
        Transition::Decided {
            outcome,
            reason,
            earned,
            verdict_digest,
            solve_us,
            grade_us,
            test_runs,
            flaky,
        } => {
            let sql =
                "UPDATE attempts SET events = ?4, settled = ?4, state = 'decided', outcome = ?5, reason = ?6,
                       earned_cents = ?7, verdict_digest = ?8, solve_us = ifnull(?9, solve_us), grade_us = ?10,
                       test_runs = ?11, flaky = ?12
                       WHERE run = ?1 AND task = ?2 AND number = ?3";
            let time = |us: Option<u64>| us.map(|us| integer("a time in microseconds", us)).transpose();
            connection.prepare_cached(sql)?.execute(params![
                run,
                task,
                number,
                seq,
                outcome.as_str(),
                reason.as_str(),
                integer("an amount in cents", earned.0)?,
                verdict_digest.to_string(),
                time(*solve_us)?,
                time(*grade_us)?,
                integer("a number of test runs", *test_runs)?,
                flaky,
            ])?;
            log::decided(connection, attempt, *outcome, *verdict_digest)?;
        }
    }
    Ok(first_seq + lines.len() as u64)
}

/// Writes events from `first_seq` on, and returns the next one's number.
fn insert_events(
    connection: &Connection,
    attempt: &AttemptId,
    first_seq: u64,
    lines: &[Line],
) -> Result<i64, Failure> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (run, task, number, seq, at_us, event, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let (run, task, number) = (attempt.run.as_str(), attempt.task.as_str(), attempt.number);
    let mut seq = integer("a sequence number", first_seq)?;
    for line in lines {
        let at_us = integer("a time in microseconds", line.at_us)?;
        let blob = line.blob.map(|digest| digest.to_string());
        insert.execute(params![run, task, number, seq, at_us, line.event, blob])?;
        seq += 1;
    }
    Ok(seq)
}

/// Takes a decision back that the infrastructure forced: the attempt is undecided
/// again, and its run is not finished. `false`, with nothing written, when it is
/// not decided as invalid, or when `first_seq` is not the number of its events.
pub(crate) fn reopen(
    connection: &Connection,
    attempt: &AttemptId,
    first_seq: u64,
    line: &Line,
    submitted: bool,
) -> Result<bool, Failure> {
    let (run, task, number) = (attempt.run.as_str(), attempt.task.as_str(), attempt.number);
    let sql = "UPDATE attempts SET state = ?5, outcome = NULL, reason = NULL, earned_cents = NULL,
               verdict_digest = NULL, grade_us = NULL, test_runs = NULL, flaky = NULL,
               events = events + 1, settled = events + 1
               WHERE run = ?1 AND task = ?2 AND number = ?3 AND events = ?4 AND outcome = 'invalid'";
    let state = if submitted { "submitted" } else { "queued" };
    let first = integer("a sequence number", first_seq)?;
    if connection.execute(sql, params![run, task, number, first, state])? == 0 {
        return Ok(false);
    }
    insert_events(connection, attempt, first_seq, std::slice::from_ref(line))?;
    log::reopened(connection, attempt)?;
    connection.execute("UPDATE runs SET finished = 0 WHERE id = ?1", [run])?;
    Ok(true)
}

pub(crate) fn discard_partial(
    connection: &Connection,
    attempt: &AttemptId,
    keep: u64,
) -> Result<(), Failure> {
    let Standing { events, settled, .. } = standing(connection, attempt)?;
    if !(settled..=events).contains(&keep) {
        let attempt = attempt.clone();
        return Err(StoreError::Discard { attempt, keep, settled, recorded: events }.into());
    }
    let key =
        (attempt.run.as_str(), attempt.task.as_str(), attempt.number, integer("a sequence number", keep)?);
    connection
        .execute("DELETE FROM events WHERE run = ?1 AND task = ?2 AND number = ?3 AND seq >= ?4", key)?;
    connection
        .execute("UPDATE attempts SET events = ?4 WHERE run = ?1 AND task = ?2 AND number = ?3", key)?;
    Ok(())
}
