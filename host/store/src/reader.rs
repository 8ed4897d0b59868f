//! Reading what is recorded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lancet_core::{
    AttemptId, CallRecord, Capture, Environment, Event, FileChange, Response, RunId, RunSpec, Setting,
    Sha256, with_causes,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::blob::Blobs;
use crate::error::Failure;
use crate::row::{ATTEMPT_COLUMNS, RUN_COLUMNS, attempt_row, named, optional, run_row, unsigned, value};
use crate::schema::{Look, open_reader};
use crate::{AttemptRow, RunRow, StoreError, TimedEvent};

/// Reads a store, blocking the thread that asks. Cheap to clone.
///
/// Code that runs on an asynchronous runtime uses the methods of
/// [`Store`](crate::Store) instead.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    database: PathBuf,
    blobs: Blobs,
    /// Connections that nobody uses at the moment.
    idle: Mutex<Vec<Connection>>,
    /// Of a store that is only looked at. After those above, so that it is the last to be
    /// closed, and takes along the files that were beside the database.
    _last: Option<Mutex<Look>>,
}

impl Reader {
    pub(crate) fn new(folder: &Path, database: &Path, blobs: Blobs) -> Self {
        Self::with_last(folder, database, blobs, None)
    }

    /// The same of a store that is only looked at.
    pub(crate) fn looking(folder: &Path, database: &Path, blobs: Blobs, look: Look) -> Self {
        let database = look.copy.as_ref().map_or(database, |(copy, _)| copy).to_owned();
        Self::with_last(folder, &database, blobs, Some(Mutex::new(look)))
    }

    fn with_last(folder: &Path, database: &Path, blobs: Blobs, last: Option<Mutex<Look>>) -> Self {
        let shared = Shared {
            folder: folder.to_owned(),
            database: database.to_owned(),
            blobs,
            idle: Mutex::new(Vec::new()),
            _last: last,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The bytes of a blob, checked against its digest.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`], [`StoreError::BlobCorrupt`], [`StoreError::BlobUnfit`], or when
    /// the file cannot be read.
    pub fn blob(&self, digest: Sha256) -> Result<Vec<u8>, StoreError> {
        self.shared.blobs.get(digest)
    }

    /// One run.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], or what the database says.
    pub fn run(&self, id: &RunId) -> Result<RunRow, StoreError> {
        let unknown = || StoreError::UnknownRun { text: id.to_string(), path: self.shared.folder.clone() };
        self.with(|connection| {
            let sql = format!("{RUN_COLUMNS} WHERE r.id = ?1 GROUP BY r.id");
            rows(connection, &sql, [id.as_str()], run_row)?.pop().ok_or_else(|| unknown().into())
        })
    }

    /// All runs in the order in which they were recorded.
    ///
    /// # Errors
    /// What the database says.
    pub fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        self.with(|connection| {
            rows(connection, &format!("{RUN_COLUMNS} GROUP BY r.id ORDER BY r.rowid"), [], run_row)
        })
    }

    /// The ids of all runs in the order in which they were recorded, whatever the clock said.
    ///
    /// # Errors
    /// What the database says.
    pub fn run_ids(&self) -> Result<Vec<RunId>, StoreError> {
        self.with(|connection| {
            rows(connection, "SELECT id FROM runs ORDER BY rowid", [], |row| named(row, "id"))
        })
    }

    /// The run that a text names: its id, the beginning of it that no other run
    /// shares, or `latest`.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::AmbiguousRun`],
    /// [`StoreError::NoRuns`], or what the database says.
    pub fn resolve_run(&self, text: &str) -> Result<RunId, StoreError> {
        let path = || self.shared.folder.clone();
        let id = |row: &Row<'_>| named(row, "id");
        if text == "latest" {
            return self.with(|connection| {
                // Not by the id, which has the time: clocks are set back, and a second has many runs.
                let sql = "SELECT id FROM runs ORDER BY rowid DESC LIMIT 1";
                rows(connection, sql, [], id)?.pop().ok_or_else(|| StoreError::NoRuns { path: path() }.into())
            });
        }
        let mut runs = if text.is_empty() {
            Vec::new()
        } else {
            self.with(|connection| {
                let sql = "SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id";
                rows(connection, sql, [text], id)
            })?
        };
        match (runs.pop(), runs.is_empty()) {
            (Some(run), true) => Ok(run),
            (Some(run), false) => {
                runs.push(run);
                Err(StoreError::AmbiguousRun { text: text.to_owned(), runs })
            }
            (None, _) => Err(StoreError::UnknownRun { text: text.chars().take(80).collect(), path: path() }),
        }
    }

    /// The attempts of a run, in the order of task and number.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], or what the database says.
    pub fn attempts(&self, run: &RunId) -> Result<Vec<AttemptRow>, StoreError> {
        let found = self.with(|connection| {
            let sql = format!("{ATTEMPT_COLUMNS} WHERE run = ?1 ORDER BY task, number");
            rows(connection, &sql, [run.as_str()], attempt_row)
        })?;
        if found.is_empty() {
            self.run(run)?;
        }
        Ok(found)
    }

    /// One attempt.
    ///
    /// # Errors
    /// [`StoreError::UnknownAttempt`], or what the database says.
    pub fn attempt(&self, id: &AttemptId) -> Result<AttemptRow, StoreError> {
        self.with(|connection| {
            let sql = format!("{ATTEMPT_COLUMNS} WHERE run = ?1 AND task = ?2 AND number = ?3");
            let key = (id.run.as_str(), id.task.as_str(), id.number);
            rows(connection, &sql, key, attempt_row)?
                .pop()
                .ok_or_else(|| StoreError::UnknownAttempt(id.clone()).into())
        })
    }

    /// The journal of an attempt, in the order in which it was written.
    ///
    /// # Errors
    /// [`StoreError::UnknownAttempt`], a blob's, or what the database says.
    pub fn events(&self, id: &AttemptId) -> Result<Vec<TimedEvent>, StoreError> {
        let found = self.with(|connection| {
            let sql =
                "SELECT seq, at_us, event, blob FROM events WHERE run = ?1 AND task = ?2 AND number = ?3
                       ORDER BY seq";
            let key = (id.run.as_str(), id.task.as_str(), id.number);
            rows(connection, sql, key, |row| self.event(row, id))
        })?;
        if found.is_empty() {
            self.attempt(id)?;
        }
        Ok(found)
    }

    /// The store's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    pub(crate) fn event(&self, row: &Row<'_>, attempt: &AttemptId) -> Result<TimedEvent, Failure> {
        let unreadable = |e: serde_json::Error, seq| Failure::Unreadable {
            column: "event",
            problem: format!("event {seq} of attempt {attempt}: {e}"),
        };
        let seq = unsigned(row, "seq")?;
        let event = match optional::<Sha256>(row, "blob")? {
            Some(digest) => serde_json::from_slice(&self.blob(digest)?),
            None => serde_json::from_str(&value::<String>(row, "event")?),
        };
        Ok(TimedEvent { at_us: unsigned(row, "at_us")?, event: event.map_err(|e| unreadable(e, seq))? })
    }

