//! The broker and its three wire forms against `llmock`, a server from PyPI that imitates
//! providers, fails as they do, and judges its client.

#[path = "server/asking.rs"]
mod asking;
mod program;
mod python;

use std::time::Duration;

use asking::{Till, choice, failure, fault, key};
use lancet_core::{
    AnswerPart, ConversationSetup, InfraFaultKind, ModelChoice, ModelFailureKind, ModelTool, StopReason,
    ToolCall, ToolResult, WireForm,
};
use lancet_models::{Answered, Asked, Broker, Clients, Conversation, Pace, Reply};
use program::Program;
use python::Python;
use serde_json::{Value, json};

/// The forms, where llmock has them, and a model that it knows there.
const FORMS: [(WireForm, &str, &str); 3] = [
    (WireForm::Chat, "/v1", "gpt-4o"),
    (WireForm::Responses, "/v1", "gpt-4o"),
    (WireForm::Messages, "/anthropic", "claude-3-5-sonnet-20241022"),
];

async fn llmock(options: &[&str]) -> Program {
    let python = tokio::task::spawn_blocking(Python::oracles).await.unwrap();
    let start = |port: u16| {
        let mut command = python.program("llmock");
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]).args(options);
        command
    };
    Program::start(start, "/_llmock/requests", Duration::from_secs(60)).await
}

/// A model at llmock, and who asks it.
struct Asker<'a> {
    server: &'a Program,
    /// Where its requests go: what is scripted is for those alone.
    path: String,
    choice: ModelChoice,
    broker: Broker,
    till: Till,
}

impl<'a> Asker<'a> {
    fn new(server: &'a Program, (form, base, id): (WireForm, &str, &str)) -> Self {
        let choice =
            ModelChoice { id: id.into(), tries: 5, ..choice(form, &format!("{}{base}", server.url)) };
        // As in earnest, but for the time between.
        let pace = Pace { first: Duration::from_millis(60), ..Pace::default() };
        let broker = Broker::new(&Clients::new().unwrap(), &choice, key()).unwrap().paced(pace);
        let path = match form {
            WireForm::Messages => "/anthropic/v1/messages",
            WireForm::Responses => "/v1/responses",
            _ => "/v1/chat/completions",
        };
        Self { server, path: path.into(), choice, broker, till: Till::new() }
    }

    /// What happens to its next requests.
    async fn script(&self, mut behaviors: Value) {
        for behavior in behaviors.as_array_mut().unwrap() {
            behavior["match"]["path"] = json!(self.path);
        }
        self.server.post("/_llmock/scenario", &json!({"behaviors": behaviors})).await;
    }

    fn conversation(&self, tools: Vec<ModelTool>) -> Conversation {
        let setup = ConversationSetup {
            model: "main".into(),
            instructions: "You look up the weather.".into(),
            tools,
            ..ConversationSetup::default()
        };
        Conversation::open(setup, &self.choice).unwrap()
    }

    async fn ask(&self, text: &str) -> Asked {
        let mut conversation = self.conversation(Vec::new());
        conversation.say(text).unwrap();
        self.till.ask(&self.broker, &conversation).await
    }

    /// Asks, and adds the answer.
    async fn go_on(&self, conversation: &mut Conversation) -> Reply {
        let reply = self.till.ask(&self.broker, conversation).await.unwrap();
        conversation.answered(Answered::new(self.choice.form, reply.raw.clone(), &reply.read));
        reply
    }
}

fn weather() -> Vec<ModelTool> {
    let parameters = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    vec![ModelTool {
        name: "get_weather".into(),
        description: "Tells the weather of a city.".into(),
        parameters: parameters.to_string(),
    }]
}

fn calls(reply: &Reply) -> Vec<ToolCall> {
    let calls = reply.read.parts.iter().filter_map(|part| match part {
        AnswerPart::Call(call) => Some(call.clone()),
        _ => None,
    });
    calls.collect()
}

