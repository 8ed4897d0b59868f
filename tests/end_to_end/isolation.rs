//! Plugins in jailed processes: the same verdicts as in the host's own, on record, and refused
//! where there can be no jail.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use lancet_core::{Event, JailRecord, Role};
use serde_json::{Value, json};

use crate::context::{Context, Outcome, copy, judged_by, number, sample, swe_lancer_data, text};
use crate::guests::{Guest, JAVASCRIPT_AGENT, JAVASCRIPT_GRADER, PYTHON_AGENT, PYTHON_GRADER};
use crate::kernel::{self, Lacking};
use crate::scale::scaled;

/// Manager tasks of the real table.
const REAL: usize = 140;

/// How much one execution takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Weight {
    Light,
    /// Ten times as much, as each worker loads 30 MiB of code.
    Heavy,
}

/// How many manager tasks are tried, each with eighteen executions in three languages: all
/// with the whole of a campaign, and fewer than others by default.
fn tried(weight: Weight) -> usize {
    let some = scaled(REAL);
    match weight {
        Weight::Light => some * some / REAL,
        Weight::Heavy => some * some * some / REAL / REAL,
    }
    .max(1)
}

/// A suite of manager tasks: some of the real table, where it is at hand, and otherwise
/// sample tasks over and over.
pub(crate) fn managers(context: &Context, weight: Weight) -> PathBuf {
    let suite = context.path("suite");
    let tasks = suite.join("tasks");
    match swe_lancer_data() {
        Some(data) => {
            let csv = data.join("diamond-sample.csv");
            let import = ["suite", "import", "swe-lancer", "--csv", csv.to_str().unwrap(), "--out", "suite"];
            assert_eq!(context.lancet(&import).code, Some(0));
            let mut folders: Vec<_> =
                fs::read_dir(&tasks).unwrap().map(|entry| entry.unwrap().path()).collect();
            folders.retain(|folder| {
                let is_managers = folder.to_str().unwrap().contains("manager");
                if !is_managers {
                    fs::remove_dir_all(folder).unwrap();
                }
                is_managers
            });
            folders.sort();
            for folder in folders.iter().skip(tried(weight)) {
                fs::remove_dir_all(folder).unwrap();
            }
        }
        None => {
            copy(&sample(), &suite);
            for entry in fs::read_dir(sample().join("tasks")).unwrap().map(Result::unwrap) {
                for round in 1..tried(weight).div_ceil(12) {
                    let name = format!("{}-{round}", entry.file_name().to_str().unwrap());
                    copy(&entry.path(), &tasks.join(name));
                }
            }
        }
    }
    suite
}

/// A line of a journal: its task, its number, the event.
type Line = (String, i64, Value);

/// Every event of the journals of the last run but for what held its plugins, and what did.
fn journals(context: &Context, run: &str) -> (Vec<Line>, Vec<Option<JailRecord>>) {
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    let query = "SELECT task, seq, coalesce(event, '\"' || blob || '\"') FROM events WHERE run = ?1 \
                 ORDER BY task, number, seq";
    let mut statement = database.prepare(query).unwrap();
    let rows =
        statement.query_map([run], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))).unwrap();
    let (mut events, mut jails) = (Vec::new(), Vec::new());
    for (task, seq, event) in rows.map(Result::unwrap) {
        // What is large is a blob, of which the digest is there.
        if let Ok(Event::Began { jail, .. }) = serde_json::from_str(&event) {
            jails.push(jail);
        }
        let mut event: Value = serde_json::from_str(&event).unwrap();
        if let Some(keys) = event.as_object_mut() {
            keys.remove("jail");
            // The digest of the run's own record, which has its name.
            keys.remove("record");
        }
        events.push((task, seq, event));
    }
    (events, jails)
}

/// Runs agent and grader in either process, one and eight at a time, and compares all that is
/// on record; then executes each run again in the other process.
fn is_the_same_in_either(context: &Context, suite: &str, agent: &str, grants: &[&str]) {
    let mut first = None;
    for isolation in ["in-process", "process"] {
        for jobs in ["1", "8"] {
            let options =
                ["run", suite, "--agent", agent, "--isolation", isolation, "--jobs", jobs, "--seed", "7"];
            let report = context.json(&[&options[..], grants].concat());
            let run = text(&report, "run").to_owned();
            assert_eq!(number(&report, "totals/all/invalid"), 0.0, "{agent}, {isolation}");
            let (events, jails) = journals(context, &run);
            let tasks = report["totals"]["swe-manager"]["tasks"].as_u64().unwrap();
            assert!(jails.len() as u64 >= 2 * tasks);
            for jail in jails {
                assert_eq!(
                    jail.is_some_and(|jail| jail.seccomp),
                    isolation == "process",
                    "{agent}: {jail:?}"
                );
            }
            let of_first = first.get_or_insert_with(|| events.clone());
            for (event, expected) in events.iter().zip(of_first.iter()) {
                assert_eq!(event, expected, "{agent}, {isolation}, --jobs {jobs}");
            }
            assert_eq!(events.len(), of_first.len(), "{agent}, {isolation}, --jobs {jobs}");
            let other = if isolation == "process" { "in-process" } else { "process" };
            if jobs == "8" {
                let replay = context.json(&["replay", &run, "--isolation", other, "--jobs", "8"]);
                assert_eq!(replay["identical"], report["totals"]["all"]["attempts"], "{agent}: {replay:#}");
                let regrade = context.json(&["regrade", &run, "--isolation", other, "--jobs", "8"]);
                assert_eq!(number(&regrade, "changed"), 0.0, "{agent}: {regrade:#}");
            }
        }
    }
}

