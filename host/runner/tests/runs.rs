//! Runs through the library alone: no binary, no terminal, no signals.

#![allow(clippy::large_futures, reason = "a test has one run at a time")]

use std::collections::BTreeMap;
use std::fs;
use std::future::pending;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lancet_core::{
    AttemptState, Event, Limits, Outcome, Phase, ReplayResult, Role, RunId, RunRecord, Sha256,
};
use lancet_docker::DockerOptions;
use lancet_engine::Compiler;
use lancet_runner::{
    Ended, Evidence, Host, Loader, Named, Notice, Observer, Order, RecordedAttempt, ReplayBounds, Run,
    Sandboxes, find, prepare, replay, replay_evidence, report,
};
use lancet_store::{Reader, Store};
use lancet_suite::Suite;
use tokio::sync::Semaphore;

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tasks/storefront-managers")
}

fn host(folder: &Path) -> Host {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    Host {
        store: Store::open(folder).unwrap(),
        loader: Loader::new(NonZeroUsize::new(4).unwrap(), || Ok(Compiler::Here), Some(cache)).unwrap(),
        sandboxes: Sandboxes::new(DockerOptions::default()),
    }
}

/// Records a run of every task of a suite.
async fn recorded(host: &Host, suite: &Path, agent: Named, attempts: u32, fuel: u64) -> Run {
    let opened = Suite::open(suite).unwrap();
    let order = Order {
        suite: &opened,
        path: suite,
        selected: opened.tasks().iter().collect(),
        kind: None,
        patterns: Vec::new(),
        agent,
        inputs: Default::default(),
        seed: 7,
        attempts: NonZeroU32::new(attempts).unwrap(),
        grants: Vec::new(),
        agent_limits: Limits { fuel, wall_ms: 3_600_000, ..Limits::standard() },
        grader_limits: Limits::standard(),
        control: None,
        models: Vec::new(),
        scripts: Default::default(),
        budgets: Default::default(),
        settings: Default::default(),
        prompt: None,
    };
    prepare(&host.loader, order, &()).await.unwrap().record(host).await.unwrap()
}

/// Records a run of the sample suite with an agent that came with Lancet.
async fn sampled(host: &Host, agent: &str, attempts: u32) -> Run {
    let agent = find(Role::Agent, agent).unwrap();
    recorded(host, &sample(), agent, attempts, Limits::standard().fuel).await
}

async fn verdicts(host: &Host, run: &RunId) -> String {
    let row = host.store.run(run).await.unwrap();
    report(&row, &host.store.attempts(run).await.unwrap(), &Default::default()).verdicts_digest.to_string()
}

/// Writes down what it hears, and rings when attempts begin and end.
struct Log {
    lines: Mutex<Vec<String>>,
    began: Semaphore,
    decided: Semaphore,
}

/// Waits for one ring more.
async fn rung(bell: &Semaphore) {
    bell.acquire().await.unwrap().forget();
}

impl Log {
    fn new() -> Arc<Self> {
        let [began, decided] = [(); 2].map(|()| Semaphore::new(0));
        Arc::new(Self { lines: Mutex::default(), began, decided })
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Observer for Log {
    fn notice(&self, notice: Notice<'_>) {
        let line = match notice {
            Notice::Planned { attempts, decided, .. } => format!("planned {attempts} {decided}"),
            Notice::Began { attempt } => {
                self.began.add_permits(1);
                format!("began {}/{}", attempt.task, attempt.number)
            }
            Notice::Waits { attempt, .. } => format!("waits {}/{}", attempt.task, attempt.number),
            Notice::Decided { attempt, .. } => {
                self.decided.add_permits(1);
                format!("decided {}/{}", attempt.task, attempt.number)
            }
            Notice::Stopping { under_way } => format!("stopping {under_way}"),
            Notice::Aborting { under_way } => format!("aborting {under_way}"),
            other => format!("{other:?}"),
        };
        self.lines.lock().unwrap().push(line);
    }
}

#[test]
#[ignore = "run by `a_run_needs_no_terminal_and_no_binary`, in a process of its own"]
fn in_a_process_of_its_own() {
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    executor.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path());
        let run = sampled(&host, "first", 1).await;
        let id = run.id().clone();
        let ended = run.finish(ONE, pending(), pending(), Arc::new(())).await.unwrap();
        assert_eq!(ended, Ended::Finished);
        let rows = host.store.attempts(&id).await.unwrap();
        assert!(rows.iter().all(|row| matches!(row.state, AttemptState::Decided(_))));
        let replayed = replay(&host.store.reader(), &host.loader, &id, None, ONE, &()).await.unwrap();
        assert_eq!(replayed.identical, rows.len());
        assert!(replayed.attempts.iter().all(|attempt| attempt.result == ReplayResult::Identical));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_needs_no_terminal_and_no_binary() {
    let home = tempfile::tempdir().unwrap();
    // A session of its own has no terminal, and without variables nothing can be found.
    let output = Command::new("setsid")
        .arg("--wait")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "in_a_process_of_its_own"])
        .env_clear()
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(home.path().read_dir().unwrap().count(), 0, "nothing is written beside the store");
}

