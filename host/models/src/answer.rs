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
