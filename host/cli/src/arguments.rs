//! The command line: commands, their options, and which go together.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Arg, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lancet_core::{Capability, Limits, ModelChoice, Role};

use crate::author::{PluginCheck, PluginRecord, PluginTest};
use crate::docker::{DockerArguments, SocketArgument};
use crate::examples;
use crate::exit::EXIT_CODES;
use crate::failure::warn;
use crate::grant::GrantParser;
use crate::import::ImportCommand;
use crate::isolation::IsolationArguments;
use crate::keys::{Attest, Cosign, Export, KeyCommand, LogCommand, Sign, Verify};
use crate::kind::KindArgument;
use crate::kit::{PluginBuild, PluginNew};
use crate::models::ModelArguments;
use crate::number;
use crate::policy::{PluginLock, PolicyArgument, PolicyArguments, PolicyCommand, SuiteLock};
use crate::registry::{PluginRegistry, SuiteRegistry};

/// Runs coding evaluations whose graders and agents are WebAssembly components
/// with fixed capabilities.
#[derive(Debug, Parser)]
#[command(name = "lancet", version, after_help = EXIT_CODES, after_long_help = examples::lancet(), max_term_width = 100, propagate_version = true, mut_subcommands(taking_negatives))]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    // Its variable is no business of clap's, which blames the option for what is in it.
    /// Where runs are kept, for commands that keep or read any [default: $XDG_DATA_HOME/lancet] [env: LANCET_STORE]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) store: Option<PathBuf>,
    /// Show no progress, with commands that show any
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Has options be given what begins with `-` and a digit, so that what is wrong with the number
/// is said: clap would take it for an option of its own, and advise to put `--` before it.
fn taking_negatives(command: clap::Command) -> clap::Command {
    let takes = |arg: Arg| match arg.get_action().takes_values() && !arg.is_positional() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    command.mut_args(takes).mut_subcommands(taking_negatives)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Import and check suites
    #[command(subcommand)]
    Suite(SuiteCommand),
    /// Have an agent work on the tasks of a suite, and grade what it hands in
    Run(Box<Run>),
    /// Grade patches that were made elsewhere: SWE-bench predictions, or one patch
    Grade(Box<Grade>),
    /// Go on with a run that was interrupted, or that the infrastructure failed
    Resume(Resume),
    /// List the runs of the store
    Runs(Listing),
    /// Show a run's attempts, or the journal of one attempt
    Show(Show),
    /// Show what a run came to
    Report(Report),
    /// Grade the recorded submissions of a run again, and compare the verdicts
    Regrade(Regrade),
    /// Execute attempts again from their journals alone, and compare everything
    Replay(Replay),
    /// Begin, build, try, sign and look into plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Say what plugins may do here, and why
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Make keys, and exchange them with others
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign a run with its verdicts, for others to verify
    Attest(Attest),
    /// Write a run as one file, from which others verify its verdicts and come to them again
    Export(Export),
    /// Show what the store's log tells of its runs, and sign its head
    #[command(subcommand)]
    Log(LogCommand),
    /// Cosign the log of somebody else's store, as a witness that it only grew
    Cosign(Cosign),
    /// Verify who signed a package, a suite or a run, and that it is the one that was signed
    Verify(Verify),
    /// Check what this machine offers, and say what is missing
    Doctor(Doctor),
    /// Print shell completions
    #[command(after_long_help = examples::COMPLETIONS)]
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Compile a component; called by the host itself, in a limited process.
    #[command(name = "compile-plugin", hide = true)]
    CompilePlugin {
        /// Close a jail around it first
        #[arg(long)]
        jailed: bool,
    },
    /// Work for one plugin; called by the host itself, in a jailed process.
    #[command(name = "plugin-worker", alias = "work-for-plugin", hide = true)]
    PluginWorker { grant: Vec<String> },
    /// Try the prompt on stdin; called by the host itself, in a limited process.
    #[command(name = "try-prompt", hide = true)]
    TryPrompt,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SuiteCommand {
    /// Make a suite from the data of another benchmark
    #[command(subcommand)]
    Import(ImportCommand),
    /// Begin a suite: a folder with a task that is in order, to be changed into one of your own
    New(NewSuite),
    /// Read a suite strictly and say everything that is wrong with it
    Check(Box<Check>),
    /// Build or pull the images of a suite, and pin them by digest in its images.lock
    Pin(Box<Pin>),
    /// Lock the graders of a suite: write its lancet.lock, outside of which no run uses any
    Lock(SuiteLock),
    /// Sign a suite: that this is the one that you made
    Sign(Sign),
    #[command(flatten)]
    Registry(SuiteRegistry),
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::RUN)]
pub(crate) struct Run {
    /// The suite's folder
    pub(crate) suite: PathBuf,
    /// The agent: the name of a built-in one, or a component's path, which `@sha256:…` may pin
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: String,
    /// Only tasks of this kind
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArgument>,
    /// Only tasks whose id matches this pattern; may be given several times
    #[arg(long = "task", value_name = "GLOB")]
    pub(crate) tasks: Vec<String>,
    /// Attempts at each task
    #[arg(long, default_value = "1", value_name = "N", value_parser = number::times)]
    pub(crate) attempts: NonZeroU32,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
    /// What the random numbers of agents derive from
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = number::seed)]
    pub(crate) seed: u64,
    /// Grant a capability to the agent, or with `grader:` in front to the graders
    #[arg(long = "grant", value_name = "[grader:]CAPABILITY", value_parser = GrantParser::Any)]
    pub(crate) grants: Vec<(Role, Capability)>,
    /// What the agent is given: one file for every task, or a folder with one per task, named by its id
    #[arg(long, value_name = "PATH")]
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    // Before what is under a heading, which clap gives to all that follows.
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) models: ModelArguments,
    #[command(flatten)]
    pub(crate) docker: DockerArguments,
}

