//! What is done with a stranger's bytes in a child process: reading what they are, and
//! compiling them. In a jail where the kernel has one, under limits everywhere.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lancet_jail::{Bounds, Crash, Death, Ending, Jail, Output, Program, Sealed, Sparse, StartError};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::component::{Known, NotAPlugin, known, said};
use crate::config;

/// The most address space that compiling one component may take, in bytes.
pub const COMPILE_MEMORY_BYTES: u64 = 4 << 30;
/// The most processor seconds that compiling one component may take. The largest
/// known guest, of 18 MiB, takes 7.
pub const COMPILE_SECONDS: u64 = 120;
/// The most address space that reading what a component is may take, in bytes. Most of it is
/// this program's own; the largest known guest, of 18 MiB, takes 60 MiB besides.
pub const READING_MEMORY_BYTES: u64 = 1 << 30;
/// The most processor seconds that reading what a component is may take. The largest known
/// guest takes a tenth of one.
pub const READING_SECONDS: u64 = 60;

/// The most bytes of compiled code of any component. The largest known guest has 50 MiB of it.
const MOST_CODE_BYTES: u64 = 512 << 20;
/// How many bytes of compiled code every component may have, for memories that are filled at
/// the start, of which a few bytes may tell.
const LEAST_CODE_BYTES: u64 = 64 << 20;
/// How many bytes of compiled code a component may have beyond for each of its own. Known
/// guests have three.
const CODE_PER_BYTE: u64 = 16;
/// The most bytes of what is read of a component: its imports and exports have names of 256
/// KiB at the most, which as JSON may take six times that, and its manifest has 64 KiB.
const KNOWN_BYTES: u64 = 4 << 20;
/// How long the process may take to close its jail: milliseconds, on a machine
/// that is not busy.
const READY_WITHIN: Duration = Duration::from_secs(300);
/// How long the process may take altogether. It limits its own processor time,
/// and there is nothing that it could wait for: this is for one that was made to sleep, and
/// so long that no component is refused because the machine is busy.
const HUNG_AFTER: Duration = Duration::from_secs(2 * 3_600);
/// How long it may take to be gone when it is through, with gigabytes to be given back.
const DYING: Duration = Duration::from_secs(60);
/// After which time it is told that the process is at work.
const TOLD_AFTER: Duration = Duration::from_secs(10);
/// What a refusal may say, in bytes.
const WORDS_BYTES: usize = 3_900;

/// What the child is there for. It is told by the first byte that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chore {
    Compiling = 0,
    Reading = 1,
}

impl Chore {
    fn word(self) -> &'static str {
        match self {
            Self::Compiling => "compiling",
            Self::Reading => "reading",
        }
    }

    fn memory_bytes(self) -> u64 {
        match self {
            Self::Compiling => COMPILE_MEMORY_BYTES,
            Self::Reading => READING_MEMORY_BYTES,
        }
    }

    fn seconds(self) -> u64 {
        match self {
            Self::Compiling => COMPILE_SECONDS,
            Self::Reading => READING_SECONDS,
        }
    }

    /// The most bytes that may come of a component.
    fn output_bytes(self, component: &[u8]) -> u64 {
        match self {
            Self::Compiling => most_code(component),
            Self::Reading => KNOWN_BYTES,
        }
    }
}

/// A component on which a child process is at work for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow<'a> {
    /// The plugin, as it was named.
    pub name: &'a str,
    /// `reading` or `compiling`.
    pub doing: &'static str,
    /// How many bytes the component has.
    pub bytes: usize,
    /// For how long the process has been at it, by the clock.
    pub waited: Duration,
    /// The most processor time that it may take.
    pub most: Duration,
}

