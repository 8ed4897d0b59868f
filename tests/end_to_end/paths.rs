//! Whatever lies at a path that an option names: nothing waits for ever, nothing is read without
//! end, and what is wrong is told.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::context::{Context, Outcome, sample, side_by_side};
use crate::option_table::{Leads, OPTIONS, Takes};
use crate::packages::GRADER;

/// How long a command may take for a path that it refuses: a tenth of a second, and minutes on a busy
/// machine for the first one that compiles what is built in.
const PATIENCE: Duration = Duration::from_secs(400);
/// The most bytes of a path's file that may be held at a time, in KiB: 64 MiB of a component,
/// and what there is besides.
const MOST_KIB: u64 = 400 << 10;

/// Runs a command, and ends it when it takes too long or too much.
fn bounded(context: &Context, arguments: &[&str]) -> Result<Outcome, String> {
    let mut child = context.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let said = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let told = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let started = Instant::now();
    let mut excess = None;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let memory = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let held = memory.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let held = held.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        if held.is_some_and(|held| held > MOST_KIB) {
            excess = Some(format!("it takes {} MiB", held.unwrap_or(0) >> 10));
        }
        if started.elapsed() > PATIENCE {
            excess = Some(format!("it is not over after {} s", PATIENCE.as_secs()));
        }
        if excess.is_some() {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(2));
    };
    let outcome = Outcome { code: status.code(), stdout: said.join().unwrap(), stderr: told.join().unwrap() };
    excess.map_or(Ok(outcome), Err)
}

#[test]
fn every_option_that_takes_a_path_says_what_is_wrong_with_it() {
    let context = Context::new();
    let suite = sample();
    let at = |name: &str| context.path(name);
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("folder/file"), "x").unwrap();
    fs::write(at("file"), "x").unwrap();
    fs::File::create(at("huge")).unwrap().set_len(8 << 40).unwrap();
    fs::write(at("table.csv"), "id\n").unwrap();
    fs::write(at("answers.toml"), "[[conversation]]\n[[conversation.answer]]\ntext = \"x\"\n").unwrap();
    let grader = lancet_builtin::find(lancet_core::Role::Grader, "manager-choice").unwrap();
    fs::write(at("grader.wasm"), grader.component).unwrap();
    fs::write(at("grader.toml"), GRADER).unwrap();
    std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
    context.run_sample("first", &["--task", "cart-badge-stale"]);
    for arguments in [&["key", "new", "host"][..], &["attest", "--key", "host", "--output", "attested.jsonl"]]
    {
        let outcome = context.lancet(arguments);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    }

    let mut tries = Vec::new();
    for (name, takes) in OPTIONS {
        let Takes::Path(leads, lines) = takes else { continue };
        for line in *lines {
            for (what, path) in [
                ("a named pipe", at("pipe")),
                ("a link to one", at("link")),
                ("a folder", at("folder")),
                ("a file", at("file")),
                ("an endless device", "/dev/zero".into()),
                ("an empty device", "/dev/null".into()),
                ("a huge file", at("huge")),
                ("nothing", at("nowhere/at/all")),
            ] {
                let may_be_a_folder = matches!(*name, "issues" | "folder") && what == "a folder";
                if !(is_right(*leads, what) || may_be_a_folder) {
                    tries.push((*name, *line, what, path));
                }
            }
        }
    }
    let wrong = side_by_side(&tries, |(name, line, what, path)| {
        let words: Vec<String> = line
            .split(' ')
            .map(|word| match word {
                "SUITE" => suite.to_str().unwrap().to_owned(),
                "TABLE" => at("table.csv").to_str().unwrap().to_owned(),
                "ATTESTED" => "attested.jsonl".to_owned(),
                "COMPONENT" => "grader.wasm".to_owned(),
                "MANIFEST" => "grader.toml".to_owned(),
                word => word
                    .replace("ANSWERS", "answers.toml")
                    .replace("scripted/@", &format!("scripted/{}", path.display()))
                    .replace('@', path.to_str().unwrap()),
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match bounded(&context, &words) {
            Err(excess) => Some(format!("--{name} with {what}: {excess}")),
            Ok(outcome) if !is_told(&outcome, path) => {
                let Outcome { code, stdout, stderr } = outcome;
                Some(format!("--{name} with {what}: {code:?}: {stdout}{stderr}"))
            }
            Ok(_) => None,
        }
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(fs::read_dir(at("folder")).unwrap().count(), 1, "nothing is made where nothing can be");
}

/// Whether that is what the option takes, or may as well.
fn is_right(leads: Leads, what: &str) -> bool {
    match leads {
        // What is in it is another matter.
        Leads::File | Leads::FileOrFolder => what == "a file",
        Leads::Folder | Leads::Socket => false,
        // The folder is not there yet, or is one that has nothing of a store in it.
        Leads::NewFolder => matches!(what, "a folder" | "nothing"),
        Leads::Written => !matches!(what, "a named pipe" | "a link to one" | "a folder" | "nothing"),
    }
}

/// Whether the command failed as commands fail, with words about the path.
fn is_told(outcome: &Outcome, path: &Path) -> bool {
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    matches!(outcome.code, Some(1..=8)) && told.contains(path.to_str().unwrap()) && told.len() < 8_000
}

#[test]
fn how_often_something_is_done_has_a_limit() {
    let context = Context::new();
    let suite = sample();
    let suite = suite.to_str().unwrap();
    for (line, words) in [
        (&["run", suite, "--agent", "first", "--attempts", "4294967295"][..], "from 1 to 1000"),
        (&["suite", "check", suite, "--controls", "--rounds", "4294967295"], "from 1 to 1000"),
    ] {
        bounded(&context, line).unwrap().fails(2, &[words]);
    }
    assert!(!context.path("store").exists());
}
