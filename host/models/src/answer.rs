//! What an answer says, whatever form it came in.

use lancet_core::{AnswerPart, StopReason, Usage};

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The answer's parts, in the model's order.
    pub parts: Vec<AnswerPart>,
    /// Why the answer ended.
    pub stop: StopReason,
    /// The provider's word for that, and what it explains; may be empty.
    pub stop_detail: String,
    /// Tokens, as far as they were told.
    pub usage: Usage,
    /// The model as the provider names it; empty when it does not.
    pub served: String,
}

/// The most tokens of an answer that are believed, however short it was to be: 131,072.
const MOST_WRITTEN_TOKENS: u64 = 1 << 17;

/// The most tokens that are believed to be read, however short a conversation is: 1,048,576.
/// Servers put texts of their own before it.
const MOST_READ_TOKENS: u64 = 1 << 20;

/// The numbers of tokens that can be true, for a conversation of at most so many and an answer
/// of at most so many: nothing is answered that was not read, what is a part of a number is not
/// more than it, and neither is many times as long as it may be. Some servers write more than
/// they are asked to, and tell so: eight times as much is believed.
pub(crate) fn believed(told: Usage, most_read: u64, most_written: u64) -> Usage {
    let most_read = most_read.saturating_mul(8).max(MOST_READ_TOKENS);
    let most_written = most_written.saturating_mul(8).max(MOST_WRITTEN_TOKENS);
    let input = told.input.filter(|tokens| (1..=most_read).contains(tokens));
    let output = told.output.filter(|tokens| *tokens <= most_written);
    let of = |part: Option<u64>, all: Option<u64>| part.filter(|part| all.is_some_and(|all| *part <= all));
    let input_cached = of(told.input_cached, input);
    let rest = input.map(|input| input - input_cached.unwrap_or(0));
    Usage {
        input,
        input_cached,
        input_cache_written: of(told.input_cache_written, rest),
        output,
        output_reasoning: of(told.output_reasoning, output),
    }
}
