use std::sync::Arc;

use lancet_core::{CallError, CallErrorKind, MAX_READ_BYTES, Observation, Octets, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::user_tool;
use crate::exchange::{Reply, Sources};
use crate::outside::{self, Unanswered, check_name, given};
use crate::state::State;

/// Has a user reproduce the issue for the agent.
pub trait UserToolSource: Send + Sync {
    /// Goes through the steps on the work tree as it is now.
    fn reproduce<'a>(&'a self) -> Reply<'a, Observation>;

    /// At most `length` bytes of an artifact of the last observation, from
    /// `offset`.
    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets>;
}

/// A task with an environment may be one without a user.
fn source(sources: Sources) -> Result<Arc<dyn UserToolSource>, CallError> {
    let Sources { user_tool, workspace, .. } = sources;
    user_tool.ok_or_else(|| match workspace {
        Some(_) => CallError::new(CallErrorKind::Unavailable, "this task has no user tool"),
        None => outside::no_environment(),
    })
}

fn observation(response: Response) -> Option<user_tool::Observation> {
    match response {
        Response::Observed(observation) => Some(observation.into()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async("reproduce", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(async move {
            let ask = |sources| async move {
                let observation = given(source(sources)?.reproduce().await)?;
                Ok(Response::Observed(observation))
            };
            outside::call(store, Request::UserToolReproduce, ask, observation).await
        })
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (name, offset, length): (String, u64, u32)| {
            Box::new(async move {
                let length = length.min(MAX_READ_BYTES);
                let request = Request::UserToolRead { name: name.clone(), offset, length };
                let ask = |sources| async move {
                    check_name("an artifact's name", &name)?;
                    let bytes = given(source(sources)?.read(&name, offset, length).await)?;
                    Ok::<_, Unanswered>(Response::Bytes(bytes))
                };
                outside::call(store, request, ask, outside::bytes).await
            })
        },
    )
}
