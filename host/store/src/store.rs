//! The store, as asynchronous code uses it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lancet_core::{AttemptId, LoggedBegin, RunId, RunRecord, RunSpec, Sha256, Spent};
use rusqlite::Connection;

use crate::audit;
use crate::blob::Blobs;
use crate::error::Failure;
use crate::failpoint::failpoint;
use crate::folder::{is_empty, make_durable_folder, make_folder, make_private_file};
use crate::journal::{self, Line};
use crate::ledger::{self, Elapsed};
use crate::schema::{MAX_PATH_BYTES, open_to_look, open_writer};
use crate::writer::Writer;
use crate::{
    AttemptRow, Audit, Bytes, LedgerEntry, NewAttempt, NewEntry, Reader, RunLock, RunRow, StoreError,
    TimedEvent, Transition,
};

/// A store: the truth about every run in it. Cheap to clone; all clones share
/// one thread that writes.
///
/// When a method that writes returns, what it wrote survives the death of the
/// process and a loss of power. A write that has been begun is carried out even
/// when its future is dropped.
///
/// The methods are for an asynchronous runtime (Tokio's); [`Store::reader`] reads
/// without one. Dropping the last clone waits for writes that are under way.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    blobs: Blobs,
    // Before the writer, so that the last connection to be closed is one that can
    // fold the write-ahead log into the database.
    reader: Reader,
    writer: Writer,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.inner.folder).finish()
    }
}

