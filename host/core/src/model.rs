//! What is said between a plugin, the host and a language model: the words of the
//! contract's interface `model`, and what the record keeps beside them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Sha256;

/// The most conversations that one plugin may open: 1,000. Each is kept until it is done.
pub const MAX_CONVERSATIONS: usize = 1_000;
/// The most tools of one conversation: 128, the least that providers take.
pub const MAX_MODEL_TOOLS: usize = 128;
/// The most bytes of why there is no answer: 2,000.
pub const MAX_MODEL_FAILURE_BYTES: usize = 2_000;

/// An amount of money in millionths of a dollar, which is what a token costs about.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Microdollars(pub u64);

/// A model that a plugin may use. The operator chose it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// What it is asked for by: `main`, or another name that the operator gave.
    pub name: String,
    /// What the provider calls it.
    pub id: String,
    /// Tokens of a whole conversation, where that is known.
    pub context_tokens: Option<u64>,
    /// The most tokens of one answer, where that is known.
    pub answer_tokens: Option<u64>,
    /// Whether it may be given tools.
    pub tools: bool,
}

/// A tool that a model may call. The plugin carries the call out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelTool {
    /// At most 64 of the characters `a-z`, `A-Z`, `0-9`, `_` and `-`.
    pub name: String,
    /// What the tool does, for the model.
    pub description: String,
    /// A JSON Schema of an object, as text.
    pub parameters: String,
}

/// One value that goes to a provider as it is, or came from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelParameter {
    /// The value's name in the provider's own words.
    pub name: String,
    /// JSON.
    pub value: String,
}

/// How a conversation is set up, which does not change afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationSetup {
    /// The name of an [`Offer`].
    pub model: String,
    /// What stands before everything; may be empty.
    pub instructions: String,
    /// What the model may call; may be empty.
    pub tools: Vec<ModelTool>,
    /// How hard the model thinks; empty for its own default.
    pub effort: String,
    /// The most tokens of one answer, reasoning included; the host's bound if none.
    pub answer_tokens: Option<u64>,
    /// Further parameters of the provider's, of which the operator lets names through.
    pub parameters: Vec<ModelParameter>,
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolResult {
    /// The id of the call that it answers.
    pub call: String,
    /// What the model reads.
    pub text: String,
    /// Whether the tool failed.
    pub failed: bool,
}

/// A call that a model makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// Unique in the conversation.
    pub id: String,
    /// The tool's name as the model wrote it: it may be none of those offered.
    pub name: String,
    /// What should be JSON, as the model wrote it.
    pub arguments: String,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerPart {
    /// Text.
    Text(String),
    /// What can be read of the model's reasoning: often nothing, or a summary.
    Reasoning(String),
    /// A call of a tool.
    Call(ToolCall),
    /// Something else, as the provider's JSON, by its type there.
    Other(ModelParameter),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// The model had said what it wanted to.
    Finished,
    /// The model waits for what its calls give.
    Calls,
    /// The answer was as long as it may be.
    Length,
    /// The conversation is as long as the model can read.
    Context,
    /// The model, or a filter of its provider, refuses to go on.
    Refused,
    /// The provider paused, and wants to be asked again.
    Paused,
    /// Something else, in the provider's own words.
    Other,
}

/// Tokens as a provider counted them. A number that it does not tell is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Read, all of them: cached ones and those written to a cache included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Of these, read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cached: Option<u64>,
    /// Of these, written to a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cache_written: Option<u64>,
    /// Written, all of them, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Of these, reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_reasoning: Option<u64>,
}

/// What one request to a provider came to, as far as money and tokens go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Tokens.
    pub usage: Usage,
    /// Money; none when no price is known, which is not nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Microdollars>,
    /// Whether the amounts are what had been reserved, since the provider did not get to
    /// tell: its answer was cut off or timed out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// The numbers as records keep them: at most 2^63 − 1, whatever a provider tells.
    #[must_use]
    pub fn kept(self) -> Self {
        let kept = |tokens: Option<u64>| tokens.map(|tokens| tokens.min(MOST));
        Self {
            input: kept(self.input),
            input_cached: kept(self.input_cached),
            input_cache_written: kept(self.input_cache_written),
            output: kept(self.output),
            output_reasoning: kept(self.output_reasoning),
        }
    }
}

impl Spent {
    /// The amounts as records keep them: at most 2^63 − 1, whatever a provider tells.
    #[must_use]
    pub fn kept(self) -> Self {
        let cost = self.cost.map(|cost| Microdollars(cost.0.min(MOST)));
        Self { usage: self.usage.kept(), cost, ..self }
    }
}

