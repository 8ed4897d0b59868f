//! The right to execute a run.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use lancet_core::RunId;

use crate::StoreError;

/// The right to execute a run, which one process has at a time. Given back when
/// it is dropped, or by the operating system when the process dies.
#[derive(Debug)]
pub struct RunLock {
    run: RunId,
    /// The lock is this open file's.
    file: File,
}

impl RunLock {
    /// Takes the lock of `run` in the folder `locks`.
    pub(crate) fn take(locks: &Path, run: &RunId) -> Result<Self, StoreError> {
        let path = locks.join(run.as_str());
        // The file stays when the lock is given back: were it removed, two
        // processes could hold locks on two files of the same name.
        let mut file =
            lancet_file::to_lock(&path).map_err(|e| StoreError::io("open the lock file", &path, e.into()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let process = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::RunBusy { run: run.clone(), process });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::io("lock", &path, e)),
        }
        // Only for the message above, so it may fail.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { run: run.clone(), file })
    }

    /// The run that it is for.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let run: RunId = "20261123-083329-4f2a9c".parse().unwrap();
        let lock = RunLock::take(folder.path(), &run).unwrap();
        assert_eq!(lock.run(), &run);
        let error = RunLock::take(folder.path(), &run).unwrap_err();
        let own = std::process::id();
        assert!(matches!(error, StoreError::RunBusy { process: Some(id), .. } if id == own), "{error}");
        let other: RunId = "20261123-083329-4f2a9d".parse().unwrap();
        RunLock::take(folder.path(), &other).unwrap();
        drop(lock);
        RunLock::take(folder.path(), &run).unwrap();
    }
}
