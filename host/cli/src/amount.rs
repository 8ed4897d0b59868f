//! Amounts of a budget as they are written: `usd=3.50`, `time=20m`, `tokens=200k`.

use std::fmt;

use lancet_core::{Budget, BudgetUnit};

use crate::failure::Failure;

/// One limit of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount {
    unit: BudgetUnit,
    limit: u64,
}

/// Why a text is no [`Amount`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AmountError {
    #[error("expected UNIT=AMOUNT, for example `usd=3.50`, `time=20m` or `asks=50`")]
    Form,
    #[error("`{0}` is no unit of a budget; there are {UNITS}")]
    Unit(String),
    #[error("`{unit}` takes {expected}, not `{found}`")]
    Number { unit: String, expected: &'static str, found: String },
    #[error("a budget of 0 {0} allows nothing: leave the models out instead")]
    Zero(String),
    #[error("`{0}` is more than can be counted")]
    TooMuch(String),
}

/// Every unit as it may be written.
const UNITS: &str =
    "asks, input-tokens, microdollars, milliseconds, output-tokens, time, tokens, tool-calls, usd";

/// Reads a limit. Nothing is rounded: what is no whole number of the unit is refused.
pub(crate) fn parse(text: &str) -> Result<Amount, AmountError> {
    let (name, amount) = text.split_once('=').ok_or(AmountError::Form)?;
    let unit = match name {
        "usd" => BudgetUnit::Microdollars,
        "time" => BudgetUnit::Milliseconds,
        other => other.parse().map_err(|_| AmountError::Unit(shown(other)))?,
    };
    let read = match name {
        "usd" => dollars(amount),
        "time" => duration(amount),
        _ => count(amount),
    };
    let expected = match name {
        "usd" => "dollars with at most six decimals, as in `3.50`",
        "time" => "a duration, as in `90s`, `20m` or `1h30m`",
        _ => "a whole number, as in `50`, `200k` or `2M`",
    };
    let limit = match read {
        Ok(limit) => limit,
        Err(Unread::Form) => {
            return Err(AmountError::Number { unit: name.to_owned(), expected, found: shown(amount) });
        }
        Err(Unread::TooMuch) => return Err(AmountError::TooMuch(shown(text))),
    };
    match limit {
        0 => Err(AmountError::Zero(unit.to_string())),
        limit => Ok(Amount { unit, limit }),
    }
}

/// The budget that `option` gives.
pub(crate) fn budget(option: &str, amounts: &[Amount]) -> Result<Budget, Failure> {
    let mut budget = Budget::new();
    for Amount { unit, limit } in amounts {
        if budget.insert(*unit, *limit).is_some() {
            return Err(Failure::usage(format!("`{option}` limits {unit} twice"))
                .hint("`usd` is the same unit as `microdollars`, and `time` as `milliseconds`"));
        }
    }
    Ok(budget)
}

enum Unread {
    Form,
    TooMuch,
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn digits(text: &str) -> Result<u64, Unread> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Unread::Form);
    }
    text.parse().map_err(|_| Unread::TooMuch)
}

/// `50`, `200k`, `2M`.
fn count(text: &str) -> Result<u64, Unread> {
    let (number, times) = match text.strip_suffix('k') {
        Some(number) => (number, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |number| (number, 1_000_000)),
    };
    digits(number)?.checked_mul(times).ok_or(Unread::TooMuch)
}

/// `3`, `3.50`, `0.000001`, in microdollars.
fn dollars(text: &str) -> Result<u64, Unread> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    let fraction = match fraction {
        None => 0,
        Some(fraction) if fraction.len() <= 6 => {
            digits(fraction)? * 10_u64.pow(u32::try_from(6 - fraction.len()).unwrap_or_default())
        }
        Some(_) => return Err(Unread::Form),
    };
    let whole = digits(whole)?.checked_mul(1_000_000).ok_or(Unread::TooMuch)?;
    whole.checked_add(fraction).ok_or(Unread::TooMuch)
}

/// `500ms`, `90s`, `20m`, `2h`, and several of these, each shorter than the one before, in
/// milliseconds.
fn duration(text: &str) -> Result<u64, Unread> {
    let mut rest = text;
    let mut units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)].into_iter();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(Unread::Form)?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let (_, times) = units.find(|(unit, _)| *unit == name).ok_or(Unread::Form)?;
        let part = digits(number)?.checked_mul(times).ok_or(Unread::TooMuch)?;
        total = total.checked_add(part).ok_or(Unread::TooMuch)?;
        rest = after;
    }
    if text.is_empty() { Err(Unread::Form) } else { Ok(total) }
}

