//! The recorder at the boundary: each call of a capability passes here once. It knows
//! of limits, records and answers, and nothing of what the plugin runs in.

mod admission;
mod behind;
mod fitting;
mod journal;
mod log;
mod random;
mod size;

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Instant;

use lancet_core::{CallRecord, Effect, Fault, FaultKind, Limits, LogLevel, Request, Response};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::outside::{Answering, Outside, SourceError};
use crate::words;

pub(crate) use admission::check_length;
pub use behind::{Behind, Divergence, Resumed};
pub use journal::{Durable, Journal, NotDurable};
pub(crate) use log::offer;

/// Fuel that a call of a capability costs, whatever it does: what the host
/// spends on it, so that a loop of calls is not cheaper than a loop.
const CALL_FUEL: u64 = 1_000;

/// The most bytes that the calls of one plugin may carry in all, as the journal has them: they
/// are kept in memory until it is done, and in the journal for good.
const MAX_RECORD_BYTES: u64 = 32 << 20;

/// The most bytes that one plugin may say to models and be answered by them, counted
/// apart from what its other calls carry: hundreds of turns with long answers are an
/// agent's ordinary work.
const MAX_TALK_BYTES: u64 = 128 << 20;

/// Why a call is not answered, and the plugin that made it is over.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The plugin broke a limit.
    #[error("{0}")]
    Fault(Fault),
    /// The plugin's execution differs from its record.
    #[error("the execution differs from its record: {0}")]
    Diverged(Box<Divergence>),
    /// A capability, of this name, is granted and has no source.
    #[error("`{0}` is granted and has no source")]
    NoSource(&'static str),
    /// The function of this name has to be answered at once, and was not.
    #[error("`{0}` has to be answered at once, and its source takes its time")]
    Waits(&'static str),
    /// The call could not be made durable.
    #[error("a call could not be recorded: {0}")]
    NotDurable(NotDurable),
    /// The runtime is shutting down.
    #[error("a call was ended: {0}")]
    Ended(tokio::task::JoinError),
}

/// A call that has been answered, and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What the plugin is told.
    pub response: Response,
    /// The fuel that the call costs the plugin. Whose fault it was comes before whether it could
    /// be paid for: [`Response::Unavailable`] ends a plugin also when there is not as
    /// much.
    pub fuel: u64,
}

/// Every call of one plugin, over.
#[derive(Debug)]
pub struct Exchanged {
    /// The calls of the plugin, in their order.
    pub calls: Vec<CallRecord>,
    /// The call of the record that should have come and did not.
    pub missing: Option<Divergence>,
}

/// The boundary between one plugin and what stands behind its capabilities.
pub struct Exchange {
    mode: Mode,
    random: Box<ChaCha8Rng>,
    log: log::LogBudget,
    max_calls: u32,
    max_call_bytes: u64,
    counts_written: bool,
    journal: Option<Arc<dyn Journal>>,
    recorded: Vec<CallRecord>,
    bytes: u64,
    /// What was said to models and answered by them.
    talk_bytes: u64,
    /// Questions to models in a row, up to now, without an answer.
    vain: u32,
    /// What the last call said of the end that follows.
    words: Option<String>,
}

enum Mode {
    Live(Arc<dyn Outside>),
    Recorded { calls: VecDeque<CallRecord>, compare_fuel: bool },
    Resumed(Resumed),
}

/// A call that has come in and is within the limits.
struct Entry {
    request: Request,
    /// What it brought from the plugin.
    bytes: usize,
    /// Its response, by the record.
    known: Option<Response>,
}

impl Exchange {
    /// The boundary of a plugin that has made no call. `seed` is what its random numbers
    /// start from.
    #[must_use]
    pub fn new(limits: &Limits, seed: [u8; 32], behind: Behind, journal: Option<Arc<dyn Journal>>) -> Self {
        let mode = match behind {
            Behind::Live(outside) => Mode::Live(outside),
            Behind::Recorded { calls, compare_fuel } => Mode::Recorded { calls: calls.into(), compare_fuel },
            Behind::Resumed(resumed) => Mode::Resumed(resumed),
        };
        Self {
            mode,
            random: Box::new(ChaCha8Rng::from_seed(seed)),
            log: log::LogBudget::new(limits),
            max_calls: limits.calls,
            max_call_bytes: limits.call_bytes,
            counts_written: limits.counts_written,
            journal,
            recorded: Vec::new(),
            bytes: 0,
            talk_bytes: 0,
            vain: 0,
            words: None,
        }
    }

    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> &[CallRecord] {
        &self.recorded
    }

