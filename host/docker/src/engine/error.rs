//! What can go wrong between Lancet and the engine, with a hint of what to do about it, and
//! which of it is the infrastructure's.

use std::time::Duration;

use lancet_core::{InfraFault, InfraFaultKind};

/// What can go wrong between Lancet and the Docker engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerError {
    /// Nobody answers at the engine's socket.
    #[error("the Docker engine at {socket} cannot be reached: {reason}")]
    Unreachable {
        /// The socket's path, or what `DOCKER_HOST` says.
        socket: String,
        /// What the operating system says.
        reason: String,
    },
    /// The connection died in the middle of a call, most likely because the engine
    /// was stopped: whether the call took effect is not known.
    #[error("the connection to the Docker engine was lost while {doing}: {reason}")]
    Interrupted {
        /// What was being done.
        doing: &'static str,
        /// What the connection says.
        reason: String,
    },
    /// The engine did not answer in time.
    #[error("the Docker engine did not finish {doing} within {} s", .limit.as_secs())]
    Timeout {
        /// What was being done.
        doing: &'static str,
        /// How long the answer was waited for.
        limit: Duration,
    },
    /// The engine's API is older than the one that is needed.
    #[error("the Docker engine speaks API {found}; {needed} or later is needed")]
    TooOld {
        /// The API that the engine speaks.
        found: String,
        /// The oldest API that will do.
        needed: &'static str,
    },
    /// What answers is no Docker engine, although it speaks its API.
    #[error(
        "what answers at {socket} is {found}, and no Docker engine: containers could not be confined as they have to be"
    )]
    OtherEngine {
        /// The socket's path.
        socket: String,
        /// What the engine calls itself.
        found: String,
    },
    /// The engine runs Windows containers.
    #[error("the Docker engine runs {found} containers, not Linux ones")]
    NotLinux {
        /// The system that the engine says it is for.
        found: String,
    },
    /// The engine cannot enforce something that hardening rests on, and would leave
    /// it out with no more than a warning.
    #[error("the Docker engine cannot confine containers here: {missing}")]
    Unconfined {
        /// What the engine cannot enforce.
        missing: String,
    },
    /// The engine does not have the container runtime that was asked for.
    #[error("the Docker engine has no runtime {wanted:?}; it has {available}")]
    RuntimeMissing {
        /// The runtime that was asked for.
        wanted: String,
        /// The runtimes that the engine has.
        available: String,
    },
    /// The engine does not have the image, and could not pull it.
    #[error("there is no image {name} ({reason})")]
    ImageMissing {
        /// The name of the image that was asked for.
        name: String,
        /// Why the image is not there.
        reason: String,
    },
    /// The image is for another operating system or processor.
    #[error("image {name} is for {found}, the engine runs {needed}")]
    ImagePlatform {
        /// The name of the image.
        name: String,
        /// The image's platform.
        found: String,
        /// The engine's platform.
        needed: String,
    },
    /// The image is not the one that was pinned, or was not pinned at all.
    #[error("image {name} is {found}, not the pinned {wanted}")]
    ImageDigest {
        /// The name of the image.
        name: String,
        /// The pinned reference.
        wanted: String,
        /// The reference that the engine has.
        found: String,
    },
    /// The image declares `VOLUME`s, which would escape the disk limit, the
    /// read-only root and the comparison of files.
    #[error("image {name} declares volumes ({paths}), which escape the disk limit and the snapshot of files")]
    ImageVolumes {
        /// The name of the image.
        name: String,
        /// The paths of the volumes.
        paths: String,
    },
    /// The build of an image failed.
    #[error("building image {name} failed: {reason}\n{output}")]
    BuildFailed {
        /// The name of the image.
        name: String,
        /// What the builder says.
        reason: String,
        /// The end of the builder's output.
        output: String,
    },
    /// The engine's disk is full.
    #[error("the Docker engine's disk is full: {message}")]
    DiskFull {
        /// The engine's words.
        message: String,
    },
    /// More was asked for than the operator allows or the machine has.
    #[error("{0}")]
    ResourcesExceeded(String),
    /// A container would have a kernel user that others may have too.
    #[error("{name} cannot be run as a kernel user of its own: {reason}")]
    SharedUser {
        /// The name of the container's image.
        name: String,
        /// Why the user cannot be the container's own.
        reason: String,
    },
    /// Something that the container should have held is not there.
    #[error("{path} is not in {what}")]
    PathMissing {
        /// The path of what is missing.
        path: String,
        /// The container or image that should have held it.
        what: String,
    },
    /// A file or answer is larger than what is read.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// The file or answer that is too large.
        what: String,
        /// The most bytes that are read.
        limit: u64,
    },
    /// What is to be packed for the engine cannot be read.
    #[error("cannot pack {path}: {reason}")]
    Context {
        /// The file or folder that cannot be read.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// The engine answered with something that cannot be understood.
    #[error("the Docker engine's answer while {doing} cannot be understood: {reason}")]
    Malformed {
        /// What was being done.
        doing: &'static str,
        /// What is wrong with the answer.
        reason: String,
    },
    /// Any other error of the engine.
    #[error("the Docker engine failed while {doing} ({status}): {message}")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// The HTTP status; 0 for an error in the middle of an answer.
        status: u16,
        /// The engine's words.
        message: String,
    },
}

