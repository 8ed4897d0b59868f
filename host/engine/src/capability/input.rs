use lancet_core::{InfraFault, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::exchange::Live;
use crate::state::{self, State, UnavailableTrap};

/// Gives what the operator gave the agent for this task.
pub trait InputSource: Send + Sync {
    /// The text, if there is one. May block.
    ///
    /// # Errors
    /// When it cannot be had: nobody's fault.
    fn read(&self) -> Result<Option<String>, InfraFault>;
}

impl InputSource for Option<String> {
    fn read(&self) -> Result<Option<String>, InfraFault> {
        Ok(self.clone())
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("read", |store: StoreContextMut<'_, State>, (): ()| {
        let read = |live: &mut Live| {
            let text = live.sources.input.as_ref().map_or(Ok(None), |source| source.read());
            Ok(text.map_or_else(Response::Unavailable, Response::MaybeText))
        };
        match state::call(store, 0, |_| Request::InputRead, read)? {
            Response::MaybeText(text) => Ok((text,)),
            Response::Unavailable(fault) => Err(UnavailableTrap(fault).into()),
            _ => Err(state::mismatched("input.read")),
        }
    })
}
