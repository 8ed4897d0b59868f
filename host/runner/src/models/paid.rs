//! Answers that a journal holds: what has been paid for, and need not be asked again.

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{
    AnswerMark, Event, MAX_CONVERSATIONS, ModelAnswer, ModelFailure, Phase, Request, Response, Sha256,
};
use lancet_store::TimedEvent;

/// A question: its conversation's number, and its number in that.
pub(crate) type Place = (u32, u32);

/// The number by which providers know a conversation of a phase: unique in the attempt, as
/// the grader's conversations come after all that the agent can have.
pub(crate) fn in_attempt(phase: Phase, conversation: u32) -> u32 {
    match phase {
        Phase::Solve => conversation,
        Phase::Grade => conversation.saturating_add(u32::try_from(MAX_CONVERSATIONS).unwrap_or(u32::MAX)),
    }
}

/// What became of the questions among the calls of one beginning of a phase. Those that the
/// infrastructure failed are asked again, and are none.
pub(crate) fn questions<'a>(
    calls: impl Iterator<Item = (&'a Request, &'a Response)>,
) -> Vec<(Place, Result<&'a ModelAnswer, &'a ModelFailure>)> {
    let mut asked: BTreeMap<u32, u32> = BTreeMap::new();
    let mut found = Vec::new();
    for (request, response) in calls {
        let Request::ModelAsk { conversation } = request else { continue };
        if matches!(response, Response::Unavailable(_)) {
            continue;
        }
        let next = asked.entry(*conversation).or_default();
        let place = (*conversation, *next);
        *next += 1;
        match response {
            Response::Answered(answer) => found.push((place, Ok(&**answer))),
            Response::Unanswered(failure) => found.push((place, Err(&**failure))),
            _ => {}
        }
    }
    found
}

/// Every answer that a phase was given before it began anew, however often that was.
#[derive(Clone, Default)]
pub(crate) struct Paid(Arc<BTreeMap<(Place, Sha256), ModelAnswer>>);

impl Paid {
    /// Those that a journal holds for a phase.
    pub(crate) fn of(events: &[TimedEvent], phase: Phase) -> Self {
        let mut paid = BTreeMap::new();
        let mut add = |calls: &mut Vec<(&Request, &Response)>| {
            for (place, outcome) in questions(calls.drain(..)) {
                if let Ok(answer) = outcome {
                    paid.insert((place, answer.asked), answer.clone());
                }
            }
        };
        let mut calls = Vec::new();
        for line in events {
            match &line.event {
                Event::Began { phase: began, .. } if *began == phase => add(&mut calls),
                Event::Called { phase: called, call } if *called == phase => {
                    calls.push((&call.request, &call.response));
                }
                _ => {}
            }
        }
        add(&mut calls);
        Self(Arc::new(paid))
    }

    /// The answer to that question of a conversation with that digest, as it is told the
    /// second time: nothing is waited for and nothing is tried.
    pub(crate) fn answer(&self, place: Place, asked: Sha256) -> Option<ModelAnswer> {
        let mut answer = self.0.get(&(place, asked))?.clone();
        if !answer.marks.contains(&AnswerMark::FromRecord) {
            answer.marks.push(AnswerMark::FromRecord);
        }
        answer.tries = Vec::new();
        answer.waited_ms = 0;
        Some(answer)
    }
}
