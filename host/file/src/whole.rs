//! Files and folders that appear at their places whole, or not at all.
//!
//! Until then a file has no name at all, where its file system can do so, and a folder has a hidden
//! one. So has a file for the moment in which it replaces another, and all along where there are none
//! without. What has a hidden name is locked by who makes it: what was left of a file or a folder,
//! since somebody was killed, nobody holds, and the next one that is begun beside it removes it; a
//! file ten minutes after it was last written to, as locks of other machines may not be known here.
//! Only where a file system knows no locks, and among what other users have left, is nothing removed.
//! Whoever ends this process says so to [`remove_hidden`] first.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    /// takes away. What is in the folder by a hidden name, and belongs to nobody who is alive, is
    /// removed: whoever made it was killed.
    ///
    /// # Errors
    /// Those of the system: the folder is not there, or nothing can be written in it.
    pub fn begin(path: &Path, mode: u32) -> io::Result<Self> {
        Self::begun(path, mode, true)
    }

    fn begun(path: &Path, mode: u32, unnamed: bool) -> io::Result<Self> {
        let path = path.to_owned();
        let folder = folder_of(&path);
        remove_left(folder, UNFINISHED_FILE, Left::Files);
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
        let (name, file) = locked(folder, options.create_new(true))?;
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
        let (path, name, _held) = self.named()?;
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
        let (path, name, _held) = self.named()?;
        name.placed(&path)
    }

    /// Its place, the hidden name that it has, or gets, and the file, which is locked for as long as
    /// it is open: until it has that name no more.
    fn named(self) -> io::Result<(PathBuf, Name, File)> {
        let Self { path, mut file, name } = self;
        if let Some(name) = name {
            return Ok((path, name, file));
        }
        let folder = folder_of(&path);
        // Before it has a name by which it could be taken for one that was left. A file system that
        // knows no locks has none taken.
        let _ = file.try_lock();
        if let Ok((name, ())) = given(folder, UNFINISHED_FILE, |name| linked(&file, name)) {
            return Ok((path, name, file));
        }
        // A file system that gives no name to what had none.
        let mode = file.metadata()?.permissions().mode() & 0o7777;
        let mut options = OpenOptions::new();
        let (name, mut copy) = locked(folder, options.read(true).write(true).create_new(true).mode(mode))?;
        file.rewind()?;
        io::copy(&mut file, &mut copy)?;
        copy.sync_all()?;
        Ok((path, name, copy))
    }
}

/// What the name begins with that a file has before it has its own, for a moment or where file
/// systems have none without. By such a name a file belongs to nothing that lies beside it.
pub const UNFINISHED_FILE: &str = ".lancet-file-";
/// How file systems and kernels say that they know no files without names: EOPNOTSUPP, EISDIR, EINVAL,
/// and ENOENT of old ones, in which a folder that is not there is told by the next step.
const NO_SUCH: [i32; 4] = [95, 21, 22, 2];

fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn linked(file: &File, name: &Path) -> io::Result<()> {
    Ok(linkat(CWD, descriptor(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// A new file with a hidden name, and locked.
fn locked(folder: &Path, options: &OpenOptions) -> io::Result<(Name, File)> {
    for _ in 0..MOST_TRIES {
        let (name, file) = given(folder, UNFINISHED_FILE, |name| options.open(name))?;
        if is_kept(&file, &name.0, File::try_lock) {
            return Ok((name, file));
        }
    }
    Err(io::Error::other("files that are made there go away at once"))
}

/// Locks what was made just now, and says whether it stays: nobody has taken it for what was left,
/// or is about to. Where a file system knows no locks, nobody's is taken for that.
fn is_kept(made: &File, name: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> bool {
    let is_theirs = matches!(lock(made), Err(TryLockError::WouldBlock));
    !is_theirs && name.exists()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How often a file or a folder is made anew that somebody took for one that was left.
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
        remove_left(parent, prefix, Left::Folders);
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
            if is_kept(&held, &name.0, &lock) {
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

/// A folder that is being made, beside its place.
#[derive(Debug)]
pub struct WholeFolder {
    place: PathBuf,
    /// In the one that is hidden, which is for its owner alone.
    made: PathBuf,
    around: HiddenFolder,
}

impl WholeFolder {
    /// Begins an empty folder that is to be at that place, where nothing may be, with the mode that
    /// folders get. What killed processes left of others beside it is removed.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when there is anything by that name, a link that leads nowhere
    /// too, and those of the system: the folder that it is to lie in is not there, or nothing can be
    /// written in it.
    pub fn begin(place: &Path) -> io::Result<Self> {
        free(place)?;
        let around = HiddenFolder::begin(folder_of(place), ".lancet-folder-")?;
        let made = around.path().join("folder");
        fs::create_dir(&made)?;
        Ok(Self { place: place.to_owned(), made, around })
    }

    /// Where it is for now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.made
    }

    /// Puts it into its place, where nothing may be.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], and those of the system.
    pub fn place(self) -> io::Result<()> {
        let Self { place, made, around } = self;
        {
            // Held, so that nobody who ends this process removes half of it, and the rest is put there.
            let hidden = hidden();
            if hidden.is_over {
                return Err(ErrorKind::Interrupted.into());
            }
            match renameat_with(CWD, &made, CWD, &place, RenameFlags::NOREPLACE) {
                // File systems that know no such renaming. At worst an empty folder is replaced that
                // came to be there in this moment.
                Err(Errno::INVAL | Errno::NOSYS) => free(&place).and_then(|()| fs::rename(&made, &place))?,
                placed => placed?,
            }
        }
        drop(around);
        Ok(())
    }
}

/// Whether nothing is at a place, not even a link that leads nowhere.
fn free(place: &Path) -> io::Result<()> {
    match place.symlink_metadata() {
        Ok(_) => Err(Errno::EXIST.into()),
        // Whoever makes something there is told what is wrong with it.
        Err(_) => Ok(()),
    }
}

/// How long nobody has written to a file that was left: 10 minutes. From its last byte to its place a
/// living process takes moments.
const ABANDONED: Duration = Duration::from_secs(600);

/// What is looked for among what was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Files,
    Folders,
}

/// Removes what those who were killed have left in a folder: nobody holds its lock. Not being able
/// to is no reason not to go on.
fn remove_left(parent: &Path, prefix: &str, left: Left) {
    let own = rustix::process::geteuid().as_raw();
    let mut options = OpenOptions::new();
    // Some file systems lock a file only for who may write to it. Nothing waits for what came to be
    // by that name meanwhile, and no link is followed.
    options.read(true).write(left == Left::Files);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_hidden = entry.file_name().to_string_lossy().starts_with(prefix);
        // Not what a link leads to.
        let is_own = |found: &Metadata| {
            let is_one = match left {
                Left::Files => found.is_file(),
                Left::Folders => found.is_dir(),
            };
            // Where locks are known to one machine alone, what others have under way is young.
            let is_old =
                || found.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > ABANDONED);
            is_one && found.uid() == own && (left == Left::Folders || is_old())
        };
        if !is_hidden || !entry.metadata().is_ok_and(|found| is_own(&found)) {
            continue;
        }
        if let Ok(held) = options.open(entry.path())
            && held.try_lock().is_ok()
        {
            // A file that has got its name in the meantime has this one no more.
            let _ = removed(&entry.path());
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
    fn what_is_left_of_a_file_is_removed_by_the_next_one_and_what_is_under_way_is_not() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let left = at(".lancet-file-1-0-00000000");
        // None of them was left of a file.
        fs::create_dir(at(".lancet-file-folder")).unwrap();
        fs::write(at("other"), "other").unwrap();
        std::os::unix::fs::symlink("other", at(".lancet-file-link")).unwrap();
        // By its time, too: where locks are not known to others, this one might be under way.
        let young = at(".lancet-file-1-0-00000001");
        fs::write(&young, "young").unwrap();
        let abandon = || {
            let file = File::create(&left).unwrap();
            file.set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        };
        for unnamed in [true, false] {
            abandon();
            let written = WholeFile::begun(&at("written"), 0o600, false).unwrap();
            assert!(!left.exists(), "{unnamed}");
            // This one is about to replace what is at its place.
            let about = WholeFile::begun(&at("about"), 0o600, unnamed).unwrap();
            let (path, name, held) = about.named().unwrap();
            abandon();
            WholeFile::begun(&at("next"), 0o600, unnamed).unwrap().replace().unwrap();
            assert!(!left.exists() && name.0.exists(), "{unnamed}");
            name.replaced(&path).unwrap();
            drop(held);
            written.replace().unwrap();
        }
        fs::remove_file(young).unwrap();
        let expected = [".lancet-file-folder", ".lancet-file-link", "about", "next", "other", "written"];
        assert_eq!(names(place.path()), expected);
    }

    #[test]
    fn a_whole_folder_is_there_or_nothing_is() {
        let around = tempfile::tempdir().unwrap();
        let (place, link) = (around.path().join("folder"), around.path().join("link"));
        let begun = || {
            let whole = WholeFolder::begin(&place).unwrap();
            fs::write(whole.path().join("file"), "x").unwrap();
            whole
        };
        drop(begun());
        assert!(names(around.path()).is_empty());
        let (one, two) = (begun(), begun());
        assert!(!place.exists());
        one.place().unwrap();
        assert_eq!(two.place().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(around.path()), ["folder"]);
        assert_eq!(names(&place), ["file"]);
        // It is no more hidden from others than any.
        let mode = |folder: &Path| folder.metadata().unwrap().permissions().mode();
        fs::create_dir(around.path().join("any")).unwrap();
        assert_eq!(mode(&place), mode(&around.path().join("any")));
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for (place, expected) in [
            (place.clone(), ErrorKind::AlreadyExists),
            (link, ErrorKind::AlreadyExists),
            (around.path().join("no/folder"), ErrorKind::NotFound),
        ] {
            assert_eq!(WholeFolder::begin(&place).unwrap_err().kind(), expected, "{}", place.display());
        }
        // What a killed process left goes with the next one.
        fs::create_dir_all(around.path().join(".lancet-folder-1-0-00000000/folder")).unwrap();
        drop(WholeFolder::begin(&around.path().join("next")).unwrap());
        assert_eq!(names(around.path()), ["any", "folder", "link"]);
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
        let file = around.path().join("file");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for number in 0..50 {
                        let folder = HiddenFolder::begin(around.path(), ".made-").unwrap();
                        fs::write(folder.path().join("file"), "x").unwrap();
                        let whole = WholeFile::begun(&file, 0o600, number % 2 == 0).unwrap();
                        whole.file().write_all(b"x").unwrap();
                        whole.replace().unwrap();
                    }
                });
            }
        });
        assert_eq!(names(around.path()), ["file"]);
    }
}
