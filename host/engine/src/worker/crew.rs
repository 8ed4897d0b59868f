//! The threads that start workers and see them off: starting one takes milliseconds, and
//! whoever waits for a verdict is not to wait for the end of a process.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use super::pool::Pool;
use super::threads::Threads;

/// The most threads that start workers of one plugin at the same time.
const MOST_STARTERS: usize = 4;
/// How many workers may stand ready for each call at a time, whatever the number of plugins.
const READY_PER_CALL: usize = 3;
/// How many may stand ready at least.
const LEAST_READY: usize = 12;

/// The most threads that see workers off: one that is not gone yet holds up no other.
const MOST_ENDERS: usize = 4;

/// What all pools of a runtime share.
pub(crate) struct Crew {
    see_off: Arc<Threads>,
    starters: usize,
    concurrency: usize,
    pools: Mutex<Vec<Weak<Pool>>>,
}

impl Crew {
    /// For that many calls at a time.
    pub(crate) fn new(concurrency: NonZeroUsize) -> Arc<Self> {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Arc::new(Self {
            see_off: Threads::new("plugin end", MOST_ENDERS),
            starters: concurrency.get().min(processors).min(MOST_STARTERS),
            concurrency: concurrency.get(),
            pools: Mutex::default(),
        })
    }

    /// Threads that start workers of one plugin. Each plugin has its own, since a worker that
    /// does not get ready, which its plugin's code may bring about, holds up one of them.
    pub(super) fn starters(&self) -> Arc<Threads> {
        Threads::new("plugin starter", self.starters)
    }

    /// How many workers of one plugin are to stand ready.
    pub(super) fn spare(&self) -> usize {
        self.concurrency.saturating_add(1).min(8)
    }

    /// Has a process ended.
    pub(super) fn see_off(&self, process: lancet_jail::Process) {
        if let Err(refused) = self.see_off.give(Box::new(move || drop(process))) {
            (refused.task)();
        }
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
        let standing = || pools.iter().map(|pool| (pool.standing(), pool));
        let all: usize = standing().map(|(standing, _)| standing.ready + standing.coming).sum();
        if all < (READY_PER_CALL * self.concurrency).max(LEAST_READY) {
            return true;
        }
        let since = asking.standing().used;
        let others = standing().filter(|(standing, _)| standing.ready > 0 && standing.used < since);
        let least = others.min_by_key(|(standing, _)| standing.used);
        least.is_some_and(|(_, pool)| pool.give_up_one())
    }

    fn pools(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
