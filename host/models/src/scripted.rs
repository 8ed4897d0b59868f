//! Answers from a file: for tests and for showing things, without a network.

use std::time::{Duration, Instant};

use globset::{Glob, GlobMatcher};
use lancet_core::{
    AnswerMark, AnswerPart, FailedTry, InfraFault, InfraFaultKind, ModelFailure, ModelFailureKind, Price,
    Spent, StopReason, ToolCall, Usage,
};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::conversation::Conversation;
use crate::ledger::NOTHING;
use crate::provider::{Asked, Asking, Became, Estimate, NotAsked, Provider, Reply, Waiting};
use crate::wire::{MAX_TOLD_TOKENS, Read};

/// The most bytes of a file of answers: 64 MiB.
pub const MAX_SCRIPT_BYTES: usize = 64 << 20;

/// The most conversations of a file of answers. Each has a pattern, which takes many times the memory
/// of its text.
const MAX_SCRIPT_CONVERSATIONS: usize = 10_000;

/// Answers conversations from a file of answers.
///
/// The file is TOML: a list of conversations, each with its answers in order. The first
/// conversation that fits the task, the attempt and the conversation's number answers.
///
/// ```
/// let script = lancet_models::Scripted::parse(r#"
/// [[conversation]]
/// task = "expensify-*"      # a pattern of task ids; every task if not given
/// attempt = 1               # every attempt if not given
/// number = 0                # the conversation's number; every one if not given
///
/// [[conversation.answer]]   # the first answer
/// reasoning = "A look around first."
/// text = "I look at the files."
/// calls = [{ name = "bash", arguments = { command = "ls" } }]
///
/// [[conversation.answer]]   # the next one
/// text = "Done."
/// usage = { input = 1200, input-cached = 1000, output = 20 }
/// served = "a-model-2026-01-01"
/// delay-ms = 50
///
/// [[conversation.answer]]
/// failure = { kind = "rejected", message = "no more of that" }
///
/// [[conversation]]
/// [[conversation.answer]]
/// times = 10                # the same answer ten times
/// parts = [{ text = "One." }, { call = { id = "a", name = "look", arguments = "no JSON" } }, { text = "Two." }]
/// stop = "calls"
///
/// [[conversation.answer]]
/// fault = { kind = "model-unavailable", message = "overloaded" }
/// "#)?;
/// # Ok::<(), lancet_models::ScriptError>(())
/// ```
///
/// An answer has `text`, `reasoning` and `calls` (told as reasoning, text, calls), or
/// `parts` in an order of their own; or it is a `failure`, which the plugin is told, or a
/// `fault` of the infrastructure. `arguments` are a table, or a text that need be no JSON.
/// `stop` and `stop-detail` say why the answer ended: `calls` if it has any, or else
/// `finished`. `tries` lists requests that gave no answer before it, each with `why`, and
/// `status` and `waited-ms` where wanted. Without `usage` tokens are guessed from
/// the bytes; an empty table tells none.
///
/// A script that has no answer left, or none for a conversation, is a fault
/// ([`InfraFaultKind::ModelDiffers`]): it is no agent's failure that a script is too short.
/// What it says that was tried costs nothing; without a price the cost is not known.
#[derive(Debug, Clone)]
pub struct Scripted {
    conversations: Vec<Scene>,
    price: Option<Price>,
}

/// A file of answers that cannot be read: where, and what is expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptError(String);

#[derive(Debug, Clone)]
struct Scene {
    line: usize,
    /// Every task without one.
    task: Option<GlobMatcher>,
    attempt: Option<u32>,
    number: Option<u32>,
    answers: Vec<Line>,
}

impl Scene {
    fn fits(&self, asking: &Asking<'_>) -> bool {
        self.task.as_ref().is_none_or(|task| task.is_match(asking.task))
            && self.attempt.is_none_or(|attempt| attempt == asking.attempt)
            && self.number.is_none_or(|number| number == asking.conversation)
    }

    fn answer(&self, ordinal: u32) -> Option<&Line> {
        let mut before = 0_u64;
        self.answers.iter().find(|line| {
            before += u64::from(line.times);
            u64::from(ordinal) < before
        })
    }
}

#[derive(Debug, Clone)]
struct Line {
    times: u32,
    delay: Duration,
    tries: Vec<FailedTry>,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    Answer { read: Read, told: bool },
    Failure(ModelFailure),
    Fault(InfraFault),
}