    /// Answers a call that its plugin does not wait for, made with that much fuel used.
    ///
    /// # Errors
    /// The plugin is over then. What it may handle itself is a response.
    pub fn answer_now(&mut self, fuel_used: u64, request: Request) -> Result<Answered, ExchangeError> {
        let Entry { request, bytes, known } = self.enter(fuel_used, request)?;
        let response = match known {
            Some(response) => response,
            None => self.at_once(&request)?,
        };
        Ok(self.settle(fuel_used, bytes, request, response))
    }

    /// Answers a call that reaches outside and may take its time, made with that much fuel
    /// used. Whatever goes on outside runs as a task of its own: a plugin's stack, which
    /// the host's functions may share, has no room for it. Should this future be dropped,
    /// so is that.
    ///
    /// # Errors
    /// As [`Exchange::answer_now`].
    ///
    /// # Panics
    /// When what is asked does.
    pub async fn answer(&mut self, fuel_used: u64, request: Request) -> Result<Answered, ExchangeError> {
        let Entry { request, bytes, known } = self.enter(fuel_used, request)?;
        if let Some(response) = known {
            return Ok(self.settle(fuel_used, bytes, request, response));
        }
        if let Err(refused) = admission::check(&request, &self.recorded) {
            return Ok(self.settle(fuel_used, bytes, request, Response::Refused(refused)));
        }
        let outside = Arc::clone(self.outside(&request)?);
        // Only who is paid is written down before it is asked.
        let journal = match outside.effect(&request) {
            Effect::Paid => self.journal.clone(),
            Effect::Pure | Effect::Container => None,
        };
        let written_ahead = journal.clone();
        let (request, response) = apart(async move {
            if let Some(journal) = written_ahead {
                journal.asks(fuel_used, &request).await.map_err(ExchangeError::NotDurable)?;
            }
            let answered = match outside.answer(&request) {
                Answering::Now(answered) => answered,
                Answering::Later(reply) => reply.await,
            };
            let response = told(answered)?;
            Ok((request, response))
        })
        .await?;
        let response = fitting::fitting(response, self.max_call_bytes);
        let is_answered = !matches!(response, Response::Unavailable(_));
        let answered = self.settle(fuel_used, bytes, request, response);
        if let Some(journal) = journal.filter(|_| is_answered) {
            apart(async move { journal.keeps().await.map_err(ExchangeError::NotDurable) }).await?;
        }
        Ok(answered)
    }

    /// Records what a plugin wrote elsewhere than to its log, once it is done. A
    /// difference from the record shows as a call that is missing, since there is no
    /// plugin left to end.
    pub fn output(&mut self, fuel_used: u64, level: LogLevel, text: String, fields: Vec<(String, String)>) {
        let request = self.log.admit(level, text, fields, 0);
        if self.known(fuel_used, &request).is_ok() {
            self.record(fuel_used, request, Response::Done);
        }
    }

