//! What is sent is what the official SDKs would send, by their own types, and the answers
//! that tests make up are ones that they would read.

mod python;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lancet_core::{
    ConversationSetup, ModelChoice, ModelParameter, ModelTool, StopReason, ToolResult, WireForm,
};
use lancet_models::{Answered, Conversation, ModelFlag, Wire, choices, wire_of};
use serde_json::{Value, json};

use python::Python;

const FORMS: [(&str, WireForm, &str); 3] = [
    ("messages", WireForm::Messages, "anthropic/claude-opus-5-5"),
    ("responses", WireForm::Responses, "openai/gpt-5.6-sol"),
    ("chat", WireForm::Chat, "chat/gpt-5.6-sol"),
];
/// What other servers send in a message, want back, and OpenAI's SDK does not know.
const BEYOND_CHAT: [&str; 3] = ["reasoning_content", "reasoning_details", "extra_content"];

/// The cases that the script is given, and what it has to say of each.
#[derive(Default)]
struct Cases {
    lines: String,
    expected: Vec<(String, Option<&'static str>)>,
}

impl Cases {
    fn add(&mut self, form: &str, name: &str, kind: &str, body: &Value, wrong: Option<&'static str>) {
        let name = format!("{form}, {kind}: {name}");
        let beyond = if form == "chat" { &BEYOND_CHAT[..] } else { &[] };
        let case = json!({ "name": name, "form": form, "kind": kind, "body": body, "beyond": beyond });
        writeln!(self.lines, "{case}").unwrap();
        self.expected.push((name, wrong));
    }
}

struct Talk {
    name: &'static str,
    form: WireForm,
    id: String,
    wire: Box<dyn Wire>,
    conversation: Conversation,
}

impl Talk {
    fn new(name: &'static str, form: WireForm, flag: &str, setup: ConversationSetup) -> Self {
        let flag: ModelFlag = flag.parse().unwrap();
        let base_url = (form == WireForm::Chat).then_some("https://api.openai.com/v1");
        let choice = choices(std::slice::from_ref(&flag), base_url, None).unwrap().remove(0);
        let choice = ModelChoice { parameters: vec!["service_tier".into(), "tool_choice".into()], ..choice };
        let conversation = Conversation::open(setup, &choice).unwrap();
        Self { name, form, id: flag.id, wire: wire_of(form, &choice.base_url), conversation }
    }

    fn body(&self) -> Value {
        let body = self.wire.request(&self.conversation, &self.id, 1_000).body;
        serde_json::from_slice(&body).expect("requests are JSON")
    }

