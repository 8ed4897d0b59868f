//! What people are told: why a verdict is what it is, and what is wrong with what they gave.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use lancet_core::{RefusedSuite, Regraded};

use crate::context::{Context, copy, hostile, judged_by, number, text};
use crate::guests::{JAVASCRIPT_GRADER, PYTHON_GRADER};
use crate::shapes::has_shape;

/// A suite whose only task is one that hostile components misbehave on.
fn evil_suite(context: &Context, name: &str) -> PathBuf {
    let suite = context.small_suite(name);
    copy(&suite.join("tasks/one"), &suite.join("tasks/evil"));
    fs::remove_dir_all(suite.join("tasks/one")).unwrap();
    suite
}

#[test]
fn a_panic_of_a_guest_is_told_in_its_log_its_verdict_and_by_show() {
    let context = Context::new();
    evil_suite(&context, "suite");
    fs::write(context.path("panics.wasm"), hostile("panic-agent")).unwrap();
    let (mut agents, mut explanations) = (Vec::new(), BTreeSet::new());
    let absolute = context.path("panics.wasm");
    for isolation in ["in-process", "process"] {
        // However the file is named, it is one agent.
        let agent = if isolation == "process" { absolute.to_str().unwrap() } else { "./panics.wasm" };
        let report = context.json(&["run", "suite", "--agent", agent, "--isolation", isolation]);
        assert_eq!(number(&report, "totals/all/fail"), 1.0);
        agents.push(report["agent"]["name"].clone());
        let shown = context.lancet(&["show", "latest/evil/1"]).stdout;
        let (_, below) = shown.split_once("\nlog:\n").unwrap();
        for (part, words) in [
            (below, "agent info: about to fail proposals=\"2\""),
            (below, "agent error: panicked at "),
            (below, "verdict: fail agent-trap, earned $0"),
        ] {
            assert!(part.contains(words), "{words}: {shown}");
        }
        let (_, verdict) = below.split_once("verdict: ").unwrap();
        assert!(verdict.contains("unreachable") && verdict.contains("it said: panicked at "), "{shown}");
        // As it was meant for a terminal, and as no terminal takes it.
        assert!(verdict.contains("a proposal past the last one\\u{7}\\u{202e}"), "{shown}");
        explanations.insert(explanation(&context));
        assert_eq!(number(&context.json(&["replay"]), "identical"), 1.0);
    }
    assert_eq!(explanations.len(), 1, "{explanations:?}");
    let name = agents[0].as_str().unwrap();
    assert_eq!(agents[0], agents[1]);
    assert_eq!(Path::new(name), absolute.canonicalize().unwrap());

    // Of an artifact that is not there, it says what is.
    context
        .lancet(&["show", "latest/evil/1", "--artifact", "output"])
        .fails(2, &["`output`", "no tests were run"]);
    context.lancet(&["show", "--artifact", "output"]).fails(2, &["`--artifact` is of one attempt"]);
}

/// The explanation of the verdict on the only task of the last run.
fn explanation(context: &Context) -> String {
    let shown = context.json(&["show", "latest/evil/1"]);
    text(shown.as_array().unwrap().last().unwrap(), "record/verdict/explanation").to_owned()
}

