//! The one thread that writes, many writes to a transaction.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::StoreError;
use crate::error::Failure;
use crate::failpoint::failpoint;

/// The most writes that one transaction takes, so that nobody waits long.
const MAX_GROUP: usize = 256;

/// Owns the connection that writes. All writes that wait are put into one
/// transaction, since making it durable costs far more than what is in it, and
/// each is acknowledged after the commit.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` only while it is dropped.
    requests: Option<Sender<Box<dyn Request>>>,
    lost: Lost,
    thread: Option<JoinHandle<()>>,
}

/// The failure of a write that nobody waited for. Nothing is written after it: what is
/// acknowledged must not rest on what is missing.
type Lost = Arc<OnceLock<StoreError>>;

/// A write that waits.
trait Request: Send {
    /// Does its work inside the transaction. `false` when its changes have to be
    /// taken back.
    fn apply(&mut self, connection: &Connection, path: &Path) -> bool;

    /// Tells who waits, once it is known whether the transaction is durable.
    fn acknowledge(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Write<T, F> {
    /// `None` when it is done.
    work: Option<F>,
    /// What came of it.
    result: Result<T, StoreError>,
    lost: Lost,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Request for Write<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Failure> + Send,
{
    fn apply(&mut self, connection: &Connection, path: &Path) -> bool {
        if let Some(work) = self.work.take() {
            self.result = match self.lost.get() {
                None => work(connection).map_err(|failure| failure.at(path)),
                Some(error) => Err(error.clone()),
            };
        }
        self.result.is_ok()
    }

    fn acknowledge(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, &self.work) {
            // What kept the transaction from being begun, before it was this write's turn.
            (Err(error), Some(_)) => Err(error),
            (committed, _) => self.result.and_then(|value| committed.map(|()| value)),
        };
        // Nobody may be waiting any more; the write is done all the same.
        let _ = self.reply.send(result);
    }
}

/// A write that nobody waits for.
struct Note<F> {
    /// `None` when it is done.
    work: Option<F>,
    lost: Lost,
}

impl<F> Request for Note<F>
where
    F: FnOnce(&Connection) -> Result<(), Failure> + Send,
{
    fn apply(&mut self, connection: &Connection, path: &Path) -> bool {
        let Some(work) = self.work.take().filter(|_| self.lost.get().is_none()) else { return false };
        let done = work(connection).map_err(|failure| failure.at(path));
        // Before the next of the group is applied, which may rest on it.
        done.map_err(|error| self.lost.set(error)).is_ok()
    }

    fn acknowledge(self: Box<Self>, committed: Result<(), StoreError>) {
        if let Err(error) = committed {
            // The first counts.
            let _ = self.lost.set(error);
        }
    }
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection, path: &Path) -> Result<Self, StoreError> {
        let (requests, queue) = channel();
        let database = path.to_owned();
        let thread = thread::Builder::new()
            .name("lancet-store".to_owned())
            .spawn(move || serve(connection, &queue, &database))
            .map_err(|e| StoreError::NoThread { path: path.to_owned(), source: Arc::new(e) })?;
        Ok(Self { requests: Some(requests), lost: Lost::default(), thread: Some(thread) })
    }

    /// Hands in a write. What comes back resolves once it is durable, or has
    /// failed; the write is carried out even when nobody waits for that.
    pub(crate) fn submit<T, F>(&self, work: F) -> oneshot::Receiver<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let lost = Arc::clone(&self.lost);
        let write = Write { work: Some(work), result: Err(StoreError::Closed), lost, reply };
        if let Some(requests) = &self.requests {
            // Without a thread the reply is dropped, which says that it is closed.
            let _ = requests.send(Box::new(write));
        }
        answer
    }

    /// Hands in a write that nobody waits for. When it fails, so does every write that is
    /// handed in later.
    pub(crate) fn note<F>(&self, work: F)
    where
        F: FnOnce(&Connection) -> Result<(), Failure> + Send + 'static,
    {
        let note = Note { work: Some(work), lost: Arc::clone(&self.lost) };
        if let Some(requests) = &self.requests {
            // Without a thread nothing later is acknowledged either.
            let _ = requests.send(Box::new(note));
        }
    }
}

