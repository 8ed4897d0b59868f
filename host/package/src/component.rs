//! What a component is by its own bytes, for a manifest to be compared with.

use std::collections::BTreeSet;
use std::fmt;

use lancet_core::{CONTRACT_PACKAGE, Capability, Role};
use serde::{Deserialize, Serialize};

use crate::error::ManifestError;
use crate::manifest::Manifest;

/// A world of the contract: what a plugin exports, and what it may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Decides whether a task is paid.
    Grader,
    /// Works on tasks.
    Agent,
    /// Works on tasks, and says itself what can be set of it.
    ConfigurableAgent,
    /// Works on tasks and knows the answers.
    Control,
}

/// What a component is by its own bytes.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its role, by what it exports.
    pub role: Role,
    /// The version of the contract in the name of that export.
    pub contract: &'a str,
    /// Whether it exports `configuring`.
    pub configurable: bool,
    /// The capabilities that it imports; its types are none.
    pub imports: &'a BTreeSet<Capability>,
}

impl World {
    /// Every world.
    pub const ALL: [Self; 4] = [Self::Grader, Self::Agent, Self::ConfigurableAgent, Self::Control];

    /// The name in `wit/`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grader => "grader",
            Self::Agent => "agent",
            Self::ConfigurableAgent => "configurable-agent",
            Self::Control => "control",
        }
    }

    /// The role of a plugin of this world.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Grader => Role::Grader,
            Self::Agent | Self::ConfigurableAgent | Self::Control => Role::Agent,
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Manifest {
    /// Compares what the manifest says with what the component is.
    ///
    /// # Errors
    /// The first key under which it says something else.
    pub fn check(&self, facts: Facts<'_>) -> Result<(), ManifestError> {
        self.check_world(facts)?;
        if self.contract != facts.contract {
            let Facts { contract, role, .. } = facts;
            let export = role.export();
            return Err(ManifestError::new(
                "contract",
                format!(
                    "`{}`, but the component exports `{CONTRACT_PACKAGE}/{export}@{contract}`",
                    self.contract
                ),
            )
            .hint(format!("write `contract = \"{contract}\"`")));
        }
        for capability in facts.imports {
            if !self.asks.contains_key(capability) {
                return Err(ManifestError::new(
                    "asks",
                    format!("the component imports `{capability}`, and the manifest does not ask for it"),
                )
                .hint(format!(
                    "add `{capability} = \"why it is needed\"`, or build against a world that imports only what is asked for"
                )));
            }
        }
        match self.asks.keys().find(|capability| !facts.imports.contains(capability)) {
            None => Ok(()),
            Some(capability) => Err(ManifestError::new(
                format!("asks.{capability}"),
                "the manifest asks for it, and the component does not import it",
            )
            .hint("remove it: a plugin asks for what it uses")),
        }
    }

    fn check_world(&self, facts: Facts<'_>) -> Result<(), ManifestError> {
        let knows = facts.imports.contains(&Capability::AnswerKey);
        let fits = |world: World| {
            world.role() == facts.role
                && match world {
                    World::Grader => true,
                    World::Agent => !facts.configurable && !knows,
                    World::ConfigurableAgent => facts.configurable && !knows,
                    World::Control => knows,
                }
        };
        if fits(self.world) {
            return Ok(());
        }
        let found = World::ALL.into_iter().find(|world| fits(*world));
        let found = found.map_or(facts.role.as_str(), World::as_str);
        Err(ManifestError::new(
            "world",
            format!(
                "`{}`, but the component is of the world `{found}` by what it exports and imports",
                self.world
            ),
        )
        .hint(format!("write `world = \"{found}\"`, or pack the component that this manifest is for")))
    }
}
