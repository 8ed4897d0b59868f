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
            &["graders/mine.wasm", "it is agent, expected grader"],
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
