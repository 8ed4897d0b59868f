//! Patches come to the same wherever they are applied: with git, patch(1), both and neither
//! in the image, in a work tree at the top of a repository, below it and outside of any.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::context::{Context, text};
use crate::scale::scaled;
use crate::suites::{self, copy_folder, json, lancet};

/// What the images have: stages of the image `tools` of `lab`.
const IMAGES: [&str; 4] = ["tools", "only-git", "only-patch", "neither"];

/// How the work tree lies to a repository, and where.
const TREES: [(&str, &str); 3] =
    [("top", "/srv/top"), ("below", "/srv/single/app"), ("outside", "/srv/outside")];

/// The form of `git format-patch`.
const MAILED: &str = "as-git-mails-it";

/// What has to be there of its parts.
const ALL_OF_THE_MAIL: &str = "[ ! -e img.bin ] && [ -x src/img.bin ] && [ -x src/run ] && [ ! -x src/last ] && \
    [ \"$(cat src/last; echo .)\" = x. ] && [ \"$(od -An -tx1 src/img.bin src/new.bin)\" = ' 00 01 00 02 00 03' ]";

/// A form of patch, and the one result that it has everywhere. The test of each task
/// wants `src/value` right, `src/extra` to hold `x` if it is there, no `extra`, and no CR.
const FORMS: [(&str, &str, &str); 8] = [
    // A mail, whose parts are a rename that makes a file executable, one without a newline at its
    // end, one that is binary, and one that is executable.
    (MAILED, include_str!("format-patch.patch"), "pass tests-passed"),
    (
        "without-prefixes",
        "diff --git src/extra src/extra\nnew file mode 100644\n--- /dev/null\n+++ src/extra\n@@ -0,0 +1 @@\n+x\n\
         diff --git src/value src/value\n--- src/value\n+++ src/value\n@@ -1,3 +1,3 @@\n a\n-wrong\n+right\n b\n",
        "pass tests-passed",
    ),
    (
        "with-cr-lf",
        "diff --git a/src/extra b/src/extra\r\nnew file mode 100755\r\n--- /dev/null\r\n+++ b/src/extra\r\n\
         @@ -0,0 +1 @@\r\n+x\r\n--- a/src/value\r\n+++ b/src/value\r\n@@ -1,3 +1,3 @@\r\n a\r\n-wrong\r\n+right\r\n b\r\n",
        "pass tests-passed",
    ),
    (
        "with-fuzz",
        "--- a/src/value\t2024-01-01\n+++ b/src/value\t2024-01-02\n@@ -7,3 +7,3 @@\n other\n-wrong\n+right\n b\n",
        "pass tests-passed",
    ),
    (
        "binary-without-contents",
        "diff --git a/src/value b/src/value\n--- a/src/value\n+++ b/src/value\n@@ -1,3 +1,3 @@\n a\n-wrong\n+right\n b\n\
         diff --git a/img.bin b/img.bin\nindex 1234567..89abcde 100644\nBinary files a/img.bin and b/img.bin differ\n",
        "fail patch-does-not-apply: line 11: a binary file whose contents the patch does not hold",
    ),
    (
        "half-of-it",
        "--- a/src/value\n+++ b/src/value\n@@ -1,3 +1,3 @@\n a\n-wrong\n+right\n b\n\
         --- a/locked/value\n+++ b/locked/value\n@@ -1 +1 @@\n-nothing like it\n+b\n",
        "fail patch-does-not-apply: line 10: the hunk does not apply: line 1 of `locked/value` is `a`",
    ),
    (
        "what-cannot-be-written",
        "--- a/src/value\n+++ b/src/value\n@@ -1,3 +1,3 @@\n a\n-wrong\n+right\n b\n\
         --- a/locked/value\n+++ b/locked/value\n@@ -1 +1 @@\n-a\n+b\n",
        "fail patch-does-not-apply: `locked/value` cannot be written",
    ),
    ("nothing", "", "fail no-patch: no patch was given for this task"),
];

/// A form, an image and a tree, by their places in the tables.
type Row = (usize, usize, usize);

/// The rows that are tried: all of them in a whole campaign. Otherwise every form in every
/// image, every form in every tree, and every tree in every image.
fn rows() -> Vec<Row> {
    let all = (0..FORMS.len()).flat_map(|form| (0..IMAGES.len()).map(move |image| (form, image)));
    let all = all.flat_map(|(form, image)| (0..TREES.len()).map(move |tree| (form, image, tree)));
    let is_whole = scaled(100) >= 100;
    all.filter(|(form, image, tree)| is_whole || (form + image) % TREES.len() == *tree).collect()
}

fn task_of((form, image, tree): Row) -> String {
    format!("{}-{}-{}", FORMS[form].0, IMAGES[image], TREES[tree].0)
}

