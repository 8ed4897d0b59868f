//! What an individual contributor task is worked on and judged in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ArtifactKind, Sha256};

/// The user and group that containers run as, where the image allows it.
pub const UNPRIVILEGED_ID: u32 = 10_001;

/// Where hidden tests are laid into a driver, and where its results are read from.
pub const TESTS_FOLDER: &str = "/lancet/tests";
/// See [`TESTS_FOLDER`].
pub const RESULTS_FOLDER: &str = "/lancet/results";

/// An image that cannot change behind its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PinnedImage {
    /// What people call it: `debian:bookworm-slim`, or the suite's name for it.
    pub name: String,
    /// What the engine is asked for: an image id (`sha256:…`), or
    /// `repository@sha256:…`.
    pub reference: String,
}

impl PinnedImage {
    /// The digest in the reference.
    #[must_use]
    pub fn digest(&self) -> Option<Sha256> {
        let digest = self.reference.rsplit_once('@').map_or(self.reference.as_str(), |(_, digest)| digest);
        digest.parse().ok()
    }
}

/// Who a container's processes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Account {
    /// [`UNPRIVILEGED_ID`] as user and group.
    #[default]
    Unprivileged,
    /// Root without a single capability. Only a profile of the host asks for it,
    /// for published images that work no other way; a task cannot.
    Root,
}

/// A command and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// The program and its arguments; no shell in between.
    pub argv: Vec<String>,
    /// Seconds.
    pub timeout_seconds: u32,
}

/// What one container may use. The operator's ceiling is above all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Resources {
    /// Thousandths of a processor.
    pub cpu_millis: u32,
    /// Bytes of memory; there is no swap on top.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes that it may write to its root file system.
    pub disk_bytes: u64,
    /// Bytes of `/dev/shm`, which count as memory.
    pub shm_bytes: u64,
}

impl Resources {
    /// For a container without a browser: one processor, 512 MiB of memory, 256
    /// processes, 1 GiB of disk.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            cpu_millis: 1_000,
            memory_bytes: 512 << 20,
            pids: 256,
            disk_bytes: 1 << 30,
            shm_bytes: 64 << 20,
        }
    }

    /// For a container with Chromium: 2 GiB of memory, of which 1 GiB may be
    /// shared, and 1,024 processes.
    #[must_use]
    pub fn browser() -> Self {
        Self { memory_bytes: 2 << 30, pids: 1_024, shm_bytes: 1 << 30, ..Self::standard() }
    }
}

/// What happens to a submission's change under a protected path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// The submission is refused, and the attempt failed.
    Refused,
    /// The change is dropped: the image's own file stays.
    Overlaid,
}

/// A pattern of paths from the work tree, and what happens to changes there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProtectedPath {
    /// A glob: `*` does not cross `/`, `**` does. What is below a match is taken with
    /// it.
    pub pattern: String,
    /// What happens.
    pub protection: Protection,
}

/// How much a submission may be. More is refused, and the attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SubmissionLimits {
    /// Files written or deleted.
    pub files: u32,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Default for SubmissionLimits {
    fn default() -> Self {
        Self { files: 2_000, file_bytes: 16 << 20, bytes: 64 << 20 }
    }
}

/// A process that has to be there for the tests, and how one tells that it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Service {
    /// The program and its arguments; empty for the image's own entry point.
    pub argv: Vec<String>,
    /// Executed in the service's container until it exits with 0.
    pub ready: Step,
}

/// How submitted code and tests are kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// The app runs in one container, the tests in another that no submitted code
    /// enters; a network that leads nowhere else joins them.
    Split {
        /// What runs in the app's container.
        app: Service,
        /// The app's name in that network.
        alias: String,
        /// The image of the tests' container.
        driver: PinnedImage,
        /// What the tests' container may use.
        driver_resources: Resources,
    },
    /// As `Split`, where one image holds the app and its tests: two containers are
    /// made of it. The app runs in what the agent saw, without the tests, and the
    /// tests in what `setup` left, where no submitted code enters.
    Twin {
        /// What runs in the app's container.
        app: Service,
        /// The app's name in the network that joins both.
        alias: String,
        /// What runs in the tests' container, and is ready before the app is started.
        /// The tests are executed beside it.
        driver: Service,
        /// What the tests' container may use.
        driver_resources: Resources,
    },
    /// Both in one container, for images that cannot be split. Submitted code can
    /// tamper with the results there; protected paths and sentinel tests are what
    /// is left against it.
    Single {
        /// A service that is started first; the tests are executed beside it then.
        service: Option<Service>,
    },
}

impl Isolation {
    /// What has to be ready before tests can begin.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        let (app, driver) = match self {
            Self::Split { app, .. } => (Some(app), None),
            Self::Twin { app, driver, .. } => (Some(app), Some(driver)),
            Self::Single { service } => (service.as_ref(), None),
        };
        app.into_iter().chain(driver)
    }

    /// What the tests' container may use, where they have one of their own.
    #[must_use]
    pub fn driver_resources(&self) -> Option<Resources> {
        match self {
            Self::Split { driver_resources, .. } | Self::Twin { driver_resources, .. } => {
                Some(*driver_resources)
            }
            Self::Single { .. } => None,
        }
    }
}

