//! Why a database failed, where SQLite has one code for several causes: the system knows.

use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use lancet_core::hint_of_descriptors;
use rusqlite::ffi;

// The system's numbers, which are the same wherever Lancet runs: `io::ErrorKind` has no name for
// the first.

/// The disk fails.
pub(crate) const EIO: i32 = 5;
/// A file would be larger than it may be.
const EFBIG: i32 = 27;

/// What SQLite says when a file could not be written or grow, of its own files and of the index of the
/// write-ahead log, which it writes to read as well.
const WRITING: [c_int; 6] = [
    ffi::SQLITE_IOERR_WRITE,
    ffi::SQLITE_IOERR_FSYNC,
    ffi::SQLITE_IOERR_TRUNCATE,
    ffi::SQLITE_IOERR_SHMOPEN,
    ffi::SQLITE_IOERR_SHMSIZE,
    ffi::SQLITE_IOERR_SHMMAP,
];

/// Bytes that are tried for: more than the index of the log takes at once, which is 32 KiB.
const ROOM: usize = 64 << 10;

/// Descriptors that a database takes at a time: its own, its log's, the index's, the folder's.
const DESCRIPTORS: usize = 4;

/// Whether a code of SQLite's may come from a file that could not be written or grow.
pub(crate) fn is_of_writing(code: c_int) -> bool {
    WRITING.contains(&code)
}

/// Why nothing could be written beside the database or to it: its file system is full, can only be
/// read, or a limit on the size of files is reached. `None` when it is none of these.
pub(crate) fn of_writing(database: &Path) -> Option<io::Error> {
    // First: beyond the limit, a trial could end the process.
    if limit().is_some_and(|most| is_beyond(database, most)) {
        return Some(io::Error::from_raw_os_error(EFBIG));
    }
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    let lacking = room(folder.unwrap_or(Path::new("."))).err();
    lacking.filter(|error| is_lack_of_room(error) || error.kind() == io::ErrorKind::ReadOnlyFilesystem)
}

/// Why no further file could be opened: there are fewer descriptors left than a database takes.
pub(crate) fn of_opening() -> Option<io::Error> {
    // Whatever can be opened; the database itself would lose its locks when it is closed.
    let opened = (0..DESCRIPTORS).map(|_| File::open("/")).collect::<io::Result<Vec<_>>>();
    opened.err().filter(is_lack_of_descriptors)
}

/// Whether there is no room, on the disk or in the user's quota.
pub(crate) fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn is_lack_of_descriptors(error: &io::Error) -> bool {
    hint_of_descriptors(error).is_some()
}

/// Tries whether there is room for a further file, which has no name and is gone at once.
fn room(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    let bytes = vec![1; ROOM];
    file.write_all(&bytes)?;
    // Where a network is between, the disk is asked only now.
    file.sync_data()
}

/// Whether a file of the database would be larger than `most` bytes if it grew by what is tried for.
fn is_beyond(database: &Path, most: u64) -> bool {
    let length = |end: &str| {
        let mut path = database.as_os_str().to_owned();
        path.push(end);
        Path::new(&path).metadata().map_or(0, |metadata| metadata.len())
    };
    let longest = ["", "-wal", "-shm"].map(length).into_iter().max().unwrap_or(0);
    longest.saturating_add(ROOM as u64) > most
}

/// The most bytes that a file of this process may have, where there is such a limit and the
/// kernel tells.
fn limit() -> Option<u64> {
    limit_in(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

fn limit_in(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file size"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_on_files_is_found() {
        const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                              Max cpu time              7                    unlimited            seconds   \n\
                              Max file size             8192                 unlimited            bytes     \n";
        assert_eq!(limit_in(LIMITS), Some(8_192));
        assert_eq!(limit_in(&LIMITS.replace("8192", "unlimited")), None);
        assert_eq!(limit_in(""), None);

        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("lancet.db");
        let with_length =
            |name: &str, length| File::create(folder.path().join(name)).unwrap().set_len(length);
        let most = 1 << 20;
        assert!(!is_beyond(&database, most) && is_beyond(&database, 8_192));
        for name in ["lancet.db", "lancet.db-wal"] {
            with_length(name, most - 4_096).unwrap();
            assert!(is_beyond(&database, most), "{name}");
            with_length(name, 4_096).unwrap();
            assert!(!is_beyond(&database, most), "{name}");
        }
    }

    #[test]
    fn where_there_is_room_nothing_is_lacking() {
        let folder = tempfile::tempdir().unwrap();
        room(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(of_opening().is_none());
    }
}
