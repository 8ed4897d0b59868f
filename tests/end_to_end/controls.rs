//! What `suite check` says without running anything, and what its controls prove.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::context::{Context, Outcome, hostile, judged_by, number, text, workspace};
use crate::graders::copy;

/// A suite of one manager task whose verdicts its statement dictates.
fn dictated(context: &Context, statement: &str) -> PathBuf {
    let suite = context.small_suite("suite");
    fs::write(suite.join("tasks/one/statement.md"), statement).unwrap();
    judged_by(&suite, &hostile("dictated-grader"));
    suite
}

fn controls(context: &Context, suite: &str) -> (Outcome, Value) {
    let outcome = context.lancet(&["suite", "check", suite, "--controls", "--format", "json"]);
    let json = serde_json::from_str(&outcome.stdout).unwrap_or(Value::Null);
    (outcome, json)
}

#[test]
fn a_gold_answer_has_to_earn_the_whole_price() {
    for (statement, code, surprise) in [
        ("pass all-right 1000\nfail nothing-there 0", 0, None),
        ("pass half-right 500\nfail nothing-there 0", 3, Some("pass half-right for 500 of 1000")),
        ("pass nearly-right 999\nfail nothing-there 0", 3, Some("pass nearly-right for 999 of 1000")),
        ("fail all-wrong 0\nfail nothing-there 0", 3, Some("fail all-wrong")),
        ("invalid no-idea 0\nfail nothing-there 0", 3, Some("invalid no-idea")),
    ] {
        let context = Context::new();
        let suite = dictated(&context, statement);
        let suite = suite.to_str().unwrap();
        let (outcome, json) = controls(&context, suite);
        assert_eq!(outcome.code, Some(code), "{statement}: {}", outcome.stderr);
        let gold = json["controls"].as_array().unwrap().iter().find(|l| l["control"] == "gold").unwrap();
        let Some(surprise) = surprise else {
            assert_eq!(number(gold, "as_expected"), 1.0);
            continue;
        };
        assert_eq!(number(gold, "as_expected"), 0.0, "{statement}");
        assert_eq!(gold["surprises"][surprise], 1, "{gold:#}");
        assert_eq!(gold["causes"][surprise]["why"], "as dictated", "{gold:#}");
        let table = context.lancet(&["suite", "check", suite, "--controls"]).stdout;
        let attempt = text(&gold["causes"][surprise], "attempt").rsplit_once('/').unwrap().0.to_owned();
        let task = attempt.rsplit_once('/').unwrap().1;
        assert!(table.contains(&format!("{task} gold: {surprise}: as dictated (`lancet show ")), "{table}");
    }
}

#[test]
fn nothing_handed_in_has_to_fail_and_not_to_be_undecided() {
    let context = Context::new();
    let suite = dictated(&context, "pass all-right 1000\ninvalid no-idea 0");
    let (outcome, json) = controls(&context, suite.to_str().unwrap());
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert_eq!(number(&json, "surprises"), 1.0, "{json:#}");
    // A pass of nothing is the grader's mistake, and the host says so.
    let context = Context::new();
    let suite = dictated(&context, "pass all-right 1000\npass whatever 1000");
    let (outcome, json) = controls(&context, suite.to_str().unwrap());
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let noop = json["controls"].as_array().unwrap().iter().find(|l| l["control"] == "noop").unwrap();
    let cause = &noop["causes"]["invalid grader-malformed-result"];
    assert!(text(cause, "why").contains("nothing was handed in"), "{noop:#}");
}

#[test]
fn a_suite_of_which_nothing_can_be_tried_has_not_been_tried() {
    let context = Context::new();
    let suite = context.path("suite");
    let task = suite.join("tasks/one");
    fs::create_dir_all(&task).unwrap();
    fs::write(suite.join("suite.toml"), "name = \"bare\"\n").unwrap();
    fs::write(task.join("task.toml"), "title = \"One\"\nkind = \"ic-swe\"\nprice-cents = 100\n").unwrap();
    fs::write(task.join("statement.md"), "It is broken.\n").unwrap();
    let (outcome, json) = controls(&context, suite.to_str().unwrap());
    outcome.fails(3, &["no control", "could be tried"]);
    assert_eq!(json["left_out"][0]["control"], "all", "{json:#}");
}