impl Scripted {
    /// Reads a file of answers.
    ///
    /// # Errors
    /// When it is no such file; the line and what was expected are said.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        if text.len() > MAX_SCRIPT_BYTES {
            return Err(ScriptError(format!(
                "{} bytes are too many: at most {MAX_SCRIPT_BYTES}",
                text.len()
            )));
        }
        let file: File = toml::from_str(text).map_err(|error| ScriptError(error.to_string()))?;
        if file.conversation.is_empty() {
            return Err(ScriptError("no `[[conversation]]`: a script has at least one".to_owned()));
        }
        if file.conversation.len() > MAX_SCRIPT_CONVERSATIONS {
            return Err(ScriptError(format!(
                "{} conversations are too many: at most {MAX_SCRIPT_CONVERSATIONS}",
                file.conversation.len()
            )));
        }
        // Looked up, since there may be a million answers.
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line_of = |at: usize| ends.partition_point(|end| *end < at) + 1;
        let conversations = file.conversation.into_iter().map(|scene| {
            let line = line_of(scene.span().start);
            scene.into_inner().checked(line, &line_of)
        });
        Ok(Self { conversations: conversations.collect::<Result<_, _>>()?, price: None })
    }

    /// The same answers at a price, as if a provider had billed them.
    #[must_use]
    pub fn priced(self, price: Option<Price>) -> Self {
        Self { price, ..self }
    }

    async fn answer(&self, conversation: &Conversation, asking: Asking<'_>) -> Asked {
        let line = self.line(&asking).map_err(|fault| NotAsked::Fault { fault, tries: Vec::new() })?;
        let tries = line.tries.clone();
        let (mut read, told) = match &line.outcome {
            Outcome::Answer { read, told } => (read.clone(), *told),
            Outcome::Failure(failure) => {
                wait(line.delay, asking.deadline).await;
                return Err(NotAsked::Failure(ModelFailure { tries, ..failure.clone() }));
            }
            Outcome::Fault(fault) => {
                wait(line.delay, asking.deadline).await;
                return Err(NotAsked::Fault { fault: fault.clone(), tries });
            }
        };
        let wanted = conversation.answer_tokens();
        // The script says what is used, and else the guess is what was used.
        let input_tokens = conversation.tokens();
        let estimate = Estimate { input_tokens, most_input_tokens: input_tokens, answer_tokens: wanted };
        let held = asking.purse.hold(estimate).await?;
        let marks = if held.answer_tokens < wanted { vec![AnswerMark::CapLowered] } else { Vec::new() };
        if !wait(line.delay, asking.deadline).await {
            let spent = Spent { estimated: true, ..held.amount };
            asking.purse.settle(held, spent, Became::Nothing).await?;
            let message = "the time was over before the answer came";
            return Err(NotAsked::Failure(ModelFailure::new(ModelFailureKind::OverBudget, message)));
        }
        if !told {
            read.usage = guessed(conversation, &read);
        }
        let raw = raw(&read);
        let cost = self.price.as_ref().and_then(|price| price.of(&read.usage));
        let spent = Spent { usage: read.usage, cost, estimated: false };
        asking.purse.settle(held, spent, Became::Answer).await?;
        Ok(Reply { raw, read: conversation.named(read), spent, tries, marks })
    }

    fn line(&self, asking: &Asking<'_>) -> Result<&Line, InfraFault> {
        let whose = format!(
            "task `{}`, attempt {}, conversation {}",
            asking.task, asking.attempt, asking.conversation
        );
        let differs = |message| InfraFault::new(InfraFaultKind::ModelDiffers, message);
        let Some(scene) = self.conversations.iter().find(|scene| scene.fits(asking)) else {
            return Err(differs(format!("the script has no conversation for {whose}: add one")));
        };
        scene.answer(asking.ordinal).ok_or_else(|| {
            let answers: u64 = scene.answers.iter().map(|line| u64::from(line.times)).sum();
            differs(format!(
                "the script has no answer {} for {whose}: the conversation of line {} has {answers}, from 0; \
                 add it",
                asking.ordinal, scene.line
            ))
        })
    }
}

impl Provider for Scripted {
    fn ask<'a>(&'a self, conversation: &'a Conversation, asking: Asking<'a>) -> Waiting<'a, Asked> {
        Box::pin(self.answer(conversation, asking))
    }
}

