//! The log: it tells of runs and verdicts what the rest of the store says, and it only grows.

mod fixture;

use std::path::Path;

use fixture::{at, attempts, id, note, passed, run, solving, spec};
use lancet_core::{
    AttemptId, Cents, Leaf, LoggedBegin, LoggedEnd, LoggedReopening, LoggedVerdict, Outcome, RunId, Sha256,
};
use lancet_store::{Store, StoreError, Transition};
use rusqlite::Connection;

fn invalid() -> Transition {
    Transition::Decided {
        outcome: Outcome::Invalid,
        reason: "image-missing".parse().unwrap(),
        earned: Cents(0),
        verdict_digest: Sha256::of(b"invalid"),
        solve_us: None,
        grade_us: None,
        test_runs: 0,
        flaky: false,
    }
}

async fn created(store: &Store, last: &str, tasks: usize) -> (RunId, Vec<AttemptId>) {
    let (run, new) = (run(last), attempts(tasks));
    let ids = new.iter().map(|attempt| id(&run, attempt)).collect();
    store.put_blobs(fixture::blobs()).await.unwrap();
    store.create_run(run.clone(), "2026-11-23T08:33:29Z".to_owned(), &spec(), new).await.unwrap();
    (run, ids)
}

fn verdict(id: &AttemptId, outcome: Outcome, digest: &[u8]) -> LoggedVerdict {
    let AttemptId { run, task, number } = id.clone();
    LoggedVerdict { run, task, attempt: number, outcome, digest: Sha256::of(digest) }
}

fn leaves(store: &Store, run: &RunId) -> Vec<Leaf> {
    store.reader().leaves_of(run).unwrap().into_iter().map(|(_, leaf)| leaf).collect()
}

/// What the audit finds in the log of a run.
fn problems(store: &Store, run: &RunId) -> Vec<String> {
    let audit = store.reader().audit(run).unwrap();
    let of_log = audit.differences.iter().filter(|one| one.column == "log.leaf");
    of_log.map(ToString::to_string).collect()
}

