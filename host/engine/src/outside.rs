//! Calls that reach outside: asked of a source, bounded, and recorded like all
//! others.

use std::future::Future;
use std::panic::resume_unwind;

use lancet_core::{CallError, CallErrorKind, InfraFault, Request, Response};
use tokio::task::JoinSet;
use wasmtime::StoreContextMut;

use crate::bindings::evidence;
use crate::exchange::{Known, NoSource, Sources};
use crate::state::{self, Entry, State, UnavailableTrap};

/// The most bytes of a path, of a pattern and of an artifact's name.
const MAX_NAME_BYTES: usize = 4 << 10;

/// Why a source gave nothing.
pub(crate) enum Unanswered {
    /// For the plugin to handle.
    Refused(CallError),
    /// It ends the plugin, and nobody is to blame.
    Unavailable(InfraFault),
    /// A mistake of the host's.
    NoSource(NoSource),
}

impl From<CallError> for Unanswered {
    fn from(error: CallError) -> Self {
        Self::Refused(error)
    }
}

impl From<InfraFault> for Unanswered {
    fn from(fault: InfraFault) -> Self {
        Self::Unavailable(fault)
    }
}

impl From<NoSource> for Unanswered {
    fn from(missing: NoSource) -> Self {
        Self::NoSource(missing)
    }
}

/// What a source gave, or why it gave nothing.
pub(crate) fn given<T>(reply: Result<Result<T, CallError>, InfraFault>) -> Result<T, Unanswered> {
    Ok(reply??)
}

/// What a plugin is told where its task has nothing to reach into.
pub(crate) fn no_environment() -> CallError {
    CallError::new(CallErrorKind::Unavailable, "this task has no environment")
}

/// What a function that reaches outside returns to the guest.
pub(crate) type Returned<T> = wasmtime::Result<(Result<T, evidence::CallError>,)>;

/// Passes one call that reaches outside through the limits and the recorder.
/// `ask` comes to its future only when the call is not answered from a record,
/// and that future may take its time. It runs as a task of its own: the guest's stack,
/// which the host's functions share, has no room for whatever goes on outside. Should
/// the guest be dropped meanwhile, so is that. `take` gets what the function gives out of
/// the response.
pub(crate) async fn call<F, T>(
    mut store: StoreContextMut<'_, State>,
    request: Request,
    ask: impl FnOnce(Sources) -> F + Send,
    take: impl FnOnce(Response) -> Option<T> + Send,
) -> Returned<T>
where
    F: Future<Output = Result<Response, Unanswered>> + Send + 'static,
{
    let name = request.name();
    let entry = Entry::new(&mut store, request.bytes())?;
    let state = store.data_mut();
    let response = match state.exchange.known(entry.fuel_used, &request)? {
        Known::Recorded(response) => response,
        Known::Live(live) => {
            let mut task = JoinSet::new();
            task.spawn(ask(live.sources.clone()));
            let answered = match task.join_next().await {
                Some(Ok(answered)) => answered,
                Some(Err(error)) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(error) => return Err(error.into()),
                },
                None => return Err(wasmtime::Error::msg("there is no task to wait for")),
            };
            match answered {
                Ok(response) => fitting(response, state.limits.call_bytes),
                Err(Unanswered::Refused(error)) => Response::Refused(error),
                Err(Unanswered::Unavailable(fault)) => Response::Unavailable(fault),
                Err(Unanswered::NoSource(missing)) => return Err(missing.into()),
            }
        }
    };
    let settled = entry.settle(&mut store, request, &response);
    // Whose fault it was comes before whether it could be paid for.
    if let Response::Unavailable(fault) = response {
        return Err(UnavailableTrap(fault).into());
    }
    settled?;
    match response {
        Response::Refused(error) => Ok((Err(error.into()),)),
        response => take(response).map(|taken| (Ok(taken),)).ok_or_else(|| state::mismatched(name)),
    }
}

/// The bytes of a response.
pub(crate) fn bytes(response: Response) -> Option<Vec<u8>> {
    match response {
        Response::Bytes(bytes) => Some(bytes.0),
        _ => None,
    }
}

/// The nothing of a response.
#[expect(clippy::needless_pass_by_value, reason = "as the others of its kind")]
pub(crate) fn done(response: Response) -> Option<()> {
    matches!(response, Response::Done).then_some(())
}