/// What a child came to nothing for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildError {
    #[error("the compiler refuses it: {0}")]
    Refused(String),
    #[error("{} it took more than {} s of processor time", .0.word(), .0.seconds())]
    TooLong(Chore),
    #[error("{} it took more than {} GiB of memory", .0.word(), .0.memory_bytes() >> 30)]
    TooLarge(Chore),
    #[error("more than {} MiB of code come of it", .0 >> 20)]
    TooMuchCode(u64),
    #[error("reading it gave more than {} MiB", KNOWN_BYTES >> 20)]
    TooMuchKnown,
    #[error("{doing} it crashed the process that did ({1})", doing = .0.word())]
    Crashed(Chore, String),
    #[error("{} it made the process that did try what its jail forbids (SIGSYS)", .0.word())]
    Violation(Chore),
    #[error("{} it made the process that did wait for something for {} h", .0.word(), HUNG_AFTER.as_secs() / 3_600)]
    Hung(Chore),
    #[error("{doing} it gave nothing that can be understood: {1}", doing = .0.word())]
    Nonsense(Chore, String),
    /// A limit of this very process, which its children have too.
    #[error("it may take {needed} {unit} of {what}, and this process has a limit of {found} ({limit})")]
    Limit { what: &'static str, unit: &'static str, needed: u64, found: u64, limit: &'static str },
    #[error("the process for it could not be run: {0}")]
    Jail(#[from] StartError),
    #[error("the process for it could not be run: {0}")]
    Host(#[from] io::Error),
}

impl ChildError {
    fn too_much(chore: Chore, most: u64) -> Self {
        match chore {
            Chore::Compiling => Self::TooMuchCode(most),
            Chore::Reading => Self::TooMuchKnown,
        }
    }

    /// Whether this machine is why, and not the component.
    pub(crate) fn is_of_host(&self) -> bool {
        matches!(self, Self::Limit { .. } | Self::Jail(_) | Self::Host(_))
    }

    /// What to do about the error, where it is the machine's.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Jail(error) => Some(error.hint()),
            Self::Limit { .. } => Some("raise that limit, or leave it out"),
            _ => None,
        }
    }
}

/// What a child made.
pub(crate) enum Made {
    /// In a jail: never in this process's own memory.
    Sealed(Sealed),
    Bytes(Vec<u8>),
}

