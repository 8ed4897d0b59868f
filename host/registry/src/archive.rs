//! A suite's folder as one file: a tar of one spelling, so that the same folder is the same bytes.
//!
//! Plain files alone, sorted by path, each of time 0 and with one of two modes. What is unpacked is
//! a stranger's: it is read as that or refused, into a new folder that appears whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lancet_file::HiddenFolder;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tar::{Archive, Builder, EntryType, Header};

use crate::error::cut;
use crate::manifest::MAX_LAYER_BYTES;

/// The most files of an archive.
pub const MAX_ENTRIES: usize = 100_000;
/// How many folders may lie in one another.
const MAX_DEPTH: usize = 16;
/// The most bytes of a path.
const MAX_PATH_BYTES: usize = 1_000;
/// The most bytes of a name in one.
const MAX_NAME_BYTES: usize = 255;
const PLAIN: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

/// Why a folder makes no archive, or an archive no folder.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system says no.
    #[error("`{path}`: {error}")]
    Io {
        /// Where.
        path: String,
        /// What it says.
        error: io::Error,
    },
    /// Something in it is not taken.
    #[error("`{path}`: {why}")]
    Entry {
        /// Its path, cut.
        path: String,
        /// Why, and what was expected.
        why: String,
    },
    /// All of it is not taken.
    #[error("{0}")]
    Whole(String),
    /// Somebody wanted it to stop.
    #[error("it was stopped before all of it was unpacked; nothing of it is left")]
    Stopped,
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> ArchiveError + '_ {
    |error| ArchiveError::Io { path: path.display().to_string(), error }
}

fn entry(path: &str, why: impl Into<String>) -> ArchiveError {
    ArchiveError::Entry { path: cut(path), why: why.into() }
}

/// Makes an archive of a folder. What begins with a `.` at its top is left out: it is git's.
///
/// # Errors
/// When something in it cannot be read, or is neither a folder nor a plain file, or is called as
/// nothing may be in an archive; when it becomes too large.
pub fn pack(folder: &Path) -> Result<Vec<u8>, ArchiveError> {
    let mut files = BTreeMap::new();
    gather(folder, "", 0, &mut files)?;
    let mut paths = Paths::default();
    let mut builder = Builder::new(Vec::new());
    let mut total = 0;
    for (path, file) in &files {
        paths.take(path)?;
        let failed = io_at(file);
        // What was a plain file a moment ago is opened without waiting for anybody.
        let opened = lancet_file::open(file).map_err(|error| failed(error.into()))?;
        let metadata = opened.metadata().map_err(&failed)?;
        total += metadata.len();
        within(total)?;
        let mut bytes = Vec::new();
        opened.take(MAX_LAYER_BYTES + 1).read_to_end(&mut bytes).map_err(&failed)?;
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(if metadata.permissions().mode() & 0o100 == 0 { PLAIN } else { EXECUTABLE });
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        builder.append_data(&mut header, path, bytes.as_slice()).map_err(&failed)?;
        within(builder.get_ref().len() as u64)?;
    }
    let archive = builder.into_inner().map_err(io_at(folder))?;
    within(archive.len() as u64)?;
    Ok(archive)
}

fn within(bytes: u64) -> Result<(), ArchiveError> {
    match bytes <= MAX_LAYER_BYTES {
        true => Ok(()),
        false => Err(ArchiveError::Whole(format!(
            "all of it has more than {MAX_LAYER_BYTES} bytes (64 MiB), which is the most that is sent"
        ))),
    }
}

