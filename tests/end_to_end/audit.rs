//! A store that something other than the program has changed: what does not follow
//! from the journals, the tasks and the run's own record is told of by every command
//! that shows it, with the attempt and the column.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::context::{Context, number, sample, text};

/// Changes the database as a stranger would, without the store's own checks.
fn change(context: &Context, sql: &str) {
    let database = Connection::open(context.path("store/lancet.db")).unwrap();
    database.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    database.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    assert!(database.total_changes() > 0, "{sql} changes nothing");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn restore(context: &Context) {
    let store = context.path("store");
    let _ = fs::remove_dir_all(&store);
    copy(&context.path("sound"), &store);
}

/// A run of one task, passed, that is put back before each change.
fn one_run() -> (Context, String) {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let report = context.json(&["run", suite.to_str().unwrap(), "--agent", "last"]);
    assert_eq!(number(&report, "totals/all/pass"), 1.0);
    copy(&context.path("store"), &context.path("sound"));
    (context, text(&report, "run").to_owned())
}

/// What the change shows in: the attempt or the run, and the column.
#[track_caller]
fn is_found(context: &Context, case: &str, name: &str, column: &str) {
    let column = format!("`{column}`");
    let report = context.lancet(&["report"]);
    report.fails(7, &[name, &column]);
    assert_eq!(report.stdout, "", "{case}: no table is shown");
    let replay = context.lancet(&["replay"]);
    assert_eq!(replay.code, Some(6), "{case}: {}{}", replay.stdout, replay.stderr);
    for part in [name, &column] {
        assert!(replay.stdout.contains(part), "{case}: {part}: {}", replay.stdout);
    }
    let doctor = context.lancet(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{case}: {}", doctor.stdout);
    for part in ["PROBLEM", name, &column] {
        assert!(doctor.stdout.contains(part), "{case}: {part}: {}", doctor.stdout);
    }
}

/// As [`is_found`], by all commands that show anything of it.
#[track_caller]
fn is_found_everywhere(context: &Context, case: &str, name: &str, column: &str) {
    is_found(context, case, name, column);
    let run = name.split('/').next().unwrap().to_owned();
    let column = format!("`{column}`");
    for arguments in [&["show", &run][..], &["regrade"], &["resume", &run]] {
        context.lancet(arguments).fails(7, &[name, &column]);
    }
    let runs = context.lancet(&["runs"]);
    runs.fails(7, &[&run]);
    assert!(runs.stdout.contains("CONTRADICTED"), "{case}: {}", runs.stdout);
}

const OTHER: &str = "'sha256:0000000000000000000000000000000000000000000000000000000000000000'";

#[test]
fn every_column_of_an_attempt_has_to_follow_from_the_rest() {
    let (context, run) = one_run();
    let attempt = format!("{run}/one/1");
    for (change_to, column) in [
        ("number = 2", "attempts.number"),
        ("number = -1", "attempts.number"),
        ("task = 'two'", "attempts.number"),
        ("task = 'no task'", "attempts.task"),
        ("kind = 'ic-swe'", "attempts.kind"),
        ("price_cents = 101074999", "attempts.price_cents"),
        ("price_cents = -1", "attempts.price_cents"),
        ("task_blob = key_blob", "attempts.task_blob"),
        (&format!("task_blob = {OTHER}"), "attempts.task_blob"),
        ("task_blob = 'rubbish'", "attempts.task_blob"),
        ("key_blob = task_blob", "attempts.key_blob"),
        ("key_blob = NULL", "attempts.key_blob"),
        ("setting_blob = task_blob", "attempts.setting_blob"),
        ("grader = 'junit'", "attempts.grader"),
        (&format!("grader_digest = {OTHER}"), "attempts.grader_digest"),
        (
            "state = 'submitted', outcome = NULL, reason = NULL, earned_cents = NULL, verdict_digest = NULL",
            "attempts.state",
        ),
        ("state = 'elsewhere'", "attempts.state"),
        ("events = events + 1", "attempts.events"),
        ("settled = settled - 1", "attempts.settled"),
        ("outcome = 'fail'", "attempts.outcome"),
        ("outcome = 'invalid', reason = 'disk-full', earned_cents = 0", "attempts.outcome"),
        ("reason = 'wrong-choice'", "attempts.reason"),
        ("earned_cents = 101074999", "attempts.earned_cents"),
        ("earned_cents = 9223372036854775807", "attempts.earned_cents"),
        ("earned_cents = 0", "attempts.earned_cents"),
        (&format!("verdict_digest = {OTHER}"), "attempts.verdict_digest"),
        ("solve_us = solve_us + 1", "attempts.solve_us"),
        ("solve_us = NULL", "attempts.solve_us"),
        ("grade_us = grade_us + 1", "attempts.grade_us"),
        ("test_runs = 3", "attempts.test_runs"),
        ("flaky = 1", "attempts.flaky"),
    ] {
        restore(&context);
        change(&context, &format!("UPDATE attempts SET {change_to}"));
        let name = match change_to {
            "number = 2" => format!("{run}/one/2"),
            "number = -1" => format!("{run}/one/-1"),
            "task = 'two'" => format!("{run}/two/1"),
            "task = 'no task'" => format!("{run}/no task/1"),
            _ => attempt.clone(),
        };
        is_found(&context, change_to, &name, column);
    }
    // One of them by everything that shows attempts.
    restore(&context);
    change(&context, "UPDATE attempts SET earned_cents = 101074999");
    is_found_everywhere(&context, "earned", &attempt, "attempts.earned_cents");
    let error = context.lancet(&["report"]).stderr;
    assert!(error.contains("is 101074999, by its journal it has to be 100000"), "{error}");
    context.lancet(&["show", &attempt]).fails(7, &["attempts.earned_cents"]);
    let one = context.lancet(&["replay", &attempt]);
    assert_eq!(one.code, Some(6), "{}{}", one.stdout, one.stderr);
}

#[test]
fn a_journal_has_to_hold_together() {
    let (context, run) = one_run();
    let attempt = format!("{run}/one/1");
    let replaced =
        |from: &str, to: &str| format!("UPDATE events SET event = replace(event, '{from}', '{to}')");
    let decided = "WHERE event LIKE '{\"event\":\"decided\"%'";
    for (sql, column) in [
        ("DELETE FROM events".to_owned(), "attempts.state"),
        ("DELETE FROM events WHERE seq = 1".to_owned(), "events.event"),
        (format!("DELETE FROM events {decided}"), "attempts.state"),
        (format!("UPDATE events SET seq = seq + 1 {decided}"), "events.event"),
        ("UPDATE events SET seq = -1 WHERE seq = 2".to_owned(), "events.event"),
        ("UPDATE events SET event = '{}' WHERE seq = 2".to_owned(), "events.event"),
        (
            "UPDATE events SET event = NULL, blob = (SELECT task_blob FROM attempts) WHERE seq = 2"
                .to_owned(),
            "events.event",
        ),
        (
            "UPDATE events SET at_us = at_us + 5000 WHERE event LIKE '{\"event\":\"solved\"%'".to_owned(),
            "attempts.solve_us",
        ),
        (replaced("\"outcome\":\"pass\"", "\"outcome\":\"fail\""), "events.event"),
        (format!("{} {decided}", replaced("\"score\":1000", "\"score\":900")), "events.event"),
        (replaced("\"earned\":100000", "\"earned\":100001"), "events.event"),
        (replaced("\"price\":100000", "\"price\":200000"), "events.event"),
        (replaced("\"answer\":{\"choice\":1}", "\"answer\":{\"choice\":0}"), "events.event"),
        (replaced("\"task\":\"one\"", "\"task\":\"two\""), "events.event"),
        (replaced("\"memory-bytes\":", "\"memory-bytes\":9"), "events.event"),
        (
            "INSERT INTO events SELECT run, task, number, seq + 1, at_us, event, blob FROM events \
             ORDER BY seq DESC LIMIT 1"
                .to_owned(),
            "events.event",
        ),
    ] {
        restore(&context);
        change(&context, &sql);
        is_found(&context, &sql, &attempt, column);
    }
    // A journal of an attempt that there is not.
    restore(&context);
    change(&context, "INSERT INTO events SELECT run, 'two', number, seq, at_us, event, blob FROM events");
    is_found_everywhere(&context, "stray", &format!("{run}/two/1"), "events");
}

#[test]
fn a_run_is_what_its_own_record_says() {
    let (context, run) = one_run();
    for (change_to, column) in [
        ("created = '2020-01-01T00:00:00Z'", "runs.created"),
        ("spec = replace(spec, '\"seed\":0', '\"seed\":1')", "runs.spec"),
        ("spec = replace(spec, '\"name\":\"last\"', '\"name\":\"o1\"')", "runs.spec"),
        ("spec = replace(spec, '\"attempts\":1', '\"attempts\":2')", "runs.spec"),
        (&format!("record = {OTHER}"), "runs.record"),
        ("record = (SELECT task_blob FROM attempts)", "runs.record"),
        // As if it had been made before there were records: its journals name one.
        ("record = NULL", "events.event"),
    ] {
        restore(&context);
        change(&context, &format!("UPDATE runs SET {change_to}"));
        is_found(&context, change_to, &run, column);
    }
    restore(&context);
    change(&context, "UPDATE runs SET spec = replace(spec, '\"name\":\"last\"', '\"name\":\"o1\"')");
    is_found_everywhere(&context, "agent", &run, "runs.spec");
    assert!(context.lancet(&["report"]).stderr.contains("in `agent`"));

    // The task's blob is another one in its place.
    restore(&context);
    let database = Connection::open(context.path("store/lancet.db")).unwrap();
    let blob: String = database.query_row("SELECT task_blob FROM attempts", [], |row| row.get(0)).unwrap();
    drop(database);
    let hex = blob.strip_prefix("sha256:").unwrap();
    let path = context.path("store/blobs").join(&hex[..2]).join(&hex[2..]);
    let task = fs::read_to_string(&path).unwrap().replace("100000", "900000");
    fs::remove_file(&path).unwrap();
    fs::write(&path, task).unwrap();
    is_found(&context, "task", &format!("{run}/one/1"), "attempts.task_blob");
}

#[test]
fn attempts_that_are_missing_or_too_many_are_found() {
    let context = Context::new();
    let suite = sample();
    let arguments = ["run", suite.to_str().unwrap(), "--agent", "random", "--attempts", "3"];
    let report = context.json(&arguments);
    let run = text(&report, "run").to_owned();
    copy(&context.path("store"), &context.path("sound"));
    let failed: Vec<String> = context
        .json(&["show", &run])
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["state"] == "fail")
        .map(|line| line["attempt"].as_str().unwrap().to_owned())
        .collect();
    assert!(failed.len() > 5, "{failed:?}");

    // With their journals, and without.
    for sql in [
        "DELETE FROM events WHERE (run, task, number) IN
             (SELECT run, task, number FROM attempts WHERE outcome = 'fail');
         DELETE FROM attempts WHERE outcome = 'fail'",
        "DELETE FROM attempts WHERE outcome = 'fail'",
    ] {
        restore(&context);
        change(&context, sql);
        let replay = context.lancet(&["replay"]).stdout;
        for attempt in &failed {
            assert!(replay.contains(attempt), "{sql}: {attempt}: {replay}");
        }
        is_found_everywhere(&context, sql, &failed[0], "attempts");
    }
    restore(&context);
    change(&context, "DELETE FROM events; DELETE FROM attempts");
    is_found_everywhere(&context, "everything", &failed[0], "attempts");

    // A pass twice: as another number, and as another task.
    restore(&context);
    let attempts = context.json(&["show", &run]);
    let first = attempts[0]["attempt"].as_str().unwrap().strip_suffix("/1").unwrap();
    for (sql, name) in [
        ("UPDATE copy SET number = 4", format!("{first}/4")),
        ("UPDATE copy SET task = 'another'", format!("{run}/another/1")),
    ] {
        restore(&context);
        let all = format!(
            "CREATE TEMP TABLE copy AS SELECT * FROM attempts WHERE number = 1 AND task =
                 (SELECT min(task) FROM attempts);
             CREATE TEMP TABLE lines AS SELECT * FROM events WHERE number = 1 AND task =
                 (SELECT min(task) FROM attempts);
             {sql}; {};
             INSERT INTO attempts SELECT * FROM copy; INSERT INTO events SELECT * FROM lines",
            sql.replace("copy", "lines")
        );
        change(&context, &all);
        is_found_everywhere(&context, sql, &name, "attempts.number");
    }

    // A table that is no longer the store's may hold an attempt twice.
    restore(&context);
    change(
        &context,
        "CREATE TABLE twice AS SELECT * FROM attempts;
         INSERT INTO twice SELECT * FROM attempts WHERE outcome = 'pass';
         DROP TABLE attempts; ALTER TABLE twice RENAME TO attempts",
    );
    is_found(&context, "twice", &run, "attempts.number");
}

#[test]
fn the_log_has_to_tell_what_the_run_came_to() {
    let (context, run) = one_run();
    let attempt = format!("{run}/one/1");
    let unlocked = "DROP TRIGGER log_stays; DROP TRIGGER log_keeps;";
    for (sql, name) in [
        ("UPDATE log SET leaf = replace(leaf, '\"pass\"', '\"fail\"')", &attempt),
        ("DELETE FROM log WHERE place = 1", &attempt),
        ("DELETE FROM log WHERE place = 2", &run),
        ("UPDATE log SET leaf = replace(leaf, '\"due\":1', '\"due\":2')", &run),
    ] {
        restore(&context);
        change(&context, &format!("{unlocked} {sql}"));
        is_found(&context, sql, name, "log.leaf");
    }
    is_found_everywhere(&context, "log", &run, "log.leaf");
}

#[test]
fn runs_from_before_there_were_records_are_read_and_said_to_be_unlisted() {
    let (context, run) = one_run();
    change(
        &context,
        "UPDATE events SET event = substr(event, 1, instr(event, ',\"record\":\"sha256:') - 1) || '}'
             WHERE event LIKE '{\"event\":\"began\"%';
         ALTER TABLE runs DROP COLUMN record; DROP TABLE ledger; DROP TABLE log; DROP TABLE log_origin;
         PRAGMA user_version = 2",
    );
    let report = context.lancet(&["report"]);
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert!(report.stderr.contains("before runs listed their attempts"), "{}", report.stderr);
    let replay = context.lancet(&["replay"]);
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    let doctor = context.lancet(&["doctor"]).stdout;
    assert!(doctor.contains("1 of them does not list its attempts"), "{doctor}");
    // What its journal says holds all the same.
    change(&context, "UPDATE attempts SET earned_cents = 101074999");
    is_found_everywhere(&context, "old", &format!("{run}/one/1"), "attempts.earned_cents");
}