/// What is graded without an agent.
#[derive(Debug, Args)]
#[command(after_long_help = examples::GRADE)]
pub(crate) struct Grade {
    /// The suite's folder
    pub(crate) suite: PathBuf,
    /// SWE-bench predictions: `.jsonl`, or `.json` with an array or an object
    #[arg(long, value_name = "FILE", required_unless_present = "patch", conflicts_with = "patch")]
    pub(crate) predictions: Option<PathBuf>,
    /// One patch; needs --task
    #[arg(long, value_name = "FILE", requires = "task")]
    pub(crate) patch: Option<PathBuf>,
    /// The task that the patch is for
    #[arg(long, value_name = "ID", conflicts_with = "predictions")]
    pub(crate) task: Option<String>,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    #[command(flatten)]
    pub(crate) docker: DockerArguments,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::NEW_SUITE)]
pub(crate) struct NewSuite {
    /// The suite's folder, which must not exist yet; the last part of it is the suite's name
    pub(crate) folder: PathBuf,
    /// What its first task is: a choice among proposals, or a patch that hidden tests judge
    #[arg(long, value_enum)]
    pub(crate) kind: KindArgument,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::PIN)]
pub(crate) struct Pin {
    /// The suite's folder
    pub(crate) suite: PathBuf,
    /// Build images again that are built already
    #[arg(long)]
    pub(crate) rebuild: bool,
    #[command(flatten)]
    pub(crate) docker: SocketArgument,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::CHECK, mut_args(of_controls))]
pub(crate) struct Check {
    /// The suite's folder
    pub(crate) suite: PathBuf,
    /// Run the controls as well: the gold answer has to pass and earn the whole price; nothing, an empty and a random patch have to fail; and each case of a task has to get its verdict
    #[arg(long)]
    pub(crate) controls: bool,
    /// How often each control is run
    #[arg(long, default_value = "1", value_name = "N", value_parser = number::times)]
    pub(crate) rounds: NonZeroU32,
    /// Only tasks whose id matches this pattern; may be given several times
    #[arg(long = "task", value_name = "GLOB")]
    pub(crate) tasks: Vec<String>,
    /// Grant a capability to the graders
    #[arg(long = "grant", value_name = "CAPABILITY", value_parser = GrantParser::Graders)]
    pub(crate) grants: Vec<(Role, Capability)>,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    #[command(flatten)]
    pub(crate) docker: DockerArguments,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Without `--controls` nothing is executed, and what says how would be ignored. Graders of
/// the suite's own are compiled all the same, and their start-up is tried.
fn of_controls(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "suite" | "controls" | "format" | "isolation" | "require" | "policy" | "locked" => arg,
        _ if arg.get_help_heading().is_some() => arg.requires("controls"),
        _ => arg.requires("controls").help_heading("With --controls"),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    /// Attempts at a time, at most 256 [default: the number of processors; with models on a network, as many as these and the memory take]
    #[arg(long, value_name = "N", value_parser = number::jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,
}

impl Bounds {
    /// What one call of the agent may use: more by default when there are models to ask.
    pub(crate) fn agent(&self, asks: bool) -> Limits {
        let standard = if asks { Limits::asking() } else { Limits::standard() };
        limits(standard, self.agent_fuel, self.agent_memory, self.agent_timeout)
    }

