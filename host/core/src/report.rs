//! What a run came to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Cents, Clustered, Expense, Kind, ModelTotals, Outcome, Ratio, RatioSum, ReasonCode, ReportedLimit,
    ReportedModel, RunId, Sha256,
};

/// What a run came to. This is the JSON of `lancet report --format json`, a
/// public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The run that is reported.
    pub run: RunId,
    /// When the run was started: RFC 3339, UTC.
    pub started: String,
    /// Whether every attempt has been decided. While it is not, rates and amounts
    /// for one attempt are those of what is decided so far.
    pub complete: bool,
    /// The suite that was run.
    pub suite: ReportedSuite,
    /// The agent that worked on the tasks.
    pub agent: ReportedPlugin,
    /// The graders that judged.
    pub graders: Vec<ReportedPlugin>,
    /// Whether the agent was granted the answers: then this is a control of the
    /// suite and no result of the agent.
    pub control: bool,
    /// Whether a grader that judged could ask models: judged again, the same submission may
    /// have another verdict. Not there when none could.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_model: bool,
    /// What the random streams derived from.
    pub seed: u64,
    /// Attempts at each task.
    pub attempts_per_task: u32,
    /// The totals by kind, and over all.
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
    /// The models that plugins could ask, the one that is meant first. Not there for a run
    /// without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ReportedModel>,
    /// What each attempt might spend on models. Not there when nothing was limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempt_budget: Vec<ReportedLimit>,
    /// What all attempts together might spend on models. Not there when nothing was limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_budget: Vec<ReportedLimit>,
}

/// The suite of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportedSuite {
    /// The suite's name.
    pub name: String,
    /// The digest over all of the suite's files.
    pub digest: Sha256,
    /// Where the suite was imported from: `swe-lancer`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<String>,
    /// Which set of the origin the suite is: `diamond`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub set: Option<String>,
    /// The digest of the file that the suite was imported from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_digest: Option<Sha256>,
}

/// A plugin of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportedPlugin {
    /// What the plugin was called.
    pub name: String,
    /// The digest of the plugin's component.
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
    /// Both kinds together.
    pub all: Totals,
}

/// Tasks that this version cannot run: neither attempted nor dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotRunnable {
    /// How many tasks cannot be run.
    pub tasks: u64,
    /// What those tasks would pay.
    pub available_cents: Cents,
}

/// Wall-clock time in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Time {
    /// Milliseconds in agents, summed over attempts.
    pub solve_ms: f64,
    /// Milliseconds in graders, summed over attempts.
    pub grade_ms: f64,
}

/// The sums of a group of tasks.
///
/// `tasks × attempts per task` is `pass + fail + invalid + pending`, plus the
/// tasks that are not runnable. The rates are for one attempt at each task (pass@1):
/// with several attempts, the mean over tasks of each task's own mean. They count
/// every attempt that is over, and the invalid and not runnable ones as not earned;
/// `decided` leaves those out. What is pending counts in no rate.
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
    /// How many of the invalid attempts have each reason. Not there when there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub invalid_reasons: BTreeMap<String, u64>,
    /// Attempts not decided yet: the run was interrupted.
    pub pending: u64,
    /// Tasks that this version cannot run.
    pub not_runnable: NotRunnable,
    /// What the passes pay, summed over attempts.
    pub earned_cents: Cents,
    /// What all of `tasks` pay, each attempt at them counted, pending ones too.
    pub available_cents: Cents,
    /// `earned_cents / available_cents` of `per_attempt`. `null` when nothing has
    /// been attempted.
    pub earn_rate: Option<f64>,
    /// Passes of all that is over: pass@1. `null` when nothing has been attempted.
    pub pass_rate: Option<f64>,
    /// The 95 % interval of `pass_rate`, low and high: Wilson's, with tasks and not
    /// attempts as what is independent.
    pub pass_rate_ci95: Option<[f64; 2]>,
    /// What one attempt at each task comes to, so that runs with different numbers
    /// of attempts, and the baselines, can be compared.
    pub per_attempt: PerAttempt,
    /// The rates over passed and failed attempts only.
    pub decided: Decided,
    /// Where the time went.
    pub time: Time,
    /// How tests were run.
    #[serde(default)]
    pub tests: TestTotals,
    /// What was spent on models. Not there for a run without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelTotals>,
    #[serde(skip)]
    #[schemars(skip)]
    over: Tally,
    #[serde(skip)]
    #[schemars(skip)]
    judged: Tally,
}

