use lancet_core::{Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::exchange::{Live, NoSource};
use crate::state::{self, State};

/// Gives a task's private configuration.
pub trait AnswerKeySource: Send + Sync {
    /// The file, byte for byte.
    fn read(&self) -> String;
}

impl AnswerKeySource for String {
    fn read(&self) -> String {
        self.clone()
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("read", |store: StoreContextMut<'_, State>, (): ()| {
        let read = |live: &mut Live| {
            let source = live.sources.answer_key.as_ref().ok_or(NoSource("answer-key"))?;
            Ok(Response::Text(source.read()))
        };
        match state::call(store, 0, |_| Request::AnswerKeyRead, read)? {
            Response::Text(text) => Ok((text,)),
            _ => Err(state::mismatched("answer-key.read")),
        }
    })
}
