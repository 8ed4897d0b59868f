//! What an attempt leaves: a journal that can be read, replayed and judged again
//! without an engine.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::context::{self, Context, number, text, workspace};
use crate::suites::{self, command, json, lancet, left_behind, verdicts};

/// Runs an agent over some tasks of `expensify-common`.
fn run(context: &Context, agent: &str, more: &[&str]) -> Value {
    let suite = suites::expensify_common().to_str().unwrap();
    json(context, &[&["run", suite, "--agent", agent], more].concat(), 0)
}

/// A task of the suite, and its gold patch as `--controls` gets at it.
fn some_task() -> String {
    let tasks = suites::expensify_common().join("tasks");
    let mut names: Vec<_> =
        fs::read_dir(tasks).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.remove(0)
}

#[test]
fn is_replayed_and_regraded_without_an_engine() {
    let context = Context::new();
    let suite = suites::expensify_common().to_str().unwrap();
    let task = some_task();
    json(&context, &["suite", "check", suite, "--controls", "--task", &task], 0);
    let runs = json(&context, &["runs"], 0);
    let runs: Vec<String> = runs.as_array().unwrap().iter().map(|run| text(run, "run").to_owned()).collect();
    // The gold answer, nothing, the unchanged tree and a random change, and each of the task's cases.
    let cases = fs::read_dir(suites::expensify_common().join("tasks").join(&task).join("cases")).unwrap();
    let is_case = |path: PathBuf| path.extension().is_some_and(|ending| ending == "toml");
    assert_eq!(runs.len(), 4 + cases.filter(|entry| is_case(entry.as_ref().unwrap().path())).count());
    for run in &runs {
        for arguments in [["replay", run], ["regrade", run]] {
            let output = command(&context, &[&arguments[..], &["--format", "json"]].concat())
                .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
                .output()
                .unwrap();
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(0), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
            let result: Value = serde_json::from_str(&stdout).unwrap();
            match arguments[0] {
                "replay" => {
                    assert_eq!((number(&result, "identical"), number(&result, "different")), (1.0, 0.0));
                }
                _ => assert_eq!((number(&result, "regraded"), number(&result, "changed")), (1.0, 0.0)),
            }
        }
        assert_eq!(left_behind(run), Vec::<String>::new());
    }
}