/// What one attempt at each task comes to, the mean over the attempts at it. Tasks
/// at which nothing counts yet are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PerAttempt {
    /// Tasks that count.
    pub tasks: u64,
    /// Tasks passed.
    pub pass: f64,
    /// Cents earned.
    pub earned_cents: f64,
    /// What the tasks that count pay.
    pub available_cents: Cents,
}

/// One attempt at a task.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tried {
    /// How the attempt ended; `None` when it is pending.
    pub outcome: Option<Outcome>,
    /// What the attempt earned.
    pub earned: Cents,
    /// Where the time went.
    pub time: Time,
    /// Executions of test plans.
    pub test_runs: u64,
    /// Whether the executions of test plans differed.
    pub flaky: bool,
}

/// Tasks with the means of their attempts.
#[derive(Debug, Clone, Default, PartialEq)]
struct Tally {
    passes: Clustered,
    earned: RatioSum,
    available: Cents,
}

impl Tally {
    fn add(&mut self, price: Cents, passes: u64, earned: Cents, attempts: u64) {
        if attempts > 0 {
            self.passes.add(passes, attempts);
            self.earned.add(Ratio { numerator: earned.0, denominator: attempts });
            self.available += price;
        }
    }

    fn per_attempt(&self) -> PerAttempt {
        PerAttempt {
            tasks: self.passes.tasks(),
            pass: self.passes.passes(),
            earned_cents: self.earned.value(),
            available_cents: self.available,
        }
    }
}

impl PerAttempt {
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^52 cents")]
    fn earn_rate(&self) -> Option<f64> {
        (self.available_cents > Cents::ZERO).then(|| self.earned_cents / self.available_cents.0 as f64)
    }
}

/// How tests were run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestTotals {
    /// Executions of test plans.
    pub runs: u64,
    /// Attempts at which a plan was executed more than once.
    pub rerun_attempts: u64,
    /// Attempts at which the executions of a plan came to different outcomes.
    pub flaky_attempts: u64,
    /// `flaky_attempts / rerun_attempts`. `null` when nothing was run twice.
    pub flake_rate: Option<f64>,
}

