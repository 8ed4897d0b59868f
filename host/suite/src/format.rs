//! The files that people write.

mod case;
mod environment;
mod lock;
mod plan;

use std::collections::BTreeMap;

use lancet_core::{Cents, Kind, Sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use case::CaseFile;
pub use environment::{
    Cpus, EnvironmentEntry, ImageEntry, Profile, ResourcesEntry, ServiceEntry, StepEntry, SubmissionEntry,
};
pub(crate) use lock::{LOCK_FILE, UNFINISHED_LOCK};
pub use lock::{LockEntry, LockFile};
pub use plan::{GoldEntry, KeptEntry, NamingName, PlanEntry, RerunName, SweLancerEntry, TestsAnswerKey};

/// The most bytes of `suite.toml` and of a `task.toml`: 256 KiB.
pub const MAX_TOML_BYTES: u64 = 256 << 10;
/// The most bytes of a task's `private/answer-key.json`: 1 MiB.
pub const MAX_ANSWER_KEY_BYTES: u64 = 1 << 20;
/// The most bytes of any other private file: 64 MiB.
pub const MAX_PRIVATE_BYTES: u64 = 64 << 20;
/// The most bytes of a grader's component: 64 MiB.
pub const MAX_GRADER_BYTES: u64 = 64 << 20;
/// The most bytes of all graders of a suite together, which a run holds in memory: 256 MiB.
pub const MAX_GRADERS_BYTES: u64 = 256 << 20;
/// The most bytes of all texts of a suite together: statements, proposals, answer keys and tables, which
/// are held in memory: 512 MiB, some ten times those of SWE-Lancer.
pub const MAX_TEXTS_BYTES: u64 = 512 << 20;
/// The most bytes of a gold patch: 64 MiB, as many as a task lets be handed in unless it
/// says otherwise.
pub const MAX_GOLD_BYTES: u64 = 64 << 20;
/// The most bytes of the script of a case: 1 MiB, as many as an agent reads.
pub const MAX_CASE_SCRIPT_BYTES: u64 = 1 << 20;
/// The most bytes of a file of a build folder: 64 MiB.
pub const MAX_BUILD_FILE_BYTES: u64 = 64 << 20;
/// The most bytes of all files of a build folder: 512 MiB.
pub const MAX_BUILD_BYTES: u64 = 512 << 20;
/// The most files of a build folder.
pub const MAX_BUILD_FILES: usize = 10_000;
/// The most bytes of `images.lock`: 1 MiB.
pub const MAX_LOCK_BYTES: u64 = 1 << 20;
/// The most bytes of the README of a task: 1 MiB.
pub const MAX_NOTE_BYTES: u64 = 1 << 20;
/// The most bytes of a suite's name and of a title: 1 KiB.
pub const MAX_LINE_BYTES: usize = 1 << 10;

/// `suite.toml`: what a suite is called and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SuiteFile {
    /// One line, at most 1 KiB; reports show it.
    pub name: String,
    /// What the suite is about, for a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// Where an imported suite comes from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<Origin>,
    /// The images of its environments, by name: lower-case letters, digits and
    /// `-`, at most 64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub images: BTreeMap<String, ImageEntry>,
    /// What `ic-swe` tasks are worked on and judged in, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub environments: BTreeMap<String, EnvironmentEntry>,
}

/// Where an imported suite comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Origin {
    /// The benchmark.
    pub format: OriginFormat,
    /// Which generation of its table.
    pub generation: Generation,
    /// Which set of it, as the table names it: `diamond`. Several are joined by
    /// `+`; absent when the table does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<String>,
    /// The digest of the table's file.
    pub source_sha256: Sha256,
    /// How the escapes in its texts were read.
    pub text: TextMode,
}

/// A benchmark that suites are imported from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OriginFormat {
    /// SWE-Lancer (arXiv 2502.12115).
    SweLancer,
}

impl OriginFormat {
    /// The name in files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SweLancer => "swe-lancer",
        }
    }
}

/// A generation of SWE-Lancer's table, told by its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Generation {
    /// With `set`, `title`, `description` and `proposals`.
    Current,
    /// With `canary` and `prompt`.
    Old,
    /// With `prompt`, without `canary`.
    Lite,
}

impl Generation {
    /// The name in files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Old => "old",
            Self::Lite => "lite",
        }
    }
}

/// How the escapes in the texts of SWE-Lancer's table are read.
///
/// The columns `title`, `description` and `proposals` of the current generation
/// hold text whose line breaks are written `\n` (and in places `\r\n` or `\'`),
/// while other backslashes in it are the author's own: paths, regular
/// expressions. The reference reads them with Python's `unicode_escape` from
/// UTF-8 bytes. The other generations hold Python literals, which need none of
/// this, and read the same in both modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TextMode {
    /// Escapes are decoded, everything else stays as it was written: `\n`, `\r`,
    /// `\t`, `\'`, `\"`, `\\`, and `\x`, `\u`, `\U` with all of their digits
    /// when they name a printable character. What is no escape stays (`C:\users`),
    /// and so do those of Python's escapes that in this data are pieces of
    /// regular expressions: `\b`, `\2`.
    #[default]
    Fixed,
    /// What the reference's agents see, byte for byte: `é` has become `Ã©`, and
    /// a back reference `\2` a control character. A text on which the reference
    /// fails is a problem of its row.
    Faithful,
}