#[test]
fn a_grader_that_no_run_would_load_is_found_by_check_and_by_run() {
    let next: &[&str] = &["graders/mine.wasm", "serves version 0.1.0"];
    let cases: [(&str, Vec<u8>, &[&str]); 9] = [
        (
            "core module",
            wat::parse_str("(module)").unwrap(),
            &["graders/mine.wasm", "core module", "wasm-tools component new"],
        ),
        ("text", b"hello".to_vec(), &["graders/mine.wasm", "not WebAssembly"]),
        (
            "an agent",
            lancet_hostile::ordinary(lancet_core::Role::Agent),
            &["graders/mine.wasm", "its role is `agent`, expected `grader`"],
        ),
        ("dice", hostile("imports-random-grader"), &["graders/mine.wasm", "nobody can grant `random`"]),
        ("shell", hostile("imports-shell-grader"), &["graders/mine.wasm", "nobody can grant `shell`"]),
        ("sockets", hostile("imports-sockets-grader"), &["graders/mine.wasm", "inert profile"]),
        (
            "backdoor",
            hostile("imports-backdoor-grader"),
            &["graders/mine.wasm", "no interface of the contract"],
        ),
        ("other types", hostile("exports-other-types-grader"), &["graders/mine.wasm", "fit the contract"]),
        ("next version", hostile("imports-next-version-grader"), next),
    ];
    for (name, component, fragments) in cases {
        let context = Context::new();
        let suite = context.small_suite("suite");
        judged_by(&suite, &component);
        let suite = suite.to_str().unwrap();
        for more in [&[][..], &["--controls"]] {
            let checked = context.lancet(&[&["suite", "check", suite], more].concat());
            checked.fails(3, fragments);
            assert!(!checked.stdout.contains("in order"), "{name}");
        }
        context.lancet(&["run", suite, "--agent", "first"]).fails(4, fragments);
        assert!(!context.path("store").exists(), "{name}: something was recorded");
    }
}

#[test]
fn a_grader_that_an_operator_has_to_grant_something_is_in_order_and_told_of() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    judged_by(&suite, &hostile("dice-grader"));
    let suite = suite.to_str().unwrap();
    let checked = context.lancet(&["suite", "check", suite]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stderr.contains("--grant grader:wasi-inert"), "{}", checked.stderr);
    context.lancet(&["suite", "check", suite, "--controls"]).fails(4, &["--grant grader:wasi-inert"]);
    // It fails everything, gold answers too, but it is run.
    let granted = context.lancet(&["suite", "check", suite, "--controls", "--grant", "wasi-inert"]);
    assert_eq!(granted.code, Some(3), "{}", granted.stderr);
    assert!(granted.stdout.contains("fail ordinary"), "{}", granted.stdout);
}

