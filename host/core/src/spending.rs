//! Which models a run may ask, what they cost, and what it may spend on them: part of
//! what a run is defined by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Microdollars, RunId, Sha256, Usage};

/// The form that requests to a model have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireForm {
    /// Anthropic's Messages: `--model anthropic/NAME`.
    Messages,
    /// OpenAI's Responses: `--model openai/NAME`.
    Responses,
    /// Chat Completions, which many servers speak: `--model chat/NAME`.
    Chat,
    /// A file of answers: `--model scripted/FILE`. No network.
    Scripted,
    /// The answers of an earlier run: `--model recorded/RUN`. No network.
    Recorded,
}

impl WireForm {
    /// The word for the form before the `/` of `--model`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "anthropic",
            Self::Responses => "openai",
            Self::Chat => "chat",
            Self::Scripted => "scripted",
            Self::Recorded => "recorded",
        }
    }

    /// Whether a question goes out to a server.
    #[must_use]
    pub fn reaches_out(self) -> bool {
        matches!(self, Self::Messages | Self::Responses | Self::Chat)
    }
}

/// Where the key of a model comes from. The key itself is in no record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyFrom {
    /// There is none.
    #[default]
    None,
    /// An environment variable of that name.
    Env(String),
    /// The first line of the file at that path.
    File(String),
}

/// What tokens cost, in microdollars per million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rates {
    /// For what is read and not from a cache.
    pub input: u64,
    /// For what is read from a cache; as `input` if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cached: Option<u64>,
    /// For what is written to a cache while it is read; as `input` if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cache_written: Option<u64>,
    /// For what is written, reasoning included.
    pub output: u64,
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Price {
    /// The rates of a request.
    #[serde(flatten)]
    pub rates: Rates,
    /// The rates of a request whose input has more tokens than the key says, by that
    /// number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub above: BTreeMap<u64, Rates>,
    /// The day that the price was looked at: `2026-11-25`; empty when nobody said.
    pub as_of: String,
    /// Where it was found.
    pub source: String,
}

impl Price {
    /// What a request costs, rounded up to the next microdollar and at most `i64::MAX` of
    /// them, which is what a store holds; `None` when the number of what was read or
    /// written is not known.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> Option<Microdollars> {
        let (input, output) = (usage.input?, usage.output?);
        let rates = self.above.range(..input).next_back().map_or(&self.rates, |(_, rates)| rates);
        let cached = usage.input_cached.unwrap_or(0).min(input);
        let written = usage.input_cache_written.unwrap_or(0).min(input - cached);
        let millionths = [
            (input - cached - written, rates.input),
            (cached, rates.input_cached.unwrap_or(rates.input)),
            (written, rates.input_cache_written.unwrap_or(rates.input)),
            (output, rates.output),
        ]
        .into_iter()
        .map(|(tokens, rate)| u128::from(tokens) * u128::from(rate))
        .fold(0, u128::saturating_add);
        let most = i64::MAX.unsigned_abs();
        Some(Microdollars(u64::try_from(millionths.div_ceil(1_000_000)).unwrap_or(most).min(most)))
    }
}

/// A model that a run may use: all of it but the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelChoice {
    /// What plugins ask for: `main`, or another name.
    pub name: String,
    /// The form of requests.
    pub form: WireForm,
    /// What the provider calls the model.
    pub id: String,
    /// Where requests go, up to what the wire form adds; empty when none go out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base_url: String,
    /// Where the key comes from.
    #[serde(default)]
    pub key: KeyFrom,
    /// The effort of conversations that name none; empty for the model's own default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub effort: String,
    /// Tokens of a whole conversation, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// The most tokens of one answer.
    pub answer_tokens: u64,
    /// Whether it may be given tools.
    pub tools: bool,
    /// The names of parameters that plugins may set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// What it costs, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// The most requests that are under way at a time.
    pub concurrency: u32,
    /// The most requests for one answer.
    pub tries: u32,
    /// The most seconds that a request may wait for the next byte of its reply.
    pub idle_seconds: u32,
    /// The day of what is known of the wire form: `2026-11-25`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The blob of the answers, for [`WireForm::Scripted`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Sha256>,
    /// Whose answers, for [`WireForm::Recorded`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// What an amount of a budget is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetUnit {
    /// Answers asked for.
    Asks,
    /// Tokens read, cached ones included.
    InputTokens,
    /// Millionths of a dollar.
    Microdollars,
    /// Milliseconds of wall clock.
    Milliseconds,
    /// Tokens written, reasoning included.
    OutputTokens,
    /// Tokens read and written.
    Tokens,
    /// Calls of tools that models made.
    ToolCalls,
}

