//! Files that an operator names: opened so that nothing waits for ever, read within a bound, and
//! written whole or not at all.
//!
//! A path may lead to anything. Opening a named pipe waits for somebody at its other end, a
//! device may have no end, and what is a file now may be none in a moment. So only regular
//! files are opened, without waiting, and looked at once more when they are open. What whoever
//! started this process passed on (`/dev/stdin`, `/dev/fd/3`) may be a pipe: somebody writes to it.
#![forbid(unsafe_code)]

mod whole;

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

pub use crate::whole::{HiddenFolder, UNFINISHED_FILE, WholeFile, WholeFolder, remove_hidden};

/// Folders whose files were opened by whoever started this process.
const PASSED: [&str; 3] = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];

/// Why a file is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no regular file; what it is instead.
    #[error("{0}")]
    NotRegular(&'static str),
    /// It has more than that many bytes.
    #[error("it has more than {0} bytes, which is the most that is read of it")]
    TooLarge(u64),
}

impl FileError {
    /// The kind of the system's error.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::NotRegular(_) => io::ErrorKind::InvalidInput,
            Self::TooLarge(_) => io::ErrorKind::FileTooLarge,
        }
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io(error) => error,
            other => Self::new(other.kind(), other),
        }
    }
}

/// Opens a file to read it.
///
/// # Errors
/// Those of the system, and when it is no regular file: a folder, a named pipe, a socket, a device.
/// A pipe or a terminal that was passed on is opened.
pub fn open(path: &Path) -> Result<File, FileError> {
    if is_below(path, &PASSED) {
        // A named pipe that was passed on may have lost whoever wrote to it: opening it anew would wait for another.
        let file = OpenOptions::new().read(true).custom_flags(not_waiting()).open(path)?;
        if file.metadata()?.is_dir() {
            return Err(FileError::NotRegular(FOLDER));
        }
        waiting(&file)?;
        return Ok(file);
    }
    // Before it is opened, since that may be heard: a tape winds back.
    regular(path.metadata()?.file_type())?;
    let file = OpenOptions::new().read(true).custom_flags(not_waiting()).open(path)?;
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// As [`open`], and [`FileError::TooLarge`], which is told before it is read where the file
/// says so itself.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Err(FileError::TooLarge(limit));
    }
    // One byte more than there should be, so that the end is seen without growing.
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(FileError::TooLarge(limit)) } else { Ok(bytes) }
}

/// Makes a file, or empties it, to be written to. Devices and pipes are taken, too: a pipe that
/// nobody reads is refused, for opening it would wait.
///
/// # Errors
/// Those of the system.
pub fn create(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let file = options.custom_flags(not_waiting()).open(path).map_err(|error| {
        let is_pipe = path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
        if is_pipe { FileError::NotRegular("it is a named pipe that nobody reads") } else { error.into() }
    })?;
    // Who reads may be slower than who writes.
    waiting(&file)?;
    Ok(file)
}

/// Opens a file to be locked, which is made where there is none, and keeps what is in it.
///
/// # Errors
/// Those of the system, and when it is no regular file.
pub fn to_lock(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.custom_flags(not_waiting()).open(path)?;
    regular(file.metadata()?.file_type())?;
    waiting(&file)?;
    Ok(file)
}

/// Has reading and writing wait, though opening did not.
fn waiting(file: &File) -> io::Result<()> {
    let flags = fcntl_getfl(file)?;
    Ok(fcntl_setfl(file, flags - OFlags::NONBLOCK)?)
}

fn not_waiting() -> i32 {
    (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed()
}

fn is_below(path: &Path, folders: &[&str]) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
}

const FOLDER: &str = "it is a folder, and no file";

fn regular(kind: FileType) -> Result<(), FileError> {
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        FOLDER
    } else if kind.is_fifo() {
        "it is a named pipe, which may wait for ever; `/dev/stdin` is read"
    } else if kind.is_socket() {
        "it is a socket, and no file"
    } else {
        "it is a device, which may have no end, and no file; `/dev/stdin` is read"
    };
    Err(FileError::NotRegular(what))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn only_regular_files_are_read_and_only_so_far() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "12345").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        File::create(at("huge")).unwrap().set_len(1 << 40).unwrap();

        assert_eq!(read(&at("file"), 5).unwrap(), b"12345");
        assert_eq!(read(&at("link"), 5).unwrap(), b"12345");
        let problem = |path: &Path, limit| read(path, limit).unwrap_err().to_string();
        for (path, expected) in [
            (at("file"), "more than 4 bytes"),
            (at("huge"), "more than 4 bytes"),
            (at("none"), "No such file"),
            (at("pipe"), "a named pipe"),
            (at("socket"), "a socket"),
            (folder.path().to_owned(), "a folder"),
            ("/dev/zero".into(), "a device"),
            ("/dev/null".into(), "a device"),
            // Their own words for their length are nothing.
            ("/proc/self/maps".into(), "more than 4 bytes"),
        ] {
            let found = problem(&path, 4);
            assert!(found.contains(expected), "{}: {found}", path.display());
        }

        for (path, expected) in [
            (at("pipe"), "a named pipe"),
            (at("socket"), "No such device"),
            (folder.path().to_owned(), "Is a directory"),
            ("/dev/zero".into(), "a device"),
        ] {
            let found = to_lock(&path).unwrap_err().to_string();
            assert!(found.contains(expected), "{}: {found}", path.display());
        }
        to_lock(&at("file")).unwrap().lock().unwrap();
        assert_eq!(read(&at("file"), 5).unwrap(), b"12345");
        to_lock(&at("lock")).unwrap().try_lock().unwrap();

        assert!(create(&at("pipe")).unwrap_err().to_string().contains("nobody reads"));
        assert!(create(folder.path()).is_err());
        create(&at("new")).unwrap().write_all(b"written").unwrap();
        assert_eq!(read(&at("new"), 100).unwrap(), b"written");
        create(Path::new("/dev/null")).unwrap().write_all(b"gone").unwrap();

        // One that was passed on is read, though nobody writes to it any more.
        let mut both = OpenOptions::new().read(true).write(true).open(at("pipe")).unwrap();
        let passed = OpenOptions::new().read(true).custom_flags(not_waiting()).open(at("pipe")).unwrap();
        both.write_all(b"said").unwrap();
        drop(both);
        let path = format!("/dev/fd/{}", passed.as_raw_fd());
        assert_eq!(read(Path::new(&path), 100).unwrap(), b"said");
        assert!(create(Path::new("/dev/full")).unwrap().write_all(b"x").is_err());
    }
}
