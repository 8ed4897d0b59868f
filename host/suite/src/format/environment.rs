//! Images and environments in `suite.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An image: either `image`, or `build`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImageEntry {
    /// An image of a registry: `name@sha256:…`, which is pinned by itself, or
    /// `name:tag`, which `lancet suite pin` resolves and writes to `images.lock`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<String>,
    /// A folder of the suite with a Dockerfile: `images/<name>`. All of its files
    /// are sent to the engine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub build: Option<String>,
    /// The stage of the Dockerfile that is wanted; by default the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
    /// The Dockerfile's arguments, at most 64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub args: BTreeMap<String, String>,
}

/// What tasks are worked on and judged in. For managers' tasks it needs `image` and
/// `work-tree` only: what is there for tests means nothing to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EnvironmentEntry {
    /// An environment that the host knows: it says all that is not said here, and
    /// tasks in it have a table of its name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<Profile>,
    /// The name of the image that the agent works in, and that submissions are
    /// laid into. Without a profile it has to be there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<String>,
    /// The folder that the submission is taken from: an absolute path in the
    /// image, a git repository of one commit. Without a profile it has to be there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub work_tree: Option<String>,
    /// The name of the image that the tests run in, apart from the submitted code.
    /// Without one, tests and submitted code share a container.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub driver: Option<String>,
    /// The host name under which the tests reach the app; by default `app`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alias: Option<String>,
    /// The name of an image that holds gold patches. It is never started.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gold_image: Option<String>,
    /// Globs from the work tree: a submission that changes a file there is refused.
    /// `*` does not cross `/`, `**` does; what is below a match is taken with it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub protected: Vec<String>,
    /// Globs from the work tree: changes there are dropped, and the image's own
    /// files stay.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub overlaid: Vec<String>,
    /// Seconds that what an agent's calls start may run in its container for a task: 1 to
    /// 86400, by default 3600.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 86_400))]
    pub solve_timeout_seconds: Option<u32>,
    /// Added to the environment of the agent's and the app's containers: at most 64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub variables: BTreeMap<String, String>,
    /// Run once for the image, without a network; what it leaves is kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub setup: Option<StepEntry>,
    /// The service that runs in the app's container while the tests run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app: Option<ServiceEntry>,
    /// What a container of `image` may use.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resources: Option<ResourcesEntry>,
    /// What a container of `driver` may use.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub driver_resources: Option<ResourcesEntry>,
    /// How much a submission may be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub submission: Option<SubmissionEntry>,
}

/// An environment that the host knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The published images of SWE-Lancer's individual contributor tasks. With
    /// `image`, that one image holds all issues; without, each task names its own. A
    /// `swe-manager` task needs that one: its agent reads the repository as it was before
    /// the task's `source.commit`, and what is made ready for a commit is kept as an image.
    SweLancer,
}

impl Profile {
    /// The name in files, and of the tasks' table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SweLancer => "swe-lancer",
        }
    }

    /// The profile's plan by which a task is judged.
    #[must_use]
    pub const fn tests_plan(self) -> &'static str {
        match self {
            Self::SweLancer => "tests",
        }
    }
}

/// A command, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StepEntry {
    /// The program and its arguments; no shell in between.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// Seconds: 1 to 86400.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: u32,
}

/// A service, and how one tells that it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceEntry {
    /// The program and its arguments; no shell in between.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// Executed in the service's container until it exits with 0.
    pub ready: StepEntry,
}

/// What a container may use. The operator's ceiling is above all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResourcesEntry {
    /// Processors, to the thousandth: 0.01 to 256, by default 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 0.01, max = 256.0))]
    pub cpus: Option<Cpus>,
    /// Mebibytes of memory: 16 to 1048576, by default 512, with a browser 2048.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 16, max = 1_048_576))]
    pub memory_mib: Option<u32>,
    /// Processes and threads: 2 to 65536, by default 256, with a browser 1024.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 2, max = 65_536))]
    pub pids: Option<u32>,
    /// Mebibytes that may be written to the root file system: 1 to 1048576, by
    /// default 1024.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub disk_mib: Option<u32>,
    /// Whether a browser runs in it, which wants 1 GiB of shared memory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub browser: Option<bool>,
}

/// A number of processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpus {
    /// Thousandths of a processor.
    pub millis: u32,
}

impl TryFrom<f64> for Cpus {
    type Error = String;

    fn try_from(cpus: f64) -> Result<Self, Self::Error> {
        let millis = (cpus * 1000.0).round();
        if (0.0..=f64::from(u32::MAX)).contains(&millis) {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was just checked"
            )]
            return Ok(Self { millis: millis as u32 });
        }
        Err(format!("{cpus} is no number of processors"))
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> Self {
        Self::from(cpus.millis) / 1000.0
    }
}

impl JsonSchema for Cpus {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cpus".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0 })
    }
}

/// How much a submission may be. More is refused, and the attempt failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SubmissionEntry {
    /// Files written or deleted: 1 to 100000, by default 2000.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub files: Option<u32>,
    /// Mebibytes of one file: 1 to 1024, by default 16.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 1024))]
    pub file_mib: Option<u32>,
    /// Mebibytes of all files: 1 to 4096, by default 64.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 4096))]
    pub mib: Option<u32>,
}
