//! A conversation: how it was set up, and what was said since.

use std::sync::Arc;

use lancet_core::{AnswerPart, ConversationSetup, Sha256, ToolResult, Usage, WireForm};

/// What was added to a conversation.
#[derive(Debug, Clone)]
pub enum Entry {
    /// What a user said.
    Said(String),
    /// What tools gave for the calls of the answer before.
    Given(Vec<ToolResult>),
    /// What the model answered.
    Answered(Answered),
}

/// An answer as a conversation holds it.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The form that the provider's JSON has.
    pub form: WireForm,
    /// The provider's JSON as it was received. It is never rebuilt from parts.
    pub raw: Arc<[u8]>,
    /// The digest of `raw`.
    pub digest: Sha256,
    /// What the plugin was told.
    pub parts: Vec<AnswerPart>,
    /// The tokens that the provider counted.
    pub usage: Usage,
}

/// A conversation with a model.
#[derive(Debug, Clone)]
pub struct Conversation {
    setup: Arc<ConversationSetup>,
    entries: Vec<Entry>,
}

impl Conversation {
    /// Begins a conversation.
    #[must_use]
    pub fn new(setup: ConversationSetup) -> Self {
        Self { setup: Arc::new(setup), entries: Vec::new() }
    }

    /// How the conversation was set up.
    #[must_use]
    pub fn setup(&self) -> &ConversationSetup {
        &self.setup
    }

    /// What was added, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
