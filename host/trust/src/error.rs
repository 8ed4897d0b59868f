//! Why something is not taken, and what to do about it.

use std::path::PathBuf;

use lancet_core::LoggedEnd;

use crate::attested::MAX_ATTESTED_BYTES;
use crate::bundle::MAX_BUNDLE_BYTES;
use crate::key::{KeyId, SIGNATURE_BYTES};
use crate::note::MAX_NOTE_BYTES;

pub use crate::statement_error::StatementError;

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM file at all.
    #[error("it is no PEM file, expected one that begins with `-----BEGIN {expected}-----`")]
    NoPem {
        /// What such a file says that it holds.
        expected: &'static str,
    },
    /// A PEM file with something else.
    #[error("it holds `{found}`, expected `{expected}`")]
    Label {
        /// What it has to say that it holds.
        expected: &'static str,
        /// What it says.
        found: String,
    },
    /// Of the right form, and still no key of that kind.
    #[error("it is no Ed25519 key as `{form}`: {why}")]
    Refused {
        /// What the file says that it holds.
        form: &'static str,
        /// The words of whoever reads such keys.
        why: String,
    },
    /// No key's id.
    #[error("`{0}` is no key's id, expected base64 of a SHA-256: 44 characters")]
    Id(String),
    /// The system has no random numbers.
    #[error("the system gave no random numbers: {0}")]
    Random(String),
}

impl KeyError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Label { found, .. } if found == "ENCRYPTED PRIVATE KEY" => {
                "decrypt it first: `openssl pkcs8 -in FILE -out KEY`, and keep the file to yourself"
            }
            Self::Label { found, .. } if found.starts_with("OPENSSH") => {
                "keys of ssh have a form of their own; make one with `lancet key new NAME`"
            }
            Self::Label { expected, found }
                if *expected == "PUBLIC KEY" && found.ends_with("PRIVATE KEY") =>
            {
                "that is the half that signs: `openssl pkey -in FILE -pubout` writes the public one"
            }
            Self::Label { found, .. } if found == "PUBLIC KEY" => {
                "that is the half that verifies; the private half signs, or `--signer COMMAND`"
            }
            Self::NoPem { .. } | Self::Label { .. } | Self::Refused { .. } => {
                "`lancet key new NAME` makes a key, and so does `openssl genpkey -algorithm ed25519`"
            }
            Self::Id(_) => "`lancet key list` shows names and ids",
            Self::Random(_) => "`/dev/urandom` and the system call `getrandom` have to be there",
        }
    }
}

