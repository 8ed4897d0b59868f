//! Whether a process that says nothing is at work.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a process may be at nothing, and at work.
///
/// A worker is never waited for by the clock: how long it takes depends on what else the
/// machine does. It is hung when it
///
/// - sleeps although it owes the next message: it was found asleep ten times, a second
///   apart, while nothing of it could be read (a worker has one thread, which sleeps only
///   when it reads from its parent, or writes what its parent has not read yet);
/// - was found so six hundred times in all of its call, or within one message although
///   something of it could be read each time;
/// - was found stopped more than six hundred times in all of its call;
/// - has used up more processor time than its plugin may compute, and two minutes beyond;
///   the engine ends a plugin long before; or
/// - has owed messages for two hours in all of its call. Time in which its parent answers,
///   or was stopped, is not among them, nor is time in which it computed or waited for a
///   processor, as the kernel counts both.
///
/// One that could run and gets no processor, waits for its own memory to be read from a
/// disk, or was stopped by a signal is not hung; what was stopped is told to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// The time between two looks.
    pub(crate) look: Duration,
    /// Processor time beyond the plugin's own.
    pub(crate) beyond: Duration,
    /// How long a worker may take to load its code and close its jail. It takes milliseconds;
    /// one that is later than this on a machine that is busy, or was stopped, is started again.
    pub(crate) ready: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(1),
            beyond: Duration::from_secs(120),
            ready: Duration::from_secs(300),
        }
    }
}

/// How often in a row a process that owes a message may be found asleep.
const MOST_ASLEEP: u32 = 10;
/// How often a process may be found asleep while it owes messages, over all of its call: so
/// that one which sleeps a little before each message comes to an end.
const MOST_ASLEEP_IN_ALL: u32 = 600;
/// How often in one message a process may be found asleep with something of it to be read.
/// One that writes a long message to a parent which is slow to read is found so, but not
/// that often: a message fits the line in far fewer parts.
const MOST_SLOW: u32 = 600;
/// How often a process may be found stopped while it owes messages, over all of its call. It
/// is told to go on each time, so one that is found so again and again stops itself.
const MOST_STOPPED: u32 = 600;
/// How long a process may owe messages, over all of its call: as long as a compiler may be
/// waited for.
const MOST_OWED: Duration = Duration::from_secs(2 * 3_600);
/// What the kernel counts processor time in, for processes: hundredths of a second, on every
/// architecture.
const TICKS_PER_SECOND: u64 = 100;

/// Looks at a process whose message is waited for.
#[derive(Debug)]
pub(super) struct Watch {
    process: u32,
    patience: Patience,
    most: Duration,
    most_bytes: u64,
    looked: Instant,
    /// Looks at a sleeper since it was last heard, with nothing of it to be read.
    asleep: u32,
    /// The same since the call began.
    asleep_in_all: u32,
    /// Looks at a sleeper since it was last heard, with something of it to be read.
    slow: u32,
    /// Looks at one that was stopped, since the call began.
    stopped: u32,
    /// How long it was waited for, since the call began.
    waited: Duration,
}

/// What a look has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The process is at work, or kept from it.
    AtWork,
    /// The process sleeps.
    Asleep,
    /// The process has computed for too long.
    Overworked,
    /// The process has too much memory.
    Outgrown,
}

impl Watch {
    /// Watches a process that may compute for that long, and have as much memory as that: more
    /// than its limits leave it, unless it has got round them. Asks nothing of the kernel yet,
    /// which would hold up its call: the milliseconds that it took to get ready count as well.
    pub(super) fn new(process: u32, patience: Patience, own: Duration, most_bytes: u64) -> Self {
        let most = own.saturating_add(patience.beyond);
        Self {
            process,
            patience,
            most,
            most_bytes,
            looked: Instant::now(),
            asleep: 0,
            asleep_in_all: 0,
            slow: 0,
            stopped: 0,
            waited: Duration::ZERO,
        }
    }

    /// How long to wait for a message before the next look.
    pub(super) fn interval(&self) -> Duration {
        self.patience.look
    }

    /// The process has kept up its end: a message came, or all of one went out.
    pub(super) fn heard(&mut self) {
        (self.asleep, self.slow) = (0, 0);
    }

    /// Counts time for which the process was waited for, and says whether that is too much
    /// in all. A wait takes as long as it is until the next look, at most: one that took longer
    /// did so because this process was stopped, or had no processor.
    pub(super) fn waited(&mut self, time: Duration) -> bool {
        self.waited = self.waited.saturating_add(time.min(self.patience.look));
        self.waited > MOST_OWED && self.owed() > MOST_OWED
    }

