//! What commands need of this process to use the runner: an executor, the engine for
//! plugins, signals.

use std::io;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use lancet_core::hint_of_descriptors;
use lancet_engine::{Compiler, Slow, Workers};
use lancet_jail::Program;
use lancet_runner::{Ended, Error, Host, Loader, Observer, Prepared, Run, Trial};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::isolation::{IsolationArguments, Walls};
use crate::paths;
use crate::terminal::remark;

/// How long work on other threads may take to end when its result is not wanted any more.
const LINGER: Duration = Duration::from_secs(2);

/// The hidden command that makes this program work for one plugin, in a jail.
pub(crate) const WORKER: &str = "plugin-worker";

/// The executor, from when a command first needs it.
static EXECUTOR: Mutex<Option<Runtime>> = Mutex::new(None);
/// Whether there has been one: then its threads are there, and are not looked for any more.
static IS_MADE: AtomicBool = AtomicBool::new(false);

/// Runs a future on the executor, which is made only for commands that need it.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let kept = EXECUTOR.lock().unwrap_or_else(PoisonError::into_inner).take();
    let executor = kept.map_or_else(executor, Ok)?;
    let result = executor.block_on(future);
    *EXECUTOR.lock().unwrap_or_else(PoisonError::into_inner) = Some(executor);
    result
}

fn executor() -> Result<Runtime, Failure> {
    threads()?;
    let unmade = |error: io::Error| {
        let hint = few(&error);
        host("starting the executor", error).hint(hint)
    };
    descriptors().map_err(unmade)?;
    let executor = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_keep_alive(FOR_GOOD)
        .build()
        .map_err(unmade)?;
    // While there are some, work that there is no further thread for waits for one of these;
    // without any it would end this process.
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock();
    for _ in 0..KEPT_THREADS {
        let gate = Arc::clone(&gate);
        executor.spawn_blocking(move || drop(gate.lock().unwrap_or_else(PoisonError::into_inner)));
    }
    drop(closed);
    IS_MADE.store(true, Ordering::Relaxed);
    Ok(executor)
}

/// Ends the executor, with what is still under way on it.
pub(crate) fn end() {
    if let Some(executor) = EXECUTOR.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // What a second signal ended may be in the middle of a large file, and nobody waits for
        // it any more. After anything else there is nothing left to wait for.
        executor.shutdown_timeout(LINGER);
    }
}

/// How long threads for work that blocks are kept: longer than any run.
const FOR_GOOD: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);
/// How many of them there are from the beginning: work that waits for other work has to have
/// somebody who does that.
const KEPT_THREADS: usize = 4;

const FEW_THREADS: &str = "a limit on processes and threads is reached, RLIMIT_NPROC of the user (`ulimit -u`) or \
                           `pids.max` of the control group: raise it, end other processes, or run less at a time";

/// What ends a process that writes more into a file than it may, unless there is a handler: then the
/// write fails, and is told. The number is the same wherever Lancet runs.
const SIGXFSZ: i32 = 25;

/// What to do when the system does not give what a process needs to do more than one thing.
fn few(error: &io::Error) -> &'static str {
    hint_of_descriptors(error).unwrap_or(FEW_THREADS)
}

/// Pairs of descriptors that are tried for: an executor opens six, of which the last three are for
/// signals.
const PAIRS: usize = 3;

/// Looks whether there can be as many descriptors as an executor takes. It takes their absence for a
/// defect of its own, and panics.
fn descriptors() -> io::Result<()> {
    (0..PAIRS).map(|_| UnixStream::pair()).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Threads beside those of the executor and of the compiler: of the store, of signals, of those
/// who start processes and read files.
const OTHER_THREADS: usize = 8;
/// What a command takes beside those that the executor has: one for the store, one for signals.
const MORE_THREADS: usize = 2;

/// Looks whether there can be as many threads as commands take. Libraries take their absence
/// for a defect of their own, and end or wait for ever.
pub(crate) fn threads() -> Result<(), Failure> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let wanted = match IS_MADE.load(Ordering::Relaxed) {
        true => MORE_THREADS,
        false => 2 * processors + OTHER_THREADS,
    };
    let started = Instant::now();
    loop {
        let Err(error) = can_start(wanted) else { return Ok(()) };
        // What has just ended counts for a moment.
        if started.elapsed() > MOMENT {
            let lacking = format!("there cannot be {wanted} further ones: {error}");
            return Err(host("starting threads", lacking).hint(few(&error)));
        }
        thread::sleep(MOMENT / 10);
    }
}

