//! Compiling a stranger's component in a child process: in a jail where the kernel has one,
//! under limits everywhere.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::process::Stdio;
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use lancet_jail::{Bounds, Crash, Death, Jail, Output, Program, StartError};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::config;

/// The most address space that compiling one component may take, in bytes.
pub const COMPILE_MEMORY_BYTES: u64 = 4 << 30;
/// The most processor seconds that compiling one component may take. The largest
/// known guest, of 18 MiB, takes 7.
pub const COMPILE_SECONDS: u64 = 120;

/// The most bytes of compiled code of any component. The largest known guest has 50 MiB of it.
const MOST_CODE_BYTES: u64 = 512 << 20;
/// How many bytes of compiled code every component may have, for memories that are filled at
/// the start, of which a few bytes may tell.
const LEAST_CODE_BYTES: u64 = 64 << 20;
/// How many bytes of compiled code a component may have beyond for each of its own. Known
/// guests have three.
const CODE_PER_BYTE: u64 = 16;
/// The signal for files that would become larger than they may.
const SIGXFSZ: i32 = rustix::process::Signal::XFSZ.as_raw();
/// How long the compiling process may take to close its jail: milliseconds, on a machine
/// that is not busy.
const READY_WITHIN: Duration = Duration::from_secs(300);
/// How long the compiling process may take altogether. It limits its own processor time,
/// and there is nothing that it could wait for: this is for one that was made to sleep, and
/// so long that no component is refused because the machine is busy.
const HUNG_AFTER: Duration = Duration::from_secs(2 * 3_600);
/// How long it may take to be gone when it is through, with gigabytes to be given back.
const DYING: Duration = Duration::from_secs(60);
/// What a refusal may say, in bytes.
const WORDS_BYTES: usize = 3_900;

/// What a component could not be compiled for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("the compiler refuses it: {0}")]
    Refused(String),
    #[error(
        "compiling it took more than {COMPILE_SECONDS} s or {gib} GiB, or crashed the compiler ({0})",
        gib = COMPILE_MEMORY_BYTES >> 30
    )]
    Crashed(String),
    #[error("more than {} MiB of code come of it", .0 >> 20)]
    TooLarge(u64),
    #[error("compiling it made the compiler try what its jail forbids (SIGSYS)")]
    Violation,
    #[error("compiling it made the compiler wait for something for {} h", HUNG_AFTER.as_secs() / 3_600)]
    Hung,
    #[error("the compiling process could not be run: {0}")]
    Jail(#[from] StartError),
    #[error("the compiling process could not be run: {0}")]
    Host(#[from] io::Error),
}

impl CompileError {
    /// What to do about the error, where it is the machine's.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Jail(error) => Some(error.hint()),
            _ => None,
        }
    }
}

/// The most bytes of code that may come of a component of that size.
fn most_code(component: &[u8]) -> u64 {
    (component.len() as u64)
        .saturating_mul(CODE_PER_BYTE)
        .saturating_add(LEAST_CODE_BYTES)
        .min(MOST_CODE_BYTES)
}

/// Compiles in a child process, so that a component made to blow up the compiler
/// takes down that child and nothing else, and one made to take it over has nothing to take
/// but its own code. `program` is this very program; its arguments are made so that it calls
/// [`compile_worker`].
pub(crate) fn in_child(program: &Program, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    static JAIL: LazyLock<Jail> = LazyLock::new(Jail::probe);
    match JAIL.seccomp {
        Ok(()) => in_jail(program, component),
        // Plugins of strangers are not run here unless somebody insists on it.
        Err(_) => in_limits(program, component),
    }
}

fn in_jail(program: &Program, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let output = Output::new()?;
    let most = most_code(component);
    let bounds = Bounds::compile(COMPILE_MEMORY_BYTES, COMPILE_SECONDS, most);
    let program = program.clone().argument("--jailed");
    let mut jailed = program.start_writing(&output, &bounds)?.ready(READY_WITHIN)?;

    // Why this fails, if it does, the end of the process tells.
    let _ = jailed.line.write_all(&(component.len() as u64).to_le_bytes());
    let _ = jailed.line.write_all(component);
    jailed.line.set_read_timeout(Some(HUNG_AFTER))?;
    // The process says nothing: the line, which is its stdin too, ends with it.
    let is_hung = jailed
        .line
        .read(&mut [0])
        .is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
    if is_hung {
        return Err(CompileError::Hung);
    }
    let ending = jailed.process.end_within(DYING);
    match ending.death {
        Death::Finished => Ok(output.into_sealed()?.read()?),
        Death::Violation => Err(CompileError::Violation),
        Death::Crashed(Crash::Code(1)) => Err(CompileError::Refused(ending.stderr)),
        Death::Crashed(Crash::Signal(SIGXFSZ)) => Err(CompileError::TooLarge(most)),
        death => Err(CompileError::Crashed(death.to_string())),
    }
}

