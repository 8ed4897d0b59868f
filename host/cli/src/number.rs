//! Numbers that options take: what each may be is said where it is another.

use std::num::{NonZeroU32, NonZeroUsize};

/// The most attempts at a task, and rounds of a control. What is to be done is kept in memory.
const MOST_TIMES: u32 = 1_000;
/// The most seconds of anything: a day.
const MOST_SECONDS: u64 = 86_400;
/// The most memory of a plugin, in MiB.
const MOST_MIB: u64 = 256;

/// A number, if it is one from the first to the last.
fn within(text: &str, first: u64, last: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (first..=last).contains(number));
    number.ok_or_else(|| expected(first, last))
}

fn not_zero(text: &str, last: u32) -> Result<NonZeroU32, String> {
    let number = text.parse::<NonZeroU32>().ok().filter(|number| number.get() <= last);
    number.ok_or_else(|| expected(1, last.into()))
}

fn expected(first: u64, last: u64) -> String {
    format!("expected a whole number from {first} to {last}")
}

/// How often something is done.
pub(crate) fn times(text: &str) -> Result<NonZeroU32, String> {
    not_zero(text, MOST_TIMES)
}

/// How often everything is done to be measured, as often as somebody waits for.
pub(crate) fn rounds(text: &str) -> Result<NonZeroU32, String> {
    not_zero(text, u32::MAX)
}

/// How many attempts run at a time: too many are as many as there can be.
pub(crate) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number from 1 to 256".to_owned())
}

/// What random numbers derive from.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    within(text, 0, u64::MAX)
}

/// Fuel of a call.
pub(crate) fn fuel(text: &str) -> Result<u64, String> {
    within(text, 1, u64::MAX)
}

/// Memory of a call, in MiB.
pub(crate) fn mib(text: &str) -> Result<u64, String> {
    within(text, 1, MOST_MIB)
}

/// Processor time of a call, in seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    within(text, 1, MOST_SECONDS)
}

/// How long somebody waits, in seconds, or not at all.
pub(crate) fn patience(text: &str) -> Result<u64, String> {
    within(text, 0, MOST_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_such_number_is_told_what_it_may_be() {
        let bad = ["", "x", "-1", "1.5", "1e9", "0x10", " 1", "99999999999999999999"];
        for text in bad {
            for said in [
                times(text).unwrap_err(),
                rounds(text).unwrap_err(),
                jobs(text).unwrap_err(),
                seed(text).unwrap_err(),
                fuel(text).unwrap_err(),
                mib(text).unwrap_err(),
                seconds(text).unwrap_err(),
                patience(text).unwrap_err(),
            ] {
                assert!(said.starts_with("expected a whole number from "), "{text}: {said}");
            }
        }
        assert_eq!(times("1001").unwrap_err(), "expected a whole number from 1 to 1000");
        assert_eq!(mib("257").unwrap_err(), "expected a whole number from 1 to 256");
        for zero in [times("0").map(drop), rounds("0").map(drop), jobs("0").map(drop), fuel("0").map(drop)] {
            assert!(zero.unwrap_err().contains("from 1 to "));
        }
        assert_eq!((times("1000").unwrap().get(), rounds("1001").unwrap().get()), (1_000, 1_001));
        assert_eq!((jobs("1000").unwrap().get(), seed("18446744073709551615").unwrap()), (1_000, u64::MAX));
        assert_eq!(
            (mib("256").unwrap(), seconds("86400").unwrap(), patience("0").unwrap()),
            (256, 86_400, 0)
        );
    }
}
