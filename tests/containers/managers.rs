//! Managers' tasks whose agent has a repository to read.

use std::fs;

use serde_json::Value;

use crate::context::{Context, number, text, workspace};
use crate::suites::{self, command, copy_folder, json, lancet, left_behind};

const AGENT: &str = "./reader.wasm";

/// A store, and the agent beside it.
fn with_agent() -> Context {
    let context = Context::new();
    let agent = lancet_hostile::case("repository-reader-agent").unwrap();
    fs::write(context.path(AGENT), lancet_hostile::component(agent)).unwrap();
    context
}

fn journal(context: &Context, task: &str) -> Vec<Value> {
    let journal = json(context, &["show", &format!("latest/{task}/1")], 0);
    journal.as_array().unwrap().clone()
}

fn responses<'a>(journal: &'a [Value], call: &str) -> Vec<&'a Value> {
    let made = journal.iter().filter(|event| event["call"]["request"]["call"] == call);
    made.map(|event| &event["call"]["response"]).collect()
}

/// What was decided of the latest run's attempt at a task.
fn decided(context: &Context, task: &str) -> (String, String) {
    let lines = json(context, &["show", "latest"], 0);
    let line = lines.as_array().unwrap().iter().find(|line| text(line, "attempt").contains(task)).unwrap();
    (text(line, "state").to_owned(), text(line, "reason").to_owned())
}

#[test]
fn read_the_repository_where_there_is_one_and_the_proposals_alone_where_not() {
    let suite = suites::managers().to_str().unwrap();
    let context = with_agent();
    let report = json(&context, &["run", suite, "--agent", AGENT], 0);
    assert_eq!(number(&report, "totals/swe-manager/pass"), 2.0);
    let run = text(&json(&context, &["runs"], 0), "0/run").to_owned();
    assert_eq!(left_behind(&run), Vec::<String>::new());

    // The file decided which it was; nothing that was done there has been taken.
    assert_eq!(decided(&context, "names-a-file-that-is-there").0, "pass");
    let read = journal(&context, "names-a-file-that-is-there");
    let ran = responses(&read, "shell-run")[0].pointer("/output/stdout/text").unwrap().as_str().unwrap();
    let lines: Vec<_> = ran.lines().collect();
    // Its account is not root's, and the one interface is the container's own.
    assert!(lines.len() == 2 && lines[0] != "0" && lines[1] == "1", "{ran}");
    for task in ["names-a-file-that-is-there", "no-file-is-there"] {
        assert!(journal(&context, task).iter().all(|event| event["event"] != "captured"), "{task}");
    }
    let (state, reason) = decided(&context, "no-file-is-there");
    assert_eq!((state.as_str(), reason.as_str()), ("fail", "wrong-kind"));

    let alone = journal(&context, "has-the-proposals-alone");
    let refused = &responses(&alone, "workspace-list")[0]["refused"];
    assert_eq!(
        (&refused["kind"], &refused["message"]),
        (&"unavailable".into(), &"this task has no environment".into())
    );
    assert_eq!(decided(&context, "has-the-proposals-alone").0, "pass");

    // Without an engine all of it is replayed and judged again.
    for (again, key, count) in [("replay", "identical", 3.0), ("regrade", "regraded", 3.0)] {
        let mut command = command(&context, &[again, &run, "--format", "json"]);
        let output = command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{again}");
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(number(&result, key), count, "{result}");
    }
}

#[test]
fn without_an_engine_only_who_asks_for_the_repository_is_invalid() {
    let suite = suites::managers().to_str().unwrap();
    let context = with_agent();
    let run = |agent: &str| {
        let mut command = command(&context, &["run", suite, "--agent", agent, "--docker-patience", "0"]);
        let output = command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(run("longest").0, Some(0));
    let (code, errors) = run(AGENT);
    assert_eq!(code, Some(5), "{errors}");
    let (state, reason) = decided(&context, "names-a-file-that-is-there");
    assert_eq!((state.as_str(), reason.as_str()), ("invalid", "docker-unreachable"));
    assert_eq!(decided(&context, "has-the-proposals-alone").0, "pass");
    // With one again it goes on from there.
    let (code, _, errors) = lancet(&context, &["resume"]);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(decided(&context, "names-a-file-that-is-there").0, "pass");
}

#[test]
fn whose_image_is_not_pinned_are_left_out() {
    let context = with_agent();
    let suite = context.path("suite");
    copy_folder(&workspace().join("tests/suites/managers"), &suite);
    let (code, _, errors) = lancet(&context, &["run", "suite", "--agent", AGENT]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("shop") && errors.contains("lancet suite pin"), "{errors}");
    assert_eq!(json(&context, &["show", "latest"], 0).as_array().unwrap().len(), 1);
    assert_eq!(decided(&context, "has-the-proposals-alone").0, "pass");
}
