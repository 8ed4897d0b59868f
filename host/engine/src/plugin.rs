//! A component that is ready to be called, and its two calls: solving and grading.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lancet_core::{
    Answer, CallRecord, Capability, Configuration, Fault, FaultKind, Grant, InfraFault, Limits,
    MAX_DOCUMENT_BYTES, Observed, Outcome, Request, Response, Role, Sha256, SolveEnd, Task, Verdict,
};
use tokio::sync::Semaphore;
use wasmtime::{Engine, Store};

use crate::bindings::{agent, configurable, grader, types};
use crate::classify::{Ending, FUEL_IS_USED_UP, classify};
use crate::clock::Overdrawn;
use crate::config::{EngineError, FUEL_YIELD};
use crate::exchange::{Behind, Divergence, Exchange, Exchanged, Journal};
use crate::state::State;

/// A component that has been checked against its grant, compiled and linked:
/// ready to be called any number of times, each time in a fresh instance.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) name: String,
    pub(crate) digest: Sha256,
    pub(crate) grant: Grant,
    /// The functions of the contract that it imports: `interface.function`.
    pub(crate) functions: Arc<BTreeSet<String>>,
    /// Whether it exports `configuring`.
    pub(crate) configurable: bool,
    pub(crate) engine: Engine,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) pre: Pre,
}

#[derive(Clone)]
pub(crate) enum Pre {
    Agent(agent::AgentPre<State>),
    Grader(grader::GraderPre<State>),
}

/// Fuel for a trial instantiation: a component's start-up takes far less, and one
/// that takes more is left to its first call.
const TRIAL_FUEL: u64 = 10_000_000;

impl Pre {
    /// Whether the functions exported have the types of the contract. Wasmtime
    /// tells only of an instance, so one is made and thrown away: under limits,
    /// and with nothing behind its imports, whose first use ends it.
    ///
    /// # Errors
    /// How the types differ. What goes wrong before they are compared is not told
    /// here; the first call will.
    pub(crate) fn check_types(&self, engine: &Engine, configurable: bool) -> wasmtime::Result<()> {
        let limits = Limits { fuel: TRIAL_FUEL, ..Limits::standard() };
        let behind = Behind::Recorded { calls: Vec::new(), compare_fuel: true };
        let exchange = Exchange::new(&limits, [0; 32], behind, None);
        let mut store = new_store(engine, &limits, exchange, [0; 32])?;
        let instance_pre = match self {
            Self::Agent(pre) => pre.instance_pre(),
            Self::Grader(pre) => pre.instance_pre(),
        };
        let instance = {
            let instantiation = std::pin::pin!(instance_pre.instantiate_async(&mut store));
            // Without yields it is ready at once, unless it waits in start-up.
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let std::task::Poll::Ready(Ok(instance)) = instantiation.poll(&mut context) else {
                return Ok(());
            };
            instance
        };
        if configurable {
            configurable::Configurable::new(&mut store, &instance)?;
        }
        match self {
            Self::Agent(_) => agent::Agent::new(&mut store, &instance).map(drop),
            Self::Grader(_) => grader::Grader::new(&mut store, &instance).map(drop),
        }
    }
}

/// A fresh store under every limit.
fn new_store(
    engine: &Engine,
    limits: &Limits,
    exchange: Exchange,
    seed: [u8; 32],
) -> wasmtime::Result<Store<State>> {
    let mut store = Store::new(engine, State::new(limits, exchange, seed));
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.fuel)?;
    store.set_hostcall_fuel(usize::try_from(limits.call_bytes).unwrap_or(usize::MAX));
    store.set_max_component_handles(limits.handles as usize);
    Ok(store)
}

/// What one call of a plugin goes by.
pub struct Call<'a> {
    /// The task's public part.
    pub task: &'a Task,
    /// The limits that the plugin runs under.
    pub limits: &'a Limits,
    /// What the random stream starts from.
    pub seed: [u8; 32],
    /// What stands behind the capabilities.
    pub behind: Behind,
    /// Who is told of the plugin's calls as they happen.
    pub journal: Option<Arc<dyn Journal>>,
}

/// An agent's call, over.
#[derive(Debug)]
pub struct SolveOutput {
    /// How the agent's call ended.
    pub end: SolveEnd,
    /// Every call of a capability.
    pub calls: Vec<CallRecord>,
    /// Fuel that the plugin used. `None` when the clock ended it.
    pub fuel_used: Option<u64>,
    /// How long the plugin took. Not part of any record that is compared.
    pub elapsed: Duration,
    /// Where the execution differs from the record that it was run on.
    pub divergence: Option<Divergence>,
}

