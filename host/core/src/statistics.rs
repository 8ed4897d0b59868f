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
    const Z: f64 = 1.959_963_984_540_054;
    if trials == 0 {
        return None;
    }
    let n = trials as f64;
    let p = successes as f64 / n;
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // Exactly 0 and 1 at the ends, where rounding would leave a rest.
    let low = if successes == 0 { 0.0 } else { (centre - spread) / scale };
    let high = if successes >= trials { 1.0 } else { (centre + spread) / scale };
    Some([low.max(0.0), high.min(1.0)])
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
    use super::*;

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
