//! Compares what the store holds of a run: each attempt's row with its journal, with
//! its task, and with the run's own record, and the run's row with that.

mod ledger;
mod log;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use lancet_core::{
    AttemptId, AttemptState, Difference, ListedTask, PluginIdentity, RunId, RunRecord, RunSpec, Scrutiny,
    Sha256, Standing, Subject, Task, TaskId,
};
use rusqlite::{Connection, Row};

use crate::audit::ledger::Answers;
use crate::error::Failure;
use crate::reader::rows;
use crate::row::{ATTEMPT_COLUMNS, attempt_columns, optional, unsigned, value};
use crate::{AttemptRow, Reader, RunCounts, RunRow, StoreError};

/// A run as the store has it, and what in it contradicts the rest.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The run, with its counts by the attempts' rows.
    pub run: RunRow,
    /// Its attempts, in the order of task and number. Rows that cannot be read are
    /// left out, and are differences.
    pub attempts: Vec<AttemptRow>,
    /// Everything that does not follow from the rest; empty when all does.
    pub differences: Vec<Difference>,
}

impl Audit {
    /// Whether the run has a record of its own that lists its attempts. Runs that were
    /// made before there was one have none, and nothing can tell whether one of
    /// their attempts is missing.
    #[must_use]
    pub fn lists_attempts(&self) -> bool {
        self.run.record.is_some()
    }

    /// Whether the store's log tells of the run. Runs from before there was one are in no log, and
    /// nothing shows that the store has them all.
    #[must_use]
    pub fn is_logged(&self) -> bool {
        self.run.logged
    }

    /// The differences of one attempt, and of its run as a whole.
    pub fn of(&self, attempt: &AttemptId) -> impl Iterator<Item = &Difference> {
        let name = attempt.to_string();
        self.differences.iter().filter(move |d| d.attempt.as_ref().is_none_or(|attempt| *attempt == name))
    }
}

impl Reader {
    /// Reads a run with everything that its rows rest on, in one transaction, and
    /// compares: outcome, payment, digests and times follow from the journal, what is
    /// due and judged by whom from the run's record, the price from the task; and the log tells
    /// of the run what it came to.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], what the database says, or that a blob is there and the system
    /// does not let it be read, which says nothing of the run. Blobs that are missing or damaged, and
    /// whatever cannot be understood of an attempt, are differences and no errors.
    pub fn audit(&self, id: &RunId) -> Result<Audit, StoreError> {
        let unknown = || StoreError::UnknownRun { text: id.to_string(), path: self.folder().to_owned() };
        self.with(|connection| {
            // Another process may be executing the run.
            let transaction = connection.unchecked_transaction()?;
            let run = run_columns(&transaction, id)?.ok_or_else(unknown)?;
            let audit = Auditor { reader: self, id, differences: Vec::new(), answers: Answers::default() }
                .audit(&transaction, run)?;
            transaction.finish()?;
            Ok(audit)
        })
    }
}

/// The row of a run as it is, without what is summed over its attempts.
fn run_columns(connection: &Connection, id: &RunId) -> Result<Option<RunRow>, Failure> {
    let sql = "SELECT created, spec, finished, record, rowid > (SELECT before FROM log_origin) AS logged
               FROM runs WHERE id = ?1";
    let found = rows(connection, sql, [id.as_str()], |row| {
        let spec = serde_json::from_str(&value::<String>(row, "spec")?)
            .map_err(|e| Failure::Unreadable { column: "spec", problem: format!("run {id}: {e}") })?;
        Ok(RunRow {
            id: id.clone(),
            created: value(row, "created")?,
            spec,
            finished: value(row, "finished")?,
            record: optional(row, "record")?,
            logged: value(row, "logged")?,
            counts: RunCounts::default(),
        })
    })?;
    Ok(found.into_iter().next())
}

struct Auditor<'a> {
    reader: &'a Reader,
    id: &'a RunId,
    differences: Vec<Difference>,
    /// Of models, by the journals.
    answers: Answers,
}

