//! OpenAI's Responses, as known on 2026-11-25.
//!
//! Nothing is stored at the provider: every item of an answer's `output` goes back
//! unchanged and in its order, encrypted reasoning with it. A reasoning item without the
//! item after it is refused there, so both stay or the reasoning alone goes. Usage counts
//! cached input in, and reasoning in the output.

use lancet_core::{AnswerPart, ModelParameter, StopReason, ToolCall, Usage};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Problem, Profile, Read, Unread, Wire, WireRequest, problem};
use crate::conversation::{Answered, Conversation, Entry};
use crate::json::{Body, Loose, Object, checked};

pub(super) const PROFILE: Profile = Profile {
    date: "2026-11-25",
    efforts: &super::EFFORTS,
    effort_keys: &["reasoning"],
    reserved: &[
        "model",
        "input",
        "instructions",
        "tools",
        "max_output_tokens",
        "stream",
        "stream_options",
        "store",
        "include",
        "background",
        "background_options",
        "conversation",
        "previous_response_id",
        "prompt",
        "context_management",
    ],
};

pub(super) struct Responses;

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Said { role: &'static str, content: &'a str },
    Given { r#type: &'static str, call_id: String, output: &'a str },
    Raw(&'a RawValue),
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    name: &'a str,
    description: &'a str,
    parameters: &'a RawValue,
    // The default refuses schemas that name optional properties.
    strict: bool,
}

#[derive(Serialize)]
struct Reasoning<'a> {
    effort: &'a str,
}

impl Wire for Responses {
    fn request(&self, conversation: &Conversation, id: &str, answer_tokens: u64) -> WireRequest {
        let setup = conversation.setup();
        let mut body = Body::new();
        body.put("model", id)
            .put("store", &false)
            .put("include", &["reasoning.encrypted_content"])
            .put("max_output_tokens", &answer_tokens);
        if !setup.instructions.is_empty() {
            body.put("instructions", &setup.instructions);
        }
        if !setup.tools.is_empty() {
            let tools: Vec<Tool<'_>> = setup.tools.iter().map(tool).collect();
            body.put("tools", &tools);
        }
        let effort = conversation.effort();
        if !effort.is_empty() {
            body.put("reasoning", &Reasoning { effort });
        }
        for parameter in &setup.parameters {
            body.put(&parameter.name, checked(&parameter.value));
        }
        body.put("input", &items(conversation));
        WireRequest {
            path: "/responses",
            headers: Vec::new(),
            key_header: ("authorization", "Bearer "),
            body: body.finish(),
        }
    }

    fn read(&self, body: &[u8]) -> Result<Read, Unread> {
        let Some(response) = Loose::parse(body).ok().and_then(Loose::object) else {
            return Err(Unread::Malformed(problem::no_json(body)));
        };
        if let Some(problem) = problem::inside(&response) {
            return Err(Unread::Problem(problem));
        }
        let Some(output) = response.array("output") else {
            return Err(Unread::Malformed("no Response: `output` is no array".to_owned()));
        };
        let mut parts = Vec::new();
        let mut refusal = None;
        for item in output {
            read_item(item, &mut parts, &mut refusal)?;
        }
        let status = response.text("status").unwrap_or_default();
        let why = response.object("incomplete_details").and_then(|details| details.text("reason"));
        let stop = match (status.as_str(), why.as_deref()) {
            ("failed", _) => {
                let message = "the Response failed, and does not say why".to_owned();
                return Err(Unread::Problem(Problem::Transient { message, after_ms: None }));
            }
            // Nothing is asked for in the background, so nothing will come of it.
            ("cancelled" | "queued" | "in_progress", _) if parts.is_empty() => {
                let message = format!("the Response is `{status}`, and nothing is in it");
                return Err(Unread::Problem(Problem::Transient { message, after_ms: None }));
            }
            ("incomplete", Some("max_output_tokens")) => StopReason::Length,
            ("incomplete", Some("content_filter")) => StopReason::Refused,
            ("completed", _) if refusal.is_some() => StopReason::Refused,
            ("completed", _) => StopReason::Finished,
            _ => StopReason::Other,
        };
        let told = why.into_iter().chain(refusal);
        Ok(Read {
            stop: super::agreeing(stop, &parts),
            parts,
            stop_detail: super::detail(told.fold(status, |detail, told| format!("{detail}: {told}"))),
            usage: response.object("usage").map(|usage| self::usage(&usage)).unwrap_or_default(),
            served: super::served(&response),
        })
    }

    fn problem(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Problem {
        problem::of_reply(status, header, body)
    }
}

fn tool(tool: &lancet_core::ModelTool) -> Tool<'_> {
    Tool {
        r#type: "function",
        name: &tool.name,
        description: &tool.description,
        parameters: checked(&tool.parameters),
        strict: false,
    }
}

