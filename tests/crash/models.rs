//! A host that is killed while its agent talks to a model: what was answered is not asked
//! again, and the money is accounted for.

use std::time::Duration;

use serde_json::Value;

use super::{Host, Random};
use crate::model_server::{Answer, Asked, ModelServer};
use crate::scale::scaled;

/// How many times a host is killed, in the whole campaign.
const KILLS: usize = 50;
/// How many answers the agent needs.
pub(crate) const TURNS: usize = 20;

/// Thinks aloud, until the last turn.
fn answer(asked: &Asked) -> Answer {
    let turn = asked.turn();
    let text = match turn + 1 < TURNS {
        true => format!("Thought {turn}."),
        false => "{\"selected_proposal_id\": 0}".to_owned(),
    };
    let mut answer = Answer::text(&text, turn);
    answer.after = Duration::from_millis(5);
    answer
}

pub(crate) struct Asking {
    pub(crate) host: Host,
    pub(crate) server: ModelServer,
}

impl Asking {
    pub(crate) fn new() -> Self {
        let host = Host::new();
        // One conversation at a time is enough to be cut off anywhere in it.
        let tasks = host.folder.path().join("suite/tasks");
        for entry in std::fs::read_dir(tasks).unwrap().map(Result::unwrap) {
            if entry.file_name() != "task-00" {
                std::fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        Self { host, server: ModelServer::start(answer) }
    }

    fn run(&self) -> Vec<String> {
        let url = self.server.url();
        let words =
            ["run", "suite", "--agent", "swelancer-simple", "--model", "chat/mock", "--base-url", &url];
        words.map(str::to_owned).to_vec()
    }

    pub(crate) fn command(&self, arguments: &[String]) -> std::process::Command {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.host.command(&arguments)
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        if self.host.has_run() { vec!["resume".to_owned()] } else { self.run() }
    }

    /// Runs, or goes on, to the end.
    pub(crate) fn start(&self) -> Value {
        let arguments = self.arguments();
        self.host.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

pub(crate) fn count(database: &rusqlite::Connection, sql: &str) -> usize {
    let count: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

#[test]
fn killed_in_a_conversation_what_was_answered_is_not_asked_again() {
    let undisturbed = Asking::new();
    let started = std::time::Instant::now();
    let expected = undisturbed.start();
    let length = u64::try_from(started.elapsed().as_micros()).unwrap();
    assert_eq!(expected["totals"]["all"]["pass"], 1, "{expected:#}");
    assert_eq!(undisturbed.server.asked().len(), TURNS);

    let mut random = Random(2026);
    let (mut kills, mut twice) = (0, 0);
    while kills < scaled(KILLS) {
        let asking = Asking::new();
        let mut killed = 0;
        for _ in 0..6 {
            let mut child = asking.command(&asking.arguments()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(random.below(length)));
            let was_running = child.try_wait().unwrap().is_none();
            child.kill().unwrap();
            child.wait().unwrap();
            if !was_running {
                break;
            }
            killed += 1;
        }
        kills += killed;
        asking.start();
        let when = format!("after {kills} kills");
        assert_verdict(&asking.host.json(&["report"]), &expected, &when);
        let asked = asking.server.asked().len();
        assert!(
            (TURNS..=TURNS + killed).contains(&asked),
            "{when}: asked {asked} times, killed {killed} times"
        );
        twice += asked - TURNS;
        assert_accounts(&asking, asked, killed, &when);
        assert_eq!(asking.host.json(&["replay"])["identical"], 1, "{when}");
    }
    println!("{kills} kills, {twice} answers asked for twice");
}

pub(crate) fn assert_verdict(report: &Value, expected: &Value, when: &str) {
    assert_eq!(report["verdicts_digest"], expected["verdicts_digest"], "{when}");
    assert_eq!(report["complete"], true, "{when}");
}

/// Every request that reached the server has its line in the ledger, which is older than the
/// journal; at most one more per kill was set aside and not sent. What a kill left open is
/// taken for what was set aside, and marked.
fn assert_accounts(asking: &Asking, asked: usize, killed: usize, when: &str) {
    let database = rusqlite::Connection::open(asking.host.store().join("lancet.db")).unwrap();
    let rows = |which: &str| count(&database, &format!("SELECT count(*) FROM ledger WHERE {which}"));
    let (all, settled, lost) = (rows("true"), rows("state = 'settled'"), rows("state = 'lost'"));
    assert!((asked..=asked + killed).contains(&all), "{when}: {all} lines, asked {asked} times");
    assert_eq!(settled + lost, all, "{when}: nothing is open");
    assert!(lost <= killed, "{when}: {lost} lost, killed {killed} times");
    let as_held = "estimated = 1 AND input = held_input AND output = held_output AND tool_calls IS NULL";
    assert_eq!(rows(&format!("state = 'lost' AND {as_held}")), lost, "{when}");
    assert_eq!(rows("state = 'settled' AND estimated = 0"), settled, "{when}");

    let events = |which: &str| count(&database, &format!("SELECT count(*) FROM events WHERE {which}"));
    let begun = events("event ->> 'event' = 'asked'");
    assert!(begun >= all, "{when}: {begun} questions in the journal, {all} lines");
    let answered = "event ->> 'event' = 'called' AND event ->> '$.call.request.call' = 'model-ask' \
                    AND event ->> '$.call.response.answered' IS NOT NULL";
    assert_eq!(events(answered), TURNS, "{when}");
    // The tokens of a turn are known, so that each answer is found in its own line.
    for turn in 0..TURNS {
        let (read, written) = (100 + 10 * turn, 10);
        let own = format!("ordinal = {turn} AND input = {read} AND output = {written}");
        assert!(rows(&format!("state = 'settled' AND {own}")) >= 1, "{when}: turn {turn}");
        let usage = "event ->> '$.call.response.answered.spent.usage";
        let told = format!("{answered} AND {usage}.input' = {read} AND {usage}.output' = {written}");
        assert_eq!(events(&told), 1, "{when}: turn {turn}");
    }
    let spent = &asking.host.json(&["report"])["totals"]["all"]["models"];
    assert_eq!(spent["estimated_requests"], lost, "{when}");
    let sum = |column: &str| count(&database, &format!("SELECT sum({column}) FROM ledger"));
    assert_eq!(spent["tokens"]["input"], sum("input"), "{when}");
    assert_eq!(spent["tokens"]["output"], sum("output"), "{when}");
}
