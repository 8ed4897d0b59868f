use lancet_core::{Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::exchange::Live;
use crate::state::{self, State};

/// Gives what the operator gave the agent for this task.
pub trait InputSource: Send + Sync {
    /// The text, if there is one: at most 1 MiB.
    fn read(&self) -> Option<String>;
}

impl InputSource for Option<String> {
    fn read(&self) -> Option<String> {
        self.clone()
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("read", |store: StoreContextMut<'_, State>, (): ()| {
        let read = |live: &mut Live| {
            Ok(Response::MaybeText(live.sources.input.as_ref().and_then(|source| source.read())))
        };
        match state::call(store, 0, |_| Request::InputRead, read)? {
            Response::MaybeText(text) => Ok((text,)),
            _ => Err(state::mismatched("input.read")),
        }
    })
}
