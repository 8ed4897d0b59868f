//! Folders that others filled: what lies in them, and their plain files, each opened
//! from the handle of the folder, within a bound, and never through a symbolic link.

use std::io::{self, Read as _};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::fs::{Dir, File, OpenOptions};

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A plain file.
    File,
    /// A symbolic link, wherever it leads.
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// The entries of a folder, in the order in which the paths below them sort. A
/// name that is not UTF-8 comes as an error, made readable.
///
/// # Errors
/// When the folder cannot be listed.
pub fn list(dir: &Dir) -> io::Result<Vec<Result<(String, EntryKind), String>>> {
    let mut entries = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let kind = if kind.is_dir() {
            EntryKind::Folder
        } else if kind.is_file() {
            EntryKind::File
        } else if kind.is_symlink() {
            EntryKind::Link
        } else {
            EntryKind::Other
        };
        entries.push(match entry.file_name().into_string() {
            Ok(name) => Ok((name, kind)),
            Err(name) => Err(name.to_string_lossy().into_owned()),
        });
    }
    entries.sort_by_cached_key(|entry| match entry {
        Ok((name, EntryKind::Folder)) => format!("{name}/"),
        Ok((name, _)) | Err(name) => name.clone(),
    });
    Ok(entries)
}

/// A file that has more bytes than it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    /// All of its bytes.
    pub bytes: Vec<u8>,
    /// Whether its owner may execute it. Never so where files have no such mode.
    pub executable: bool,
}

/// From so many bytes on a file is large.
const LARGE_BYTES: usize = 1 << 20;

/// From so many bytes on glibc's allocator gives back to the kernel what is freed, whatever was
/// freed before. Of less it may keep twice the largest, so that a suite's components, which
/// are read one after the other, would be in memory together.
const GIVEN_BACK_BYTES: usize = 33 << 20;

/// Reads a plain file of at most `limit` bytes. `name` is a path from `dir`, of which
/// no part may be a symbolic link that leads out of it, and the last none at all.
///
/// # Errors
/// When it cannot be opened or read, and when it is no plain file.
pub fn read_file(dir: &Dir, name: &str, limit: u64) -> io::Result<Result<ReadFile, TooLarge>> {
    let file = open(dir, name)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file"));
    }
    if metadata.len() > limit {
        return Ok(Err(TooLarge));
    }
    // One byte more than there should be room for, so that the end is seen
    // without another read, and a file that grew is noticed.
    let room = usize::try_from(metadata.len()).unwrap_or(0) + 1;
    // Room that is not used is no memory.
    let room = if room < LARGE_BYTES { room } else { room.max(GIVEN_BACK_BYTES) };
    let mut bytes = Vec::with_capacity(room);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    let executable = is_executable(&metadata);
    Ok(if bytes.len() as u64 > limit { Err(TooLarge) } else { Ok(ReadFile { bytes, executable }) })
}

#[cfg(unix)]
fn is_executable(metadata: &cap_std::fs::Metadata) -> bool {
    use cap_std::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &cap_std::fs::Metadata) -> bool {
    false
}

fn open(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Not blocking: a pipe put in the place of the file just now must not stop us.
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    dir.open_with(name, &options)
}