/// Why the folder of keys is not used, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The system's word on a file.
    #[error("cannot {doing} `{}`: {error}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// The error.
        error: std::io::Error,
    },
    /// A file that is not as it has to be.
    #[error("`{}`: {problem}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// No name for a key.
    #[error(
        "`{0}` is no name for a key: expected lower-case letters, digits, `-` and `_`, at most 64, the first a letter or a digit"
    )]
    Name(String),
    /// No key of that name or id.
    #[error("no key `{name}` in `{}`", folder.display())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The folder of keys.
        folder: PathBuf,
    },
    /// A name that is taken.
    #[error("there is a key `{name}` already, {id}")]
    Taken {
        /// The name.
        name: String,
        /// Whose it is.
        id: KeyId,
    },
    /// A key that has another name.
    #[error("the key {id} is here already, as `{name}`")]
    Known {
        /// The key.
        id: KeyId,
        /// Its name here.
        name: String,
    },
    /// A key of which the private half is elsewhere.
    #[error("only the public half of `{0}` is here")]
    Public(String),
    /// A key that was replaced.
    #[error("the key `{name}` was rotated: {successor} signs in its place")]
    Rotated {
        /// Its name.
        name: String,
        /// The key that took its place.
        successor: KeyId,
    },
    /// A key that is revoked.
    #[error("the key `{name}` is revoked: {reason}")]
    Revoked {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A reason that is none.
    #[error("the reason has {0}, expected one line of 1 to 200 bytes")]
    Reason(&'static str),
    /// A key's text that is refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A statement of rotation that is refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The same, for what it says.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Whoever has the key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl KeysError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Refused { hint, .. } => return Some(hint.clone()),
            Self::File { .. } => return None,
            Self::Name(_) => "for example `acme-2026`",
            Self::Unknown { .. } => {
                "`lancet key list` shows those that are here; `lancet key import FILE` takes one in, and a file is named by its path, `./acme.pub`"
            }
            Self::Taken { .. } => "choose another name; `lancet key list` shows those that are here",
            Self::Known { .. } => "use it by that name",
            Self::Public(_) => {
                "`lancet key import FILE` takes the private half in; `--signer COMMAND` has whoever holds it sign"
            }
            Self::Rotated { .. } => "sign with that key; what the old one has signed still verifies",
            Self::Revoked { .. } => "sign with another key; `lancet key list` shows those that are here",
            Self::Reason(_) => "say why in a few words, for example `--reason \"the laptop was stolen\"`",
            Self::Key(error) => error.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Statement(error) => error.hint(),
            Self::Signer(error) => error.hint(),
        };
        Some(text.to_owned())
    }
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The command could not be started, or not be waited for.
    #[error("the signing command `{command}` cannot be run: {why}")]
    Run {
        /// The command.
        command: String,
        /// The system's words.
        why: String,
    },
    /// There is no place to keep what the command is to sign.
    #[error("what a signing command is to sign cannot be kept in `{}`: {why}", folder.display())]
    NoPlace {
        /// The folder for temporary files.
        folder: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The command failed.
    #[error("the signing command `{command}` failed with {status}")]
    Failed {
        /// The command.
        command: String,
        /// Its exit status.
        status: String,
    },
    /// The command took too long.
    #[error("the signing command `{command}` did not end within {seconds} s, and was stopped")]
    Late {
        /// The command.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// Somebody wants no signature any more.
    #[error("interrupted while the signing command `{command}` ran, which was ended")]
    Stopped {
        /// The command.
        command: String,
    },
    /// The command wrote something else.
    #[error(
        "the signing command `{command}` wrote {found}, expected the {SIGNATURE_BYTES} bytes of an Ed25519 signature"
    )]
    Size {
        /// The command.
        command: String,
        /// How much it wrote.
        found: String,
    },
    /// A signature of another key, or of something else.
    #[error(
        "what the signing command `{command}` wrote is no signature by the key {key} over what it was given"
    )]
    Wrong {
        /// The command.
        command: String,
        /// The key that was to sign.
        key: KeyId,
    },
}

impl SignerError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Run { .. } | Self::Failed { .. } => {
                "it is run by `sh -c`, gets the bytes to sign on stdin, and has to end with 0; what it wrote to stderr stands above"
            }
            Self::NoPlace { .. } => "make room there, or name another folder in the variable `TMPDIR`",
            Self::Late { .. } => {
                "it has no terminal to ask for a PIN: give it one by its environment or a program of its own"
            }
            Self::Stopped { .. } => "nothing was signed, and nothing was written",
            Self::Size { .. } => {
                "raw bytes, not base64, not hexadecimal, and without a line break at the end"
            }
            Self::Wrong { .. } => {
                "`--key` has to name the public half of the key that the command has; it signs the bytes themselves (PureEdDSA), not a digest of them"
            }
        }
    }
}

/// Why a file is no signed statement, or not one of that key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Too large to be read.
    #[error("it has more than {MAX_BUNDLE_BYTES} bytes (16 MiB)")]
    TooLarge,
    /// Not of that form.
    #[error("it is no sigstore bundle with a DSSE envelope: {0}")]
    Json(String),
    /// A value that has to be another.
    #[error("`{key}` is {found}, expected {expected}")]
    Value {
        /// The key, dotted.
        key: &'static str,
        /// What is there.
        found: String,
        /// What has to be.
        expected: String,
    },
    /// The same content, spelled otherwise.
    #[error("it is not in the one spelling that is signed and taken here: byte {0} differs")]
    Spelling(usize),
    /// Another key was named, or the signature is wrong.
    #[error("`dsseEnvelope.signatures[0].sig` is no signature of the key {0} over the payload")]
    Signature(KeyId),
    /// A file whose signature is of a key that is not known.
    #[error("it names the key {0}, which is not known here")]
    Unknown(KeyId),
    /// A foreign envelope that none of the keys has signed.
    #[error("none of the {signatures} signatures is of one of the {keys} known keys")]
    Nobody {
        /// How many signatures it has.
        signatures: usize,
        /// How many keys were tried.
        keys: usize,
    },
}

