//! Where a suite's files come from: a folder, or memory. What the files have to be like is
//! the same for both, and looked after where they are read.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;

use cap_fs_ext::DirExt as _;
use cap_std::fs::Dir;

use crate::folder::{EntryKind, ReadFile, TooLarge, list, read_file};
use crate::rules::is_relative_path;

/// A suite's files in memory, by their paths from its folder. None of them may be executed.
///
/// ```
/// use lancet_suite::{Files, Suite};
///
/// let mut files = Files::default();
/// for (path, text) in [
///     ("suite.toml", "name = \"small\""),
///     ("tasks/one/statement.md", "Which of them is right?"),
///     ("tasks/one/proposals/0.md", "This one."),
///     ("tasks/one/private/answer-key.json", "{\"correct\": 0}"),
///     (
///         "tasks/one/task.toml",
///         "title = \"One\"\nkind = \"swe-manager\"\nprice-cents = 100\n\
///          grader = { plugin = \"manager-choice\" }\nproposals = [{ id = 0, file = \"proposals/0.md\" }]",
///     ),
/// ] {
///     files.insert(path, text)?;
/// }
/// assert_eq!(Suite::of_files("a download".as_ref(), files)?.tasks().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Vec<u8>>);

/// Why a file has no place among the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// It is no path as suites may have one.
    #[error(
        "`{}` is no path of plain names joined by `/`, without `.`, `..` and control characters, of at most 1024 bytes",
        crate::problem::shown(_0)
    )]
    Path(String),
    /// One of two paths leads below the other.
    #[error("`{0}` cannot be both a file and a folder")]
    Both(String),
}

impl Files {
    /// Puts in a file, in the place of the one that had this path before.
    ///
    /// # Errors
    /// When it is no path of plain names, and when it would be a folder and a file.
    pub fn insert(&mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Result<(), FilesError> {
        if !is_relative_path(path) {
            return Err(FilesError::Path(path.to_owned()));
        }
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(file) = folders.into_iter().find(|folder| self.0.contains_key(*folder)) {
            return Err(FilesError::Both(file.to_owned()));
        }
        if self.below(&format!("{path}/")).next().is_some() {
            return Err(FilesError::Both(path.to_owned()));
        }
        self.0.insert(path.to_owned(), bytes.into());
        Ok(())
    }

    /// The paths that begin so, each without this beginning, in the order of their bytes.
    fn below<'f>(&'f self, prefix: &'f str) -> impl Iterator<Item = &'f str> {
        let from: (Bound<&str>, Bound<&str>) = (Bound::Included(prefix), Bound::Unbounded);
        self.0.range::<str, _>(from).map_while(move |(path, _)| path.strip_prefix(prefix))
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Result<ReadFile, TooLarge>> {
        let bytes = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        let file = || ReadFile { bytes: bytes.clone(), executable: false };
        Ok(if bytes.len() as u64 > limit { Err(TooLarge) } else { Ok(file()) })
    }
}

/// A folder of a suite while it is walked through.
pub(crate) trait Folder: Sized {
    /// As [`list`].
    fn list(&self) -> io::Result<Vec<Result<(String, EntryKind), String>>>;
    /// As [`read_file`].
    fn read(&self, name: &str, limit: u64) -> io::Result<Result<ReadFile, TooLarge>>;
    /// The folder in it of that name, which is no link.
    fn enter(&self, name: &str) -> io::Result<Self>;
}

impl Folder for Dir {
    fn list(&self) -> io::Result<Vec<Result<(String, EntryKind), String>>> {
        list(self)
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Result<ReadFile, TooLarge>> {
        read_file(self, name, limit)
    }

    fn enter(&self, name: &str) -> io::Result<Self> {
        self.open_dir_nofollow(name)
    }
}

/// A folder of [`Files`].
pub(crate) struct Branch<'f> {
    files: &'f Files,
    /// Its path and a `/`; nothing for the outermost.
    prefix: String,
}

impl Folder for Branch<'_> {
    fn list(&self) -> io::Result<Vec<Result<(String, EntryKind), String>>> {
        let mut entries: Vec<Result<(String, EntryKind), String>> = Vec::new();
        for path in self.files.below(&self.prefix) {
            let (name, kind) = match path.split_once('/') {
                Some((folder, _)) => (folder, EntryKind::Folder),
                None => (path, EntryKind::File),
            };
            // What lies in one folder comes one after the other.
            if !matches!(entries.last(), Some(Ok((last, EntryKind::Folder))) if last == name) {
                entries.push(Ok((name.to_owned(), kind)));
            }
        }
        Ok(entries)
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Result<ReadFile, TooLarge>> {
        self.files.read(&format!("{}{name}", self.prefix), limit)
    }

    fn enter(&self, name: &str) -> io::Result<Self> {
        Ok(Self { files: self.files, prefix: format!("{}{name}/", self.prefix) })
    }
}

/// Where the files of a suite that was loaded are read again.
#[derive(Debug)]
pub(crate) enum Source {
    Folder(Dir),
    Memory(Files),
}

impl Source {
    /// Reads a file of at most so many bytes by its path from the suite's folder.
    pub(crate) fn read(&self, path: &str, limit: u64) -> io::Result<Result<ReadFile, TooLarge>> {
        match self {
            Self::Folder(dir) => read_file(dir, path, limit),
            Self::Memory(files) => files.read(path, limit),
        }
    }

    /// The folder that can be written to.
    pub(crate) fn dir(&self) -> io::Result<&Dir> {
        match self {
            Self::Folder(dir) => Ok(dir),
            Self::Memory(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "the suite is in memory")),
        }
    }
}

impl Files {
    pub(crate) fn root(&self) -> Branch<'_> {
        Branch { files: self, prefix: String::new() }
    }
}
