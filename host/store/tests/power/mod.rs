//! The power of the disk is cut while a process writes to a store: all that it was told to be
//! durable is there. That a process is killed shows nothing of it, as what it wrote is in the
//! kernel's memory then.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lancet_core::{
    Answer, AttemptId, AttemptState, CallRecord, Event, Outcome, Phase, RunId, Sha256, SolveEnd, Spent, Usage,
};
use lancet_store::{Bytes, Elapsed, EntryState, NewEntry, Reader, Store, StoreError, Transition};

use crate::disk::{Below, Format};
use crate::fixture::{at, attempts, blobs, id, note, passed, run, spec};
use crate::scale::scaled;

const FOLDER: &str = "LANCET_TEST_DISK";
/// Has the writer use its write-ahead log up before it says anything. What it writes then
/// goes over what is in the log: the log's file does not grow, so that making it durable
/// brings no names along.
const USED: &str = "LANCET_TEST_USED";
/// How often the power is cut, in the whole campaign.
const CUTS: usize = 50;
const TASKS: usize = 3;
/// How often an attempt goes through all that it can write before it is decided.
const STEPS: u64 = 8;

/// Where the store is on a disk: in folders that are new as well.
fn store(disk: &Path) -> PathBuf {
    disk.join("new/folders/store")
}

/// Writes runs, one after the other, and says each time that something is durable.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is run by the other tests, in a process of its own"]
async fn power_writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Store::open(&store(Path::new(&folder))).unwrap();
    if std::env::var_os(USED).is_some() {
        let run = run("eeeeee");
        store.put_blobs(blobs()).await.unwrap();
        store.create_run(run.clone(), String::new(), &spec(), attempts(1)).await.unwrap();
        let events = (0..500).map(|number| at(0, note(number, 10_000))).collect();
        store.append(&id(&run, &attempts(1)[0]), 0, events, Transition::None).await.unwrap();
    }
    for number in 0..1_000_u64 {
        let run = run(&format!("{number:06x}"));
        let _lock = store.lock_run(&run).unwrap();
        store.put_blobs(blobs()).await.unwrap();
        store.create_run(run.clone(), String::new(), &spec(), attempts(TASKS)).await.unwrap();
        println!("told run {run}");
        let tasks: Vec<_> = attempts(TASKS)
            .iter()
            .zip(0..)
            .map(|(attempt, task)| {
                let (store, id) = (store.clone(), id(&run, attempt));
                tokio::spawn(async move { write_attempt(&store, &id, first_number(number, task)).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        store.finish_run(&run).await.unwrap();
        println!("told finished {run}");
    }
}

/// No two attempts write the same, so that no blob is there already.
fn first_number(run: u64, task: u64) -> u64 {
    (run * 10 + task) * 1_000
}

async fn write_attempt(store: &Store, id: &AttemptId, first: u64) {
    let mut next = 0;
    for step in 0..STEPS {
        // Now and then one that goes into a blob.
        let bytes = if step % 3 == 0 { 20_000 } else { 100 };
        let events = vec![at(0, note(first + next, bytes)), at(0, note(first + next + 1, 100))];
        next = store.append(id, next, events, Transition::None).await.unwrap();
        println!("told events {id} {next}");
        store.hold(held(id, step)).await.unwrap();
        println!("told held {id} {step}");
        if step % 2 == 0 {
            store.settle(id, step, came_to(step)).await.unwrap();
            println!("told settled {id} {step}");
        } else {
            // Durable with the next write that is waited for.
            store.note_settled(id, step, came_to(step), Elapsed::default());
            next =
                store.append(id, next, vec![at(0, note(first + next, 100))], Transition::None).await.unwrap();
            println!("told settled {id} {step}");
        }
        let digest = store.put_blob(own_bytes(first + step)).await.unwrap();
        println!("told blob {digest}");
    }
    let solved = Event::Solved {
        end: SolveEnd::Answer(Answer::Choice(3)),
        fuel_used: Some(12_345),
        submission: Answer::Choice(3).digest(),
    };
    let submitted = Transition::Submitted { solve_us: 9 };
    next = store.append(id, next, vec![at(9, solved)], submitted).await.unwrap();
    println!("told submitted {id}");
    store.append(id, next, vec![at(10, note(first + next, 100))], passed()).await.unwrap();
    println!("told decided {id}");
}

fn own_bytes(number: u64) -> Bytes {
    format!("{number:>5000}").into_bytes().into()
}

fn came_to(step: u64) -> Spent {
    let usage = Usage { input: Some(900 + step), output: Some(40), ..Usage::default() };
    Spent { usage, cost: None, estimated: false }
}

fn held(attempt: &AttemptId, entry: u64) -> NewEntry {
    NewEntry {
        attempt: attempt.clone(),
        entry,
        phase: Phase::Solve,
        conversation: 0,
        ordinal: 0,
        model: "main".to_owned(),
        held: Spent { estimated: true, ..came_to(1_000) },
        attempt_ms: 1,
        run_ms: 1,
        held_at: "2026-11-23T08:33:30Z".to_owned(),
    }
}

/// The process that writes, and what it was told.
struct Writer {
    child: Child,
    told: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Writer {
    fn start(disk: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "power::power_writer", "--ignored", "--nocapture"]);
        command.env(FOLDER, disk).envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&told);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // What the test harness prints may stand before it.
                if let Some((_, line)) = line.split_once("told ") {
                    lines.lock().unwrap().push(line.to_owned());
                }
            }
        });
        Self { child, told, reader }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.join().unwrap();
    }
}