impl TextMode {
    /// The name in files and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Faithful => "faithful",
        }
    }
}

/// `task.toml`: a task without its texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TaskFile {
    /// One line, at most 1 KiB.
    pub title: String,
    /// What has to be handed in.
    pub kind: Kind,
    /// What a pass pays, in United States cents: at most 100000000, a million
    /// dollars.
    pub price_cents: Cents,
    /// Ids that several proposals share, because the source used them twice.
    /// Proposals with one id that is not listed here are refused.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub repeated_proposal_ids: Vec<u32>,
    /// The environment of the task, one of `suite.toml`. An `ic-swe` task without one
    /// cannot be run. The agent of a `swe-manager` task reads the repository in it, and
    /// without one has the proposals alone; its choice is judged without a container, so
    /// `plans`, `gold` and `user-tool` have no place there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub environment: Option<String>,
    /// The plan by which the user reproduces the issue for the agent, who gets
    /// nothing of it but its artifacts: traces made anew of what may be known, and logs
    /// that do not quote a test's source.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_tool: Option<String>,
    /// What decides whether the task is paid. A `swe-manager` task has to name
    /// one, and so has an
    /// `ic-swe` task in an environment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grader: Option<GraderEntry>,
    /// Where the gold patch lies, by which the task itself is checked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gold: Option<GoldEntry>,
    /// In an environment of the profile `swe-lancer`: the issue and its tests.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub swe_lancer: Option<SweLancerEntry>,
    /// Where an imported task comes from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Source>,
    /// What a manager chooses among, in the order in which it is shown. A
    /// `swe-manager` task has at least one, an `ic-swe` task none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub proposals: Vec<ProposalEntry>,
    /// The test runs of an `ic-swe` task in an environment: at least one, unless
    /// the environment has a profile, which brings its own.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub plans: Vec<PlanEntry>,
}

/// One proposal of a manager task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProposalEntry {
    /// What an answer names it by.
    pub id: u32,
    /// Its text: a path from the task's folder, in `proposals/`.
    pub file: String,
}

/// A task's grader: either `plugin`, or `file` with `digest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GraderEntry {
    /// One of the graders that the host has built in: `manager-choice`, `junit`,
    /// `playwright-e2e`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plugin: Option<String>,
    /// A component: a path from the suite's folder, in `graders/`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The digest of `file`. Another file in its place is refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Sha256>,
    /// What is set of a component that has settings in its manifest, by name: a text, a
    /// number, true or false each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// Where an imported task comes from. Nothing here is shown to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    /// The id in the source.
    pub question_id: String,
    /// The number of the GitHub issue that the task is about. Several tasks may
    /// share one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub github_issue: Option<u64>,
    /// The commit that decided a manager task; the repository is as it was just
    /// before. In an environment of the profile `swe-lancer` it has to be there, with
    /// all of its 40 digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// The working directory in the source's image.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cwd: Option<String>,
    /// Issue folders that belong to the task.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub acceptable_folders: Vec<String>,
    /// The source's limit on the price, as it is written there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price_limit: Option<String>,
    /// The set of the source that the task belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<String>,
}

/// `private/answer-key.json` of a task that `manager-choice` grades. The grader
/// gets the file's text as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ManagerAnswerKey {
    /// The id of the right proposal.
    pub correct: u32,
    /// How an answer given as a document is read.
    #[serde(default)]
    pub mode: AnswerMode,
}

/// How `manager-choice` reads an answer that is a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerMode {
    /// Exactly `{"selected_proposal_id": <integer>}`.
    #[default]
    Strict,
    /// As SWE-Lancer's harness reads it: the first value, under any key.
    Lenient,
}

/// The JSON Schemas of the files that people write, each with its file name.
#[must_use]
pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
    vec![
        ("suite.schema.json", schemars::schema_for!(SuiteFile)),
        ("task.schema.json", schemars::schema_for!(TaskFile)),
        ("answer-key.schema.json", schemars::schema_for!(ManagerAnswerKey)),
        ("tests-answer-key.schema.json", schemars::schema_for!(TestsAnswerKey)),
        ("case.schema.json", schemars::schema_for!(CaseFile)),
        ("images-lock.schema.json", schemars::schema_for!(LockFile)),
    ]
}

/// The ids that come more than once, each once, in order: what a `task.toml` has to
/// declare as repeated.
#[must_use]
pub fn repeated_ids(ids: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut counts = BTreeMap::new();
    for id in ids {
        *counts.entry(id).or_insert(0u32) += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id).collect()
}