impl BudgetUnit {
    /// Every unit, sorted by its word.
    pub const ALL: [Self; 7] = [
        Self::Asks,
        Self::InputTokens,
        Self::Microdollars,
        Self::Milliseconds,
        Self::OutputTokens,
        Self::Tokens,
        Self::ToolCalls,
    ];

    /// The unit's word in the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asks => "asks",
            Self::InputTokens => "input-tokens",
            Self::Microdollars => "microdollars",
            Self::Milliseconds => "milliseconds",
            Self::OutputTokens => "output-tokens",
            Self::Tokens => "tokens",
            Self::ToolCalls => "tool-calls",
        }
    }
}

impl fmt::Display for BudgetUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no [`BudgetUnit`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no unit of a budget; there are {known}", known = BudgetUnit::ALL.map(BudgetUnit::as_str).join(", "))]
pub struct ParseBudgetUnitError(String);

impl FromStr for BudgetUnit {
    type Err = ParseBudgetUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|unit| unit.as_str() == text);
        known.ok_or_else(|| ParseBudgetUnitError(text.chars().take(80).collect()))
    }
}

/// The most that may be spent, by unit; what is not named is not limited.
pub type Budget = BTreeMap<BudgetUnit, u64>;

/// What a run may spend on models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Budgets {
    /// What each attempt may spend.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attempt: Budget,
    /// What all attempts together may spend.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub run: Budget,
}

impl Budgets {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attempt.is_empty() && self.run.is_empty()
    }

    /// Whether money is limited.
    #[must_use]
    pub fn limits_money(&self) -> bool {
        [&self.attempt, &self.run].iter().any(|budget| budget.contains_key(&BudgetUnit::Microdollars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> Price {
        let rates = Rates {
            input: 3_000_000,
            input_cached: Some(300_000),
            input_cache_written: Some(3_750_000),
            output: 15_000_000,
        };
        let long = Rates { input: 6_000_000, output: 22_500_000, ..rates };
        Price {
            rates,
            above: BTreeMap::from([(200_000, long)]),
            as_of: "2026-11-25".into(),
            source: "a test".into(),
        }
    }

    #[test]
    fn each_kind_of_token_has_its_rate() {
        let usage = Usage {
            input: Some(1_000),
            input_cached: Some(600),
            input_cache_written: Some(100),
            output: Some(10),
            output_reasoning: Some(5),
        };
        // 300 * 3 + 600 * 0.3 + 100 * 3.75 + 10 * 15
        assert_eq!(price().of(&usage), Some(Microdollars(1_605)));
    }

    #[test]
    fn part_of_a_microdollar_is_a_whole_one_and_what_is_unknown_is_not_free() {
        let usage = |input, output| Usage { input, output, ..Usage::default() };
        let cheap = Price { rates: Rates { input: 1, output: 1, ..price().rates }, ..price() };
        assert_eq!(cheap.of(&usage(Some(1), Some(0))), Some(Microdollars(1)));
        assert_eq!(cheap.of(&usage(Some(0), Some(0))), Some(Microdollars(0)));
        assert_eq!(cheap.of(&usage(None, Some(0))), None);
        assert_eq!(cheap.of(&usage(Some(1), None)), None);
    }

    #[test]
    fn a_cost_is_never_more_than_a_store_holds() {
        let usage = Usage { input: Some(u64::MAX), output: Some(u64::MAX), ..Usage::default() };
        let dear = Rates { input: u64::MAX, output: u64::MAX, input_cached: None, input_cache_written: None };
        let dear = Price { rates: dear, above: BTreeMap::new(), ..price() };
        assert_eq!(dear.of(&usage), Some(Microdollars(i64::MAX.unsigned_abs())));
    }

    #[test]
    fn a_tier_begins_above_its_number() {
        let usage = |input| Usage { input: Some(input), output: Some(0), ..Usage::default() };
        assert_eq!(price().of(&usage(200_000)), Some(Microdollars(600_000)));
        assert_eq!(price().of(&usage(200_001)), Some(Microdollars(1_200_006)));
    }

    #[test]
    fn more_cached_than_read_is_no_credit() {
        let usage = Usage { input: Some(10), input_cached: Some(50), output: Some(0), ..Usage::default() };
        assert_eq!(price().of(&usage), Some(Microdollars(3)));
    }
}
