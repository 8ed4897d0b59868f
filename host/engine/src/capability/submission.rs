use lancet_core::{Answer, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::types;
use crate::state::{self, State};

/// Gives what the agent handed in.
pub trait SubmissionSource: Send + Sync {
    /// The answer.
    fn answer(&self) -> Answer;
}

impl SubmissionSource for Answer {
    fn answer(&self) -> Answer {
        self.clone()
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("answer", |store: StoreContextMut<'_, State>, (): ()| {
        match state::call(store, 0, |_| Request::SubmissionAnswer)? {
            Response::Answer(answer) => Ok((types::Answer::from(&answer),)),
            _ => Err(state::mismatched("submission.answer")),
        }
    })
}
