//! One call of a plugin in a worker, from its parent's side: answers what the guest asks,
//! and believes nothing of what the worker says that the parent can know itself.
//!
//! The exchange, and with it journal, limits and random numbers, is the one that a call in
//! this process has. What the worker says is looked at in this order: is it its turn, is
//! the frame within its bound, is it a message that a worker has, and can that message come
//! at this point. If not, the call is over as a *jail violation*: somebody else speaks. If
//! the worker dies, the call is over as a *crash*, and if it was killed for what its jail
//! forbids, as a jail violation; if it does not speak, as *hung*, by the rule of
//! [`Patience`](super::watch::Patience). Nothing of this is ever the failure of anybody but
//! the plugin, so that no worker can end a run.

use std::collections::BTreeSet;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use lancet_core::{Capability, Fault, FaultKind, Request, Response};
use serde::Serialize;

use super::fault::{of_death, of_growth, of_silence, of_speech};
use super::frame::{Bound, How, Job, Reply, Said};
use super::pool::{NoWorker, Pool, Worker};
use super::returned::{Returned, is_short};
use super::talk::{Broken, Talk};
use super::watch::{Patience, Watch};
use crate::classify::{Ending, unanswered};
use crate::config::EngineError;
use crate::exchange::{Answered, Exchange, ExchangeError};
use crate::execution::Concluded;
use crate::link::is_waited_for;
use crate::output::{MAX_OUTPUT_BYTES, Written};

/// Has a worker of the pool do a job, with the exchange behind it.
///
/// # Errors
/// When the host is at fault.
pub(crate) async fn drive<T: Returned>(
    pool: &Pool,
    job: &Job<'_>,
    imported: &BTreeSet<Capability>,
    exchange: &mut Exchange,
) -> Result<Concluded<T>, EngineError> {
    let failed = |fault| Ok(died(fault));
    let worker = match pool.take().await {
        Ok(worker) => worker,
        Err(NoWorker::Plugin(fault)) => return failed(fault),
        // It could be loaded before, so this is no property of the code.
        Err(NoWorker::NotLoaded(_)) => {
            return failed(Fault::new(FaultKind::Crash, "its process could not load its code any more"));
        }
        Err(host) => return Err(host.into_error()),
    };
    employ(worker, pool.patience(), job, imported, exchange).await
}

/// Has a worker do a job, with the exchange behind it.
///
/// # Errors
/// When the host is at fault.
pub(super) async fn employ<T: Returned>(
    mut worker: Worker,
    patience: Patience,
    job: &Job<'_>,
    imported: &BTreeSet<Capability>,
    exchange: &mut Exchange,
) -> Result<Concluded<T>, EngineError> {
    let failed = |cause: String| EngineError::of("talking to a jailed process", cause);
    let Some(line) = worker.line.take() else { return Err(failed("it has no line".to_owned())) };
    let own = Duration::from_millis(job.limits.wall_ms);
    let watch = Watch::new(worker.id(), patience, own, worker.most_bytes);
    let talk = Talk::new(line, watch, Bound::of(&job.limits));
    let talk = talk.map_err(|error| failed(error.to_string()))?;
    let mut driven = Driven {
        talk,
        imported,
        fuel: job.limits.fuel,
        // A guest pays for the bytes of a text as they are in its memory, where a letter that
        // takes two here may take one.
        most_bytes: job.limits.call_bytes.saturating_mul(2),
        floor: 0,
        opened: BTreeSet::new(),
    };
    let fault = match driven.finish(job, exchange).await {
        Ok(concluded) => return Ok(concluded),
        Err(Broken::Host(cause)) => return Err(failed(cause)),
        Err(Broken::Misspoke(what)) => of_speech(what),
        Err(Broken::Hung(what)) => of_silence(what),
        Err(Broken::Outgrown) => of_growth(),
        Err(Broken::Closed) => of_death(worker.end().await),
    };
    Ok(died(fault))
}

/// What a call comes to whose process failed it.
fn died<T>(fault: Fault) -> Concluded<T> {
    Concluded { ended: Err(Ending::Fault(fault)), spent: None, memory: None, output: Vec::new() }
}

