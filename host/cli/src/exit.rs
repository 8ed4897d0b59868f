//! The exit codes.

use std::process::ExitCode;

/// The exit codes of `lancet`: a public interface, in `lancet --help` and the
/// book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The host failed: a file, the engine, a bug.
    Host,
    /// Done, and a plugin did not stand its trial: a fixture, a check.
    Found,
    /// Bad usage; clap exits with the same.
    Usage,
    /// A suite or a table has problems.
    Suite,
    /// A plugin is refused.
    Plugin,
    /// Done, and there are invalid attempts.
    Invalid,
    /// A replay differs from its record.
    Mismatch,
    /// The store cannot be used, or its records contradict one another.
    Store,
    /// What was to be verified does not hold: a signature, a digest, a revoked key.
    Unverified,
    /// Stopped by a signal; `lancet resume` goes on.
    Interrupted,
    /// The exit code of a worker process, whose parent knows what it means.
    Raw(u8),
}

/// The table that `lancet --help` ends with.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the host failed (a file, the engine); of `plugin test` and `plugin check`: they found something
  2    bad usage: an option, an unknown agent, run or task; models, keys, prices, budgets, prompts
  3    a suite or a table has problems
  4    a plugin is refused
  5    done, and there are invalid attempts
  6    a replay differs from its record
  7    the store cannot be used, or its records contradict one another
  8    what was to be verified does not hold
  130  interrupted; `lancet resume RUN` goes on";

impl Exit {
    /// The number of it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Host | Self::Found => 1,
            Self::Usage => 2,
            Self::Suite => 3,
            Self::Plugin => 4,
            Self::Invalid => 5,
            Self::Mismatch => 6,
            Self::Store => 7,
            Self::Unverified => 8,
            Self::Interrupted => 130,
            Self::Raw(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
