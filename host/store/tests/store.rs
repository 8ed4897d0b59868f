//! The store as its users see it.

mod fixture;

use std::fs;
use std::path::Path;

use fixture::{at, attempts, id, note, passed, run, solving, spec};
use lancet_core::{AttemptId, AttemptState, Cents, Outcome, RunId, Sha256};
use lancet_store::{Store, StoreError, Transition};

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    Place { _folder: folder, store }
}

/// A store with a run of so many attempts.
async fn with_run(tasks: usize) -> (Place, RunId, Vec<AttemptId>) {
    let place = place();
    let run = run("00000a");
    let new = attempts(tasks);
    let ids = new.iter().map(|attempt| id(&run, attempt)).collect();
    place.store.create_run(run.clone(), "2026-11-23T08:33:29Z".to_owned(), &spec(), new).await.unwrap();
    (place, run, ids)
}

#[test]
fn what_is_no_store_is_told_as_what_it_is() {
    let place = place();
    let folder = place.store.folder().to_owned();
    drop(place.store);
    let database = folder.join("lancet.db");
    let told = || {
        [Store::open(&folder), Store::open_existing(&folder)].map(|opened| opened.unwrap_err().to_string())
    };
    let is_told = |expected: &str| {
        for told in told() {
            assert!(told.contains("is not a store") && told.contains(expected), "{told}");
        }
    };
    fs::rename(&database, folder.join("kept")).unwrap();
    for target in ["/nowhere/at/all", "lancet.db"] {
        std::os::unix::fs::symlink(target, &database).unwrap();
        is_told("its `lancet.db` is a link to nothing that is there");
        fs::remove_file(&database).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(&database).unwrap();
    is_told("its `lancet.db` is no file");
    fs::remove_file(&database).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &database).unwrap();
    is_told("its `lancet.db` is no file");
    fs::remove_file(&database).unwrap();
    fs::rename(folder.join("kept"), &database).unwrap();
    for name in ["blobs", "locks"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name), "").unwrap();
        is_told(&format!("its `{name}` is no folder"));
        fs::remove_file(folder.join(name)).unwrap();
    }
}

