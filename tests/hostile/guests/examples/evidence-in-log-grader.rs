//! Logs all that it can get hold of: what was handed in, and what the tests left.

use lancet_hostile_guests::ordinary_verdict;
use lancet_sdk::submission::FileChange;
use lancet_sdk::{CallError, GradeError, Grader, Task, Verdict, artifacts, log, submission, tests};

/// The most bytes that are read of anything.
const MOST: usize = 2 << 20;
/// The most bytes of anything that are logged.
const SHOWN: usize = 2_000;

struct Hostile;

fn whole(read: impl Fn(u64) -> Result<Vec<u8>, CallError>) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while bytes.len() < MOST {
        let more = read(bytes.len() as u64)?;
        if more.is_empty() {
            break;
        }
        bytes.extend(more);
    }
    Ok(bytes)
}

fn tell(what: &str, name: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    log::info(what, &[("name", name), ("bytes", &bytes.len().to_string()), ("text", &text)]);
}

fn tell_all() -> Result<(), CallError> {
    for file in submission::files()? {
        match file.change {
            FileChange::Written(written) => {
                let bytes = whole(|offset| submission::read(&file.path, offset, 1 << 20))?;
                assert_eq!(bytes.len() as u64, written.bytes.min(MOST as u64), "{}", file.path);
                tell("written", &file.path, &bytes);
            }
            FileChange::Deleted => tell("deleted", &file.path, &[]),
        }
    }
    tell("diff", "", &whole(|offset| submission::diff(offset, 1 << 20))?);
    for plan in tests::plans() {
        for case in tests::run(&plan.name)?.runs.iter().flat_map(|run| &run.cases) {
            tell("case", &case.id, case.detail.as_bytes());
        }
    }
    for artifact in artifacts::list()? {
        tell("artifact", &artifact.name, &whole(|offset| artifacts::read(&artifact.name, offset, 1 << 20))?);
    }
    Ok(())
}

impl Grader for Hostile {
    fn grade(_: Task) -> Result<Verdict, GradeError> {
        match tell_all() {
            Ok(()) => Ok(ordinary_verdict()),
            Err(error) => panic!("{}", error.message()),
        }
    }
}

lancet_sdk::export_grader!(Hostile);
