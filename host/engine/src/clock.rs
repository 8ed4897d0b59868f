use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// How often a paused clock is looked at: nothing runs meanwhile that could
/// overdraw it.
const PAUSED_TICK: Duration = Duration::from_millis(50);

/// The time that a guest takes, without the time that it waits for the outside:
/// a test run of 20 minutes is not the grader's.
#[derive(Clone)]
pub(crate) struct Clock(Arc<Mutex<Reading>>);

struct Reading {
    /// Taken before `since`.
    spent: Duration,
    /// When the guest went on; `None` while it waits.
    since: Option<Instant>,
}

/// The clock stands still until this is dropped.
pub(crate) struct Paused(Clock);

impl Clock {
    /// A clock that runs.
    pub(crate) fn start() -> Self {
        Self(Arc::new(Mutex::new(Reading { spent: Duration::ZERO, since: Some(Instant::now()) })))
    }

    /// Stops it for a call outside. Such calls do not overlap: a guest waits for
    /// each.
    pub(crate) fn pause(&self) -> Paused {
        let mut reading = self.reading();
        if let Some(since) = reading.since.take() {
            reading.spent += since.elapsed();
        }
        drop(reading);
        Paused(self.clone())
    }

    /// Drives `future` until it is done, or until the clock shows `limit`: `None`.
    pub(crate) async fn within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let (left, paused) = {
                let reading = self.reading();
                let running = reading.since.map_or(Duration::ZERO, |since| since.elapsed());
                (limit.checked_sub(reading.spent + running)?, reading.since.is_none())
            };
            let wait = if paused { left.max(PAUSED_TICK) } else { left };
            if let Ok(done) = timeout(wait, future.as_mut()).await {
                return Some(done);
            }
            if !paused && left.is_zero() {
                return None;
            }
        }
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.reading().since = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(1);

    // Time is tokio's own here and jumps to the next timer: no test waits.

    #[tokio::test(start_paused = true)]
    async fn time_outside_does_not_count() {
        let clock = Clock::start();
        let done = clock
            .within(LIMIT, async {
                for _ in 0..3 {
                    sleep(9 * SECOND).await;
                    let paused = clock.pause();
                    sleep(1_200 * SECOND).await;
                    drop(paused);
                }
                "done"
            })
            .await;
        assert_eq!(done, Some("done"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_guest_takes_adds_up() {
        let clock = Clock::start();
        let began = Instant::now();
        let done = clock
            .within(LIMIT + SECOND / 2, async {
                loop {
                    sleep(SECOND).await;
                    let paused = clock.pause();
                    sleep(SECOND).await;
                    drop(paused);
                }
            })
            .await;
        assert_eq!(done, None::<()>);
        assert_eq!(began.elapsed().as_secs(), 60, "30.5 s of the guest's and 30 s outside");
    }

    #[tokio::test(start_paused = true)]
    async fn a_guest_that_never_calls_ends_at_the_limit() {
        let clock = Clock::start();
        let began = Instant::now();
        assert_eq!(clock.within(LIMIT, std::future::pending::<()>()).await, None);
        assert_eq!(began.elapsed().as_secs(), LIMIT.as_secs());
        assert_eq!(clock.within(LIMIT, std::future::pending::<()>()).await, None, "it is used up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_outside_is_waited_for_however_little_is_left() {
        let clock = Clock::start();
        let done = clock
            .within(SECOND, async {
                sleep(Duration::from_micros(999_999)).await;
                let _paused = clock.pause();
                sleep(86_400 * SECOND).await;
            })
            .await;
        assert_eq!(done, Some(()));
    }
}