/// Where there is no jail: a child under the same limits, which reads the component from its
/// stdin and writes the code to its stdout.
fn in_limits(program: &Program, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let mut child =
        program.outside().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) = pipes else {
        return Err(io::Error::other("the compiling process has no pipes").into());
    };
    let (mut code, mut words) = (Vec::new(), Vec::new());
    let most = most_code(component);
    let is_larger = thread::scope(|scope| {
        // Each of these ends with the process at the latest.
        scope.spawn(move || stdin.write_all(component));
        scope.spawn(|| {
            let _ = stderr.by_ref().take(WORDS_BYTES as u64).read_to_end(&mut words);
            io::copy(&mut stderr, &mut io::sink())
        });
        let read = stdout.take(most + 1).read_to_end(&mut code);
        let is_larger = matches!(read, Ok(bytes) if bytes as u64 > most);
        if is_larger || read.is_err() {
            let _ = child.kill();
        }
        is_larger
    });
    let status = child.wait()?;
    if is_larger {
        return Err(CompileError::TooLarge(most));
    }
    match status.code() {
        Some(0) => Ok(code),
        Some(1) => Err(CompileError::Refused(String::from_utf8_lossy(&words).trim().to_owned())),
        _ => Err(CompileError::Crashed(status.to_string())),
    }
}

/// The child's side: closes its jail or limits itself, compiles, and returns the exit code.
/// A refusal is a line on stderr and 1.
#[must_use]
pub fn compile_worker(jailed: bool) -> u8 {
    let given = if jailed { given_in_jail() } else { given_in_limits() };
    let component = match given {
        Ok(component) => component,
        Err(problem) => {
            eprintln!("{problem}");
            return 3;
        }
    };
    let compiled = config::compiler(threads_can_be_had())
        .map_err(|e| e.to_string())
        .and_then(|engine| engine.precompile_component(&component).map_err(|e| format!("{e:#}")));
    match compiled.map(|code| written(&code)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            eprintln!("{error}");
            3
        }
        Err(refusal) => {
            let end = refusal.floor_char_boundary(WORDS_BYTES);
            eprintln!("{}", &refusal[..end]);
            1
        }
    }
}

fn given_in_jail() -> Result<Vec<u8>, String> {
    let mut line = lancet_jail::enter().and_then(|loading| loading.lock()).map_err(|e| e.to_string())?.line;
    let mut read = || -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        line.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let mut component = Vec::new();
        if (&mut line).take(length).read_to_end(&mut component)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(component)
    };
    read().map_err(|e| format!("the component could not be read: {e}"))
}

fn given_in_limits() -> Result<Vec<u8>, String> {
    let limit = |resource, value| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    limit(Resource::Core, 0)
        .and_then(|()| limit(Resource::As, COMPILE_MEMORY_BYTES))
        .and_then(|()| limit(Resource::Cpu, COMPILE_SECONDS))
        .map_err(|e| format!("the limits of the compiling process could not be set: {e}"))?;
    let mut component = Vec::new();
    io::stdin().read_to_end(&mut component).map_err(|e| format!("the component could not be read: {e}"))?;
    Ok(component)
}

/// Whether there may be as many threads as Wasmtime compiles with: it takes their absence
/// for a defect of its own, and it is a limit of the user's.
fn threads_can_be_had() -> bool {
    let wanted = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let closed = gate.lock();
        let started =
            (0..wanted).all(|_| thread::Builder::new().spawn_scoped(scope, || drop(gate.lock())).is_ok());
        drop(closed);
        started
    })
}

fn written(code: &[u8]) -> io::Result<()> {
    File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(code)
}