fn text(reply: &Reply) -> String {
    let texts = reply.read.parts.iter().filter_map(|part| match part {
        AnswerPart::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The judgement of all that was asked so far: nothing is to be said against it.
async fn judge(server: &Program) -> Value {
    let verdict = server.get("/_llmock/verdict").await.unwrap();
    assert_eq!((&verdict["passed"], &verdict["findings"]), (&json!(true), &json!([])), "{verdict:#}");
    server.post("/_llmock/reset", &json!({})).await;
    verdict
}

#[tokio::test]
async fn answers_and_calls_of_tools_in_each_form() {
    let server = llmock(&[]).await;
    let [chat, responses, messages] = FORMS.map(|form| answers_and_calls(&server, form));
    tokio::join!(chat, responses, messages);
    judge(&server).await;
}

async fn answers_and_calls(server: &Program, form: (WireForm, &str, &str)) {
    let asker = Asker::new(server, form);
    asker.script(json!([{"type": "reply", "text": "four words for you"}])).await;
    let reply = asker.ask("hello?").await.unwrap();
    assert_eq!((text(&reply).as_str(), reply.read.stop), ("four words for you", StopReason::Finished));
    assert!(reply.read.usage.input > Some(0) && reply.read.usage.output > Some(0), "{:?}", reply.read);
    assert_eq!((reply.read.served.as_str(), reply.marks.len()), (form.2, 0));

    // Two calls at once, one of no such tool, and one with what is no JSON.
    asker
        .script(json!([
            {"type": "reply", "tool_calls": [
                {"name": "get_weather", "arguments": {"city": "Paris"}},
                {"name": "get_weather", "arguments": {"city": "Z\u{fc}rich"}},
            ]},
            {"type": "tool_fault", "kind": "unknown_tool", "match": {"tools": true}},
        ]))
        .await;
    let mut conversation = asker.conversation(weather());
    conversation.say("What is the weather in both?").unwrap();
    let mut counts = Vec::new();
    for turn in 0..6 {
        if turn == 2 {
            asker.script(json!([{"type": "tool_fault", "kind": "malformed_arguments"}])).await;
        }
        let reply = asker.go_on(&mut conversation).await;
        let calls = calls(&reply);
        counts.push(calls.len());
        let results = calls.iter().map(|call| ToolResult {
            call: call.id.clone(),
            text: format!("{} {}: sunny", call.name, call.arguments),
            failed: call.name != "get_weather",
        });
        let results: Vec<ToolResult> = results.collect();
        if results.is_empty() {
            assert_eq!(reply.read.stop, StopReason::Finished);
            conversation.say("And tomorrow?").unwrap();
        } else {
            assert_eq!(reply.read.stop, StopReason::Calls);
            conversation.give(results).unwrap();
        }
    }
    assert!(counts.iter().sum::<usize>() >= 3, "{counts:?}");

    for (reason, expected) in [("length", StopReason::Length), ("content_filter", StopReason::Refused)] {
        if form.0 == WireForm::Responses && reason != "length" {
            continue; // llmock ends these in no other way
        }
        asker.script(json!([{"type": "reply", "text": "not all", "finish_reason": reason}])).await;
        let reply = asker.ask(reason).await.unwrap();
        assert_eq!(reply.read.stop, expected, "{:?} {}", form.0, reply.read.stop_detail);
    }
}

#[tokio::test]
async fn llmock_has_nothing_to_say_against_its_client() {
    let server = llmock(&[]).await;
    let [chat, responses, messages] = FORMS.map(|form| failures(&server, form));
    tokio::join!(chat, responses, messages);
    let verdict = judge(&server).await;
    assert!(verdict["faults_injected"].as_u64() >= Some(3 * 22), "{verdict:#}");
}

async fn failures(server: &Program, form: (WireForm, &str, &str)) {
    let asker = Asker::new(server, form);
    // What passes, alone and in a row, with a wait and without.
    for status in [408, 409, 429, 500, 502, 503, 504, 529] {
        asker.script(json!([{"type": "fail", "status": status}])).await;
        let reply = asker.ask(&format!("after a {status}")).await.unwrap();
        assert_eq!((reply.tries.len(), reply.tries[0].status), (1, Some(status)));
    }
    asker.script(json!([{"type": "fail", "status": 429, "retry_after": 1.0}])).await;
    let reply = asker.ask("after a wait").await.unwrap();
    assert!(reply.tries[0].waited_ms >= 1_000, "{:?}", reply.tries);
    asker.script(json!([{"type": "fail", "status": 503, "times": 4}])).await;
    assert_eq!(asker.ask("after four").await.unwrap().tries.len(), 4);
    asker.script(json!([{"type": "delay", "seconds": 2.5}])).await;
    let reply = asker.ask("after a silence").await.unwrap();
    assert!(reply.tries.len() == 1 && reply.tries[0].spent.estimated, "{:?}", reply.tries);

    // What lasts.
    for (status, expected) in
        [(401, InfraFaultKind::ModelUnauthorized), (403, InfraFaultKind::ModelUnauthorized)]
    {
        asker.script(json!([{"type": "fail", "status": status}])).await;
        assert_eq!(fault(asker.ask(&format!("a {status}")).await).0, expected);
    }
    for status in [400, 422] {
        asker.script(json!([{"type": "fail", "status": status}])).await;
        assert_eq!(failure(asker.ask(&format!("a {status}")).await).0, ModelFailureKind::Rejected);
    }
    asker.script(json!([{"type": "fail", "status": 503, "times": 5}])).await;
    let (kind, _, tries) = fault(asker.ask("never").await);
    assert_eq!((kind, tries.len()), (InfraFaultKind::ModelUnavailable, 5));
}

#[tokio::test]
async fn a_conversation_that_is_too_long_is_said_to_be() {
    let server = llmock(&["--context-window", "300"]).await;
    for form in FORMS {
        let asker = Asker::new(&server, form);
        let (kind, message, tries) = failure(asker.ask(&"too many words ".repeat(300)).await);
        assert_eq!((kind, tries.len()), (ModelFailureKind::TooLong, 1), "{message}");
    }
    judge(&server).await;
}
