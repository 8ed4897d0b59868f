//! An attempt whose host is killed between any two of its calls, each of which costs
//! money: a process of its own, and a double that counts in a file what it was asked.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lancet_core::{
    Answer, CallError, CallErrorKind, Cents, Effect, Grant, Kind, Limits, PluginIdentity, Response, Role,
    RunSpec, SolveEnd,
};
use lancet_engine::{Answering, Exchange, NotRecalled};
use lancet_store::NewAttempt;

use super::*;

/// Where the process under test finds its store, and the call before or after which it dies.
const FOLDER: &str = "LANCET_TEST_FOLDER";
const DIES: &str = "LANCET_TEST_DIES";

/// What the plugin asks, one after the other: what costs money, and what does not.
fn script() -> Vec<Request> {
    let paid = |command: &str| Request::ShellRun { command: command.to_owned(), timeout_seconds: 1 };
    vec![
        paid("one"),
        Request::RandomNext,
        paid("two"),
        // Of a size that goes into a blob.
        paid(&"three".repeat(8_000)),
        Request::WorkspaceRead { path: "../refused".to_owned(), offset: 0, length: 1 },
        paid("refused"),
        Request::RandomBelow { bound: 1_000 },
        paid("five"),
    ]
}

/// Answers for money, and keeps count of it in a file.
struct Paid {
    asked: PathBuf,
    dies_before: Option<usize>,
}

impl Outside for Paid {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        let Request::ShellRun { command, .. } = request else { panic!("{request:?} was asked") };
        let number = read_lines(&self.asked).len();
        if self.dies_before == Some(number) {
            die();
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.asked).unwrap();
        writeln!(file, "{command}").unwrap();
        file.sync_all().unwrap();
        Answering::Now(match command.as_str() {
            "refused" => Err(CallError::new(CallErrorKind::Other, "no").into()),
            command => Ok(Response::Text(format!("answer {number} to {}", command.len()))),
        })
    }

    fn effect(&self, request: &Request) -> Effect {
        match request {
            Request::ShellRun { .. } => Effect::Paid,
            request => request.effect(),
        }
    }

    fn recall(&self, _: &CallRecord) -> Result<(), NotRecalled> {
        Ok(())
    }
}

fn read_lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Dies as nobody can keep a process from.
fn die() -> ! {
    Command::new("kill").arg("-KILL").arg(std::process::id().to_string()).status().unwrap();
    loop {
        std::thread::park();
    }
}

fn plugin(name: &str) -> PluginIdentity {
    PluginIdentity { name: name.to_owned(), digest: Sha256::of(name.as_bytes()) }
}

/// A run of one attempt.
async fn recorded(store: &Store) -> AttemptRow {
    let spec: RunSpec = serde_json::from_value(serde_json::json!({
        "suite": {"reported": {"name": "s", "digest": Sha256::of(b"s")}, "path": "s"},
        "agent": plugin("agent"),
        "graders": [plugin("grader")],
        "seed": 0,
        "attempts": 1,
        "kind": null,
        "tasks": [],
        "agent-grant": Grant::standard(Role::Agent),
        "grader-grant": Grant::standard(Role::Grader),
        "agent-limits": Limits::standard(),
        "grader-limits": Limits::standard(),
        "engine": ENGINE_ID,
        "not-runnable": [],
        "baselines": null,
    }))
    .unwrap();
    let attempt = NewAttempt {
        task: "one".parse().unwrap(),
        number: 1,
        kind: Kind::IcSwe,
        price: Cents(1_000),
        task_blob: store.put_blob(b"{}".to_vec()).await.unwrap(),
        key_blob: None,
        setting_blob: None,
        grader: plugin("grader"),
    };
    let run: RunId = "20261123-083329-4f2a9c".parse().unwrap();
    store.create_run(run.clone(), "2026-11-23T08:33:29Z".to_owned(), &spec, vec![attempt]).await.unwrap();
    row(store).await
}

async fn row(store: &Store) -> AttemptRow {
    let run = store.resolve_run("latest").await.unwrap();
    store.attempts(&run).await.unwrap().remove(0)
}

