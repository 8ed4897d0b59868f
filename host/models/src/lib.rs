//! Language models behind one question.
//!
//! A [`Conversation`] grows at its end. A [`Provider`] answers it: over one of three wire
//! forms, from a file of answers, or from those of an earlier run. A [`Purse`] stands
//! before the money. What is kept of an answer is the provider's own JSON, byte for byte,
//! and goes back so.
//!
//! Nothing here knows plugins, journals or the store.

#![forbid(unsafe_code)]

mod answer;
mod broker;
mod choice;
mod client;
mod conversation;
mod json;
mod key;
mod ledger;
mod price;
mod provider;
mod recorded;
mod scripted;
mod setup;
mod wire;

pub use answer::Read;
pub use broker::{Broker, BrokerError, Pace};
pub use choice::{
    ChoiceError, DEFAULT_ANSWER_TOKENS, DEFAULT_CONCURRENCY, DEFAULT_IDLE_SECONDS, DEFAULT_TRIES,
    MAX_MODELS_BYTES, ModelFlag, ParseModelFlagError, choices,
};
pub use client::{ClientError, Clients, MAX_REPLY_BYTES};
pub use conversation::{Answered, Conversation, Entry};
pub use key::{Key, KeyError};
pub use ledger::{LEAST_ANSWER_TOKENS, Ledger, NOTHING, UnpricedModel, Used, check};
pub use price::price;
pub use provider::{Asked, Asking, Became, Estimate, Held, NotAsked, Provider, Purse, Reply, Waiting};
pub use recorded::{Recorded, RecordedAnswer};
pub use scripted::{MAX_SCRIPT_BYTES, ScriptError, Scripted};
pub use wire::{Problem, Unread, Wire, WireRequest, efforts, wire_of};
