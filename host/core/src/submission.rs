//! A work tree as it was handed in, or why it was not taken.

use serde::{Deserialize, Serialize};

use crate::{InfraFault, ReasonCode, Sha256};

/// What happened to one path of the work tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FileChange {
    /// The file is there with these bytes: it is new, or differs.
    Written {
        /// The blob with its bytes.
        sha256: Sha256,
        /// How many there are.
        bytes: u64,
        /// Whether it may be executed: mode 100755, otherwise 100644.
        executable: bool,
    },
    /// It is gone.
    Deleted,
}

/// One path of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmittedFile {
    /// From the work tree: plain UTF-8 names joined by `/`.
    pub path: String,
    /// What happened to it.
    pub change: FileChange,
}

/// A work tree as it was handed in: what differs from the image, as the host saw
/// it from outside of the agent's container. Its digest names the submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSet {
    /// The image that it differs from.
    pub base: String,
    /// Sorted by path.
    pub files: Vec<SubmittedFile>,
    /// Changes that were dropped because the task keeps its own files there.
    pub overlaid: Vec<String>,
    /// The blob with the readable unified diff.
    pub diff: Sha256,
}

impl ChangeSet {
    /// What names this submission in journals and verdicts. The readable diff is
    /// not part of it.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of_json(&(&self.base, &self.files))
    }

    /// Whether nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file of that path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&SubmittedFile> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|index| &self.files[index])
    }
}

/// Why a submission is not accepted: the attempt fails, and nothing of it is laid
/// into any container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// More files or folders than allowed.
    TooManyFiles,
    /// More bytes than allowed, in one file or in all.
    TooLarge,
    /// A symbolic link, device, socket or pipe.
    NotARegularFile,
    /// A change under a protected path.
    ProtectedPath,
    /// A path that is not UTF-8, is too long, or is no plain path below the work tree.
    BadPath,
    /// What the container has become cannot be read, and its image can.
    Unreadable,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::TooManyFiles,
        Self::TooLarge,
        Self::NotARegularFile,
        Self::ProtectedPath,
        Self::BadPath,
        Self::Unreadable,
    ];

    /// The reason code of the failed attempt.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooManyFiles => "submission-too-many-files",
            Self::TooLarge => "submission-too-large",
            Self::NotARegularFile => "submission-not-a-regular-file",
            Self::ProtectedPath => "submission-protected-path",
            Self::BadPath => "submission-bad-path",
            Self::Unreadable => "submission-unreadable",
        }
    }
}

/// A submission that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
#[error("{}: {message}", .kind.as_str())]
pub struct RefusedSubmission {
    /// Why the submission is not accepted.
    pub kind: RefusalKind,
    /// The path or the number, and the limit.
    pub message: String,
}

impl RefusedSubmission {
    /// The reason code.
    ///
    /// # Panics
    /// Never: the words are reason codes, which a test holds.
    #[must_use]
    pub fn reason(&self) -> ReasonCode {
        self.kind.as_str().parse().expect("kinds are reason codes")
    }
}

/// What the host took from the agent's container after it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capture {
    /// A submission.
    Taken(ChangeSet),
    /// One that is not accepted.
    Refused(RefusedSubmission),
    /// Nothing, because the infrastructure failed.
    Unavailable(InfraFault),
}

impl Capture {
    /// What names it in journals and verdicts.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        match self {
            Self::Taken(changes) => changes.digest(),
            Self::Refused(refused) => Sha256::of_json(refused),
            Self::Unavailable(fault) => Sha256::of_json(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_reason_code() {
        for kind in RefusalKind::ALL {
            assert_eq!(RefusedSubmission { kind, message: String::new() }.reason().as_str(), kind.as_str());
        }
    }
}
