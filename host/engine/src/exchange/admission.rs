//! What a request may be before anybody is asked.

use lancet_core::{
    CallError, CallErrorKind, CallRecord, MAX_COMMAND_BYTES, MAX_COMMAND_SECONDS, MAX_PATH_BYTES,
    MAX_PATTERN_BYTES, MAX_READ_BYTES, MAX_WRITE_BYTES, Request, Response,
};

/// The most bytes of an artifact's and of a plan's name: 4,096.
const MAX_NAME_BYTES: usize = 4 << 10;

/// Brings what a request asks for into its bounds. This is what is recorded.
pub(super) fn bounded(mut request: Request) -> Request {
    match &mut request {
        Request::SubmissionRead { length, .. }
        | Request::SubmissionDiff { length, .. }
        | Request::ArtifactsRead { length, .. }
        | Request::WorkspaceRead { length, .. }
        | Request::UserToolRead { length, .. } => *length = (*length).min(MAX_READ_BYTES),
        Request::ShellRun { timeout_seconds, .. } => {
            *timeout_seconds = (*timeout_seconds).clamp(1, MAX_COMMAND_SECONDS);
        }
        _ => {}
    }
    request
}

/// Whether somebody may be asked, given the calls so far.
///
/// # Errors
/// What the plugin is told otherwise.
pub(super) fn check(request: &Request, earlier: &[CallRecord]) -> Result<(), CallError> {
    match request {
        Request::SubmissionRead { path, .. }
        | Request::WorkspaceRead { path, .. }
        | Request::WorkspaceRemove { path } => check_path(path),
        Request::WorkspaceList { path } => check_folder(path),
        Request::WorkspaceSearch { pattern, path } => {
            check_length("a pattern", pattern.len(), MAX_PATTERN_BYTES)?;
            check_folder(path)
        }
        Request::WorkspaceWrite { path, contents } => {
            check_path(path)?;
            check_length("a file", contents.0.len(), MAX_WRITE_BYTES)
        }
        Request::WorkspaceApplyPatch { patch } => check_length("a patch", patch.len(), MAX_WRITE_BYTES),
        Request::ShellRun { command, .. } => check_length("a command", command.len(), MAX_COMMAND_BYTES),
        Request::ArtifactsRead { name, .. } | Request::UserToolRead { name, .. } => {
            check_name("an artifact's name", name)
        }
        Request::TestsRun { plan } => {
            check_name("a plan's name", plan)?;
            if has_run(earlier, plan) {
                let message = format!("the plan `{plan}` has been run already");
                return Err(CallError::new(CallErrorKind::Refused, message));
            }
            Ok(())
        }
        Request::LogWrite { .. }
        | Request::RandomNext
        | Request::RandomBelow { .. }
        | Request::SubmissionAnswer
        | Request::AnswerKeyRead
        | Request::InputRead
        | Request::SubmissionFiles
        | Request::SubmissionDiff { .. }
        | Request::TestsPlans
        | Request::ArtifactsList
        | Request::WorkspaceApplyInput
        | Request::UserToolReproduce
        | Request::SettingsValue { .. }
        | Request::SettingsPrompt
        | Request::BudgetAllowances
        | Request::BudgetLeft { .. }
        // What a conversation may be is for whoever holds it to say, in the words of `model`.
        | Request::ModelOffers
        | Request::ModelOpen { .. }
        | Request::ModelSay { .. }
        | Request::ModelGive { .. }
        | Request::ModelAsk { .. }
        | Request::ModelLength { .. }
        | Request::ModelTokens { .. }
        | Request::ModelWithout { .. } => Ok(()),
    }
}

/// Whether the plan has been run in this grading: a grader that ran it until it
/// passes would pay for flaky tests. It has, too, when its report was too large.
fn has_run(calls: &[CallRecord], plan: &str) -> bool {
    calls.iter().any(|call| {
        let same = matches!(&call.request, Request::TestsRun { plan: earlier } if earlier == plan);
        let ran = match &call.response {
            Response::Refused(error) => error.kind == CallErrorKind::TooLarge,
            response => matches!(response, Response::Tested(_)),
        };
        same && ran
    })
}

/// Checks a plain path: names joined by `/`, of which none is empty, `.` or `..`.
///
/// # Errors
/// What is wrong with it.
fn check_path(path: &str) -> Result<(), CallError> {
    let refused = |why| Err(CallError::new(CallErrorKind::Refused, format!("`{}` {why}", shown(path))));
    check_length("a path", path.len(), MAX_PATH_BYTES)?;
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
fn check_folder(path: &str) -> Result<(), CallError> {
    if path.is_empty() { Ok(()) } else { check_path(path) }
}

/// Checks a name: only its length, the rest is the source's.
///
/// # Errors
/// When it is too long.
fn check_name(what: &str, name: &str) -> Result<(), CallError> {
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
    use lancet_core::TestReport;

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
        assert_eq!(check_path(&"a".repeat(MAX_PATH_BYTES)), Ok(()));
        assert_eq!(check_path(&"a".repeat(MAX_PATH_BYTES + 1)).unwrap_err().kind, CallErrorKind::TooLarge);
        assert_eq!(check_folder(""), Ok(()));
        assert!(check_folder("..").is_err());
    }

    fn ran(plan: &str, response: Response) -> Vec<CallRecord> {
        vec![CallRecord { fuel_used: 0, request: Request::TestsRun { plan: plan.into() }, response }]
    }

    #[test]
    fn a_plan_has_been_run_when_there_was_a_report() {
        let report = Response::Tested(Box::new(TestReport { plan: "hidden".into(), runs: Vec::new() }));
        let refused = |kind| Response::Refused(CallError::new(kind, ""));
        assert!(has_run(&ran("hidden", report.clone()), "hidden"));
        assert!(has_run(&ran("hidden", refused(CallErrorKind::TooLarge)), "hidden"));
        assert!(!has_run(&ran("hidden", refused(CallErrorKind::Unavailable)), "hidden"));
        assert!(!has_run(&ran("other", report), "hidden"));
        assert!(!has_run(&[], "hidden"));
    }
}
