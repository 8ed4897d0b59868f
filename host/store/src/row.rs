//! The rows of runs and attempts, as types.

use lancet_core::{
    AttemptId, AttemptState, Cents, Event, Kind, Outcome, PluginIdentity, ReasonCode, RunId, RunSpec, Sha256,
    TaskId,
};
use rusqlite::Row;
use rusqlite::types::FromSql;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::error::Failure;

/// A run as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// What names the run.
    pub id: RunId,
    /// When the run was started: RFC 3339, UTC.
    pub created: String,
    /// All that the run is defined by.
    pub spec: RunSpec,
    /// Whether the run has been marked as finished.
    pub finished: bool,
    /// The blob of the run's [`lancet_core::RunRecord`]; `None` for runs that were made
    /// before there was one.
    pub record: Option<Sha256>,
    /// Whether the store's log tells of the run; not of those from before there was one.
    pub logged: bool,
    /// How the run's attempts stand.
    pub counts: RunCounts,
}

/// How the attempts of a run stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// All attempts of the run.
    pub attempts: u64,
    /// Attempts not handed in yet.
    pub queued: u64,
    /// Attempts handed in and not decided yet.
    pub submitted: u64,
    /// Attempts that passed.
    pub pass: u64,
    /// Attempts that failed.
    pub fail: u64,
    /// Attempts without a decision.
    pub invalid: u64,
    /// What the passes pay.
    pub earned: Cents,
    /// What all attempts would pay.
    pub available: Cents,
}

impl RunCounts {
    /// Attempts that are not over.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.queued + self.submitted
    }
}

/// An attempt that a new run is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// The task that is tried.
    pub task: TaskId,
    /// Which try at that task, from 1.
    pub number: u32,
    /// The task's kind.
    pub kind: Kind,
    /// What a pass pays.
    pub price: Cents,
    /// The blob that holds the public part of the task.
    pub task_blob: Sha256,
    /// The blob that holds the task's private configuration, when it has one.
    pub key_blob: Option<Sha256>,
    /// The blob that holds the task's [`lancet_core::Setting`], when it has one.
    pub setting_blob: Option<Sha256>,
    /// The grader that judges the attempt.
    pub grader: PluginIdentity,
}

/// An attempt as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// What names the attempt.
    pub id: AttemptId,
    /// The task's kind.
    pub kind: Kind,
    /// What a pass pays.
    pub price: Cents,
    /// The blob that holds the public part of the task.
    pub task_blob: Sha256,
    /// The blob that holds the task's private configuration, when it has one.
    pub key_blob: Option<Sha256>,
    /// The blob that holds the task's [`lancet_core::Setting`], when it has one.
    pub setting_blob: Option<Sha256>,
    /// The grader that judges the attempt.
    pub grader: PluginIdentity,
    /// How far the attempt has come.
    pub state: AttemptState,
    /// Events recorded; the next one's sequence number.
    pub events: u64,
    /// Events that were recorded when the state last changed. Those after it
    /// belong to a phase that was not finished.
    pub settled: u64,
    /// The reason for the outcome, once the attempt is decided.
    pub reason: Option<ReasonCode>,
    /// What is paid, once the attempt is decided.
    pub earned: Option<Cents>,
    /// The digest of the verdict's record, once the attempt is decided.
    pub verdict_digest: Option<Sha256>,
    /// Microseconds that the agent took, once it has handed in.
    pub solve_us: Option<u64>,
    /// Microseconds that the grader took, when it ran.
    pub grade_us: Option<u64>,
    /// How often tests were run, once the attempt is decided.
    pub test_runs: Option<u64>,
    /// Whether the test runs differed, once the attempt is decided.
    pub flaky: Option<bool>,
}

/// A line of a journal, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedEvent {
    /// Microseconds since the attempt was started, or resumed.
    pub at_us: u64,
    /// What happened.
    pub event: Event,
}

/// What an append changes about its attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// Nothing changes.
    None,
    /// The agent has handed in.
    Submitted {
        /// Microseconds that the agent took.
        solve_us: u64,
    },
    /// The attempt is over.
    Decided {
        /// How the attempt ended.
        outcome: Outcome,
        /// The reason for the outcome.
        reason: ReasonCode,
        /// What is paid.
        earned: Cents,
        /// The digest of the verdict's record.
        verdict_digest: Sha256,
        /// Microseconds that the agent took.
        solve_us: Option<u64>,
        /// Microseconds that the grader took, when it ran.
        grade_us: Option<u64>,
        /// How often tests were run.
        test_runs: u64,
        /// Whether the test runs differed.
        flaky: bool,
    },
}

/// The columns that [`run_row`] reads; to be grouped by run. `total` is exact as far as
/// amounts go, and does not fail on a row that somebody has changed.
pub(crate) const RUN_COLUMNS: &str = "SELECT r.id, r.created, r.spec, r.finished, r.record,
    r.rowid > (SELECT before FROM log_origin) AS logged, count(a.task) AS attempts,
    ifnull(sum(a.state = 'queued'), 0) AS queued, ifnull(sum(a.state = 'submitted'), 0) AS submitted,
    ifnull(sum(a.outcome = 'pass'), 0) AS pass, ifnull(sum(a.outcome = 'fail'), 0) AS fail,
    ifnull(sum(a.outcome = 'invalid'), 0) AS invalid,
    CAST(total(a.earned_cents) AS INTEGER) AS earned, CAST(total(a.price_cents) AS INTEGER) AS available
    FROM runs r LEFT JOIN attempts a ON a.run = r.id";

