//! What a plugin's calls are put to while it runs for real.

use std::pin::Pin;

use lancet_core::{CallError, CallRecord, Effect, InfraFault, Request, Response};

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It may not be had, which is for the plugin to handle.
    #[error("{}", .0.message)]
    Refused(CallError),
    /// The infrastructure failed: it ends the plugin, and nobody is to blame.
    #[error("{0}")]
    Unavailable(InfraFault),
    /// The capability, of this name, is granted and has no source: a mistake of the
    /// host's.
    #[error("`{0}` is granted and has no source")]
    Missing(&'static str),
}

impl From<CallError> for SourceError {
    fn from(error: CallError) -> Self {
        Self::Refused(error)
    }
}

impl From<InfraFault> for SourceError {
    fn from(fault: InfraFault) -> Self {
        Self::Unavailable(fault)
    }
}

/// What a source answers that takes its time: what was asked for, or why there is none.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// How a request is answered.
pub enum Answering<'a> {
    /// At once, on the thread that the plugin runs on.
    Now(Result<Response, SourceError>),
    /// After a while, for which the plugin is charged nothing.
    Later(Reply<'a, Response>),
}

/// What a record says was done outside of the plugin, and cannot be there again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRecalled(pub String);

impl NotRecalled {
    /// For a call whose effect went with the container that it was made in.
    #[must_use]
    pub fn by(call: &CallRecord) -> Self {
        Self(format!("what `{}` did is gone with the container that it was done in", call.request.name()))
    }
}

/// What stands behind the capabilities of one plugin while it runs for real.
///
/// `log` and `random` are none of its business: they depend on nothing outside and are
/// answered before. What it is asked has been checked: paths are plain, names and
/// lengths within their bounds.
pub trait Outside: Send + Sync {
    /// Answers a request. Those that a plugin is linked to synchronously (the answer
    /// key, the operator's input, the submission's answer, the names of test plans) have
    /// to be answered [`Answering::Now`].
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a>;

    /// What answering the request does, and so when its record is durable.
    fn effect(&self, request: &Request) -> Effect {
        request.effect()
    }

    /// Takes over what a recorded call implies, as if it had been answered here. Called
    /// for each call of a record, in their order, before anything is asked.
    ///
    /// # Errors
    /// When that cannot be had again: a container that is gone took along what was done
    /// in it. Nothing can go on from this record then.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled>;
}
