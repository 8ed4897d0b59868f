//! Predictions that would be misread are refused before anything runs.

use std::fs;

use crate::context::{Context, workspace};

const PATCH: &str = r#"diff --git a/src/value b/src/value\n--- a/src/value\n+++ b/src/value\n@@ -1,3 +1,3 @@\n a\n-wrong\n+right\n b\n"#;

#[test]
fn what_would_be_misread_is_refused_by_line_and_key() {
    let context = Context::new();
    let suite = workspace().join("tests/suites/lab");
    let good =
        format!(r#"{{"instance_id": "outside", "model_name_or_path": "m", "model_patch": "{PATCH}"}}"#);
    let top = good.replace("outside", "at-the-top");
    for (file, predictions, fragments) in [
        (
            "p.jsonl",
            format!("{good}\n{}\n", top.replace("model_patch", "prediction")),
            &["line 2", "`model_patch` is missing", "`prediction`"][..],
        ),
        (
            "p.jsonl",
            top.replace("model_name_or_path", "model"),
            &["line 1", "`model_name_or_path` is missing"],
        ),
        (
            "p.jsonl",
            top.replacen('{', r#"{"model_patch": null, "#, 1),
            &["line 1", "the key `model_patch` is there twice"],
        ),
        (
            "p.json",
            format!("{{\"at-the-top\": {top},\n\"at-the-top\": {good}}}"),
            &["the key `at-the-top` is there twice", "line 2"],
        ),
        (
            "p.json",
            format!("{{\"outside\": {top},\n\"at-the-top\": {good}}}"),
            &["prediction `outside`: its `instance_id` is `at-the-top`", "line 1"],
        ),
        ("p.json", format!("[{good},\n{good}]"), &["prediction 2", "`outside` has two predictions"]),
        (
            "p.json",
            format!("[{},\n{top}]", good.replace("\"m\"", "7")),
            &["prediction 1", "`model_name_or_path`", "line 1"],
        ),
        ("p.jsonl", good.replace("outside", "\\u001b[31m"), &["no task `\\u{1b}[31m`", "p.jsonl`, line 1"]),
        // The first in the file, whatever comes first by its name.
        (
            "p.jsonl",
            format!("{good}\n{}\n{}", good.replace("outside", "zzz"), good.replace("outside", "aaa")),
            &["p.jsonl`, line 2", "no task `zzz`"],
        ),
        (
            "p.json",
            format!(
                "{{\"zzz\": {}, \"aaa\": {}}}",
                good.replace("outside", "zzz"),
                good.replace("outside", "aaa")
            ),
            &["p.json`, prediction `zzz`", "no task `zzz`"],
        ),
    ] {
        let path = context.path(file);
        fs::write(&path, predictions).unwrap();
        let outcome =
            context.lancet(&["grade", suite.to_str().unwrap(), "--predictions", path.to_str().unwrap()]);
        assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
        outcome.fails(2, fragments);
    }
    assert!(!context.path("store").exists());
}