const MOMENT: Duration = Duration::from_millis(300);

/// Starts so many threads at once, and waits until they are gone.
fn can_start(wanted: usize) -> io::Result<()> {
    let before = alive();
    let gate = Mutex::new(());
    let all = thread::scope(|scope| {
        let closed = gate.lock();
        let mut started = Vec::new();
        let all = (0..wanted).try_for_each(|_| {
            let waiting = || drop(gate.lock().unwrap_or_else(PoisonError::into_inner));
            started.push(thread::Builder::new().spawn_scoped(scope, waiting)?);
            Ok(())
        });
        drop(closed);
        // The end of a scope does not wait for theirs.
        for thread in started {
            let _ = thread.join();
        }
        all
    });
    // Nor does that wait until the kernel counts them no more.
    let ended = Instant::now();
    while alive() > before && ended.elapsed() < MOMENT {
        thread::yield_now();
    }
    all
}

/// How many threads this process has, where the kernel tells.
fn alive() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Has the kernel keep how processes ended that this one started. Whoever started this one may
/// have had it forget that, by ignoring SIGCHLD, which programs inherit.
fn hear_of_ends() -> io::Result<()> {
    if !is_ignored(SignalKind::child()) {
        return Ok(());
    }
    descriptors()?;
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = executor.enter();
    // The handler stays when nobody listens any more.
    signal(SignalKind::child()).map(drop)
}

/// Whether a signal is ignored by this process, as far as the kernel tells: programs inherit that from
/// whoever starts them.
fn is_ignored(kind: SignalKind) -> bool {
    let ignored = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(ignored.trim(), 16).ok()
    };
    ignored().is_some_and(|ignored| ignored >> (kind.as_raw_value() - 1) & 1 == 1)
}

/// Tells of a component that takes long to look at: of any size the host has a bound, which a busy
/// machine stretches.
fn told_as_slow(slow: &Slow<'_>) {
    let Slow { name, doing, bytes, waited, most } = slow;
    remark(format_args!(
        "{doing} plugin `{name}` ({bytes} bytes) goes on after {} s; it is refused when it has taken {} s of processor time",
        waited.as_secs(),
        most.as_secs()
    ));
}

/// The engine for plugins, for `jobs` calls at a time. Plugins run, and are compiled, where
/// the operator wants them: in jailed processes, which are this very program, or in this one.
/// An operator's prompt is tried in a child process under limits.
pub(crate) fn loader(jobs: NonZeroUsize, isolation: &IsolationArguments) -> Result<Loader, Failure> {
    isolation.check()?;
    threads()?;
    Ok(unasked_loader(jobs, isolation)?)
}

/// The same, when nothing contradicts itself in what the operator wants.
pub(crate) fn unasked_loader(jobs: NonZeroUsize, isolation: &IsolationArguments) -> Result<Loader, Error> {
    hear_of_ends().map_err(|e| Error::Host {
        doing: "asking the kernel to tell of the ends of processes",
        problem: e.to_string(),
    })?;
    let compiler = || {
        let program = Program::own(["compile-plugin"]).map_err(|e| Error::Host {
            doing: "opening this program",
            problem: format!("{e}; its user has to be able to read it, and `/proc` to be mounted"),
        })?;
        Ok(Compiler::Child { program, slow: Some(told_as_slow) })
    };
    let trial = || {
        let program = std::env::current_exe()
            .map_err(|e| Error::Host { doing: "finding this program", problem: e.to_string() })?;
        Ok(Trial::Child { program, arguments: vec!["try-prompt".to_owned()] })
    };
    let loader = Loader::new(jobs, compiler, paths::cache())?.trying(trial);
    let walls = Walls::new(isolation);
    Ok(loader.isolated(isolation.isolation(), move |plugin| {
        walls.around(plugin)?;
        Ok(Workers::own([WORKER]))
    }))
}

/// Records a run and brings it to its end.
pub(crate) async fn execute(
    host: &Host,
    prepared: Prepared<'_>,
    jobs: NonZeroUsize,
    observer: Arc<dyn Observer>,
) -> Result<(lancet_core::RunId, Exit), Failure> {
    let run = prepared.record(host).await?;
    let id = run.id().clone();
    Ok((id, Box::pin(finish(run, jobs, observer)).await?))
}

