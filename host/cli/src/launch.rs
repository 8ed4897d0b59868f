use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;

use lancet_core::{
    AgentFaults, Capability, Cents, Environment, Grant, Kind, Limits, NotRunnable, PluginIdentity, Role,
    RunId, RunSpec, Setting, Sha256, SuiteIdentity, TaskId,
};
use lancet_engine::{ENGINE_ID, Plugin};
use lancet_store::{NewAttempt, Store, StoreError};
use lancet_suite::{ImageLock, Suite, SuiteTask};

use crate::arguments::Bounds;
use crate::catalog::{self, GraderKey, Named};
use crate::execution::{Execution, new_run_id};
use crate::exit::Exit;
use crate::failure::{Failure, host, warn};
use crate::measure;
use crate::sandboxes::Sandboxes;

/// A run that is wanted.
pub(crate) struct Order<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) path: &'a Path,
    /// The tasks of the suite that are wanted; those that cannot be run are told of.
    pub(crate) selected: Vec<&'a SuiteTask>,
    /// What narrowed them, for the record.
    pub(crate) kind: Option<Kind>,
    pub(crate) patterns: Vec<String>,
    pub(crate) agent: Named,
    /// What the operator gives the agent, by task.
    pub(crate) inputs: BTreeMap<TaskId, Arc<str>>,
    pub(crate) seed: u64,
    pub(crate) attempts: NonZeroU32,
    pub(crate) grants: Vec<(Role, Capability)>,
    pub(crate) bounds: &'a Bounds,
    /// Which control of the suite it is, when it is one by its inputs.
    pub(crate) control: Option<&'static str>,
}

/// A run that is ready: everything that can be wrong has been looked at, and nothing
/// has been written.
pub(crate) struct Ready<'a> {
    suite: &'a Suite,
    tasks: Vec<Due<'a>>,
    agent: Named,
    graders: BTreeMap<GraderKey, Named>,
    agent_plugin: Plugin,
    grader_plugins: BTreeMap<Sha256, Plugin>,
    spec: RunSpec,
}

/// A task that is due.
struct Due<'a> {
    task: &'a SuiteTask,
    environment: Option<Environment>,
    input: Option<Arc<str>>,
}

