//! The parent's side: starting a program in a jail.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::bounds::Bounds;
use crate::handshake::{Held, Order, Report, Seen, Without, receive, send};
use crate::kernel;
use crate::memory::{Output, Sealed};
use crate::process::{Death, Ending, Process};

/// How long a process whose line has ended may take to be gone.
const DYING: Duration = Duration::from_secs(10);

/// Why a program does not run in a jail.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The process was not started.
    #[error("{call}: {error}")]
    Start {
        /// What was asked of the kernel.
        call: &'static str,
        /// What the kernel says.
        error: io::Error,
    },
    /// There are as many processes as there may be.
    #[error(
        "no further process can be started (fork or execve: {0}): a limit on processes is reached, \
         RLIMIT_NPROC of the user or `pids.max` of the control group"
    )]
    TooMany(#[source] io::Error),
    /// A wall without which there is no jail does not hold.
    #[error("the jail does not hold: {0}")]
    NotHeld(String),
    /// What the process was to load cannot be loaded.
    #[error("{0}")]
    NotLoaded(String),
    /// The process cannot work here, whatever it was to load.
    #[error("the process cannot work on this machine: {0}")]
    Unable(String),
    /// The process ended before its jail was closed.
    #[error("the process ended before it was ready: {}{}", .0.death, last_words(.0))]
    Died(Ending),
    /// The process says what it should not, or nothing that can be understood.
    #[error("the process does not answer as this program would: {0}")]
    Answer(#[source] io::Error),
    /// The process was not ready in time.
    #[error("the process was not ready after {} s", .0.as_secs())]
    Late(Duration),
}

impl StartError {
    /// What to do about the error, in words of an operator.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooMany(_) => {
                "raise that limit (`ulimit -u`, `pids.max`), end other processes of this user, or run less at a time \
                 (`--jobs`)"
            }
            Self::Start { error, .. } if error.kind() == io::ErrorKind::OutOfMemory => WANT_OF_MEMORY,
            Self::Unable(_) => WANT_OF_MEMORY,
            Self::Late(_) => "the machine is too busy, or stopped: run less at a time (`--jobs`)",
            Self::Start { .. } | Self::NotHeld(_) | Self::NotLoaded(_) | Self::Died(_) | Self::Answer(_) => {
                "`lancet doctor` tries what a jail is made of; `--isolation in-process` does without one, if Wasmtime \
                 is wall enough for the plugin"
            }
        }
    }
}

const WANT_OF_MEMORY: &str =
    "this machine has no memory left for a further process: free some, or run less at a time (`--jobs`)";

fn last_words(ending: &Ending) -> String {
    if ending.stderr.is_empty() { String::new() } else { format!("; it says: {}", ending.stderr) }
}

#[derive(Debug, Clone)]
enum Executable {
    /// The same file, whatever is at its path by now.
    Open(Arc<File>),
    /// Systems on which an open file cannot be executed, and there is no jail.
    Named(PathBuf),
}

/// A program that runs in jails: its executable, opened once, and how it is to be called.
///
/// The file is kept open, so that each process is of the very same program even if another
/// one is put into its place meanwhile.
#[derive(Debug, Clone)]
pub struct Program {
    executable: Executable,
    arguments: Vec<OsString>,
    without: Without,
}

impl Program {
    /// This very program, called with those arguments. They are to lead to
    /// [`crate::enter`].
    ///
    /// # Errors
    /// The executable cannot be opened: without `/proc`, or if this user may run it but not
    /// read it.
    pub fn own<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> io::Result<Self> {
        if cfg!(target_os = "linux") {
            // Not by name: that may lead to another program by now.
            Self::new(Path::new("/proc/self/exe"), arguments)
        } else {
            Self::new(&std::env::current_exe()?, arguments)
        }
    }

    /// The program in that file.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn new<A: Into<OsString>>(
        executable: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> io::Result<Self> {
        let file = File::open(executable)?;
        let executable = if cfg!(target_os = "linux") {
            Executable::Open(Arc::new(file))
        } else {
            Executable::Named(executable.to_owned())
        };
        let arguments = arguments.into_iter().map(Into::into).collect();
        Ok(Self { executable, arguments, without: Without::default() })
    }

