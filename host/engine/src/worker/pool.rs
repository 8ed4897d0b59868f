//! Workers of one plugin that stand ready, started in advance. Each is used once.

use std::collections::VecDeque;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use lancet_core::{Fault, FaultKind, Limits};
use lancet_jail::{Bounds, Death, Ending, Held, Jailed, Process, Program, Sealed, StartError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::oneshot;

use super::crew::Crew;
use super::fault::of_death;
use super::threads::Threads;
use super::watch::Patience;
use crate::config::EngineError;

/// How often in a row a worker may fail before it is ready until the call that it is for
/// fails by that. No call belongs to it before.
const MOST_FAILURES: u32 = 3;

/// What a worker may have of memory beyond its limits, its stack and what is mapped of files
/// among it, in bytes.
const SLACK_BYTES: u64 = 256 << 20;

/// Processor time after which the kernel ends a worker, in seconds: a day. The host looks
/// at what a worker computes itself; this is for when there is no host any more.
const MOST_CPU_SECONDS: u64 = 24 * 3_600;

/// How many workers are to stand ready while calls are at work.
const LEAST_READY: usize = 1;

/// The workers of one plugin.
pub(crate) struct Pool {
    program: Program,
    code: Sealed,
    crew: Arc<Crew>,
    starters: Arc<Threads>,
    patience: Patience,
    /// Which walls hold around the first worker, and so have to around all.
    held: OnceLock<Held>,
    places: Mutex<Places>,
    this: Weak<Self>,
}

/// A jailed process that has loaded its plugin and waits for its one job. Dropped, it is
/// killed; nobody waits for that.
pub(super) struct Worker {
    pub(super) line: Option<UnixStream>,
    pub(super) held: Held,
    /// The most memory that it can have by its limits, and some more.
    pub(super) most_bytes: u64,
    process: Option<Process>,
    crew: Arc<Crew>,
    /// The pool that gets another one in its place when it is over.
    replaced_in: Option<Weak<Pool>>,
}

/// Why there is no worker.
#[derive(Debug, Clone)]
pub(super) enum NoWorker {
    /// None can be started here.
    Host {
        /// Why not.
        cause: String,
        /// What to do about it, where that is known.
        hint: Option<&'static str>,
    },
    /// They start, and what was compiled of the plugin makes them fail.
    Plugin(Fault),
    /// What was compiled of the plugin cannot be loaded.
    NotLoaded(String),
}

impl NoWorker {
    pub(super) fn into_error(self) -> EngineError {
        let (cause, hint) = match self {
            Self::Host { cause, hint } => (cause, hint),
            Self::NotLoaded(cause) => (cause, None),
            Self::Plugin(fault) => (fault.to_string(), None),
        };
        EngineError { doing: "starting a jailed process for a plugin", cause, hint }
    }
}

struct Places {
    ready: VecDeque<Worker>,
    waiting: VecDeque<oneshot::Sender<Result<Worker, NoWorker>>>,
    /// How many are being started.
    starting: usize,
    /// Workers in a row that failed before they were ready.
    failures: u32,
    used: Instant,
}

/// How a pool stands.
pub(super) struct Standing {
    /// Workers that stand ready.
    pub(super) ready: usize,
    /// Workers that are being started and that nobody waits for.
    pub(super) coming: usize,
    /// When a worker was last asked for.
    pub(super) used: Instant,
}

impl Pool {
    /// A pool without workers, of processes of `program` that load `code`.
    pub(crate) fn new(program: Program, code: Sealed, crew: Arc<Crew>, patience: Patience) -> Arc<Self> {
        let places = Places {
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            starting: 0,
            failures: 0,
            used: Instant::now(),
        };
        let pool = Arc::new_cyclic(|this| Self {
            program,
            code,
            starters: crew.starters(),
            crew,
            patience,
            held: OnceLock::new(),
            places: Mutex::new(places),
            this: Weak::clone(this),
        });
        pool.crew.enter(&pool);
        pool
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// A worker that waits for its job. If it was the last one, another is started, behind
    /// whoever waits for this one. The rest are started when the call is over: before, they
    /// would take its processor away from it.
    pub(super) async fn take(&self) -> Result<Worker, NoWorker> {
        let mut worker = self.taken(self.crew.spare().min(LEAST_READY)).await?;
        worker.replaced_in = Some(Weak::clone(&self.this));
        Ok(worker)
    }

    /// The same without others in its place.
    pub(super) async fn take_one(&self) -> Result<Worker, NoWorker> {
        self.taken(0).await
    }

    /// A worker, and as many as `spare` that stand ready behind it.
    async fn taken(&self, spare: usize) -> Result<Worker, NoWorker> {
        let waits = {
            let mut places = self.places();
            places.used = Instant::now();
            places.ready.retain(Worker::is_there);
            match places.ready.pop_front() {
                Some(worker) => Ok(worker),
                None => {
                    let (give, take) = oneshot::channel();
                    places.waiting.push_back(give);
                    Err(take)
                }
            }
        };
        self.start_up_to(spare);
        match waits {
            Ok(worker) => Ok(worker),
            Err(take) => match take.await {
                Ok(came) => came,
                Err(_) => Err(no_thread("the threads that start processes are gone".to_owned())),
            },
        }
    }

    /// Has as many workers started as are to stand ready.
    pub(crate) fn fill(&self) {
        self.start_up_to(self.crew.spare());
    }

    /// Has a worker started for each who waits, and as many as `spare` beyond.
    fn start_up_to(&self, spare: usize) {
        // Those that died meanwhile cost nobody anything, and others are started for them.
        self.places().ready.retain(Worker::is_there);
        loop {
            {
                let mut places = self.places();
                // Who gave up waiting needs none.
                places.waiting.retain(|waiting| !waiting.is_closed());
                if places.starting >= places.waiting.len() {
                    let beyond = places.starting - places.waiting.len();
                    if places.ready.len() + beyond >= spare {
                        return;
                    }
                    drop(places);
                    if !self.crew.has_room(self) {
                        return;
                    }
                    places = self.places();
                }
                places.starting += 1;
            }
            // For a plugin that is gone by then none is started.
            let pool = Weak::clone(&self.this);
            if let Err(refused) = self.starters.give(Box::new(move || Self::start_one(&pool))) {
                self.failed(&no_thread(format!(
                    "starting a thread that starts processes: {}",
                    refused.error
                )));
                return;
            }
        }
    }

    /// Starts a worker and waits until it is ready. Meanwhile the pool may go, as a worker that
    /// does not get ready is no reason to keep it.
    fn start_one(pool: &Weak<Self>) {
        let Some(starting) = pool.upgrade() else { return };
        let (program, code) = (starting.program.clone(), starting.code.clone());
        let within = starting.patience.ready;
        drop(starting);
        let bounds = Bounds::run(Limits::MAX_MEMORY_BYTES, MOST_CPU_SECONDS);
        let is_awaited = || pool.upgrade().is_some_and(|pool| !pool.places().waiting.is_empty());
        let started = program.start(&code, &bounds).and_then(|started| started.ready_for(within, is_awaited));
        let Some(pool) = pool.upgrade() else { return };
        let is_again_needed = match started {
            Ok(Jailed { line, held, process }) => {
                let crew = Arc::clone(&pool.crew);
                // What is mapped of its code and of its program counts too.
                let code = code.bytes().saturating_mul(3);
                let most_bytes = bounds.memory_bytes.saturating_add(code).saturating_add(SLACK_BYTES);
                let (line, process) = (Some(line), Some(process));
                let worker = Worker { line, held, most_bytes, process, crew, replaced_in: None };
                if *pool.held.get_or_init(|| worker.held.clone()) == worker.held {
                    pool.arrived(worker);
                    false
                } else {
                    pool.failed(&other_walls())
                }
            }
            Err(error) => pool.failed(&reason(error)),
        };
        if is_again_needed {
            pool.start_up_to(0);
        }
    }

    /// Gives a worker to whoever waits longest, or has it stand ready.
    fn arrived(&self, worker: Worker) {
        let mut worker = Some(worker);
        let mut places = self.places();
        places.starting -= 1;
        places.failures = 0;
        while let Some(arrived) = worker.take() {
            let Some(waiting) = places.waiting.pop_front() else {
                places.ready.push_back(arrived);
                return;
            };
            if let Err(Ok(unwanted)) = waiting.send(Ok(arrived)) {
                worker = Some(unwanted);
            }
        }
    }

    /// Tells whoever waits that a worker could not be started, as far as it is for them to
    /// know. Says whether others are to be started.
    fn failed(&self, why: &NoWorker) -> bool {
        let mut places = self.places();
        places.starting -= 1;
        if let NoWorker::Host { .. } = why {
            // Nothing that anybody waits for comes of trying on.
            for waiting in places.waiting.drain(..) {
                let _ = waiting.send(Err(why.clone()));
            }
            return false;
        }
        if places.waiting.is_empty() {
            places.failures = 0;
            return false;
        }
        places.failures += 1;
        let is_final = matches!(why, NoWorker::NotLoaded(_)) || places.failures >= MOST_FAILURES;
        if is_final {
            places.failures = 0;
            while let Some(waiting) = places.waiting.pop_front() {
                if waiting.send(Err(why.clone())).is_ok() {
                    break;
                }
            }
        }
        !places.waiting.is_empty()
    }

    /// How many workers stand ready, or are about to, and when one was last asked for.
    pub(super) fn standing(&self) -> Standing {
        let places = self.places();
        let coming = places.starting.saturating_sub(places.waiting.len());
        Standing { ready: places.ready.len(), coming, used: places.used }
    }

    /// Ends one worker that stands ready. Says whether there was one.
    pub(super) fn give_up_one(&self) -> bool {
        self.places().ready.pop_front().is_some()
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outer walls around a worker are not those around the first one of its plugin, which are
/// what is on record of it. A process says which they are before it looks at the plugin, so this
/// is the machine's doing: what it says later is its plugin's.
fn other_walls() -> NoWorker {
    NoWorker::Host {
        cause: "a jailed process has other walls around it than the one before".to_owned(),
        hint: Some(
            "the kernel gave it less than before, for want of memory perhaps: run less at a time (`--jobs`)",
        ),
    }
}

/// Whose fault it is that a worker did not get ready.
fn reason(error: StartError) -> NoWorker {
    let hung = "the process that it is to run in does not get ready";
    match error {
        StartError::Died(Ending { death: Death::Stopped, .. }) => {
            NoWorker::Plugin(Fault::new(FaultKind::Crash, "the process that it is to run in closes its line"))
        }
        StartError::Died(ending) => NoWorker::Plugin(of_death(ending.death)),
        StartError::NotLoaded(problem) => NoWorker::NotLoaded(problem),
        StartError::Late(_) => NoWorker::Plugin(Fault::new(FaultKind::Hung, hung)),
        StartError::Answer(_) => {
            let message = "the process that it is to run in says what none says before it is ready";
            NoWorker::Plugin(Fault::new(FaultKind::JailViolation, message))
        }
        error => NoWorker::Host { cause: error.to_string(), hint: Some(error.hint()) },
    }
}

/// There is no thread to start a worker on, which is the machine's doing.
fn no_thread(cause: String) -> NoWorker {
    let hint = "a limit on processes and threads is reached, RLIMIT_NPROC of the user or `pids.max` of the control \
                group: raise it, or run less at a time (`--jobs`)";
    NoWorker::Host { cause, hint: Some(hint) }
}

impl Worker {
    /// Whether the process is still there, as far as its line tells.
    fn is_there(&self) -> bool {
        let Some(line) = &self.line else { return false };
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds = [PollFd::from_borrowed_fd(line.as_fd(), PollFlags::IN)];
        let is_asked = poll(&mut fds, Some(&at_once)).is_ok();
        is_asked && !fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    /// The number of the process.
    pub(super) fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// Ends the process, and says how it died if it did by itself. Waits for it, on a thread
    /// of its own.
    pub(super) async fn end(mut self) -> Death {
        let Some(process) = self.process.take() else { return Death::Stopped };
        let ended = tokio::task::spawn_blocking(move || process.end().death).await;
        ended.unwrap_or(Death::Stopped)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            self.crew.see_off(process);
        }
        if let Some(pool) = self.replaced_in.take().and_then(|pool| pool.upgrade()) {
            pool.fill();
        }
    }
}
