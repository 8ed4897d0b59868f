//! `lancet show ATTEMPT --artifact NAME`: what a test run of an attempt left, from the store.

use std::io::{IsTerminal as _, stdout};

use lancet_core::{Artifact, AttemptId, Event, Response};
use lancet_store::{Store, TimedEvent};

use crate::failure::Failure;
use crate::output;
use crate::render::display_safe;

/// The most names that are listed when there is none of that name.
const MAX_LISTED: usize = 30;

/// Prints an artifact: its bytes as they are, and on a terminal a text that does nothing but
/// be shown. Of several of that name it is the last run's.
pub(super) async fn print(store: &Store, attempt: &AttemptId, name: &str) -> Result<(), Failure> {
    let events = store.events(attempt).await?;
    let Some(artifact) = left(&events).into_iter().rev().find(|artifact| artifact.name == name) else {
        return Err(none(attempt, &events, name));
    };
    let bytes = store.blob(artifact.sha256).await?;
    if !stdout().is_terminal() {
        return output::print_bytes(&bytes);
    }
    match String::from_utf8(bytes) {
        Ok(text) => output::print(&lines(&text).join("\n")),
        Err(_) => Err(Failure::usage(format!("the artifact `{name}` is no text, and stdout is a terminal"))
            .hint(format!("write it to a file: `lancet show {attempt} --artifact '{name}' > FILE`"))),
    }
}

/// The lines of a text, such that showing them does nothing else.
pub(super) fn lines(text: &str) -> Vec<String> {
    // Colours of the programs that wrote it mean nothing here.
    text.lines().map(|line| display_safe(&output::uncoloured(line)).into_owned()).collect()
}

/// What the attempt's test runs left, in the order of the journal.
pub(super) fn left(events: &[TimedEvent]) -> Vec<&Artifact> {
    let responses = events.iter().filter_map(|timed| match &timed.event {
        Event::Called { call, .. } => Some(&call.response),
        _ => None,
    });
    responses
        .flat_map(|response| match response {
            Response::Tested(report) => report.runs.iter().flat_map(|run| &run.artifacts).collect(),
            _ => Vec::new(),
        })
        .collect()
}

fn none(attempt: &AttemptId, events: &[TimedEvent], name: &str) -> Failure {
    let mut names: Vec<&str> = left(events).iter().map(|artifact| artifact.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MAX_LISTED);
    let listed: Vec<_> = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
    let hint = match (listed.is_empty(), more) {
        (true, _) => "no tests were run in it".to_owned(),
        (_, 0) => format!("there are {}", listed.join(", ")),
        (_, more) => format!("there are {} and {more} more; `--format json` has them all", listed.join(", ")),
    };
    Failure::usage(format!("attempt {attempt} has no artifact `{name}`")).hint(hint)
}