fn gather(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), ArchiveError> {
    for found in fs::read_dir(folder).map_err(io_at(folder))? {
        let found = found.map_err(io_at(folder))?;
        let Ok(name) = found.file_name().into_string() else {
            return Err(entry(&found.file_name().to_string_lossy(), "its name is no UTF-8, expected text"));
        };
        if depth == 0 && name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = found.file_type().map_err(io_at(&found.path()))?;
        if kind.is_dir() {
            if depth >= MAX_DEPTH {
                return Err(entry(&path, format!("folders are nested deeper than {MAX_DEPTH}")));
            }
            gather(&found.path(), &format!("{path}/"), depth + 1, files)?;
        } else if kind.is_file() && name.starts_with(lancet_file::UNFINISHED_FILE) {
            // What was left of a file belongs to no suite.
        } else if kind.is_file() {
            files.insert(path, found.path());
            if files.len() > MAX_ENTRIES {
                return Err(ArchiveError::Whole(format!("it has more than {MAX_ENTRIES} files")));
            }
        } else {
            return Err(entry(&path, "it is neither a folder nor a plain file, expected one of these"));
        }
    }
    Ok(())
}

/// The paths so far, to find what would be one on some machines.
#[derive(Default)]
struct Paths {
    last: String,
    /// As the path is, by the path in small letters, and whether it is a folder.
    known: BTreeMap<String, (String, bool)>,
}

impl Paths {
    fn take(&mut self, path: &str) -> Result<(), ArchiveError> {
        let may_be = |name: &str| {
            !name.is_empty()
                && name.len() <= MAX_NAME_BYTES
                && name != "."
                && name != ".."
                && !name.chars().any(|c| c.is_control() || c == '\\')
        };
        if path.len() > MAX_PATH_BYTES || !path.split('/').all(may_be) {
            return Err(entry(
                path,
                "it is no path in an archive, expected names with `/` between them, without `..`",
            ));
        }
        if path.split('/').count() > MAX_DEPTH + 1 {
            return Err(entry(path, format!("folders are nested deeper than {MAX_DEPTH}")));
        }
        if !self.last.is_empty() && *self.last >= *path {
            return Err(entry(path, "it is not in its place, expected each path once, sorted"));
        }
        path.clone_into(&mut self.last);
        let ends = path.match_indices('/').map(|(at, _)| (at, true)).chain([(path.len(), false)]);
        for (end, is_folder) in ends {
            let part = &path[..end];
            let known = self.known.entry(part.to_lowercase());
            let known = known.or_insert_with(|| (part.to_owned(), is_folder));
            if known.0 != part || known.1 != is_folder {
                let why = format!(
                    "it and `{}` would be one where names are compared without case, or file and folder",
                    cut(&known.0)
                );
                return Err(entry(path, why));
            }
        }
        Ok(())
    }
}

/// A folder that was unpacked beside its place, and is gone again unless it is put there.
pub struct Unpacked {
    around: HiddenFolder,
    folder: PathBuf,
    target: PathBuf,
}

impl Unpacked {
    /// Where it is for now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Puts it into its place, where nothing may be.
    ///
    /// # Errors
    /// When something is there meanwhile, or the system says no; then nothing is left of it.
    pub fn keep(self) -> Result<(), ArchiveError> {
        let failed = io_at(&self.target);
        fs::set_permissions(self.path(), fs::Permissions::from_mode(EXECUTABLE)).map_err(&failed)?;
        renameat_with(CWD, self.path(), CWD, &self.target, RenameFlags::NOREPLACE)
            .map_err(|e| failed(e.into()))?;
        // The folder around it goes with this.
        drop(self.around);
        Ok(())
    }
}