    /// Has the model answer, and gives its calls results.
    fn answer(&mut self, body: &Value, stop: StopReason) {
        let raw = body.to_string().into_bytes();
        let read = self.conversation.named(self.wire.read(&raw).expect("it is an answer"));
        assert_eq!(read.stop, stop, "{body}");
        let answered = Answered::new(self.form, raw, &read);
        let calls: Vec<String> = answered.calls().map(|call| call.id.clone()).collect();
        self.conversation.answered(answered);
        if !calls.is_empty() {
            let result = |(at, call)| ToolResult { call, text: format!("seen {at}"), failed: at == 1 };
            self.conversation.give(calls.into_iter().enumerate().map(result).collect()).unwrap();
        }
    }
}

fn setup(effort: &str) -> ConversationSetup {
    let parameters = r#"{"type":"object","properties":{"command":{"type":"string"}},"required":["command"]}"#;
    let tool = |name: &str| ModelTool {
        name: name.into(),
        description: "Does it.".into(),
        parameters: parameters.into(),
    };
    ConversationSetup {
        instructions: "Be good.".into(),
        tools: vec![tool("bash"), tool("look")],
        effort: effort.into(),
        ..Default::default()
    }
}

fn text(form: WireForm) -> Value {
    match form {
        WireForm::Messages => {
            message(&json!([{ "type": "text", "text": "Done.", "citations": null }]), "end_turn")
        }
        WireForm::Responses => response(&json!([said("Done.")])),
        _ => completion(&json!({ "role": "assistant", "content": "Done.", "refusal": null }), "stop"),
    }
}

/// Reasoning, text and two calls.
fn calls(form: WireForm, turn: usize) -> Value {
    let id = |call: usize| format!("call_{turn}_{call}");
    match form {
        WireForm::Messages => {
            let call = |at, name: &str| json!({ "type": "tool_use", "id": id(at), "name": name, "input": { "command": "ls" } });
            let content = json!([
                { "type": "thinking", "thinking": "", "signature": "U2lnbmVk" },
                { "type": "redacted_thinking", "data": "UmVk" },
                { "type": "text", "text": "I look." },
                call(0, "bash"),
                call(1, "look"),
            ]);
            message(&content, "tool_use")
        }
        WireForm::Responses => {
            let call = |at, name: &str| {
                json!({ "type": "function_call", "id": format!("fc_{turn}_{at}"), "call_id": id(at), "name": name,
                    "arguments": "{\"command\":\"ls\"}", "status": "completed" })
            };
            response(&json!([
                { "type": "reasoning", "id": format!("rs_{turn}"), "summary": [], "encrypted_content": "RW5j" },
                said("I look."),
                call(0, "bash"),
                call(1, "look"),
            ]))
        }
        _ => {
            let call = |at, name: &str| {
                json!({ "id": id(at), "type": "function",
                    "function": { "name": name, "arguments": "{\"command\":\"ls\"}" },
                    "extra_content": { "google": { "thought_signature": "U2ln" } } })
            };
            let message = json!({
                "role": "assistant", "content": null, "refusal": null, "annotations": [], "audio": null,
                "function_call": null, "reasoning_content": "", "reasoning_details": [{ "data": "RW5j" }],
                "tool_calls": [call(0, "bash"), call(1, "look")],
            });
            completion(&message, "tool_calls")
        }
    }
}

fn message(content: &Value, stop: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": content,
        "stop_reason": stop, "stop_sequence": null,
        "usage": { "input_tokens": 3, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 4,
            "output_tokens": 9, "output_tokens_details": { "thinking_tokens": 4 } },
    })
}

fn said(text: &str) -> Value {
    let content = json!([{ "type": "output_text", "text": text, "annotations": [] }]);
    json!({ "type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content })
}

fn response(output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "error": null,
        "incomplete_details": null, "instructions": null, "metadata": {}, "model": "gpt-5.6-sol", "output": output,
        "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "usage": { "input_tokens": 30, "input_tokens_details": { "cached_tokens": 20, "cache_write_tokens": 4 },
            "output_tokens": 9, "output_tokens_details": { "reasoning_tokens": 4 }, "total_tokens": 39 },
    })
}

fn completion(message: &Value, finish: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5.6-sol",
        "choices": [{ "index": 0, "finish_reason": finish, "logprobs": null, "message": message }],
        "usage": { "prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39,
            "prompt_tokens_details": { "cached_tokens": 20 }, "completion_tokens_details": { "reasoning_tokens": 4 } },
    })
}

