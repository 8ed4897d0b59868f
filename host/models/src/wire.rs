//! What goes over the wire and comes back: one file for each form.

mod chat;
mod messages;
mod problem;
mod responses;

use std::collections::BTreeMap;

use lancet_core::{AnswerPart, MAX_MODEL_FAILURE_BYTES, StopReason, WireForm};

pub(crate) use crate::answer::Read;
use crate::conversation::{Answered, Conversation};
use crate::json::Object;

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
    /// It would pass, and the server says that asking again is of no use now.
    #[error("{0}")]
    Unavailable(String),
    /// A proxy on the way does not let the request through.
    #[error("{0}")]
    Proxy(String),
    /// The key is not taken.
    #[error("{0}")]
    Unauthorized(String),
    /// There is nothing left to spend.
    #[error("{0}")]
    Quota(String),
    /// There is no such model.
    #[error("{0}")]
    UnknownModel(String),
    /// A value is not taken that the operator or the host sets: how long an answer may be.
    #[error("{0}")]
    Settings(String),
    /// The effort is not taken: the operator's, or a plugin's.
    #[error("{0}")]
    Effort(String),
    /// The model, or its server as it was started, takes no tools.
    #[error("{0}")]
    Tools(String),
    /// The conversation is too long for the model.
    #[error("{0}")]
    TooLong(String),
    /// The request is not taken, and would not be the next time.
    #[error("{0}")]
    Rejected(String),
    /// What answers is not the provider's API: a page of HTML, or a redirect.
    #[error("{0}")]
    Unreadable(String),
}

/// What is known of a form, as of a day: `ModelChoice::profile`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    /// The day that it was looked at: `2026-11-25`.
    pub(crate) date: &'static str,
    /// The efforts that requests of the form can name.
    pub(crate) efforts: &'static [&'static str],
    /// The keys of a request that an effort sets.
    pub(crate) effort_keys: &'static [&'static str],
    /// The keys of a request that are the host's: what makes up the conversation, what
    /// budgets rest on, and what would have the provider reach the network or remember.
    pub(crate) reserved: &'static [&'static str],
}

impl Profile {
    pub(crate) fn of(form: WireForm) -> Self {
        match form {
            WireForm::Messages => messages::PROFILE,
            WireForm::Responses => responses::PROFILE,
            WireForm::Chat => chat::PROFILE,
            // No request is built: what any form knows is taken.
            WireForm::Scripted | WireForm::Recorded => {
                Self { date: "", efforts: &EFFORTS, effort_keys: &[], reserved: &[] }
            }
        }
    }

    pub(crate) fn is_reserved(&self, parameter: &str) -> bool {
        self.reserved.contains(&parameter) || CONVERSATION.contains(&parameter)
    }
}

/// What makes up the conversation in one form or another: the host's own in each.
const CONVERSATION: [&str; 7] = ["model", "messages", "input", "system", "instructions", "tools", "stream"];

/// The efforts that requests of a form can name.
#[must_use]
pub fn efforts(form: WireForm) -> &'static [&'static str] {
    Profile::of(form).efforts
}

/// Every effort that the contract names.
pub(crate) const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// The wire of a form, for requests to that base URL, by which servers that speak
/// [`WireForm::Chat`] differ.
///
/// # Panics
/// For [`WireForm::Scripted`] and [`WireForm::Recorded`], which reach no server:
/// [`WireForm::reaches_out`] tells.
#[must_use]
pub fn wire_of(form: WireForm, base_url: &str) -> Box<dyn Wire> {
    match form {
        WireForm::Messages => Box::new(messages::Messages::new(base_url)),
        WireForm::Responses => Box::new(responses::Responses),
        WireForm::Chat => Box::new(chat::Chat::new(base_url)),
        WireForm::Scripted | WireForm::Recorded => {
            panic!("`{}` reaches no server", form.as_str())
        }
    }
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

/// The most bytes of the name of a model that was served.
const MAX_SERVED_BYTES: usize = 256;
/// The most tokens that are believed of one request: about 10^12. What tells more is
/// broken, and would fill up every budget.
pub(crate) const MAX_TOLD_TOKENS: u64 = 1 << 40;

/// The provider's word for why an answer ended, at most as long as why there is none.
fn detail(text: String) -> String {
    cut(text, MAX_MODEL_FAILURE_BYTES)
}

/// A text without what is behind its first bytes.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

/// The name of the model that was served.
fn served(of: &Object<'_>) -> String {
    cut(of.text("model").unwrap_or_default(), MAX_SERVED_BYTES)
}

/// A number of tokens, unless it is none that can be believed.
fn tokens(of: &Object<'_>, key: &str) -> Option<u64> {
    of.number(key).filter(|tokens| *tokens <= MAX_TOLD_TOKENS)
}

/// A reason that agrees with the parts: servers end answers with calls as finished ones,
/// and announce calls that are not there.
fn agreeing(stop: StopReason, parts: &[AnswerPart]) -> StopReason {
    let calls = parts.iter().any(|part| matches!(part, AnswerPart::Call(_)));
    match stop {
        StopReason::Finished if calls => StopReason::Calls,
        StopReason::Calls if !calls => StopReason::Other,
        stop => stop,
    }
}

/// The ids of an answer's calls as the provider wrote them, by those that the plugin knows
/// them by: they may differ, see [`Conversation::named`].
fn call_ids(answered: &Answered, raw: &[String]) -> BTreeMap<String, String> {
    answered.calls().map(|call| call.id.clone()).zip(raw.iter().cloned()).collect()
}

#[cfg(test)]
mod tests;
