//! Journals: showing, replaying and regrading them.

use std::fs;

use crate::context::{Context, number, text};

#[test]
fn a_replay_is_identical() {
    let context = Context::new();
    let report = context.run_sample("random", &["--attempts", "2", "--seed", "3"]);
    let replay = context.json(&["replay", text(&report, "run")]);
    assert_eq!(replay["identical"], replay["replayed"]);
    assert_eq!(number(&replay, "identical"), number(&report, "totals/all/attempts"));
    let attempt = replay["attempts"][0]["attempt"].as_str().unwrap().to_owned();
    let one = context.lancet(&["replay", &attempt]);
    assert!(one.stdout.contains("1 identical"), "{}", one.stdout);
}

/// Changes an event of a journal in the database.
fn tamper(context: &Context, from: &str, to: &str) -> usize {
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    database.execute("UPDATE events SET event = replace(event, ?1, ?2)", [from, to]).unwrap()
}

#[test]
fn a_replay_reports_the_first_call_that_differs() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    context.json(&["run", suite.to_str().unwrap(), "--agent", "random"]);
    // What the agent asked is compared with what it asks now.
    tamper(&context, r#""bound":2"#, r#""bound":3"#);
    let outcome = context.lancet(&["replay"]);
    assert_eq!(outcome.code, Some(6), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("call 0 differs"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("recorded `random.below 3` at fuel"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("RandomBelow"), "{}", outcome.stdout);
}

#[test]
fn a_replay_compares_fuel_and_verdicts() {
    for (from, to, difference) in [
        (r#""reason":"wrong-choice""#, r#""reason":"right-choice""#, "verdict"),
        (r#""fuel_used":"#, r#""fuel_used":9"#, "fuel"),
        (r#""correct": 1"#, r#""correct": 0"#, "call 1 differs"),
    ] {
        let context = Context::new();
        let suite = context.small_suite("suite");
        context.json(&["run", suite.to_str().unwrap(), "--agent", "first"]);
        let from = if from.contains("correct") { r#"\"correct\": 1"# } else { from };
        let to = if to.contains("correct") { r#"\"correct\": 0"# } else { to };
        assert!(tamper(&context, from, to) > 0);
        let outcome = context.lancet(&["replay"]);
        assert_eq!(outcome.code, Some(6), "{from}: {}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains(difference), "{from}: {}", outcome.stdout);
    }
}

#[test]
fn a_replay_needs_neither_the_suite_nor_the_plugin() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let agent = lancet_builtin::find(lancet_core::Role::Agent, "last").unwrap();
    fs::write(context.path("mine.wasm"), agent.component).unwrap();
    let report = context.json(&["run", suite.to_str().unwrap(), "--agent", "./mine.wasm"]);
    assert_eq!(number(&report, "totals/all/pass"), 1.0);
    fs::remove_dir_all(&suite).unwrap();
    fs::remove_file(context.path("mine.wasm")).unwrap();
    assert_eq!(context.json(&["replay"])["identical"], 1);
    assert_eq!(context.json(&["regrade"])["changed"], 0);
}

#[test]
fn regrading_shows_old_and_new_side_by_side() {
    let context = Context::new();
    let report = context.run_sample("first", &[]);
    let same = context.json(&["regrade"]);
    assert_eq!(same["changed"], 0);
    assert_eq!(same["old_earned_cents"], same["new_earned_cents"]);

    // Another grader: it fails whatever was handed in, for a reason of its own.
    fs::write(context.path("strict.wasm"), lancet_hostile::ordinary(lancet_core::Role::Grader)).unwrap();
    let other = context.json(&["regrade", "--grader", "./strict.wasm"]);
    assert!(number(&report, "totals/all/earned_cents") > 0.0);
    assert_eq!(number(&other, "changed"), number(&report, "totals/all/tasks"), "the reasons differ as well");
    assert_eq!(number(&other, "old_earned_cents"), number(&report, "totals/all/earned_cents"));
    assert_eq!(number(&other, "new_earned_cents"), 0.0);
    let table = context.lancet(&["regrade", "--grader", "./strict.wasm"]).stdout;
    assert!(
        table.contains("right-choice") && table.contains("ordinary") && table.contains("changed"),
        "{table}"
    );
    // Nothing of it is recorded.
    assert_eq!(context.json(&["report"])["verdicts_digest"], report["verdicts_digest"]);
}

#[test]
fn the_journal_of_an_attempt_reads_from_task_to_verdict() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let report = context.json(&["run", suite.to_str().unwrap(), "--agent", "random", "--seed", "1"]);
    let attempt = format!("{}/one/1", text(&report, "run"));
    let journal = context.json(&["show", &attempt]);
    let events: Vec<_> = journal.as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(events[..3], ["began", "called", "solved"]);
    assert_eq!(events.last(), Some(&"decided"));
    assert!(events.contains(&"graded"));
    let table = context.lancet(&["show", &attempt]).stdout;
    for words in ["random.below 2", "answer-key.read", "submission.answer", "decided"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert!(context.lancet(&["show", "latest/one/1"]).stdout.contains("decided"));
}

#[test]
fn doctor_finds_everything_in_order_and_says_what_is_not() {
    let context = Context::new();
    context.run_sample("first", &[]);
    let outcome = context.lancet(&["doctor"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    let blob = fs::read_dir(context.path("store/blobs"))
        .unwrap()
        .filter_map(Result::ok)
        .find(|e| e.file_name().len() == 2)
        .and_then(|e| fs::read_dir(e.path()).unwrap().next())
        .unwrap()
        .unwrap();
    fs::write(blob.path(), "something else").unwrap();
    let outcome = context.lancet(&["doctor"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("PROBLEM"), "{}", outcome.stdout);
}

#[test]
fn doctor_lists_what_the_kernel_counts_and_what_is_shared() {
    let context = Context::new();
    let found = context.json(&["doctor"]);
    let detail = |check: &str| {
        let finding = found.as_array().unwrap().iter().find(|finding| finding["check"] == check);
        text(finding.unwrap_or_else(|| panic!("{check}: {found}")), "detail").to_owned()
    };
    let value = |path: &str| fs::read_to_string(format!("/proc/sys/{path}")).unwrap().trim().to_owned();
    let of_a_user = detail("quotas of a user");
    let instances = value("fs/inotify/max_user_instances");
    for words in [
        format!("fs.inotify.max_user_instances {instances},"),
        "share".into(),
        "10001".into(),
        "kernel.keys.".into(),
    ] {
        assert!(of_a_user.contains(&words), "{words}: {of_a_user}");
    }
    let of_the_machine = detail("quotas of the machine");
    for path in ["kernel/pid_max", "fs/aio-max-nr"] {
        let words = format!("{} {}", path.replace('/', "."), value(path));
        assert!(of_the_machine.contains(&words), "{words}: {of_the_machine}");
    }
    assert!(!detail("table of connections").is_empty());
}

#[test]
fn a_finished_run_is_not_executed_again() {
    let context = Context::new();
    let report = context.run_sample("first", &[]);
    let again = context.json(&["resume", text(&report, "run")]);
    assert_eq!(again["verdicts_digest"], report["verdicts_digest"]);
    assert_eq!(context.json(&["runs"]).as_array().unwrap().len(), 1);
}

#[test]
fn the_latest_run_is_the_one_started_last_even_within_a_second() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    for _ in 0..8 {
        let report = context.json(&["run", suite.to_str().unwrap(), "--agent", "first"]);
        assert_eq!(context.json(&["report", "latest"])["run"], report["run"]);
    }
}
