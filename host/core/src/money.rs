//! Amounts of money, in whole cents.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of United States cents. Displayed as `$1,234.50`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Cents(pub u64);

/// A text that is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCentsError {
    /// Below zero.
    #[error("`{0}` is negative; a price is zero or more")]
    Negative(String),
    /// No decimal number.
    #[error("`{0}` is not a decimal number of dollars")]
    NotANumber(String),
    /// A fraction of a cent.
    #[error("`{0}` is not a whole number of cents")]
    FractionOfCent(String),
    /// Over [`Cents::MAX_PRICE`].
    #[error("`{0}` is over {max}, the highest price that is believed", max = Cents::MAX_PRICE)]
    Absurd(String),
}

impl Cents {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The highest price that a task may have, one million dollars: what the
    /// whole of SWE-Lancer pays. Anything above is a mistake in the table.
    pub const MAX_PRICE: Self = Self(100_000_000);

    /// Parses a decimal number of dollars, as tables write prices: `1000`,
    /// `1000.0`, `12.5`.
    ///
    /// # Errors
    /// When it is no such number, negative, not whole cents, or absurd.
    pub fn from_dollars(text: &str) -> Result<Self, ParseCentsError> {
        let text = text.trim();
        let quoted = || text.chars().take(40).collect::<String>();
        let (digits, negative) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return Err(ParseCentsError::NotANumber(quoted()));
        }
        if negative {
            return Err(ParseCentsError::Negative(quoted()));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 2 {
            return Err(ParseCentsError::FractionOfCent(quoted()));
        }
        let absurd = || ParseCentsError::Absurd(quoted());
        let dollars = whole.parse::<u64>().map_err(|_| absurd())?;
        let cents = match fraction.len() {
            0 => 0,
            1 => u64::from(fraction.as_bytes()[0] - b'0') * 10,
            _ => fraction.parse::<u64>().map_err(|_| absurd())?,
        };
        let total =
            dollars.checked_mul(100).and_then(|d| d.checked_add(cents)).map(Self).ok_or_else(absurd)?;
        if total > Self::MAX_PRICE { Err(absurd()) } else { Ok(total) }
    }

    /// The share of this amount that `thousandths` of it are, rounded down.
    #[must_use]
    pub fn thousandths(self, thousandths: u16) -> Self {
        let share = u128::from(self.0) * u128::from(thousandths.min(1000)) / 1000;
        Self(u64::try_from(share).unwrap_or(self.0))
    }
}

impl FromStr for Cents {
    type Err = ParseCentsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_dollars(text)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = (self.0 / 100).to_string();
        let mut grouped = String::from("$");
        for (index, digit) in dollars.chars().enumerate() {
            if index > 0 && (dollars.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        match self.0 % 100 {
            0 => f.pad(&grouped),
            cents => f.pad(&format!("{grouped}.{cents:02}")),
        }
    }
}

impl Add for Cents {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_as_tables_write_them() {
        assert_eq!(Cents::from_dollars("1000.0"), Ok(Cents(100_000)));
        assert_eq!(Cents::from_dollars("12.5"), Ok(Cents(1_250)));
        assert_eq!(Cents::from_dollars("0.07"), Ok(Cents(7)));
        assert_eq!(Cents::from_dollars("250"), Ok(Cents(25_000)));
    }

    #[test]
    fn bad_prices_say_why() {
        assert!(matches!(Cents::from_dollars("-5"), Err(ParseCentsError::Negative(_))));
        assert!(matches!(Cents::from_dollars("1.005"), Err(ParseCentsError::FractionOfCent(_))));
        assert!(matches!(Cents::from_dollars("1000000.01"), Err(ParseCentsError::Absurd(_))));
        for text in ["", "nan", "inf", "1e9", "$5", "1,000", ".5", "+1"] {
            assert!(matches!(Cents::from_dollars(text), Err(ParseCentsError::NotANumber(_))), "{text}");
        }
    }

    #[test]
    fn display_groups_thousands() {
        assert_eq!(Cents(12_162_500).to_string(), "$121,625");
        assert_eq!(Cents(2_843_274).to_string(), "$28,432.74");
        assert_eq!(Cents(5).to_string(), "$0.05");
    }

    proptest! {
        #[test]
        fn dollars_round_trip(cents in 0..=Cents::MAX_PRICE.0) {
            let text = format!("{}.{:02}", cents / 100, cents % 100);
            prop_assert_eq!(Cents::from_dollars(&text), Ok(Cents(cents)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Cents::from_dollars(&text);
        }
    }
}
