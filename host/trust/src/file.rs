//! Small files of the folder of keys: read within a bound, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::KeysError;

/// The text of a file that has at most `limit` bytes. The memory is wiped when it is dropped.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Zeroizing<String>, KeysError> {
    let failed = |error: io::Error| KeysError::File { doing: "read", path: path.to_owned(), error };
    let refused = |problem: &str, hint: &str| KeysError::Refused {
        path: path.to_owned(),
        problem: problem.to_owned(),
        hint: hint.to_owned(),
    };
    let kind = path.metadata().map_err(failed)?.file_type();
    // Opening a pipe waits for somebody who writes to it.
    if kind.is_dir() || kind.is_fifo() || kind.is_socket() || kind.is_block_device() {
        return Err(refused("it is no regular file", "name a file"));
    }
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit.min(8 << 10)));
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(refused(&format!("it has more than {limit} bytes"), "name the right file"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(refused("it is no text (UTF-8)", "name a PEM file, or a statement")),
    }
}

/// Whether a file that holds a private key is its owner's alone.
pub(crate) fn check_secret(path: &Path) -> Result<(), KeysError> {
    let failed = |error: io::Error| KeysError::File { doing: "read", path: path.to_owned(), error };
    let mode = path.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(KeysError::Refused {
        path: path.to_owned(),
        problem: format!("its mode is {mode:04o}: others than its owner can get at a private key"),
        hint: format!("`chmod 600 {}`, and rotate the key if others had access", path.display()),
    })
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
    let mut file = tempfile::Builder::new()
        .prefix(".lancet-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    let kept = if may_replace { file.persist(path) } else { file.persist_noclobber(path) };
    kept.map_err(|error| failed(error.error))?;
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
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(KeysError::File { doing: "look at", path: path.to_owned(), error }),
    };
    let refused =
        |problem: String, hint: String| Err(KeysError::Refused { path: path.to_owned(), problem, hint });
    if !metadata.is_dir() {
        return refused("it is no folder".to_owned(), "name a folder in `LANCET_KEYS`".to_owned());
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user && owner != 0 {
        return refused(
            format!("it belongs to user {owner}, and keys in it are trusted by user {user}"),
            "name a folder of your own in `LANCET_KEYS`".to_owned(),
        );
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return refused(
            format!("its mode is {mode:04o}: others can put keys in it, which are trusted then"),
            format!("`chmod go-w {}`, and look at `lancet key list`", path.display()),
        );
    }
    Ok(true)
}
