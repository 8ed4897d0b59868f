//! Conversations with language models, which the host holds. Granted to agents; to a
//! grader only by the operator.
//!
//! The operator chose the models, and [`offers`] says which. The host sends, counts and
//! stops at the budget: a plugin names no provider and holds no key. A conversation only
//! ever grows at its end:
//!
//! ```no_run
//! use lancet_sdk::model::{Conversation, Setup};
//!
//! # fn main() -> Result<(), lancet_sdk::model::Failure> {
//! let talk = Conversation::open(&Setup::new().instructions("You are brief."))?;
//! talk.say("What is a monad?")?;
//! let answer = talk.ask()?;
//! lancet_sdk::log::info(&answer.text(), &[]);
//! # Ok(())
//! # }
//! ```
//!
//! When an answer has calls of tools, the plugin carries them out and gives back what
//! came of all of them at once:
//!
//! ```
//! use lancet_sdk::model::{Answer, Conversation, Failure};
//!
//! fn answer_calls(talk: &Conversation, answer: &Answer) -> Result<(), Failure> {
//!     let results: Vec<_> = answer.calls().map(|call| call.failed("there is no such tool")).collect();
//!     talk.give(&results)
//! }
//! ```

use std::borrow::Cow;

use crate::bindings::imports::lancet::plugin::model as contract;
pub use crate::bindings::imports::lancet::plugin::model::{
    Answer, Failure, Offer, Parameter, Part, Setup, Stop, Tool, ToolCall, ToolResult, Usage,
};

/// What the operator lets this plugin use; the first is the one that is meant. Empty when
/// the operator chose no model.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn offers() -> Vec<Offer> {
    host!(model::offers())
}

/// A conversation with a model. The host keeps it, and keeps it after this is dropped: what
/// was said is part of the record.
///
/// A plugin may open 1,000, those of [`Conversation::without`] included.
#[derive(Debug)]
pub struct Conversation {
    held: contract::Conversation,
}

impl Conversation {
    /// Begins a conversation; nothing is sent.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the setup names no offer, or has an effort, a parameter or
    /// tools that are not allowed, or when 1,000 conversations have been opened.
    ///
    /// # Panics
    /// On targets other than `wasm32`, where no host is there to ask.
    pub fn open(setup: &Setup) -> Result<Self, Failure> {
        #[cfg(target_arch = "wasm32")]
        {
            contract::Conversation::open(setup).map(|held| Self { held })
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            let _ = setup;
            crate::no_host("model::Conversation::open")
        }
    }

    /// Adds what a user says.
    ///
    /// # Errors
    /// [`Failure::Refused`] while calls of the last answer wait for their results.
    pub fn say(&self, text: &str) -> Result<(), Failure> {
        self.held.say(text)
    }

    /// Adds what tools gave: the results of all calls of the last answer.
    ///
    /// # Errors
    /// [`Failure::Refused`] when a call has no result, or a result no call.
    pub fn give(&self, results: &[ToolResult]) -> Result<(), Failure> {
        self.held.give(results)
    }

    /// Asks for an answer, and adds it to the conversation. It takes as long as that takes,
    /// of the agent's time for the task, the host's tries and waits included.
    ///
    /// # Errors
    /// A [`Failure`]. When the provider cannot be reached at all, the plugin is ended
    /// instead, and the attempt is not its fault.
    pub fn ask(&self) -> Result<Answer, Failure> {
        self.held.ask()
    }

    /// How many entries there are: what was said, given and answered.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.held.length()
    }

    /// A guess of the conversation's tokens, from the last usage and the bytes since.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.held.tokens()
    }

    /// A conversation of the same setup with the entries `first..end`, counted from 0, left
    /// out. Reasoning that would no longer be valid is left out as well, and the first ask
    /// is paid in full.
    ///
    /// # Errors
    /// [`Failure::Refused`] when there are no such entries, when calls would be parted from
    /// their results, or when 1,000 conversations have been opened.
    pub fn without(&self, first: u32, end: u32) -> Result<Self, Failure> {
        self.held.without(first, end).map(|held| Self { held })
    }
}

