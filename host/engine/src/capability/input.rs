//! `input`: what the operator gives an agent.

use lancet_core::{InfraFault, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::link;
use crate::state::State;

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
    instance.func_wrap("read", |mut store: StoreContextMut<'_, State>, (): ()| {
        match link::now(&mut store, Request::InputRead)? {
            Response::MaybeText(text) => Ok((text,)),
            _ => Err(link::mismatched("input.read")),
        }
    })
}