impl BundleError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Spelling(_) => {
                "it was changed after it was signed, or another tool wrote it: `--foreign` takes the envelopes of others"
            }
            Self::Json(_) | Self::Value { .. } => {
                "`lancet plugin sign` and `lancet suite sign` write such files; `--foreign` takes the envelopes of others"
            }
            Self::TooLarge => "no statement needs as much",
            Self::Signature(_) => {
                "it was changed after it was signed, or somebody else signed it: do not use it"
            }
            Self::Unknown(_) | Self::Nobody { .. } => {
                "get the publisher's key by a way that you trust, and `lancet key import FILE`, or name it with `--key FILE`"
            }
        }
    }
}

/// Why a signed note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too large to be read.
    #[error("it has more than {MAX_NOTE_BYTES} bytes (64 KiB)")]
    TooLarge,
    /// Not of that form.
    #[error("line {line}: {problem}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what was expected.
        problem: &'static str,
    },
    /// Nobody signed it whose key is known.
    #[error("it has no signature of `{0}`")]
    Unsigned(String),
    /// A signature that does not hold.
    #[error("the signature of `{0}` is not one of that key over the text")]
    Signature(String),
    /// A name that no signature line can hold.
    #[error(
        "`{0}` is no name of a signer: expected 1 to 255 bytes without white space, control characters and `+`"
    )]
    Name(String),
}

/// Why a proof does not show what it is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A leaf beyond the tree, or a tree that is larger than the later one.
    #[error("{0} is not below the tree's size, {1}")]
    Range(u64, u64),
    /// Too few or too many hashes.
    #[error("it has {found} hashes, expected {expected}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there have to be.
        expected: usize,
    },
    /// Hashes that lead elsewhere.
    #[error("it leads to another root")]
    Root,
}

