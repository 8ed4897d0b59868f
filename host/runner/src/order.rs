//! A run that is wanted: everything is looked at, and then it is recorded.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use lancet_core::{
    AgentFaults, Budgets, Capability, Cents, Environment, Grant, Kind, Limits, ModelChoice, NotRunnable,
    PluginIdentity, Role, RunId, RunSpec, Setting, Sha256, SuiteIdentity, TaskId, WireForm,
};
use lancet_engine::ENGINE_ID;
use lancet_store::{NewAttempt, Store, StoreError};
use lancet_suite::{ImageLock, Suite, SuiteTask};
use serde_json::Value;

use crate::catalog::{self, GraderKey, Loader, Named};
use crate::error::Error;
use crate::grader_settings;
use crate::measure;
use crate::models::order::{Asked, Wanted, wanted};
use crate::models::{self, Models, Scripts};
use crate::observer::{Notice, Observer};
use crate::run::{Host, Plugins, Run};

/// A run that is wanted.
pub struct Order<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The suite's folder, for the record.
    pub path: &'a Path,
    /// The tasks of the suite that are wanted; those that cannot be run are told of.
    pub selected: Vec<&'a SuiteTask>,
    /// The kind that narrowed the selection of tasks, for the record.
    pub kind: Option<Kind>,
    /// The patterns that narrowed the selection of tasks, for the record.
    pub patterns: Vec<String>,
    /// The agent.
    pub agent: Named,
    /// What the operator gives the agent, by task.
    pub inputs: BTreeMap<TaskId, Arc<str>>,
    /// What the random numbers of agents derive from.
    pub seed: u64,
    /// Attempts at each task.
    pub attempts: NonZeroU32,
    /// What is granted beyond what roles come with.
    pub grants: Vec<(Role, Capability)>,
    /// What one call of the agent may use.
    pub agent_limits: Limits,
    /// What one call of a grader may use.
    pub grader_limits: Limits,
    /// Which control of the suite the run is, when it is one by its inputs.
    pub control: Option<&'static str>,
    /// The models that plugins may ask; the first is the one that is meant.
    pub models: Vec<ModelChoice>,
    /// The text of each script of answers, by the name of its model.
    pub scripts: BTreeMap<String, Arc<str>>,
    /// What may be spent on models.
    pub budgets: Budgets,
    /// What is set of the agent, and with `grader:` before its name of the graders, as it is
    /// written on a command line: texts without quotes.
    pub settings: BTreeMap<String, String>,
    /// The agent's prompt in place of its own.
    pub prompt: Option<String>,
}

/// A run that is ready: everything that can be wrong has been looked at, and nothing
/// has been written.
pub struct Prepared<'a> {
    suite: &'a Suite,
    tasks: Vec<Due<'a>>,
    agent: Named,
    graders: BTreeMap<GraderKey, Named>,
    plugins: Plugins,
    spec: RunSpec,
    scripts: Scripts,
    prompt: Option<Arc<str>>,
}

/// A task that is due.
struct Due<'a> {
    task: &'a SuiteTask,
    environment: Option<Environment>,
    input: Option<Arc<str>>,
    /// What is set of the task's grader.
    grader_settings: BTreeMap<String, Value>,
}

/// Looks at everything that a run needs. [`Notice::LeftOut`] is told of tasks that cannot
/// be run beside others.
///
/// # Errors
/// Whatever is wrong with the suite, the plugins, the inputs, the limits, the models, their
/// keys, the settings or the prompt.
pub async fn prepare<'a>(
    loader: &Loader,
    mut order: Order<'a>,
    observer: &dyn Observer,
) -> Result<Prepared<'a>, Error> {
    let lock = ImageLock::read(order.suite)?;
    let mut inputs = order.inputs;
    let mut tasks = Vec::new();
    let mut left_out = Vec::new();
    let mut unpinned = Vec::new();
    for task in order.selected {
        match runnable(order.suite, task, &lock) {
            Ok(environment) => {
                let input = inputs.remove(&task.public.id);
                tasks.push(Due { task, environment, input, grader_settings: BTreeMap::new() });
            }
            Err(why) => {
                unpinned.extend(why);
                left_out.push(task);
            }
        }
    }
    if let Some(why) = unpinned.into_iter().next() {
        let number = left_out.len();
        if tasks.is_empty() {
            return Err(Error::NotRunnable { tasks: number, why, suite: order.path.to_owned() });
        }
        observer.notice(Notice::LeftOut { tasks: number, why: &why, suite: order.path });
    }
    if tasks.is_empty() {
        return Err(nothing_to_run(left_out.len(), order.kind));
    }

    let agent_grant = grant(Role::Agent, &order.grants);
    let grader_grant = grant(Role::Grader, &order.grants);
    let graders = catalog::graders(order.suite, tasks.iter().filter_map(|due| due.task.grader.as_ref()))?;
    // All of them before anything of one is compiled.
    loader.admit(&order.agent, Role::Agent)?;
    graders.values().try_for_each(|named| loader.admit(named, Role::Grader))?;
    let agent = loader.load(&order.agent, &agent_grant)?;
    let mut grader_plugins = BTreeMap::new();
    for named in graders.values() {
        grader_plugins.insert(named.identity.digest, loader.load(named, &grader_grant)?);
    }
    let Order { agent_limits, grader_limits, .. } = order;
    let set = grader_settings::take(&mut order.settings);
    grader_settings::known(grader_plugins.values(), &set)?;
    for due in &mut tasks {
        let named = due.task.grader.as_ref().and_then(|grader| graders.get(&GraderKey::of(grader)));
        let Some(grader) = named.and_then(|named| grader_plugins.get(&named.identity.digest)) else {
            continue;
        };
        let task = due.task;
        due.grader_settings = grader_settings::given(grader, &task.public.id, &task.grader_settings, &set)?;
    }
    measure::needs(&agent, &agent_limits)?;
    grader_plugins.values().try_for_each(|grader| measure::needs(grader, &grader_limits))?;
    measure::tasks(tasks.iter().map(|due| &due.task.public), &agent_limits, &grader_limits)?;
    let given = tasks.iter().filter_map(|due| {
        let submission = due.environment.as_ref().map(|environment| environment.submission);
        let most = measure::input_limit(&agent, submission);
        due.input.as_ref().map(|input| (&due.task.public.id, input.len() as u64, most))
    });
    measure::inputs(&agent, given)?;
    let asked = Asked {
        models: order.models,
        scripts: order.scripts,
        budgets: order.budgets,
        settings: order.settings,
        trial: loader.trial(order.prompt.as_deref())?,
        prompt: order.prompt,
        kinds: tasks.iter().map(|due| due.task.public.kind).collect(),
    };
    let Wanted { models, scripts, budgets, settings, prompt } =
        wanted(&agent, grader_plugins.values(), asked, observer).await?;
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
        models,
        budgets,
        settings,
        prompt: prompt.as_ref().map(|text| Sha256::of(text.as_bytes())),
        trust: loader.trust(),
    };
    let plugins = Plugins { agent, graders: grader_plugins };
    Ok(Prepared { suite: order.suite, tasks, agent: order.agent, graders, plugins, spec, scripts, prompt })
}

