//! A run's limit of money, with many attempts that ask a slow server at the same time:
//! the limit holds, and the server, the ledger and the journals count the same.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lancet_core::{Event, Transcript};
use lancet_models::LEAST_ANSWER_TOKENS;
use serde_json::Value;

use crate::context::{Context, copy, number};
use crate::model_server::{Answer, Asked, ModelServer};

const TASKS: usize = 25;
const ATTEMPTS: usize = 4;
/// What the run may spend, in millionths of a dollar: about half of what it would.
const CAP: u64 = 1_700_000;
/// Millionths of a dollar per token.
const PRICES: [u64; 2] = [2, 10];
/// The most tokens of an answer. A request for fewer has been lowered.
const ANSWER_TOKENS: u64 = 2_000;

/// What the server counts of one request: tokens read and written, and how many it was told
/// to write at most.
#[derive(Debug, Clone, Copy)]
struct Counted {
    read: u64,
    written: u64,
    most: u64,
}

impl Counted {
    /// Reads a token per byte, and writes much: a lowered answer is used up.
    fn of(asked: &Asked) -> Self {
        let most = asked.body["max_tokens"].as_u64().expect("an answer has a bound");
        let read = u64::try_from(asked.body.to_string().len()).unwrap();
        let number = u64::try_from(asked.number).unwrap();
        Self { read, written: most.min(1_400 + 97 * (number % 7)), most }
    }

    fn cost(&self) -> u64 {
        self.read * PRICES[0] + self.written * PRICES[1]
    }
}

/// The sums of requests: how many, tokens read, tokens written, and the cost.
type Sums = [u64; 4];