#[test]
fn what_another_language_says_of_an_exception_is_told() {
    for (grader, words) in [
        (PYTHON_GRADER, ["TypeError: 'NoneType' object is not subscriptable\n  at choice (", "/judge.py:"]),
        (
            JAVASCRIPT_GRADER,
            ["TypeError: cannot read property 'correct' of null\n    at correct (", "/judge.js:"],
        ),
    ] {
        let context = Context::new();
        let suite = evil_suite(&context, "suite");
        fs::write(suite.join("tasks/evil/private/answer-key.json"), "null").unwrap();
        judged_by(&suite, &grader.component());
        let mut explanations = BTreeSet::new();
        for isolation in ["in-process", "process"] {
            let grants: &[&str] = if grader.wants_wasi { &["--grant", "grader:wasi-inert"] } else { &[] };
            let run = ["run", "suite", "--agent", "first", "--isolation", isolation];
            assert_eq!(context.lancet(&[&run[..], grants].concat()).code, Some(5));
            assert_eq!(number(&context.json(&["replay"]), "identical"), 1.0);
            explanations.insert(explanation(&context));
            let shown = context.lancet(&["show", "latest/evil/1"]).stdout;
            assert!(shown.contains("\n  grader error: TypeError: "), "{shown}");
            assert!(shown.contains("\nverdict: invalid grader-trap, earned $0\n"), "{shown}");
        }
        let told = explanations.pop_first().unwrap();
        assert!(explanations.is_empty(), "{explanations:?}");
        for words in [&["unreachable", "; it said: "][..], &words].concat() {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}

#[test]
fn what_was_printed_before_a_trap_is_told() {
    let context = Context::new();
    evil_suite(&context, "suite");
    fs::write(context.path("exits.wasm"), hostile("exit-agent")).unwrap();
    for isolation in ["in-process", "process"] {
        let run =
            ["run", "suite", "--agent", "./exits.wasm", "--grant", "wasi-inert", "--isolation", isolation];
        context.json(&run);
        let told = explanation(&context);
        assert!(told.ends_with("; it said: first of all:\nthere is \u{7}nothing to be done"), "{told}");
        let shown = context.lancet(&["show", "latest/evil/1"]).stdout;
        assert!(shown.contains("there is \\u{7}nothing to be done"), "{shown}");
        assert_eq!(number(&context.json(&["replay"]), "identical"), 1.0);
    }
}

#[test]
fn why_a_grader_judged_nothing_is_told_by_show_and_by_regrade() {
    let context = Context::new();
    evil_suite(&context, "suite");
    let run = context.lancet(&["run", "suite", "--agent", "last", "--attempts", "3"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    fs::write(context.path("divides.wasm"), hostile("division-by-zero-grader")).unwrap();
    // Nothing else of the run has changed, and nothing can be judged.
    let again = context.lancet(&["regrade", "--grader", "./divides.wasm"]);
    assert_eq!(again.code, Some(5), "{}{}", again.stdout, again.stderr);
    for words in [
        "outcome changed",
        "invalid grader-trap, 3 attempts, ",
        "/evil/1 for one: ",
        "integer divide by zero",
        "3 regraded: 3 with another outcome or payment, 0 with another reason or other words alone",
    ] {
        assert!(again.stdout.contains(words), "{words}: {}", again.stdout);
    }
    let again = context.lancet(&["regrade", "--grader", "divides.wasm", "--format", "json"]);
    assert_eq!(again.code, Some(5));
    let again = has_shape::<Regraded>(&again, "regrade");
    assert_eq!((number(&again, "outcome_changed"), number(&again, "invalid")), (3.0, 3.0));

    // Other words for the same are no other outcome.
    fs::write(context.path("ordinary.wasm"), lancet_hostile::ordinary(lancet_core::Role::Grader)).unwrap();
    let failed = context.lancet(&["run", "suite", "--agent", "first"]);
    assert_eq!(failed.code, Some(0));
    let same = context.lancet(&["regrade", "--grader", "./ordinary.wasm"]);
    assert_eq!(same.code, Some(0));
    assert!(same.stdout.contains("reason or words changed"), "{}", same.stdout);
    assert!(
        same.stdout.contains("0 with another outcome or payment, 1 with another reason"),
        "{}",
        same.stdout
    );
    assert!(same.stdout.contains("fail ordinary, 1 attempt"), "{}", same.stdout);

    judged_by(&context.path("suite"), &hostile("division-by-zero-grader"));
    assert_eq!(context.lancet(&["run", "suite", "--agent", "first"]).code, Some(5));
    let shown = context.lancet(&["show", "latest/evil/1"]).stdout;
    let (_, verdict) = shown.split_once("\nverdict: invalid grader-trap, earned $0\n").unwrap();
    assert!(verdict.contains("integer divide by zero"), "{shown}");
}

#[test]
fn options_that_cannot_be_are_told_as_what_they_are() {
    let context = Context::new();
    context.small_suite("suite");
    let run = ["run", "suite", "--agent", "first"];
    let with = |options: &[&str]| context.lancet(&[&run[..], options].concat());
    with(&["--seed", "-1"])
        .fails(2, &["invalid value '-1' for '--seed <N>'", "from 0 to 18446744073709551615"]);
    for option in ["--jobs", "--fuel", "--memory", "--grader-timeout", "--docker-patience"] {
        let refused = with(&[option, "-1"]);
        refused.fails(2, &["invalid value '-1' for '--"]);
        assert!(!refused.stderr.contains("-- -1"), "{}", refused.stderr);
    }
    for (option, expected) in [
        ("--jobs", "from 1 to 256"),
        ("--fuel", "from 1 to 18446744073709551615"),
        ("--memory", "from 1 to 256"),
        ("--grader-timeout", "from 1 to 86400"),
        ("--docker-patience", "from 0 to 86400"),
    ] {
        for bad in ["x", "1e9", "99999999999999999999"] {
            with(&[option, bad]).fails(2, &["for '--", "expected a whole number ", expected]);
        }
    }
    // Scripts hand on what strangers have written.
    with(&["--attempts", "\u{1b}[2J\u{202e}\u{3164}"]).fails(2, &["invalid value '\\u{202e}\\u{3164}'"]);
    let mut command = context.command(&run);
    command.arg("--task").arg(OsStr::from_bytes(b"a\xff"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("error: the argument `a\u{fffd}` is no UTF-8"), "{told}");
    // A run of nothing is none, and cannot stand for the latest.
    with(&["--kind", "ic-swe"]).fails(2, &["there is no task to run: the suite has none of the kind ic-swe"]);
    assert!(!context.path("store").exists());

    let many = with(&["--jobs", "1000"]);
    assert_eq!(many.code, Some(0));
    assert!(many.stderr.contains("256 attempts run at a time and not 1000"), "{}", many.stderr);
    // An empty variable is none.
    let output = context
        .command(&["runs"])
        .env("LANCET_STORE", "")
        .env("XDG_DATA_HOME", context.path("data"))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("data/lancet") && !told.contains("--store <FOLDER>"), "{told}");
}

#[test]
fn what_is_wrong_with_a_suite_is_json_for_who_asks_for_it() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    let file = suite.join("tasks/one/task.toml");
    let good = fs::read_to_string(&file).unwrap();
    for (from, to, place, key, words) in [
        ("= 100000", "= \"400\"", "tasks/one/task.toml", "price-cents", "found the text `\"400\"`"),
        (
            "manager-choice",
            "manager-choise",
            "tasks/one/task.toml",
            "grader.plugin",
            "no grader `manager-choise`",
        ),
        ("manager-choice", "Manager", "tasks/one/task.toml", "grader.plugin", "`Manager` is no name"),
    ] {
        fs::write(&file, good.replace(from, to)).unwrap();
        let refused = context.lancet(&["suite", "check", "suite", "--format", "json"]);
        refused.fails(3, &[place, &format!("`{key}`"), words]);
        let json = has_shape::<RefusedSuite>(&refused, "suite-check-problems");
        assert_eq!((text(&json, "problems/0/file"), text(&json, "problems/0/key")), (place, key));
        assert!(text(&json, "problems/0/message").contains(words), "{json}");
        // The run that would need it says the same.
        context.lancet(&["run", "suite", "--agent", "first"]).fails(3, &[place, &format!("`{key}`"), words]);
    }
    let refused = context.lancet(&["suite", "check", "nowhere", "--format", "json"]);
    let json = has_shape::<RefusedSuite>(&refused, "suite-check-problems");
    assert!(text(&json, "problems/0/message").contains("`nowhere`"), "{json}");
}

#[test]
fn an_emptied_database_is_no_store_without_runs() {
    let context = Context::new();
    context.run_sample("first", &[]);
    let database = context.path("store/lancet.db");
    fs::write(&database, b"").unwrap();
    let doctor = context.lancet(&["doctor", "--docker-socket", "/nowhere"]);
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.stdout.contains("has lost its database"), "{}", doctor.stdout);
    for command in [&["runs"][..], &["show"], &["report"]] {
        context.lancet(command).fails(7, &["has lost its database", "restore `lancet.db` from a backup"]);
    }
    assert_eq!(fs::metadata(&database).unwrap().len(), 0);
    assert!(!context.path("store/lancet.db-wal").exists());
}

#[test]
fn a_damaged_blob_is_mended_as_its_hint_says() {
    let context = Context::new();
    context.small_suite("suite");
    context.json(&["run", "suite", "--agent", "first"]);
    let component = lancet_builtin::find(lancet_core::Role::Agent, "first").unwrap().component;
    let hex = lancet_core::Sha256::of(component).hex();
    let blob = context.path("store/blobs").join(&hex[..2]).join(&hex[2..]);
    let mut damaged = component.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&blob, damaged).unwrap();
    context.lancet(&["replay"]).fails(7, &["is corrupt", "another `lancet run` of the same suite and agent"]);
    context.json(&["run", "suite", "--agent", "first"]);
    let runs = context.json(&["runs"]);
    let first = text(&runs[0], "run");
    assert_eq!(number(&context.json(&["replay", first]), "identical"), 1.0);
}

/// What doctor says of an engine that answers each request with that, or not at all.
fn doctor_of_engine(context: &Context, name: &str, answer: Option<&'static str>) -> (String, String) {
    let socket = context.path(name);
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    let Some(answer) = answer else { continue };
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
                    let _ = write!(stream, "{head}: {}\r\n\r\n{answer}", answer.len());
                }
            });
        }
    });
    let arguments = ["doctor", "--format", "json", "--docker-socket", socket.to_str().unwrap()];
    let found: serde_json::Value = serde_json::from_str(&context.lancet(&arguments).stdout).unwrap();
    let docker = found.as_array().unwrap().iter().find(|finding| finding["check"] == "docker").unwrap();
    assert_eq!(docker["ok"], false, "{docker}");
    (text(docker, "detail").to_owned(), text(docker, "hint").to_owned())
}

#[test]
fn doctor_tells_engines_that_say_nothing_and_those_that_are_none_of_docker_s() {
    let context = Context::new();
    // What else it looks at takes its time where nothing has been compiled yet.
    context.lancet(&["doctor", "--docker-socket", "/nowhere"]);
    let (detail, hint) = doctor_of_engine(&context, "silent", None);
    assert!(detail.contains("said nothing for 3 s") && hint.contains("restart it"), "{detail}: {hint}");
    let podman = r#"{"Version": "4.9.3", "ApiVersion": "1.41", "MinAPIVersion": "1.24",
                     "Components": [{"Name": "Podman Engine", "Version": "4.9.3"}]}"#;
    let (detail, hint) = doctor_of_engine(&context, "podman", Some(podman));
    assert!(detail.contains("Podman Engine 4.9.3") && detail.contains("no Docker engine"), "{detail}");
    assert!(hint.contains("Docker Engine"), "{hint}");
    // Another engine that the `docker` program uses.
    let settings = context.path(".docker");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("config.json"), "{\"currentContext\": \"rootless\"}").unwrap();
    let doctor = context.lancet(&["doctor"]).stdout;
    assert!(doctor.contains("the context `rootless`"), "{doctor}");
}
