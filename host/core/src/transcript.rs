//! The conversations of an attempt, as its journal has them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AttemptId, CallRecord, ConversationSetup, Event, InfraFault, ModelAnswer, ModelFailure, Phase, Request,
    Response, ToolResult,
};

/// What was said between the plugins of an attempt and language models. This is the JSON of
/// `lancet show RUN/TASK/NUMBER --transcript --format json`, a public interface: fields are
/// added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// The attempt: `RUN/TASK/NUMBER`.
    pub attempt: String,
    /// Every conversation, in the order in which they were opened. Those of a phase that
    /// was begun anew are there once for each beginning.
    pub conversations: Vec<ShownConversation>,
}

/// One conversation with a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShownConversation {
    /// The plugin that held it: the agent (`solve`) or the grader (`grade`).
    pub phase: Phase,
    /// The beginning of that phase that it belongs to, from 1. A phase begins anew when it
    /// was interrupted and cannot go on behind its record.
    pub beginning: u32,
    /// The conversation's number in that beginning, from 0; `null` for one that the host
    /// refused to open.
    pub conversation: Option<u32>,
    /// The conversation that this one began with a part of; `null` when it began empty.
    pub shortened: Option<Shortened>,
    /// How it was set up; `null` when it was shortened, as it has the other's then.
    pub setup: Option<ConversationSetup>,
    /// What was added to it, and the questions without an answer. What it has from another
    /// one is not repeated.
    pub turns: Vec<ShownTurn>,
}

/// What a conversation has from another one: all of its entries at that time but for a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shortened {
    /// The other one's number.
    pub of: u32,
    /// How many entries that one had.
    pub entries: u32,
    /// The first entry that was left out, from 0.
    pub first: u32,
    /// The first entry after it that was kept.
    pub end: u32,
}

/// One thing that was said in a conversation, or that became of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShownTurn {
    /// Its place in the attempt's journal, from 0.
    pub seq: usize,
    /// When it was written: microseconds since the attempt was started, or resumed.
    pub at_us: u64,
    /// The conversation's entry that it is, from 0; `null` when it added none.
    pub entry: Option<u32>,
    /// What it was.
    pub what: Turn,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// The plugin said this as the user.
    Said(String),
    /// Tools gave this.
    Given(Vec<ToolResult>),
    /// The model answered.
    Answered(Box<ModelAnswer>),
    /// The host refused what the plugin wanted to open, say or give, or there was no answer,
    /// and the plugin was told why.
    Unanswered(Box<ModelFailure>),
    /// The infrastructure failed, which ended the plugin.
    Unavailable(InfraFault),
    /// The question was asked, and nothing of its answer is on record: Lancet was stopped
    /// meanwhile. It may have been paid for.
    Lost,
}

impl Transcript {
    /// Makes a journal's calls the conversations that they are. Each event comes with when it
    /// was written, in microseconds since the attempt was started or resumed.
    #[must_use]
    pub fn of<'a>(attempt: &AttemptId, events: impl IntoIterator<Item = (u64, &'a Event)>) -> Self {
        let mut folding = Folding::default();
        for (seq, (at_us, event)) in events.into_iter().enumerate() {
            folding.event(seq, at_us, event);
        }
        for phase in [Phase::Solve, Phase::Grade] {
            folding.lost(phase);
        }
        let conversations = folding.conversations.into_iter().map(|growing| growing.shown).collect();
        Self { attempt: attempt.to_string(), conversations }
    }

    /// Whether no plugin of the attempt opened a conversation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }
}

/// A conversation while its journal is read.
struct Growing {
    shown: ShownConversation,
    entries: u32,
}

#[derive(Default)]
struct Folding {
    conversations: Vec<Growing>,
    /// How often each phase has begun.
    begun: BTreeMap<Phase, u32>,
    /// Where the conversations of a phase's last beginning are, by their numbers.
    open: BTreeMap<(Phase, u32), usize>,
    /// A question that was asked and has no answer yet.
    asked: BTreeMap<Phase, (usize, u64, u32)>,
}

impl Folding {
    fn event(&mut self, seq: usize, at_us: u64, event: &Event) {
        match event {
            Event::Began { phase, .. } => {
                self.lost(*phase);
                *self.begun.entry(*phase).or_default() += 1;
                self.open.retain(|(of, _), _| of != phase);
            }
            Event::Asked { phase, request: Request::ModelAsk { conversation }, .. } => {
                self.lost(*phase);
                self.asked.insert(*phase, (seq, at_us, *conversation));
            }
            Event::Called { phase, call } => {
                if matches!(call.request, Request::ModelAsk { .. }) {
                    self.asked.remove(phase);
                }
                self.called(seq, at_us, *phase, call);
            }
            Event::Asked { .. }
            | Event::Solved { .. }
            | Event::Captured { .. }
            | Event::Reopened { .. }
            | Event::Graded { .. }
            | Event::Decided { .. } => {}
        }
    }

