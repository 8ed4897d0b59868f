//! The threads that start workers and see them off: starting one takes milliseconds, and
//! whoever waits for a verdict is not to wait for the end of a process.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use super::pool::Pool;
use crate::config::EngineError;

/// The most threads that start workers at the same time.
const MOST_STARTERS: usize = 4;
/// How many workers may stand ready for each call at a time, whatever the number of plugins.
const READY_PER_CALL: usize = 3;
/// How many may stand ready at least.
const LEAST_READY: usize = 12;

type Task = Box<dyn FnOnce() + Send>;

/// The threads behind all pools of a runtime. They end with the last who knows of them.
pub(crate) struct Crew {
    start: Sender<Task>,
    see_off: Sender<Task>,
    concurrency: usize,
    pools: Mutex<Vec<Weak<Pool>>>,
}

impl Crew {
    /// Threads for that many calls at a time.
    ///
    /// # Errors
    /// When there can be no further threads.
    pub(crate) fn new(concurrency: NonZeroUsize) -> Result<Arc<Self>, EngineError> {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let starters = concurrency.get().min(processors).min(MOST_STARTERS);
        let failed = |error: std::io::Error| EngineError {
            doing: "starting the threads that start jailed processes",
            cause: error.to_string(),
        };
        let start = threads("plugin starter", starters).map_err(failed)?;
        let see_off = threads("plugin end", 1).map_err(failed)?;
        Ok(Arc::new(Self { start, see_off, concurrency: concurrency.get(), pools: Mutex::default() }))
    }

    /// How many workers of one plugin are to stand ready.
    pub(super) fn spare(&self) -> usize {
        self.concurrency.saturating_add(1).min(8)
    }

    /// Has a worker started.
    pub(super) fn start(&self, task: impl FnOnce() + Send + 'static) {
        run(&self.start, Box::new(task));
    }

    /// Has a process ended.
    pub(super) fn see_off(&self, process: lancet_jail::Process) {
        run(&self.see_off, Box::new(move || drop(process)));
    }

    /// Counts a pool among those whose workers stand ready.
    pub(super) fn enter(&self, pool: &Arc<Pool>) {
        let mut pools = self.pools();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// Makes room for a further worker that stands ready: where there are as many as there
    /// may be, the pool that was used least recently gives one up. Says whether there is
    /// room; a pool gives up nothing for itself.
    pub(super) fn has_room(&self, asking: &Pool) -> bool {
        let pools: Vec<_> = self.pools().iter().filter_map(Weak::upgrade).collect();
        let ready: usize = pools.iter().map(|pool| pool.standing().0).sum();
        if ready < (READY_PER_CALL * self.concurrency).max(LEAST_READY) {
            return true;
        }
        let (_, since) = asking.standing();
        let others = pools.iter().map(|pool| (pool.standing(), pool));
        let least = others.filter(|((ready, used), _)| *ready > 0 && *used < since).min_by_key(|(s, _)| s.1);
        least.is_some_and(|(_, pool)| pool.give_up_one())
    }

    fn pools(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a task to threads. They are there for as long as anybody can give them one.
fn run(to: &Sender<Task>, task: Task) {
    if let Err(unsent) = to.send(task) {
        (unsent.0)();
    }
}

/// Starts threads that carry out what is sent, until nobody can send any more.
fn threads(name: &str, count: usize) -> std::io::Result<Sender<Task>> {
    let (sender, receiver) = channel::<Task>();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..count {
        let receiver: Arc<Mutex<Receiver<Task>>> = Arc::clone(&receiver);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            loop {
                let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(task) = next else { return };
                task();
            }
        })?;
    }
    Ok(sender)
}
