//! What stands behind a plugin, with an ear for what it waits for.

use std::sync::Arc;

use lancet_core::{AttemptId, CallRecord, Effect, Request};
use lancet_engine::{Answering, NotRecalled, Outside};

use crate::observer::{Notice, Observer, Wait};

/// Tells an observer of every call that is waited for, and answers as what is behind it.
pub(crate) struct Watched {
    pub(crate) behind: Arc<dyn Outside>,
    pub(crate) attempt: AttemptId,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Outside for Watched {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        let answering = self.behind.answer(request);
        if matches!(answering, Answering::Later(_)) {
            let what = Wait::Call { name: request.name() };
            self.observer.notice(Notice::Waits { attempt: &self.attempt, what });
        }
        answering
    }

    fn effect(&self, request: &Request) -> Effect {
        self.behind.effect(request)
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        self.behind.recall(call)
    }
}
