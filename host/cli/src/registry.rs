//! Registries on the command line: what is pushed and pulled.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lancet_registry::{BadReference, Problem, Reference, RegistryError};

use crate::arguments::Format;
use crate::examples;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policy::PolicyArgument;

/// What `lancet plugin` does with registries.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginRegistry {
    /// Push a package to a registry, with its signature
    Push(PluginPush),
    /// Pull a plugin from a registry into a file, with its signature
    Pull(PluginPull),
    /// Pull a package, put it beside your other plugins or into a suite, and lock it
    Add(PluginAdd),
    /// Say of which plugins that were added there are newer versions
    Outdated(PluginOutdated),
}

/// What `lancet suite` does with registries.
#[derive(Debug, Subcommand)]
pub(crate) enum SuiteRegistry {
    /// Push a suite to a registry, with its signature: all of it, answers too
    Push(SuitePush),
    /// Pull a suite from a registry into a new folder, with its signature
    Pull(SuitePull),
}

/// What is pushed, and where to.
#[derive(Debug, Args)]
#[command(after_long_help = examples::PLUGIN_PUSH)]
pub(crate) struct PluginPush {
    /// The package's file; its signature is pushed with it when one lies beside it
    pub(crate) file: PathBuf,
    /// Where to: `REGISTRY/NAME[:TAG]`; without a tag its version is one
    pub(crate) reference: String,
}

/// What is pulled.
#[derive(Debug, Args)]
#[command(after_long_help = examples::PLUGIN_PULL)]
pub(crate) struct PluginPull {
    /// What to pull: `REGISTRY/NAME:TAG` or `REGISTRY/NAME@sha256:…`
    pub(crate) reference: String,
    /// The file to write, replacing one that is there; its signature is written beside it [default: the name of the package, in this folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
}

/// What is pulled and locked.
#[derive(Debug, Args)]
#[command(after_long_help = examples::PLUGIN_ADD)]
pub(crate) struct PluginAdd {
    /// What to add: `REGISTRY/NAME:TAG` or `REGISTRY/NAME@sha256:…`
    pub(crate) reference: String,
    /// Add a grader to this suite, and lock it there, in place of adding to your own plugins
    #[arg(long, value_name = "FOLDER")]
    pub(crate) suite: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
}

/// Whose plugins are looked after.
#[derive(Debug, Args)]
#[command(after_long_help = examples::PLUGIN_OUTDATED)]
pub(crate) struct PluginOutdated {
    /// Look after the graders of this suite, in place of your own plugins
    #[arg(long, value_name = "FOLDER")]
    pub(crate) suite: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Which suite is pushed, and where to.
#[derive(Debug, Args)]
#[command(after_long_help = examples::SUITE_PUSH)]
pub(crate) struct SuitePush {
    /// The suite's folder; its signature is pushed with it when one lies beside it
    pub(crate) suite: PathBuf,
    /// Where to: `REGISTRY/NAME:TAG`
    pub(crate) reference: String,
}

/// Which suite is pulled.
#[derive(Debug, Args)]
#[command(after_long_help = examples::SUITE_PULL)]
pub(crate) struct SuitePull {
    /// What to pull: `REGISTRY/NAME:TAG` or `REGISTRY/NAME@sha256:…`
    pub(crate) reference: String,
    /// The folder to make, which must not exist yet [default: the last part of its name]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgument,
}

/// The reference that a text is which may name a file too: what lies there under that name is
/// meant, and what ends like a component's file, and no registry. What looks like a reference, and is
/// none, is told as that.
pub(crate) fn in_registry(text: &str) -> Result<Option<Reference>, Failure> {
    if Path::new(text).symlink_metadata().is_ok() {
        return Ok(None);
    }
    match text.parse::<Reference>() {
        Ok(reference) => {
            let names_one = reference.tag().is_some() || reference.digest().is_some();
            Ok(Some(reference).filter(|_| names_one || !text.ends_with(".wasm")))
        }
        Err(error) if looks_like_one(text) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Whether a text begins as references do, with a registry.
fn looks_like_one(text: &str) -> bool {
    let registry = text.split('/').next().filter(|first| first.len() < text.len()).unwrap_or_default();
    let is_host = registry.contains(['.', ':']) && !registry.starts_with('.') || registry == "localhost";
    !text.ends_with(".wasm") && (is_host || text.contains("@sha"))
}

/// Whether something can be written to a path: before anybody is asked for it.
pub(crate) fn can_be_written(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if parent.is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "`{}` cannot be written: `{}` is no folder",
        path.display(),
        parent.display()
    ))
    .hint("name a place in a folder that is there"))
}

impl From<BadReference> for Failure {
    fn from(error: BadReference) -> Self {
        Self::usage(error.to_string()).hint("the registry is always named: there is no default one")
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let exit = match error.problem {
            Problem::Asked | Problem::Missing => Exit::Usage,
            Problem::Unreachable | Problem::Denied => Exit::Host,
            Problem::Refused => Exit::Unverified,
        };
        Self::new(exit, error.to_string()).hint(error.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_reference_and_is_none_is_told_as_that() {
        for reference in ["r.example/a:1", "localhost/a", "r.example/a.wasm:1", "[::1]:5000/a@sha256:"] {
            let found = in_registry(reference);
            assert!(found.is_err() || found.unwrap().is_some(), "{reference}");
        }
        for bad in [
            "r.example/A:1",
            "localhost:99999/a:1",
            "oci://r.example/a:1",
            "r.example/../a:1",
            "acme/choice@sha256:1",
        ] {
            let error = in_registry(bad).unwrap_err().to_string();
            assert!(error.contains("is no reference"), "{bad}: {error}");
        }
        for file in [
            "a.wasm",
            "./a/b",
            "../a",
            "/a/b.c",
            "a/b.wasm",
            "r.example/A.wasm",
            "first",
            "acme/choice",
            "src",
        ] {
            assert_eq!(in_registry(file).map_err(|error| error.to_string()), Ok(None), "{file}");
        }
    }
}