impl Made {
    pub(crate) fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Sealed(sealed) => sealed.read(),
            Self::Bytes(bytes) => Ok(bytes),
        }
    }

    pub(crate) fn into_sealed(self) -> io::Result<Sealed> {
        match self {
            Self::Sealed(sealed) => Ok(sealed),
            Self::Bytes(bytes) => Sealed::new(&bytes),
        }
    }

    /// Hands all of it over, piece by piece.
    pub(crate) fn each(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::Sealed(sealed) => sealed.each(take),
            Self::Bytes(bytes) => take(bytes),
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

/// Reads in a child process what a component is, so that one made to blow up whoever looks at
/// it takes down that child and nothing else.
pub(crate) fn read_in_child(
    program: &Program,
    named: (&str, &[u8]),
    slow: Option<fn(&Slow<'_>)>,
) -> Result<Result<Known, NotAPlugin>, ChildError> {
    let chore = Chore::Reading;
    let said = in_child(program, chore, named, slow)?.into_bytes()?;
    serde_json::from_slice(&said).map_err(|error| ChildError::Nonsense(chore, error.to_string()))
}

/// Compiles in a child process, so that a component made to blow up the compiler
/// takes down that child and nothing else, and one made to take it over has nothing to take
/// but its own code. `program` is this very program; its arguments are made so that it calls
/// [`compile_worker`].
pub(crate) fn compile_in_child(
    program: &Program,
    named: (&str, &[u8]),
    slow: Option<fn(&Slow<'_>)>,
) -> Result<Made, ChildError> {
    in_child(program, Chore::Compiling, named, slow)
}

fn in_child(
    program: &Program,
    chore: Chore,
    (name, component): (&str, &[u8]),
    slow: Option<fn(&Slow<'_>)>,
) -> Result<Made, ChildError> {
    static JAIL: LazyLock<Jail> = LazyLock::new(Jail::probe);
    let work = || match JAIL.seccomp {
        Ok(()) => in_jail(program, chore, component),
        // Plugins of strangers are not run here unless somebody insists on it.
        Err(_) => in_limits(program, chore, component),
    };
    let Some(slow) = slow else { return work() };
    let (doing, bytes, most) = (chore.word(), component.len(), Duration::from_secs(chore.seconds()));
    telling(TOLD_AFTER, |waited| slow(&Slow { name, doing, bytes, waited, most }), work)
}

/// Does something, and tells how long it has taken so far: after that time, and whenever it
/// has taken twice as long as was told.
fn telling<T>(first: Duration, tell: impl Fn(Duration) + Send, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let (working, done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        // Without a thread nothing is told, and everything else goes on.
        let _ = thread::Builder::new().spawn_scoped(scope, move || {
            let mut next = first;
            while done.recv_timeout(next.saturating_sub(began.elapsed())) == Err(RecvTimeoutError::Timeout) {
                tell(began.elapsed());
                next *= 2;
            }
        });
        let made = work();
        drop(working);
        made
    })
}

fn in_jail(program: &Program, chore: Chore, component: &[u8]) -> Result<Made, ChildError> {
    let output = Output::new()?;
    let most = chore.output_bytes(component);
    let bounds = Bounds::compile(chore.memory_bytes(), chore.seconds(), most);
    let program = program.clone().argument("--jailed");
    let mut jailed = program.start_writing(&output, &bounds)?.ready(READY_WITHIN)?;

    // Why this fails, if it does, the end of the process tells.
    jailed.line.set_write_timeout(Some(HUNG_AFTER))?;
    let _ = jailed
        .line
        .write_all(&[chore as u8])
        .and_then(|()| jailed.line.write_all(&(component.len() as u64).to_le_bytes()))
        .and_then(|()| jailed.line.write_all(component));
    jailed.line.set_read_timeout(Some(HUNG_AFTER))?;
    // The process says nothing: the line, which is its stdin too, ends with it.
    let is_hung = jailed
        .line
        .read(&mut [0])
        .is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
    if is_hung {
        return Err(ChildError::Hung(chore));
    }
    let ending = jailed.process.end_within(DYING);
    if ending.death == Death::Finished {
        return Ok(Made::Sealed(output.into_sealed()?));
    }
    Err(why(chore, most, ending))
}

/// Where there is no jail: a child under the same limits, which reads the component from its
/// stdin and writes what it makes to its stdout.
fn in_limits(program: &Program, chore: Chore, component: &[u8]) -> Result<Made, ChildError> {
    let mut child =
        program.outside().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) = pipes else {
        return Err(io::Error::other("the process has no pipes").into());
    };
    let (mut made, mut words) = (Vec::new(), Vec::new());
    let most = chore.output_bytes(component);
    let mut is_too_much = false;
    let talked = thread::scope(|scope| -> io::Result<()> {
        // Each of these ends with the process at the latest.
        thread::Builder::new().spawn_scoped(scope, move || {
            stdin.write_all(&[chore as u8]).and_then(|()| stdin.write_all(component))
        })?;
        let listening = thread::Builder::new().spawn_scoped(scope, || {
            let _ = stderr.by_ref().take(WORDS_BYTES as u64).read_to_end(&mut words);
            io::copy(&mut stderr, &mut io::sink())
        });
        if let Err(error) = listening {
            let _ = child.kill();
            return Err(error);
        }
        let read = stdout.take(most + 1).read_to_end(&mut made);
        is_too_much = !matches!(read, Ok(bytes) if bytes as u64 <= most);
        if is_too_much {
            let _ = child.kill();
        }
        Ok(())
    });
    if let Err(error) = talked {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error.into());
    }
    let status = child.wait()?;
    if is_too_much {
        return Err(ChildError::too_much(chore, most));
    }
    if status.success() {
        return Ok(Made::Bytes(made));
    }
    let stderr = String::from_utf8_lossy(&words).trim().to_owned();
    Err(why(chore, most, Ending { death: Death::from(status), stderr }))
}

/// The codes that a child ends with, beside 0: what it was given is refused, and it cannot
/// work here.
const REFUSED: u8 = 1;
const UNABLE: u8 = 3;

/// What a child's end says of the component, or of this machine.
fn why(chore: Chore, most: u64, ending: Ending) -> ChildError {
    const XCPU: i32 = Signal::XCPU.as_raw();
    const KILL: i32 = Signal::KILL.as_raw();
    const XFSZ: i32 = Signal::XFSZ.as_raw();
    let Ending { death, stderr } = ending;
    // What is lower for this process is so for its children, and not the component's doing.
    let lower = |resource, what, unit, needed: u64, limit| {
        let found = getrlimit(resource).current.filter(|found| *found < needed)?;
        Some(ChildError::Limit { what, unit, needed, found, limit })
    };
    let seconds = || lower(Resource::Cpu, "processor time", "s", chore.seconds(), "RLIMIT_CPU, `ulimit -t`");
    let memory = || lower(Resource::As, "memory", "bytes", chore.memory_bytes(), "RLIMIT_AS, `ulimit -v`");
    let size = || lower(Resource::Fsize, "files", "bytes", most, "RLIMIT_FSIZE, `ulimit -f`");
    match death {
        Death::Violation => ChildError::Violation(chore),
        Death::Crashed(Crash::Code(code)) if code == i32::from(REFUSED) => ChildError::Refused(stderr),
        Death::Crashed(Crash::Code(code)) if code == i32::from(UNABLE) => {
            ChildError::Host(io::Error::other(stderr))
        }
        Death::Crashed(Crash::Signal(XCPU)) => seconds().unwrap_or(ChildError::TooLong(chore)),
        Death::Crashed(Crash::Signal(XFSZ)) => size().unwrap_or(ChildError::too_much(chore, most)),
        Death::Crashed(Crash::Signal(KILL)) => seconds().unwrap_or_else(|| {
            ChildError::Crashed(chore, format!("{death}: for want of memory on this machine, or by somebody"))
        }),
        // As Rust says it before it aborts.
        Death::Crashed(_) if stderr.contains("memory allocation of") => {
            memory().unwrap_or(ChildError::TooLarge(chore))
        }
        death => ChildError::Crashed(chore, death.to_string()),
    }
}

/// The child's side: closes its jail or limits itself, reads or compiles, and returns the exit
/// code. A refusal is a line on stderr and 1.
#[must_use]
pub fn compile_worker(jailed: bool) -> u8 {
    let given = if jailed { given_in_jail() } else { given_in_limits() };
    let (chore, component) = match given {
        Ok(given) => given,
        Err(problem) => return ended(&problem, UNABLE),
    };
    let made = match chore {
        Chore::Reading => {
            // A wrong one is found all the same, and told.
            serde_json::to_vec(&known(&component)).map_err(|e| e.to_string())
        }
        Chore::Compiling => config::compiler(threads_can_be_had())
            .map_err(|e| e.to_string())
            .and_then(|engine| engine.precompile_component(&component).map_err(|e| said(&e))),
    };
    match made.map(|made| written(&made, jailed)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => ended(&format!("its result could not be written: {error}"), UNABLE),
        Err(refusal) => ended(&refusal[..refusal.floor_char_boundary(WORDS_BYTES)], REFUSED),
    }
}

/// Last words, which nobody may be there to hear, and the exit code.
fn ended(words: &str, code: u8) -> u8 {
    let _ = writeln!(io::stderr(), "{words}");
    code
}

fn chore(byte: u8) -> io::Result<Chore> {
    match byte {
        0 => Ok(Chore::Compiling),
        1 => Ok(Chore::Reading),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn given_in_jail() -> Result<(Chore, Vec<u8>), String> {
    let mut line = lancet_jail::enter().and_then(|loading| loading.lock()).map_err(|e| e.to_string())?.line;
    let mut read = || -> io::Result<(Chore, Vec<u8>)> {
        let (mut first, mut length) = ([0], [0; 8]);
        line.read_exact(&mut first)?;
        let chore = chore(first[0])?;
        line.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let mut component = Vec::new();
        if (&mut line).take(length).read_to_end(&mut component)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok((chore, component))
    };
    read().map_err(|e| format!("the component could not be read: {e}"))
}

fn given_in_limits() -> Result<(Chore, Vec<u8>), String> {
    // What is lower already stays: raising it takes a privilege.
    let limit = |resource, value: u64| {
        let found = getrlimit(resource);
        let fit = |most: Option<u64>| Some(most.map_or(value, |most| most.min(value)));
        setrlimit(resource, Rlimit { current: fit(found.current), maximum: fit(found.maximum) })
    };
    let failed = |e: io::Error| format!("the component could not be read: {e}");
    // It ends with whoever wants to know.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("the process could not be bound to its parent: {e}"))?;
    let mut stdin = io::stdin().lock();
    let mut first = [0];
    stdin.read_exact(&mut first).map_err(failed)?;
    let chore = chore(first[0]).map_err(failed)?;
    limit(Resource::Core, 0)
        .and_then(|()| limit(Resource::As, chore.memory_bytes()))
        .and_then(|()| limit(Resource::Cpu, chore.seconds()))
        .map_err(|e| format!("the limits of the process could not be set: {e}"))?;
    let mut component = Vec::new();
    stdin.read_to_end(&mut component).map_err(failed)?;
    Ok((chore, component))
}

/// Whether there may be as many threads as Wasmtime compiles with: it takes their absence
/// for a defect of its own, and it is a limit of the user's.
fn threads_can_be_had() -> bool {
    let wanted = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let closed = gate.lock();
        let mut started = Vec::new();
        let all = (0..wanted).all(|_| {
            let thread = thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()));
            thread.map(|thread| started.push(thread)).is_ok()
        });
        drop(closed);
        // A scope's end does not wait for theirs, and until then they count.
        for thread in started {
            let _ = thread.join();
        }
        all
    })
}

fn written(code: &[u8], to_memory: bool) -> io::Result<()> {
    let mut file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    if !to_memory {
        return file.write_all(code);
    }
    let mut file = Sparse::new(file);
    file.add(code)?;
    file.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_of_ever_less_often() {
        let told = Mutex::new(Vec::new());
        let first = Duration::from_millis(100);
        let tell = |waited| told.lock().unwrap().push(waited);
        let made = telling(first, tell, || {
            thread::sleep(Duration::from_millis(500));
            7
        });
        let told = told.into_inner().unwrap();
        assert_eq!(made, 7);
        // At 100, 200 and 400 ms, or later on a busy machine.
        assert!((1..=3).contains(&told.len()), "{told:?}");
        assert!(
            told.iter().zip(1..).all(|(waited, number)| *waited >= first * (1 << (number - 1))),
            "{told:?}"
        );
        let began = Instant::now();
        telling(Duration::from_secs(600), |_| panic!("nothing takes long"), || ());
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}
