//! A user reproduces the issue for an agent.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::context::{Context, number, text};
use crate::suites::{self, json, left_behind};

/// Runs an agent that has the user reproduce the issue twice and reads all that comes
/// back, which has to be what the plan declares.
#[track_caller]
pub(crate) fn reproduces(suite: &Path, task: &str, attempts: u32, declared: &[&str]) {
    let context = Context::new();
    let agent = lancet_hostile::case("user-tool-artifacts-agent").unwrap();
    fs::write(context.path("agent.wasm"), lancet_hostile::component(agent)).unwrap();
    let count = attempts.to_string();
    let options = ["--task", task, "--attempts", &count, "--jobs", &count];
    let run = ["run", suite.to_str().unwrap(), "--agent", "./agent.wasm"];
    json(&context, &[&run[..], &options[..]].concat(), 0);
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!(shown.as_array().unwrap().len(), attempts as usize);
    for attempt in shown.as_array().unwrap() {
        assert_eq!(text(attempt, "reason"), "no-submission");
        let journal = json(&context, &["show", text(attempt, "attempt")], 0);
        let logged = |message: &str, field: &str| -> Vec<String> {
            let calls = journal.as_array().unwrap().iter().filter_map(|event| event.pointer("/call/request"));
            let logs = calls.filter(|call| call["call"] == "log-write" && call["message"] == message);
            let fields = logs.flat_map(|call| call["fields"].as_array().unwrap());
            fields.filter(|pair| pair[0] == field).map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(logged("the user is done", "completed").len(), 2, "{journal}");
        let names: BTreeSet<String> = logged("artifact", "name").into_iter().collect();
        let is_of = |name: &str, rule: &str| {
            name.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        assert!(declared.iter().all(|rule| names.iter().any(|name| is_of(name, rule))), "{names:?}");
        assert!(names.iter().all(|name| declared.iter().any(|rule| is_of(name, rule))), "{names:?}");
        assert_eq!(logged("found", "hits"), ["1"]);
        // Each call has its own time. Between the two a browser was started.
        let events = journal.as_array().unwrap().iter();
        let asked = events.filter(|event| event["call"]["request"]["call"] == "user-tool-reproduce");
        let at: Vec<u64> = asked.map(|event| event["at_us"].as_u64().unwrap()).collect();
        assert!(at.len() == 2 && at[1] > at[0] + 100_000, "{at:?}");
        // There is no test in any of it.
        assert!(logged("artifact", "sign").iter().all(|sign| sign == "no"), "{journal}");
        assert!(!journal.to_string().contains("def test_"), "{journal}");
    }
    assert_eq!(number(&json(&context, &["replay", "latest"], 0), "identical"), f64::from(attempts));
    let runs = json(&context, &["runs"], 0);
    assert_eq!(left_behind(text(&runs[0], "run")), Vec::<String>::new());
}

#[test]
fn reproduces_the_issue_for_two_agents_at_a_time() {
    // Each agent and its user ask for three processors together: where the machine has
    // fewer, the agent's own are the user's while that is at work.
    reproduces(suites::web_chat(), "edit-drops-brackets", 2, &["log", "trace", "screenshots"]);
}