/// What can be set of an agent, or how it failed to say so.
pub type Described = Result<Configuration, Fault>;

/// A grader's call, over.
#[derive(Debug)]
pub struct GradeOutput {
    /// The grader's verdict, or the invalid one that a fault of the grader makes.
    pub verdict: Verdict,
    /// Every call of a capability.
    pub calls: Vec<CallRecord>,
    /// Fuel that the plugin used. `None` when the clock ended it.
    pub fuel_used: Option<u64>,
    /// How long the plugin took. Not part of any record that is compared.
    pub elapsed: Duration,
    /// Where the execution differs from the record that it was run on.
    pub divergence: Option<Divergence>,
    /// What of the infrastructure failed the grader, when that is why the verdict is
    /// invalid.
    pub unavailable: Option<InfraFault>,
}

/// A call, over, whatever it returned.
struct Output<T> {
    result: Result<T, Stop>,
    calls: Vec<CallRecord>,
    fuel_used: Option<u64>,
    elapsed: Duration,
    divergence: Option<Divergence>,
}

/// Why a call returned nothing.
enum Stop {
    Fault(Fault),
    Unavailable(InfraFault),
    TimedOut,
    Diverged,
}

impl Plugin {
    /// What the operator or the task called the plugin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The digest of the plugin's component.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// What the plugin may import.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Whether the plugin imports that function of the contract: `interface.function`, as in
    /// [`Request::name`].
    #[must_use]
    pub fn imports(&self, function: &str) -> bool {
        self.functions.contains(function)
    }

