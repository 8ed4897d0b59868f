//! The broker against a server of the tests' own, which does all that servers do.

#[path = "server/asking.rs"]
mod asking;
mod server;

use std::time::{Duration, Instant};

use asking::{CANARY, Till, broker, choice, completion, conversation, failure, fault, key, quick};
use lancet_core::{
    AnswerMark, AnswerPart, Budget, BudgetUnit, ConversationSetup, InfraFaultKind, Microdollars, ModelChoice,
    ModelFailureKind, ModelTool, Spent, Usage, WireForm,
};
use lancet_models::{Asked, Broker, Clients, Conversation, NOTHING, Pace, Read, Reply};
use serde_json::{Value, json};
use server::{Act, Server};

/// What a server does with half of an answer.
type Halfway = fn(Vec<u8>) -> Act;
/// What a server does.
type Replying = fn() -> Act;

fn good() -> Act {
    Act::json(200, &completion("hello", 10, 5))
}

fn error(status: u16, code: &str, message: &str) -> Act {
    Act::json(status, &json!({"error": {"code": code, "message": message}}))
}

fn chat(server: &Server) -> ModelChoice {
    choice(WireForm::Chat, &format!("{}/v1", server.url))
}

/// Asks once, without limits.
async fn ask(choice: &ModelChoice) -> (Asked, Till) {
    let till = Till::new();
    let asked = till.ask(&broker(choice), &conversation(choice, "hello?")).await;
    (asked, till)
}

/// What a failed try came to that may have been used.
fn paid(spent: &Spent) -> bool {
    spent.estimated && spent.usage.output == Some(4_000) && spent.cost > Some(Microdollars(40_000))
}

