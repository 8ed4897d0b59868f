//! Agents that ask models, on tasks with containers: they solve them with every tool, and
//! what they did can be had again with neither a model nor an engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::context::{Context, files_with, holds, number, text};
use crate::model_server::{Answer, Asked, ModelServer};
use crate::scale::scaled;
use crate::suites::{self, command, lancet};

/// How many times a host is killed while its agent works, in the whole campaign.
const KILLS: usize = 10;

/// What an agent calls, turn by turn. The last one hands in.
fn turns(patch: &str, file: &str, with_user: bool) -> Vec<Vec<(&'static str, Value)>> {
    let mut turns = vec![
        vec![("read", json!({ "path": "" })), ("read", json!({ "path": file, "line": 1, "lines": 5 }))],
        vec![("search", json!({ "pattern": "function|def |=>" }))],
        vec![("write", json!({ "path": "NOTES.lancet", "contents": "to be removed\n" }))],
        vec![("shell", json!({ "command": "cat NOTES.lancet && rm NOTES.lancet" }))],
        vec![("apply_patch", json!({ "patch": patch }))],
    ];
    if with_user {
        turns.push(vec![("user_tool", json!({}))]);
        turns.push(vec![("user_tool", json!({ "artifact": "log" }))]);
    }
    turns.push(vec![("hand_in", json!({}))]);
    turns
}