/// As a person writes it: `usd=3.5`, `time=1h30m`, `asks=50`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unit, limit } = self;
        match unit {
            BudgetUnit::Microdollars => {
                let fraction = format!("{:06}", limit % 1_000_000);
                let fraction = fraction.trim_end_matches('0');
                let point = if fraction.is_empty() { "" } else { "." };
                write!(f, "usd={}{point}{fraction}", limit / 1_000_000)
            }
            BudgetUnit::Milliseconds => {
                f.write_str("time=")?;
                let mut rest = *limit;
                for (name, times) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
                    if rest >= times {
                        write!(f, "{}{name}", rest / times)?;
                        rest %= times;
                    }
                }
                Ok(())
            }
            unit => write!(f, "{unit}={limit}"),
        }
    }
}

/// A recorded limit as `--budget` would take it.
pub(crate) fn written(unit: &str, limit: u64) -> String {
    unit.parse().map_or_else(|_| format!("{unit}={limit}"), |unit| Amount { unit, limit }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (BudgetUnit, u64) {
        let amount = parse(text).unwrap();
        (amount.unit, amount.limit)
    }

    #[test]
    fn amounts_as_people_write_them() {
        for (text, unit, limit, back) in [
            ("usd=3.50", BudgetUnit::Microdollars, 3_500_000, "usd=3.5"),
            ("usd=20", BudgetUnit::Microdollars, 20_000_000, "usd=20"),
            ("usd=0.000001", BudgetUnit::Microdollars, 1, "usd=0.000001"),
            ("microdollars=250", BudgetUnit::Microdollars, 250, "usd=0.00025"),
            ("time=20m", BudgetUnit::Milliseconds, 1_200_000, "time=20m"),
            ("time=1h30m", BudgetUnit::Milliseconds, 5_400_000, "time=1h30m"),
            ("time=90s500ms", BudgetUnit::Milliseconds, 90_500, "time=1m30s500ms"),
            ("asks=50", BudgetUnit::Asks, 50, "asks=50"),
            ("tokens=200k", BudgetUnit::Tokens, 200_000, "tokens=200000"),
            ("input-tokens=2M", BudgetUnit::InputTokens, 2_000_000, "input-tokens=2000000"),
            ("tool-calls=7", BudgetUnit::ToolCalls, 7, "tool-calls=7"),
        ] {
            assert_eq!(read(text), (unit, limit), "{text}");
            assert_eq!(written(unit.as_str(), limit), back, "{text}");
            assert_eq!(read(back), (unit, limit), "{back}");
        }
    }

    #[test]
    fn nothing_is_rounded_or_guessed() {
        let number = |text: &str| matches!(parse(text), Err(AmountError::Number { .. }));
        for text in [
            "usd=",
            "usd=$3",
            "usd=.5",
            "usd=3.",
            "usd=3.0000001",
            "usd=-1",
            "usd=1e3",
            "usd=3,50",
            "usd=1k",
            "time=20",
            "time=",
            "time=m",
            "time=1m1h",
            "time=1.5h",
            "time=1m1m",
            "time=1ms1s",
            "asks=1.5",
            "asks=+5",
            "asks=k",
            "asks=5K",
            "tokens= 5",
            "tokens=5m",
        ] {
            assert!(number(text), "{text}: {:?}", parse(text));
        }
        assert!(matches!(parse("asks"), Err(AmountError::Form)));
        assert!(matches!(parse("=5"), Err(AmountError::Unit(_))));
        for text in ["asks=0", "usd=0.00", "time=0s"] {
            assert!(matches!(parse(text), Err(AmountError::Zero(_))), "{text}");
        }
        for text in ["asks=18446744073709551616", "usd=18446744073709.551616", "time=9999999999999999h"] {
            assert!(matches!(parse(text), Err(AmountError::TooMuch(_))), "{text}");
        }
        let error = parse("dollars=5").unwrap_err().to_string();
        for unit in BudgetUnit::ALL {
            assert!(error.contains(unit.as_str()), "{error}");
        }
    }

    #[test]
    fn a_unit_is_limited_once() {
        let amounts = |texts: &[&str]| texts.iter().map(|text| parse(text).unwrap()).collect::<Vec<_>>();
        let twice = budget("--budget", &amounts(&["usd=1", "microdollars=5"])).unwrap_err();
        assert!(twice.to_string().contains("`--budget` limits microdollars twice"), "{twice}");
        assert_eq!(budget("--budget", &amounts(&["usd=1", "asks=5"])).unwrap().len(), 2);
    }
}
