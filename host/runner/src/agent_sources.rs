//! What stands behind the capabilities of an agent.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lancet_core::{
    Artifact, ArtifactEntry, CallError, CallErrorKind, CallRecord, Capture, CommandOutput, Environment,
    InfraFault, InfraFaultKind, Observation, Octets, Outcome, Plan, Request, Response, SearchHit, Sha256,
    WorkspaceEntry,
};
use lancet_docker::{AgentBox, BlobSource as _, Captured, Docker, Lease, PlanOutcome};
use lancet_engine::{NotRecalled, Reply, ShellSource, SourceError, UserToolSource, WorkspaceSource};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use crate::blobs::{Blobs, unkept};
use crate::handout::{Given, Handout, Sources, handout};
use crate::sandboxes::{Sandboxes, try_plan};

/// Where an agent works: the container behind `workspace`, `shell` and `user-tool`.
/// It is made at the first call, since not every agent makes one.
pub(crate) struct AgentSources {
    sandboxes: Arc<Sandboxes>,
    environment: Arc<Environment>,
    lease: Lease,
    blobs: Blobs,
    agent_box: Mutex<Option<AgentBox>>,
    /// What the user's last reproduction left.
    observed: Mutex<BTreeMap<String, Artifact>>,
}

impl AgentSources {
    pub(crate) fn new(
        sandboxes: Arc<Sandboxes>,
        environment: Arc<Environment>,
        lease: Lease,
        blobs: Blobs,
    ) -> Arc<Self> {
        Arc::new(Self {
            sandboxes,
            environment,
            lease,
            blobs,
            agent_box: Mutex::new(None),
            observed: Mutex::new(BTreeMap::new()),
        })
    }

    async fn open(&self) -> Result<MappedMutexGuard<'_, AgentBox>, InfraFault> {
        let mut guard = self.agent_box.lock().await;
        if guard.is_none() {
            let docker = self.sandboxes.docker().await?;
            *guard = Some(docker.agent_box(&self.environment, &self.lease).await?);
        }
        MutexGuard::try_map(guard, Option::as_mut)
            .map_err(|_| InfraFault::new(InfraFaultKind::DockerError, "the agent's container is gone"))
    }

    /// Stops everything and takes what was changed.
    pub(crate) async fn capture(&self) -> Captured {
        let taken = match self.agent_box.lock().await.take() {
            Some(agent_box) => Box::pin(agent_box.finish()).await,
            None => Ok(Docker::unchanged(&self.environment)),
        };
        taken.unwrap_or_else(|fault| Captured { capture: Capture::Unavailable(fault), blobs: Vec::new() })
    }

    /// Stops everything and takes nothing.
    pub(crate) async fn discard(&self) {
        if let Some(agent_box) = self.agent_box.lock().await.take() {
            Box::pin(agent_box.discard()).await;
        }
    }

    async fn observe(&self) -> Result<Observation, SourceError> {
        let plan = self.environment.user_tool.as_deref().and_then(|name| self.environment.plan(name));
        let Some(plan) = plan else {
            let message = "nobody reproduces this task's issue: it has no user tool";
            return Err(CallError::new(CallErrorKind::Unavailable, message).into());
        };
        let blobs = self.blobs.clone();
        let outcome = {
            let agent_box = self.open().await?;
            try_plan(&agent_box, plan, &blobs).await??
        };
        // What the plan declares, and nothing of how it went: the output and the
        // report would tell of the tests.
        let completed = outcome.report.decisive().is_some_and(|run| run.conclusion.outcome == Outcome::Pass);
        let (plan, files) = (plan.clone(), self.environment.plans.clone());
        let made = tokio::task::spawn_blocking(move || {
            let sources = sources(&files, &blobs)?;
            Ok(handout(&plan, left(&outcome), &sources))
        });
        let made: Result<_, InfraFault> = made.await.unwrap_or_else(|error| {
            Err(InfraFault::new(InfraFaultKind::DockerError, format!("the user's handout: {error}")))
        });
        let given = match made? {
            Ok(given) => given,
            Err(withheld) => {
                self.observed.lock().await.clear();
                return Err(CallError::new(CallErrorKind::Unavailable, withheld.to_string()).into());
            }
        };
        let mut artifacts = BTreeMap::new();
        let mut contents = Vec::with_capacity(given.len());
        for (name, Given { kind, bytes }) in given {
            let (sha256, size) = (Sha256::of(&bytes), bytes.len() as u64);
            artifacts.insert(name.clone(), Artifact { name, kind, bytes: size, sha256 });
            contents.push(bytes);
        }
        self.blobs.keep(contents).await.map_err(|e| unkept(&e))?;
        let observation = Observation { completed, artifacts: artifacts.values().map(entry).collect() };
        *self.observed.lock().await = artifacts;
        Ok(observation)
    }

    async fn observed(&self, name: &str, offset: u64, length: u32) -> Result<Octets, SourceError> {
        let Some(digest) = self.observed.lock().await.get(name).map(|artifact| artifact.sha256) else {
            let message = "the user's last reproduction left no such artifact";
            return Err(CallError::new(CallErrorKind::NotFound, message).into());
        };
        Ok(self.blobs.part(digest, offset, length).await?)
    }
}