    /// How long it was waited for without being at work or kept from it: what one computes is
    /// bounded by the processor's time, however long it takes to get that.
    fn owed(&self) -> Duration {
        self.waited.saturating_sub(busy(self.process))
    }

    /// Looks at the process, at most once in an interval.
    pub(super) fn look(&mut self) -> Seen {
        if self.looked.elapsed() < self.patience.look {
            return Seen::AtWork;
        }
        self.looked = Instant::now();
        // One that is gone shows at the end of its line.
        let Some(found) = looked_up(self.process) else { return Seen::AtWork };
        if self.has_overworked(&found) {
            return Seen::Overworked;
        }
        if self.is_outgrown() {
            return Seen::Outgrown;
        }
        match found.state {
            // Running or about to; waiting for a disk; dead.
            'R' | 'D' | 'Z' | 'X' => Seen::AtWork,
            'T' | 't' => {
                self.stopped += 1;
                if let Some(process) = i32::try_from(self.process).ok().and_then(Pid::from_raw) {
                    let _ = kill_process(process, Signal::CONT);
                }
                if self.stopped > MOST_STOPPED { Seen::Asleep } else { Seen::AtWork }
            }
            _ => Seen::Asleep,
        }
    }

    /// Whether the process has computed for too long, whoever's turn it is.
    pub(super) fn is_overworked(&self) -> bool {
        looked_up(self.process).is_some_and(|found| self.has_overworked(&found))
    }

    /// Whether the process has more memory than it can have.
    pub(super) fn is_outgrown(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process));
        status.is_ok_and(|status| held_bytes(&status) > self.most_bytes)
    }

    fn has_overworked(&self, found: &Found) -> bool {
        found.computed > self.most
    }

    /// Notes that the process was asleep, and says whether that is enough. `has_acted` is
    /// whether it has done something beforehand that this side has not taken up yet.
    pub(super) fn is_hung(&mut self, has_acted: bool) -> bool {
        if has_acted {
            self.slow += 1;
        } else {
            self.asleep += 1;
            self.asleep_in_all += 1;
        }
        self.asleep >= MOST_ASLEEP
            || self.asleep_in_all >= MOST_ASLEEP_IN_ALL
            || self.slow >= MOST_SLOW
            || self.stopped > MOST_STOPPED
    }
}

/// What the kernel says of a process.
struct Found {
    state: char,
    computed: Duration,
}

/// How long a process has computed, and waited for a processor to compute on. Nothing where
/// the kernel does not count that.
fn busy(process: u32) -> Duration {
    let counted = std::fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    let counted = counted.split_whitespace().take(2).map(|count| count.parse().unwrap_or(0));
    Duration::from_nanos(counted.fold(0, u64::saturating_add))
}