#[tokio::test]
async fn a_run_stops_and_goes_on() {
    let undisturbed = {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path());
        let run = sampled(&host, "random", 3).await;
        let id = run.id().clone();
        run.finish(ONE, pending(), pending(), Arc::new(())).await.unwrap();
        verdicts(&host, &id).await
    };
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let mut run = sampled(&host, "random", 3).await;
    let id = run.id().clone();
    let total = host.store.attempts(&id).await.unwrap().len();
    let mut rounds = 0;
    loop {
        let log = Log::new();
        let heard = Arc::clone(&log);
        let stop = async move { rung(&heard.decided).await };
        let ended = run.finish(ONE, stop, pending(), log.clone()).await.unwrap();
        assert_eq!(log.lines()[0], format!("planned {total} {rounds}"), "one per round is decided");
        rounds += 1;
        if ended == Ended::Finished {
            break;
        }
        run = Run::take_up(&host, &id, &()).await.unwrap();
    }
    assert_eq!(rounds, total);
    assert_eq!(verdicts(&host, &id).await, undisturbed);
    assert!(Run::take_up(&host, &id, &()).await.unwrap().is_over());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_aborted_stays_as_it_was_recorded() {
    let (suite, folder) = (one_task(), tempfile::tempdir().unwrap());
    let agent = endless(folder.path());
    let host = host(&folder.path().join("store"));
    let run = recorded(&host, suite.path(), agent, 2, u64::MAX >> 1).await;
    let id = run.id().clone();
    let log = Log::new();
    let (first, second) = (Arc::clone(&log), Arc::clone(&log));
    let stop = async move { rung(&first.began).await };
    // Without it the endless loop would have to be waited for.
    let abort = async move { rung(&second.began).await };
    let jobs = NonZeroUsize::new(2).unwrap();
    let ended = run.finish(jobs, stop, abort, log.clone()).await.unwrap();
    assert_eq!(ended, Ended::Stopped);
    let lines = log.lines();
    assert!(lines.contains(&"stopping 2".to_owned()), "{lines:?}");
    assert!(lines.contains(&"aborting 2".to_owned()), "{lines:?}");
    let rows = host.store.attempts(&id).await.unwrap();
    assert!(rows.iter().all(|row| row.state == AttemptState::Queued && row.events == 0), "{rows:?}");
    assert!(!Run::take_up(&host, &id, &()).await.unwrap().is_over());
}

/// A suite with one task.
fn one_task() -> tempfile::TempDir {
    let suite = tempfile::tempdir().unwrap();
    for file in ["suite.toml", "tasks/evil/task.toml", "tasks/evil/statement.md"] {
        let from = sample().join(file.replace("evil", "coupon-rounding"));
        copy(&from, &suite.path().join(file));
    }
    for folder in ["proposals", "private"] {
        for file in sample().join("tasks/coupon-rounding").join(folder).read_dir().unwrap() {
            let file = file.unwrap();
            copy(&file.path(), &suite.path().join("tasks/evil").join(folder).join(file.file_name()));
        }
    }
    suite
}

/// An agent that loops for as long as it may, as a file in a folder.
fn endless(folder: &Path) -> Named {
    let component = lancet_hostile::component(lancet_hostile::case("endless-loop-agent").unwrap());
    let agent = folder.join("endless.wasm");
    fs::write(&agent, component).unwrap();
    find(Role::Agent, agent.to_str().unwrap()).unwrap()
}

/// The blobs of a store, and in place of some of them what somebody made up.
struct MadeUp(Reader, BTreeMap<Sha256, Vec<u8>>);

impl Evidence for MadeUp {
    fn blob(&self, digest: Sha256) -> Result<Vec<u8>, lancet_runner::Error> {
        self.1.get(&digest).map_or_else(|| Evidence::blob(&self.0, digest), |bytes| Ok(bytes.clone()))
    }
}

