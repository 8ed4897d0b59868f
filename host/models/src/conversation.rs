//! A conversation: how it was set up, and what was said since.

use std::collections::BTreeSet;
use std::sync::Arc;

use lancet_core::{
    AnswerPart, ConversationSetup, Digester, ModelFailure, ModelFailureKind, Sha256, StopReason, ToolCall,
    ToolResult, Usage, WireForm,
};

use crate::answer::Read;

/// Bytes that are taken for one token where no provider has counted: 3. English prose and
/// code have about 4, so a guess is rather too high than too low.
const BYTES_PER_TOKEN: u64 = 3;
/// Tokens that are taken for what a request and a provider add around the whole
/// conversation, at most: 1,024. Providers put a text of their own, of some hundreds of
/// tokens, before tools.
const MOST_AROUND_ALL: u64 = 1_024;
/// Tokens that are taken for what stands around one text, one result or one tool, at most:
/// 128. The JSON around one has fewer bytes in each form.
const MOST_AROUND_ONE: u64 = 128;

/// What was added to a conversation. A clone shares all that is long.
#[derive(Debug, Clone)]
pub enum Entry {
    /// What a user said.
    Said(Arc<str>),
    /// What tools gave for the calls of the answer before, in the order of the calls.
    Given(Arc<[ToolResult]>),
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
    pub parts: Arc<[AnswerPart]>,
    /// Why the answer ended.
    pub stop: StopReason,
    /// The tokens that the provider counted.
    pub usage: Usage,
    /// Whether the reasoning in `raw` is left out when the answer goes back, as entries
    /// before it are missing on which it rests.
    pub bare: bool,
}

impl Answered {
    /// An answer as it was received, and what was read in it.
    #[must_use]
    pub fn new(form: WireForm, raw: impl Into<Arc<[u8]>>, read: &Read) -> Self {
        let raw = raw.into();
        let digest = Sha256::of(&raw);
        Self {
            form,
            raw,
            digest,
            parts: read.parts.as_slice().into(),
            stop: read.stop,
            usage: read.usage,
            bare: false,
        }
    }

    /// The calls that the answer makes, in the model's order.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            AnswerPart::Call(call) => Some(call),
            AnswerPart::Text(_) | AnswerPart::Reasoning(_) | AnswerPart::Other(_) => None,
        })
    }

    /// The most tokens that it can take in a conversation.
    fn most_tokens(&self) -> u64 {
        self.usage.output.unwrap_or_else(|| around_one(self.raw.len() as u64))
    }

    /// A guess of the tokens that it takes in a conversation.
    fn tokens(&self) -> u64 {
        let reasoning = if self.bare { self.usage.output_reasoning.unwrap_or(0) } else { 0 };
        match self.usage.output {
            Some(output) => output.saturating_sub(reasoning),
            None => bytes_as_tokens(self.raw.len()),
        }
    }
}

/// A conversation with a model. It grows at its end only.
#[derive(Debug, Clone)]
pub struct Conversation {
    setup: Arc<ConversationSetup>,
    effort: String,
    answer_tokens: u64,
    entries: Vec<Entry>,
    shortened: bool,
    /// What the setup and the entries digest to, so far: a long conversation is not read
    /// again for each question.
    digester: Digester,
    /// The guess of all its tokens.
    tokens: u64,
    /// The most tokens that it can have.
    most_tokens: u64,
}

impl Conversation {
    /// A conversation in which nothing was said yet, of a setup that was looked at.
    pub(crate) fn begun(setup: Arc<ConversationSetup>, effort: String, answer_tokens: u64) -> Self {
        let mut digester = Digester::new();
        digester.part(Sha256::of_json(&*setup).as_bytes());
        let tokens = bytes_as_tokens(setup_bytes(&setup));
        let most_tokens = most_of_setup(&setup);
        let entries = Vec::new();
        Self { setup, effort, answer_tokens, entries, shortened: false, digester, tokens, most_tokens }
    }

