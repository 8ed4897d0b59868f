//! The database's form, and the steps to it from earlier ones.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use lancet_file::HiddenFolder;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::StoreError;
use crate::error::Failure;

/// What marks an SQLite file as a store's: `LNCT`.
const APPLICATION_ID: i64 = 0x4c4e_4354;

/// How long a connection waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before an opening that met another one is tried again.
const RETRY: Duration = Duration::from_millis(5);

/// The steps from an empty database to the current schema. Step `n` leads to
/// version `n + 1`. A step that has been released is never changed; a new
/// version is a new step at the end.
const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
];

/// The version that the steps lead to.
#[expect(clippy::cast_possible_wrap, reason = "there are a handful of steps")]
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// The most bytes of a database's absolute path: SQLite's own limit of 512, with room for the
/// names of the files beside it.
pub(crate) const MAX_PATH_BYTES: usize = 504;

/// Opens the database for writing, and brings its schema up to date, all in one
/// transaction. The file has to be there; it may be empty.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match open_and_migrate(path).map_err(|failure| failure.at(path)) {
            // SQLite does not wait by itself while a database that somebody else
            // has open is given its write-ahead log.
            Err(StoreError::Locked { .. }) if Instant::now() < deadline => thread::sleep(RETRY),
            result => return result,
        }
    }
}

/// A database that is looked at and not changed.
#[derive(Debug)]
pub(crate) struct Look {
    /// Keeps the database open: whoever reads it meanwhile leaves no files behind.
    pub(crate) _connection: Connection,
    /// A copy in the current form, of one that an earlier version wrote.
    pub(crate) copy: Option<(PathBuf, HiddenFolder)>,
}

/// Opens the database for a look, which changes nothing in it; the log that a killed process left
/// is part of it, and may be worked in. One in an earlier form is copied,
/// and the copy is brought up to date. `None` when it is empty.
pub(crate) fn open_to_look(path: &Path) -> Result<Option<Look>, StoreError> {
    let failed = |failure: Failure| failure.at(path);
    let (connection, version) = open_unchanged(path).map_err(failed)?;
    let copy = match version {
        0 => return Ok(None),
        VERSION => None,
        _ => {
            let place = std::env::temp_dir();
            let no_copy = |reason: String| StoreError::NoCopy { folder: place.clone(), reason };
            let folder = HiddenFolder::begin(&place, ".lancet-look-").map_err(|e| no_copy(e.to_string()))?;
            let copy = folder.path().join("lancet.db");
            let into = copy.to_string_lossy().into_owned();
            let copied = connection.execute("VACUUM INTO ?1", [into]).map_err(|error| failed(error.into()));
            match copied.and_then(|_| open_writer(&copy)) {
                // Nothing is written but the copy, whatever file SQLite means.
                Err(error @ (StoreError::Full { .. } | StoreError::NotWritable { .. })) => {
                    return Err(no_copy(
                        error.source().map_or_else(|| error.to_string(), ToString::to_string),
                    ));
                }
                copied => drop(copied?),
            }
            Some((copy, folder))
        }
    };
    connection.pragma_update(None, "query_only", true).map_err(|error| failed(error.into()))?;
    Ok(Some(Look { _connection: connection, copy }))
}

fn open_unchanged(path: &Path) -> Result<(Connection, i64), Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let version = checked_version(&connection, path)?;
    Ok((connection, version))
}

/// Opens the database for reading.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn open_and_migrate(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Before anything is written: what is not ours stays as it is.
    let version = checked_version(&connection, path)?;
    // With FULL, a commit returns when it would survive a loss of power.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let reason = format!("its file system does not allow a write-ahead log (journal mode `{mode}`)");
        return Err(StoreError::NotAStore { path: folder_of(path), reason }.into());
    }
    connection.pragma_update(None, "synchronous", "full")?;
    if version < VERSION {
        migrate(&mut connection, path)?;
    }
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Again, now that no other process can be doing the same.
    let version = checked_version(&transaction, path)?;
    let done = usize::try_from(version).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// The schema's version, 0 when the database is empty. Refuses a database that
/// is not a store's, or that a later version wrote.
fn checked_version(connection: &Connection, path: &Path) -> Result<i64, Failure> {
    // One statement, so that it cannot see half of what another process creates.
    let (application, version, tables) = connection.query_row(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
                count(*) FROM sqlite_schema",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
    )?;
    match application {
        0 if version == 0 && tables == 0 => Ok(0),
        APPLICATION_ID if version > VERSION => {
            Err(StoreError::NewerSchema { path: path.to_owned(), found: version, supported: VERSION }.into())
        }
        APPLICATION_ID if version >= 1 => Ok(version),
        _ => Err(StoreError::NotAStore {
            path: folder_of(path),
            reason: "its `lancet.db` is another program's database".to_owned(),
        }
        .into()),
    }
}

/// The store's folder, which is what an operator knows.
fn folder_of(database: &Path) -> PathBuf {
    database.parent().map(Path::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lancet.db");
        std::fs::write(&path, b"").unwrap();
        (folder, path)
    }

    #[test]
    fn commits_are_durable() {
        let (_folder, path) = empty();
        let connection = open_writer(&path).unwrap();
        let text = |pragma| {
            connection
                .pragma_query_value(None, pragma, |row| {
                    row.get::<_, rusqlite::types::Value>(0).map(|value| match value {
                        rusqlite::types::Value::Integer(n) => n.to_string(),
                        rusqlite::types::Value::Text(text) => text,
                        other => format!("{other:?}"),
                    })
                })
                .unwrap()
        };
        assert_eq!(text("journal_mode"), "wal");
        assert_eq!(text("synchronous"), "2");
        assert_eq!(text("foreign_keys"), "1");
        assert_eq!(text("user_version"), VERSION.to_string());
        assert_eq!(text("application_id"), APPLICATION_ID.to_string());
    }

    #[test]
    fn a_newer_schema_is_left_alone() {
        let (_folder, path) = empty();
        open_writer(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = open_writer(&path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("version {}", VERSION + 1)), "{text}");
        assert!(text.contains(&format!("up to {VERSION}")), "{text}");
        assert!(error.hint().is_some());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let (_folder, path) = empty();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = open_writer(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        std::fs::write(&path, "no database at all, and longer than a header would be. ".repeat(40)).unwrap();
        let error = open_writer(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    }
}
