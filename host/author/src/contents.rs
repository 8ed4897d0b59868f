//! All that a fixture holds, made ready to be answered with.

use std::collections::{BTreeMap, HashMap};

use lancet_core::{
    Answer, Artifact, CaseNaming, Conclusion, Facts, FileChange, FixtureContents, FixtureRun, Isolation,
    Octets, Plan, PlanView, Request, Rerun, Response, Sha256, SubmittedFile, TestCase, TestReport, TestRun,
    conclude,
};
use serde_json::Value;

/// What a fixture's host knows. The same for every execution.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub(crate) answer: Answer,
    pub(crate) key: String,
    pub(crate) files: Vec<SubmittedFile>,
    pub(crate) written: BTreeMap<String, Option<Octets>>,
    /// `None` when nothing is said of it.
    pub(crate) diff: Option<Option<Octets>>,
    pub(crate) plans: Vec<HeldPlan>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) prompt: Option<String>,
    pub(crate) input: Option<String>,
    /// Answers to other calls in their order, by the JSON of the request.
    pub(crate) calls: HashMap<String, Vec<Response>>,
    /// Whether any of those is of the environment, and of models.
    pub(crate) has_environment: bool,
    pub(crate) has_models: bool,
}

/// A test plan and what its runs showed.
#[derive(Debug, Clone)]
pub(crate) struct HeldPlan {
    pub(crate) view: PlanView,
    /// `None` when it was not run.
    pub(crate) report: Option<TestReport>,
    /// What the runs' artifacts hold, by digest.
    pub(crate) left: HashMap<Sha256, Option<Octets>>,
}

impl Contents {
    /// Makes a fixture ready, with what is set of the plugin.
    ///
    /// # Errors
    /// What of it says what cannot be, by its key.
    pub(crate) fn of(
        fixture: &lancet_core::Fixture,
        settings: &BTreeMap<String, Value>,
    ) -> Result<Self, String> {
        let octets =
            |key: &str, contents: &FixtureContents| contents.octets().map_err(|e| format!("`{key}`: {e}"));
        let mut files = Vec::new();
        let mut written = BTreeMap::new();
        for (n, file) in fixture.files.iter().enumerate() {
            let change = match &file.contents {
                None => FileChange::Deleted,
                Some(contents) => {
                    let held = octets(&format!("files[{n}].contents"), contents)?;
                    let (bytes, sha256) = measured(contents, held.as_ref());
                    written.insert(file.path.clone(), held);
                    FileChange::Written { sha256, bytes, executable: file.executable }
                }
            };
            files.push(SubmittedFile { path: file.path.clone(), change });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(format!("`files` has `{}` twice", pair[0].path));
        }
        let plans = fixture.tests.iter().enumerate().map(|(n, plan)| HeldPlan::of(plan, n));
        let mut calls: HashMap<String, Vec<Response>> = HashMap::new();
        let (mut has_environment, mut has_models) = (false, false);
        for (n, call) in fixture.calls.iter().enumerate() {
            let read = |key: &str, e: serde_json::Error| format!("`calls[{n}].{key}`: {e}");
            let request: Request =
                serde_json::from_value(call.request.clone()).map_err(|e| read("request", e))?;
            let response = serde_json::from_value(call.response.clone()).map_err(|e| read("response", e))?;
            let interface = request.name().split('.').next().unwrap_or_default();
            has_environment |= matches!(interface, "workspace" | "shell" | "user-tool");
            has_models |= interface == "model";
            calls.entry(key_of(&request)).or_default().push(response);
        }
        Ok(Self {
            answer: fixture.submission.clone().unwrap_or(Answer::Nothing),
            key: fixture.answer_key.as_ref().map(text_of).unwrap_or_default(),
            files,
            written,
            diff: fixture.diff.as_ref().map(|diff| octets("diff", diff)).transpose()?,
            plans: plans.collect::<Result<_, _>>()?,
            settings: settings.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            prompt: fixture.prompt.clone(),
            input: fixture.input.clone(),
            calls,
            has_environment,
            has_models,
        })
    }
}

