//! Starts a program in a jail of the kernel's: a process that can compute, talk over one
//! line to its parent, and nothing else.
//!
//! The parent makes a [`Program`] and starts it; the child calls [`enter`] as its first
//! action, loads what it was given, and calls [`Loading::lock`]. Two walls are closed around
//! it then, each of which holds without the other for most of what can be tried:
//!
//! - a filter of system calls (seccomp), in two stages: while compiled code is loaded a
//!   forbidden call fails; from then on it ends the process, and no memory can be made
//!   executable any more;
//! - Landlock without any rule: no file, no socket, no signal to others.
//!
//! Beside them, limits ([`Bounds`]), an empty environment, nobody's user and group if the
//! parent is root, and no descriptor but the line (stdin), one file in memory (stdout,
//! [`Sealed`] or [`Output`]) and a pipe for last words (stderr). The process dies with its
//! parent.
//!
//! Without seccomp there is no jail: [`Starting::ready`] fails. A kernel without Landlock, or
//! with an old one, weakens it: [`Held`] says what is in force, and [`Jail::probe`] says it
//! before anything is started.
#![forbid(unsafe_code)]

mod bounds;
mod handshake;
mod inside;
mod kernel;
mod memory;
mod offer;
mod process;
mod program;

pub use bounds::{Bounds, Work};
pub use handshake::{Held, Without};
pub use inside::{EnterError, Loading, Locked, enter};
pub use memory::{Output, Sealed, Sparse};
pub use offer::Jail;
pub use process::{Crash, Death, Ending, Process};
pub use program::{Jailed, Program, StartError, Starting};