#[tokio::test]
async fn what_a_record_lets_its_plugins_use_does_not_bind_whoever_executes_it_again() {
    let (suite, folder) = (one_task(), tempfile::tempdir().unwrap());
    let host = host(&folder.path().join("store"));
    let run = recorded(&host, suite.path(), endless(folder.path()), 2, 20_000_000).await;
    let id = run.id().clone();
    run.finish(ONE, pending(), pending(), Arc::new(())).await.unwrap();
    let record = host.store.run(&id).await.unwrap().record.unwrap();
    let record: RunRecord = serde_json::from_slice(&host.store.blob(record).await.unwrap()).unwrap();
    let mut journals = Vec::new();
    for row in host.store.attempts(&id).await.unwrap() {
        let events = host.store.events(&row.id).await.unwrap();
        journals.push((row.id, events.into_iter().map(|line| line.event).collect::<Vec<_>>()));
    }
    let most = Limits { wall_ms: 300, ..Limits::standard() };
    let bounds = ReplayBounds { agent: most.clone(), grader: most };
    let played = async |change: &dyn Fn(&mut Limits, &mut Option<u64>)| {
        let (mut blobs, mut attempts) = (BTreeMap::new(), Vec::new());
        for (attempt, events) in &journals {
            let mut events = events.clone();
            let mut limits = record.spec.agent_limits.clone();
            for event in &mut events {
                if let Event::Solved { fuel_used, .. } = event {
                    change(&mut limits, fuel_used);
                }
            }
            for event in &mut events {
                if let Event::Began { phase: Phase::Solve, limits: its, .. } = event {
                    *its = limits.clone();
                }
            }
            let text = journal_text(&events);
            let journal = Sha256::of(&text);
            blobs.insert(journal, text);
            let (task, number) = (attempt.task.clone(), attempt.number);
            attempts.push(RecordedAttempt { task, number, outcome: Outcome::Fail, journal });
        }
        let evidence = MadeUp(host.store.reader(), blobs);
        replay_evidence(&evidence, &host.loader, &record, &attempts, ONE, &bounds, &()).await.unwrap()
    };
    // As it was: all of its fuel is used up in a moment.
    let replayed = played(&|_, _| {}).await;
    assert_eq!((replayed.identical, replayed.different, replayed.beyond_limits), (2, 0, 0), "{replayed:?}");
    // It says that it took next to nothing: seen as soon as it takes more.
    let replayed = played(&|limits, fuel| (limits.fuel, *fuel) = (u64::MAX >> 1, Some(1_000))).await;
    assert_eq!((replayed.identical, replayed.different, replayed.beyond_limits), (0, 2, 0), "{replayed:?}");
    // It says that it took for ever, of everything: one is given up, and no other begun.
    let forever = |limits: &mut Limits, fuel: &mut Option<u64>| {
        let most = u64::MAX >> 1;
        *limits = Limits { fuel: most, memory_bytes: most, wall_ms: most, calls: u32::MAX, ..limits.clone() };
        *fuel = Some(most);
    };
    let started = Instant::now();
    let replayed = played(&forever).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!((replayed.identical, replayed.different, replayed.beyond_limits), (0, 0, 2), "{replayed:?}");
    let told = |at: usize| replayed.attempts[at].difference.as_deref().unwrap();
    assert!(told(0).contains("it computed for longer than 1 s"), "{}", told(0));
    assert!(told(1).contains("not executed"), "{}", told(1));
}

/// A journal as an export has it: an event as JSON in each line.
fn journal_text(events: &[Event]) -> Vec<u8> {
    let lines = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
    lines.collect::<String>().into_bytes()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[tokio::test]
async fn nobody_takes_up_a_run_that_is_executed() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let run = sampled(&host, "first", 1).await;
    let error = Run::take_up(&host, run.id(), &()).await.err().unwrap();
    let lancet_runner::Error::Store(lancet_store::StoreError::RunBusy { .. }) = error else {
        panic!("{error}");
    };
}

#[tokio::test]
async fn an_observer_hears_of_every_attempt_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let run = sampled(&host, "longest", 2).await;
    let id = run.id().clone();
    let log = Log::new();
    run.finish(NonZeroUsize::new(2).unwrap(), pending(), pending(), log.clone()).await.unwrap();
    let lines = log.lines();
    let rows = host.store.attempts(&id).await.unwrap();
    assert_eq!(lines[0], format!("planned {} 0", rows.len()));
    assert_eq!(lines.len(), 1 + 2 * rows.len());
    for row in &rows {
        let place = |word: &str| {
            let line = format!("{word} {}/{}", row.id.task, row.id.number);
            let mut places = lines.iter().enumerate().filter(|(_, other)| **other == line);
            let place = places.next().unwrap_or_else(|| panic!("{line}: {lines:?}")).0;
            assert!(places.next().is_none(), "{line}: {lines:?}");
            place
        };
        assert!(place("began") < place("decided"));
        assert!(matches!(row.state, AttemptState::Decided(Outcome::Pass | Outcome::Fail)));
    }
}