#[test]
fn is_readable_from_task_to_verdict() {
    let context = Context::new();
    let task = some_task();
    let script = context.path("script");
    fs::write(&script, "echo hello; echo '// a note' >> README.lancet; exit 3\n").unwrap();
    let report = run(&context, "script", &["--task", &task, "--input", script.to_str().unwrap()]);
    assert_eq!(number(&report, "totals/ic-swe/fail"), 1.0);
    let attempt = format!("latest/{task}/1");
    let (code, shown, _) = lancet(&context, &["show", &attempt]);
    assert_eq!(code, Some(0));
    let mut rest = shown.as_str();
    for step in [
        "began",
        "solve",
        "input.read",
        "shell.run",
        "exit status 3",
        "captured",
        "took 1 changed file",
        "README.lancet",
        "solved",
        "handed in its work tree",
        "began",
        "grade",
        "answer-key.read",
        "tests.run hidden",
        "fail tests-failed",
        "graded",
        "decided",
        "fail tests-failed, earned $0",
    ] {
        let at = rest
            .find(step)
            .unwrap_or_else(|| panic!("`{step}` does not come next in:\n{rest}\n\nof\n{shown}"));
        rest = &rest[at + step.len()..];
    }
    assert!(rest.contains("verdict: fail tests-failed") && rest.contains("checks:"), "{shown}");
    // What the tests wrote is printed as it was; a sentinel has failed, and is no case that did not pass.
    let (code, output, _) = lancet(&context, &["show", &attempt, "--artifact", "output"]);
    assert_eq!(code, Some(0));
    assert!(!output.trim().is_empty());
    let (code, _, error) = lancet(&context, &["show", &attempt, "--artifact", "nonesuch"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no artifact `nonesuch`") && error.contains("`output`"), "{error}");
}

#[test]
fn predictions_are_graded() {
    let context = Context::new();
    let suite = suites::expensify_common().to_str().unwrap();
    let task = some_task();
    let predictions = context.path("predictions.jsonl");
    let line =
        serde_json::json!({ "instance_id": task, "model_patch": null, "model_name_or_path": "nobody" });
    fs::write(&predictions, format!("{line}\n")).unwrap();
    let report = json(&context, &["grade", suite, "--predictions", predictions.to_str().unwrap()], 0);
    assert_eq!(text(&report, "agent/name"), "patch (nobody)");
    assert_eq!(
        (number(&report, "totals/ic-swe/attempts"), number(&report, "totals/ic-swe/fail")),
        (1.0, 1.0)
    );
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!(text(&shown, "0/reason"), "no-patch");

    // One patch, which does not touch the bug; who applies it and who judges it are jailed.
    let patch = context.path("one.patch");
    fs::write(
        &patch,
        "diff --git a/NOTE b/NOTE\nnew file mode 100644\n--- /dev/null\n+++ b/NOTE\n@@ -0,0 +1 @@\n+note\n",
    )
    .unwrap();
    let patch = patch.to_str().unwrap();
    json(&context, &["grade", suite, "--patch", patch, "--task", &task, "--isolation", "process"], 0);
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!(text(&shown, "0/reason"), "tests-failed");
    let journal = json(&context, &["show", text(&shown, "0/attempt")], 0);
    let began = journal.as_array().unwrap().iter().filter(|event| event["event"] == "began");
    let jailed: Vec<_> = began.map(|event| event["jail"]["seccomp"] == true).collect();
    assert_eq!(jailed, [true, true], "{journal:#}");

    let (code, _, stderr) = lancet(&context, &["grade", suite, "--patch", patch, "--task", "nope"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("no task `nope`"), "{stderr}");
}

#[test]
fn verdicts_do_not_depend_on_parallelism() {
    let context = Context::new();
    let decided = |jobs| {
        let report = run(&context, "random", &["--seed", "7", "--task", "*-*-*o*", "--jobs", jobs]);
        verdicts(&context, text(&report, "run"))
    };
    let one = decided("1");
    assert!(one.len() > 2, "{one:?}");
    assert_eq!(one, decided("2"));
}

#[test]
fn is_open_to_the_grader() {
    let context = Context::new();
    let suite = context.path("suite");
    suites::copy_folder(suites::expensify_common(), &suite);
    fs::copy(suites::expensify_common().join("images.lock"), suite.join("images.lock")).unwrap();
    let grader = lancet_hostile::component(lancet_hostile::case("evidence-in-log-grader").unwrap());
    fs::create_dir(suite.join("graders")).unwrap();
    fs::write(suite.join("graders/own.wasm"), &grader).unwrap();
    let task = some_task();
    let file = suite.join("tasks").join(&task).join("task.toml");
    let own = format!("file = \"graders/own.wasm\"\ndigest = \"{}\"", lancet_core::Sha256::of(&grader));
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("plugin = \"junit\"", &own)).unwrap();
    let script = context.path("script");
    fs::write(
        &script,
        "echo one > A.txt; head -c 1500000 /dev/zero > zeros.bin; echo '// changed' >> dist/Num.js; rm README.md\n",
    )
    .unwrap();
    let arguments = ["run", suite.to_str().unwrap(), "--task", &task, "--agent", "script", "--input"];
    json(&context, &[&arguments[..], &[script.to_str().unwrap()]].concat(), 0);
    let attempts = json(&context, &["show", "latest"], 0);
    assert_eq!((text(&attempts[0], "state"), text(&attempts[0], "reason")), ("fail", "ordinary"));
    let journal = json(&context, &["show", text(&attempts[0], "attempt")], 0);
    let calls = journal.as_array().unwrap().iter().filter_map(|event| event.pointer("/call/request"));
    let told: Vec<(String, [String; 3])> = calls
        .filter(|call| call["call"] == "log-write" && call["fields"].as_array().unwrap().len() == 3)
        .map(|call| {
            let fields = [0, 1, 2].map(|index| call["fields"][index][1].as_str().unwrap().to_owned());
            (text(call, "message").to_owned(), fields)
        })
        .collect();
    let of = |what: &str| -> Vec<&[String; 3]> {
        told.iter().filter(|(message, _)| message == what).map(|(_, fields)| fields).collect()
    };
    let written: Vec<(&str, &str)> =
        of("written").iter().map(|[name, bytes, _]| (name.as_str(), bytes.as_str())).collect();
    assert_eq!(written.len(), 3, "{written:?}");
    assert!(written.contains(&("A.txt", "4")) && written.contains(&("zeros.bin", "1500000")), "{written:?}");
    assert_eq!(of("deleted")[0][0], "README.md");
    let diff = &of("diff")[0][2];
    assert!(diff.contains("+one") && diff.contains("deleted file mode"), "{diff}");
    assert!(!of("case").is_empty());
    assert!(of("artifact").iter().any(|[name, ..]| name == "output"), "{told:?}");
    assert_eq!(number(&json(&context, &["replay", "latest"], 0), "identical"), 1.0);
}

#[test]
fn what_an_earlier_lancet_left_undecided_is_decided() {
    // A submission that was refused and not judged yet; the rest of the fixture needs no
    // engine, see `tests/end_to_end/recorded.rs`.
    let fixture = workspace().join("tests/fixtures/recorded");
    let golden: Value =
        serde_json::from_str(&fs::read_to_string(fixture.join("golden.json")).unwrap()).unwrap();
    let context = Context::new();
    context::copy(&fixture.join("store"), &context.path("store"));
    let (resumed, run) = (&golden["resumed"][1], text(&golden, "resumed/1/run"));
    assert_eq!(json(&context, &["resume", run], 0)["verdicts_digest"], resumed["digest"]);
    assert_eq!(json(&context, &["show", run], 0)[0]["reason"], resumed["verdicts"][0][2]);
    assert_eq!(json(&context, &["replay", run], 0)["identical"], 1);
}