#[test]
fn guests_in_rust_are_the_same_in_either_process() {
    let context = Context::new();
    let suite = managers(&context, Weight::Light);
    is_the_same_in_either(&context, suite.to_str().unwrap(), "random", &[]);
}

fn guests_are_the_same_in_either_process(agent: Guest, grader: Guest, weight: Weight) {
    let context = Context::new();
    let suite = managers(&context, weight);
    judged_by(&suite, &grader.component());
    fs::write(context.path("agent.wasm"), agent.component()).unwrap();
    let grants: &[&str] = if grader.wants_wasi { &["--grant", "grader:wasi-inert"] } else { &[] };
    is_the_same_in_either(&context, suite.to_str().unwrap(), "./agent.wasm", grants);
}

#[test]
fn guests_in_python_are_the_same_in_either_process() {
    guests_are_the_same_in_either_process(PYTHON_AGENT, PYTHON_GRADER, Weight::Heavy);
}

#[test]
fn guests_in_javascript_are_the_same_in_either_process() {
    guests_are_the_same_in_either_process(JAVASCRIPT_AGENT, JAVASCRIPT_GRADER, Weight::Light);
}

/// A small suite, and an agent that did not come with the program.
pub(crate) fn strangers(context: &Context) -> String {
    fs::write(context.path("mine.wasm"), lancet_hostile::ordinary(Role::Agent)).unwrap();
    context.small_suite("suite").to_str().unwrap().to_owned()
}

fn outcome(output: &Output) -> Outcome {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn without(lacking: Lacking, context: &Context, arguments: &[&str]) -> Outcome {
    outcome(&kernel::output(lacking, context.command(arguments)))
}

#[test]
fn what_held_is_on_record_and_told() {
    let context = Context::new();
    let suite = strangers(&context);
    context.json(&["run", &suite, "--agent", "./mine.wasm"]);
    let shown = context.json(&["show", "latest/one/1"]);
    let began: Vec<_> = shown.as_array().unwrap().iter().filter(|event| event["event"] == "began").collect();
    // By default the stranger's agent is jailed, and the built-in grader is not.
    let jail: JailRecord = serde_json::from_value(began[0]["jail"].clone()).unwrap();
    assert!(jail.seccomp && (jail.uid == 65_534 || !rustix::process::getuid().is_root()), "{jail:?}");
    assert_eq!(began[1].get("jail"), None);
    let told = context.lancet(&["show", "latest/one/1"]).stdout;
    assert_eq!(told.matches(&format!("; jailed: {jail}")).count(), 1, "{told}");

    let doctor = context.lancet(&["doctor", "--format", "json"]);
    let findings: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let finding = |check: &str| findings.as_array().unwrap().iter().find(|f| f["check"] == check).unwrap();
    assert_eq!(finding("seccomp")["ok"], json!(true));
    assert_eq!(finding("landlock")["ok"], json!(true));
    let graded = finding("jailed grade");
    assert!(graded["ok"] == json!(true) && text(graded, "detail").contains(&jail.to_string()), "{graded:#}");

    // The tools of authors, too. There is no search path here; Rust is looked for elsewhere as well,
    // and who writes no plugins needs none of them.
    assert_eq!(finding("build plugins: the Rust target wasm32-unknown-unknown")["ok"], json!(true));
    for (tool, install) in [
        ("componentize-py", "pip install componentize-py==0.25.1"),
        ("Node.js", "install Node.js 20"),
        ("componentize-qjs", "npm install --save-dev --save-exact componentize-qjs@0.4.5"),
    ] {
        let found = finding(&format!("build plugins: {tool}"));
        assert!(found["ok"] == json!(true) && text(found, "hint").contains(install), "{found:#}");
    }
}

#[test]
fn without_seccomp_strangers_are_refused_and_told_the_two_ways_out() {
    let context = Context::new();
    let suite = strangers(&context);
    let run = |more: &[&str]| without(Lacking::Seccomp, &context, &[&["run", &suite], more].concat());
    let refused = ["mine.wasm", "jailed process", "seccomp", "container", "`--isolation in-process`"];
    run(&["--agent", "./mine.wasm"]).fails(4, &refused);
    run(&["--agent", "./mine.wasm", "--isolation", "process"]).fails(4, &refused);
    run(&["--agent", "first", "--isolation", "process"]).fails(4, &["first", "seccomp"]);
    assert!(!context.path("store").exists(), "something was written");
    // What came with the program needs no jail, and whoever says so does without.
    let built_in = run(&["--agent", "first"]);
    assert_eq!((built_in.code, built_in.stderr.contains("warning")), (Some(0), false), "{}", built_in.stderr);
    let in_process = run(&["--agent", "./mine.wasm", "--isolation", "in-process"]);
    assert_eq!(in_process.code, Some(0), "{}", in_process.stderr);
    for command in [&["replay"][..], &["regrade", "--grader", "./grader.wasm"]] {
        fs::write(context.path("grader.wasm"), lancet_hostile::ordinary(Role::Grader)).unwrap();
        without(Lacking::Seccomp, &context, command).fails(4, &["seccomp", "`--isolation in-process`"]);
        let allowed = [command, &["--isolation", "in-process"]].concat();
        let outcome = without(Lacking::Seccomp, &context, &allowed);
        assert_eq!(outcome.code, Some(0), "{command:?}: {}", outcome.stderr);
    }
    judged_by(&context.path("suite"), &lancet_hostile::ordinary(Role::Grader));
    without(Lacking::Seccomp, &context, &["suite", "check", &suite])
        .fails(4, &["graders/mine.wasm", "seccomp"]);
    let doctor = without(Lacking::Seccomp, &context, &["doctor"]);
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.stdout.contains("seccomp") && doctor.stdout.contains("PROBLEM"), "{}", doctor.stdout);
}

