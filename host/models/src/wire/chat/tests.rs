use lancet_core::ConversationSetup;

use super::*;
use crate::conversation::tests::choice;

fn wire() -> Chat {
    Chat::new("http://127.0.0.1:8000/v1")
}

fn read(message: &str, reason: &str) -> Result<Read, Unread> {
    let body = format!(
        r#"{{"model":"llama","choices":[{{"message":{message},"finish_reason":{reason},"index":0}}]}}"#
    );
    wire().read(body.as_bytes())
}

fn opened() -> Conversation {
    let setup =
        ConversationSetup { instructions: "Be good.".into(), effort: "low".into(), ..Default::default() };
    let mut conversation = Conversation::open(setup, &choice("chat/m")).unwrap();
    conversation.say("Hi.").unwrap();
    conversation
}

#[test]
fn the_whole_request() {
    let request = wire().request(&opened(), "llama", 77);
    assert_eq!((request.path, request.key_header), ("/chat/completions", ("authorization", "Bearer ")));
    assert_eq!(
        String::from_utf8(request.body).unwrap(),
        concat!(
            r#"{"model":"llama","max_tokens":77,"reasoning_effort":"low","messages":["#,
            r#"{"role":"system","content":"Be good."},{"role":"user","content":"Hi."}]}"#
        )
    );
}

#[test]
fn servers_differ_in_the_key_of_the_most_tokens() {
    for (base_url, key) in [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://notapi.openai.com.example/v1", "max_tokens"),
        ("https://xapi.openai.com/v1", "max_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
    ] {
        let body = Chat::new(base_url).request(&opened(), "m", 5).body;
        assert!(String::from_utf8(body).unwrap().contains(&format!("\"{key}\":5")), "{base_url}");
    }
}

#[test]
fn every_finish_reason_has_its_meaning() {
    let text = r#"{"role":"assistant","content":"a","refusal":null}"#;
    let call = r#"{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"n","arguments":"{"}}]}"#;
    for (message, reason, stop) in [
        (text, r#""stop""#, StopReason::Finished),
        (call, r#""stop""#, StopReason::Calls),
        (call, r#""tool_calls""#, StopReason::Calls),
        (text, r#""tool_calls""#, StopReason::Other),
        (text, r#""length""#, StopReason::Length),
        (text, r#""content_filter""#, StopReason::Refused),
        (text, "null", StopReason::Other),
        (text, "7", StopReason::Other),
        (r#"{"content":null,"refusal":"No."}"#, r#""stop""#, StopReason::Refused),
    ] {
        assert_eq!(read(message, reason).unwrap().stop, stop, "{message} {reason}");
    }
    assert!(matches!(read(text, r#""error""#), Err(Unread::Problem(Problem::Transient { .. }))));
    let in_the_choice = br#"{"choices":[{"error":{"code":502,"message":"m"},"message":{"content":""}}]}"#;
    assert!(matches!(wire().read(in_the_choice), Err(Unread::Problem(Problem::Transient { .. }))));
}

#[test]
fn parts_are_found_wherever_servers_put_them() {
    let parts = |message: &str| read(message, r#""stop""#).unwrap().parts;
    let text = |text: &str| AnswerPart::Text(text.into());
    let call = |arguments: &str| {
        AnswerPart::Call(ToolCall { id: String::new(), name: "n".into(), arguments: arguments.into() })
    };
    assert_eq!(parts(r#"{"content":""}"#), []);
    assert_eq!(parts(r#"{"content":"a","reasoning":"hm"}"#), [AnswerPart::Reasoning("hm".into()), text("a")]);
    assert_eq!(parts(r#"{"content":[{"type":"text","text":"a"}]}"#), [text("a")]);
    assert_eq!(parts(r#"{"tool_calls":[{"function":{"name":"n","arguments":"{}"}}]}"#), [call("{}")]);
    assert_eq!(
        parts(r#"{"tool_calls":[{"function":{"name":"n","arguments":{"a": 1.0}}}]}"#),
        [call(r#"{"a": 1.0}"#)]
    );
    assert_eq!(parts(r#"{"tool_calls":[{"function":{"name":"n"}}]}"#), [call("")]);
    assert!(matches!(parts(r#"{"tool_calls":[{"type":"custom","custom":{}}]}"#)[..], [AnswerPart::Other(_)]));
    for message in
        ["null", "7", r#"{"content":7}"#, r#"{"tool_calls":[7]}"#, r#"{"tool_calls":[{"function":{}}]}"#]
    {
        assert!(matches!(read(message, r#""stop""#), Err(Unread::Malformed(_))), "{message}");
    }
    for body in [r#"{"choices":[]}"#, r#"{"choices":null}"#, r#"{"choices":[{}]}"#] {
        assert!(matches!(wire().read(body.as_bytes()), Err(Unread::Malformed(_))), "{body}");
    }
}

#[test]
fn usage_is_found_under_its_names_and_reasoning_is_never_left_out() {
    let usage = |usage: &str| {
        let body = format!(r#"{{"choices":[{{"message":{{}},"finish_reason":"stop"}}],"usage":{usage}}}"#);
        wire().read(body.as_bytes()).unwrap().usage
    };
    let told = r#"{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19,
        "prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":5}}"#;
    let all = Usage {
        input: Some(10),
        input_cached: Some(4),
        input_cache_written: Some(1),
        output: Some(9),
        output_reasoning: Some(5),
    };
    assert_eq!(usage(told), all);
    assert_eq!(usage("null"), Usage::default());
    let outside = r#"{"prompt_tokens":10,"completion_tokens":9,"total_tokens":119}"#;
    assert_eq!(usage(outside).output, Some(109));
    let less = r#"{"prompt_tokens":10,"completion_tokens":9,"total_tokens":3,"prompt_cache_hit_tokens":6}"#;
    assert_eq!((usage(less).output, usage(less).input_cached), (Some(9), Some(6)));
}

fn echoed(message: &str) -> Option<String> {
    let body = format!(r#"{{"choices":[{{"message":{message},"finish_reason":"stop"}}]}}"#);
    let read = wire().read(body.as_bytes()).unwrap();
    let mut conversation = opened();
    let read = conversation.named(read);
    conversation.answered(Answered::new(lancet_core::WireForm::Chat, body.into_bytes(), &read));
    let sent = String::from_utf8(wire().request(&conversation, "m", 1).body).unwrap();
    let (_, after) = sent.split_once(r#"{"role":"user","content":"Hi."},"#)?;
    after.strip_suffix("]}").map(str::to_owned)
}

#[test]
fn the_message_goes_back_without_what_is_not_taken() {
    let whole = r#"{ "role":"assistant" ,"content":"a", "reasoning_content":"","x":1.0e0}"#;
    assert_eq!(echoed(whole).as_deref(), Some(whole));
    let more = r#"{"role":"assistant","content":"a","annotations":[{}],"function_call":null,"audio":null,"tool_calls":null,"refusal":null,"y":null}"#;
    assert_eq!(echoed(more).as_deref(), Some(r#"{"role":"assistant","content":"a","y":null}"#));
    assert_eq!(echoed(r#"{"role":"assistant","content":null,"reasoning":"long"}"#), None, "it says nothing");
    assert!(echoed(r#"{"role":"assistant","content":null,"refusal":"No."}"#).is_some());
}
