//! Compares the ledger with the journals: each answer that a journal holds was asked for
//! by a request of the ledger, which came to the same.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{AnswerMark, AttemptId, Event, Phase, Request, Response, Sha256, Spent, TaskId};

use crate::ledger::LedgerEntry;

/// An attempt of the run.
type Key = (TaskId, u32);

/// An answer of a journal: whose it is, to which question of which conversation, and the
/// blob that it is in.
type Place = (Phase, u32, u32, Sha256);

/// The answers that the journals of a run hold.
#[derive(Debug, Default)]
pub(super) struct Answers {
    attempts: BTreeMap<Key, OfAttempt>,
}

#[derive(Debug, Default)]
struct OfAttempt {
    /// Questions since the phase began, by conversation.
    asked: BTreeMap<(Phase, u32), u32>,
    /// What each answer came to. A phase that went on from its record holds them again.
    found: BTreeMap<Place, Spent>,
}

impl Answers {
    /// Takes note of what an event says of answers.
    pub(super) fn read(&mut self, key: &Key, event: &Event) {
        match event {
            Event::Began { phase, .. } => {
                if let Some(of) = self.attempts.get_mut(key) {
                    of.asked.retain(|(other, _), _| other != phase);
                }
            }
            Event::Called { phase, call } => {
                let Request::ModelAsk { conversation } = &call.request else { return };
                // One that the infrastructure failed is asked again.
                if matches!(call.response, Response::Unavailable(_)) {
                    return;
                }
                let of = self.attempts.entry(key.clone()).or_default();
                let next = of.asked.entry((*phase, *conversation)).or_default();
                let ordinal = *next;
                *next += 1;
                let Response::Answered(answer) = &call.response else { return };
                // The answer was paid for when it was first in the journal.
                if !answer.marks.contains(&AnswerMark::FromRecord) {
                    of.found.insert((*phase, *conversation, ordinal, answer.raw), answer.spent);
                }
            }
            _ => {}
        }
    }

    /// What is wrong with the ledger, by attempt.
    pub(super) fn compare(self, entries: &[LedgerEntry]) -> Vec<(Key, String)> {
        let mut by_attempt: BTreeMap<Key, Vec<&LedgerEntry>> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.tool_calls.is_some()) {
            let AttemptId { task, number, .. } = &entry.new.attempt;
            by_attempt.entry((task.clone(), *number)).or_default().push(entry);
        }
        let mut problems = Vec::new();
        for (key, of) in self.attempts {
            let known = by_attempt.remove(&key).unwrap_or_default();
            let mut used = BTreeSet::new();
            for ((phase, conversation, ordinal, _), spent) in of.found {
                let same = |entry: &&LedgerEntry| {
                    (entry.new.phase, entry.new.conversation, entry.new.ordinal)
                        == (phase, conversation, ordinal)
                        && !used.contains(&entry.new.entry)
                };
                let exact = known.iter().filter(|entry| same(entry)).find(|entry| entry.spent == spent);
                let what = format!("the answer to question {ordinal} of conversation {conversation}");
                match exact.or_else(|| known.iter().find(|entry| same(entry))) {
                    None => problems.push((key.clone(), format!("has no request with {what}"))),
                    Some(entry) => {
                        used.insert(entry.new.entry);
                        if entry.spent != spent {
                            let (is, due) = (shown(&entry.spent), shown(&spent));
                            let problem = format!("has {is} for {what}, by the journal it has to be {due}");
                            problems.push((key.clone(), problem));
                        }
                    }
                }
            }
        }
        problems
    }
}

fn shown(spent: &Spent) -> String {
    let amount = |amount: Option<u64>| amount.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    format!(
        "{} tokens in, {} out, {} microdollars",
        amount(spent.usage.input),
        amount(spent.usage.output),
        amount(spent.cost.map(|cost| cost.0))
    )
}
