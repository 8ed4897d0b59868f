//! Anthropic's Messages, as known on 2026-11-25.
//!
//! `thinking` and `redacted_thinking` blocks are signed over everything before them: they
//! go back in their places, byte for byte, or not at all. Thinking whose text is empty
//! has its signature all the same. `temperature`, `top_p` and `top_k` are not sent, as
//! newer models refuse them even at their defaults. Usage counts cached input apart.

use lancet_core::{AnswerPart, ModelParameter, StopReason, ToolCall, Usage};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Problem, Profile, Read, Unread, Wire, WireRequest, problem};
use crate::conversation::{Answered, Conversation, Entry};
use crate::json::{Body, Loose, Object, checked};

pub(super) const PROFILE: Profile = Profile {
    date: "2026-11-25",
    efforts: &["low", "medium", "high", "xhigh", "max"],
    effort_keys: &["thinking", "output_config"],
    reserved: &[
        "model",
        "messages",
        "system",
        "tools",
        "max_tokens",
        "stream",
        "prefill",
        "cache_control",
        "container",
        "mcp_servers",
        "context_management",
    ],
};

/// The version of the API.
const VERSION: &str = "2026-10-21";

pub(super) struct Messages {
    path: &'static str,
}

impl Messages {
    pub(super) fn new(base_url: &str) -> Self {
        let versioned = base_url.trim_end_matches('/').ends_with("/v1");
        Self { path: if versioned { "/messages" } else { "/v1/messages" } }
    }
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Results(Vec<ResultBlock<'a>>),
    Raw(Vec<&'a RawValue>),
}

#[derive(Serialize)]
struct ResultBlock<'a> {
    r#type: &'static str,
    tool_use_id: String,
    content: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a RawValue,
}

#[derive(Serialize)]
struct Typed {
    r#type: &'static str,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    effort: &'a str,
}

impl Wire for Messages {
    fn request(&self, conversation: &Conversation, id: &str, answer_tokens: u64) -> WireRequest {
        let setup = conversation.setup();
        let mut body = Body::new();
        body.put("model", id).put("max_tokens", &answer_tokens);
        if !setup.instructions.is_empty() {
            body.put("system", &setup.instructions);
        }
        if !setup.tools.is_empty() {
            let tools: Vec<Tool<'_>> = setup.tools.iter().map(tool).collect();
            body.put("tools", &tools);
        }
        // Caches everything up to the last block, which is all that a loop needs.
        body.put("cache_control", &Typed { r#type: "ephemeral" });
        let effort = conversation.effort();
        if !effort.is_empty() {
            body.put("thinking", &Typed { r#type: "adaptive" })
                .put("output_config", &OutputConfig { effort });
        }
        for parameter in &setup.parameters {
            body.put(&parameter.name, checked(&parameter.value));
        }
        body.put("messages", &messages(conversation));
        WireRequest {
            path: self.path,
            headers: vec![("anthropic-version", VERSION.to_owned())],
            key_header: ("x-api-key", ""),
            body: body.finish(),
        }
    }

    fn read(&self, body: &[u8]) -> Result<Read, Unread> {
        let Some(message) = Loose::parse(body).ok().and_then(Loose::object) else {
            return Err(Unread::Malformed(problem::no_json(body)));
        };
        if let Some(problem) = problem::inside(&message) {
            return Err(Unread::Problem(problem));
        }
        let Some(content) = message.array("content") else {
            return Err(Unread::Malformed("no Message: `content` is no array".to_owned()));
        };
        let parts = content.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let reason = message.text("stop_reason").unwrap_or_default();
        let stop = match reason.as_str() {
            "end_turn" | "stop_sequence" => StopReason::Finished,
            "max_tokens" => StopReason::Length,
            "tool_use" => StopReason::Calls,
            "pause_turn" => StopReason::Paused,
            "refusal" => StopReason::Refused,
            "model_context_window_exceeded" => StopReason::Context,
            _ => StopReason::Other,
        };
        Ok(Read {
            stop: super::agreeing(stop, &parts),
            parts,
            stop_detail: super::detail(detail(reason, &message)),
            usage: message.object("usage").map(|usage| self::usage(&usage)).unwrap_or_default(),
            served: super::served(&message),
        })
    }

    fn problem(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Problem {
        problem::of_reply(status, header, body)
    }
}

fn tool(tool: &lancet_core::ModelTool) -> Tool<'_> {
    Tool { name: &tool.name, description: &tool.description, input_schema: checked(&tool.parameters) }
}

fn messages(conversation: &Conversation) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    let mut last: Option<&Answered> = None;
    for entry in conversation.entries() {
        match entry {
            Entry::Said(text) => messages.push(Message { role: "user", content: Content::Text(text) }),
            Entry::Given(results) => {
                let ids =
                    last.map(|answered| super::call_ids(answered, &raw_ids(answered))).unwrap_or_default();
                let blocks = results.iter().map(|result| ResultBlock {
                    r#type: "tool_result",
                    tool_use_id: ids.get(&result.call).unwrap_or(&result.call).clone(),
                    content: &result.text,
                    is_error: result.failed,
                });
                messages.push(Message { role: "user", content: Content::Results(blocks.collect()) });
            }
            Entry::Answered(answered) => {
                last = Some(answered);
                let blocks = blocks(answered);
                // A message without a block is not taken.
                if !blocks.is_empty() {
                    messages.push(Message { role: "assistant", content: Content::Raw(blocks) });
                }
            }
        }
    }
    messages
}

/// The blocks of an answer as they go back.
fn blocks(answered: &Answered) -> Vec<&RawValue> {
    let content = Loose::parse(&answered.raw).ok().and_then(Loose::object).and_then(|m| m.array("content"));
    let goes_back = |block: &Loose<'_>| {
        let kind = block.object().and_then(|block| block.text("type"));
        !(answered.bare && matches!(kind.as_deref(), Some("thinking" | "redacted_thinking")))
    };
    content.unwrap_or_default().into_iter().filter(goes_back).map(Loose::raw).collect()
}

fn raw_ids(answered: &Answered) -> Vec<String> {
    let blocks = blocks(answered);
    let calls = blocks.iter().filter_map(|block| Loose::new(block).object());
    let calls = calls.filter(|block| block.text("type").as_deref() == Some("tool_use"));
    calls.map(|block| block.text("id").unwrap_or_default()).collect()
}

fn part(block: Loose<'_>) -> Result<AnswerPart, Unread> {
    let malformed = |what: &str| Unread::Malformed(format!("no Message: {what}"));
    let object = block.object().ok_or_else(|| malformed("a block of `content` is no object"))?;
    let kind = object.text("type").ok_or_else(|| malformed("a block of `content` has no `type`"))?;
    Ok(match kind.as_str() {
        "text" => {
            AnswerPart::Text(object.text("text").ok_or_else(|| malformed("a `text` block has no `text`"))?)
        }
        "thinking" => AnswerPart::Reasoning(object.text("thinking").unwrap_or_default()),
        "redacted_thinking" => AnswerPart::Reasoning(String::new()),
        "tool_use" => AnswerPart::Call(ToolCall {
            id: object.text("id").unwrap_or_default(),
            name: object.text("name").ok_or_else(|| malformed("a `tool_use` block has no `name`"))?,
            arguments: object.get("input").map_or("{}", |input| input.raw().get()).to_owned(),
        }),
        _ => AnswerPart::Other(ModelParameter { name: kind, value: block.raw().get().to_owned() }),
    })
}

fn detail(reason: String, message: &Object<'_>) -> String {
    if let Some(sequence) = message.text("stop_sequence") {
        return format!("{reason}: {sequence}");
    }
    let Some(details) = message.object("stop_details") else { return reason };
    let told = [details.text("category"), details.text("explanation")];
    told.into_iter().flatten().fold(reason, |detail, told| format!("{detail}: {told}"))
}

fn usage(usage: &Object<'_>) -> Usage {
    // What is there and cannot be believed spoils a sum.
    let part = |of: &Object<'_>, key: &str| Some(of.get(key)?.number().unwrap_or(u64::MAX));
    let cached = part(usage, "cache_read_input_tokens");
    let written = part(usage, "cache_creation_input_tokens").or_else(|| {
        let times = usage.object("cache_creation")?;
        let of = |key| part(&times, key).unwrap_or(0);
        Some(of("ephemeral_5m_input_tokens").saturating_add(of("ephemeral_1h_input_tokens")))
    });
    // `input_tokens` is what was read besides these.
    let all = |input: u64| input.saturating_add(cached.unwrap_or(0)).saturating_add(written.unwrap_or(0));
    let believed = |tokens: &u64| *tokens <= super::MAX_TOLD_TOKENS;
    Usage {
        input: part(usage, "input_tokens").map(all).filter(believed),
        input_cached: cached.filter(believed),
        input_cache_written: written.filter(believed),
        output: super::tokens(usage, "output_tokens"),
        output_reasoning: usage
            .object("output_tokens_details")
            .and_then(|details| super::tokens(&details, "thinking_tokens")),
    }
}

#[cfg(test)]
mod tests;