impl Drop for Writer {
    /// Waits until everything handed in is durable.
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut connection: Connection, queue: &Receiver<Box<dyn Request>>, path: &Path) {
    connection.set_prepared_statement_cache_capacity(32);
    let mut group = Vec::new();
    while let Ok(first) = queue.recv() {
        group.push(first);
        group.extend(queue.try_iter().take(MAX_GROUP - 1));
        commit(&mut connection, &mut group, path);
    }
}

/// Commits a group and tells everyone in it. A member that fails takes back its
/// own changes and nobody else's.
fn commit(connection: &mut Connection, group: &mut Vec<Box<dyn Request>>, path: &Path) {
    let committed = apply(connection, group, path).map_err(|failure| failure.at(path));
    if committed.is_ok() {
        failpoint("store-after-commit");
    }
    for request in group.drain(..) {
        request.acknowledge(committed.clone());
    }
}

fn apply(connection: &mut Connection, group: &mut [Box<dyn Request>], path: &Path) -> Result<(), Failure> {
    // Rolls back when it is dropped without a commit.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for request in group {
        transaction.prepare_cached("SAVEPOINT member")?.execute([])?;
        if !request.apply(&transaction, path) {
            // On a full disk and the like SQLite ends the whole transaction; then
            // this fails, and so does the group.
            transaction.prepare_cached("ROLLBACK TO member")?.execute([])?;
        }
        transaction.prepare_cached("RELEASE member")?.execute([])?;
    }
    failpoint("store-before-commit");
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(value: i64, fails: bool) -> (Box<dyn Request>, oneshot::Receiver<Result<i64, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let work = move |connection: &Connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [value])?;
            if fails { Err(Failure::Store(StoreError::Closed)) } else { Ok(value) }
        };
        let lost = Lost::default();
        (Box::new(Write { work: Some(work), result: Err(StoreError::Closed), lost, reply }), answer)
    }

    fn values(connection: &Connection) -> Vec<i64> {
        let mut statement = connection.prepare("SELECT a FROM t ORDER BY a").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_failing_member_fails_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY)").unwrap();
        // The fourth breaks a constraint, the second fails after it has written.
        let (mut group, answers): (Vec<_>, Vec<_>) =
            [(1, false), (2, true), (3, false), (3, false), (5, false)]
                .map(|(v, f)| request(v, f))
                .into_iter()
                .unzip();
        commit(&mut connection, &mut group, Path::new("lancet.db"));
        let results: Vec<bool> = answers.into_iter().map(|a| a.blocking_recv().unwrap().is_ok()).collect();
        assert_eq!(results, [true, false, true, false, true]);
        assert_eq!(values(&connection), [1, 3, 5]);
    }

    #[tokio::test]
    async fn nothing_is_written_after_what_was_lost() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY)").unwrap();
        let writer = Writer::start(connection, Path::new("lancet.db")).unwrap();
        let insert = |value: i64| {
            move |connection: &Connection| {
                connection.execute("INSERT INTO t VALUES (?1)", [value])?;
                Ok(())
            }
        };
        writer.note(insert(1));
        writer.submit(insert(2)).await.unwrap().unwrap();
        // There is one already.
        writer.note(insert(2));
        for value in [3, 4] {
            assert!(writer.submit(insert(value)).await.unwrap().is_err(), "{value}");
        }
        writer.note(insert(5));
        assert!(writer.submit(|connection| Ok(values(connection))).await.unwrap().is_err());
    }

    #[test]
    fn a_database_that_another_process_keeps_locked_is_told_as_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lancet.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY); BEGIN IMMEDIATE").unwrap();
        let mut connection = Connection::open(&path).unwrap();
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
        let (mut group, answers): (Vec<_>, Vec<_>) = [1, 2].map(|v| request(v, false)).into_iter().unzip();
        commit(&mut connection, &mut group, &path);
        for answer in answers {
            let error = answer.blocking_recv().unwrap().unwrap_err();
            assert!(matches!(&error, StoreError::Locked { path: locked } if *locked == path), "{error}");
        }
    }

    #[test]
    fn a_lost_transaction_fails_everyone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY ON CONFLICT ROLLBACK)").unwrap();
        let (mut group, answers): (Vec<_>, Vec<_>) = [1, 1, 2].map(|v| request(v, false)).into_iter().unzip();
        commit(&mut connection, &mut group, Path::new("lancet.db"));
        assert!(answers.into_iter().all(|answer| answer.blocking_recv().unwrap().is_err()));
        assert_eq!(values(&connection), [0_i64; 0]);
    }
}
