//! Chat Completions, which many servers speak, as known on 2026-11-25.
//!
//! Keys that no specification names carry state here: `reasoning_content` (even when
//! empty), `reasoning_details`, signatures inside calls. So the assistant's message goes
//! back as it came, but for the few keys that servers send and do not take.

use lancet_core::{AnswerPart, ModelParameter, StopReason, ToolCall, Usage};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Problem, Profile, Read, Unread, Wire, WireRequest, problem};
use crate::conversation::{Answered, Conversation, Entry};
use crate::json::{Body, Loose, Object, checked};

pub(super) const PROFILE: Profile = Profile {
    date: "2026-11-25",
    efforts: &super::EFFORTS,
    effort_keys: &["reasoning_effort", "reasoning"],
    reserved: &[
        "model",
        "messages",
        "tools",
        "functions",
        "max_tokens",
        "max_completion_tokens",
        "stream",
        "stream_options",
        "store",
        "n",
        "web_search_options",
        "plugins",
        "models",
        "modalities",
    ],
};

/// The keys of a message that are the model's reasoning, the readable ones first.
const REASONING: [&str; 4] = ["reasoning_content", "reasoning", "reasoning_details", "thinking"];

/// What is known of the servers at a host and at those below it.
struct Server {
    host: &'static str,
    /// The key of the most tokens of an answer.
    most_tokens: &'static str,
    /// Keys of a message that the server sends and does not take.
    not_taken: &'static [&'static str],
}

/// Citations are of no use to a model, and most servers refuse them.
const EVERYWHERE: &[&str] = &["annotations"];

/// What servers take that are not named below: `max_tokens` is the older key, and all
/// but OpenAI's newer models know it.
const ANY: Server = Server { host: "", most_tokens: "max_tokens", not_taken: EVERYWHERE };

const SERVERS: [Server; 4] = [
    Server { host: "api.openai.com", most_tokens: "max_completion_tokens", not_taken: EVERYWHERE },
    Server { host: "openai.azure.com", most_tokens: "max_completion_tokens", not_taken: EVERYWHERE },
    Server {
        host: "api.groq.com",
        most_tokens: "max_completion_tokens",
        not_taken: &["annotations", "executed_tools"],
    },
    Server { host: "api.cerebras.ai", most_tokens: "max_completion_tokens", not_taken: EVERYWHERE },
];

pub(super) struct Chat {
    server: &'static Server,
}

impl Chat {
    pub(super) fn new(base_url: &str) -> Self {
        let host = reqwest::Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.unwrap_or_default();
        let known = SERVERS.iter().find(|server| {
            host.strip_suffix(server.host).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        });
        Self { server: known.unwrap_or(&ANY) }
    }

    fn messages<'a>(&self, conversation: &'a Conversation) -> Vec<Message<'a>> {
        let instructions = &conversation.setup().instructions;
        let mut messages = Vec::new();
        if !instructions.is_empty() {
            messages.push(Message::Plain { role: "system", content: instructions });
        }
        let mut last: Option<&Answered> = None;
        for entry in conversation.entries() {
            match entry {
                Entry::Said(text) => messages.push(Message::Plain { role: "user", content: text }),
                Entry::Given(results) => {
                    let ids = last
                        .map(|answered| super::call_ids(answered, &raw_ids(answered)))
                        .unwrap_or_default();
                    messages.extend(results.iter().map(|result| Message::Given {
                        role: "tool",
                        tool_call_id: ids.get(&result.call).unwrap_or(&result.call).clone(),
                        content: &result.text,
                    }));
                }
                Entry::Answered(answered) => {
                    last = Some(answered);
                    messages.extend(self.going_back(answered));
                }
            }
        }
        messages
    }

    /// The message of an answer as it goes back; `None` for one that says nothing, which
    /// is not taken.
    fn going_back<'a>(&self, answered: &'a Answered) -> Option<Message<'a>> {
        let raw = message(&answered.raw)?;
        let message = raw.object()?;
        let calls = message.array("tool_calls").is_some_and(|calls| !calls.is_empty());
        if !calls && ["content", "refusal", "function_call"].iter().all(|key| message.get(key).is_none()) {
            return None;
        }
        // A null is no state, and not taken by some.
        let empty = |key: &str, value: Loose<'_>| {
            matches!(key, "function_call" | "audio" | "tool_calls" | "refusal") && value.is_null()
        };
        let stripped = message.without(|key, value| {
            self.server.not_taken.contains(&key)
                || empty(key, value)
                || (answered.bare && REASONING.contains(&key))
        });
        Some(stripped.map_or(Message::Raw(raw.raw()), Message::Stripped))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Message<'a> {
    Plain { role: &'static str, content: &'a str },
    Given { role: &'static str, tool_call_id: String, content: &'a str },
    Raw(&'a RawValue),
    Stripped(Box<RawValue>),
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a RawValue,
}