fn change(store: &Path, sql: &str) {
    let database = Connection::open(store.join("lancet.db")).unwrap();
    database
        .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

#[tokio::test]
async fn each_beginning_verdict_and_end_is_a_leaf() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (run, ids) = created(&store, "00000a", 2).await;
    let reader = store.reader();
    let record = store.run(&run).await.unwrap().record.unwrap();
    let begin = Leaf::RunBegin(LoggedBegin::new(run.clone(), record, &spec(), 2, 2));
    assert_eq!(leaves(&store, &run), std::slice::from_ref(&begin));

    // What is not written is not in the log either.
    let twice = store.create_run(run.clone(), String::new(), &spec(), attempts(1)).await;
    assert!(matches!(twice, Err(StoreError::RunExists(_))));
    assert!(store.append(&ids[0], 7, Vec::new(), passed()).await.is_err());
    assert!(store.append(&ids[0], 0, vec![at(u64::MAX, note(1, 1))], passed()).await.is_err());
    assert!(store.finish_run(&run).await.is_err());
    assert_eq!(leaves(&store, &run), std::slice::from_ref(&begin));

    // Another run between them.
    store.append(&ids[1], 0, solving(), passed()).await.unwrap();
    let (other, _) = created(&store, "00000b", 1).await;
    store.append(&ids[0], 0, solving(), Transition::Submitted { solve_us: 70 }).await.unwrap();
    store.append(&ids[0], 6, Vec::new(), invalid()).await.unwrap();
    assert_eq!(problems(&store, &run), [""; 0]);
    store.finish_run(&run).await.unwrap();
    store.finish_run(&run).await.unwrap();
    let first =
        vec![verdict(&ids[0], Outcome::Invalid, b"invalid"), verdict(&ids[1], Outcome::Pass, b"verdict")];
    let mut expected = vec![begin, Leaf::Verdict(first[1].clone()), Leaf::Verdict(first[0].clone())];
    expected.push(Leaf::RunEnd(LoggedEnd::new(run.clone(), first.clone())));
    assert_eq!(leaves(&store, &run), expected);

    // What the infrastructure failed is taken up again, and that is told.
    assert!(store.reopen_attempt(&ids[1], 6, at(0, note(9, 1)), true).await.is_err());
    store.reopen_attempt(&ids[0], 6, at(0, note(9, 1)), true).await.unwrap();
    assert_eq!(problems(&store, &run), [""; 0]);
    store.append(&ids[0], 7, Vec::new(), passed()).await.unwrap();
    store.finish_run(&run).await.unwrap();
    let last = vec![verdict(&ids[0], Outcome::Pass, b"verdict"), first[1].clone()];
    let AttemptId { task, number, .. } = ids[0].clone();
    expected.push(Leaf::Reopened(LoggedReopening { run: run.clone(), task, attempt: number }));
    expected.extend([Leaf::Verdict(last[0].clone()), Leaf::RunEnd(LoggedEnd::new(run.clone(), last))]);
    assert_eq!(leaves(&store, &run), expected);
    assert_eq!(problems(&store, &run), [""; 0]);
    assert_eq!(problems(&store, &other), [""; 0]);
    assert_eq!(reader.check().unwrap(), Vec::<String>::new());

    // All of it, in the order of places, and under one name.
    let mut all = Vec::new();
    reader.each_leaf(|leaf| all.push(Leaf::parse(leaf).unwrap())).unwrap();
    assert_eq!(all.len(), 8);
    assert_eq!(all[2], leaves(&store, &other)[0]);
    let places: Vec<_> = reader.leaves_of(&run).unwrap().into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, [0, 1, 3, 4, 5, 6, 7]);
    let origin = reader.log_origin().unwrap();
    assert!(origin.len() == 43 && origin.starts_with("lancet:log/"), "{origin}");
    drop((reader, store));
    assert_eq!(Store::open(folder.path()).unwrap().reader().log_origin().unwrap(), origin);
    let another = tempfile::tempdir().unwrap();
    assert_ne!(Store::open(another.path()).unwrap().reader().log_origin().unwrap(), origin);
}

