//! A plugin's own time: what it computes, and never what it waits for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use lancet_core::Limits;
use rustix::time::{ClockId, clock_gettime};

/// Charges a guest for what it does itself: the processor time of the thread that
/// drives it, and fuel for calls that the engine does not count.
///
/// Nothing else counts. A guest that waits for a processor, because its neighbours
/// have them all, the machine is busy or the whole process was stopped, is charged
/// nothing, and neither is one that waits for a test run. So no number of jobs makes
/// a guest run out of time.
#[derive(Clone)]
pub(crate) struct Clock {
    reading: Arc<Mutex<Reading>>,
    limit: Duration,
    fuel_limit: u64,
    call_fuel: u64,
}

#[derive(Default)]
struct Reading {
    spent: Duration,
    /// Fuel for calls of WASI, which the store's own count does not know.
    debt: u64,
}

/// Why a guest was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdrawn {
    /// It computed for too long.
    Time,
    /// Its calls cost more than all of its fuel.
    Fuel,
}

impl Clock {
    /// A clock that shows nothing yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            reading: Arc::default(),
            limit: Duration::from_millis(limits.wall_ms),
            fuel_limit: limits.fuel,
            call_fuel: limits.wasi_call_fuel,
        }
    }

    /// Charges a call that takes the host's time and none of the guest's fuel.
    pub(crate) fn charge_call(&self) {
        self.charge_fuel(self.call_fuel);
    }

    /// Charges what a call carried beside that.
    pub(crate) fn charge_bytes(&self, bytes: usize) {
        // Limits of before there was a charge have none for bytes either.
        if self.call_fuel > 0 {
            self.charge_fuel(bytes as u64);
        }
    }

    fn charge_fuel(&self, fuel: u64) {
        let mut reading = self.reading();
        reading.debt = reading.debt.saturating_add(fuel);
    }

    /// Charges time that the guest wants to pass and that nobody waits for.
    pub(crate) fn charge_time(&self, time: Duration) {
        let mut reading = self.reading();
        reading.spent = reading.spent.saturating_add(time);
    }

    /// Fuel charged beside the store's own count.
    pub(crate) fn debt(&self) -> u64 {
        self.reading().debt
    }

    /// What the guest has overdrawn, if anything.
    pub(crate) fn overdrawn(&self) -> Option<Overdrawn> {
        let reading = self.reading();
        // Fuel first: it is the same in every execution.
        if reading.debt > self.fuel_limit {
            Some(Overdrawn::Fuel)
        } else if reading.spent > self.limit {
            Some(Overdrawn::Time)
        } else {
            None
        }
    }

    /// Drives a guest until it is done or has overdrawn. It has to give way every now
    /// and then: that is where it is looked at.
    pub(crate) async fn within<T>(&self, guest: impl Future<Output = T>) -> Result<T, Overdrawn> {
        let mut guest = pin!(guest);
        poll_fn(|context| {
            let before = processor_time();
            let polled = guest.as_mut().poll(context);
            self.charge_time(processor_time().saturating_sub(before));
            match polled {
                Poll::Ready(done) => Poll::Ready(Ok(done)),
                Poll::Pending => self.overdrawn().map_or(Poll::Pending, |what| Poll::Ready(Err(what))),
            }
        })
        .await
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this thread has computed since it began.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use tokio::task::yield_now;
    use tokio::time::sleep;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn clock(limit: Duration) -> Clock {
        let wall_ms = limit.as_millis().try_into().unwrap();
        Clock::new(&Limits { wall_ms, fuel: 10_000, wasi_call_fuel: 1_000, ..Limits::standard() })
    }

    /// Computes that long, by this thread's own clock.
    fn compute(time: Duration) {
        let began = processor_time();
        while processor_time() - began < time {
            std::hint::black_box(());
        }
    }

    #[tokio::test]
    async fn time_outside_does_not_count() {
        let clock = clock(50 * MS);
        let done = clock
            .within(async {
                for _ in 0..4 {
                    compute(5 * MS);
                    sleep(40 * MS).await;
                }
                "done"
            })
            .await;
        assert_eq!(done, Ok("done"));
    }

    #[tokio::test]
    async fn what_the_guest_takes_adds_up() {
        let clock = clock(50 * MS);
        let endless = async {
            loop {
                compute(5 * MS);
                yield_now().await;
            }
        };
        let began = processor_time();
        assert_eq!(clock.within(endless).await, Err::<(), _>(Overdrawn::Time));
        assert!(processor_time() - began < 100 * MS, "it was let go on");
        assert_eq!(clock.within(yield_now()).await, Err(Overdrawn::Time), "it is used up");
    }

    #[test]
    fn a_machine_that_is_busy_takes_nothing_from_a_guest() {
        let busy = AtomicBool::new(true);
        let processors = std::thread::available_parallelism().unwrap().get();
        let clock = clock(120 * MS);
        let guest = async {
            for _ in 0..8 {
                compute(5 * MS);
                yield_now().await;
            }
        };
        let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (done, took) = std::thread::scope(|scope| {
            for _ in 0..4 * processors {
                scope.spawn(|| {
                    while busy.load(Ordering::Relaxed) {
                        std::hint::black_box(());
                    }
                });
            }
            let began = Instant::now();
            let done = executor.block_on(clock.within(guest));
            busy.store(false, Ordering::Relaxed);
            (done, began.elapsed())
        });
        assert_eq!(done, Ok(()));
        assert!(took > 80 * MS, "there was no load: {took:?}");
    }

    #[tokio::test]
    async fn calls_that_cost_more_than_all_the_fuel_end_the_guest() {
        let clock = clock(1_000 * MS);
        let mut calls = 0;
        let guest = async {
            loop {
                calls += 1;
                clock.charge_call();
                yield_now().await;
            }
        };
        assert_eq!(clock.within(guest).await, Err::<(), _>(Overdrawn::Fuel));
        assert_eq!(calls, 11);
    }

    #[tokio::test]
    async fn limits_of_before_charge_for_no_call() {
        let clock = Clock::new(&Limits { fuel: 1, wasi_call_fuel: 0, ..Limits::standard() });
        clock.charge_call();
        clock.charge_bytes(100);
        assert_eq!((clock.debt(), clock.overdrawn()), (0, None));
    }
}
