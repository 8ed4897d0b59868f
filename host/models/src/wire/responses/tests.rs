use lancet_core::ConversationSetup;

use super::*;
use crate::conversation::tests::choice;

fn read(output: &str, rest: &str) -> Result<Read, Unread> {
    Responses.read(format!(r#"{{"object":"response","model":"gpt-x","output":{output}{rest}}}"#).as_bytes())
}

const TEXT: &str = r#"[{"type":"message","content":[{"type":"output_text","text":"a","annotations":[]}]}]"#;
const CALL: &str = r#"[{"type":"function_call","id":"fc","call_id":"c","name":"n","arguments":"{"}]"#;

#[test]
fn the_whole_request() {
    let setup =
        ConversationSetup { instructions: "Be good.".into(), effort: "max".into(), ..Default::default() };
    let mut conversation = Conversation::open(setup, &choice("openai/m")).unwrap();
    conversation.say("Hi.").unwrap();
    let request = Responses.request(&conversation, "gpt-x", 77);
    assert_eq!((request.path, request.key_header), ("/responses", ("authorization", "Bearer ")));
    assert_eq!(
        String::from_utf8(request.body).unwrap(),
        concat!(
            r#"{"model":"gpt-x","store":false,"include":["reasoning.encrypted_content"],"max_output_tokens":77,"#,
            r#""instructions":"Be good.","reasoning":{"effort":"max"},"input":[{"role":"user","content":"Hi."}]}"#
        )
    );
}

#[test]
fn every_end_has_its_meaning() {
    let incomplete =
        |why: &str| format!(r#","status":"incomplete","incomplete_details":{{"reason":"{why}"}}"#);
    let refusal = r#"[{"type":"message","content":[{"type":"refusal","refusal":"I will not."}]}]"#;
    let completed = r#","status":"completed","incomplete_details":null,"error":null"#.to_owned();
    for (output, rest, stop, detail) in [
        (TEXT, completed.clone(), StopReason::Finished, "completed"),
        (CALL, completed.clone(), StopReason::Calls, "completed"),
        (TEXT, incomplete("max_output_tokens"), StopReason::Length, "incomplete: max_output_tokens"),
        (TEXT, incomplete("content_filter"), StopReason::Refused, "incomplete: content_filter"),
        (TEXT, incomplete("new"), StopReason::Other, "incomplete: new"),
        (refusal, completed, StopReason::Refused, "completed: I will not."),
        (TEXT, r#","status":"cancelled""#.to_owned(), StopReason::Other, "cancelled"),
        (TEXT, String::new(), StopReason::Other, ""),
    ] {
        let read = read(output, &rest).unwrap();
        assert_eq!((read.stop, read.stop_detail.as_str()), (stop, detail));
    }
    let failed = |error: &str| match read("[]", &format!(r#","status":"failed","error":{error}"#)) {
        Err(Unread::Problem(problem)) => problem,
        other => panic!("{other:?}"),
    };
    assert!(matches!(failed(r#"{"code":"server_error","message":"m"}"#), Problem::Transient { .. }));
    assert!(matches!(failed(r#"{"code":"rate_limit_exceeded","message":"m"}"#), Problem::Transient { .. }));
    assert!(matches!(failed(r#"{"code":"invalid_prompt","message":"m"}"#), Problem::Rejected(_)));
    assert!(matches!(failed(r#"{"code":"context_length_exceeded","message":""}"#), Problem::TooLong(_)));
    assert!(matches!(failed("null"), Problem::Transient { .. }));
    for status in ["queued", "in_progress", "cancelled"] {
        let told = read("[]", &format!(r#","status":"{status}""#));
        assert!(matches!(told, Err(Unread::Problem(Problem::Transient { .. }))), "{status}: {told:?}");
    }
}

#[test]
fn items_are_parts() {
    let output = r#"[{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}]},
        {"type":"reasoning","id":"r","summary":[],"content":[{"type":"reasoning_text","text":"c"}]},
        {"type":"message","content":[{"type":"output_text","text":"t"},{"type":"new"}]},
        {"type":"function_call","call_id":"c","name":"n","arguments":"{"},{"type":"web_search_call","id":"w"}]"#;
    let parts = read(output, "").unwrap().parts;
    let other = |name: &str, value: &str| {
        AnswerPart::Other(ModelParameter { name: name.into(), value: value.into() })
    };
    assert_eq!(
        parts,
        [
            AnswerPart::Reasoning("a\n\nb".into()),
            AnswerPart::Reasoning("c".into()),
            AnswerPart::Text("t".into()),
            other("new", r#"{"type":"new"}"#),
            AnswerPart::Call(ToolCall { id: "c".into(), name: "n".into(), arguments: "{".into() }),
            other("web_search_call", r#"{"type":"web_search_call","id":"w"}"#),
        ]
    );
    for output in ["{}", "[1]", "[{}]", r#"[{"type":"message"}]"#, r#"[{"type":"function_call"}]"#] {
        assert!(matches!(read(output, ""), Err(Unread::Malformed(_))), "{output}");
    }
}

#[test]
fn usage_is_taken_as_it_is() {
    let told = r#","usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},
        "output_tokens":9,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":19}"#;
    let all = Usage {
        input: Some(10),
        input_cached: Some(4),
        input_cache_written: Some(2),
        output: Some(9),
        output_reasoning: Some(5),
    };
    assert_eq!(read(TEXT, told).unwrap().usage, all);
    assert_eq!(read(TEXT, r#","usage":null"#).unwrap().usage, Usage::default());
}
