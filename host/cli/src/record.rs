use std::time::Instant;

use lancet_core::{Answer, Capture, Event, Phase, Setting, Sha256, Task};
use lancet_store::{AttemptRow, Reader, Store, StoreError, TimedEvent, Transition};

use crate::exit::Exit;
use crate::failure::Failure;

/// The journal of one attempt while it is being written.
pub(crate) struct Recorder<'a> {
    store: &'a Store,
    attempt: &'a AttemptRow,
    started: Instant,
    next_seq: u64,
    pending: Vec<TimedEvent>,
}

impl<'a> Recorder<'a> {
    /// Takes an attempt up where its last durable change of state left it: what
    /// was recorded after that belongs to a phase that did not finish.
    pub(crate) async fn take_up(store: &'a Store, attempt: &'a AttemptRow) -> Result<Self, StoreError> {
        if attempt.events > attempt.settled {
            store.discard_partial(&attempt.id, attempt.settled).await?;
        }
        Ok(Self { store, attempt, started: Instant::now(), next_seq: attempt.settled, pending: Vec::new() })
    }

    /// Notes an event; it is durable with the next [`Self::commit`]. Returns its time
    /// in the journal, which is what times of a row are taken from.
    pub(crate) fn note(&mut self, event: Event) -> u64 {
        self.note_at(Instant::now(), event)
    }

    /// As [`Self::note`], for what happened at that time.
    pub(crate) fn note_at(&mut self, at: Instant, event: Event) -> u64 {
        let at_us = at.saturating_duration_since(self.started).as_micros();
        let at_us = u64::try_from(at_us).unwrap_or(u64::MAX);
        self.pending.push(TimedEvent { at_us, event });
        at_us
    }

    /// Drops what was noted and is not durable: the phase begins again.
    pub(crate) fn forget(&mut self) {
        self.pending.clear();
    }

    /// Makes everything noted durable, together with what it changes. Nothing
    /// may rely on it before this returns.
    pub(crate) async fn commit(&mut self, transition: Transition) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.pending);
        self.next_seq = self.store.append(&self.attempt.id, self.next_seq, events, transition).await?;
        Ok(())
    }
}

/// The public part of an attempt's task, from the blob that the run recorded.
pub(crate) fn task(reader: &Reader, digest: Sha256) -> Result<Task, Failure> {
    serde_json::from_slice(&reader.blob(digest)?).map_err(|e| damaged(digest, "a task", &e.to_string()))
}

/// The private configuration of an attempt's task.
pub(crate) fn answer_key(reader: &Reader, digest: Option<Sha256>) -> Result<String, Failure> {
    match digest {
        None => Ok(String::new()),
        Some(digest) => String::from_utf8(reader.blob(digest)?)
            .map_err(|e| damaged(digest, "an answer key", &e.to_string())),
    }
}

/// What an attempt needs besides its task.
pub(crate) fn setting(reader: &Reader, digest: Option<Sha256>) -> Result<Setting, Failure> {
    match digest {
        None => Ok(Setting::default()),
        Some(digest) => serde_json::from_slice(&reader.blob(digest)?)
            .map_err(|e| damaged(digest, "an attempt's setting", &e.to_string())),
    }
}

/// What the operator gave the agent.
pub(crate) fn input(reader: &Reader, digest: Sha256) -> Result<String, Failure> {
    String::from_utf8(reader.blob(digest)?).map_err(|e| damaged(digest, "an agent's input", &e.to_string()))
}

/// What a journal says was handed in, last. Where an attempt was taken up again, what
/// its agent did before does not count.
pub(crate) fn handed_in(events: &[TimedEvent]) -> Option<(Answer, Option<Capture>)> {
    let mut answer = None;
    let mut capture = None;
    for line in events {
        match &line.event {
            Event::Reopened { phase: Phase::Solve, .. } => (answer, capture) = (None, None),
            Event::Captured { capture: captured } => capture = Some(captured.clone()),
            Event::Solved { end, .. } => answer = end.submission(),
            _ => {}
        }
    }
    answer.map(|answer| (answer, capture))
}

/// Whether what a journal says was handed in can be graded: it has been taken, or it
/// needs no taking.
pub(crate) fn was_submitted(events: &[TimedEvent]) -> bool {
    match handed_in(events) {
        Some((_, Some(Capture::Unavailable(_)))) | None => false,
        Some(_) => true,
    }
}

fn damaged(digest: Sha256, what: &str, problem: &str) -> Failure {
    Failure::new(Exit::Store, format!("blob {digest} of the store is not {what}: {problem}"))
        .hint("the run was recorded by another version; replay it with that one")
}
