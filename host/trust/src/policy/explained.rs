//! What commands print of policies.

use lancet_core::Sha256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, PolicyLine, Source, World};
use crate::key::KeyId;

/// What a policy comes to, key by key. This is the JSON of `lancet policy explain --format json`, a
/// public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedPolicy {
    /// The policy's file; `strict` and `no policy` for those without one.
    pub policy: String,
    /// The digest of the file's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256>,
    /// Whether all of it is let in.
    pub let_in: bool,
    /// What was looked at.
    pub explained: Vec<Explained>,
}

/// What a policy comes to for one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explained {
    /// What was looked at: a plugin or an image by its name, or the limits of a run.
    pub what: String,
    /// Where a plugin comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What a plugin is there for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<World>,
    /// The digest of a plugin's component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Sha256>,
    /// The key by which a signature of the plugin, or of its suite, holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Whether it is let in.
    pub let_in: bool,
    /// What each key comes to, in the order in which they are looked at.
    pub lines: Vec<PolicyLine>,
}

impl Explained {
    /// What these lines come to for something that is no plugin.
    #[must_use]
    pub fn new(what: impl Into<String>, lines: Vec<PolicyLine>) -> Self {
        let let_in = lines.iter().all(|line| line.finding != Finding::Refuses);
        Self { what: what.into(), source: None, world: None, component: None, key: None, let_in, lines }
    }
}
