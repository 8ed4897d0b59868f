use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use lancet_core::{AttemptId, CallError, Environment, InfraFault, InfraFaultKind, Manifest, Plan, Sha256};
use lancet_docker::{
    AgentBox, BlobSource, Docker, DockerError, DockerOptions, Lease, Owner, PlanOutcome, Reaper,
};
use lancet_store::Reader;
use tokio::sync::Mutex;

use crate::exit::Exit;
use crate::failure::{Failure, warn};

/// How the operator wants containers to be run.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DockerArguments {
    /// The Docker engine's socket [default: `DOCKER_HOST`, or /var/run/docker.sock]
    #[arg(long, value_name = "PATH", help_heading = "Docker")]
    pub(crate) docker_socket: Option<PathBuf>,
    /// The engine's runtime for containers, for example `runsc` (gVisor) [default: the engine's own]
    #[arg(long, value_name = "NAME", env = "LANCET_CONTAINER_RUNTIME", help_heading = "Docker")]
    pub(crate) container_runtime: Option<String>,
    /// Refuse what cannot have a kernel user of its own (images that need root): for hosting strangers' code
    #[arg(long, help_heading = "Docker")]
    pub(crate) own_users: bool,
    /// Add no rule to this machine's packet filter, which a run by root does otherwise (`doctor` has the rule) [env: `LANCET_LEAVE_PACKET_FILTER=1`]
    #[arg(long, help_heading = "Docker")]
    pub(crate) leave_packet_filter: bool,
}

/// Says what `--leave-packet-filter` does, for `doctor` too.
const LEAVE_PACKET_FILTER: &str = "LANCET_LEAVE_PACKET_FILTER";
/// How long an engine that was there before is waited for when it is gone.
const PATIENCE: Duration = Duration::from_secs(120);

/// The Docker engine of a run, connected when the first task asks for it: manager
/// tasks never do.
pub(crate) struct Sandboxes {
    options: DockerOptions,
    owner: Owner,
    connection: Mutex<Connection>,
}

enum Connection {
    Untried,
    Up(Docker),
    /// It was not there when it was first needed; nobody waits for it again.
    Down(InfraFault),
}

impl DockerArguments {
    pub(crate) fn options(&self) -> DockerOptions {
        DockerOptions {
            socket: self.docker_socket.clone(),
            runtime: self.container_runtime.clone(),
            own_users: self.own_users,
            leave_packet_filter: self.leave_packet_filter || is_set(LEAVE_PACKET_FILTER),
            build_network: std::env::var("LANCET_BUILD_NETWORK").ok(),
            patience: PATIENCE,
            ..DockerOptions::default()
        }
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !matches!(value.to_str(), Some("" | "0" | "false")))
}

impl Sandboxes {
    pub(crate) fn new(arguments: &DockerArguments) -> Arc<Self> {
        Arc::new(Self {
            options: arguments.options(),
            owner: Owner::this_process(),
            connection: Mutex::new(Connection::Untried),
        })
    }

    /// The engine; connects at the first call.
    pub(crate) async fn docker(&self) -> Result<Docker, InfraFault> {
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
    ) -> Result<(), Failure> {
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
        let more = match refused.len() - 1 {
            0 => String::new(),
            more => format!("; {more} other images cannot either"),
        };
        let error = DockerError::SharedUser { name: name.clone(), reason: reason.clone() };
        Err(Failure::new(Exit::Host, format!("{error}{more}")).hint(error.hint()))
    }

    /// Says which containers had a kernel user that others had too.
    pub(crate) async fn tell_shared(&self) {
        let docker = match &*self.connection.lock().await {
            Connection::Up(docker) => docker.clone(),
            Connection::Untried | Connection::Down(_) => return,
        };
        let shared = docker.shared_users();
        let Some((name, reason)) = shared.iter().next() else { return };
        let more = match shared.len() - 1 {
            0 => String::new(),
            more => format!(" and of {more} other images"),
        };
        warn(&format!(
            "containers of {name}{more} shared a kernel user with others ({reason}): one attempt can use up what the kernel counts for a user, such as inotify instances (hint: `lancet doctor` lists it; `--own-users` refuses)"
        ));
    }

    /// Whether what failed is worth another try: the engine went away under an
    /// attempt, and is back. Waits for it.
    pub(crate) async fn recovered(&self, fault: &InfraFault) -> bool {
        if !matches!(fault.kind, InfraFaultKind::DockerUnreachable | InfraFaultKind::DockerError) {
            return false;
        }
        let docker = match &*self.connection.lock().await {
            Connection::Up(docker) => docker.clone(),
            Connection::Untried | Connection::Down(_) => return false,
        };
        docker.wait_until_reachable(PATIENCE).await.is_ok()
    }

    /// Removes what processes that are gone have left, now and every half minute
    /// while the result is held. Nothing depends on it.
    pub(crate) async fn reap(&self) -> Option<Reaper> {
        let docker = self.docker().await.ok()?;
        Some(docker.spawn_reaper())
    }

    /// Removes what of this process is left when no attempt of it is under way: an
    /// engine that was away could not be told to.
    pub(crate) async fn clear(&self) {
        let docker = match &*self.connection.lock().await {
            Connection::Up(docker) => docker.clone(),
            Connection::Untried | Connection::Down(_) => return,
        };
        let own = self.owner.to_string();
        let live = |owner: &str| owner != own && Owner::lives(owner);
        // What cannot be removed now is the next run's.
        let _ = docker.reap(&live).await;
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
    manifest: &'a Manifest,
    blobs: &'a Blobs,
    lease: &'a Lease,
) -> Work<'a, PlanOutcome> {
    Box::pin(docker.run_plan(environment, plan, manifest, blobs, lease))
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

/// The store's blobs.
pub(crate) struct Blobs(pub(crate) Reader);

impl BlobSource for Blobs {
    fn blob(&self, digest: Sha256) -> std::io::Result<Vec<u8>> {
        self.0.blob(digest).map_err(std::io::Error::other)
    }
}