impl Setup {
    /// A conversation with the model `main`, without instructions and tools, with the
    /// model's own effort and the host's bound of an answer.
    #[must_use]
    pub fn new() -> Self {
        Self {
            model: "main".into(),
            instructions: String::new(),
            tools: Vec::new(),
            effort: String::new(),
            answer_tokens: None,
            parameters: Vec::new(),
        }
    }

    /// With the model of that [`Offer`]'s name.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = name.into();
        self
    }

    /// With this text before everything.
    #[must_use]
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.instructions = text.into();
        self
    }

    /// And with a tool; at most 128. `parameters` is a JSON Schema of an object, as text.
    #[must_use]
    pub fn tool(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: impl Into<String>,
    ) -> Self {
        self.tools.push(Tool {
            name: name.into(),
            description: description.into(),
            parameters: parameters.into(),
        });
        self
    }

    /// With how hard the model thinks: empty for its own default, or `none`, `minimal`,
    /// `low`, `medium`, `high`, `xhigh`, `max`.
    #[must_use]
    pub fn effort(mut self, effort: impl Into<String>) -> Self {
        self.effort = effort.into();
        self
    }

    /// With the most tokens of one answer, reasoning included.
    #[must_use]
    pub fn answer_tokens(mut self, tokens: u64) -> Self {
        self.answer_tokens = Some(tokens);
        self
    }

    /// And with a parameter of the provider's; `value` is JSON. The operator says which
    /// names are let through.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push(Parameter { name: name.into(), value: value.into() });
        self
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Answer {
    /// The text of the answer: its parts of text, joined by line feeds. Reasoning is no part
    /// of it.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Reasoning(_) | Part::Call(_) | Part::Other(_) => None,
        });
        let first = texts.next().unwrap_or_default();
        texts.fold(Cow::Borrowed(first), |joined, text| Cow::Owned(format!("{joined}\n{text}")))
    }

    /// The calls of the answer, in the model's order.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            Part::Text(_) | Part::Reasoning(_) | Part::Other(_) => None,
        })
    }
}

impl ToolCall {
    /// What the tool gave.
    #[must_use]
    pub fn gave(&self, text: impl Into<String>) -> ToolResult {
        ToolResult { call: self.id.clone(), text: text.into(), failed: false }
    }

    /// Why the tool gave nothing.
    #[must_use]
    pub fn failed(&self, text: impl Into<String>) -> ToolResult {
        ToolResult { failed: true, ..self.gave(text) }
    }
}

impl Failure {
    /// The text that the host gave, for a person or a model.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::OverBudget(text)
            | Self::TooLong(text)
            | Self::Refused(text)
            | Self::Rejected(text)
            | Self::Other(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_is_what_was_said_of_it() {
        assert_eq!(Setup::default().model, "main");
        let setup = Setup::new()
            .model("judge")
            .instructions("Be brief.")
            .tool("look", "Looks.", "{}")
            .effort("low")
            .answer_tokens(9)
            .parameter("seed", "7");
        let Setup { model, instructions, tools, effort, answer_tokens, parameters } = setup;
        assert_eq!((&*model, &*instructions, &*effort), ("judge", "Be brief.", "low"));
        assert_eq!((tools.len(), answer_tokens), (1, Some(9)));
        assert_eq!(parameters, [Parameter { name: "seed".into(), value: "7".into() }]);
    }

    #[test]
    fn text_and_calls_are_taken_out_of_an_answer() {
        let call = ToolCall { id: "c1".into(), name: "look".into(), arguments: "{}".into() };
        let parts = vec![
            Part::Reasoning("hm".into()),
            Part::Text("one".into()),
            Part::Call(call.clone()),
            Part::Text("two".into()),
        ];
        let usage = Usage {
            input: None,
            input_cached: None,
            input_cache_written: None,
            output: None,
            output_reasoning: None,
        };
        let mut answer = Answer { parts, stop: Stop::Calls, stop_detail: String::new(), usage, cost: None };
        assert_eq!(answer.text(), "one\ntwo");
        assert_eq!(answer.calls().collect::<Vec<_>>(), [&call]);
        answer.parts.clear();
        assert_eq!(answer.text(), "");

        let failed = call.failed("no");
        assert_eq!((&*failed.call, &*failed.text, failed.failed), ("c1", "no", true));
        assert!(!call.gave("yes").failed);
    }
}
