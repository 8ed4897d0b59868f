//! Files and folders that appear at their places whole, or not at all.
//!
//! Until then a file has no name at all, where its file system can do so, and a folder has a hidden
//! one. Whoever is killed leaves nothing of such a file; a folder that was left is removed by the next
//! one that is made beside it. Whoever ends this process says so to [`remove_hidden`] first.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags, linkat, renameat_with};
use rustix::io::Errno;

/// The hidden names that this process has given and not taken back.
struct Hidden {
    names: BTreeSet<PathBuf>,
    /// Whether no more may be given, since this process ends.
    is_over: bool,
}

static HIDDEN: Mutex<Hidden> = Mutex::new(Hidden { names: BTreeSet::new(), is_over: false });

fn hidden() -> MutexGuard<'static, Hidden> {
    HIDDEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often it is tried to remove a folder in which somebody still writes.
const TRIES: u32 = 20;

/// Removes whatever has a hidden name, and has no other made: for a process that is about to end.
pub fn remove_hidden() {
    let mut hidden = hidden();
    hidden.is_over = true;
    for name in std::mem::take(&mut hidden.names) {
        // Another thread may be in the middle of writing a folder.
        let _ = (0..TRIES).try_for_each(|_| match removed(&name) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            _ => Err(()),
        });
    }
}

fn removed(name: &Path) -> io::Result<()> {
    match name.symlink_metadata()?.is_dir() {
        true => fs::remove_dir_all(name),
        false => fs::remove_file(name),
    }
}