    /// The same program with one more argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Calls the program outside of any jail, with an empty environment: for what is to be
    /// done somehow on systems that have none.
    #[must_use]
    pub fn outside(&self) -> Command {
        let mut command = Command::new(match &self.executable {
            Executable::Open(file) => PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
            Executable::Named(path) => path.clone(),
        });
        command.arg0("lancet").args(&self.arguments).env_clear();
        command
    }

    /// The same program without some of the walls: for tests, which show by it what a wall
    /// is for.
    #[doc(hidden)]
    #[must_use]
    pub fn without(mut self, without: Without) -> Self {
        self.without = without;
        self
    }

    /// Starts the program in a jail, with the sealed bytes as all that it can read. Does
    /// not wait for the process.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn start(&self, code: &Sealed, bounds: &Bounds) -> Result<Starting, StartError> {
        self.start_with(code.descriptor(), bounds)
    }

    /// Starts the program in a jail, with the file in memory as all that it can write to.
    /// Does not wait for the process.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn start_writing(&self, output: &Output, bounds: &Bounds) -> Result<Starting, StartError> {
        self.start_with(output.descriptor(), bounds)
    }

    fn start_with(&self, stdout: io::Result<OwnedFd>, bounds: &Bounds) -> Result<Starting, StartError> {
        static USER: OnceLock<Option<u32>> = OnceLock::new();
        let failed = |call| move |error| StartError::Start { call, error };
        let stdout = stdout.map_err(failed("opening /proc/self/fd, or dup"))?;
        let (mut line, theirs) = UnixStream::pair().map_err(failed("socketpair"))?;
        let (stderr, their_stderr) = io::pipe().map_err(failed("pipe"))?;
        not_blocking(stderr.as_fd())
            .and_then(|()| not_blocking(their_stderr.as_fd()))
            .map_err(failed("fcntl"))?;

        // The user is changed by the process itself: with it, this would be a `fork`, which
        // copies the tables of all this process's memory and runs what libraries have for it
        // (Wasmtime opens a file that `execve` does not close), and not a `posix_spawn`.
        let mut command = self.outside();
        command
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(OwnedFd::from(their_stderr)))
            // An interrupt from the terminal is for this process, which knows what to do.
            .process_group(0);
        let child = spawn(command).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StartError::TooMany(error),
            _ => StartError::Start { call: "starting the process (fork or execve)", error },
        })?;
        let user = *USER.get_or_init(kernel::nobody);
        let process = Process::new(child, stderr);
        // A process that is gone already shows when it is waited for.
        let _ = send(&mut line, &Order { bounds: *bounds, user, without: self.without });
        Ok(Starting { line, process, user, without: self.without })
    }
}