#[test]
fn a_limit_of_money_holds_with_many_attempts_at_the_same_time() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    for task in 1..TASKS {
        copy(&suite.join("tasks/one"), &suite.join(format!("tasks/task-{task:02}")));
    }
    let counted = Arc::new(Mutex::new(Vec::new()));
    let counts = Arc::clone(&counted);
    let server = ModelServer::start(move |asked| {
        let count = Counted::of(asked);
        counts.lock().unwrap().push(count);
        let answer = match asked.turn() {
            0 => Answer::text("Let me think.", 0),
            _ => Answer::picks(1),
        };
        Answer { after: Duration::from_millis(100), ..answer.used(count.read, count.written) }
    });
    let model = format!(
        "[[model]]\nform = \"chat\"\nid = \"mock\"\nbase-url = \"{}\"\nanswer-tokens = {ANSWER_TOKENS}\n\
         price-as-of = \"2026-11-25\"\nprice = {{ input = \"{}\", output = \"{}\" }}\n",
        server.url(),
        PRICES[0],
        PRICES[1]
    );
    fs::write(context.path("models.toml"), model).unwrap();
    let limit = format!("usd={}.{:06}", CAP / 1_000_000, CAP % 1_000_000);
    let started = Instant::now();
    let run = ["run", "suite", "--agent", "tool-loop", "--models", "models.toml", "--attempts", "4"];
    let run =
        context.lancet(&[&run[..], &["--jobs", "16", "--run-budget", &limit, "--format", "json"]].concat());
    let took = started.elapsed();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();

    let counted = counted.lock().unwrap().clone();
    let server_sums: Sums = counted.iter().fold([0; 4], |[asks, read, written, cost], count| {
        [asks + 1, read + count.read, written + count.written, cost + count.cost()]
    });
    let spent = server_sums[3];
    assert_eq!(server.asked().len(), counted.len());

    // The limit holds, to what one lowered answer costs, and is used up to less than that.
    let lowered = counted.iter().filter(|count| count.most < ANSWER_TOKENS);
    let dearest = lowered.clone().map(Counted::cost).max().unwrap_or_default();
    assert!(spent <= CAP + dearest, "{spent} spent of {CAP}, the dearest lowered answer costs {dearest}");
    let least = LEAST_ANSWER_TOKENS * PRICES[1]
        + counted.iter().map(|count| 2 * count.read * PRICES[0]).max().unwrap();
    assert!(spent + least > CAP, "{spent} spent of {CAP}: there was enough for another answer");

    // Nothing else comes of it: those that may not ask hand in what they have, and are judged.
    let all = |key: &str| number(&report, &format!("totals/all/{key}"));
    let attempts = (TASKS * ATTEMPTS) as f64;
    assert_eq!((all("attempts"), all("invalid"), all("pending")), (attempts, 0.0, 0.0), "{report:#}");
    let over = all("models/over_budget_attempts");
    assert_eq!(all("fail"), over, "{report:#}");
    assert!((attempts / 4.0..attempts * 0.75).contains(&over), "{over} attempts reached the limit");

    // The report, the ledger and the journals agree with the server.
    let reported =
        ["models/answers", "models/tokens/input", "models/tokens/output", "models/cost_microdollars"];
    assert_eq!(reported.map(all), server_sums.map(|sum| sum as f64));
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    let sql =
        "SELECT count(*), sum(input), sum(output), sum(microdollars) FROM ledger WHERE state = 'settled'";
    let ledger: [i64; 4] =
        database.query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])).unwrap();
    assert_eq!(ledger.map(i64::cast_unsigned), server_sums);
    let rows: i64 = database.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, ledger[0], "no line is left open");
    let (mut journals, mut refused) = ([0; 4], 0);
    for (index, row) in context.json(&["show"]).as_array().unwrap().iter().enumerate() {
        let attempt = row["attempt"].as_str().unwrap();
        let transcript = transcript(&database, attempt);
        // What is printed is that, which is looked at now and then.
        if index % 20 == 0 {
            let shown = context.json(&["show", attempt, "--transcript"]);
            assert_eq!(serde_json::to_value(&transcript).unwrap(), shown);
        }
        let shown = serde_json::to_value(&transcript).unwrap();
        let turns = shown["conversations"].as_array().unwrap().iter();
        let turns: Vec<_> =
            turns.flat_map(|conversation| conversation["turns"].as_array().unwrap()).collect();
        for turn in &turns {
            let Some(answer) = turn["what"].get("answered") else { continue };
            let usage = |key: &str| answer["spent"]["usage"][key].as_u64().unwrap();
            let cost = answer["spent"]["cost"].as_u64().unwrap();
            for (sum, more) in journals.iter_mut().zip([1, usage("input"), usage("output"), cost]) {
                *sum += more;
            }
        }
        let is_refused = turns.last().unwrap()["what"]["unanswered"]["kind"] == "over-budget";
        assert_eq!(is_refused, row["state"] == "fail", "{attempt}: {turns:#?}");
        refused += u64::from(is_refused);
    }
    assert_eq!(journals, server_sums);
    assert_eq!(refused as f64, over);
    assert_eq!(number(&context.json(&["replay"]), "identical"), attempts);
    println!(
        "{} answers ({} lowered) for {spent} of {CAP} microdollars, {over} attempts over budget, in {took:?}",
        counted.len(),
        lowered.count()
    );
}

/// What an attempt's journal holds of its conversations.
fn transcript(database: &rusqlite::Connection, attempt: &str) -> Transcript {
    let parts: Vec<_> = attempt.split('/').collect();
    let mut events = database
        .prepare("SELECT at_us, event FROM events WHERE run = ?1 AND task = ?2 AND number = ?3 ORDER BY seq")
        .unwrap();
    let events: Vec<(u64, Event)> = events
        .query_map([parts[0], parts[1], parts[2]], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, String>(1)?))
        })
        .unwrap()
        .map(|row| row.map(|(at_us, event)| (at_us, serde_json::from_str(&event).unwrap())).unwrap())
        .collect();
    Transcript::of(&attempt.parse().unwrap(), events.iter().map(|(at_us, event)| (*at_us, event)))
}
