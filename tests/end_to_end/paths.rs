//! Whatever lies at a path that an option names: nothing waits for ever, nothing is read without
//! end, and what is wrong is told.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use lancet_suite::{ImageLock, Suite};

use crate::context::{Context, Outcome, copy, sample, side_by_side, text};
use crate::option_table::{COMMANDS, Leads, Takes, Told};
use crate::streams::{project, publisher};

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

/// What may lie at a path, and what it is called here.
const THINGS: [&str; 8] = [
    "a named pipe",
    "a link to one",
    "a folder",
    "a file",
    "an endless device",
    "an empty device",
    "a huge file",
    "nothing",
];

/// Lays all of them into a folder, under what they are called and with `.jsonl` behind it too.
fn lay(context: &Context) {
    for end in ["", ".jsonl", ".tar"] {
        let at = |name: &str| context.path(&format!("{name}{end}"));
        assert!(std::process::Command::new("mkfifo").arg(at(THINGS[0])).status().unwrap().success());
        symlink(at(THINGS[0]), at(THINGS[1])).unwrap();
        fs::create_dir(at(THINGS[2])).unwrap();
        fs::write(at(THINGS[2]).join("file"), "x").unwrap();
        fs::write(at(THINGS[3]), "x").unwrap();
        symlink("/dev/zero", at(THINGS[4])).unwrap();
        symlink("/dev/null", at(THINGS[5])).unwrap();
        fs::File::create(at(THINGS[6])).unwrap().set_len(8 << 40).unwrap();
    }
}

/// Where a thing lies, whose path has that end.
fn place(context: &Context, what: &str, end: &str) -> PathBuf {
    match what {
        "nothing" => context.path(&format!("nowhere/at/all{end}")),
        "an endless device" if end.is_empty() => "/dev/zero".into(),
        "an empty device" if end.is_empty() => "/dev/null".into(),
        what => context.path(&format!("{what}{end}")),
    }
}

/// A suite with a task in a container, whose image nobody has.
pub(crate) fn with_image(context: &Context) -> PathBuf {
    let begun = context.lancet(&["suite", "new", "images", "--kind", "ic-swe"]);
    assert_eq!(begun.code, Some(0), "{}", begun.stderr);
    let folder = context.path("images");
    let suite = Suite::open_for_images(&folder).unwrap();
    let mut lock = ImageLock::default();
    for name in suite.images().keys() {
        lock.pin(&suite, name, &format!("sha256:{}", "0".repeat(64))).unwrap();
    }
    lock.write(&suite).unwrap();
    folder
}

#[test]
fn every_option_that_takes_a_path_says_what_is_wrong_with_it() {
    let context = publisher();
    let (suite, images) = (sample(), with_image(&context));
    // Without an engine it is recorded, and not decided.
    let containers =
        ["run", "images", "--agent", "random", "--docker-socket", "nowhere", "--docker-patience", "0"];
    context.lancet(&containers).fails(5, &[]);
    let runs = context.json(&["runs"]);
    let (containers, sampled): (Vec<_>, Vec<_>) =
        runs.as_array().unwrap().iter().partition(|run| run.to_string().contains("\"images\""));
    let id = |run: &serde_json::Value| text(run, "run").to_owned();
    let (containers, sampled) = (id(containers[0]), id(sampled[0]));
    copy(&context.path("store"), &context.path("kept"));
    let at = |name: &str| context.path(name);
    lay(&context);
    fs::write(at("table.csv"), "id\n").unwrap();
    fs::write(at("answers.toml"), "[[conversation]]\n[[conversation.answer]]\ntext = \"x\"\n").unwrap();

    let mut tries = Vec::new();
    for Told { command, paths, .. } in COMMANDS {
        for (name, Takes(leads, lines)) in *paths {
            for line in *lines {
                for what in THINGS {
                    if !is_right(*leads, (command, name), what) {
                        tries.push((*line, what));
                    }
                }
            }
        }
    }
    println!("{} tries", tries.len());
    let wrong = side_by_side(&tries, |(line, what)| {
        let end = [".jsonl", ".tar"].into_iter().find(|end| line.contains(&format!("@{end}")));
        let path = place(&context, what, end.unwrap_or_default());
        let own = tempfile::tempdir().unwrap();
        let words: Vec<String> = line
            .split(' ')
            .map(|word| match word {
                "SUITE" => suite.to_str().unwrap().to_owned(),
                "IMAGES" => images.to_str().unwrap().to_owned(),
                "CONTAINERS" => containers.clone(),
                "RUN/cart-badge-stale/1" => format!("{sampled}/cart-badge-stale/1"),
                "TABLE" => at("table.csv").to_str().unwrap().to_owned(),
                "COMPONENT" => "grader.wasm".to_owned(),
                "MANIFEST" => "grader.toml".to_owned(),
                "PACKAGE" => "package.wasm".to_owned(),
                "ATTESTED" => "run.attested.jsonl".to_owned(),
                "PROJECT" => {
                    // Two builds of one would be in each other's way.
                    project(own.path(), &at("tools"));
                    own.path().to_str().unwrap().to_owned()
                }
                word => word
                    .replace("ANSWERS", "answers.toml")
                    .replace("@.jsonl", "@")
                    .replace("@.tar", "@")
                    .replace("scripted/@", &format!("scripted/{}", path.display()))
                    .replace('@', path.to_str().unwrap()),
            })
            .collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        if line.contains("CONTAINERS") {
            // One run is taken up by one process at a time.
            copy(&at("kept"), own.path());
            words.extend(["--store", own.path().to_str().unwrap()]);
        }
        let began = Instant::now();
        let outcome = bounded(&context, &words);
        if began.elapsed() > Duration::from_secs(5) {
            println!("{line} with {what}: {:.1?}", began.elapsed());
        }
        match outcome {
            Err(excess) => Some(format!("{line} with {what}: {excess}")),
            Ok(outcome) if !is_told(&outcome, &path) => {
                let Outcome { code, stdout, stderr } = outcome;
                Some(format!("{line} with {what}: {code:?}: {stdout}{stderr}"))
            }
            Ok(_) => None,
        }
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for end in ["", ".jsonl", ".tar"] {
        let folder = at(&format!("a folder{end}"));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "nothing is made where nothing can be");
    }
}

/// Whether that is what the argument of a command takes, or may as well.
fn is_right(leads: Leads, argument: (&str, &str), what: &str) -> bool {
    let may_be = match argument {
        // Rows may lack a folder there, a plugin may lack fixtures, and folders above one are made.
        ("suite import swe-lancer", "issues") => what == "a folder",
        ("plugin check", "folder") => what == "a folder",
        ("plugin record", "output") => what == "nothing",
        _ => false,
    };
    may_be
        || match leads {
            // What is in it is another matter.
            Leads::File | Leads::FileOrFolder => what == "a file",
            Leads::Folder | Leads::Socket | Leads::NewFile => false,
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
