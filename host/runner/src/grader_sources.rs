//! What stands behind the capabilities of a grader.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lancet_core::{
    Answer, Artifact, ArtifactEntry, CallError, CallErrorKind, CallRecord, ChangeSet, Environment,
    InfraFault, InfraFaultKind, Octets, PlanView, Response, RunEnd, Sha256, SubmittedFile, TestReport,
};
use lancet_docker::Lease;
use lancet_engine::{ArtifactsSource, NotRecalled, Reply, SourceError, SubmissionSource, TestsSource};

use crate::agent_sources::entry;
use crate::blobs::{Blobs, unkept};
use crate::sandboxes::{Sandboxes, run_plan};

/// What a grader judges by: the submission, test runs, and what they left.
pub(crate) struct GraderSources {
    blobs: Blobs,
    answer: Answer,
    changes: Option<ChangeSet>,
    tests: Tests,
    /// The artifacts of the latest test run that counts.
    artifacts: Mutex<BTreeMap<String, Artifact>>,
}

/// Where test runs come from.
pub(crate) enum Tests {
    /// The engine, now.
    Live(LiveTests),
    /// An earlier grading, by plan: no container is started.
    Recorded { plans: Vec<PlanView>, reports: BTreeMap<String, TestReport> },
}

/// What a live grading runs tests with.
pub(crate) struct LiveTests {
    pub(crate) sandboxes: Arc<Sandboxes>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) lease: Lease,
    /// Whether a container that was killed from outside is taken as it is.
    pub(crate) last_try: bool,
}

impl Tests {
    /// What an earlier grading was shown.
    pub(crate) fn recorded(environment: &Environment, reports: BTreeMap<String, TestReport>) -> Self {
        Self::Recorded { plans: environment.plans.iter().map(PlanView::from).collect(), reports }
    }
}

impl GraderSources {
    pub(crate) fn new(blobs: Blobs, answer: &Answer, changes: Option<ChangeSet>, tests: Tests) -> Arc<Self> {
        let artifacts = Mutex::new(BTreeMap::new());
        Arc::new(Self { blobs, answer: answer.clone(), changes, tests, artifacts })
    }

    async fn test(&self, name: &str) -> Result<TestReport, SourceError> {
        let unknown = || {
            let known = self.plans().into_iter().map(|plan| plan.name).collect::<Vec<_>>().join(", ");
            let message = format!("the task has no test plan `{name}`; it has {known}");
            CallError::new(CallErrorKind::NotFound, message)
        };
        let report = match &self.tests {
            Tests::Recorded { plans, reports } => match reports.get(name) {
                Some(report) => report.clone(),
                None if plans.iter().any(|plan| plan.name == name) => {
                    let message = format!("the plan `{name}` was not run when this was first graded");
                    return Err(CallError::new(CallErrorKind::Unavailable, message).into());
                }
                None => return Err(unknown().into()),
            },
            Tests::Live(LiveTests { sandboxes, environment, lease, last_try }) => {
                let Some(plan) = environment.plan(name) else { return Err(unknown().into()) };
                let Some(changes) = &self.changes else {
                    let message = "no work tree was handed in: there is nothing to test";
                    return Err(CallError::new(CallErrorKind::Unavailable, message).into());
                };
                let docker = sandboxes.docker().await?;
                let outcome = run_plan(&docker, environment, plan, changes, &self.blobs, lease).await?;
                if !last_try && let Some(code) = killed(&outcome.report) {
                    let message = format!("the tests were killed from outside (exit status {code})");
                    return Err(InfraFault::new(InfraFaultKind::DockerError, message).into());
                }
                self.blobs.keep(outcome.blobs).await.map_err(|e| unkept(&e))?;
                outcome.report
            }
        };
        self.left_by(&report);
        Ok(report)
    }

    /// Takes note of what a test run left.
    fn left_by(&self, report: &TestReport) {
        let left = report.decisive().map(|run| run.artifacts.as_slice()).unwrap_or_default();
        *self.artifacts() = left.iter().map(|a| (a.name.clone(), a.clone())).collect();
    }

    fn artifacts(&self) -> MutexGuard<'_, BTreeMap<String, Artifact>> {
        self.artifacts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stretch(
        &self,
        digest: Option<Sha256>,
        what: &str,
        offset: u64,
        length: u32,
    ) -> Result<Octets, SourceError> {
        let digest = digest.ok_or_else(|| CallError::new(CallErrorKind::NotFound, what))?;
        Ok(self.blobs.part(digest, offset, length).await?)
    }
}

/// The exit status of a run that somebody else ended: an engine that is being
/// stopped kills containers, and no test does so by itself.
fn killed(report: &TestReport) -> Option<i64> {
    report.runs.iter().find_map(|run| match run.end {
        RunEnd::Exited(code @ (137 | 143)) => Some(code),
        _ => None,
    })
}

impl SubmissionSource for GraderSources {
    fn answer(&self) -> Answer {
        self.answer.clone()
    }

    fn files<'a>(&'a self) -> Reply<'a, Vec<SubmittedFile>> {
        let files = self.changes.as_ref().map(|changes| changes.files.clone()).unwrap_or_default();
        Box::pin(async move { Ok(files) })
    }

    fn read<'a>(&'a self, path: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        let digest = self.changes.as_ref().and_then(|changes| match &changes.file(path)?.change {
            lancet_core::FileChange::Written { sha256, .. } => Some(*sha256),
            lancet_core::FileChange::Deleted => None,
        });
        Box::pin(self.stretch(digest, "the submission wrote no such file", offset, length))
    }

    fn diff<'a>(&'a self, offset: u64, length: u32) -> Reply<'a, Octets> {
        let digest = self.changes.as_ref().map(|changes| changes.diff);
        Box::pin(self.stretch(digest, "no work tree was handed in", offset, length))
    }
}

impl TestsSource for GraderSources {
    fn plans(&self) -> Vec<PlanView> {
        match &self.tests {
            Tests::Live(LiveTests { environment, .. }) => {
                environment.plans.iter().map(PlanView::from).collect()
            }
            Tests::Recorded { plans, .. } => plans.clone(),
        }
    }

    fn run<'a>(&'a self, plan: &'a str) -> Reply<'a, TestReport> {
        Box::pin(self.test(plan))
    }

    /// Containers of tests are gone after each run; what a run left is in its report.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        match &call.response {
            Response::Tested(report) => self.left_by(report),
            // It ran, and its report is not in the record.
            Response::Refused(error) if error.kind == CallErrorKind::TooLarge => {
                return Err(NotRecalled("a test run's report was too large to be recorded".to_owned()));
            }
            _ => {}
        }
        Ok(())
    }
}

impl ArtifactsSource for GraderSources {
    fn list<'a>(&'a self) -> Reply<'a, Vec<ArtifactEntry>> {
        Box::pin(async move { Ok(self.artifacts().values().map(entry).collect()) })
    }

    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        Box::pin(async move {
            let digest = self.artifacts().get(name).map(|artifact| artifact.sha256);
            self.stretch(digest, "the latest test run left no such artifact", offset, length).await
        })
    }
}
