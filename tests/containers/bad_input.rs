//! What is wrong with an engine, an image or a submission has a reason code of its
//! own and a hint, and is never a pass.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::context::{Context, text};
use crate::suites::{self, command, copy_folder, json, lancet};

/// A copy of the pinned suite with one task, in the test's folder.
fn one_task(context: &Context, name: &str) -> PathBuf {
    let source = suites::expensify_common();
    let suite = context.path(name);
    copy_folder(source, &suite);
    fs::copy(source.join("images.lock"), suite.join("images.lock")).unwrap();
    let mut tasks: Vec<_> =
        fs::read_dir(suite.join("tasks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    tasks.sort();
    for task in &tasks[1..] {
        fs::remove_dir_all(task).unwrap();
    }
    suite
}

fn edit(path: &Path, change: impl Fn(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "nothing to change in {}", path.display());
    fs::write(path, changed).unwrap();
}

fn task_toml(suite: &Path) -> PathBuf {
    fs::read_dir(suite.join("tasks")).unwrap().next().unwrap().unwrap().path().join("task.toml")
}

/// Runs a script as the agent, and gives the attempt's line.
fn attempt(context: &Context, suite: &Path, script: &str, code: i32) -> Value {
    let input = context.path("script");
    fs::write(&input, script).unwrap();
    let arguments = ["run", suite.to_str().unwrap(), "--agent", "script", "--input", input.to_str().unwrap()];
    json(context, &arguments, code);
    json(context, &["show", "latest"], 0)[0].clone()
}

const INVALID: i32 = 5;

#[test]
fn no_engine_is_invalid_and_decided_later() {
    let context = Context::new();
    let suite = one_task(&context, "suite");
    let input = context.path("script");
    fs::write(&input, "true\n").unwrap();
    let arguments = ["run", suite.to_str().unwrap(), "--agent", "script", "--input", input.to_str().unwrap()];
    let output =
        command(&context, &arguments).env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap();
    assert_eq!(output.status.code(), Some(INVALID), "{}", String::from_utf8_lossy(&output.stderr));
    let line = json(&context, &["show", "latest"], 0)[0].clone();
    assert_eq!((text(&line, "state"), text(&line, "reason")), ("invalid", "docker-unreachable"));
    // With the engine it is decided, and what was invalid stays in the journal.
    json(&context, &["resume", "latest"], 0);
    let line = json(&context, &["show", "latest"], 0)[0].clone();
    assert_eq!((text(&line, "state"), text(&line, "reason")), ("fail", "tests-failed"));
    let attempt = text(&line, "attempt").to_owned();
    let (_, journal, _) = lancet(&context, &["show", &attempt]);
    assert!(journal.contains("reopened") && journal.contains("docker-unreachable"), "{journal}");
    let replayed = json(&context, &["replay", "latest"], 0);
    assert_eq!(replayed["identical"], 1);
}

#[test]
fn a_missing_image_is_invalid_and_decided_later() {
    let context = Context::new();
    let suite = one_task(&context, "suite");
    let lock = suite.join("images.lock");
    let good = fs::read_to_string(&lock).unwrap();
    let nothing = format!("sha256:{}", "0".repeat(64));
    edit(&lock, |text| {
        text.lines()
            .map(|line| {
                if line.starts_with("reference") {
                    format!("reference = \"{nothing}\"")
                } else {
                    line.to_owned()
                }
            })
            .collect::<Vec<_>>()
            .join("\n")
    });
    let line = attempt(&context, &suite, "true\n", INVALID);
    assert_eq!((text(&line, "state"), text(&line, "reason")), ("invalid", "image-missing"));
    fs::write(&lock, good).unwrap();
}

#[test]
fn a_work_tree_that_is_not_there_is_invalid() {
    let context = Context::new();
    let suite = one_task(&context, "suite");
    edit(&suite.join("suite.toml"), |text| {
        text.replace("work-tree = \"/srv/expensify-common\"", "work-tree = \"/srv/nowhere\"")
    });
    let line = attempt(&context, &suite, "true\n", INVALID);
    assert_eq!((text(&line, "state"), text(&line, "reason")), ("invalid", "work-tree-missing"));
}

#[test]
fn no_report_a_malformed_one_and_unknown_tests_are_invalid() {
    for (argv, reason) in [
        ("argv = [\"true\"]", "no-report"),
        (
            "argv = [\"sh\", \"-c\", \"echo '<testsuites' > /lancet/results/junit.xml; exit 1\"]",
            "malformed-report",
        ),
        (
            "argv = [\"sh\", \"-c\", \"head -c 20000000 /dev/zero > /lancet/results/junit.xml; exit 1\"]",
            "report-too-large",
        ),
        (
            "argv = [\"sh\", \"-c\", \"echo '<testsuite><testcase classname=\\\"x\\\" name=\\\"y\\\"/></testsuite>' > /lancet/results/junit.xml; exit 1\"]",
            "unknown-tests",
        ),
        ("argv = [\"sh\", \"-c\", \"exit 7\"]", "no-report"),
    ] {
        let context = Context::new();
        let suite = one_task(&context, "suite");
        edit(&task_toml(&suite), |text| {
            text.lines()
                .map(|line| if line.starts_with("argv") { argv.to_owned() } else { line.to_owned() })
                .collect::<Vec<_>>()
                .join("\n")
        });
        let line = attempt(&context, &suite, "true\n", INVALID);
        assert_eq!((text(&line, "state"), text(&line, "reason")), ("invalid", reason), "{argv}");
    }
}

#[test]
fn a_submission_over_its_limits_fails() {
    for (script, reason) in [
        ("for i in $(seq 1 100); do head -c 10485760 /dev/zero > big$i; done", "submission-too-large"),
        ("mkdir many; cd many; seq 1 100000 | xargs touch", "submission-too-many-files"),
        ("ln -s /etc/passwd link", "submission-not-a-regular-file"),
        ("mkfifo pipe", "submission-not-a-regular-file"),
        ("touch \"$(printf 'bad\\001name')\"", "submission-bad-path"),
    ] {
        let context = Context::new();
        let suite = one_task(&context, "suite");
        // Otherwise the container's own limit would end it before it is handed in.
        edit(&suite.join("suite.toml"), |text| text.replace("disk-mib = 256", "disk-mib = 4096"));
        let line = attempt(&context, &suite, script, 0);
        assert_eq!((text(&line, "state"), text(&line, "reason")), ("fail", reason), "{script}");
    }
}

#[test]
fn a_suite_that_is_not_pinned_says_how() {
    let context = Context::new();
    let suite = one_task(&context, "suite");
    fs::remove_file(suite.join("images.lock")).unwrap();
    let (code, _, stderr) = lancet(&context, &["run", suite.to_str().unwrap(), "--agent", "noop"]);
    assert_eq!(code, Some(3));
    assert!(stderr.contains("suite pin"), "{stderr}");
}