/// Works on the attempt from wherever it is, until it is handed in or the process dies.
async fn work(folder: &Path, dies_before: Option<usize>, dies_after: Option<usize>) {
    let store = Store::open(&folder.join("store")).unwrap();
    let row = match store.runs().await.unwrap().as_slice() {
        [] => recorded(&store).await,
        _ => row(&store).await,
    };
    let limits = Limits::standard();
    let mut recorder = Recorder::take_up(&store, &row, None).await.unwrap();
    let began = Event::Began {
        phase: Phase::Solve,
        plugin: plugin("agent").digest,
        grant: Grant::standard(Role::Agent).iter().collect(),
        limits: limits.clone(),
        engine: ENGINE_ID.to_owned(),
        record: store.run(&row.id.run).await.unwrap().record,
        jail: None,
        package: None,
    };
    let outside = Arc::new(Paid { asked: folder.join("asked"), dies_before });
    let Beginning { began_us, behind, journal } = recorder.begin(began, Phase::Solve, |_| outside.clone());
    let mut exchange = Exchange::new(&limits, [3; 32], behind, Some(journal));
    for (number, request) in script().into_iter().enumerate() {
        let fuel_used = 10_000 * (number as u64 + 1);
        match request {
            Request::RandomNext | Request::RandomBelow { .. } => {
                exchange.answer_now(fuel_used, request).unwrap();
            }
            request => {
                exchange.answer(fuel_used, request).await.unwrap();
            }
        }
        if dies_after == Some(number) {
            die();
        }
    }
    assert_eq!(exchange.finish().missing, None);
    let (end, submission) = (SolveEnd::Answer(Answer::Nothing), Answer::Nothing.digest());
    let solved_us = recorder.note(Event::Solved { end, fuel_used: Some(1), submission });
    let solve_us = solved_us.saturating_sub(began_us);
    recorder.commit(Transition::Submitted { solve_us }).await.unwrap();
}

/// What the process that is killed does; in the others nothing.
#[tokio::test]
async fn process_that_dies() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (before, after) = match std::env::var(DIES).unwrap().split_once(' ') {
        Some(("before", number)) => (number.parse().ok(), None),
        Some((_, number)) => (None, number.parse().ok()),
        None => (None, None),
    };
    work(Path::new(&folder), before, after).await;
}

/// Starts that process, and says whether it came to its end.
fn process(folder: &Path, dies: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "recorder::killed::process_that_dies"]).env(FOLDER, folder).env(DIES, dies);
    command.output().unwrap().status.success()
}

/// The calls of the attempt by its journal, after the journal has been looked over.
async fn calls(folder: &Path) -> Vec<CallRecord> {
    let store = Store::open(&folder.join("store")).unwrap();
    let row = row(&store).await;
    assert_eq!(row.state, AttemptState::Submitted);
    let audit = store.audit(&row.id.run).await.unwrap();
    let of_journal: Vec<_> = audit.differences.iter().filter(|d| !d.column.contains("task")).collect();
    assert!(of_journal.is_empty(), "{of_journal:?}");
    let mut history = History::default();
    for line in store.events(&row.id).await.unwrap() {
        history.add(line.at_us, line.event).unwrap();
    }
    let calls = history.solve.clone().unwrap().calls;
    assert_eq!(history.whole().unwrap_err().to_string(), "no verdict");
    calls
}

#[tokio::test]
async fn what_was_paid_for_is_asked_once_wherever_the_host_is_killed() {
    let undisturbed = tempfile::tempdir().unwrap();
    assert!(process(undisturbed.path(), "never"));
    let due = calls(undisturbed.path()).await;
    let asked = read_lines(&undisturbed.path().join("asked"));
    assert_eq!((due.len(), asked.len()), (script().len(), 5));

    // Once at each place, and at one place after the other in one attempt.
    let after = (0..script().len()).map(|number| vec![format!("after {number}")]);
    let before = (0..asked.len()).map(|number| vec![format!("before {number}")]);
    let each = (0..asked.len()).flat_map(|number| [format!("before {number}"), format!("after {number}")]);
    for deaths in after.chain(before).chain([each.collect()]) {
        let folder = tempfile::tempdir().unwrap();
        for death in &deaths {
            assert!(!process(folder.path(), death), "{death}");
        }
        assert!(process(folder.path(), "never"), "{deaths:?}");
        assert_eq!(read_lines(&folder.path().join("asked")), asked, "{deaths:?}");
        assert_eq!(calls(folder.path()).await, due, "{deaths:?}");
    }
}
