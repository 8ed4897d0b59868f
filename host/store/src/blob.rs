//! Contents in files that are named by their digests.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use lancet_core::{RunningDigest, Sha256};
use lancet_file::FileError;

use crate::error::StoreError;
use crate::failpoint::failpoint;
use crate::folder::{make_folder, sync_folder};

/// The bytes of a blob, which several owners can share.
pub type Bytes = Arc<[u8]>;

/// How old a temporary file is before it is taken for a dead process's. Writing
/// one takes milliseconds.
const STALE: Duration = Duration::from_secs(3600);

/// How many files are written or synchronised at a time: a disk serves several
/// flushes at once faster than one after the other.
const PARALLEL: usize = 4;

/// Larger files are looked at before they are read into memory: what is kept is smaller, as a
/// rule, and what is not may be as large as it says. 256 MiB.
const LARGE: u64 = 256 << 20;

/// The most bytes of a blob that are looked at: 4 GiB. None that was kept has a tenth of it.
const MOST: u64 = 4 << 30;

/// The folder of blobs: `ab/cdef…`, named by the SHA-256 of what is in them.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    root: Arc<Path>,
    /// The folders in `root` that are known to be durable there.
    durable: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Blobs {
    /// The blobs of the store at `store`; makes the folder when it is not there.
    pub(crate) fn open(store: &Path) -> Result<Self, StoreError> {
        let root = store.join("blobs");
        let temporary = root.join("tmp");
        make_folder(&root)?;
        make_folder(&temporary)?;
        remove_stale(&temporary);
        Ok(Self { root: root.into(), durable: Arc::default() })
    }

    /// The blobs of the store at `store`, to be read alone: nothing is made and nothing is removed.
    pub(crate) fn to_read(store: &Path) -> Self {
        Self { root: store.join("blobs").into(), durable: Arc::default() }
    }

    /// Whether a store's folder holds any blob: what a run kept before it was recorded.
    ///
    /// # Errors
    /// When a folder that is there cannot be read.
    pub(crate) fn any(store: &Path) -> Result<bool, StoreError> {
        let is_blob_folder = |path: &Path| path.file_name().is_some_and(|name| name.len() == 2);
        for folder in entries(&store.join("blobs"))? {
            let folder = folder?;
            if is_blob_folder(&folder) && entries(&folder)?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where a blob is, or would be.
    pub(crate) fn path(&self, digest: &Sha256) -> PathBuf {
        let hex = digest.hex();
        self.root.join(&hex[..2]).join(&hex[2..])
    }

    /// Keeps all of `blobs`, and returns their digests in that order once they
    /// are durable. Those that are there already, and as they were, are not written again.
    pub(crate) fn put(&self, blobs: &[Bytes]) -> Result<Vec<Sha256>, StoreError> {
        let digests: Vec<Sha256> = blobs.iter().map(|bytes| Sha256::of(bytes)).collect();
        let mut seen = BTreeSet::new();
        let mut folders = BTreeSet::new();
        let mut missing = Vec::new();
        for (digest, bytes) in digests.iter().zip(blobs) {
            if !seen.insert(digest) {
                continue;
            }
            let path = self.path(digest);
            let folder = self.root.join(&digest.hex()[..2]);
            // A file that is not what its name says is replaced: so a damaged blob is mended
            // by whatever would keep it again.
            if !holds(&path, bytes) {
                missing.push((path, folder.clone(), bytes));
            }
            // Also for those that are there: whoever put them there may have died
            // before the folder was durable.
            folders.insert(folder);
        }
        for (_, folder, _) in &missing {
            make_folder(folder)?;
        }
        in_parallel(&missing, |(path, _, bytes)| self.write(path, bytes))?;
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        in_parallel(&folders, |folder| sync_folder(folder))?;
        // Once for each of 256: a run with models keeps a blob for each answer.
        let mut durable = self.durable();
        if folders.iter().any(|folder| !durable.contains(folder)) {
            drop(durable);
            sync_folder(&self.root)?;
            // Its own name, which whoever made it may have died before it was durable.
            self.root.parent().map_or(Ok(()), sync_folder)?;
            durable = self.durable();
            durable.extend(folders);
        }
        drop(durable);
        Ok(digests)
    }

    fn durable(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let temporary = self.root.join("tmp");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        // The system's own errors: those of `tempfile` have the path in them, and not the number.
        let mut file = tempfile::Builder::new()
            .prefix("blob-")
            .make_in(&temporary, |path| options.open(path))
            .map_err(|e| StoreError::io("create a file in", &temporary, e))?;
        file.as_file_mut().write_all(bytes).map_err(|e| StoreError::io("write", file.path(), e))?;
        failpoint("store-blob-temporary");
        file.as_file().sync_data().map_err(|e| StoreError::io("synchronise", file.path(), e))?;
        failpoint("store-blob-before-rename");
        file.persist(path).map_err(|e| StoreError::io("create", path, e.error))?;
        failpoint("store-blob-after-rename");
        Ok(())
    }

    /// Reads a blob and checks that it is what it was.
    ///
    /// # Errors
    /// Those of which [`StoreError::is_of_contents`] holds, or [`StoreError::Io`] when the system does
    /// not let it be read.
    pub(crate) fn get(&self, digest: Sha256) -> Result<Vec<u8>, StoreError> {
        let path = self.path(&digest);
        let read = || -> Result<Result<Vec<u8>, Sha256>, FileError> {
            let mut file = lancet_file::open(&path)?;
            let length = file.metadata()?.len();
            if length > MOST {
                return Err(FileError::TooLarge(MOST));
            }
            if length > LARGE {
                let found = digest_of(&mut file)?;
                if found != digest {
                    return Ok(Err(found));
                }
                file.rewind()?;
            }
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            file.read_to_end(&mut bytes)?;
            let found = Sha256::of(&bytes);
            Ok(if found == digest { Ok(bytes) } else { Err(found) })
        };
        match read() {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(found)) => Err(StoreError::BlobCorrupt { digest, found, path }),
            Err(FileError::Io(error)) if is_nothing(&error) => Err(StoreError::BlobMissing { digest, path }),
            Err(FileError::Io(error)) => Err(StoreError::io("read", &path, error)),
            Err(FileError::NotRegular(_)) => {
                Err(StoreError::BlobUnfit { digest, path, problem: "is no regular file" })
            }
            Err(FileError::TooLarge(_)) => {
                Err(StoreError::BlobUnfit { digest, path, problem: "is larger than any blob" })
            }
        }
    }
}

/// Whether there is nothing at a path, nor can be.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The paths in a folder; none when there is no folder.
fn entries(folder: &Path) -> Result<impl Iterator<Item = Result<PathBuf, StoreError>>, StoreError> {
    let failed = move |error| StoreError::io("read the folder", folder, error);
    let found = match fs::read_dir(folder) {
        Ok(found) => Some(found),
        Err(error) if is_nothing(&error) => None,
        Err(error) => return Err(failed(error)),
    };
    Ok(found.into_iter().flatten().map(move |entry| entry.map(|entry| entry.path()).map_err(failed)))
}

/// The digest of all that is in a file, of which no more than a buffer is held at a time.
fn digest_of(file: &mut File) -> io::Result<Sha256> {
    let mut digest = RunningDigest::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.finish()),
            read => digest.add(&buffer[..read]),
        }
    }
}

