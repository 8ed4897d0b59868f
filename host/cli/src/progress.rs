//! What a run tells of itself, on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lancet_core::{Cents, Microdollars, Outcome};
use lancet_engine::ENGINE_ID;
use lancet_runner::{Notice, Observer};

use crate::failure::{pin_images, warn};
use crate::render::{dollars, either, numbered};
use crate::terminal;

/// Tells the operator what a run does: warnings, and a bar where stderr is a terminal.
pub(crate) struct Progress {
    quiet: bool,
    bar: Mutex<Option<Bar>>,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Arc<Self> {
        Arc::new(Self { quiet, bar: Mutex::new(None) })
    }

    fn bar(&self, change: impl FnOnce(&mut Option<Bar>)) {
        change(&mut self.bar.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Observer for Progress {
    fn notice(&self, notice: Notice<'_>) {
        match notice {
            Notice::LeftOut { tasks, why, suite } => {
                let tasks = numbered(tasks, "task");
                warn(&format!("{tasks} cannot be run: {why} (hint: {})", pin_images(suite)));
            }
            Notice::WithoutGold { task } => {
                warn(&format!("the task {task} has no gold patch, so that control is left out"));
            }
            Notice::Reopened { attempts } if !self.quiet => {
                terminal::tell(format_args!(
                    "{} that the infrastructure failed {} taken up again",
                    numbered(attempts, "attempt"),
                    either(attempts, "is", "are")
                ));
            }
            Notice::Unlisted { run } => warn(&format!(
                "run {run} was made before runs listed their attempts: whether one is missing is not checked"
            )),
            Notice::OtherEngine { recorded } => warn(&format!(
                "the run was started with {recorded}, and goes on with {ENGINE_ID}: fuel limits may bite elsewhere"
            )),
            Notice::FuelNotCompared { recorded } => warn(&format!(
                "the run was recorded with {recorded}, this is {ENGINE_ID}: fuel is not compared"
            )),
            Notice::Planned { attempts, decided, earned } => {
                self.bar(|bar| *bar = Some(Bar::new(attempts, decided, earned, self.quiet)));
            }
            Notice::Decided { outcome, earned, .. } => self.bar(|bar| {
                if let Some(bar) = bar {
                    bar.decided(outcome, earned);
                }
            }),
            Notice::Spent { cost, asks, .. } => self.bar(|bar| {
                if let Some(bar) = bar {
                    bar.spent(cost, asks);
                }
            }),
            Notice::Lost { requests } => warn(&format!(
                "{} to models {} set aside for {}",
                numbered(requests, "request"),
                either(
                    requests,
                    "was under way when the run was stopped: it counts as what was",
                    "were under way when the run was stopped: they count as what was"
                ),
                either(requests, "it", "them")
            )),
            Notice::WithoutModel { agent } => warn(&format!(
                "agent `{agent}` asks models, and there are none (hint: choose one with `--model`)"
            )),
            Notice::Stopping { .. } => {
                warn("stopping: the attempts under way are finished first; a second signal ends them now");
            }
            Notice::Aborting { under_way } => warn(&format!(
                "ending {} under way: {} recorded, to be resumed",
                numbered(under_way, "attempt"),
                either(under_way, "it stays as it was", "they stay as they were")
            )),
            Notice::SharedUsers { image, reason, more } => {
                self.bar(|bar| *bar = None);
                let more = match more {
                    0 => String::new(),
                    more => format!(" and of {}", numbered(more, "other image")),
                };
                warn(&format!(
                    "containers of {image}{more} shared a kernel user with others ({reason}): one attempt can use up what the kernel counts for a user, such as inotify instances (hint: `lancet doctor` lists it; `--own-users` refuses)"
                ));
            }
            _ => {}
        }
    }
}

/// How often a line says how far a run is, where there can be no bar.
const EVERY: Duration = Duration::from_secs(10);

/// How far a run is: a bar on a terminal, and elsewhere a line every now and then, so that a log
/// shows that the run goes on.
struct Bar {
    bar: ProgressBar,
    lines: Option<Lines>,
    pass: u64,
    fail: u64,
    invalid: u64,
    earned: Cents,
    /// What was spent on models, in words; `None` while nothing was asked.
    spent: Option<String>,
}

impl Bar {
    fn new(attempts: u64, done: u64, earned: Cents, quiet: bool) -> Self {
        let bar = ProgressBar::new(attempts).with_position(done);
        let is_drawn = terminal::moves(std::io::stderr().is_terminal());
        let lines = (!quiet && !is_drawn).then(|| {
            Lines::start(EVERY, |line| {
                // Nobody may be reading any more.
                let _ = writeln!(std::io::stderr(), "{line}");
            })
        });
        if quiet || !is_drawn {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            let style = ProgressStyle::with_template("{elapsed_precise} [{bar:30}] {pos}/{len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let bar = Self { bar, lines, pass: 0, fail: 0, invalid: 0, earned, spent: None };
        bar.show();
        bar
    }

    fn decided(&mut self, outcome: Outcome, earned: Cents) {
        match outcome {
            Outcome::Pass => self.pass += 1,
            Outcome::Fail => self.fail += 1,
            Outcome::Invalid => self.invalid += 1,
        }
        self.earned += earned;
        self.bar.inc(1);
        self.show();
    }

    /// What the run has spent so far. A cost that is not known is told in asks.
    fn spent(&mut self, cost: Option<Microdollars>, asks: u64) {
        self.spent = Some(match cost {
            Some(cost) => dollars(cost),
            None => format!("an unknown amount in {}", numbered(asks, "ask")),
        });
        self.show();
    }

    fn show(&self) {
        if let Some(lines) = &self.lines {
            lines.say(format!(
                "{} of {} decided: {}",
                self.bar.position(),
                numbered(self.bar.length().unwrap_or_default(), "attempt"),
                self.message()
            ));
        }
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(self.message());
    }

    fn message(&self) -> String {
        let counts = format!("{} pass, {} fail, {} invalid", self.pass, self.fail, self.invalid);
        match &self.spent {
            Some(spent) => format!("{counts}; earned {}, spent {spent}", self.earned),
            None => counts,
        }
    }
}

/// The latest line, written out every now and then by a thread of its own.
struct Lines {
    latest: Arc<Mutex<String>>,
    /// Dropped to end the thread.
    going: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    fn start(every: Duration, mut write: impl FnMut(&str) + Send + 'static) -> Self {
        let latest = Arc::new(Mutex::new(String::new()));
        let (going, ended) = channel::<()>();
        let told = Arc::clone(&latest);
        let began = Instant::now();
        let body = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let line = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
                write(&format!("{} s: {line}", began.elapsed().as_secs()));
            }
        };
        // Without a thread there are no lines, and everything else goes on.
        let thread = std::thread::Builder::new().name("lancet-progress".to_owned()).spawn(body).ok();
        Self { latest, going: Some(going), thread }
    }

    fn say(&self, line: String) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.going.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_stands_beside_what_is_earned() {
        let mut bar = Bar::new(3, 0, Cents(0), true);
        bar.decided(Outcome::Fail, Cents(0));
        assert_eq!(bar.message(), "0 pass, 1 fail, 0 invalid");
        bar.spent(Some(Microdollars(1_234_567)), 4);
        bar.decided(Outcome::Pass, Cents(25_000));
        assert_eq!(bar.message(), "1 pass, 1 fail, 0 invalid; earned $250, spent $1.2346");
        bar.spent(None, 5);
        assert!(bar.message().ends_with("spent an unknown amount in 5 asks"), "{}", bar.message());
        bar.spent(None, 1);
        assert!(bar.message().ends_with("spent an unknown amount in 1 ask"), "{}", bar.message());
    }

    #[test]
    fn without_a_terminal_a_line_is_written_every_now_and_then() {
        let (sender, written) = channel();
        let lines = Lines::start(Duration::from_millis(5), move |line| {
            let _ = sender.send(line.to_owned());
        });
        lines.say("1 of 3 attempts decided".to_owned());
        let mut told = written.iter().filter(|line| !line.ends_with(": "));
        let first = told.next().unwrap();
        let (seconds, what) = first.split_once(" s: ").unwrap();
        assert!(seconds.parse::<u64>().is_ok() && what == "1 of 3 attempts decided", "{first}");
        lines.say("2 of 3 attempts decided".to_owned());
        assert!(told.any(|line| line.contains("2 of 3")));
        drop(lines);
        // It ends at once, and nothing is written any more.
        assert!(written.iter().count() < 1_000);
        // A run that takes less than that writes none.
        let quick = Lines::start(EVERY, |_| panic!("a line"));
        quick.say("done".to_owned());
        drop(quick);
    }
}