    /// Checks the whole store: that the database is sound, that its log has no gap, and that every blob that
    /// is needed to go on, to replay and to judge again is there and is what it was:
    /// components, prompts, tasks, keys, settings with the files that they name, submissions,
    /// events, answers of models. Returns the problems; reads
    /// everything, so it takes its time. Whether what is there holds together is
    /// [`Self::audit`]'s.
    ///
    /// # Errors
    /// When the check itself cannot be made.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        let (mut problems, digests) = self.with(|connection| {
            let mut problems =
                rows(connection, "PRAGMA integrity_check", [], |row| Ok(row.get::<_, String>(0)?))?;
            problems.retain(|line| line != "ok");
            let broken = connection
                .query_row("PRAGMA foreign_key_check", [], |row| row.get::<_, String>(0))
                .optional()?;
            problems.extend(broken.map(|table| format!("table `{table}` refers to rows that are not there")));
            problems.extend(crate::log::problems(connection)?);
            let sql = "SELECT task_blob AS blob FROM attempts
                       UNION SELECT key_blob FROM attempts WHERE key_blob IS NOT NULL
                       UNION SELECT setting_blob FROM attempts WHERE setting_blob IS NOT NULL
                       UNION SELECT blob FROM events WHERE blob IS NOT NULL
                       UNION SELECT record FROM runs WHERE record IS NOT NULL";
            let mut digests: BTreeSet<Sha256> =
                rows(connection, sql, [], |row| named(row, "blob"))?.into_iter().collect();
            let specs = rows(connection, "SELECT spec FROM runs", [], |row| value::<String>(row, "spec"))?;
            for spec in specs.iter().filter_map(|spec| serde_json::from_str::<RunSpec>(spec).ok()) {
                digests.insert(spec.agent.digest);
                digests.extend(spec.graders.iter().map(|grader| grader.digest));
                digests.extend(spec.prompt);
                digests.extend(spec.models.iter().filter_map(|model| model.script));
            }
            let sql = "SELECT DISTINCT setting_blob AS blob FROM attempts WHERE setting_blob IS NOT NULL";
            for digest in rows(connection, sql, [], |row| named(row, "blob"))? {
                // One that is damaged is told of below.
                let setting = self.blob(digest).ok().and_then(|json| serde_json::from_slice(&json).ok());
                let Setting { environment, input, .. } = setting.unwrap_or_default();
                digests.extend(input);
                digests.extend(environment.iter().flat_map(Environment::files));
            }
            let sql = "SELECT seq, at_us, event, blob, run, task, number FROM events
                       WHERE event LIKE '{\"event\":\"captured\"%' OR blob IS NOT NULL
                       OR event LIKE '%\"call\":\"model-ask\"%'";
            let captured = rows(connection, sql, [], |row| {
                let id = AttemptId {
                    run: named(row, "run")?,
                    task: named(row, "task")?,
                    number: value(row, "number")?,
                };
                Ok(self.event(row, &id).ok())
            })?;
            for line in captured.into_iter().flatten() {
                match line.event {
                    Event::Captured { capture: Capture::Taken(changes) } => {
                        digests.insert(changes.diff);
                        digests.extend(changes.files.iter().filter_map(|file| match file.change {
                            FileChange::Written { sha256, .. } => Some(sha256),
                            FileChange::Deleted => None,
                        }));
                    }
                    Event::Called {
                        call: CallRecord { response: Response::Answered(answer), .. }, ..
                    } => {
                        digests.insert(answer.raw);
                    }
                    _ => {}
                }
            }
            Ok((problems, digests))
        })?;
        problems.extend(
            digests.into_iter().filter_map(|digest| self.blob(digest).err().map(|e| with_causes(&e))),
        );
        Ok(problems)
    }

    /// Does some reading on a connection of its own.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let idle = || self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |failure: Failure| failure.at(&self.shared.database);
        // Taken out in a statement of its own, so that the lock is not held.
        let connection = idle().pop();
        let connection = match connection {
            Some(connection) => connection,
            None => open_reader(&self.shared.database).map_err(at)?,
        };
        let result = work(&connection).map_err(at);
        idle().push(connection);
        result
    }
}

/// All rows of a query.
pub(crate) fn rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}
