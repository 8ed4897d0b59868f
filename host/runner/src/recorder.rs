//! Writing the journal of an attempt, and reading what a run recorded for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lancet_core::{
    AttemptId, AttemptState, CallRecord, Event, History, InfraFault, Outcome, Part, Phase, Request, RunId,
    Setting, Sha256, Task,
};
use lancet_engine::{Behind, Durable, ENGINE_ID, Journal, NotDurable, Outside, Resumed};
use lancet_store::{AttemptRow, Reader, RunLock, Store, StoreError, TimedEvent, Transition};
use tokio::sync::Mutex as Turn;

use crate::error::Error;
use crate::evidence::Evidence;
use crate::models::Paid;

/// The journal of one attempt while it is being written.
pub(crate) struct Recorder {
    book: Arc<Book>,
    /// Events recorded when the state of the attempt last changed.
    settled: u64,
    earlier: Option<Earlier>,
}

/// How a phase begins.
pub(crate) struct Beginning {
    /// When it did, in the journal.
    pub(crate) began_us: u64,
    /// What stands behind the capabilities of its plugin.
    pub(crate) behind: Behind,
    /// Who writes down the calls of its plugin.
    pub(crate) journal: Arc<dyn Journal>,
}

/// What a plugin had done before its phase was cut off, and been answered for money.
struct Earlier {
    phase: Phase,
    /// What it did, as far as that is durable.
    part: Part,
    /// Whether the journal goes on with this part, or has it behind it.
    is_open: bool,
    /// Every answer that was paid for in the phase, in this part and before it.
    paid: Paid,
}

/// What is shared with whoever is told of calls.
struct Book {
    store: Store,
    attempt: AttemptId,
    /// A write that has begun goes on when its attempt is ended; nobody else may execute the
    /// run meanwhile.
    _lock: Option<Arc<RunLock>>,
    started: Instant,
    /// The time in the journal at which this process took it up.
    since: Duration,
    pending: Mutex<Vec<TimedEvent>>,
    /// The number of the next event. Who holds it is writing.
    next_seq: Turn<u64>,
}

