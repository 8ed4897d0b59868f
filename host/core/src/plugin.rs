//! What is told of plugins without running them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Capability, Configuration, Role, Sha256};

/// What a component is and what it asks for. This is the JSON of `lancet plugin inspect
/// --format json`, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedPlugin {
    /// The component, as the operator named it.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Sha256,
    /// How many bytes it has.
    pub bytes: usize,
    /// What it is there for, by what it exports.
    pub role: Role,
    /// The version of the contract `lancet:plugin` that it was built for.
    pub contract: String,
    /// What it imports, in the order of the component.
    pub imports: Vec<InspectedImport>,
    /// What the operator can set of it, as it says itself: `--set` and `--settings` take the
    /// settings, `--prompt` the prompt. Not there for what declares nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
}

/// One import of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedImport {
    /// The import's name, such as `lancet:plugin/log@0.1.0`.
    pub import: String,
    /// The capability that it stands for; `null` when it stands for none.
    pub capability: Option<Capability>,
    /// Who can grant it to a plugin of this role, for people.
    pub granted_by: String,
}

/// A plugin that is built in. A list of these is the JSON of `lancet plugin list --format
/// json`, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedPlugin {
    /// The name that `--agent`, `--grader` and tasks call it by.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// How many bytes the component has.
    pub bytes: usize,
    /// What it does, in a sentence.
    pub description: String,
}
