//! What answers a plugin's calls from what a fixture holds, by what is asked and not by when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lancet_core::{
    Answer, ArtifactEntry, CallError, CallErrorKind, CallRecord, Effect, FileChange, InfraFault,
    InfraFaultKind, ModelFailure, ModelFailureKind, Octets, Request, Response, TestReport,
};
use lancet_engine::{Answering, NotRecalled, Outside};

use crate::contents::{Contents, key_of};

/// One execution's host: answers what the fixture holds, and remembers what it does not.
pub(crate) struct Held {
    contents: Arc<Contents>,
    /// A function that is answered with an error instead, for those that can be.
    refusing: Option<(&'static str, CallErrorKind)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often each of the fixture's `calls` was made.
    made: HashMap<String, usize>,
    /// What the latest test run left.
    plan: Option<usize>,
    /// The first call that could not be answered, and why.
    missing: Option<String>,
}

/// What a call comes to.
enum Found {
    Held(Response),
    Refused(CallErrorKind, String),
    /// Not in the fixture, and what would have to be.
    Missing(&'static str),
}

impl Held {
    pub(crate) fn new(contents: Arc<Contents>) -> Self {
        Self { contents, refusing: None, state: Mutex::default() }
    }

    /// The same, but for one function, which gives an error.
    pub(crate) fn refusing(self, function: &'static str, kind: CallErrorKind) -> Self {
        Self { refusing: Some((function, kind)), ..self }
    }

