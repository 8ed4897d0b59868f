use std::sync::Arc;

use lancet_core::{
    Answer, CallError, CallErrorKind, MAX_READ_BYTES, Octets, Request, Response, SubmittedFile,
};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::{submission, types};
use crate::exchange::{Live, NoSource, Reply, Sources};
use crate::outside::{self, Unanswered, check_path, given};
use crate::state::{self, State};

/// Gives what the agent handed in.
pub trait SubmissionSource: Send + Sync {
    /// The answer.
    fn answer(&self) -> Answer;

    /// What differs from the image, sorted by path; nothing, when no work tree was
    /// handed in.
    fn files<'a>(&'a self) -> Reply<'a, Vec<SubmittedFile>> {
        Box::pin(async { Ok(Ok(Vec::new())) })
    }

    /// At most `length` bytes of a file, from `offset`. `path` is a plain one.
    fn read<'a>(&'a self, path: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        let _ = (offset, length);
        Box::pin(async move {
            Ok(Err(CallError::new(CallErrorKind::NotFound, format!("`{path}` was not handed in"))))
        })
    }

    /// At most `length` bytes of the readable diff, from `offset`.
    fn diff<'a>(&'a self, offset: u64, length: u32) -> Reply<'a, Octets> {
        let _ = (offset, length);
        Box::pin(async { Ok(Ok(Octets::default())) })
    }
}

impl SubmissionSource for Answer {
    fn answer(&self) -> Answer {
        self.clone()
    }
}

fn source(sources: Sources) -> Result<Arc<dyn SubmissionSource>, NoSource> {
    sources.submission.ok_or(NoSource("submission"))
}

fn files(response: Response) -> Option<Vec<submission::SubmittedFile>> {
    match response {
        Response::Files(files) => Some(files.into_iter().map(Into::into).collect()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("answer", |store: StoreContextMut<'_, State>, (): ()| {
        let answer = |live: &mut Live| {
            let source = live.sources.submission.as_ref().ok_or(NoSource("submission"))?;
            Ok(Response::Answer(source.answer()))
        };
        match state::call(store, 0, |_| Request::SubmissionAnswer, answer)? {
            Response::Answer(answer) => Ok((types::Answer::from(&answer),)),
            _ => Err(state::mismatched("submission.answer")),
        }
    })?;
    instance.func_wrap_async("files", |store: StoreContextMut<'_, State>, (): ()| {
        Box::new(async move {
            let ask = |sources| async move {
                let files = given(source(sources)?.files().await)?;
                Ok(Response::Files(files))
            };
            outside::call(store, Request::SubmissionFiles, ask, files).await
        })
    })?;
    instance.func_wrap_async(
        "read",
        |store: StoreContextMut<'_, State>, (path, offset, length): (String, u64, u32)| {
            Box::new(async move {
                let length = length.min(MAX_READ_BYTES);
                let request = Request::SubmissionRead { path: path.clone(), offset, length };
                let ask = |sources| async move {
                    check_path(&path)?;
                    let bytes = given(source(sources)?.read(&path, offset, length).await)?;
                    Ok::<_, Unanswered>(Response::Bytes(bytes))
                };
                outside::call(store, request, ask, outside::bytes).await
            })
        },
    )?;
    instance.func_wrap_async("diff", |store: StoreContextMut<'_, State>, (offset, length): (u64, u32)| {
        Box::new(async move {
            let length = length.min(MAX_READ_BYTES);
            let ask = |sources| async move {
                Ok(Response::Bytes(given(source(sources)?.diff(offset, length).await)?))
            };
            let request = Request::SubmissionDiff { offset, length };
            outside::call(store, request, ask, outside::bytes).await
        })
    })
}