/// The same as a file of answers. What JSON calls a string is one in TOML as well.
fn script(turns: &[Vec<(&'static str, Value)>]) -> String {
    let mut script = String::from("[[conversation]]\n");
    for turn in turns {
        script.push_str("\n[[conversation.answer]]\ntext = \"On it.\"\ncalls = [\n");
        for (name, arguments) in turn {
            let arguments = arguments.as_object().unwrap();
            let pairs: Vec<_> = arguments.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            script.push_str(&format!("  {{ name = \"{name}\", arguments = {{ {} }} }},\n", pairs.join(", ")));
        }
        script.push_str("]\n");
    }
    script
}

/// The gold patch of a task of `expensify-common`, from the image that has it.
fn gold_of_image(suite: &Path, image: &str, task: &str) -> String {
    let lock = fs::read_to_string(suite.join("images.lock")).unwrap();
    let (_, entry) = lock.split_once(&format!("[images.{image}]")).unwrap();
    let reference = entry.lines().find_map(|line| line.strip_prefix("reference = \"")).unwrap();
    let file = format!("/gold/{task}.patch");
    let output = Command::new("docker")
        .args(["run", "--rm", "--network", "none", reference.trim_end_matches('"'), "cat", &file])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A command that has to succeed, parsed. What scripted answers say is the operator's, so
/// nobody looks whether the agent was told what is hidden.
#[track_caller]
fn done(context: &Context, arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = lancet(context, &[arguments, &["--format", "json"]].concat());
    assert_eq!(code, Some(0), "{arguments:?}\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Calls that the agent's plugin made of the host.
fn called(context: &Context, attempt: &str) -> BTreeSet<String> {
    let shown = done(context, &["show", attempt]);
    let events = shown.as_array().unwrap().iter();
    let names = events.filter_map(|event| event["call"]["request"]["call"].as_str());
    names.map(str::to_owned).collect()
}

fn assert_solved(suite: &Path, task: &str, turns: &[Vec<(&'static str, Value)>]) {
    let context = Context::new();
    fs::write(context.path("script.toml"), script(turns)).unwrap();
    let suite = suite.to_str().unwrap();
    let run = ["run", suite, "--task", task, "--agent", "tool-loop"];
    let report = done(&context, &[&run[..], &["--model", "scripted/script.toml"]].concat());
    assert_eq!(number(&report, "totals/ic-swe/pass"), 1.0, "{report:#}");
    assert_eq!(number(&report, "totals/ic-swe/models/asks"), turns.len() as f64, "{report:#}");
    let journal = called(&context, &format!("latest/{task}/1"));
    for turn in turns {
        for (name, _) in turn {
            let expected = match *name {
                "read" => &["workspace-read", "workspace-list"][..],
                "search" => &["workspace-search"],
                "write" => &["workspace-write"],
                "shell" => &["shell-run"],
                "apply_patch" => &["workspace-apply-patch"],
                "user_tool" => &["user-tool-reproduce", "user-tool-read"],
                _ => &["model-ask"],
            };
            for call in expected {
                assert!(journal.contains(*call), "{call} is missing in {journal:?}");
            }
        }
    }
    // Again with neither a model nor an engine.
    let replay = command(&context, &["replay", "--format", "json"])
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .output()
        .unwrap();
    let replayed: Value = serde_json::from_slice(&replay.stdout).unwrap();
    assert_eq!((number(&replayed, "identical"), number(&replayed, "different")), (1.0, 0.0), "{replayed:#}");
    // Again by the recorded answers, in new containers.
    let recorded = done(&context, &[&run[..], &["--model", "recorded/latest"]].concat());
    assert_eq!(text(&recorded, "verdicts_digest"), text(&report, "verdicts_digest"));
}

#[test]
fn a_task_of_expensify_common_is_solved_with_every_tool() {
    let suite = suites::expensify_common();
    let task = "adjacent-italics";
    let patch = gold_of_image(suite, "gold-134", task);
    assert_solved(suite, task, &turns(&patch, "package.json", false));
}

#[test]
fn a_task_of_web_chat_is_solved_with_every_tool_and_the_user() {
    let suite = suites::web_chat();
    let task = "stays-unread";
    let patch = fs::read_to_string(suite.join("tasks").join(task).join("private/gold.patch")).unwrap();
    assert_solved(suite, task, &turns(&patch, "server/main.js", true));
}

/// A container that is gone took along what was done in it: the work begins again, and
/// the answers that were paid for are not asked again.
#[test]
fn killed_with_containers_what_was_answered_is_not_asked_again() {
    let suite = suites::parametrized();
    let patch = fs::read_to_string(suite.join("tasks/beside/private/gold.patch")).unwrap();
    let turns = turns(&patch, "sums.py", false);
    let most = turns.len();
    let answer = move |asked: &Asked| {
        let turn = asked.turn();
        let (name, arguments) = turns[turn.min(turns.len() - 1)].last().cloned().unwrap();
        Answer { after: Duration::from_millis(50), ..Answer::call(name, &arguments, turn) }
    };
    let suite = suite.to_str().unwrap();
    let ordered = |server: &ModelServer| {
        let url = server.url();
        let words =
            ["run", suite, "--task", "beside", "--agent", "tool-loop", "--model", "chat/mock", "--base-url"];
        words.map(str::to_owned).into_iter().chain([url]).collect::<Vec<_>>()
    };
    let (context, server) = (Context::new(), ModelServer::start(answer.clone()));
    let words = ordered(&server);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let started = Instant::now();
    let expected = done(&context, &words);
    let length = started.elapsed();
    assert_eq!(number(&expected, "totals/ic-swe/pass"), 1.0, "{expected:#}");
    assert_eq!(server.asked().len(), most);

    let (mut kills, mut part) = (0, 0);
    while kills < scaled(KILLS) {
        let (context, server) = (Context::new(), ModelServer::start(answer.clone()));
        let words = ordered(&server);
        let mut killed = 0;
        for _ in 0..3 {
            let resumes = context.path("store/lancet.db").exists();
            let words: Vec<_> =
                if resumes { vec!["resume"] } else { words.iter().map(String::as_str).collect() };
            let mut child =
                command(&context, &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            part = (part + 7) % 20;
            std::thread::sleep(length * part / 20);
            let was_running = child.try_wait().unwrap().is_none();
            child.kill().unwrap();
            child.wait().unwrap();
            if !was_running {
                break;
            }
            killed += 1;
        }
        kills += killed;
        let has_run = done(&context, &["runs"]).as_array().is_some_and(|runs| !runs.is_empty());
        if has_run {
            done(&context, &["resume"]);
        } else {
            done(&context, &words.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let when = format!("after {kills} kills");
        let report = done(&context, &["report"]);
        assert_eq!(text(&report, "verdicts_digest"), text(&expected, "verdicts_digest"), "{when}");
        let asked = server.asked().len();
        assert!(
            (most..=most + killed).contains(&asked),
            "{when}: asked {asked} times of {most}, killed {killed} times"
        );
        let replayed = done(&context, &["replay"]);
        assert_eq!(number(&replayed, "identical"), 1.0, "{when}: {replayed:#}");
    }
}

/// What a container is told of, as far as what runs in it can find out.
const LOOKS: &str = "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; sleep 1";

/// The key is known to the one process that talks to the server.
#[test]
fn a_key_is_in_no_container() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let key = format!("sk-canary-{now:030}");
    let suite = suites::parametrized();
    let patch = fs::read_to_string(suite.join("tasks/beside/private/gold.patch")).unwrap();
    let turns = [
        ("shell", json!({ "command": LOOKS })),
        ("apply_patch", json!({ "patch": patch })),
        ("shell", json!({ "command": LOOKS })),
        ("hand_in", json!({})),
    ];
    let server = ModelServer::start(move |asked| {
        let turn = asked.turn();
        let (name, arguments) = &turns[turn.min(turns.len() - 1)];
        Answer::call(name, arguments, turn)
    });
    let context = Context::new();
    let model = format!(
        "[[model]]\nform = \"chat\"\nid = \"mock\"\nbase-url = \"{}\"\nkey-env = \"NICE_KEY\"\n",
        server.url()
    );
    fs::write(context.path("models.toml"), model).unwrap();
    let suite = suite.to_str().unwrap();
    let words = ["run", suite, "--task", "beside", "--agent", "tool-loop", "--models", "models.toml"];
    let mut child = command(&context, &words)
        .env("NICE_KEY", &key)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let (mut containers, mut images) = (BTreeSet::new(), BTreeSet::new());
    while child.try_wait().unwrap().is_none() {
        let run = runs(&context);
        let label = format!("label=dev.lancet.run={}", run.unwrap_or_default());
        let listed = docker(&["ps", "-aq", "--no-trunc", "--filter", &label]);
        for container in listed.lines() {
            // It may be gone by now.
            let inspected = docker(&["inspect", container]);
            assert!(!inspected.contains(&key), "{inspected}");
            let inspected: Value = serde_json::from_str(&inspected).unwrap_or_default();
            if let Some(image) = inspected[0]["Image"].as_str() {
                containers.insert(container.to_owned());
                images.insert(image.to_owned());
            }
        }
        let told = told(&key, child.id());
        assert!(told.is_empty(), "{told:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success() && !said.contains(&key), "{said}");
    assert!(!containers.is_empty(), "no container was seen");
    for image in &images {
        for about in [&["image", "inspect", image][..], &["history", "--no-trunc", image]] {
            let about = docker(about);
            assert!(!about.is_empty() && !about.contains(&key), "{about}");
        }
    }
    println!("{} containers and {} images looked at", containers.len(), images.len());

    // What the agent's commands found out, what its plugin was told, and all else is there.
    let attempt = "latest/beside/1";
    let transcript = lancet(&context, &["show", attempt, "--transcript", "--full"]).1;
    assert!(transcript.contains("PATH="), "the commands have looked: {transcript}");
    for words in [&["show", attempt, "--format", "json"][..], &["report", "--format", "json"]] {
        let (code, stdout, _) = lancet(&context, words);
        assert!(code == Some(0) && !stdout.contains(&key), "{stdout}");
    }
    assert!(!transcript.contains(&key), "{transcript}");
    let found = files_with(&key, &context.path(""));
    assert!(found.is_empty(), "{found:?}");
    assert!(server.asked().iter().all(|asked| asked.head.contains(&key)), "its server got it");
}

/// The run of a store, once it is there.
fn runs(context: &Context) -> Option<String> {
    let (_, stdout, _) = lancet(context, &["runs", "--format", "json"]);
    let runs: Value = serde_json::from_str(&stdout).ok()?;
    Some(runs[0]["run"].as_str()?.to_owned())
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Processes of this machine, containers' included, that were started with the key. Only
/// one is meant to have it.
fn told(key: &str, but: u32) -> Vec<String> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let others = pids.filter(|name| name.parse::<u32>().is_ok_and(|pid| pid != but));
    let files = others.flat_map(|pid| ["environ", "cmdline"].map(|file| format!("/proc/{pid}/{file}")));
    files.filter(|path| fs::read(path).is_ok_and(|bytes| holds(&bytes, key))).collect()
}
