use lancet_core::{ConversationSetup, ModelChoice};

use super::*;
use crate::conversation::tests::choice;
use crate::wire::wire_of;

fn read(content: &str, rest: &str) -> Result<Read, Unread> {
    let body = format!(r#"{{"type":"message","model":"claude-x","content":{content}{rest}}}"#);
    Messages::new("").read(body.as_bytes())
}

#[test]
fn the_whole_request() {
    let setup = ConversationSetup {
        instructions: "Be \"good\".".into(),
        effort: "high".into(),
        parameters: vec![ModelParameter { name: "top_k".into(), value: "1.0e1".into() }],
        ..Default::default()
    };
    let choice = ModelChoice { parameters: vec!["top_k".into()], ..choice("anthropic/m") };
    let mut conversation = Conversation::open(setup, &choice).unwrap();
    conversation.say("Hi.").unwrap();
    let request = Messages::new("https://api.anthropic.com").request(&conversation, "claude-x", 77);
    assert_eq!(request.path, "/v1/messages");
    assert_eq!(request.headers, [("anthropic-version", "2026-10-21".to_owned())]);
    assert_eq!(request.key_header, ("x-api-key", ""));
    assert_eq!(
        String::from_utf8(request.body).unwrap(),
        concat!(
            r#"{"model":"claude-x","max_tokens":77,"system":"Be \"good\".","cache_control":{"type":"ephemeral"},"#,
            r#""thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"top_k":1.0e1,"#,
            r#""messages":[{"role":"user","content":"Hi."}]}"#
        )
    );
    assert_eq!(Messages::new("http://x/v1/").path, "/messages");
}

#[test]
fn every_stop_reason_has_its_meaning() {
    let text = r#"[{"type":"text","text":"a"}]"#;
    let call = r#"[{"type":"tool_use","id":"t","name":"n","input":{"a": 1.0}}]"#;
    for (content, reason, stop) in [
        (text, "end_turn", StopReason::Finished),
        (text, "stop_sequence", StopReason::Finished),
        (text, "max_tokens", StopReason::Length),
        (call, "max_tokens", StopReason::Length),
        (call, "tool_use", StopReason::Calls),
        (text, "tool_use", StopReason::Other),
        (text, "pause_turn", StopReason::Paused),
        ("[]", "refusal", StopReason::Refused),
        (text, "model_context_window_exceeded", StopReason::Context),
        (text, "compaction", StopReason::Other),
    ] {
        let read = read(content, &format!(r#","stop_reason":"{reason}""#)).unwrap();
        assert_eq!((read.stop, read.stop_detail.as_str()), (stop, reason));
    }
    assert_eq!(read(text, "").unwrap().stop, StopReason::Other);
    let refused =
        r#","stop_reason":"refusal","stop_details":{"type":"refusal","category":"cyber","explanation":"no"}"#;
    assert_eq!(read("[]", refused).unwrap().stop_detail, "refusal: cyber: no");
}

#[test]
fn parts_are_told_in_order_and_unknown_ones_as_they_are() {
    let content = r#"[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"d"},
        {"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"n","input":{"a": 1.0}},{"type":"new" ,"x":1}]"#;
    let parts = read(content, "").unwrap().parts;
    let call = ToolCall { id: "t".into(), name: "n".into(), arguments: r#"{"a": 1.0}"#.into() };
    let other = ModelParameter { name: "new".into(), value: r#"{"type":"new" ,"x":1}"#.into() };
    assert_eq!(
        parts,
        [
            AnswerPart::Reasoning("hm".into()),
            AnswerPart::Reasoning(String::new()),
            AnswerPart::Text("a".into()),
            AnswerPart::Call(call),
            AnswerPart::Other(other),
        ]
    );
    for content in ["{}", "[1]", "[{}]", r#"[{"type":"text"}]"#, r#"[{"type":"tool_use","id":"t"}]"#, "null"]
    {
        assert!(matches!(read(content, ""), Err(Unread::Malformed(_))), "{content}");
    }
}

#[test]
fn usage_counts_caches_in() {
    let usage = |usage: &str| read("[]", &format!(r#","usage":{usage}"#)).unwrap().usage;
    let told = r#"{"input_tokens":10,"cache_read_input_tokens":200,"cache_creation_input_tokens":30,
        "output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}"#;
    let all = Usage {
        input: Some(240),
        input_cached: Some(200),
        input_cache_written: Some(30),
        output: Some(9),
        output_reasoning: Some(4),
    };
    assert_eq!(usage(told), all);
    let apart = r#"{"input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3}}"#;
    assert_eq!((usage(apart).input, usage(apart).input_cache_written), (Some(6), Some(5)));
    assert_eq!(usage("null"), Usage::default());
    assert_eq!(usage(r#"{"input_tokens":-1,"output_tokens":"many"}"#), Usage::default());
    let most = r#"{"input_tokens":18446744073709551615,"cache_read_input_tokens":5}"#;
    assert_eq!(usage(most).input, None);
}

#[test]
fn an_answer_without_blocks_is_no_message() {
    let wire = wire_of(lancet_core::WireForm::Messages, "");
    let mut conversation = Conversation::open(ConversationSetup::default(), &choice("anthropic/m")).unwrap();
    conversation.say("a").unwrap();
    let body = r#"{"content":[],"stop_reason":"refusal"}"#;
    let read = wire.read(body.as_bytes()).unwrap();
    conversation.answered(Answered::new(lancet_core::WireForm::Messages, body.as_bytes().to_vec(), &read));
    conversation.say("b").unwrap();
    let sent = String::from_utf8(wire.request(&conversation, "m", 1).body).unwrap();
    assert!(!sent.contains("assistant"), "{sent}");
}
