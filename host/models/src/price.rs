//! What models cost: a small table, dated, with a source for each, and the reading of
//! amounts that people write.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use lancet_core::{Price, Rates, WireForm};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

const TABLE: &str = include_str!("prices.toml");

/// What a model costs at the provider itself, of a form whose requests go there; `None`
/// when that is not known, which is not nothing. Other servers that speak a form, those
/// of [`WireForm::Chat`] among them, have prices of their own.
#[must_use]
pub fn price(form: WireForm, id: &str) -> Option<Price> {
    let provider = match form {
        WireForm::Messages => "anthropic",
        WireForm::Responses => "openai",
        WireForm::Chat | WireForm::Scripted | WireForm::Recorded => return None,
    };
    table().iter().find(|row| row.provider == provider && row.names(id)).map(|row| row.price.clone())
}

/// A model of the table.
#[derive(Debug)]
struct Row {
    provider: String,
    id: String,
    also: Vec<String>,
    price: Price,
}

impl Row {
    fn names(&self, id: &str) -> bool {
        self.id == id || self.also.iter().any(|also| also == id)
    }
}

fn table() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        // It is part of the program: a test reads it.
        let table: Table = toml::from_str(TABLE).expect("the table of prices can be read");
        let rows = table.model.into_iter().map(|model| Row {
            price: model.price.price(&table.as_of, &model.source),
            provider: model.provider,
            id: model.id,
            also: model.also,
        });
        rows.collect()
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    as_of: String,
    model: Vec<Model>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Model {
    provider: String,
    id: String,
    /// Dated names of the same model.
    #[serde(default)]
    also: Vec<String>,
    price: RatesTable,
    source: String,
    /// Public tables that differ, each with why ours is right; for the test only.
    #[serde(default)]
    #[allow(dead_code, reason = "the test reads it from the file")]
    differs: BTreeMap<String, String>,
}

/// A price as people write it: dollars per million tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RatesTable {
    input: Dollars,
    input_cached: Option<Dollars>,
    input_cache_written: Option<Dollars>,
    output: Dollars,
    #[serde(default)]
    above: Vec<TierTable>,
}

/// The rates of requests that are longer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TierTable {
    /// More input tokens than this.
    tokens: u64,
    input: Dollars,
    input_cached: Option<Dollars>,
    input_cache_written: Option<Dollars>,
    output: Dollars,
}

impl RatesTable {
    pub(crate) fn price(&self, as_of: &str, source: &str) -> Price {
        let amount = |dollars: Option<Dollars>| dollars.map(|dollars| dollars.0);
        let tiers = self.above.iter().map(|tier| {
            let rates = Rates {
                input: tier.input.0,
                input_cached: amount(tier.input_cached),
                input_cache_written: amount(tier.input_cache_written),
                output: tier.output.0,
            };
            (tier.tokens, rates)
        });
        Price {
            rates: Rates {
                input: self.input.0,
                input_cached: amount(self.input_cached),
                input_cache_written: amount(self.input_cache_written),
                output: self.output.0,
            },
            above: tiers.collect(),
            as_of: as_of.to_owned(),
            source: source.to_owned(),
        }
    }

    /// Whether a tier has the rates of every request.
    pub(crate) fn begins_at_nothing(&self) -> bool {
        self.above.iter().any(|tier| tier.tokens == 0)
    }

    /// A number of tokens that begins two tiers.
    pub(crate) fn repeated_tier(&self) -> Option<u64> {
        let mut tokens: Vec<u64> = self.above.iter().map(|tier| tier.tokens).collect();
        tokens.sort_unstable();
        tokens.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }
}

/// Dollars, in millionths. Written as a text, since decimal fractions are not exact as
/// numbers: `"3.75"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dollars(pub(crate) u64);

/// The most dollars per million tokens: nobody asks for a dollar per token.
const MAX_DOLLARS: u64 = 1_000_000;

/// Why a text is no amount.
#[derive(Debug, PartialEq, Eq)]
enum NoDollars {
    /// It is none at all.
    Shape,
    /// It is more than [`MAX_DOLLARS`].
    TooMuch,
}

impl Dollars {
    fn parse(text: &str) -> Result<Self, NoDollars> {
        const DECIMALS: usize = 6;
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > DECIMALS {
            return Err(NoDollars::Shape);
        }
        let part: u64 = format!("{part:0<DECIMALS$}").parse().map_err(|_| NoDollars::Shape)?;
        // What has only digits and is no number is too large a one.
        let whole = whole.parse::<u64>().ok().filter(|whole| *whole <= MAX_DOLLARS);
        let amount = whole.ok_or(NoDollars::TooMuch)? * 1_000_000 + part;
        if amount > MAX_DOLLARS * 1_000_000 { Err(NoDollars::TooMuch) } else { Ok(Self(amount)) }
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decimal;
        impl Visitor<'_> for Decimal {
            type Value = Dollars;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("dollars as a text with at most 6 decimals, like \"3.75\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Dollars, E> {
                Dollars::parse(text).map_err(|why| match why {
                    NoDollars::Shape => E::invalid_value(de::Unexpected::Str(text), &self),
                    NoDollars::TooMuch => E::custom(format!(
                        "the price is too large: at most {MAX_DOLLARS} dollars per million tokens"
                    )),
                })
            }
        }
        deserializer.deserialize_str(Decimal)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_small_dated_and_names_no_model_twice() {
        let rows = table();
        assert!((1..=30).contains(&rows.len()), "{}", rows.len());
        let mut names = BTreeSet::new();
        for row in rows {
            assert!(row.price.as_of.parse::<jiff::civil::Date>().is_ok(), "{}", row.price.as_of);
            assert!(row.price.source.starts_with("https://"), "{}", row.id);
            assert!(["anthropic", "openai"].contains(&row.provider.as_str()), "{}", row.provider);
            for name in row.also.iter().chain([&row.id]) {
                assert!(names.insert(name), "{name} is there twice");
            }
        }
    }

    #[test]
    fn a_price_is_found_by_form_and_id_only() {
        let found = price(WireForm::Messages, "claude-opus-4-6").unwrap();
        assert_eq!(found.rates.input, 5_000_000);
        assert_eq!(found.rates.input_cache_written, Some(6_250_000));
        assert_eq!(price(WireForm::Messages, "claude-opus-4-6-20260205"), Some(found));
        assert_eq!(price(WireForm::Responses, "claude-opus-4-6"), None);
        assert_eq!(price(WireForm::Chat, "gpt-5.4"), None);
        assert_eq!(price(WireForm::Messages, "claude-opus-4-6-and-more"), None);
        let tiers = price(WireForm::Responses, "gpt-5.4").unwrap().above;
        assert_eq!(tiers[&272_000].output, 22_500_000);
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        for (text, amount) in [
            ("3", 3_000_000),
            ("3.75", 3_750_000),
            ("0.000001", 1),
            ("0", 0),
            ("1000000.000000", 1_000_000_000_000),
        ] {
            assert_eq!(Dollars::parse(text), Ok(Dollars(amount)), "{text}");
        }
        for text in ["1000000.000001", "1000001", "18446744073709.551616", "99999999999999999999"] {
            assert_eq!(Dollars::parse(text), Err(NoDollars::TooMuch), "{text}");
        }
        for text in ["", ".5", "5.", "-1", "+1", "1e3", "1,5", " 1", "0.0000001", "１"] {
            assert_eq!(Dollars::parse(text), Err(NoDollars::Shape), "{text}");
        }
    }
}
