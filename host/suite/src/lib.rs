//! The canonical suite folder, and importers into it.
//!
//! A suite is a folder:
//!
//! ```text
//! suite.toml                    name, description, origin
//! graders/                      components that tasks name, with their digests
//! tasks/<id>/task.toml          title, kind, price, proposals, grader
//! tasks/<id>/statement.md       the issue in full
//! tasks/<id>/proposals/         what a manager chooses among
//! tasks/<id>/private/           the answer key and all that no agent ever sees
//! ```
//!
//! [`Suite::open`] reads one and refuses whatever is not as it has to be, with
//! all problems at once. [`import_swe_lancer`] makes one of SWE-Lancer's table.

#![forbid(unsafe_code)]

mod baseline;
mod diagnose;
mod escape;
mod format;
mod import;
pub mod literal;
mod problem;
mod select;
mod suite;
mod tree;

pub use baseline::baselines;
pub use escape::{TextMode, UnfaithfulError, decode_faithful, decode_fixed};
pub use format::{
    AnswerMode, Generation, GraderEntry, MAX_ANSWER_KEY_BYTES, MAX_GRADER_BYTES, MAX_LINE_BYTES,
    MAX_NOTE_BYTES, MAX_PRIVATE_BYTES, MAX_TOML_BYTES, ManagerAnswerKey, Origin, OriginFormat, ProposalEntry,
    Source, SuiteFile, TaskFile, schemas,
};
pub use import::{
    ImportError, ImportOptions, ImportSummary, KindSummary, RowProblem, RowProblemKind, import_swe_lancer,
};
pub use problem::{Problem, SuiteError};
pub use select::select;
pub use suite::{GraderRef, Suite, SuiteTask};