fn items(conversation: &Conversation) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    let mut last: Option<&Answered> = None;
    for entry in conversation.entries() {
        match entry {
            Entry::Said(text) => items.push(Item::Said { role: "user", content: text }),
            Entry::Given(results) => {
                let ids =
                    last.map(|answered| super::call_ids(answered, &raw_ids(answered))).unwrap_or_default();
                items.extend(results.iter().map(|result| Item::Given {
                    r#type: "function_call_output",
                    call_id: ids.get(&result.call).unwrap_or(&result.call).clone(),
                    output: &result.text,
                }));
            }
            Entry::Answered(answered) => {
                last = Some(answered);
                items.extend(output(answered).into_iter().map(Item::Raw));
            }
        }
    }
    items
}

/// The items of an answer as they go back.
fn output(answered: &Answered) -> Vec<&RawValue> {
    let output = Loose::parse(&answered.raw).ok().and_then(Loose::object).and_then(|r| r.array("output"));
    let goes_back = |item: &Loose<'_>| {
        let kind = item.object().and_then(|item| item.text("type"));
        !(answered.bare && kind.as_deref() == Some("reasoning"))
    };
    output.unwrap_or_default().into_iter().filter(goes_back).map(Loose::raw).collect()
}

fn raw_ids(answered: &Answered) -> Vec<String> {
    let items = output(answered);
    let calls = items.iter().filter_map(|item| Loose::new(item).object());
    let calls = calls.filter(|item| item.text("type").as_deref() == Some("function_call"));
    calls.map(|item| item.text("call_id").unwrap_or_default()).collect()
}

fn read_item(
    item: Loose<'_>,
    parts: &mut Vec<AnswerPart>,
    refusal: &mut Option<String>,
) -> Result<(), Unread> {
    let malformed = |what: &str| Unread::Malformed(format!("no Response: {what}"));
    let object = item.object().ok_or_else(|| malformed("an item of `output` is no object"))?;
    let kind = object.text("type").ok_or_else(|| malformed("an item of `output` has no `type`"))?;
    match kind.as_str() {
        "message" => {
            let content = object.array("content").ok_or_else(|| malformed("a `message` has no `content`"))?;
            for piece in content {
                let object =
                    piece.object().ok_or_else(|| malformed("a piece of a `message` is no object"))?;
                let kind = object.text("type").unwrap_or_default();
                match (kind.as_str(), object.text("text"), object.text("refusal")) {
                    ("output_text", Some(text), _) => parts.push(AnswerPart::Text(text)),
                    ("output_text", None, _) => return Err(malformed("an `output_text` has no `text`")),
                    ("refusal", _, told) => {
                        let told = told.unwrap_or_default();
                        parts.push(AnswerPart::Text(told.clone()));
                        *refusal = Some(told);
                    }
                    _ => parts.push(other(kind, piece)),
                }
            }
        }
        "reasoning" => parts.push(AnswerPart::Reasoning(reasoning(&object))),
        "function_call" => parts.push(AnswerPart::Call(ToolCall {
            id: object.text("call_id").unwrap_or_default(),
            name: object.text("name").ok_or_else(|| malformed("a `function_call` has no `name`"))?,
            arguments: object.text("arguments").unwrap_or_default(),
        })),
        _ => parts.push(other(kind, item)),
    }
    Ok(())
}

fn other(name: String, value: Loose<'_>) -> AnswerPart {
    AnswerPart::Other(ModelParameter { name, value: value.raw().get().to_owned() })
}

/// What can be read of a reasoning item: its text, or else its summary.
fn reasoning(item: &Object<'_>) -> String {
    let texts = |key| {
        let pieces = item.array(key).unwrap_or_default();
        let texts: Vec<String> =
            pieces.into_iter().filter_map(|piece| piece.object()?.text("text")).collect();
        texts.join("\n\n")
    };
    Some(texts("content")).filter(|text| !text.is_empty()).unwrap_or_else(|| texts("summary"))
}

fn usage(usage: &Object<'_>) -> Usage {
    let input = usage.object("input_tokens_details");
    let of_input = |key| super::tokens(input.as_ref()?, key);
    Usage {
        input: super::tokens(usage, "input_tokens"),
        input_cached: of_input("cached_tokens"),
        input_cache_written: of_input("cache_write_tokens"),
        output: super::tokens(usage, "output_tokens"),
        output_reasoning: usage
            .object("output_tokens_details")
            .and_then(|details| super::tokens(&details, "reasoning_tokens")),
    }
}

#[cfg(test)]
mod tests;