/// Unpacks an archive beside the place that it is meant for, where nothing may be yet, until
/// `is_stopped` says that it is not wanted any more. What a killed process left there of another one is
/// removed.
///
/// # Errors
/// When the archive is not one that [`pack`] makes; when the folder cannot be written; when it is stopped.
pub fn unpack(
    archive: &[u8],
    target: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Unpacked, ArchiveError> {
    within(archive.len() as u64)?;
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    if !target.symlink_metadata().is_err_and(|error| gone(&error)) {
        return Err(entry(&target.display().to_string(), "it is there already, expected nothing"));
    }
    let beside = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let around = HiddenFolder::begin(beside, ".lancet-pull-").map_err(io_at(beside))?;
    let folder = around.path().join("suite");
    fs::create_dir(&folder).map_err(io_at(&folder))?;
    let mut paths = Paths::default();
    let mut count = 0;
    let no_archive = |error: io::Error| ArchiveError::Whole(format!("it is no archive: {error}"));
    let mut reader = Archive::new(archive);
    for found in reader.entries().map_err(no_archive)? {
        let mut found = found.map_err(no_archive)?;
        let path = found.path_bytes().into_owned();
        let path = String::from_utf8(path).map_err(|error| {
            entry(&String::from_utf8_lossy(error.as_bytes()), "it is no UTF-8, expected text")
        })?;
        count += 1;
        if is_stopped() {
            return Err(ArchiveError::Stopped);
        }
        if count > MAX_ENTRIES {
            return Err(ArchiveError::Whole(format!("it has more than {MAX_ENTRIES} files")));
        }
        let header = found.header();
        if header.entry_type() != EntryType::Regular {
            return Err(entry(
                &path,
                "it is no plain file, expected nothing else: no links, folders, devices",
            ));
        }
        let (mode, time) = (header.mode().map_err(no_archive)?, header.mtime().map_err(no_archive)?);
        if ![PLAIN, EXECUTABLE].contains(&mode) || time != 0 {
            return Err(entry(
                &path,
                format!("its mode is {mode:o} and its time {time}, expected 644 or 755, and 0"),
            ));
        }
        paths.take(&path)?;
        let place = folder.join(&path);
        let failed = io_at(&place);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(&failed)?;
        }
        let said = found.size();
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&place).map_err(&failed)?;
        if io::copy(&mut found, &mut file).map_err(&failed)? != said {
            return Err(entry(&path, "it ends before its end"));
        }
        file.sync_data().map_err(&failed)?;
    }
    if count == 0 {
        return Err(ArchiveError::Whole("it has no files, expected a suite's".to_owned()));
    }
    Ok(Unpacked { around, folder, target: target.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs::File;

    use tempfile::TempDir;

    use super::*;

    fn unpack(archive: &[u8], target: &Path) -> Result<Unpacked, ArchiveError> {
        super::unpack(archive, target, &|| false)
    }

    fn folder(files: &[(&str, &str, u32)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text, mode) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_is_one_archive() {
        let deep = format!("tasks/{}/statement.md", "a".repeat(120));
        let one = folder(&[
            ("suite.toml", "x", 0o600),
            (&deep, "deep", 0o644),
            ("images/a/run", "#!", 0o700),
            ("images-2", "", 0o644),
        ]);
        let other = folder(&[
            ("images-2", "", 0o664),
            ("images/a/run", "#!", 0o755),
            (&deep, "deep", 0o600),
            ("suite.toml", "x", 0o644),
        ]);
        fs::create_dir(other.path().join(".git")).unwrap();
        fs::write(other.path().join(".git/config"), "secret").unwrap();
        fs::create_dir(other.path().join("empty")).unwrap();
        let archive = pack(one.path()).unwrap();
        assert_eq!(archive, pack(other.path()).unwrap());
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("suite");
        let unpacked = unpack(&archive, &target).unwrap();
        assert!(!target.exists());
        assert_eq!(pack(unpacked.path()).unwrap(), archive);
        unpacked.keep().unwrap();
        assert_eq!(pack(&target).unwrap(), archive);
        assert_eq!(fs::read_to_string(target.join(&deep)).unwrap(), "deep");
        assert_eq!(fs::metadata(target.join("images/a/run")).unwrap().permissions().mode() & 0o111, 0o111);
        // Nothing is written over what is there, and nothing is left of what was given up.
        assert!(unpack(&archive, &target).is_err());
        let second = unpack(&archive, &place.path().join("second")).unwrap();
        fs::create_dir(place.path().join("second")).unwrap();
        assert!(second.keep().is_err());
        drop(unpack(&archive, &place.path().join("third")).unwrap());
        let mut left: Vec<_> =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["second", "suite"]);
    }

    #[test]
    fn what_is_no_plain_file_is_not_packed() {
        let linked = folder(&[("suite.toml", "x", 0o644)]);
        std::os::unix::fs::symlink("/etc/passwd", linked.path().join("link")).unwrap();
        assert!(pack(linked.path()).unwrap_err().to_string().contains("neither a folder nor a plain file"));
        let same = folder(&[("Read", "x", 0o644), ("read", "x", 0o644)]);
        assert!(pack(same.path()).unwrap_err().to_string().contains("without case"));
        let large = folder(&[("a", "", 0o644)]);
        File::create(large.path().join("b")).unwrap().set_len(1 << 40).unwrap();
        assert!(pack(large.path()).unwrap_err().to_string().contains("64 MiB"));
    }

    #[test]
    fn what_is_stopped_leaves_nothing() {
        let archive = made(&[("a", EntryType::Regular, 0o644, 0), ("b", EntryType::Regular, 0o644, 0)]);
        let place = tempfile::tempdir().unwrap();
        let (target, looked) = (place.path().join("suite"), Cell::new(0));
        let is_stopped = || {
            looked.set(looked.get() + 1);
            // One file is there, and the other is not.
            looked.get() == 2
        };
        assert!(matches!(super::unpack(&archive, &target, &is_stopped), Err(ArchiveError::Stopped)));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    type Made = (&'static str, EntryType, u32, u64);

    /// An archive as a stranger makes it: each path just as it is given.
    fn made(entries: &[Made]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, mode, time) in entries {
            let mut header = Header::new_gnu();
            let name = &mut header.as_gnu_mut().unwrap().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_mtime(*time);
            let size = if *kind == EntryType::Regular { 1 } else { 0 };
            header.set_size(size);
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, &b"x"[..usize::try_from(size).unwrap()]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_a_stranger_packed_is_refused() {
        use EntryType::{Block, Char, Continuous, Directory, Fifo, GNUSparse, Link, Regular, Symlink};
        let good = |path| (path, Regular, 0o644, 0);
        let place = tempfile::tempdir().unwrap();
        let problem = |archive: &[u8]| match unpack(archive, &place.path().join("suite")) {
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        assert_eq!(problem(&made(&[good("a"), good("b/c"), good("b/d")])), None);
        for (entries, expected) in [
            (vec![], "no files"),
            (vec![good("/etc/x")], "no path"),
            (vec![good("../x")], "no path"),
            (vec![good("a/../../x")], "no path"),
            (vec![good("a/./x")], "no path"),
            (vec![good("a//x")], "no path"),
            (vec![good("a/")], "no path"),
            (vec![good("a\\x")], "no path"),
            (vec![good("a\nx")], "no path"),
            (vec![good("a"), good("a")], "each path once"),
            (vec![good("b"), good("a")], "sorted"),
            (vec![good("A"), good("a")], "without case"),
            (vec![good("A/x"), good("a/y")], "without case"),
            (vec![good("a"), good("a/b")], "file and folder"),
            (vec![good("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r")], "nested deeper"),
            (vec![("a", Symlink, 0o644, 0)], "no plain file"),
            (vec![("a", Link, 0o644, 0)], "no plain file"),
            (vec![("a", Directory, 0o755, 0)], "no plain file"),
            (vec![("a", Fifo, 0o644, 0)], "no plain file"),
            (vec![("a", Char, 0o644, 0)], "no plain file"),
            (vec![("a", Block, 0o644, 0)], "no plain file"),
            (vec![("a", Continuous, 0o644, 0)], "no plain file"),
            (vec![("a", GNUSparse, 0o644, 0)], ""),
            (vec![("a", Regular, 0o4755, 0)], "its mode is 4755"),
            (vec![("a", Regular, 0o644, 1)], "its time 1"),
        ] {
            let found = problem(&made(&entries)).unwrap_or_default();
            assert!(!found.is_empty() && found.contains(expected), "{entries:?}: {found}");
        }
        let whole = made(&[good("a"), good("b")]);
        for end in [1, 100, 511, 513, 1500] {
            // A part of an archive is none, or has fewer files than it says.
            let found = problem(&whole[..end]);
            assert!(found.is_some() || end == 1500, "{end}");
        }
        // Nothing is left, neither there nor beside it.
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert!(!Path::new("/etc/x").exists());
    }
}
