//! Small files of the folder of keys: read within a bound, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use lancet_file::{FileError, WholeFile};
use zeroize::Zeroizing;

use crate::error::KeysError;

/// The text of a file that has at most `limit` bytes. The memory is wiped when it is dropped.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Zeroizing<String>, KeysError> {
    text(&open(path)?, path, limit)
}

/// The same of a file in the folder of keys, for what is in it is trusted: one that others can
/// write to is refused, as the folder is.
pub(crate) fn read_own(path: &Path, limit: usize) -> Result<Zeroizing<String>, KeysError> {
    let file = open(path)?;
    // Of the file that is open, since the name may be another's by now.
    let metadata = file.metadata().map_err(|error| reading(path, error))?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user && owner != 0 {
        let problem = format!("it belongs to user {owner}, and what is in it is trusted by user {user}");
        return Err(refused(path, problem, "put a copy of your own there, or remove it"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        let problem = format!("its mode is {mode:04o}: others can change it, and what is in it is trusted");
        let hint = format!("look at what is in it, and `chmod go-w {}`", path.display());
        return Err(refused(path, problem, hint));
    }
    text(&file, path, limit)
}

/// Whether something has that name. A link that leads nowhere has it: whoever then takes it for
/// absent would pass over what is revoked.
pub(crate) fn is_there(path: &Path) -> Result<bool, KeysError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(KeysError::File { doing: "look at", path: path.to_owned(), error }),
    }
}

fn reading(path: &Path, error: io::Error) -> KeysError {
    KeysError::File { doing: "read", path: path.to_owned(), error }
}

fn refused(path: &Path, problem: impl Into<String>, hint: impl Into<String>) -> KeysError {
    KeysError::Refused { path: path.to_owned(), problem: problem.into(), hint: hint.into() }
}

fn open(path: &Path) -> Result<File, KeysError> {
    lancet_file::open(path).map_err(|error| match error {
        FileError::Io(error) => reading(path, error),
        other => refused(path, other.to_string(), "name a file"),
    })
}

fn text(file: &File, path: &Path, limit: usize) -> Result<Zeroizing<String>, KeysError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit.min(8 << 10)));
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| reading(path, error))?;
    if bytes.len() > limit {
        return Err(refused(path, format!("it has more than {limit} bytes"), "name the right file"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(refused(path, "it is no text (UTF-8)", "name a PEM file, or a statement")),
    }
}

/// Whether a file that holds a private key is its owner's alone.
pub(crate) fn check_secret(path: &Path) -> Result<(), KeysError> {
    let mode = path.metadata().map_err(|error| reading(path, error))?.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(refused(
        path,
        format!("its mode is {mode:04o}: others than its owner can get at a private key"),
        format!("`chmod 600 {}`, and rotate the key if others had access", path.display()),
    ))
}

/// Writes a file that is not there yet: all of it, durably, or nothing.
pub(crate) fn create(path: &Path, text: &str, mode: u32) -> Result<(), KeysError> {
    write(path, text, mode, false)
}

/// Writes a file anew: all of it, durably, or nothing.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), KeysError> {
    write(path, text, mode, true)
}

fn write(path: &Path, text: &str, mode: u32, may_replace: bool) -> Result<(), KeysError> {
    let failed = |error: io::Error| KeysError::File { doing: "write", path: path.to_owned(), error };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let whole = WholeFile::begin(path, mode).map_err(failed)?;
    whole.file().write_all(text.as_bytes()).map_err(failed)?;
    whole.file().sync_all().map_err(failed)?;
    if may_replace { whole.replace() } else { whole.place() }.map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Makes a folder for its owner alone, unless it is there.
pub(crate) fn make_folder(path: &Path) -> Result<(), KeysError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| KeysError::File {
        doing: "make the folder",
        path: path.to_owned(),
        error,
    })
}

/// Whether a folder is there. One that others can write to is refused: whoever puts a key
/// there is believed.
pub(crate) fn is_own_folder(path: &Path) -> Result<bool, KeysError> {
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        // Nothing is in what is no folder: services have `/dev/null` for their home.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(error) => return Err(KeysError::File { doing: "look at", path: path.to_owned(), error }),
    };
    if !metadata.is_dir() {
        return Err(refused(path, "it is no folder", "name a folder in `LANCET_KEYS`"));
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user && owner != 0 {
        let problem = format!("it belongs to user {owner}, and keys in it are trusted by user {user}");
        return Err(refused(path, problem, "name a folder of your own in `LANCET_KEYS`"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(refused(
            path,
            format!("its mode is {mode:04o}: others can put keys in it, which are trusted then"),
            format!("`chmod go-w {}`, and look at `lancet key list`", path.display()),
        ));
    }
    Ok(true)
}
