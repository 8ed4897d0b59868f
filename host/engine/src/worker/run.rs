//! A worker's main: a jailed process that executes one call of one plugin.

use std::mem::ManuallyDrop;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use lancet_core::{Cents, Grant, Kind, Limits, LogLevel, Proposal, Request, Task};
use lancet_jail::Locked;
use serde::Serialize;
use wasmtime::{Engine, Store};

use super::frame::{HEAD_BYTES, Heard, How, Inspected, Job, Said, Work, encode};
use super::line::Line;
use crate::boundary::Boundary;
use crate::classify::Ending;
use crate::clock::processor_time;
use crate::component::said;
use crate::exchange::{Behind, Exchange};
use crate::execution::{Concluded, GaveUp, Pre, conduct, store};
use crate::linker::linker;
use crate::state::State;
use crate::{cache, config};

/// A component that was loaded, and how it differs from the contract, if it does.
struct Loaded {
    engine: Engine,
    pre: Result<Pre, String>,
}

/// The main of a worker, which [`crate::Workers`] starts: closes the jail around this
/// process, loads what it was given, and executes one call. Returns the exit code.
///
/// To be called first thing, with one thread and nothing read. `arguments` are those that
/// follow the ones that [`crate::Workers`] were set up with.
#[must_use]
pub fn run_worker(arguments: &[String]) -> u8 {
    match worker(arguments) {
        Ok(()) => 0,
        Err(problem) => {
            eprintln!("{problem}");
            1
        }
    }
}

fn worker(arguments: &[String]) -> Result<(), String> {
    // Where the kernel has its clocks is looked up once, in a file, which is out of reach then.
    let _ = processor_time();
    let mut loading = lancet_jail::enter().map_err(|e| e.to_string())?;
    // Before anything of a stranger's is looked at, so that it is believed when this fails.
    let engine = match config::worker() {
        Ok(engine) => engine,
        Err(error) => {
            loading.give_up(&error.to_string());
            return Err(error.to_string());
        }
    };
    let code = loading.code().map_err(|e| e.to_string());
    let loaded = match code.and_then(|code| load(arguments, engine, code)) {
        Ok(loaded) => loaded,
        Err(problem) => {
            loading.fail(&problem);
            return Err(problem);
        }
    };
    // The kernel takes back all of it at once, when the call is over, in less time than it takes
    // to take it apart.
    let loaded = ManuallyDrop::new(loaded);
    let Locked { line, is_awaited, .. } = loading.lock().map_err(|e| e.to_string())?;
    if !is_awaited {
        rehearse(&loaded);
    }
    let mut line = Line::new(line);
    let job = line.hear();
    work(&loaded, job, line)
}

fn load(arguments: &[String], engine: Engine, code: &Path) -> Result<Loaded, String> {
    let [grant] = arguments else { return Err("expected one argument, the plugin's grant".to_owned()) };
    let grant: Grant = serde_json::from_str(grant).map_err(|e| format!("the plugin's grant: {e}"))?;
    let component = cache::load_sealed(&engine, code).map_err(|e| said(&e))?;
    let pre = linker(&engine, &grant)
        .map_err(|e| e.to_string())?
        .instantiate_pre(&component)
        .and_then(|pre| Pre::new(grant.role(), pre))
        .map_err(|e| said(&e));
    Ok(Loaded { engine, pre })
}