/// The largest amount that databases and other readers of records can be relied on to hold.
const MOST: u64 = i64::MAX.unsigned_abs();

/// A request to a provider that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedTry {
    /// The status of the reply, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, for a person; at most 2,000 bytes.
    pub why: String,
    /// Milliseconds that the host waited afterwards, before it tried again.
    pub waited_ms: u64,
    /// What it came to.
    #[serde(default)]
    pub spent: Spent,
}

/// Something odd about an answer, for whoever reads the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerMark {
    /// Another model was served than was asked for.
    OtherModel,
    /// The input did not grow with the conversation: the provider cut it silently.
    SilentlyCut,
    /// The most tokens of the answer were lowered to what was left of a budget.
    CapLowered,
    /// The answer came from a conversation from which entries had been left out.
    Shortened,
    /// The provider told no usage: the amounts are estimated.
    NoUsage,
    /// The phase was begun anew, and the answer is that of its first beginning, which was
    /// paid for then and not again.
    FromRecord,
}

/// An answer: what the plugin is told of it, and what the record keeps beside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelAnswer {
    /// The answer's parts, in the model's order; may be empty.
    pub parts: Vec<AnswerPart>,
    /// Why the answer ended.
    pub stop: StopReason,
    /// The provider's word for that, and what it explains; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stop_detail: String,
    /// What the request that was answered used, and what it cost.
    pub spent: Spent,
    /// The requests before it that gave no answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<FailedTry>,
    /// The model as the provider names the one that it served; empty when it does not.
    pub served: String,
    /// What is odd about the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<AnswerMark>,
    /// The digest of what was asked: the conversation's setup and its entries. Equal
    /// conversations have equal digests, whatever the provider.
    pub asked: Sha256,
    /// The blob of the provider's JSON, as it was received.
    pub raw: Sha256,
    /// Milliseconds until the answer was there, tries and waits included.
    pub waited_ms: u64,
}

impl ModelAnswer {
    /// What the answer cost, failed tries included; none when a part of it has no known
    /// price.
    #[must_use]
    pub fn cost(&self) -> Option<Microdollars> {
        let costs = self.tries.iter().map(|tried| tried.spent).chain([self.spent]).map(|spent| spent.cost);
        costs.sum::<Option<Microdollars>>()
    }

    /// The tokens that the provider told. What it did not tell is estimated in
    /// [`Self::spent`], and no conversation counts by that.
    #[must_use]
    pub fn told(&self) -> Usage {
        if self.marks.contains(&AnswerMark::NoUsage) { Usage::default() } else { self.spent.usage }
    }

    /// The calls of the answer, in the model's order.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            AnswerPart::Call(call) => Some(call),
            AnswerPart::Text(_) | AnswerPart::Reasoning(_) | AnswerPart::Other(_) => None,
        })
    }
}

impl std::iter::Sum for Microdollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0, |sum, amount| sum.saturating_add(amount.0)))
    }
}

/// Why there is no answer, for the plugin to handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelFailureKind {
    /// The budget does not allow it.
    OverBudget,
    /// The conversation is too long for the model.
    TooLong,
    /// The plugin asked for something that is not allowed or not offered.
    Refused,
    /// The provider does not take the request, and would not the next time.
    Rejected,
    /// Anything else.
    Other,
}

/// Why there is no answer, and what was said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(deny_unknown_fields)]
#[error("{message}")]
pub struct ModelFailure {
    /// Why.
    pub kind: ModelFailureKind,
    /// What is known of it, for a person or a model: at most
    /// [`MAX_MODEL_FAILURE_BYTES`].
    pub message: String,
    /// The requests that gave no answer. The record's only: a plugin is not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<FailedTry>,
    /// Milliseconds until that was known, tries and waits included. The record's only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ms: u64,
    /// The digest of what was asked, as in an answer; none when nothing was asked. The
    /// record's only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Sha256>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ModelFailure {
    /// A failure of that kind, before anything was sent; the message is cut to
    /// [`MAX_MODEL_FAILURE_BYTES`].
    #[must_use]
    pub fn new(kind: ModelFailureKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MAX_MODEL_FAILURE_BYTES));
        Self { kind, message, tries: Vec::new(), waited_ms: 0, asked: None }
    }
}

/// One limit that an attempt is under, its own or its share of the run's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// What the amounts are of: `asks`, `tokens`, `input-tokens`, `output-tokens`,
    /// `microdollars`, `milliseconds` or `tool-calls`.
    pub unit: String,
    /// How much there is in all.
    pub limit: u64,
    /// How much has been used, and is reserved by calls under way.
    pub used: u64,
}
