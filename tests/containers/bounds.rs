//! What can be handed in can be given: a patch may be as large as a submission.

use std::fmt::Write as _;
use std::fs;

use crate::context::{Context, number, text};
use crate::suites::{self, json, lancet};

const MIB: usize = 1 << 20;

/// The gold patch of a task of `lab`, and new files beside it: so many bytes in all.
fn patch(bytes: usize) -> String {
    const LINE: &str = "+a line of sixty-four bytes, which stands for nothing in particular";
    // Below the limit on one file.
    const LINES: usize = 12 * MIB / LINE.len();
    let mut patch = fs::read_to_string(suites::lab().join("tasks/at-the-top/private/gold.patch")).unwrap();
    let mut left = (bytes - patch.len()) / (LINE.len() + 1);
    for file in 0.. {
        let lines = left.min(LINES);
        if lines == 0 {
            break;
        }
        let name = format!("large/{file}.txt");
        write!(patch, "diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n")
            .unwrap();
        writeln!(patch, "@@ -0,0 +1,{lines} @@").unwrap();
        for _ in 0..lines {
            patch.push_str(LINE);
            patch.push('\n');
        }
        left -= lines;
    }
    patch
}

#[test]
fn a_patch_may_be_as_large_as_what_may_be_handed_in() {
    let context = Context::new();
    let suite = suites::lab().to_str().unwrap();
    let given = context.path("large.patch");
    let given_text = given.to_str().unwrap();
    let grade = ["grade", suite, "--patch", given_text, "--task", "at-the-top"];
    for bytes in [3 * MIB / 2, 40 * MIB] {
        fs::write(&given, patch(bytes)).unwrap();
        let report = json(&context, &grade, 0);
        assert_eq!(number(&report, "totals/all/pass"), 1.0, "{bytes} bytes: {report:#}");
    }
    // It is no part of the journal, and replayed from it.
    let replay = json(&context, &["replay", "latest"], 0);
    assert_eq!(number(&replay, "identical"), 1.0);
    let attempt = text(&replay, "attempts/0/attempt").to_owned();
    let (code, stdout, stderr) = lancet(&context, &["show", &attempt, "--format", "json"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("workspace-apply-input") && stdout.len() < 100_000, "{} bytes", stdout.len());

    fs::write(&given, "x".repeat(64 * MIB + 1)).unwrap();
    let before = json(&context, &["runs"], 0);
    let (code, _, stderr) = lancet(&context, &grade);
    assert_eq!(code, Some(2), "{stderr}");
    for named in ["the task `at-the-top`", "67108865 bytes", "67108864 (64 MiB)"] {
        assert!(stderr.contains(named), "`{named}` is missing in:\n{stderr}");
    }
    assert_eq!(json(&context, &["runs"], 0), before, "a run was begun");
}
