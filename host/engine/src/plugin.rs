//! A component that is ready to be called, and its two calls: solving and grading.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lancet_core::{
    Answer, CallRecord, Capability, Configuration, Fault, FaultKind, Grant, InfraFault, JailRecord, Limits,
    MAX_DOCUMENT_BYTES, Observed, Outcome, PackageIdentity, Request, Response, Role, Sha256, SolveEnd, Task,
    Verdict,
};
use lancet_jail::Held;
use lancet_package::Manifest;
use tokio::sync::Semaphore;
use wasmtime::{Engine, Store};

use crate::boundary::Boundary;
use crate::config::EngineError;
use crate::exchange::{Behind, Divergence, Exchange, Journal};
use crate::execution::{Declared, GaveUp, Graded, Pre, Settled, Solved, Stop, conduct, settle, store};
use crate::state::State;
use crate::worker::{Job, Pool, Returned, Work, drive};

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
    /// What it says of itself, when it is a package.
    pub(crate) manifest: Option<Arc<Manifest>>,
    pub(crate) imported: Arc<BTreeSet<Capability>>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) place: Place,
}

/// Where a plugin is executed.
#[derive(Clone)]
pub(crate) enum Place {
    /// In this process.
    Here { engine: Engine, pre: Box<Pre> },
    /// In jailed processes.
    Jailed { pool: Arc<Pool>, held: Held },
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
    /// Bytes of memory that the plugin had, where that is known. Not part of any record.
    pub memory: Option<u64>,
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
    /// Bytes of memory that the plugin had, where that is known. Not part of any record.
    pub memory: Option<u64>,
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
    settled: Settled<T>,
    elapsed: Duration,
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

