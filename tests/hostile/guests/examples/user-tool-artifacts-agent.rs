//! Has the user reproduce the issue, before and after it changes something, and looks
//! for the tests in all that comes back. With an input, which is a script, that is run
//! first, and the user is asked once.

use lancet_hostile_guests::ordinary_answer;
use lancet_sdk::{Agent, Answer, CallError, SolveError, Task, input, log, shell, user_tool, workspace};

/// What a file of tests has in it, and what Playwright calls sources and assertions in
/// its traces.
const SIGNS: [&[u8]; 6] = [
    b"def test_",
    b"src@",
    b"import playwright",
    b"\"method\":\"expect\"",
    b"expectedText",
    b"{\"selector\":",
];

struct Hostile;

fn whole(name: &str) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    loop {
        let more = user_tool::read(name, bytes.len() as u64, 1 << 20)?;
        if more.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(more);
    }
}

fn look() -> Result<(), CallError> {
    let observation = user_tool::reproduce()?;
    let completed = if observation.completed { "yes" } else { "no" };
    log::info("the user is done", &[("completed", completed)]);
    for artifact in &observation.artifacts {
        let bytes = whole(&artifact.name)?;
        assert_eq!(bytes.len() as u64, artifact.bytes, "{}", artifact.name);
        let sign = SIGNS.iter().find(|sign| bytes.windows(sign.len()).any(|part| part == **sign));
        log::info(
            "artifact",
            &[("name", &artifact.name), ("sign", if sign.is_some() { "yes" } else { "no" })],
        );
    }
    Ok(())
}

impl Agent for Hostile {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        let other = |error: CallError| SolveError::Other(error.message().into());
        if let Some(script) = input::read() {
            shell::run(&script, 60).map_err(other)?;
            look().map_err(other)?;
            return Ok(ordinary_answer(&task));
        }
        look().map_err(other)?;
        workspace::write("changed.txt", b"changed\n").map_err(other)?;
        look().map_err(other)?;
        let hits = workspace::search("^changed$", "").map_err(other)?;
        log::info("found", &[("hits", &hits.len().to_string())]);
        workspace::remove("changed.txt").map_err(other)?;
        Ok(ordinary_answer(&task))
    }
}

lancet_sdk::export_agent!(Hostile);
