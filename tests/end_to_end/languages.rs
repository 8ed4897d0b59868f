//! One grader in Rust, Python and JavaScript on recorded attempts of individual contributors'
//! tasks; and the grader that pays in parts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lancet_guest_build::{Request, build};
use serde_json::{Value, json};

use crate::context::{Context, copy, text, workspace};
use crate::guests::{JAVASCRIPT_GRADER, PYTHON_GRADER};

/// A guest in Rust that is built from an example of `tests/example`.
fn in_rust(name: &str) -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let request = Request::new(workspace(), target).examples("lancet-example-grader", [name]);
    build(&request).unwrap().remove(0).component
}

/// What a grader comes to on fixtures, but for the time that it took.
fn tested(context: &Context, grader: &str, fixtures: &Path, isolation: &str) -> Vec<Value> {
    let fixtures = fixtures.to_str().unwrap();
    let test = ["plugin", "test", grader, "--fixtures", fixtures, "--isolation", isolation];
    let tested = context.json(&test);
    let mut lines = tested["fixtures"].as_array().unwrap().clone();
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("microseconds").unwrap();
    }
    lines
}

/// Runs of IC tasks in `tests/fixtures/recorded`: of patches that pass, judged by both built-in
/// graders, and of commands after which they fail.
const RECORDED: [&str; 2] = ["20261126-021917-26b7d0", "20261126-021939-0e06bc"];

/// What a grader in a jailed process comes to on attempts whose whole journals are there.
fn regraded(context: &Context, grader: &str) -> Vec<Value> {
    let mut attempts = Vec::new();
    for run in RECORDED {
        // Some languages import WASI.
        let regrade = ["regrade", run, "--grader", grader, "--grant", "grader:wasi-inert"];
        let regraded = context.json(&[&regrade[..], &["--isolation", "process"]].concat());
        attempts.extend(regraded["attempts"].as_array().unwrap().iter().cloned());
    }
    for attempt in &attempts {
        for what in ["outcome", "reason", "earned_cents"] {
            assert_eq!(attempt[format!("old_{what}")], attempt[format!("new_{what}")], "{attempt:#}");
        }
    }
    attempts
}

#[test]
fn recorded_attempts_are_judged_the_same_in_three_languages() {
    let context = Context::new();
    let fixtures = workspace().join("tests/fixtures/attempts");
    copy(&workspace().join("tests/fixtures/recorded/store"), &context.path("store"));
    let graders = [
        ("rust", in_rust("lancet-guest-judge")),
        ("python", PYTHON_GRADER.component()),
        ("javascript", JAVASCRIPT_GRADER.component()),
    ];
    let (mut all, mut again) = (Vec::new(), Vec::new());
    for (language, component) in graders {
        fs::write(context.path("judge.wasm"), component).unwrap();
        again.push(regraded(&context, "./judge.wasm"));
        let jailed = tested(&context, "./judge.wasm", &fixtures, "process");
        // To the last unit of fuel and byte of memory, as a replay would compare it.
        assert_eq!(jailed, tested(&context, "./judge.wasm", &fixtures, "in-process"), "{language}");
        assert_eq!(jailed, tested(&context, "./judge.wasm", &fixtures, "process"), "{language}");
        all.push(jailed);
    }
    // As they were judged when they were recorded, which is what a fixture expects.
    assert_eq!(
        all[0].iter().map(|line| &line["found"]).collect::<Vec<_>>(),
        all[0].iter().map(|line| &line["expected"]).collect::<Vec<_>>(),
    );
    let said = |lines: &[Value]| -> Vec<Value> {
        lines.iter().map(|line| json!([line["fixture"], line["found"], line["explanation"]])).collect()
    };
    for other in &all[1..] {
        assert_eq!(said(&all[0]), said(other));
    }
    assert_eq!(again[0].len(), 4, "{again:#?}");
    assert!(again.iter().all(|other| *other == again[0]), "{again:#?}");
    let verdicts: BTreeSet<_> = all[0].iter().map(|line| text(line, "found")).collect();
    println!("{} attempts: {verdicts:?}", all[0].len());
    assert!(all[0].len() >= 6 && verdicts.len() >= 3, "{verdicts:?}");
}

/// What stands in a chapter between such a fence and its end.
fn fenced(chapter: &str, fence: &str) -> String {
    let (_, rest) = chapter.split_once(&format!("```{fence}\n")).unwrap_or_else(|| panic!("no {fence}"));
    rest.split_once("```").unwrap().0.to_owned()
}