pub(crate) fn run_row(row: &Row<'_>) -> Result<RunRow, Failure> {
    let id: RunId = named(row, "id")?;
    let spec: String = value(row, "spec")?;
    let spec = serde_json::from_str(&spec)
        .map_err(|e| Failure::Unreadable { column: "spec", problem: format!("run {id}: {e}") })?;
    Ok(RunRow {
        created: value(row, "created")?,
        spec,
        finished: value(row, "finished")?,
        record: optional(row, "record")?,
        logged: value(row, "logged")?,
        counts: RunCounts {
            attempts: unsigned(row, "attempts")?,
            queued: unsigned(row, "queued")?,
            submitted: unsigned(row, "submitted")?,
            pass: unsigned(row, "pass")?,
            fail: unsigned(row, "fail")?,
            invalid: unsigned(row, "invalid")?,
            earned: Cents(unsigned(row, "earned")?),
            available: Cents(unsigned(row, "available")?),
        },
        id,
    })
}

/// The columns that [`attempt_row`] reads.
pub(crate) const ATTEMPT_COLUMNS: &str = "SELECT run, task, number, kind, price_cents, task_blob, key_blob,
    setting_blob, grader, grader_digest, state, events, settled, outcome, reason, earned_cents, verdict_digest,
    solve_us, grade_us, test_runs, flaky
    FROM attempts";

pub(crate) fn attempt_row(row: &Row<'_>) -> Result<AttemptRow, Failure> {
    attempt_columns(row).map_err(|failure| match failure {
        Failure::Unreadable { column, problem } => {
            Failure::Unreadable { column, problem: format!("attempt {}: {problem}", named_row(row)) }
        }
        other => other,
    })
}

/// Which try at its task an attempt is.
pub(crate) fn number(row: &Row<'_>) -> Result<u32, Failure> {
    let number: i64 = value(row, "number")?;
    u32::try_from(number).map_err(|_| Failure::Unreadable {
        column: "number",
        problem: format!("{number} is no number of an attempt"),
    })
}

/// Names an attempt whose row cannot be read.
fn named_row(row: &Row<'_>) -> String {
    let text = |column: &'static str| value::<String>(row, column).unwrap_or_default();
    format!("{}/{}/{}", text("run"), text("task"), value::<i64>(row, "number").unwrap_or_default())
}

/// The same, with an error that does not name the attempt.
pub(crate) fn attempt_columns(row: &Row<'_>) -> Result<AttemptRow, Failure> {
    let state = match (value::<String>(row, "state")?.as_str(), optional(row, "outcome")?) {
        ("queued", None) => AttemptState::Queued,
        ("submitted", None) => AttemptState::Submitted,
        ("decided", Some(outcome)) => AttemptState::Decided(outcome),
        (other, _) => return Err(Failure::Unreadable { column: "state", problem: format!("`{other}`") }),
    };
    Ok(AttemptRow {
        id: AttemptId { run: named(row, "run")?, task: named(row, "task")?, number: number(row)? },
        kind: named(row, "kind")?,
        price: Cents(unsigned(row, "price_cents")?),
        task_blob: named(row, "task_blob")?,
        key_blob: optional(row, "key_blob")?,
        setting_blob: optional(row, "setting_blob")?,
        grader: PluginIdentity { name: value(row, "grader")?, digest: named(row, "grader_digest")? },
        state,
        events: unsigned(row, "events")?,
        settled: unsigned(row, "settled")?,
        reason: optional(row, "reason")?,
        earned: optional_unsigned(row, "earned_cents")?.map(Cents),
        verdict_digest: optional(row, "verdict_digest")?,
        solve_us: optional_unsigned(row, "solve_us")?,
        grade_us: optional_unsigned(row, "grade_us")?,
        test_runs: optional_unsigned(row, "test_runs")?,
        flaky: value(row, "flaky")?,
    })
}

/// A number as the database holds it.
pub(crate) fn integer(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange { what, value })
}

/// A column as it is.
pub(crate) fn value<T: FromSql>(row: &Row<'_>, column: &'static str) -> Result<T, Failure> {
    Ok(row.get(column)?)
}

/// A count.
pub(crate) fn unsigned(row: &Row<'_>, column: &'static str) -> Result<u64, Failure> {
    from_integer(column, value(row, column)?)
}

/// The same, or nothing.
pub(crate) fn optional_unsigned(row: &Row<'_>, column: &'static str) -> Result<Option<u64>, Failure> {
    value::<Option<i64>>(row, column)?.map(|number| from_integer(column, number)).transpose()
}

fn from_integer(column: &'static str, number: i64) -> Result<u64, Failure> {
    u64::try_from(number)
        .map_err(|_| Failure::Unreadable { column, problem: format!("{number} is negative") })
}

/// A type that is a text in JSON.
pub(crate) fn named<T: DeserializeOwned>(row: &Row<'_>, column: &'static str) -> Result<T, Failure> {
    from_name(column, value(row, column)?)
}

/// The same, or nothing.
pub(crate) fn optional<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &'static str,
) -> Result<Option<T>, Failure> {
    value::<Option<String>>(row, column)?.map(|text| from_name(column, text)).transpose()
}

fn from_name<T: DeserializeOwned>(column: &'static str, text: String) -> Result<T, Failure> {
    serde_json::from_value(serde_json::Value::String(text))
        .map_err(|e| Failure::Unreadable { column, problem: e.to_string() })
}
