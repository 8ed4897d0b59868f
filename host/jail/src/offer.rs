//! What the kernel offers for a jail.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::kernel;

/// What a jail on this machine would be made of, found by trying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jail {
    /// Whether system calls can be filtered: without that there is no jail. If not, which
    /// call was refused, and how.
    pub seccomp: Result<(), String>,
    /// The version of Landlock's interface that would be in force, or why none is. The
    /// second layer: a jail holds without.
    pub landlock: Result<u32, String>,
}

impl Jail {
    /// Tries both walls on a thread of its own, which ends thereafter. Takes less than a
    /// millisecond.
    #[must_use]
    pub fn probe() -> Self {
        let (found, finding) = mpsc::channel();
        let probing = move || {
            // In this order: the harmless filter lets Landlock's calls through.
            let jail = Self { seccomp: kernel::can_filter(), landlock: kernel::landlock() };
            let _ = found.send(jail);
        };
        let started = thread::Builder::new().name("jail probe".to_owned()).spawn(probing);
        let neither = |why: String| Self { seccomp: Err(why.clone()), landlock: Err(why) };
        match started {
            Err(error) => neither(format!("starting a thread to try it on: {error}")),
            // A filter around this process may end a thread that tries this, without a word.
            Ok(_) => finding.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| {
                neither(
                    "the thread that tried it was ended: a filter around this process forbids it".to_owned(),
                )
            }),
        }
    }
}