/// Waits; false when the deadline came first.
async fn wait(delay: Duration, deadline: Option<Instant>) -> bool {
    let until = Instant::now() + delay;
    let early = deadline.is_some_and(|deadline| deadline < until);
    if !delay.is_zero() {
        tokio::time::sleep_until(deadline.filter(|_| early).unwrap_or(until).into()).await;
    }
    !early
}

/// The JSON of an answer: the same bytes for the same answer.
fn raw(read: &Read) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Raw<'a> {
        scripted: u32,
        parts: &'a [AnswerPart],
        stop: StopReason,
        stop_detail: &'a str,
        usage: Usage,
        served: &'a str,
    }
    let raw = Raw {
        scripted: 1,
        parts: &read.parts,
        stop: read.stop,
        stop_detail: &read.stop_detail,
        usage: read.usage,
        served: &read.served,
    };
    serde_json::to_vec(&raw).unwrap_or_default()
}

fn guessed(conversation: &Conversation, read: &Read) -> Usage {
    let bytes = |part: &AnswerPart| match part {
        AnswerPart::Text(text) | AnswerPart::Reasoning(text) => text.len(),
        AnswerPart::Call(call) => call.name.len() + call.arguments.len(),
        AnswerPart::Other(other) => other.value.len(),
    };
    let tokens = |bytes: usize| (bytes as u64).div_ceil(3);
    let reasoning = read.parts.iter().filter(|part| matches!(part, AnswerPart::Reasoning(_)));
    Usage {
        input: Some(conversation.tokens()),
        output: Some(tokens(read.parts.iter().map(bytes).sum()).max(1)),
        output_reasoning: Some(tokens(reasoning.map(bytes).sum())),
        ..Usage::default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    conversation: Vec<Spanned<SceneTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SceneTable {
    task: Option<String>,
    attempt: Option<u32>,
    number: Option<u32>,
    #[serde(default)]
    answer: Vec<Spanned<AnswerTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AnswerTable {
    times: Option<u32>,
    #[serde(default)]
    delay_ms: u64,
    reasoning: Option<String>,
    text: Option<String>,
    #[serde(default)]
    calls: Vec<CallTable>,
    parts: Option<Vec<PartTable>>,
    stop: Option<StopReason>,
    #[serde(default)]
    stop_detail: String,
    usage: Option<UsageTable>,
    served: Option<String>,
    #[serde(default)]
    tries: Vec<TryTable>,
    failure: Option<FailureTable>,
    fault: Option<FaultTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PartTable {
    Text(String),
    Reasoning(String),
    Call(CallTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallTable {
    #[serde(default)]
    id: String,
    name: String,
    arguments: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct UsageTable {
    input: Option<u64>,
    input_cached: Option<u64>,
    input_cache_written: Option<u64>,
    output: Option<u64>,
    output_reasoning: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TryTable {
    status: Option<u16>,
    why: String,
    #[serde(default)]
    waited_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureTable {
    kind: ModelFailureKind,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultTable {
    kind: InfraFaultKind,
    message: String,
}

impl SceneTable {
    fn checked(self, line: usize, line_of: &dyn Fn(usize) -> usize) -> Result<Scene, ScriptError> {
        let compiled = |pattern: &str| Glob::new(pattern).map(|pattern| pattern.compile_matcher());
        let task = self
            .task
            .as_deref()
            .map(compiled)
            .transpose()
            .map_err(|error| at(line, format!("`task` is no pattern of task ids: {}", error.kind())))?;
        if self.answer.is_empty() {
            return Err(at(line, "the conversation has no `[[conversation.answer]]`"));
        }
        let answers = self.answer.into_iter().map(|answer| {
            let line = line_of(answer.span().start);
            answer.into_inner().checked().map_err(|what| at(line, what))
        });
        Ok(Scene {
            line,
            task,
            attempt: self.attempt,
            number: self.number,
            answers: answers.collect::<Result<_, _>>()?,
        })
    }
}

impl AnswerTable {
    fn checked(self) -> Result<Line, String> {
        let times = self.times.unwrap_or(1);
        if times == 0 {
            return Err("`times` is 0: an answer is given at least once".to_owned());
        }
        let plain = self.text.is_some() || self.reasoning.is_some() || !self.calls.is_empty();
        let kinds = [plain, self.parts.is_some(), self.failure.is_some(), self.fault.is_some()];
        if kinds.iter().filter(|given| **given).count() > 1 {
            return Err(
                "an answer is one of: `text`, `reasoning` and `calls`; `parts`; `failure`; `fault`".into()
            );
        }
        let about = self.stop.is_some() || self.usage.is_some() || self.served.is_some();
        let tries = self.tries.into_iter().map(|tried| FailedTry {
            status: tried.status,
            why: tried.why,
            waited_ms: tried.waited_ms,
            spent: NOTHING,
        });
        let (tries, delay) = (tries.collect(), Duration::from_millis(self.delay_ms));
        let done = |outcome| Ok(Line { times, delay, tries, outcome });
        if about && (self.failure.is_some() || self.fault.is_some()) {
            return Err("a `failure` or `fault` has no `stop`, `usage` or `served`".to_owned());
        }
        if let Some(failure) = self.failure {
            return done(Outcome::Failure(ModelFailure::new(failure.kind, failure.message)));
        }
        if let Some(fault) = self.fault {
            if !fault.kind.as_str().starts_with("model-") {
                return Err(format!(
                    "the kind of the `fault` is `{}`, and no model's: expected one like `model-unavailable`",
                    fault.kind
                ));
            }
            return done(Outcome::Fault(InfraFault::new(fault.kind, fault.message)));
        }
        let parts = self.parts.unwrap_or_else(|| {
            let reasoning = self.reasoning.map(PartTable::Reasoning);
            let text = self.text.map(PartTable::Text);
            reasoning.into_iter().chain(text).chain(self.calls.into_iter().map(PartTable::Call)).collect()
        });
        let parts: Vec<AnswerPart> = parts.into_iter().map(PartTable::part).collect::<Result<_, _>>()?;
        let calls = parts.iter().any(|part| matches!(part, AnswerPart::Call(_)));
        if let Some((key, tokens)) = self.usage.as_ref().and_then(UsageTable::unbelievable) {
            return Err(format!("`{key}` of `usage` is {tokens}: expected 0 to {MAX_TOLD_TOKENS} tokens"));
        }
        let usage = self.usage.map(|usage| Usage {
            input: usage.input,
            input_cached: usage.input_cached,
            input_cache_written: usage.input_cache_written,
            output: usage.output,
            output_reasoning: usage.output_reasoning,
        });
        let read = Read {
            parts,
            stop: self.stop.unwrap_or(if calls { StopReason::Calls } else { StopReason::Finished }),
            stop_detail: self.stop_detail,
            usage: usage.unwrap_or_default(),
            served: self.served.unwrap_or_else(|| "scripted".to_owned()),
        };
        done(Outcome::Answer { read, told: usage.is_some() })
    }
}

impl UsageTable {
    /// A number that is none of tokens of one answer.
    fn unbelievable(&self) -> Option<(&'static str, u64)> {
        let told = [
            ("input", self.input),
            ("input-cached", self.input_cached),
            ("input-cache-written", self.input_cache_written),
            ("output", self.output),
            ("output-reasoning", self.output_reasoning),
        ];
        let mut told = told.into_iter().filter_map(|(key, tokens)| Some((key, tokens?)));
        told.find(|(_, tokens)| *tokens > MAX_TOLD_TOKENS)
    }
}

impl PartTable {
    fn part(self) -> Result<AnswerPart, String> {
        Ok(match self {
            Self::Text(text) => AnswerPart::Text(text),
            Self::Reasoning(text) => AnswerPart::Reasoning(text),
            Self::Call(call) => AnswerPart::Call(ToolCall {
                arguments: match call.arguments {
                    toml::Value::String(text) => text,
                    value => match not_in_json(&value) {
                        None => serde_json::to_string(&value).unwrap_or_default(),
                        Some(what) => {
                            return Err(format!(
                                "the arguments of the call `{}` have {what} in them, which JSON has not: expected a \
                                 text or a number in its place",
                                call.name
                            ));
                        }
                    },
                },
                // An empty one gets its own in the conversation.
                id: call.id,
                name: call.name,
            }),
        })
    }
}

/// What a value of TOML has in it that there is not in JSON.
fn not_in_json(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::Datetime(date) => Some(format!("the date or time `{date}`")),
        toml::Value::Float(number) if !number.is_finite() => Some(format!("the number `{number}`")),
        toml::Value::Array(items) => items.iter().find_map(not_in_json),
        toml::Value::Table(members) => members.values().find_map(not_in_json),
        _ => None,
    }
}

fn at(line: usize, what: impl std::fmt::Display) -> ScriptError {
    ScriptError(format!("line {line}: {what}"))
}

#[cfg(test)]
pub(crate) mod tests;
