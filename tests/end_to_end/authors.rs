//! What authors of plugins try them with: fixtures that are recorded, written and watched, and
//! checks.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use lancet_core::Role;
use serde_json::{Value, json};

use crate::context::{self, Context, hostile, text, workspace};

/// A context with what an earlier Lancet recorded: attempts of both kinds.
fn recorded() -> Context {
    let context = Context::new();
    context::copy(&workspace().join("tests/fixtures/recorded/store"), &context.path("store"));
    context
}

/// A fixture by hand, of a grader of manager tasks.
fn by_hand(submission: &Value, outcome: &str, reason: &str) -> Value {
    json!({
        "fixture": 1, "contract": "0.1.0", "role": "grader",
        "task": {"id": "one", "kind": "swe-manager", "proposals": [{"id": 0, "text": "Mend it."}, {"id": 3, "text": "Or so."}]},
        "submission": submission, "answer-key": {"correct": 3},
        "expect": {"outcome": outcome, "reason": reason},
    })
}

fn write(context: &Context, name: &str, fixture: &Value) {
    fs::create_dir_all(context.path("fixtures")).unwrap();
    fs::write(context.path(&format!("fixtures/{name}.json")), fixture.to_string()).unwrap();
}

/// The line of a fixture in what `plugin test` prints as JSON.
fn line<'v>(tested: &'v Value, name: &str) -> &'v Value {
    let lines = tested["fixtures"].as_array().unwrap();
    lines.iter().find(|line| line["fixture"] == name).unwrap_or_else(|| panic!("no {name}: {tested:#}"))
}