/// When the power is cut, which is on either format in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Some time after the writer was started: how a store begins.
    Beginning,
    /// Some time after it was told of the first thing.
    Writing,
    /// The same, with the log used up before.
    Used,
}

impl Moment {
    fn of_round(round: usize) -> Self {
        [Self::Beginning, Self::Writing, Self::Used][round / 2 % 3]
    }
}

/// Cuts the power at a moment that follows from the number of the round. Returns how much the
/// writer had been told by then, and what of it is not there.
fn cut(below: &Below, round: usize, variables: &[(&str, &str)]) -> (usize, Vec<String>) {
    let disk = below.disk(Format::of_round(round));
    let moment = Moment::of_round(round);
    let mut variables = variables.to_vec();
    if moment == Moment::Used {
        variables.push((USED, "1"));
    }
    let writer = Writer::start(disk.path(), &variables);
    if moment != Moment::Beginning {
        let started = Instant::now();
        while writer.told().is_empty() {
            assert!(started.elapsed() < Duration::from_secs(60), "the writer is told of nothing");
            thread::sleep(Duration::from_millis(1));
        }
    }
    thread::sleep(Duration::from_millis(round as u64 * 7_919 % 240));
    // What it is told of from here on may or may not be there.
    let told = writer.told();
    disk.cut();
    writer.kill();
    let recovered = below.recover(&disk);
    let problems = missing(&store(recovered.path()), &told);
    (told.len(), problems)
}

/// What a writer was told of and is not in the store, or not as it was.
fn missing(folder: &Path, told: &[String]) -> Vec<String> {
    let store = match Store::open(folder) {
        Ok(store) => store,
        Err(error) => return vec![format!("the store cannot be opened: {error}")],
    };
    let reader = store.reader();
    let mut problems = reader.check().unwrap_or_else(|error| vec![error.to_string()]);
    for line in told {
        match is_there(&reader, line) {
            Ok(true) => {}
            Ok(false) => problems.push(format!("{line}: is not as it was")),
            Err(error) => problems.push(format!("{line}: {error}")),
        }
    }
    if problems.is_empty() {
        // It can be written to.
        let last = run("ffffff");
        let executor = tokio::runtime::Runtime::new().unwrap();
        executor.block_on(async {
            store.put_blobs(blobs()).await.unwrap();
            store.create_run(last.clone(), String::new(), &spec(), attempts(1)).await.unwrap();
            let id = id(&last, &attempts(1)[0]);
            store.append(&id, 0, vec![at(0, note(0, 20_000))], Transition::None).await.unwrap();
        });
        assert_eq!(reader.check().unwrap(), Vec::<String>::new());
    }
    problems
}

