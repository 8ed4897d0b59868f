//! A verdict depends on nothing but its inputs: not on how many attempts are under way,
//! nor on what else the machine does, nor on whether the host was stopped for a while.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lancet_core::Sha256;
use serde_json::Value;

use crate::context::{Context, copy, number, text};

/// Attempts of a run, so that 64 of them can be under way. Agent and grader compute for some
/// hundredths of a second each.
const TASKS: u32 = 64;

/// Seconds that each may compute: less than the time for which all the others, and neighbours
/// on the machine, make it wait.
const LIMIT: &str = "1";

/// Keeps every processor busy, several times over, while `body` is at it.
fn under_load(body: impl FnOnce()) {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(false, Ordering::Relaxed);
        }
    }
    let busy = AtomicBool::new(true);
    let processors = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..2 * processors {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::black_box(());
                }
            });
        }
        let _stop = Stop(&busy);
        body();
    });
}

fn hostile(name: &str) -> Vec<u8> {
    lancet_hostile::component(lancet_hostile::case(name).unwrap())
}

/// A suite whose grader computes, and an agent that does.
fn computing(context: &Context) -> String {
    let suite = context.small_suite("suite");
    let grader = hostile("computes-grader");
    fs::create_dir(suite.join("graders")).unwrap();
    fs::write(suite.join("graders/mine.wasm"), &grader).unwrap();
    let task = suite.join("tasks/one/task.toml");
    let named = format!("file = \"graders/mine.wasm\"\ndigest = \"{}\"", Sha256::of(&grader));
    let toml = fs::read_to_string(&task).unwrap().replace("plugin = \"manager-choice\"", &named);
    fs::write(&task, toml).unwrap();
    for number in 0..TASKS {
        copy(&suite.join("tasks/one"), &suite.join(format!("tasks/evil-short-{number:02}")));
    }
    fs::remove_dir_all(suite.join("tasks/one")).unwrap();
    fs::write(context.path("agent.wasm"), hostile("computes-agent")).unwrap();
    suite.to_str().unwrap().to_owned()
}

/// What the attempts of the last run came to, without what differs from run to run.
fn came_to(context: &Context) -> Vec<[Value; 3]> {
    let shown = context.json(&["show", "latest"]);
    let attempts = shown.as_array().unwrap();
    assert_eq!(attempts.len(), TASKS as usize);
    let field = |attempt: &Value, name: &str| attempt[name].clone();
    attempts.iter().map(|a| ["state", "reason", "verdict_digest"].map(|name| field(a, name))).collect()
}

#[test]
fn no_number_of_jobs_no_load_and_no_stop_makes_a_verdict_another() {
    let context = Context::new();
    let suite = computing(&context);
    let run = ["run", &suite, "--agent", "./agent.wasm", "--agent-timeout", LIMIT, "--grader-timeout", LIMIT];
    let with_jobs = |jobs| [&run[..], &["--jobs", jobs, "--format", "json"]].concat();
    let mut alone = None;
    under_load(|| {
        for jobs in ["1", "2", "16", "64", "256"] {
            let outcome = context.lancet(&with_jobs(jobs));
            assert_eq!(outcome.code, Some(0), "--jobs {jobs}: {}", outcome.stderr);
            let seen = came_to(&context);
            assert!(
                seen.iter().all(|[state, reason, _]| state == "fail" && reason == "ordinary"),
                "{seen:?}"
            );
            assert_eq!(alone.get_or_insert_with(|| seen.clone()), &seen, "--jobs {jobs}");
        }
        for jobs in ["2", "256"] {
            let replay = context.json(&["replay", "latest", "--jobs", jobs]);
            assert_eq!(number(&replay, "identical"), f64::from(TASKS), "--jobs {jobs}: {replay:#}");
        }
        let regrade = context.json(&["regrade", "latest", "--jobs", "64"]);
        assert_eq!(number(&regrade, "changed"), 0.0, "{regrade:#}");
    });

    // Stopped in the middle, for longer than anybody may compute.
    let mut child =
        context.command(&with_jobs("64")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let signal = |name: &str| {
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    };
    std::thread::sleep(Duration::from_millis(700));
    signal("-STOP");
    std::thread::sleep(Duration::from_millis(3_000));
    signal("-CONT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(alone, Some(came_to(&context)));
}

#[test]
fn an_agent_that_computes_for_too_long_fails_and_replays() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    copy(&suite.join("tasks/one"), &suite.join("tasks/evil-one"));
    fs::write(context.path("agent.wasm"), hostile("sleep-agent")).unwrap();
    let report = context.json(&[
        "run",
        suite.to_str().unwrap(),
        "--agent",
        "./agent.wasm",
        "--grant",
        "wasi-inert",
        "--agent-timeout",
        "3",
    ]);
    assert_eq!((number(&report, "totals/all/fail"), number(&report, "totals/all/invalid")), (2.0, 0.0));
    let shown = context.json(&["show", "latest"]);
    let slept = shown.as_array().unwrap().iter().find(|a| text(a, "attempt").contains("evil")).unwrap();
    assert_eq!((text(slept, "state"), text(slept, "reason")), ("fail", "agent-timeout"));
    assert_eq!(number(&context.json(&["replay", "latest"]), "identical"), 2.0);
    // No grader was asked, and none is.
    let regrade = context.json(&["regrade", "latest"]);
    assert_eq!((number(&regrade, "regraded"), number(&regrade, "not_regraded")), (1.0, 1.0));
}
