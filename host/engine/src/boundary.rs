//! What a guest's calls are put to, from where the guest is executed.

use lancet_core::Request;

use crate::exchange::{Answered, Exchange};
use crate::worker::Line;

/// Where the calls of a guest are answered and recorded.
pub(crate) enum Boundary {
    /// In this process.
    Here(Box<Exchange>),
    /// In the process that this one works for, at the other end of a line.
    Away(Line),
}

impl Boundary {
    /// The exchange of this process.
    pub(crate) fn here(exchange: Exchange) -> Self {
        Self::Here(Box::new(exchange))
    }

    /// Answers a call that its guest does not wait for, made with that much fuel used.
    ///
    /// # Errors
    /// The guest is over then.
    pub(crate) fn answer_now(&mut self, fuel_used: u64, request: Request) -> wasmtime::Result<Answered> {
        match self {
            Self::Here(exchange) => Ok(exchange.answer_now(fuel_used, request)?),
            Self::Away(line) => line.ask(fuel_used, request),
        }
    }

    /// Answers a call that may take its time, made with that much fuel used.
    /// `is_overdrawn` is whether the guest has used up what it may, and so gets no answer
    /// that it would have to wait for.
    ///
    /// # Errors
    /// The guest is over then.
    pub(crate) async fn answer(
        &mut self,
        fuel_used: u64,
        request: Request,
        is_overdrawn: impl Fn() -> bool,
    ) -> wasmtime::Result<Answered> {
        match self {
            // Who waits is looked at by whoever drives it.
            Self::Here(exchange) => Ok(exchange.answer(fuel_used, request).await?),
            Self::Away(line) => match line.ask_unless(is_overdrawn(), fuel_used, request)? {
                Some(answered) => Ok(answered),
                None => std::future::pending().await,
            },
        }
    }
}