fn is_there(reader: &Reader, line: &str) -> Result<bool, StoreError> {
    let words: Vec<&str> = line.split(' ').collect();
    let number = || words[2].parse::<u64>().unwrap();
    Ok(match words[0] {
        "run" => reader.attempts(&words[1].parse::<RunId>().unwrap())?.len() == TASKS,
        "finished" => reader.run(&words[1].parse::<RunId>().unwrap())?.finished,
        "blob" => {
            let digest: Sha256 = words[1].parse().unwrap();
            Sha256::of(&reader.blob(digest)?) == digest
        }
        "events" => {
            let id = attempt(words[1]);
            let task: u64 = id.task.as_str()[..4].parse().unwrap();
            let run = u64::from_str_radix(&id.run.as_str()[16..], 16).unwrap();
            let first = first_number(run, task);
            let events = reader.events(&id)?;
            let notes = events.iter().zip(first..).filter(|(event, number)| match &event.event {
                Event::Called { call: CallRecord { fuel_used, .. }, .. } => fuel_used == number,
                _ => false,
            });
            notes.count() as u64 >= number()
        }
        "held" => {
            let due = held(&attempt(words[1]), number());
            reader.ledger(&due.attempt.run)?.iter().any(|entry| entry.new == due)
        }
        "settled" => reader.ledger(&attempt(words[1]).run)?.iter().any(|entry| {
            let is_own = entry.new.attempt == attempt(words[1]) && entry.new.entry == number();
            is_own && entry.state == EntryState::Settled && entry.spent == came_to(number())
        }),
        "submitted" => reader.attempt(&attempt(words[1]))?.state != AttemptState::Queued,
        "decided" => reader.attempt(&attempt(words[1]))?.state == AttemptState::Decided(Outcome::Pass),
        other => panic!("`{other}`"),
    })
}

fn attempt(text: &str) -> AttemptId {
    let mut parts = text.splitn(3, '/');
    let mut part = || parts.next().unwrap();
    AttemptId { run: part().parse().unwrap(), task: part().parse().unwrap(), number: part().parse().unwrap() }
}

#[test]
fn when_the_power_is_cut_nothing_is_missing_that_was_told_to_be_durable() {
    let Some(below) = Below::new() else { return };
    let cuts = scaled(CUTS).max(6);
    let (mut told, mut before) = (0, 0);
    for round in 0..cuts {
        let (count, problems) = cut(&below, round, &[]);
        let (format, moment) = (Format::of_round(round), Moment::of_round(round));
        assert!(problems.is_empty(), "round {round}, {format:?}, {moment:?}: {problems:#?}");
        told += count;
        before += usize::from(count == 0);
    }
    println!("{cuts} cuts, {before} before anything was durable; {told} things that were are all there");
    assert!(told > 0);
}

/// What the test above is worth: it finds what is not asked to be durable.
#[test]
fn when_the_power_is_cut_what_was_not_synchronised_is_missing() {
    let Some(below) = Below::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("nosync.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/campaign/nosync.c");
    let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(status.is_ok_and(|status| status.success()), "a C compiler is wanted, as by SQLite: `cc`");
    for what in ["all", "blobs", "folders"] {
        let variables = [("LD_PRELOAD", library.to_str().unwrap()), ("LANCET_TEST_NOSYNC", what)];
        let found = (2..40).filter(|round| Moment::of_round(*round) != Moment::Beginning).find_map(|round| {
            let (_, problems) = cut(&below, round, &variables);
            (!problems.is_empty()).then_some((round, problems))
        });
        let (round, problems) = found.unwrap_or_else(|| panic!("without {what} nothing is missing"));
        let (format, moment) = (Format::of_round(round), Moment::of_round(round));
        println!("without {what}: found in round {round}, {format:?}, {moment:?}: {}", problems[0]);
    }
}