    /// What one call of a grader may use.
    pub(crate) fn grader(&self) -> Limits {
        limits(Limits::standard(), self.grader_fuel, self.grader_memory, self.grader_timeout)
    }
}

/// Limits as they are without a word, but for what the operator says: fuel, MiB and seconds.
#[expect(clippy::needless_pass_by_value, reason = "what is given is what comes back, changed")]
fn limits(standard: Limits, fuel: Option<u64>, memory: Option<u64>, timeout: Option<u64>) -> Limits {
    Limits {
        fuel: fuel.unwrap_or(standard.fuel),
        memory_bytes: memory.map_or(standard.memory_bytes, |mib| mib << 20),
        wall_ms: timeout.map_or(standard.wall_ms, |seconds| seconds * 1000),
        ..standard
    }
}

/// Bytes of memory that nobody needs, where the system says.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

impl Jobs {
    /// Beyond this the address space of the pool is the limit.
    const MAX: usize = 256;

    pub(crate) fn number(&self) -> NonZeroUsize {
        self.number_with(&[], &Limits::standard())
    }

    /// The same for a run that may ask these models, whose agents wait most of their time.
    pub(crate) fn number_with(&self, models: &[ModelChoice], agent: &Limits) -> NonZeroUsize {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        if let Some(jobs) = self.jobs.filter(|jobs| jobs.get() > Self::MAX) {
            warn(&format!("{} attempts run at a time and not {jobs}, which are the most", Self::MAX));
        }
        let number =
            self.jobs.unwrap_or_else(|| lancet_runner::jobs(models, agent, processors, free_memory()));
        number.min(NonZeroUsize::new(Self::MAX).unwrap_or(NonZeroUsize::MIN))
    }
}

/// What one call of a plugin may use, by its role: what starves an agent must not
/// starve those that judge it.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// Fuel for one call of the agent, about one unit per instruction [default: 1000000000; with models 20000000000]
    #[arg(long, visible_alias = "fuel", value_name = "N", value_parser = number::fuel)]
    pub(crate) agent_fuel: Option<u64>,
    /// Memory for one call of the agent, in MiB [default: 32; with models 64]
    #[arg(long, visible_alias = "memory", value_name = "MIB", value_parser = number::mib)]
    pub(crate) agent_memory: Option<u64>,
    /// Processor time for one call of the agent, in seconds [default: 30; with models 600]
    #[arg(long, visible_alias = "timeout", value_name = "SECONDS", value_parser = number::seconds)]
    pub(crate) agent_timeout: Option<u64>,
    /// Fuel for one call of a grader [default: 1000000000]
    #[arg(long, value_name = "N", value_parser = number::fuel)]
    pub(crate) grader_fuel: Option<u64>,
    /// Memory for one call of a grader, in MiB [default: 32]
    #[arg(long, value_name = "MIB", value_parser = number::mib)]
    pub(crate) grader_memory: Option<u64>,
    /// Processor time for one call of a grader, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = number::seconds)]
    pub(crate) grader_timeout: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::RESUME)]
pub(crate) struct Resume {
    /// The run: its id, the beginning of it, or `latest`
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    #[command(flatten)]
    pub(crate) docker: DockerArguments,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) format: Format,
}

/// What `doctor` looks at: what a run with the same options would use.
#[derive(Debug, Args)]
#[command(after_long_help = examples::DOCTOR)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) docker: DockerArguments,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::SHOW)]
pub(crate) struct Show {
    /// A run (`latest`, an id, or the beginning of one), or an attempt `RUN/TASK/NUMBER`
    #[arg(default_value = "latest")]
    pub(crate) what: String,
    /// What was said between the attempt's plugins and language models, instead of its journal
    #[arg(long)]
    pub(crate) transcript: bool,
    /// Cut no text of a transcript
    #[arg(long, requires = "transcript")]
    pub(crate) full: bool,
    /// What a test run of the attempt left, instead of its journal: `output` has what the tests wrote
    #[arg(long, value_name = "NAME", conflicts_with_all = ["transcript", "format"])]
    pub(crate) artifact: Option<String>,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::REPORT)]
pub(crate) struct Report {
    /// The run: its id, the beginning of it, or `latest`
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// Write the decided attempts in the columns of SWE-Lancer's results.csv as well; `-` prints just them
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::REGRADE)]
pub(crate) struct Regrade {
    /// The run: its id, the beginning of it, or `latest`
    #[arg(default_value = "latest")]
    pub(crate) run: String,
    /// Another grader: the name of a built-in one, or a component's path [default: the recorded ones]
    #[arg(long, value_name = "GRADER")]
    pub(crate) grader: Option<String>,
    /// Grant a capability to the graders
    #[arg(long = "grant", value_name = "CAPABILITY", value_parser = GrantParser::Graders)]
    pub(crate) grants: Vec<(Role, Capability)>,
    /// Grade everything this many times over, to measure
    #[arg(long, default_value = "1", value_name = "N", hide = true, value_parser = number::rounds)]
    pub(crate) rounds: NonZeroU32,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::REPLAY)]
