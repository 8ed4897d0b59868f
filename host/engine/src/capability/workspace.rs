use std::sync::Arc;

use lancet_core::{
    CallError, InfraFault, InfraFaultKind, MAX_PATCH_BYTES, MAX_READ_BYTES, MAX_WRITE_BYTES, Octets, Request,
    Response, SearchHit, WorkspaceEntry,
};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::workspace;
use crate::exchange::{Reply, Sources};
use crate::outside::{
    self, Unanswered, check_folder, check_length, check_name, check_path, given, no_environment,
};
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

    /// Makes a file hold at most [`MAX_WRITE_BYTES`].
    fn write<'a>(&'a self, path: &'a str, contents: &'a [u8]) -> Reply<'a, ()>;

    /// Removes a file.
    fn remove<'a>(&'a self, path: &'a str) -> Reply<'a, ()>;

    /// Applies a unified diff of at most [`MAX_PATCH_BYTES`], all of it or nothing.
    fn apply_patch<'a>(&'a self, patch: &'a str) -> Reply<'a, ()>;
}

fn source(sources: Sources) -> Result<Arc<dyn WorkspaceSource>, CallError> {
    sources.workspace.ok_or_else(no_environment)
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

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    link_reading(instance)?;
    link_writing(instance)
}

fn link_reading(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async("list", |store: StoreContextMut<'_, State>, (path,): (String,)| {
        Box::new(async move {
            let request = Request::WorkspaceList { path: path.clone() };
            let ask = |sources| async move {
                check_folder(&path)?;
                let entries = given(source(sources)?.list(&path).await)?;
                Ok::<_, Unanswered>(Response::Entries(entries))
            };
            outside::call(store, request, ask, entries).await
        })
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (path, offset, length): (String, u64, u32)| {
            Box::new(async move {
                let length = length.min(MAX_READ_BYTES);
                let request = Request::WorkspaceRead { path: path.clone(), offset, length };
                let ask = |sources| async move {
                    check_path(&path)?;
                    let bytes = given(source(sources)?.read(&path, offset, length).await)?;
                    Ok::<_, Unanswered>(Response::Bytes(bytes))
                };
                outside::call(store, request, ask, outside::bytes).await
            })
        },
    )?;
    instance.func_wrap_async(
        "search",
        |store: StoreContextMut<'_, State>, (pattern, path): (String, String)| {
            Box::new(async move {
                let request = Request::WorkspaceSearch { pattern: pattern.clone(), path: path.clone() };
                let ask = |sources| async move {
                    check_name("a pattern", &pattern)?;
                    check_folder(&path)?;
                    let hits = given(source(sources)?.search(&pattern, &path).await)?;
                    Ok::<_, Unanswered>(Response::Hits(hits))
                };
                outside::call(store, request, ask, hits).await
            })
        },
    )
}

fn link_writing(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "write",
        |store: StoreContextMut<'_, State>, (path, contents): (String, Vec<u8>)| {
            Box::new(async move {
                let request =
                    Request::WorkspaceWrite { path: path.clone(), contents: contents.clone().into() };
                let ask = |sources| async move {
                    check_path(&path)?;
                    check_length("a file", contents.len(), MAX_WRITE_BYTES)?;
                    given(source(sources)?.write(&path, &contents).await)?;
                    Ok::<_, Unanswered>(Response::Done)
                };
                outside::call(store, request, ask, outside::done).await
            })
        },
    )?;
    instance.func_wrap_async("remove", |store: StoreContextMut<'_, State>, (path,): (String,)| {
        Box::new(async move {
            let request = Request::WorkspaceRemove { path: path.clone() };
            let ask = |sources| async move {
                check_path(&path)?;
                given(source(sources)?.remove(&path).await)?;
                Ok::<_, Unanswered>(Response::Done)
            };
            outside::call(store, request, ask, outside::done).await
        })
    })?;
    instance.func_wrap_async("apply-patch", |store: StoreContextMut<'_, State>, (patch,): (String,)| {
        Box::new(async move {
            let request = Request::WorkspaceApplyPatch { patch: patch.clone() };
            let ask = |sources| async move {
                check_length("a patch", patch.len(), MAX_WRITE_BYTES)?;
                given(source(sources)?.apply_patch(&patch).await)?;
                Ok::<_, Unanswered>(Response::Done)
            };
            outside::call(store, request, ask, outside::done).await
        })
    })?;
    instance.func_wrap_async("apply-input", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(
            async move { outside::call(store, Request::WorkspaceApplyInput, apply_input, applied).await },
        )
    })
}

#[expect(clippy::needless_pass_by_value, reason = "as the others of its kind")]
fn applied(response: Response) -> Option<bool> {
    match response {
        Response::Applied(applied) => Some(applied),
        _ => None,
    }
}

/// Applies what the operator gave. It is read here and not kept: it may be large, and
/// few agents are at it at a time.
async fn apply_input(sources: Sources) -> Result<Response, Unanswered> {
    let input = match sources.input.clone() {
        Some(input) => tokio::task::spawn_blocking(move || input.read()).await.map_err(|e| unread(&e))??,
        None => None,
    };
    let Some(patch) = input.map(complete) else { return Ok(Response::Applied(false)) };
    if !patch.is_empty() {
        check_length("a patch", patch.len(), MAX_PATCH_BYTES)?;
        given(source(sources)?.apply_patch(&patch).await)?;
    }
    Ok(Response::Applied(true))
}

fn unread(error: &tokio::task::JoinError) -> InfraFault {
    InfraFault::new(InfraFaultKind::DiskFull, format!("the operator's text could not be read: {error}"))
}

/// A patch ends with a line break, which tools that copy texts like to take away. One
/// with nothing in it is empty.
fn complete(mut patch: String) -> String {
    if patch.trim().is_empty() {
        patch.clear();
    } else if !patch.ends_with('\n') {
        patch.push('\n');
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_ends_with_a_line_break_unless_there_is_nothing_in_it() {
        for patch in ["", " \n\n"] {
            assert_eq!(complete(patch.into()), "");
        }
        for patch in ["--- a/x\n", "--- a/x"] {
            assert_eq!(complete(patch.into()), "--- a/x\n");
        }
    }
}
