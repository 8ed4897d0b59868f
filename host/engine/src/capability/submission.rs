//! `submission`: what was handed in, for graders.

use lancet_core::{Answer, CallError, CallErrorKind, Octets, Request, Response, SubmittedFile};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::{submission, types};
use crate::link;
use crate::outside::Reply;
use crate::state::State;

/// Gives what the agent handed in.
pub trait SubmissionSource: Send + Sync {
    /// The answer.
    fn answer(&self) -> Answer;

    /// What differs from the image, sorted by path; nothing, when no work tree was
    /// handed in.
    fn files<'a>(&'a self) -> Reply<'a, Vec<SubmittedFile>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// At most `length` bytes of a file, from `offset`. `path` is a plain one.
    fn read<'a>(&'a self, path: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        let _ = (offset, length);
        Box::pin(async move {
            Err(CallError::new(CallErrorKind::NotFound, format!("`{path}` was not handed in")).into())
        })
    }

    /// At most `length` bytes of the readable diff, from `offset`.
    fn diff<'a>(&'a self, offset: u64, length: u32) -> Reply<'a, Octets> {
        let _ = (offset, length);
        Box::pin(async { Ok(Octets::default()) })
    }
}

impl SubmissionSource for Answer {
    fn answer(&self) -> Answer {
        self.clone()
    }
}

fn files(response: Response) -> Option<Vec<submission::SubmittedFile>> {
    match response {
        Response::Files(files) => Some(files.into_iter().map(Into::into).collect()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("answer", |mut store: StoreContextMut<'_, State>, (): ()| {
        match link::now(&mut store, Request::SubmissionAnswer)? {
            Response::Answer(answer) => Ok((types::Answer::from(&answer),)),
            _ => Err(link::mismatched("submission.answer")),
        }
    })?;
    instance.func_wrap_async("files", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(link::call(store, Request::SubmissionFiles, files))
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (path, offset, length): (String, u64, u32)| {
            Box::new(link::call(store, Request::SubmissionRead { path, offset, length }, link::bytes))
        },
    )?;
    instance.func_wrap_async("diff", |store: StoreContextMut<'_, State>, (offset, length): (u64, u32)| {
        Box::new(link::call(store, Request::SubmissionDiff { offset, length }, link::bytes))
    })
}