#[tokio::test]
async fn an_answer_is_settled_by_what_it_used() {
    let server = Server::start(|_, _| good()).await;
    let (asked, till) = ask(&chat(&server)).await;
    let reply = asked.unwrap();
    assert_eq!(reply.read.parts, [AnswerPart::Text("hello".into())]);
    assert_eq!(reply.raw, completion("hello", 10, 5).to_string().into_bytes());
    assert_eq!((reply.tries.len(), reply.marks.len()), (0, 0));
    assert_eq!(reply.spent.cost, Some(Microdollars(60)));
    assert_eq!(till.settled(), [reply.spent]);
    let seen = &server.seen()[0];
    assert!(seen.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {CANARY}")));
    assert_eq!(seen.header("user-agent"), Some(&*format!("lancet/{}", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!((seen.header("accept-encoding"), seen.header("cookie")), (None, None));
    assert_eq!(seen.json()["model"], "m-1");
}

#[tokio::test]
async fn without_a_usage_an_answer_comes_to_what_was_held() {
    let server = Server::start(|_, _| {
        let mut answer = completion("hello", 0, 0);
        answer.as_object_mut().unwrap().remove("usage");
        answer["model"] = json!("m-2");
        Act::json(200, &answer)
    })
    .await;
    let (asked, till) = ask(&chat(&server)).await;
    let reply = asked.unwrap();
    assert_eq!(reply.marks, [AnswerMark::OtherModel, AnswerMark::NoUsage]);
    assert!(paid(&reply.spent), "{:?}", reply.spent);
    assert_eq!(till.settled(), [reply.spent]);
}

/// Nothing is answered that was not read, a part is not more than all of it, and no answer is
/// many times as long as was asked for.
#[tokio::test]
async fn a_usage_that_cannot_be_true_is_not_told() {
    for (prompt, cached, written, reasoning, known) in [
        (0, 0, 0, 0, (None, None, None, None)),
        (10, 1_000, 20, 9, (Some(10), None, Some(20), Some(9))),
        (10, 10, 20, 99_999, (Some(10), Some(10), Some(20), None)),
        (10, 0, 1 << 40, 5, (None, None, None, None)),
        ((1 << 20) + 1, 0, 20, 5, (None, None, None, None)),
        (10, 0, 131_072, 5, (Some(10), Some(0), Some(131_072), Some(5))),
    ] {
        let mut answer = completion("hello", prompt, written);
        answer["usage"]["prompt_tokens_details"] = json!({"cached_tokens": cached});
        answer["usage"]["completion_tokens_details"] = json!({"reasoning_tokens": reasoning});
        let server = Server::start(move |_, _| Act::json(200, &answer)).await;
        let (asked, till) = ask(&chat(&server)).await;
        let Reply { read: Read { usage, .. }, marks, spent, .. } = asked.unwrap();
        let told = (usage.input, usage.input_cached, usage.output, usage.output_reasoning);
        assert_eq!(told, known);
        assert_eq!(marks == [AnswerMark::NoUsage], known.0.is_none(), "{marks:?}");
        assert!(spent.usage.input > Some(0) && spent.usage.output <= Some(131_072), "{spent:?}");
        assert_eq!(till.ledger.run_used().asks, 1);
    }
}

#[tokio::test]
async fn an_answer_is_lowered_to_what_is_left() {
    let server = Server::start(|_, _| good()).await;
    let choice = chat(&server);
    let till = Till::limited(Budget::from([(BudgetUnit::OutputTokens, 1_500)]));
    let reply = till.ask(&broker(&choice), &conversation(&choice, "hello?")).await.unwrap();
    assert_eq!(reply.marks, [AnswerMark::CapLowered]);
    let asked = server.seen()[0].json();
    let cap = asked.get("max_completion_tokens").or(asked.get("max_tokens"));
    assert_eq!(cap, Some(&json!(1_500)));
}

/// What passes is asked again, and what was refused costs nothing.
#[tokio::test]
async fn what_passes_is_asked_again() {
    for status in [408, 409, 429, 500, 502, 503, 504, 529] {
        let server = Server::start(move |number, _| match number {
            0 => error(status, "some_code", "not now"),
            1 => Act::with(status, [], "<html>not now</html>"),
            _ => good(),
        })
        .await;
        let (asked, till) = ask(&chat(&server)).await;
        let reply = asked.unwrap();
        assert_eq!(reply.tries.len(), 2, "{status}");
        for tried in &reply.tries {
            assert_eq!((tried.status, tried.spent), (Some(status), NOTHING));
            assert!((15..=40).contains(&tried.waited_ms), "{tried:?}");
        }
        assert!(reply.tries[0].why.contains("not now"), "{:?}", reply.tries);
        assert_eq!(till.settled(), [NOTHING, NOTHING, reply.spent]);
        assert_eq!(till.ledger.run_used().asks, 1);
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept_to() {
    for (name, value, wait) in
        [("retry-after", "1", 1_000), ("retry-after-ms", "300", 300), ("Retry-After", "0.2", 200)]
    {
        let server = Server::start(move |number, _| match number {
            0 => Act::with(429, [(name, value.to_owned())], "{}"),
            _ => good(),
        })
        .await;
        let (asked, _) = ask(&chat(&server)).await;
        let tries = asked.unwrap().tries;
        assert!((wait..wait + 20).contains(&tries[0].waited_ms), "{tries:?}");
        let seen = server.seen();
        assert!(seen[1].at - seen[0].at >= Duration::from_millis(wait), "{name}");
    }
}

#[tokio::test]
async fn nobody_waits_for_too_long() {
    let server = Server::start(|_, _| Act::with(429, [("retry-after", "3600".into())], "{}")).await;
    let (asked, _) = ask(&chat(&server)).await;
    let (kind, message, tries) = fault(asked);
    assert_eq!((kind, tries.len(), server.seen().len()), (InfraFaultKind::ModelUnavailable, 1, 1));
    assert!(message.contains("asked again after 3600 s, longer than the 5 s"), "{message}");
    assert!(message.starts_with(&server.url), "{message}");

    // Within patience, and beyond the deadline.
    let server = Server::start(|_, _| Act::with(429, [("retry-after", "4".into())], "{}")).await;
    let choice = chat(&server);
    let till = Till::limited(Budget::from([(BudgetUnit::Milliseconds, 1_000)]));
    let begin = Instant::now();
    let (kind, message, tries) = failure(till.ask(&broker(&choice), &conversation(&choice, "hello?")).await);
    assert_eq!((kind, tries.len()), (ModelFailureKind::OverBudget, 1));
    assert_eq!(message, "the time is over: it ended before the model may be asked again");
    assert!(begin.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn tries_are_used_up() {
    let server = Server::start(|_, _| error(503, "overloaded", "come back later")).await;
    let (asked, till) = ask(&chat(&server)).await;
    let (kind, message, tries) = fault(asked);
    assert_eq!((kind, tries.len(), server.seen().len()), (InfraFaultKind::ModelUnavailable, 4, 4));
    assert!(message.contains("after 4 requests: ") && message.contains("come back later"), "{message}");
    assert_eq!(till.settled(), [NOTHING; 4]);
    assert_eq!(tries[3].waited_ms, 0);
}

/// What would be so the next time is asked once.
#[tokio::test]
async fn what_lasts_is_asked_once() {
    for (status, code, message, expected) in [
        (401, "invalid_api_key", "Incorrect API key provided", InfraFaultKind::ModelUnauthorized),
        (403, "permission_denied", "not for you", InfraFaultKind::ModelUnauthorized),
        (402, "", "pay first", InfraFaultKind::ModelQuota),
        (429, "insufficient_quota", "You exceeded your current quota", InfraFaultKind::ModelQuota),
        (404, "model_not_found", "The model `m-1` does not exist", InfraFaultKind::ModelUnknown),
    ] {
        // The key itself, as careless servers repeat it.
        let said = format!("{message}: {CANARY}");
        let server = Server::start(move |_, _| error(status, code, &said)).await;
        let (asked, till) = ask(&chat(&server)).await;
        let (kind, shown, tries) = fault(asked);
        assert_eq!((kind, server.seen().len()), (expected, 1), "{shown}");
        assert!(shown.contains(&format!("{message}: [key]")), "{shown}");
        assert_eq!((tries.len(), tries[0].status), (1, Some(status)));
        assert_eq!(till.settled(), [NOTHING]);
    }
    for (code, message, expected) in [
        ("context_length_exceeded", "maximum context length is 10", ModelFailureKind::TooLong),
        ("invalid_request_error", "`effort` is none", ModelFailureKind::Rejected),
    ] {
        let server = Server::start(move |_, _| error(400, code, message)).await;
        let (asked, till) = ask(&chat(&server)).await;
        let (kind, shown, tries) = failure(asked);
        assert_eq!((kind, server.seen().len(), tries.len()), (expected, 1, 1));
        assert!(shown.contains(message), "{shown}");
        assert_eq!(till.settled(), [NOTHING]);
    }
}

/// An effort that is not taken is whose it is: the operator's is the infrastructure's, and
/// one that the plugin named the plugin's.
#[tokio::test]
async fn an_effort_that_is_not_taken_is_whose_it_is() {
    for inside in [false, true] {
        let server = Server::start(move |_, _| {
            let message = "Unsupported value: 'reasoning_effort' does not support 'high' with this model.";
            let said = json!({"error": {
                "type": "invalid_request_error", "param": "reasoning_effort", "code": "x", "message": message,
            }});
            Act::json(if inside { 200 } else { 400 }, &said)
        })
        .await;
        let choice = ModelChoice { effort: "high".into(), ..chat(&server) };
        let (asked, till) = ask(&choice).await;
        let (kind, shown, tries) = fault(asked);
        assert_eq!((kind, tries.len()), (InfraFaultKind::ModelSettings, 1));
        assert!(shown.contains("the operator's `effort`, `high`, is not taken"), "{shown}");
        assert_eq!(till.settled(), [NOTHING]);

        let setup = ConversationSetup { effort: "low".into(), ..ConversationSetup::default() };
        let mut conversation = Conversation::open(setup, &choice).unwrap();
        conversation.say("hello?").unwrap();
        let (kind, shown, _) = failure(Till::new().ask(&broker(&choice), &conversation).await);
        assert_eq!(kind, ModelFailureKind::Rejected);
        assert!(!shown.contains("operator"), "{shown}");
        // Nobody named one: it is the request's.
        let (asked, _) = ask(&chat(&server)).await;
        assert_eq!(failure(asked).0, ModelFailureKind::Rejected);
    }
}

/// Tools are offered by the operator's choice: a model, or a server, that takes none fails nobody.
#[tokio::test]
async fn a_model_that_takes_no_tools_is_no_plugins_failure() {
    let server = Server::start(move |_, _| error(400, "x", "m-1 does not support tools")).await;
    let choice = chat(&server);
    let tool =
        ModelTool { name: "t".into(), description: "d".into(), parameters: r#"{"type":"object"}"#.into() };
    for (tools, infrastructure) in [(vec![tool], true), (Vec::new(), false)] {
        let setup = ConversationSetup { tools, ..ConversationSetup::default() };
        let mut conversation = Conversation::open(setup, &choice).unwrap();
        conversation.say("hello?").unwrap();
        let till = Till::new();
        let asked = till.ask(&broker(&choice), &conversation).await;
        if infrastructure {
            let (kind, shown, tries) = fault(asked);
            assert_eq!((kind, tries.len()), (InfraFaultKind::ModelSettings, 1));
            assert!(shown.contains("tools are offered with the model, and none are taken"), "{shown}");
        } else {
            assert_eq!(failure(asked).0, ModelFailureKind::Rejected);
        }
        assert_eq!(till.settled(), [NOTHING]);
    }
}

/// A usage that is told in part is none: what a conversation counts by is in the record.
#[tokio::test]
async fn half_a_usage_is_none() {
    for usage in [json!({"prompt_tokens": 7}), json!({"completion_tokens": 3}), json!({})] {
        let server = Server::start(move |_, _| {
            let mut answer = completion("hello", 0, 0);
            answer["usage"] = usage.clone();
            Act::json(200, &answer)
        })
        .await;
        let (asked, _) = ask(&chat(&server)).await;
        let reply = asked.unwrap();
        assert_eq!((reply.read.usage, reply.marks), (Usage::default(), vec![AnswerMark::NoUsage]));
        assert!(reply.spent.estimated && reply.spent.usage.input.is_some(), "{:?}", reply.spent);
    }
}

/// What stops halfway may have been worked at: it is paid, and not asked for ever.
#[tokio::test]
async fn what_stops_halfway_is_paid_as_held() {
    let half = || completion("hello", 10, 5).to_string().into_bytes()[..40].to_vec();
    let acts: [(&str, Halfway); 4] = [
        ("nothing came for 1 s", |_| Act::Silence),
        ("nothing came for 1 s", Act::Stall),
        ("", Act::Cut),
        ("", |_| Act::Close),
    ];
    let all = acts.map(|(why, act)| async move {
        let server = Server::start(move |number, _| if number == 0 { act(half()) } else { good() }).await;
        let (asked, till) = ask(&chat(&server)).await;
        let reply = asked.unwrap();
        assert_eq!(reply.tries.len(), 1);
        assert!(reply.tries[0].why.contains(why) && !reply.tries[0].why.is_empty(), "{:?}", reply.tries);
        assert!(paid(&reply.tries[0].spent), "{:?}", reply.tries);
        assert_eq!(till.settled(), [reply.tries[0].spent, reply.spent]);
        assert_eq!(till.ledger.run_used().asks, 2);
    });
    let [one, two, three, four] = all;
    tokio::join!(one, two, three, four);

    let server = Server::start(move |_, _| Act::Cut(half())).await;
    let (asked, till) = ask(&chat(&server)).await;
    let (kind, message, tries) = fault(asked);
    assert_eq!((kind, tries.len()), (InfraFaultKind::ModelUnavailable, 3));
    assert!(tries.iter().all(|tried| tried.status == Some(200) && paid(&tried.spent)), "{tries:?}");
    assert!(message.contains("after 3 requests"), "{message}");
    assert_eq!(till.settled().len(), 3);
}

#[tokio::test]
async fn what_comes_slowly_and_steadily_is_an_answer() {
    let body = completion("hello", 10, 5).to_string().into_bytes();
    // Longer in all than a single wait may take.
    let pause = Duration::from_millis(1_500) / u32::try_from(body.len()).unwrap();
    let server = Server::start(move |_, _| Act::Trickle(body.clone(), pause)).await;
    let (asked, _) = ask(&chat(&server)).await;
    assert!(asked.unwrap().tries.is_empty());

    // Without an end.
    let server = Server::start(move |_, _| Act::Trickle(vec![b' '; 10_000], Duration::from_millis(50))).await;
    let choice = ModelChoice { tries: 1, ..chat(&server) };
    let pace = Pace { reply: Duration::from_millis(500), ..quick() };
    let till = Till::new();
    let asked = till.ask(&broker(&choice).paced(pace), &conversation(&choice, "hello?")).await;
    let (kind, message, _) = fault(asked);
    assert_eq!(kind, InfraFaultKind::ModelUnavailable);
    assert!(message.contains("no whole reply after 0.5 s"), "{message}");
}

#[tokio::test]
async fn a_reply_that_is_no_answer_is_unreadable() {
    let replies: [(&str, Replying); 4] = [
        ("", || Act::with(200, [], "{\"choices\": [")),
        ("", || Act::with(200, [], "")),
        ("", || Act::json(200, &json!({"choices": []}))),
        ("", || Act::with(200, [], vec![0xff_u8; 100])),
    ];
    for (why, reply) in replies {
        let server = Server::start(move |_, _| reply()).await;
        let (asked, till) = ask(&chat(&server)).await;
        let (kind, message, tries) = fault(asked);
        assert_eq!((kind, tries.len()), (InfraFaultKind::ModelUnreadable, 3), "{message}");
        assert!(message.contains(why), "{message}");
        assert!(till.settled().iter().all(paid));
    }
}

/// No model was asked: nothing is paid for it, and nobody asks there again.
#[tokio::test]
async fn a_page_for_a_browser_is_no_answer_at_all() {
    let replies: [Replying; 3] = [
        || Act::with(200, [("content-type", "text/html".into())], "Welcome"),
        || Act::with(200, [("content-type", "application/json".into())], " \n<!DOCTYPE html><p>Welcome"),
        || Act::with(200, [], "<html>Welcome</html>"),
    ];
    for reply in replies {
        let server = Server::start(move |_, _| reply()).await;
        let (asked, till) = ask(&chat(&server)).await;
        let (kind, message, tries) = fault(asked);
        assert_eq!((kind, tries.len()), (InfraFaultKind::ModelUnreadable, 1), "{message}");
        assert!(message.contains("a page of a website"), "{message}");
        assert_eq!(till.settled(), [NOTHING]);
    }
}

/// What servers put beside an answer, and before it, makes it none the less one.
#[tokio::test]
async fn an_answer_is_one_whatever_the_server_says_around_it() {
    let plain = completion("hello", 10, 5);
    let beside = |error: Value| {
        let mut answer = plain.clone();
        answer["error"] = error.clone();
        answer["choices"][0]["error"] = error;
        answer.to_string()
    };
    let errors = [json!(null), json!(""), json!(false), json!({}), json!([]), json!(0)].map(beside);
    for body in errors.into_iter().chain([format!("\u{feff}{plain}"), format!(" \n{plain}")]) {
        let server =
            Server::start(move |_, _| Act::with(200, [("content-type", "text/html".into())], body.clone()))
                .await;
        let (asked, till) = ask(&chat(&server)).await;
        let reply = asked.unwrap();
        assert_eq!((reply.read.parts, reply.tries.len()), (vec![AnswerPart::Text("hello".into())], 0));
        assert_eq!(till.settled().len(), 1);
    }
}

/// What surely does not fit is not sent, and nothing is held for it.
#[tokio::test]
async fn what_is_far_too_long_is_not_sent() {
    let server = Server::start(|_, _| good()).await;
    let small = ModelChoice { context_tokens: Some(1_000), ..chat(&server) };
    let till = Till::new();
    let asked = till.ask(&broker(&small), &conversation(&small, &"word ".repeat(2_000))).await;
    assert_eq!(failure(asked).0, ModelFailureKind::TooLong);
    let large = chat(&server);
    let asked = till.ask(&broker(&large), &conversation(&large, &"word ".repeat(7_000_000))).await;
    assert_eq!(failure(asked).0, ModelFailureKind::TooLong);
    assert_eq!((server.seen().len(), till.settled()), (0, vec![NOTHING]));
}

#[tokio::test]
async fn an_error_in_spite_of_its_status_is_one() {
    let server = Server::start(|number, _| match number {
        0 => Act::json(200, &json!({"error": {"code": 503, "message": "the provider is overloaded"}})),
        _ => good(),
    })
    .await;
    let (asked, _) = ask(&chat(&server)).await;
    let tries = asked.unwrap().tries;
    assert!(tries[0].why.contains("in spite of its status") && paid(&tries[0].spent), "{tries:?}");

    let server =
        Server::start(|_, _| Act::json(200, &json!({"error": {"code": "invalid_api_key", "message": "no"}})))
            .await;
    let (asked, till) = ask(&chat(&server)).await;
    assert_eq!(fault(asked).0, InfraFaultKind::ModelUnauthorized);
    assert_eq!(till.settled(), [NOTHING]);
}

#[tokio::test]
async fn a_reply_without_end_is_given_up() {
    const SENT: usize = 50 << 20;
    for (status, most) in [(200, 28 << 20), (500, 12 << 20)] {
        let server = Server::start(move |_, _| Act::Flood { status, bytes: SENT }).await;
        let (asked, till) = ask(&ModelChoice { tries: 1, ..chat(&server) }).await;
        let (kind, message, _) = fault(asked);
        // What is beyond lies in buffers of the two sockets.
        assert!(server.sent() < most, "{} bytes were taken", server.sent());
        if status == 200 {
            assert_eq!(kind, InfraFaultKind::ModelUnreadable);
            assert!(message.contains("more than 16 MiB"), "{message}");
            assert!(till.settled().iter().all(paid));
        } else {
            assert_eq!(kind, InfraFaultKind::ModelUnavailable);
            assert_eq!(till.settled(), [NOTHING]);
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(|_, _| good()).await;
    for status in [301, 302, 303, 307, 308] {
        let to = other.url.replace("http://", "http://user:word@") + "/v1?token=1";
        let server = Server::start(move |_, _| Act::with(status, [("location", to.clone())], "")).await;
        let (asked, till) = ask(&chat(&server)).await;
        let (kind, message, _) = fault(asked);
        assert_eq!((kind, server.seen().len()), (InfraFaultKind::ModelUnreadable, 1));
        assert!(
            message.contains(&format!("a redirect to {}/v1, which is not followed", other.url)),
            "{message}"
        );
        assert_eq!(till.settled(), [NOTHING]);
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_reply_that_repeats_the_key_is_not_kept() {
    // As servers write it that escape what need not be, and in a text inside a text.
    let escaped = CANARY.replace('-', "\\u002d");
    let arguments = json!({"name": "look", "arguments": format!("{{\"key\":\"{escaped}\"}}")});
    let mut call = completion("", 10, 5);
    call["choices"][0]["message"]["tool_calls"] = json!([{"id": "a", "function": arguments}]);
    for body in [
        completion(&format!("Bearer {CANARY}"), 10, 5).to_string(),
        completion("KEY", 10, 5).to_string().replace("KEY", &escaped),
        completion("a", 10, 5).to_string().replace("m-1", &escaped),
        call.to_string(),
    ] {
        let server = Server::start(move |_, _| Act::with(200, [], body.clone())).await;
        let (asked, _) = ask(&chat(&server)).await;
        let (kind, message, _) = fault(asked);
        assert_eq!((kind, server.seen().len()), (InfraFaultKind::ModelUnreadable, 1));
        assert!(message.contains("repeats the key"), "{message}");
    }
    let raw = format!("{{\"error\":\"no key {escaped}\"}}");
    let error = json!({"error": {"code": 400, "message": "no", "metadata": {"raw": raw}}});
    for status in [200, 400] {
        let error = error.clone();
        let server = Server::start(move |_, _| Act::json(status, &error)).await;
        let (asked, _) = ask(&ModelChoice { tries: 1, ..chat(&server) }).await;
        let shown = format!("{asked:?}");
        assert!(!shown.contains("u002d") && (status == 200 || shown.contains("[key]")), "{shown}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_paid() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for (host, tries_made) in [(address.to_string(), 4), ("no-such-host.invalid".into(), 4)] {
        let (asked, till) = ask(&choice(WireForm::Chat, &format!("http://me:secret-word@{host}/v1"))).await;
        let (kind, message, tries) = fault(asked);
        assert_eq!((kind, tries.len()), (InfraFaultKind::ModelUnreachable, tries_made), "{message}");
        assert!(
            message.starts_with(&format!("http://{host}/v1 cannot be reached: after 4 requests: ")),
            "{message}"
        );
        assert!(!format!("{message} {tries:?}").contains("secret-word"));
        assert!(message.contains("refused") || message.contains("dns"), "{message}");
        assert_eq!(till.settled(), [NOTHING; 4]);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_before() {
    let clients = Clients::new().unwrap();
    for (base, expected) in [
        ("", "model `main`: the base URL is none: relative URL without a base"),
        ("ftp://a.example", "model `main`: the base URL is none: it begins with `ftp:`"),
        ("localhost:8080/v1", "model `main`: the base URL is none: it begins with `localhost:`"),
        ("http://", "model `main`: the base URL is none: empty host"),
    ] {
        let error = Broker::new(&clients, &choice(WireForm::Chat, base), key()).err().unwrap();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    let error = Broker::new(&clients, &choice(WireForm::Scripted, ""), None).err().unwrap();
    assert_eq!(error.to_string(), "model `main` is scripted/…, which is asked on no network");
}
