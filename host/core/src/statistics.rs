//! Rates and their intervals, with tasks as what is independent.

use std::collections::BTreeMap;

/// The 95 % Wilson score interval of a proportion: `successes` of `trials`.
/// `None` when there was no trial.
///
/// Source: E. B. Wilson, "Probable inference, the law of succession, and
/// statistical inference", Journal of the American Statistical Association 22
/// (1927), with z = 1.959964.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of attempts are far below 2^52")]
pub fn wilson95(successes: u64, trials: u64) -> Option<[f64; 2]> {
    (trials > 0).then(|| wilson(successes.min(trials) as f64 / trials as f64, trials as f64))
}

/// Wilson's interval about the proportion `p`, seen in `n` trials, which need not
/// be a whole number.
fn wilson(p: f64, n: f64) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // Exactly 0 and 1 at the ends, where rounding would leave a rest.
    let low = if p <= 0.0 { 0.0 } else { (centre - spread) / scale };
    let high = if p >= 1.0 { 1.0 } else { (centre + spread) / scale };
    [low.max(0.0), high.min(1.0)]
}

/// A proportion that was tried several times at each of several tasks. Attempts at
/// one task are alike, so a task, not an attempt, is what counts as independent.
///
/// The rate is the mean over tasks of each task's own rate. Its interval is
/// Wilson's, with as many trials as independent ones would say the same: with `m`
/// tasks, of which task `i` passed at the rate `p_i`,
///
/// ```text
/// n = m · P (1 − P) / V    P the mean and V the variance of the p_i,
/// ```
///
/// which is what a simple random sample divided by the design effect comes to
/// (L. Kish, "Survey Sampling", 1965; J. N. K. Rao and A. J. Scott, "A simple
/// method for the analysis of clustered binary data", Biometrics 48, 1992), and the
/// variance is that of clustered standard errors (E. Miller, "Adding error bars to
/// evals", arXiv 2411.00640, 2024). An agent that does the same each time has `n = m`
/// however often it is asked, and so the interval that one attempt has; `n` is never
/// more than what there would be if all attempts were independent.
///
/// In `P` and `V` two tasks are counted that nobody tried, one always passed and
/// one never, as A. Agresti and B. A. Coull add trials ("Approximate is better than
/// 'exact'", The American Statistician 52, 1998): a few tasks that happen to agree,
/// or one task alone, are no evidence that tasks are alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clustered {
    tasks: u64,
    /// The sums of the rates, of their squares, and of one by the number of trials.
    rates: RatioSum,
    squares: RatioSum,
    inverse: RatioSum,
}

impl Clustered {
    /// Adds a task: `successes` of `trials`. One that was not tried adds nothing.
    pub fn add(&mut self, successes: u64, trials: u64) {
        self.add_times(1, successes, trials);
    }

    /// Adds `tasks` with the same result.
    pub fn add_times(&mut self, tasks: u64, successes: u64, trials: u64) {
        if trials == 0 || tasks == 0 {
            return;
        }
        let successes = successes.min(trials);
        let (part, whole) = (tasks.saturating_mul(successes), trials.saturating_mul(trials));
        self.tasks += tasks;
        self.rates.add(Ratio { numerator: part, denominator: trials });
        self.squares.add(Ratio { numerator: part.saturating_mul(successes), denominator: whole });
        self.inverse.add(Ratio { numerator: tasks, denominator: trials });
    }

    /// Tasks that were tried.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.tasks
    }

    /// How many tasks one attempt at each passes in the mean.
    #[must_use]
    pub fn passes(&self) -> f64 {
        self.rates.value()
    }

    /// The mean over tasks of each task's rate. `None` when none was tried.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.tasks > 0).then(|| self.passes() / self.count())
    }

    /// As many independent trials would say as much. `None` when none was tried.
    #[must_use]
    pub fn effective_trials(&self) -> Option<f64> {
        if self.tasks == 0 {
            return None;
        }
        let tasks = self.count();
        let (sum, squares) = (self.rates.value() + 1.0, self.squares.value() + 1.0);
        let mean = sum * sum / (tasks + 2.0);
        let effective = tasks * ((sum - mean) / (squares - mean));
        Some(effective.min(tasks * tasks / self.inverse.value()).max(tasks))
    }

    /// The 95 % interval of [`Self::rate`]. `None` when none was tried.
    #[must_use]
    pub fn interval95(&self) -> Option<[f64; 2]> {
        Some(wilson(self.rate()?, self.effective_trials()?))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of tasks are far below 2^52")]
    fn count(&self) -> f64 {
        self.tasks as f64
    }
}

/// A fraction of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// The part.
    pub numerator: u64,
    /// The whole; not 0.
    pub denominator: u64,
}

/// An exact sum of fractions: numerators are summed for each denominator apart,
/// so nothing is rounded before the end, in whatever order the tasks come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RatioSum(BTreeMap<u64, u128>);

impl RatioSum {
    /// Adds one fraction. One without a whole adds nothing.
    pub fn add(&mut self, ratio: Ratio) {
        if ratio.denominator > 0 {
            *self.0.entry(ratio.denominator).or_default() += u128::from(ratio.numerator);
        }
    }