/// Goes through a call without fuel, in a store that is thrown away: what this has the kernel
/// bring into the process's memory is there when the call comes. For a process that stands by.
///
/// Without fuel a function of the guest's ends where it begins, so that nothing of the guest's is
/// computed. In particular no memory grows: a slot of the pool that had grown would be made
/// smaller for the call, which the jail forbids.
fn rehearse(loaded: &Loaded) -> Option<()> {
    let Loaded { engine, pre: Ok(pre) } = loaded else { return None };
    let limits = Limits { fuel: 0, ..Limits::standard() };
    let task = Task {
        id: "rehearsal".parse().ok()?,
        kind: Kind::SweManager,
        title: String::new(),
        // As much as the middle of known tasks has: what holds a task is there then as well.
        statement: " ".repeat(16 << 10),
        price: Cents(0),
        proposals: vec![Proposal { id: 0, text: String::new() }],
    };
    let frame = encode(&Job::on(Work::Solve, &task, &limits, [0; 32])).ok()?;
    let Job { task, limits, seed, .. } = serde_json::from_slice(&frame[HEAD_BYTES..]).ok()?;
    let (task, limits) = (task?, limits);
    let behind = Behind::Recorded { calls: Vec::new(), compare_fuel: true };
    let boundary = Boundary::here(Exchange::new(&limits, seed, behind, None));
    let store = store(engine, &limits, seed, boundary).ok()?;
    let guest = async {
        match pre {
            Pre::Agent(_) => drop(conduct(store, async |store| pre.solve(store, &task).await).await),
            Pre::Grader(_) => drop(conduct(store, async |store| pre.grade(store, &task).await).await),
        }
    };
    // There is nothing that it could wait for.
    let _ = pin!(guest).poll(&mut Context::from_waker(Waker::noop()));
    let (level, message) = (LogLevel::Info, String::new());
    let request = Request::LogWrite { level, message, fields: Vec::new(), dropped_bytes: 0 };
    let frame = encode(&Said::<()>::Call { fuel_used: 0, request, overdrawn: false }).ok()?;
    serde_json::from_slice::<Heard>(&frame[HEAD_BYTES..]).ok().map(drop)
}

fn work(loaded: &Loaded, job: Job<'_>, mut line: Line) -> Result<(), String> {
    let Job { work, task, limits, seed } = job;
    let Loaded { engine, pre } = loaded;
    if let Work::Inspect { configurable } = work {
        let mismatch = match pre {
            Ok(pre) => pre.check_types(engine, configurable).err().map(|e| said(&e)),
            Err(mismatch) => Some(mismatch.clone()),
        };
        let how = How::Returned(Inspected { mismatch });
        line.say(&Said::Ended { how, spent: Some(0), memory: 0, output: Vec::new() });
        return Ok(());
    }
    let store = store(engine, &limits, seed, Boundary::Away(line)).map_err(|e| e.to_string())?;
    match (work, pre, task) {
        (Work::Describe, Ok(pre), _) => execute(store, async |store| pre.describe(store).await),
        (Work::Solve, Ok(pre), Some(task)) => execute(store, async |store| pre.solve(store, &task).await),
        (Work::Grade, Ok(pre), Some(task)) => execute(store, async |store| pre.grade(store, &task).await),
        (work, ..) => return Err(format!("this plugin cannot be asked to do that: {work:?}")),
    }
    Ok(())
}

/// Executes a call to its end, and says how it ended.
fn execute<T: Serialize>(
    store: Store<State>,
    body: impl AsyncFnOnce(&mut Store<State>) -> Result<T, GaveUp>,
) {
    let mut guest = pin!(conduct(store, body));
    // What it is asked to give way for is to be looked at. It never waits for anything but
    // its parent, and that where it asks.
    let mut context = Context::from_waker(Waker::noop());
    let (concluded, boundary) = loop {
        if let Poll::Ready(done) = guest.as_mut().poll(&mut context) {
            break done;
        }
    };
    let Boundary::Away(mut line) = boundary else { return };
    let Concluded { ended, spent, memory, output } = concluded;
    let memory = memory.unwrap_or_default();
    let how = match ended {
        Ok(returned) => How::Returned(returned),
        Err(Ending::TimedOut) => How::TimedOut,
        Err(Ending::Fault(fault)) => How::Fault(fault),
        Err(Ending::Unavailable(_)) => How::Unavailable,
        Err(Ending::Over) => How::Over,
        Err(Ending::Host(problem)) => How::Failed(problem),
        Err(Ending::Diverged(_)) => How::Failed("a record was compared where there is none".to_owned()),
    };
    line.say(&Said::Ended { how, spent, memory, output });
}
