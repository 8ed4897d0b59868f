//! The engine for containers behind a run, and what of it is shared by attempts.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lancet_core::{AttemptId, CallError, ChangeSet, Environment, InfraFault, InfraFaultKind, Plan};
use lancet_docker::{AgentBox, Docker, DockerError, DockerOptions, Lease, Owner, PlanOutcome, Reaper};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard};

use crate::blobs::Blobs;
use crate::error::Error;
use crate::observer::{Notice, Observer};

/// How long an engine that does not answer is waited for, unless the operator says
/// otherwise.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long what of this process is left may take to be removed: a network is held by
/// containers that the engine is about to remove.
const CLEARED: Duration = Duration::from_secs(10);
/// How long nothing may have come up any more of what was being made when it was aborted.
const SETTLED: Duration = Duration::from_secs(1);

/// The Docker engine of a run, connected when the first task asks for it: manager
/// tasks never do.
pub struct Sandboxes {
    options: DockerOptions,
    owner: Owner,
    connection: Mutex<Connection>,
    /// Read by every run that is under way: what is left is cleared when there is none.
    in_use: RwLock<()>,
}

enum Connection {
    Untried,
    Up(Docker),
    /// It was not there when it was first needed; nobody waits for it again.
    Down(InfraFault),
}

impl Sandboxes {
    /// An engine that is not connected yet.
    #[must_use]
    pub fn new(options: DockerOptions) -> Arc<Self> {
        Arc::new(Self {
            options,
            owner: Owner::this_process(),
            connection: Mutex::new(Connection::Untried),
            in_use: RwLock::new(()),
        })
    }

    /// The engine; connects at the first call.
    ///
    /// # Errors
    /// The fault that made it unreachable when it was first needed: it is not tried again.
    pub async fn docker(&self) -> Result<Docker, InfraFault> {
        let mut connection = self.connection.lock().await;
        match &*connection {
            Connection::Up(docker) => Ok(docker.clone()),
            Connection::Down(fault) => Err(fault.clone()),
            Connection::Untried => match Docker::connect(self.options.clone()).await {
                Ok(docker) => {
                    *connection = Connection::Up(docker.clone());
                    Ok(docker)
                }
                Err(error) => {
                    let fault = InfraFault::from(error);
                    *connection = Connection::Down(fault.clone());
                    Err(fault)
                }
            },
        }
    }

    /// With `--own-users`: refuses what would share a kernel user, before anything runs.
    pub(crate) async fn refuse_shared(
        &self,
        environments: impl IntoIterator<Item = &Environment>,
    ) -> Result<(), Error> {
        if !self.options.own_users {
            return Ok(());
        }
        let mut refused = BTreeMap::new();
        for environment in environments {
            // Without an engine nothing runs, and every attempt says why.
            let Ok(docker) = self.docker().await else { return Ok(()) };
            let name = &environment.image.name;
            if !refused.contains_key(name)
                && let Ok(reason) = docker.shares_user(environment).await
            {
                refused.insert(name.clone(), reason);
            }
        }
        refused.retain(|_, reason| reason.is_some());
        let Some((name, Some(reason))) = refused.iter().next() else { return Ok(()) };
        let error = DockerError::SharedUser { name: name.clone(), reason: reason.clone() };
        Err(Error::SharedUser { error, more: refused.len() - 1 })
    }

    /// Says which containers had a kernel user that others had too.
    pub(crate) async fn tell_shared(&self, observer: &dyn Observer) {
        let docker = match &*self.connection.lock().await {
            Connection::Up(docker) => docker.clone(),
            Connection::Untried | Connection::Down(_) => return,
        };
        let shared = docker.shared_users();
        if let Some((image, reason)) = shared.iter().next() {
            observer.notice(Notice::SharedUsers { image, reason, more: shared.len() - 1 });
        }
    }