impl Store {
    /// Opens the store in `folder`, and makes it when there is nothing yet.
    /// Blocks for some milliseconds.
    ///
    /// # Errors
    /// When the folder cannot be written, holds something else, or a store of a
    /// later version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let database = folder.join(DATABASE);
        if folder.exists() && !folder.is_dir() {
            return Err(not_a_store(folder, "it is not a folder"));
        }
        make_durable_folder(folder)?;
        // In this order: another process may be making the same store.
        if !is_empty(folder)? && !database.exists() {
            return Err(not_a_store(folder, lacking(&database, "it has other files and no `lancet.db`")));
        }
        check(folder, &database)?;
        make_private_file(&database)?;
        Self::open_database(folder, &database)
    }

    /// Opens the store in `folder`, which has to be there.
    ///
    /// # Errors
    /// [`StoreError::Missing`], and those of [`Store::open`].
    pub fn open_existing(folder: &Path) -> Result<Self, StoreError> {
        let database = existing(folder)?;
        check(folder, &database)?;
        Self::open_database(folder, &database)
    }

    /// Reads the store in `folder` without changing anything in it, but that SQLite works the log of
    /// a process that was killed into the database: no schema is brought up to
    /// date, nothing is made and nothing is removed. What an earlier version wrote is read from a
    /// copy of the database.
    ///
    /// # Errors
    /// Those of [`Store::open_existing`]; [`StoreError::Missing`] also when the database is empty.
    pub fn look(folder: &Path) -> Result<Reader, StoreError> {
        let database = existing(folder)?;
        check(folder, &database)?;
        match open_to_look(&database)? {
            Some(look) => Ok(Reader::looking(folder, &database, Blobs::to_read(folder), look)),
            None => Err(StoreError::Missing { path: folder.to_owned() }),
        }
    }

    fn open_database(folder: &Path, database: &Path) -> Result<Self, StoreError> {
        let connection = open_writer(database)?;
        let blobs = Blobs::open(folder)?;
        make_folder(&folder.join(LOCKS))?;
        let reader = Reader::new(folder, database, blobs.clone());
        let writer = Writer::start(connection, database)?;
        Ok(Self { inner: Arc::new(Inner { folder: folder.to_owned(), blobs, reader, writer }) })
    }

    /// The store's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Reads this store on the calling thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.inner.reader.clone()
    }

    /// Takes the right to execute a run, which need not exist yet. Does not wait.
    ///
    /// # Errors
    /// [`StoreError::RunBusy`] when another process, or another part of this one,
    /// has it.
    pub fn lock_run(&self, run: &RunId) -> Result<RunLock, StoreError> {
        RunLock::take(&self.inner.folder.join(LOCKS), run)
    }

    /// Keeps a blob and returns its digest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_blob(&self, bytes: impl Into<Bytes>) -> Result<Sha256, StoreError> {
        let bytes = bytes.into();
        let digest = Sha256::of(&bytes);
        self.put_blobs(vec![bytes]).await?;
        Ok(digest)
    }

    /// Keeps many blobs, much faster than one after the other, and returns their
    /// digests in the same order.
    ///
    /// # Errors
    /// When one cannot be written; others may have been by then.
    pub async fn put_blobs(&self, blobs: Vec<Bytes>) -> Result<Vec<Sha256>, StoreError> {
        let folder = self.inner.blobs.clone();
        blocking(move || folder.put(&blobs)).await
    }

    /// The bytes of a blob, checked against its digest.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`], [`StoreError::BlobCorrupt`], [`StoreError::BlobUnfit`], or when
    /// the file cannot be read.
    pub async fn blob(&self, digest: Sha256) -> Result<Vec<u8>, StoreError> {
        self.read(move |reader| reader.blob(digest)).await
    }

    /// Records a run and all its attempts, and in the log that it begins: either everything or
    /// nothing. The run's own record, which lists them, is kept as a blob before.
    ///
    /// # Errors
    /// [`StoreError::RunExists`], [`StoreError::DuplicateAttempt`], or what the
    /// database says.
    pub async fn create_run(
        &self,
        id: RunId,
        created: String,
        spec: &RunSpec,
        attempts: Vec<NewAttempt>,
    ) -> Result<(), StoreError> {
        let unfit = |what| move |e: serde_json::Error| StoreError::Json { what, problem: e.to_string() };
        let json = serde_json::to_string(spec).map_err(unfit("the run's definition"))?;
        let record = RunRecord {
            run: id.clone(),
            created: created.clone(),
            spec: spec.clone(),
            tasks: audit::listed(&attempts),
        };
        let record = serde_json::to_vec(&record).map_err(unfit("the run's record"))?;
        let record = self.put_blob(record).await?;
        let tasks: BTreeSet<_> = attempts.iter().map(|attempt| &attempt.task).collect();
        let begin = LoggedBegin::new(id, record, spec, tasks.len() as u64, attempts.len() as u64);
        self.write(move |connection| journal::create_run(connection, begin, &created, &json, &attempts))
            .await?;
        failpoint("store-run-created");
        Ok(())
    }

    /// One run.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], or what the database says.
    pub async fn run(&self, id: &RunId) -> Result<RunRow, StoreError> {
        let id = id.clone();
        self.read(move |reader| reader.run(&id)).await
    }

    /// All runs in the order in which they were recorded.
    ///
    /// # Errors
    /// What the database says.
    pub async fn runs(&self) -> Result<Vec<RunRow>, StoreError> {
        self.read(Reader::runs).await
    }

    /// The run that a text names: its id, the beginning of it that no other run
    /// shares, or `latest`.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::AmbiguousRun`],
    /// [`StoreError::NoRuns`], or what the database says.
    pub async fn resolve_run(&self, text: &str) -> Result<RunId, StoreError> {
        let text = text.to_owned();
        self.read(move |reader| reader.resolve_run(&text)).await
    }

    /// The attempts of a run, in the order of task and number.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], or what the database says.
    pub async fn attempts(&self, run: &RunId) -> Result<Vec<AttemptRow>, StoreError> {
        let run = run.clone();
        self.read(move |reader| reader.attempts(&run)).await
    }

    /// A run with all that its rows rest on, compared; see [`Reader::audit`].
    ///
    /// # Errors
    /// Those of [`Reader::audit`].
    pub async fn audit(&self, run: &RunId) -> Result<Audit, StoreError> {
        let run = run.clone();
        self.read(move |reader| reader.audit(&run)).await
    }

    /// One attempt.
    ///
    /// # Errors
    /// [`StoreError::UnknownAttempt`], or what the database says.
    pub async fn attempt(&self, id: &AttemptId) -> Result<AttemptRow, StoreError> {
        let id = id.clone();
        self.read(move |reader| reader.attempt(&id)).await
    }

    /// The journal of an attempt, in the order in which it was written.
    ///
    /// # Errors
    /// [`StoreError::UnknownAttempt`], a blob's, or what the database says.
    pub async fn events(&self, attempt: &AttemptId) -> Result<Vec<TimedEvent>, StoreError> {
        let attempt = attempt.clone();
        self.read(move |reader| reader.events(&attempt)).await
    }

    /// Adds events to a journal, and changes the state of its attempt with them:
    /// either everything or nothing. `first_seq` is the number of events that the
    /// caller believes to be there; returns how many there are now.
    ///
    /// # Errors
    /// [`StoreError::Sequence`] when another number is there, so that nothing is
    /// recorded twice; [`StoreError::AlreadyDecided`] when the attempt is over;
    /// [`StoreError::AlreadySubmitted`]; [`StoreError::UnknownAttempt`]; or what
    /// the database says. Nothing has been written then.
    pub async fn append(
        &self,
        attempt: &AttemptId,
        first_seq: u64,
        events: Vec<TimedEvent>,
        transition: Transition,
    ) -> Result<u64, StoreError> {
        let attempt = attempt.clone();
        let lines = self.lines(&events).await?;
        self.write(move |connection| journal::append(connection, &attempt, first_seq, &lines, &transition))
            .await
    }

    /// The events as they are recorded; those that are long go into blobs.
    async fn lines(&self, events: &[TimedEvent]) -> Result<Vec<Line>, StoreError> {
        let mut lines = Vec::with_capacity(events.len());
        let mut long = Vec::new();
        for TimedEvent { at_us, event } in events {
            let json = serde_json::to_string(event)
                .map_err(|e| StoreError::Json { what: "an event", problem: e.to_string() })?;
            if json.len() > MAX_INLINE_EVENT_BYTES {
                lines.push(Line { at_us: *at_us, event: None, blob: Some(Sha256::of(json.as_bytes())) });
                long.push(json.into_bytes().into());
            } else {
                lines.push(Line { at_us: *at_us, event: Some(json), blob: None });
            }
        }
        if !long.is_empty() {
            self.put_blobs(long).await?;
        }
        Ok(lines)
    }

    /// Takes back the decision of an attempt that the infrastructure made invalid, so
    /// that it can be decided. Nothing of its journal goes: `event` is added to it.
    /// With `submitted`, what was handed in stays handed in.
    ///
    /// # Errors
    /// [`StoreError::NotReopened`] when it is not decided as invalid, or has another
    /// number of events than `first_seq`; or what the database says. Nothing has been
    /// written then.
    pub async fn reopen_attempt(
        &self,
        attempt: &AttemptId,
        first_seq: u64,
        event: TimedEvent,
        submitted: bool,
    ) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        let line = self.lines(std::slice::from_ref(&event)).await?.swap_remove(0);
        self.write(move |connection| {
            if journal::reopen(connection, &attempt, first_seq, &line, submitted)? {
                Ok(())
            } else {
                Err(StoreError::NotReopened(attempt).into())
            }
        })
        .await
    }

    /// Cuts a journal back to its first `keep_seq` events, when it is taken up
    /// again after a crash: the rest belongs to a phase that was not finished.
    /// Does nothing when there are no more.
    ///
    /// # Errors
    /// [`StoreError::Discard`] when the state of the attempt rests on events that
    /// would go, or when there are fewer; [`StoreError::AlreadyDecided`];
    /// [`StoreError::UnknownAttempt`]; or what the database says.
    pub async fn discard_partial(&self, attempt: &AttemptId, keep_seq: u64) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.write(move |connection| journal::discard_partial(connection, &attempt, keep_seq)).await
    }

    /// Sets aside what a request to a model may come to.
    ///
    /// # Errors
    /// When the attempt has such a line already, or what the database says.
    pub async fn hold(&self, entry: NewEntry) -> Result<(), StoreError> {
        self.write(move |connection| ledger::hold(connection, &entry)).await
    }

    /// Settles what a request to a model came to.
    ///
    /// # Errors
    /// [`StoreError::NotHeld`] when nothing is set aside for it, or what the database says.
    pub async fn settle(&self, attempt: &AttemptId, entry: u64, spent: Spent) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.write(move |connection| {
            if ledger::settle(connection, &attempt, entry, &spent, Elapsed::default())? {
                Ok(())
            } else {
                Err(StoreError::NotHeld { attempt, entry }.into())
            }
        })
        .await
    }

    /// Settles what a request to a model came to that was given up, unless it is settled
    /// already, and how long the attempt and the run have gone on. It is durable with the
    /// next write that is waited for. Where it is not, as the disk is full, no later write
    /// to this store is done: each fails as this did.
    pub fn note_settled(&self, attempt: &AttemptId, entry: u64, spent: Spent, at: Elapsed) {
        let attempt = attempt.clone();
        let settle = move |connection: &Connection| ledger::settle(connection, &attempt, entry, &spent, at);
        self.inner.writer.note(move |connection| settle(connection).map(drop));
    }

    /// Notes that a request to a model gave an answer, with so many calls of tools. It is
    /// durable with the next write that is waited for, and never later than one that is
    /// begun after this: the answer's line in the journal. Where it is not, no later write
    /// to this store is done.
    pub fn note_answer(&self, attempt: &AttemptId, entry: u64, tool_calls: u64) {
        let attempt = attempt.clone();
        self.inner.writer.note(move |connection| ledger::answered(connection, &attempt, entry, tool_calls));
    }

    /// Gives up what is still set aside for requests of a run whose host died: they count
    /// as what was held for them. Only whoever has the right to execute the run may do
    /// that. Returns how many they are.
    ///
    /// # Errors
    /// What the database says.
    pub async fn lose(&self, run: &RunId) -> Result<u64, StoreError> {
        let run = run.clone();
        self.write(move |connection| ledger::lose(connection, &run)).await
    }

    /// Every request to a model of a run; see [`Reader::ledger`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn ledger(&self, run: &RunId) -> Result<Vec<LedgerEntry>, StoreError> {
        let run = run.clone();
        self.read(move |reader| reader.ledger(&run)).await
    }

    /// Marks a run as finished, and writes its end into the log, unless it is already.
    ///
    /// # Errors
    /// [`StoreError::Undecided`] when an attempt is not over,
    /// [`StoreError::UnknownRun`], or what the database says.
    pub async fn finish_run(&self, run: &RunId) -> Result<(), StoreError> {
        let run = run.clone();
        let folder = self.inner.folder.clone();
        self.write(move |connection| {
            if journal::finish(connection, &run)? {
                Ok(())
            } else {
                Err(StoreError::UnknownRun { text: run.to_string(), path: folder }.into())
            }
        })
        .await
    }

    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.inner.writer.submit(work).await.unwrap_or(Err(StoreError::Closed))
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let reader = self.reader();
        blocking(move || work(&reader)).await
    }
}

