//! `artifacts`: what test runs left, for graders.

use lancet_core::{ArtifactEntry, Octets, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::types;
use crate::link;
use crate::outside::Reply;
use crate::state::State;

/// Gives what test runs left.
pub trait ArtifactsSource: Send + Sync {
    /// What the run that counts of the last test report left, sorted by name.
    fn list<'a>(&'a self) -> Reply<'a, Vec<ArtifactEntry>>;

    /// At most `length` bytes of the artifact of that name, from `offset`.
    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets>;
}

fn entries(response: Response) -> Option<Vec<types::ArtifactEntry>> {
    match response {
        Response::Artifacts(entries) => Some(entries.into_iter().map(Into::into).collect()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async("list", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(link::call(store, Request::ArtifactsList, entries))
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (name, offset, length): (String, u64, u32)| {
            Box::new(link::call(store, Request::ArtifactsRead { name, offset, length }, link::bytes))
        },
    )
}