#[tokio::test]
async fn a_log_that_was_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (run, ids) = created(&store, "00000a", 2).await;
    for id in &ids {
        store.append(id, 0, solving(), passed()).await.unwrap();
    }
    store.finish_run(&run).await.unwrap();
    assert_eq!(problems(&store, &run), [""; 0]);
    drop(store);
    let database = Connection::open(folder.path().join("lancet.db")).unwrap();
    for sql in ["UPDATE log SET place = 9 WHERE place = 3", "DELETE FROM log WHERE place = 3"] {
        let error = database.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("the log only grows"), "{error}");
    }
    // Nor does it go with its run, as long as the database is asked to look.
    database.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    assert!(database.execute("DELETE FROM runs", []).is_err());
    drop(database);
    change(folder.path(), "DROP TRIGGER log_stays; DROP TRIGGER log_keeps");
    let sound = std::fs::read(folder.path().join("lancet.db")).unwrap();
    let first = format!("{}/{}/1", run, ids[0].task);
    for (sql, expected, whole) in [
        ("DELETE FROM log", "does not tell that the run began", ""),
        (
            "DELETE FROM log WHERE place = 0",
            "tells of the run before it tells that it began",
            "goes from -1 to 1",
        ),
        (
            "DELETE FROM log WHERE place = 1",
            "tells of no verdict, by its row it has to be pass",
            "goes from 0 to 2",
        ),
        ("DELETE FROM log WHERE place = 3", "tells that the run has not ended, and `runs.finished` is 1", ""),
        ("UPDATE log SET place = 7 WHERE place = 1", "at 3 tells of 2 verdicts", "goes from 0 to 2"),
        (
            "UPDATE log SET leaf = replace(leaf, '\"pass\"', '\"fail\"') WHERE place = 1",
            "tells of fail, sha256:",
            "",
        ),
        (
            "UPDATE log SET leaf = replace(leaf, '\"seed\"', '\"Seed\"')",
            "at 0 is no leaf of a log",
            "`log.leaf` at 0",
        ),
        (
            "UPDATE log SET leaf = replace(leaf, '\"due\":2', '\"due\":3')",
            "at 0 has `due` 3, by the run it has to be 2",
            "",
        ),
        (
            "UPDATE log SET leaf = replace(leaf, '\"verdicts\":2', '\"verdicts\":3')",
            "at 3 tells of 3 verdicts",
            "",
        ),
        (
            "UPDATE log SET leaf = replace(leaf, '-00000a', '-00000b') WHERE place = 1",
            "at 1 is of run",
            "of leaf 1 is",
        ),
        (
            "UPDATE log SET leaf = replace(leaf, '0000-manager-0', '0002-manager-0')",
            "there is no such attempt",
            "",
        ),
        (
            "INSERT INTO log SELECT 4, run, leaf FROM log WHERE place = 1",
            "at 4 tells of a second verdict",
            "",
        ),
        (
            "INSERT INTO log SELECT 4, run, leaf FROM log WHERE place = 0",
            "at 4 tells again that the run began",
            "",
        ),
        (
            "INSERT INTO log SELECT 4, run, leaf FROM log WHERE place = 3",
            "at 4 tells again that the run ended",
            "",
        ),
        (
            "INSERT INTO log SELECT 4, run, '{\"leaf\":\"reopened\",\"run\":\"' || run || '\",\"task\":\"0000-manager-0\",\"attempt\":1}' FROM log LIMIT 1",
            "at 4 takes back a verdict that was not invalid",
            "",
        ),
        ("UPDATE runs SET finished = 0", "tells that the run has ended, and `runs.finished` is 0", ""),
        ("UPDATE log_origin SET before = 1", "has the leaf 0 of a run from before there was a log", ""),
        (
            "DELETE FROM attempts WHERE number = 1 AND task LIKE '0000%'",
            "at 0 has `tasks` 2, by the run it has to be 1",
            "",
        ),
    ] {
        for beside in ["lancet.db-wal", "lancet.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(beside));
        }
        std::fs::write(folder.path().join("lancet.db"), &sound).unwrap();
        change(folder.path(), sql);
        let store = Store::open(folder.path()).unwrap();
        let found = problems(&store, &run).join("; ");
        assert!(found.contains(expected), "{sql}: {found}");
        if expected.starts_with("tells of") && !whole.starts_with("goes from -1") {
            assert!(found.contains(&first), "{sql}: {found}");
        }
        let check = store.reader().check().unwrap().join("; ");
        assert!(check.contains(whole), "{sql}: {check}");
    }
}

#[tokio::test]
async fn runs_from_before_there_was_a_log_have_no_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (old, ids) = created(&store, "00000a", 1).await;
    drop(store);
    change(folder.path(), "DROP TABLE log; DROP TABLE log_origin; PRAGMA user_version = 5");
    // Whoever only looks sees the same, and changes nothing.
    assert!(!Store::look(folder.path()).unwrap().run(&old).unwrap().logged);
    let store = Store::open(folder.path()).unwrap();
    store.append(&ids[0], 0, solving(), passed()).await.unwrap();
    store.finish_run(&old).await.unwrap();
    assert_eq!(leaves(&store, &old), []);
    let audit = store.audit(&old).await.unwrap();
    assert!(!audit.is_logged() && !audit.run.logged && !store.run(&old).await.unwrap().logged);
    assert_eq!(problems(&store, &old), [""; 0]);
    // The next one is the first that the log tells of.
    let (new, _) = created(&store, "00000b", 1).await;
    assert_eq!(store.reader().leaves_of(&new).unwrap()[0].0, 0);
    assert!(store.audit(&new).await.unwrap().is_logged());
    assert!(store.run(&new).await.unwrap().logged);
    assert_eq!(problems(&store, &new), [""; 0]);
    assert_eq!(store.reader().check().unwrap(), Vec::<String>::new());
}