/// A run of no task would be finished at once, and stand before the one that was wanted.
fn nothing_to_run(left_out: usize, kind: Option<Kind>) -> Error {
    let why = match (left_out, kind) {
        (0, Some(kind)) => format!("the suite has none of the kind {kind}"),
        (0, None) => "the suite has none".to_owned(),
        (n, _) => format!("{n} tasks have no grader, or no environment to be worked on in"),
    };
    Error::NothingToRun { why, of_suite: left_out > 0 || kind.is_none() }
}

/// What a task is worked on and judged in, or why it cannot be run: `None` when it has no
/// grader, or is an individual contributor's and has no environment, which is no news to
/// whoever made the suite.
fn runnable(
    suite: &Suite,
    task: &SuiteTask,
    lock: &ImageLock,
) -> Result<Option<Environment>, Option<String>> {
    let is_complete = match task.public.kind {
        Kind::SweManager => true,
        Kind::IcSwe => task.environment.is_some(),
    };
    if task.grader.is_none() || !is_complete {
        return Err(None);
    }
    suite.environment(task, lock).map_err(|error| Some(error.to_string()))
}

fn grant(role: Role, granted: &[(Role, Capability)]) -> Grant {
    granted.iter().filter(|(to, _)| *to == role).fold(Grant::standard(role), |grant, (_, capability)| {
        grant.clone().with(*capability).unwrap_or(grant)
    })
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

impl Prepared<'_> {
    /// What the run is defined by.
    #[must_use]
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Records the run, which is durable then, and takes the right to execute it.
    ///
    /// # Errors
    /// When it cannot be recorded, or containers would share what the operator does not
    /// want to be shared.
    pub async fn record(mut self, host: &Host) -> Result<Run, Error> {
        let environments = self.tasks.iter().filter_map(|due| due.environment.as_ref());
        host.sandboxes.refuse_shared(environments).await?;
        let store = &host.store;
        for model in self.spec.models.iter_mut().filter(|model| model.form == WireForm::Recorded) {
            // Now, since `latest` is another one tomorrow.
            *model = models::as_recorded(store, model).await?;
        }
        let models = models::providers(&store.reader(), &self.spec.models, &self.scripts)?;
        let id = self.create(store).await?;
        let row = store.run(&id).await?;
        Ok(Run {
            store: store.clone(),
            lock: Arc::new(store.lock_run(&id)?),
            models: Models::open(store, &id, &row.spec, models).await?,
            row,
            plugins: Some(self.plugins),
            sandboxes: Arc::clone(&host.sandboxes),
        })
    }

    /// Records the run with everything that it will ever need: components, tasks,
    /// keys, hidden tests. Neither the suite's folder nor a plugin's file is read
    /// again.
    async fn create(&self, store: &Store) -> Result<RunId, Error> {
        let mut blobs: Vec<Arc<[u8]>> = vec![Arc::from(&*self.agent.component)];
        blobs.extend(self.graders.values().map(|named| Arc::from(&*named.component)));
        blobs.extend(self.scripts.values().chain(&self.prompt).map(|text| text.as_bytes().into()));
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
            let grader_settings = due.grader_settings.clone();
            let setting_blob = match (&due.environment, input) {
                (None, None) if grader_settings.is_empty() => None,
                (environment, input) => {
                    let setting = Setting { environment: environment.clone(), input, grader_settings };
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

fn json<T: serde::Serialize>(doing: &'static str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|e| Error::host(doing, e))
}

/// A name for a run that starts now. The last part is the microsecond, in
/// sixteenths that are drawn, so that runs sort by their start and two processes
/// hardly ever choose the same.
fn new_run_id() -> Result<RunId, Error> {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Seeded from the operating system, which is all the chance needed here.
    let drawn = std::hash::RandomState::new().build_hasher().finish() & 0xf;
    let now = jiff::Timestamp::now();
    let micros = u64::try_from(now.subsec_microsecond()).unwrap_or_default();
    let time = now.strftime("%Y%m%d-%H%M%S").to_string();
    format!("{time}-{:06x}", (micros << 4) | drawn).parse().map_err(|e| Error::host("naming the run", e))
}