/// What a command that found something prints as JSON.
fn found(context: &Context, arguments: &[&str]) -> Value {
    let outcome = context.lancet(&[arguments, &["--format", "json"]].concat());
    assert_eq!(outcome.code, Some(1), "{arguments:?}: {}{}", outcome.stdout, outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn every_recorded_attempt_makes_fixtures_on_which_its_plugins_come_to_the_same() {
    let context = recorded();
    let runs = context.json(&["runs"]);
    let mut made = [0, 0];
    for run in runs.as_array().unwrap() {
        let run = text(run, "run");
        for attempt in context.json(&["show", run]).as_array().unwrap() {
            let name = text(attempt, "attempt");
            for (index, role) in ["grader", "agent"].into_iter().enumerate() {
                let file = format!("{role}s/{}.json", name.replace('/', "-"));
                let outcome = context.lancet(&["plugin", "record", name, "--role", role, "-o", &file]);
                match outcome.code {
                    Some(0) => {
                        assert!(!outcome.stderr.contains("comes to"), "{name}: {}", outcome.stderr);
                        made[index] += 1;
                    }
                    // Nobody judged it, or it was ended from outside.
                    _ => outcome.fails(2, &["no fixture can be made of attempt", "hint: "]),
                }
            }
        }
    }
    println!("{made:?} fixtures");
    assert!(made[0] >= 5 && made[1] >= 5, "{made:?}");
}

#[test]
fn fixtures_of_the_sample_suite_pass_and_say_what_they_took() {
    let context = Context::new();
    let report = context.run_sample("longest", &[]);
    let shown = context.json(&["show", "latest"]);
    let attempts = shown.as_array().unwrap();
    assert!(attempts.len() >= 10, "{report:#}");
    for attempt in attempts {
        let recorded = context.lancet(&["plugin", "record", text(attempt, "attempt")]);
        assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
        assert_eq!(recorded.stderr, "");
    }
    for isolation in ["in-process", "process"] {
        let tested = context.json(&["plugin", "test", "manager-choice", "--isolation", isolation]);
        assert_eq!(tested["passed"], attempts.len());
        let mut times: Vec<_> = tested["fixtures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["microseconds"].as_u64().unwrap())
            .collect();
        times.sort_unstable();
        println!("{isolation}: median {} us, most {} us", times[times.len() / 2], times[times.len() - 1]);
        for fixture in tested["fixtures"].as_array().unwrap() {
            assert!(
                fixture["fuel_used"].as_u64().unwrap() > 0
                    && fixture["memory_bytes"].as_u64().unwrap() > 65_535
            );
            assert!(fixture["calls"].as_u64().unwrap() >= 2);
        }
    }
    let text = context.lancet(&["plugin", "test", "manager-choice"]).stdout;
    assert!(text.contains("passed, 0 did not; limits: fuel 1000000000, 32 MiB of memory"), "{text}");
    // The same attempt a second time.
    let first = text_of(&attempts[0], "attempt");
    context.lancet(&["plugin", "record", &first]).fails(2, &["is there already", "--output"]);
    // What is another's to know is taken out.
    let redacted = [
        "plugin",
        "record",
        &first,
        "--redact",
        "statement",
        "--redact",
        "text",
        "-o",
        "fixtures/redacted.json",
    ];
    assert_eq!(context.lancet(&redacted).code, Some(0));
    let fixture: Value =
        serde_json::from_str(&fs::read_to_string(context.path("fixtures/redacted.json")).unwrap()).unwrap();
    assert_eq!(fixture["task"]["statement"], "redacted");
    assert_eq!(fixture["task"]["proposals"][0]["text"], "redacted");
    assert!(text_of(&fixture, "engine").starts_with("wasmtime-"), "{fixture:#}");
    assert_eq!(fixture["recorded"]["redacted"], json!(["statement", "text"]));
    let without_key =
        context.lancet(&["plugin", "record", &first, "--redact", "answer-key", "-o", "x/y.json"]);
    assert!(
        without_key.stderr.contains("the recorded plugin comes to invalid grader-error"),
        "{}",
        without_key.stderr
    );
    context
        .lancet(&["plugin", "record", &first, "--redact", "kind", "-o", "z.json"])
        .fails(2, &["`kind` cannot be redacted"]);
    context
        .lancet(&["plugin", "record", &first, "--redact", "nothing", "-o", "z.json"])
        .fails(2, &["no field `nothing`", "statement"]);
    context
        .lancet(&["plugin", "record", "latest", "-o", "z.json"])
        .fails(2, &["names a run", "RUN/TASK/NUMBER"]);
    assert!(!context.path("z.json").exists());
}

fn text_of(value: &Value, key: &str) -> String {
    text(value, key).to_owned()
}

#[test]
fn what_differs_is_not_answered_or_cannot_be_used_is_told_apart() {
    let context = Context::new();
    write(&context, "right", &by_hand(&json!({"choice": 3}), "pass", "right-choice"));
    write(&context, "wrong", &by_hand(&json!({"choice": 0}), "fail", "wrong-choice"));
    let tested = context.json(&["plugin", "test", "manager-choice"]);
    assert_eq!((&tested["passed"], &tested["failed"]), (&json!(2), &json!(0)));
    write(&context, "wrong", &by_hand(&json!({"choice": 0}), "pass", "right-choice"));
    let mut other = by_hand(&json!({"choice": 0}), "fail", "wrong-choice");
    other["contract"] = json!("0.2.0");
    write(&context, "other-contract", &other);
    other["contract"] = json!("0.1.0");
    other["engine"] = json!("wasmtime-1.0.0/cranelift");
    write(&context, "other-engine", &other);
    other.as_object_mut().unwrap().remove("engine");
    other["fixture"] = json!(2);
    write(&context, "other-form", &other);
    other["fixture"] = json!(1);
    other["colour"] = json!("red");
    write(&context, "other-key", &other);
    write(
        &context,
        "of-agent",
        &json!({
            "fixture": 1, "contract": "0.1.0", "role": "agent", "task": {"id": "one", "kind": "ic-swe"},
            "expect": {"answer": "work-tree"},
        }),
    );
    let tested = found(&context, &["plugin", "test", "manager-choice"]);
    assert_eq!((&tested["passed"], &tested["failed"]), (&json!(1), &json!(6)));
    assert_eq!(line(&tested, "wrong")["result"], "differs");
    assert_eq!(line(&tested, "wrong")["found"], "fail wrong-choice");
    for (name, words) in [
        ("other-contract", "`contract` is \"0.2.0\", expected a version that this host serves: `0.1.x`"),
        ("other-engine", "`engine` is \"wasmtime-1.0.0/cranelift\", expected \"wasmtime-"),
        ("other-engine", "record it again, or remove `engine`"),
        ("other-form", "`fixture` is 2, expected 1"),
        ("other-key", "unknown field `colour`"),
        ("of-agent", "a fixture of a plugin of the role `agent`, and this one's is `grader`"),
    ] {
        let line = line(&tested, name);
        assert_eq!(line["result"], "unusable", "{line}");
        assert!(text(line, "explanation").contains(words), "{name}: {line}");
    }
    let told = context.lancet(&["plugin", "test", "manager-choice"]).stdout;
    assert!(told.contains("wrong: expected pass right-choice, found fail wrong-choice"), "{told}");

    // A grader that asks for what the fixture does not hold.
    let mut tree = by_hand(&json!("work-tree"), "fail", "tests-failed");
    tree["task"] = json!({"id": "two", "kind": "ic-swe"});
    tree["answer-key"] = json!({"plan": "hidden"});
    tree["tests"] = json!([{"name": "hidden", "required": ["t::a"]}]);
    fs::remove_dir_all(context.path("fixtures")).unwrap();
    write(&context, "not-run", &tree);
    let tested = found(&context, &["plugin", "test", "junit"]);
    assert_eq!(line(&tested, "not-run")["result"], "unanswered");
    assert!(
        text(line(&tested, "not-run"), "explanation")
            .contains("`tests.run hidden` cannot be answered: the fixture has no `runs`")
    );
    // The host's own rule makes the conclusion.
    tree["tests"][0]["runs"] = json!([{"end": {"exited": 1}, "cases": [{"id": "t::a", "status": "failed"}]}]);
    write(&context, "not-run", &tree);
    tree["tests"][0]["runs"] = json!([{"end": {"exited": 0}, "cases": [{"id": "t::a", "status": "passed"}]}]);
    tree["expect"] = json!({"outcome": "pass", "reason": "tests-passed", "score": 1000});
    write(&context, "passes", &tree);
    assert_eq!(context.json(&["plugin", "test", "junit"])["passed"], 2);

    fs::remove_dir_all(context.path("fixtures")).unwrap();
    context
        .lancet(&["plugin", "test", "junit"])
        .fails(2, &["there are no fixtures for `junit`", "--fixtures"]);
    fs::create_dir(context.path("fixtures")).unwrap();
    context.lancet(&["plugin", "test", "junit"]).fails(2, &["has no fixtures", "plugin record"]);
}

#[test]
fn fixtures_are_found_beside_the_manifest_of_a_project() {
    let context = Context::new();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    let manifest = "name = \"acme/right-choice\"\nversion = \"1.2.0\"\ncontract = \"0.1.0\"\nworld = \"grader\"\ndescription = \"Pays.\"\n\
                    authors = [\"Ada\"]\nlicence = \"MIT\"\n[asks]\nlog = \"What a panic is about.\"\nsubmission = \"What was chosen.\"\nanswer-key = \"What is right.\"\n";
    fs::create_dir_all(context.path("project/target/release")).unwrap();
    fs::write(context.path("project/plugin.toml"), manifest).unwrap();
    context
        .lancet(&["plugin", "test", "project"])
        .fails(2, &["has no package `right-choice.wasm`", "lancet plugin pack"]);
    let package = lancet_package::write(grader.component, manifest).unwrap();
    for path in ["project/right-choice.wasm", "project/target/release/right-choice.wasm"] {
        fs::write(context.path(path), &package).unwrap();
    }
    let fixture = by_hand(&json!({"choice": 3}), "pass", "right-choice").to_string();
    fs::create_dir(context.path("project/fixtures")).unwrap();
    fs::write(context.path("project/fixtures/right.json"), fixture).unwrap();
    for plugin in ["project", "project/right-choice.wasm", "project/target/release/right-choice.wasm"] {
        assert_eq!(context.json(&["plugin", "test", plugin])["passed"], 1, "{plugin}");
    }
    let checked = context.json(&["plugin", "check", "project", "--isolation", "in-process"]);
    assert_eq!(checked["findings"], json!([]), "{checked:#}");
}

#[test]
fn a_check_says_what_to_change_and_the_same_in_a_jail() {
    let context = Context::new();
    fs::write(context.path("evil.wasm"), hostile("memory-out-of-bounds-agent")).unwrap();
    let evil = json!({
        "fixture": 1, "contract": "0.1.0", "role": "agent", "expect": {"ends": "trap"},
        "task": {"id": "evil", "kind": "swe-manager", "proposals": [{"id": 3, "text": "Mend it."}]},
    });
    write(&context, "evil", &evil);
    assert_eq!(context.json(&["plugin", "test", "./evil.wasm"])["passed"], 1);
    fs::write(context.path("fixtures/broken.json"), "{").unwrap();
    let jailed = found(&context, &["plugin", "check", "./evil.wasm"]);
    let findings = jailed["findings"].as_array().unwrap();
    let traps = findings.iter().find(|finding| finding["code"] == "traps").unwrap();
    assert_eq!(traps["severity"], "error");
    assert!(
        text(traps, "tried").contains("the fixture `evil`") && text(traps, "seen").contains("out of bounds"),
        "{traps}"
    );
    let unused = findings.iter().find(|finding| finding["code"] == "fixture-unused").unwrap();
    assert_eq!(unused["tried"], "the fixture `broken`");
    assert!(text(unused, "change").contains("fixture.schema.json"), "{unused}");
    let here = found(&context, &["plugin", "check", "./evil.wasm", "--isolation", "in-process"]);
    assert_eq!(jailed, here);
    let told = context.lancet(&["plugin", "check", "./evil.wasm", "--isolation", "in-process"]).stdout;
    assert!(told.contains("error: traps") && told.contains("\n  change  return an error"), "{told}");
    fs::write(context.path("text.wasm"), "#!/bin/sh").unwrap();
    let nothing = found(&context, &["plugin", "check", "./text.wasm"]);
    assert_eq!(
        (&nothing["role"], &nothing["findings"][0]["code"]),
        (&Value::Null, &json!("not-a-component"))
    );
    let good = context.lancet(&["plugin", "check", "junit", "--fixtures", "."]);
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
}

#[test]
fn the_built_in_plugins_stand() {
    let context = Context::new();
    fs::create_dir(context.path("none")).unwrap();
    for builtin in lancet_builtin::all() {
        let checked = context.json(&["plugin", "check", builtin.name, "--fixtures", "none"]);
        let findings = checked["findings"].as_array().unwrap();
        let codes: Vec<_> = findings.iter().map(|finding| text(finding, "code")).collect();
        println!(
            "{}: {} inputs, {} executions: {codes:?}",
            builtin.name, checked["inputs"], checked["executions"]
        );
        assert_eq!(checked["errors"], 0, "{}: {checked:#}", builtin.name);
        let is_known = |code: &str| match builtin.name {
            // Hands in nothing, by its name.
            "noop" | "choice" => code == "never-answers",
            "gold" => code == "control",
            // It has the model write commands, and no model does that here.
            "swelancer-simple" => code == "never-used",
            _ => false,
        };
        assert!(
            codes.iter().all(|code| *code == "no-manifest" || is_known(code)),
            "{}: {checked:#}",
            builtin.name
        );
        assert!(checked["inputs"].as_u64().unwrap() >= 20);
    }
}

/// Lines of a command as they come, with when they came.
pub(crate) type Lines = mpsc::Receiver<(Instant, String)>;

/// Starts a command that prints lines until it is killed.
pub(crate) fn lines(command: &mut Command) -> (Child, Lines) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let (sender, receiver) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if sender.send((Instant::now(), line)).is_err() {
                return;
            }
        }
    });
    (child, receiver)
}

