//! `workspace`: the files of the agent's work tree.

use lancet_core::{CallRecord, Octets, Request, Response, SearchHit, WorkspaceEntry};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::workspace;
use crate::link;
use crate::outside::{NotRecalled, Reply};
use crate::state::State;

/// Reaches into the agent's work tree. Paths that it is given are plain: names
/// joined by `/`, none of them `.` or `..`. Where symbolic links lead is its own
/// to check.
pub trait WorkspaceSource: Send + Sync {
    /// Regular files below a folder, sorted by path; the empty path is the work
    /// tree itself.
    fn list<'a>(&'a self, path: &'a str) -> Reply<'a, Vec<WorkspaceEntry>>;

    /// At most `length` bytes of a file, from `offset`.
    fn read<'a>(&'a self, path: &'a str, offset: u64, length: u32) -> Reply<'a, Octets>;

    /// Lines below a folder that match an extended regular expression.
    fn search<'a>(&'a self, pattern: &'a str, path: &'a str) -> Reply<'a, Vec<SearchHit>>;

    /// Makes a file hold at most [`MAX_WRITE_BYTES`](lancet_core::MAX_WRITE_BYTES).
    fn write<'a>(&'a self, path: &'a str, contents: &'a [u8]) -> Reply<'a, ()>;

    /// Removes a file.
    fn remove<'a>(&'a self, path: &'a str) -> Reply<'a, ()>;

    /// Applies a unified diff of at most [`MAX_PATCH_BYTES`](lancet_core::MAX_PATCH_BYTES), all of it or nothing.
    fn apply_patch<'a>(&'a self, patch: &'a str) -> Reply<'a, ()>;

    /// Takes over what was done in the work tree that a record says was done.
    ///
    /// # Errors
    /// When that cannot be had again, as in a container that is gone.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        Err(NotRecalled::by(call))
    }
}

fn entries(response: Response) -> Option<Vec<workspace::Entry>> {
    match response {
        Response::Entries(entries) => Some(entries.into_iter().map(Into::into).collect()),
        _ => None,
    }
}

fn hits(response: Response) -> Option<Vec<workspace::Hit>> {
    match response {
        Response::Hits(hits) => Some(hits.into_iter().map(Into::into).collect()),
        _ => None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as the others of its kind")]
fn applied(response: Response) -> Option<bool> {
    match response {
        Response::Applied(applied) => Some(applied),
        _ => None,
    }
}

fn link_reading(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async("list", |store: StoreContextMut<'_, State>, (path,): (String,)| {
        Box::new(link::call(store, Request::WorkspaceList { path }, entries))
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (path, offset, length): (String, u64, u32)| {
            Box::new(link::call(store, Request::WorkspaceRead { path, offset, length }, link::bytes))
        },
    )?;
    instance.func_wrap_async(
        "search",
        |store: StoreContextMut<'_, State>, (pattern, path): (String, String)| {
            Box::new(link::call(store, Request::WorkspaceSearch { pattern, path }, hits))
        },
    )
}

fn link_writing(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "write",
        |store: StoreContextMut<'_, State>, (path, contents): (String, Vec<u8>)| {
            let request = Request::WorkspaceWrite { path, contents: contents.into() };
            Box::new(link::call(store, request, link::done))
        },
    )?;
    instance.func_wrap_async("remove", |store: StoreContextMut<'_, State>, (path,): (String,)| {
        Box::new(link::call(store, Request::WorkspaceRemove { path }, link::done))
    })?;
    instance.func_wrap_async("apply-patch", |store: StoreContextMut<'_, State>, (patch,): (String,)| {
        Box::new(link::call(store, Request::WorkspaceApplyPatch { patch }, link::done))
    })?;
    instance.func_wrap_async("apply-input", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(link::call(store, Request::WorkspaceApplyInput, applied))
    })
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    link_reading(instance)?;
    link_writing(instance)
}