/// A row of an attempt, or what can be told of one that cannot be read.
type Found = Result<AttemptRow, Unreadable>;

/// What a task says of itself that the rows of its attempts say, too: its id, its kind and its price.
type Told = (TaskId, &'static str, u64);

struct Unreadable {
    name: String,
    key: Option<(TaskId, u32)>,
    column: &'static str,
    problem: String,
}

impl Auditor<'_> {
    fn audit(mut self, connection: &Connection, mut run: RunRow) -> Result<Audit, Failure> {
        let record = self.record(&run)?;
        let mut attempts = Vec::new();
        let mut unreadable = BTreeSet::new();
        for found in self.rows(connection)? {
            match found {
                Ok(row) => attempts.push(row),
                Err(Unreadable { name, key, column, problem }) => {
                    self.add(Some(name), column_of("attempts", column), problem);
                    unreadable.extend(key);
                }
            }
        }
        self.compare_list(record.as_ref(), &attempts, &unreadable);
        self.compare_tasks(&attempts)?;

        // The run's definition, as far as it can be believed.
        let spec = record.as_ref().map_or_else(|| run.spec.clone(), |record| record.spec.clone());
        let mut histories =
            self.histories(connection, &run, &spec, record.as_ref(), &attempts, &unreadable)?;
        for row in &attempts {
            if let Some(history) = histories.remove(&(row.id.task.clone(), row.id.number)) {
                self.compare_standing(row, &history, run.record.is_some());
                let decided = matches!(history.standing().state, AttemptState::Decided(_));
                if run.finished && !decided {
                    let problem = format!("is 1, and attempt {} is not decided", row.id);
                    self.add(None, "runs.finished", problem);
                }
            }
        }
        self.compare_ledger(connection)?;
        let leaves = crate::log::of_run(connection, self.id)?;
        for (attempt, problem) in log::compare(&run, &attempts, &leaves) {
            self.add(log::name(self.id, attempt), "log.leaf", problem);
        }
        run.counts = counts(&attempts);
        Ok(Audit { run, attempts, differences: self.differences })
    }

    fn add(&mut self, attempt: Option<String>, column: impl Into<String>, problem: impl Into<String>) {
        let (column, problem) = (column.into(), problem.into());
        self.differences.push(Difference { attempt, run: self.id.clone(), column, problem });
    }

    /// Notes when a column is not what it has to be `by` something else.
    fn compare<T: PartialEq + Shown>(&mut self, row: &AttemptRow, column: &str, is: &T, due: &T, by: &str) {
        if is != due {
            let problem = format!("is {}, {by} it has to be {}", is.shown(), due.shown());
            self.add(Some(row.id.to_string()), column_of("attempts", column), problem);
        }
    }

    /// The bytes of a blob, or what is wrong with it. That it cannot be read is an error.
    fn blob(&self, digest: Sha256) -> Result<Result<Vec<u8>, String>, StoreError> {
        match self.reader.blob(digest) {
            Err(error) if error.is_of_contents() => Ok(Err(error.to_string())),
            read => read.map(Ok),
        }
    }

    /// The run's record, and what its row says otherwise.
    fn record(&mut self, run: &RunRow) -> Result<Option<RunRecord>, StoreError> {
        let Some(digest) = run.record else { return Ok(None) };
        let read = self.blob(digest)?.and_then(|json| {
            serde_json::from_slice::<RunRecord>(&json)
                .map_err(|e| format!("names blob {digest}, which is not a run's record: {e}"))
        });
        let record = match read {
            Ok(record) => record,
            Err(problem) => {
                self.add(None, "runs.record", problem);
                return Ok(None);
            }
        };
        if record.run != run.id {
            self.add(None, "runs.record", format!("names the record of run {}", record.run));
        }
        if record.created != run.created {
            let problem =
                format!("is `{}`, by the run's record it has to be `{}`", run.created, record.created);
            self.add(None, "runs.created", problem);
        }
        if record.spec != run.spec {
            let changed = changed_keys(&run.spec, &record.spec);
            self.add(None, "runs.spec", format!("differs from the run's record in {}", changed.join(", ")));
        }
        Ok(Some(record))
    }

    fn rows(&self, connection: &Connection) -> Result<Vec<Found>, Failure> {
        let sql = format!("{ATTEMPT_COLUMNS} WHERE run = ?1 ORDER BY task, number");
        rows(connection, &sql, [self.id.as_str()], |row| match attempt_columns(row) {
            Ok(row) => Ok(Ok(row)),
            Err(Failure::Unreadable { column, problem }) => {
                let (task, number): (String, i64) = (value(row, "task")?, value(row, "number")?);
                let key = task.parse().ok().zip(u32::try_from(number).ok());
                Ok(Err(Unreadable { name: format!("{}/{task}/{number}", self.id), key, column, problem }))
            }
            Err(other) => Err(other),
        })
    }

    /// Every attempt of the list has one row, and every row is an attempt of the list.
    fn compare_list(
        &mut self,
        record: Option<&RunRecord>,
        attempts: &[AttemptRow],
        unreadable: &BTreeSet<(TaskId, u32)>,
    ) {
        const BY: &str = "by the run's record";
        let Some(record) = record else { return };
        let mut due = record.attempts();
        let mut seen = BTreeSet::new();
        for row in attempts {
            let key = (&row.id.task, row.id.number);
            if !seen.insert(key) {
                self.add(Some(row.id.to_string()), "attempts.number", "is there twice");
                continue;
            }
            let Some(listed) = due.remove(&key) else {
                let problem = "is an attempt that the run's record does not list";
                self.add(Some(row.id.to_string()), "attempts.number", problem);
                continue;
            };
            let ListedTask { kind, price, task_blob, key_blob, setting_blob, grader, .. } = listed;
            self.compare(row, "kind", &row.kind.as_str(), &kind.as_str(), BY);
            self.compare(row, "price_cents", &row.price.0, &price.0, BY);
            self.compare(row, "task_blob", &row.task_blob, task_blob, BY);
            self.compare(row, "key_blob", &row.key_blob, key_blob, BY);
            self.compare(row, "setting_blob", &row.setting_blob, setting_blob, BY);
            let PluginIdentity { name, digest } = &row.grader;
            self.compare(row, "grader", &name.as_str(), &grader.name.as_str(), BY);
            self.compare(row, "grader_digest", digest, &grader.digest, BY);
        }
        for ((task, number), _) in due {
            if !unreadable.contains(&(task.clone(), number)) {
                let id = AttemptId { run: self.id.clone(), task: task.clone(), number };
                let problem = "has no such attempt, and the run's record lists it: its row is missing";
                self.add(Some(id.to_string()), "attempts", problem);
            }
        }
    }

    /// What a row says of its task is what the task says.
    fn compare_tasks(&mut self, attempts: &[AttemptRow]) -> Result<(), StoreError> {
        const BY: &str = "by its task";
        let mut tasks: BTreeMap<Sha256, Result<Told, String>> = BTreeMap::new();
        for row in attempts {
            let task = match tasks.entry(row.task_blob) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(self.task(row.task_blob)?),
            };
            match task.clone() {
                Ok((id, kind, price)) => {
                    self.compare(row, "task", &row.id.task.as_str(), &id.as_str(), BY);
                    self.compare(row, "kind", &row.kind.as_str(), &kind, BY);
                    self.compare(row, "price_cents", &row.price.0, &price, BY);
                }
                Err(problem) => self.add(Some(row.id.to_string()), "attempts.task_blob", problem),
            }
        }
        Ok(())
    }

    /// What a task says, or what is wrong with its blob.
    fn task(&self, digest: Sha256) -> Result<Result<Told, String>, StoreError> {
        Ok(self.blob(digest)?.and_then(|json| {
            let task: Task = serde_json::from_slice(&json)
                .map_err(|e| format!("names blob {digest}, which is not a task: {e}"))?;
            Ok((task.id, task.kind.as_str(), task.price.0))
        }))
    }

    /// The journals of all attempts, read one event after the other.
    fn histories<'s>(
        &mut self,
        connection: &Connection,
        run: &RunRow,
        spec: &'s RunSpec,
        record: Option<&RunRecord>,
        attempts: &[AttemptRow],
        unreadable: &BTreeSet<(TaskId, u32)>,
    ) -> Result<BTreeMap<(TaskId, u32), Scrutiny<'s>>, Failure> {
        let listed = record.map(RunRecord::attempts).unwrap_or_default();
        let mut histories = BTreeMap::new();
        for row in attempts {
            let due = listed.get(&(&row.id.task, row.id.number));
            let history = Scrutiny::new(Subject {
                id: row.id.clone(),
                kind: due.map_or(row.kind, |due| due.kind),
                price: due.map_or(row.price, |due| due.price),
                grader: due.map_or(row.grader.digest, |due| due.grader.digest),
                spec,
                record: run.record,
            });
            histories.insert((row.id.task.clone(), row.id.number), history);
        }
        let sql = "SELECT task, number, seq, at_us, event, blob FROM events WHERE run = ?1
                   ORDER BY task, number, seq";
        let mut statement = connection.prepare_cached(sql)?;
        let mut events = statement.query([self.id.as_str()])?;
        let mut current: (String, i64) = (String::new(), 0);
        let mut key = None;
        while let Some(row) = events.next()? {
            let (task, number): (String, i64) = (value(row, "task")?, value(row, "number")?);
            if (task.as_str(), number) != (current.0.as_str(), current.1) {
                current = (task, number);
                key = current.0.parse().ok().zip(u32::try_from(number).ok());
                let is_known = key.as_ref().is_some_and(|key: &(TaskId, u32)| {
                    histories.contains_key(key)
                        || unreadable.contains(key)
                        // One that is missing has been told of.
                        || listed.contains_key(&(&key.0, key.1))
                });
                if !is_known {
                    let name = format!("{}/{}/{}", self.id, current.0, current.1);
                    self.add(Some(name), "events", "holds a journal, and there is no such attempt");
                }
            }
            if let Some(history) = key.as_ref().and_then(|key| histories.get_mut(key)) {
                self.read(row, history)?;
            }
        }
        Ok(histories)
    }

    fn read(&mut self, row: &Row<'_>, history: &mut Scrutiny<'_>) -> Result<(), Failure> {
        let seq = match unsigned(row, "seq") {
            Err(Failure::Unreadable { column, problem }) => {
                history.note(format!("`{column}`: {problem}"));
                return Ok(());
            }
            seq => seq?,
        };
        match self.reader.event(row, &history.subject().id) {
            Ok(line) => {
                let AttemptId { task, number, .. } = &history.subject().id;
                self.answers.read(&(task.clone(), *number), &line.event);
                history.add(seq, line.at_us, line.event);
            }
            Err(Failure::Unreadable { problem, .. }) => history.unreadable(seq, &problem),
            Err(Failure::Store(error)) if error.is_of_contents() => {
                history.unreadable(seq, &error.to_string());
            }
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// The ledger has every answer of the journals.
    fn compare_ledger(&mut self, connection: &Connection) -> Result<(), Failure> {
        let entries = crate::ledger::of_run(connection, self.id)?;
        for ((task, number), problem) in std::mem::take(&mut self.answers).compare(&entries) {
            let name = AttemptId { run: self.id.clone(), task, number }.to_string();
            self.add(Some(name), "ledger", problem);
        }
        Ok(())
    }

    /// A row says what its journal comes to.
    fn compare_standing(&mut self, row: &AttemptRow, history: &Scrutiny<'_>, with_times: bool) {
        const BY: &str = "by its journal";
        for flaw in history.flaws() {
            self.add(Some(row.id.to_string()), "events.event", flaw.as_str());
        }
        let Standing {
            state,
            events,
            settled,
            reason,
            earned,
            verdict_digest,
            solve_us,
            grade_us,
            test_runs,
            flaky,
        } = history.standing();
        let ((is, is_outcome), (due, due_outcome)) = (words(row.state), words(*state));
        self.compare(row, "state", &is, &due, BY);
        self.compare(row, "outcome", &is_outcome, &due_outcome, BY);
        self.compare(row, "events", &row.events, events, BY);
        self.compare(row, "settled", &row.settled, settled, BY);
        let text = |reason: &Option<lancet_core::ReasonCode>| reason.as_ref().map(ToString::to_string);
        self.compare(row, "reason", &text(&row.reason), &text(reason), BY);
        let cents = |earned: Option<lancet_core::Cents>| earned.map(|earned| earned.0);
        self.compare(row, "earned_cents", &cents(row.earned), &cents(*earned), BY);
        self.compare(row, "verdict_digest", &row.verdict_digest, verdict_digest, BY);
        self.compare(row, "test_runs", &row.test_runs, test_runs, BY);
        self.compare(row, "flaky", &row.flaky, flaky, BY);
        // Before there were records times were taken apart from the journal.
        if with_times {
            self.compare(row, "solve_us", &row.solve_us, solve_us, BY);
            self.compare(row, "grade_us", &row.grade_us, grade_us, BY);
        }
    }
}

/// A value of a column as a message shows it.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for u64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Sha256 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        u8::from(*self).to_string()
    }
}

