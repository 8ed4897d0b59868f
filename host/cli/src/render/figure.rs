//! Numbers as people read them.

use std::fmt::Display;

use lancet_core::{Cents, Microdollars};

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

/// An amount that may be less than nothing. What is no whole number of cents is rounded as
/// [`dollars`] are, so that a cost below a cent is not nothing.
pub(super) fn balance(cents: f64) -> String {
    let sign = if cents < 0.0 { "-" } else { "" };
    let microdollars = format!("{:.0}", cents.abs() * 10_000.0).parse().unwrap_or(u64::MAX);
    match microdollars {
        0 => money(0.0),
        whole if whole.is_multiple_of(10_000) => format!("{sign}{}", Cents(whole / 10_000)),
        part => format!("{sign}{}", dollars(Microdollars(part))),
    }
}

/// An amount in whole dollars.
pub(super) fn whole_dollars(cents: f64) -> String {
    money((cents / 100.0).round() * 100.0)
}

/// A number of things: `1 request`, `2 requests`.
pub(crate) fn many(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A number of things without commas between thousands: `1 task`, `2000 tasks`.
pub(crate) fn numbered<N: Copy + Display + From<u8> + PartialEq>(number: N, thing: &str) -> String {
    format!("{number} {thing}{}", either(number, "", "s"))
}

/// What is said of one thing, or else of any other number: `is` or `are`, `leaf` or `leaves`.
pub(crate) fn either<N: Copy + From<u8> + PartialEq, T>(number: N, one: T, others: T) -> T {
    if number == N::from(1_u8) { one } else { others }
}

/// An exact amount, rounded half up to cents from ten dollars on, and otherwise to the hundredth of
/// a cent; in full when there would be nothing left.
pub(crate) fn dollars(amount: Microdollars) -> String {
    let places = match amount.0 {
        10_000_000.. => 2,
        50.. | 0 => 4,
        _ => 6,
    };
    let unit = 10_u64.pow(6 - places);
    let rounded = amount.0.saturating_add(unit / 2) / unit;
    let whole = 10_u64.pow(places);
    let cents = Cents((rounded / whole).saturating_mul(100));
    let fraction = format!("{:0width$}", rounded % whole, width = places as usize);
    // At least cents, and no zeros behind them.
    let (cents_of, rest) = fraction.split_at(2);
    format!("{cents}.{cents_of}{}", rest.trim_end_matches('0'))
}

/// A count with a comma between thousands: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
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
    fn one_is_told_as_one() {
        assert_eq!(
            [0, 1, 2, 1_000].map(|n| many(n, "task")),
            ["0 tasks", "1 task", "2 tasks", "1,000 tasks"]
        );
        let texts = [0_usize, 1, 2, 1_000].map(|n| numbered(n, "task"));
        assert_eq!(texts, ["0 tasks", "1 task", "2 tasks", "1000 tasks"]);
        assert_eq!([0_u64, 1, 2].map(|n| either(n, "is", "are")), ["are", "is", "are"]);
    }

    #[test]
    fn small_amounts_are_not_nothing() {
        let texts = [0, 1, 49, 50, 12_345, 1_230_000, 9_999_960, 10_004_999, 12_345_678_900]
            .map(|n| dollars(Microdollars(n)));
        let expected = [
            "$0.00",
            "$0.000001",
            "$0.000049",
            "$0.0001",
            "$0.0123",
            "$1.23",
            "$10.00",
            "$10.00",
            "$12,345.68",
        ];
        assert_eq!(texts, expected);
        let balances = [-150.4, -0.41, 0.0, -0.000_01, 99_900.0, -300.0, 50_000.0 - 0.41].map(balance);
        assert_eq!(balances, ["-$1.504", "-$0.0041", "$0", "$0", "$999", "-$3", "$500.00"]);
        assert_eq!((whole_dollars(123_456.0), whole_dollars(49.0)), ("$1,235".into(), "$0".into()));
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
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
