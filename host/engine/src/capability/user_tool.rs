//! `user-tool`: a user who reproduces the issue for the agent.

use lancet_core::{CallRecord, Observation, Octets, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::user_tool;
use crate::link;
use crate::outside::{NotRecalled, Reply};
use crate::state::State;

/// Has a user reproduce the issue for the agent.
pub trait UserToolSource: Send + Sync {
    /// Goes through the steps on the work tree as it is now.
    fn reproduce<'a>(&'a self) -> Reply<'a, Observation>;

    /// At most `length` bytes of an artifact of the last observation, from
    /// `offset`.
    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets>;

    /// Takes over what a reproduction left that a record says there was.
    ///
    /// # Errors
    /// When that cannot be had again, as in a container that is gone.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        Err(NotRecalled::by(call))
    }
}

fn observation(response: Response) -> Option<user_tool::Observation> {
    match response {
        Response::Observed(observation) => Some(observation.into()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async("reproduce", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(link::call(store, Request::UserToolReproduce, observation))
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (name, offset, length): (String, u64, u32)| {
            Box::new(link::call(store, Request::UserToolRead { name, offset, length }, link::bytes))
        },
    )
}
