//! What an earlier Lancet recorded is replayed, shown, judged again and gone on with as it
//! was then: `tests/fixtures/recorded`.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::context::{self, Context, text, workspace};

fn fixture() -> PathBuf {
    workspace().join("tests/fixtures/recorded")
}

fn golden() -> Value {
    serde_json::from_str(&fs::read_to_string(fixture().join("golden.json")).unwrap()).unwrap()
}

/// A copy of the store: what is in the repository is never written to.
fn store() -> Context {
    let context = Context::new();
    context::copy(&fixture().join("store"), &context.path("store"));
    context
}

/// The names of texts in a list.
fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Whether what a regrade came to has verdicts that decide nothing.
fn decides_nothing(shown: &Value) -> bool {
    let attempts = shown["attempts"].as_array().unwrap();
    let invalid = attempts.iter().filter(|attempt| attempt["new_outcome"] == "invalid").count();
    assert_eq!(shown["invalid"], invalid, "{shown:#}");
    invalid > 0
}

/// Keys that outputs have got since.
const ADDED: [&str; 5] = ["outcome_changed", "invalid", "same_outcome", "old_explanation", "new_explanation"];

/// Where two outputs differ first.
fn difference(expected: &Value, found: &Value, path: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            let new = |key: &&String| !left.contains_key(*key) && !ADDED.contains(&key.as_str());
            let keys = left.keys().chain(right.keys().filter(new));
            keys.into_iter().find_map(|key| {
                let nothing = &Value::Null;
                let (left, right) = (left.get(key).unwrap_or(nothing), right.get(key).unwrap_or(nothing));
                difference(left, right, &format!("{path}/{key}"))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs.into_iter().find_map(|(at, (left, right))| difference(left, right, &format!("{path}/{at}")))
        }
        _ if expected == found => None,
        _ => Some(format!("`{path}` was {expected}, is {found}")),
    }
}

#[test]
fn is_shown_replayed_and_regraded_as_it_was() {
    let golden = golden();
    let outputs = golden["outputs"].as_array().unwrap();
    let context = store();
    let next = AtomicUsize::new(0);
    let check = || {
        while let Some(said) = outputs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let command = texts(&said["command"]);
            let outcome = context.lancet(&[&command[..], &["--format", "json"]].concat());
            let code = outcome.code.map(i64::from);
            let shown: Value = serde_json::from_str(&outcome.stdout).unwrap();
            // Verdicts that decide nothing have had an exit code of their own since.
            let is_invalid = command[0] == "regrade" && decides_nothing(&shown);
            let expected = if is_invalid { Some(5) } else { said["code"].as_i64() };
            assert_eq!(code, expected, "{command:?}: {}{}", outcome.stdout, outcome.stderr);
            // What was built in then is another now, and of a plugin that is not built in is told when
            // nobody has signed it.
            let is_unsigned = |line: &&str| line.contains("nobody has signed it");
            let errors: String =
                outcome.stderr.split_inclusive('\n').filter(|line| !is_unsigned(line)).collect();
            assert_eq!(errors, text(said, "errors"), "{command:?}");
            if let Some(difference) = difference(&said["output"], &shown, "") {
                panic!("{command:?}: {difference}");
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(check);
        }
    });
    // The golden file says so itself: nothing differed when it was recorded.
    let replays: Vec<_> = outputs.iter().filter(|said| said["command"][0] == "replay").collect();
    assert_eq!(replays.len(), 22);
    assert!(replays.iter().all(|said| said["output"]["different"] == 0));
}

#[test]
fn is_sound() {
    const IMPORT: &[u8] = b"lancet:plugin/evidence@0.1.0";
    let context = store();
    let found = context.lancet(&["doctor", "--format", "json"]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let store = found.as_array().unwrap().iter().find(|finding| finding["check"] == "store").unwrap();
    assert!(text(store, "detail").contains("is sound, 22 runs"), "{store}");
    // With components of the contract as it was: that is what the fixture is for.
    let has_evidence = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes.starts_with(b"\0asm") && bytes.windows(IMPORT.len()).any(|part| part == IMPORT)
    };
    let folders = fs::read_dir(context.path("store/blobs")).unwrap().map(|entry| entry.unwrap().path());
    let blobs = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    assert!(blobs.filter(has_evidence).count() >= 5);
}

#[test]
fn what_was_undecided_is_decided_as_it_was() {
    // The other one needs an engine: `tests/containers`.
    let golden = golden();
    let resumed = &golden["resumed"][0];
    let (context, run) = (store(), text(resumed, "run"));
    // What is not decided is a number, and no list.
    let replay = context.lancet(&["replay", run]);
    assert_eq!(replay.stdout.lines().count(), 1, "{}", replay.stdout);
    assert!(replay.stdout.contains("not decided yet"), "{}", replay.stdout);
    let report = context.json(&["resume", run]);
    assert_eq!(report["verdicts_digest"], resumed["digest"]);
    let lines = context.json(&["show", run]);
    let found = lines.as_array().unwrap().iter();
    let found: Vec<_> = found.map(|line| [&line["attempt"], &line["state"], &line["reason"]]).collect();
    assert_eq!(serde_json::json!(found), resumed["verdicts"]);
    assert_eq!(context.json(&["replay", run])["identical"], 4);
}