    /// Nothing more will be told of the question that a phase has asked.
    fn lost(&mut self, phase: Phase) {
        if let Some((seq, at_us, conversation)) = self.asked.remove(&phase) {
            self.add(phase, conversation, ShownTurn { seq, at_us, entry: None, what: Turn::Lost });
        }
    }

    fn called(&mut self, seq: usize, at_us: u64, phase: Phase, call: &CallRecord) {
        let turn = |what| ShownTurn { seq, at_us, entry: None, what };
        match &call.request {
            Request::ModelOpen { setup } => {
                let number = opened(&call.response);
                self.begin(phase, number, None, Some(setup.clone()), 0);
                if let (Some(what), Some(last)) = (failed(&call.response), self.conversations.last_mut()) {
                    last.shown.turns.push(turn(what));
                }
            }
            Request::ModelWithout { conversation, first, end } => match opened(&call.response) {
                Some(number) => {
                    let entries = self.find(phase, *conversation).map_or(0, |growing| growing.entries);
                    let shortened = Shortened { of: *conversation, entries, first: *first, end: *end };
                    let kept = entries.saturating_sub(end.saturating_sub(*first));
                    self.begin(phase, Some(number), Some(shortened), None, kept);
                }
                None => {
                    if let Some(what) = failed(&call.response) {
                        self.add(phase, *conversation, turn(what));
                    }
                }
            },
            Request::ModelSay { conversation, text } => {
                let what = failed(&call.response).unwrap_or_else(|| Turn::Said(text.clone()));
                self.add(phase, *conversation, turn(what));
            }
            Request::ModelGive { conversation, results } => {
                let what = failed(&call.response).unwrap_or_else(|| Turn::Given(results.clone()));
                self.add(phase, *conversation, turn(what));
            }
            Request::ModelAsk { conversation } => {
                let what = match &call.response {
                    Response::Answered(answer) => Some(Turn::Answered(answer.clone())),
                    other => failed(other),
                };
                if let Some(what) = what {
                    self.add(phase, *conversation, turn(what));
                }
            }
            _ => {}
        }
    }

    fn begin(
        &mut self,
        phase: Phase,
        number: Option<u32>,
        shortened: Option<Shortened>,
        setup: Option<ConversationSetup>,
        entries: u32,
    ) {
        if let Some(number) = number {
            self.open.insert((phase, number), self.conversations.len());
        }
        let beginning = self.begun.get(&phase).copied().unwrap_or(1);
        let shown =
            ShownConversation { phase, beginning, conversation: number, shortened, setup, turns: Vec::new() };
        self.conversations.push(Growing { shown, entries });
    }

    fn find(&mut self, phase: Phase, number: u32) -> Option<&mut Growing> {
        let index = *self.open.get(&(phase, number))?;
        self.conversations.get_mut(index)
    }

    fn add(&mut self, phase: Phase, number: u32, mut turn: ShownTurn) {
        let Some(growing) = self.find(phase, number) else { return };
        if matches!(turn.what, Turn::Said(_) | Turn::Given(_) | Turn::Answered(_)) {
            turn.entry = Some(growing.entries);
            growing.entries += 1;
        }
        growing.shown.turns.push(turn);
    }
}

fn opened(response: &Response) -> Option<u32> {
    match response {
        Response::Conversation(number) => Some(*number),
        _ => None,
    }
}

