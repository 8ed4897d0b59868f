use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cents, Kind, Outcome, RunId, Sha256, wilson95};

/// What a run came to. This is the JSON of `lancet report --format json`, a
/// public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// When it was started: RFC 3339, UTC.
    pub started: String,
    /// Whether every attempt has been decided.
    pub complete: bool,
    /// What it ran.
    pub suite: ReportedSuite,
    /// Who worked on it.
    pub agent: ReportedPlugin,
    /// Who judged.
    pub graders: Vec<ReportedPlugin>,
    /// Whether the agent was granted the answers: then this is a control of the
    /// suite and no result of the agent.
    pub control: bool,
    /// What the random streams derived from.
    pub seed: u64,
    /// Attempts at each task.
    pub attempts_per_task: u32,
    /// By kind, and over all.
    pub totals: TotalsByKind,
    /// What trivial policies get on the same manager tasks. `null` when the run
    /// has none.
    pub baselines: Option<Baselines>,
    /// Manager tasks that the baselines do not count, because only their own grader
    /// can read their answer keys.
    #[serde(default)]
    pub without_baseline: u64,
    /// Published results of the same benchmark, when the suite was imported from
    /// it.
    pub published: Vec<PublishedRow>,
    /// A digest over all verdict digests, in the order of task and attempt. Two
    /// runs of the same inputs have the same, whatever their parallelism.
    pub verdicts_digest: Sha256,
}

/// The suite of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportedSuite {
    /// Its name.
    pub name: String,
    /// The digest over all its files.
    pub digest: Sha256,
    /// Where it was imported from: `swe-lancer`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<String>,
    /// Which set of the origin: `diamond`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<String>,
    /// The digest of the file that it was imported from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_digest: Option<Sha256>,
}

/// A plugin of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportedPlugin {
    /// What it was called.
    pub name: String,
    /// What it was.
    pub digest: Sha256,
}

/// Totals for each kind, and over all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TotalsByKind {
    /// Manager tasks.
    pub swe_manager: Totals,
    /// Individual contributor tasks.
    pub ic_swe: Totals,
    /// Both.
    pub all: Totals,
}

/// Tasks that this version cannot run: neither attempted nor dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotRunnable {
    /// How many.
    pub tasks: u64,
    /// What they would pay.
    pub available_cents: Cents,
}

/// Wall-clock time in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Time {
    /// In agents, summed over attempts.
    pub solve_ms: f64,
    /// In graders, summed over attempts.
    pub grade_ms: f64,
}

/// The sums of a group of tasks.
///
/// `tasks × attempts per task` is `pass + fail + invalid + pending`, plus the
/// tasks that are not runnable. The rates count every attempt that was due, the
/// invalid and not runnable ones as not earned; `decided` leaves those out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Tasks selected, the not runnable ones included.
    pub tasks: u64,
    /// Attempts due: tasks that can be run, times the attempts at each.
    pub attempts: u64,
    /// Attempts that passed.
    pub pass: u64,
    /// Attempts that failed.
    pub fail: u64,
    /// Attempts that came to no decision.
    pub invalid: u64,
    /// Attempts not decided yet: the run was interrupted.
    pub pending: u64,
    /// Tasks that this version cannot run.
    pub not_runnable: NotRunnable,
    /// What the passes pay.
    pub earned_cents: Cents,
    /// What all of `tasks` pay, each attempt at them counted.
    pub available_cents: Cents,
    /// `earned_cents / available_cents`. `null` when nothing could be attempted.
    pub earn_rate: Option<f64>,
    /// Passes of all due. `null` when nothing could be attempted.
    pub pass_rate: Option<f64>,
    /// The 95 % Wilson interval of `pass_rate`, low and high.
    pub pass_rate_ci95: Option<[f64; 2]>,
    /// The same over passed and failed attempts only.
    pub decided: Decided,
    /// Where the time went.
    pub time: Time,
    /// How tests were run.
    #[serde(default)]
    pub tests: TestTotals,
    /// Attempts that would be due at the tasks that are not runnable.
    #[serde(skip)]
    #[schemars(skip)]
    not_runnable_attempts: u64,
}

/// How tests were run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestTotals {
    /// Executions of test plans.
    pub runs: u64,
    /// Attempts at which a plan was executed more than once.
    pub rerun_attempts: u64,
    /// Of these, attempts whose executions came to different outcomes.
    pub flaky_attempts: u64,
    /// `flaky_attempts / rerun_attempts`. `null` when nothing was run twice.
    pub flake_rate: Option<f64>,
}