impl DockerError {
    /// The kind of infrastructure fault that this is.
    #[must_use]
    pub fn kind(&self) -> InfraFaultKind {
        match self {
            Self::Unreachable { .. } | Self::Interrupted { .. } => InfraFaultKind::DockerUnreachable,
            Self::TooOld { .. } => InfraFaultKind::DockerTooOld,
            Self::ImageMissing { .. } => InfraFaultKind::ImageMissing,
            Self::ImagePlatform { .. } => InfraFaultKind::ImagePlatform,
            Self::ImageDigest { .. } => InfraFaultKind::ImageDigest,
            Self::DiskFull { .. } => InfraFaultKind::DiskFull,
            Self::ResourcesExceeded(_) | Self::SharedUser { .. } => InfraFaultKind::ResourcesExceeded,
            Self::Timeout { .. }
            | Self::NotLinux { .. }
            | Self::OtherEngine { .. }
            | Self::Unconfined { .. }
            | Self::RuntimeMissing { .. }
            | Self::ImageVolumes { .. }
            | Self::BuildFailed { .. }
            | Self::PathMissing { .. }
            | Self::TooLarge { .. }
            | Self::Context { .. }
            | Self::Malformed { .. }
            | Self::Engine { .. } => InfraFaultKind::DockerError,
        }
    }

    /// What to do about the error, in a line.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Interrupted { .. } => "look whether the Docker engine was stopped; `lancet resume` goes on",
            Self::Timeout { .. } => "the engine is overloaded or stuck; its own log says more",
            Self::OtherEngine { .. } => {
                "run a Docker Engine, and name its socket with `--docker-socket` or in DOCKER_HOST"
            }
            Self::NotLinux { .. } => "switch the engine to Linux containers",
            Self::Unconfined { .. } => {
                "enable the memory, cpu and pids control groups and the default seccomp profile on the engine's host"
            }
            Self::RuntimeMissing { .. } => {
                "install the runtime and name it under `runtimes` in the engine's daemon.json"
            }
            Self::SharedUser { .. } => {
                "use `--container-runtime runsc` (gVisor), or leave `--own-users` out where no strangers' code runs"
            }
            Self::ImageVolumes { .. } => "build the image without VOLUME",
            Self::BuildFailed { .. } => "the builder's output above says which step of the Dockerfile failed",
            Self::Context { .. } => "an image's folder holds folders and regular files only",
            other => other.kind().hint(),
        }
    }

    /// Whether the engine may come back, so that waiting for it makes sense.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Interrupted { .. })
    }

    /// Whether what a container has become may be what the engine stumbled over, and
    /// not the machine.
    pub(crate) fn may_be_the_containers(&self) -> bool {
        matches!(self, Self::Engine { status: 0 | 500.., .. } | Self::Malformed { .. })
    }

    /// The engine's HTTP status, for the few that mean something to the caller.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Engine { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Puts bollard's error into our words.
    pub(crate) fn from_call(
        doing: &'static str,
        socket: &str,
        limit: Duration,
        error: bollard::errors::Error,
    ) -> Self {
        use bollard::errors::Error;
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                Self::from_message(doing, status_code, message)
            }
            Error::DockerStreamError { error } => Self::from_message(doing, 0, error),
            Error::DockerContainerWaitError { error, .. } => Self::from_message(doing, 0, error),
            Error::RequestTimeoutError => Self::Timeout { doing, limit },
            Error::SocketNotFoundError(path) => {
                Self::Unreachable { socket: path, reason: "there is no such socket".to_owned() }
            }
            Error::HyperLegacyError { err } if err.is_connect() => {
                Self::Unreachable { socket: socket.to_owned(), reason: chain(&err) }
            }
            Error::HyperLegacyError { err } => Self::Interrupted { doing, reason: chain(&err) },
            Error::HyperResponseError { err } => Self::Interrupted { doing, reason: chain(&err) },
            Error::IOError { err } => Self::Interrupted { doing, reason: chain(&err) },
            other => Self::Malformed { doing, reason: chain(&other) },
        }
    }

    /// An error by the engine's own words: a full disk has no status of its own.
    pub(crate) fn from_message(doing: &'static str, status: u16, message: String) -> Self {
        // Its end: in front of it names of files may hold line breaks.
        if says_disk_full(message.lines().last().unwrap_or_default()) {
            Self::DiskFull { message }
        } else {
            Self::Engine { doing, status, message }
        }
    }
}

