//! One call of a plugin in a store of its own: under every limit, and told afterwards
//! in terms that need no engine. The same in whichever process it is done.

use lancet_core::{
    Answer, CallRecord, Configuration, Fault, FaultKind, InfraFault, Limits, Role, Task, Verdict,
};
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store};

use crate::bindings::{agent, configurable, grader, types};
use crate::boundary::Boundary;
use crate::classify::{Ending, FUEL_IS_USED_UP, classify};
use crate::clock::Overdrawn;
use crate::config::{EngineError, FUEL_YIELD};
use crate::exchange::{Behind, Divergence, Exchange, Exchanged};
use crate::output::Written;
use crate::state::State;
use crate::words::{self, MAX_WORDS_BYTES};

/// What an agent handed in, or its words for giving up.
pub(crate) type Solved = Result<Answer, String>;

/// A grader's verdict, not yet held against what the host saw, or how it failed to give one.
pub(crate) type Graded = Result<Verdict, Fault>;

/// What an agent says can be set of it, or how it failed to say so.
pub(crate) type Declared = Result<Configuration, Fault>;

/// A component, linked, by what it is called for.
#[derive(Clone)]
pub(crate) enum Pre {
    Agent(agent::AgentPre<State>),
    Grader(grader::GraderPre<State>),
}

/// Where the engine gave up.
pub(crate) enum GaveUp {
    Instantiation(wasmtime::Error),
    Running(wasmtime::Error),
}

/// A call, over, as it was seen by whoever executed it.
pub(crate) struct Concluded<T> {
    pub(crate) ended: Result<T, Ending>,
    /// Fuel used, with what calls of WASI cost, which may be more than there was. `None`
    /// when the clock ended it.
    pub(crate) spent: Option<u64>,
    /// Bytes of memory that it had, where that is known. For people: nothing rests on it.
    pub(crate) memory: Option<u64>,
    pub(crate) output: Vec<Written>,
}

/// A call, over, with all that the host recorded of it.
pub(crate) struct Settled<T> {
    pub(crate) result: Result<T, Stop>,
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) fuel_used: Option<u64>,
    pub(crate) memory: Option<u64>,
    pub(crate) divergence: Option<Divergence>,
    /// What the plugin said in its very last call, if that was why it would end.
    pub(crate) words: Option<String>,
}

/// Why a call returned nothing.
pub(crate) enum Stop {
    Fault(Fault),
    Unavailable(InfraFault),
    TimedOut,
    Diverged,
}

/// Fuel for a trial instantiation: a component's start-up takes far less, and one
/// that takes more is left to its first call.
const TRIAL_FUEL: u64 = 10_000_000;

impl Pre {
    /// The component, for that role.
    ///
    /// # Errors
    /// How its exports differ from the contract's.
    pub(crate) fn new(role: Role, pre: InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(match role {
            Role::Agent => Self::Agent(agent::AgentPre::new(pre)?),
            Role::Grader => Self::Grader(grader::GraderPre::new(pre)?),
        })
    }

    fn instance_pre(&self) -> &InstancePre<State> {
        match self {
            Self::Agent(pre) => pre.instance_pre(),
            Self::Grader(pre) => pre.instance_pre(),
        }
    }

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
        let mut store = limited(engine, &limits, [0; 32], Boundary::here(exchange))?;
        let instance = {
            let instantiation = std::pin::pin!(self.instance_pre().instantiate_async(&mut store));
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

    /// Asks an agent what can be set of it, in a fresh instance.
    pub(crate) async fn describe(&self, store: &mut Store<State>) -> Result<Declared, GaveUp> {
        let instance = self.instance_pre().instantiate_async(&mut *store).await;
        let instance = instance.map_err(GaveUp::Instantiation)?;
        let described =
            configurable::Configurable::new(&mut *store, &instance).map_err(GaveUp::Instantiation)?;
        let configuring = described.lancet_plugin_configuring();
        let declared = configuring.call_describe(&mut *store).await.map_err(GaveUp::Running)?;
        Ok(Configuration::try_from(declared)
            .map_err(|broken| Fault::new(FaultKind::MalformedResult, broken.to_string())))
    }
    /// Has an agent work on a task, in a fresh instance.
    pub(crate) async fn solve(&self, store: &mut Store<State>, task: &Task) -> Result<Solved, GaveUp> {
        let Self::Agent(pre) = self else { return Err(other_role()) };
        let task = types::Task::from(task);
        let instance = pre.instantiate_async(&mut *store).await.map_err(GaveUp::Instantiation)?;
        let solving = instance.lancet_plugin_solving();
        Ok(match solving.call_solve(&mut *store, &task).await.map_err(GaveUp::Running)? {
            Ok(answer) => Ok(answer.into()),
            Err(types::SolveError::Unsupported(text)) => Err(bounded("unsupported", &text)),
            Err(types::SolveError::Other(text)) => Err(bounded("error", &text)),
        })
    }

    /// Has a grader judge, in a fresh instance.
    pub(crate) async fn grade(&self, store: &mut Store<State>, task: &Task) -> Result<Graded, GaveUp> {
        let Self::Grader(pre) = self else { return Err(other_role()) };
        let task = types::Task::from(task);
        let instance = pre.instantiate_async(&mut *store).await.map_err(GaveUp::Instantiation)?;
        let grading = instance.lancet_plugin_grading();
        Ok(match grading.call_grade(&mut *store, &task).await.map_err(GaveUp::Running)? {
            Ok(verdict) => Verdict::try_from(verdict)
                .map_err(|broken| Fault::new(FaultKind::MalformedResult, broken.to_string())),
            Err(error) => Err(Fault::new(FaultKind::Error, grade_error(&error))),
        })
    }
}

/// For a component that is asked for what one of the other role does.
fn other_role() -> GaveUp {
    GaveUp::Instantiation(std::io::Error::other("it is called for what it is not").into())
}

/// A fresh store under every limit, which gives way every now and then.
///
/// # Errors
/// When the engine has none.
pub(crate) fn store(
    engine: &Engine,
    limits: &Limits,
    seed: [u8; 32],
    boundary: Boundary,
) -> Result<Store<State>, EngineError> {
    let failed = |e: wasmtime::Error| EngineError::new("making a store", &e);
    let mut store = limited(engine, limits, seed, boundary).map_err(failed)?;
    store.fuel_async_yield_interval(Some(FUEL_YIELD)).map_err(failed)?;
    Ok(store)
}

fn limited(
    engine: &Engine,
    limits: &Limits,
    seed: [u8; 32],
    boundary: Boundary,
) -> wasmtime::Result<Store<State>> {
    let mut store = Store::new(engine, State::new(limits, boundary, seed));
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.fuel)?;
    store.set_hostcall_fuel(usize::try_from(limits.call_bytes).unwrap_or(usize::MAX));
    store.set_max_component_handles(limits.handles as usize);
    Ok(store)
}

