use std::sync::Arc;

use lancet_core::{ArtifactEntry, CallError, MAX_READ_BYTES, Octets, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::types;
use crate::exchange::{Reply, Sources};
use crate::outside::{self, Unanswered, check_name, given, no_environment};
use crate::state::State;

/// Gives what test runs left.
pub trait ArtifactsSource: Send + Sync {
    /// What the run that counts of the last test report left, sorted by name.
    fn list<'a>(&'a self) -> Reply<'a, Vec<ArtifactEntry>>;

    /// At most `length` bytes of the artifact of that name, from `offset`.
    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets>;
}

fn source(sources: Sources) -> Result<Arc<dyn ArtifactsSource>, CallError> {
    sources.artifacts.ok_or_else(no_environment)
}

fn entries(response: Response) -> Option<Vec<types::ArtifactEntry>> {
    match response {
        Response::Artifacts(entries) => Some(entries.into_iter().map(Into::into).collect()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async("list", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(async move {
            let ask = |sources| async move {
                let entries = given(source(sources)?.list().await)?;
                Ok(Response::Artifacts(entries))
            };
            outside::call(store, Request::ArtifactsList, ask, entries).await
        })
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (name, offset, length): (String, u64, u32)| {
            Box::new(async move {
                let length = length.min(MAX_READ_BYTES);
                let request = Request::ArtifactsRead { name: name.clone(), offset, length };
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