/// The next line with these words, and when it came.
pub(crate) fn wait_for(lines: &Lines, words: &str) -> (Instant, String) {
    loop {
        // What builds on a machine with much to do takes its time.
        let next = lines.recv_timeout(Duration::from_secs(300));
        let (at, line) = next.unwrap_or_else(|e| panic!("{words}: {e}"));
        if line.contains(words) {
            return (at, line);
        }
    }
}

#[test]
fn a_saved_file_is_tested_again() {
    let context = Context::new();
    write(&context, "one", &by_hand(&json!({"choice": 3}), "pass", "right-choice"));
    let grader = |name: &str| lancet_builtin::find(Role::Grader, name).unwrap().component;
    fs::write(context.path("mine.wasm"), grader("manager-choice")).unwrap();
    let (mut child, lines) = lines(&mut context.command(&["plugin", "test", "mine.wasm", "--watch"]));
    let mut took = Vec::new();
    let mut then = |save: &dyn Fn(), words: &str| {
        wait_for(&lines, "waiting for a file to be saved");
        let saved = Instant::now();
        save();
        took.push(wait_for(&lines, words).0 - saved);
    };
    then(
        &|| write(&context, "two", &by_hand(&json!({"choice": 0}), "pass", "right-choice")),
        "1 passed, 1 did not",
    );
    then(
        &|| write(&context, "two", &by_hand(&json!({"choice": 0}), "fail", "wrong-choice")),
        "2 passed, 0 did not",
    );
    then(&|| fs::remove_file(context.path("fixtures/two.json")).unwrap(), "1 passed, 0 did not");
    then(&|| fs::write(context.path("mine.wasm"), grader("junit")).unwrap(), "0 passed, 1 did not");
    then(&|| fs::write(context.path("mine.wasm"), grader("manager-choice")).unwrap(), "1 passed, 0 did not");
    child.kill().unwrap();
    child.wait().unwrap();
    // How long that takes depends on what else the machine has to do: whoever measures looks here.
    println!("{took:?}");
    context
        .lancet(&["plugin", "test", "mine.wasm", "--watch", "--format", "json"])
        .fails(2, &["`--watch` is for people"]);
}

#[test]
fn the_fixture_in_the_guide_is_one() {
    let guide = fs::read_to_string(workspace().join("plugins/README.md")).unwrap();
    let (_, after) = guide.split_once("```json\n{\n  \"fixture\": 1").unwrap();
    let (fixture, _) = after.split_once("```").unwrap();
    let context = Context::new();
    fs::create_dir(context.path("fixtures")).unwrap();
    fs::write(context.path("fixtures/guide.json"), format!("{{\n  \"fixture\": 1{fixture}")).unwrap();
    assert_eq!(context.json(&["plugin", "test", "manager-choice"])["passed"], 1);
}
