//! Whose fault it was that a call of a plugin ended before it returned.

use lancet_core::{Fault, FaultKind, InfraFault};
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::exchange::{Divergence, ExchangeError};
use crate::state::{FaultTrap, UnavailableTrap};
use crate::worker::Over;

/// Said of a plugin that has no fuel left.
pub(crate) const FUEL_IS_USED_UP: &str = "the fuel is used up";

/// How a call of a plugin came to its end before it returned.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The clock ended it.
    TimedOut,
    /// The process that answers its calls ended it, and knows why.
    Over,
    /// The plugin's fault.
    Fault(Fault),
    /// The plugin did something else than its record says.
    Diverged(Box<Divergence>),
    /// The infrastructure's fault, by what a capability was answered.
    Unavailable(InfraFault),
    /// The host's fault.
    Host(String),
}

/// Tells whose fault an error is that ended a guest. `refused` is whether it had
/// been refused memory or table space.
pub(crate) fn classify(error: &wasmtime::Error, refused: bool) -> Ending {
    if let Some(error) = error.downcast_ref::<ExchangeError>() {
        return unanswered(error);
    }
    if error.is::<Over>() {
        return Ending::Over;
    }
    if let Some(FaultTrap(fault)) = error.downcast_ref::<FaultTrap>() {
        return Ending::Fault(fault.clone());
    }
    if let Some(UnavailableTrap(fault)) = error.downcast_ref::<UnavailableTrap>() {
        return Ending::Unavailable(fault.clone());
    }
    if is_of_the_host(error) {
        return Ending::Host(format!("{error:#}"));
    }
    let (kind, message) = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => (FaultKind::OutOfFuel, FUEL_IS_USED_UP.to_owned()),
        Some(Trap::StackOverflow) => (FaultKind::StackOverflow, "the call stack is used up".to_owned()),
        Some(trap) if refused => {
            (FaultKind::OutOfMemory, format!("it was refused memory or table space, and then: {trap}"))
        }
        Some(trap) => (FaultKind::Trap, trap.to_string()),
        None => by_text(&format!("{error:#}"), refused),
    };
    Ending::Fault(Fault::new(kind, message))
}

/// Tells whose fault it is that a call was not answered.
pub(crate) fn unanswered(error: &ExchangeError) -> Ending {
    match error {
        ExchangeError::Fault(fault) => Ending::Fault(fault.clone()),
        ExchangeError::Diverged(divergence) => Ending::Diverged(divergence.clone()),
        of_the_host => Ending::Host(of_the_host.to_string()),
    }
}

/// Whether it is the machine that gave out, and not the plugin.
pub(crate) fn is_of_the_host(error: &wasmtime::Error) -> bool {
    error.is::<PoolConcurrencyLimitError>()
        || error.chain().any(|cause| cause.is::<std::io::Error>() || cause.is::<rustix::io::Errno>())
}

/// Wasmtime has no types for these; the hostile corpus pins the texts.
fn by_text(text: &str, refused: bool) -> (FaultKind, String) {
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        (FaultKind::CallTooLarge, "one call carried more bytes than the limit".to_owned())
    } else if text.contains("handle limit exceeded")
        || text.contains("cannot allocate another handle")
        || text.contains("resource table has no free keys")
    {
        (FaultKind::TooManyHandles, "it held more handles than the limit".to_owned())
    } else if refused
        || text.contains("forbidden by the resource limiter")
        || text.contains("memory minimum size")
    {
        (FaultKind::OutOfMemory, "it was refused memory or table space".to_owned())
    } else {
        (FaultKind::Trap, first_line(text))
    }
}

/// Without backtraces, and bounded: the text becomes part of a verdict.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(500).collect()
}
