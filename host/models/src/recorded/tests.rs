use lancet_core::{
    AnswerMark, AnswerPart, ConversationSetup, FailedTry, Microdollars, ModelFailureKind, Sha256, Spent,
    StopReason, ToolCall, ToolResult, Usage,
};

use super::*;
use crate::conversation::Answered;
use crate::conversation::tests::choice;
use crate::scripted::tests::{Noted, asking};

fn opened(instructions: &str) -> Conversation {
    let setup = ConversationSetup { instructions: instructions.into(), ..Default::default() };
    let mut conversation = Conversation::open(setup, &choice("recorded/latest")).unwrap();
    conversation.say("Hi.").unwrap();
    conversation
}

fn answer(asked: Sha256) -> ModelAnswer {
    let spent = Spent {
        usage: Usage { input: Some(10), output: Some(5), ..Usage::default() },
        cost: Some(Microdollars(70)),
        estimated: false,
    };
    ModelAnswer {
        parts: vec![AnswerPart::Call(ToolCall { id: "a".into(), name: "n".into(), arguments: "{}".into() })],
        stop: StopReason::Calls,
        stop_detail: "tool_use".into(),
        spent,
        tries: vec![FailedTry {
            status: Some(529),
            why: "busy".into(),
            waited_ms: 7,
            spent: Spent::default(),
        }],
        served: "m-1".into(),
        marks: vec![AnswerMark::CapLowered],
        asked,
        raw: Sha256::of(b"raw"),
        waited_ms: 9,
    }
}

fn recorded(ordinal: u32, outcome: Result<ModelAnswer, ModelFailure>) -> RecordedAnswer {
    RecordedAnswer {
        task: "t".into(),
        attempt: 1,
        conversation: 0,
        ordinal,
        outcome,
        raw: b"raw".to_vec().into(),
    }
}

/// The conversation when it was asked for the second time.
fn second(text: &str) -> Conversation {
    let mut conversation = opened("");
    let read = Read {
        parts: answer(Sha256::of(b"")).parts,
        stop: StopReason::Calls,
        stop_detail: String::new(),
        usage: Usage::default(),
        served: String::new(),
    };
    conversation.answered(Answered::new(WireForm::Messages, b"raw".to_vec(), &read));
    conversation.give(vec![ToolResult { call: "a".into(), text: text.into(), failed: false }]).unwrap();
    conversation
}

