use std::sync::Mutex;

use lancet_core::{ConversationSetup, Microdollars, Rates};

use super::*;
use crate::conversation::Answered;
use crate::conversation::tests::choice;
use crate::provider::{Held, Purse};

/// A purse that writes down what it is told.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) answer_tokens: Option<u64>,
    pub(crate) empty: bool,
}

impl Purse for Noted {
    fn hold(&self, estimate: Estimate) -> Waiting<'_, Result<Held, NotAsked>> {
        Box::pin(async move {
            if self.empty {
                let failure = ModelFailure::new(ModelFailureKind::OverBudget, "nothing is left");
                return Err(NotAsked::Failure(failure));
            }
            let answer_tokens = self.answer_tokens.unwrap_or(estimate.answer_tokens);
            self.lines.lock().unwrap().push(format!("hold {}", estimate.input_tokens));
            let usage = Usage { output: Some(answer_tokens), ..Usage::default() };
            Ok(Held { number: 1, answer_tokens, amount: Spent { usage, ..Spent::default() } })
        })
    }

    fn settle(&self, held: Held, spent: Spent, _: Became) -> Waiting<'_, Result<(), NotAsked>> {
        let estimated = if spent.estimated { " estimated" } else { "" };
        let (output, cost) = (spent.usage.output, spent.cost.map(|cost| cost.0));
        let line = format!("settle {}: {output:?} {cost:?}{estimated}", held.number);
        self.lines.lock().unwrap().push(line);
        Box::pin(async { Ok(()) })
    }
}

pub(crate) fn asking<'a>(task: &'a str, conversation: u32, ordinal: u32, purse: &'a dyn Purse) -> Asking<'a> {
    Asking { task, attempt: 1, conversation, ordinal, deadline: None, purse }
}

fn opened() -> Conversation {
    let mut conversation =
        Conversation::open(ConversationSetup::default(), &choice("scripted/f")).expect("it is allowed");
    conversation.say("Hi.").unwrap();
    conversation
}

#[test]
fn a_long_script_is_read_once() {
    // Where each answer begins is looked up, and not counted from the beginning for each.
    let answer = "[[conversation.answer]]\ntext = \"x\"\n";
    let script = format!("[[conversation]]\n{}[[conversation.answer]]\ntimes = 0\n", answer.repeat(20_000));
    let error = Scripted::parse(&script).unwrap_err().to_string();
    assert!(error.starts_with("line 40002: `times` is 0"), "{error}");
    let many = format!("[[conversation]]\n{answer}").repeat(MAX_SCRIPT_CONVERSATIONS + 1);
    let error = Scripted::parse(&many).unwrap_err().to_string();
    assert_eq!(error, "10001 conversations are too many: at most 10000");
}

const SCRIPT: &str = r#"
[[conversation]]
task = "expensify-*"
number = 0

[[conversation.answer]]
reasoning = "hm"
text = "I look."
calls = [{ name = "bash", arguments = { command = "ls", n = 1.5 } }, { name = "look", arguments = "no JSON" }]

[[conversation.answer]]
times = 2
parts = [{ text = "a" }, { call = { id = "mine", name = "x", arguments = {} } }, { text = "b" }]
stop = "length"
stop-detail = "cut"
served = "m-1"
usage = { input = 10, output = 5 }
tries = [{ status = 429, why = "slow", waited-ms = 20 }, { why = "reset" }]

[[conversation.answer]]
failure = { kind = "rejected", message = "no more" }

[[conversation.answer]]
fault = { kind = "model-quota", message = "empty" }

[[conversation]]
task = "expensify-7"
attempt = 2
[[conversation.answer]]
text = "never in attempt 1"

[[conversation]]
number = 1
[[conversation.answer]]
usage = {}
"#;

