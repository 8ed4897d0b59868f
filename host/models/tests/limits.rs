//! Questions under limits: of time, of turns, of money.

#[path = "server/asking.rs"]
mod asking;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use asking::{Till, broker, choice, completion, conversation, failure, key, quick};
use lancet_core::{
    Budget, BudgetUnit, Budgets, Microdollars, ModelChoice, ModelFailureKind, Spent, Usage, WireForm,
};
use lancet_models::{Answered, Broker, Clients, Ledger, NotAsked, Used};
use serde_json::{Value, json};
use server::{Act, Server};

fn good() -> Act {
    Act::json(200, &completion("hello", 10, 5))
}

fn chat(server: &Server) -> ModelChoice {
    choice(WireForm::Chat, &format!("{}/v1", server.url))
}

/// What a failed try came to that may have been used.
fn paid(spent: &Spent) -> bool {
    spent.estimated && spent.usage.output == Some(4_000) && spent.cost > Some(Microdollars(40_000))
}

#[tokio::test]
async fn the_time_ends_what_is_under_way() {
    let server = Server::start(|_, _| Act::Silence).await;
    let choice = ModelChoice { idle_seconds: 60, concurrency: 1, ..chat(&server) };
    let (broker, conversation) = (broker(&choice), conversation(&choice, "hello?"));
    let till = Till::new();
    let other = Till::of(Arc::clone(&till.ledger), 2);
    let end = Instant::now() + Duration::from_millis(300);
    let (first, second) = tokio::join!(
        till.ask_until(&broker, &conversation, Some(end)),
        other.ask_until(&broker, &conversation, Some(end - Duration::from_millis(100)))
    );
    let (kind, message, tries) = failure(first);
    assert_eq!(kind, ModelFailureKind::OverBudget);
    assert_eq!(message, "the time is over: it ended while the model was asked");
    assert!(tries.len() == 1 && paid(&tries[0].spent), "{tries:?}");
    // The other never got its turn.
    let (_, message, tries) = failure(second);
    assert_eq!(message, "the time is over: it ended while requests of others to the model were under way");
    assert!(tries.is_empty() && other.settled().is_empty());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_dropped_question_leaves_its_turn_and_is_settled_at_the_end() {
    let server = Server::start(|number, _| if number == 0 { Act::Silence } else { good() }).await;
    let choice = ModelChoice { idle_seconds: 60, concurrency: 1, ..chat(&server) };
    let (broker, conversation) = (broker(&choice), conversation(&choice, "hello?"));
    let till = Till::new();
    let asking = till.ask(&broker, &conversation);
    assert!(tokio::time::timeout(Duration::from_millis(200), asking).await.is_err());
    let left = till.ledger.end(&1);
    assert_eq!(left.len(), 1);
    assert!(paid(&left[0].amount));
    assert_eq!(till.ledger.run_used().output_tokens, 4_000);
    let next = Till::of(Arc::clone(&till.ledger), 2);
    next.ask(&broker, &conversation).await.unwrap();
    assert_eq!((server.left(), server.most_at_once() <= 2), (1, true));
}

#[tokio::test]
async fn no_more_are_under_way_than_the_operator_allows() {
    let server = Server::start(|_, _| good().later(Duration::from_millis(40))).await;
    let clients = Clients::new().unwrap();
    let main = ModelChoice { concurrency: 3, ..chat(&server) };
    // Another model of the same server and key: they count together.
    let small = ModelChoice { id: "m-2".into(), concurrency: 5, ..chat(&server) };
    let brokers: Vec<Arc<Broker>> = [&main, &small]
        .map(|choice| Arc::new(Broker::new(&clients, choice, key()).unwrap().paced(quick())))
        .into();
    let asking = (0..24).map(|number| {
        let (broker, conversation) = (Arc::clone(&brokers[number % 2]), conversation(&main, "hello?"));
        tokio::spawn(async move { Till::new().ask(&broker, &conversation).await.map(|_| ()) })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    assert_eq!((server.most_at_once(), server.seen().len()), (3, 24));
}

/// 100 attempts on 16 tasks against a slow server, until the run's money is used up: the
/// ledger and the server count the same to the token, and the limit holds.
#[tokio::test]
async fn many_attempts_keep_to_the_money() {
    const LIMIT: u64 = 2_000_000;
    let counts = Arc::new([const { AtomicU64::new(0) }; 3]);
    let counting = Arc::clone(&counts);
    let server = Server::start(move |number, seen| {
        if number % 11 == 3 {
            return Act::with(429, [("retry-after-ms", "5".into())], "{}").later(Duration::from_millis(5));
        }
        let asked = seen.json();
        let cap =
            asked.get("max_completion_tokens").or(asked.get("max_tokens")).and_then(Value::as_u64).unwrap();
        // As a model counts: a token for four bytes of what was said; answers of any length.
        let input = seen.body.len() as u64 / 8;
        let output = 1 + (number as u64 * 7_919) % cap;
        counting[0].fetch_add(input, Ordering::SeqCst);
        counting[1].fetch_add(output, Ordering::SeqCst);
        counting[2].fetch_add(1, Ordering::SeqCst);
        Act::json(200, &completion("hello", input, output)).later(Duration::from_millis(10))
    })
    .await;
    let choice = ModelChoice { concurrency: 16, ..chat(&server) };
    let run = Budget::from([(BudgetUnit::Microdollars, LIMIT)]);
    let attempt = Budget::from([(BudgetUnit::Asks, 3)]);
    let ledger = Arc::new(Ledger::new(Budgets { attempt, run }, Used::default(), []));
    let broker = Arc::new(broker(&choice));
    let next = Arc::new(AtomicU64::new(0));
    let jobs = (0..16).map(|_| {
        let (ledger, broker, next, choice) =
            (Arc::clone(&ledger), Arc::clone(&broker), Arc::clone(&next), choice.clone());
        tokio::spawn(async move {
            let mut ends = BTreeMap::<String, u32>::new();
            loop {
                let attempt = u32::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap();
                if attempt >= 100 {
                    return ends;
                }
                let till = Till::of(Arc::clone(&ledger), attempt);
                let conversation = conversation(&choice, &"what? ".repeat(200));
                let end = loop {
                    match till.ask(&broker, &conversation).await {
                        Ok(_) => {}
                        Err(NotAsked::Failure(failure)) => break failure.message,
                        Err(fault) => panic!("{fault}"),
                    }
                };
                let unit = if end.contains("run's") { "money" } else { "asks" };
                *ends.entry(unit.into()).or_default() += 1;
            }
        })
    });
    let mut ends = BTreeMap::<String, u32>::new();
    for job in jobs.collect::<Vec<_>>() {
        for (unit, count) in job.await.unwrap() {
            *ends.entry(unit).or_default() += count;
        }
    }
    let used = ledger.run_used();
    let [input, output, answers] = [0, 1, 2].map(|at| counts[at].load(Ordering::SeqCst));
    assert_eq!((used.input_tokens, used.output_tokens, used.asks), (input, output, answers));
    assert_eq!(used.microdollars, input + 10 * output);
    assert!(used.microdollars <= LIMIT, "{used:?}");
    // Almost all of it was spent, and some attempts came before that, others after.
    assert!(used.microdollars > LIMIT - 30_000, "{used:?}");
    assert!(ends["asks"] > 5 && ends["money"] > 5, "{ends:?}");
    assert!(server.most_at_once() > 8);
}

/// A server to which each byte is a token, what is cached is dearer, and long input dearer
/// still; 16 at a time with conversations that grow: what is spent never exceeds the limit.
#[tokio::test]
async fn the_limit_holds_for_a_token_per_byte() {
    const LIMIT: u64 = 6_000_000;
    let price = asking::steep();
    let paid = Arc::new(AtomicU64::new(0));
    let (paying, billed) = (Arc::clone(&paid), price.clone());
    let server = Server::start(move |number, seen| {
        let asked = seen.json();
        let cap = asked.get("max_completion_tokens").or(asked.get("max_tokens")).and_then(Value::as_u64);
        // All that it may write, every second time.
        let output = if number % 2 == 0 { cap.unwrap() } else { 1 + number as u64 % cap.unwrap() };
        let input = seen.body.len() as u64;
        let mut answer = completion(&"ja ".repeat(20), input, output);
        answer["usage"]["prompt_tokens_details"] = json!({"cache_write_tokens": input});
        let usage = Usage {
            input: Some(input),
            output: Some(output),
            input_cache_written: Some(input),
            ..Usage::default()
        };
        paying.fetch_add(billed.of(&usage).unwrap().0, Ordering::SeqCst);
        Act::json(200, &answer).later(Duration::from_millis(5))
    })
    .await;
    let choice = ModelChoice { concurrency: 16, price: Some(price), ..chat(&server) };
    let run = Budget::from([(BudgetUnit::Microdollars, LIMIT)]);
    let ledger = Arc::new(Ledger::new(Budgets { run, ..Budgets::default() }, Used::default(), []));
    let broker = Arc::new(broker(&choice));
    let jobs = (0..16).map(|attempt| {
        let (ledger, broker, choice) = (Arc::clone(&ledger), Arc::clone(&broker), choice.clone());
        tokio::spawn(async move {
            let till = Till::of(ledger, attempt).priced(choice.price.clone());
            let mut conversation = conversation(&choice, "\u{1}é\"\\");
            loop {
                match till.ask(&broker, &conversation).await {
                    Ok(reply) => {
                        let answered = Answered::new(WireForm::Chat, reply.raw, &reply.read);
                        conversation.answered(answered);
                        conversation.say("\u{1}\n\"0\u{1F600}".repeat(40)).unwrap();
                    }
                    Err(NotAsked::Failure(failure)) => return failure.message,
                    Err(fault) => panic!("{fault}"),
                }
            }
        })
    });
    for job in jobs.collect::<Vec<_>>() {
        let end = job.await.unwrap();
        assert!(end.contains("the run's $6.00"), "{end}");
    }
    let used = ledger.run_used();
    assert_eq!(used.microdollars, paid.load(Ordering::SeqCst));
    assert!(used.microdollars <= LIMIT, "{used:?}");
    assert!(used.asks > 16, "{used:?}");
}

#[tokio::test]
async fn amounts_that_no_provider_means_break_nothing() {
    for usage in [
        json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX}),
        json!({"prompt_tokens": -5, "completion_tokens": "many"}),
        json!({"prompt_tokens": 1e30, "completion_tokens": 2.5}),
        json!([]),
        json!("none"),
    ] {
        let server = Server::start(move |_, _| {
            let mut answer = completion("hello", 0, 0);
            answer["usage"] = usage.clone();
            Act::json(200, &answer)
        })
        .await;
        let choice = chat(&server);
        let till = Till::with(Budgets {
            run: Budget::from([(BudgetUnit::Tokens, 1_000_000)]),
            ..Budgets::default()
        });
        let (broker, conversation) = (broker(&choice), conversation(&choice, "hello?"));
        let reply = till.ask(&broker, &conversation).await.unwrap();
        assert_ne!(reply.spent.usage, Usage::default());
        let _ = till.ask(&broker, &conversation).await;
    }
}
