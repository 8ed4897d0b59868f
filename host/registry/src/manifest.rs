//! What registries keep: descriptors, manifests, indexes.

use std::collections::BTreeMap;

use lancet_core::Sha256;
use serde::{Deserialize, Serialize};

use crate::error::{Wrong, cut};

/// The most bytes of a manifest, an index, a config, a token, and a signature: 1 MiB.
pub const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// The most bytes of a layer: 64 MiB.
pub const MAX_LAYER_BYTES: u64 = 64 << 20;
/// The config of a plugin, as the CNCF has it for components.
pub const PLUGIN_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The config of a suite.
pub const SUITE_CONFIG: &str = "application/vnd.lancet.suite.config.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const COMPONENT_LAYER: &str = "application/wasm";
pub(crate) const SUITE_LAYER: &str = "application/vnd.lancet.suite.layer.v1.tar";
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const SIGNATURE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What a file of a layer is called.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

const OTHER: &str = "it is something else, or was made by something else: look at the reference";

/// What names some bytes, and says what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What they are.
    pub media_type: String,
    /// Their digest.
    pub digest: Sha256,
    /// How many there are.
    pub size: u64,
    /// What a manifest is that they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What else is said of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Of those bytes.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Sha256::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// What names the parts of a thing. Others may write more into one, which nothing here rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub(crate) schema_version: u64,
    #[serde(default)]
    pub(crate) media_type: Option<String>,
    /// What it is a manifest of, where the config does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What is said of the layers.
    pub config: Descriptor,
    /// The bytes themselves.
    pub layers: Vec<Descriptor>,
    /// Which manifest it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    pub(crate) fn new(config: Descriptor, layer: Descriptor) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers: vec![layer],
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Wrong> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| Wrong::refused(format!("it is no manifest: {error}"), OTHER))?;
        let media_type = manifest.media_type.as_deref().unwrap_or(MANIFEST);
        equal("the manifest's `mediaType`", media_type, MANIFEST)?;
        equal("the manifest's `schemaVersion`", &manifest.schema_version.to_string(), "2")?;
        Ok(manifest)
    }

    /// The one layer, if the manifest is of that kind.
    pub(crate) fn only(&self, config: &str, layer: &str) -> Result<&Descriptor, Wrong> {
        equal("the config's media type", &self.config.media_type, config)?;
        let [only] = self.layers.as_slice() else {
            let what = format!("it has {} layers, expected one", self.layers.len());
            return Err(Wrong::refused(what, OTHER));
        };
        equal("the layer's media type", &only.media_type, layer)?;
        within("config", &self.config, MAX_MANIFEST_BYTES)?;
        within("layer", only, MAX_LAYER_BYTES)?;
        Ok(only)
    }
}

/// The manifests that belong to one, as far as a registry knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    #[serde(default)]
    pub(crate) media_type: Option<String>,
    pub(crate) manifests: Vec<Descriptor>,
}

impl Index {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Wrong> {
        let index: Self = serde_json::from_slice(bytes).map_err(|error| {
            Wrong::refused(format!("what lists its signatures is no index: {error}"), OTHER)
        })?;
        equal("the index's `mediaType`", index.media_type.as_deref().unwrap_or(INDEX), INDEX)?;
        Ok(index)
    }
}

/// Whether a part says that it has no more bytes than it may have.
pub(crate) fn within(what: &str, part: &Descriptor, most: u64) -> Result<(), Wrong> {
    if part.size <= most {
        return Ok(());
    }
    Err(Wrong::refused(
        format!("its {what} says that it has {} bytes, at most {most} are read", part.size),
        OTHER,
    ))
}

pub(crate) fn equal(what: &str, found: &str, expected: &str) -> Result<(), Wrong> {
    if found == expected {
        return Ok(());
    }
    Err(Wrong::refused(format!("{what} is `{}`, expected `{expected}`", cut(found)), OTHER))
}
