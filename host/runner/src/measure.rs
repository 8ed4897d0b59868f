//! What is too large is refused before anything runs, by task and limit: the fault of
//! whoever made or gave it must not become a plugin's.

use lancet_core::{Limits, MAX_PATCH_BYTES, MAX_TEXT_BYTES, SubmissionLimits, Task, TaskId};
use lancet_engine::Plugin;

use crate::error::Error;

/// Looks whether the public part of every task fits into the memory of the plugins of
/// both roles.
///
/// # Errors
/// [`Error::TasksTooLarge`] with those that do not.
pub fn tasks<'t>(
    tasks: impl Iterator<Item = &'t Task>,
    agent: &Limits,
    grader: &Limits,
) -> Result<(), Error> {
    let limits = if agent.memory_bytes <= grader.memory_bytes { agent } else { grader };
    let most = limits.record_bytes();
    let mut large = tasks.filter(|task| task.record_bytes() > most);
    let Some(first) = large.next() else { return Ok(()) };
    Err(Error::TasksTooLarge {
        first: first.id.clone(),
        bytes: first.record_bytes(),
        memory_mib: limits.memory_bytes >> 20,
        most,
        others: large.map(|task| task.id.clone()).collect(),
    })
}

/// Looks whether a plugin has what its manifest says that it needs.
///
/// # Errors
/// [`Error::NeedsMore`] with the first limit that is too low.
pub(crate) fn needs(plugin: &Plugin, limits: &Limits) -> Result<(), Error> {
    let Some((needed, had, limit)) =
        plugin.manifest().and_then(|manifest| manifest.limits.beyond(limits).next())
    else {
        return Ok(());
    };
    Err(Error::NeedsMore { plugin: plugin.name().to_owned(), role: plugin.role(), limit, needed, had })
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
) -> Result<(), Error> {
    let mut large = inputs.filter(|(_, bytes, most)| bytes > most);
    let Some((first, bytes, most)) = large.next() else { return Ok(()) };
    Err(Error::InputsTooLarge {
        first: first.clone(),
        bytes,
        agent: agent.name().to_owned(),
        most,
        others: large.map(|(task, ..)| task.clone()).collect(),
        applies: agent.imports("workspace.apply-input"),
    })
}
