use lancet_core::{ModelChoice, ModelParameter, ModelTool};

use super::*;
use crate::choice::{ModelFlag, choices};

pub(crate) fn choice(flag: &str) -> ModelChoice {
    let flag: ModelFlag = flag.parse().unwrap();
    let base_url = (flag.form == WireForm::Chat).then_some("http://127.0.0.1:1/v1");
    choices(&[flag], base_url, None).unwrap().remove(0)
}

fn tool(name: &str, parameters: &str) -> ModelTool {
    ModelTool { name: name.into(), description: "Does it.".into(), parameters: parameters.into() }
}

fn open(setup: ConversationSetup) -> Result<Conversation, ModelFailure> {
    Conversation::open(setup, &choice("anthropic/m"))
}

fn fresh() -> Conversation {
    open(ConversationSetup::default()).unwrap()
}

fn answer(parts: Vec<AnswerPart>, stop: StopReason, usage: Usage) -> Answered {
    let read = Read { parts, stop, stop_detail: String::new(), usage, served: String::new() };
    Answered::new(WireForm::Messages, b"{\"content\":[]}".to_vec(), &read)
}

fn text() -> Answered {
    answer(vec![AnswerPart::Text("ok".into())], StopReason::Finished, Usage::default())
}

fn calls(ids: &[&str]) -> Answered {
    let call = |id: &&str| {
        AnswerPart::Call(ToolCall { id: (*id).into(), name: "look".into(), arguments: "{}".into() })
    };
    answer(ids.iter().map(call).collect(), StopReason::Calls, Usage::default())
}

fn result(call: &str) -> ToolResult {
    ToolResult { call: call.into(), text: format!("result of {call}"), failed: false }
}

fn why<T>(result: Result<T, ModelFailure>) -> String {
    let failure = result.err().expect("it is refused");
    assert_eq!(failure.kind, ModelFailureKind::Refused);
    failure.message
}

const OBJECT: &str = r#"{"type":"object","properties":{}}"#;

#[test]
fn a_setup_is_held_against_the_choice() {
    let setup = ConversationSetup { effort: "huge".into(), ..Default::default() };
    assert!(why(open(setup)).contains("there are low, medium, high, xhigh, max"));
    let setup = ConversationSetup { effort: "none".into(), ..Default::default() };
    why(open(setup.clone()));
    Conversation::open(setup, &choice("openai/m")).unwrap();

    let none = ConversationSetup { answer_tokens: Some(0), ..Default::default() };
    assert!(why(open(none)).contains("answer-tokens"));
    let many = ConversationSetup { answer_tokens: Some(u64::MAX), ..Default::default() };
    assert_eq!(open(many).unwrap().answer_tokens(), crate::DEFAULT_ANSWER_TOKENS);
    let few = ConversationSetup { answer_tokens: Some(7), ..Default::default() };
    assert_eq!(open(few).unwrap().answer_tokens(), 7);

    let of_the_operator = ModelChoice { effort: "low".into(), ..choice("anthropic/m") };
    let unsaid = Conversation::open(ConversationSetup::default(), &of_the_operator).unwrap();
    assert_eq!((unsaid.effort(), unsaid.setup().effort.as_str()), ("low", ""));
}

#[test]
fn tools_are_looked_at() {
    let with = |tools| open(ConversationSetup { tools, ..Default::default() });
    with(vec![tool("a", OBJECT), tool("A-b_9", OBJECT)]).unwrap();
    with(vec![tool(&"x".repeat(64), OBJECT); 1]).unwrap();
    for name in ["", "a b", "é", "a.b", &"x".repeat(65)] {
        assert!(why(with(vec![tool(name, OBJECT)])).contains("is no name of a tool"), "{name}");
    }
    assert!(why(with(vec![tool("a", OBJECT), tool("a", OBJECT)])).contains("two tools"));
    for schema in ["", "{", "[]", "true", "{}", r#"{"type":"string"}"#, r#"{"type":["object"]}"#, "{} {}"] {
        assert!(why(with(vec![tool("a", schema)])).contains("the parameters of the tool `a`"), "{schema}");
    }
    let many = (0..=MAX_TOOLS).map(|number| tool(&format!("t{number}"), OBJECT)).collect();
    assert!(why(with(many)).contains("at most 128"));
    let toolless = ModelChoice { tools: false, ..choice("anthropic/m") };
    let setup = ConversationSetup { tools: vec![tool("a", OBJECT)], ..Default::default() };
    assert!(why(Conversation::open(setup, &toolless)).contains("may not be given tools"));
}

