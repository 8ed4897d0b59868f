//! What can go wrong with a store.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lancet_core::{AttemptId, RunId, Sha256, hint_of_descriptors};

use crate::cause::{self, EIO};

/// What can go wrong with a store. [`StoreError::hint`] says what to do.
///
/// It can be cloned, because writes that are committed together fail together.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A file or folder of the store could not be used.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried: `create the folder`.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// There is no further thread for the one that writes.
    #[error("cannot start the thread that writes to `{path}`")]
    NoThread {
        /// The database.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// There is nothing at the path.
    #[error("there is no store at `{path}`")]
    Missing {
        /// The store's folder.
        path: PathBuf,
    },
    /// There is something else at the path.
    #[error("`{path}` is not a store: {reason}")]
    NotAStore {
        /// The store's folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The store's database is empty although there is something that only runs keep.
    #[error(
        "the store `{path}` has lost its database: `lancet.db` is empty, and there are blobs of runs beside it"
    )]
    Emptied {
        /// The store's folder.
        path: PathBuf,
    },
    /// The path of the database is longer than SQLite can open.
    #[error("the path of the store's database has {bytes} bytes, and SQLite opens at most {most}: `{path}`")]
    PathTooLong {
        /// The database, as an absolute path.
        path: PathBuf,
        /// Bytes of that path.
        bytes: usize,
        /// The most bytes that it may have.
        most: usize,
    },
    /// A later version of Lancet wrote the store.
    #[error(
        "the store `{path}` has schema version {found}, this version of Lancet knows versions up to {supported}"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The version that it has.
        found: i64,
        /// The highest version that this build knows.
        supported: i64,
    },
    /// The database cannot be written to.
    #[error("the store's database `{path}` is not writable")]
    NotWritable {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The database is damaged.
    #[error("the store's database `{path}` is corrupt")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// Another process kept the database locked for too long.
    #[error("the store's database `{path}` is locked by another process")]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space is left for the store's database `{path}`")]
    Full {
        /// The database.
        path: PathBuf,
        /// What SQLite said, or the system.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// There is no place for a copy of the database, which is read instead of one in an earlier
    /// form.
    #[error("cannot make a copy of the store's database in `{folder}`: {reason}")]
    NoCopy {
        /// The folder for temporary files.
        folder: PathBuf,
        /// What the system, or SQLite, said.
        reason: String,
    },
    /// Anything else that SQLite can say.
    #[error("the store's database `{path}` failed")]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// A row holds something that this version does not understand.
    #[error("the store's database `{path}` has an unreadable row: column `{column}`: {problem}")]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// The column.
        column: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// Nothing is set aside for a request to a model.
    #[error("nothing is held for request {entry} of attempt {attempt}")]
    NotHeld {
        /// The attempt.
        attempt: AttemptId,
        /// The number of the request.
        entry: u64,
    },
    /// A blob is not there.
    #[error("blob {digest} is missing from the store, expected at `{path}`")]
    BlobMissing {
        /// The blob.
        digest: Sha256,
        /// Its file.
        path: PathBuf,
    },
    /// A blob is not what it was.
    #[error("blob {digest} is corrupt: `{path}` has the digest {found}")]
    BlobCorrupt {
        /// The blob.
        digest: Sha256,
        /// What is there instead.
        found: Sha256,
        /// Its file.
        path: PathBuf,
    },
    /// There is something in a blob's place that none can be.
    #[error("blob {digest} is corrupt: `{path}` {problem}")]
    BlobUnfit {
        /// The blob.
        digest: Sha256,
        /// Its file.
        path: PathBuf,
        /// What is wrong with it: `is no regular file`.
        problem: &'static str,
    },
    /// No run goes by that text.
    #[error("there is no run `{text}` in the store `{path}`")]
    UnknownRun {
        /// What was asked for.
        text: String,
        /// The store's folder.
        path: PathBuf,
    },
    /// There is no run at all.
    #[error("the store `{path}` has no runs yet")]
    NoRuns {
        /// The store's folder.
        path: PathBuf,
    },
    /// Several runs begin with that text.
    #[error("`{text}` fits {count} runs, among them {examples}", count = .runs.len(), examples = list(.runs))]
    AmbiguousRun {
        /// What was asked for.
        text: String,
        /// All runs that it fits.
        runs: Vec<RunId>,
    },
    /// The run is there already.
    #[error("run {0} exists already")]
    RunExists(RunId),
    /// The run has no such attempt.
    #[error("there is no attempt {0}")]
    UnknownAttempt(AttemptId),
    /// The same attempt twice in a new run.
    #[error("attempt {0} is in the run twice")]
    DuplicateAttempt(AttemptId),
    /// Another process executes the run.
    #[error("run {run} is being executed by another process{}", by(.process))]
    RunBusy {
        /// The run.
        run: RunId,
        /// The other process, when it is known.
        process: Option<u32>,
    },
    /// The run cannot be finished yet.
    #[error("run {run} cannot be finished: {undecided} of its attempts are undecided")]
    Undecided {
        /// The run.
        run: RunId,
        /// How many.
        undecided: u64,
    },
    /// The attempt is over; nothing can be added to it.
    #[error("attempt {0} is decided already, nothing can be added to its journal")]
    AlreadyDecided(AttemptId),
    /// The attempt's decision stands.
    #[error("attempt {0} is not decided as invalid, or its journal has grown: it cannot be taken up again")]
    NotReopened(AttemptId),
    /// The attempt has been handed in already.
    #[error("attempt {0} has been submitted already")]
    AlreadySubmitted(AttemptId),
    /// The journal does not end where the writer believes.
    #[error("the journal of attempt {attempt} continues at {expected}, not at {given}")]
    Sequence {
        /// The attempt.
        attempt: AttemptId,
        /// The sequence number that comes next.
        expected: u64,
        /// The one that was given.
        given: u64,
    },
    /// The journal would lose events that a state rests on.
    #[error(
        "the journal of attempt {attempt} cannot be cut to {keep} events: {settled} are settled, {recorded} recorded"
    )]
    Discard {
        /// The attempt.
        attempt: AttemptId,
        /// How many events were to be kept.
        keep: u64,
        /// How many must be.
        settled: u64,
        /// How many there are.
        recorded: u64,
    },
    /// A number does not fit into the database.
    #[error("{what} is {value}, more than the store can hold")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What it is.
        value: u64,
    },
    /// A value cannot be written as JSON.
    #[error("cannot write {what} as JSON: {problem}")]
    Json {
        /// Which value.
        what: &'static str,
        /// Why not.
        problem: String,
    },
    /// The store's writer is gone.
    #[error("the store has been closed")]
    Closed,
}

