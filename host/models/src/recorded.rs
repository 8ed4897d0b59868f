//! Answers of an earlier run: the same agent decides the same again, without a model.

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{InfraFault, InfraFaultKind, ModelAnswer, ModelChoice, ModelFailure, RunId, WireForm};

use crate::conversation::{Conversation, Entry};
use crate::provider::{Asked, Asking, Became, Estimate, NotAsked, Provider, Reply, Waiting};
use crate::wire::Read;

/// What became of one question of an earlier run.
#[derive(Debug, Clone)]
pub struct RecordedAnswer {
    /// The task, by its id.
    pub task: String,
    /// The attempt's number at the task, from 1.
    pub attempt: u32,
    /// The conversation's number in the attempt, from 0.
    pub conversation: u32,
    /// The number of the question in the conversation, from 0.
    pub ordinal: u32,
    /// What the plugin was told.
    pub outcome: Result<ModelAnswer, ModelFailure>,
    /// The provider's JSON, as it was received; empty for a failure.
    pub raw: Arc<[u8]>,
}

/// Answers conversations with what an earlier run was answered.
///
/// A question has to be the one that was asked then, by its digest; another one is
/// [`InfraFaultKind::ModelDiffers`], and so is one more than there were. What was a
/// failure then is the same failure now, of the same question where the record has its
/// digest.
///
/// Usage, cost and tries are those that were recorded, and are held and settled so: plugins
/// read both, in answers and in what is left of budgets, and would decide differently
/// on other numbers. No money is spent now: whoever reports a run tells by
/// [`WireForm::Recorded`] that its costs are those of the run that was recorded.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    answers: BTreeMap<String, BTreeMap<(u32, u32, u32), RecordedAnswer>>,
}

impl Recorded {
    /// What a run was answered, in any order. Of two that stand in the same place the
    /// later one counts.
    #[must_use]
    pub fn new(answers: Vec<RecordedAnswer>) -> Self {
        let mut recorded = Self::default();
        for answer in answers {
            let place = (answer.attempt, answer.conversation, answer.ordinal);
            recorded.answers.entry(answer.task.clone()).or_default().insert(place, answer);
        }
        recorded
    }

    /// The choice of a model whose answers were recorded, for a run that takes them from
    /// there: conversations are checked against the same bounds, and cost the same.
    #[must_use]
    pub fn choice(of: &ModelChoice, run: RunId) -> ModelChoice {
        ModelChoice {
            form: WireForm::Recorded,
            base_url: String::new(),
            key: lancet_core::KeyFrom::None,
            profile: String::new(),
            script: None,
            run: Some(run),
            ..of.clone()
        }
    }

    async fn answer(&self, conversation: &Conversation, asking: Asking<'_>) -> Asked {
        let differs = |message: String| NotAsked::Fault {
            fault: InfraFault::new(InfraFaultKind::ModelDiffers, message),
            tries: Vec::new(),
        };
        let recorded = self.find(&asking).map_err(differs)?;
        let (then, tries) = match &recorded.outcome {
            Ok(answer) => (Some(answer.asked), &answer.tries),
            Err(failure) => (failure.asked, &failure.tries),
        };
        let asked = conversation.digest();
        if let Some(then) = then.filter(|then| *then != asked) {
            return Err(differs(format!(
                "{}: the question is not the one that was recorded ({} now, {} then); {}",
                place(&asking),
                asked.short(),
                then.short(),
                since(conversation)
            )));
        }
        let input_tokens = conversation.tokens();
        // What it came to is known: no more than was held then is held now.
        let answer_tokens = conversation.answer_tokens();
        let estimate = Estimate { input_tokens, most_input_tokens: input_tokens, answer_tokens };
        let tries = tries.iter().map(|tried| (tried.spent, Became::Nothing));
        let answer = recorded.outcome.iter().map(|answer| (answer.spent, Became::Answer));
        for (spent, became) in tries.chain(answer) {
            let held = asking.purse.hold(estimate).await?;
            asking.purse.settle(held, spent, became).await?;
        }
        let answer = match &recorded.outcome {
            Ok(answer) => answer,
            Err(failure) => return Err(NotAsked::Failure(failure.clone())),
        };
        Ok(Reply {
            raw: recorded.raw.to_vec(),
            read: Read {
                parts: answer.parts.clone(),
                stop: answer.stop,
                stop_detail: answer.stop_detail.clone(),
                usage: answer.told(),
                served: answer.served.clone(),
            },
            spent: answer.spent,
            tries: answer.tries.clone(),
            marks: answer.marks.clone(),
        })
    }

    fn find(&self, asking: &Asking<'_>) -> Result<&RecordedAnswer, String> {
        let place = place(asking);
        let Some(answers) = self.answers.get(asking.task) else {
            return Err(format!("{place}: nothing was recorded of this task"));
        };
        let wanted = (asking.attempt, asking.conversation, asking.ordinal);
        answers.get(&wanted).ok_or_else(|| {
            let of_conversation =
                (asking.attempt, asking.conversation, 0)..=(asking.attempt, asking.conversation, u32::MAX);
            let questions = answers.range(of_conversation).count();
            format!("{place}: no answer was recorded; this conversation had {questions} questions then")
        })
    }
}

impl Provider for Recorded {
    fn ask<'a>(&'a self, conversation: &'a Conversation, asking: Asking<'a>) -> Waiting<'a, Asked> {
        Box::pin(self.answer(conversation, asking))
    }
}

fn place(asking: &Asking<'_>) -> String {
    format!(
        "task `{}`, attempt {}, conversation {}, question {}",
        asking.task, asking.attempt, asking.conversation, asking.ordinal
    )
}

/// Where a difference can only be: what stood before the last answer was compared when
/// that was asked for.
fn since(conversation: &Conversation) -> String {
    let entries = conversation.entries();
    let last = entries.iter().rposition(|entry| matches!(entry, Entry::Answered(_)));
    let begun = last.is_none() || conversation.is_shortened();
    let added = &entries[last.map_or(0, |at| at + 1)..];
    let words: Vec<String> = added.iter().take(4).map(in_words).collect();
    let what = if begun {
        "it differs in the conversation's setup, in what was left out of it, or in"
    } else {
        "it differs in"
    };
    format!("{what} what came since the last answer: {}", words.join("; "))
}

fn in_words(entry: &Entry) -> String {
    let excerpt = |text: &str| text.chars().take(120).collect::<String>();
    match entry {
        Entry::Said(text) => format!("said `{}`", excerpt(text)),
        Entry::Given(results) => {
            let given: Vec<String> = results
                .iter()
                .take(4)
                .map(|result| format!("`{}` for `{}`", excerpt(&result.text), excerpt(&result.call)))
                .collect();
            format!("gave {}", given.join(", "))
        }
        Entry::Answered(_) => "an answer".to_owned(),
    }
}

#[cfg(test)]
mod tests;