/// A name that nothing has yet, made by `make`, which has to fail where something is.
fn given<T>(
    folder: &Path,
    prefix: &str,
    mut make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(Name, T)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // Held, so that none is given behind the last look.
    let mut hidden = hidden();
    if hidden.is_over {
        return Err(ErrorKind::Interrupted.into());
    }
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = folder.join(format!("{prefix}{:x}-{number:x}-{now:08x}", std::process::id()));
        match make(&name) {
            Ok(made) => {
                hidden.names.insert(name.clone());
                return Ok((Name(name), made));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// A hidden name. What has it is removed when this is dropped.
#[derive(Debug)]
struct Name(PathBuf);

impl Name {
    /// Gives what has the name another one.
    fn replaced(self, name: &Path) -> io::Result<()> {
        let mut hidden = hidden();
        fs::rename(&self.0, name)?;
        hidden.names.remove(&self.0);
        Ok(())
    }

    /// The same, where nothing has that name.
    fn placed(self, name: &Path) -> io::Result<()> {
        let mut hidden = hidden();
        match renameat_with(CWD, &self.0, CWD, name, RenameFlags::NOREPLACE) {
            Ok(()) => hidden.names.remove(&self.0),
            // The hidden name goes with this.
            Err(Errno::INVAL | Errno::NOSYS) => return fs::hard_link(&self.0, name),
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if hidden().names.remove(&self.0) {
            // What cannot be removed cannot be told of here.
            let _ = removed(&self.0);
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    file: File,
    /// The name that it has meanwhile, where there is none without.
    name: Option<Name>,
}

impl WholeFile {
    /// Begins a file that is to be at that place, with that mode but for what the process's mask
    /// takes away.
    ///
    /// # Errors
    /// Those of the system: the folder is not there, or nothing can be written in it.
    pub fn begin(path: &Path, mode: u32) -> io::Result<Self> {
        Self::begun(path, mode, true)
    }

    fn begun(path: &Path, mode: u32, unnamed: bool) -> io::Result<Self> {
        let path = path.to_owned();
        let folder = folder_of(&path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(mode);
        let nameless = options.clone().custom_flags(OFlags::TMPFILE.bits().cast_signed()).open(folder);
        match nameless {
            // It gets its name by that of its descriptor.
            Ok(file) if unnamed && descriptor(&file).exists() => return Ok(Self { path, file, name: None }),
            Ok(_) => {}
            // File systems that know no such files, and kernels that took the flags for another's.
            Err(error) if matches!(error.raw_os_error(), Some(code) if NO_SUCH.contains(&code)) => {}
            Err(error) => return Err(error),
        }
        let make = |name: &Path| options.clone().create_new(true).open(name);
        let (name, file) = given(folder, PREFIX, make)?;
        Ok(Self { path, file, name: Some(name) })
    }

    /// The file, to be written.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts it into its place, in which whatever was there is replaced.
    ///
    /// # Errors
    /// Those of the system.
    pub fn replace(self) -> io::Result<()> {
        let (path, name) = self.named()?;
        name.replaced(&path)
    }

    /// Puts it into its place, where nothing may be.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], and those of the system.
    pub fn place(self) -> io::Result<()> {
        if self.name.is_none() {
            match linked(&self.file, &self.path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {}
                placed => return placed,
            }
        }
        let (path, name) = self.named()?;
        name.placed(&path)
    }

    /// Its place, and the hidden name that it has, or gets.
    fn named(self) -> io::Result<(PathBuf, Name)> {
        let Self { path, mut file, name } = self;
        if let Some(name) = name {
            return Ok((path, name));
        }
        let folder = folder_of(&path);
        if let Ok((name, ())) = given(folder, PREFIX, |name| linked(&file, name)) {
            return Ok((path, name));
        }
        // A file system that gives no name to what had none.
        let mode = file.metadata()?.permissions().mode() & 0o7777;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let (name, mut copy) = given(folder, PREFIX, |name| options.open(name))?;
        file.rewind()?;
        io::copy(&mut file, &mut copy)?;
        copy.sync_all()?;
        Ok((path, name))
    }
}

/// What the name begins with that a file has for a moment.
const PREFIX: &str = ".lancet-file-";
/// How file systems and kernels say that they know no files without names: EOPNOTSUPP, EISDIR, EINVAL,
/// and ENOENT of old ones, in which a folder that is not there is told by the next step.
const NO_SUCH: [i32; 4] = [95, 21, 22, 2];

fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn linked(file: &File, name: &Path) -> io::Result<()> {
    Ok(linkat(CWD, descriptor(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How often a folder is made anew that somebody took for one that was left.
const MOST_TRIES: usize = 100;

/// A folder for its owner alone, with a hidden name, in which something is made. It is removed with all that is in it
/// when this is dropped.
#[derive(Debug)]
pub struct HiddenFolder {
    name: Name,
    /// Locked for as long as somebody writes to it.
    _held: File,
}

impl HiddenFolder {
    /// Makes a folder in `parent` whose name begins with `prefix`. What is there by such names, and
    /// belongs to nobody who is alive, is removed: whoever made it was killed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn begin(parent: &Path, prefix: &str) -> io::Result<Self> {
        remove_left(parent, prefix);
        Self::begin_locked(parent, prefix, File::try_lock)
    }

    fn begin_locked(
        parent: &Path,
        prefix: &str,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> io::Result<Self> {
        for _ in 0..MOST_TRIES {
            let make = |name: &Path| DirBuilder::new().mode(0o700).create(name);
            let (name, ()) = given(parent, prefix, make)?;
            let held = match File::open(&name.0) {
                Ok(held) => held,
                // Somebody has taken it for one that was left, or is about to.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // Where a file system knows no locks, nobody's is taken for one that was left.
            let is_theirs = matches!(lock(&held), Err(TryLockError::WouldBlock));
            if !is_theirs && name.0.exists() {
                return Ok(Self { name, _held: held });
            }
        }
        Err(io::Error::other("folders that are made there go away at once"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.name.0
    }
}

/// Removes what those who were killed have left in a folder: nobody holds its lock. Not being able
/// to is no reason not to go on.
fn remove_left(parent: &Path, prefix: &str) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_hidden = entry.file_name().to_string_lossy().starts_with(prefix);
        // Not what a link leads to.
        if !is_hidden || !entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own) {
            continue;
        }
        if let Ok(held) = File::open(entry.path())
            && held.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for unnamed in [true, false] {
            let begun = |text: &str| {
                let whole = WholeFile::begun(&path, 0o600, unnamed).unwrap();
                whole.file().write_all(text.as_bytes()).unwrap();
                whole
            };
            let whole = begun("one");
            // Where files have no names, there is none.
            assert_eq!(names(folder.path()).len(), usize::from(whole.name.is_some()));
            drop(whole);
            assert!(names(folder.path()).is_empty());
            begun("one").place().unwrap();
            assert_eq!(begun("two").place().unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&path).unwrap(), "one");
            begun("two").replace().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "two");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
            assert_eq!(names(folder.path()), ["file"]);
            fs::remove_file(&path).unwrap();
            // Nothing is put into the place of a folder, and nothing is left of it.
            fs::create_dir(&path).unwrap();
            assert!(begun("three").replace().is_err());
            assert_eq!(names(folder.path()), ["file"]);
            fs::remove_dir(&path).unwrap();
            let nowhere = WholeFile::begun(&folder.path().join("no/file"), 0o600, unnamed).unwrap_err();
            assert_eq!(nowhere.kind(), ErrorKind::NotFound);
        }
    }

    #[test]
    fn what_is_left_of_a_folder_is_removed_by_the_next_one() {
        let place = tempfile::tempdir().unwrap();
        let left = place.path().join(".made-1");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("file"), "left").unwrap();
        fs::create_dir(place.path().join("other")).unwrap();
        std::os::unix::fs::symlink("other", place.path().join(".made-2")).unwrap();
        let one = HiddenFolder::begin(place.path(), ".made-").unwrap();
        let two = HiddenFolder::begin(place.path(), ".made-").unwrap();
        fs::write(one.path().join("file"), "").unwrap();
        assert_eq!(one.path().metadata().unwrap().permissions().mode() & 0o7777, 0o700);
        assert!(!left.exists() && two.path().exists() && one.path() != two.path());
        drop((one, two));
        assert_eq!(names(place.path()), [".made-2", "other"]);
    }

    #[test]
    fn without_locks_there_are_folders_and_who_takes_each_is_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let begun = |lock: fn(&File) -> Result<(), TryLockError>| {
            HiddenFolder::begin_locked(place.path(), ".made-", lock)
        };
        let none = begun(|_| Err(TryLockError::Error(ErrorKind::Unsupported.into())));
        assert!(none.unwrap().path().exists());
        let error = begun(|_| Err(TryLockError::WouldBlock)).unwrap_err().to_string();
        assert!(error.contains("go away at once"), "{error}");
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn many_at_once_do_not_remove_one_anothers() {
        let around = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let folder = HiddenFolder::begin(around.path(), ".made-").unwrap();
                        fs::write(folder.path().join("file"), "x").unwrap();
                    }
                });
            }
        });
        assert!(names(around.path()).is_empty());
    }
}