/// A suite of one task for each row.
fn make_suite(made: &Path, rows: &[Row]) {
    let source = suites::lab();
    copy_folder(source, made);
    fs::copy(source.join("images.lock"), made.join("images.lock")).unwrap();
    fs::remove_dir_all(made.join("tasks")).unwrap();
    let toml = fs::read_to_string(made.join("suite.toml")).unwrap();
    let (mut toml, _) =
        toml.split_once("[environments.").map(|(images, rest)| (images.to_owned(), rest)).unwrap();
    for image in &IMAGES[1..] {
        toml += &format!("[images.{image}]\nbuild = \"images/tools\"\ntarget = \"{image}\"\n\n");
    }
    for image in IMAGES {
        for (name, tree) in TREES {
            toml += &format!(
                "[environments.{image}-{name}]\nimage = \"{image}\"\nwork-tree = \"{tree}\"\n\n\
                 [environments.{image}-{name}.resources]\ncpus = 0.5\nmemory-mib = 256\npids = 64\ndisk-mib = 256\n\n"
            );
        }
    }
    fs::write(made.join("suite.toml"), toml).unwrap();
    for row in rows {
        let ((name, tree), image) = (TREES[row.2], IMAGES[row.1]);
        let task = made.join("tasks").join(task_of(*row));
        copy_folder(&source.join("tasks/at-the-top"), &task);
        let file = task.join("task.toml");
        let toml = fs::read_to_string(&file).unwrap();
        let environment = format!("environment = \"{image}-{name}\"");
        fs::write(&file, toml.replace("environment = \"top\"", &environment)).unwrap();
        let good = format!(
            "grep -qx right {tree}/src/value && [ ! -e {tree}/extra ] && ! grep -q \"$(printf '\\r')\" {tree}/src/*\n\
             good=$?\n[ ! -e {tree}/src/extra ] || grep -qx x {tree}/src/extra || good=1\n\
             ( {whole} ) || good=1\n\
             failure='<failure/>' status=1\n[ $good -ne 0 ] || failure='' status=0\n",
            whole = if FORMS[row.0].0 == MAILED {
                format!("cd {tree} && {ALL_OF_THE_MAIL}")
            } else {
                ":".to_owned()
            }
        );
        let report = "echo \"<testsuites><testsuite name=\\\"lab\\\"><testcase classname=\\\"lab\\\" name=\\\"value\\\">\
                      $failure</testcase></testsuite></testsuites>\" > /lancet/results/junit.xml\nexit $status\n";
        fs::write(task.join("private/tests/run.sh"), good + report).unwrap();
    }
    suites::pin(made);
}

/// The explanation of an attempt's verdict, by its journal.
fn explanation(context: &Context, attempt: &str) -> String {
    let journal = json(context, &["show", attempt], 0);
    let decided = journal.as_array().unwrap().iter().find(|line| line["event"] == "decided").unwrap();
    decided["record"]["verdict"]["explanation"].as_str().unwrap().to_owned()
}

#[test]
fn come_to_the_same_everywhere() {
    let context = Context::new();
    let made = context.path("lab");
    let rows = rows();
    make_suite(&made, &rows);
    let mut predictions = String::new();
    for row in &rows {
        let patch = FORMS[row.0].1;
        let patch = if patch.is_empty() { Value::Null } else { patch.into() };
        let id = task_of(*row);
        let line =
            serde_json::json!({"instance_id": id, "model_patch": patch, "model_name_or_path": "m\u{1b}[31m"});
        predictions += &format!("{line}\n");
    }
    let file = context.path("p.jsonl");
    fs::write(&file, predictions).unwrap();
    let arguments = ["grade", made.to_str().unwrap(), "--predictions", file.to_str().unwrap(), "--jobs", "2"];
    let report = json(&context, &arguments, 0);
    let lines = json(&context, &["show", "latest"], 0);
    let found: BTreeMap<String, String> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let attempt = text(line, "attempt");
            let mut result = format!("{} {}", text(line, "state"), text(line, "reason"));
            if matches!(text(line, "reason"), "patch-does-not-apply" | "no-patch") {
                result += &format!(
                    ": {}",
                    explanation(&context, attempt).replace("the patch does not apply: ", "")
                );
            }
            (attempt.split('/').nth(1).unwrap().to_owned(), result)
        })
        .collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let ((form, _, expected), image, (_, tree)) = (FORMS[row.0], IMAGES[row.1], TREES[row.2]);
        let result = &found[&task_of(*row)];
        println!("{form:25} {image:10} {tree:15} {result}");
        if !result.starts_with(expected) {
            wrong.push(format!("{form} in {image}, {tree}: {result}; expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{report:#}", wrong.join("\n"));
    // The reasons come out of every view, and are the same when it is decided again.
    let (code, csv, stderr) = lancet(&context, &["show", "latest", "--format", "csv"]);
    assert_eq!(code, Some(0), "{stderr}");
    let (_, table, _) = lancet(&context, &["show", "latest"]);
    for view in [&csv, &table] {
        assert!(view.contains("no-patch") && view.contains("patch-does-not-apply"), "{view}");
        assert!(!view.contains('\u{1b}'), "{view}");
    }
    let replayed = json(&context, &["replay", "latest"], 0);
    assert_eq!(replayed["identical"], rows.len(), "{replayed:#}");
    let regraded = json(&context, &["regrade", "latest"], 0);
    assert_eq!(regraded["changed"], 0, "{regraded:#}");
    assert_eq!(regraded["regraded"], rows.len(), "{regraded:#}");
}