    fn push(&mut self, entry: Entry) {
        let digester = &mut self.digester;
        match &entry {
            Entry::Said(text) => digester.part(b"said").part(text.as_bytes()),
            Entry::Given(results) => digester.part(b"given").part(Sha256::of_json(&&results[..]).as_bytes()),
            Entry::Answered(answered) => {
                digester.part(if answered.bare { b"bare" } else { b"answered" });
                // The ids of calls are the plugin's words for them, and not always in the JSON.
                let calls: Vec<&ToolCall> = answered.calls().collect();
                digester.part(answered.digest.as_bytes()).part(Sha256::of_json(&calls).as_bytes())
            }
        };
        let before = self.tokens;
        self.tokens = match &entry {
            Entry::Said(text) => before.saturating_add(bytes_as_tokens(text.len())),
            Entry::Given(results) => {
                let bytes = results.iter().map(|result| result.text.len()).sum();
                before.saturating_add(bytes_as_tokens(bytes))
            }
            Entry::Answered(answered) => match (answered.bare, answered.usage.input, answered.usage.output) {
                // Everything before was counted.
                (false, Some(input), Some(output)) => input.saturating_add(output),
                // What was counted before entries were left out counts these as well.
                _ => before.saturating_add(answered.tokens()),
            },
        };
        let before = self.most_tokens;
        self.most_tokens = match &entry {
            Entry::Said(text) => before.saturating_add(around_one(written_bytes(text))),
            Entry::Given(results) => results.iter().fold(before, |sum, result| {
                let bytes = written_bytes(&result.call).saturating_add(written_bytes(&result.text));
                sum.saturating_add(around_one(bytes))
            }),
            Entry::Answered(answered) => match (answered.bare, answered.usage.input, answered.usage.output) {
                (false, Some(input), Some(output)) => input.saturating_add(output),
                _ => before.saturating_add(answered.most_tokens()),
            },
        };
        self.entries.push(entry);
    }

    /// How the conversation was set up, as the plugin said it.
    #[must_use]
    pub fn setup(&self) -> &ConversationSetup {
        &self.setup
    }

    /// How hard the model thinks: the setup's effort, or else that of the operator's
    /// choice; empty for the model's own default.
    #[must_use]
    pub fn effort(&self) -> &str {
        &self.effort
    }

    /// The most tokens of one answer: those of the setup, at most those of the
    /// operator's choice.
    #[must_use]
    pub fn answer_tokens(&self) -> u64 {
        self.answer_tokens
    }

