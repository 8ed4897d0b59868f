//! The conversations that one plugin has with models.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use lancet_core::{
    AnswerMark, AnswerPart, AttemptId, CallRecord, ConversationSetup, FailedTry, ITEM_BYTES, InfraFault,
    InfraFaultKind, MAX_CONVERSATIONS, ModelAnswer, ModelFailure, ModelFailureKind, Offer, Phase, Request,
    Response, ToolResult,
};
use lancet_engine::{ModelSource, NotRecalled, Reply, SourceError};
use lancet_models::{Answered, Asking, Conversation, Entry, NotAsked, Read};

use crate::blobs::{Blobs, unkept};
use crate::models::paid::{self, Paid};
use crate::models::purse::Question;
use crate::models::{Model, Models};
use crate::observer::Observer;

/// Holds the conversations of the plugin of one phase, and has models answer them.
pub(crate) struct Conversations {
    pub(crate) models: Arc<Models>,
    pub(crate) blobs: Blobs,
    pub(crate) attempt: AttemptId,
    pub(crate) phase: Phase,
    /// The most bytes of an answer that the plugin can be told.
    pub(crate) call_bytes: u64,
    /// Answers from before the phase began anew.
    pub(crate) paid: Paid,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) open: Mutex<Vec<Open>>,
    /// Bytes that the conversations hold.
    pub(crate) held: Mutex<u64>,
}

/// The most bytes that one plugin's conversations hold until it is done: what was said,
/// given and answered, and the provider's own JSON of each answer, of which the plugin is
/// told a part only. What shortened conversations share counts once.
const MAX_HELD_BYTES: u64 = 256 << 20;

/// A conversation that has been opened.
pub(crate) struct Open {
    /// Shared with whoever is answering it.
    conversation: Arc<Conversation>,
    /// The number of its model.
    model: usize,
    /// How many questions have been asked in it, the failed ones among them.
    questions: u32,
}

/// What an entry takes in a conversation that shares it with another one.
const SHARED_ENTRY_BYTES: usize = size_of::<Entry>();

type Failing<T> = Result<T, ModelFailure>;

impl Conversations {
    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with one conversation.
    fn with<T>(&self, number: u32, work: impl FnOnce(&mut Open) -> Failing<T>) -> Failing<T> {
        match self.open().get_mut(number as usize) {
            Some(open) => work(open),
            // Handles are given out with the numbers, so no plugin gets here.
            None => Err(refused(format!("there is no conversation {number}"))),
        }
    }

    fn add(&self, conversation: Conversation, model: usize) -> Failing<u32> {
        let mut open = self.open();
        if open.len() >= MAX_CONVERSATIONS {
            return Err(refused(format!("{MAX_CONVERSATIONS} conversations are open, which is the most")));
        }
        let number = u32::try_from(open.len()).unwrap_or(u32::MAX);
        open.push(Open { conversation: Arc::new(conversation), model, questions: 0 });
        Ok(number)
    }

    fn may_hold(&self, bytes: u64) -> Failing<()> {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.saturating_add(bytes) > MAX_HELD_BYTES {
            let limit = MAX_HELD_BYTES >> 20;
            return Err(refused(format!("the conversations would hold more than {limit} MiB in all")));
        }
        Ok(())
    }

    /// Counts what was done. What a record holds was allowed then, and counts as well.
    fn holds(&self, bytes: u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.saturating_add(bytes);
    }

    fn model(&self, number: usize) -> &Model {
        &self.models.models[number]
    }

    async fn answer(&self, number: u32) -> Result<Failing<ModelAnswer>, SourceError> {
        let outcome = self.asked(number).await?;
        // One that the infrastructure failed is asked again, and has been none.
        let _ = self.with(number, |open| {
            open.questions += 1;
            Ok(())
        });
        Ok(outcome)
    }