/// The grader in C of `docs/grader.md` is the one that its commands were followed with, and what
/// they made of it is checked, tested, and pays as the built-in one.
#[test]
fn the_grader_in_c_pays_as_the_built_in_one() {
    let context = Context::new();
    let kept = workspace().join("tests/fixtures/c-grader");
    let guide = fs::read_to_string(workspace().join("docs/grader.md")).unwrap();
    let (_, guide) = guide.split_once("\n## In another language\n").unwrap();
    for (fence, file) in [("c", "right-choice.c"), ("toml", "plugin.toml")] {
        let built = fs::read_to_string(kept.join(file)).unwrap();
        assert_eq!(fenced(guide, fence), built, "build it again: tests/fixtures/c-grader/README.md");
    }
    fs::copy(kept.join("right-choice.wasm"), context.path("right-choice.wasm")).unwrap();
    let package = fs::read(context.path("right-choice.wasm")).unwrap();
    let packed = lancet_package::text(&package).unwrap().unwrap();
    assert_eq!(packed, fs::read_to_string(kept.join("plugin.toml")).unwrap(), "pack it again");
    let fixtures = workspace().join("plugins/examples/rust/grader/fixtures");
    let given =
        ["./right-choice.wasm", "--fixtures", fixtures.to_str().unwrap(), "--isolation", "in-process"];
    let checked = context.json(&[&["plugin", "check"], &given[..]].concat());
    assert_eq!(checked["findings"], json!([]), "{checked:#}");
    let lines = tested(&context, "./right-choice.wasm", &fixtures, "process");
    assert_eq!(lines.len(), 2);
    let run = context.run_sample("random", &["--seed", "7"]);
    let again = context.json(&["regrade", "latest", "--grader", "./right-choice.wasm"]);
    assert_eq!((&again["outcome_changed"], &again["invalid"]), (&json!(0), &json!(0)), "{again:#}");
    assert_eq!(again["regraded"], run["totals"]["all"]["tasks"], "{again:#}");
}

/// A run of a plan of which that is so: whether its test passes.
fn ran(passes: bool) -> Value {
    let (exit, status) = if passes { (0, "passed") } else { (1, "failed") };
    json!([{"end": {"exited": exit}, "cases": [{"id": "t::a", "status": status}]}])
}

/// A fixture of a task with three parts: which of them pass, and what that has to come to.
fn in_parts(runs: [Value; 3], submission: &str, expect: &Value) -> Value {
    let parts = runs.into_iter().enumerate();
    let mut plans: Vec<_> = parts
        .map(|(n, runs)| json!({"name": format!("part-{n}"), "required": ["t::a"], "runs": runs}))
        .collect();
    // A plan that is no part is not run: the fixture has no run of it.
    plans.push(json!({"name": "lint", "required": ["t::a"]}));
    json!({
        "fixture": 1, "contract": "0.1.0", "role": "grader", "task": {"id": "parts", "kind": "ic-swe"},
        "submission": submission, "diff": {"text": "+x\n"}, "tests": plans, "expect": expect,
    })
}

/// The grader of `plugins/README.md` that pays for each part, on its own.
#[test]
fn the_example_pays_for_the_parts_that_pass() {
    let context = Context::new();
    fs::write(context.path("parts.wasm"), in_rust("lancet-example-parts")).unwrap();
    let pass = |reason: &str, score: u32| json!({"outcome": "pass", "reason": reason, "score": score});
    let not = |outcome: &str, reason: &str| json!({"outcome": outcome, "reason": reason, "score": 0});
    let broken = json!([{"end": {"exited": 0}, "cases": []}]);
    let fixtures = [
        ("all", in_parts([ran(true), ran(true), ran(true)], "work-tree", &pass("all-parts", 1000))),
        ("some", in_parts([ran(true), ran(false), ran(true)], "work-tree", &pass("some-parts", 666))),
        ("one", in_parts([ran(false), ran(false), ran(true)], "work-tree", &pass("some-parts", 333))),
        ("none", in_parts([ran(false), ran(false), ran(false)], "work-tree", &not("fail", "no-part"))),
        // A run that shows nothing of the test is no pass.
        ("unseen", in_parts([ran(true), broken, ran(true)], "work-tree", &pass("some-parts", 666))),
        ("nothing", in_parts([ran(true), ran(true), ran(true)], "nothing", &not("fail", "no-submission"))),
    ];
    fs::create_dir(context.path("fixtures")).unwrap();
    for (name, fixture) in fixtures {
        fs::write(context.path(&format!("fixtures/{name}.json")), fixture.to_string()).unwrap();
    }
    let lines = tested(&context, "./parts.wasm", &context.path("fixtures"), "process");
    assert_eq!(lines.len(), 6);
    // Each part is a call: of whoever handed in nothing, none is run.
    for line in &lines {
        let ran = if line["fixture"] == "nothing" { 2 } else { 5 };
        assert_eq!(line["calls"], ran, "{line:#}");
    }
}
