//! `answer-key`: the task's private configuration.

use lancet_core::{Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::link;
use crate::state::State;

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
    instance.func_wrap("read", |mut store: StoreContextMut<'_, State>, (): ()| {
        match link::now(&mut store, Request::AnswerKeyRead)? {
            Response::Text(text) => Ok((text,)),
            _ => Err(link::mismatched("answer-key.read")),
        }
    })
}