    /// Whether the plugin imports anything of that interface of the contract.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        let interface = capability.as_str();
        let is_of = |function: &String| {
            function.strip_prefix(interface).is_some_and(|function| function.starts_with('.'))
        };
        self.functions.iter().any(is_of)
    }

    /// The plugin's role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.grant.role()
    }

    /// What can be set of the agent, as it says itself: nothing, when it says nothing. It
    /// is asked in a fresh instance, under the standard limits, with nothing behind its
    /// imports.
    ///
    /// # Errors
    /// Only when the host is at fault; whatever the plugin does is in the output.
    pub async fn describe(&self) -> Result<Described, EngineError> {
        let Pre::Agent(pre) = &self.pre else { return Ok(Ok(Configuration::default())) };
        if !self.configurable {
            return Ok(Ok(Configuration::default()));
        }
        let limits = Limits::standard();
        let behind = Behind::Recorded { calls: Vec::new(), compare_fuel: true };
        let exchange = Exchange::new(&limits, [0; 32], behind, None);
        let output = self
            .execute(&limits, [0; 32], exchange, async |store| {
                let instance = pre.instance_pre().instantiate_async(&mut *store).await;
                let instance = instance.map_err(GaveUp::Instantiation)?;
                let described =
                    configurable::Configurable::new(&mut *store, &instance).map_err(GaveUp::Instantiation)?;
                let configuring = described.lancet_plugin_configuring();
                configuring.call_describe(&mut *store).await.map_err(GaveUp::Running)
            })
            .await?;
        Ok(match output.result {
            Ok(declared) => Configuration::try_from(declared)
                .map_err(|broken| Fault::new(FaultKind::MalformedResult, broken.to_string())),
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::TimedOut) => {
                let limit = limits.wall_ms;
                Err(Fault::new(FaultKind::Timeout, format!("it computed for longer than {limit} ms")))
            }
            Err(Stop::Unavailable(_) | Stop::Diverged) => {
                Err(Fault::new(FaultKind::Error, "it asks the host, which answers nothing here"))
            }
        })
    }

    /// Has an agent work on a task, in a fresh instance.
    ///
    /// # Errors
    /// Only when the host is at fault, or this is no agent; whatever the plugin
    /// does is in the output.
    pub async fn solve(&self, call: Call<'_>) -> Result<SolveOutput, EngineError> {
        let Pre::Agent(pre) = &self.pre else {
            return Err(EngineError {
                doing: "calling an agent",
                cause: format!("{} is a grader", self.name),
            });
        };
        let Call { task, limits, seed, behind, journal } = call;
        let task = types::Task::from(task);
        let exchange = Exchange::new(limits, seed, behind, journal);
        let output = self
            .execute(limits, seed, exchange, async |store| {
                let instance = pre.instantiate_async(&mut *store).await.map_err(GaveUp::Instantiation)?;
                let solving = instance.lancet_plugin_solving();
                solving.call_solve(&mut *store, &task).await.map_err(GaveUp::Running)
            })
            .await?;
        let end = match output.result {
            Ok(Ok(answer)) => admit(answer.into()),
            Ok(Err(types::SolveError::Unsupported(text))) => SolveEnd::GaveUp(bounded("unsupported", &text)),
            Ok(Err(types::SolveError::Other(text))) => SolveEnd::GaveUp(bounded("error", &text)),
            Err(Stop::TimedOut) => SolveEnd::TimedOut,
            Err(Stop::Fault(fault)) => SolveEnd::Fault(fault),
            Err(Stop::Unavailable(fault)) => SolveEnd::Unavailable(fault),
            Err(Stop::Diverged) => {
                SolveEnd::Fault(Fault::new(FaultKind::Error, "the execution differs from its record"))
            }
        };
        Ok(SolveOutput {
            end,
            calls: output.calls,
            fuel_used: output.fuel_used,
            elapsed: output.elapsed,
            divergence: output.divergence,
        })
    }

    /// Has a grader judge a submission, in a fresh instance.
    ///
    /// # Errors
    /// Only when the host is at fault, or this is no grader; whatever the plugin
    /// does is in the output, a fault of it as an invalid verdict. So is a failure
    /// of the infrastructure.
    pub async fn grade(&self, call: Call<'_>, submission: &Answer) -> Result<GradeOutput, EngineError> {
        let Pre::Grader(pre) = &self.pre else {
            return Err(EngineError {
                doing: "calling a grader",
                cause: format!("{} is an agent", self.name),
            });
        };
        let Call { task, limits, seed, behind, journal } = call;
        let kind = task.kind;
        let task = types::Task::from(task);
        let exchange = Exchange::new(limits, seed, behind, journal);
        let output = self
            .execute(limits, seed, exchange, async |store| {
                let instance = pre.instantiate_async(&mut *store).await.map_err(GaveUp::Instantiation)?;
                let grading = instance.lancet_plugin_grading();
                grading.call_grade(&mut *store, &task).await.map_err(GaveUp::Running)
            })
            .await?;
        let tests_passed = output.calls.iter().any(shows_a_pass);
        let observed = Observed { kind, submission, tests_passed };
        let mut unavailable = None;
        let judged = match output.result {
            Ok(Ok(verdict)) => match Verdict::try_from(verdict).and_then(|v| v.validated(observed)) {
                Ok(verdict) => Ok(verdict),
                Err(broken) => Err(Fault::new(FaultKind::MalformedResult, broken.to_string())),
            },
            Err(Stop::Unavailable(fault)) => {
                let verdict = Verdict::invalid(fault.reason(), fault.message.clone());
                unavailable = Some(fault);
                Ok(verdict)
            }
            Ok(Err(error)) => Err(Fault::new(FaultKind::Error, grade_error(&error))),
            Err(Stop::TimedOut) => {
                let limit = limits.wall_ms;
                Err(Fault::new(FaultKind::Timeout, format!("it computed for longer than {limit} ms")))
            }
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Diverged) => Err(Fault::new(FaultKind::Error, "the execution differs from its record")),
        };
        let verdict =
            judged.unwrap_or_else(|fault| Verdict::invalid(fault.reason(Role::Grader), fault.message));
        Ok(GradeOutput {
            verdict,
            calls: output.calls,
            fuel_used: output.fuel_used,
            elapsed: output.elapsed,
            divergence: output.divergence,
            unavailable,
        })
    }

    /// Makes a store, runs `body` in it under every limit, and takes it apart.
    async fn execute<T>(
        &self,
        limits: &Limits,
        seed: [u8; 32],
        exchange: Exchange,
        body: impl AsyncFnOnce(&mut Store<State>) -> Result<T, GaveUp>,
    ) -> Result<Output<T>, EngineError> {
        // The pool has a slot for each permit.
        let permit = self.slots.acquire().await;
        let started = Instant::now();
        let mut store = self.store(limits, seed, exchange)?;
        let clock = store.data().clock.clone();
        let ended = clock.within(body(&mut store)).await;

        let timed_out = matches!(ended, Err(Overdrawn::Time));
        let fuel_used = match &ended {
            // A guest that was cut off is in no state to be asked for anything.
            Err(Overdrawn::Time) => None,
            Err(Overdrawn::Fuel) => Some(limits.fuel),
            Ok(_) => store.get_fuel().ok().map(|left| limits.fuel.saturating_sub(left)),
        };
        let spent = fuel_used.map(|used| used.saturating_add(clock.debt()));
        // Where exactly it was found out is not to matter.
        let out_of_fuel = spent.is_some_and(|spent| spent > limits.fuel);
        let ended = if out_of_fuel && matches!(ended, Ok(Ok(_))) { Err(Overdrawn::Fuel) } else { ended };
        let fuel_used = spent.map(|spent| spent.min(limits.fuel));
        let mut state = store.into_data();
        record_output(&mut state, fuel_used);
        let refused = state.limiter.refused();
        let Exchanged { calls, missing } = state.exchange.finish();
        let mut divergence = None;
        let result = match ended {
            Err(Overdrawn::Time) => Err(Stop::TimedOut),
            Err(Overdrawn::Fuel) => Err(Stop::Fault(out_of_fuel_fault())),
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let (error, instantiating) = match &error {
                    GaveUp::Instantiation(error) => (error, true),
                    GaveUp::Running(error) => (error, false),
                };
                match classify(error, refused) {
                    Ending::Fault(_) if out_of_fuel => Err(Stop::Fault(out_of_fuel_fault())),
                    Ending::Fault(mut fault) => {
                        // Too many instances, memories or tables show only here.
                        if instantiating
                            && fault.kind == FaultKind::Trap
                            && error.downcast_ref::<wasmtime::Trap>().is_none()
                        {
                            fault.kind = FaultKind::Instantiation;
                        }
                        Err(Stop::Fault(fault))
                    }
                    Ending::Unavailable(fault) => Err(Stop::Unavailable(fault)),
                    Ending::Diverged(at) => {
                        divergence = Some(*at);
                        Err(Stop::Diverged)
                    }
                    Ending::Host(cause) => return Err(EngineError { doing: "answering a plugin", cause }),
                }
            }
        };
        drop(permit);
        // A call cut off by the clock ends somewhere else each time.
        let divergence = divergence.or(if timed_out { None } else { missing });
        Ok(Output { result, calls, fuel_used, elapsed: started.elapsed(), divergence })
    }

    fn store(
        &self,
        limits: &Limits,
        seed: [u8; 32],
        exchange: Exchange,
    ) -> Result<Store<State>, EngineError> {
        let failed = |e: wasmtime::Error| EngineError::new("making a store", &e);
        let mut store = new_store(&self.engine, limits, exchange, seed).map_err(failed)?;
        store.fuel_async_yield_interval(Some(FUEL_YIELD)).map_err(failed)?;
        Ok(store)
    }
}

