//! What holds for every form: bytes come back, and nothing that a server sends is too odd.

use lancet_core::{ConversationSetup, ModelChoice, ModelTool, ToolResult, Usage};

use super::*;
use crate::conversation::Entry;
use crate::conversation::tests::choice;

const FORMS: [(WireForm, &str, &str); 3] = [
    (WireForm::Messages, "anthropic/m", "https://api.anthropic.com"),
    (WireForm::Responses, "openai/m", "https://api.openai.com/v1"),
    (WireForm::Chat, "chat/m", "http://127.0.0.1:1/v1"),
];

/// JSON that parsers like to rewrite.
fn odd(turn: usize) -> String {
    let odd = [
        r#""\u0041\/\ud83d\ude00é\u00e9""#,
        r#"{"b":1.0e0,"a":-0.0,"a":1E+2, "nested" : [ 1 , 2.50 ]}"#,
        "123456789012345678901234567890",
        r#""\ud800 half a pair""#,
        "0.1000000000000000055511151231257827",
        r#"[null,{},"",[]]"#,
    ];
    format!(r#"{{"turn":{turn},"opaque" :{}}}"#, odd[turn % odd.len()])
}

/// An answer with reasoning, text and a call: the body, the pieces that come back always,
/// and those that do not once entries before them are missing.
fn answer(form: WireForm, turn: usize) -> (String, Vec<String>, Vec<String>) {
    let odd = odd(turn);
    match form {
        WireForm::Messages => {
            let text = format!(r#"{{"type":"text","text":"turn {turn}\u0021","x_unknown":{odd}}}"#);
            let call = format!(
                r#"{{"id":"toolu_{turn}","type":"tool_use","name":"look","input":{{"n": {turn}.0, "o":{odd}}}}}"#
            );
            let thinking =
                format!(r#"{{"type":"thinking","thinking":"","signature":"S{turn}\/==","y":{odd}}}"#);
            let redacted = format!(r#"{{"data":"R{turn}","type":"redacted_thinking"}}"#);
            let body = format!(
                r#"{{"id":"msg","type":"message","role":"assistant","model":"m-1","content":[{thinking} , {redacted},{text},{call}],"stop_reason":"tool_use","stop_sequence":null,"usage":{{"input_tokens":5,"output_tokens":7}}}}"#
            );
            (body, vec![text, call], vec![thinking, redacted])
        }
        WireForm::Responses => {
            let reasoning = format!(
                r#"{{"id":"rs_{turn}","type":"reasoning","summary":[],"encrypted_content":"E{turn}\/+=","z":{odd}}}"#
            );
            let message = format!(
                r#"{{"id":"msg_{turn}","type":"message","status":"completed","role":"assistant","content":[{{"type":"output_text","text":"turn {turn}","annotations":[],"l":{odd}}}]}}"#
            );
            let call = format!(
                r#"{{"type":"function_call","id":"fc_{turn}","call_id":"call_{turn}","name":"look","arguments":"{{\"n\": 1.0}}","u":{odd}}}"#
            );
            let body = format!(
                r#"{{"id":"resp","object":"response","status":"completed","model":"m-1","error":null,"output":[{reasoning},{message} ,{call}],"usage":{{"input_tokens":5,"output_tokens":7}}}}"#
            );
            (body, vec![message, call], vec![reasoning])
        }
        _ => {
            let calls = format!(
                r#""tool_calls":[{{"id":"call_{turn}","type":"function","function":{{"name":"look","arguments":"{{}}"}},"extra_content":{{"google":{{"thought_signature":"G{turn}\/"}}}}}}]"#
            );
            let text = format!(r#""content":"turn {turn}\u0021""#);
            let unknown = format!(r#""x_state":{odd}"#);
            let reasoning = r#""reasoning_content":"""#.to_owned();
            let details = format!(r#""reasoning_details":[{odd}]"#);
            let body = format!(
                r#"{{"id":"c","model":"m-1","choices":[{{"index":0,"finish_reason":"tool_calls","message":{{"role":"assistant",{text},"annotations":[],{reasoning},{details},{unknown},{calls},"refusal":null}}}}],"usage":{{"prompt_tokens":5,"completion_tokens":7}}}}"#
            );
            (body, vec![calls, text, unknown], vec![reasoning, details])
        }
    }
}

fn opened(flag: &str) -> Conversation {
    let parameters = r#"{ "type":"object", "properties":{"n":{"type":"number","default":1.0e0}} }"#;
    let tool = ModelTool { name: "look".into(), description: "Looks.".into(), parameters: parameters.into() };
    let setup =
        ConversationSetup { instructions: "Be good.".into(), tools: vec![tool], ..Default::default() };
    Conversation::open(setup, &ModelChoice { answer_tokens: 100, ..choice(flag) }).unwrap()
}

fn grow(conversation: &mut Conversation, form: WireForm, wire: &dyn Wire, body: &str) {
    let read = conversation.named(wire.read(body.as_bytes()).unwrap());
    let answered = Answered::new(form, body.as_bytes().to_vec(), &read);
    let results: Vec<ToolResult> = answered
        .calls()
        .map(|call| ToolResult { call: call.id.clone(), text: "seen".into(), failed: false })
        .collect();
    conversation.answered(answered);
    if !results.is_empty() {
        conversation.give(results).unwrap();
    }
}

fn sent(conversation: &Conversation, wire: &dyn Wire) -> String {
    let body = wire.request(conversation, "m", 100).body;
    serde_json::from_slice::<&serde_json::value::RawValue>(&body).expect("the body is JSON");
    String::from_utf8(body).unwrap()
}

/// No request has more bytes than its conversation may have tokens, in whatever form and
/// with whatever text; from a usage on, what was counted and each byte since.
#[test]
fn no_request_has_more_bytes_than_tokens_are_set_aside() {
    let text = "a\u{1}\"\\\n\té\u{1F600}\u{7f}".repeat(50);
    for (form, flag, base_url) in FORMS {
        let wire = wire_of(form, base_url);
        let schema =
            format!(r#"{{"type":"object","description":{}}}"#, serde_json::to_string(&text).unwrap());
        let tools = (0..128).map(|number| ModelTool {
            name: format!("look-{number}"),
            description: text.clone(),
            parameters: schema.clone(),
        });
        let setup = ConversationSetup {
            instructions: text.clone(),
            tools: tools.collect(),
            effort: "high".into(),
            ..Default::default()
        };
        let mut conversation =
            Conversation::open(setup, &ModelChoice { answer_tokens: 100, ..choice(flag) }).unwrap();
        conversation.say(text.clone()).unwrap();
        let bytes = |conversation: &Conversation| sent(conversation, &*wire).len() as u64;
        for turn in 0..20 {
            assert!(bytes(&conversation) <= conversation.most_tokens(), "{form:?} {turn}");
            assert!(conversation.tokens() <= conversation.most_tokens(), "{form:?} {turn}");
            let mut read = conversation.named(wire.read(answer(form, turn).0.as_bytes()).unwrap());
            // As who counts each byte counts; every third tells nothing.
            let body = answer(form, turn).0;
            read.usage = match turn % 3 {
                2 => Usage::default(),
                _ => Usage {
                    input: Some(bytes(&conversation)),
                    output: Some(body.len() as u64),
                    ..Usage::default()
                },
            };
            let answered = Answered::new(form, body.into_bytes(), &read);
            let call = answered.calls().next().unwrap().id.clone();
            conversation.answered(answered);
            conversation.give(vec![ToolResult { call, text: text.clone(), failed: turn % 2 == 0 }]).unwrap();
        }
        let shorter = conversation.without(1, 21).unwrap();
        assert!(bytes(&shorter) <= shorter.most_tokens(), "{form:?}");
        assert!(shorter.most_tokens() < conversation.most_tokens() + conversation.most_tokens() / 2);
    }
}

#[test]
fn what_came_goes_back_byte_for_byte_over_thirty_turns() {
    for (form, flag, base_url) in FORMS {
        let wire = wire_of(form, base_url);
        let mut conversation = opened(flag);
        conversation.say("Look.").unwrap();
        let mut before = String::new();
        let turns: Vec<_> = (0..30).map(|turn| answer(form, turn)).collect();
        for (body, ..) in &turns {
            grow(&mut conversation, form, &*wire, body);
            // What was sent before is the beginning of what is sent now: caches hold.
            let now = sent(&conversation, &*wire);
            let same = now.bytes().zip(before.bytes()).take_while(|(now, before)| now == before).count();
            assert!(same + 2 >= before.len(), "{form:?}: {}", &before[same..]);
            before = now;
        }
        let whole = sent(&conversation, &*wire);
        for (_, always, reasoning) in &turns {
            for piece in always.iter().chain(reasoning) {
                assert!(whole.contains(piece.as_str()), "{form:?}: {piece} is not in what is sent");
            }
        }

        // Turns 3 to 9 are left out: entries 1 + 2 * 3 and on.
        let shorter = conversation.without(7, 21).unwrap();
        let short = sent(&shorter, &*wire);
        for (turn, (_, always, reasoning)) in turns.iter().enumerate() {
            let (stays, valid) = (!(3..10).contains(&turn), turn < 3);
            for piece in always {
                assert_eq!(short.contains(piece.as_str()), stays, "{form:?}, turn {turn}: {piece}");
            }
            // Chat's empty `reasoning_content` is the same text in every turn.
            for piece in reasoning.iter().filter(|piece| !piece.ends_with(r#""reasoning_content":"""#)) {
                assert_eq!(short.contains(piece.as_str()), valid, "{form:?}, turn {turn}: {piece}");
            }
        }
        assert_eq!(
            short.matches(r#""reasoning_content":"""#).count(),
            if form == WireForm::Chat { 3 } else { 0 }
        );
    }
}

#[test]
fn results_go_under_the_ids_that_the_provider_wrote() {
    for (form, flag, base_url) in FORMS {
        let wire = wire_of(form, base_url);
        let mut conversation = opened(flag);
        conversation.say("Look.").unwrap();
        for _ in 0..2 {
            grow(&mut conversation, form, &*wire, &answer(form, 7).0);
        }
        let ids: Vec<String> = conversation
            .entries()
            .iter()
            .filter_map(|entry| match entry {
                Entry::Answered(answered) => answered.calls().next().map(|call| call.id.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(ids[1], "call-3-0");
        assert_ne!(ids[0], ids[1]);
        let body = sent(&conversation, &*wire);
        assert!(!body.contains("call-3-0"), "{body}");
        // In each answer, and with each result.
        assert_eq!(body.matches(&format!("\"{}\"", ids[0])).count(), 4, "{body}");
    }
}

#[test]
fn nothing_that_a_server_sends_makes_it_panic() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let pieces = [
        "null",
        "[]",
        "{}",
        "\"\"",
        "1e999",
        "-1",
        "\"\\ud800\"",
        "18446744073709551616",
        "true",
        "[[[[",
        "}",
        ",",
    ];
    for (form, flag, base_url) in FORMS {
        let wire = wire_of(form, base_url);
        let mut usable = 0;
        for round in 0..1_500 {
            let mut body = answer(form, round).0.into_bytes();
            for _ in 0..=random(3) {
                let at = random(body.len());
                match random(4) {
                    0 => body.truncate(at),
                    1 => body[at] = u8::try_from(random(256)).unwrap(),
                    2 => drop(body.drain(at..(at + random(40)).min(body.len()))),
                    _ => drop(body.splice(at..at, pieces[random(pieces.len())].bytes())),
                }
                if body.is_empty() {
                    break;
                }
            }
            let _ = wire.problem(u16::try_from(random(700)).unwrap(), &|_| None, &body);
            let Ok(read) = wire.read(&body) else { continue };
            usable += 1;
            let mut conversation = opened(flag);
            conversation.say("Look.").unwrap();
            let read = conversation.named(read);
            conversation.answered(Answered::new(form, body, &read));
            let results = read.parts.iter().filter_map(|part| match part {
                AnswerPart::Call(call) => {
                    Some(ToolResult { call: call.id.clone(), text: String::new(), failed: true })
                }
                _ => None,
            });
            let results: Vec<ToolResult> = results.collect();
            if !results.is_empty() {
                conversation.give(results).unwrap();
            }
            sent(&conversation, &*wire);
        }
        assert!(usable > 100, "{form:?}: only {usable} were still answers");
    }
}

#[test]
fn what_is_no_answer_says_what_it_is() {
    for (form, _, base_url) in FORMS {
        let wire = wire_of(form, base_url);
        let told = |body: &str| match wire.read(body.as_bytes()) {
            Err(Unread::Malformed(message)) => message,
            other => panic!("{form:?}: {other:?}"),
        };
        assert!(told("<html><title>Login</title>").contains("titled `Login`"));
        assert!(told("").contains("an empty body"));
        assert!(told("[]").contains("`[]`"));
        told("{}");
        told("\u{0}");
        assert!(matches!(wire.read(br#"{"error":{"code":529,"message":"busy"}}"#), Err(Unread::Problem(_))));
    }
}

#[test]
fn numbers_of_tokens_that_nobody_can_believe_are_not_told() {
    let read = |form, url: &str, body: &str| wire_of(form, url).read(body.as_bytes()).unwrap();
    for odd in ["9223372036854775808", "18446744073709551615", "1e300", "1099511627777", "-1", "\"many\""] {
        let messages = format!(
            r#"{{"content":[],"stop_reason":"end_turn","usage":{{"input_tokens":5,"cache_read_input_tokens":{odd},"output_tokens":{odd}}}}}"#
        );
        let usage = read(FORMS[0].0, FORMS[0].2, &messages).usage;
        assert_eq!((usage.input, usage.input_cached, usage.output), (None, None, None), "{odd}");
        let responses = format!(
            r#"{{"status":"completed","output":[],"usage":{{"input_tokens":{odd},"output_tokens":7,"input_tokens_details":{{"cached_tokens":{odd}}}}}}}"#
        );
        let usage = read(FORMS[1].0, FORMS[1].2, &responses).usage;
        assert_eq!((usage.input, usage.input_cached, usage.output), (None, None, Some(7)), "{odd}");
        let chat = format!(
            r#"{{"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":5,"completion_tokens":7,"total_tokens":{odd},"completion_tokens_details":{{"reasoning_tokens":{odd}}}}}}}"#
        );
        let usage = read(FORMS[2].0, FORMS[2].2, &chat).usage;
        assert_eq!((usage.input, usage.output, usage.output_reasoning), (Some(5), Some(7), None), "{odd}");
    }
}

#[test]
fn names_and_words_of_servers_are_kept_short() {
    let long = "é".repeat(3_000);
    let chat = format!(
        r#"{{"model":"{long}","choices":[{{"message":{{"content":"a","refusal":"{long}"}},"finish_reason":"stop"}}]}}"#
    );
    let messages = format!(
        r#"{{"model":"{long}","content":[],"stop_reason":"stop_sequence","stop_sequence":"{long}"}}"#
    );
    let responses = format!(
        r#"{{"model":"{long}","status":"incomplete","incomplete_details":{{"reason":"{long}"}},"output":[]}}"#
    );
    for ((form, _, url), body) in FORMS.into_iter().zip([messages, responses, chat]) {
        let read = wire_of(form, url).read(body.as_bytes()).unwrap();
        assert_eq!(read.served.len(), 256, "{form:?}");
        assert!((1_990..=2_000).contains(&read.stop_detail.len()), "{form:?}");
    }
}
