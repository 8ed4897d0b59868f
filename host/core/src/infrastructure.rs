//! What of the infrastructure can fail, which is nobody's verdict.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ReasonCode;

/// What of the infrastructure failed. Each kind has its reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InfraFaultKind {
    /// The Docker engine cannot be reached.
    DockerUnreachable,
    /// The engine is too old.
    DockerTooOld,
    /// The engine answered with an error that is nobody else's fault.
    DockerError,
    /// The engine does not have the image.
    ImageMissing,
    /// The image is for another platform.
    ImagePlatform,
    /// The image is not the one that was pinned.
    ImageDigest,
    /// The image has no work tree where the task says.
    WorkTreeMissing,
    /// The agent's image holds more of the history than one commit.
    HistoryPresent,
    /// The command that prepares the image failed.
    SetupFailed,
    /// The app does not become ready, with the submission and without it.
    NotReady,
    /// The disk is full.
    DiskFull,
    /// More was asked for than the operator allows, or than the machine has.
    ResourcesExceeded,
    /// The model's server cannot be reached.
    ModelUnreachable,
    /// The model's server did not answer, however often it was asked.
    ModelUnavailable,
    /// The model's server does not take the key.
    ModelUnauthorized,
    /// The account at the model's server has nothing left to spend.
    ModelQuota,
    /// The model's server has no such model.
    ModelUnknown,
    /// The model's server does not take what the operator set for its requests.
    ModelSettings,
    /// The model's server answers what nobody can read.
    ModelUnreadable,
    /// The recorded answers, or those of a script, do not go on from what the agent asked.
    ModelDiffers,
}

impl InfraFaultKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::DockerUnreachable,
        Self::DockerTooOld,
        Self::DockerError,
        Self::ImageMissing,
        Self::ImagePlatform,
        Self::ImageDigest,
        Self::WorkTreeMissing,
        Self::HistoryPresent,
        Self::SetupFailed,
        Self::NotReady,
        Self::DiskFull,
        Self::ResourcesExceeded,
        Self::ModelUnreachable,
        Self::ModelUnavailable,
        Self::ModelUnauthorized,
        Self::ModelQuota,
        Self::ModelUnknown,
        Self::ModelSettings,
        Self::ModelUnreadable,
        Self::ModelDiffers,
    ];

    /// The reason code of the attempt that it made invalid.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DockerUnreachable => "docker-unreachable",
            Self::DockerTooOld => "docker-too-old",
            Self::DockerError => "docker-error",
            Self::ImageMissing => "image-missing",
            Self::ImagePlatform => "image-platform",
            Self::ImageDigest => "image-digest",
            Self::WorkTreeMissing => "work-tree-missing",
            Self::HistoryPresent => "history-present",
            Self::SetupFailed => "setup-failed",
            Self::NotReady => "not-ready",
            Self::DiskFull => "disk-full",
            Self::ResourcesExceeded => "resources-exceeded",
            Self::ModelUnreachable => "model-unreachable",
            Self::ModelUnavailable => "model-unavailable",
            Self::ModelUnauthorized => "model-unauthorized",
            Self::ModelQuota => "model-quota",
            Self::ModelUnknown => "model-unknown",
            Self::ModelSettings => "model-settings",
            Self::ModelUnreadable => "model-unreadable",
            Self::ModelDiffers => "model-differs",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::DockerUnreachable => {
                "start the Docker engine, or name its socket in DOCKER_HOST (unix://…); `lancet doctor` looks for it"
            }
            Self::DockerTooOld => "install Docker Engine 20.10 or later (API 1.41)",
            Self::DockerError => "the engine's own log says more",
            Self::ImageMissing => {
                "`lancet suite pin SUITE` pulls or builds the images of a suite and pins them"
            }
            Self::ImagePlatform => "use an image for this machine's platform",
            Self::ImageDigest => {
                "the image behind the name has changed; pin it again with `lancet suite pin SUITE`"
            }
            Self::WorkTreeMissing => "name a folder of the image in the environment's `work-tree`",
            Self::HistoryPresent => {
                "make the work tree a repository of one commit: remove .git, `git init`, `git add -A`, `git commit`"
            }
            Self::SetupFailed => {
                "run the environment's `setup` command in a container of the image to see why"
            }
            Self::NotReady => {
                "it does not come up without a submission either: look at the readiness probe and its deadline"
            }
            Self::DiskFull => "free space where Docker keeps its data (`docker system df`)",
            Self::ResourcesExceeded => "lower the environment's `resources`, or raise the operator's ceiling",
            Self::ModelUnreachable => {
                "look at the base URL, the network and the proxy; `lancet resume` goes on at that question"
            }
            Self::ModelUnavailable => {
                "wait until the provider recovers, or lower `--jobs`; `lancet resume` goes on at that question"
            }
            Self::ModelUnauthorized => {
                "look at the key that the model's `key-env` or `key-file` names; `lancet resume` goes on at that question"
            }
            Self::ModelQuota => "top the provider's account up; `lancet resume` goes on at that question",
            Self::ModelUnknown => "look at the name of the model, and whether the key may use it",
            Self::ModelSettings => {
                "mend it at the server, where `lancet resume` goes on at that question; else begin another run, since a run keeps its models: with a lower `answer-tokens`, another `effort` or none, or a model that takes tools"
            }
            Self::ModelUnreadable => {
                "look at whether the base URL is that of the provider's API, and at what stands between"
            }
            Self::ModelDiffers => {
                "recorded answers are those to the same agent, prompt, settings and tasks: run it with those, or with a model; a script needs an answer to every question"
            }
        }
    }

    /// The kind behind a reason code.
    #[must_use]
    pub fn of_reason(reason: &ReasonCode) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == reason.as_str())
    }
}

/// A failure of the infrastructure: nobody's verdict. It makes an attempt invalid,
/// and a later `lancet resume` decides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(deny_unknown_fields)]
#[error("{}: {message}", .kind.as_str())]
pub struct InfraFault {
    /// What failed.
    pub kind: InfraFaultKind,
    /// What is known of it, for a person.
    pub message: String,
}

impl InfraFault {
    /// A fault of that kind; the message is cut to 2,000 bytes.
    #[must_use]
    pub fn new(kind: InfraFaultKind, message: impl Into<String>) -> Self {
        const LIMIT: usize = 2_000;
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(LIMIT));
        Self { kind, message }
    }

    /// The reason code.
    ///
    /// # Panics
    /// Never: the words are reason codes, which a test holds.
    #[must_use]
    pub fn reason(&self) -> ReasonCode {
        self.kind.as_str().parse().expect("kinds are reason codes")
    }
}

impl fmt::Display for InfraFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_reason_code_and_a_hint() {
        for kind in InfraFaultKind::ALL {
            let fault = InfraFault::new(kind, "");
            assert_eq!(InfraFaultKind::of_reason(&fault.reason()), Some(kind));
            assert!(!kind.hint().is_empty());
        }
    }
}
