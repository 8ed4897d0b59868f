//! Fixtures that are made from attempts in a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{
    Answer, AttemptId, CallRecord, Capture, Expected, FileChange, Fixture, FixtureArtifact, FixtureCall,
    FixtureConclusion, FixtureContents, FixtureFile, FixtureOrigin, FixturePlan, FixtureRun, FixtureTask,
    FixtureTestCase, History, Kind, MAX_FIXTURE_BYTES, PlanView, Request, Response, Role, Setting, Sha256,
    SolveEnd, Task, TestReport, TestRun,
};
use lancet_engine::ENGINE_ID;
use lancet_store::{Reader, StoreError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::contents::Contents;
use crate::fixture::within;
use crate::held::Held;
use crate::trial::{fault_of, is_of_limit};

/// The most bytes that are kept of one file, diff or artifact: 256 KiB.
const MAX_CONTENTS_BYTES: usize = 256 << 10;
/// The most bytes that are kept of all of them together: 1 MiB.
const MAX_ALL_CONTENTS_BYTES: usize = 1 << 20;
/// The most things that are named as left out.
const MAX_LEFT_OUT: usize = 100;

/// Why no fixture can be made of an attempt.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store cannot be read, or has no such attempt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The attempt's records are not what a fixture can be made of.
    #[error("no fixture can be made of attempt {attempt}: {problem}")]
    Unusable {
        /// The attempt.
        attempt: AttemptId,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        hint: &'static str,
    },
}

/// Makes a fixture of what a plugin of an attempt was told and came to: of its grader, or of its
/// agent. Contents over 256 KiB each, and over 1 MiB in all, are left out, but for what the plugin
/// read of them; `recorded.left-out` names them.
///
/// # Errors
/// When there is no such attempt, the plugin did not come to an end of its own, or a fixture of it
/// would have more than [`MAX_FIXTURE_BYTES`].
pub fn record(reader: &Reader, attempt: &AttemptId, role: Role) -> Result<Fixture, RecordError> {
    let recorder = Recorder { reader, attempt };
    let row = reader.attempt(attempt)?;
    let history = History::of(reader.events(attempt)?.into_iter().map(|line| (line.at_us, line.event)));
    let task: Task = recorder.read(row.task_blob, "its task")?;
    let setting: Setting = match row.setting_blob {
        Some(digest) => recorder.read(digest, "its setting")?,
        None => Setting::default(),
    };
    let mut fixture = Fixture {
        // Whatever the attempt ran in: what is recorded is what plugins come to in this one.
        engine: Some(ENGINE_ID.to_owned()),
        seed: reader.run(&attempt.run)?.spec.seed,
        attempt: attempt.number,
        recorded: Some(FixtureOrigin {
            attempt: attempt.to_string(),
            plugin: Sha256::of(b""),
            redacted: Vec::new(),
            left_out: Vec::new(),
        }),
        ..Fixture::blank(role, FixtureTask::from(task))
    };
    let calls = match role {
        Role::Grader => recorder.of_grader(&mut fixture, history, &setting, row.key_blob)?,
        Role::Agent => recorder.of_agent(&mut fixture, history)?,
    };
    recorder.complete(&mut fixture, &calls)?;
    let bytes = serde_json::to_vec_pretty(&fixture).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_FIXTURE_BYTES {
        let problem = format!("it would have {bytes} bytes, at most {MAX_FIXTURE_BYTES} (4 MiB) are read");
        return Err(
            recorder.unusable(problem, "record an attempt at a smaller task, or one that is asked less")
        );
    }
    Ok(fixture)
}

struct Recorder<'a> {
    reader: &'a Reader,
    attempt: &'a AttemptId,
}

