//! How files are opened that an option names.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// Folders whose pipes were opened by whoever started this process, which has somebody write to them.
const PASSED: [&str; 3] = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];

/// Opens a file of the operator's to read it.
///
/// # Errors
/// Those of the system, and when it is a folder, or a named pipe: opening one waits for somebody who
/// writes to it, without a word and perhaps for ever. Pipes that were passed on (`/dev/stdin`,
/// `/dev/fd/3`) are read.
pub(crate) fn open(path: &Path) -> Result<File> {
    let kind = path.metadata()?.file_type();
    if kind.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    if kind.is_fifo() && !PASSED.iter().any(|passed| path.starts_with(passed)) {
        return Err(Error::other("it is a named pipe, which may wait for ever; `/dev/stdin` is read"));
    }
    File::open(path)
}
