//! Any bytes as a suite's files: it loads, or every problem is named. The input
//! is `suite.toml`, `task.toml`, the answer key and `images.lock`, separated by
//! lines `%%`; a part that is empty or missing stays as it is in a valid suite. Its first
//! byte says whether the task is an individual contributor's (`i`), or a manager's.
//! Whatever the files say, containers of a task get nothing that is the host's to
//! give.

#![no_main]

use std::path::Path;

use lancet_core::Account;
use lancet_suite::{Files, ImageLock, Profile, Suite, baselines, select};
use libfuzzer_sys::fuzz_target;

const SUITE: &[u8] = br#"name = "fuzz"
[images.app]
build = "images/app"
[images.driver]
image = "driver:v1"
[environments.main]
image = "app"
driver = "driver"
work-tree = "/srv/app"
[environments.main.app]
argv = ["serve"]
ready = { argv = ["true"], timeout-seconds = 1 }
"#;
const TASK: &[u8] = br#"title = "t"
kind = "swe-manager"
price-cents = 100

[grader]
plugin = "manager-choice"

[[proposals]]
id = 0
file = "proposals/0.md"
"#;
const IC_TASK: &[u8] = br#"title = "t"
kind = "ic-swe"
price-cents = 100
environment = "main"

[grader]
plugin = "junit"

[[plans]]
name = "hidden"
argv = ["pytest"]
timeout-seconds = 1
report = "/lancet/results/junit.xml"
tests = "tests"
required = ["t::a"]
"#;
const KEY: &[u8] = b"{\"correct\": 0}";
const IC_KEY: &[u8] = b"{\"plan\": \"hidden\"}";
const LOCK: &[u8] = b"";
const ID: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A suite, without what the input says.
fn rest_of_suite(is_manager: bool) -> Files {
    let mut files = Files::default();
    let mut put = |path: &str, bytes: &str| files.insert(path, bytes).expect("a path");
    put("images/app/Dockerfile", "FROM scratch");
    put("tasks/t/private/tests/t.py", "t");
    put("tasks/t/private/issue/test.py", "i");
    put("tasks/t/statement.md", "s");
    if is_manager {
        put("tasks/t/proposals/0.md", "p");
    }
    files
}

/// Takes what is before the next line `%%`.
fn part<'a>(rest: &mut &'a [u8], valid: &'static [u8]) -> &'a [u8] {
    let at = rest.windows(3).position(|window| window == b"%%\n");
    let (part, after) = at.map_or((*rest, &[][..]), |at| (&rest[..at], &rest[at + 3..]));
    *rest = after;
    if part.is_empty() { valid } else { part }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let is_manager = *first != b'i';
    let mut files = rest_of_suite(is_manager);
    for (path, valid) in [
        ("suite.toml", SUITE),
        ("tasks/t/task.toml", if is_manager { TASK } else { IC_TASK }),
        ("tasks/t/private/answer-key.json", if is_manager { KEY } else { IC_KEY }),
        ("images.lock", LOCK),
    ] {
        files.insert(path, part(&mut rest, valid)).expect("a path");
    }
    check(files);
});

fn check(files: Files) {
    match Suite::of_files(Path::new("fuzz"), files) {
        Ok(suite) => {
            let _ = baselines(suite.tasks());
            let _ = select(&suite, None, &[suite.name().to_owned()]);
            let _ = suite.shared_issues();
            let lock = match ImageLock::read(&suite) {
                Ok(lock) => lock,
                Err(error) => {
                    let _ = (error.to_string(), error.hint());
                    ImageLock::default()
                }
            };
            for task in suite.tasks() {
                let _ = suite.environment(task, &lock);
                let _ = suite.gold(task);
                assert!(suite.laid_files(task).all(|file| file.read().is_ok()));
            }
            let mut lock = ImageLock::default();
            for image in suite.images().keys() {
                lock.pin(&suite, image, ID).expect("an image of the suite");
            }
            let text = lock.text(&suite).expect("the lock");
            assert_eq!(ImageLock::parse(&text).as_ref(), Ok(&lock));
            for task in suite.tasks() {
                let Some(environment) = suite.environment(task, &lock).expect("all images are pinned") else {
                    continue;
                };
                let is_published =
                    task.environment.as_ref().is_some_and(|e| e.profile() == Some(Profile::SweLancer));
                assert_eq!(environment.account == Account::Root, is_published);
                assert_eq!(environment.conceal.is_some(), is_published);
            }
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            let _ = (error.to_string(), error.hint());
        }
    }
}
