//! Plugins in jailed processes: one process for each call, started in advance.

use std::path::PathBuf;

/// How the jailed processes are started that plugins run in.
#[derive(Debug, Clone)]
pub struct Workers {
    pub(crate) executable: Option<PathBuf>,
    pub(crate) arguments: Vec<String>,
}

impl Workers {
    /// Processes of this very program. `arguments` make it work for a plugin; what it needs to
    /// know of the plugin follows.
    pub fn own<A: Into<String>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self { executable: None, arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// Processes of another program, which works for plugins as this one does.
    pub fn of<A: Into<String>>(
        executable: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self { executable: Some(executable.into()), ..Self::own(arguments) }
    }
}
