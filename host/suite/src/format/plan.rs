//! Test runs in `task.toml`, and the answer key that names one.

use lancet_core::{ArtifactKind, CaseNaming, Rerun};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

/// Where a task's gold patch lies: either `file`, or `image-file`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GoldEntry {
    /// A path from the task's folder `private/`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// An absolute path in the environment's `gold-image`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image_file: Option<String>,
}

/// A test run that graders may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PlanEntry {
    /// Unique in the task: lower-case letters, digits and `-`, at most 64.
    pub name: String,
    /// The program and its arguments; no shell in between.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// Seconds for one run: 1 to 86400.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u32,
    /// Where the JUnit report lies afterwards: an absolute path.
    pub report: String,
    /// A file that holds the tests' own exit status afterwards, for harnesses whose
    /// process exits with another one: an absolute path.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status_file: Option<String>,
    /// The hidden tests: a folder in the task's folder `private/`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tests: Option<String>,
    /// Where they are laid: an absolute path, by default `/lancet/tests`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub files_at: Option<String>,
    /// By default where the tests are laid, and without tests the image's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub working_directory: Option<String>,
    /// The tests that have to run and to pass: exactly these.
    #[schemars(length(min = 1))]
    pub required: Vec<String>,
    /// The tests that have to run and to fail: they show that results are real.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sentinels: Vec<String>,
    /// How tests are named in both lists; by default `full`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub naming: Option<NamingName>,
    /// The exit status of a run in which everything is as it has to be: 0 to 255,
    /// by default 1 with sentinels, which is what pytest then exits with, else 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 0, max = 255))]
    pub pass_exit: Option<u32>,
    /// How often the tests are run; by default `once`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rerun: Option<RerunName>,
    /// Added to the environment of the tests' process: at most 64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub variables: BTreeMap<String, String>,
    /// What is kept besides the report.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub artifacts: Vec<KeptEntry>,
}

/// Something that a test run leaves and that is worth keeping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeptEntry {
    /// What graders and reports call it: unique in the plan.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// An absolute path in the tests' container: a file, or a folder whose files
    /// are kept.
    pub path: String,
}

/// How tests are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NamingName {
    /// `classname::name`, as the report has them.
    #[default]
    Full,
    /// The name alone, without parameters in brackets: all cases of it have to pass.
    Function,
    /// `suite::classname::name`, with the name of the report's `testsuite` before it.
    Suite,
    /// `project::classname::name`, with the `hostname` of the report's `testsuite` before it:
    /// Playwright writes there for which project the tests were run.
    Project,
}

impl From<NamingName> for CaseNaming {
    fn from(name: NamingName) -> Self {
        match name {
            NamingName::Full => Self::Full,
            NamingName::Function => Self::Function,
            NamingName::Suite => Self::Suite,
            NamingName::Project => Self::Project,
        }
    }
}

/// How often tests are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RerunName {
    /// Once.
    #[default]
    Once,
    /// Up to three times; the first pass counts. SWE-Lancer's own rule.
    #[serde(rename = "any-of-3")]
    AnyOf3,
}

impl From<RerunName> for Rerun {
    fn from(name: RerunName) -> Self {
        match name {
            RerunName::Once => Self::Once,
            RerunName::AnyOf3 => Self::AnyOf3,
        }
    }
}

/// What a task in an environment of the profile `swe-lancer` says of itself. The
/// profile makes its test plans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SweLancerEntry {
    /// The folder in the image: letters, digits, `-`, `_` and `.`.
    pub question_id: String,
    /// The task's own image: a name from `suite.toml`, or an image of a registry.
    /// Needed unless the environment has one image for all tasks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<String>,
    /// The test functions that have to run and to pass: exactly these.
    #[schemars(length(min = 1))]
    pub required: Vec<String>,
    /// The test functions that have to run and to fail.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub sentinels: Vec<String>,
    /// How often the tests are run; by default `once`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rerun: Option<RerunName>,
}

/// `private/answer-key.json` of a task that `junit` or `playwright-e2e` grades.
/// The grader gets the file's text as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TestsAnswerKey {
    /// The plan that decides.
    pub plan: String,
}