    /// The sum, as near as a floating-point number comes.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sums of cents are far below 2^52")]
    pub fn value(&self) -> f64 {
        let whole: u128 = self.0.iter().map(|(d, n)| n / u128::from(*d)).sum();
        let rest: f64 = self.0.iter().map(|(d, n)| (n % u128::from(*d)) as f64 / *d as f64).sum();
        whole as f64 + rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clustered(tasks: &[(u64, u64)]) -> Clustered {
        let mut clustered = Clustered::default();
        for (successes, trials) in tasks {
            clustered.add(*successes, *trials);
        }
        clustered
    }

    fn inside([low, high]: [f64; 2], [outer_low, outer_high]: [f64; 2]) -> bool {
        low >= outer_low - 1e-12 && high <= outer_high + 1e-12
    }

    #[test]
    fn repeating_what_never_changes_says_nothing_new() {
        let once: Vec<_> = (0..140).map(|task| (u64::from(task < 54), 1)).collect();
        let expected = wilson95(54, 140);
        assert_eq!(clustered(&once).interval95(), expected);
        for repeats in [2, 3, 7, 100] {
            let repeated: Vec<_> = once.iter().map(|(s, t)| (s * repeats, t * repeats)).collect();
            assert_eq!(clustered(&repeated).interval95(), expected, "{repeats}");
            assert_eq!(clustered(&repeated).effective_trials(), Some(140.0), "{repeats}");
            assert_eq!(clustered(&repeated).rate(), clustered(&once).rate(), "{repeats}");
        }
    }

    #[test]
    fn repeating_what_is_drawn_anew_says_more() {
        let width = |tasks: &[(u64, u64)]| clustered(tasks).interval95().map(|[low, high]| high - low);
        let one: Vec<_> = (0..200).map(|task| (u64::from(task % 4 == 0), 1)).collect();
        let ten: Vec<_> = (0..200).map(|task| (2 + task % 2, 10)).collect();
        assert!(width(&ten) < width(&one).map(|width| width / 2.0));
        // One task says nothing of others, however often it is tried.
        assert!(width(&[(500, 1000)]) > Some(0.75));
        // A single pass among thousands of attempts is no sudden certainty.
        let mut rare = vec![(0, 100); 140];
        let [_, never] = clustered(&rare).interval95().unwrap();
        rare[0] = (1, 100);
        let [_, once] = clustered(&rare).interval95().unwrap();
        assert!(once > never * 0.95, "{never} {once}");
    }

    proptest! {
        #[test]
        fn one_attempt_at_each_task_is_wilsons(passes in prop::collection::vec(any::<bool>(), 1..300)) {
            let tasks: Vec<_> = passes.iter().map(|pass| (u64::from(*pass), 1)).collect();
            let successes = passes.iter().filter(|pass| **pass).count() as u64;
            prop_assert_eq!(clustered(&tasks).interval95(), wilson95(successes, passes.len() as u64));
        }

        #[test]
        fn it_lies_between_one_trial_a_task_and_all_of_them(
            tasks in prop::collection::vec((0u64..=20, 1u64..=20), 1..80),
        ) {
            let tasks: Vec<_> = tasks.into_iter().map(|(s, t)| (s.min(t), t)).collect();
            let it = clustered(&tasks);
            let (rate, interval) = (it.rate().unwrap(), it.interval95().unwrap());
            prop_assert!(interval[0] >= 0.0 && interval[1] <= 1.0);
            prop_assert!(interval[0] <= rate + 1e-12 && rate <= interval[1] + 1e-12);
            let trials: u64 = tasks.iter().map(|(_, t)| t).sum();
            prop_assert!(inside(interval, wilson(rate, tasks.len() as f64)));
            prop_assert!(inside(wilson(rate, trials as f64), interval));
            // Passing is failing seen from the other side.
            let other: Vec<_> = tasks.iter().map(|(s, t)| (t - s, *t)).collect();
            let [low, high] = clustered(&other).interval95().unwrap();
            prop_assert!((low - (1.0 - interval[1])).abs() < 1e-9 && (high - (1.0 - interval[0])).abs() < 1e-9);
            // In whatever order the tasks come.
            let back: Vec<_> = tasks.iter().rev().copied().collect();
            prop_assert_eq!(clustered(&back).interval95(), Some(interval));
        }

        #[test]
        fn a_task_that_is_passed_wholly_moves_it_up(
            tasks in prop::collection::vec(0u64..=5, 2..60), at in any::<prop::sample::Index>(),
        ) {
            // Of what never changes: the agent that passes one task more is not worse.
            let mut tasks: Vec<_> = tasks.into_iter().map(|s| (u64::from(s > 2) * 5, 5)).collect();
            let [low, high] = clustered(&tasks).interval95().unwrap();
            let at = at.index(tasks.len());
            tasks[at].0 = 5;
            let [better_low, better_high] = clustered(&tasks).interval95().unwrap();
            prop_assert!(better_low >= low && better_high >= high);
        }
    }

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        for (successes, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let [l, h] = wilson95(successes, trials).unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{successes}/{trials}: {l} {h}");
        }
        assert_eq!(wilson95(0, 0), None);
        assert_eq!(wilson95(7, 7).unwrap()[1], 1.0);
    }

    #[test]
    fn sums_are_exact() {
        let mut sum = RatioSum::default();
        for _ in 0..3 {
            sum.add(Ratio { numerator: 1, denominator: 3 });
        }
        sum.add(Ratio { numerator: 1, denominator: 2 });
        assert_eq!(sum.value(), 1.5);
    }
}
