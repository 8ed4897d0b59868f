//! What `suite import` takes.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::arguments::Format;
use crate::examples;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// From the task table of SWE-Lancer, in any of its three generations
    SweLancer(ImportSweLancer),
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::IMPORT_SWE_LANCER)]
#[command(group(ArgGroup::new("in images").args(["issues", "manager_repository"]).multiple(true)))]
pub(crate) struct ImportSweLancer {
    /// The task table
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: PathBuf,
    /// The folder with one folder per IC task (patch, test, commit)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) issues: Option<PathBuf>,
    /// The suite's folder, which must not exist yet
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// `faithful` decodes text as the reference harness does, damaging what is not ASCII
    #[arg(long, value_enum, default_value = "fixed")]
    pub(crate) text: Text,
    /// What the images are called in front of `_<id>:<tag>`
    #[arg(long, value_name = "NAME", default_value = "swelancer/swelancer_x86", requires = "in images")]
    pub(crate) image_prefix: String,
    /// The tag of those images
    #[arg(long, value_name = "TAG", default_value = "releasev1", requires = "in images")]
    pub(crate) image_tag: String,
    /// One image for all IC tasks, which sets the project up when it starts
    #[arg(long, requires = "issues")]
    pub(crate) monolith: bool,
    /// Agents of manager tasks read the repository, in the image of all issues
    #[arg(long)]
    pub(crate) manager_repository: bool,
    /// Run tests up to three times and count the first pass, as the reference does
    #[arg(long, requires = "issues")]
    pub(crate) parity: bool,
    /// Write nothing when any row has a problem
    #[arg(long)]
    pub(crate) strict: bool,
    /// The suite's name [default: from the file's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Text {
    Fixed,
    Faithful,
}
