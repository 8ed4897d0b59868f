//! What commands print as JSON of what lies in registries.

use lancet_core::{Capability, PackageIdentity, Sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a reference names in a registry, as far as the registry says: nothing of the plugin itself
/// was read. This is the JSON of `lancet plugin inspect REF --format json`, a public interface:
/// fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedReference {
    /// The reference, with the digest of the manifest that it names.
    pub reference: String,
    /// The digest of the component's bytes.
    pub digest: Sha256,
    /// How many bytes the component has.
    pub bytes: u64,
    /// Its name and version, as whoever pushed it said; `null` when they did not.
    pub package: Option<PackageIdentity>,
    /// What it exports, by whole names.
    pub exports: Vec<String>,
    /// What it imports, by whole names.
    pub imports: Vec<String>,
    /// What of that are capabilities: what it asks for.
    pub asks: Vec<Capability>,
    /// Whose signatures there are. None was verified, since that takes the component.
    pub signatures: Vec<ListedSignature>,
}

/// A signature that a registry has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedSignature {
    /// The id of the key that it names.
    pub key: String,
    /// What that key is called here; `null` when it is not known here.
    pub name: Option<String>,
}

/// A plugin of a lock that was pulled, and the newest version where it came from. A list of these is
/// the JSON of `lancet plugin outdated --format json`, a public interface: fields are added, never
/// changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutdatedPlugin {
    /// The package's name.
    pub name: String,
    /// The version that is locked.
    pub version: String,
    /// The newest version that is there, when it is newer.
    pub newest: Option<String>,
    /// The reference by which it was pulled.
    pub from: String,
    /// Why it could not be looked up, and `newest` says nothing; not there when it could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