fn not_blocking(pipe: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(pipe)?;
    Ok(rustix::fs::fcntl_setfl(pipe, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// A command to be started, and where to tell what came of it.
type Task = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Starts a process on a thread that lives as long as this process: a child that is to die
/// with its parent dies with the thread that started it.
fn spawn(command: Command) -> io::Result<Child> {
    static STARTER: Mutex<Option<mpsc::Sender<Task>>> = Mutex::new(None);
    let starter = {
        let mut starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
        match &*starter {
            Some(starter) => starter.clone(),
            None => {
                kernel::close_on_exec();
                let (give, take) = mpsc::channel::<Task>();
                let start = move || {
                    for (mut command, answer) in take {
                        let _ = answer.send(command.spawn());
                    }
                };
                thread::Builder::new().name("jail starter".to_owned()).spawn(start)?;
                starter.insert(give).clone()
            }
        }
    };
    let (answer, answered) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread that starts processes is gone");
    starter.send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// A process that closes its jail around itself, or loads what it was given. Dropped, it is
/// killed.
#[derive(Debug)]
pub struct Starting {
    line: UnixStream,
    process: Process,
    /// The user that it becomes.
    user: Option<u32>,
    without: Without,
}

/// A process in its jail.
#[derive(Debug)]
pub struct Jailed {
    /// The line to the process, which is its stdin. Blocking.
    pub line: UnixStream,
    /// Which walls hold.
    pub held: Held,
    /// The process itself.
    pub process: Process,
}

impl Starting {
    /// The process's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the process has loaded what it was given and all walls hold, at most
    /// that long. Blocks.
    ///
    /// # Errors
    /// It ended, it cannot load what it was given, a wall does not hold, or it is late.
    pub fn ready(self, within: Duration) -> Result<Jailed, StartError> {
        self.ready_for(within, || true)
    }

    /// The same for a process that may stand by then. It is told whether it `is_awaited`.
    ///
    /// # Errors
    /// As [`Starting::ready`].
    pub fn ready_for(
        self,
        within: Duration,
        is_awaited: impl FnOnce() -> bool,
    ) -> Result<Jailed, StartError> {
        let Self { mut line, process, user, without } = self;
        let deadline = Instant::now() + within;
        let held = match receive(&mut Until { line: &line, deadline }) {
            Ok(Report::Entered(held)) => held,
            other => return Err(failure(other, process, within)),
        };
        let mut next = receive(&mut Until { line: &line, deadline });
        let loads = matches!(next, Ok(Report::Loads));
        if loads {
            next = receive(&mut Until { line: &line, deadline });
        }
        match next {
            Ok(Report::Locked) => {}
            // Said by whoever made what is loaded, perhaps.
            Ok(Report::Unable(_) | Report::NotHeld(_)) if loads => {
                return Err(failure(Ok(Report::Loads), process, within));
            }
            other => return Err(failure(other, process, within)),
        }
        if !without.seccomp
            && let Err(problem) = checked(&held, process.id(), user)
        {
            let ending = process.end();
            return Err(match problem {
                _ if ending.death != Death::Stopped => StartError::Died(ending),
                Unheld::Other(problem) if loads => StartError::Answer(io::Error::other(problem)),
                Unheld::Other(problem) | Unheld::Unseen(problem) => StartError::NotHeld(problem),
            });
        }
        if send(&mut line, &Seen { is_awaited: is_awaited() }).is_err() {
            return Err(StartError::Died(process.end_within(DYING)));
        }
        line.set_read_timeout(None)
            .map_err(|error| StartError::Start { call: "setsockopt(SO_RCVTIMEO)", error })?;
        Ok(Jailed { line, held, process })
    }
}

/// What went wrong, if the process says that instead of what it should.
fn failure(said: io::Result<Report>, process: Process, within: Duration) -> StartError {
    match said {
        Ok(Report::NotHeld(problem)) => StartError::NotHeld(problem),
        Ok(Report::NotLoaded(problem)) => StartError::NotLoaded(problem),
        Ok(Report::Unable(problem)) => StartError::Unable(problem),
        Ok(Report::Entered(_) | Report::Loads | Report::Locked) => {
            StartError::Answer(io::Error::other("the stages of its jail come in another order"))
        }
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => StartError::Late(within),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                StartError::Died(process.end_within(DYING))
            }
            _ => StartError::Answer(error),
        },
    }
}

/// Why it is not so that the walls hold.
enum Unheld {
    /// The kernel cannot be asked.
    Unseen(String),
    /// The kernel says something else than the process does.
    Other(String),
}

/// Compares what the process says of its walls with what the kernel says of them.
fn checked(held: &Held, process: u32, user: Option<u32>) -> Result<(), Unheld> {
    static OWN_FILTERS: OnceLock<u32> = OnceLock::new();
    let own =
        *OWN_FILTERS.get_or_init(|| kernel::walls_around("self").and_then(|own| own.filters).unwrap_or(0));
    let Some(walls) = kernel::walls_around(&process.to_string()) else {
        let mut problem = format!("/proc/{process}/status cannot be read, which says what holds around it");
        if kernel::hides_processes() {
            problem.push_str(
                "; `/proc` is mounted with `hidepid`: mount it with `gid=` of a group that this user is in, \
                 or without `hidepid`",
            );
        }
        return Err(Unheld::Unseen(problem));
    };
    let uid = user.unwrap_or_else(|| rustix::process::getuid().as_raw());
    let holds = walls.is_filtered
        && walls.filters.is_none_or(|filters| filters >= own + 2)
        && walls.no_new_privileges
        && held.uid == uid
        && !walls.uids.is_empty()
        && walls.uids.iter().all(|found| *found == uid);
    if holds {
        Ok(())
    } else {
        Err(Unheld::Other(format!("the kernel says {walls:?} of process {process}, for user {uid}")))
    }
}

/// A line that is read from until a deadline.
struct Until<'a> {
    line: &'a UnixStream,
    deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.line.set_read_timeout(Some(left))?;
        (&mut &*self.line).read(into)
    }
}