impl From<DockerError> for InfraFault {
    fn from(error: DockerError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}

/// Whether somebody was told ENOSPC or EDQUOT; Go and C write it differently. The
/// error comes after what it befell, at the end of a line: a submitted file may be
/// called like it.
pub(crate) fn says_disk_full(text: &str) -> bool {
    text.to_ascii_lowercase().lines().any(|line| {
        let after = |c: char| c.is_whitespace() || matches!(c, ':' | '.' | ')' | '"' | '\'');
        // What containerd adds to an error that it has no name for.
        let line = line.trim_end_matches(after).trim_end_matches(": unknown").trim_end_matches(after);
        // Keys have a quota that is told by the same words.
        !line.ends_with("session key: disk quota exceeded")
            && [": no space left on device", ": disk quota exceeded"]
                .iter()
                .any(|error| line.ends_with(error))
    })
}

/// An error with its causes: those of the connection lie two layers deep.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        for words in [
            "mkdir /var/lib/docker/overlay2/x: no space left on device",
            "tar: x: No space left on device",
            "failed to create shim task: write /run/x: no space left on device: : unknown",
        ] {
            let error = DockerError::from_message("creating a container", 500, words.to_owned());
            assert!(matches!(error, DockerError::DiskFull { .. }));
            assert_eq!(InfraFault::from(error).kind, InfraFaultKind::DiskFull);
        }
        // A file's name is no error.
        let named = "lstat /srv/a/: no space left on device/b: file name too long";
        let broken = "lstat /srv/a: no space left on device\nb: file name too long";
        // The kernel's quota of keys.
        let keys = "runc create failed: unable to start container process: unable to join session keyring: \
                    unable to create session key: disk quota exceeded: unknown";
        for words in ["no such plugin", named, broken, keys] {
            let error = DockerError::from_message("reading a container's files", 500, words.to_owned());
            assert_eq!(InfraFault::from(error).kind, InfraFaultKind::DockerError, "{words}");
        }
        let error = DockerError::from_message("creating a container", 500, "no such plugin".to_owned());
        assert_eq!(error.status(), Some(500));
        assert_eq!(InfraFault::from(error).kind, InfraFaultKind::DockerError);
    }

    #[test]
    fn an_outage_is_worth_waiting_for() {
        let lost = DockerError::Interrupted { doing: "waiting", reason: String::new() };
        assert!(lost.is_outage());
        assert_eq!(lost.kind(), InfraFaultKind::DockerUnreachable);
        assert!(!DockerError::ResourcesExceeded(String::new()).is_outage());
    }
}