impl Wire for Chat {
    fn request(&self, conversation: &Conversation, id: &str, answer_tokens: u64) -> WireRequest {
        let setup = conversation.setup();
        let mut body = Body::new();
        body.put("model", id).put(self.server.most_tokens, &answer_tokens);
        if !setup.tools.is_empty() {
            let tools: Vec<Tool<'_>> = setup.tools.iter().map(tool).collect();
            body.put("tools", &tools);
        }
        let effort = conversation.effort();
        if !effort.is_empty() {
            body.put("reasoning_effort", effort);
        }
        for parameter in &setup.parameters {
            body.put(&parameter.name, checked(&parameter.value));
        }
        body.put("messages", &self.messages(conversation));
        WireRequest {
            path: "/chat/completions",
            headers: Vec::new(),
            key_header: ("authorization", "Bearer "),
            body: body.finish(),
        }
    }

    fn read(&self, body: &[u8]) -> Result<Read, Unread> {
        let Some(completion) = Loose::parse(body).ok().and_then(Loose::object) else {
            return Err(Unread::Malformed(problem::no_json(body)));
        };
        if let Some(problem) = problem::inside(&completion) {
            return Err(Unread::Problem(problem));
        }
        let malformed = |what: &str| Unread::Malformed(format!("no chat completion: {what}"));
        let choice = completion.array("choices").and_then(|choices| choices.into_iter().next());
        let choice = choice.and_then(Loose::object).ok_or_else(|| malformed("`choices` has no object"))?;
        if let Some(problem) = problem::inside(&choice) {
            return Err(Unread::Problem(problem));
        }
        let message = choice.object("message").ok_or_else(|| malformed("the choice has no `message`"))?;
        let refusal = message.text("refusal").filter(|told| !told.is_empty());
        let mut parts = Vec::new();
        parts.extend(REASONING.iter().find_map(|key| message.text(key)).map(AnswerPart::Reasoning));
        match (message.get("content"), message.text("content"), message.array("content")) {
            (_, Some(text), _) if text.is_empty() => {}
            (_, Some(text), _) => parts.push(AnswerPart::Text(text)),
            (_, _, Some(pieces)) => parts.extend(pieces.into_iter().map(piece)),
            (Some(_), None, None) => return Err(malformed("`content` is neither a text nor an array")),
            (None, ..) => {}
        }
        parts.extend(refusal.clone().map(AnswerPart::Text));
        for call in message.array("tool_calls").unwrap_or_default() {
            parts.push(self::call(call)?);
        }
        let reason = choice.text("finish_reason").unwrap_or_default();
        let stop = match reason.as_str() {
            "stop" | "eos" | "end_turn" if refusal.is_some() => StopReason::Refused,
            "stop" | "eos" | "end_turn" => StopReason::Finished,
            "length" | "max_tokens" => StopReason::Length,
            "tool_calls" | "function_call" => StopReason::Calls,
            "content_filter" | "safety" => StopReason::Refused,
            "error" => {
                let message = "the completion ended with an error, and does not say which".to_owned();
                return Err(Unread::Problem(Problem::Transient { message, after_ms: None }));
            }
            _ => StopReason::Other,
        };
        Ok(Read {
            stop: super::agreeing(stop, &parts),
            parts,
            stop_detail: super::detail(
                refusal.into_iter().fold(reason, |detail, told| format!("{detail}: {told}")),
            ),
            usage: completion.object("usage").map(|usage| self::usage(&usage)).unwrap_or_default(),
            served: super::served(&completion),
        })
    }

