//! The standard library for guests: where it is, and how it is had.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{Error, command};

/// What guests are compiled for: WebAssembly with nothing beneath it. Nothing of
/// WASI is imported, so a guest imports just the capabilities that it uses.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler, as `rustc-web` installs it.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Runs a program, and says what it wrote; `None` when it was to stop.
type Run<'a> = dyn FnMut(&mut Command) -> io::Result<Option<Output>> + 'a;

/// Where the standard library for [`TARGET`] comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standard {
    /// It is installed for the compiler in use.
    Installed,
    /// It is built from the sources of Debian's package `rust-web-src`, by the
    /// compiler of `rustc-web`.
    Debian {
        /// That compiler.
        rustc: PathBuf,
        /// The folder of the linker for WebAssembly in the toolchain in use:
        /// Debian's compiler finds its own only under another name.
        linker: PathBuf,
    },
}

impl Standard {
    /// Looks for it, and installs nothing.
    ///
    /// # Errors
    /// When it is nowhere, with the command that would help; when the compiler
    /// cannot be started.
    pub fn find() -> Result<Self, Error> {
        Self::find_by(&mut |compiler| compiler.output().map(Some))
    }

    /// As [`Self::find`], where somebody else runs the compiler, and says what it wrote: for those
    /// who may want it to stop, which `None` tells. A compiler of rustup's may be installed only then.
    ///
    /// # Errors
    /// As [`Self::find`], and [`Error::Stopped`].
    pub fn find_by(run: &mut Run<'_>) -> Result<Self, Error> {
        let mut print = |program: &OsStr, arguments: &[&str]| print(run, program, arguments);
        let rustc: OsString = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let libdir = PathBuf::from(print(&rustc, &["--print", "target-libdir", "--target", TARGET])?);
        if libdir.is_dir() {
            return Ok(Self::Installed);
        }
        let mut looked_at = libdir.display().to_string();

        let debian = Path::new(DEBIAN_RUSTC);
        if debian.is_file() {
            let sources = PathBuf::from(print(debian.as_os_str(), &["--print", "sysroot"])?)
                .join("lib/rustlib/src/rust/library/std");
            if sources.is_dir() {
                let sysroot = PathBuf::from(print(&rustc, &["--print", "sysroot"])?);
                let linker = sysroot.join("lib/rustlib").join(host(&print(&rustc, &["-vV"])?)).join("bin");
                return Ok(Self::Debian { rustc: debian.into(), linker });
            }
            looked_at = format!("{looked_at}, {}", sources.display());
        } else {
            looked_at = format!("{looked_at}, {DEBIAN_RUSTC}");
        }
        Err(Error::NoStandardLibrary { looked_at })
    }
}

/// Installs the standard library with `rustup target add`, unless it is there.
///
/// # Errors
/// When rustup is missing or fails, with what it said.
pub fn install_target() -> Result<(), Error> {
    if Standard::find().is_ok_and(|found| found == Standard::Installed) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    let output = rustup
        .output()
        .map_err(|source| Error::Rustup { reason: format!("cannot run `rustup`: {source}") })?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::Rustup { reason: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
    }
}

/// The host's triple, of what `rustc -vV` says.
fn host(version: &str) -> &str {
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default()
}

fn print(run: &mut Run<'_>, program: &OsStr, arguments: &[&str]) -> Result<String, Error> {
    let mut command = Command::new(program);
    command::without_parent(&mut command);
    let output = run(command.args(arguments));
    let output =
        output.map_err(|source| Error::Start { program: program.to_string_lossy().into_owned(), source })?;
    let output = output.ok_or(Error::Stopped)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
