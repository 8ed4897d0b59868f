//! Gold answers pass; nothing, an unchanged tree and a random change fail.

use std::fs;
use std::path::Path;

use crate::context::{Context, number, text};
use crate::scale::scaled;
use crate::suites::{self, json, left_behind};

/// Runs the controls of a suite, and asserts that there is no surprise.
#[track_caller]
pub(crate) fn hold(suite: &Path, rounds: u32, jobs: u32) {
    hold_of(suite, rounds, jobs, &[]);
}

/// Runs the controls of some tasks of a suite, or of all when none is named.
#[track_caller]
fn hold_of(suite: &Path, rounds: u32, jobs: u32, tasks: &[String]) {
    let context = Context::new();
    let (rounds, jobs) = (rounds.to_string(), jobs.to_string());
    let suite = suite.to_str().unwrap();
    let mut check = vec!["suite", "check", suite, "--controls", "--rounds", &rounds, "--jobs", &jobs];
    check.extend(tasks.iter().flat_map(|task| ["--task", task]));
    let checked = json(&context, &check, 0);
    assert_eq!(number(&checked, "surprises"), 0.0, "{checked:#}");
    for coverage in checked["coverage"].as_array().unwrap() {
        assert_eq!(coverage["undetected"], serde_json::json!([]), "{checked:#}");
    }
    for run in checked["runs"].as_array().unwrap() {
        assert_eq!(left_behind(run.as_str().unwrap()), Vec::<String>::new());
    }
    let of = |control: &str| {
        checked["controls"].as_array().unwrap().iter().filter(|line| text(line, "control") == control).count()
    };
    assert!(
        of("gold") > 0
            && of("gold") == of("noop")
            && of("noop") == of("empty")
            && of("empty") == of("random")
    );
}

/// Runs the controls of as many tasks as `LANCET_TEST_SCALE` gives, spread over the suite, and of
/// each of them as many cases.
#[track_caller]
pub(crate) fn hold_of_a_share(suite: &Path, jobs: u32) {
    let context = Context::new();
    let copy = context.path("suite");
    suites::copy_folder(suite, &copy);
    fs::copy(suite.join("images.lock"), copy.join("images.lock")).unwrap();
    let suite = copy.as_path();
    let mut tasks: Vec<String> = fs::read_dir(suite.join("tasks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    tasks.sort();
    let share = scaled(tasks.len());
    let chosen: Vec<String> = (0..share).map(|n| tasks[n * tasks.len() / share].clone()).collect();
    for task in &chosen {
        keep_a_share_of_cases(&suite.join("tasks").join(task).join("cases"));
    }
    hold_of(suite, 1, jobs, &chosen);
}

/// Removes the cases of a task that are not tried this time.
fn keep_a_share_of_cases(cases: &Path) {
    let Ok(entries) = fs::read_dir(cases) else { return };
    let mut files: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let names: Vec<&str> = files.iter().filter_map(|file| file.strip_suffix(".toml")).collect();
    let share = scaled(names.len());
    let kept: Vec<&str> = (0..share).map(|n| names[n * names.len() / share]).collect();
    for file in &files {
        let name = file.rsplit_once('.').map_or(file.as_str(), |(name, _)| name);
        if !kept.contains(&name) {
            fs::remove_file(cases.join(file)).unwrap();
        }
    }
}

/// From an empty folder to tests that tell right from wrong.
#[test]
fn of_a_suite_that_was_just_begun_hold() {
    let context = Context::new();
    let (code, _, stderr) = suites::lancet(&context, &["suite", "new", "begun", "--kind", "ic-swe"]);
    assert_eq!(code, Some(0), "{stderr}");
    suites::pin(&context.path("begun"));
    let check = ["suite", "check", "begun", "--controls", "--jobs", "2"];
    let checked = json(&context, &check, 0);
    assert_eq!(number(&checked, "surprises"), 0.0, "{checked:#}");
    assert_eq!(checked["cases"].as_array().unwrap().len(), 3, "{checked:#}");
    let coverage = &checked["coverage"][0];
    assert_eq!((number(coverage, "wrong"), number(coverage, "required")), (2.0, 3.0), "{checked:#}");
    for missing in ["undetected", "never_failed"] {
        assert_eq!(coverage[missing], serde_json::json!([]), "{checked:#}");
    }
}

#[test]
fn of_expensify_common_hold() {
    hold_of_a_share(suites::expensify_common(), 2);
}

#[test]
fn of_web_chat_hold() {
    hold_of_a_share(suites::web_chat(), 1);
}

#[test]
fn a_gold_patch_that_does_not_apply_says_why() {
    // In order by all that can be told without its tree.
    let context = Context::new();
    let suite = context.path("lab");
    suites::copy_folder(suites::lab(), &suite);
    fs::copy(suites::lab().join("images.lock"), suite.join("images.lock")).unwrap();
    let gold = suite.join("tasks/at-the-top/private/gold.patch");
    let patch = fs::read_to_string(&gold).unwrap();
    fs::write(gold, patch.replace("-wrong\n", "-something else\n")).unwrap();
    let path = suite.to_str().unwrap();
    json(&context, &["suite", "check", path], 0);
    let checked = json(&context, &["suite", "check", path, "--controls", "--task", "at-the-top"], 3);
    let gold = checked["controls"].as_array().unwrap().iter().find(|l| text(l, "control") == "gold").unwrap();
    assert_eq!(number(gold, "as_expected"), 0.0, "{gold:#}");
    let cause = gold["causes"].as_object().unwrap().values().next().expect("a cause");
    assert!(text(cause, "why").contains("src/value"), "{gold:#}");
    // The others hold.
    assert_eq!(number(&checked, "surprises"), 1.0, "{checked:#}");
    let table = suites::lancet(&context, &["suite", "check", path, "--controls", "--task", "at-the-top"]).1;
    assert!(table.contains("src/value") && table.contains("lancet show"), "{table}");
}

/// A gold answer passes all cases of a test with parameters, beside it and apart from it.
#[test]
fn of_parametrized_hold() {
    hold(suites::parametrized(), 1, 2);
}