/// Runs `body` in the store under every limit, and takes the store apart.
pub(crate) async fn conduct<T>(
    mut store: Store<State>,
    body: impl AsyncFnOnce(&mut Store<State>) -> Result<T, GaveUp>,
) -> (Concluded<T>, Boundary) {
    let limit = store.data().limits.fuel;
    let clock = store.data().clock.clone();
    let ended = clock.within(body(&mut store)).await;
    let fuel_used = match &ended {
        // A guest that was cut off is in no state to be asked for anything.
        Err(Overdrawn::Time) => None,
        Err(Overdrawn::Fuel) => Some(limit),
        Ok(_) => store.get_fuel().ok().map(|left| limit.saturating_sub(left)),
    };
    let state = store.into_data();
    let refused = state.limiter.refused();
    let memory = Some(state.limiter.memory());
    let ended = match ended {
        Err(Overdrawn::Time) => Err(Ending::TimedOut),
        Err(Overdrawn::Fuel) => Err(Ending::Fault(out_of_fuel())),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(GaveUp::Running(error))) => Err(classify(&error, refused)),
        Ok(Err(GaveUp::Instantiation(error))) => Err(match classify(&error, refused) {
            // Too many instances, memories or tables show only here.
            Ending::Fault(fault)
                if fault.kind == FaultKind::Trap && error.downcast_ref::<wasmtime::Trap>().is_none() =>
            {
                Ending::Fault(Fault { kind: FaultKind::Instantiation, ..fault })
            }
            ending => ending,
        }),
    };
    let spent = fuel_used.map(|used| used.saturating_add(clock.debt()));
    let output = state.wasi.output().collect();
    (Concluded { ended, spent, memory, output }, state.boundary)
}

/// Closes the record of a call that is over, and says how it came out by the limits.
///
/// # Errors
/// When the host is at fault.
pub(crate) fn settle<T>(
    limits: &Limits,
    concluded: Concluded<T>,
    mut exchange: Exchange,
) -> Result<Settled<T>, EngineError> {
    let Concluded { ended, spent, memory, output } = concluded;
    // Where exactly it was found out is not to matter.
    let is_out_of_fuel = spent.is_some_and(|spent| spent > limits.fuel);
    let fuel_used = spent.map(|spent| spent.min(limits.fuel));
    // What a kit says is to the point; a language's own words may be about anything.
    let words = exchange.last_words();
    let printed = words::printed(&output);
    if let Some(fuel_used) = fuel_used {
        // Output to WASI's streams becomes log lines, once the guest is done.
        for Written { level, stream, text } in output {
            exchange.output(fuel_used, level, text, vec![("stream".to_owned(), stream)]);
        }
    }
    let Exchanged { calls, missing } = exchange.finish();
    let mut divergence = None;
    // A call that was cut off ends somewhere else each time.
    let mut is_cut_off = false;
    let result = match ended {
        Ok(_) | Err(Ending::Fault(_)) if is_out_of_fuel => Err(Stop::Fault(out_of_fuel())),
        Ok(value) => Ok(value),
        Err(Ending::Fault(fault)) => {
            is_cut_off = fault.kind.is_of_process();
            Err(Stop::Fault(match words.clone().or(printed) {
                Some(words) if words::may_explain(fault.kind) => fault.saying(&words),
                _ => fault,
            }))
        }
        Err(Ending::TimedOut) => {
            is_cut_off = true;
            Err(Stop::TimedOut)
        }
        Err(Ending::Unavailable(fault)) => Err(Stop::Unavailable(fault)),
        Err(Ending::Diverged(at)) => {
            divergence = Some(*at);
            Err(Stop::Diverged)
        }
        Err(Ending::Host(cause)) => return Err(EngineError::of("answering a plugin", cause)),
        Err(Ending::Over) => {
            return Err(EngineError::of("answering a plugin", "the host ended it and gives no reason"));
        }
    };
    let divergence = divergence.or(if is_cut_off { None } else { missing });
    Ok(Settled { result, calls, fuel_used, memory, divergence, words })
}

fn out_of_fuel() -> Fault {
    Fault::new(FaultKind::OutOfFuel, FUEL_IS_USED_UP)
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
    format!("{what}: {}", &text[..text.floor_char_boundary(MAX_WORDS_BYTES)])
}
