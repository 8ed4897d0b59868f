//! Time that a limit is held against: it passes while this process looks on, and stands
//! still while this process is stopped (`SIGSTOP`, Ctrl-Z, a frozen machine).
//!
//! It is counted in ticks. One that comes late counts as one, whatever the clock says:
//! nobody's time is used up by what befalls the host.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The most that passes between two looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// What is left of a limit.
#[derive(Debug)]
pub(crate) struct Timer(Mutex<Duration>);

impl Timer {
    /// With all of it left; none of it passes by itself.
    pub(crate) fn new(limit: Duration) -> Self {
        Self(Mutex::new(limit))
    }

    /// How much is left.
    pub(crate) fn left(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is left.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Does something while time passes, and lets it be done when that is over.
    pub(crate) async fn through<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let _tick = Tick { timer: self, began: Instant::now() };
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep(TICK) => {}
            }
        }
    }

    /// Does something while time passes; `None` when that was over before it was done.
    /// What is done at the same moment is done.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let left = self.left();
            if left.is_zero() {
                return None;
            }
            let _tick = Tick { timer: self, began: Instant::now() };
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = sleep(TICK.min(left)) => {}
            }
        }
    }
}

/// A part of the time, which has passed when this is dropped: also where whoever waited
/// waits no longer.
struct Tick<'a> {
    timer: &'a Timer,
    began: Instant,
}

impl Drop for Tick<'_> {
    fn drop(&mut self) {
        let mut left = self.timer.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(self.began.elapsed().min(TICK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the whole process is while it is stopped.
    fn stop(time: Duration) {
        std::thread::sleep(time);
    }

    #[tokio::test]
    async fn a_stop_costs_no_more_than_a_tick() {
        let timer = Timer::new(Duration::from_secs(1));
        assert_eq!(timer.during(async { stop(Duration::from_millis(1_500)) }).await, Some(()));
        assert!(timer.left() >= Duration::from_millis(700), "{:?}", timer.left());
        // Also in the middle of a wait.
        let stopped = async {
            sleep(Duration::from_millis(50)).await;
            stop(Duration::from_millis(1_500));
        };
        let (done, ()) = tokio::join!(timer.during(sleep(Duration::from_millis(300))), stopped);
        assert_eq!(done, Some(()));
        assert!(timer.left() >= Duration::from_millis(200), "{:?}", timer.left());
    }

    #[tokio::test]
    async fn what_sleeps_is_ended_and_what_was_used_stays_used() {
        let timer = Timer::new(Duration::from_millis(700));
        let began = Instant::now();
        assert_eq!(timer.during(sleep(Duration::from_millis(300))).await, Some(()));
        // Nothing passes in between.
        sleep(Duration::from_millis(600)).await;
        assert!(!timer.is_over());
        assert_eq!(timer.during(std::future::pending::<()>()).await, None);
        assert!(began.elapsed() >= Duration::from_millis(1_250), "{:?}", began.elapsed());
        assert!(timer.is_over());
        assert_eq!(timer.during(async {}).await, None);
    }

    #[tokio::test]
    async fn who_waits_no_longer_has_used_what_went_by() {
        let timer = Timer::new(Duration::from_secs(60));
        for _ in 0..5 {
            let wait = timer.during(std::future::pending::<()>());
            assert!(tokio::time::timeout(Duration::from_millis(100), wait).await.is_err());
        }
        assert!(timer.left() <= Duration::from_millis(59_500), "{:?}", timer.left());
    }
}
