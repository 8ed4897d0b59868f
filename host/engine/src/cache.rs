//! Compiled code on disk, by the digest of its component.
//!
//! This is the one module with `unsafe` in it. Loading compiled code executes
//! it: whoever writes into the cache folder owns the host. The folder therefore
//! belongs to the operator alone (mode 0700), its path is never taken from a
//! suite or a plugin, and what is loaded from it is checked against a digest
//! written beside the code, so that a torn or rotten file is compiled again
//! instead of executed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lancet_core::{RunningDigest, Sha256};
use lancet_jail::{Sealed, Sparse};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::Made;

const DIGEST_BYTES: usize = 32;

/// What the names of files begin with that are being written.
const UNFINISHED: &str = ".tmp";
/// How old one is whose writer is gone. Writing takes seconds.
const LEFT_AFTER: Duration = Duration::from_secs(3_600);

/// A folder of compiled components for one engine configuration.
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The part of `root` that belongs to this engine: compiled code of another
    /// version, configuration or processor is never looked at.
    pub(crate) fn new(root: &Path, engine: &Engine) -> io::Result<Self> {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let folder = root.join(format!("{:016x}", hasher.finish()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        owned(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, component: Sha256) -> PathBuf {
        self.folder.join(format!("{}.cwasm", component.hex()))
    }

    /// The compiled form of that component, if it is here and whole.
    pub(crate) fn get(&self, engine: &Engine, component: Sha256) -> Option<Component> {
        load(engine, &self.code(component)?).ok()
    }

    /// The compiled form of that component, if it is here and whole, for another process to
    /// load: in a file in memory, and never as a whole in this process's own.
    pub(crate) fn sealed(&self, component: Sha256) -> Option<Sealed> {
        let mut file = fs::File::open(self.path(component)).ok()?;
        let mut digest = [0; DIGEST_BYTES];
        file.read_exact(&mut digest).ok()?;
        let mut hashed = Hashed { file, hasher: RunningDigest::default() };
        let code = Sealed::copied(&mut hashed).ok()?;
        (hashed.hasher.finish().as_bytes() == &digest).then_some(code)
    }

    fn code(&self, component: Sha256) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(component)).ok()?;
        let (digest, code) = bytes.split_at_checked(DIGEST_BYTES)?;
        if Sha256::of(code).as_bytes() != digest {
            return None;
        }
        bytes.drain(..DIGEST_BYTES);
        Some(bytes)
    }

    /// Keeps the compiled form. A cache that cannot be written costs time, and
    /// nothing else.
    pub(crate) fn put(&self, component: Sha256, code: &Made) -> io::Result<()> {
        self.remove_left();
        let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        let mut hasher = RunningDigest::default();
        code.each(|part| {
            hasher.add(part);
            Ok(())
        })?;
        let mut written = Sparse::new(file.as_file());
        written.add(hasher.finish().as_bytes())?;
        code.each(|part| written.add(part))?;
        written.finish()?;
        file.persist(self.path(component))?;
        Ok(())
    }
}

impl Cache {
    /// Removes what hosts that were killed have left of code that they were about to keep.
    fn remove_left(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|at| at.elapsed());
            if is_unfinished && matches!(age, Ok(Ok(age)) if age > LEFT_AFTER) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A file, and the digest of what was read of it.
struct Hashed {
    file: fs::File,
    hasher: RunningDigest,
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.hasher.add(&into[..read]);
        Ok(read)
    }
}

/// Whether a cache below `root` can be used: it is there or can be made, and
/// nobody but this user can write to it.
///
/// # Errors
/// Why it is not used.
pub fn check(root: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    owned(root)?;
    tempfile::NamedTempFile::new_in(root).map(drop)
}

/// Refuses a folder that somebody else could put code into.
fn owned(folder: &Path) -> io::Result<()> {
    let metadata = fs::metadata(folder)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it"));
    }
    Ok(())
}

/// Loads code that this host has compiled itself.
#[expect(unsafe_code, reason = "see the module's documentation")]
pub(crate) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is the output of `Engine::precompile_component` of this
    // very version: it comes from this process, from its own compiling child
    // through a private folder, or from the cache, whose folder only the
    // operator writes and whose files carry the digest of what was written.
    // Wasmtime itself refuses code of another version or configuration.
    unsafe { Component::deserialize(engine, code) }
}

/// Loads the code in a file that nobody can change any more, in the jailed process that it
/// was given to. The file is mapped, so that all processes with it share its memory.
#[expect(unsafe_code, reason = "see the module's documentation")]
pub(crate) fn load_sealed(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file is sealed against writing and truncation before this process is
    // started, so that what is mapped stays as it is. What it holds is the output of a
    // compiler of this very version that took a stranger's component, maybe bent by it:
    // this process is for that stranger's plugin alone, and what its code may do is
    // bounded by the jail around the process, which holds already.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn a_folder_that_others_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        check(folder.path()).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(check(folder.path()).is_err());
    }

    #[test]
    fn memories_of_zeros_take_up_no_room() {
        let engine = crate::config::engine(NonZeroUsize::MIN).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), &engine).unwrap();
        let memory = r#"(core module (memory 256) (data (i32.const 0) "x") (data (i32.const 15728640) "x"))"#;
        let component = wat::parse_str(format!("(component {})", memory.repeat(4))).unwrap();
        let code = engine.precompile_component(&component).unwrap();
        assert!(code.len() > 60 << 20, "they are part of the code");
        let digest = Sha256::of(&component);
        cache.put(digest, &Made::Bytes(code.clone())).unwrap();
        let file = fs::metadata(cache.path(digest)).unwrap();
        assert_eq!(file.len(), (DIGEST_BYTES + code.len()) as u64);
        assert!(file.blocks() * 512 < 1 << 20, "{} bytes on disk", file.blocks() * 512);
        assert!(cache.sealed(digest).unwrap().read().unwrap() == code);
    }

    #[test]
    fn a_damaged_file_is_not_loaded() {
        let engine = crate::config::engine(NonZeroUsize::MIN).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), &engine).unwrap();
        let component = wat::parse_str("(component)").unwrap();
        let digest = Sha256::of(&component);
        assert!(cache.get(&engine, digest).is_none());
        let code = Made::Bytes(engine.precompile_component(&component).unwrap());
        cache.put(digest, &code).unwrap();
        assert!(cache.get(&engine, digest).is_some());
        assert_eq!(cache.sealed(digest).unwrap().read().unwrap(), code.into_bytes().unwrap());

        let path = cache.path(digest);
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() / 2], &whole[..10], &[][..]] {
            fs::write(&path, damaged).unwrap();
            assert!(cache.get(&engine, digest).is_none());
            assert!(cache.sealed(digest).is_none());
        }
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        fs::write(&path, flipped).unwrap();
        assert!(cache.get(&engine, digest).is_none());
        assert!(cache.sealed(digest).is_none());
    }
}