impl Book {
    fn pending(&self) -> MutexGuard<'_, Vec<TimedEvent>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_at(&self, at: Instant, event: Event) -> u64 {
        let at_us = (self.since + at.saturating_duration_since(self.started)).as_micros();
        let at_us = u64::try_from(at_us).unwrap_or(u64::MAX);
        self.pending().push(TimedEvent { at_us, event });
        at_us
    }

    /// Makes everything noted durable. Once begun it is carried out even when nobody
    /// waits for it any more: the next number of an event would not be known otherwise.
    async fn write(self: Arc<Self>, transition: Transition) -> Result<u64, StoreError> {
        let written = tokio::spawn(async move {
            let mut next_seq = self.next_seq.lock().await;
            let events = std::mem::take(&mut *self.pending());
            if !events.is_empty() || transition != Transition::None {
                *next_seq = self.store.append(&self.attempt, *next_seq, events, transition).await?;
            }
            Ok(*next_seq)
        });
        written.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Recorder {
    /// Takes an attempt up where its last durable change of state left it. What was
    /// recorded after that belongs to a phase that did not finish, and goes, unless
    /// something in it was paid for: then the phase can go on from there.
    ///
    /// `lock` is the right to execute the run, given back when nothing is written any more.
    pub(crate) async fn take_up(
        store: &Store,
        attempt: &AttemptRow,
        lock: Option<Arc<RunLock>>,
    ) -> Result<Self, StoreError> {
        let settled = attempt.settled;
        let (mut next_seq, mut since, mut earlier) = (attempt.events, 0, None);
        // Nothing was ever recorded of most.
        if attempt.events > 0 && !matches!(attempt.state, AttemptState::Decided(_)) {
            (earlier, since) = read(store, &attempt.id, settled).await?;
            if !earlier.as_ref().is_some_and(|earlier| earlier.is_open) {
                // Times count from when the attempt is taken up.
                since = 0;
                if attempt.events > settled {
                    store.discard_partial(&attempt.id, settled).await?;
                    next_seq = settled;
                }
            }
        }
        let book = Book {
            store: store.clone(),
            attempt: attempt.id.clone(),
            _lock: lock,
            started: Instant::now(),
            since: Duration::from_micros(since),
            pending: Mutex::default(),
            next_seq: Turn::new(next_seq),
        };
        Ok(Self { book: Arc::new(book), settled, earlier })
    }

    /// Begins a phase with the event that says so, or goes on with one from what was paid
    /// for in it. Where that cannot be had again, as a container is gone, the phase begins
    /// anew, and what it cost stays in the journal.
    ///
    /// `outside` makes what stands behind the plugin, anew each time: what has taken over
    /// half of a record is of no use. It is handed the answers that were paid for before,
    /// none of which need be asked for again.
    pub(crate) fn begin(
        &mut self,
        began: Event,
        phase: Phase,
        outside: impl Fn(Paid) -> Arc<dyn Outside>,
    ) -> Beginning {
        let mut answers = Paid::default();
        if let Some(Earlier { part, is_open, paid, .. }) =
            self.earlier.take_if(|earlier| earlier.phase == phase)
        {
            let compare_fuel = part.engine == ENGINE_ID;
            answers = paid;
            if let Ok(resumed) = Resumed::new(part.calls, compare_fuel, outside(answers.clone())) {
                let known = if is_open { resumed.recorded() } else { 0 };
                let began_us = if is_open { part.began_us } else { self.note(began) };
                let journal = self.calls(phase, known);
                return Beginning { began_us, behind: Behind::Resumed(resumed), journal };
            }
        }
        let began_us = self.note(began);
        Beginning { began_us, behind: Behind::Live(outside(answers)), journal: self.calls(phase, 0) }
    }

    /// Notes an event; it is durable with the next [`Self::commit`]. Returns its time
    /// in the journal, which is what times of a row are taken from.
    pub(crate) fn note(&mut self, event: Event) -> u64 {
        self.book.note_at(Instant::now(), event)
    }

    /// Who writes down the calls of the plugin of a phase. The first `known` of them are
    /// in the journal already.
    fn calls(&self, phase: Phase, known: usize) -> Arc<dyn Journal> {
        Arc::new(Calls { book: Arc::clone(&self.book), phase, known: Mutex::new(known) })
    }

    /// Drops what was noted and is not durable: the phase begins again. What was paid
    /// for in it is durable, and is what [`Self::begin`] goes on from.
    pub(crate) async fn forget(&mut self) -> Result<(), StoreError> {
        let next_seq = *self.book.next_seq.lock().await;
        self.book.pending().clear();
        if next_seq > self.settled {
            (self.earlier, _) = read(&self.book.store, &self.book.attempt, self.settled).await?;
        }
        Ok(())
    }

    /// Makes everything noted durable, together with what it changes. Nothing
    /// may rely on it before this returns.
    pub(crate) async fn commit(&mut self, transition: Transition) -> Result<(), StoreError> {
        self.settled = Arc::clone(&self.book).write(transition).await?;
        Ok(())
    }
}

/// What of a journal was paid for and does not count yet, and the time of its last event.
async fn read(
    store: &Store,
    attempt: &AttemptId,
    settled: u64,
) -> Result<(Option<Earlier>, u64), StoreError> {
    let events = store.events(attempt).await?;
    let last_us = events.last().map_or(0, |line| line.at_us);
    let open =
        events.iter().skip(usize::try_from(settled).unwrap_or(usize::MAX)).rev().find_map(|line| match line
            .event
        {
            Event::Asked { phase, .. } => Some(phase),
            _ => None,
        });
    let paid = |phase| Paid::of(&events, phase);
    let (solved, graded) = (paid(Phase::Solve), paid(Phase::Grade));
    let answers = |phase| match phase {
        Phase::Solve => solved.clone(),
        Phase::Grade => graded.clone(),
    };
    let History { solve, grade, given_up, .. } = history(events);
    let part = match open {
        Some(Phase::Solve) => solve,
        Some(Phase::Grade) => grade,
        None => None,
    };
    let open =
        open.zip(part).map(|(phase, part)| Earlier { phase, part, is_open: true, paid: answers(phase) });
    let given_up =
        given_up.map(|(phase, part)| Earlier { phase, part, is_open: false, paid: answers(phase) });
    Ok((open.or(given_up), last_us))
}

/// Writes down the calls of one plugin.
struct Calls {
    book: Arc<Book>,
    phase: Phase,
    /// How many of the calls to come are in the journal already.
    known: Mutex<usize>,
}

impl Journal for Calls {
    fn called(&self, call: &CallRecord, at: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.checked_sub(1) {
            Some(left) => *known = left,
            None => {
                self.book.note_at(at, Event::Called { phase: self.phase, call: call.clone() });
            }
        }
    }

    fn asks<'a>(&'a self, fuel_used: u64, request: &'a Request) -> Durable<'a> {
        let asked = Event::Asked { phase: self.phase, fuel_used, request: request.clone() };
        self.book.note_at(Instant::now(), asked);
        self.keeps()
    }

    fn keeps(&self) -> Durable<'_> {
        let book = Arc::clone(&self.book);
        Box::pin(async move {
            let written = book.write(Transition::None).await;
            written.map(drop).map_err(|error| NotDurable(error.to_string()))
        })
    }
}

