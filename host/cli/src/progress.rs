//! What a run tells of itself, on stderr.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lancet_core::{Cents, Microdollars, Outcome};
use lancet_engine::ENGINE_ID;
use lancet_runner::{Notice, Observer};

use crate::failure::{pin_images, warn};
use crate::output::tell;
use crate::render::dollars;

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
                warn(&format!("{tasks} tasks cannot be run: {why} (hint: {})", pin_images(suite)));
            }
            Notice::WithoutGold { task } => {
                warn(&format!("the task {task} has no gold patch, so that control is left out"));
            }
            Notice::Reopened { attempts } if !self.quiet => {
                tell(format_args!("{attempts} attempts that the infrastructure failed are taken up again"));
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
                "{requests} requests to models were under way when the run was stopped: they count as what was set \
                 aside for them"
            )),
            Notice::WithoutModel { agent } => warn(&format!(
                "agent `{agent}` asks models, and there are none (hint: choose one with `--model`)"
            )),
            Notice::Stopping { .. } => {
                warn("stopping: the attempts under way are finished first; a second signal ends them now");
            }
            Notice::Aborting { under_way } => warn(&format!(
                "ending {under_way} attempts under way: they stay as they were recorded, to be resumed"
            )),
            Notice::SharedUsers { image, reason, more } => {
                self.bar(|bar| *bar = None);
                let more = match more {
                    0 => String::new(),
                    more => format!(" and of {more} other images"),
                };
                warn(&format!(
                    "containers of {image}{more} shared a kernel user with others ({reason}): one attempt can use up what the kernel counts for a user, such as inotify instances (hint: `lancet doctor` lists it; `--own-users` refuses)"
                ));
            }
            _ => {}
        }
    }
}

/// How far a run is; hidden where stderr is no terminal.
struct Bar {
    bar: ProgressBar,
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
        if quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            let style = ProgressStyle::with_template("{elapsed_precise} [{bar:30}] {pos}/{len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, pass: 0, fail: 0, invalid: 0, earned, spent: None }
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
            None => format!("an unknown amount in {asks} asks"),
        });
        self.show();
    }

    fn show(&self) {
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
    }
}
