//! The locks of a run: the operator's, and its suite's.

use std::path::{Path, PathBuf};

use lancet_core::Sha256;
use lancet_file::FileError;
use lancet_trust::{Lock, Locked, MAX_LOCK_BYTES, Pinned, PolicyError, Source};

use crate::exit::Exit;
use crate::failure::Failure;

/// What a lock's file is called.
pub(crate) const LOCK_FILE: &str = "lancet.lock";

/// The locks that there are.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// The one beside the operator's policy, which has to have every plugin.
    operator: Option<(PathBuf, Lock)>,
    /// The one in the suite, which has to have the suite's.
    suite: Option<(PathBuf, Lock)>,
    /// Whether every plugin has to be in one.
    required: bool,
}

impl Locks {
    /// Reads the locks in these folders; `required` is whether there has to be one.
    pub(crate) fn read(
        operator: Option<&Path>,
        suite: Option<&Path>,
        required: bool,
    ) -> Result<Self, Failure> {
        let at = |folder: Option<&Path>| folder.map(|folder| folder.join(LOCK_FILE));
        let operator_lock = match at(operator) {
            None => None,
            Some(path) => Lock::read_own(&path)?.map(|lock| (path, lock)),
        };
        let suite_lock = match at(suite) {
            None => None,
            Some(path) => read(&path)?.map(|lock| (path, lock)),
        };
        let locks = Self { operator: operator_lock, suite: suite_lock, required };
        if required && locks.operator.is_none() && locks.suite.is_none() {
            let places: Vec<_> = [suite, operator]
                .into_iter()
                .flatten()
                .map(|folder| format!("`{}`", folder.join(LOCK_FILE).display()))
                .collect();
            return Err(Failure::usage(format!("`--locked` wants a lock, and there is none: {}", places.join(" or ")))
                .hint("`lancet suite lock SUITE` writes one for a suite, and `lancet plugin lock FILE` one of your own"));
        }
        Ok(locks)
    }

    /// Those that have to have a plugin from there.
    fn applying(&self, source: Source) -> impl Iterator<Item = &(PathBuf, Lock)> {
        let of_suite = self.suite.iter().filter(move |_| source == Source::Suite);
        self.operator.iter().chain(of_suite).filter(move |_| source != Source::BuiltIn)
    }

    /// Whether one has to have a plugin from there, so that it has to be looked at whole.
    pub(crate) fn apply(&self, source: Source) -> bool {
        self.applying(source).next().is_some()
    }

    /// Whether the operator's has a plugin with that digest.
    pub(crate) fn pin_by_operator(&self, digest: Sha256) -> bool {
        let locked = self.operator.iter().flat_map(|(_, lock)| lock.plugins());
        locked.into_iter().any(|plugin| plugin.digest == digest)
    }

    /// What they say of a plugin from there.
    pub(crate) fn say(&self, source: Source, found: Option<&Locked>) -> Pinned {
        if source == Source::BuiltIn {
            return Pinned::NoLock;
        }
        let Some(found) = found.filter(|_| self.apply(source)) else {
            return match self.required && !self.apply(source) {
                true => Pinned::Otherwise("`--locked` is there, and no lock has to do with it".to_owned()),
                false => Pinned::NoLock,
            };
        };
        for (path, lock) in self.applying(source) {
            if let Err(why) = lock.has(found) {
                return Pinned::Otherwise(format!("`{}`: {why}", path.display()));
            }
        }
        Pinned::As { by_operator: self.operator.is_some() }
    }
}

/// Reads the lock of a suite, which is whoever made that one's word; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Lock>, Failure> {
    let bytes = match lancet_file::read(path, MAX_LOCK_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(FileError::Io(error))
            if error.kind() == std::io::ErrorKind::NotFound && path.symlink_metadata().is_err() =>
        {
            return Ok(None);
        }
        Err(error) => {
            return Err(Failure::file("read the lock", path, &error)
                .exit(Exit::Usage)
                .hint("write it anew with `lancet suite lock` or `lancet plugin lock`"));
        }
    };
    let name = path.display().to_string();
    let text = String::from_utf8(bytes).map_err(|error| PolicyError {
        what: "lock",
        file: name.clone(),
        key: None,
        problem: format!("it is no UTF-8 at byte {}, expected text", error.utf8_error().valid_up_to()),
        hint: "write it anew with `lancet suite lock` or `lancet plugin lock`".to_owned(),
    })?;
    Ok(Some(Lock::parse(&name, &text)?))
}