impl Recorder<'_> {
    fn unusable(&self, problem: impl Into<String>, hint: &'static str) -> RecordError {
        RecordError::Unusable { attempt: self.attempt.clone(), problem: problem.into(), hint }
    }

    /// For a plugin that a limit of its run ended.
    fn by_limit(&self, plugin: &str) -> RecordError {
        let problem = format!("its {plugin} was ended by a limit of its run, and a fixture has no limits");
        self.unusable(problem, "record an attempt whose plugin came to an end of its own")
    }

    fn read<T: DeserializeOwned>(&self, digest: Sha256, what: &str) -> Result<T, RecordError> {
        serde_json::from_slice(&self.reader.blob(digest)?)
            .map_err(|e| self.unusable(format!("{what} cannot be read: {e}"), OTHER_VERSION))
    }

    /// What the grader was told, and its verdict.
    fn of_grader(
        &self,
        fixture: &mut Fixture,
        history: History,
        setting: &Setting,
        key: Option<Sha256>,
    ) -> Result<Vec<CallRecord>, RecordError> {
        let handed_in = history.handed_in().map(|(answer, capture)| (answer, capture.cloned()));
        let (Some(part), Some(graded)) = (history.grade, history.graded) else {
            let problem = "no grader has judged it: the host decided, or it is not over";
            return Err(self.unusable(problem, "`lancet show RUN` lists the attempts with their reasons"));
        };
        if graded.fuel_used.is_none() || part.calls.iter().any(is_unavailable) {
            let problem = "its grader was ended from outside, at another point each time";
            return Err(self.unusable(problem, "record an attempt that its grader judged to the end"));
        }
        if fault_of(&graded.verdict).is_some_and(is_of_limit) {
            return Err(self.by_limit("grader"));
        }
        if let Some(origin) = &mut fixture.recorded {
            origin.plugin = part.plugin;
        }
        fixture.expect = Expected {
            outcome: Some(graded.verdict.outcome),
            reason: Some(graded.verdict.reason.to_string()),
            score: Some(graded.verdict.score.thousandths()),
            ..Expected::default()
        };
        let (answer, capture) = handed_in.unwrap_or((Answer::Nothing, None));
        fixture.submission = Some(answer);
        fixture.settings.clone_from(&setting.grader_settings);
        if let Some(digest) = key {
            let text = String::from_utf8(self.reader.blob(digest)?)
                .map_err(|_| self.unusable("its answer key is no UTF-8", OTHER_VERSION))?;
            fixture.answer_key = Some(Value::from(text));
        }
        let mut budget = MAX_ALL_CONTENTS_BYTES;
        if let Some(Capture::Taken(changes)) = capture {
            fixture.diff = Some(self.contents(changes.diff, &mut budget)?);
            for file in changes.files {
                let (contents, executable) = match file.change {
                    FileChange::Deleted => (None, false),
                    FileChange::Written { sha256, executable, .. } => {
                        (Some(self.contents(sha256, &mut budget)?), executable)
                    }
                };
                fixture.files.push(FixtureFile { path: file.path, contents, executable });
            }
        }
        let plans = setting.environment.iter().filter(|_| fixture.task.kind == Kind::IcSwe);
        let plans = plans.flat_map(|environment| environment.plans.iter().map(PlanView::from));
        let reports: BTreeMap<String, TestReport> = part.clone().into_reports();
        for plan in plans {
            let report = reports.get(&plan.name);
            let runs = report.map(|report| report.runs.as_slice()).unwrap_or_default();
            let runs = runs.iter().map(|run| self.run(run, &mut budget)).collect::<Result<_, _>>()?;
            let PlanView { name, required, sentinels, pass_exit, most_runs } = plan;
            fixture.tests.push(FixturePlan { name, required, sentinels, pass_exit, most_runs, runs });
        }
        Ok(part.calls)
    }

    /// What the agent was told, and how it ended.
    fn of_agent(&self, fixture: &mut Fixture, history: History) -> Result<Vec<CallRecord>, RecordError> {
        let (Some(part), Some(solved)) = (history.solve, history.solved) else {
            return Err(self.unusable("its agent is not done", "`lancet resume RUN` brings a run to its end"));
        };
        if solved.fuel_used.is_none() || part.calls.iter().any(is_unavailable) {
            let problem = "its agent was ended from outside, at another point each time";
            return Err(self.unusable(problem, "record an attempt whose agent came to an end of its own"));
        }
        if matches!(&solved.end, SolveEnd::Fault(fault) if is_of_limit(fault.kind)) {
            return Err(self.by_limit("agent"));
        }
        if let Some(origin) = &mut fixture.recorded {
            origin.plugin = part.plugin;
        }
        fixture.expect = match solved.end {
            SolveEnd::Answer(answer) => Expected { answer: Some(answer), ..Expected::default() },
            other => Expected { ends: Some(crate::trial::ended(&other)), ..Expected::default() },
        };
        for call in &part.calls {
            match (&call.request, &call.response) {
                (Request::InputRead, Response::MaybeText(text)) => fixture.input.clone_from(text),
                (Request::SettingsPrompt, Response::MaybeText(text)) => fixture.prompt.clone_from(text),
                (Request::SettingsValue { name }, Response::MaybeText(Some(text))) => {
                    if let Ok(value) = serde_json::from_str(text) {
                        fixture.settings.insert(name.clone(), value);
                    }
                }
                _ => {}
            }
        }
        Ok(part.calls)
    }

    /// Adds the answers that do not follow from what the fixture holds, and says what was left out.
    fn complete(&self, fixture: &mut Fixture, calls: &[CallRecord]) -> Result<(), RecordError> {
        let contents =
            Contents::of(fixture, &fixture.settings).map_err(|e| self.unusable(e, OTHER_VERSION))?;
        let held = Held::new(Arc::new(contents));
        let is_here = |call: &&CallRecord| {
            !matches!(
                call.request,
                Request::LogWrite { .. } | Request::RandomNext | Request::RandomBelow { .. }
            )
        };
        let calls: Vec<_> = calls.iter().filter(is_here).collect();
        let mut differ: Vec<&Request> = Vec::new();
        for call in &calls {
            if timeless(&held.response(&call.request)) != timeless(&call.response) {
                differ.push(&call.request);
            }
        }
        for call in calls {
            // All answers to what is asked several times, so that they come in turn.
            if differ.contains(&&call.request) {
                let json = |value: Result<Value, serde_json::Error>| {
                    value.map_err(|e| self.unusable(e.to_string(), OTHER_VERSION))
                };
                fixture.calls.push(FixtureCall {
                    request: json(serde_json::to_value(&call.request))?,
                    response: json(serde_json::to_value(&call.response))?,
                });
            }
        }
        let left_out = left_out(fixture);
        if let Some(origin) = &mut fixture.recorded {
            origin.left_out = left_out;
        }
        Ok(())
    }

    fn run(&self, run: &TestRun, budget: &mut usize) -> Result<FixtureRun, RecordError> {
        let mut artifacts = Vec::new();
        for artifact in &run.artifacts {
            let contents = self.contents(artifact.sha256, budget)?;
            artifacts.push(FixtureArtifact { name: artifact.name.clone(), kind: artifact.kind, contents });
        }
        let cases = run.cases.iter().map(|case| FixtureTestCase {
            id: case.id.clone(),
            status: case.status,
            detail: case.detail.clone(),
        });
        Ok(FixtureRun {
            end: run.end,
            status: run.status,
            report: run.report.clone(),
            cases: cases.collect(),
            artifacts,
            conclusion: Some(FixtureConclusion {
                outcome: run.conclusion.outcome,
                reason: run.conclusion.reason.to_string(),
                detail: run.conclusion.detail.clone(),
            }),
        })
    }

    /// A blob, as far as there is room for it.
    fn contents(&self, digest: Sha256, budget: &mut usize) -> Result<FixtureContents, RecordError> {
        let bytes = self.reader.blob(digest)?;
        let length = bytes.len();
        let contents = within(bytes, MAX_CONTENTS_BYTES.min(*budget));
        if !matches!(contents, FixtureContents::LeftOut { .. }) {
            *budget -= length;
        }
        Ok(contents)
    }
}