pub(crate) struct Replay {
    /// A run (`latest`, an id, or the beginning of one), or an attempt `RUN/TASK/NUMBER`
    #[arg(default_value = "latest")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Say what a component is, what it imports, and what can be set of it
    #[command(after_long_help = examples::INSPECT)]
    Inspect {
        /// A component's path, the name of a built-in plugin, or a reference: what a registry says of it
        file: String,
        #[command(flatten)]
        format: Format,
    },
    /// List the built-in plugins
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Begin a plugin: a small repository with source, unit tests, `plugin.toml` and a workflow
    New(PluginNew),
    /// Build a plugin's package: the component with the tool chain of its language, and its `plugin.toml`
    Build(PluginBuild),
    /// Make a package of a component: one file, which says who made it, what it asks for and why
    #[command(after_long_help = examples::PACK)]
    Pack {
        /// The component, as the tool chain built it
        component: PathBuf,
        /// What the plugin says of itself
        #[arg(long, value_name = "FILE", default_value = "plugin.toml")]
        manifest: PathBuf,
        /// The package's file; one that is there is replaced
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Lock plugins: put them into the lancet.lock beside your policy, outside of which no run uses any
    Lock(PluginLock),
    /// Sign a package: that this is the one that you made
    Sign(Sign),
    #[command(flatten)]
    Registry(PluginRegistry),
    /// Look for what is wrong with a plugin, on inputs that are made to break it, and say what to change
    Check(PluginCheck),
    /// Run a plugin on its fixtures: what it is told, and what it has to come to
    Test(PluginTest),
    /// Make a fixture of a recorded attempt
    Record(PluginRecord),
}

#[derive(Debug, Args)]
pub(crate) struct Format {
    /// How to print the result
    #[arg(id = "format", long, value_enum, default_value = "table", value_name = "FORMAT")]
    pub(crate) kind: FormatKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatKind {
    Table,
    Json,
    Csv,
    Md,
}

#[cfg(test)]
#[expect(dead_code, reason = "what paths lead to is for the tests of the program, which try them")]
#[path = "../../../tests/end_to_end/option_table.rs"]
mod option_table;

#[cfg(test)]
mod tests {
    use std::any::TypeId;
    use std::collections::{BTreeMap, BTreeSet};

    use clap::CommandFactory as _;

    use super::option_table::COMMANDS;
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    /// The arguments of a command and of those below it, each with the words of its command,
    /// and whether they are paths by their types; and the commands that have none below them.
    fn arguments(
        command: &clap::Command,
        words: &str,
        found: &mut BTreeMap<(String, String), bool>,
        last: &mut BTreeSet<String>,
    ) {
        for argument in command.get_arguments() {
            let is_path = argument.get_value_parser().type_id() == TypeId::of::<PathBuf>();
            found.insert((words.to_owned(), argument.get_id().to_string()), is_path);
        }
        if !command.has_subcommands() {
            last.insert(words.to_owned());
        }
        for below in command.get_subcommands() {
            arguments(below, format!("{words} {}", below.get_name()).trim_start(), found, last);
        }
    }

    #[test]
    fn the_table_has_every_command_and_says_of_each_argument_whether_it_takes_a_path() {
        let (mut found, mut last) = (BTreeMap::new(), BTreeSet::new());
        arguments(&Arguments::command(), "", &mut found, &mut last);
        let commands: BTreeSet<_> = COMMANDS.iter().map(|told| told.command.to_owned()).collect();
        let expected: BTreeSet<_> = last.into_iter().chain([String::new()]).collect();
        assert_eq!(commands, expected, "the commands of the table, and those of the definition");
        assert_eq!(COMMANDS.len(), commands.len(), "a command is in the table twice");
        let mut told = BTreeMap::new();
        for command in COMMANDS {
            let paths = command.paths.iter().map(|(name, _)| (*name, true));
            let words = command.words.iter().copied().flatten().map(|name| (*name, false));
            for (name, is_path) in paths.chain(words) {
                let is_new = told.insert((command.command.to_owned(), name.to_owned()), is_path).is_none();
                assert!(is_new, "`{}` has `{name}` twice", command.command);
            }
            for (name, takes) in command.paths {
                let begins = |line: &&str| line.starts_with(command.command) && line.contains('@');
                assert!(!takes.1.is_empty() && takes.1.iter().all(begins), "`{}`: `{name}`", command.command);
            }
        }
        let missing: Vec<_> = found.keys().filter(|argument| !told.contains_key(*argument)).collect();
        let gone: Vec<_> = told.keys().filter(|argument| !found.contains_key(*argument)).collect();
        assert!(missing.is_empty() && gone.is_empty(), "not in the table: {missing:?}; only there: {gone:?}");
        for ((command, name), is_path) in found {
            let is_told = told[&(command.clone(), name.clone())];
            assert!(is_told || !is_path, "`{command}`: `{name}` takes a path, and the table says words");
        }
    }
}
