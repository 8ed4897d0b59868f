//! Writing the journal of an attempt, and reading what a run recorded for it.

use std::time::Instant;

use lancet_core::{
    Answer, Capture, Event, InfraFault, Outcome, Phase, Response, Setting, Sha256, SolveEnd, Task,
};
use lancet_store::{AttemptRow, Reader, Store, StoreError, TimedEvent, Transition};

use crate::error::Error;

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
pub(crate) fn task(reader: &Reader, digest: Sha256) -> Result<Task, Error> {
    serde_json::from_slice(&reader.blob(digest)?).map_err(|e| damaged(digest, "a task", &e.to_string()))
}

/// The private configuration of an attempt's task.
pub(crate) fn answer_key(reader: &Reader, digest: Option<Sha256>) -> Result<String, Error> {
    match digest {
        None => Ok(String::new()),
        Some(digest) => String::from_utf8(reader.blob(digest)?)
            .map_err(|e| damaged(digest, "an answer key", &e.to_string())),
    }
}

/// What an attempt needs besides its task.
pub(crate) fn setting(reader: &Reader, digest: Option<Sha256>) -> Result<Setting, Error> {
    match digest {
        None => Ok(Setting::default()),
        Some(digest) => serde_json::from_slice(&reader.blob(digest)?)
            .map_err(|e| damaged(digest, "an attempt's setting", &e.to_string())),
    }
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

/// What of the infrastructure made an attempt invalid, by what the host itself
/// recorded of it: how the agent's work ended, what was taken from its container, or
/// how a call of the grader was answered. A verdict's own words count for nothing,
/// as they may be a grader's.
pub(crate) fn unavailable(events: &[TimedEvent]) -> Option<InfraFault> {
    let mut fault = None;
    let mut verdict = None;
    for line in events {
        match &line.event {
            Event::Reopened { .. } => (fault, verdict) = (None, None),
            Event::Captured { capture: Capture::Unavailable(failed) }
            | Event::Solved { end: SolveEnd::Unavailable(failed), .. } => fault = Some(failed.clone()),
            // Whatever it is answered so is the last thing that a grader does.
            Event::Called { phase: Phase::Grade, call } => {
                if let Response::Unavailable(failed) = &call.response {
                    fault = Some(failed.clone());
                }
            }
            Event::Decided { record, .. } => verdict = Some(&record.verdict),
            _ => {}
        }
    }
    let (fault, verdict) = fault.zip(verdict)?;
    (verdict.outcome == Outcome::Invalid && verdict.reason == fault.reason()).then_some(fault)
}

fn damaged(digest: Sha256, what: &'static str, problem: &str) -> Error {
    Error::DamagedBlob { digest, what, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use lancet_core::{
        CallRecord, Cents, InfraFaultKind, Kind, Request, Score, Sha256, Verdict, VerdictRecord,
    };

    use super::*;

    fn journal(events: impl IntoIterator<Item = Event>) -> Vec<TimedEvent> {
        events.into_iter().map(|event| TimedEvent { at_us: 0, event }).collect()
    }

    fn fault() -> InfraFault {
        InfraFault::new(InfraFaultKind::DiskFull, "no space left")
    }

    fn decided(outcome: Outcome, reason: &str) -> Event {
        let verdict = Verdict {
            outcome,
            reason: reason.parse().unwrap(),
            score: Score::ZERO,
            checks: Vec::new(),
            explanation: String::new(),
        };
        let digest = Sha256::of(b"");
        let record = VerdictRecord {
            task: "t".parse().unwrap(),
            attempt: 1,
            kind: Kind::IcSwe,
            price: Cents(1),
            agent: digest,
            grader: digest,
            submission: digest,
            verdict,
            earned: Cents::ZERO,
        };
        Event::Decided { record, digest }
    }

    fn solved(end: SolveEnd) -> Event {
        Event::Solved { end, fuel_used: None, submission: Sha256::of(b"") }
    }

    fn answered(phase: Phase, response: Response) -> Event {
        let request = Request::TestsRun { plan: "hidden".to_owned() };
        Event::Called { phase, call: CallRecord { fuel_used: 0, request, response } }
    }

    #[test]
    fn what_failed_is_in_the_hosts_own_record() {
        let tree = || solved(SolveEnd::Answer(Answer::WorkTree));
        let failed = || decided(Outcome::Invalid, "disk-full");
        for events in [
            vec![solved(SolveEnd::Unavailable(fault())), failed()],
            vec![Event::Captured { capture: Capture::Unavailable(fault()) }, tree(), failed()],
            vec![tree(), answered(Phase::Grade, Response::Unavailable(fault())), failed()],
            vec![
                tree(),
                decided(Outcome::Invalid, "docker-error"),
                Event::Reopened { phase: Phase::Grade, cause: fault() },
                answered(Phase::Grade, Response::Unavailable(fault())),
                failed(),
            ],
        ] {
            assert_eq!(unavailable(&journal(events)), Some(fault()));
        }
    }

    #[test]
    fn a_verdicts_word_is_none() {
        let tree = || solved(SolveEnd::Answer(Answer::WorkTree));
        let unavailable_once = || answered(Phase::Grade, Response::Unavailable(fault()));
        for events in [
            vec![tree(), answered(Phase::Grade, Response::Done), decided(Outcome::Invalid, "disk-full")],
            // What was taken up again and decided otherwise is decided.
            vec![
                tree(),
                unavailable_once(),
                decided(Outcome::Invalid, "disk-full"),
                Event::Reopened { phase: Phase::Grade, cause: fault() },
                decided(Outcome::Invalid, "disk-full"),
            ],
            vec![tree(), unavailable_once(), decided(Outcome::Fail, "disk-full")],
            vec![tree(), unavailable_once(), decided(Outcome::Invalid, "grader-trap")],
            vec![tree(), unavailable_once()],
        ] {
            assert_eq!(unavailable(&journal(events)), None);
        }
    }
}