/// The first few runs, for a message.
fn list(runs: &[RunId]) -> String {
    runs.iter().take(4).map(RunId::as_str).collect::<Vec<_>>().join(", ")
}

fn by(process: &Option<u32>) -> String {
    process.map(|id| format!(" (process {id})")).unwrap_or_default()
}

impl StoreError {
    /// What the operator can do, in one sentence; `None` when there is nothing to
    /// say beyond the error.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { source, .. } => hint_of(source).to_owned(),
            Self::NotWritable { .. } => MAY_WRITE.to_owned(),
            Self::NoThread { .. } => {
                "a limit on processes and threads is reached, RLIMIT_NPROC of the user (`ulimit -u`) or `pids.max` of the \
                 control group: raise it, end other processes, or run less at a time"
                    .to_owned()
            }
            Self::Missing { .. } => "a store is made by the first run; name the folder that you ran with".to_owned(),
            Self::NotAStore { .. } => "name a new or empty folder, or a folder that holds a store".to_owned(),
            Self::Emptied { .. } => {
                "nothing was written: restore `lancet.db` from a backup, or move the folder away to begin anew".to_owned()
            }
            Self::PathTooLong { .. } => "name a store with a shorter path".to_owned(),
            Self::NewerSchema { .. } => "use the version of Lancet that wrote it, or a later one, or another store".to_owned(),
            Self::Corrupt { .. } => {
                "restore the folder from a backup, or recover what is left with `sqlite3 lancet.db .recover`".to_owned()
            }
            Self::Locked { .. } => "wait until the other process is done, or end it".to_owned(),
            Self::Full { .. } => MAKE_ROOM.to_owned(),
            Self::NoCopy { .. } => "make room there, or name another folder in the variable `TMPDIR`".to_owned(),
            Self::BlobMissing { .. } | Self::BlobCorrupt { .. } | Self::BlobUnfit { .. } => {
                "restore the file from a backup of the store; what belongs to a suite or is a plugin is written anew by \
                 another `lancet run` of the same suite and agent into this store"
                    .to_owned()
            }
            Self::UnknownRun { .. } => {
                "`lancet runs` lists the runs; a run goes by its id, the beginning of it, or `latest`".to_owned()
            }
            Self::NoRuns { .. } => "start one with `lancet run SUITE --agent AGENT`, or name another store".to_owned(),
            Self::AmbiguousRun { .. } => "write more of the id".to_owned(),
            Self::RunBusy { .. } => "wait until it is done, or end the other process; its work is not lost".to_owned(),
            Self::Unreadable { .. } => "the row was not written by this version of Lancet; use the one that wrote it".to_owned(),
            Self::UnknownAttempt(id) => format!("`lancet show {}` lists the attempts of the run", id.run),
            _ => return None,
        };
        Some(hint)
    }

    /// Whether a blob is not there or not what it was. Anything else that comes of reading one says
    /// nothing of what the store holds.
    pub(crate) fn is_of_contents(&self) -> bool {
        matches!(self, Self::BlobMissing { .. } | Self::BlobCorrupt { .. } | Self::BlobUnfit { .. })
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }
}