    /// What was added, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries there are.
    #[must_use]
    pub fn length(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Whether entries were left out by [`Self::without`].
    #[must_use]
    pub fn is_shortened(&self) -> bool {
        self.shortened
    }

    /// Adds what a user says.
    ///
    /// # Errors
    /// [`ModelFailureKind::Refused`] when the text is empty, which providers do not take,
    /// or calls of the last answer are open.
    pub fn say(&mut self, text: impl Into<String>) -> Result<(), ModelFailure> {
        let text: Arc<str> = text.into().into();
        if text.is_empty() {
            return Err(refused("an empty text cannot be said: providers do not take one"));
        }
        if let Some(open) = self.open_calls() {
            return Err(refused(format!("nothing can be said before {open} got its result with `give`")));
        }
        self.push(Entry::Said(text));
        Ok(())
    }

    /// Adds what tools gave for all calls of the last answer, in any order.
    ///
    /// # Errors
    /// [`ModelFailureKind::Refused`] when the last entry is no answer with calls, or the
    /// results are not exactly one for each of its calls.
    pub fn give(&mut self, results: Vec<ToolResult>) -> Result<(), ModelFailure> {
        let Some(Entry::Answered(last)) = self.entries.last() else {
            return Err(refused("results can be given after an answer only: the last entry is none"));
        };
        let order: Vec<&str> = last.calls().map(|call| call.id.as_str()).collect();
        if order.is_empty() {
            return Err(refused("the last answer makes no call: there is nothing to give results for"));
        }
        let mut places: Vec<Option<ToolResult>> = order.iter().map(|_| None).collect();
        for result in results {
            let Some(place) = order.iter().position(|id| *id == result.call) else {
                let known = listed(&order);
                let id = excerpt(&result.call);
                return Err(refused(format!(
                    "the last answer has no call `{id}`: results are wanted for {known}"
                )));
            };
            if places[place].is_some() {
                return Err(refused(format!("the call `{}` has two results", excerpt(&result.call))));
            }
            places[place] = Some(result);
        }
        if let Some(missing) = places.iter().position(Option::is_none) {
            let id = excerpt(order[missing]);
            return Err(refused(format!(
                "the call `{id}` has no result: all {} calls of the last answer have to be answered at once",
                order.len()
            )));
        }
        self.push(Entry::Given(places.into_iter().flatten().collect()));
        Ok(())
    }

    /// Whether an answer may be asked for.
    ///
    /// # Errors
    /// [`ModelFailureKind::Refused`] when nothing has been said yet, or the last entry is
    /// an answer. One that the provider paused is an exception: it goes back as it is.
    pub fn may_ask(&self) -> Result<(), ModelFailure> {
        match self.entries.last() {
            None => Err(refused("nothing has been said yet: `say` comes before `ask`")),
            Some(Entry::Said(_) | Entry::Given(_)) => Ok(()),
            Some(Entry::Answered(last)) => match self.open_calls() {
                Some(open) => Err(refused(format!("{open} has no result yet: `give` comes before `ask`"))),
                None if last.stop == StopReason::Paused => Ok(()),
                None => Err(refused("the last entry is an answer: `say` something before `ask`")),
            },
        }
    }

    /// Adds an answer. Its calls are known by the ids in its parts from then on; see
    /// [`Self::named`].
    pub fn answered(&mut self, answered: Answered) {
        self.push(Entry::Answered(answered));
    }

    fn answers(&self) -> impl Iterator<Item = &Answered> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Answered(answered) => Some(answered),
            Entry::Said(_) | Entry::Given(_) => None,
        })
    }

    /// What was read of an answer, with ids of calls that are unique in this
    /// conversation: one that is empty, or that occurred before, is replaced by
    /// `call-ENTRY-NUMBER`. The provider's JSON is left alone, and results go back under
    /// the ids that stand there, by the order of the calls.
    #[must_use]
    pub fn named(&self, mut read: Read) -> Read {
        let mut taken: BTreeSet<String> =
            self.answers().flat_map(Answered::calls).map(|call| call.id.clone()).collect();
        let mut number = 0_u32;
        for part in &mut read.parts {
            let AnswerPart::Call(call) = part else { continue };
            if call.id.is_empty() || taken.contains(&call.id) {
                call.id = format!("call-{}-{number}", self.entries.len());
                while taken.contains(&call.id) {
                    call.id.push('+');
                }
            }
            taken.insert(call.id.clone());
            number += 1;
        }
        read
    }

    /// A guess of the conversation's tokens: those that the provider counted last, and a
    /// third of the bytes since.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The most tokens that the conversation can have: those that the provider counted
    /// last, and one for each byte that a request has more since then, as no token has less
    /// than a byte.
    #[must_use]
    pub fn most_tokens(&self) -> u64 {
        self.most_tokens
    }

    /// A conversation of the same setup with the entries `first..end` left out, which shares
    /// what stays. The reasoning in answers after them goes back no more, as providers bind it to all
    /// that came before; everything else of these answers stays byte for byte.
    ///
    /// # Errors
    /// [`ModelFailureKind::Refused`] when there are no such entries, a call would lose its
    /// results or results their call, or what stays would begin with an answer or have
    /// two of them in a row.
    pub fn without(&self, first: u32, end: u32) -> Result<Self, ModelFailure> {
        let length = self.entries.len();
        let (from, to) = (first as usize, end as usize);
        if from > to || to > length {
            return Err(refused(format!(
                "the entries {first}..{end} cannot be left out: there are {length}, from 0"
            )));
        }
        if from == to {
            return Ok(self.clone());
        }
        let cut = |at: usize| matches!(self.entries.get(at), Some(Entry::Given(_))).then_some(at);
        if let Some(results) = cut(from).or_else(|| cut(to)) {
            return Err(refused(format!(
                "the entries {first}..{end} cannot be left out: the calls of entry {} and their results in entry \
                 {results} go together",
                results - 1
            )));
        }
        if let Some(Entry::Answered(_)) = self.entries.get(to) {
            let before = from.checked_sub(1).map(|at| &self.entries[at]);
            match before {
                Some(Entry::Said(_) | Entry::Given(_)) => {}
                Some(Entry::Answered(Answered { stop: StopReason::Paused, .. })) => {}
                _ => {
                    return Err(refused(format!(
                        "the entries {first}..{end} cannot be left out: entry {end} is an answer, and nothing \
                         that was said or given would stand before it"
                    )));
                }
            }
        }
        let mut shorter = Self::begun(Arc::clone(&self.setup), self.effort.clone(), self.answer_tokens);
        shorter.shortened = true;
        for entry in &self.entries[..from] {
            shorter.push(entry.clone());
        }
        for entry in &self.entries[to..] {
            shorter.push(match entry.clone() {
                Entry::Answered(answered) => Entry::Answered(Answered { bare: true, ..answered }),
                other => other,
            });
        }
        Ok(shorter)
    }

    /// The digest of the setup as the plugin said it, and of the entries. Equal
    /// conversations have equal digests, whatever the provider: neither its form nor the
    /// operator's choice is in it.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        self.digester.clone().finish()
    }

    /// Whether a provider cut this conversation silently, by the usage of its newest
    /// answer, which is not added yet: it read no more than for the answer before,
    /// although the conversation has grown since.
    ///
    /// Models whose templates drop earlier reasoning once a user speaks may truly read
    /// less, which is not marked.
    #[must_use]
    pub fn is_cut_by(&self, usage: &Usage) -> bool {
        let reasons = |answered: &Answered| {
            answered.parts.iter().any(|part| matches!(part, AnswerPart::Reasoning(_)))
                || answered.usage.output_reasoning.is_some_and(|tokens| tokens > 0)
        };
        let mut answers = self.entries.iter().rev().filter_map(|entry| match entry {
            Entry::Answered(answered) => Some(answered),
            Entry::Said(_) | Entry::Given(_) => None,
        });
        let spoken = matches!(self.entries.last(), Some(Entry::Said(_)));
        if spoken && answers.clone().any(reasons) {
            return false;
        }
        let Some(before) = answers.next().filter(|answered| !answered.bare) else { return false };
        matches!((before.usage.input, usage.input), (Some(before), Some(now)) if now <= before)
    }

    /// The first call that waits for its result, in words.
    fn open_calls(&self) -> Option<String> {
        let Some(Entry::Answered(last)) = self.entries.last() else { return None };
        let call = last.calls().next()?;
        Some(format!("the call `{}` of `{}`", excerpt(&call.id), excerpt(&call.name)))
    }
}