    async fn asked(&self, number: u32) -> Result<Failing<ModelAnswer>, SourceError> {
        let looked_up = self.with(number, |open| {
            open.conversation.may_ask()?;
            Ok((Arc::clone(&open.conversation), open.model, open.questions))
        });
        let (conversation, model, ordinal) = match looked_up {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        let asked = conversation.digest();
        if let Some(answer) = self.paid.answer((number, ordinal), asked)
            && let Ok(raw) = self.blobs.read(answer.raw)
        {
            drop(conversation);
            self.take_over(number, &answer, raw);
            return Ok(Ok(answer));
        }
        // An answer for which there is no room would be paid for in vain.
        if let Err(failure) = self.may_hold(1) {
            return Ok(Err(failure));
        }
        let Model { choice, provider } = self.model(model);
        let purse = Question {
            models: &self.models,
            attempt: &self.attempt,
            phase: self.phase,
            conversation: number,
            ordinal,
            choice,
            last: Mutex::new(None),
        };
        let asking = Asking {
            task: self.attempt.task.as_str(),
            attempt: self.attempt.number,
            conversation: paid::in_attempt(self.phase, number),
            ordinal,
            deadline: self.models.ledger.deadline(&self.attempt),
            purse: &purse,
        };
        let began = Instant::now();
        let replied = provider.ask(&conversation, asking).await;
        let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.models.tell(&self.attempt, &*self.observer);
        let reply = match replied {
            Ok(reply) => reply,
            Err(NotAsked::Failure(mut failure)) => {
                self.doubt(&failure.tries);
                failure.tries.iter_mut().for_each(|tried| tried.spent = tried.spent.kept());
                failure.asked = Some(asked);
                // What is waited for between tries is in them.
                failure.waited_ms = waited_ms;
                return Ok(Err(failure));
            }
            Err(NotAsked::Fault { fault, tries }) => {
                self.doubt(&tries);
                return Err(fault.into());
            }
        };
        let mut read = conversation.named(reply.read);
        // As the journal has it, from which the conversation may have to be made again.
        read.usage = read.usage.kept();
        let answered = Answered::new(choice.form, reply.raw, &read);
        // Nobody is told of an answer that is not kept.
        self.blobs.keep_one(Arc::clone(&answered.raw)).await.map_err(|e| unkept(&e))?;
        let mut marks = reply.marks;
        // What another run was told for the second time, this one is told for the first.
        marks.retain(|mark| *mark != AnswerMark::FromRecord);
        if conversation.is_cut_by(&read.usage) {
            marks.push(AnswerMark::SilentlyCut);
        }
        if conversation.is_shortened() {
            marks.push(AnswerMark::Shortened);
        }
        marks.sort_unstable();
        marks.dedup();
        drop(conversation);
        let calls = answered.calls().count() as u64;
        let mut tries = reply.tries;
        tries.iter_mut().for_each(|tried| tried.spent = tried.spent.kept());
        let answer = ModelAnswer {
            parts: read.parts,
            stop: read.stop,
            stop_detail: read.stop_detail,
            spent: reply.spent.kept(),
            tries,
            served: read.served,
            marks,
            asked,
            raw: answered.digest,
            waited_ms,
        };
        let answer = self.carried(answer)?;
        let bytes = answer_bytes(&answered);
        Ok(self.told(answer, bytes).inspect(|_| {
            self.holds(bytes);
            let _ = self.with(number, |open| {
                Arc::make_mut(&mut open.conversation).answered(answered);
                Ok(())
            });
            self.models.ledger.tool_calls(&self.attempt, calls);
            if let Some(entry) = purse.last() {
                self.models.store.note_answer(&self.attempt, entry, calls);
            }
        }))
    }

    /// Notes of requests of a question without an answer what is only estimated.
    fn doubt(&self, tries: &[FailedTry]) {
        for tried in tries.iter().filter(|tried| tried.spent.estimated) {
            self.models.ledger.doubt(&self.attempt, &tried.spent);
        }
    }

    /// An answer that a call can carry. No model writes a larger one: it is its server's
    /// fault, and not the plugin's.
    fn carried(&self, answer: ModelAnswer) -> Result<ModelAnswer, SourceError> {
        let response = Response::Answered(Box::new(answer));
        let bytes = response.bytes() as u64;
        let Response::Answered(answer) = response else { unreachable!("it was made here") };
        if bytes <= self.call_bytes {
            return Ok(*answer);
        }
        self.doubt(&answer.tries);
        let most = self.call_bytes;
        let message = format!("the answer has {bytes} bytes, and a plugin can be told at most {most}");
        Err(InfraFault::new(InfraFaultKind::ModelUnreadable, message).into())
    }

    /// An answer that there is room for, of so many bytes in the conversation. Another one has
    /// been paid for, and is none: the conversation stays as it was.
    fn told(&self, answer: ModelAnswer, held: u64) -> Failing<ModelAnswer> {
        let Err(ModelFailure { message, .. }) = self.may_hold(held) else { return Ok(answer) };
        let mut failure = ModelFailure::new(ModelFailureKind::Other, message.clone());
        (failure.asked, failure.waited_ms) = (Some(answer.asked), answer.waited_ms);
        failure.tries = answer.tries;
        failure.tries.push(FailedTry { status: None, why: message, waited_ms: 0, spent: answer.spent });
        Err(failure)
    }

    /// Adds an answer that a record holds.
    fn take_over(&self, number: u32, answer: &ModelAnswer, raw: Vec<u8>) {
        let _ = self.with(number, |open| {
            let read = Read {
                parts: answer.parts.clone(),
                stop: answer.stop,
                stop_detail: answer.stop_detail.clone(),
                usage: answer.told(),
                served: answer.served.clone(),
            };
            let form = self.model(open.model).choice.form;
            let answered = Answered::new(form, raw, &read);
            self.holds(answer_bytes(&answered));
            Arc::make_mut(&mut open.conversation).answered(answered);
            Ok(())
        });
    }

    fn taken_over(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        if let Request::ModelAsk { conversation } = &call.request {
            let _ = self.with(*conversation, |open| {
                open.questions += 1;
                Ok(())
            });
        }
        let done = |done: Failing<()>| done.map_err(|failure| not_recalled(call, &failure.message));
        let begun = |begun: Failing<u32>, recorded: u32| match begun {
            Ok(number) if number == recorded => Ok(()),
            Ok(number) => Err(not_recalled(call, &format!("conversation {recorded} would be {number}"))),
            Err(failure) => Err(not_recalled(call, &failure.message)),
        };
        match (&call.request, &call.response) {
            (Request::ModelOpen { setup }, Response::Conversation(number)) => {
                begun(ModelSource::open(self, setup), *number)
            }
            (Request::ModelSay { conversation, text }, Response::Done) => done(self.say(*conversation, text)),
            (Request::ModelGive { conversation, results }, Response::Done) => {
                done(self.give(*conversation, results))
            }
            (Request::ModelWithout { conversation, first, end }, Response::Conversation(number)) => {
                begun(self.without(*conversation, *first, *end), *number)
            }
            (Request::ModelAsk { conversation }, Response::Answered(answer)) => {
                let raw = self.blobs.read(answer.raw).map_err(|e| not_recalled(call, &e.to_string()))?;
                self.take_over(*conversation, answer, raw);
                Ok(())
            }
            // What was not done changed nothing.
            (_, Response::Unanswered(_) | Response::Refused(_)) => Ok(()),
            _ => Err(not_recalled(call, "its record is no answer to it")),
        }
    }
}

/// What an answer takes: the provider's JSON, and what was read in it.
fn answer_bytes(answered: &Answered) -> u64 {
    let parts = answered.parts.iter().map(|part| match part {
        AnswerPart::Text(text) | AnswerPart::Reasoning(text) => text.len(),
        AnswerPart::Call(call) => call.id.len() + call.name.len() + call.arguments.len(),
        AnswerPart::Other(other) => other.name.len() + other.value.len(),
    });
    (ITEM_BYTES + answered.raw.len() + parts.map(|bytes| ITEM_BYTES + bytes).sum::<usize>()) as u64
}

fn result_bytes(results: &[ToolResult]) -> u64 {
    let bytes = results.iter().map(|result| ITEM_BYTES + result.call.len() + result.text.len());
    (ITEM_BYTES + bytes.sum::<usize>()) as u64
}

fn refused(message: String) -> ModelFailure {
    ModelFailure::new(ModelFailureKind::Refused, message)
}

fn not_recalled(call: &CallRecord, why: &str) -> NotRecalled {
    NotRecalled(format!("what `{}` did cannot be done again: {why}", call.request.name()))
}

impl ModelSource for Conversations {
    fn offers(&self) -> Vec<Offer> {
        self.models.offers()
    }

