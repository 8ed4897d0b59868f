//! What is too large is refused before anything runs, by task and limit: the fault of
//! whoever made or gave it must not become a plugin's.

use lancet_core::{Limits, MAX_PATCH_BYTES, MAX_TEXT_BYTES, SubmissionLimits, Task, TaskId};
use lancet_engine::Plugin;

use crate::exit::Exit;
use crate::failure::Failure;

/// The most tasks that are named in a message.
const MAX_NAMED: usize = 5;

/// Looks whether the public part of every task fits into the memory of the plugins of
/// both roles.
pub(crate) fn records<'t>(
    tasks: impl Iterator<Item = &'t Task>,
    agent: &Limits,
    grader: &Limits,
) -> Result<(), Failure> {
    let limits = if agent.memory_bytes <= grader.memory_bytes { agent } else { grader };
    let most = limits.record_bytes();
    let large: Vec<_> = tasks.filter(|task| task.record_bytes() > most).collect();
    let Some(first) = large.first() else { return Ok(()) };
    let mut message = format!(
        "the task `{}` is too large: its title, statement and proposals have {} bytes, and a plugin with {} MiB of \
         memory can be given {most}",
        first.id,
        first.record_bytes(),
        limits.memory_bytes >> 20,
    );
    if let Some(others) = named(large[1..].iter().map(|task| &task.id)) {
        message.push_str(&format!("; so are {others}"));
    }
    let hint = "shorten it: a quarter of a plugin's memory is for the task; `--agent-memory` and `--grader-memory` \
                give those of a run more";
    Err(Failure::new(Exit::Suite, message).hint(hint))
}

/// How many bytes an agent may be given for a task: 1 MiB into its own memory; where it
/// has the host apply what it is given, as many as the task lets be handed in.
pub(crate) fn input_limit(agent: &Plugin, submission: Option<SubmissionLimits>) -> u64 {
    let own = MAX_TEXT_BYTES as u64;
    match submission {
        Some(submission) if agent.imports("workspace.apply-input") && !agent.imports("input.read") => {
            submission.bytes.clamp(own, MAX_PATCH_BYTES as u64)
        }
        _ => own,
    }
}

/// Refuses inputs that are too large: each with its task, its bytes and the limit.
pub(crate) fn inputs<'t>(
    agent: &Plugin,
    inputs: impl Iterator<Item = (&'t TaskId, u64, u64)>,
) -> Result<(), Failure> {
    let large: Vec<_> = inputs.filter(|(_, bytes, most)| bytes > most).collect();
    let Some((task, bytes, most)) = large.first() else { return Ok(()) };
    let mut message = format!(
        "the input for the task `{task}` has {bytes} bytes, and the agent `{}` can be given at most {most} ({} MiB) \
         for it",
        agent.name(),
        most >> 20,
    );
    if let Some(others) = named(large[1..].iter().map(|(task, ..)| *task)) {
        message.push_str(&format!("; the inputs for {others} are too large as well"));
    }
    let hint = if agent.imports("workspace.apply-input") {
        "a patch may have as many bytes as the task lets be handed in (`submission.mib` of its environment)"
    } else {
        "what an agent reads itself may have 1 MiB; the agent `patch` applies larger ones"
    };
    Err(Failure::usage(message).hint(hint))
}

/// Some of them by name, and how many more there are.
fn named<'t>(ids: impl ExactSizeIterator<Item = &'t TaskId>) -> Option<String> {
    let number = ids.len();
    let mut names: Vec<_> = ids.take(MAX_NAMED).map(|id| format!("`{id}`")).collect();
    if number > MAX_NAMED {
        names.push(format!("{} more", number - MAX_NAMED));
    }
    (number > 0).then(|| names.join(", "))
}
