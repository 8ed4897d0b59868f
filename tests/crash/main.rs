//! Killed at any point, a run goes on: the same totals, nothing twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

#[path = "../campaign/disk.rs"]
mod disk;
#[path = "../model_server/mod.rs"]
mod model_server;
#[path = "../campaign/scale.rs"]
mod scale;
#[path = "../campaign/unprivileged.rs"]
mod unprivileged;

mod models;
mod power;

use scale::scaled;

/// How many times a host is killed at a random point, in the whole campaign.
const KILLS: usize = 200;
const TASKS: usize = 24;

struct Host {
    folder: TempDir,
    store: PathBuf,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        suite(&folder.path().join("suite"));
        let store = folder.path().join("store");
        Self { folder, store }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lancet"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("LANCET_STORE", self.store())
            .env("LANCET_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn store(&self) -> &Path {
        &self.store
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut command = self.command(&[arguments, &["--format", "json"]].concat());
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn has_run(&self) -> bool {
        self.store().join("lancet.db").exists()
            && self
                .command(&["runs", "--format", "csv"])
                .stdout(Stdio::piped())
                .output()
                .is_ok_and(|o| o.status.success() && String::from_utf8_lossy(&o.stdout).lines().count() > 1)
    }
}

const RUN: [&str; 7] = ["run", "suite", "--agent", "random", "--jobs", "2", "--seed=11"];

fn suite(folder: &Path) {
    let write = |path: PathBuf, text: &str| fs::write(path, text).unwrap();
    fs::create_dir_all(folder).unwrap();
    write(folder.join("suite.toml"), "name = \"crash\"\n");
    for number in 0..TASKS {
        let task = folder.join(format!("tasks/task-{number:02}"));
        fs::create_dir_all(task.join("proposals")).unwrap();
        fs::create_dir_all(task.join("private")).unwrap();
        let mut text = String::from(
            "title = \"A task\"\nkind = \"swe-manager\"\nprice-cents = 25000\n\n[grader]\nplugin = \"manager-choice\"\n",
        );
        for id in 0..3 {
            text.push_str(&format!("\n[[proposals]]\nid = {id}\nfile = \"proposals/{id}.md\"\n"));
            write(task.join(format!("proposals/{id}.md")), "Do this.\n");
        }
        write(task.join("task.toml"), &text);
        write(task.join("statement.md"), "Something is wrong.\n");
        write(task.join("private/answer-key.json"), &format!("{{\"correct\": {}}}\n", number % 3));
    }
}

/// What an undisturbed run comes to.
fn undisturbed() -> (Value, Duration) {
    let host = Host::new();
    host.json(&RUN); // compiles
    let started = Instant::now();
    let report = host.json(&RUN);
    (report, started.elapsed())
}

/// The same totals, every attempt decided once, and a replay that agrees.
fn assert_same(host: &Host, expected: &Value, when: &str) {
    let report = host.json(&["report"]);
    assert_eq!(report["verdicts_digest"], expected["verdicts_digest"], "{when}");
    assert_eq!(report["complete"], true, "{when}");
    for field in ["tasks", "attempts", "pass", "fail", "invalid", "pending", "earned_cents"] {
        assert_eq!(report["totals"]["all"][field], expected["totals"]["all"][field], "{when}: {field}");
    }
    let database = rusqlite::Connection::open(host.store().join("lancet.db")).unwrap();
    let count = |pattern: &str| -> i64 {
        database
            .query_row("SELECT count(*) FROM events WHERE event LIKE ?1", [pattern], |row| row.get(0))
            .unwrap()
    };
    let tasks = i64::try_from(TASKS).unwrap();
    for event in ["solved", "graded", "decided"] {
        assert_eq!(count(&format!("{{\"event\":\"{event}\"%")), tasks, "{when}: {event}");
    }
    assert_eq!(count("{\"event\":\"began\"%"), 2 * tasks, "{when}: began");
    assert_eq!(host.json(&["replay"])["identical"], TASKS, "{when}");
}

/// A small generator, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn killed_at_random_points_a_run_goes_on() {
    let (expected, length) = undisturbed();
    let length = u64::try_from(length.as_micros()).unwrap();
    let mut random = Random(2026);
    let (mut kills, mut rounds, mut before, mut after) = (0, 0, 0, 0);
    while kills < scaled(KILLS) {
        let host = Host::new();
        rounds += 1;
        // Up to six kills in a row, each somewhere in what is left to do.
        for _ in 0..6 {
            let resuming = host.has_run();
            let arguments: &[&str] = if resuming { &["resume"] } else { &RUN };
            let mut child = host.command(arguments).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(random.below(length)));
            let was_running = child.try_wait().unwrap().is_none();
            child.kill().unwrap();
            child.wait().unwrap();
            if !was_running {
                after += 1;
                break;
            }
            kills += 1;
            before += usize::from(!host.has_run());
        }
        if host.has_run() {
            host.json(&["resume"]);
        } else {
            host.json(&RUN);
        }
        assert_same(&host, &expected, &format!("round {rounds}, {kills} kills"));
    }
    println!(
        "{kills} kills in {rounds} runs, {before} before anything was recorded; {after} ended before the kill"
    );
}

#[test]
fn killed_at_every_named_point_a_run_goes_on() {
    let (expected, _) = undisturbed();
    let own =
        ["attempt-solved", "attempt-submitted", "attempt-graded", "attempt-decided", "run-before-finish"];
    let points = lancet_store::FAILPOINTS.iter().map(|(name, _)| *name).chain(own);
    for point in points {
        for count in [1, 2, 7] {
            let host = Host::new();
            let status = host
                .command(&RUN)
                .env(lancet_store::FAILPOINT_VARIABLE, format!("{point}:{count}"))
                .status()
                .unwrap();
            let when = format!("{point}:{count}");
            // Some points are not passed that often.
            assert!(!status.success() || count > 1, "{when} was never passed");
            if host.has_run() {
                // Once more at the same point, while going on.
                let mut command = host.command(&["resume"]);
                command.env(lancet_store::FAILPOINT_VARIABLE, &when).status().unwrap();
                host.json(&["resume"]);
            } else {
                host.json(&RUN);
            }
            assert_same(&host, &expected, &when);
        }
    }
}

#[test]
fn a_signal_stops_between_attempts_and_resume_goes_on() {
    let (expected, length) = undisturbed();
    let mut stopped = 0;
    for part in 1..=8 {
        let host = Host::new();
        let mut child = host.command(&RUN).spawn().unwrap();
        std::thread::sleep(length * part / 10);
        let id = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        let status = child.wait().unwrap();
        // Before its handlers are there the signal kills it, which loses nothing.
        assert!(matches!(status.code(), Some(0 | 130) | None), "{status}");
        stopped += usize::from(status.code() == Some(130));
        if host.has_run() {
            host.json(&["resume"]);
        } else {
            host.json(&RUN);
        }
        assert_same(&host, &expected, &format!("stopped at {part} tenths"));
    }
    println!("{stopped} of 8 runs were stopped between attempts");
}

#[test]
fn two_processes_do_not_execute_one_run() {
    let host = Host::new();
    let status =
        host.command(&RUN).env(lancet_store::FAILPOINT_VARIABLE, "attempt-decided:3").status().unwrap();
    assert!(!status.success());
    let mut children: Vec<_> = (0..3).map(|_| host.command(&["resume"]).spawn().unwrap()).collect();
    let codes: Vec<_> = children.iter_mut().map(|child| child.wait().unwrap().code()).collect();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 7))), "{codes:?}");
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert_same(&host, &undisturbed().0, "three at a time");
}