/// Rates without the invalid, pending and not runnable ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// Attempts that passed or failed.
    pub attempts: u64,
    /// What the passed and failed attempts could have paid, summed over attempts.
    pub available_cents: Cents,
    /// `earned_cents / available_cents` of `per_attempt`.
    pub earn_rate: Option<f64>,
    /// Passes of all decided: pass@1.
    pub pass_rate: Option<f64>,
    /// The 95 % interval of `pass_rate`, low and high, as in [`Totals`].
    pub pass_rate_ci95: Option<[f64; 2]>,
    /// What one attempt at each task comes to. Tasks all of whose attempts are
    /// invalid or pending are left out.
    pub per_attempt: PerAttempt,
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
            invalid_reasons: BTreeMap::new(),
            pending: 0,
            not_runnable: NotRunnable::default(),
            earned_cents: Cents::ZERO,
            available_cents: Cents::ZERO,
            earn_rate: None,
            pass_rate: None,
            pass_rate_ci95: None,
            per_attempt: PerAttempt::default(),
            decided: Decided::default(),
            time: Time::default(),
            tests: TestTotals::default(),
            models: None,
            over: Tally::default(),
            judged: Tally::default(),
        }
    }

    /// Adds a task that can be run, with all its attempts.
    pub fn add_task(&mut self, price: Cents, attempts: &[Tried]) {
        let (mut passes, mut judged, mut over, mut paid) = (0, 0, 0, Cents::ZERO);
        for tried in attempts {
            match tried.outcome {
                Some(Outcome::Pass) => passes += 1,
                Some(Outcome::Fail) => self.fail += 1,
                Some(Outcome::Invalid) => self.invalid += 1,
                None => self.pending += 1,
            }
            over += u64::from(tried.outcome.is_some());
            judged += u64::from(matches!(tried.outcome, Some(Outcome::Pass | Outcome::Fail)));
            paid += tried.earned;
            self.available_cents += price;
            self.time.solve_ms += tried.time.solve_ms;
            self.time.grade_ms += tried.time.grade_ms;
            self.tests.runs += tried.test_runs;
            self.tests.rerun_attempts += u64::from(tried.test_runs > 1);
            self.tests.flaky_attempts += u64::from(tried.flaky);
        }
        self.tasks += 1;
        self.attempts += attempts.len() as u64;
        self.pass += passes;
        self.earned_cents += paid;
        self.decided.attempts += judged;
        self.decided.available_cents += Cents(price.0.saturating_mul(judged));
        self.over.add(price, passes, paid, over);
        self.judged.add(price, passes, paid, judged);
    }

    /// Adds the reason of an invalid attempt, beside [`Self::add_task`] of its task.
    pub fn add_invalid_reason(&mut self, reason: &ReasonCode) {
        *self.invalid_reasons.entry(reason.to_string()).or_default() += 1;
    }

    /// Adds what an attempt spent on models, beside [`Self::add_task`] of its task.
    pub fn add_expense(&mut self, tried: &Tried, expense: &Expense) {
        let totals = self.models.get_or_insert_default();
        totals.add(expense, tried.time.solve_ms, tried.outcome.is_some());
    }

    /// Adds tasks that cannot be run, at which `attempts` each would be due.
    pub fn add_not_runnable(&mut self, tasks: NotRunnable, attempts: u32) {
        self.tasks += tasks.tasks;
        self.available_cents += Cents(tasks.available_cents.0.saturating_mul(u64::from(attempts)));
        self.not_runnable.tasks += tasks.tasks;
        self.not_runnable.available_cents += tasks.available_cents;
        self.over.passes.add_times(tasks.tasks, 0, u64::from(attempts));
        self.over.available += tasks.available_cents;
    }

    /// Works out the rates, once everything has been added.
    pub fn finish(&mut self) {
        self.per_attempt = self.over.per_attempt();
        if self.attempts > self.pending {
            self.earn_rate = self.per_attempt.earn_rate();
            self.pass_rate = self.over.passes.rate();
            self.pass_rate_ci95 = self.over.passes.interval95();
        }
        self.tests.flake_rate = rate(self.tests.flaky_attempts, self.tests.rerun_attempts);
        let decided = &mut self.decided;
        decided.per_attempt = self.judged.per_attempt();
        decided.earn_rate = decided.per_attempt.earn_rate();
        decided.pass_rate = self.judged.passes.rate();
        decided.pass_rate_ci95 = self.judged.passes.interval95();
        if let Some(models) = &mut self.models {
            models.finish(self.earned_cents);
        }
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
    /// How many tasks the baselines are over.
    pub tasks: u64,
    /// What those tasks pay.
    pub available_cents: Cents,
}