fn looked_up(process: u32) -> Option<Found> {
    parsed(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Reads `/proc/PID/stat`. The second field is a name, which may hold anything.
fn parsed(stat: &str) -> Option<Found> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    // utime and stime are the fields 14 and 15, and the state is the third.
    let mut fields = fields.skip(10).map(str::parse::<u64>);
    let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
    Some(Found { state, computed: Duration::from_millis(ticks * (1_000 / TICKS_PER_SECOND)) })
}

/// How much memory a process has by `/proc/PID/status`, at hand or swapped out, in bytes. What
/// it shares with others is among it.
fn held_bytes(status: &str) -> u64 {
    let kib = status.lines().filter_map(|line| {
        let number = line.strip_prefix("VmRSS:").or_else(|| line.strip_prefix("VmSwap:"))?;
        number.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    kib.sum::<u64>().saturating_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const LOOK: Duration = Duration::from_millis(5);

    fn watch(process: u32, own: Duration) -> Watch {
        let patience = Patience { look: LOOK, beyond: Duration::ZERO, ..Patience::default() };
        Watch::new(process, patience, own, u64::MAX)
    }

    /// Looks until something else is seen than work, at most so often.
    fn looks(watch: &mut Watch, most: u32) -> Seen {
        for _ in 0..most {
            std::thread::sleep(LOOK);
            match watch.look() {
                Seen::Asleep if !watch.is_hung(false) => {}
                Seen::AtWork => {}
                seen => return seen,
            }
        }
        Seen::AtWork
    }

    #[test]
    fn what_the_kernel_says_is_read_whatever_the_name() {
        let stat = "77 (a) R (b c) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 1 0 5";
        let found = parsed(stat).unwrap();
        assert_eq!((found.state, found.computed), ('S', Duration::from_millis(1_500)));
        assert!(parsed("77 (a").is_none());
        assert!(parsed("77 (a) S 1 2").is_none());
        assert!(looked_up(std::process::id()).is_some());
    }

    #[test]
    fn who_has_more_memory_than_it_can_is_found() {
        assert_eq!(held_bytes("Name:\tx\nVmRSS:\t    1200 kB\nVmSwap:\t     24 kB\n"), 1_224 << 10);
        assert_eq!(held_bytes("Name:\tVmRSS\n"), 0);
        let own = std::process::id();
        let watch = |most| Watch::new(own, Patience::default(), Duration::from_secs(100), most);
        assert!(watch(1 << 10).is_outgrown() && !watch(1 << 40).is_outgrown());
        let mut watch =
            Watch { patience: Patience { look: Duration::ZERO, ..Patience::default() }, ..watch(1) };
        assert_eq!(watch.look(), Seen::Outgrown);
    }

    #[test]
    fn who_sleeps_is_hung_and_who_computes_is_not_until_it_has_for_too_long() {
        let mut sleeper = Command::new("sleep").arg("100").spawn().unwrap();
        assert_eq!(looks(&mut watch(sleeper.id(), Duration::from_secs(100)), 400), Seen::Asleep);
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        let spins = "while :; do :; done";
        let mut spinner = Command::new("sh").args(["-c", spins]).stdin(Stdio::null()).spawn().unwrap();
        assert_eq!(looks(&mut watch(spinner.id(), Duration::from_secs(100)), 40), Seen::AtWork);
        assert_eq!(looks(&mut watch(spinner.id(), Duration::from_millis(50)), 40_000), Seen::Overworked);
        spinner.kill().unwrap();
        spinner.wait().unwrap();
    }

    #[test]
    fn who_sleeps_a_little_before_each_message_is_hung_in_the_end() {
        let mut sleeper = Command::new("sleep").arg("100").spawn().unwrap();
        for has_acted in [false, true] {
            let mut watch = watch(sleeper.id(), Duration::from_secs(100));
            let mut looks = 0;
            loop {
                std::thread::sleep(LOOK);
                if watch.look() == Seen::Asleep {
                    looks += 1;
                    if watch.is_hung(has_acted) {
                        break;
                    }
                }
                if !has_acted {
                    watch.heard();
                }
                assert!(looks < 1_000);
            }
            assert_eq!(looks, 600);
        }
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }

    #[test]
    fn who_owes_messages_for_two_hours_in_all_is_hung() {
        let mut sleeper = Command::new("sleep").arg("100").spawn().unwrap();
        let long = Duration::from_secs(30);
        let mut watch = Watch::new(sleeper.id(), Patience::default(), long, u64::MAX);
        // Of a host that was stopped for a year, the time between two looks counts.
        assert!(!watch.waited(Duration::from_secs(365 * 24 * 3_600)));
        for _ in 0..2 * (2 * 3_600 - 1) {
            assert!(!watch.waited(Duration::from_millis(500)));
            watch.heard();
        }
        // What it took to start it is not owed.
        let more = (0..100).take_while(|_| !watch.waited(Duration::from_millis(100))).count();
        assert!(more < 100, "{:?}", watch.owed());
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }

    #[test]
    fn who_computes_and_who_cannot_for_lack_of_a_processor_owes_nothing_meanwhile() {
        // Most machines that test have fewer processors.
        let spins = "while :; do :; done";
        let spinner = |_| Command::new("sh").args(["-c", spins]).stdin(Stdio::null()).spawn().unwrap();
        let mut spinners: Vec<_> = (0..6).map(spinner).collect();
        let mut watch = watch(spinners[0].id(), Duration::from_secs(100));
        watch.patience.look = Duration::MAX;
        // What it waited for is counted when it is over.
        let is_fair = (0..200).any(|_| {
            let began = Instant::now();
            std::thread::sleep(Duration::from_millis(50));
            watch.waited(began.elapsed());
            watch.owed() < watch.waited / 4
        });
        assert!(is_fair, "{:?} of {:?}", watch.owed(), watch.waited);
        for spinner in &mut spinners {
            spinner.kill().unwrap();
            spinner.wait().unwrap();
        }
    }

    #[test]
    fn who_was_stopped_is_told_to_go_on() {
        let mut spinner = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let process = Pid::from_raw(spinner.id().try_into().unwrap()).unwrap();
        let mut watch = watch(spinner.id(), Duration::from_secs(100));
        for _ in 0..20 {
            kill_process(process, Signal::STOP).unwrap();
            while looked_up(spinner.id()).unwrap().state != 'T' {
                std::thread::yield_now();
            }
            assert_eq!(looks(&mut watch, 1), Seen::AtWork);
            while looked_up(spinner.id()).unwrap().state == 'T' {
                std::thread::yield_now();
            }
        }
        spinner.kill().unwrap();
        spinner.wait().unwrap();
    }
}
