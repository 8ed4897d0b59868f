//! What an agent hands in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Sha256;

/// The most bytes that an [`Answer::Document`] may have: 64 KiB.
pub const MAX_DOCUMENT_BYTES: usize = 64 << 10;

/// What an agent hands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The id of the proposal chosen.
    Choice(u32),
    /// A JSON document in SWE-Lancer's form; how it is read is the grader's.
    Document(String),
    /// The work tree as the agent left it.
    WorkTree,
    /// Nothing.
    Nothing,
}

impl Answer {
    /// What names this submission in journals and verdicts.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of_json(self)
    }
}
