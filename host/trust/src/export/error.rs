//! Why an exported run is not taken, and what to do about it.

use lancet_core::Sha256;

use super::{MAX_EXPORT_BYTES, MAX_EXPORTED_BLOBS, MAX_EXPORTED_BYTES};
use crate::error::{AttestedError, BundleError, SignerError, StatementError};

/// Why an exported run is not taken, or not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The system's word.
    #[error("{0}")]
    Io(std::io::Error),
    /// Whoever has the key does not sign.
    #[error(transparent)]
    Signer(SignerError),
    /// More than there may be in all.
    #[error("it has more than {MAX_EXPORT_BYTES} bytes (16 GiB)")]
    TooLarge,
    /// More blobs than there may be.
    #[error("it has more than {MAX_EXPORTED_BLOBS} blobs, or their list more than 16 MiB")]
    Blobs,
    /// A blob of more than there may be.
    #[error("a blob of it has {0} bytes, more than {MAX_EXPORTED_BYTES} (512 MiB)")]
    Blob(u64),
    /// A file in it of more than there may be.
    #[error("`{name}` in it has more than {limit} bytes")]
    Entry {
        /// Its name.
        name: String,
        /// How many there may be.
        limit: usize,
    },
    /// It ends too early.
    #[error("it ends before `{0}` does: it was cut off")]
    Truncated(String),
    /// There is something else than there has to be.
    #[error("expected `{0}` here, under a header and padding of the one spelling that is written and taken")]
    Header(String),
    /// A blob that is another.
    #[error("the content of `{0}` is not that of its digest: it was changed")]
    Content(String),
    /// Something behind all that belongs to it.
    #[error("expected the end, two empty blocks with nothing behind them")]
    Trailing,
    /// What was attested does not hold.
    #[error("`attested.jsonl`: {0}")]
    Attested(AttestedError),
    /// The list of blobs is not signed by that key.
    #[error("`{name}`: {error}")]
    Bundle {
        /// The file.
        name: &'static str,
        /// What is wrong with it.
        error: BundleError,
    },
    /// The list says something else.
    #[error("`{name}`: {error}")]
    Statement {
        /// The file.
        name: &'static str,
        /// What is wrong with it.
        error: StatementError,
    },
    /// A list in another order.
    #[error("`export.sigstore.json`: its blobs are not in the order of their digests, each once")]
    Order,
    /// A blob that is not there.
    #[error("{what} is not in it: `blobs/{}`", digest.hex())]
    Missing {
        /// What it is.
        what: String,
        /// Its digest.
        digest: Sha256,
    },
    /// A blob that has nothing to do with what is shown.
    #[error("nothing that it shows needs `blobs/{}`: a verdict was taken out, or something put in", .0.hex())]
    Needless(Sha256),
    /// A run's record that is none, or another's.
    #[error("the run's record: {0}")]
    Record(String),
    /// A verdict whose journal says something else.
    #[error("attempt {attempt}, `{key}`: {problem}")]
    Attempt {
        /// The attempt, `TASK/NUMBER`.
        attempt: String,
        /// In what.
        key: &'static str,
        /// What is wrong.
        problem: String,
    },
}

impl ExportError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "look at the disk and the file's permissions",
            Self::Signer(_) => "look at the key, and at the command that signs",
            Self::TooLarge | Self::Blobs | Self::Blob(_) => {
                "attest the run without exporting it, and have it replayed by whoever has the store: `lancet attest`, `lancet replay`"
            }
            Self::Attested(error) => error.hint(),
            Self::Bundle { error: BundleError::Unknown(_), .. } => {
                "get the host's key by a way that you trust, and `lancet key import FILE`, or name it with `--key FILE`"
            }
            Self::Record(_) | Self::Attempt { .. } => {
                "whoever signed it has signed what contradicts itself: ask them, and rest nothing on it"
            }
            _ => {
                "get the file again from whoever exported the run: an export is taken whole or not at all; to show some verdicts and withhold others there is `lancet attest`"
            }
        }
    }
}
