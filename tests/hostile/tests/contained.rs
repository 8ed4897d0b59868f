//! Every case of the corpus against the real engine, in the host's process and in jailed ones:
//! stopped or refused as declared, the same each time and in both, the host's memory within
//! bounds, the neighbours unharmed.
//!
//! A test with a `main` of its own: it starts itself as the jailed processes, and as the hosts
//! that cases are tried in, so that nothing else moves the memory of one meanwhile.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lancet_core::{
    Answer, CallRecord, Capability, Cents, Fault, FaultKind, Grant, Kind, Limits, Outcome, Proposal, Role,
    SolveEnd, Task, Verdict,
};
use lancet_engine::{
    Behind, Call, Compiler, Divergence, LoadError, Plugin, Resumed, Runtime, RuntimeOptions, Sources, Workers,
};
use lancet_hostile::{Case, Expected, cases, component, ordinary};
use lancet_jail::Program;

mod double;
mod shards;

/// How much the host may grow while a case does its worst.
const MAX_GROWTH_KIB: u64 = 64 << 10;

/// Calls of a case that are made once more, replayed and resumed in a jail too.
const MAX_JAILED_CALLS: usize = 2_000;
/// Bytes of their record, as text, up to which they are.
const MAX_JAILED_RECORD: usize = 1 << 20;

/// How much the record of an attempt may have, as text: what files hold is in it.
fn max_record_bytes(kind: Kind) -> usize {
    match kind {
        Kind::SweManager => 3 << 20,
        Kind::IcSwe => 36 << 20,
    }
}

fn task(id: &str, kind: Kind) -> Task {
    Task {
        id: id.parse().unwrap(),
        kind,
        title: "A task".to_owned(),
        statement: "Something is wrong. ".repeat(200),
        price: Cents(100_000),
        proposals: (0..4).map(|id| Proposal { id, text: "Do this. ".repeat(100) }).collect(),
    }
}

/// The limits that runs have, but for less waiting.
fn limits() -> Limits {
    Limits { fuel: 200_000_000, wall_ms: 20_000, ..Limits::standard() }
}

fn grant(case: &Case) -> Grant {
    case.needs.iter().fold(Grant::standard(case.role), |grant, needed| grant.with(*needed).unwrap())
}

fn answer(kind: Kind) -> Answer {
    match kind {
        Kind::SweManager => Answer::Choice(2),
        Kind::IcSwe => Answer::WorkTree,
    }
}

