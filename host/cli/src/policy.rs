//! The operator's policy and locks: where they are found, and the options and commands about them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lancet_trust::{Keys, Policy, PolicyError};

use crate::arguments::Format;
use crate::examples;
use crate::failure::Failure;
use crate::isolation::IsolationArguments;
use crate::paths;

/// The name of the policy in the operator's configuration.
const POLICY_FILE: &str = "lancet.toml";
/// The file that makes a folder a suite.
pub(crate) const SUITE_FILE: &str = "suite.toml";
/// The word for the policy that lets in nothing unsigned.
const STRICT: &str = "strict";

/// What every command takes that has something to do with the policy.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PolicyArgument {
    // Its variable is no business of clap's, which blames the option for what is in it.
    /// What plugins may do here: a file, or `strict` for nothing but what is built in or signed by a key that is known here
    /// [default: $XDG_CONFIG_HOME/lancet/lancet.toml, if it is there] [env: LANCET_POLICY]
    #[arg(long, value_name = "FILE|strict")]
    policy: Option<PathBuf>,
}

/// What every command takes that lets plugins in.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PolicyArguments {
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
    /// Refuse to go without a lock: each plugin that is not built in has to be in a `lancet.lock`
    #[arg(long)]
    pub(crate) locked: bool,
}

/// The policy that is in force, with what it rests on.
pub(crate) struct InForce {
    pub(crate) policy: Policy,
    pub(crate) keys: Keys,
    /// The folder in which the operator's lock lies.
    pub(crate) folder: Option<PathBuf>,
}

impl PolicyArgument {
    /// The one that was named, or the one that is in force without a word.
    pub(crate) fn named(policy: Option<PathBuf>) -> Self {
        Self { policy }
    }

    /// The policy that is in force: the option's, that of `LANCET_POLICY`, that of the operator's
    /// configuration, or what holds without one. A variable that is empty counts as one that is
    /// not set.
    pub(crate) fn in_force(&self) -> Result<InForce, Failure> {
        let keys = match paths::keys() {
            Ok(folder) => Keys::open(&folder)?,
            // Nobody has a key where there is no place for any.
            Err(_) => Keys::none(),
        };
        let variable = std::env::var_os("LANCET_POLICY").filter(|value| !value.is_empty()).map(PathBuf::from);
        let configuration = paths::configuration();
        let (policy, folder) = match self.policy.clone().or(variable) {
            Some(word) if word.as_os_str() == OsStr::new(STRICT) => (Policy::strict(), configuration),
            Some(file) => (Policy::read(&file, &keys)?, folder_of(&file)),
            None => {
                let file = configuration.as_ref().map(|folder| folder.join(POLICY_FILE));
                match file.filter(|file| file.symlink_metadata().is_ok()) {
                    Some(file) => (Policy::read(&file, &keys)?, configuration),
                    None => (Policy::without(), configuration),
                }
            }
        };
        Ok(InForce { policy, keys, folder })
    }
}

fn folder_of(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        Self::usage(error.to_string()).hint(error.hint)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say, key by key, why something is let in or refused
    #[command(after_long_help = examples::POLICY_EXPLAIN)]
    Explain {
        /// A component's path, a suite's folder, the name of a built-in plugin, or a reference
        what: String,
        #[command(flatten)]
        isolation: IsolationArguments,
        #[command(flatten)]
        policy: PolicyArguments,
        #[command(flatten)]
        format: Format,
    },
}

/// Which suite's graders are locked.
#[derive(Debug, Args)]
#[command(after_long_help = examples::SUITE_LOCK)]
pub(crate) struct SuiteLock {
    /// The suite's folder
    pub(crate) suite: PathBuf,
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
}

/// Which plugins are locked.
#[derive(Debug, Args)]
#[command(after_long_help = examples::PLUGIN_LOCK)]
pub(crate) struct PluginLock {
    /// Components' paths, and folders of suites, for all their graders
    #[arg(required = true)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
}