/// Rates without the invalid, pending and not runnable ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// Attempts that passed or failed.
    pub attempts: u64,
    /// What they could have paid.
    pub available_cents: Cents,
    /// `earned_cents / available_cents`.
    pub earn_rate: Option<f64>,
    /// Passes of all decided.
    pub pass_rate: Option<f64>,
    /// The 95 % Wilson interval of `pass_rate`, low and high.
    pub pass_rate_ci95: Option<[f64; 2]>,
}

/// An amount as a share of another.
#[expect(clippy::cast_precision_loss, reason = "amounts and counts are far below 2^52")]
fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Totals {
    /// No tasks.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            tasks: 0,
            attempts: 0,
            pass: 0,
            fail: 0,
            invalid: 0,
            pending: 0,
            not_runnable: NotRunnable::default(),
            earned_cents: Cents::ZERO,
            available_cents: Cents::ZERO,
            earn_rate: None,
            pass_rate: None,
            pass_rate_ci95: None,
            decided: Decided::default(),
            time: Time::default(),
            tests: TestTotals::default(),
            not_runnable_attempts: 0,
        }
    }

    /// Adds one attempt at a task of that price; `None` when it is pending.
    pub fn add_attempt(&mut self, price: Cents, outcome: Option<Outcome>, earned: Cents, time: Time) {
        self.attempts += 1;
        self.available_cents += price;
        self.earned_cents += earned;
        self.time.solve_ms += time.solve_ms;
        self.time.grade_ms += time.grade_ms;
        match outcome {
            Some(Outcome::Pass) => self.pass += 1,
            Some(Outcome::Fail) => self.fail += 1,
            Some(Outcome::Invalid) => self.invalid += 1,
            None => self.pending += 1,
        }
        if matches!(outcome, Some(Outcome::Pass | Outcome::Fail)) {
            self.decided.attempts += 1;
            self.decided.available_cents += price;
        }
    }

    /// Adds how one attempt's tests were run.
    pub fn add_tests(&mut self, runs: u64, flaky: bool) {
        self.tests.runs += runs;
        self.tests.rerun_attempts += u64::from(runs > 1);
        self.tests.flaky_attempts += u64::from(flaky);
    }

    /// Adds tasks that cannot be run, at which `attempts` each would be due.
    pub fn add_not_runnable(&mut self, tasks: NotRunnable, attempts: u32) {
        self.tasks += tasks.tasks;
        self.not_runnable_attempts += tasks.tasks * u64::from(attempts);
        self.available_cents += Cents(tasks.available_cents.0.saturating_mul(u64::from(attempts)));
        self.not_runnable.tasks += tasks.tasks;
        self.not_runnable.available_cents += tasks.available_cents;
    }

    /// Works out the rates, once everything has been added.
    pub fn finish(&mut self) {
        let due = self.attempts + self.not_runnable_attempts;
        if self.attempts > 0 {
            self.earn_rate = rate(self.earned_cents.0, self.available_cents.0);
            self.pass_rate = rate(self.pass, due);
            self.pass_rate_ci95 = wilson95(self.pass, due);
        }
        self.tests.flake_rate = rate(self.tests.flaky_attempts, self.tests.rerun_attempts);
        let decided = &mut self.decided;
        decided.earn_rate = rate(self.earned_cents.0, decided.available_cents.0);
        decided.pass_rate = rate(self.pass, decided.attempts);
        decided.pass_rate_ci95 = wilson95(self.pass, decided.attempts);
    }
}

impl TotalsByKind {
    /// No tasks of either kind.
    #[must_use]
    pub fn empty() -> Self {
        Self { swe_manager: Totals::empty(), ic_swe: Totals::empty(), all: Totals::empty() }
    }

    /// The totals that a task of `kind` counts in.
    pub fn of_mut(&mut self, kind: Kind) -> [&mut Totals; 2] {
        match kind {
            Kind::SweManager => [&mut self.swe_manager, &mut self.all],
            Kind::IcSwe => [&mut self.ic_swe, &mut self.all],
        }
    }

    /// The totals of one kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &Totals {
        match kind {
            Kind::SweManager => &self.swe_manager,
            Kind::IcSwe => &self.ic_swe,
        }
    }
}