    fn open(&self, setup: &ConversationSetup) -> Result<u32, ModelFailure> {
        let models = &self.models.models;
        let found = models.iter().position(|model| model.choice.name == setup.model);
        let Some(model) = found else {
            let known: Vec<_> = models.iter().map(|model| format!("`{}`", model.choice.name)).collect();
            let asked: String = setup.model.chars().take(80).collect();
            return Err(refused(format!("no model `{asked}` is offered: there is {}", known.join(", "))));
        };
        let conversation = Conversation::open(setup.clone(), &self.model(model).choice)?;
        let bytes = Request::ModelOpen { setup: setup.clone() }.bytes() as u64;
        self.may_hold(bytes)?;
        self.add(conversation, model).inspect(|_| self.holds(bytes))
    }

    fn say(&self, conversation: u32, text: &str) -> Result<(), ModelFailure> {
        let bytes = (ITEM_BYTES + text.len()) as u64;
        self.may_hold(bytes)?;
        self.with(conversation, |open| Arc::make_mut(&mut open.conversation).say(text))?;
        self.holds(bytes);
        Ok(())
    }

    fn give(&self, conversation: u32, results: &[ToolResult]) -> Result<(), ModelFailure> {
        let bytes = result_bytes(results);
        self.may_hold(bytes)?;
        self.with(conversation, |open| Arc::make_mut(&mut open.conversation).give(results.to_vec()))?;
        self.holds(bytes);
        Ok(())
    }

    fn ask<'a>(&'a self, conversation: u32) -> Reply<'a, Result<ModelAnswer, ModelFailure>> {
        Box::pin(self.answer(conversation))
    }

    fn length(&self, conversation: u32) -> u32 {
        self.with(conversation, |open| Ok(open.conversation.length())).unwrap_or_default()
    }

    fn tokens(&self, conversation: u32) -> u64 {
        self.with(conversation, |open| Ok(open.conversation.tokens())).unwrap_or_default()
    }

    fn without(&self, conversation: u32, first: u32, end: u32) -> Result<u32, ModelFailure> {
        let (shorter, model) =
            self.with(conversation, |open| Ok((open.conversation.without(first, end)?, open.model)))?;
        // What stays is shared: only the list of it is new.
        let bytes = ((1 + shorter.entries().len()) * SHARED_ENTRY_BYTES) as u64;
        self.may_hold(bytes)?;
        // Only what was done counts: a record that is gone on from has nothing else.
        self.add(shorter, model).inspect(|_| self.holds(bytes))
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        self.taken_over(call)
    }
}
