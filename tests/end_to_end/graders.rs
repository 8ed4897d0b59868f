//! Graders of a suite's own: what they may say, what they may keep to themselves, and
//! the one that `plugins/README.md` shows.

use std::fs;
use std::path::{Path, PathBuf};

use lancet_guest_build::{Request, build};

use crate::context::{Context, hostile, judged_by, number, text, workspace};

/// A suite of small manager tasks, each with the verdict that its grader gives: in
/// the first line of the statement, as `dictated-grader` has it.
fn dictated(context: &Context, verdicts: &[&str]) -> PathBuf {
    let suite = context.small_suite("suite");
    for (index, verdict) in verdicts.iter().enumerate() {
        let task = suite.join(format!("tasks/{index:02}"));
        copy(&suite.join("tasks/one"), &task);
        fs::write(task.join("statement.md"), format!("{verdict}\n")).unwrap();
    }
    fs::remove_dir_all(suite.join("tasks/one")).unwrap();
    judged_by(&suite, &hostile("dictated-grader"));
    suite
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_grader_does_not_speak_for_the_host() {
    let context = Context::new();
    let hosts = [
        "invalid disk-full 0",
        "invalid docker-unreachable 0",
        "fail image-missing 0",
        "pass grader-out-of-fuel 1000",
        "invalid grader-timeout 0",
        "pass agent-trap 1000",
        "invalid grader-malformed-result 0",
        "fail submission-too-large 0",
        "pass submission-protected-path 1000",
    ];
    let own = [
        ("pass right-choice 1000", "pass", "right-choice"),
        ("fail no-submission 0", "fail", "no-submission"),
        ("invalid no-report 0", "invalid", "no-report"),
        ("invalid grader-disagrees 0", "invalid", "grader-disagrees"),
        ("fail disk-limit 0", "fail", "disk-limit"),
    ];
    let verdicts: Vec<_> = hosts.into_iter().chain(own.iter().map(|(verdict, ..)| *verdict)).collect();
    let suite = dictated(&context, &verdicts);
    let run = context.lancet(&["run", suite.to_str().unwrap(), "--agent", "last", "--format", "json"]);
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let attempts = context.json(&["show"]);
    let attempts = attempts.as_array().unwrap();
    for (verdict, attempt) in hosts.iter().zip(attempts) {
        assert_eq!(
            (text(attempt, "state"), text(attempt, "reason")),
            ("invalid", "grader-malformed-result"),
            "{verdict}"
        );
    }
    for ((verdict, outcome, reason), attempt) in own.iter().zip(&attempts[hosts.len()..]) {
        assert_eq!((text(attempt, "state"), text(attempt, "reason")), (*outcome, *reason), "{verdict}");
    }
    let explained = context.lancet(&["show", "latest/00/1"]).stdout;
    assert!(explained.contains("`disk-full` is the host's own"), "{explained}");

    // Nobody gets a second roll of the dice, and what was decided is decided again.
    // There are invalid attempts, which the exit status says.
    let digest = || {
        let report = context.lancet(&["report", "--format", "json"]);
        assert_eq!(report.code, Some(5), "{}", report.stderr);
        serde_json::from_str::<serde_json::Value>(&report.stdout).unwrap()["verdicts_digest"].clone()
    };
    let before = digest();
    for _ in 0..2 {
        let resumed = context.lancet(&["resume"]);
        assert!(!resumed.stderr.contains("taken up again"), "{}", resumed.stderr);
    }
    assert_eq!(digest(), before);
    assert_eq!(number(&context.json(&["replay"]), "identical"), verdicts.len() as f64);
    assert_eq!(number(&context.json(&["regrade"]), "changed"), 0.0);
}

#[test]
fn an_old_verdict_with_a_reason_of_the_hosts_is_not_taken_up_again() {
    let context = Context::new();
    let suite = dictated(&context, &["invalid something-else 0"]);
    let run = context.lancet(&["run", suite.to_str().unwrap(), "--agent", "last"]);
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    // As a version recorded it that took a grader at its word.
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    let events =
        || -> i64 { database.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap() };
    let before = events();
    for sql in [
        "UPDATE events SET event = replace(event, 'something-else', 'disk-full')",
        "UPDATE attempts SET reason = 'disk-full'",
    ] {
        assert!(database.execute(sql, []).unwrap() > 0);
    }
    let resumed = context.lancet(&["resume"]);
    assert!(!resumed.stderr.contains("taken up again"), "{}", resumed.stderr);
    assert_eq!(events(), before);
}

#[test]
fn a_key_that_only_the_grader_reads_is_left_out_with_a_word() {
    let context = Context::new();
    let suite = dictated(&context, &["pass well-done 1000\nfail nothing-there 0"; 4]);
    let key = |task: &str| suite.join(format!("tasks/{task}/private/answer-key.json"));
    fs::write(key("00"), "the second one, or the third").unwrap();
    fs::write(key("01"), "{\"correct\": [0, 1]}").unwrap();
    fs::remove_file(key("02")).unwrap();
    // Of the usual form, and no proposal's id: it may mean something else.
    fs::write(key("03"), "{\"correct\": 77}").unwrap();
    let path = suite.to_str().unwrap();

    let report = context.json(&["run", path, "--agent", "first"]);
    assert_eq!(number(&report, "totals/all/pass"), 4.0);
    assert!(report["baselines"].is_null());
    assert_eq!(number(&report, "without_baseline"), 4.0);
    assert!(context.lancet(&["report"]).stdout.contains("4 manager tasks have no baseline"));

    let checked = context.json(&["suite", "check", path]);
    assert_eq!(number(&checked, "without_baseline"), 4.0);
    let words = context.lancet(&["suite", "check", path]);
    assert_eq!(words.code, Some(0), "{}", words.stderr);
    assert!(words.stdout.contains("4 manager tasks have an answer key that only their own grader can read"));
    assert!(words.stderr.contains("77 is no proposal's id"), "{}", words.stderr);

    let controls = context.json(&["suite", "check", path, "--controls"]);
    assert_eq!(number(&controls, "surprises"), 0.0, "{controls:#}");
    assert_eq!(controls["controls"].as_array().unwrap().len(), 4, "nothing handed in is tried");
    let left_out = controls["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 4, "{controls:#}");
    assert!(left_out.iter().all(|line| text(line, "control") == "gold"), "{controls:#}");
    let words = context.lancet(&["suite", "check", path, "--controls"]).stdout;
    assert!(
        words.contains("left out: 00 gold: only the task's own grader can read its answer key"),
        "{words}"
    );

    // A key that can be read counts beside them.
    fs::write(key("01"), "{\"correct\": 0}").unwrap();
    let report = context.json(&["run", path, "--agent", "first"]);
    assert_eq!(number(&report, "baselines/tasks"), 1.0);
    assert_eq!(number(&report, "without_baseline"), 3.0);
    assert_eq!(
        context.json(&["suite", "check", path, "--controls"])["left_out"].as_array().unwrap().len(),
        3
    );
}

#[test]
fn a_built_in_grader_still_needs_its_key() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    fs::write(suite.join("tasks/one/private/answer-key.json"), "the second one").unwrap();
    context.lancet(&["run", suite.to_str().unwrap(), "--agent", "first"]).fails(3, &["answer-key.json"]);
}

/// The grader of `plugins/README.md`, built from what stands there.
fn example() -> Vec<u8> {
    // Beside this package's own, where the built-in guests lie already.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let request = Request::new(workspace(), target).package("lancet-example-grader");
    build(&request).unwrap().remove(0).component
}

#[test]
fn the_example_grader_judges_an_imported_suite_as_the_built_in_one_does() {
    let readme = fs::read_to_string(workspace().join("plugins/README.md")).unwrap();
    let manifest = fs::read_to_string(workspace().join("tests/example/Cargo.toml")).unwrap();
    let shown = readme.split_once("[dependencies]\n").unwrap().1.split_once("\n```").unwrap().0;
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once([' ', '.']));
        lines.map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(names(shown), names(manifest.split_once("[dependencies]\n").unwrap().1), "{readme}");

    let context = Context::new();
    let table = workspace().join("host/swe-lancer/tests/fixtures/current.csv");
    let import = context.lancet(&[
        "suite",
        "import",
        "swe-lancer",
        "--csv",
        table.to_str().unwrap(),
        "--out",
        "suite",
    ]);
    // Rows of the table are meant to have problems; the others are imported.
    assert!(matches!(import.code, Some(0 | 3)), "{}", import.stderr);
    fs::write(context.path("mine.wasm"), example()).unwrap();

    let agents = [
        ("first", &[][..]),
        ("last", &[]),
        ("longest", &[]),
        ("random", &["--seed", "5", "--attempts", "4"]),
        ("noop", &[]),
        ("gold", &["--grant", "answer-key"]),
    ];
    let mut before = Vec::new();
    for (agent, more) in agents {
        let run = ["run", "suite", "--kind", "swe-manager", "--agent", agent];
        let report = context.json(&[&run, more].concat());
        assert!(number(&report, "totals/all/tasks") > 1.0);
        let regraded = context.json(&["regrade", "--grader", "./mine.wasm"]);
        for line in regraded["attempts"].as_array().unwrap() {
            for what in ["outcome", "reason", "earned_cents"] {
                assert_eq!(line[format!("old_{what}")], line[format!("new_{what}")], "{agent}: {line:#}");
            }
        }
        before.push(number(&report, "totals/swe-manager/earned_cents"));
    }
    assert!(before.iter().any(|earned| *earned > 0.0));

    // The same as the suite's own.
    judged_by_mine(&context.path("suite"), &example());
    assert_eq!(context.lancet(&["suite", "check", "suite"]).code, Some(0));
    let controls = context.json(&["suite", "check", "suite", "--controls"]);
    assert_eq!(number(&controls, "surprises"), 0.0, "{controls:#}");
    for ((agent, more), before) in agents.into_iter().zip(before) {
        let run = ["run", "suite", "--kind", "swe-manager", "--agent", agent];
        let report = context.json(&[&run, more].concat());
        assert_eq!(number(&report, "totals/swe-manager/earned_cents"), before, "{agent}");
        assert_eq!(number(&report, "without_baseline"), 0.0);
    }
}

/// As [`judged_by`], for a suite in which not every task has a grader.
fn judged_by_mine(suite: &Path, component: &[u8]) {
    let others = suite.with_file_name("others");
    fs::create_dir_all(&others).unwrap();
    for entry in fs::read_dir(suite.join("tasks")).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(entry.path().join("task.toml")).unwrap();
        if !text.contains("manager-choice") {
            fs::rename(entry.path(), others.join(entry.file_name())).unwrap();
        }
    }
    judged_by(suite, component);
}