fn failed(response: &Response) -> Option<Turn> {
    match response {
        Response::Unanswered(failure) => Some(Turn::Unanswered(failure.clone())),
        Response::Unavailable(fault) => Some(Turn::Unavailable(fault.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnswerPart, InfraFaultKind, Limits, ModelFailureKind, Sha256, Spent, StopReason};

    fn attempt() -> AttemptId {
        "20261123-083329-4f2a9c/one/1".parse().unwrap()
    }

    fn began() -> Event {
        Event::Began {
            phase: Phase::Solve,
            plugin: Sha256::of(b"agent"),
            grant: Vec::new(),
            limits: Limits::standard(),
            engine: String::new(),
            record: None,
            jail: None,
            package: None,
        }
    }

    fn called(request: Request, response: Response) -> Event {
        Event::Called { phase: Phase::Solve, call: CallRecord { fuel_used: 1, request, response } }
    }

    fn open(number: u32) -> Event {
        let setup = ConversationSetup { model: "main".into(), ..ConversationSetup::default() };
        called(Request::ModelOpen { setup }, Response::Conversation(number))
    }

    fn say(conversation: u32, text: &str) -> Event {
        called(Request::ModelSay { conversation, text: text.into() }, Response::Done)
    }

    fn asked(conversation: u32) -> Event {
        Event::Asked { phase: Phase::Solve, fuel_used: 1, request: Request::ModelAsk { conversation } }
    }

    fn answered(conversation: u32, text: &str) -> Event {
        let answer = ModelAnswer {
            parts: vec![AnswerPart::Text(text.into())],
            stop: StopReason::Finished,
            stop_detail: String::new(),
            spent: Spent::default(),
            tries: Vec::new(),
            served: String::new(),
            marks: Vec::new(),
            asked: Sha256::of(b"asked"),
            raw: Sha256::of(b"raw"),
            waited_ms: 5,
        };
        called(Request::ModelAsk { conversation }, Response::Answered(Box::new(answer)))
    }

    fn transcript(events: &[Event]) -> Vec<ShownConversation> {
        let timed = events.iter().zip(0..).map(|(event, at_us)| (at_us, event));
        Transcript::of(&attempt(), timed).conversations
    }

    /// Each turn as its entry's number and a word.
    fn turns(conversation: &ShownConversation) -> Vec<(Option<u32>, String)> {
        let word = |turn: &Turn| match turn {
            Turn::Said(text) => text.clone(),
            Turn::Given(results) => format!("{} results", results.len()),
            Turn::Answered(answer) => match &answer.parts[..] {
                [AnswerPart::Text(text)] => text.clone(),
                parts => format!("{} parts", parts.len()),
            },
            Turn::Unanswered(failure) => failure.message.clone(),
            Turn::Unavailable(fault) => fault.message.clone(),
            Turn::Lost => "lost".to_owned(),
        };
        conversation.turns.iter().map(|turn| (turn.entry, word(&turn.what))).collect()
    }

    #[test]
    fn calls_become_conversations() {
        let result = ToolResult { call: "1".into(), text: "done".into(), failed: false };
        let refused = ModelFailure::new(ModelFailureKind::Refused, "not now");
        let found = transcript(&[
            began(),
            open(0),
            say(0, "hello"),
            open(1),
            asked(0),
            answered(0, "hi"),
            called(
                Request::ModelSay { conversation: 0, text: "no".into() },
                Response::Unanswered(Box::new(refused)),
            ),
            say(1, "other"),
            called(Request::ModelGive { conversation: 0, results: vec![result] }, Response::Done),
            called(Request::ModelLength { conversation: 0 }, Response::Number(3)),
        ]);
        assert_eq!(found.len(), 2);
        let [hello, hi, no, given] =
            [(Some(0), "hello"), (Some(1), "hi"), (None, "not now"), (Some(2), "1 results")]
                .map(|(entry, word)| (entry, word.to_owned()));
        assert_eq!(turns(&found[0]), [hello, hi, no, given]);
        assert_eq!(turns(&found[1]), [(Some(0), "other".to_owned())]);
        assert_eq!((found[0].turns[0].seq, found[0].turns[0].at_us), (2, 2));
        assert_eq!(found[1].setup.as_ref().unwrap().model, "main");
    }

    #[test]
    fn a_shortened_conversation_goes_on_from_what_it_kept() {
        let without = Request::ModelWithout { conversation: 0, first: 1, end: 3 };
        let found = transcript(&[
            began(),
            open(0),
            say(0, "a"),
            answered(0, "b"),
            say(0, "c"),
            answered(0, "d"),
            called(without, Response::Conversation(1)),
            say(1, "e"),
            say(0, "f"),
        ]);
        let shortened = Shortened { of: 0, entries: 4, first: 1, end: 3 };
        assert_eq!((found[1].shortened, &found[1].setup), (Some(shortened), &None));
        assert_eq!(turns(&found[1]), [(Some(2), "e".to_owned())]);
        assert_eq!(turns(&found[0]).last().unwrap(), &(Some(4), "f".to_owned()));
    }

    #[test]
    fn what_was_asked_and_not_told_is_lost() {
        // Asked again behind its record, and then begun anew, which numbers afresh.
        let found = transcript(&[
            began(),
            open(0),
            say(0, "a"),
            asked(0),
            asked(0),
            answered(0, "b"),
            asked(0),
            began(),
            open(0),
            say(0, "c"),
            asked(0),
        ]);
        let words = |conversation| turns(conversation).into_iter().map(|(_, word)| word).collect::<Vec<_>>();
        assert_eq!(words(&found[0]), ["a", "lost", "b", "lost"]);
        assert_eq!(words(&found[1]), ["c", "lost"]);
        assert_eq!((found[0].beginning, found[1].beginning), (1, 2));
    }

    #[test]
    fn what_is_refused_or_fails_is_shown_where_it_was_wanted() {
        let refused = || {
            let failure = ModelFailure::new(ModelFailureKind::Refused, "no such model");
            Response::Unanswered(Box::new(failure))
        };
        let fault = InfraFault::new(InfraFaultKind::ModelQuota, "nothing left");
        let without = Request::ModelWithout { conversation: 0, first: 7, end: 9 };
        let found = transcript(&[
            began(),
            called(Request::ModelOpen { setup: ConversationSetup::default() }, refused()),
            open(0),
            called(without, refused()),
            called(Request::ModelAsk { conversation: 0 }, Response::Unavailable(fault)),
        ]);
        assert_eq!((found[0].conversation, found[1].conversation), (None, Some(0)));
        assert_eq!(turns(&found[0]), [(None, "no such model".to_owned())]);
        let words = [(None, "no such model".to_owned()), (None, "nothing left".to_owned())];
        assert_eq!(turns(&found[1]), words);
    }
}
