//! Why guests could not be built.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::TARGET;

/// Why guests could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The standard library for the guests' target is nowhere.
    #[error(
        "no Rust standard library for {TARGET} (looked at {looked_at}): run `rustup target add {TARGET}`, or on \
         Debian without rustup's servers `apt-get install --no-install-recommends rustc-web rust-web-src`"
    )]
    NoStandardLibrary {
        /// The places, with what was found there.
        looked_at: String,
    },
    /// `rustup target add` did not work.
    #[error("`rustup target add {TARGET}` failed: {reason}")]
    Rustup {
        /// What it wrote, or why it could not be started.
        reason: String,
    },
    /// A program that is needed could not be started.
    #[error("cannot run `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// Cargo failed.
    #[error("building guests failed ({status}); Cargo's reasons are above. What was run: {command}")]
    Cargo {
        /// How it ended.
        status: ExitStatus,
        /// The command line.
        command: String,
    },
    /// Cargo was stopped by whoever ran it.
    #[error("building guests was stopped")]
    Stopped,
    /// Cargo did not make what was asked for.
    #[error(
        "guest `{name}`: Cargo made no {} ({source}); expected a package or an example with `crate-type = [\"cdylib\"]`",
        path.display()
    )]
    NoModule {
        /// The package or the example.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A module is no component.
    #[error("guest `{name}` cannot be made a component: {reason}")]
    NoComponent {
        /// The package or the example.
        name: String,
        /// Why not.
        reason: String,
    },
}
