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
const TURNS: usize = 20;

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

struct Asking {
    host: Host,
    server: ModelServer,
}

impl Asking {
    fn new() -> Self {
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

    fn command(&self, arguments: &[String]) -> std::process::Command {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.host.command(&arguments)
    }

    fn arguments(&self) -> Vec<String> {
        if self.host.has_run() { vec!["resume".to_owned()] } else { self.run() }
    }
}

fn count(database: &rusqlite::Connection, sql: &str) -> usize {
    let count: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

#[test]
fn killed_in_a_conversation_what_was_answered_is_not_asked_again() {
    let undisturbed = Asking::new();
    let started = std::time::Instant::now();
    let arguments = undisturbed.run();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let expected = undisturbed.host.json(&arguments);
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
        let arguments = asking.arguments();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        asking.host.json(&arguments);
        let when = format!("after {kills} kills");
        assert_verdict(&asking.host.json(&["report"]), &expected, &when);
        let asked = asking.server.asked().len();
        assert!(
            (TURNS..=TURNS + killed).contains(&asked),
            "{when}: asked {asked} times, killed {killed} times"
        );
        twice += asked - TURNS;
        assert_accounts(&asking, asked, &when);
        assert_eq!(asking.host.json(&["replay"])["identical"], 1, "{when}");
    }
    println!("{kills} kills, {twice} answers asked for twice");
}

fn assert_verdict(report: &Value, expected: &Value, when: &str) {
    assert_eq!(report["verdicts_digest"], expected["verdicts_digest"], "{when}");
    assert_eq!(report["complete"], true, "{when}");
}

/// Every request that reached the server has its row in the ledger, and what was not
/// answered is marked.
fn assert_accounts(asking: &Asking, asked: usize, when: &str) {
    let database = rusqlite::Connection::open(asking.host.store().join("lancet.db")).unwrap();
    let settled = count(&database, "SELECT count(*) FROM ledger WHERE state = 'settled'");
    let lost = count(&database, "SELECT count(*) FROM ledger WHERE state = 'lost'");
    let held = count(&database, "SELECT count(*) FROM ledger WHERE state = 'held'");
    assert_eq!(held, 0, "{when}");
    assert!(settled >= TURNS, "{when}: {settled} settled");
    assert!(settled + lost >= asked, "{when}: {settled} settled and {lost} lost of {asked} asked");
    let answered = count(
        &database,
        "SELECT count(*) FROM events WHERE event LIKE '{\"event\":\"called\"%model.conversation.ask%'",
    );
    let begun = count(&database, "SELECT count(*) FROM events WHERE event LIKE '{\"event\":\"asked\"%'");
    assert!(begun >= asked, "{when}: {begun} begun, {asked} asked");
    let _ = answered;
}
