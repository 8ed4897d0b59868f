//! The canonical suite folder.
//!
//! A suite is a folder:
//!
//! ```text
//! suite.toml                    name, description, origin, images, environments
//! images.lock                   what the images were pinned to
//! images/<name>/                what images are built from
//! graders/                      components that tasks name, with their digests
//! tasks/<id>/task.toml          title, kind, price, proposals, grader
//! tasks/<id>/statement.md       the issue in full
//! tasks/<id>/proposals/         what a manager chooses among
//! tasks/<id>/private/           the answer key and all that no agent ever sees
//! tasks/<id>/cases/             submissions with their verdicts, by which the task checks itself
//! ```
//!
//! What git, its hosts and readers of a repository want at the top level (`.git`, `.github`, `.gitignore`,
//! `.gitattributes`, `README*`, `LICENSE*`) is let be.
//!
//! [`Suite::open`] reads one and refuses whatever is not as it has to be, with
//! all problems at once. [`Suite::of_files`] reads one that is in memory by the same rules.

#![forbid(unsafe_code)]

mod baseline;
mod case;
mod diagnose;
mod environment;
mod files;
pub mod folder;
mod format;
mod gold;
mod image;
mod loader;
mod lock;
mod problem;
mod profile;
mod reference;
mod rules;
mod select;
mod starter;
mod suite;
mod tree;

pub use baseline::{baselines, without_baseline};
pub use case::{Case, CasePlace, CaseSubmission, Expected};
pub use environment::{Gold, LaidContent, TaskEnvironment};
pub use files::{Files, FilesError};
pub use format::{
    AnswerMode, CaseFile, Cpus, EnvironmentEntry, Generation, GoldEntry, GraderEntry, ImageEntry, KeptEntry,
    LockEntry, LockFile, MAX_ANSWER_KEY_BYTES, MAX_BUILD_BYTES, MAX_BUILD_FILE_BYTES, MAX_BUILD_FILES,
    MAX_CASE_SCRIPT_BYTES, MAX_GOLD_BYTES, MAX_GRADER_BYTES, MAX_GRADERS_BYTES, MAX_LINE_BYTES,
    MAX_LOCK_BYTES, MAX_NOTE_BYTES, MAX_PRIVATE_BYTES, MAX_TEXTS_BYTES, MAX_TOML_BYTES, ManagerAnswerKey,
    NamingName, Origin, OriginFormat, PlanEntry, Profile, ProposalEntry, RerunName, ResourcesEntry,
    ServiceEntry, Source, StepEntry, SubmissionEntry, SuiteFile, SweLancerEntry, TaskFile, TestsAnswerKey,
    TextMode, repeated_ids, schemas,
};
pub use gold::check_gold;
pub use image::{BuildFile, ImageSource};
pub use loader::is_commit;
pub use lock::{ImageLock, NotPinned};
pub use problem::{Problem, SuiteError};
pub use reference::Reference;
pub use rules::is_relative_path;
pub use select::select;
pub use starter::begin;
pub use suite::{GraderRef, Suite, SuiteTask, shared_issues};
