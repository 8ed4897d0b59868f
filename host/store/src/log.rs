//! The log: leaves that are written in the transaction of what they tell of, and only ever added.

use lancet_core::{AttemptId, Leaf, LoggedEnd, LoggedReopening, LoggedVerdict, Outcome, RunId, Sha256};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Failure;
use crate::reader::rows;
use crate::row::{named, number, unsigned, value};
use crate::{Reader, StoreError};

impl Reader {
    /// What names the store's log: `lancet:log/` and 32 hexadecimal digits, chosen at random when
    /// the store was made.
    ///
    /// # Errors
    /// What the database says.
    pub fn log_origin(&self) -> Result<String, StoreError> {
        self.with(|connection| {
            Ok(connection.query_row("SELECT origin FROM log_origin", [], |row| row.get(0))?)
        })
    }

    /// The bytes of all leaves of the log, from the first on, each handed to `each`.
    ///
    /// # Errors
    /// What the database says.
    pub fn each_leaf(&self, mut each: impl FnMut(&str)) -> Result<(), StoreError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT leaf FROM log ORDER BY place")?;
            let mut leaves = statement.query([])?;
            while let Some(row) = leaves.next()? {
                each(&value::<String>(row, "leaf")?);
            }
            Ok(())
        })
    }

    /// The leaves of a run with their places in the log, in their order. A run from before there was
    /// a log has none.
    ///
    /// # Errors
    /// What the database says, and when a leaf is none.
    pub fn leaves_of(&self, run: &RunId) -> Result<Vec<(u64, Leaf)>, StoreError> {
        self.with(|connection| {
            of_run(connection, run)?
                .into_iter()
                .map(|(place, text)| match Leaf::parse(&text) {
                    Some(leaf) => Ok((place, leaf)),
                    None => Err(Failure::Unreadable {
                        column: "leaf",
                        problem: format!("leaf {place} of the log is none"),
                    }),
                })
                .collect()
        })
    }
}

/// The leaves of a run as they are, with their places.
pub(crate) fn of_run(connection: &Connection, run: &RunId) -> Result<Vec<(u64, String)>, Failure> {
    let sql = "SELECT place, leaf FROM log WHERE run = ?1 ORDER BY place";
    rows(connection, sql, [run.as_str()], |row| Ok((unsigned(row, "place")?, value(row, "leaf")?)))
}

/// Adds a leaf.
pub(crate) fn add(connection: &Connection, leaf: &Leaf) -> Result<(), Failure> {
    let sql = "INSERT INTO log (place, run, leaf) SELECT ifnull(max(place) + 1, 0), ?1, ?2 FROM log";
    connection.prepare_cached(sql)?.execute(params![leaf.run().as_str(), leaf.to_text()])?;
    Ok(())
}

/// Whether the log tells of a run: not of those from before there was one.
fn tells_of(connection: &Connection, run: &RunId) -> Result<bool, Failure> {
    let sql = "SELECT runs.rowid > log_origin.before FROM runs, log_origin WHERE id = ?1";
    let told = connection.prepare_cached(sql)?.query_row([run.as_str()], |row| row.get(0)).optional()?;
    Ok(told.unwrap_or(false))
}

/// Adds that an attempt came to a verdict.
pub(crate) fn decided(
    connection: &Connection,
    attempt: &AttemptId,
    outcome: Outcome,
    digest: Sha256,
) -> Result<(), Failure> {
    if !tells_of(connection, &attempt.run)? {
        return Ok(());
    }
    let AttemptId { run, task, number } = attempt.clone();
    add(connection, &Leaf::Verdict(LoggedVerdict { run, task, attempt: number, outcome, digest }))
}

/// Adds that an attempt is taken up again.
pub(crate) fn reopened(connection: &Connection, attempt: &AttemptId) -> Result<(), Failure> {
    if !tells_of(connection, &attempt.run)? {
        return Ok(());
    }
    let AttemptId { run, task, number } = attempt.clone();
    add(connection, &Leaf::Reopened(LoggedReopening { run, task, attempt: number }))
}

/// Adds that a run has ended, with the verdicts of all its attempts.
pub(crate) fn ended(connection: &Connection, run: &RunId) -> Result<(), Failure> {
    if !tells_of(connection, run)? {
        return Ok(());
    }
    let sql =
        "SELECT task, number, outcome, verdict_digest FROM attempts WHERE run = ?1 ORDER BY task, number";
    let verdicts = rows(connection, sql, [run.as_str()], |row| {
        Ok(LoggedVerdict {
            run: run.clone(),
            task: named(row, "task")?,
            attempt: number(row)?,
            outcome: named(row, "outcome")?,
            digest: named(row, "verdict_digest")?,
        })
    })?;
    add(connection, &Leaf::RunEnd(LoggedEnd::new(run.clone(), verdicts)))
}

/// What is wrong with the log as a whole: each leaf is one, stands at its place, and is of the run
/// that its row says. Whether they tell of the runs what these are is the audit's.
pub(crate) fn problems(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    let mut statement = connection.prepare_cached("SELECT place, run, leaf FROM log ORDER BY place")?;
    let mut leaves = statement.query([])?;
    let mut due = 0_i64;
    while let Some(row) = leaves.next()? {
        let (place, run): (i64, String) = (value(row, "place")?, value(row, "run")?);
        if place != due {
            problems.push(format!("`log.place` goes from {} to {place}: leaves are missing", due - 1));
        }
        due = place.saturating_add(1);
        match Leaf::parse(&value::<String>(row, "leaf")?) {
            Some(leaf) if leaf.run().as_str() == run => {}
            Some(leaf) => {
                problems
                    .push(format!("`log.run` of leaf {place} is `{run}`, and the leaf is of {}", leaf.run()));
            }
            None => problems.push(format!("`log.leaf` at {place} is no leaf of a log")),
        }
    }
    let origins: i64 = connection.query_row("SELECT count(*) FROM log_origin", [], |row| row.get(0))?;
    if origins != 1 {
        problems.push(format!("`log_origin` has {origins} rows: the log has no one name"));
    }
    Ok(problems)
}