/// Whether there is a file with just these bytes. The length is looked at first, and then no
/// more at a time than a buffer.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    let compare = || {
        let mut file = lancet_file::open(path)?;
        if file.metadata()?.len() != bytes.len() as u64 {
            return Ok(false);
        }
        let mut buffer = vec![0; bytes.len().min(64 << 10)];
        for expected in bytes.chunks(buffer.len().max(1)) {
            let found = &mut buffer[..expected.len()];
            file.read_exact(found)?;
            if found != expected {
                return Ok(false);
            }
        }
        Ok::<_, FileError>(true)
    };
    compare().unwrap_or(false)
}

/// Does the work on each item, on a few threads when there are many, and gives
/// the first error.
fn in_parallel<T: Sync>(
    items: &[T],
    work: impl Fn(&T) -> Result<(), StoreError> + Sync,
) -> Result<(), StoreError> {
    if items.len() < 2 * PARALLEL {
        return items.iter().try_for_each(work);
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(items.len().div_ceil(PARALLEL))
            .map(|chunk| {
                // Where there can be no further thread, it takes longer.
                thread::Builder::new()
                    .spawn_scoped(scope, move || chunk.iter().try_for_each(work))
                    .map_err(|_| chunk)
            })
            .collect();
        threads.into_iter().try_for_each(|thread| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(chunk) => chunk.iter().try_for_each(work),
        })
    })
}

