//! What goes over the wire and comes back: one file for each form.

use lancet_core::{AnswerPart, StopReason, Usage};

use crate::conversation::Conversation;

/// A request, all of it but the key and the base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// What is added to the base URL: `/v1/messages`.
    pub path: &'static str,
    /// Headers that the form wants, the key's not among them.
    pub headers: Vec<(&'static str, String)>,
    /// The name of the header that the key goes into, and what stands before it there.
    pub key_header: (&'static str, &'static str),
    /// The body: JSON.
    pub body: Vec<u8>,
}

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

/// Why a body is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is an error, in spite of its status.
    #[error("{0}")]
    Problem(Problem),
    /// It is not what the form has; what is wrong, for a person.
    #[error("{0}")]
    Malformed(String),
}

/// What a provider says is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// To be tried again, after at least so many milliseconds where that was said.
    #[error("{message}")]
    Transient {
        /// What was said.
        message: String,
        /// The wait that was asked for.
        after_ms: Option<u64>,
    },
    /// The key is not taken.
    #[error("{0}")]
    Unauthorized(String),
    /// There is nothing left to spend.
    #[error("{0}")]
    Quota(String),
    /// There is no such model.
    #[error("{0}")]
    UnknownModel(String),
    /// The conversation is too long for the model.
    #[error("{0}")]
    TooLong(String),
    /// The request is not taken, and would not be the next time.
    #[error("{0}")]
    Rejected(String),
}

/// A form of requests and answers.
pub trait Wire: Send + Sync {
    /// The request for an answer of at most so many tokens.
    fn request(&self, conversation: &Conversation, id: &str, answer_tokens: u64) -> WireRequest;

    /// Reads the body of an answer with a good status.
    ///
    /// # Errors
    /// When it is none.
    fn read(&self, body: &[u8]) -> Result<Read, Unread>;

    /// Reads a reply with another status. `header` looks a header up by its lower-case
    /// name.
    fn problem(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Problem;
}
