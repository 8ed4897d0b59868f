//! Builds guest crates for `wasm32-unknown-unknown` and makes components of them.
//!
//! It is called from build scripts, from `xtask` and from tests. The guests are
//! packages of a Cargo workspace: a second Cargo builds them, in a target folder
//! of its own, as the first one holds the lock of the usual folder while a build
//! script runs. What it leaves is wrapped in this process by `wit-component`, and
//! checked to be a valid component.
//!
//! ```no_run
//! use lancet_guest_build::{Request, build, target_dir};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let out_dir = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("a build script"));
//! let guests = build(
//!     &Request::new("../..", target_dir(&out_dir)).package("lancet-agent-first").package("lancet-agent-last"),
//! )?;
//! for guest in guests {
//!     std::fs::write(out_dir.join(format!("{}.wasm", guest.name)), &guest.component)?;
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod command;
mod error;
mod standard;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::{fs, io};

pub use error::Error;
pub use standard::{Standard, TARGET, install_target};

/// The Cargo profile that guests are built with; it has to be in the workspace, or is given
/// to Cargo for the workspace of an author elsewhere.
pub const PROFILE: &str = "guest";

/// What that profile is, as the workspace has it.
const SETTINGS: [&str; 6] =
    ["inherits='release'", "opt-level='s'", "lto=true", "codegen-units=1", "panic='abort'", "strip=true"];

/// What is to be built.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder of the workspace, with its `Cargo.toml`.
    pub workspace: PathBuf,
    /// Where Cargo puts what it makes. Not a folder that a running Cargo has
    /// locked: see [`target_dir`].
    pub target_dir: PathBuf,
    /// Packages whose library is a guest (`crate-type = ["cdylib"]`).
    pub packages: Vec<String>,
    /// A package and those of its examples that are guests.
    pub examples: Vec<(String, Vec<String>)>,
    /// Whether the time that building takes matters and the size of what is built does not.
    pub quick: bool,
    /// Whether the workspace is that of an author elsewhere: the profile is not in it, and its
    /// `Cargo.lock` follows its `Cargo.toml`.
    pub of_an_author: bool,
}

impl Request {
    /// A request for nothing yet.
    #[must_use]
    pub fn new(workspace: impl Into<PathBuf>, target_dir: impl Into<PathBuf>) -> Self {
        Self {
            workspace: workspace.into(),
            target_dir: target_dir.into(),
            packages: Vec::new(),
            examples: Vec::new(),
            quick: false,
            of_an_author: false,
        }
    }

    /// All of it without link-time optimisation: built in a fraction of the time and
    /// several times as large, which is right for guests that only tests run.
    #[must_use]
    pub fn quick(mut self) -> Self {
        self.quick = true;
        self
    }

    /// In the workspace of an author elsewhere.
    #[must_use]
    pub fn of_an_author(mut self) -> Self {
        self.of_an_author = true;
        self
    }

    /// And a package's library.
    #[must_use]
    pub fn package(mut self, name: impl Into<String>) -> Self {
        self.packages.push(name.into());
        self
    }

    /// And a package's examples.
    #[must_use]
    pub fn examples<N: Into<String>>(
        mut self,
        package: impl Into<String>,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        self.examples.push((package.into(), names.into_iter().map(Into::into).collect()));
        self
    }
}

/// A guest as a component.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The package's or the example's name.
    pub name: String,
    /// The component in its binary form.
    pub component: Vec<u8>,
}

/// Builds guests and makes components of them: first the packages, then the
/// examples, each in the order of the request.
///
/// # Errors
/// When the standard library for [`TARGET`] is nowhere, when Cargo fails (it
/// writes its own reasons to standard error), or when what it made is no
/// component.
pub fn build(request: &Request) -> Result<Vec<Guest>, Error> {
    build_by(request, |cargo| cargo.status().map(Some), |compiler| compiler.output().map(Some))
}

/// As [`build`], where somebody else runs Cargo, and says how it ended, and asks the compiler, and
/// says what it wrote: for those who may want them to stop, which `None` tells.
///
/// # Errors
/// As [`build`], and [`Error::Stopped`].
pub fn build_by(
    request: &Request,
    mut run: impl FnMut(&mut Command) -> io::Result<Option<ExitStatus>>,
    mut ask: impl FnMut(&mut Command) -> io::Result<Option<Output>>,
) -> Result<Vec<Guest>, Error> {
    let standard = Standard::find_by(&mut ask)?;
    if !request.packages.is_empty() {
        command::cargo_build(request, &standard, &[], &request.packages, &mut run)?;
    }
    for (package, examples) in &request.examples {
        command::cargo_build(request, &standard, examples, std::slice::from_ref(package), &mut run)?;
    }

    let made = request.target_dir.join(TARGET).join(PROFILE);
    let packages = request.packages.iter().map(|name| (name, made.clone()));
    let examples =
        request.examples.iter().flat_map(|(_, names)| names).map(|name| (name, made.join("examples")));
    packages.chain(examples).map(|(name, folder)| guest(name, &folder)).collect()
}

fn guest(name: &str, folder: &Path) -> Result<Guest, Error> {
    let path = folder.join(format!("{}.wasm", name.replace('-', "_")));
    let module = fs::read(&path).map_err(|source| Error::NoModule { name: name.into(), path, source })?;
    let component =
        componentize(&module).map_err(|reason| Error::NoComponent { name: name.into(), reason })?;
    Ok(Guest { name: name.into(), component })
}

/// Wraps a core module that describes itself, as `wit-bindgen` makes it do, and
/// checks that the result is a valid component.
///
/// # Errors
/// A text that says why it cannot be one.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.validate(true);
    encoder.module(module).and_then(|encoder| encoder.encode()).map_err(|e| format!("{e:#}"))
}

/// The target folder for guests, beside the one that a build script's `OUT_DIR`
/// lies in, so that several build scripts share what they have in common.
///
/// They wait for one another then, but not for the Cargo that started them.
#[must_use]
pub fn target_dir(out_dir: &Path) -> PathBuf {
    // Cargo marks the root of a target folder so that backups leave it out.
    let root = out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    root.unwrap_or(out_dir).join("guests")
}
