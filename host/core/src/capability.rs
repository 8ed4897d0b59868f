//! What a plugin may import, and who can let it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The package that all interfaces of the contract belong to.
pub const CONTRACT_PACKAGE: &str = "lancet:plugin";

/// The version of the contract that this host serves.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// What a plugin is there for; the world that it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Works on tasks.
    Agent,
    /// Judges submissions.
    Grader,
}

impl Role {
    /// `agent` or `grader`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Grader => "grader",
        }
    }

    /// The interface that a component of this role exports.
    #[must_use]
    pub fn export(self) -> &'static str {
        match self {
            Self::Agent => "solving",
            Self::Grader => "grading",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A power that a plugin can be granted: an interface of the contract, or the
/// inert profile of WASI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Notes for people, bounded.
    Log,
    /// Reproducible random numbers.
    Random,
    /// What the agent handed in.
    Submission,
    /// The task's private configuration.
    AnswerKey,
    /// What the operator gave the agent for this task.
    Input,
    /// The files of the agent's work tree.
    Workspace,
    /// Commands in the agent's container.
    Shell,
    /// A user who reproduces the issue for the agent.
    UserTool,
    /// Test runs of the plans that the task declares.
    Tests,
    /// What test runs left.
    Artifacts,
    /// What was set of the plugin: of an agent by the operator, of a grader by its tasks too.
    Settings,
    /// What is left to spend.
    Budget,
    /// Language models that the host asks.
    Model,
    /// WASI with nothing behind it, for guests whose language wants it.
    WasiInert,
}

/// Who decides whether a plugin of a role may have a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granter {
    /// It comes with the role.
    Role,
    /// It comes with the settings that a package's manifest has.
    Manifest,
    /// The operator, with `--grant`.
    Operator,
    /// Nobody: it would break what the role stands for.
    Nobody,
}

/// A text that names no [`Capability`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no capability; there are {known}", known = Capability::ALL.map(Capability::as_str).join(", "))]
pub struct ParseCapabilityError {
    name: String,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 14] = [
        Self::Log,
        Self::Random,
        Self::Submission,
        Self::AnswerKey,
        Self::Input,
        Self::Workspace,
        Self::Shell,
        Self::UserTool,
        Self::Tests,
        Self::Artifacts,
        Self::Settings,
        Self::Budget,
        Self::Model,
        Self::WasiInert,
    ];

    /// The name in grants; for an interface of the contract also its name there.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Random => "random",
            Self::Submission => "submission",
            Self::AnswerKey => "answer-key",
            Self::Input => "input",
            Self::Workspace => "workspace",
            Self::Shell => "shell",
            Self::UserTool => "user-tool",
            Self::Tests => "tests",
            Self::Artifacts => "artifacts",
            Self::Settings => "settings",
            Self::Budget => "budget",
            Self::Model => "model",
            Self::WasiInert => "wasi-inert",
        }
    }

    /// The capability behind an interface of the contract, named without package
    /// and version.
    #[must_use]
    pub fn of_interface(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| *c != Self::WasiInert && c.as_str() == name)
    }

    /// Who can give this to a plugin of `role`.
    #[must_use]
    pub fn granter(self, role: Role) -> Granter {
        match (self, role) {
            (Self::Log, _)
            | (
                Self::Random
                | Self::Input
                | Self::Workspace
                | Self::Shell
                | Self::UserTool
                | Self::Settings
                | Self::Budget
                | Self::Model,
                Role::Agent,
            )
            | (Self::Submission | Self::AnswerKey | Self::Tests | Self::Artifacts, Role::Grader) => {
                Granter::Role
            }
            // A control: an agent that knows the answers.
            (Self::AnswerKey, Role::Agent) | (Self::WasiInert, _) => Granter::Operator,
            // A grader that asks a model gives a verdict that rests on more than its
            // inputs, which is said with the verdict.
            (Self::Model | Self::Budget, Role::Grader) => Granter::Operator,
            // What a grader is set to is part of a task, and checked by its manifest's schema:
            // there is nothing to read for one that has none.
            (Self::Settings, Role::Grader) => Granter::Manifest,
            // A grader that throws dice gives different verdicts on the same
            // inputs, and what an agent works with is gone when one judges; an
            // agent's submission does not exist yet while it works, and hidden
            // tests are never run for it.
            (Self::Random | Self::Input | Self::Workspace | Self::Shell | Self::UserTool, Role::Grader)
            | (Self::Submission | Self::Tests | Self::Artifacts, Role::Agent) => Granter::Nobody,
        }
    }

    /// Whether an agent with this knows what it must not, so that its run is a
    /// control and no result.
    #[must_use]
    pub fn makes_control(self) -> bool {
        self == Self::AnswerKey
    }
}

impl FromStr for Capability {
    type Err = ParseCapabilityError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|c| c.as_str() == name)
            .ok_or_else(|| ParseCapabilityError { name: name.chars().take(80).collect() })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one plugin may import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    role: Role,
    capabilities: BTreeSet<Capability>,
}

impl Grant {
    /// What comes with the role.
    #[must_use]
    pub fn standard(role: Role) -> Self {
        let capabilities = Capability::ALL.into_iter().filter(|c| c.granter(role) == Granter::Role).collect();
        Self { role, capabilities }
    }

    /// This grant and one capability more, on the operator's word or a manifest's. `None` when
    /// nobody can grant it to this role.
    #[must_use]
    pub fn with(mut self, capability: Capability) -> Option<Self> {
        if capability.granter(self.role) == Granter::Nobody {
            return None;
        }
        self.capabilities.insert(capability);
        Some(self)
    }

    /// Whether the capability is granted.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// The role that this is a grant for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// What is granted, in order.
    pub fn iter(&self) -> impl Iterator<Item = Capability> + '_ {
        self.capabilities.iter().copied()
    }

    /// Whether a run under this grant is a control.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.role == Role::Agent && self.iter().any(Capability::makes_control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_come_with_what_they_need_and_no_more() {
        let names = |role| Grant::standard(role).iter().map(Capability::as_str).collect::<Vec<_>>();
        assert_eq!(
            names(Role::Agent),
            ["log", "random", "input", "workspace", "shell", "user-tool", "settings", "budget", "model"]
        );
        assert_eq!(names(Role::Grader), ["log", "submission", "answer-key", "tests", "artifacts"]);
    }

    #[test]
    fn the_answer_key_makes_a_control() {
        let grant = Grant::standard(Role::Agent);
        assert!(!grant.is_control());
        assert!(grant.with(Capability::AnswerKey).unwrap().is_control());
        assert!(!Grant::standard(Role::Grader).is_control());
    }

    #[test]
    fn some_things_nobody_can_grant() {
        assert_eq!(Grant::standard(Role::Grader).with(Capability::Random), None);
        assert_eq!(Grant::standard(Role::Agent).with(Capability::Submission), None);
    }
}
