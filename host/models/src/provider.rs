//! Who answers a conversation, and who pays.

use std::pin::Pin;
use std::time::Instant;

use lancet_core::{AnswerMark, FailedTry, InfraFault, ModelFailure, Spent};

use crate::conversation::Conversation;
use crate::wire::Read;

/// A future that is waited for on any thread.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A question: everything besides the conversation.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The task, by its id. No provider on a network is told.
    pub task: &'a str,
    /// The attempt's number at the task, from 1.
    pub attempt: u32,
    /// The conversation's number in the attempt, from 0.
    pub conversation: u32,
    /// The number of the question in the conversation, from 0.
    pub ordinal: u32,
    /// When there has to be an answer; what is under way then is given up.
    pub deadline: Option<Instant>,
    /// Who pays.
    pub purse: &'a dyn Purse,
}

/// An answer, and what it took.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The provider's JSON, as it was received.
    pub raw: Vec<u8>,
    /// What it says.
    pub read: Read,
    /// What the request that was answered came to.
    pub spent: Spent,
    /// The requests before it.
    pub tries: Vec<FailedTry>,
    /// What is odd about it, as far as the provider can tell: [`AnswerMark::OtherModel`],
    /// [`AnswerMark::CapLowered`], [`AnswerMark::NoUsage`].
    pub marks: Vec<AnswerMark>,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotAsked {
    /// It is for the plugin to handle. What was tried is in it.
    #[error("{0}")]
    Failure(ModelFailure),
    /// It is nobody's fault; asked again later it may be answered.
    #[error("{fault}")]
    Fault {
        /// What failed.
        fault: InfraFault,
        /// The requests that gave no answer.
        tries: Vec<FailedTry>,
    },
}

/// What becomes of a question.
pub type Asked = Result<Reply, NotAsked>;

/// Answers conversations.
pub trait Provider: Send + Sync {
    /// Answers a conversation whose last entry is not an answer.
    fn ask<'a>(&'a self, conversation: &'a Conversation, asking: Asking<'a>) -> Waiting<'a, Asked>;
}

/// What a request may come to, before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens of the conversation, at most about: what is set aside where neither tokens
    /// that are read nor money are limited.
    pub input_tokens: u64,
    /// Tokens of the conversation, whatever it says: what is set aside under a limit of
    /// tokens that are read, or of money.
    pub most_input_tokens: u64,
    /// The most tokens of the answer.
    pub answer_tokens: u64,
}

/// What is set aside for a request that may be under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it is known by to the [`Purse`].
    pub number: u64,
    /// The most tokens of the answer that are allowed, at most those asked for.
    pub answer_tokens: u64,
    /// What is held: what has to be settled when nobody can tell what was used.
    pub amount: Spent,
}

/// What a request gave, beside what it came to: an answer may come to nothing, and a request
/// without one may have to be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// An answer.
    Answer,
    /// No answer.
    Nothing,
}

/// Stands before the money: each request is held before it is sent, and settled once
/// more is known. What is held is durable when that returns; what is settled is durable
/// with whatever is written next, and so before another request is sent or the plugin is
/// told.
///
/// Holding may wait for other requests, and ends by itself when the time is over. A
/// question that is dropped while its request is under way settles nothing: nobody knows
/// what it comes to. What is held for it then stays so until its attempt ends
/// ([`Ledger::end`](crate::Ledger::end)) or, when the process ended, until the run is taken
/// up: whoever keeps the purse settles it at what was held.
pub trait Purse: Send + Sync {
    /// Sets aside what a request may come to. The most tokens of the answer are lowered
    /// to what is left.
    ///
    /// # Errors
    /// [`NotAsked::Failure`] with `over-budget` when too little is left,
    /// [`NotAsked::Fault`] when it cannot be written down.
    fn hold(&self, estimate: Estimate) -> Waiting<'_, Result<Held, NotAsked>>;

    /// Settles what a request came to: nothing for one that was refused, and what was held
    /// for one whose answer was cut off.
    ///
    /// # Errors
    /// [`NotAsked::Fault`] when it cannot be written down.
    fn settle(&self, held: Held, spent: Spent, became: Became) -> Waiting<'_, Result<(), NotAsked>>;
}