    /// The first call that the fixture does not answer, and what it would have to hold.
    pub(crate) fn missing(&self) -> Option<String> {
        self.state().missing.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the fixture answers to a request.
    pub(crate) fn response(&self, request: &Request) -> Response {
        if let Some((function, kind)) = self.refusing
            && function == request.name()
        {
            return Response::Refused(CallError::new(kind, "it is not to be had, as a trial"));
        }
        let found = match self.of_calls(request) {
            Some(found) => found,
            None => self.of_values(request),
        };
        match found {
            Found::Held(response) => response,
            Found::Refused(kind, message) => Response::Refused(CallError::new(kind, message)),
            Found::Missing(wanted) => {
                let message = format!("`{request}` cannot be answered: the fixture has {wanted}");
                self.state().missing.get_or_insert_with(|| message.clone());
                // Ends the plugin, whatever it would make of an error.
                Response::Unavailable(InfraFault::new(InfraFaultKind::DockerError, message))
            }
        }
    }

    /// The answer among the fixture's `calls`.
    fn of_calls(&self, request: &Request) -> Option<Found> {
        let key = key_of(request);
        let answers = self.contents.calls.get(&key)?;
        let mut state = self.state();
        let made = state.made.entry(key).or_default();
        let answer = answers.get(*made);
        *made += 1;
        let found = match (answer, answers.last()) {
            (Some(answer), _) => Found::Held(answer.clone()),
            (None, Some(last)) if request.effect() == Effect::Pure => Found::Held(last.clone()),
            _ => Found::Missing("fewer answers to it under `calls`"),
        };
        if let (Request::TestsRun { plan }, Found::Held(Response::Tested(_))) = (request, &found) {
            // What it left is among the fixture's values.
            state.plan = self.contents.plans.iter().position(|held| held.view.name == *plan);
        }
        Some(found)
    }

    /// The answer by the fixture's values.
    fn of_values(&self, request: &Request) -> Found {
        let held = &*self.contents;
        match request {
            Request::SubmissionAnswer => Found::Held(Response::Answer(held.answer.clone())),
            Request::AnswerKeyRead => Found::Held(Response::Text(held.key.clone())),
            Request::InputRead => Found::Held(Response::MaybeText(held.input.clone())),
            Request::SettingsPrompt => Found::Held(Response::MaybeText(held.prompt.clone())),
            Request::SettingsValue { name } => {
                Found::Held(Response::MaybeText(held.settings.get(name).cloned()))
            }
            Request::SubmissionFiles => Found::Held(Response::Files(held.files.clone())),
            Request::SubmissionRead { path, offset, length } => self.file(path, *offset, *length),
            Request::SubmissionDiff { offset, length } => self.diff(*offset, *length),
            Request::TestsPlans => {
                Found::Held(Response::Plans(held.plans.iter().map(|plan| plan.view.clone()).collect()))
            }
            Request::TestsRun { plan } => self.tested(plan),
            Request::ArtifactsList => match held.plans.is_empty() {
                true => no_environment(),
                false => Found::Held(Response::Artifacts(
                    self.left().into_iter().map(|(entry, _)| entry).collect(),
                )),
            },
            Request::ArtifactsRead { name, offset, length } => self.artifact(name, *offset, *length),
            Request::BudgetAllowances => Found::Held(Response::Allowances(Vec::new())),
            Request::BudgetLeft { .. } => Found::Held(Response::MaybeNumber(None)),
            Request::ModelOffers if !held.has_models => Found::Held(Response::Offers(Vec::new())),
            Request::ModelOpen { .. } if !held.has_models => {
                let why = "no model is offered: the fixture has no answers of one";
                let failure = ModelFailure::new(ModelFailureKind::Refused, why);
                Found::Held(Response::Unanswered(Box::new(failure)))
            }
            Request::WorkspaceApplyInput if !held.has_environment && held.input.is_none() => {
                Found::Held(Response::Applied(false))
            }
            // What the user's tool left is read without a container, and there was none to leave it.
            _ if !held.has_environment
                && (request.effect() == Effect::Container
                    || matches!(request, Request::UserToolRead { .. })) =>
            {
                no_environment()
            }
            _ => Found::Missing("no answer to it under `calls`"),
        }
    }

    fn file(&self, path: &str, offset: u64, length: u32) -> Found {
        let held = &*self.contents;
        let is_written = held
            .files
            .iter()
            .any(|file| file.path == path && matches!(file.change, FileChange::Written { .. }));
        match held.written.get(path) {
            Some(Some(bytes)) if is_written => stretch(bytes, offset, length),
            Some(None) => Found::Missing("its contents left out of `files`"),
            _ => Found::Refused(CallErrorKind::NotFound, "the submission wrote no such file".to_owned()),
        }
    }

    fn diff(&self, offset: u64, length: u32) -> Found {
        match (&self.contents.diff, &self.contents.answer) {
            (Some(Some(bytes)), _) => stretch(bytes, offset, length),
            (Some(None), _) => Found::Missing("its `diff` left out"),
            (None, Answer::WorkTree) => Found::Missing("no `diff`"),
            (None, _) => Found::Refused(CallErrorKind::NotFound, "no work tree was handed in".to_owned()),
        }
    }

    fn tested(&self, name: &str) -> Found {
        let plans = &self.contents.plans;
        if plans.is_empty() {
            return no_environment();
        }
        let Some(number) = plans.iter().position(|plan| plan.view.name == name) else {
            let known: Vec<_> = plans.iter().map(|plan| plan.view.name.as_str()).collect();
            let known = known.join(", ");
            let message = format!("the task has no test plan `{name}`; it has {known}");
            return Found::Refused(CallErrorKind::NotFound, message);
        };
        if self.contents.answer != Answer::WorkTree {
            let message = "no work tree was handed in: there is nothing to test".to_owned();
            return Found::Refused(CallErrorKind::Unavailable, message);
        }
        let Some(report) = &plans[number].report else {
            return Found::Missing("no `runs` of that plan under `tests`");
        };
        self.state().plan = Some(number);
        Found::Held(Response::Tested(Box::new(report.clone())))
    }

    /// What the latest test run left.
    fn left(&self) -> Vec<(ArtifactEntry, Option<Octets>)> {
        let Some(number) = self.state().plan else { return Vec::new() };
        let plan = &self.contents.plans[number];
        let run = plan.report.as_ref().and_then(TestReport::decisive);
        let artifacts = run.map(|run| run.artifacts.as_slice()).unwrap_or_default();
        let of = |artifact: &lancet_core::Artifact| {
            let entry =
                ArtifactEntry { name: artifact.name.clone(), kind: artifact.kind, bytes: artifact.bytes };
            (entry, plan.left.get(&artifact.sha256).cloned().flatten())
        };
        artifacts.iter().map(of).collect()
    }

    fn artifact(&self, name: &str, offset: u64, length: u32) -> Found {
        if self.contents.plans.is_empty() {
            return no_environment();
        }
        match self.left().into_iter().find(|(entry, _)| entry.name == name) {
            Some((_, Some(bytes))) => stretch(&bytes, offset, length),
            Some((_, None)) => Found::Missing("its contents left out of `artifacts`"),
            None => {
                let message = "the latest test run left no such artifact".to_owned();
                Found::Refused(CallErrorKind::NotFound, message)
            }
        }
    }
}

impl Outside for Held {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        Answering::Now(Ok(self.response(request)))
    }

