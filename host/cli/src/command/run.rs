use std::collections::BTreeMap;
use std::sync::Arc;

use lancet_core::{
    Capability, Cents, Grant, Kind, Limits, NotRunnable, PluginIdentity, Role, RunId, RunSpec, Sha256,
    SuiteIdentity,
};
use lancet_engine::{ENGINE_ID, Plugin};
use lancet_store::{NewAttempt, Store, StoreError};
use lancet_suite::{Suite, SuiteTask};

use super::report;
use crate::arguments::{Bounds, Global, Run};
use crate::catalog::{self, GraderKey, Named};
use crate::execution::{Execution, block_on, new_run_id};
use crate::exit::Exit;
use crate::failure::{Failure, warn};

/// Starts a run and executes it.
pub(crate) fn main(arguments: &Run, global: &Global) -> Result<Exit, Failure> {
    // Everything that can be wrong is found before anything is written.
    let suite = Suite::open(&arguments.suite)?;
    let selected = lancet_suite::select(&suite, arguments.kind.map(Kind::from), &arguments.tasks)
        .map_err(|e| Failure::from(e).exit(Exit::Usage))?;
    let (runnable, left_out): (Vec<_>, Vec<_>) = selected.into_iter().partition(|task| is_runnable(task));

    let agent_grant = grant(Role::Agent, &arguments.grants);
    let grader_grant = grant(Role::Grader, &arguments.grants);
    let agent = catalog::find(Role::Agent, &arguments.agent)?;
    let graders = catalog::graders(&suite, runnable.iter().filter_map(|task| task.grader.as_ref()))?;
    let runtime = catalog::runtime(arguments.jobs.number())?;
    let agent_plugin = catalog::load(&runtime, &agent, &agent_grant)?;
    let mut grader_plugins = BTreeMap::new();
    for named in graders.values() {
        grader_plugins.insert(named.identity.digest, catalog::load(&runtime, named, &grader_grant)?);
    }

    let limits = limits(&arguments.bounds);
    let spec = RunSpec {
        suite: SuiteIdentity { reported: suite.reported(), path: arguments.suite.display().to_string() },
        agent: agent.identity.clone(),
        graders: identities(&graders),
        seed: arguments.seed,
        attempts: arguments.attempts.get(),
        kind: arguments.kind.map(Kind::from),
        tasks: arguments.tasks.clone(),
        agent_grant,
        grader_grant,
        agent_limits: limits.clone(),
        grader_limits: limits,
        engine: ENGINE_ID.to_owned(),
        not_runnable: not_runnable(&left_out),
        baselines: lancet_suite::baselines(runnable.iter().copied())?,
    };
    if spec.is_control() {
        warn(&format!(
            "agent `{}` is granted the answers: this run is a control of the suite, and no result",
            agent.identity.name
        ));
    }
    let store = super::open_store(global)?;
    block_on(async {
        let run = create(&store, &spec, &runnable, &agent, &graders).await?;
        execute(&store, &run, agent_plugin, grader_plugins, arguments, global).await
    })
}

/// This version runs manager tasks; the others wait for the Docker side.
fn is_runnable(task: &SuiteTask) -> bool {
    task.public.kind == Kind::SweManager && task.grader.is_some()
}

fn grant(role: Role, granted: &[(Role, Capability)]) -> Grant {
    granted.iter().filter(|(to, _)| *to == role).fold(Grant::standard(role), |grant, (_, capability)| {
        grant.clone().with(*capability).unwrap_or(grant)
    })
}

fn limits(bounds: &Bounds) -> Limits {
    let standard = Limits::standard();
    Limits {
        fuel: bounds.fuel.unwrap_or(standard.fuel),
        memory_bytes: bounds.memory.map_or(standard.memory_bytes, |mib| mib << 20),
        wall_ms: bounds.timeout.map_or(standard.wall_ms, |seconds| seconds * 1000),
        ..standard
    }
}

fn identities(graders: &BTreeMap<GraderKey, Named>) -> Vec<PluginIdentity> {
    graders.values().map(|named| named.identity.clone()).collect()
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

/// Records the run with everything that it will ever need: components, tasks
/// and keys. Neither the suite's folder nor a plugin's file is read again.
async fn create(
    store: &Store,
    spec: &RunSpec,
    tasks: &[&SuiteTask],
    agent: &Named,
    graders: &BTreeMap<GraderKey, Named>,
) -> Result<RunId, Failure> {
    let mut blobs: Vec<Arc<[u8]>> = vec![agent.component.clone().into()];
    blobs.extend(graders.values().map(|named| named.component.clone().into()));
    let mut attempts = Vec::new();
    for task in tasks {
        let view =
            serde_json::to_vec(&task.public).map_err(|e| crate::failure::host("recording a task", e))?;
        let task_blob = Sha256::of(&view);
        blobs.push(view.into());
        let key_blob = task.answer_key.as_ref().map(|key| Sha256::of(key.as_bytes()));
        blobs.extend(task.answer_key.as_ref().map(|key| key.as_bytes().into()));
        let Some(named) = task.grader.as_ref().and_then(|g| graders.get(&GraderKey::of(g))) else { continue };
        for number in 1..=spec.attempts {
            attempts.push(NewAttempt {
                task: task.public.id.clone(),
                number,
                kind: task.public.kind,
                price: task.public.price,
                task_blob,
                key_blob,
                grader: named.identity.clone(),
            });
        }
    }
    store.put_blobs(blobs).await?;
    loop {
        let run = new_run_id()?;
        let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        match store.create_run(run.clone(), created, spec, attempts.clone()).await {
            Err(StoreError::RunExists { .. }) => {}
            created => return Ok(created.map(|()| run)?),
        }
    }
}

async fn execute(
    store: &Store,
    run: &RunId,
    agent: Plugin,
    graders: BTreeMap<Sha256, Plugin>,
    arguments: &Run,
    global: &Global,
) -> Result<Exit, Failure> {
    let execution = Execution {
        store: store.clone(),
        lock: store.lock_run(run)?,
        run: store.run(run).await?,
        agent,
        graders,
        jobs: arguments.jobs.number(),
        quiet: global.quiet,
    };
    let exit = execution.finish().await?;
    report::print_outcome(store, run, arguments.format.kind, exit).await
}
