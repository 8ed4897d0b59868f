//! What is too large is refused before it runs, and each role has limits of its own.

use std::fs;
use std::path::Path;

use crate::context::{Context, copy, number, sample, text};

const MIB: usize = 1 << 20;

/// Gives the small suite's task so many proposals of 1 MiB.
fn proposals(suite: &Path, number: usize) {
    let task = suite.join("tasks/one");
    let mut toml = fs::read_to_string(task.join("task.toml")).unwrap();
    for id in 2..number + 2 {
        fs::write(task.join(format!("proposals/{id}.md")), "x".repeat(MIB)).unwrap();
        toml.push_str(&format!("\n[[proposals]]\nid = {id}\nfile = \"proposals/{id}.md\"\n"));
    }
    fs::write(task.join("task.toml"), toml).unwrap();
}

#[test]
fn a_task_that_no_plugin_can_hold_is_found() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    proposals(&suite, 40);
    let path = suite.to_str().unwrap();
    let named = ["the task `one` is too large", "32 MiB of memory", "8388608", "--agent-memory"];
    context.lancet(&["suite", "check", path]).fails(3, &named);
    context.lancet(&["run", path, "--agent", "last"]).fails(3, &named);
    assert!(!context.path("store").exists(), "something was written");
    // With the memory that is asked for it runs, for both roles.
    let memory = ["--agent-memory", "256", "--grader-memory", "256"];
    let report = context.json(&[&["run", path, "--agent", "last"], &memory[..]].concat());
    assert_eq!(number(&report, "totals/all/fail"), 1.0);
    context.lancet(&["run", path, "--agent", "last", memory[0], memory[1]]).fails(3, &["--grader-memory"]);
}

#[test]
fn a_task_that_fits_is_worked_on() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    proposals(&suite, 7);
    let path = suite.to_str().unwrap();
    assert_eq!(context.lancet(&["suite", "check", path]).code, Some(0));
    for agent in ["last", "longest", "random"] {
        let report = context.json(&["run", path, "--agent", agent]);
        assert_eq!(number(&report, "totals/all/invalid"), 0.0);
        let reason = context.json(&["show", "latest"])[0]["reason"].clone();
        assert!(!reason.as_str().unwrap().starts_with("agent-"), "{agent}: {reason}");
    }
}

#[test]
fn an_agent_is_given_no_more_than_its_contract_says() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let path = suite.to_str().unwrap();
    fs::write(context.path("input"), "x".repeat(2 * MIB)).unwrap();
    for agent in ["script", "patch", "random"] {
        // None of these has an environment, so that 1 MiB is what there is.
        context
            .lancet(&["run", path, "--agent", agent, "--input", "input"])
            .fails(2, &["the task `one`", "2097152 bytes", &format!("`{agent}`"), "1048576 (1 MiB)"]);
    }
    assert!(!context.path("store").exists(), "something was written");
    fs::write(context.path("input"), "x".repeat(MIB)).unwrap();
    assert_eq!(context.lancet(&["run", path, "--agent", "random", "--input", "input"]).code, Some(0));
}

#[test]
fn each_role_has_limits_of_its_own() {
    let context = Context::new();
    let suite = sample();
    let run = |more: &[&str]| {
        let arguments = [&["run", suite.to_str().unwrap(), "--agent", "first"], more].concat();
        let outcome = context.lancet(&arguments);
        let reasons = context.json(&["show", "latest"]);
        let reasons = reasons
            .as_array()
            .unwrap()
            .iter()
            .map(|line| format!("{} {}", text(line, "state"), text(line, "reason")));
        (outcome.code, reasons.collect::<Vec<_>>())
    };
    // An agent that is starved fails, and by whichever name the limit goes.
    for option in ["--agent-fuel", "--fuel"] {
        let (code, reasons) = run(&[option, "500"]);
        assert_eq!(code, Some(0), "{option}");
        assert!(reasons.iter().all(|reason| reason == "fail agent-out-of-fuel"), "{option}: {reasons:?}");
    }
    // A grader that is has judged nothing.
    let (code, reasons) = run(&["--grader-fuel", "5000"]);
    assert_eq!(code, Some(5));
    assert!(reasons.iter().all(|reason| reason == "invalid grader-out-of-fuel"), "{reasons:?}");
    context
        .lancet(&["run", suite.to_str().unwrap(), "--agent", "first", "--fuel", "9", "--agent-fuel", "9"])
        .fails(2, &["--agent-fuel"]);
}

#[test]
fn what_an_older_run_recorded_is_replayed_by_its_own_rule() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    copy(&suite.join("tasks/one"), &suite.join("tasks/evil-one"));
    let agent = lancet_hostile::component(lancet_hostile::case("panic-agent").unwrap());
    fs::write(context.path("agent.wasm"), agent).unwrap();
    let report = context.json(&["run", suite.to_str().unwrap(), "--agent", "./agent.wasm"]);
    assert_eq!((number(&report, "totals/all/fail"), number(&report, "totals/all/invalid")), (2.0, 0.0));
    assert_eq!(number(&context.json(&["replay", "latest"]), "identical"), 2.0);

    // As a run that did not name its rule, and had no record, would have it: the verdict
    // is another now.
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    let changed = database
        .execute(r#"UPDATE runs SET spec = replace(spec, ',"agent-faults":"fail"', ''), record = NULL"#, []);
    assert_eq!(changed.unwrap(), 1);
    let began = "UPDATE events SET event = json_remove(event, '$.record') \
                 WHERE json_extract(event, '$.event') = 'began'";
    assert!(database.execute(began, []).unwrap() > 0);
    // Nor had its store a log.
    database.execute_batch("DROP TABLE log; DROP TABLE log_origin; PRAGMA user_version = 5").unwrap();
    let outcome = context.lancet(&["replay", "latest"]);
    assert_eq!(outcome.code, Some(6), "{}", outcome.stderr);
    // And with the verdict that such a run has recorded it is the same again.
    let mut events =
        database.prepare("SELECT task, event FROM events WHERE event LIKE '%agent-trap%'").unwrap();
    let rows = events.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    for (task, event) in rows {
        let recorded = event.clone();
        let mut event: serde_json::Value = serde_json::from_str(&event).unwrap();
        event["record"]["verdict"]["outcome"] = "invalid".into();
        let record: lancet_core::VerdictRecord = serde_json::from_value(event["record"].clone()).unwrap();
        event["digest"] = record.digest().to_string().into();
        // The attempt's row says the same as its journal.
        let row = "UPDATE attempts SET outcome = 'invalid', verdict_digest = ?1 WHERE reason = 'agent-trap'";
        assert_eq!(database.execute(row, [record.digest().to_string()]).unwrap(), 1);
        let changed = "UPDATE events SET event = ?1 WHERE task = ?2 AND event = ?3";
        assert_eq!(database.execute(changed, (event.to_string(), task, recorded)).unwrap(), 1);
    }
    assert_eq!(number(&context.json(&["replay", "latest"]), "identical"), 2.0);
}