/// Everything that is sent in one form.
fn of_form(name: &'static str, form: WireForm, flag: &str, cases: &mut Cases) {
    let mut plain = Talk::new(name, form, flag, ConversationSetup::default());
    plain.conversation.say("Hi.").unwrap();
    cases.add(name, "plain", "request", &plain.body(), None);
    let answer = text(form);
    cases.add(name, "text", "answer", &answer, None);
    plain.answer(&answer, StopReason::Finished);
    plain.conversation.say("Go on.").unwrap();
    plain.conversation.say("Now.").unwrap();
    cases.add(name, "text goes back", "request", &plain.body(), None);

    for effort in ["low", "medium", "high", "xhigh", "max"] {
        let mut talk = Talk::new(name, form, flag, setup(effort));
        talk.conversation.say("Look.").unwrap();
        cases.add(name, &format!("tools, effort {effort}"), "request", &talk.body(), None);
    }
    let parameter = |name: &str, value: &str| ModelParameter { name: name.into(), value: value.into() };
    let choice = if form == WireForm::Messages { r#"{"type":"auto"}"# } else { r#""auto""# };
    let parameters = vec![parameter("service_tier", r#""auto""#), parameter("tool_choice", choice)];
    let mut talk = Talk::new(name, form, flag, ConversationSetup { parameters, ..setup("") });
    talk.conversation.say("Look.").unwrap();
    cases.add(name, "parameters", "request", &talk.body(), None);

    let mut talk = Talk::new(name, form, flag, setup("high"));
    talk.conversation.say("Look.").unwrap();
    for turn in 0..4 {
        let answer = calls(form, turn);
        if turn == 0 {
            cases.add(name, "reasoning and two calls", "answer", &answer, None);
        }
        talk.answer(&answer, StopReason::Calls);
        cases.add(name, &format!("reasoning, calls and results, turn {turn}"), "request", &talk.body(), None);
    }
    let shorter = talk.conversation.without(3, 5).unwrap();
    let short = Talk { conversation: shorter, wire: wire_of(form, ""), id: talk.id.clone(), ..talk };
    cases.add(short.name, "shortened", "request", &short.body(), None);
    wrong_ones(name, &short.body(), cases);
}

/// Requests that an oracle has to find wrong: without them it might let anything pass.
fn wrong_ones(name: &str, right: &Value, cases: &mut Cases) {
    let mut wrong = |what: &str, change: &dyn Fn(&mut Value), said: &'static str| {
        let mut body = right.clone();
        change(&mut body);
        cases.add(name, what, "request", &body, Some(said));
    };
    wrong("an unknown key", &|body| body["bogus"] = json!(1), "bogus: unknown");
    wrong("a number as text", &|body| body["tools"] = json!([{ "type": 1 }]), "tools[0]");
    match name {
        "messages" => {
            wrong(
                "no cap",
                &|body| drop(body.as_object_mut().unwrap().remove("max_tokens")),
                "max_tokens: missing",
            );
            let signed =
                json!([{ "role": "assistant", "content": [{ "type": "thinking", "thinking": "" }] }]);
            wrong("an unsigned thought", &|body| body["messages"] = signed.clone(), "signature: missing");
            wrong("an effort", &|body| body["output_config"]["effort"] = json!("huge"), "'huge' is none of");
            wrong("a temperature", &|body| body["temperature"] = json!(0.0), "temperature: unknown");
        }
        "responses" => {
            let tools = json!([{ "type": "function", "name": "n", "strict": false }]);
            wrong("a tool without parameters", &|body| body["tools"] = tools.clone(), "parameters: missing");
            wrong(
                "a call without its id",
                &|body| body["input"] = json!([{ "type": "function_call", "name": "n", "arguments": "" }]),
                "call_id: missing",
            );
            wrong("an effort", &|body| body["reasoning"]["effort"] = json!("huge"), "'huge' is none of");
        }
        _ => {
            wrong("no model", &|body| drop(body.as_object_mut().unwrap().remove("model")), "model: missing");
            let call = json!([{ "role": "tool", "content": "x" }]);
            wrong(
                "a result without its call",
                &|body| body["messages"] = call.clone(),
                "tool_call_id: missing",
            );
            wrong("an effort", &|body| body["reasoning_effort"] = json!("huge"), "'huge' is none of");
        }
    }
}

#[test]
fn requests_and_answers_are_those_of_the_official_sdks() {
    let python = Python::oracles();
    let mut cases = Cases::default();
    for (name, form, flag) in FORMS {
        of_form(name, form, flag, &mut cases);
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-types.jsonl");
    fs::write(&file, &cases.lines).unwrap();
    let told = python.script("sdk_types.py", &[&file]);
    let told: Vec<(&str, &str)> = told.lines().filter_map(|line| line.split_once('\t')).collect();
    assert_eq!(told.len(), cases.expected.len(), "{told:?}");
    for ((name, found), (expected, wrong)) in told.into_iter().zip(&cases.expected) {
        assert_eq!(name, expected);
        match wrong {
            None => assert_eq!(found, "", "{name}"),
            Some(said) => assert!(found.contains(said), "{name}: `{said}` is not in `{found}`"),
        }
    }
}