#[tokio::test]
async fn a_run_comes_back_as_it_was() {
    let (place, run, ids) = with_run(3).await;
    let store = &place.store;

    let row = store.run(&run).await.unwrap();
    assert_eq!((row.created.as_str(), &row.spec, row.finished), ("2026-11-23T08:33:29Z", &spec(), false));
    assert_eq!((row.counts.attempts, row.counts.queued, row.counts.available), (3, 3, Cents(300_000)));

    let events = solving();
    let next =
        store.append(&ids[0], 0, events.clone(), Transition::Submitted { solve_us: 70 }).await.unwrap();
    assert_eq!(next, 6);
    assert_eq!(store.events(&ids[0]).await.unwrap(), events);
    assert_eq!(store.attempt(&ids[0]).await.unwrap().state, AttemptState::Submitted);
    assert_eq!(store.append(&ids[0], 6, vec![at(80, note(9, 1))], passed()).await.unwrap(), 7);

    let rows = store.attempts(&run).await.unwrap();
    assert_eq!(rows.iter().map(|row| &row.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    let row = &rows[0];
    assert_eq!(row.state, AttemptState::Decided(Outcome::Pass));
    assert_eq!((row.events, row.settled), (7, 7));
    assert_eq!(row.reason.as_ref().unwrap().as_str(), "right-choice");
    assert_eq!((row.earned, row.verdict_digest), (Some(Cents(100_000)), Some(Sha256::of(b"verdict"))));
    assert_eq!((row.solve_us, row.grade_us), (Some(70), Some(60)));
    assert_eq!((rows[0].key_blob, rows[1].key_blob), (Some(Sha256::of(b"key")), None));
    assert_eq!(rows[1].state, AttemptState::Queued);

    let counts = store.runs().await.unwrap()[0].counts;
    assert_eq!((counts.pass, counts.pending(), counts.earned), (1, 2, Cents(100_000)));
}

#[tokio::test]
async fn it_is_all_there_after_opening_again() {
    let (place, run, ids) = with_run(2).await;
    place.store.append(&ids[1], 0, solving(), Transition::None).await.unwrap();
    let folder = place.store.folder().to_owned();
    let Place { _folder, store } = place;
    drop(store);
    let store = Store::open_existing(&folder).unwrap();
    assert_eq!(store.events(&ids[1]).await.unwrap(), solving());
    assert_eq!(store.reader().run(&run).unwrap().counts.attempts, 2);
}

#[tokio::test]
async fn nothing_is_recorded_twice() {
    let (place, _, ids) = with_run(1).await;
    let store = &place.store;
    let submitted = || Transition::Submitted { solve_us: 70 };
    store.append(&ids[0], 0, solving(), submitted()).await.unwrap();

    let error = store.append(&ids[0], 0, solving(), submitted()).await.unwrap_err();
    assert!(matches!(error, StoreError::Sequence { expected: 6, given: 0, .. }), "{error}");
    let error = store.append(&ids[0], 7, solving(), Transition::None).await.unwrap_err();
    assert!(matches!(error, StoreError::Sequence { expected: 6, given: 7, .. }), "{error}");
    let error = store.append(&ids[0], 6, solving(), submitted()).await.unwrap_err();
    assert!(matches!(error, StoreError::AlreadySubmitted(_)), "{error}");

    store.append(&ids[0], 6, Vec::new(), passed()).await.unwrap();
    let error = store.append(&ids[0], 6, vec![at(0, note(0, 1))], Transition::None).await.unwrap_err();
    assert!(matches!(error, StoreError::AlreadyDecided(_)), "{error}");
    let error = store.discard_partial(&ids[0], 6).await.unwrap_err();
    assert!(matches!(error, StoreError::AlreadyDecided(_)), "{error}");
    assert_eq!(store.events(&ids[0]).await.unwrap().len(), 6);
}

#[tokio::test]
async fn what_the_infrastructure_failed_can_be_taken_up_again() {
    let (place, run, ids) = with_run(2).await;
    let store = &place.store;
    let invalid = || Transition::Decided {
        outcome: Outcome::Invalid,
        reason: "image-missing".parse().unwrap(),
        earned: Cents(0),
        verdict_digest: Sha256::of(b"invalid"),
        solve_us: None,
        grade_us: None,
        test_runs: 0,
        flaky: false,
    };
    let reopened = || at(0, note(9, 1));
    store.append(&ids[0], 0, solving(), Transition::Submitted { solve_us: 70 }).await.unwrap();
    store.append(&ids[0], 6, Vec::new(), invalid()).await.unwrap();
    store.append(&ids[1], 0, solving(), passed()).await.unwrap();
    store.finish_run(&run).await.unwrap();

    let error = store.reopen_attempt(&ids[1], 6, reopened(), true).await.unwrap_err();
    assert!(matches!(error, StoreError::NotReopened(_)), "{error}");
    let error = store.reopen_attempt(&ids[0], 5, reopened(), true).await.unwrap_err();
    assert!(matches!(error, StoreError::NotReopened(_)), "{error}");
    store.reopen_attempt(&ids[0], 6, reopened(), true).await.unwrap();

    let row = store.attempt(&ids[0]).await.unwrap();
    assert_eq!((row.state, row.events, row.settled), (AttemptState::Submitted, 7, 7));
    assert_eq!((row.reason, row.earned, row.verdict_digest, row.solve_us), (None, None, None, Some(70)));
    assert!(!store.run(&run).await.unwrap().finished);
    store.append(&ids[0], 7, Vec::new(), passed()).await.unwrap();
    store.finish_run(&run).await.unwrap();
    assert_eq!(store.events(&ids[0]).await.unwrap().len(), 7);
}

#[tokio::test]
async fn a_failed_append_writes_nothing() {
    let (place, run, ids) = with_run(1).await;
    // The second event's time does not fit; the first was inserted by then.
    let events = vec![at(0, note(0, 1)), at(u64::MAX, note(1, 1))];
    let error = place.store.append(&ids[0], 0, events, Transition::None).await.unwrap_err();
    assert!(matches!(error, StoreError::OutOfRange { value: u64::MAX, .. }), "{error}");
    assert_eq!(place.store.events(&ids[0]).await.unwrap(), []);

    let stranger = AttemptId { number: 2, ..ids[0].clone() };
    let error = place.store.append(&stranger, 0, solving(), Transition::None).await.unwrap_err();
    assert!(matches!(error, StoreError::UnknownAttempt(ref id) if *id == stranger), "{error}");
    assert_eq!(place.store.attempts(&run).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_group_with_failing_members_keeps_the_others() {
    let (place, run, ids) = with_run(64).await;
    // Submitted together, so that they meet in the writer's queue; every fourth
    // has a wrong sequence number.
    let tasks: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| {
            let (store, id) = (place.store.clone(), id.clone());
            tokio::spawn(async move {
                store.append(&id, u64::from(n % 4 == 0), solving(), Transition::None).await
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().is_err(), n % 4 == 0, "{n}");
    }
    for (n, row) in place.store.attempts(&run).await.unwrap().into_iter().enumerate() {
        assert_eq!(row.events, if n % 4 == 0 { 0 } else { 6 }, "{n}");
    }
}

#[tokio::test]
async fn a_half_recorded_phase_can_be_taken_back() {
    let (place, _, ids) = with_run(1).await;
    let store = &place.store;
    store.append(&ids[0], 0, solving(), Transition::Submitted { solve_us: 1 }).await.unwrap();
    store.append(&ids[0], 6, vec![at(0, note(0, 1)), at(1, note(1, 1))], Transition::None).await.unwrap();
    let row = store.attempt(&ids[0]).await.unwrap();
    assert_eq!((row.events, row.settled), (8, 6));

    for keep in [5, 9] {
        let error = store.discard_partial(&ids[0], keep).await.unwrap_err();
        assert!(matches!(error, StoreError::Discard { .. }), "{error}");
    }
    store.discard_partial(&ids[0], 6).await.unwrap();
    assert_eq!(store.events(&ids[0]).await.unwrap(), solving());
    store.append(&ids[0], 6, Vec::new(), passed()).await.unwrap();
}

#[tokio::test]
async fn long_events_go_into_blobs() {
    let (place, _, ids) = with_run(1).await;
    let events = vec![at(0, note(0, 10)), at(1, note(1, 40_000)), at(2, note(2, 10))];
    place.store.append(&ids[0], 0, events.clone(), Transition::None).await.unwrap();
    assert_eq!(place.store.events(&ids[0]).await.unwrap(), events);

    let digest = Sha256::of(&serde_json::to_vec(&events[1].event).unwrap());
    let hex = digest.hex();
    let path = place.store.folder().join("blobs").join(&hex[..2]).join(&hex[2..]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace('1', "7")).unwrap();
    let error = place.store.events(&ids[0]).await.unwrap_err();
    assert!(matches!(error, StoreError::BlobCorrupt { digest: d, .. } if d == digest), "{error}");
    let problems = place.store.reader().check().unwrap();
    assert!(problems.iter().any(|problem| problem.contains(&hex)), "{problems:?}");
}

#[tokio::test]
async fn runs_are_found_by_what_people_write() {
    let place = place();
    let store = &place.store;
    assert!(matches!(store.resolve_run("latest").await, Err(StoreError::NoRuns { .. })));
    for last in ["0000aa", "0000ab", "1000aa"] {
        store.create_run(run(last), String::new(), &spec(), Vec::new()).await.unwrap();
    }
    assert_eq!(store.resolve_run("latest").await.unwrap(), run("1000aa"));
    assert_eq!(store.resolve_run("20261123-083329-1").await.unwrap(), run("1000aa"));
    assert_eq!(store.resolve_run("20261123-083329-0000aa").await.unwrap(), run("0000aa"));
    let error = store.resolve_run("20261123-083329-0").await.unwrap_err();
    assert!(
        matches!(&error, StoreError::AmbiguousRun { runs, .. } if *runs == [run("0000aa"), run("0000ab")])
    );
    assert!(error.to_string().contains("0000ab"), "{error}");
    for text in ["", "x", "%", "20261124", "1000aa"] {
        assert!(matches!(store.resolve_run(text).await, Err(StoreError::UnknownRun { .. })), "{text}");
    }
    // Set back, a clock gives the next run an id that comes before.
    let earlier: RunId = "20251123-083329-ffffff".parse().unwrap();
    store.create_run(earlier.clone(), String::new(), &spec(), Vec::new()).await.unwrap();
    assert_eq!(store.resolve_run("latest").await.unwrap(), earlier);
    assert_eq!(store.reader().run_ids().unwrap().last(), Some(&earlier));
    assert_eq!(store.runs().await.unwrap().last().map(|row| row.id.clone()), Some(earlier));
    assert!(matches!(store.attempts(&run("ffffff")).await, Err(StoreError::UnknownRun { .. })));
    assert_eq!(store.attempts(&run("0000aa")).await.unwrap(), []);
}

#[tokio::test]
async fn a_run_is_created_once_and_whole() {
    let (place, run_id, _) = with_run(2).await;
    let again = place.store.create_run(run_id.clone(), String::new(), &spec(), attempts(9)).await;
    assert!(matches!(again, Err(StoreError::RunExists(id)) if id == run_id));
    let mut twice = attempts(2);
    twice.push(twice[1].clone());
    let error = place.store.create_run(run("00000b"), String::new(), &spec(), twice).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::DuplicateAttempt(id) if id.task.as_str() == "0001-manager-0"),
        "{error}"
    );
    assert_eq!(place.store.runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_a_decided_run_can_be_finished() {
    let (place, run_id, ids) = with_run(1).await;
    let store = &place.store;
    let error = store.finish_run(&run_id).await.unwrap_err();
    assert!(matches!(error, StoreError::Undecided { undecided: 1, .. }), "{error}");
    store.append(&ids[0], 0, solving(), passed()).await.unwrap();
    store.finish_run(&run_id).await.unwrap();
    assert!(store.run(&run_id).await.unwrap().finished);
    // Another time changes nothing, and the log tells it once.
    store.finish_run(&run_id).await.unwrap();
    assert_eq!(store.reader().leaves_of(&run_id).unwrap().len(), 3);
    assert!(matches!(store.finish_run(&run("ffffff")).await, Err(StoreError::UnknownRun { .. })));
}

#[tokio::test]
async fn two_stores_on_one_folder_see_each_other() {
    let (place, _, ids) = with_run(32).await;
    let other = Store::open(place.store.folder()).unwrap();
    let append = |store: &Store, id: &AttemptId| {
        let (store, id) = (store.clone(), id.clone());
        tokio::spawn(async move { store.append(&id, 0, solving(), Transition::None).await })
    };
    // Both write every attempt: one of the two has to be refused.
    let mut pairs = Vec::new();
    for id in &ids {
        pairs.push((append(&place.store, id), append(&other, id)));
    }
    for (a, b) in pairs {
        assert_ne!(a.await.unwrap().is_ok(), b.await.unwrap().is_ok());
    }
    for id in &ids {
        assert_eq!(other.events(id).await.unwrap(), solving());
    }
}

#[test]
fn many_can_make_the_same_store_at_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Store::open(&path).map(|_| ()))).collect();
            for thread in threads {
                thread.join().unwrap().unwrap();
            }
        });
        assert_eq!(Store::open_existing(&path).unwrap().reader().check().unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_run_is_executed_by_one_at_a_time() {
    let place = place();
    let other = Store::open(place.store.folder()).unwrap();
    let lock = place.store.lock_run(&run("00000a")).unwrap();
    assert!(matches!(other.lock_run(&run("00000a")), Err(StoreError::RunBusy { .. })));
    drop(lock);
    other.lock_run(&run("00000a")).unwrap();
}

fn refused(folder: &Path) -> StoreError {
    let error = Store::open(folder).unwrap_err();
    assert!(Store::open_existing(folder).is_err());
    assert!(error.hint().is_some(), "{error}");
    assert!(error.to_string().contains(folder.to_str().unwrap()), "{error}");
    error
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    assert!(matches!(refused(&file), StoreError::NotAStore { .. }));
    // Where a folder cannot be made.
    assert!(matches!(Store::open(&file.join("store")), Err(StoreError::Io { .. })));
    // A folder of other things.
    assert!(matches!(refused(folder.path()), StoreError::NotAStore { .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let nothing = folder.path().join("nothing");
    let error = Store::open_existing(&nothing).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }) && error.hint().is_some(), "{error}");
    assert!(!nothing.exists());

    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("lancet.db"), "not a database, but long enough to be one. ".repeat(50)).unwrap();
    assert!(matches!(refused(&other), StoreError::NotAStore { .. }));
    fs::remove_file(other.join("lancet.db")).unwrap();
    fs::create_dir(other.join("lancet.db")).unwrap();
    let folder = refused(&other);
    assert!(
        matches!(folder, StoreError::NotAStore { .. }) && folder.to_string().contains("is a folder"),
        "{folder}"
    );
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[tokio::test]
async fn an_emptied_database_beside_blobs_is_refused_and_left_alone() {
    let (place, _, _) = with_run(2).await;
    place.store.put_blobs(fixture::blobs()).await.unwrap();
    let folder = place.store.folder().to_owned();
    let Place { _folder, store } = place;
    drop(store);
    fs::write(folder.join("lancet.db"), b"").unwrap();
    for opened in
        [Store::open(&folder).err(), Store::open_existing(&folder).err(), Store::look(&folder).err()]
    {
        let error = opened.unwrap();
        assert!(matches!(error, StoreError::Emptied { .. }) && error.hint().is_some(), "{error}");
    }
    assert_eq!(fs::metadata(folder.join("lancet.db")).unwrap().len(), 0);
    // Without blobs it is a store that nobody came to use.
    fs::remove_dir_all(folder.join("blobs")).unwrap();
    Store::open(&folder).unwrap();
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let (place, run_id, ids) = with_run(2).await;
    place.store.append(&ids[0], 0, solving(), Transition::None).await.unwrap();
    let folder = place.store.folder().to_owned();
    // Also beside somebody who writes.
    assert_eq!(Store::look(&folder).unwrap().run_ids().unwrap(), std::slice::from_ref(&run_id));
    let Place { _folder, store } = place;
    drop(store);
    let files = || {
        let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> = names
            .map(|entry| {
                (
                    entry.file_name(),
                    entry.metadata().unwrap().modified().unwrap(),
                    fs::read(entry.path()).ok(),
                )
            })
            .collect();
        files.sort();
        files
    };
    let before = files();
    let reader = Store::look(&folder).unwrap();
    assert_eq!(reader.run_ids().unwrap(), std::slice::from_ref(&run_id));
    assert_eq!(reader.events(&ids[0]).unwrap(), solving());
    assert!(reader.audit(&run_id).is_ok());
    drop(reader);
    assert_eq!(files(), before);
    // An empty one is not begun.
    let empty = folder.join("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("lancet.db"), b"").unwrap();
    assert!(matches!(Store::look(&empty), Err(StoreError::Missing { .. })));
    assert_eq!(fs::metadata(empty.join("lancet.db")).unwrap().len(), 0);
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 1);
}

#[test]
fn a_path_that_sqlite_cannot_open_is_told_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let deep = (0..3).fold(folder.path().canonicalize().unwrap(), |path, _| path.join("d".repeat(160)));
    let error = Store::open(&deep).unwrap_err();
    assert!(matches!(&error, StoreError::PathTooLong { bytes, most: 504, .. } if *bytes > 504), "{error}");
    assert!(error.hint().unwrap().contains("shorter"));
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    // As long as it may be, it is opened.
    let short = folder.path().canonicalize().unwrap().join("e".repeat(200)).join("f".repeat(200));
    let rest = 504 - short.as_os_str().len() - "/".len() - "/lancet.db".len();
    Store::open(&short.join("g".repeat(rest))).unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_called_so() {
    let (place, run_id, ids) = with_run(200).await;
    for id in &ids {
        place.store.append(id, 0, solving(), Transition::None).await.unwrap();
    }
    let folder = place.store.folder().to_owned();
    let Place { _folder, store } = place;
    drop(store);
    let path = folder.join("lancet.db");
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 100_000, "the log was folded in: {}", bytes.len());
    // The first pages hold what the tables are; without that it cannot even be opened.
    for page in bytes.chunks_mut(4096).skip(16) {
        page[..64].fill(0xee);
    }
    fs::write(&path, bytes).unwrap();
    let store = Store::open(&folder).unwrap();
    let error = store.attempts(&run_id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }) && error.hint().is_some(), "{error}");
    let error = store.append(&ids[0], 6, solving(), Transition::None).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn what_cannot_be_read_is_no_difference() {
    let (place, run_id, ids) = with_run(1).await;
    let store = &place.store;
    let task = store.put_blob(b"task".as_slice()).await.unwrap();
    store.append(&ids[0], 0, vec![at(0, note(0, 40_000))], Transition::None).await.unwrap();
    let event = Sha256::of(&serde_json::to_vec(&note(0, 40_000)).unwrap());
    let record = store.run(&run_id).await.unwrap().record.unwrap();
    for (digest, column) in [(record, "runs.record"), (task, "attempts.task_blob"), (event, "events.event")] {
        let hex = digest.hex();
        let path = store.folder().join("blobs").join(&hex[..2]).join(&hex[2..]);
        let kept = fs::read(&path).unwrap();
        let is_difference = || {
            let audit = store.reader().audit(&run_id).unwrap();
            let found =
                audit.differences.iter().any(|one| one.column == column && one.problem.contains(&hex));
            assert!(found, "{:?}", audit.differences);
        };
        fs::write(&path, b"something else").unwrap();
        is_difference();
        fs::remove_file(&path).unwrap();
        is_difference();
        fs::create_dir(&path).unwrap();
        is_difference();
        fs::remove_dir(&path).unwrap();
        // There is a file, and the system does not let it be read: the disk may be failing.
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
        let error = store.reader().audit(&run_id).unwrap_err();
        assert!(matches!(&error, StoreError::Io { path: failed, .. } if *failed == path), "{error}");
        assert!(error.hint().unwrap().contains("the disk fails"), "{error}");
        let told = store.reader().check().unwrap().join("; ");
        assert!(told.contains("(os error 5)"), "{told}");
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
        assert!(store.reader().audit(&run_id).is_ok());
    }
}

