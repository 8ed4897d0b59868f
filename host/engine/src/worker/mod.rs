//! Plugins in jailed processes: one process for each call, started in advance, used once and
//! killed when the call is over.
//!
//! The parent keeps what a verdict rests on: exchange, journal, limits of calls, the checks of
//! answers and verdicts. The worker has the engine, one store and one instance, and instead of
//! the exchange a line to the parent. Nothing that was compiled of such a plugin is ever
//! loaded into the parent.

mod crew;
mod drive;
mod fault;
mod frame;
mod inspection;
mod line;
mod pool;
mod returned;
mod run;
mod talk;
mod threads;
mod watch;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lancet_core::Grant;
use lancet_jail::Program;

pub(crate) use crew::Crew;
pub(crate) use drive::drive;
pub(crate) use frame::{Job, Work};
pub(crate) use inspection::{Unloadable, inspect_loaded};
pub(crate) use line::{Line, Over};
pub(crate) use pool::Pool;
pub(crate) use returned::Returned;
pub use run::run_worker;
use watch::Patience;

/// How the jailed processes are started that plugins run in.
#[derive(Debug, Clone)]
pub struct Workers {
    executable: Option<PathBuf>,
    arguments: Vec<String>,
    pub(crate) patience: Patience,
}

impl Workers {
    /// Processes of this very program, whatever lies at its path by now. `arguments` lead to
    /// [`run_worker`]; what that is to know of the plugin follows them.
    pub fn own<A: Into<String>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { executable: None, arguments, patience: Patience::default() }
    }

    /// Processes of another program, which works for plugins as this one does.
    pub fn of<A: Into<String>>(
        executable: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self { executable: Some(executable.into()), ..Self::own(arguments) }
    }

    /// The same with less patience: for tests, which cannot wait as long as a busy machine may
    /// have to. `look` is the time between two looks at a process that does not answer, and
    /// `beyond` the processor time that it may take beyond its plugin's own.
    #[doc(hidden)]
    #[must_use]
    pub fn impatient(self, look: Duration, beyond: Duration) -> Self {
        Self { patience: Patience { look, beyond, ..self.patience }, ..self }
    }

    /// The same with a shorter time for a process to get ready: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn ready_within(self, ready: Duration) -> Self {
        Self { patience: Patience { ready, ..self.patience }, ..self }
    }

    /// The program for plugins of that grant.
    pub(crate) fn program(&self, grant: &Grant) -> io::Result<Program> {
        let mut arguments = self.arguments.clone();
        arguments.push(serde_json::to_string(grant).map_err(io::Error::other)?);
        match &self.executable {
            Some(executable) => Program::new(executable, arguments),
            None => Program::own(arguments),
        }
    }
}
