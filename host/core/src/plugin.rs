//! What is told of plugins without running them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// What it says of itself, when it is a package: it was compared with the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<InspectedPackage>,
}

/// Which package a plugin is, as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageIdentity {
    /// `publisher/name`.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
}

impl fmt::Display for PackageIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// What a package says of itself in its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedPackage {
    /// `publisher/name`.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// The world of the contract that it is of.
    pub world: String,
    /// What it does, in a line.
    pub description: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its licence, as SPDX writes it.
    pub licence: String,
    /// The address of its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Units of fuel that it needs at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_fuel: Option<u64>,
    /// MiB of memory that it needs at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_memory_mib: Option<u64>,
    /// Seconds of its own computing that it needs at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_seconds: Option<u64>,
    /// What a task and the operator can set of it, as a JSON Schema. Not there for what has no
    /// settings in its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
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
    /// What the capability lets a plugin of this role do, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lets: Option<String>,
    /// Why the plugin asks for it, in its own words, when it is a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
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