/// Takes up the attempts that are invalid because the infrastructure failed, by the
/// journal and not by the verdict's reason: what was handed in is graded, what was not
/// is worked on. Others stay decided: nobody gets a second roll of the dice.
pub(crate) async fn reopen(store: &Store, run: &RunId) -> Result<u64, Error> {
    let mut reopened = 0;
    for row in store.attempts(run).await? {
        let Some((history, cause)) = failed(store, &row).await? else { continue };
        let submitted = row.solve_us.is_some() && history.was_submitted();
        let phase = if submitted { Phase::Grade } else { Phase::Solve };
        let event = TimedEvent { at_us: 0, event: Event::Reopened { phase, cause } };
        store.reopen_attempt(&row.id, row.events, event, submitted).await?;
        reopened += 1;
    }
    Ok(reopened)
}

/// How many attempts [`reopen`] would take up.
pub(crate) async fn reopens(store: &Store, run: &RunId) -> Result<u64, Error> {
    let mut reopens = 0;
    for row in store.attempts(run).await? {
        reopens += u64::from(failed(store, &row).await?.is_some());
    }
    Ok(reopens)
}

/// The journal of an attempt that is invalid because the infrastructure failed, and how it
/// did.
async fn failed(store: &Store, row: &AttemptRow) -> Result<Option<(History, InfraFault)>, Error> {
    if row.state != AttemptState::Decided(Outcome::Invalid) {
        return Ok(None);
    }
    let history = history(store.events(&row.id).await?);
    let cause = history.unavailable().cloned();
    Ok(cause.map(|cause| (history, cause)))
}

/// A journal as it was recorded, read as far as it goes.
pub(crate) fn history(events: Vec<TimedEvent>) -> History {
    History::of(events.into_iter().map(|line| (line.at_us, line.event)))
}

/// The public part of an attempt's task, from the blob that the run recorded.
pub(crate) fn task(evidence: &dyn Evidence, digest: Sha256) -> Result<Task, Error> {
    serde_json::from_slice(&evidence.blob(digest)?).map_err(|e| damaged(digest, "a task", &e.to_string()))
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

fn damaged(digest: Sha256, what: &'static str, problem: &str) -> Error {
    Error::DamagedBlob { digest, what, problem: problem.to_owned() }
}

#[cfg(test)]
mod killed;

#[cfg(test)]
mod tests {
    use lancet_core::{
        Answer, Capture, Cents, InfraFaultKind, Kind, Limits, Outcome, Response, Score, SolveEnd, Verdict,
        VerdictRecord,
    };

    use super::*;

    fn unavailable(events: Vec<Event>) -> Option<InfraFault> {
        let began = |phase| {
            let (plugin, limits, engine) = (Sha256::of(b""), Limits::standard(), String::new());
            let (grant, record, jail, package) = (Vec::new(), None, None, None);
            Event::Began { phase, plugin, grant, limits, engine, record, jail, package }
        };
        let mut history = History::default();
        history.add(0, began(Phase::Solve)).unwrap();
        for event in events {
            if matches!(event, Event::Called { phase: Phase::Grade, .. }) {
                history.add(0, began(Phase::Grade)).unwrap();
            }
            let _ = history.add(0, event);
        }
        history.unavailable().cloned()
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
            by_model: false,
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
            assert_eq!(unavailable(events), Some(fault()));
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
            assert_eq!(unavailable(events), None);
        }
    }
}