const MAX_TOOLS: usize = lancet_core::MAX_MODEL_TOOLS;

#[test]
fn only_parameters_that_are_let_through_are_taken() {
    let let_through = ["temperature", "thinking", "top_k"].map(str::to_owned).to_vec();
    let choice = ModelChoice { parameters: let_through, ..choice("anthropic/m") };
    let with = |parameters: &[(&str, &str)], effort: &str| {
        let parameter =
            |(name, value): &(&str, &str)| ModelParameter { name: (*name).into(), value: (*value).into() };
        let parameters = parameters.iter().map(parameter).collect();
        let setup = ConversationSetup { parameters, effort: effort.into(), ..Default::default() };
        Conversation::open(setup, &choice)
    };
    with(&[("temperature", "0.0"), ("top_k", "null")], "high").unwrap();
    with(&[("thinking", r#"{"type":"disabled"}"#)], "").unwrap();
    assert!(why(with(&[("seed", "1")], "")).contains("let through: temperature, thinking, top_k"));
    assert!(why(with(&[("temperature", "1"), ("temperature", "1")], "")).contains("twice"));
    assert!(why(with(&[("temperature", "warm")], "")).contains("no JSON"));
    assert!(why(with(&[("temperature", "1} , \"x\": {")], "")).contains("no JSON"));
    assert!(why(with(&[("thinking", "{}")], "high")).contains("exclude each other"));
    // One that the host needs is refused even if a choice from elsewhere lets it through.
    let loose = ModelChoice { parameters: vec!["stream".into()], ..choice.clone() };
    let parameters = vec![ModelParameter { name: "stream".into(), value: "true".into() }];
    let setup = ConversationSetup { parameters, ..Default::default() };
    assert!(why(Conversation::open(setup, &loose)).contains("the host's own"));
}

#[test]
fn the_order_of_entries_is_kept() {
    let mut conversation = fresh();
    assert!(why(conversation.may_ask()).contains("nothing has been said"));
    assert!(why(conversation.give(vec![])).contains("after an answer only"));
    assert!(why(conversation.say("")).contains("empty"));
    conversation.say("look").unwrap();
    conversation.say("twice").unwrap();
    conversation.may_ask().unwrap();
    conversation.answered(text());
    assert!(why(conversation.may_ask()).contains("the last entry is an answer"));
    assert!(why(conversation.give(vec![result("x")])).contains("makes no call"));
    conversation.say("go on").unwrap();
    conversation.answered(calls(&["a", "b"]));
    assert!(why(conversation.may_ask()).contains("the call `a` of `look` has no result"));
    assert!(why(conversation.say("and?")).contains("before the call `a`"));
    assert!(why(conversation.give(vec![])).contains("the call `a` has no result: all 2"));
    assert!(why(conversation.give(vec![result("b")])).contains("the call `a` has no result"));
    assert!(why(conversation.give(vec![result("a"), result("a")])).contains("two results"));
    assert!(why(conversation.give(vec![result("c")])).contains("wanted for `a`, `b`"));
    conversation.give(vec![result("b"), result("a")]).unwrap();
    let Some(Entry::Given(given)) = conversation.entries().last() else { panic!() };
    assert_eq!(given.iter().map(|result| result.call.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    conversation.may_ask().unwrap();
    assert_eq!(conversation.length(), 6);
}

#[test]
fn a_paused_answer_is_asked_again_as_it_is() {
    let mut conversation = fresh();
    conversation.say("look").unwrap();
    conversation.answered(answer(vec![], StopReason::Paused, Usage::default()));
    conversation.may_ask().unwrap();
    conversation.answered(Answered { stop: StopReason::Paused, ..calls(&["a"]) });
    assert!(why(conversation.may_ask()).contains("`a`"));
}

/// said, calls a, given, calls b, given, text, said
fn long() -> Conversation {
    let mut conversation = fresh();
    conversation.say("look").unwrap();
    for id in ["a", "b"] {
        conversation.answered(calls(&[id]));
        conversation.give(vec![result(id)]).unwrap();
    }
    conversation.answered(text());
    conversation.say("more").unwrap();
    conversation
}

#[test]
fn calls_and_results_are_left_out_together() {
    let conversation = long();
    let left = |first, end| conversation.without(first, end);
    for (first, end) in [(1, 2), (2, 3), (1, 4), (2, 5), (0, 2), (4, 7)] {
        assert!(why(left(first, end)).contains("go together"), "{first}..{end}");
    }
    for (first, end) in [(3, 2), (0, 8), (8, 8), (u32::MAX, u32::MAX)] {
        assert!(why(left(first, end)).contains("there are 7"), "{first}..{end}");
    }
    for (first, end) in [(0, 1), (0, 3), (0, 5)] {
        assert!(why(left(first, end)).contains("is an answer"), "{first}..{end}");
    }
    for (first, end, length) in [(1, 3, 5), (1, 5, 3), (3, 5, 5), (5, 7, 5), (6, 7, 6), (0, 6, 1), (0, 7, 0)]
    {
        let shorter = left(first, end).unwrap();
        assert_eq!((shorter.length(), shorter.is_shortened()), (length, true), "{first}..{end}");
    }
    let same = left(3, 3).unwrap();
    assert_eq!((same.is_shortened(), same.digest()), (false, conversation.digest()));
    assert!(!conversation.is_shortened());
    let bare = |conversation: &Conversation| {
        conversation
            .entries()
            .iter()
            .filter_map(|entry| match entry {
                Entry::Answered(answered) => Some(answered.bare),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(bare(&left(3, 5).unwrap()), [false, true]);
    assert_eq!(bare(&left(1, 3).unwrap()), [true, true]);
    // What stays is the same memory.
    let shorter = left(1, 3).unwrap();
    let (Entry::Said(first), Entry::Said(kept)) = (&conversation.entries()[0], &shorter.entries()[0]) else {
        panic!("{conversation:?}")
    };
    assert!(Arc::ptr_eq(first, kept));
    let answered = |conversation: &Conversation| {
        let last = conversation.answers().last().unwrap();
        (Arc::clone(&last.raw), Arc::clone(&last.parts))
    };
    let (then, now) = (answered(&conversation), answered(&shorter));
    assert!(Arc::ptr_eq(&then.0, &now.0) && Arc::ptr_eq(&then.1, &now.1));
    assert_eq!(bare(&left(6, 7).unwrap()), [false, false, false]);
}

#[test]
fn equal_conversations_have_equal_digests_and_others_do_not() {
    let digest = long().digest();
    assert_eq!(long().digest(), digest);
    let mut seen = BTreeSet::from([digest]);
    let mut differs = |conversation: Conversation| assert!(seen.insert(conversation.digest()));
    differs(fresh());
    differs(open(ConversationSetup { instructions: "x".into(), ..Default::default() }).unwrap());
    let mut said = fresh();
    said.say("x").unwrap();
    differs(said.clone());
    said.say("x").unwrap();
    differs(said);
    let mut said = fresh();
    said.say("xx").unwrap();
    differs(said);
    differs(long().without(1, 3).unwrap());
    // The operator's choice and the form are not in it.
    let of = |flag: &str| Conversation::open(ConversationSetup::default(), &choice(flag)).unwrap().digest();
    assert_eq!(of("anthropic/m"), of("scripted/x"));
    let bounded = ModelChoice { answer_tokens: 5, effort: "low".into(), ..choice("chat/m") };
    let bounded = Conversation::open(ConversationSetup::default(), &bounded).unwrap();
    assert_eq!(bounded.digest(), of("anthropic/m"));
}

fn counted(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

#[test]
fn tokens_are_the_last_count_and_a_third_of_the_bytes_since() {
    let mut conversation =
        open(ConversationSetup { instructions: "x".repeat(30), ..Default::default() }).unwrap();
    assert_eq!(conversation.tokens(), 10);
    conversation.say("y".repeat(31)).unwrap();
    assert_eq!(conversation.tokens(), 21);
    conversation.answered(Answered { usage: counted(100, 20), ..text() });
    assert_eq!(conversation.tokens(), 120);
    conversation.say("z".repeat(300)).unwrap();
    assert_eq!(conversation.tokens(), 220);
    // Counts from before the gap hold, those from after it do not.
    conversation.answered(Answered { usage: counted(210, 5), ..text() });
    assert_eq!(conversation.tokens(), 215);
    assert_eq!(conversation.without(2, 4).unwrap().tokens(), 120);
    let mut paused = conversation.clone();
    paused.say("x").unwrap();
    assert_eq!(paused.without(0, 2).unwrap().tokens(), 10 + 100 + 5 + 1);
    let huge = Answered { usage: counted(u64::MAX, u64::MAX), ..text() };
    conversation.say("x").unwrap();
    conversation.answered(huge);
    assert_eq!(conversation.tokens(), u64::MAX);
}

#[test]
fn ids_of_calls_are_made_unique_and_nothing_else_is_touched() {
    let mut conversation = fresh();
    conversation.say("look").unwrap();
    let read = |ids: &[&str]| {
        let parts = calls(ids).parts.to_vec();
        let usage = Usage::default();
        Read { parts, stop: StopReason::Calls, stop_detail: String::new(), usage, served: String::new() }
    };
    let ids = |read: &Read| {
        read.parts
            .iter()
            .filter_map(|part| match part {
                AnswerPart::Call(call) => Some(call.id.clone()),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let fine = conversation.named(read(&["a", "b"]));
    assert_eq!(fine, read(&["a", "b"]));
    let named = conversation.named(read(&["", "x", "x", ""]));
    assert_eq!(ids(&named), ["call-1-0", "x", "call-1-2", "call-1-3"]);
    conversation.answered(Answered::new(WireForm::Chat, b"{}".to_vec(), &named));
    conversation.give(["x", "call-1-0", "call-1-2", "call-1-3"].map(result).to_vec()).unwrap();
    let again = conversation.named(read(&["x", "call-1-0", "y", "call-3-1"]));
    assert_eq!(ids(&again), ["call-3-0", "call-3-1", "y", "call-3-3"]);
}

#[test]
fn input_that_does_not_grow_was_cut() {
    let mut conversation = fresh();
    conversation.say("look").unwrap();
    assert!(!conversation.is_cut_by(&counted(4_096, 1)), "there is nothing to compare it with");
    conversation.answered(Answered { usage: counted(4_000, 10), ..calls(&["a"]) });
    conversation.give(vec![result("a")]).unwrap();
    assert!(!conversation.is_cut_by(&counted(4_050, 1)));
    assert!(conversation.is_cut_by(&counted(4_000, 1)));
    assert!(!conversation.is_cut_by(&Usage::default()));
    conversation.answered(Answered { usage: counted(4_096, 10), ..text() });
    conversation.say("more").unwrap();
    assert!(conversation.is_cut_by(&counted(4_096, 1)));
    assert!(!conversation.without(1, 3).unwrap().is_cut_by(&counted(4_096, 1)), "less was to be read");
    let reasoned =
        answer(vec![AnswerPart::Reasoning("hm".into())], StopReason::Finished, counted(5_000, 1_000));
    conversation.answered(reasoned);
    conversation.say("more").unwrap();
    assert!(!conversation.is_cut_by(&counted(4_500, 1)), "its template may drop the reasoning now");
}