    /// Whether an engine that failed so may come back, and was there before.
    pub(crate) async fn may_recover(&self, fault: &InfraFault) -> bool {
        matches!(fault.kind, InfraFaultKind::DockerUnreachable | InfraFaultKind::DockerError)
            && matches!(&*self.connection.lock().await, Connection::Up(_))
    }

    /// Whether an engine that was there is back. Waits for it, as long as the
    /// options say.
    pub(crate) async fn recovered(&self) -> bool {
        let docker = match &*self.connection.lock().await {
            Connection::Up(docker) => docker.clone(),
            Connection::Untried | Connection::Down(_) => return false,
        };
        docker.wait_until_reachable(self.options.patience).await.is_ok()
    }

    /// Removes what processes that are gone have left, now and every half minute
    /// while the result is held. Nothing depends on it.
    pub(crate) async fn reap(&self) -> Option<Reaper> {
        let docker = self.docker().await.ok()?;
        Some(docker.spawn_reaper())
    }

    /// Held by a run while it has attempts under way.
    pub(crate) async fn in_use(&self) -> RwLockReadGuard<'_, ()> {
        self.in_use.read().await
    }

    /// Removes what of this process is left when no run of it is under way: an engine
    /// that was away could not be told to, and an attempt that was aborted did not.
    pub(crate) async fn clear(&self, aborted: bool) {
        let settled = if aborted { SETTLED } else { Duration::ZERO };
        // Another run's last act is to do the same.
        let Ok(_alone) = self.in_use.try_write() else { return };
        let docker = match &*self.connection.lock().await {
            Connection::Up(docker) => docker.clone(),
            Connection::Untried | Connection::Down(_) => return,
        };
        // What cannot be removed now is the next run's; an engine that does not answer is not
        // waited for.
        let own = self.owner.to_string();
        let _ = tokio::time::timeout(settled + CLEARED, docker.clear(&own, settled, CLEARED)).await;
    }

    /// What an attempt's containers are labelled with.
    pub(crate) fn lease(&self, attempt: &AttemptId, environment: &Environment) -> Lease {
        Lease {
            owner: self.owner.to_string(),
            run: attempt.run.to_string(),
            attempt: attempt.to_string(),
            deadline: SystemTime::now() + longest(environment),
        }
    }
}

/// What is going on in containers. Boxed where it begins, as the compiler cannot show
/// such long futures to be `Send` from further out (rust-lang/rust#102211).
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, InfraFault>> + Send + 'a>>;

/// Runs a plan on a submission.
pub(crate) fn run_plan<'a>(
    docker: &'a Docker,
    environment: &'a Environment,
    plan: &'a Plan,
    changes: &'a ChangeSet,
    blobs: &'a Blobs,
    lease: &'a Lease,
) -> Work<'a, PlanOutcome> {
    Box::pin(docker.run_plan(environment, plan, changes, blobs, lease))
}

/// Runs a plan on what an agent has changed so far.
pub(crate) fn try_plan<'a>(
    agent_box: &'a AgentBox,
    plan: &'a Plan,
    blobs: &'a Blobs,
) -> Work<'a, Result<PlanOutcome, CallError>> {
    Box::pin(agent_box.try_plan(plan, blobs))
}

/// The longest that containers of one attempt can be there, generously: whatever is
/// older has been forgotten. An agent's own time stands still while it waits for others.
fn longest(environment: &Environment) -> Duration {
    let steps = [&environment.setup, &environment.conceal];
    let setup: u64 = steps.into_iter().flatten().map(|step| u64::from(step.timeout_seconds)).sum();
    let plans: u64 = environment
        .plans
        .iter()
        .map(|plan| {
            let ready: u64 =
                plan.isolation.services().map(|service| u64::from(service.ready.timeout_seconds)).sum();
            u64::from(plan.rerun.most()) * (u64::from(plan.timeout_seconds) + 2 * ready)
        })
        .sum();
    Duration::from_secs(2 * (u64::from(environment.solve_seconds) + setup + plans) + 6 * 3_600)
}
