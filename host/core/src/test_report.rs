//! What a test run left, as the host saw it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CaseNaming, Conclusion, Outcome, Sha256};

/// The most test cases that a report may have.
pub const MAX_TEST_CASES: usize = 10_000;
/// The most bytes of a report: 16 MiB.
pub const MAX_REPORT_BYTES: usize = 16 << 20;
/// The most bytes of the names of all its cases: 512 KiB. With them three runs of
/// [`MAX_TEST_CASES`] fit into one call of a grader.
pub const MAX_NAMES_BYTES: usize = 512 << 10;
/// The most bytes that are kept of what a test case says.
pub const MAX_CASE_DETAIL_BYTES: usize = 2 << 10;

/// What became of a test case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CaseStatus {
    /// It ran and passed.
    Passed,
    /// An assertion failed.
    Failed,
    /// It could not be carried out.
    Errored,
    /// It was not run.
    Skipped,
}

/// One test case of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// As the plan's naming has it.
    pub id: String,
    /// What became of it.
    pub status: CaseStatus,
    /// What it says of a failure, at most [`MAX_CASE_DETAIL_BYTES`].
    pub detail: String,
}

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// Text.
    Log,
    /// A Playwright trace.
    Trace,
    /// A film.
    Video,
    /// A picture.
    Screenshot,
    /// Anything else.
    Other,
}

/// Something that a run left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Unique in its run: the rule's name, with `/path` for files of a folder.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// Bytes.
    pub bytes: u64,
    /// The blob.
    pub sha256: Sha256,
}

/// How the process of a test run ended, as the engine saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// It exited with this status.
    Exited(i64),
    /// The plan's time was over.
    TimedOut,
    /// It, or the app, used up its memory.
    OutOfMemory,
    /// It, or the app, wrote more to the disk than it may.
    DiskLimit,
    /// The app did not become ready with the submission, although it does without
    /// one: the tests were not begun.
    NotReady,
    /// The tests could not be carried out with the submission beside them, although
    /// they can without one.
    Broken,
}

/// What came of reading a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReportState {
    /// It was read.
    Read,
    /// There was none.
    Missing,
    /// It cannot be understood.
    Malformed(String),
    /// It is over [`MAX_REPORT_BYTES`], [`MAX_TEST_CASES`] or [`MAX_NAMES_BYTES`].
    TooLarge(String),
}

/// One execution of a plan, as the host saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRun {
    /// How the process ended.
    pub end: RunEnd,
    /// What the plan's status file held, when it has one and it could be read.
    pub status: Option<i64>,
    /// What came of reading the report.
    pub report: ReportState,
    /// Sorted by id, and as [`fold()`](crate::fold()) leaves them; a name that came twice all the same
    /// is there twice.
    pub cases: Vec<TestCase>,
    /// Sorted by name.
    pub artifacts: Vec<Artifact>,
    /// What the host makes of it.
    pub conclusion: Conclusion,
    /// Milliseconds from the first container to the last. For people: no verdict
    /// depends on it.
    pub wall_ms: u64,
}

/// All executions of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestReport {
    /// The plan.
    pub plan: String,
    /// In the order in which they were made. The first pass is the last one.
    pub runs: Vec<TestRun>,
}

impl TestReport {
    /// The conclusion that counts: a pass if any run passed, otherwise the first
    /// run's.
    #[must_use]
    pub fn conclusion(&self) -> Option<&Conclusion> {
        let passed = self.runs.iter().find(|run| run.conclusion.outcome == Outcome::Pass);
        passed.or_else(|| self.runs.first()).map(|run| &run.conclusion)
    }

    /// The run that [`TestReport::conclusion`] is about.
    #[must_use]
    pub fn decisive(&self) -> Option<&TestRun> {
        let passed = self.runs.iter().find(|run| run.conclusion.outcome == Outcome::Pass);
        passed.or_else(|| self.runs.first())
    }

    /// Whether its runs came to different outcomes.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        self.runs.windows(2).any(|pair| pair[0].conclusion.outcome != pair[1].conclusion.outcome)
    }
}

/// The id of a test case under a naming. `class` and `name` are a report's, and `group` what the
/// case is named by besides: its suite or its project, where the naming has it so. What is empty
/// is left out.
#[must_use]
pub fn case_id(naming: CaseNaming, group: &str, class: &str, name: &str) -> String {
    let parts = |parts: &[&str]| -> String {
        let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        parts.join("::")
    };
    match naming {
        CaseNaming::Full if class.is_empty() => name.to_owned(),
        CaseNaming::Full => format!("{class}::{name}"),
        CaseNaming::Suite | CaseNaming::Project => parts(&[group, class, name]),
        CaseNaming::Function => name.split_once('[').map_or(name, |(function, _)| function).to_owned(),
    }
}
