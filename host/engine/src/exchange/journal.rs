//! Who is told of calls as they happen.

use std::pin::Pin;
use std::time::Instant;

use lancet_core::{CallRecord, Request};

/// What was to be durable is not: the host's failure, which ends the plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotDurable(pub String);

/// A write that is under way.
pub type Durable<'a> = Pin<Box<dyn Future<Output = Result<(), NotDurable>> + Send + 'a>>;

/// Is told of every call of one plugin as it happens, in order, those that are answered
/// from a record among them.
///
/// Only calls that are [`lancet_core::Effect::Paid`] are written one by one: before one
/// is asked, [`Journal::asks`] makes that durable with all that came before, and
/// before the plugin is told, [`Journal::keeps`] makes the answer durable. What else is
/// told here is durable with the next write that is, or with the end of the phase.
pub trait Journal: Send + Sync {
    /// A call has been answered. It costs a plugin's own time: nothing is to be waited
    /// for here.
    fn called(&self, call: &CallRecord, at: Instant);

    /// A paid call is about to be asked, with that much fuel used. When this returns,
    /// it is durable that it was, after every call told of so far.
    fn asks<'a>(&'a self, fuel_used: u64, request: &'a Request) -> Durable<'a>;

    /// When this returns, every call told of so far is durable.
    fn keeps(&self) -> Durable<'_>;
}
