//! The agent `script`: runs the shell script that the operator gave for the task,
//! for at most ten minutes, and hands in the work tree whatever came of it. For
//! tests and controls.
//!
//! Without a script, or with an empty one, it hands in the work tree as it is.

#![forbid(unsafe_code)]

use lancet_sdk::shell::CommandOutput;
use lancet_sdk::{Agent, Answer, SolveError, Task, TaskKind, input, log, shell};

const TIMEOUT_SECONDS: u32 = 600;
/// The most bytes of each stream that are logged.
const TAIL_BYTES: usize = 1_000;

struct Script;

impl Agent for Script {
    fn solve(task: Task) -> Result<Answer, SolveError> {
        if task.kind != TaskKind::IcSwe {
            return Err(SolveError::Unsupported("`script` only works on `ic-swe` tasks".into()));
        }
        let Some(script) = input::read().filter(|script| !script.trim().is_empty()) else {
            log::info("there is no script", &[]);
            return Ok(Answer::WorkTree);
        };
        match shell::run(&script, TIMEOUT_SECONDS) {
            Ok(output) => {
                let (stdout, stderr) = (tail(&output.stdout), tail(&output.stderr));
                log::info(&ended(&output), &[("stdout", &stdout), ("stderr", &stderr)]);
                Ok(Answer::WorkTree)
            }
            Err(error) => Err(SolveError::Other(format!("the script could not be run: {}", error.message()))),
        }
    }
}

lancet_sdk::export_agent!(Script);

fn ended(output: &CommandOutput) -> String {
    match output.exit_status {
        Some(status) => format!("the script exited with {status}"),
        None => format!("the script was ended after {TIMEOUT_SECONDS} s"),
    }
}

/// The end of what was written to a stream.
fn tail(bytes: &[u8]) -> String {
    let end = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    let text = String::from_utf8_lossy(end);
    // A character that was cut in two, or bytes that are none, take three bytes.
    text[text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES))..].trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_kept() {
        assert_eq!(tail(b"one\ntwo\n"), "one\ntwo");
        let long = tail("é\n".repeat(5_000).as_bytes());
        assert!(long.len() <= TAIL_BYTES && long.ends_with('é'));
        assert!(tail(&[0xff; 5_000]).len() <= TAIL_BYTES);
        assert_eq!(tail(b""), "");
    }

    #[test]
    fn how_it_ended_is_told() {
        let output = |exit_status| CommandOutput {
            exit_status,
            stdout: Vec::new(),
            stderr: Vec::new(),
            dropped_bytes: 0,
        };
        assert_eq!(ended(&output(Some(3))), "the script exited with 3");
        assert_eq!(ended(&output(None)), "the script was ended after 600 s");
    }
}