impl Shown for &str {
    fn shown(&self) -> String {
        format!("`{self}`")
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        format!("`{self}`")
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "NULL".to_owned(), Shown::shown)
    }
}

fn column_of(table: impl Display, column: &str) -> String {
    format!("{table}.{column}")
}

/// The columns `state` and `outcome`.
fn words(state: AttemptState) -> (&'static str, Option<&'static str>) {
    match state {
        AttemptState::Queued => ("queued", None),
        AttemptState::Submitted => ("submitted", None),
        AttemptState::Decided(outcome) => ("decided", Some(outcome.as_str())),
    }
}

/// The keys of a run's definition that differ, at its top.
fn changed_keys(one: &RunSpec, other: &RunSpec) -> Vec<String> {
    let json = |spec: &RunSpec| serde_json::to_value(spec).unwrap_or_default();
    let (one, other) = (json(one), json(other));
    let keys: BTreeSet<_> =
        [&one, &other].into_iter().filter_map(|json| json.as_object()).flat_map(|map| map.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).map(|key| format!("`{key}`")).collect()
}

fn counts(attempts: &[AttemptRow]) -> RunCounts {
    let mut counts = RunCounts::default();
    for row in attempts {
        counts.attempts += 1;
        match row.state {
            AttemptState::Queued => counts.queued += 1,
            AttemptState::Submitted => counts.submitted += 1,
            AttemptState::Decided(lancet_core::Outcome::Pass) => counts.pass += 1,
            AttemptState::Decided(lancet_core::Outcome::Fail) => counts.fail += 1,
            AttemptState::Decided(lancet_core::Outcome::Invalid) => counts.invalid += 1,
        }
        counts.earned += row.earned.unwrap_or_default();
        counts.available += row.price;
    }
    counts
}

/// What a run's record lists, from the attempts that it is due.
pub(crate) fn listed(attempts: &[crate::NewAttempt]) -> Vec<ListedTask> {
    let mut tasks: Vec<ListedTask> = Vec::new();
    for attempt in attempts {
        let listed = ListedTask {
            task: attempt.task.clone(),
            kind: attempt.kind,
            price: attempt.price,
            task_blob: attempt.task_blob,
            key_blob: attempt.key_blob,
            setting_blob: attempt.setting_blob,
            grader: attempt.grader.clone(),
            numbers: Vec::new(),
        };
        match tasks.last_mut() {
            Some(last) if ListedTask { numbers: Vec::new(), ..last.clone() } == listed => {
                last.numbers.push(attempt.number);
            }
            _ => tasks.push(ListedTask { numbers: vec![attempt.number], ..listed }),
        }
    }
    tasks
}
