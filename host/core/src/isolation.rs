//! In which process a plugin's code runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In which process plugins run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginIsolation {
    /// What came with this program runs in its own process, everything else in jailed ones.
    #[default]
    Auto,
    /// Each call of a plugin runs in a jailed process of its own, whoever wrote it.
    Process,
    /// Every plugin runs in this program's own process: Wasmtime alone is between it and
    /// the host.
    InProcess,
}

impl PluginIsolation {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Process, Self::InProcess];

    /// `auto`, `process` or `in-process`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Process => "process",
            Self::InProcess => "in-process",
        }
    }

    /// Whether a plugin runs in a jailed process. `built_in` is whether it came with this
    /// program.
    #[must_use]
    pub fn jails(self, built_in: bool) -> bool {
        match self {
            Self::Auto => !built_in,
            Self::Process => true,
            Self::InProcess => false,
        }
    }
}

impl fmt::Display for PluginIsolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_records() {
        for isolation in PluginIsolation::ALL {
            assert_eq!(serde_json::to_value(isolation).unwrap(), isolation.as_str());
        }
    }

    #[test]
    fn only_what_is_built_in_is_let_into_the_host_by_itself() {
        assert!(PluginIsolation::default().jails(false));
        assert!(!PluginIsolation::default().jails(true));
        for built_in in [false, true] {
            assert!(PluginIsolation::Process.jails(built_in));
            assert!(!PluginIsolation::InProcess.jails(built_in));
        }
    }
}