const MAY_WRITE: &str = "check that the folder exists and that you may write to it, or name another store";
const MAKE_ROOM: &str = "make room on the disk, or in your quota of it; reading a store takes some room, too";

/// What to do about what the system said of a file or folder.
fn hint_of(said: &io::Error) -> &'static str {
    use io::ErrorKind;

    if let Some(hint) = hint_of_descriptors(said) {
        return hint;
    }
    match (said.raw_os_error(), said.kind()) {
        (Some(EIO), _) => {
            "the disk fails, or what is between (`dmesg` may say more): try again, and if it stays so restore the store \
             from a backup"
        }
        _ if cause::is_lack_of_room(said) => MAKE_ROOM,
        (_, ErrorKind::FileTooLarge) => {
            "a limit on the size of files is reached, RLIMIT_FSIZE of the process (`ulimit -f`) or the file system's own: \
             raise it, or name a store elsewhere"
        }
        (_, ErrorKind::PermissionDenied) => {
            "check that you may read and write the store's files and folders, which are their owner's alone, or name \
             another store"
        }
        _ => MAY_WRITE,
    }
}

/// What goes wrong inside a piece of work on the database, before it is known
/// which database it was.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite's own.
    Sqlite(rusqlite::Error),
    /// A value that cannot be read.
    Unreadable { column: &'static str, problem: String },
    /// The store's.
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// The public error, of the database at `path`.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        use rusqlite::ErrorCode;

        let error = match self {
            Self::Store(error) => return error,
            Self::Unreadable { column, problem } => {
                return StoreError::Unreadable { path: path.to_owned(), column: column.to_owned(), problem };
            }
            Self::Sqlite(error) => error,
        };
        let path = path.to_owned();
        let code = error.sqlite_error_code();
        if code == Some(ErrorCode::CannotOpen) {
            // SQLite does not say why; the system does.
            if path.is_dir() {
                let folder = path.parent().map(Path::to_owned).unwrap_or_default();
                return StoreError::NotAStore {
                    path: folder,
                    reason: "its `lancet.db` is a folder".to_owned(),
                };
            }
            if let Err(source) = std::fs::OpenOptions::new().read(true).write(true).open(&path) {
                return StoreError::io("open", &path, source);
            }
            if let Some(source) = cause::of_opening() {
                return StoreError::io("open", &path, source);
            }
        }
        let may_be_of_writing = code == Some(ErrorCode::CannotOpen)
            || error.sqlite_extended_error_code().is_some_and(cause::is_of_writing);
        if may_be_of_writing && let Some(source) = cause::of_writing(&path) {
            return match cause::is_lack_of_room(&source) {
                true => StoreError::Full { path, source: Arc::new(source) },
                false => StoreError::io("write to", &path, source),
            };
        }
        let source = Arc::new(error);
        match code {
            Some(ErrorCode::NotADatabase) => {
                let folder = path.parent().map(Path::to_owned).unwrap_or_default();
                StoreError::NotAStore {
                    path: folder,
                    reason: "its `lancet.db` is not an SQLite database".to_owned(),
                }
            }
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::NotWritable { path, source }
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path, source },
            _ => StoreError::Database { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_the_system_says_has_a_hint_of_its_own() {
        let hint = |number| {
            let error = io::Error::from_raw_os_error(number);
            StoreError::io("write", Path::new("store/blobs"), error).hint().unwrap()
        };
        // EMFILE, ENFILE, ENOSPC, EDQUOT, EFBIG, EACCES, EIO, ENOTDIR: the numbers are Linux's.
        for (number, words) in [
            (24, "`ulimit -n`"),
            (23, "fs.file-max"),
            (28, "make room"),
            (122, "quota"),
            (27, "`ulimit -f`"),
            (13, "you may read and write"),
            (5, "the disk fails"),
            (20, "you may write to it"),
        ] {
            let found = hint(number);
            assert!(found.contains(words), "{number}: {found}");
        }
        let source = Arc::new(io::Error::from_raw_os_error(28));
        let full = StoreError::Full { path: "store/lancet.db".into(), source };
        assert!(lancet_core::with_causes(&full).contains("No space left"), "{full}");
        assert!(full.hint().unwrap().contains("make room"));
    }

    #[test]
    fn what_sqlite_says_of_a_disk_with_room_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("lancet.db");
        std::fs::write(&database, b"").unwrap();
        let at = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            Failure::from(error).at(&database)
        };
        for code in [ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_READ] {
            let error = at(code);
            assert!(matches!(error, StoreError::Database { .. }), "{code}: {error}");
        }
        let error = at(ffi::SQLITE_CANTOPEN);
        assert!(matches!(error, StoreError::NotWritable { .. }) && error.hint().is_some(), "{error}");
        let error = at(ffi::SQLITE_FULL);
        assert!(matches!(error, StoreError::Full { .. }) && error.hint().is_some(), "{error}");
        // What was tried has left nothing.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