/// Looks at everything that a run needs.
pub(crate) fn prepare(order: Order<'_>, jobs: NonZeroUsize) -> Result<Ready<'_>, Failure> {
    let lock = ImageLock::read(order.suite)?;
    let mut inputs = order.inputs;
    let mut tasks = Vec::new();
    let mut left_out = Vec::new();
    let mut unpinned = Vec::new();
    for task in order.selected {
        match runnable(order.suite, task, &lock) {
            Ok(environment) => {
                let input = inputs.remove(&task.public.id);
                tasks.push(Due { task, environment, input });
            }
            Err(why) => {
                unpinned.extend(why);
                left_out.push(task);
            }
        }
    }
    if let Some(why) = unpinned.first() {
        let hint =
            format!("`lancet suite pin {}` builds or pulls the images and pins them", order.path.display());
        let message = format!("{} tasks cannot be run: {why}", left_out.len());
        if tasks.is_empty() {
            return Err(Failure::new(Exit::Suite, message).hint(hint));
        }
        warn(&format!("{message} (hint: {hint})"));
    }

    let agent_grant = grant(Role::Agent, &order.grants);
    let grader_grant = grant(Role::Grader, &order.grants);
    let graders = catalog::graders(order.suite, tasks.iter().filter_map(|due| due.task.grader.as_ref()))?;
    let runtime = catalog::runtime(jobs)?;
    let agent_plugin = catalog::load(&runtime, &order.agent, &agent_grant)?;
    let mut grader_plugins = BTreeMap::new();
    for named in graders.values() {
        grader_plugins.insert(named.identity.digest, catalog::load(&runtime, named, &grader_grant)?);
    }
    let bounds = order.bounds;
    let agent_limits = limits(bounds.agent_fuel, bounds.agent_memory, bounds.agent_timeout);
    let grader_limits = limits(bounds.grader_fuel, bounds.grader_memory, bounds.grader_timeout);
    measure::records(tasks.iter().map(|due| &due.task.public), &agent_limits, &grader_limits)?;
    let given = tasks.iter().filter_map(|due| {
        let submission = due.environment.as_ref().map(|environment| environment.submission);
        let most = measure::input_limit(&agent_plugin, submission);
        due.input.as_ref().map(|input| (&due.task.public.id, input.len() as u64, most))
    });
    measure::inputs(&agent_plugin, given)?;
    let spec = RunSpec {
        suite: SuiteIdentity { reported: order.suite.reported(), path: order.path.display().to_string() },
        agent: order.agent.identity.clone(),
        graders: graders.values().map(|named| named.identity.clone()).collect(),
        seed: order.seed,
        attempts: order.attempts.get(),
        kind: order.kind,
        tasks: order.patterns,
        agent_grant,
        grader_grant,
        agent_limits,
        grader_limits,
        engine: ENGINE_ID.to_owned(),
        not_runnable: not_runnable(&left_out),
        baselines: lancet_suite::baselines(tasks.iter().map(|due| due.task))?,
        without_baseline: lancet_suite::without_baseline(tasks.iter().map(|due| due.task)),
        control: order.control.map(str::to_owned),
        agent_faults: AgentFaults::Fail,
    };
    Ok(Ready { suite: order.suite, tasks, agent: order.agent, graders, agent_plugin, grader_plugins, spec })
}

/// What a task is judged in, or why it cannot be run: `None` when it has no grader or
/// no environment, which is no news to whoever made the suite.
fn runnable(
    suite: &Suite,
    task: &SuiteTask,
    lock: &ImageLock,
) -> Result<Option<Environment>, Option<String>> {
    match task.public.kind {
        Kind::SweManager if task.grader.is_some() => Ok(None),
        Kind::IcSwe if task.grader.is_some() && task.environment.is_some() => {
            suite.environment(task, lock).map_err(|error| Some(error.to_string()))
        }
        _ => Err(None),
    }
}

fn grant(role: Role, granted: &[(Role, Capability)]) -> Grant {
    granted.iter().filter(|(to, _)| *to == role).fold(Grant::standard(role), |grant, (_, capability)| {
        grant.clone().with(*capability).unwrap_or(grant)
    })
}

/// The standard limits, but for what the operator says: fuel, MiB and seconds.
fn limits(fuel: Option<u64>, memory: Option<u64>, timeout: Option<u64>) -> Limits {
    let standard = Limits::standard();
    Limits {
        fuel: fuel.unwrap_or(standard.fuel),
        memory_bytes: memory.map_or(standard.memory_bytes, |mib| mib << 20),
        wall_ms: timeout.map_or(standard.wall_ms, |seconds| seconds * 1000),
        ..standard
    }
}

fn not_runnable(tasks: &[&SuiteTask]) -> Vec<(Kind, NotRunnable)> {
    Kind::ALL
        .into_iter()
        .filter_map(|kind| {
            let prices: Vec<_> =
                tasks.iter().filter(|t| t.public.kind == kind).map(|t| t.public.price).collect();
            let available_cents = prices.iter().copied().sum::<Cents>();
            let tasks = prices.len() as u64;
            (tasks > 0).then_some((kind, NotRunnable { tasks, available_cents }))
        })
        .collect()
}

impl Ready<'_> {
    /// What the run is defined by.
    pub(crate) fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Records the run and executes it.
    pub(crate) async fn execute(
        self,
        store: &Store,
        sandboxes: Arc<Sandboxes>,
        jobs: NonZeroUsize,
        quiet: bool,
    ) -> Result<(RunId, Exit), Failure> {
        let environments = self.tasks.iter().filter_map(|due| due.environment.as_ref());
        sandboxes.refuse_shared(environments).await?;
        let run = self.create(store).await?;
        let execution = Execution {
            store: store.clone(),
            lock: store.lock_run(&run)?,
            run: store.run(&run).await?,
            agent: self.agent_plugin,
            graders: self.grader_plugins,
            sandboxes,
            jobs,
            quiet,
        };
        let exit = execution.finish().await?;
        Ok((run, exit))
    }

    /// Records the run with everything that it will ever need: components, tasks,
    /// keys, hidden tests. Neither the suite's folder nor a plugin's file is read
    /// again.
    async fn create(&self, store: &Store) -> Result<RunId, Failure> {
        let mut blobs: Vec<Arc<[u8]>> = vec![self.agent.component.clone().into()];
        blobs.extend(self.graders.values().map(|named| named.component.clone().into()));
        let mut attempts = Vec::new();
        let mut inputs: BTreeMap<usize, Sha256> = BTreeMap::new();
        for due in &self.tasks {
            let task = due.task;
            let mut keep = |bytes: Vec<u8>| {
                let digest = Sha256::of(&bytes);
                blobs.push(bytes.into());
                digest
            };
            let task_blob = keep(json("recording a task", &task.public)?);
            let key_blob = task.answer_key.as_ref().map(|key| keep(key.as_bytes().to_vec()));
            let input = due.input.as_ref().map(|input| {
                // One text for all tasks, which may be large, is kept once.
                *inputs.entry(input.as_ptr().addr()).or_insert_with(|| keep(input.as_bytes().to_vec()))
            });
            let setting_blob = match (&due.environment, input) {
                (None, None) => None,
                (environment, input) => {
                    let setting = Setting { environment: environment.clone(), input };
                    Some(keep(json("recording an environment", &setting)?))
                }
            };
            if due.environment.is_some() {
                for file in self.suite.laid_files(task) {
                    blobs.push(file.read()?.into());
                }
            }
            let named = task.grader.as_ref().and_then(|g| self.graders.get(&GraderKey::of(g)));
            let Some(named) = named else { continue };
            for number in 1..=self.spec.attempts {
                attempts.push(NewAttempt {
                    task: task.public.id.clone(),
                    number,
                    kind: task.public.kind,
                    price: task.public.price,
                    task_blob,
                    key_blob,
                    setting_blob,
                    grader: PluginIdentity::clone(&named.identity),
                });
            }
        }
        store.put_blobs(blobs).await?;
        loop {
            let run = new_run_id()?;
            let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            match store.create_run(run.clone(), created, &self.spec, attempts.clone()).await {
                Err(StoreError::RunExists { .. }) => {}
                created => return Ok(created.map(|()| run)?),
            }
        }
    }
}

fn json<T: serde::Serialize>(doing: &str, value: &T) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|e| host(doing, e))
}
