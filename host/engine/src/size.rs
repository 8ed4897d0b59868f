//! How much a call carries, in bytes: what it costs in fuel and what of a
//! record it takes up.

use lancet_core::{Answer, ArtifactEntry, FileChange, ReportState, Request, Response, TestReport, TestRun};

/// What an item of a list, or a field, counts beside its text: about what the
/// host allocates for it, and an empty one must not be free.
pub(crate) const ITEM_BYTES: usize = 64;

/// What a request brings from the guest.
pub(crate) fn of_request(request: &Request) -> usize {
    match request {
        Request::LogWrite { message, fields, .. } => {
            message.len() + sum(fields, |(key, value)| key.len() + value.len())
        }
        Request::SubmissionRead { path: text, .. }
        | Request::TestsRun { plan: text }
        | Request::ArtifactsRead { name: text, .. }
        | Request::WorkspaceList { path: text }
        | Request::WorkspaceRead { path: text, .. }
        | Request::WorkspaceRemove { path: text }
        | Request::WorkspaceApplyPatch { patch: text }
        | Request::ShellRun { command: text, .. }
        | Request::UserToolRead { name: text, .. } => text.len(),
        Request::WorkspaceSearch { pattern, path } => pattern.len() + path.len(),
        Request::WorkspaceWrite { path, contents } => path.len() + contents.0.len(),
        Request::RandomNext
        | Request::RandomBelow { .. }
        | Request::SubmissionAnswer
        | Request::AnswerKeyRead
        | Request::InputRead
        | Request::WorkspaceApplyInput
        | Request::SubmissionFiles
        | Request::SubmissionDiff { .. }
        | Request::TestsPlans
        | Request::ArtifactsList
        | Request::UserToolReproduce => 0,
    }
}

/// What a response brings to the guest.
pub(crate) fn of_response(response: &Response) -> usize {
    match response {
        Response::Done | Response::Number(_) | Response::Applied(_) | Response::MaybeText(None) => 0,
        Response::Text(text) | Response::MaybeText(Some(text)) => text.len(),
        Response::Answer(Answer::Document(text)) => text.len(),
        Response::Answer(Answer::Choice(_) | Answer::WorkTree | Answer::Nothing) => 0,
        Response::Bytes(bytes) => bytes.0.len(),
        Response::Files(files) => sum(files, |file| {
            file.path.len()
                + match file.change {
                    FileChange::Written { .. } => 64,
                    FileChange::Deleted => 0,
                }
        }),
        Response::Plans(plans) => sum(plans, |plan| {
            plan.name.len() + sum(&plan.required, String::len) + sum(&plan.sentinels, String::len)
        }),
        Response::Tested(report) => of_report(report),
        Response::Artifacts(entries) => of_entries(entries),
        Response::Entries(entries) => sum(entries, |entry| entry.path.len()),
        Response::Hits(hits) => sum(hits, |hit| hit.path.len() + hit.text.len()),
        Response::Output(output) => output.stdout.0.len() + output.stderr.0.len(),
        Response::Observed(observation) => of_entries(&observation.artifacts),
        Response::Refused(error) => error.message.len(),
        Response::Unavailable(fault) => fault.message.len(),
    }
}

fn of_entries(entries: &[ArtifactEntry]) -> usize {
    sum(entries, |entry| entry.name.len())
}

fn of_report(report: &TestReport) -> usize {
    report.plan.len() + sum(&report.runs, of_run)
}

fn of_run(run: &TestRun) -> usize {
    let state = match &run.report {
        ReportState::Read | ReportState::Missing => 0,
        ReportState::Malformed(text) | ReportState::TooLarge(text) => text.len(),
    };
    state
        + run.conclusion.reason.as_str().len()
        + run.conclusion.detail.len()
        + sum(&run.cases, |case| case.id.len() + case.detail.len())
        + sum(&run.artifacts, |artifact| artifact.name.len())
}

fn sum<T>(items: &[T], bytes: impl Fn(&T) -> usize) -> usize {
    items.iter().map(|item| ITEM_BYTES + bytes(item)).sum()
}
