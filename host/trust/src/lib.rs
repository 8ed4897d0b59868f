//! Who made something, and that it is what they made: keys, signed statements, and the
//! arithmetic of logs that only grow.
//!
//! ```text
//! PublicKey, PrivateKey, KeyId    Ed25519, as PEM files that openssl, Python and Node read
//! Keys                            a folder of them, with rotations and the list of what is revoked
//! Signer                          whoever has a private key: a file of that folder, or a command
//! Bundle                          a signed statement: DSSE in a sigstore bundle, in one spelling only
//! Statement                       what is said of whom: in-toto's Statement, with predicates of our own
//! Attested                        a run with its verdicts, each signed, of which some may be withheld
//! Export                          such a run with all that a replay of it needs, as one file
//! Policy, Lock                    what an operator lets plugins do, and which ones were looked at before
//! Tree, Checkpoint                a Merkle log (RFC 6962), and its signed head (C2SP)
//! RunLog, Logged                  what shows that a run and its verdicts are in such a log
//! ```
//!
//! What comes in is a stranger's: everything is bounded, and nothing is parsed of a statement
//! before the signature over it was found right. Dates decide nothing, and there are none.
//! Of input and output there is what keys need: their folder, and a command that signs.

mod attested;
mod base64;
mod bundle;
mod checkpoint;
mod error;
mod export;
mod file;
mod foreign;
mod key;
mod keys;
mod lock;
mod log;
mod note;
mod policy;
mod printed;
mod proof;
mod revocation;
mod signer;
mod statement;
mod statement_error;
mod tree;
mod unique;
mod verdict;

pub use attested::{Attested, MAX_ATTESTED_BYTES};
pub use bundle::{BUNDLE_TYPE, Bundle, MAX_BUNDLE_BYTES, PAYLOAD_TYPE, encoded};
pub use checkpoint::Checkpoint;
pub use error::{
    AttestedError, BundleError, KeyError, KeysError, LogError, NoteError, ProofError, SignerError,
    StatementError,
};
pub use export::{
    Export, ExportError, ExportWriter, Exported, ExportedBlob, MAX_EXPORT_BYTES, MAX_EXPORTED_BLOBS,
    MAX_EXPORTED_BYTES, OpenedExport, exported, journal_events,
};
pub use foreign::{Foreign, ForeignStatement, ForeignSubject};
pub use key::{KeyId, MAX_PEM_BYTES, PrivateKey, PublicKey, SIGNATURE_BYTES, Signature};
pub use keys::{Import, Imported, KeyName, Keys, Known, read_private, read_public, read_text};
pub use lock::{LOCK_KEYS, Lock, Locked, MAX_LOCK_BYTES};
pub use log::{Logged, RunLog};
pub use note::{MAX_NOTE_BYTES, Note, NoteKey};
pub use policy::{
    Candidate, Decision, Explained, ExplainedPolicy, Finding, JailLevel, KEYS, MAX_POLICY_BYTES, Pinned,
    Policy, PolicyError, PolicyKey, PolicyLine, Publisher, Runs, Signed, Source, Voucher, World,
};
pub use printed::{
    ListedKey, ListedKeys, ListedLeaf, ListedLog, ListedRevocation, ReplayLimits, VerifiedExport,
    VerifiedFile, VerifiedKey, VerifiedLog, VerifiedRun, VerifiedSubject, VerifiedVerdict, VerifiedWitness,
};
pub use proof::{verify_consistency, verify_inclusion};
pub use revocation::{Revocation, Revoked};
pub use signer::{CommandSigner, Signer};
pub use statement::{Plugin, Predicate, Rotation, Statement, Subject, Suite, predicate_type};
pub use tree::{Hash, Tree, leaf_hash};
pub use verdict::{
    Executed, Judged, Listed, Run, TestResult, executed, journal_digest, journal_text, retakes,
};
