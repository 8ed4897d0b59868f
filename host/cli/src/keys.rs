//! Keys on the command line: where they are kept, and who signs.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lancet_trust::{
    BundleError, CommandSigner, KeyId, Keys, KeysError, Known, PublicKey, Signer, SignerError,
    StatementError, read_private, read_public,
};

use crate::arguments::{Format, Jobs};
use crate::examples;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::paths;
use crate::policy::PolicyArgument;
use crate::session::Signals;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; its private half stays in the folder of keys
    #[command(after_long_help = examples::KEY_NEW)]
    New {
        /// What to call it: lower-case letters, digits, `-` and `_`
        name: String,
    },
    /// List the keys that are known here, and what is revoked
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show a key: its id, and its public half for others
    Show {
        /// Its name or id
        key: String,
        #[command(flatten)]
        format: Format,
    },
    /// Make a key that takes another's place, and a statement of that for others
    #[command(after_long_help = examples::KEY_ROTATE)]
    Rotate {
        /// The old key: its name or id
        key: String,
        /// What to call the new one
        name: String,
        #[command(flatten)]
        signer: SignerArgument,
    },
    /// Put a key, or one file by its digest, on the list of what is revoked
    #[command(after_long_help = examples::KEY_REVOKE)]
    Revoke {
        /// A key by its name or id, or a digest, `sha256:…`
        what: String,
        /// Why: one line, which whoever comes upon it is told
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take in what others made: either half of a key as a PEM file, or a statement of rotation
    #[command(after_long_help = examples::KEY_IMPORT)]
    Import {
        /// The file
        file: PathBuf,
        /// What to call the key
        #[arg(long)]
        name: String,
    },
}

/// What is signed, and by whom.
#[derive(Debug, Args)]
#[command(after_long_help = examples::SIGN)]
pub(crate) struct Sign {
    /// The package's file, or the suite's folder
    pub(crate) file: PathBuf,
    /// The key: its name or id, or a PEM file's path
    #[arg(long)]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgument,
    /// The file for the signature [default: what is signed, with `.sigstore.json` behind its name]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SignerArgument {
    /// Have a command sign, which gets the bytes on stdin and writes the 64 bytes of the signature
    #[arg(long, value_name = "COMMAND")]
    pub(crate) signer: Option<String>,
}

