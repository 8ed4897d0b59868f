//! The command line of authors of plugins: `plugin check`, `plugin test` and `plugin record`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lancet_core::Role;

use crate::arguments::Format;
use crate::examples;
use crate::isolation::IsolationArguments;

#[derive(Debug, Args)]
#[command(after_long_help = examples::PLUGIN_CHECK)]
pub(crate) struct PluginCheck {
    /// A package or a component by its path, the folder of a project, which is built if one of its sources is newer than its package, or the name of a built-in plugin
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) fixtures: FixturesArgument,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::PLUGIN_TEST)]
pub(crate) struct PluginTest {
    /// A package or a component by its path, the folder of a project, which is built if one of its sources is newer than its package, or the name of a built-in plugin
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) fixtures: FixturesArgument,
    /// Test again whenever the plugin, a source of it or a fixture is saved, until it is interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct FixturesArgument {
    /// The folder with the fixtures [default: `fixtures` beside the plugin's file, or beside the `plugin.toml` above it; of a built-in plugin, in this folder]
    #[arg(long = "fixtures", value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::RECORD)]
pub(crate) struct PluginRecord {
    /// An attempt: `RUN/TASK/NUMBER`
    pub(crate) attempt: String,
    /// Of which of its plugins
    #[arg(long, value_enum, default_value = "grader")]
    pub(crate) role: RoleArgument,
    /// The fixture's file, which must not exist yet [default: fixtures/TASK-NUMBER.json]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace every text under fields of this name, such as `statement` or `detail`; may be given several times
    #[arg(long = "redact", value_name = "NAME")]
    pub(crate) redact: Vec<String>,
    #[command(flatten)]
    pub(crate) isolation: IsolationArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArgument {
    Grader,
    Agent,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Grader => Self::Grader,
            RoleArgument::Agent => Self::Agent,
        }
    }
}