#[test]
fn every_bad_grader_and_gold_patch_is_named_at_once() {
    let context = Context::new();
    let suite = context.path("lab");
    copy(&workspace().join("tests/suites/lab"), &suite);
    let path = suite.to_str().unwrap();
    let whole = context.lancet(&["suite", "check", path]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert!(whole.stdout.contains("gold patches were read"), "{}", whole.stdout);

    let gold = |task: &str| suite.join(format!("tasks/{task}/private/gold.patch"));
    let good = fs::read_to_string(gold("outside")).unwrap();
    fs::write(gold("outside"), "").unwrap();
    context
        .lancet(&["suite", "check", path])
        .fails(3, &["tasks/outside/private/gold.patch", "empty", "hint"]);
    fs::write(gold("slow"), good.replace("@@ -1,3 +1,3 @@", "@@ -1,9 +1,9 @@")).unwrap();
    fs::write(gold("at-the-top"), "diff --git a/x b/x\nBinary files a/x and b/x differ\n").unwrap();
    fs::write(gold("below-the-top"), b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\xff\n+b\n").unwrap();
    context.lancet(&["suite", "check", path]).fails(
        3,
        &[
            "4 to mend",
            "tasks/outside/private/gold.patch: line 1: the patch is empty",
            "tasks/slow/private/gold.patch: line 9: the hunk of line 4 is cut off",
            "tasks/at-the-top/private/gold.patch: line 2: a binary file whose contents the patch does not hold",
            "tasks/below-the-top/private/gold.patch",
        ],
    );
}

/// A suite of one manager task, with a case for each of its proposals.
fn with_cases(context: &Context) -> PathBuf {
    let suite = context.small_suite("suite");
    let cases = suite.join("tasks/one/cases");
    fs::create_dir_all(&cases).unwrap();
    fs::write(
        cases.join("wrong.toml"),
        "choice = 0\nexpect = \"fail wrong-choice\"\nabout = \"Mends nothing\"\n",
    )
    .unwrap();
    fs::write(cases.join("unknown.toml"), "choice = 9\nexpect = \"fail unknown-proposal\"\n").unwrap();
    fs::write(cases.join("right.toml"), "choice = 1\nexpect = \"pass right-choice\"\n").unwrap();
    suite
}

#[test]
fn cases_are_tried_and_have_to_come_to_what_they_declare() {
    let context = Context::new();
    let suite = with_cases(&context);
    let path = suite.to_str().unwrap();
    let (outcome, json) = controls(&context, path);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let cases = json["cases"].as_array().unwrap();
    let shown: Vec<_> = cases
        .iter()
        .map(|case| (text(case, "case"), text(case, "expected"), number(case, "as_expected")))
        .collect();
    assert_eq!(
        shown,
        [
            ("right", "pass right-choice", 1.0),
            ("unknown", "fail unknown-proposal", 1.0),
            ("wrong", "fail wrong-choice", 1.0)
        ]
    );
    assert_eq!(json["coverage"][0]["wrong"], 2, "{json:#}");
    assert_eq!(json["coverage"][0]["undetected"], serde_json::json!([]), "{json:#}");
    assert_eq!(json["runs"].as_array().unwrap().len(), 5, "{json:#}");
    let digest = |json: &Value| text(json, "cases_digest").to_owned();
    let (first, of_suite) = (digest(&json), text(&json, "digest").to_owned());

    // Each that goes otherwise is told of with its cause; the digest says that others were tried.
    for (case, declared, found) in [
        ("wrong", "choice = 0\nexpect = \"fail no-submission\"\n", "fail wrong-choice"),
        ("wrong", "choice = 1\nexpect = \"fail wrong-choice\"\n", "pass right-choice"),
        ("right", "choice = 1\nexpect = \"pass right-choice\"\nscore = 500\n", "pass right-choice"),
        ("right", "choice = 0\nexpect = \"pass right-choice\"\n", "fail wrong-choice"),
    ] {
        let suite = with_cases(&context);
        fs::write(suite.join(format!("tasks/one/cases/{case}.toml")), declared).unwrap();
        let (outcome, json) = controls(&context, path);
        assert_eq!(outcome.code, Some(3), "{declared}: {}", outcome.stderr);
        assert_eq!(number(&json, "surprises"), 1.0, "{json:#}");
        let line = json["cases"].as_array().unwrap().iter().find(|line| line["case"] == case).unwrap();
        assert_eq!(line["surprises"][found], 1, "{line:#}");
        assert_ne!(digest(&json), first);
        assert_eq!(text(&json, "digest"), of_suite);
        let passes = declared.contains("choice = 1") && declared.contains("fail");
        let undetected = if passes { serde_json::json!(["wrong"]) } else { serde_json::json!([]) };
        assert_eq!(json["coverage"][0]["undetected"], undetected, "{json:#}");
    }
    with_cases(&context);
    fs::write(suite.join("tasks/one/cases/wrong.toml"), "choice = 1\nexpect = \"fail wrong-choice\"\n")
        .unwrap();
    let table = context.lancet(&["suite", "check", path, "--controls", "--rounds", "2"]).stdout;
    for words in [
        "cases/wrong",
        "2x pass right-choice",
        "one: 1 of 2 wrong submissions is told from the right one",
        "cases/wrong: it is judged as the right one",
        "2 controls and 3 cases of",
        "2 surprises",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    // Those that were not asked for are not tried.
    context.lancet(&["suite", "check", path, "--controls", "--task", "two"]).fails(2, &["`two`"]);
}

#[test]
fn what_is_said_of_a_case_is_shown_to_nobody() {
    let context = Context::new();
    let suite = with_cases(&context);
    let path = suite.to_str().unwrap();
    let about = "a remark that stands in a case and nowhere else";
    fs::write(
        suite.join("tasks/one/cases/wrong.toml"),
        format!("choice = 0\nexpect = \"fail wrong-choice\"\nabout = \"{about}\"\n"),
    )
    .unwrap();
    let (outcome, _) = controls(&context, path);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(context.lancet(&["run", path, "--agent", "first"]).code, Some(0));
    // Whatever agents were given, or a run keeps, is in the store.
    let mut folders = vec![context.path("store")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            files += 1;
            let bytes = fs::read(entry.path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(about), "{}", entry.path().display());
        }
    }
    assert!(files > 5, "{files}");
}

#[test]
fn a_bad_case_is_named_before_anything_runs() {
    let context = Context::new();
    let suite = with_cases(&context);
    let path = suite.to_str().unwrap();
    fs::write(suite.join("tasks/one/cases/wrong.toml"), "choice = 0\nexpect = \"fail\"\n").unwrap();
    for more in [&[][..], &["--controls"]] {
        context.lancet(&[&["suite", "check", path], more].concat()).fails(
            3,
            &[
                "tasks/one/cases/wrong.toml: `expect`: expected `pass REASON` or `fail REASON`, found `fail`",
                "hint: such as `fail tests-failed`",
            ],
        );
    }
    assert!(!context.path("store").exists());
    // A patch that no tree takes can come to one verdict only.
    let lab = context.path("lab");
    copy(&workspace().join("tests/suites/lab"), &lab);
    let cases = lab.join("tasks/outside/cases");
    fs::create_dir_all(&cases).unwrap();
    fs::write(cases.join("half.patch"), "--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n-a\n+b\n").unwrap();
    let case = |expect: &str| {
        fs::write(cases.join("half.toml"), format!("patch = \"half.patch\"\nexpect = \"{expect}\"\n"))
            .unwrap();
    };
    case("fail tests-failed");
    let lab = lab.to_str().unwrap();
    context.lancet(&["suite", "check", lab]).fails(
        3,
        &[
            "tasks/outside/cases/half.patch: line",
            "cannot come to `fail tests-failed`",
            "patch-does-not-apply",
        ],
    );
    case("fail patch-does-not-apply");
    assert_eq!(context.lancet(&["suite", "check", lab]).code, Some(0));
}

#[test]
fn check_says_what_it_found_beside_the_tasks() {
    let context = Context::new();
    let suite = with_cases(&context);
    let path = suite.to_str().unwrap();
    for file in [".git/HEAD", ".github/workflows/check.yml", ".gitignore", "README.md", "LICENSE"] {
        let file = suite.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "…").unwrap();
    }
    let checked = context.lancet(&["suite", "check", path]).stdout;
    for words in [
        "let be, and no part of the digest: .git, .github, .gitignore, LICENSE, README.md",
        "3 cases, ",
        "grader `manager-choice`, ",
        "judges 1 task, and imports log, submission, answer-key",
    ] {
        assert!(checked.contains(words), "{words}: {checked}");
    }
    assert!(!checked.contains("not pinned"), "{checked}");

    // Images that are not pinned, or have changed since.
    let lab = context.path("lab");
    copy(&workspace().join("tests/suites/lab"), &lab);
    let path = lab.to_str().unwrap();
    let check = || context.lancet(&["suite", "check", path]);
    assert!(check().stdout.contains("not pinned, so that no task can be run in them: `plain`, `tools`"));
    let stale =
        format!("[images.plain]\nsource = \"{0}\"\nreference = \"{0}\"\n", lancet_core::Sha256::of(b""));
    fs::write(lab.join("images.lock"), stale).unwrap();
    let outcome = check();
    assert!(outcome.stdout.contains("`plain` (changed since it was), `tools`;"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("`lancet suite pin "), "{}", outcome.stdout);
    fs::write(lab.join("images.lock"), "[images.plain]\nsource = 3\n").unwrap();
    check().fails(3, &["images.lock: `images.plain.source`", "expected text"]);
}

#[test]
fn a_suite_is_begun_and_is_in_order() {
    let context = Context::new();
    for (kind, more) in [("swe-manager", &["--controls"][..]), ("ic-swe", &[])] {
        let begun = context.lancet(&["suite", "new", kind, "--kind", kind]);
        assert_eq!(begun.code, Some(0), "{}", begun.stderr);
        assert!(begun.stdout.contains(&format!("lancet suite check {kind} --controls")), "{}", begun.stdout);
        let checked = context.lancet(&[&["suite", "check", kind], more].concat());
        assert_eq!(
            (checked.code, checked.stderr.contains("warning")),
            (Some(0), false),
            "{}",
            checked.stderr
        );
        let again = context.lancet(&["suite", "new", kind, "--kind", "ic-swe"]);
        again.fails(2, &["cannot make the suite folder", "choose another name"]);
    }
    context
        .lancet(&["suite", "new", "a b", "--kind", "ic-swe"])
        .fails(2, &["no name for a suite", "letters"]);
    context.lancet(&["suite", "new", "deep/er", "--kind", "ic-swe"]).fails(1, &["make the folder"]);
    context.lancet(&["suite", "new", "other"]).fails(2, &["--kind"]);
}
