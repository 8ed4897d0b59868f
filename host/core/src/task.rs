//! A task as agents and graders are given it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Cents;

/// The most bytes that a statement or a proposal may have: 1 MiB. The longest
/// in SWE-Lancer is under 85,000 characters.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// What names a task in its suite, and its folder: 1 to 128 ASCII letters,
/// digits, `.`, `_` and `-`, beginning with a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TaskId(String);

/// A text that is not a [`TaskId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a task id: expected 1 to 128 ASCII letters, digits, `.`, `_` or `-`, beginning with a letter or digit"
)]
pub struct ParseTaskIdError(String);

impl TaskId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TaskId {
    type Err = ParseTaskIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = (1..=128).contains(&text.len())
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseTaskIdError(text.chars().take(140).collect()))
        }
    }
}

impl TryFrom<String> for TaskId {
    type Error = ParseTaskIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl JsonSchema for TaskId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TaskId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
            "description": "What names a task in its suite, and its folder.",
        })
    }
}

/// What has to be handed in. The two kinds are SWE-Lancer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An individual contributor's task: a patch to the repository.
    IcSwe,
    /// A manager's task: the best of several proposals.
    SweManager,
}

impl Kind {
    /// Both, in the order of reports.
    pub const ALL: [Self; 2] = [Self::SweManager, Self::IcSwe];

    /// The name in files and reports: `ic-swe` or `swe-manager`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IcSwe => "ic-swe",
            Self::SweManager => "swe-manager",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One freelancer's proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// What an answer names it by.
    pub id: u32,
    /// The proposal, usually Markdown.
    pub text: String,
}

/// The public part of a task: all that an agent ever learns of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Unique in its suite.
    pub id: TaskId,
    /// What has to be handed in.
    pub kind: Kind,
    /// One line.
    pub title: String,
    /// The issue in full, usually Markdown.
    pub statement: String,
    /// What a pass pays.
    pub price: Cents,
    /// In the order of the suite; empty unless it is a manager task.
    pub proposals: Vec<Proposal>,
}

impl Task {
    /// The bytes that the record takes in a plugin's memory when it is called: its
    /// texts, and what holds them.
    #[must_use]
    pub fn record_bytes(&self) -> u64 {
        const RECORD: usize = 64;
        const PROPOSAL: usize = 16;
        let proposals: usize = self.proposals.iter().map(|proposal| PROPOSAL + proposal.text.len()).sum();
        (RECORD + self.id.as_str().len() + self.title.len() + self.statement.len() + proposals) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_folder_names_and_nothing_else() {
        for good in ["16912_4", "15193-manager-0", "a", "A.b-c_d"] {
            assert_eq!(good.parse::<TaskId>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "../x", "a/b", "a b", "-a", "é", "a\0", &"a".repeat(129)] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad:?}");
        }
    }
}
