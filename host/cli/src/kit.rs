//! The options of those who begin and build a plugin.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lancet_core::Role;
use lancet_kit::Language;

use crate::examples;

#[derive(Debug, Args)]
#[command(after_long_help = examples::NEW)]
pub(crate) struct PluginNew {
    /// `NAME` or `PUBLISHER/NAME`: lower-case words joined by `-`. The folder `NAME` is made
    pub(crate) name: String,
    /// In which language
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub(crate) lang: LanguageName,
    /// What it is to be
    #[arg(long, value_enum, value_name = "WORLD")]
    pub(crate) world: NewWorld,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::BUILD)]
pub(crate) struct PluginBuild {
    /// The plugin's folder, with its `plugin.toml`
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The package's file; one that is there is replaced [default: `NAME.wasm` in the folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// In which language it is, where the folder's files tell of several
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub(crate) lang: Option<LanguageName>,
}

/// A language that there is a kit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageName {
    Rust,
    Python,
    #[value(name = "javascript")]
    JavaScript,
}

/// What a new plugin can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewWorld {
    /// Decides whether a task is paid
    Grader,
    /// Works on tasks
    Agent,
}

impl From<LanguageName> for Language {
    fn from(name: LanguageName) -> Self {
        match name {
            LanguageName::Rust => Self::Rust,
            LanguageName::Python => Self::Python,
            LanguageName::JavaScript => Self::JavaScript,
        }
    }
}

impl From<NewWorld> for Role {
    fn from(world: NewWorld) -> Self {
        match world {
            NewWorld::Grader => Self::Grader,
            NewWorld::Agent => Self::Agent,
        }
    }
}