fn differs(asked: Asked) -> String {
    match asked {
        Err(NotAsked::Fault { fault, .. }) if fault.kind == InfraFaultKind::ModelDiffers => fault.message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_same_question_has_the_same_answer_at_the_same_cost() {
    let of = |conversation: &Conversation| answer(conversation.digest());
    let answers = vec![recorded(1, Ok(of(&second("seen")))), recorded(0, Ok(of(&opened(""))))];
    let (provider, purse) = (Recorded::new(answers), Noted::default());
    let reply = provider.ask(&opened(""), asking("t", 0, 0, &purse)).await.unwrap();
    let then = of(&opened(""));
    assert_eq!(
        (reply.raw.as_slice(), &reply.read.parts, reply.read.stop),
        (&b"raw"[..], &then.parts, then.stop)
    );
    assert_eq!((reply.spent, reply.tries, reply.marks), (then.spent, then.tries, then.marks));
    // What was tried before it as well: budgets are as they were then.
    assert_eq!(
        *purse.lines.lock().unwrap(),
        ["hold 1", "settle 1: None None", "hold 1", "settle 1: Some(5) Some(70)"]
    );
    // By whatever form it was answered then.
    provider.ask(&second("seen"), asking("t", 0, 1, &purse)).await.unwrap();
}

#[tokio::test]
async fn another_question_ends_it_and_says_which_and_where() {
    let answers =
        vec![recorded(0, Ok(answer(opened("").digest()))), recorded(1, Ok(answer(second("seen").digest())))];
    let (provider, purse) = (Recorded::new(answers), Noted::default());
    let message = differs(provider.ask(&opened("Be bad."), asking("t", 0, 0, &purse)).await);
    assert!(message.contains("task `t`, attempt 1, conversation 0, question 0"), "{message}");
    assert!(message.contains("setup") && message.contains("said `Hi.`"), "{message}");
    let message = differs(provider.ask(&second("not seen"), asking("t", 0, 1, &purse)).await);
    assert!(message.contains("question 1") && message.contains("gave `not seen` for `a`"), "{message}");
    assert!(!message.contains("setup"), "{message}");
    let message = differs(provider.ask(&second("seen"), asking("t", 0, 2, &purse)).await);
    assert!(message.contains("this conversation had 2 questions then"), "{message}");
    let message = differs(provider.ask(&opened(""), asking("u", 0, 0, &purse)).await);
    assert!(message.contains("nothing was recorded of this task"), "{message}");
    differs(provider.ask(&opened(""), asking("t", 1, 0, &purse)).await);
    assert_eq!(*purse.lines.lock().unwrap(), [] as [&str; 0], "nothing of it is paid");
}

#[tokio::test]
async fn a_failure_then_is_the_same_failure_now() {
    let failure = ModelFailure::new(ModelFailureKind::TooLong, "300 of 200 tokens");
    let (provider, purse) = (Recorded::new(vec![recorded(0, Err(failure.clone()))]), Noted::default());
    match provider.ask(&opened(""), asking("t", 0, 0, &purse)).await {
        Err(NotAsked::Failure(told)) => assert_eq!(told, failure),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_tried_before_a_failure_is_paid_as_it_was() {
    let spent = Spent { cost: Some(Microdollars(3)), estimated: true, ..Spent::default() };
    let tried = FailedTry { status: None, why: "cut".into(), waited_ms: 1, spent };
    let failure = ModelFailure::new(ModelFailureKind::OverBudget, "too little is left");
    let failure = ModelFailure { tries: vec![tried.clone(), tried], ..failure };
    let (provider, purse) = (Recorded::new(vec![recorded(0, Err(failure))]), Noted::default());
    let asked = provider.ask(&opened(""), asking("t", 0, 0, &purse)).await;
    assert!(matches!(asked, Err(NotAsked::Failure(_))));
    let paid = ["hold 1", "settle 1: None Some(3) estimated"];
    assert_eq!(*purse.lines.lock().unwrap(), [paid, paid].concat());
}

#[tokio::test]
async fn a_failure_is_that_of_the_same_question() {
    let failure = ModelFailure {
        asked: Some(opened("").digest()),
        ..ModelFailure::new(ModelFailureKind::TooLong, "300 of 200 tokens")
    };
    let (provider, purse) = (Recorded::new(vec![recorded(0, Err(failure))]), Noted::default());
    let asked = provider.ask(&opened(""), asking("t", 0, 0, &purse)).await;
    assert!(matches!(asked, Err(NotAsked::Failure(_))));
    let message = differs(provider.ask(&opened("Be bad."), asking("t", 0, 0, &purse)).await);
    assert!(message.contains("question 0"), "{message}");
}

#[tokio::test]
async fn a_conversation_does_not_count_by_what_was_estimated() {
    let answer = ModelAnswer { marks: vec![AnswerMark::NoUsage], ..answer(opened("").digest()) };
    let (provider, purse) = (Recorded::new(vec![recorded(0, Ok(answer.clone()))]), Noted::default());
    let reply = provider.ask(&opened(""), asking("t", 0, 0, &purse)).await.unwrap();
    assert_eq!((reply.read.usage, reply.spent), (Usage::default(), answer.spent));
}

#[test]
fn the_choice_is_that_of_then_without_its_server_and_key() {
    let then = ModelChoice { answer_tokens: 9, effort: "max".into(), ..choice("anthropic/claude-opus-5-5") };
    let now = Recorded::choice(&then, "20261123-083329-4f2a9c".parse().unwrap());
    assert_eq!(
        (now.form, now.base_url.as_str(), &now.key),
        (WireForm::Recorded, "", &lancet_core::KeyFrom::None)
    );
    assert_eq!((&now.name, &now.id, now.answer_tokens, &now.price), (&then.name, &then.id, 9, &then.price));
}