/// What a policy without any thought gets on the manager tasks of a run, one
/// attempt at each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Baselines {
    /// Always the first proposal.
    pub first: Baseline,
    /// Always the last proposal.
    pub last: Baseline,
    /// Always the proposal with the most characters, the first such.
    pub longest: Baseline,
    /// One proposal at random, all as likely: the exact expectation.
    pub random: Expectation,
    /// How many tasks these are over.
    pub tasks: u64,
    /// What those tasks pay.
    pub available_cents: Cents,
}

/// A policy's result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// Tasks passed.
    pub pass: u64,
    /// What they pay.
    pub earned_cents: Cents,
}

/// A random policy's expected result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// Tasks passed in the mean.
    pub pass: f64,
    /// Cents earned in the mean.
    pub earned_cents: f64,
}

/// One published result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedRow {
    /// The model.
    pub model: String,
    /// The set that it was measured on.
    pub set: String,
    /// How many tasks that set had.
    pub tasks: u64,
    /// What that set paid.
    pub available_cents: Cents,
    /// Tasks passed at the first attempt, as a share.
    pub pass_rate: f64,
    /// What was earned, rounded as published.
    pub earned_cents: Cents,
    /// Earned of available, as a share, as published.
    pub earn_rate: f64,
}

/// The published results of SWE-Lancer's Diamond set (arXiv 2502.12115), one
/// row for each model and kind. The set has lost tasks since, so they are for
/// orientation and not for comparing to the percent.
#[must_use]
pub fn published_rows(kinds: &[Kind]) -> Vec<PublishedRow> {
    type Row = (f64, u64, f64);
    const MODELS: [&str; 3] = ["GPT-4o", "o1 (high)", "Claude 3.5 Sonnet"];
    const MANAGER: [Row; 3] = [(0.370, 125_000, 0.471), (0.415, 137_000, 0.518), (0.449, 150_000, 0.568)];
    const IC: [Row; 3] = [(0.080, 14_000, 0.060), (0.165, 29_000, 0.121), (0.262, 58_000, 0.245)];
    const ALL: [Row; 3] = [(0.233, 139_000, 0.277), (0.297, 166_000, 0.331), (0.361, 208_050, 0.415)];

    let (set, tasks, dollars, rows) = match kinds {
        [] => return Vec::new(),
        [Kind::SweManager] => ("SWE-Lancer Diamond, manager", 265, 264_500, MANAGER),
        [Kind::IcSwe] => ("SWE-Lancer Diamond, IC", 237, 236_300, IC),
        _ => ("SWE-Lancer Diamond", 502, 500_800, ALL),
    };
    MODELS
        .iter()
        .zip(rows)
        .map(|(model, (pass_rate, earned, earn_rate))| PublishedRow {
            model: (*model).to_owned(),
            set: set.to_owned(),
            tasks,
            available_cents: Cents(dollars * 100),
            pass_rate,
            earned_cents: Cents(earned * 100),
            earn_rate,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_and_not_runnable_are_counted_apart() {
        let mut totals = Totals::empty();
        totals.tasks = 3;
        totals.add_attempt(Cents(100), Some(Outcome::Pass), Cents(100), Time::default());
        totals.add_attempt(Cents(100), Some(Outcome::Fail), Cents::ZERO, Time::default());
        totals.add_attempt(Cents(200), Some(Outcome::Invalid), Cents::ZERO, Time::default());
        totals.add_not_runnable(NotRunnable { tasks: 1, available_cents: Cents(600) }, 1);
        totals.add_tests(1, false);
        totals.add_tests(2, true);
        totals.add_tests(3, false);
        totals.finish();
        assert_eq!((totals.tests.runs, totals.tests.flake_rate), (6, Some(0.5)));
        assert_eq!((totals.tasks, totals.attempts), (4, 3));
        assert_eq!(totals.available_cents, Cents(1000));
        assert_eq!(totals.earn_rate, Some(0.1));
        assert_eq!(totals.pass_rate, Some(0.25));
        assert_eq!(totals.decided.pass_rate, Some(0.5));
        assert_eq!(totals.decided.earn_rate, Some(0.5));
    }

    #[test]
    fn nothing_attempted_is_no_zero() {
        let mut totals = Totals::empty();
        totals.add_not_runnable(NotRunnable { tasks: 104, available_cents: Cents(8_950_000) }, 1);
        totals.finish();
        assert_eq!((totals.pass_rate, totals.earn_rate, totals.pass_rate_ci95), (None, None, None));
    }
}