/// Where the engine gave up.
enum GaveUp {
    Instantiation(wasmtime::Error),
    Running(wasmtime::Error),
}

fn out_of_fuel_fault() -> Fault {
    Fault::new(FaultKind::OutOfFuel, FUEL_IS_USED_UP)
}

/// Output to WASI's streams becomes log lines, once the guest is done.
fn record_output(state: &mut State, fuel_used: Option<u64>) {
    let Some(fuel_used) = fuel_used else { return };
    let output: Vec<_> = state.wasi.output().collect();
    for (level, stream, text) in output {
        state.exchange.output(fuel_used, level, text, vec![("stream".to_owned(), stream.to_owned())]);
    }
}

/// Whether the call is a test run that came to a pass.
fn shows_a_pass(call: &CallRecord) -> bool {
    match (&call.request, &call.response) {
        (Request::TestsRun { .. }, Response::Tested(report)) => {
            report.conclusion().is_some_and(|conclusion| conclusion.outcome == Outcome::Pass)
        }
        _ => false,
    }
}

/// An answer within its bounds.
fn admit(answer: Answer) -> SolveEnd {
    match &answer {
        Answer::Document(text) if text.len() > MAX_DOCUMENT_BYTES => SolveEnd::Fault(Fault::new(
            FaultKind::MalformedResult,
            format!("the document has {} bytes, at most {MAX_DOCUMENT_BYTES} are allowed", text.len()),
        )),
        _ => SolveEnd::Answer(answer),
    }
}

fn grade_error(error: &types::GradeError) -> String {
    match error {
        types::GradeError::BadAnswerKey(text) => bounded("bad answer key", text),
        types::GradeError::Unsupported(text) => bounded("unsupported", text),
        types::GradeError::Other(text) => bounded("error", text),
    }
}

/// A plugin's own words, cut to what a journal line should hold.
fn bounded(what: &str, text: &str) -> String {
    const LIMIT: usize = 2_000;
    format!("{what}: {}", &text[..text.floor_char_boundary(LIMIT)])
}