/// Brings a run to its end, or to where signals stop it.
pub(crate) async fn finish(
    run: Run,
    jobs: NonZeroUsize,
    observer: Arc<dyn Observer>,
) -> Result<Exit, Failure> {
    let signals = Signals::listen();
    let ended = Box::pin(run.finish(jobs, signals.first(), signals.second(), observer)).await?;
    Ok(match ended {
        Ended::Finished => Exit::Done,
        Ended::Stopped => Exit::Interrupted,
    })
}

/// How long what a second signal ends may take to end: containers are removed then.
const LAST_GRACE: Duration = Duration::from_secs(15);

/// How many signals to end have come since it was listened for them: an interrupt, a termination, or
/// that the terminal is gone.
pub(crate) struct Signals(watch::Receiver<u32>);

/// Who listens for signals, each with the number of those that have come for it.
static LISTENERS: Mutex<Vec<watch::Sender<u32>>> = Mutex::new(Vec::new());

/// Hears signals from now on. One that nobody listens for ends the process and what it has started,
/// and what was half written. Where there can be no thread, or no handlers, signals kill it.
pub(crate) fn hear_signals() {
    /// Makes the thread that hears signals, and waits until it does.
    static EAR: Once = Once::new();
    EAR.call_once(|| {
        let (ready, listens) = mpsc::sync_channel(1);
        // Not one of the executor's threads, which may all be at work.
        let _ = thread::Builder::new().name("signals".to_owned()).spawn(move || hear(&ready));
        // Whoever goes on to write what a signal is to remove counts on it. Without a thread, or
        // handlers, nothing is sent, and this ends all the same.
        let _ = listens.recv();
    });
}

impl Signals {
    /// Listens from now on, for as long as this is kept. Where there can be no handlers, signals
    /// kill the process, which loses nothing.
    ///
    /// No signal is in vain: the second ends the process when whoever was to end at it has not
    /// for fifteen seconds, the third does so at once, and so does any that nobody listens for any
    /// more.
    pub(crate) fn listen() -> Self {
        let (sender, receiver) = watch::channel(0);
        LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        hear_signals();
        Self(receiver)
    }

    /// Whether one has come.
    pub(crate) fn have_come(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Resolves at the first signal.
    pub(crate) fn first(&self) -> impl Future<Output = ()> + use<> {
        Self::at(self.0.clone(), 1)
    }

    /// Resolves at the second signal.
    pub(crate) fn second(&self) -> impl Future<Output = ()> + use<> {
        Self::at(self.0.clone(), 2)
    }

    async fn at(mut count: watch::Receiver<u32>, number: u32) {
        if count.wait_for(|count| *count >= number).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Counts signals for as long as there is a process, from when it says that it is ready.
fn hear(ready: &mpsc::SyncSender<()>) {
    let made =
        descriptors().and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
    let Ok(executor) = made else { return };
    executor.block_on(async {
        // The handler stays, and nobody listens: whoever writes is told by what the write comes to.
        let _ = signal(SignalKind::from_raw(SIGXFSZ));
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        // `nohup` has it ignored, and means it.
        let is_wanted = !is_ignored(SignalKind::hangup());
        let mut hangup = is_wanted.then(|| signal(SignalKind::hangup()).ok()).flatten();
        let _ = ready.send(());
        let mut last = None;
        loop {
            let ends_at = async {
                match last {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let is_gone = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = is_gone => {}
                () = ends_at => end_now(),
            }
            match tell_listeners() {
                1 => {}
                2 => last = Some(tokio::time::Instant::now() + LAST_GRACE),
                _ => end_now(),
            }
        }
    });
}

/// Tells everybody who listens of a signal, and says the how many-th it is for whoever has heard
/// most of them; beyond all numbers when nobody listens.
fn tell_listeners() -> u32 {
    let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.retain(|listener| !listener.is_closed());
    let told = listeners.iter().map(|listener| {
        listener.send_modify(|count| *count += 1);
        *listener.borrow()
    });
    told.max().unwrap_or(u32::MAX)
}

/// Ends the process wherever it is, with all that it has started and half written. What is durable
/// stays, and what is not never was.
fn end_now() -> ! {
    lancet_child::end_all();
    lancet_file::remove_hidden();
    std::process::exit(Exit::Interrupted.code().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_hint() {
        let hint = |number| few(&io::Error::from_raw_os_error(number));
        assert!(hint(24).contains("`ulimit -n`"));
        assert!(hint(23).contains("`fs.file-max`"));
        // The last is EAGAIN, of a thread that cannot be.
        assert!(hint(11).contains("`ulimit -u`"));
        descriptors().unwrap();
    }
}