/// A policy's result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// Tasks passed.
    pub pass: u64,
    /// What the passed tasks pay.
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
    /// The model that was measured.
    pub model: String,
    /// The set that the model was measured on.
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

    fn tried(outcome: Option<Outcome>, cents: u64) -> Tried {
        Tried { outcome, earned: Cents(cents), ..Tried::default() }
    }

    #[test]
    fn invalid_and_not_runnable_are_counted_apart() {
        let mut totals = Totals::empty();
        let tests =
            |outcome, cents, test_runs, flaky| Tried { test_runs, flaky, ..tried(Some(outcome), cents) };
        totals.add_task(Cents(100), &[tests(Outcome::Pass, 100, 1, false)]);
        totals.add_task(Cents(100), &[tests(Outcome::Fail, 0, 2, true)]);
        totals.add_task(Cents(200), &[tests(Outcome::Invalid, 0, 3, false)]);
        totals.add_not_runnable(NotRunnable { tasks: 1, available_cents: Cents(600) }, 1);
        totals.finish();
        assert_eq!((totals.tests.runs, totals.tests.flake_rate), (6, Some(0.5)));
        assert_eq!((totals.tasks, totals.attempts), (4, 3));
        assert_eq!(totals.available_cents, Cents(1000));
        assert_eq!(totals.earn_rate, Some(0.1));
        assert_eq!(totals.pass_rate, Some(0.25));
        assert_eq!(totals.pass_rate_ci95, crate::wilson95(1, 4));
        assert_eq!(totals.decided.pass_rate, Some(0.5));
        assert_eq!(totals.decided.earn_rate, Some(0.5));
        assert_eq!(totals.decided.pass_rate_ci95, crate::wilson95(1, 2));
    }

    #[test]
    fn what_is_pending_has_not_failed() {
        let mut totals = Totals::empty();
        totals.add_task(Cents(100), &[tried(Some(Outcome::Pass), 100), tried(None, 0)]);
        totals.add_task(Cents(100), &[tried(Some(Outcome::Fail), 0), tried(None, 0)]);
        totals.add_task(Cents(700), &[tried(None, 0), tried(None, 0)]);
        totals.finish();
        assert_eq!((totals.tasks, totals.attempts, totals.pending), (3, 6, 4));
        assert_eq!(totals.available_cents, Cents(1800));
        assert_eq!((totals.pass_rate, totals.earn_rate), (Some(0.5), Some(0.5)));
        assert_eq!(totals.pass_rate_ci95, crate::wilson95(1, 2));
        let so_far = PerAttempt { tasks: 2, pass: 1.0, earned_cents: 100.0, available_cents: Cents(200) };
        assert_eq!(totals.per_attempt, so_far);

        let mut nothing_yet = Totals::empty();
        nothing_yet.add_task(Cents(100), &[tried(None, 0)]);
        nothing_yet.finish();
        assert_eq!((nothing_yet.pass_rate, nothing_yet.earn_rate), (None, None));
        assert_eq!((nothing_yet.pass_rate_ci95, nothing_yet.decided.pass_rate_ci95), (None, None));
    }

    #[test]
    fn several_attempts_are_one_in_the_mean() {
        let run = |attempts: usize| {
            let mut totals = Totals::empty();
            for task in 0..140 {
                let one =
                    if task < 54 { tried(Some(Outcome::Pass), 300) } else { tried(Some(Outcome::Fail), 0) };
                totals.add_task(Cents(300), &vec![one; attempts]);
            }
            totals.add_not_runnable(
                NotRunnable { tasks: 3, available_cents: Cents(1000) },
                u32::try_from(attempts).unwrap(),
            );
            totals.finish();
            totals
        };
        let (one, many) = (run(1), run(100));
        assert_eq!((one.pass, many.pass), (54, 5400));
        assert_eq!(many.earned_cents, Cents(100 * one.earned_cents.0));
        assert_eq!((one.pass_rate, one.pass_rate_ci95), (many.pass_rate, many.pass_rate_ci95));
        assert_eq!((one.per_attempt, one.earn_rate), (many.per_attempt, many.earn_rate));
        assert_eq!(one.decided.pass_rate_ci95, many.decided.pass_rate_ci95);
        assert_eq!(one.decided.per_attempt, many.decided.per_attempt);
    }

    #[test]
    fn a_task_without_a_decision_is_left_out_of_the_decided() {
        let mut totals = Totals::empty();
        totals.add_task(Cents(100), &[tried(Some(Outcome::Invalid), 0); 2]);
        totals.add_task(Cents(100), &[tried(Some(Outcome::Pass), 100), tried(Some(Outcome::Invalid), 0)]);
        totals.finish();
        assert_eq!((totals.pass_rate, totals.decided.pass_rate), (Some(0.25), Some(1.0)));
        assert_eq!((totals.per_attempt.tasks, totals.decided.per_attempt.tasks), (2, 1));
    }

    #[test]
    fn nothing_attempted_is_no_zero() {
        let mut totals = Totals::empty();
        totals.add_not_runnable(NotRunnable { tasks: 104, available_cents: Cents(8_950_000) }, 1);
        totals.finish();
        assert_eq!((totals.pass_rate, totals.earn_rate, totals.pass_rate_ci95), (None, None, None));
    }
}