/// What is known of a guest while its worker is driven.
struct Driven<'a> {
    talk: Talk,
    /// The capabilities that the guest imports, by its bytes.
    imported: &'a BTreeSet<Capability>,
    fuel: u64,
    /// The most bytes that a call can carry.
    most_bytes: u64,
    /// The least fuel that the guest has used by what it was charged.
    floor: u64,
    /// The conversations that were begun.
    opened: BTreeSet<u32>,
}

/// How the guest can go on after a call.
enum Next {
    /// In any way.
    Anything,
    /// It is over by what it asked.
    Over(Ending),
    /// It is over by its clock.
    Overdrawn,
    /// It is over by what the call costs.
    Unpaid,
    /// It is over by the answer.
    Unavailable(Ending),
}

impl Driven<'_> {
    async fn finish<T: Returned>(
        &mut self,
        job: &Job<'_>,
        exchange: &mut Exchange,
    ) -> Result<Concluded<T>, Broken> {
        self.talk.say(job).await?;
        let mut next = Next::Anything;
        loop {
            match self.talk.hear::<Said<T>>().await? {
                Said::Call { fuel_used, request, overdrawn } => {
                    if !matches!(next, Next::Anything) {
                        return Err(Broken::Misspoke("a call after the guest was ended"));
                    }
                    next = self.answer(exchange, fuel_used, request, overdrawn).await?;
                }
                Said::Ended { how, spent, memory, output } => {
                    // No more than it can have had, whatever the worker says.
                    let memory = Some(memory.min(job.limits.memory_bytes));
                    return Ok(Concluded { memory, ..self.ended(next, how, spent, output)? });
                }
            }
        }
    }

    async fn answer(
        &mut self,
        exchange: &mut Exchange,
        fuel_used: u64,
        request: Request,
        is_overdrawn: bool,
    ) -> Result<Next, Broken> {
        self.check(fuel_used, &request)?;
        let answered = if is_waited_for(&request) {
            let mut answer = pin!(exchange.answer(fuel_used, request));
            if is_overdrawn {
                // As a guest in this process, which is looked at when it waits.
                let at_once =
                    std::future::poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
                match at_once {
                    Poll::Ready(answered) => answered,
                    Poll::Pending => {
                        self.reply::<()>(&Reply::Overdrawn).await?;
                        return Ok(Next::Overdrawn);
                    }
                }
            } else {
                self.talk.meanwhile(answer).await?
            }
        } else {
            exchange.answer_now(fuel_used, request)
        };
        match answered {
            Ok(answered) => self.told(fuel_used, &answered).await,
            Err(error) => self.refused(&error).await,
        }
    }

    /// Whether the guest can make that call at this point.
    fn check(&self, fuel_used: u64, request: &Request) -> Result<(), Broken> {
        if fuel_used < self.floor || fuel_used > self.fuel {
            return Err(Broken::Misspoke(
                "the fuel at a call is less than was used before, or more than there is",
            ));
        }
        let interface = request.name().split('.').next().and_then(Capability::of_interface);
        if !interface.is_some_and(|capability| self.imported.contains(&capability)) {
            return Err(Broken::Misspoke("a call of what its plugin does not import"));
        }
        if request.bytes() as u64 > self.most_bytes {
            return Err(Broken::Misspoke("a call that carries more than any can"));
        }
        let conversation = match request {
            Request::ModelSay { conversation, .. }
            | Request::ModelGive { conversation, .. }
            | Request::ModelAsk { conversation }
            | Request::ModelLength { conversation }
            | Request::ModelTokens { conversation }
            | Request::ModelWithout { conversation, .. } => Some(conversation),
            _ => None,
        };
        if conversation.is_some_and(|conversation| !self.opened.contains(conversation)) {
            return Err(Broken::Misspoke("a conversation that was never begun"));
        }
        Ok(())
    }

    async fn told(&mut self, fuel_used: u64, answered: &Answered) -> Result<Next, Broken> {
        let Answered { response, fuel } = answered;
        let used = fuel_used.saturating_add(*fuel);
        self.floor = used.min(self.fuel);
        self.reply(&Reply::Answered { response, fuel: *fuel }).await?;
        Ok(match response {
            Response::Unavailable(fault) => Next::Unavailable(Ending::Unavailable(fault.clone())),
            Response::Conversation(number) => {
                self.opened.insert(*number);
                self.after(used)
            }
            _ => self.after(used),
        })
    }

    /// How the guest can go on with that much fuel used.
    fn after(&self, used: u64) -> Next {
        if used > self.fuel { Next::Unpaid } else { Next::Anything }
    }

    async fn refused(&mut self, error: &ExchangeError) -> Result<Next, Broken> {
        let why = unanswered(error);
        self.reply::<()>(&Reply::Over).await?;
        Ok(Next::Over(why))
    }

    async fn reply<R: Serialize>(&mut self, reply: &Reply<R>) -> Result<(), Broken> {
        self.talk.say(reply).await
    }

    /// What the end of a guest comes to, if it can end like that.
    fn ended<T: Returned>(
        &self,
        next: Next,
        how: How<T>,
        spent: Option<u64>,
        output: Vec<Written>,
    ) -> Result<Concluded<T>, Broken> {
        let ended = match (next, how) {
            (Next::Over(why), How::Over) | (Next::Unavailable(why), How::Unavailable) => Err(why),
            (Next::Anything, How::Returned(value)) if value.is_possible() => Ok(value),
            (Next::Anything | Next::Overdrawn, How::TimedOut) => Err(Ending::TimedOut),
            (Next::Anything, How::Fault(fault)) if is_a_guests(&fault) => Err(Ending::Fault(fault)),
            (Next::Overdrawn | Next::Unpaid, How::Fault(fault)) if fault.kind == FaultKind::OutOfFuel => {
                Err(Ending::Fault(fault))
            }
            // What a worker has of the machine is what its plugin has. A word of the
            // worker's is not enough to say that the host is at fault.
            (_, How::Failed(problem)) => {
                let problem: String = problem.chars().take(500).collect();
                let fault = Fault::new(FaultKind::Crash, format!("its process could not go on: {problem}"));
                return Ok(died(fault));
            }
            _ => return Err(Broken::Misspoke("an end that the guest cannot have come to")),
        };
        if spent.is_none() != matches!(ended, Err(Ending::TimedOut))
            || spent.is_some_and(|spent| spent < self.floor)
        {
            return Err(Broken::Misspoke("fuel at the end that the guest cannot have used"));
        }
        self.check_output(&output)?;
        Ok(Concluded { ended, spent, memory: None, output })
    }

    /// Whether a guest can have written that: each of WASI's streams once, in their order.
    fn check_output(&self, output: &[Written]) -> Result<(), Broken> {
        // What is no UTF-8 is replaced by a character of three bytes.
        let fits = output.iter().all(|written| written.text.len() <= 3 * MAX_OUTPUT_BYTES);
        let streams: Vec<_> = output.iter().map(|written| written.stream.as_str()).collect();
        let is_known = match streams[..] {
            [] => true,
            ["stdout"] | ["stderr"] | ["stdout", "stderr"] => self.imported.contains(&Capability::WasiInert),
            _ => false,
        };
        if fits && is_known { Ok(()) } else { Err(Broken::Misspoke("output that no guest can have written")) }
    }
}

/// Whether a worker can find that fault by itself.
fn is_a_guests(fault: &Fault) -> bool {
    let can_be_found = match fault.kind {
        FaultKind::Trap
        | FaultKind::OutOfFuel
        | FaultKind::StackOverflow
        | FaultKind::OutOfMemory
        | FaultKind::TooManyHandles
        | FaultKind::CallTooLarge
        | FaultKind::Instantiation
        | FaultKind::Error => true,
        // The parent counts calls, looks at results, and watches the clock and the process.
        FaultKind::TooManyCalls
        | FaultKind::Timeout
        | FaultKind::MalformedResult
        | FaultKind::JailViolation
        | FaultKind::Crash
        | FaultKind::Hung => false,
    };
    can_be_found && is_short(fault)
}