fn sources(kind: Kind) -> Sources {
    if kind == Kind::IcSwe {
        return double::sources();
    }
    Sources {
        submission: Some(Arc::new(Answer::Choice(2))),
        answer_key: Some(Arc::new(r#"{"correct": 2, "secret": "the key of the task"}"#.to_owned())),
        ..Sources::default()
    }
}

fn live(kind: Kind) -> Behind {
    Behind::live(sources(kind))
}

/// What a call came to, in the form in which two calls are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    end: End,
    calls: Vec<CallRecord>,
    fuel_used: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Solved(SolveEnd),
    Graded(Verdict),
}

impl Seen {
    fn is(&self, role: Role, kind: FaultKind) -> bool {
        match &self.end {
            End::Solved(SolveEnd::Fault(fault)) => fault.kind == kind,
            // An agent that runs out of time has had its attempt.
            End::Solved(SolveEnd::TimedOut) => kind == FaultKind::Timeout,
            End::Solved(_) => false,
            End::Graded(verdict) => {
                verdict.outcome == Outcome::Invalid && verdict.reason == Fault::new(kind, "").reason(role)
            }
        }
    }

    fn is_harmless(&self) -> bool {
        match &self.end {
            End::Solved(end) => matches!(end, SolveEnd::Answer(_) | SolveEnd::GaveUp(_)),
            End::Graded(verdict) => verdict.outcome != Outcome::Invalid,
        }
    }
}

async fn call(plugin: &Plugin, task: &Task, limits: &Limits, behind: Behind) -> (Seen, Option<Divergence>) {
    let call = Call { task, limits, seed: [9; 32], behind, journal: None };
    match plugin.role() {
        Role::Agent => {
            let output = plugin.solve(call).await.unwrap();
            let seen =
                Seen { end: End::Solved(output.end), calls: output.calls, fuel_used: output.fuel_used };
            (seen, output.divergence)
        }
        Role::Grader => {
            let output = plugin.grade(call, &answer(task.kind)).await.unwrap();
            let seen =
                Seen { end: End::Graded(output.verdict), calls: output.calls, fuel_used: output.fuel_used };
            (seen, output.divergence)
        }
    }
}

/// A number of KiB from this process's status.
fn status_kib(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Has the kernel forget the highest memory so far.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Whether the host has grown by more than it may.
fn check_growth(before: u64, wrong: &mut Vec<String>) {
    let growth = status_kib("VmHWM").saturating_sub(before);
    if growth > MAX_GROWTH_KIB {
        wrong.push(format!("the host grew by {growth} KiB"));
    }
}

/// In which process a case is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Here,
    Jailed,
}

/// What makes this program work for a plugin, in a jail.
const WORKER: &str = "work-for-plugin";
/// What makes this program compile, in a jail.
const COMPILER: &str = "compile-plugin";
/// Of so many cases one is compiled in a jail too, beside all that the compiler refuses.
const ONE_OF: usize = 4;

struct Host {
    runtime: Runtime,
    /// One that keeps nothing of what is compiled.
    forgetful: Runtime,
    workers: Workers,
    neighbour: Plugin,
    neighbour_alone: Seen,
}

impl Host {
    async fn new() -> Self {
        // Compiled once for both processes, by whichever is first.
        let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-cache");
        let options = RuntimeOptions { concurrency: NonZeroUsize::new(4).unwrap(), cache: Some(cache) };
        let runtime = Runtime::new(&options).unwrap();
        let forgetful = Runtime::new(&RuntimeOptions { cache: None, ..options }).unwrap();
        let grant = Grant::standard(Role::Agent);
        let neighbour = runtime.load("neighbour", &ordinary(Role::Agent), &grant, &Compiler::Here).unwrap();
        let (neighbour_alone, _) =
            call(&neighbour, &task("good", Kind::SweManager), &limits(), live(Kind::SweManager)).await;
        assert!(neighbour_alone.is_harmless());
        Self { runtime, forgetful, workers: Workers::own([WORKER]), neighbour, neighbour_alone }
    }

    fn load(&self, case: &Case, bytes: &[u8], grant: &Grant, place: Place) -> Result<Plugin, LoadError> {
        match place {
            Place::Here => self.runtime.load(case.name, bytes, grant, &Compiler::Here),
            Place::Jailed => {
                let (runtime, compiler) = if is_compiled_in_jail(case) {
                    (
                        &self.forgetful,
                        Compiler::Child { program: Program::own([COMPILER]).unwrap(), slow: None },
                    )
                } else {
                    (&self.runtime, Compiler::Here)
                };
                let plugin = runtime.load_jailed(case.name, bytes, grant, &compiler, &self.workers)?;
                assert!(plugin.held().is_some_and(|held| held.seccomp));
                Ok(plugin)
            }
        }
    }

    /// What is wrong with how a case went, in this process and in jailed ones; empty when
    /// nothing is.
    async fn check(&self, case: &Case) -> Vec<String> {
        let bytes = component(case);
        let mut wrong = Vec::new();
        let here = self.check_in(Place::Here, case, &bytes, &mut wrong).await;
        let mut in_jail = Vec::new();
        let jailed = self.check_in(Place::Jailed, case, &bytes, &mut in_jail).await;
        wrong.extend(in_jail.into_iter().map(|what| format!("in a jail: {what}")));
        // What the clock cuts off ends somewhere else each time.
        if here != jailed && case.expected != Expected::Fault(FaultKind::Timeout) {
            let end = |seen: &Option<Seen>| {
                format!("{:.2000?}", seen.as_ref().map(|seen| (&seen.end, seen.fuel_used)))
            };
            wrong.push(format!("came to {} here and to {} in a jail", end(&here), end(&jailed)));
        }
        wrong
    }

    /// What a case came to when it misbehaved, if it could be called.
    async fn check_in(
        &self,
        place: Place,
        case: &Case,
        bytes: &[u8],
        wrong: &mut Vec<String>,
    ) -> Option<Seen> {
        if !case.needs.is_empty() {
            let refused = self.load(case, bytes, &Grant::standard(case.role), place).err();
            let named = refused.is_some_and(|e| e.to_string().contains("--grant"));
            if !named {
                wrong.push("was not refused without its grant".to_owned());
            }
        }
        let before = status_kib("VmRSS");
        forget_peak();
        let plugin = match (self.load(case, bytes, &grant(case), place), case.expected) {
            (Err(error), Expected::Refused(fragment)) => {
                if !error.to_string().contains(fragment) {
                    wrong.push(format!("was refused for another reason: {error}"));
                }
                None
            }
            (Ok(_), Expected::Refused(_)) => {
                wrong.push("was loaded".to_owned());
                None
            }
            (Err(error), _) => {
                wrong.push(format!("was refused: {error}"));
                None
            }
            (Ok(plugin), Expected::Undescribed(fragment)) => {
                let started = Instant::now();
                match plugin.describe().await.unwrap() {
                    Ok(described) => wrong.push(format!("said that it has {described:?}")),
                    Err(fault) if fault.to_string().contains(fragment) => {}
                    Err(fault) => wrong.push(format!("was refused for another reason: {fault}")),
                }
                // Twice what it may compute, where others have the processor as well.
                if started.elapsed() > 2 * Duration::from_millis(Limits::standard().wall_ms) {
                    wrong.push(format!("was asked for {:?}", started.elapsed()));
                }
                None
            }
            (Ok(plugin), _) => Some(plugin),
        };
        match plugin {
            Some(plugin) => Some(self.execute(case, &plugin, before, wrong).await),
            None => {
                check_growth(before, wrong);
                None
            }
        }
    }

    async fn execute(&self, case: &Case, plugin: &Plugin, before: u64, wrong: &mut Vec<String>) -> Seen {
        let mut limits = limits();
        match case.expected {
            // Only the clock is to stop it, on however fast a machine.
            Expected::Fault(FaultKind::Timeout) => {
                limits.wall_ms = 300;
                limits.fuel = u64::MAX / 2;
            }
            Expected::Harmless => limits.fuel = Limits::standard().fuel,
            // As good as more: it goes on for ever.
            Expected::Fault(FaultKind::OutOfFuel) => limits.fuel = 50_000_000,
            _ => {}
        }
        let evil = task("evil-1", case.kind);
        let good = task("good", Kind::SweManager);
        let (misbehaving, neighbour) = tokio::join!(
            call(plugin, &evil, &limits, live(case.kind)),
            call(&self.neighbour, &good, &limits, live(Kind::SweManager)),
        );
        // What follows keeps records several times over.
        check_growth(before, wrong);
        let seen = misbehaving.0;
        if neighbour.0 != self.neighbour_alone {
            wrong.push(format!("its neighbour came to {:?}", neighbour.0));
        }
        let as_declared = match case.expected {
            Expected::Fault(kind) => seen.is(case.role, kind),
            Expected::Harmless => seen.is_harmless(),
            Expected::Refused(_) | Expected::Undescribed(_) => false,
        };
        if !as_declared {
            wrong.push(format!("came to {:?}", seen.end));
        }
        let text: usize = serde_json::to_string(&seen.calls).unwrap().len();
        if text > max_record_bytes(case.kind) {
            wrong.push(format!("its record has {text} bytes"));
        }
        // The first is compared with what it comes to in this process, where all is repeated;
        // ten thousand calls, or megabytes of them, need not go over the line to a jail four times.
        let is_long =
            plugin.held().is_some() && (seen.calls.len() > MAX_JAILED_CALLS || text > MAX_JAILED_RECORD);
        if case.expected != Expected::Fault(FaultKind::Timeout) && !is_long {
            let (again, _) = call(plugin, &evil, &limits, live(case.kind)).await;
            if again != seen {
                wrong.push(format!("came to {:?} the second time", again.end));
            }
            let recorded = Behind::Recorded { calls: seen.calls.clone(), compare_fuel: true };
            let (replayed, divergence) = call(plugin, &evil, &limits, recorded).await;
            if replayed != seen || divergence.is_some() {
                wrong.push(format!("replays to {:?}, {divergence:?}", replayed.end));
            }
            // Cut off in the middle of its calls, and gone on with.
            let cut = seen.calls.len().div_ceil(2);
            if cut > 0 {
                let then = Arc::new(sources(case.kind));
                let resumed = Resumed::new(seen.calls[..cut].to_vec(), true, then).unwrap();
                let (ended, divergence) = call(plugin, &evil, &limits, Behind::Resumed(resumed)).await;
                if ended != seen || divergence.is_some() {
                    wrong.push(format!("resumed at call {cut} comes to {:?}, {divergence:?}", ended.end));
                }
            }
        }
        if case.evil_only {
            let good = task("good", case.kind);
            let (other, _) = call(plugin, &good, &limits, live(case.kind)).await;
            if !other.is_harmless() {
                wrong.push(format!("came to {:?} on a task that it should leave alone", other.end));
            }
        }
        seen
    }
}

/// Whether a case is compiled by a jailed process too, where it is to run in one.
fn is_compiled_in_jail(case: &Case) -> bool {
    let place = cases().iter().position(|other| other.name == case.name).unwrap();
    place % ONE_OF == 0 || matches!(case.expected, Expected::Refused(why) if why.contains("cannot be"))
}

/// Looks at cases in this process, as it is told.
fn work_through() {
    let executor =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let host = executor.block_on(Host::new());
    shards::work_through(|case| executor.block_on(host.check(case)));
}

fn every_case_is_stopped_or_refused_as_declared() {
    // While one of them is worked on.
    let chosen = std::env::var("LANCET_CASE").unwrap_or_default();
    let chosen: Vec<_> = cases().iter().filter(|case| case.name.contains(&chosen)).collect();
    let failures = shards::run(&chosen);
    assert!(failures.is_empty(), "of {} cases:\n{}", chosen.len(), failures.join("\n"));
    assert!(cases().iter().any(|case| case.needs == [Capability::WasiInert]));
    for threat in 16..=25 {
        assert!(cases().iter().any(|case| case.threat == threat), "no case for threat {threat}");
    }
}

fn main() {
    const NAME: &str = "every_case_is_stopped_or_refused_as_declared";
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(shards::SHARD) => work_through(),
        Some(WORKER) => std::process::exit(lancet_engine::run_worker(&arguments[1..]).into()),
        Some(COMPILER) => {
            let jailed = arguments.iter().any(|argument| argument == "--jailed");
            std::process::exit(lancet_engine::compile_worker(jailed).into());
        }
        // What a test harness takes: options, and parts of the names of tests.
        _ if arguments.iter().any(|argument| argument == "--list") => println!("{NAME}: test"),
        _ if arguments.iter().all(|name| name.starts_with('-') || NAME.contains(name)) => {
            every_case_is_stopped_or_refused_as_declared();
            println!("test {NAME} ... ok");
        }
        _ => println!("left out: {NAME}"),
    }
}