    /// Nothing that is answered here costs anything.
    fn effect(&self, _: &Request) -> Effect {
        Effect::Pure
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        Err(NotRecalled::by(call))
    }
}

fn no_environment() -> Found {
    Found::Refused(CallErrorKind::Unavailable, "this task has no environment".to_owned())
}

/// At most that many bytes from there.
fn stretch(bytes: &Octets, offset: u64, length: u32) -> Found {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.0.len());
    let end = start.saturating_add(length as usize).min(bytes.0.len());
    Found::Held(Response::Bytes(Octets(bytes.0[start..end].to_vec())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn held(change: &serde_json::Value) -> Held {
        let mut fixture = json!({
            "fixture": 1, "contract": "0.1.0", "role": "grader", "task": {"id": "t", "kind": "ic-swe"},
            "submission": "work-tree", "expect": {"outcome": "fail", "reason": "x"},
        });
        for (key, value) in change.as_object().unwrap() {
            fixture[key] = value.clone();
        }
        let fixture = serde_json::from_value(fixture).unwrap();
        Held::new(Arc::new(Contents::of(&fixture, &BTreeMap::new()).unwrap()))
    }

    #[test]
    fn what_is_asked_several_times_is_answered_in_turn() {
        let read = json!({"call": "workspace-read", "path": "a", "offset": 0, "length": 9});
        let left = json!({"call": "budget-left", "unit": "asks"});
        let shell = Request::ShellRun { command: "ls".into(), timeout_seconds: 1 };
        let bytes = |text: &str| json!({"bytes": {"text": text}});
        let output = json!({"output": {"exit_status": 0, "stdout": {"text": ""}, "stderr": {"text": ""}, "dropped_bytes": 0}});
        let held = held(&json!({"calls": [
            {"request": read, "response": bytes("one")},
            {"request": left, "response": {"maybe-number": 2}},
            {"request": read, "response": bytes("two")},
            {"request": left, "response": {"maybe-number": 1}},
            {"request": serde_json::to_value(&shell).unwrap(), "response": output},
        ]}));
        let read = Request::WorkspaceRead { path: "a".into(), offset: 0, length: 9 };
        let left = Request::BudgetLeft { unit: "asks".into() };
        let text = |response| match response {
            Response::Bytes(bytes) => String::from_utf8(bytes.0).unwrap(),
            other => format!("{other:?}"),
        };
        assert_eq!([text(held.response(&read)), text(held.response(&read))], ["one", "two"]);
        let numbers = [2, 1, 1, 1].map(|number| Response::MaybeNumber(Some(number)));
        assert_eq!([0; 4].map(|_| held.response(&left)), numbers);
        assert!(matches!(held.response(&shell), Response::Output(_)));
        assert_eq!(held.missing(), None);
        // What may come out otherwise each time is not made up.
        assert!(matches!(held.response(&shell), Response::Unavailable(_)));
        let missing = held.missing().unwrap();
        assert!(missing.contains("shell.run") && missing.contains("fewer answers"), "{missing}");
        assert!(matches!(
            held.response(&Request::WorkspaceRemove { path: "b".into() }),
            Response::Unavailable(_)
        ));
        assert_eq!(held.missing().unwrap(), missing, "the first is told");
    }

    #[test]
    fn a_test_run_that_is_answered_out_of_calls_leaves_what_the_plan_says() {
        let run = Request::TestsRun { plan: "hidden".into() };
        let report = TestReport { plan: "hidden".into(), runs: Vec::new() };
        let held = held(&json!({
            "tests": [{"name": "hidden", "runs": [{"end": {"exited": 1},
                       "artifacts": [{"name": "log", "kind": "log", "contents": {"text": "no"}}]}]}],
            "calls": [{"request": serde_json::to_value(&run).unwrap(),
                       "response": serde_json::to_value(Response::Tested(Box::new(report.clone()))).unwrap()}],
        }));
        let log = Request::ArtifactsRead { name: "log".into(), offset: 0, length: 9 };
        assert!(matches!(held.response(&log), Response::Refused(_)), "nothing was run yet");
        assert_eq!(held.response(&run), Response::Tested(Box::new(report)));
        assert_eq!(held.response(&log), Response::Bytes(b"no".to_vec().into()));
    }

    #[test]
    fn files_and_artifacts_are_read_as_far_as_they_are_there() {
        let held = held(&json!({
            "files": [{"path": "a", "contents": {"text": "hello"}}, {"path": "b"},
                      {"path": "c", "contents": {"left-out": {"bytes": 9, "sha256": lancet_core::Sha256::of(b"c")}}}],
            "tests": [{"name": "hidden", "runs": [{"end": {"exited": 1},
                       "artifacts": [{"name": "log", "kind": "log", "contents": {"text": "no"}}]}]}],
        }));
        let read = |path: &str, offset| {
            held.response(&Request::SubmissionRead { path: path.into(), offset, length: 3 })
        };
        assert_eq!(read("a", 3), Response::Bytes(b"lo".to_vec().into()));
        assert_eq!(read("a", u64::MAX), Response::Bytes(Octets::default()));
        for gone in ["b", "d"] {
            assert!(
                matches!(read(gone, 0), Response::Refused(error) if error.kind == CallErrorKind::NotFound)
            );
        }
        let log = Request::ArtifactsRead { name: "log".into(), offset: 0, length: 9 };
        assert!(matches!(held.response(&log), Response::Refused(_)), "nothing was run yet");
        assert!(matches!(held.response(&Request::TestsRun { plan: "hidden".into() }), Response::Tested(_)));
        assert_eq!(held.response(&log), Response::Bytes(b"no".to_vec().into()));
        assert!(matches!(held.response(&Request::TestsRun { plan: "other".into() }), Response::Refused(_)));
        assert_eq!(held.missing(), None);
        assert!(matches!(read("c", 0), Response::Unavailable(_)));
        assert!(held.missing().unwrap().contains("left out"));
        assert!(matches!(
            held.response(&Request::SubmissionDiff { offset: 0, length: 1 }),
            Response::Unavailable(_)
        ));
    }
}
