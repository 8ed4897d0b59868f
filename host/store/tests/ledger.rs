//! The ledger: requests to models, set aside and settled.

mod fixture;

use std::path::{Path, PathBuf};

use fixture::{attempts, id, run, spec};
use lancet_core::{
    AnswerMark, AttemptId, CallRecord, Event, Microdollars, ModelAnswer, Phase, Request, Response, RunId,
    Sha256, Spent, StopReason, Usage,
};
use lancet_store::{EntryState, LedgerEntry, NewEntry, Store, StoreError, TimedEvent, Transition};

async fn with_run(folder: &Path) -> (Store, RunId, Vec<AttemptId>) {
    let store = Store::open(&folder.join("store")).unwrap();
    let run = run("00000a");
    let new = attempts(2);
    let ids = new.iter().map(|attempt| id(&run, attempt)).collect();
    store.create_run(run.clone(), "2026-11-23T08:33:29Z".to_owned(), &spec(), new).await.unwrap();
    (store, run, ids)
}

fn spent(input: u64, output: u64, cost: Option<u64>, estimated: bool) -> Spent {
    let usage = Usage { input: Some(input), output: Some(output), ..Usage::default() };
    Spent { usage, cost: cost.map(Microdollars), estimated }
}

fn new(attempt: &AttemptId, entry: u64) -> NewEntry {
    NewEntry {
        attempt: attempt.clone(),
        entry,
        phase: Phase::Solve,
        conversation: 0,
        ordinal: 0,
        model: "main".to_owned(),
        held: spent(1_000, 4_096, Some(70), true),
        attempt_ms: 12,
        run_ms: 3_000,
        held_at: "2026-11-23T08:33:30Z".to_owned(),
    }
}

#[tokio::test]
async fn a_request_is_held_and_settled_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, ids) = with_run(folder.path()).await;
    store.hold(new(&ids[0], 0)).await.unwrap();
    assert!(store.hold(new(&ids[0], 0)).await.is_err(), "a number is there once");
    let held = store.ledger(&run).await.unwrap();
    assert_eq!(
        held,
        [LedgerEntry {
            new: new(&ids[0], 0),
            state: EntryState::Held,
            spent: Spent::default(),
            tool_calls: None
        }]
    );
    assert_eq!(held[0].counts(), new(&ids[0], 0).held);

    let usage = Usage {
        input: Some(900),
        input_cached: Some(100),
        input_cache_written: Some(50),
        output: Some(40),
        output_reasoning: Some(30),
    };
    let came_to = Spent { usage, cost: None, estimated: false };
    store.settle(&ids[0], 0, came_to).await.unwrap();
    store.note_answer(&ids[0], 0, 3);
    let again = store.settle(&ids[0], 0, came_to).await.unwrap_err();
    assert!(matches!(again, StoreError::NotHeld { entry: 0, .. }), "{again}");
    let entry = store.ledger(&run).await.unwrap().remove(0);
    assert_eq!((entry.state, entry.spent, entry.tool_calls), (EntryState::Settled, came_to, Some(3)));

    let totals = store.reader().spending(&run).unwrap();
    let totals = totals[&ids[0]];
    assert_eq!((totals.requests, totals.answers, totals.tool_calls, totals.unpriced), (1, 1, 3, 1));
    assert_eq!((totals.input, totals.output, totals.cost()), (900, 40, None), "no price is not nothing");
}

#[tokio::test]
async fn what_a_dead_host_left_counts_as_what_was_held() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, ids) = with_run(folder.path()).await;
    for (attempt, entry) in [(&ids[0], 0), (&ids[0], 1), (&ids[1], 2)] {
        store.hold(new(attempt, entry)).await.unwrap();
    }
    store.settle(&ids[0], 0, spent(10, 20, Some(1), false)).await.unwrap();
    drop(store);
    let store = Store::open(&folder.path().join("store")).unwrap();
    assert_eq!(store.lose(&run).await.unwrap(), 2);
    assert_eq!(store.lose(&run).await.unwrap(), 0);
    let ledger = store.ledger(&run).await.unwrap();
    assert_eq!(ledger[0].state, EntryState::Settled);
    for lost in &ledger[1..] {
        assert_eq!((lost.state, lost.spent), (EntryState::Lost, lost.new.held));
    }
    let totals = store.reader().spending(&run).unwrap();
    assert_eq!(totals[&ids[0]].known_cost, Microdollars(71));
    assert_eq!((totals[&ids[0]].lost, totals[&ids[0]].estimated, totals[&ids[1]].requests), (1, 1, 1));
}

