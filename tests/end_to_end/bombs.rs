//! Components made to blow up whoever looks at them take no memory of the host's.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use lancet_hostile::{BOMBS, bomb};

use crate::context::{Context, Outcome, hostile};

/// What the host may take beyond what it takes for an ordinary component: 64 MiB.
const MOST_GROWTH_KIB: u64 = 64 << 10;
/// What people are told at the most, in bytes.
const MOST_WORDS: usize = 32 << 10;

/// Runs a command, and says how much memory its own process took at its peak, in KiB; what its
/// children took is not counted.
fn measured(context: &Context, arguments: &[&str]) -> (Outcome, u64) {
    let mut command = context.command(arguments);
    // Not the cache that tests share: what is compiled here is large.
    command.env("LANCET_CACHE", context.path("cache")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let listening = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let hearing = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(found.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            break ended.code();
        }
        thread::sleep(Duration::from_millis(1));
    };
    (Outcome { code, stdout: listening.join().unwrap(), stderr: hearing.join().unwrap() }, peak)
}

/// A suite with a task for each grader of its own.
fn suite_of(context: &Context, name: &str, graders: &[(&str, Vec<u8>)]) -> String {
    let suite = context.small_suite(name);
    fs::create_dir_all(suite.join("graders")).unwrap();
    for (grader, component) in graders {
        let task = suite.join("tasks").join(grader);
        crate::context::copy(&suite.join("tasks/one"), &task);
        fs::write(suite.join(format!("graders/{grader}.wasm")), component).unwrap();
        let digest = lancet_core::Sha256::of(component);
        let text = fs::read_to_string(task.join("task.toml")).unwrap();
        let own = format!("file = \"graders/{grader}.wasm\"\ndigest = \"{digest}\"");
        fs::write(task.join("task.toml"), text.replace("plugin = \"manager-choice\"", &own)).unwrap();
    }
    suite.to_str().unwrap().to_owned()
}

#[test]
fn no_component_takes_the_hosts_memory_when_it_is_looked_at() {
    let context = Context::new();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(context.path(&format!("{name}.wasm")), bytes).unwrap();
        format!("{name}.wasm")
    };
    let ordinary = write("ordinary", &hostile("endless-loop-grader"));
    let (outcome, usual) = measured(&context, &["plugin", "inspect", &ordinary]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut wrong = Vec::new();
    for name in BOMBS {
        let bytes = bomb(name);
        let file = write(name, &bytes);
        let started = std::time::Instant::now();
        let (outcome, peak) = measured(&context, &["plugin", "inspect", &file]);
        let growth = peak.saturating_sub(usual);
        let took = started.elapsed();
        let words = outcome.stderr.len() + outcome.stdout.len();
        let said = outcome.stderr.lines().next().unwrap_or_default();
        println!(
            "{name}: {} bytes, {growth} KiB more, {took:.1?}, {:?}: {said:.200}",
            bytes.len(),
            outcome.code
        );
        if growth > MOST_GROWTH_KIB || !matches!(outcome.code, Some(0 | 4)) || words > MOST_WORDS {
            wrong.push(format!("{name}: {growth} KiB more, {words} bytes said, {:?}", outcome.code));
        }
        fs::remove_file(context.path(&file)).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_grader_of_a_suite_takes_the_hosts_memory() {
    let context = Context::new();
    let ordinary = suite_of(&context, "ordinary", &[("grader", hostile("endless-loop-grader"))]);
    let (outcome, usual) = measured(&context, &["suite", "check", &ordinary]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    // Of one suite, all of them: what is taken for one is given back before the next.
    let graders: Vec<_> = BOMBS.iter().map(|name| (*name, bomb(name))).collect();
    let suite = suite_of(&context, "bombs", &graders);
    let (outcome, peak) = measured(&context, &["suite", "check", &suite]);
    println!("suite check: {} KiB more: {}", peak.saturating_sub(usual), outcome.stderr);
    outcome.fails(3, &["siblings", "imports-by-the-million"]);
    assert!(peak.saturating_sub(usual) < MOST_GROWTH_KIB, "{usual} KiB, and {peak} KiB for the bombs");
    assert!(outcome.stderr.len() < MOST_WORDS, "{} bytes of words", outcome.stderr.len());
    drop(graders);

    // Executed, too, as the grader that is judged by and as the agent.
    let one = suite_of(&context, "one", &[("images", bomb("memory-images"))]);
    fs::write(context.path("agent.wasm"), bomb("siblings")).unwrap();
    let run = ["run", &one, "--agent", "first"];
    let (outcome, peak) = measured(&context, &run);
    println!("run: {} KiB more, {:?}: {}", peak.saturating_sub(usual), outcome.code, outcome.stderr);
    outcome.fails(4, &["graders/images.wasm", "MiB of code come of it"]);
    assert!(peak.saturating_sub(usual) < MOST_GROWTH_KIB, "{usual} KiB, and {peak} KiB for a run");
    let (outcome, peak) = measured(&context, &["run", &one, "--agent", "agent.wasm"]);
    outcome.fails(4, &["agent.wasm", "more than 1 GiB of memory"]);
    assert!(peak.saturating_sub(usual) < MOST_GROWTH_KIB, "{usual} KiB, and {peak} KiB for an agent");
}