/// A file that is laid into a container before anything runs there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LaidFile {
    /// From the plan's folder: plain names joined by `/`.
    pub path: String,
    /// The blob with its bytes.
    pub sha256: Sha256,
    /// How many there are.
    pub bytes: u64,
    /// Whether it may be executed.
    pub executable: bool,
}

/// Something that a run leaves and that is worth keeping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ArtifactRule {
    /// What graders and reports call it.
    pub name: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// An absolute path in the tests' container: a file, or a folder whose files
    /// are kept as `<name>/<path>`.
    pub path: String,
}

/// How test cases are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseNaming {
    /// `classname::name`, as the report has them.
    #[default]
    Full,
    /// The name alone, without parameters in brackets: where the class name is the
    /// harness's affair. All cases of a name have to pass, and all of a sentinel to fail.
    Function,
    /// `suite::classname::name`, with the `name` of the suite that the case stands in: where
    /// several suites have cases of the same name.
    Suite,
    /// `project::classname::name`, with the `hostname` of that suite, where Playwright writes
    /// for which project tests were run.
    Project,
}

/// How often tests are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rerun {
    /// Once.
    #[default]
    Once,
    /// Up to three times; the first pass counts. SWE-Lancer's own rule, for parity.
    AnyOf3,
}

impl Rerun {
    /// The most runs.
    #[must_use]
    pub fn most(self) -> u32 {
        match self {
            Self::Once => 1,
            Self::AnyOf3 => 3,
        }
    }
}

/// A test run that a task declares. A grader chooses among plans; it cannot
/// invent a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plan {
    /// Unique in the task.
    pub name: String,
    /// Where the tests run.
    pub isolation: Isolation,
    /// The program and its arguments; no shell in between.
    pub argv: Vec<String>,
    /// Added to the container's environment.
    pub variables: BTreeMap<String, String>,
    /// The working directory; `None` for the image's own.
    pub working_directory: Option<String>,
    /// Seconds for one run.
    pub timeout_seconds: u32,
    /// Where the JUnit report lies: an absolute path.
    pub report: String,
    /// A file that holds the tests' own exit status, for harnesses whose process
    /// exits with another one: an absolute path.
    pub status_file: Option<String>,
    /// What is kept besides.
    pub artifacts: Vec<ArtifactRule>,
    /// The hidden tests.
    pub files: Vec<LaidFile>,
    /// The folder that they are laid into: an absolute path.
    pub files_at: String,
    /// The tests that have to run and to pass: all of these.
    pub required: Vec<String>,
    /// The tests that have to run and to fail: these show that results are real.
    pub sentinels: Vec<String>,
    /// How tests are named in both lists.
    pub naming: CaseNaming,
    /// The exit status of a run in which everything is as it has to be. pytest
    /// exits with 1 when a sentinel failed.
    pub pass_exit: i64,
    /// How often it is run.
    pub rerun: Rerun,
}

/// What an individual contributor's task is worked on and judged in. Recorded
/// with the run: neither the suite nor a tag is looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Environment {
    /// What the suite calls it.
    pub name: String,
    /// What the agent works in, and what the submission is laid into.
    pub image: PinnedImage,
    /// The folder that the submission is taken from: an absolute path.
    pub work_tree: String,
    /// Who processes are.
    pub account: Account,
    /// Of every container of `image`.
    pub variables: BTreeMap<String, String>,
    /// Run once for each image, and kept as an image of its own.
    pub setup: Option<Step>,
    /// Run after `setup`, and only for the agent's image: takes out what an agent must not
    /// see and its tests need. Only plans under [`Isolation::Twin`] keep that from what is
    /// submitted.
    pub conceal: Option<Step>,
    /// What a container of `image` may use.
    pub resources: Resources,
    /// What a submission must not change.
    pub protected: Vec<ProtectedPath>,
    /// How much it may be.
    pub submission: SubmissionLimits,
    /// Seconds that what the agent's calls start may run in its container: they pass
    /// while a call is under way, and at no other time.
    pub solve_seconds: u32,
    /// The test runs.
    pub plans: Vec<Plan>,
    /// The plan by which the user reproduces the issue for the agent.
    pub user_tool: Option<String>,
}

impl Environment {
    /// The plan of that name.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.name == name)
    }

    /// Every image that an attempt needs.
    pub fn images(&self) -> impl Iterator<Item = &PinnedImage> {
        let drivers = self.plans.iter().filter_map(|plan| match &plan.isolation {
            Isolation::Split { driver, .. } => Some(driver),
            Isolation::Twin { .. } | Isolation::Single { .. } => None,
        });
        std::iter::once(&self.image).chain(drivers)
    }

    /// The digests of the blobs that its plans lay into containers.
    pub fn files(&self) -> impl Iterator<Item = Sha256> + '_ {
        self.plans.iter().flat_map(|plan| plan.files.iter().map(|file| file.sha256))
    }
}
