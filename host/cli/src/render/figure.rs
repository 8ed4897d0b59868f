//! Numbers as people read them.

use lancet_core::Cents;

/// What stands where there is nothing to count.
pub(super) const NONE: &str = "–";

/// What stands where a rate has no meaning.
pub(super) const NO_RATE: &str = "n/a";

/// A share as a percentage with two decimals, without the sign: `33.57`.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| NO_RATE.to_owned(), |share| format!("{:.2}", share * 100.0))
}

/// An interval of shares as percentages with one decimal: `26.3–41.7`.
pub(super) fn interval(shares: Option<[f64; 2]>) -> String {
    shares.map_or_else(|| NO_RATE.to_owned(), |[low, high]| format!("{:.1}–{:.1}", low * 100.0, high * 100.0))
}

/// A part of a whole as a share, when there is a whole.
pub(super) fn share(part: f64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part / precise(whole))
}

/// A count or an amount as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "counts and amounts of cents are far below 2^52")]
pub(super) fn precise(number: u64) -> f64 {
    number as f64
}

/// An amount that need not be whole cents, rounded to them.
pub(crate) fn money(cents: f64) -> String {
    format!("{cents:.0}").parse().map_or_else(|_| NO_RATE.to_owned(), |cents| Cents(cents).to_string())
}

/// A count in the mean: whole as it is, otherwise with two decimals.
pub(super) fn mean(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { format!("{count:.2}") }
}

/// A span of time with about three digits: `8.4 ms`, `1.23 s`, `2 m 03 s`.
pub(super) fn duration(ms: f64) -> String {
    let seconds = (ms / 1000.0).round();
    let whole = |part: f64| part.floor();
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 999.5 {
        format!("{ms:.0} ms")
    } else if ms < 9_995.0 {
        format!("{:.2} s", ms / 1000.0)
    } else if ms < 59_950.0 {
        format!("{:.1} s", ms / 1000.0)
    } else if seconds < 3600.0 {
        format!("{} m {:02} s", whole(seconds / 60.0), seconds % 60.0)
    } else {
        let minutes = (seconds / 60.0).round();
        format!("{} h {:02} m", whole(minutes / 60.0), minutes % 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(Some(47.0 / 140.0)), "33.57");
        assert_eq!(percent(None), "n/a");
        assert_eq!(interval(Some([0.0, 0.161_1])), "0.0–16.1");
        assert_eq!(money(2_843_273.6), "$28,432.74");
        assert_eq!(share(1.0, 0), None);
    }

    #[test]
    fn times_have_three_digits() {
        let texts = [
            0.0,
            8.44,
            84.4,
            999.4,
            999.6,
            1234.0,
            59_949.0,
            59_950.0,
            123_000.0,
            3_599_400.0,
            3_599_600.0,
            5.4e6,
        ]
        .map(duration);
        assert_eq!(
            texts,
            [
                "0.0 ms",
                "8.4 ms",
                "84 ms",
                "999 ms",
                "1.00 s",
                "1.23 s",
                "59.9 s",
                "1 m 00 s",
                "2 m 03 s",
                "59 m 59 s",
                "1 h 00 m",
                "1 h 30 m"
            ]
        );
    }
}