/// What the run that counts left, by name.
fn left(outcome: &PlanOutcome) -> Handout {
    let Some(run) = outcome.report.decisive() else { return Handout::new() };
    let contents: HashMap<Sha256, &Vec<u8>> =
        outcome.blobs.iter().map(|bytes| (Sha256::of(bytes), bytes)).collect();
    let taken = |artifact: &Artifact| {
        let bytes = contents.get(&artifact.sha256)?;
        Some((artifact.name.clone(), Given { kind: artifact.kind, bytes: (*bytes).clone() }))
    };
    run.artifacts.iter().filter_map(taken).collect()
}

/// The tests of all plans.
fn sources(plans: &[Plan], blobs: &Blobs) -> Result<Sources, InfraFault> {
    let mut sources = Sources::default();
    for file in plans.iter().flat_map(|plan| &plan.files).filter(|file| Sources::are_in(file)) {
        let unread = |error| InfraFault::new(InfraFaultKind::DiskFull, format!("the store: {error}"));
        sources.add(&blobs.blob(file.sha256).map_err(unread)?);
    }
    Ok(sources)
}

/// An artifact as plugins see it.
pub(crate) fn entry(artifact: &Artifact) -> ArtifactEntry {
    ArtifactEntry { name: artifact.name.clone(), kind: artifact.kind, bytes: artifact.bytes }
}

impl WorkspaceSource for AgentSources {
    fn list<'a>(&'a self, path: &'a str) -> Reply<'a, Vec<WorkspaceEntry>> {
        Box::pin(async move { Ok(self.open().await?.list(path).await??) })
    }

    fn read<'a>(&'a self, path: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        Box::pin(async move { Ok(self.open().await?.read(path, offset, length).await??) })
    }

    fn search<'a>(&'a self, pattern: &'a str, path: &'a str) -> Reply<'a, Vec<SearchHit>> {
        Box::pin(async move { Ok(self.open().await?.search(pattern, path).await??) })
    }

    fn write<'a>(&'a self, path: &'a str, contents: &'a [u8]) -> Reply<'a, ()> {
        Box::pin(async move { Ok(self.open().await?.write(path, contents).await??) })
    }

    fn remove<'a>(&'a self, path: &'a str) -> Reply<'a, ()> {
        Box::pin(async move { Ok(self.open().await?.remove(path).await??) })
    }

    fn apply_patch<'a>(&'a self, patch: &'a str) -> Reply<'a, ()> {
        Box::pin(async move { Ok(self.open().await?.apply_patch(patch).await??) })
    }

    /// A container that is new is as the one that is gone was, as long as nothing was
    /// changed in that.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        match (&call.request, &call.response) {
            (_, Response::Entries(_) | Response::Hits(_) | Response::Applied(false)) => Ok(()),
            (Request::WorkspaceRead { .. }, Response::Bytes(_)) => Ok(()),
            // Looking for what is not there changes nothing.
            (
                Request::WorkspaceList { .. }
                | Request::WorkspaceRead { .. }
                | Request::WorkspaceSearch { .. },
                Response::Refused(_),
            ) => Ok(()),
            _ => Err(NotRecalled::by(call)),
        }
    }
}

impl ShellSource for AgentSources {
    fn run<'a>(&'a self, command: &'a str, timeout_seconds: u32) -> Reply<'a, CommandOutput> {
        Box::pin(async move { Ok(self.open().await?.run(command, timeout_seconds).await??) })
    }
}

impl UserToolSource for AgentSources {
    fn reproduce<'a>(&'a self) -> Reply<'a, Observation> {
        Box::pin(self.observe())
    }

    fn read<'a>(&'a self, name: &'a str, offset: u64, length: u32) -> Reply<'a, Octets> {
        Box::pin(self.observed(name, offset, length))
    }
}