/// Why a log does not show what it is to show of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// No line of that form.
    #[error("it is no line with a log's proofs: {0}")]
    Json(String),
    /// A line beyond all that has to be in one.
    #[error("its line with proofs has {bytes} bytes, expected at most {most}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many are read.
        most: usize,
    },
    /// The same content, spelled otherwise.
    #[error("its proofs are not in the one spelling that is written and taken here")]
    Spelling,
    /// No line at all.
    #[error("the run is in the log `{0}`, as its first line says, and no line has its proofs")]
    Absent(String),
    /// A head that is none.
    #[error("the head of its log: {0}")]
    Note(NoteError),
    /// A head by another key.
    #[error("the head of its log is not signed by the key {key}, which has signed the run: {error}")]
    Checkpoint {
        /// The key of the run.
        key: KeyId,
        /// What is wrong with the signature.
        error: NoteError,
    },
    /// A leaf that is not in the log.
    #[error("{what} is not the leaf {place} of the log with {size}: {error}")]
    Missing {
        /// What is to be in it.
        what: String,
        /// Where, from 0.
        place: u64,
        /// How many leaves the log has.
        size: u64,
        /// What is wrong with the proof.
        error: ProofError,
    },
    /// Leaves that say something else.
    #[error("its leaves are not a `run-begin` and a `run-end`")]
    Kind,
    /// A beginning of something else.
    #[error("by the log the run began with `{key}` {logged}, and by what is signed of it it has {said}")]
    Begin {
        /// The key.
        key: &'static str,
        /// What the log says.
        logged: String,
        /// What the run's line says.
        said: String,
    },
    /// An end with other verdicts.
    #[error(
        "by the log the run ended with {} verdicts under {}, and its first line lists {} under {}: verdicts were left out, put in or changed",
        logged.verdicts, logged.root, said.verdicts, said.root
    )]
    End {
        /// What the log says.
        logged: Box<LoggedEnd>,
        /// What the run's line says.
        said: Box<LoggedEnd>,
    },
    /// A leaf that is not between the run's beginning and its end.
    #[error("the leaf {place} is not between the run's beginning at {from} and its end at {to}")]
    Order {
        /// The leaf's place.
        place: u64,
        /// Where the run begins.
        from: u64,
        /// Where the run ends.
        to: u64,
    },
    /// Not the same log.
    #[error("it is in the log `{new}`, expected `{old}`: another store's, or one that was begun anew")]
    Other {
        /// The one that is expected.
        old: String,
        /// The one that it is in.
        new: String,
    },
    /// A log with fewer leaves than it had.
    #[error(
        "its log has {new} leaves, and had {old} at the earlier head: runs or verdicts were left out since, or it is the older one"
    )]
    Shrunk {
        /// How many it had.
        old: u64,
        /// How many it has.
        new: u64,
    },
    /// A log that is not what it was.
    #[error(
        "its log of {new} leaves does not begin with the {old} of the earlier head ({error}): it was rewritten since, and runs or verdicts may have been left out"
    )]
    Rewritten {
        /// How many leaves the earlier one had.
        old: u64,
        /// How many it has.
        new: u64,
        /// What is wrong with the proof.
        error: ProofError,
    },
    /// Nothing that shows how it comes from an earlier one.
    #[error("it has no proof that its log of {new} leaves extends the {old} of the earlier head")]
    NoProof {
        /// How many leaves the earlier one had.
        old: u64,
        /// How many it has.
        new: u64,
    },
}

impl LogError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Json(_)
            | Self::TooLarge { .. }
            | Self::Spelling
            | Self::Absent(_)
            | Self::Note(_)
            | Self::Kind => {
                "it was changed after it was written: get the file again from whoever made the run"
            }
            Self::Missing { .. } | Self::Checkpoint { .. } | Self::Order { .. } => {
                "it was changed after it was written, or lines of two files were mixed: get the file again from whoever made the run"
            }
            Self::Begin { .. } | Self::End { .. } => {
                "whoever has that key contradicts itself: believe neither, and ask for the whole store"
            }
            Self::Other { .. } | Self::Shrunk { .. } | Self::Rewritten { .. } => {
                "keep both files: together they show that the log was changed, as long as both are signed; ask whoever keeps it"
            }
            Self::NoProof { .. } => {
                "whoever made the run has it written: `lancet attest RUN --since FILE`, with the earlier file"
            }
        }
    }
}

/// Why a run with its verdicts is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttestedError {
    /// Too large to be read.
    #[error("it has more than {MAX_ATTESTED_BYTES} bytes (256 MiB)")]
    TooLarge,
    /// Nothing at all.
    #[error("it has no line, expected a run and its verdicts")]
    Empty,
    /// A line that is not signed, or by another key.
    #[error("line {line}: {error}")]
    Bundle {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: BundleError,
    },
    /// A line that says something else, or contradicts another.
    #[error("line {line}: {error}")]
    Statement {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: StatementError,
    },
    /// A line with proofs of a log, which do not hold.
    #[error("line {line}: {error}")]
    Log {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: LogError,
    },
}

impl AttestedError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::Empty => "`lancet attest RUN` writes such files, one line per statement",
            Self::Bundle { error: BundleError::Unknown(_), .. } => {
                "get the host's key by a way that you trust, and `lancet key import FILE`, or name it with `--key FILE`"
            }
            Self::Bundle { .. } => {
                "it was changed after it was signed: get the file again from whoever made the run"
            }
            Self::Statement { .. } => {
                "whole lines of verdicts may be taken out, each with its test result and its proof behind it; nothing else may be changed"
            }
            Self::Log { error, .. } => error.hint(),
        }
    }
}
