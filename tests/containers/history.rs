//! A repository around the work tree, whose later commit is the fix.

use std::fs;

use crate::context::{Context, number, text};
use crate::suites::{self, json, left_behind};

/// Looks for the fix where there was one: by git, and by the files of a repository.
const SCRIPT: &str = "git -c safe.directory='*' log --oneline --all | cat
git -c safe.directory='*' show HEAD:app/src/value
git -c safe.directory='*' --git-dir=/srv/mono/.git log --all -p
cd /srv/mono && git -c safe.directory='*' log --all -p
find /srv/mono/.git -type f
echo that is all
";

#[test]
fn of_a_repository_around_the_work_tree_is_not_shown() {
    let suite = suites::lab();
    let task = "below-the-top";
    let context = Context::new();
    let script = context.path("script");
    fs::write(&script, SCRIPT).unwrap();
    let run = ["run", suite.to_str().unwrap(), "--task", task, "--agent", "script", "--input"];
    json(&context, &[&run[..], &[script.to_str().unwrap()]].concat(), 0);
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!(text(&shown, "0/reason"), "tests-failed");
    let journal = json(&context, &["show", text(&shown, "0/attempt")], 0);
    let output = journal.as_array().unwrap().iter().find_map(|event| event.pointer("/call/response/output"));
    let output = output.unwrap_or_else(|| panic!("{journal}"));
    assert_eq!(text(output, "stdout/text"), "that is all\n");
    assert!(!text(output, "stderr/text").contains("right"), "{output}");
    assert_eq!(number(&json(&context, &["replay", "latest"], 0), "identical"), 1.0);

    // The tests go without it too, and a right answer passes.
    let gold = suite.join("tasks").join(task).join("private/gold.patch");
    let grade = ["grade", suite.to_str().unwrap(), "--task", task, "--patch", gold.to_str().unwrap()];
    json(&context, &grade, 0);
    let shown = json(&context, &["show", "latest"], 0);
    assert_eq!(text(&shown, "0/state"), "pass", "{shown}");
    for run in json(&context, &["runs"], 0).as_array().unwrap() {
        assert_eq!(left_behind(text(run, "run")), Vec::<String>::new());
    }
}