    /// What the plugin says of itself, when it is a package. It was compared with the
    /// component.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_deref()
    }

    /// Which package the plugin is, when it is one, as a journal has it.
    #[must_use]
    pub fn package(&self) -> Option<PackageIdentity> {
        let Manifest { name, version, .. } = self.manifest()?;
        Some(PackageIdentity { name: name.clone(), version: version.to_string() })
    }

    /// The capabilities that the plugin imports: each is granted, or comes with its manifest.
    #[must_use]
    pub fn capabilities(&self) -> &BTreeSet<Capability> {
        &self.imported
    }

    /// The plugin's role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.grant.role()
    }

    /// Which walls hold around the jailed processes that the plugin runs in. `None` for one
    /// that runs in this process.
    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        match &self.place {
            Place::Here { .. } => None,
            Place::Jailed { held, .. } => Some(held),
        }
    }

    /// The same as a journal has it.
    #[must_use]
    pub fn jail(&self) -> Option<JailRecord> {
        let Held { seccomp, landlock_abi, uid } = *self.held()?;
        Some(JailRecord { seccomp, landlock_abi, uid })
    }

    /// What can be set of the agent, as it says itself: nothing, when it says nothing. It
    /// is asked in a fresh instance, under the standard limits, with nothing behind its
    /// imports.
    ///
    /// # Errors
    /// Only when the host is at fault; whatever the plugin does is in the output.
    pub async fn describe(&self) -> Result<Described, EngineError> {
        if self.role() != Role::Agent || !self.configurable {
            return Ok(Ok(Configuration::default()));
        }
        let limits = Limits::standard();
        let behind = Behind::Recorded { calls: Vec::new(), compare_fuel: true };
        let exchange = Exchange::new(&limits, [0; 32], behind, None);
        let output = match &self.place {
            Place::Here { engine, pre } => {
                let body = async |store: &mut Store<State>| pre.describe(store).await;
                self.here(engine, &limits, [0; 32], exchange, body).await?
            }
            Place::Jailed { pool, .. } => {
                let job =
                    Job { work: Work::Describe, task: None, limits: Cow::Borrowed(&limits), seed: [0; 32] };
                self.jailed::<Declared>(pool, &job, exchange).await?
            }
        };
        let Settled { result, words, .. } = output.settled;
        Ok(match result {
            // A worker's word for it is not enough.
            Ok(Ok(declared)) => declared
                .validated()
                .map_err(|broken| Fault::new(FaultKind::MalformedResult, broken.to_string())),
            Ok(Err(fault)) | Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::TimedOut) => {
                let limit = limits.wall_ms;
                Err(Fault::new(FaultKind::Timeout, format!("it computed for longer than {limit} ms")))
            }
            Err(Stop::Unavailable(_) | Stop::Diverged) => Err(match words {
                // Saying why it is about to trap is a call too, which ends it before.
                Some(words) => Fault::new(FaultKind::Trap, words),
                None => Fault::new(FaultKind::Error, "it asks the host, which answers nothing here"),
            }),
        })
    }

    /// Has an agent work on a task, in a fresh instance.
    ///
    /// # Errors
    /// Only when the host is at fault, or this is no agent; whatever the plugin
    /// does is in the output.
    pub async fn solve(&self, call: Call<'_>) -> Result<SolveOutput, EngineError> {
        if self.role() != Role::Agent {
            return Err(EngineError::of("calling an agent", format!("{} is a grader", self.name)));
        }
        let Call { task, limits, seed, behind, journal } = call;
        let exchange = Exchange::new(limits, seed, behind, journal);
        let output = match &self.place {
            Place::Here { engine, pre } => {
                let body = async |store: &mut Store<State>| pre.solve(store, task).await;
                self.here(engine, limits, seed, exchange, body).await?
            }
            Place::Jailed { pool, .. } => {
                let job = Job::on(Work::Solve, task, limits, seed);
                self.jailed::<Solved>(pool, &job, exchange).await?
            }
        };
        let Output { settled: Settled { result, calls, fuel_used, memory, divergence, .. }, elapsed } =
            output;
        let end = match result {
            Ok(Ok(answer)) => admit(answer),
            Ok(Err(words)) => SolveEnd::GaveUp(words),
            Err(Stop::TimedOut) => SolveEnd::TimedOut,
            Err(Stop::Fault(fault)) => SolveEnd::Fault(fault),
            Err(Stop::Unavailable(fault)) => SolveEnd::Unavailable(fault),
            Err(Stop::Diverged) => {
                SolveEnd::Fault(Fault::new(FaultKind::Error, "the execution differs from its record"))
            }
        };
        Ok(SolveOutput { end, calls, fuel_used, memory, elapsed, divergence })
    }

    /// Has a grader judge a submission, in a fresh instance.
    ///
    /// # Errors
    /// Only when the host is at fault, or this is no grader; whatever the plugin
    /// does is in the output, a fault of it as an invalid verdict. So is a failure
    /// of the infrastructure.
    pub async fn grade(&self, call: Call<'_>, submission: &Answer) -> Result<GradeOutput, EngineError> {
        if self.role() != Role::Grader {
            return Err(EngineError::of("calling a grader", format!("{} is an agent", self.name)));
        }
        let Call { task, limits, seed, behind, journal } = call;
        let kind = task.kind;
        let exchange = Exchange::new(limits, seed, behind, journal);
        let output = match &self.place {
            Place::Here { engine, pre } => {
                let body = async |store: &mut Store<State>| pre.grade(store, task).await;
                self.here(engine, limits, seed, exchange, body).await?
            }
            Place::Jailed { pool, .. } => {
                let job = Job::on(Work::Grade, task, limits, seed);
                self.jailed::<Graded>(pool, &job, exchange).await?
            }
        };
        let Output { settled: Settled { result, calls, fuel_used, memory, divergence, .. }, elapsed } =
            output;
        let tests_passed = calls.iter().any(shows_a_pass);
        let observed = Observed { kind, submission, tests_passed };
        let mut unavailable = None;
        let judged = match result {
            Ok(Ok(verdict)) => verdict
                .validated(observed)
                .map_err(|broken| Fault::new(FaultKind::MalformedResult, broken.to_string())),
            Err(Stop::Unavailable(fault)) => {
                let verdict = Verdict::invalid(fault.reason(), fault.message.clone());
                unavailable = Some(fault);
                Ok(verdict)
            }
            Err(Stop::TimedOut) => {
                let limit = limits.wall_ms;
                Err(Fault::new(FaultKind::Timeout, format!("it computed for longer than {limit} ms")))
            }
            Ok(Err(fault)) | Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Diverged) => Err(Fault::new(FaultKind::Error, "the execution differs from its record")),
        };
        let verdict =
            judged.unwrap_or_else(|fault| Verdict::invalid(fault.reason(Role::Grader), fault.message));
        Ok(GradeOutput { verdict, calls, fuel_used, memory, elapsed, divergence, unavailable })
    }

    /// Makes a store in this process, and runs `body` in it under every limit.
    async fn here<T>(
        &self,
        engine: &Engine,
        limits: &Limits,
        seed: [u8; 32],
        exchange: Exchange,
        body: impl AsyncFnOnce(&mut Store<State>) -> Result<T, GaveUp>,
    ) -> Result<Output<T>, EngineError> {
        // The pool has a slot for each permit.
        let permit = self.slots.acquire().await;
        let started = Instant::now();
        let store = store(engine, limits, seed, Boundary::here(exchange))?;
        let (concluded, boundary) = conduct(store, body).await;
        drop(permit);
        let Boundary::Here(exchange) = boundary else {
            let cause = "a call in this process has its exchange elsewhere";
            return Err(EngineError::of("ending a call of a plugin", cause));
        };
        let settled = settle(limits, concluded, *exchange)?;
        Ok(Output { settled, elapsed: started.elapsed() })
    }

    /// Has a jailed process do a job, with the exchange in this one.
    async fn jailed<T: Returned>(
        &self,
        pool: &Pool,
        job: &Job<'_>,
        mut exchange: Exchange,
    ) -> Result<Output<T>, EngineError> {
        // As many at a time as in this process.
        let permit = self.slots.acquire().await;
        let started = Instant::now();
        let concluded = drive(pool, job, &self.imported, &mut exchange).await?;
        drop(permit);
        let settled = settle(&job.limits, concluded, exchange)?;
        Ok(Output { settled, elapsed: started.elapsed() })
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
