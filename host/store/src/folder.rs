//! Folders and files that only their owner can use.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::StoreError;

/// Makes a folder that only its owner can use, when there is none. Its name is not durable
/// before whoever makes it synchronises the folder that it is in.
pub(crate) fn make_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let is_other = path.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !path.is_dir();
    if let (true, Some(name), Some(around)) = (is_other, path.file_name(), path.parent()) {
        let reason = format!("its `{}` is no folder", name.to_string_lossy());
        return Err(StoreError::NotAStore { path: around.to_owned(), reason });
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| StoreError::io("create the folder", path, e))
}

/// As [`make_folder`], with the names durable of all folders that are made.
pub(crate) fn make_durable_folder(path: &Path) -> Result<(), StoreError> {
    let missing: Vec<_> = path.ancestors().take_while(|folder| !folder.is_dir()).collect();
    make_folder(path)?;
    missing.into_iter().try_for_each(sync_name)
}

/// Makes an empty file that only its owner can use, when there is none, and
/// makes its name durable.
pub(crate) fn make_private_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {}
        // Whoever made one in which there is nothing yet may have died before this.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            if fs::metadata(path).is_ok_and(|file| file.len() > 0) {
                return Ok(());
            }
        }
        Err(e) => return Err(StoreError::io("create", path, e)),
    }
    sync_name(path)?;
    // The folder itself may be new as well.
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), sync_name)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| StoreError::io("synchronise the folder", folder, e))
}

/// Makes the name of a file or folder durable, which need not be in a folder of the store's:
/// one that may be written and not read, or whose file system knows no such thing, is left
/// as it is.
fn sync_name(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Ok(()),
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(e) if !matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) => {
            Err(StoreError::io("synchronise the folder", folder, e))
        }
        _ => Ok(()),
    }
}

/// Whether a folder has nothing in it.
pub(crate) fn is_empty(path: &Path) -> Result<bool, StoreError> {
    let mut entries = fs::read_dir(path).map_err(|e| StoreError::io("read the folder", path, e))?;
    Ok(entries.next().is_none())
}