    /// What the plugin said in its last call, if that was why it is about to end: what it offered
    /// to the log, whether that was kept or not.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.words.clone()
    }

    /// The record of a plugin that is done.
    #[must_use]
    pub fn finish(self) -> Exchanged {
        let left = match self.mode {
            Mode::Recorded { mut calls, .. } | Mode::Resumed(Resumed { mut calls, .. }) => calls.pop_front(),
            Mode::Live(_) => None,
        };
        let missing = left.map(|call| Divergence {
            call: self.recorded.len(),
            recorded: Some((call.request, call.fuel_used)),
            replayed: None,
            numbers: None,
        });
        Exchanged { calls: self.recorded, missing }
    }

    /// Lets a call in that is within the limits, and looks it up in the record.
    fn enter(&mut self, fuel_used: u64, request: Request) -> Result<Entry, ExchangeError> {
        let over = |kind, message: String| Err(ExchangeError::Fault(Fault::new(kind, message)));
        if matches!(request, Request::RandomBelow { bound: 0 }) {
            return over(FaultKind::Trap, "random.below(0): there is no number below 0".to_owned());
        }
        let bytes = match &request {
            // What no log would keep was left with the plugin, which pays for it all the same.
            Request::LogWrite { dropped_bytes, .. } => {
                request.bytes().saturating_add(usize::try_from(*dropped_bytes).unwrap_or(usize::MAX))
            }
            request => request.bytes(),
        };
        self.words = match &request {
            Request::LogWrite { level, message, fields, .. } => words::logged(*level, message, fields),
            _ => None,
        };
        if self.recorded.len() >= self.max_calls as usize {
            let limit = self.max_calls;
            return over(FaultKind::TooManyCalls, format!("more than {limit} calls of capabilities"));
        }
        if matches!(request, Request::ModelAsk { .. }) && self.vain >= MAX_VAIN {
            let message = format!("models were asked {MAX_VAIN} times in a row in vain");
            return over(FaultKind::TooManyCalls, message);
        }
        let (carried, limit, what) = match is_talk(&request) {
            true => (self.talk_bytes, MAX_TALK_BYTES, "conversations with models"),
            false => (self.bytes, MAX_RECORD_BYTES, "calls"),
        };
        let brought = match &request {
            // Most of what is too long for the log is dropped.
            Request::LogWrite { .. } => bytes as u64,
            request if self.counts_written => size::of(request),
            _ => bytes as u64,
        };
        if carried.saturating_add(brought) > limit {
            let limit = limit >> 20;
            return over(FaultKind::TooManyCalls, format!("its {what} carried more than {limit} MiB in all"));
        }
        let request = match request {
            Request::LogWrite { level, message, fields, dropped_bytes } => {
                self.log.admit(level, message, fields, dropped_bytes)
            }
            request => admission::bounded(request),
        };
        let known = self.known(fuel_used, &request)?;
        Ok(Entry { request, bytes, known })
    }

    /// The response of the record, as far as there is one.
    fn known(&mut self, fuel_used: u64, request: &Request) -> Result<Option<Response>, ExchangeError> {
        let call = self.recorded.len();
        let (next, compare_fuel) = match &mut self.mode {
            Mode::Live(_) => return Ok(None),
            Mode::Recorded { calls, compare_fuel } => (calls.pop_front(), *compare_fuel),
            Mode::Resumed(resumed) => match resumed.calls.pop_front() {
                Some(next) => (Some(next), resumed.compare_fuel),
                None => return Ok(None),
            },
        };
        let same =
            |next: &CallRecord| next.request == *request && (!compare_fuel || next.fuel_used == fuel_used);
        let (recorded, numbers) = match next {
            Some(next) if same(&next) => match self.redrawn(request, &next.response) {
                None => return Ok(Some(next.response)),
                Some(drawn) => (Some((next.request, next.fuel_used)), Some((next.response, drawn))),
            },
            other => (other.map(|next| (next.request, next.fuel_used)), None),
        };
        let replayed = Some((request.clone(), fuel_used));
        Err(ExchangeError::Diverged(Box::new(Divergence { call, recorded, replayed, numbers })))
    }

    /// The random number in place of the one recorded, where it is another one. It is
    /// drawn only where drawing goes on after the record.
    fn redrawn(&mut self, request: &Request, response: &Response) -> Option<u64> {
        if !matches!(self.mode, Mode::Resumed(_)) {
            return None;
        }
        self.draw(request).filter(|drawn| *response != Response::Number(*drawn))
    }

    /// The next random number, if that is what is asked for.
    fn draw(&mut self, request: &Request) -> Option<u64> {
        match request {
            Request::RandomNext => Some(self.random.next_u64()),
            Request::RandomBelow { bound } => Some(random::below(&mut self.random, *bound)),
            _ => None,
        }
    }

    fn at_once(&mut self, request: &Request) -> Result<Response, ExchangeError> {
        if let Some(number) = self.draw(request) {
            return Ok(Response::Number(number));
        }
        if matches!(request, Request::LogWrite { .. }) {
            return Ok(Response::Done);
        }
        match self.outside(request)?.answer(request) {
            Answering::Now(answered) => told(answered),
            Answering::Later(_) => Err(ExchangeError::Waits(request.name())),
        }
    }

    fn outside(&self, request: &Request) -> Result<&Arc<dyn Outside>, ExchangeError> {
        match &self.mode {
            Mode::Live(outside) | Mode::Resumed(Resumed { outside, .. }) => Ok(outside),
            Mode::Recorded { .. } => Err(ExchangeError::NoSource(request.name())),
        }
    }

    /// Records a call with its response, and says what it costs.
    fn settle(&mut self, fuel_used: u64, bytes: usize, request: Request, response: Response) -> Answered {
        let carried = bytes.saturating_add(response.bytes());
        self.record(fuel_used, request, response.clone());
        Answered { response, fuel: CALL_FUEL.saturating_add(carried as u64) }
    }

    fn record(&mut self, fuel_used: u64, request: Request, response: Response) {
        let bytes = match self.counts_written {
            true => size::written(&request, &response),
            false => request.bytes().saturating_add(response.bytes()) as u64,
        };
        let carried = if is_talk(&request) { &mut self.talk_bytes } else { &mut self.bytes };
        *carried = carried.saturating_add(bytes);
        if matches!(request, Request::ModelAsk { .. }) {
            self.vain = if matches!(response, Response::Answered(_)) { 0 } else { self.vain + 1 };
        }
        let call = CallRecord { fuel_used, request, response };
        if let Some(journal) = &self.journal {
            journal.called(&call, Instant::now());
        }
        self.recorded.push(call);
    }
}

