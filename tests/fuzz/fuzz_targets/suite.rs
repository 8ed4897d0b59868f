//! Any bytes as a suite's files: it loads, or every problem is named. The input
//! is `suite.toml`, `task.toml` and the answer key, separated by NUL; a part that
//! is empty or missing stays as it is in a valid suite.

#![no_main]

use std::fs;

use lancet_suite::{Suite, baselines, select};
use libfuzzer_sys::fuzz_target;

const SUITE: &[u8] = b"name = \"fuzz\"\n";
const TASK: &[u8] = br#"title = "t"
kind = "swe-manager"
price-cents = 100

[grader]
plugin = "manager-choice"

[[proposals]]
id = 0
file = "proposals/0.md"
"#;
const KEY: &[u8] = b"{\"correct\": 0}";

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let mut part = |valid: &'static [u8]| match parts.next() {
        Some(bytes) if !bytes.is_empty() => bytes.to_vec(),
        _ => valid.to_vec(),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = folder.path().join("tasks/t");
    fs::create_dir_all(task.join("proposals")).expect("a folder");
    fs::create_dir_all(task.join("private")).expect("a folder");
    for (path, bytes) in [
        (folder.path().join("suite.toml"), part(SUITE)),
        (task.join("task.toml"), part(TASK)),
        (task.join("private/answer-key.json"), part(KEY)),
        (task.join("proposals/0.md"), b"p".to_vec()),
        (task.join("statement.md"), b"s".to_vec()),
    ] {
        fs::write(path, bytes).expect("a file");
    }
    match Suite::open(folder.path()) {
        Ok(suite) => {
            let _ = baselines(suite.tasks());
            let _ = select(&suite, None, &[suite.name().to_owned()]);
            let _ = suite.shared_issues();
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            let _ = (error.to_string(), error.hint());
        }
    }
});