#[test]
fn without_landlock_there_is_a_warning_or_a_refusal() {
    const WARNING: &str = "warning: jailed processes are held by seccomp alone: there is no Landlock";
    let context = Context::new();
    let suite = strangers(&context);
    judged_by(&context.path("suite"), &lancet_hostile::ordinary(Role::Grader));
    let run = |more: &[&str]| {
        let run = ["run", &suite, "--agent", "./mine.wasm"];
        without(Lacking::Landlock, &context, &[&run, more].concat())
    };
    let required = ["mine.wasm", "Landlock", "`--require landlock`"];
    run(&["--require", "landlock"]).fails(4, &required);
    assert!(!context.path("store").exists(), "something was written");
    let outcome = run(&[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    // Once, although two plugins are jailed.
    assert_eq!(outcome.stderr.matches(WARNING).count(), 1, "{}", outcome.stderr);
    let shown = context.json(&["show", "latest/one/1"]);
    assert_eq!(shown[0]["jail"]["landlock-abi"], Value::Null);
    assert_eq!(shown[0]["jail"]["seccomp"], json!(true));
}

#[test]
fn options_that_contradict_one_another_are_bad_usage() {
    let context = Context::new();
    let suite = strangers(&context);
    context
        .lancet(&["run", &suite, "--agent", "first", "--isolation", "in-process", "--require", "landlock"])
        .fails(2, &["--require landlock", "--isolation in-process"]);
    context.lancet(&["report", "--isolation", "process"]).fails(2, &["--isolation"]);
}

/// The binary at another path, in a context's environment.
fn copied(context: &Context, arguments: &[&str]) -> Command {
    let copy = context.path("lancet");
    fs::copy(env!("CARGO_BIN_EXE_lancet"), &copy).unwrap();
    let like = context.command(arguments);
    let mut command = Command::new(copy);
    command.args(arguments).current_dir(context.path("")).env_clear().stdin(Stdio::null());
    command.envs(like.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command
}

#[test]
fn a_program_that_is_replaced_works_on_as_it_was() {
    let context = Context::new();
    let suite = strangers(&context);
    for round in 0..100 {
        copy(&context.path("suite/tasks/one"), &context.path(&format!("suite/tasks/one-{round}")));
    }
    let mut command = copied(&context, &["run", &suite, "--agent", "./mine.wasm", "--jobs", "2"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !context.path("store").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    fs::write(context.path("other"), "#!/bin/false\n").unwrap();
    fs::rename(context.path("other"), context.path("lancet")).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let shown = context.json(&["show", "latest"]);
    assert!(shown.as_array().unwrap().iter().all(|line| line["state"] != "invalid"), "{shown:#}");
}