/// Which run is signed, and by whom.
#[derive(Debug, Args)]
#[command(after_long_help = examples::ATTEST)]
pub(crate) struct Attest {
    /// The run: its id, the beginning of it, or `latest`
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// The key: its name or id, or a PEM file's path
    #[arg(long)]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgument,
    /// Show that the store's log extends what it was at an earlier head: a file that `attest` wrote, or a C2SP checkpoint; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Vec<PathBuf>,
    /// The file to write [default: RUN.attested.jsonl]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file whose log witnesses have cosigned
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show what the store's log tells of its runs, one leaf after the other
    #[command(after_long_help = examples::LOG_SHOW)]
    Show {
        /// Of this run alone: its id, the beginning of it, or `latest`
        run: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Sign the head of the store's log: how many leaves it has, and the root over them
    #[command(after_long_help = examples::LOG_SIGN)]
    Sign {
        /// The key: its name or id, or a PEM file's path
        #[arg(long)]
        key: String,
        #[command(flatten)]
        signer: SignerArgument,
        /// The file to write: a C2SP checkpoint [default: log.checkpoint]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Which run is exported, and who signs it.
#[derive(Debug, Args)]
#[command(after_long_help = examples::EXPORT)]
pub(crate) struct Export {
    /// The run: its id, the beginning of it, or `latest`
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// The key: its name or id, or a PEM file's path
    #[arg(long)]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgument,
    /// Show that the store's log extends what it was at an earlier head: a file that `attest` or `export` wrote, or a C2SP checkpoint; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Vec<PathBuf>,
    /// The file to write [default: RUN.export.tar]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Whose log is cosigned, and by whom.
#[derive(Debug, Args)]
#[command(after_long_help = examples::COSIGN)]
pub(crate) struct Cosign {
    /// The `.jsonl` that `attest` wrote, or the `.tar` that `export` wrote, by a host whose key is known here
    pub(crate) file: PathBuf,
    /// Your own key: its name or id, or a PEM file's path
    #[arg(long)]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) signer: SignerArgument,
    /// What you cosigned of that log last: a file that `attest` or `export` wrote, or a C2SP checkpoint; the new one has to extend it
    #[arg(long, value_name = "FILE", required_unless_present = "first", conflicts_with = "first")]
    pub(crate) since: Option<PathBuf>,
    /// You have cosigned nothing of that log before
    #[arg(long)]
    pub(crate) first: bool,
    /// The file to write [default: the same]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What is verified, and by whose keys.
#[derive(Debug, Args)]
#[command(after_long_help = examples::VERIFY)]
pub(crate) struct Verify {
    /// A package, a suite's folder, the `.sigstore.json` beside one, or the `.jsonl` or `.tar` that `attest` or `export` wrote
    pub(crate) file: PathBuf,
    /// Believe this key alone: its name or id, or a PEM file's path; may be given several times [default: all that `key list` shows]
    #[arg(long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// The file with the signature [default: the file's name with `.sigstore.json` behind it]
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Of a run: its log has to extend what it was at an earlier head, a file that `attest` wrote or a C2SP checkpoint; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Vec<PathBuf>,
    /// Of a run: this key has to have cosigned the head of its log; its name or id, or a PEM file's path; may be given several times
    #[arg(long = "witness", value_name = "KEY")]
    pub(crate) witnesses: Vec<String>,
    /// Take a run that is in no log, by what its host signed: nothing shows when it began, nor that it was made once
    #[arg(long, conflicts_with_all = ["since", "witnesses"])]
    pub(crate) unlogged: bool,
    /// Of an exported run: execute its agents and graders again on what was recorded, those that are not built in in jailed processes, and come to the same verdicts
    #[arg(long)]
    pub(crate) replay: bool,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
    /// Let only the keys of that policy's publishers count, each for what has its name, and execute nothing beyond its limits, which are also what a replay may use: a file, or `strict`
    #[arg(long, value_name = "FILE|strict", conflicts_with = "keys")]
    pub(crate) policy: Option<PathBuf>,
    /// Take the envelopes of other tools: any DSSE, with any in-toto Statement about the file
    #[arg(long)]
    pub(crate) foreign: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

impl Verify {
    /// The policy by which something is executed again.
    pub(crate) fn policy(&self) -> PolicyArgument {
        PolicyArgument::named(self.policy.clone())
    }
}

/// The keys that are known here.
pub(crate) fn open() -> Result<Keys, Failure> {
    Ok(Keys::open(&paths::keys()?)?)
}

/// Whether a text names a file: names of keys have neither `/` nor `.`, and ids can have `/`.
fn is_path(text: &str) -> bool {
    text.contains(['/', '.']) && text.parse::<KeyId>().is_err()
}

/// Whoever signs with a key. A command that does is ended by a signal, for as long as this is kept.
pub(crate) fn signer(keys: &Keys, key: &str, command: &SignerArgument) -> Result<Box<dyn Signer>, Failure> {
    let path = Path::new(key);
    let signer: Box<dyn Signer> = match &command.signer {
        Some(command) => {
            let signer = CommandSigner::new(public(keys, key)?.0, command);
            let signals = Signals::listen();
            Box::new(signer.until(move || signals.have_come()))
        }
        None if is_path(key) => Box::new(read_private(path)?),
        None => Box::new(keys.private(keys.find(key)?)?),
    };
    let id = signer.public().id();
    match (keys.by_id(id), keys.revoked_key(id)) {
        (Some(known), _) => keys.may_sign(known)?,
        (None, Some(reason)) => {
            return Err(KeysError::Revoked { name: key.to_owned(), reason: reason.to_owned() }.into());
        }
        (None, None) => {}
    }
    Ok(signer)
}

/// The public half of a key, and what it is called.
pub(crate) fn public(keys: &Keys, key: &str) -> Result<(PublicKey, String), Failure> {
    if is_path(key) {
        return Ok((read_public(Path::new(key))?, key.to_owned()));
    }
    let Known { public, name, .. } = keys.find(key)?;
    Ok((public.clone(), name.to_string()))
}

/// What is to be known of a key that is believed by the word of one that is revoked since.
pub(crate) fn named_by_revoked(keys: &Keys, id: KeyId, name: &str) -> Option<String> {
    let revoked = &keys.revoked_before(id)?.name;
    Some(format!(
        "the key `{name}` is known by the word of `{revoked}`, which is revoked, and is believed still: whoever had that may \
         have made it up. Unless you know by another way whose it is: `lancet key revoke {id} --reason \"named by a revoked key\"`"
    ))
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        let exit = match &error {
            KeysError::Signer(SignerError::Stopped { .. }) => Exit::Interrupted,
            KeysError::File { .. } | KeysError::Signer(_) => Exit::Host,
            KeysError::Bundle(_) | KeysError::Statement(_) => Exit::Unverified,
            _ => Exit::Usage,
        };
        let failure = Self::new(exit, error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// A signature that does not hold, of that file.
pub(crate) fn unverified(path: &Path, error: &BundleError) -> Failure {
    Failure::new(Exit::Unverified, format!("`{}`: {error}", path.display())).hint(error.hint())
}

/// A signature that holds for something else.
pub(crate) fn misstated(path: &Path, error: &StatementError) -> Failure {
    Failure::new(Exit::Unverified, format!("`{}`: {error}", path.display())).hint(error.hint())
}
