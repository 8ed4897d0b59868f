//! Threads that are there while there is something for them to do.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a thread waits for something further to do.
const LINGER: Duration = Duration::from_secs(5);

pub(super) type Task = Box<dyn FnOnce() + Send>;

/// A number of threads that carry out what they are given, in its order. They are started when
/// they are needed.
pub(super) struct Threads {
    name: &'static str,
    most: usize,
    state: Mutex<State>,
    given: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    threads: usize,
    /// Threads that wait for a task.
    idle: usize,
}

/// A task for which there is no thread.
pub(super) struct Refused {
    pub(super) task: Task,
    pub(super) error: io::Error,
}

impl Threads {
    /// At most so many threads of that name. None is started yet.
    pub(super) fn new(name: &'static str, most: usize) -> Arc<Self> {
        Arc::new(Self { name, most, state: Mutex::default(), given: Condvar::new() })
    }

    /// Has a task carried out.
    ///
    /// # Errors
    /// There is no thread, and none can be started. A task is given back, of which there are as
    /// many as there were refusals.
    pub(super) fn give(self: &Arc<Self>, task: Task) -> Result<(), Refused> {
        let mut state = self.state();
        state.tasks.push_back(task);
        if state.idle >= state.tasks.len() || state.threads >= self.most {
            drop(state);
            self.given.notify_one();
            return Ok(());
        }
        let threads = Arc::clone(self);
        // Under the lock, for which the thread waits: of two that fail at the same time each
        // gets its own task back.
        let started = thread::Builder::new().name(self.name.to_owned()).spawn(move || threads.work());
        let Err(error) = started else {
            state.threads += 1;
            return Ok(());
        };
        // If there is another thread, it gets to this task too.
        let task = if state.threads == 0 { state.tasks.pop_back() } else { None };
        task.map_or(Ok(()), |task| Err(Refused { task, error }))
    }

    fn work(&self) {
        while let Some(task) = self.next() {
            task();
        }
    }

    /// What is to be done next, or nothing for a thread that was not needed for a while.
    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if let Some(task) = state.tasks.pop_front() {
                return Some(task);
            }
            state.idle += 1;
            let (woken, wait) =
                self.given.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.tasks.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn there_are_as_many_as_are_needed_and_no_more_than_that() {
        let threads = Threads::new("some threads", 2);
        let (done, doing) = mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        for number in 0..4 {
            let (done, gate) = (done.clone(), Arc::clone(&gate));
            let task = move || {
                done.send(number).unwrap();
                drop(gate.lock().unwrap());
            };
            assert!(threads.give(Box::new(task)).is_ok());
        }
        // One that is held up holds up no other, as long as there is another thread.
        let mut first = [doing.recv().unwrap(), doing.recv().unwrap()];
        first.sort_unstable();
        assert_eq!(first, [0, 1]);
        assert_eq!(threads.state().threads, 2);
        drop(closed);
        let mut rest = [doing.recv().unwrap(), doing.recv().unwrap()];
        rest.sort_unstable();
        assert_eq!(rest, [2, 3]);
    }
}