/// The most questions to models in a row that get no answer: 1,000. Each costs the host
/// work, by the length of its conversation, and costs the plugin next to nothing. They are
/// counted by the record, so that a plugin ends where it did before.
const MAX_VAIN: u32 = 1_000;

/// Whether a call is part of a conversation with a model.
fn is_talk(request: &Request) -> bool {
    matches!(
        request,
        Request::ModelOpen { .. }
            | Request::ModelSay { .. }
            | Request::ModelGive { .. }
            | Request::ModelAsk { .. }
    )
}

/// What is recorded of an answer.
fn told(answered: Result<Response, SourceError>) -> Result<Response, ExchangeError> {
    match answered {
        Ok(response) => Ok(response),
        Err(SourceError::Refused(error)) => Ok(Response::Refused(error)),
        Err(SourceError::Unavailable(fault)) => Ok(Response::Unavailable(fault)),
        Err(SourceError::Missing(name)) => Err(ExchangeError::NoSource(name)),
    }
}

/// Runs work as a task of its own, which ends with the future that waits for it.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, ExchangeError>> + Send + 'static,
) -> Result<T, ExchangeError> {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(done)) => done,
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => Err(ExchangeError::Ended(error)),
        },
        None => unreachable!("a task that was spawned is there to be waited for"),
    }
}

#[cfg(test)]
mod tests {
    use lancet_core::ConversationSetup;

    use super::*;
    use crate::answer::Sources;

    fn opens(mebibytes: usize) -> Request {
        let setup = ConversationSetup { instructions: "x".repeat(mebibytes << 20), ..Default::default() };
        Request::ModelOpen { setup }
    }

    #[test]
    fn asking_in_vain_has_an_end() {
        let mut exchange = Exchange::new(&Limits::asking(), [0; 32], Behind::live(Sources::default()), None);
        let ask = || Request::ModelAsk { conversation: 0 };
        let failure = lancet_core::ModelFailure::new(lancet_core::ModelFailureKind::OverBudget, "");
        for fuel_used in 0..u64::from(MAX_VAIN) {
            exchange.enter(fuel_used, ask()).unwrap();
            exchange.record(fuel_used, ask(), Response::Unanswered(Box::new(failure.clone())));
        }
        let error = exchange.answer_now(1_000, ask()).unwrap_err().to_string();
        assert!(error.contains("1000 times in a row in vain"), "{error}");
        // Everything else goes on.
        exchange.answer_now(1_001, opens(1)).unwrap();
    }

    #[test]
    fn calls_are_counted_as_they_are_written() {
        // A control character has six bytes in a journal.
        let control = |mebibytes: usize| Request::BudgetLeft { unit: "\u{1}".repeat(mebibytes << 20) };
        let calls = |limits: &Limits| {
            let mut exchange = Exchange::new(limits, [0; 32], Behind::live(Sources::default()), None);
            (0..100).take_while(|call| exchange.answer_now(*call, control(1)).is_ok()).count()
        };
        let standard = Limits::standard();
        assert_eq!(calls(&standard), 5);
        // Journals of before are replayed as they were.
        assert_eq!(calls(&Limits { counts_written: false, ..standard }), 32);
    }

    #[test]
    fn who_asks_models_has_more_calls_and_is_told_how_many() {
        let calls = |limits: &Limits| {
            let mut exchange = Exchange::new(limits, [0; 32], Behind::live(Sources::default()), None);
            let call =
                |fuel_used| exchange.answer_now(fuel_used, Request::BudgetLeft { unit: "asks".into() });
            (0..=u64::from(limits.calls)).map(call).find_map(Result::err).unwrap().to_string()
        };
        let error = calls(&Limits::asking());
        assert!(error.contains("more than 100000 calls"), "{error}");
        let error = calls(&Limits::standard());
        assert!(error.contains("more than 10000 calls"), "{error}");
    }

    #[test]
    fn what_is_said_to_models_is_counted_apart() {
        let mut exchange = Exchange::new(&Limits::asking(), [0; 32], Behind::live(Sources::default()), None);
        for fuel_used in 0..4 {
            exchange.answer_now(fuel_used, opens(31)).unwrap();
        }
        // Of the other calls' 32 MiB nothing is used.
        exchange.answer_now(4, Request::BudgetLeft { unit: "x".repeat(31 << 20) }).unwrap();
        let error = exchange.answer_now(5, opens(8)).unwrap_err().to_string();
        assert!(error.contains("conversations with models carried more than 128 MiB"), "{error}");
        let error = exchange.answer_now(6, Request::BudgetLeft { unit: "x".repeat(2 << 20) }).unwrap_err();
        assert!(error.to_string().contains("calls carried more than 32 MiB"), "{error}");
    }
}