#[tokio::test]
async fn many_at_once_share_their_commits() {
    let folder = tempfile::tempdir().unwrap();
    let (store, run, ids) = with_run(folder.path()).await;
    let mut asking = tokio::task::JoinSet::new();
    for entry in 0..300 {
        let (store, attempt) = (store.clone(), ids[0].clone());
        asking.spawn(async move {
            store.hold(new(&attempt, entry)).await.unwrap();
            store.settle(&attempt, entry, spent(1, 1, Some(1), false)).await.unwrap();
        });
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    let totals = store.reader().spending(&run).unwrap()[&ids[0]];
    assert_eq!((totals.requests, totals.input, totals.cost()), (300, 300, Some(Microdollars(300))));
}

fn answer(spent: Spent, marks: Vec<AnswerMark>) -> TimedEvent {
    let raw = Sha256::of(b"raw");
    let answer = ModelAnswer {
        parts: Vec::new(),
        stop: StopReason::Finished,
        stop_detail: String::new(),
        spent,
        tries: Vec::new(),
        served: String::new(),
        marks,
        asked: Sha256::of(b"asked"),
        raw,
        waited_ms: 1,
    };
    let response = Response::Answered(Box::new(answer));
    let call = CallRecord { fuel_used: 1, request: Request::ModelAsk { conversation: 0 }, response };
    TimedEvent { at_us: 9, event: Event::Called { phase: Phase::Solve, call } }
}

#[tokio::test]
async fn a_journals_answers_are_in_the_ledger() {
    let cost = spent(10, 20, Some(1), false);
    for (journal, entries, problem) in [
        (vec![answer(cost, vec![])], vec![cost], None),
        (vec![answer(cost, vec![AnswerMark::FromRecord])], vec![], None),
        (vec![answer(cost, vec![])], vec![], Some("has no request with the answer to question 0")),
        (vec![answer(cost, vec![]), answer(cost, vec![])], vec![cost], Some("question 1 of conversation 0")),
        (
            vec![answer(cost, vec![])],
            vec![spent(10, 21, Some(1), false)],
            Some("it has to be 10 tokens in, 20"),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (store, run, ids) = with_run(folder.path()).await;
        for (entry, spent) in entries.into_iter().enumerate() {
            let entry = entry as u64;
            store.hold(new(&ids[0], entry)).await.unwrap();
            store.settle(&ids[0], entry, spent).await.unwrap();
            store.note_answer(&ids[0], entry, 0);
        }
        let began = fixture::solving().remove(0);
        let events = std::iter::once(began).chain(journal).collect();
        store.append(&ids[0], 0, events, Transition::None).await.unwrap();
        let audit = store.audit(&run).await.unwrap();
        let found: Vec<_> = audit.differences.iter().filter(|d| d.column == "ledger").collect();
        match problem {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(problem) => {
                assert_eq!(found.len(), 1, "{found:?}");
                assert!(found[0].problem.contains(problem), "{found:?}");
            }
        }
        // The blob is in no store.
        let missing = store.reader().check().unwrap();
        let raw = Sha256::of(b"raw").to_string();
        assert!(missing.iter().any(|line| line.contains(&raw)), "{missing:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_of_before_is_given_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/recorded/store");
    copy(&fixture, &folder.path().join("store"));
    let store = Store::open(&folder.path().join("store")).unwrap();
    let run = store.resolve_run("latest").await.unwrap();
    assert_eq!(store.ledger(&run).await.unwrap(), []);
    let row = store.attempts(&run).await.unwrap().remove(0);
    store.hold(new(&row.id, 0)).await.unwrap();
    assert_eq!(store.ledger(&run).await.unwrap().len(), 1);
}
