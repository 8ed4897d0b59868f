//! What calls into an agent's work tree carry, and how much.

use serde::{Deserialize, Serialize};

use crate::{ArtifactKind, MAX_CALL_ERROR_BYTES, Octets};

/// Why a capability that reaches into a container gives nothing back. The plugin
/// may handle it; it is no failure of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallErrorKind {
    /// There is no such thing.
    NotFound,
    /// It is not allowed: a path outside of the work tree, a file that is not
    /// regular.
    Refused,
    /// It is over a limit.
    TooLarge,
    /// This attempt does not have it: a task without an environment, an agent whose
    /// time is over.
    Unavailable,
    /// Anything else.
    Other,
}

/// See [`CallErrorKind`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallError {
    /// Which kind.
    pub kind: CallErrorKind,
    /// For a person, or a model.
    pub message: String,
}

impl CallError {
    /// An error of that kind; the message is cut to 2,000 bytes.
    #[must_use]
    pub fn new(kind: CallErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MAX_CALL_ERROR_BYTES));
        Self { kind, message }
    }
}

/// The most bytes that one read gives: 1 MiB.
pub const MAX_READ_BYTES: u32 = 1 << 20;
/// The most bytes of a file that a plugin can write, and of a patch that it brings:
/// 1 MiB.
pub const MAX_WRITE_BYTES: usize = 1 << 20;
/// The most bytes of a patch that the operator gives: 256 MiB. What a task lets be
/// handed in, 64 MiB unless it says otherwise, is the limit below that.
pub const MAX_PATCH_BYTES: usize = 256 << 20;
/// The most entries of a listing, and hits of a search.
pub const MAX_ENTRIES: usize = 10_000;
/// The most bytes that are kept of each of a command's two streams: 256 KiB.
pub const MAX_OUTPUT_BYTES: usize = 256 << 10;
/// The longest that a command of the agent's may take: an hour.
pub const MAX_COMMAND_SECONDS: u32 = 3_600;

/// A file of the work tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceEntry {
    /// From the work tree.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
}

/// A line that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchHit {
    /// From the work tree.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// The line, at most 512 bytes of it.
    pub text: String,
}

/// What a command of the agent's did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandOutput {
    /// Its exit status; `None` when its time was over.
    pub exit_status: Option<i32>,
    /// The first [`MAX_OUTPUT_BYTES`].
    pub stdout: Octets,
    /// The first [`MAX_OUTPUT_BYTES`].
    pub stderr: Octets,
    /// What was dropped of both.
    pub dropped_bytes: u64,
}

/// An artifact as a plugin sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactEntry {
    /// Unique in its run.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// Bytes.
    pub bytes: u64,
}

/// What the user found when it reproduced the issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Whether the steps could be carried out to their end.
    pub completed: bool,
    /// Log, trace, screenshots: to be read one by one.
    pub artifacts: Vec<ArtifactEntry>,
}
