//! The operator's policy: which plugins are let in, and what they may do here.
//!
//! ```text
//! Policy      what `lancet.toml` says, or what holds without one
//! KEYS        every key of that file: nothing is parsed that is not enforced
//! Candidate   a plugin that is about to be used, with all that a decision rests on
//! Decision    key by key, whether it is let in, and why
//! ```
//!
//! A decision is a pure function of a policy and a candidate. Who asks for one has looked at the
//! signature, the list of what is revoked, and the lock.

mod decision;
mod explained;
mod key;
#[cfg(test)]
mod random;
mod read;
pub(crate) mod section;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use lancet_core::{Capability, Limits, PluginIsolation, Role, Sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use decision::{Candidate, Decision, Finding, Pinned, PolicyLine, Runs, Signed, Voucher};
pub use explained::{Explained, ExplainedPolicy};
pub use key::{KEYS, PolicyKey};
pub use read::MAX_POLICY_BYTES;
pub use section::PolicyError;

use crate::error::KeysError;
use crate::file;
use crate::key::KeyId;
use crate::keys::Keys;

/// What a plugin is there for, as a policy tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Works on tasks, whether or not it says itself what can be set of it.
    Agent,
    /// Judges submissions.
    Grader,
    /// An agent that imports `answer-key`, and so knows the answers.
    Control,
}

impl World {
    /// Every world.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Grader, Self::Control];

    /// The world of a plugin of that role which imports that.
    #[must_use]
    pub fn of(role: Role, imports: &BTreeSet<Capability>) -> Self {
        match role {
            Role::Grader => Self::Grader,
            Role::Agent if imports.contains(&Capability::AnswerKey) => Self::Control,
            Role::Agent => Self::Agent,
        }
    }

    /// `agent`, `grader` or `control`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Grader => "grader",
            Self::Control => "control",
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a plugin comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It came with the host.
    BuiltIn,
    /// Its file was named on the command line.
    Named,
    /// It lies in a registry, by a reference.
    Registry,
    /// It lies in the suite.
    Suite,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::BuiltIn, Self::Named, Self::Registry, Self::Suite];

    /// `built-in`, `named`, `registry` or `suite`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Named => "named",
            Self::Registry => "registry",
            Self::Suite => "suite",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What holds a process in which a plugin runs, from less to more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JailLevel {
    /// The filter of system calls alone.
    Seccomp,
    /// Landlock as well, with all that keeps signals in.
    Landlock,
}

impl JailLevel {
    /// `seccomp` or `landlock`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seccomp => "seccomp",
            Self::Landlock => "landlock",
        }
    }
}

/// Whoever has keys by which plugins are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// The first half of the names of its packages.
    pub name: String,
    /// The keys by which it signs.
    pub keys: BTreeSet<KeyId>,
    /// The capabilities that its plugins may import at most, by world; any where there is no list.
    pub capabilities: BTreeMap<World, BTreeSet<Capability>>,
}

/// What a limit is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limited {
    /// Units of fuel.
    Fuel,
    /// MiB of memory.
    MemoryMib,
    /// Seconds of the plugin's own computing.
    Seconds,
}

impl Limited {
    const ALL: [Self; 3] = [Self::Fuel, Self::MemoryMib, Self::Seconds];

    /// What a run's limits have of it, in the unit of the key; what is begun counts whole.
    fn of(self, limits: &Limits) -> u64 {
        match self {
            Self::Fuel => limits.fuel,
            Self::MemoryMib => limits.memory_bytes.div_ceil(1 << 20),
            Self::Seconds => limits.wall_ms.div_ceil(1000),
        }
    }

    /// The last word of the option that sets it.
    fn option(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::MemoryMib => "memory",
            Self::Seconds => "timeout",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::MemoryMib => "memory-mib",
            Self::Seconds => "seconds",
        }
    }
}

/// What an operator lets plugins do. Whatever has no value is not limited by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it is called in messages: its file, or how it came about.
    name: String,
    /// The digest of its text; of those that are built in there is none.
    digest: Option<Sha256>,
    sources: BTreeSet<Source>,
    registries: Option<Vec<String>>,
    unsigned: BTreeSet<Source>,
    capabilities: BTreeMap<World, BTreeSet<Capability>>,
    images: Option<Vec<String>>,
    limits: BTreeMap<(Role, Limited), u64>,
    isolation: Option<PluginIsolation>,
    jail: Option<JailLevel>,
    /// `None` when every key that is known here is one of a publisher, of any name.
    publishers: Option<Vec<Publisher>>,
}

impl Policy {
    /// What holds without a policy: what is built in, what is signed by a key that is known here,
    /// and, with a warning, files that were named or lie in the suite.
    #[must_use]
    pub fn without() -> Self {
        Self {
            name: "no policy".to_owned(),
            digest: None,
            sources: Source::ALL.into(),
            registries: None,
            unsigned: [Source::Named, Source::Suite].into(),
            capabilities: BTreeMap::new(),
            images: None,
            limits: BTreeMap::new(),
            isolation: None,
            jail: None,
            publishers: None,
        }
    }

    /// The policy `strict`, for whoever runs what strangers send: what is built in, and what is
    /// signed by a key that is known here, which runs in jailed processes; nothing else.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            name: "strict".to_owned(),
            unsigned: BTreeSet::new(),
            isolation: Some(PluginIsolation::Auto),
            ..Self::without()
        }
    }

    /// Reads a policy. It is trusted, and so others must not be able to write to it.
    ///
    /// # Errors
    /// When it cannot be read, or is not as it has to be: by key, with what was expected.
    pub fn read(path: &Path, keys: &Keys) -> Result<Self, PolicyError> {
        let name = path.display().to_string();
        let text = file::read_own(path, MAX_POLICY_BYTES).map_err(|error| match error {
            KeysError::Refused { problem, hint, .. } => PolicyError::whole("policy", &name, problem, hint),
            error => {
                let hint = "name the policy with `--policy FILE` or in `LANCET_POLICY`";
                PolicyError::whole("policy", &name, error.to_string(), hint)
            }
        })?;
        Self::parse(&name, &text, keys)
    }

    /// Reads the text of a policy; `name` is its file's, and `keys` has those that it names.
    ///
    /// # Errors
    /// What is wrong with it: by key, with what was expected.
    pub fn parse(name: &str, text: &str, keys: &Keys) -> Result<Self, PolicyError> {
        read::policy(name, text, keys)
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The digest of its text, when it is one that was written.
    #[must_use]
    pub fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// Whether what a key has signed counts: any key, or those of publishers where it names any.
    #[must_use]
    pub fn counts(&self, key: KeyId) -> bool {
        self.publishers.is_none() || self.publisher(key).is_some()
    }

    /// The publisher whose key that is.
    #[must_use]
    pub fn publisher(&self, key: KeyId) -> Option<&Publisher> {
        self.publishers.iter().flatten().find(|publisher| publisher.keys.contains(&key))
    }

    /// Whether a decision rests on what a plugin imports.
    #[must_use]
    pub fn asks_for_imports(&self) -> bool {
        let of_publishers = self.publishers.iter().flatten().any(|one| !one.capabilities.is_empty());
        !self.capabilities.is_empty() || of_publishers
    }

    /// Whether a decision rests on what holds jailed processes.
    #[must_use]
    pub fn asks_for_jails(&self) -> bool {
        self.jail.is_some()
    }
}
