//! A jailed process and its end.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// The most bytes of what a process wrote to stderr that are kept: the last ones.
const STDERR_BYTES: usize = 4_000;

/// The signal that the filter of system calls kills by.
const SIGSYS: i32 = rustix::process::Signal::SYS.as_raw();
const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();

/// How a jailed process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It tried what its jail does not let it do, and was killed for that.
    Violation,
    /// It ended otherwise than it should have: by a code that is not 0, by a signal, or
    /// beyond a limit.
    Crashed(Crash),
    /// It ended by itself, with 0.
    Finished,
    /// It was alive, and its parent ended it.
    Stopped,
}

/// What a process that crashed ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Its exit code.
    Code(i32),
    /// The signal that ended it.
    Signal(i32),
}

impl From<ExitStatus> for Death {
    fn from(status: ExitStatus) -> Self {
        Self::of(status)
    }
}

impl Death {
    fn of(status: ExitStatus) -> Self {
        match (status.signal(), status.code()) {
            (Some(SIGSYS), _) => Self::Violation,
            (Some(signal), _) => Self::Crashed(Crash::Signal(signal)),
            (None, Some(0)) => Self::Finished,
            (None, code) => Self::Crashed(Crash::Code(code.unwrap_or(-1))),
        }
    }
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Violation => f.write_str("it tried what its jail forbids (SIGSYS)"),
            // The same words as the standard library's.
            Self::Crashed(Crash::Signal(signal)) => ExitStatus::from_raw(*signal).fmt(f),
            Self::Crashed(Crash::Code(code)) => write!(f, "exit status: {code}"),
            Self::Finished => f.write_str("it ended by itself"),
            Self::Stopped => f.write_str("it was stopped"),
        }
    }
}

/// How a process ended, and its last words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How it ended.
    pub death: Death,
    /// The last of what it wrote to stderr, at most 4,000 bytes. It is the process's word,
    /// so nobody's proof; control characters but line ends are replaced.
    pub stderr: String,
}

/// A process in its jail. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Neither end blocks: what does not fit into the pipe is lost, and a flood holds
    /// up nobody.
    stderr: PipeReader,
    reaped: Option<ExitStatus>,
}

impl Process {
    pub(crate) fn new(child: Child, stderr: PipeReader) -> Self {
        Self { child, stderr, reaped: None }
    }

    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process if it is still alive, and says how it ended. Waits until it is
    /// gone, which takes a few milliseconds after a kill.
    #[must_use]
    pub fn end(mut self) -> Ending {
        let death = self.reap();
        Ending { death, stderr: self.last_words() }
    }

    /// For a process whose line has ended, which it does as part of dying: gives it that
    /// long to be gone by itself, so that its own end is told, and ends it then.
    #[must_use]
    pub fn end_within(mut self, grace: Duration) -> Ending {
        let deadline = Instant::now() + grace;
        while let Ok(None) = self.child.try_wait()
            && Instant::now() < deadline
        {
            thread::sleep(Duration::from_millis(1));
        }
        self.end()
    }

    /// Waits until the process ends by itself, however long that takes.
    #[must_use]
    pub fn wait(mut self) -> Ending {
        self.reaped = self.child.wait().ok();
        self.end()
    }

    fn reap(&mut self) -> Death {
        if let Some(status) = self.reaped {
            return Death::of(status);
        }
        let was_alive = matches!(self.child.try_wait(), Ok(None));
        // A process that is already dying keeps the end that it was dying by.
        let _ = self.child.kill();
        let Ok(status) = self.child.wait() else { return Death::Stopped };
        self.reaped = Some(status);
        if was_alive && status.signal() == Some(SIGKILL) { Death::Stopped } else { Death::of(status) }
    }

    fn last_words(&mut self) -> String {
        let mut words = Vec::new();
        let mut part = [0; 4096];
        // As much as the largest pipe that anybody may make holds.
        for _ in 0..512 {
            match self.stderr.read(&mut part) {
                Ok(0) => break,
                Ok(read) => {
                    words.extend_from_slice(&part[..read]);
                    words.drain(..words.len().saturating_sub(STDERR_BYTES));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let shown = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
        String::from_utf8_lossy(&words).trim().chars().map(shown).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.reaped.is_none() {
            self.reap();
        }
    }
}
