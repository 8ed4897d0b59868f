//! What is wrong with an engine, an image or a submission has a reason code of its
//! own and a hint, and is never a pass.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use lancet_core::Sha256;
use serde_json::{Value, json as object};

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
    let output = command(&context, &arguments)
        .args(["--docker-patience", "1"])
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .output()
        .unwrap();
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
        ("argv = [\"sh\", \"-c\", \"echo no pytest here; exit 7\"]", "no-report"),
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
        if argv.contains("no pytest here") {
            let (_, shown, _) = lancet(&context, &["show", text(&line, "attempt")]);
            assert!(shown.contains("invalid no-report, exit status 7"), "{shown}");
            assert!(shown.contains("\n  | no pytest here\n"), "{shown}");
        }
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

/// A copy of `lab` with the one task `at-the-top`.
fn small(context: &Context) -> PathBuf {
    let suite = context.path("lab");
    copy_folder(suites::lab(), &suite);
    fs::copy(suites::lab().join("images.lock"), suite.join("images.lock")).unwrap();
    for entry in fs::read_dir(suite.join("tasks")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "at-the-top" {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    suite
}

/// What an attempt's journal says of why it is what it is.
fn explanation(context: &Context, line: &Value) -> String {
    let journal = json(context, &["show", text(line, "attempt")], 0);
    let decided = journal.as_array().unwrap().iter().rev().find(|event| event["event"] == "decided").unwrap();
    text(decided, "record/verdict/explanation").to_owned()
}

/// Answers like an engine that speaks no newer API than this one, and does nothing else.
fn engine_of_api(version: &'static str, socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.extend(byte);
            }
            let asked = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            let (status, body) = if asked.contains("/version") {
                let body = object!({ "Version": "19.03.15", "ApiVersion": version, "MinAPIVersion": "1.12", "Os": "linux" });
                ("200 OK", body)
            } else {
                ("404 Not Found", object!({ "message": format!("not asked of this engine: {asked}") }))
            };
            let body = body.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
}

#[test]
fn an_engine_that_is_too_old_is_invalid_and_decided_by_a_newer_one() {
    let context = Context::new();
    let suite = small(&context);
    let socket = context.path("old.sock");
    engine_of_api("1.40", &socket);
    fs::write(context.path("script"), "true\n").unwrap();
    let run = ["run", suite.to_str().unwrap(), "--agent", "script", "--input", "script"];
    let output =
        command(&context, &run).env("DOCKER_HOST", format!("unix://{}", socket.display())).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(INVALID), "{errors}");
    let line = json(&context, &["show", "latest"], 0)[0].clone();
    assert_eq!((text(&line, "state"), text(&line, "reason")), ("invalid", "docker-too-old"));
    let why = explanation(&context, &line);
    assert!(why.contains("1.40") && why.contains("1.41"), "{why}");

    json(&context, &["resume", "latest"], 0);
    let line = json(&context, &["show", "latest"], 0)[0].clone();
    assert_eq!((text(&line, "state"), text(&line, "reason")), ("fail", "tests-failed"));
    assert_eq!(json(&context, &["replay", "latest"], 0)["identical"], 1);
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Has the engine load an image with nothing in it, for a processor that no test runs on,
/// and gives its id.
fn foreign_image(context: &Context) -> String {
    let folder = context.path("foreign");
    fs::create_dir_all(folder.join("empty")).unwrap();
    done(Command::new("tar").current_dir(&folder).args(["-cf", "layer.tar", "-C", "empty", "."]));
    let layer = Sha256::of(&fs::read(folder.join("layer.tar")).unwrap());
    let config = object!({
        "architecture": "s390x",
        "os": "linux",
        "config": { "Cmd": ["sleep"] },
        "rootfs": { "type": "layers", "diff_ids": [layer.to_string()] },
    })
    .to_string();
    let manifest = object!([{ "Config": "config.json", "RepoTags": null, "Layers": ["layer.tar"] }]);
    fs::write(folder.join("config.json"), &config).unwrap();
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let parts = ["-cf", "image.tar", "config.json", "manifest.json", "layer.tar"];
    done(Command::new("tar").current_dir(&folder).args(parts));
    let loaded = done(Command::new("docker").current_dir(&folder).args(["load", "--input", "image.tar"]));
    let said = String::from_utf8(loaded.stdout).unwrap();
    let id = said.trim().strip_prefix("Loaded image ID: ").unwrap_or_else(|| panic!("{said}"));
    id.to_owned()
}

#[test]
fn an_image_for_another_platform_is_invalid() {
    let context = Context::new();
    let suite = small(&context);
    let image = foreign_image(&context);
    edit(&suite.join("images.lock"), |text| {
        let lines = text.lines().map(|line| {
            if line.starts_with("reference") { format!("reference = \"{image}\"") } else { line.to_owned() }
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    let line = attempt(&context, &suite, "true\n", INVALID);
    done(Command::new("docker").args(["image", "rm", &image]));
    assert_eq!((text(&line, "state"), text(&line, "reason")), ("invalid", "image-platform"));
    let why = explanation(&context, &line);
    assert!(why.contains("linux/s390x"), "{why}");
}
