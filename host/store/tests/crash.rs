//! A process that writes to a store is killed, again and again: all that it was
//! told to be durable is there, once.

#[path = "../../../tests/campaign/disk.rs"]
mod disk;
mod fixture;
mod power;
#[path = "../../../tests/campaign/scale.rs"]
mod scale;
#[path = "../../../tests/campaign/unprivileged.rs"]
mod unprivileged;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use fixture::{at, attempts, blobs, id, note, passed, run, solving, spec};
use lancet_core::{CallRecord, Event, RunId};
use lancet_store::{FAILPOINT_VARIABLE, FAILPOINTS, Store, StoreError, Transition};

const FOLDER: &str = "LANCET_TEST_STORE";
const TASKS: usize = 4;

/// The process that is killed: this test binary, running [`writer`] only.
fn child(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Appends events of one after the other to several attempts at once, each
/// numbered, and says so each time that one is durable.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is run by the other tests, in a process of its own"]
async fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Store::open(Path::new(&folder)).unwrap();
    let run = run("00000a");
    let _lock = store.lock_run(&run).unwrap();
    store.put_blobs(blobs()).await.unwrap();
    match store.create_run(run.clone(), String::new(), &spec(), attempts(TASKS)).await {
        Ok(()) => println!("ack run"),
        Err(StoreError::RunExists(_)) => {}
        Err(error) => panic!("{error}"),
    }
    let tasks: Vec<_> = attempts(TASKS)
        .iter()
        .map(|attempt| {
            let (store, id) = (store.clone(), id(&run, attempt));
            tokio::spawn(async move {
                let mut next = store.attempt(&id).await.unwrap().events;
                // More than it gets to before it is killed.
                while next < 1_000_000 {
                    // Now and then one that goes into a blob.
                    let bytes = if next.is_multiple_of(14) { 20_000 } else { 100 };
                    let events = vec![at(0, note(next, bytes)), at(0, note(next + 1, 100))];
                    next = store.append(&id, next, events, Transition::None).await.unwrap();
                    println!("ack {} {next}", id.task);
                }
            })
        })
        .collect();
    // Runs that are over at once, so that it is killed between a verdict and what the log tells of it.
    let over = store.runs().await.unwrap().len();
    for n in over.. {
        let (attempt, run) = (attempts(1).swap_remove(0), whole(n));
        store.create_run(run.clone(), String::new(), &spec(), vec![attempt.clone()]).await.unwrap();
        store.append(&id(&run, &attempt), 0, solving(), passed()).await.unwrap();
        store.finish_run(&run).await.unwrap();
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// A run that is over at once.
fn whole(n: usize) -> RunId {
    format!("20261124-083329-{n:06x}").parse().unwrap()
}

/// When the child is killed.
#[derive(Clone, Copy)]
enum Kill {
    /// So long after it was started.
    AfterStart(Duration),
    /// So long after it was told that the first thing is durable.
    AfterFirst(Duration),
    /// It dies by itself.
    Never,
}

/// Runs the child until it dies, and returns what it was told: whether the run
/// is there, and how many events each attempt has.
fn acknowledged(mut command: Command, kill: Kill) -> (bool, [u64; TASKS]) {
    let mut child = command.spawn().unwrap();
    let output = child.stdout.take().unwrap();
    let (first, told) = channel();
    let reader = thread::spawn(move || {
        let (mut created, mut events) = (false, [0; TASKS]);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // What the test harness prints may stand before it.
            let Some(ack) = line.find("ack ").map(|start| &line[start + 4..]) else { continue };
            let _ = first.send(());
            match ack.split_once(' ') {
                Some((task, count)) => events[task[..4].parse::<usize>().unwrap()] = count.parse().unwrap(),
                None => created = ack == "run",
            }
        }
        (created, events)
    });
    match kill {
        Kill::AfterStart(delay) => thread::sleep(delay),
        Kill::AfterFirst(delay) => {
            told.recv().expect("the child writes until it is killed");
            thread::sleep(delay);
        }
        Kill::Never => {}
    }
    if !matches!(kill, Kill::Never) {
        child.kill().unwrap();
    }
    assert!(!child.wait().unwrap().success());
    reader.join().unwrap()
}

/// Compares the store with what was acknowledged; returns the events there are.
fn verify(folder: &Path, run: &RunId, created: bool, acknowledged: [u64; TASKS]) -> [u64; TASKS] {
    let store = Store::open(folder).unwrap();
    let reader = store.reader();
    assert_eq!(reader.check().unwrap(), Vec::<String>::new());
    for id in reader.run_ids().unwrap() {
        let audit = reader.audit(&id).unwrap();
        let of_log: Vec<_> = audit.differences.iter().filter(|one| one.column == "log.leaf").collect();
        assert!(of_log.is_empty(), "{of_log:?}");
    }
    let rows = match reader.attempts(run) {
        Err(StoreError::UnknownRun { .. }) if !created && acknowledged == [0; TASKS] => return [0; TASKS],
        rows => rows.unwrap(),
    };
    assert_eq!(rows.len(), TASKS);
    let mut found = [0; TASKS];
    for (index, row) in rows.iter().enumerate() {
        let events = reader.events(&row.id).unwrap();
        assert_eq!(events.len() as u64, row.events);
        assert!(row.events >= acknowledged[index], "{}: {} < {}", row.id, row.events, acknowledged[index]);
        for (number, event) in (0..).zip(events) {
            let Event::Called { call: CallRecord { fuel_used, .. }, .. } = event.event else {
                panic!("{event:?}");
            };
            assert_eq!(fuel_used, number, "{}", row.id);
        }
        found[index] = row.events;
    }
    found
}

#[test]
fn killed_at_any_time_it_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (run, mut created, mut before) = (run("00000a"), false, [0; TASKS]);
    for round in 0..20_u64 {
        let delay = Duration::from_millis(5 + round * 7919 % 120);
        let kill = if round % 2 == 0 { Kill::AfterStart(delay) } else { Kill::AfterFirst(delay) };
        let (now, events) = acknowledged(child(folder.path()), kill);
        created |= now;
        let least = std::array::from_fn(|index| events[index].max(before[index]));
        before = verify(folder.path(), &run, created, least);
    }
    assert!(before.iter().any(|events| *events > 0), "{before:?}");
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "there are no failpoints without debug assertions")]
fn killed_at_each_failpoint_it_loses_and_doubles_nothing() {
    for (name, _) in FAILPOINTS {
        // The same store, taken up again after each crash.
        let folder = tempfile::tempdir().unwrap();
        let (run, mut created, mut before) = (run("00000a"), false, [0; TASKS]);
        // A run is created only once.
        let counts: &[u32] = if name == "store-run-created" { &[1] } else { &[1, 2, 5] };
        for count in counts {
            let mut command = child(folder.path());
            command.env(FAILPOINT_VARIABLE, format!("{name}:{count}"));
            let (now, events) = acknowledged(command, Kill::Never);
            created |= now;
            let least = std::array::from_fn(|index| events[index].max(before[index]));
            before = verify(folder.path(), &run, created, least);
        }
        if name == "store-run-created" || name == "store-after-commit" {
            let store = Store::open(folder.path()).unwrap();
            assert!(store.reader().run(&run).is_ok(), "{name}");
        }
    }
}
