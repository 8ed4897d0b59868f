//! What commands need of this process to use the runner: an executor, the engine for
//! plugins, signals.

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lancet_engine::{Compiler, Workers};
use lancet_jail::Program;
use lancet_runner::{Ended, Error, Host, Loader, Observer, Prepared, Run, Trial};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::isolation::{IsolationArguments, Walls};
use crate::paths;

/// How long work on other threads may take to end when its result is not wanted any more.
const LINGER: Duration = Duration::from_secs(2);

/// The hidden command that makes this program work for one plugin, in a jail.
pub(crate) const WORKER: &str = "plugin-worker";

/// Runs a future on an executor of its own, made only for commands that need it.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let executor = threads_can_be_had()
        .and_then(|()| tokio::runtime::Builder::new_multi_thread().enable_all().build())
        .map_err(|e| host("starting the executor", e).hint(FEW_THREADS))?;
    let result = executor.block_on(future);
    // What a second signal ended may be in the middle of a large file, and nobody waits for
    // it any more. After anything else there is nothing left to wait for.
    executor.shutdown_timeout(LINGER);
    result
}

const FEW_THREADS: &str = "a limit on processes and threads is reached, RLIMIT_NPROC of the user or `pids.max` of the \
                           control group: raise it, or end other processes";

/// Whether as many threads can be had as the executor begins with, and some: it takes their
/// absence for a defect of its own.
fn threads_can_be_had() -> io::Result<()> {
    let wanted = thread::available_parallelism().map_or(1, NonZeroUsize::get) + 2;
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let closed = gate.lock();
        let started = (0..wanted)
            .try_for_each(|_| thread::Builder::new().spawn_scoped(scope, || drop(gate.lock())).map(drop));
        drop(closed);
        started
    })
}

/// Has the kernel keep how processes ended that this one started. Whoever started this one may
/// have had it forget that, by ignoring SIGCHLD, which programs inherit.
fn hear_of_ends() -> io::Result<()> {
    let is_ignored = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
        Some(ignored >> (SignalKind::child().as_raw_value() - 1) & 1 == 1)
    };
    if is_ignored() != Some(true) {
        return Ok(());
    }
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = executor.enter();
    // The handler stays when nobody listens any more.
    signal(SignalKind::child()).map(drop)
}

/// The engine for plugins, for `jobs` calls at a time. Plugins run, and are compiled, where
/// the operator wants them: in jailed processes, which are this very program, or in this one.
/// An operator's prompt is tried in a child process under limits.
pub(crate) fn loader(jobs: NonZeroUsize, isolation: &IsolationArguments) -> Result<Loader, Failure> {
    isolation.check()?;
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
        Ok(Compiler::Child { program })
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

/// How many interrupt and termination signals have come.
pub(crate) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Listens from now on. Where there can be no handlers, signals kill the process,
    /// which loses nothing.
    pub(crate) fn listen() -> Self {
        let (sender, receiver) = watch::channel(0);
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::spawn(async move {
                while !sender.is_closed() {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                        () = sender.closed() => return,
                    }
                    sender.send_modify(|count| *count += 1);
                }
            });
        }
        Self(receiver)
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