/// What a plugin is told in place of a response that is larger than a call may be.
/// A report of tests is worth having without what its cases say.
fn fitting(mut response: Response, limit: u64) -> Response {
    let fits = |response: &Response| response.bytes() as u64 <= limit;
    if !fits(&response)
        && let Response::Tested(report) = &mut response
    {
        for case in report.runs.iter_mut().flat_map(|run| &mut run.cases) {
            case.detail = String::new();
        }
    }
    if fits(&response) {
        return response;
    }
    let bytes = response.bytes();
    let message = format!("the answer has {bytes} bytes, a call carries at most {limit}");
    Response::Refused(CallError::new(CallErrorKind::TooLarge, message))
}

/// Checks a plain path: names joined by `/`, of which none is empty, `.` or `..`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_path(path: &str) -> Result<(), CallError> {
    let refused = |why| Err(CallError::new(CallErrorKind::Refused, format!("`{}` {why}", shown(path))));
    check_length("a path", path.len(), MAX_NAME_BYTES)?;
    if path.starts_with('/') {
        return refused("is absolute: expected a path from the work tree");
    }
    if path.contains('\0') {
        return refused("has a zero byte in it");
    }
    if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return refused("has an empty name, `.` or `..` in it");
    }
    Ok(())
}

/// Checks a plain path, or the empty one.
///
/// # Errors
/// As [`check_path`].
pub(crate) fn check_folder(path: &str) -> Result<(), CallError> {
    if path.is_empty() { Ok(()) } else { check_path(path) }
}

/// Checks a name or a pattern: only its length, the rest is the source's.
///
/// # Errors
/// When it is too long.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), CallError> {
    check_length(what, name.len(), MAX_NAME_BYTES)
}

/// Checks a length in bytes.
///
/// # Errors
/// When it is over the limit.
pub(crate) fn check_length(what: &str, bytes: usize, limit: usize) -> Result<(), CallError> {
    if bytes <= limit {
        return Ok(());
    }
    let message = format!("{what} has {bytes} bytes, at most {limit} are allowed");
    Err(CallError::new(CallErrorKind::TooLarge, message))
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(200)]
}

#[cfg(test)]
mod tests {
    use lancet_core::{CaseStatus, Conclusion, Outcome, ReportState, RunEnd, TestCase, TestReport, TestRun};

    use super::*;

    #[test]
    fn only_plain_paths_pass() {
        for good in ["a", "a/b.c", ".hidden/x", "a b/é", "...", "-rf", "a\nb"] {
            assert_eq!(check_path(good), Ok(()), "{good:?}");
        }
        for bad in ["", "/", "/etc/passwd", "..", "a/../b", "./a", "a/.", "a//b", "a/", "a\0b"] {
            let error = check_path(bad).unwrap_err();
            assert_eq!(error.kind, CallErrorKind::Refused, "{bad:?}");
        }
        assert_eq!(check_path(&"a".repeat(4096)), Ok(()));
        assert_eq!(check_path(&"a".repeat(4097)).unwrap_err().kind, CallErrorKind::TooLarge);
        assert_eq!(check_folder(""), Ok(()));
        assert!(check_folder("..").is_err());
    }

    fn report(cases: usize, detail: usize) -> Response {
        let case =
            |n| TestCase { id: format!("t::{n}"), status: CaseStatus::Failed, detail: "x".repeat(detail) };
        Response::Tested(Box::new(TestReport {
            plan: "hidden".into(),
            runs: vec![TestRun {
                end: RunEnd::Exited(1),
                status: None,
                report: ReportState::Read,
                cases: (0..cases).map(case).collect(),
                artifacts: Vec::new(),
                conclusion: Conclusion {
                    outcome: Outcome::Fail,
                    reason: "tests-failed".parse().unwrap(),
                    detail: String::new(),
                },
                wall_ms: 0,
            }],
        }))
    }

    #[test]
    fn a_large_report_loses_what_its_cases_say_and_no_case() {
        let limit = 100_000;
        assert_eq!(fitting(report(10, 2_000), limit), report(10, 2_000));
        assert_eq!(fitting(report(1_000, 2_000), limit), report(1_000, 0));
        assert!(matches!(
            fitting(report(10_000, 0), limit),
            Response::Refused(CallError { kind: CallErrorKind::TooLarge, .. })
        ));
    }

    #[test]
    fn a_large_answer_is_refused_as_a_whole() {
        let answer = Response::Bytes(vec![0; 101].into());
        assert_eq!(fitting(answer.clone(), 101), answer);
        assert!(matches!(fitting(answer, 100), Response::Refused(_)));
    }
}