fn setup_bytes(setup: &ConversationSetup) -> usize {
    let tools = setup.tools.iter();
    let tools = tools.map(|tool| tool.name.len() + tool.description.len() + tool.parameters.len());
    setup.instructions.len() + tools.sum::<usize>()
}

/// The most tokens of what stands before everything.
fn most_of_setup(setup: &ConversationSetup) -> u64 {
    let tools = setup.tools.iter().map(|tool| {
        let texts = [&tool.name, &tool.description, &tool.parameters];
        around_one(texts.map(|text| written_bytes(text)).into_iter().fold(0, u64::saturating_add))
    });
    let parameters = setup
        .parameters
        .iter()
        .map(|parameter| around_one((parameter.name.len() + parameter.value.len()) as u64));
    let all = MOST_AROUND_ALL.saturating_add(written_bytes(&setup.instructions));
    tools.chain(parameters).fold(all, u64::saturating_add)
}

fn around_one(bytes: u64) -> u64 {
    bytes.saturating_add(MOST_AROUND_ONE)
}

/// The bytes of a text as JSON has it, without the quotes.
fn written_bytes(text: &str) -> u64 {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    });
    bytes.sum()
}

pub(crate) fn refused(message: impl Into<String>) -> ModelFailure {
    ModelFailure::new(ModelFailureKind::Refused, message)
}

fn bytes_as_tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// At most 80 characters of what a plugin or a model wrote, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

fn listed(ids: &[&str]) -> String {
    let named: Vec<String> = ids.iter().take(8).map(|id| format!("`{}`", excerpt(id))).collect();
    named.join(", ")
}

#[cfg(test)]
pub(crate) mod tests;
