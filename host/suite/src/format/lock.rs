//! `images.lock`.

use std::collections::BTreeMap;

use lancet_core::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The lock's name in a suite's folder.
pub(crate) const LOCK_FILE: &str = "images.lock";
/// What the names of locks that are being written begin with.
pub(crate) const UNFINISHED_LOCK: &str = ".images.lock.";

/// `images.lock`: which images a suite's names stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockFile {
    /// By the suite's name for the image, or by what the task says when it names
    /// an image of a registry itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub images: BTreeMap<String, LockEntry>,
}

/// An image that was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockEntry {
    /// The digest of what it is made from.
    pub source: Sha256,
    /// What the engine is asked for: an image id (`sha256:…`), or
    /// `repository@sha256:…`.
    pub reference: String,
}
