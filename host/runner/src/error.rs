//! Everything that can go wrong before, in and after a run.

use std::path::PathBuf;

use lancet_core::{
    AttemptId, ConfigurationError, Difference, Fault, InfraFault, Kind, Role, RunId, Sha256, TaskId,
};
use lancet_docker::DockerError;
use lancet_engine::{EngineError, LoadError, MAX_COMPONENT_BYTES};
use lancet_models::{BrokerError, KeyError, UnpricedModel};
use lancet_package::{NeededLimit, SettingError};
use lancet_store::StoreError;
use lancet_suite::{NotPinned, SuiteError};

/// The most tasks that are named in a message.
const MAX_NAMED: usize = 5;
/// The most differences of a run that are listed in a message.
const MAX_LISTED: usize = 200;

/// Why something of the runner's could not be done. What was recorded before stays as it
/// is: an attempt that was under way is at its last durable state.
///
/// Messages name the task, attempt, plugin or file. What to do about it, and what exit
/// code it is worth, is said by whoever talks to the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A suite cannot be used.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A plugin is refused, or cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The engine for plugins gave out.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine for containers gave out where it is needed.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// Part of the infrastructure is not there where it is needed.
    #[error("{0}")]
    Unavailable(InfraFault),
    /// No plugin of that name is built in, and there is no such file.
    #[error(
        "{}there is no {role} `{name}`",
        of_suite.as_ref().map(|file| format!("{file}: `grader.plugin`: ")).unwrap_or_default()
    )]
    UnknownPlugin {
        /// The role that the plugin was wanted for.
        role: Role,
        /// The plugin's name, as it was given.
        name: String,
        /// The file in a suite's folder that names the plugin; `None` where the operator does.
        of_suite: Option<String>,
    },
    /// No task is to be worked on.
    #[error("there is no task to run: {why}")]
    NothingToRun {
        /// Why no task is left.
        why: String,
        /// Whether it is for what the suite lacks; otherwise for what was asked of it.
        of_suite: bool,
    },
    /// The digest behind a plugin's path is none.
    #[error("`{text}`: {problem}")]
    BadPin {
        /// The plugin, as it was given.
        text: String,
        /// What is wrong with the digest that the plugin's path is given with.
        problem: String,
    },
    /// A plugin's file has other contents than it is pinned to.
    #[error("plugin `{name}` is refused: it is pinned to {expected}, but its digest is {found}")]
    Swapped {
        /// The plugin, as it was given.
        name: String,
        /// The digest that the plugin is pinned to.
        expected: Sha256,
        /// The digest of the file's contents.
        found: Sha256,
    },
    /// A plugin's file cannot be read.
    #[error("cannot read plugin `{}`: {source}", path.display())]
    ReadPlugin {
        /// The file.
        path: PathBuf,
        /// What the system says of reading the file.
        source: std::io::Error,
    },
    /// A plugin's path is no file.
    #[error("cannot read plugin `{}`: it is not a regular file: {what}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// A plugin's file is over the limit of 64 MiB.
    #[error("plugin `{}` cannot be used: it has more than {MAX_COMPONENT_BYTES} bytes (64 MiB)", path.display())]
    ComponentTooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A plugin is to run in a jailed process, and none can be made on this machine.
    #[error(
        "plugin `{plugin}` is refused: it is to run in a jailed process, and none can be made here: {why}"
    )]
    NoJail {
        /// The plugin, as it was named.
        plugin: String,
        /// What the kernel refuses, and how.
        why: String,
    },
    /// A plugin is to run in a jailed process that Landlock holds, and it would not.
    #[error("plugin `{plugin}` is refused: its jailed process is to be held by Landlock, and {why}")]
    NoLandlock {
        /// The plugin, as it was named.
        plugin: String,
        /// What is missing.
        why: String,
    },
    /// The operator's policy has something against a plugin, an image or a limit.
    #[error("{what} is refused by the policy `{policy}`, `{key}`: {why}")]
    NotLetIn {
        /// What is refused.
        what: String,
        /// The policy's file, or what it is called.
        policy: String,
        /// The key that refuses it.
        key: String,
        /// Why.
        why: String,
    },
    /// No task of those wanted can be run, as their images are not pinned.
    #[error("{tasks} tasks cannot be run: {why}")]
    NotRunnable {
        /// How many tasks cannot be run.
        tasks: usize,
        /// Why the first of those tasks cannot be run.
        why: String,
        /// The suite's folder.
        suite: PathBuf,
    },
    /// The image that holds a gold patch is not pinned.
    #[error(transparent)]
    NotPinned(#[from] NotPinned),
    /// The gold patch in an image is not UTF-8.
    #[error("`{path}` of the image `{image}` is not UTF-8")]
    GoldNotUtf8 {
        /// The file in the image.
        path: String,
        /// The image, as the suite names it.
        image: String,
    },
    /// The public part of tasks does not fit into a plugin's memory.
    #[error(
        "the task `{first}` is too large: its title, statement and proposals have {bytes} bytes, and a plugin with \
         {memory_mib} MiB of memory can be given {most}{}",
        and("; so are ", others, "")
    )]
    TasksTooLarge {
        /// The first task whose public part is too large.
        first: TaskId,
        /// Bytes that the first task's public part has.
        bytes: u64,
        /// MiB of memory that a plugin has.
        memory_mib: u64,
        /// Bytes of a task that such a plugin can be given.
        most: u64,
        /// The other tasks whose public parts are too large.
        others: Vec<TaskId>,
    },
    /// What the operator gives the agent is more than it can be given.
    #[error(
        "the input for the task `{first}` has {bytes} bytes, and the agent `{agent}` can be given at most {most} \
         ({} MiB) for it{}", most >> 20, and("; the inputs for ", others, " are too large as well")
    )]
    InputsTooLarge {
        /// The first task whose input is too large.
        first: TaskId,
        /// Bytes that the first task's input has.
        bytes: u64,
        /// The agent's name.
        agent: String,
        /// Bytes that the agent can be given for it.
        most: u64,
        /// The other tasks whose inputs are too large.
        others: Vec<TaskId>,
        /// Whether the agent has the host apply what it is given.
        applies: bool,
    },
    /// What a task and the operator set of its grader breaks the schema in the grader's manifest.
    #[error("{source} (grader `{grader}` of the task `{task}`)")]
    GraderSetting {
        /// The grader, as it was named.
        grader: String,
        /// The task.
        task: TaskId,
        /// Whether the operator chose the value, or the grader: otherwise the task has it.
        of_operator: bool,
        /// What is wrong with the setting.
        source: Box<SettingError>,
    },
    /// The operator sets what no grader of the run has.
    #[error("no grader of the run has a setting `{name}`; there are {known}")]
    NoGraderSetting {
        /// The setting that was named.
        name: String,
        /// Those that the graders have, joined.
        known: String,
    },
    /// A plugin needs more than its limits give it.
    #[error("plugin `{plugin}` is refused: its manifest needs `limits.{}` of at least {needed}, and the limit is {had}",
        limit.key())]
    NeedsMore {
        /// The plugin, as it was named.
        plugin: String,
        /// The plugin's role.
        role: Role,
        /// Which limit is too low.
        limit: NeededLimit,
        /// What the plugin needs, in the unit of the limit.
        needed: u64,
        /// What the plugin would have.
        had: u64,
    },
    /// Images share a kernel user with others, and the operator does not want that.
    #[error("{error}{}", match more { 0 => String::new(), n => format!("; {n} other images cannot either") })]
    SharedUser {
        /// The first image that shares its user, and why.
        error: DockerError,
        /// How many other images share theirs.
        more: usize,
    },
    /// A blob of the store is not what its run says that it is.
    #[error("blob {digest} of the store is not {what}: {problem}")]
    DamagedBlob {
        /// The blob.
        digest: Sha256,
        /// What the blob should be.
        what: &'static str,
        /// What is wrong with the blob.
        problem: String,
    },
    /// An attempt is submitted, and its journal has no submission.
    #[error("the journal of attempt {0} holds no submission, although it is submitted")]
    NoSubmission(AttemptId),
    /// An attempt names a grader that its run does not have.
    #[error("attempt {attempt} names the grader {grader}, which its run does not")]
    UnknownGrader {
        /// The attempt.
        attempt: AttemptId,
        /// The digest of the grader's component.
        grader: Sha256,
    },
    /// The grader of an attempt that is to be graded again is not recorded.
    #[error("the run does not record the grader of attempt {0}")]
    UnrecordedGrader(AttemptId),
    /// The journal of an attempt does not hold together.
    #[error("the journal of attempt {attempt} is not whole: {problem}")]
    BrokenJournal {
        /// The attempt.
        attempt: AttemptId,
        /// What is wrong with the journal.
        problem: String,
    },
    /// The store's records of a run contradict one another.
    #[error("the records of run {run} contradict one another:{}", listed(differences))]
    Contradicted {
        /// The run.
        run: RunId,
        /// Each contradiction, with the attempt and the column.
        differences: Vec<Difference>,
    },
    /// A gold patch in a suite's folder could be applied to no tree.
    #[error("{path}: {problem}: the gold patch of the task `{task}` cannot pass")]
    BadGold {
        /// The file in the suite's folder.
        path: String,
        /// What is wrong with the patch.
        problem: String,
        /// The task that the gold patch is for.
        task: TaskId,
    },
    /// The patch of a case could be applied to no tree, and the case is not about that.
    #[error("{path}: {problem}: the case `{case}` of the task `{task}` cannot come to `{expected}`")]
    BadCase {
        /// The file in the suite's folder.
        path: String,
        /// What is wrong with the patch.
        problem: String,
        /// The case.
        case: String,
        /// The task that the case is of.
        task: TaskId,
        /// The verdict that the case has to get.
        expected: String,
    },
    /// A model cannot be used.
    #[error("the model `{name}` cannot be used: {problem}")]
    Model {
        /// What plugins ask for the model by.
        name: String,
        /// Why the model cannot be used.
        problem: String,
    },
    /// A model's server cannot be asked.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A model's key is not there.
    #[error("the model `{name}` has no key: {source}")]
    Key {
        /// What plugins ask for the model by.
        name: String,
        /// What is wrong with where the key comes from.
        source: KeyError,
    },
    /// Money is limited, and a model's price is not known.
    #[error(transparent)]
    Unpriced(#[from] UnpricedModel),
    /// Models are given to plugins that ask none.
    #[error("the agent `{agent}` asks no model, and neither does a grader of the run")]
    ModelsUnused {
        /// The agent's name.
        agent: String,
    },
    /// The agent asks models, and there are none.
    #[error("the agent `{agent}` asks a model, and none is chosen")]
    NoModel {
        /// The agent's name.
        agent: String,
    },
    /// The agent is set to ask a model that there is not.
    #[error(
        "the setting `model` of the agent `{agent}` is `{name}`, and there is no model of that name; there are {}",
        offered.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )]
    UnofferedModel {
        /// The agent's name.
        agent: String,
        /// The model that the agent is set to ask.
        name: String,
        /// What plugins ask for the models by that there are.
        offered: Vec<String>,
    },
    /// The agent is set to an effort that its model does not have.
    #[error(
        "the setting `effort` of the agent `{agent}` is `{effort}`, which the model `{model}` does not have; it has \
         {known}"
    )]
    UnknownEffort {
        /// The agent's name.
        agent: String,
        /// The effort that is set.
        effort: String,
        /// What plugins ask for the model by.
        model: String,
        /// The efforts that the model has, joined.
        known: String,
    },
    /// The agent has its model work on issues with tools, and the model takes none.
    #[error(
        "the agent `{agent}` works on tasks of the kind `{}` by tools that the model calls, and the model `{model}` takes \
         none (`tools = false`)",
        Kind::IcSwe
    )]
    NoTools {
        /// The agent's name.
        agent: String,
        /// What plugins ask for the model by.
        model: String,
    },
    /// The agent does not say what can be set of it.
    #[error("the agent `{agent}` does not say what can be set of it: {fault}")]
    Undescribed {
        /// The agent's name.
        agent: String,
        /// What went wrong when the agent was asked.
        fault: Fault,
    },
    /// A setting is none of the agent's, or has another kind of value.
    #[error("{source} (agent `{agent}`)")]
    Setting {
        /// The agent's name.
        agent: String,
        /// What is wrong with the setting.
        source: ConfigurationError,
    },
    /// A prompt is given to an agent that has none.
    #[error("the agent `{agent}` has no prompt that could be given")]
    NoPrompt {
        /// The agent's name.
        agent: String,
    },
    /// The prompt cannot be rendered.
    #[error("{}{}: {problem}",
        of_agent.as_ref().map_or_else(|| "the prompt".to_owned(), |agent| format!("the agent `{agent}`'s own prompt")),
        line.map_or_else(String::new, |line| format!(", line {line}"))
    )]
    Prompt {
        /// The agent, when the prompt is its own; otherwise the operator gave it.
        of_agent: Option<String>,
        /// The line of the prompt, where it is known.
        line: Option<usize>,
        /// What is wrong with the prompt.
        problem: String,
    },
    /// A grader that may ask models cannot judge again.
    #[error("the grader `{grader}` asks models: judged again, the same submission may have another verdict")]
    GraderAsks {
        /// The grader's name.
        grader: String,
    },
    /// Something that the host itself does failed.
    #[error("{doing}: {problem}")]
    Host {
        /// What the host was about to do.
        doing: &'static str,
        /// Why the host could not do that.
        problem: String,
    },
    /// A run that has begun could not be carried on. What is decided stays, and the run
    /// can be taken up again.
    #[error("{source}")]
    Stopped {
        /// The run.
        run: RunId,
        /// What stopped the run.
        source: Box<Error>,
    },
}

impl Error {
    /// Adds words in front of an error that does not name its subject.
    pub(crate) fn host(doing: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Host { doing, problem: problem.to_string() }
    }
}

/// Some tasks by name, and how many more there are.
fn and(before: &str, tasks: &[TaskId], after: &str) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let mut names: Vec<_> = tasks.iter().take(MAX_NAMED).map(|id| format!("`{id}`")).collect();
    if tasks.len() > MAX_NAMED {
        names.push(format!("{} more", tasks.len() - MAX_NAMED));
    }
    format!("{before}{}{after}", names.join(", "))
}

fn listed(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences.iter().take(MAX_LISTED) {
        text.push_str(&format!("\n  {difference}"));
    }
    if differences.len() > MAX_LISTED {
        text.push_str(&format!("\n  and {} more", differences.len() - MAX_LISTED));
    }
    text
}