/// Removes what processes that were killed have left. Nothing depends on it, so
/// what cannot be removed stays.
fn remove_stale(temporary: &Path) {
    let Ok(entries) = fs::read_dir(temporary) else { return };
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|m| m.modified());
        let age = modified.ok().and_then(|m| SystemTime::now().duration_since(m).ok());
        if age.is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        (folder, blobs)
    }

    fn put(blobs: &Blobs, bytes: &[u8]) -> Sha256 {
        blobs.put(&[bytes.into()]).unwrap()[0]
    }

    #[test]
    fn what_is_put_comes_back() {
        let (_folder, blobs) = blobs();
        let many: Vec<Bytes> = (0..100u32).map(|i| i.to_string().into_bytes().into()).collect();
        let digests = blobs.put(&many).unwrap();
        for (digest, bytes) in digests.iter().zip(&many) {
            assert_eq!(blobs.get(*digest).unwrap(), **bytes);
        }
        assert_eq!(fs::read_dir(blobs.root.join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_there_is_not_written_again() {
        let (_folder, blobs) = blobs();
        let digest = put(&blobs, b"abc");
        let before = fs::metadata(blobs.path(&digest)).unwrap().modified().unwrap();
        assert_eq!(put(&blobs, b"abc"), digest);
        assert_eq!(fs::metadata(blobs.path(&digest)).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn a_damaged_blob_is_named() {
        let (_folder, blobs) = blobs();
        let digest = put(&blobs, b"abc");
        fs::write(blobs.path(&digest), b"abd").unwrap();
        let error = blobs.get(digest).unwrap_err();
        assert!(matches!(error, StoreError::BlobCorrupt { digest: d, .. } if d == digest), "{error}");
        // Whoever would keep it again puts it back, whatever is in its place.
        let large = vec![7; 200_000];
        for (digest, bytes) in [(digest, &b"abc"[..]), (put(&blobs, &large), &large[..])] {
            let mut other = bytes.to_vec();
            *other.last_mut().unwrap() ^= 1;
            for damaged in [&other[..], b"", &bytes[1..]] {
                fs::write(blobs.path(&digest), damaged).unwrap();
                put(&blobs, bytes);
                assert_eq!(blobs.get(digest).unwrap(), bytes);
            }
        }
        let path = blobs.path(&digest);
        let gone = || fs::remove_file(&path).unwrap();
        gone();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let is_of_contents = || {
            let error = blobs.get(digest).unwrap_err();
            assert!(error.is_of_contents() && error.hint().is_some(), "{error}");
        };
        is_of_contents();
        put(&blobs, b"abc");
        for length in [LARGE + 1, 1 << 42] {
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            is_of_contents();
            put(&blobs, b"abc");
        }
        gone();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        is_of_contents();
        put(&blobs, b"abc");
        // A file that there is, and that the system does not let be read.
        gone();
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
        let error = blobs.get(digest).unwrap_err();
        assert!(!error.is_of_contents() && error.hint().is_some(), "{error}");
        put(&blobs, b"abc");
        assert_eq!(blobs.get(digest).unwrap(), b"abc");
        gone();
        let error = blobs.get(digest).unwrap_err();
        assert!(matches!(error, StoreError::BlobMissing { digest: d, .. } if d == digest), "{error}");
    }

    #[test]
    fn what_cannot_be_written_is_told_with_its_path_once() {
        let (folder, blobs) = blobs();
        fs::remove_dir_all(folder.path().join("blobs/tmp")).unwrap();
        let error = blobs.put(&[b"abc".as_slice().into()]).unwrap_err();
        let told = lancet_core::with_causes(&error);
        assert_eq!(told.matches("blobs/tmp").count(), 1, "{told}");
        assert!(told.contains("(os error 2)"), "{told}");
    }

    #[test]
    fn only_old_temporary_files_are_removed() {
        let (folder, blobs) = blobs();
        let temporary = blobs.root.join("tmp");
        let (old, new) = (temporary.join("blob-old"), temporary.join("blob-new"));
        fs::write(&new, b"").unwrap();
        File::create(&old).unwrap().set_modified(SystemTime::now() - 2 * STALE).unwrap();
        Blobs::open(folder.path()).unwrap();
        assert!(!old.exists() && new.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, blobs) = blobs();
        let digest = put(&blobs, b"abc");
        for folder in [&*blobs.root, &blobs.root.join("tmp"), blobs.path(&digest).parent().unwrap()] {
            assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}