    fn problem(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Problem {
        problem::of_reply(status, header, body)
    }
}

fn tool(tool: &lancet_core::ModelTool) -> Tool<'_> {
    let parameters = checked(&tool.parameters);
    let function = Function { name: &tool.name, description: &tool.description, parameters };
    Tool { r#type: "function", function }
}

fn message(raw: &[u8]) -> Option<Loose<'_>> {
    let completion = Loose::parse(raw).ok()?.object()?;
    completion.array("choices")?.into_iter().next()?.object()?.get("message")
}

fn raw_ids(answered: &Answered) -> Vec<String> {
    let calls = message(&answered.raw).and_then(Loose::object).and_then(|m| m.array("tool_calls"));
    let calls = calls.unwrap_or_default().into_iter().filter_map(Loose::object);
    let calls = calls.filter(|call| call.object("function").is_some());
    calls.map(|call| call.text("id").unwrap_or_default()).collect()
}

/// A piece of a content that is an array, as Mistral's reasoning models have it.
fn piece(piece: Loose<'_>) -> AnswerPart {
    let object = piece.object();
    let kind = object.as_ref().and_then(|object| object.text("type")).unwrap_or_default();
    match (kind.as_str(), object.and_then(|object| object.text("text"))) {
        ("text" | "output_text", Some(text)) => AnswerPart::Text(text),
        _ => AnswerPart::Other(ModelParameter { name: kind, value: piece.raw().get().to_owned() }),
    }
}

fn call(call: Loose<'_>) -> Result<AnswerPart, Unread> {
    let malformed = |what: &str| Unread::Malformed(format!("no chat completion: {what}"));
    let object = call.object().ok_or_else(|| malformed("a call is no object"))?;
    let Some(function) = object.object("function") else {
        let name = object.text("type").unwrap_or_default();
        return Ok(AnswerPart::Other(ModelParameter { name, value: call.raw().get().to_owned() }));
    };
    let arguments = function.get("arguments");
    Ok(AnswerPart::Call(ToolCall {
        id: object.text("id").unwrap_or_default(),
        name: function.text("name").ok_or_else(|| malformed("a call has no `name`"))?,
        // A text in which there is JSON; some servers write the JSON itself.
        arguments: arguments
            .map(|arguments| arguments.text().unwrap_or_else(|| arguments.raw().get().to_owned()))
            .unwrap_or_default(),
    }))
}

fn usage(usage: &Object<'_>) -> Usage {
    let told = |key| super::tokens(usage, key);
    let details = |object: &str, key: &str| super::tokens(&usage.object(object)?, key);
    let (input, written) = (told("prompt_tokens"), told("completion_tokens"));
    // Some count reasoning into the total alone.
    let output = match (input, written, told("total_tokens")) {
        (Some(input), Some(written), Some(total)) => Some(written.max(total.saturating_sub(input))),
        _ => written,
    };
    Usage {
        input,
        input_cached: details("prompt_tokens_details", "cached_tokens")
            .or_else(|| told("prompt_cache_hit_tokens")),
        input_cache_written: details("prompt_tokens_details", "cache_write_tokens"),
        output,
        output_reasoning: details("completion_tokens_details", "reasoning_tokens"),
    }
}

#[cfg(test)]
mod tests;