impl HeldPlan {
    fn of(plan: &lancet_core::FixturePlan, number: usize) -> Result<Self, String> {
        let view = PlanView {
            name: plan.name.clone(),
            required: plan.required.clone(),
            sentinels: plan.sentinels.clone(),
            pass_exit: plan.pass_exit,
            most_runs: plan.most_runs,
        };
        let mut left = HashMap::new();
        let mut runs = Vec::new();
        for (n, run) in plan.runs.iter().enumerate() {
            runs.push(made(&view, run, &format!("tests[{number}].runs[{n}]"), &mut left)?);
        }
        let report = (!runs.is_empty()).then(|| TestReport { plan: plan.name.clone(), runs });
        Ok(Self { view, report, left })
    }
}

/// A run as the host would have recorded it.
fn made(
    plan: &PlanView,
    run: &FixtureRun,
    key: &str,
    left: &mut HashMap<Sha256, Option<Octets>>,
) -> Result<TestRun, String> {
    let mut artifacts = Vec::new();
    for (n, artifact) in run.artifacts.iter().enumerate() {
        let held = artifact.contents.octets().map_err(|e| format!("`{key}.artifacts[{n}].contents`: {e}"))?;
        let (bytes, sha256) = measured(&artifact.contents, held.as_ref());
        left.insert(sha256, held);
        artifacts.push(Artifact { name: artifact.name.clone(), kind: artifact.kind, bytes, sha256 });
    }
    artifacts.sort_by(|a, b| a.name.cmp(&b.name));
    let mut cases: Vec<_> = run
        .cases
        .iter()
        .map(|case| TestCase { id: case.id.clone(), status: case.status, detail: case.detail.clone() })
        .collect();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let conclusion = match &run.conclusion {
        Some(said) => Conclusion {
            outcome: said.outcome,
            reason: said.reason.parse().map_err(|e| format!("`{key}.conclusion.reason`: {e}"))?,
            detail: said.detail.clone(),
        },
        None => {
            let facts = Facts { end: run.end, status: run.status, report: &run.report, cases: &cases };
            conclude(&ruled(plan, run.status.is_some()), facts)
        }
    };
    let (end, status, report) = (run.end, run.status, run.report.clone());
    Ok(TestRun { end, status, report, cases, artifacts, conclusion, wall_ms: 0 })
}

/// The plan as far as the host's rule looks at it.
fn ruled(plan: &PlanView, has_status: bool) -> Plan {
    Plan {
        name: plan.name.clone(),
        isolation: Isolation::Single { service: None },
        argv: Vec::new(),
        variables: BTreeMap::new(),
        working_directory: None,
        timeout_seconds: 0,
        report: "the report".to_owned(),
        status_file: has_status.then(|| "the status file".to_owned()),
        artifacts: Vec::new(),
        files: Vec::new(),
        files_at: String::new(),
        required: plan.required.clone(),
        sentinels: plan.sentinels.clone(),
        naming: CaseNaming::Full,
        pass_exit: plan.pass_exit,
        rerun: Rerun::Once,
    }
}

/// How many bytes there are, or were, and their digest.
fn measured(contents: &FixtureContents, held: Option<&Octets>) -> (u64, Sha256) {
    match (contents, held) {
        (FixtureContents::LeftOut { bytes, sha256 }, _) => (*bytes, *sha256),
        (_, held) => {
            let bytes = held.map(|held| held.0.as_slice()).unwrap_or_default();
            (bytes.len() as u64, Sha256::of(bytes))
        }
    }
}

/// The text of an answer key.
fn text_of(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a request is looked up by.
pub(crate) fn key_of(request: &Request) -> String {
    serde_json::to_string(request).unwrap_or_default()
}
