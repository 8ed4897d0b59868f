//! The child's side: a process closes its own jail around itself.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::bounds::Bounds;
use crate::handshake::{Held, Order, Report, Seen, Without, receive, send};
use crate::kernel::{self, Stage};

/// Why a process is not in a jail.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The process was not started by [`crate::Program::start`].
    #[error("its stdin is no line to a parent that started it for this: {0}")]
    Line(#[source] io::Error),
    /// The process has descriptors that would be a way out.
    #[error("it was left open descriptors, which would be a way out of the jail: {}", .0.join(", "))]
    Descriptors(Vec<String>),
    /// Walls are closed around a thread; the others would stay outside.
    #[error("it has {0} threads already, and a jail is entered with one")]
    Threads(usize),
    /// The kernel refused something else.
    #[error("{call}: {error}")]
    Kernel {
        /// What was asked for.
        call: &'static str,
        /// What the kernel says.
        error: io::Error,
    },
    /// System calls cannot be filtered.
    #[error("its system calls cannot be filtered: {0}")]
    Seccomp(String),
    /// The parent is gone.
    #[error("its parent is gone: {0}")]
    Parent(#[source] io::Error),
}

/// A process inside the outer walls: it reads what it was given and nothing else of this
/// machine. What it tries beyond that fails.
#[derive(Debug)]
pub struct Loading {
    line: UnixStream,
    bounds: Bounds,
    held: Held,
    without: Without,
}

/// A process inside all walls. What it tries beyond its line and its memory ends it.
#[derive(Debug)]
pub struct Locked {
    /// The line to the parent. When it ends, so should the process.
    pub line: UnixStream,
    /// Which walls hold.
    pub held: Held,
    /// The limits.
    pub bounds: Bounds,
    /// Whether the parent waits for the process, and does not have it stand by.
    pub is_awaited: bool,
}

/// Closes the outer walls around this process: its first action, before it has a second
/// thread or looks at anything. The parent is told what holds or why nothing does.
///
/// # Errors
/// The process is not one that [`crate::Program::start`] started, or the kernel refuses a
/// wall that a jail cannot do without. Landlock is not one of those.
pub fn enter() -> Result<Loading, EnterError> {
    let kernel = |call| move |error| EnterError::Kernel { call, error };
    let open = kernel::only_three().map_err(kernel("reading /proc/self/fd"))?;
    let line = io::stdin().as_fd().try_clone_to_owned().map_err(EnterError::Line)?;
    let mut line = UnixStream::from(line);
    // Fails for whatever else stdin may be.
    line.peer_addr().map_err(EnterError::Line)?;
    let Order { bounds, user, without } = receive(&mut line).map_err(EnterError::Line)?;
    match closed(open, &bounds, user, without) {
        Ok(held) => {
            send(&mut line, &Report::Entered(held.clone())).map_err(EnterError::Parent)?;
            Ok(Loading { line, bounds, held, without })
        }
        Err(error) => {
            let _ = send(&mut line, &Report::NotHeld(error.to_string()));
            Err(error)
        }
    }
}

fn closed(
    open: Result<(), Vec<String>>,
    bounds: &Bounds,
    user: Option<u32>,
    without: Without,
) -> Result<Held, EnterError> {
    let kernel = |call| move |error| EnterError::Kernel { call, error };
    open.map_err(EnterError::Descriptors)?;
    let threads = kernel::threads().map_err(kernel("reading /proc/self/task"))?;
    if threads != 1 {
        return Err(EnterError::Threads(threads));
    }
    if let Some(user) = user {
        kernel::become_user(user).map_err(kernel("setgroups, setresgid and setresuid"))?;
    }
    let uid = rustix::process::getuid().as_raw();
    // Changing the user undoes this.
    kernel::die_with_parent().map_err(kernel("prctl(PR_SET_PDEATHSIG, PR_SET_DUMPABLE)"))?;
    let landlock_abi = if without.landlock { None } else { kernel::landlock().ok() };
    if !without.limits {
        kernel::limit(bounds, without.limit).map_err(kernel("setrlimit"))?;
    }
    if !without.seccomp {
        kernel::filter(bounds.work, Stage::Loading).map_err(EnterError::Seccomp)?;
    }
    Ok(Held { seccomp: !without.seccomp, landlock_abi, uid })
}

impl Loading {
    /// Where the sealed file is that the process was started with: to be mapped, which is
    /// shared by all processes with the same file. The parent is told that it is looked at from
    /// here on.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn code(&mut self) -> io::Result<&'static Path> {
        send(&mut self.line, &Report::Loads)?;
        Ok(Path::new("/proc/self/fd/1"))
    }

    /// The limits.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Closes the inner wall: no code is loaded from here on, and whatever is forbidden
    /// ends the process. To be done before the first byte of a stranger's data is read from
    /// the line.
    ///
    /// # Errors
    /// The kernel refuses it, or the parent is gone.
    pub fn lock(mut self) -> Result<Locked, EnterError> {
        if !self.without.seccomp
            && let Err(problem) = kernel::filter(self.bounds.work, Stage::Locked)
        {
            let error = EnterError::Seccomp(problem);
            let _ = send(&mut self.line, &Report::NotHeld(error.to_string()));
            return Err(error);
        }
        send(&mut self.line, &Report::Locked).map_err(EnterError::Parent)?;
        // The parent asks the kernel first, which tells of the living only.
        let Seen { is_awaited } = receive(&mut self.line).map_err(EnterError::Parent)?;
        Ok(Locked { line: self.line, held: self.held, bounds: self.bounds, is_awaited })
    }

    /// Tells the parent that what it gave cannot be loaded. The process is to end then.
    pub fn fail(mut self, problem: &str) {
        let _ = send(&mut self.line, &Report::NotLoaded(beginning(problem)));
    }

    /// Tells the parent that this process cannot work here, whatever it was given: for want of
    /// memory, as a rule. Believed before [`Loading::code`] only. The process is to end then.
    pub fn give_up(mut self, problem: &str) {
        let _ = send(&mut self.line, &Report::Unable(beginning(problem)));
    }
}

/// As much of a text as a report may have.
fn beginning(text: &str) -> String {
    text[..text.floor_char_boundary(4_000)].to_owned()
}
