//! Where a prompt is tried: its text may double a text as often as it likes, and what that
//! comes to is bounded by no count of instructions.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio};

use lancet_core::Kind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::prompt::{self, Problem};
use crate::catalog::Trial;
use crate::error::Error;

/// The most address space that rendering a prompt may take, in bytes: 1 GiB, many times
/// what a plugin has for it.
const MAX_BYTES: u64 = 1 << 30;
/// The most processor seconds that it may take. A prompt of usual size takes milliseconds.
const MAX_SECONDS: u64 = 20;
/// The most bytes that are read of what is said of a prompt.
const MAX_SAID_BYTES: u64 = 64 << 10;

/// What is tried.
#[derive(Serialize, Deserialize)]
struct Tried {
    text: String,
    variables: BTreeSet<String>,
    kinds: BTreeSet<Kind>,
}

/// Whether a prompt can be rendered, tried there.
///
/// # Errors
/// When there is no process for it.
pub(super) fn tried(
    trial: &Trial,
    text: &str,
    variables: &BTreeSet<String>,
    kinds: &BTreeSet<Kind>,
) -> Result<Result<(), Problem>, Error> {
    let Trial::Child { program, arguments } = trial else {
        return Ok(prompt::tried(text, variables, kinds));
    };
    let tried = Tried { text: text.to_owned(), variables: variables.clone(), kinds: kinds.clone() };
    let failed = |error: io::Error| Error::Host { doing: "trying the prompt", problem: error.to_string() };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has ended already says so by its status.
        let _ = stdin.write_all(&serde_json::to_vec(&tried).unwrap_or_default());
    }
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_SAID_BYTES).read_to_end(&mut said).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    match serde_json::from_slice(&said) {
        Ok(outcome) if status.success() => Ok(outcome),
        _ if status.code() == Some(LIMITLESS.into()) => {
            Err(failed(io::Error::other("the limits of the process for it could not be set")))
        }
        _ => {
            // What is lower for this process is so for its children, and not the prompt's doing.
            if let Some(found) = getrlimit(Resource::Cpu).current.filter(|found| *found < MAX_SECONDS) {
                return Err(failed(io::Error::other(format!(
                    "it may take {MAX_SECONDS} s of processor time, and this process has a limit of {found} s \
                     (RLIMIT_CPU, `ulimit -t`)"
                ))));
            }
            let gib = MAX_BYTES >> 30;
            Ok(Err((
                None,
                format!("to render it takes more than {gib} GiB of memory or {MAX_SECONDS} s ({status})"),
            )))
        }
    }
}

/// The exit code of a child that could not be limited.
const LIMITLESS: u8 = 3;

/// The child's side: limits itself, renders the prompt that stands on its stdin, says on its
/// stdout what is wrong with it, and returns the exit code.
#[must_use]
pub fn try_prompt() -> u8 {
    // What is lower already stays: raising it takes a privilege.
    let limit = |resource, value: u64| {
        let found = getrlimit(resource);
        let fit = |most: Option<u64>| Some(most.map_or(value, |most| most.min(value)));
        setrlimit(resource, Rlimit { current: fit(found.current), maximum: fit(found.maximum) })
    };
    // It ends with whoever wants to know.
    #[cfg(target_os = "linux")]
    if rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_err() {
        return LIMITLESS;
    }
    let limited = limit(Resource::Core, 0)
        .and_then(|()| limit(Resource::As, MAX_BYTES))
        .and_then(|()| limit(Resource::Cpu, MAX_SECONDS));
    if limited.is_err() {
        return LIMITLESS;
    }
    let Ok(Tried { text, variables, kinds }) = serde_json::from_reader(io::stdin().lock()) else { return 1 };
    let outcome = prompt::tried(&text, &variables, &kinds);
    let said = serde_json::to_vec(&outcome).unwrap_or_default();
    match io::stdout().lock().write_all(&said) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
