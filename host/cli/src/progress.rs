use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lancet_core::Outcome;

/// How far a run is, on stderr and only when that is a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    pass: u64,
    fail: u64,
    invalid: u64,
}

impl Progress {
    pub(crate) fn new(attempts: u64, done: u64, quiet: bool) -> Self {
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
        Self { bar, pass: 0, fail: 0, invalid: 0 }
    }

    pub(crate) fn decided(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Pass => self.pass += 1,
            Outcome::Fail => self.fail += 1,
            Outcome::Invalid => self.invalid += 1,
        }
        self.bar.inc(1);
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{} pass, {} fail, {} invalid", self.pass, self.fail, self.invalid));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