const DATABASE: &str = "lancet.db";
const LOCKS: &str = "locks";

/// The most bytes of JSON that an event may have to be kept in the database.
const MAX_INLINE_EVENT_BYTES: usize = 16 << 10;

/// The database of the store in `folder`, which has to be there.
fn existing(folder: &Path) -> Result<PathBuf, StoreError> {
    let database = folder.join(DATABASE);
    if !folder.exists() {
        return Err(StoreError::Missing { path: folder.to_owned() });
    }
    if !folder.is_dir() {
        return Err(not_a_store(folder, "it is not a folder"));
    }
    let empty = is_empty(folder)?;
    if !database.exists() {
        return Err(if empty {
            StoreError::Missing { path: folder.to_owned() }
        } else {
            not_a_store(folder, lacking(&database, "it has no `lancet.db`"))
        });
    }
    Ok(database)
}

/// Why there is no database: whatever is told, or a link that leads nowhere or to itself.
fn lacking<'a>(database: &Path, otherwise: &'a str) -> &'a str {
    match database.is_symlink() {
        true => "its `lancet.db` is a link to nothing that is there",
        false => otherwise,
    }
}

/// Refuses a database that SQLite would make anew, or cannot open, before it is touched.
fn check(folder: &Path, database: &Path) -> Result<(), StoreError> {
    // In this order: another process may be making the same store, and blobs come last.
    let has_blobs = Blobs::any(folder);
    let is_emptied = database.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0);
    if is_emptied && has_blobs? {
        return Err(StoreError::Emptied { path: folder.to_owned() });
    }
    // SQLite would call it an error of the disk, or wait for somebody at a pipe's other end.
    if database.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Err(not_a_store(folder, "its `lancet.db` is no file: a pipe, a socket or a device"));
    }
    let absolute = folder.canonicalize().map_err(|e| StoreError::io("open the folder", folder, e))?;
    let path = absolute.join(DATABASE);
    let bytes = path.as_os_str().len();
    if bytes > MAX_PATH_BYTES {
        return Err(StoreError::PathTooLong { path, bytes, most: MAX_PATH_BYTES });
    }
    Ok(())
}

fn not_a_store(folder: &Path, reason: &str) -> StoreError {
    StoreError::NotAStore { path: folder.to_owned(), reason: reason.to_owned() }
}

async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(StoreError::Closed),
        },
    }
}