const OTHER_VERSION: &str = "the run was recorded by another version; record it with that one";

fn is_unavailable(call: &CallRecord) -> bool {
    matches!(call.response, Response::Unavailable(_))
}

/// An answer without how long the host took for it, which no plugin is told.
fn timeless(response: &Response) -> Response {
    let mut response = response.clone();
    if let Response::Tested(report) = &mut response {
        report.runs.iter_mut().for_each(|run| run.wall_ms = 0);
    }
    response
}

/// What a fixture does not hold, by its place and with its bytes.
fn left_out(fixture: &Fixture) -> Vec<String> {
    let mut named = Vec::new();
    let mut note = |what: String, contents: &FixtureContents| {
        if let FixtureContents::LeftOut { bytes, .. } = contents {
            named.push(format!("{what}, {bytes} bytes"));
        }
    };
    if let Some(diff) = &fixture.diff {
        note("the diff".to_owned(), diff);
    }
    for file in &fixture.files {
        if let Some(contents) = &file.contents {
            note(format!("the file `{}`", file.path), contents);
        }
    }
    for plan in &fixture.tests {
        for artifact in plan.runs.iter().flat_map(|run| &run.artifacts) {
            note(format!("the artifact `{}` of the plan `{}`", artifact.name, plan.name), &artifact.contents);
        }
    }
    if named.len() > MAX_LEFT_OUT {
        let more = named.len() - MAX_LEFT_OUT;
        named.truncate(MAX_LEFT_OUT);
        named.push(format!("and {more} more"));
    }
    named
}