#[tokio::test]
async fn answers_come_by_task_conversation_and_ordinal() {
    let script = Scripted::parse(SCRIPT).unwrap();
    let purse = Noted::default();
    let conversation = opened();
    let first = script.ask(&conversation, asking("expensify-7", 0, 0, &purse)).await.unwrap();
    let call = |id: &str, name: &str, arguments: &str| {
        AnswerPart::Call(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
    };
    assert_eq!(
        first.read.parts,
        [
            AnswerPart::Reasoning("hm".into()),
            AnswerPart::Text("I look.".into()),
            call("call-1-0", "bash", r#"{"command":"ls","n":1.5}"#),
            call("call-1-1", "look", "no JSON"),
        ]
    );
    assert_eq!((first.read.stop, first.read.served.as_str()), (StopReason::Calls, "scripted"));
    assert_eq!(first.read.usage.input, Some(1));
    assert_eq!(first.spent.cost, None);
    assert!(String::from_utf8(first.raw.clone()).unwrap().starts_with(r#"{"scripted":1,"parts":[{"#));
    let again = script.ask(&conversation, asking("expensify-7", 0, 0, &purse)).await.unwrap();
    assert_eq!(again.raw, first.raw);

    for ordinal in [1, 2] {
        let reply = script.ask(&conversation, asking("expensify-7", 0, ordinal, &purse)).await.unwrap();
        assert_eq!(reply.read.parts[1], call("mine", "x", "{}"));
        assert_eq!((reply.read.stop, reply.read.stop_detail.as_str()), (StopReason::Length, "cut"));
        assert_eq!(reply.tries.iter().map(|tried| tried.status).collect::<Vec<_>>(), [Some(429), None]);
        assert_eq!(reply.spent.usage.output, Some(5));
    }
    let Err(NotAsked::Failure(failure)) =
        script.ask(&conversation, asking("expensify-7", 0, 3, &purse)).await
    else {
        panic!("it fails")
    };
    assert_eq!((failure.kind, failure.message.as_str()), (ModelFailureKind::Rejected, "no more"));
    let Err(NotAsked::Fault { fault, .. }) =
        script.ask(&conversation, asking("expensify-7", 0, 4, &purse)).await
    else {
        panic!("it is a fault")
    };
    assert_eq!(fault.kind, InfraFaultKind::ModelQuota);
    let untold = script.ask(&conversation, asking("other", 1, 0, &purse)).await.unwrap();
    assert_eq!((untold.read.usage, untold.read.stop), (Usage::default(), StopReason::Finished));
}

#[tokio::test]
async fn a_script_that_has_run_out_is_no_agents_failure_and_says_which_question() {
    let script = Scripted::parse(SCRIPT).unwrap();
    let purse = Noted::default();
    for (task, conversation, ordinal, said) in [
        (
            "expensify-7",
            0,
            5,
            "no answer 5 for task `expensify-7`, attempt 1, conversation 0: the conversation of line 2 has 5",
        ),
        ("other", 0, 0, "no conversation for task `other`, attempt 1, conversation 0"),
    ] {
        let asked = script.ask(&opened(), asking(task, conversation, ordinal, &purse)).await;
        let Err(NotAsked::Fault { fault, .. }) = asked else { panic!("it fails") };
        assert_eq!(fault.kind, InfraFaultKind::ModelDiffers);
        assert!(fault.message.contains(said) && fault.message.contains("add"), "{}", fault.message);
    }
    assert_eq!(*purse.lines.lock().unwrap(), [] as [&str; 0]);
}

#[tokio::test]
async fn what_is_answered_is_held_and_settled_at_its_price() {
    let rates = Rates { input: 1_000_000, input_cached: None, input_cache_written: None, output: 2_000_000 };
    let price = Price { rates, above: [].into(), as_of: String::new(), source: String::new() };
    let script = Scripted::parse(SCRIPT).unwrap().priced(Some(price));
    let purse = Noted { answer_tokens: Some(9), ..Noted::default() };
    let reply = script.ask(&opened(), asking("expensify-7", 0, 1, &purse)).await.unwrap();
    // What is said to have been tried is known to be free, and so is the sum.
    assert!(reply.tries.iter().all(|tried| tried.spent.cost == Some(Microdollars(0))));
    assert_eq!((reply.spent.cost, reply.marks), (Some(Microdollars(20)), vec![AnswerMark::CapLowered]));
    assert_eq!(*purse.lines.lock().unwrap(), ["hold 1", "settle 1: Some(5) Some(20)"]);
    let empty = Noted { empty: true, ..Noted::default() };
    let asked = script.ask(&opened(), asking("expensify-7", 0, 1, &empty)).await;
    let Err(NotAsked::Failure(failure)) = asked else { panic!("it fails") };
    assert_eq!(failure.kind, ModelFailureKind::OverBudget);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_settled_as_it_was_held() {
    let script =
        Scripted::parse("[[conversation]]\n[[conversation.answer]]\ntext = \"a\"\ndelay-ms = 60000").unwrap();
    let purse = Noted::default();
    let deadline = Some(Instant::now() + Duration::from_millis(20));
    let asked = script.ask(&opened(), Asking { deadline, ..asking("t", 0, 0, &purse) }).await;
    let Err(NotAsked::Failure(failure)) = asked else { panic!("it fails") };
    assert_eq!(failure.kind, ModelFailureKind::OverBudget);
    assert!(purse.lines.lock().unwrap()[1].ends_with("estimated"));
}

#[tokio::test]
async fn ids_of_calls_are_new_in_each_answer() {
    let script = Scripted::parse(
        "[[conversation]]\n[[conversation.answer]]\ntimes = 3\ncalls = [{ name = \"a\", arguments = {} }]",
    )
    .unwrap();
    let purse = Noted::default();
    let mut conversation = opened();
    let mut ids = std::collections::BTreeSet::new();
    for ordinal in 0..3 {
        let reply = script.ask(&conversation, asking("t", 0, ordinal, &purse)).await.unwrap();
        let answered = Answered::new(lancet_core::WireForm::Scripted, reply.raw, &reply.read);
        let id = answered.calls().next().unwrap().id.clone();
        conversation.answered(answered);
        let result = lancet_core::ToolResult { call: id.clone(), text: String::new(), failed: false };
        conversation.give(vec![result]).unwrap();
        assert!(ids.insert(id));
    }
}

#[test]
fn what_cannot_be_read_says_where() {
    let conversation = |answer: &str| format!("[[conversation]]\n\n[[conversation.answer]]\n{answer}\n");
    for (text, said) in [
        (String::new(), "no `[[conversation]]`"),
        ("[[conversation]]".to_owned(), "line 1: the conversation has no"),
        (
            "[[conversation]]\ntask = \"[\"\n[[conversation.answer]]".to_owned(),
            "line 1: `task` is no pattern",
        ),
        ("[[conversation]]\ntasks = \"x\"".to_owned(), "line 2"),
        (conversation("txt = \"a\""), "line 4"),
        (conversation("text = \"a\"\nparts = []"), "line 3: an answer is one of"),
        (conversation("text = \"a\"\nfault = { kind = \"model-quota\", message = \"\" }"), "line 3"),
        (conversation("stop = \"calls\"\nfailure = { kind = \"other\", message = \"\" }"), "has no `stop`"),
        (conversation("failure = { kind = \"bad\", message = \"\" }"), "line 4"),
        (
            conversation("fault = { kind = \"docker-error\", message = \"\" }"),
            "line 3: the kind of the `fault` is `docker-error`",
        ),
        (
            conversation("calls = [{ name = \"look\", arguments = { on = [2026-01-01] } }]"),
            "line 3: the arguments of the call `look` have the date or time `2026-01-01` in them",
        ),
        (
            conversation("parts = [{ call = { name = \"look\", arguments = { n = -inf } } }]"),
            "have the number `-inf` in them, which JSON has not",
        ),
        (
            conversation("usage = { input = 1, output = 9223372036854775807 }"),
            "line 3: `output` of `usage` is 9223372036854775807",
        ),
        (conversation("usage = { input-cached = 1099511627777 }"), "`input-cached` of `usage`"),
        (conversation("times = 0"), "line 3: `times` is 0"),
        (conversation("calls = [{ arguments = {} }]"), "missing field `name`"),
        (conversation("parts = [{ txt = \"a\" }]"), "unknown variant"),
    ] {
        let message = Scripted::parse(&text).unwrap_err().to_string();
        assert!(message.contains(said), "{text}: {message}");
    }
    Scripted::parse(&conversation("")).unwrap();
}