#[test]
fn an_empty_database_beside_what_cannot_be_looked_at_is_left_alone() {
    let place = place();
    let folder = place.store.folder().to_owned();
    let Place { _folder, store } = place;
    drop(store);
    fs::write(folder.join("lancet.db"), b"").unwrap();
    fs::remove_dir_all(folder.join("blobs")).unwrap();
    std::os::unix::fs::symlink("blobs", folder.join("blobs")).unwrap();
    for opened in
        [Store::open(&folder).err(), Store::open_existing(&folder).err(), Store::look(&folder).err()]
    {
        let error = opened.unwrap();
        assert!(matches!(error, StoreError::Io { .. }) && error.hint().is_some(), "{error}");
    }
    assert_eq!(fs::metadata(folder.join("lancet.db")).unwrap().len(), 0);
}

#[tokio::test]
async fn blobs_come_back() {
    let place = place();
    let digest = place.store.put_blob(b"abc".as_slice()).await.unwrap();
    assert_eq!(digest, Sha256::of(b"abc"));
    assert_eq!(place.store.blob(digest).await.unwrap(), b"abc");
    let digests = place.store.put_blobs(vec![b"x".as_slice().into(), Vec::new().into()]).await.unwrap();
    assert_eq!(digests, [Sha256::of(b"x"), Sha256::of(b"")]);
    assert!(matches!(place.store.blob(Sha256::of(b"y")).await, Err(StoreError::BlobMissing { .. })));
}
