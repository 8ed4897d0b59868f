//! Runs of jailed plugins that are disturbed: workers that are killed, signals, machines on which
//! nothing can be started.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lancet_core::Role;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::context::{Context, copy, hostile, judged_by, text};
use crate::isolation::strangers;
use crate::kernel::{self, Lacking};
use crate::scale::scaled;
use crate::unprivileged::not_shown;

/// A suite of many small tasks, and an agent that computes for a while in some of them.
fn many(context: &Context, tasks: usize) -> String {
    let suite = context.small_suite("suite");
    for number in 1..tasks {
        // The agent computes where a task's name tells it to.
        let kind = if number % 4 == 0 { "evil" } else { "good" };
        copy(&suite.join("tasks/one"), &suite.join(format!("tasks/{kind}-{number}")));
    }
    fs::write(context.path("mine.wasm"), hostile("computes-agent")).unwrap();
    suite.to_str().unwrap().to_owned()
}

/// The processes that another one has started and not waited for yet.
fn children_of(parent: u32) -> BTreeSet<i32> {
    let parent = parent.to_string();
    let child = |entry: fs::DirEntry| -> Option<i32> {
        let process: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        // One that has ended and is not reaped yet costs nothing.
        (fields.next()? != "Z" && fields.next()? == parent).then_some(process)
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(child).collect()
}

/// Files in memory that a process has open.
fn memory_files(process: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let is_one = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().contains("memfd:"))
    };
    open.filter(is_one).count()
}

fn signal(process: i32, signal: Signal) -> bool {
    Pid::from_raw(process).is_some_and(|process| kill_process(process, signal).is_ok())
}

fn spawn(context: &Context, arguments: &[&str]) -> Child {
    context.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What each attempt of the last run came to, by its task.
fn verdicts(context: &Context) -> BTreeMap<String, Value> {
    let shown = context.json(&["show", "latest"]);
    let attempt = |line: &Value| {
        let task = text(line, "attempt").split('/').nth(1).unwrap().to_owned();
        (task, json!([line["state"], line["reason"], line["earned_cents"]]))
    };
    shown.as_array().unwrap().iter().map(attempt).collect()
}

fn gone(processes: &BTreeSet<i32>) {
    let began = Instant::now();
    while processes.iter().any(|process| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.contains("lancet") && !stat.contains(") Z ")
    }) {
        assert!(began.elapsed() < Duration::from_secs(60), "workers outlive their host");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn killed_workers_cost_their_own_attempts() {
    const JOBS: usize = 2;
    let context = Context::new();
    let kills = scaled(80);
    let suite = many(&context, 2 * kills);
    judged_by(&context.path("suite"), &lancet_hostile::ordinary(Role::Grader));
    let run = ["run", &suite, "--agent", "./mine.wasm", "--jobs", "2", "--quiet"];
    context.json(&run);
    let undisturbed = verdicts(&context);
    let (before, mut has_begun) = (events(&context), false);
    let mut child = spawn(&context, &run);
    let (mut killed, mut seen, mut random) = (0, BTreeSet::new(), 0x9e37_79b9_u64);
    let (mut most_processes, mut most_files) = (0, 0);
    while child.try_wait().unwrap().is_none() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros(random >> 50));
        let children: Vec<_> = children_of(child.id()).into_iter().collect();
        most_processes = most_processes.max(children.len());
        most_files = most_files.max(memory_files(child.id()));
        seen.extend(children.iter().copied());
        // Not before there is a run to be disturbed: a plugin that cannot be loaded is none.
        has_begun = has_begun || events(&context) > before;
        if children.is_empty() || killed >= kills || !has_begun {
            continue;
        }
        let victim = children[usize::try_from(random >> 33).unwrap() % children.len()];
        killed += usize::from(signal(victim, Signal::KILL));
    }
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(matches!(ended.status.code(), Some(0 | 5)), "{:?}: {said}", ended.status);
    gone(&seen);
    let disturbed = verdicts(&context);
    assert_eq!(disturbed.len(), undisturbed.len());
    let mut hit = 0;
    for (task, verdict) in &disturbed {
        if matches!(verdict[1].as_str(), Some("agent-crash" | "grader-crash")) {
            hit += 1;
        } else {
            assert_eq!(verdict, &undisturbed[task], "{task} was not hit");
        }
    }
    println!("{killed} kills: {hit} of {} attempts hit; at most {most_processes} processes", disturbed.len());
    assert!(killed > 0 && hit <= killed, "{hit} attempts of {killed} kills");
    // Two pools, each as many as stand ready and one for each attempt, and those that are dying.
    assert!(most_processes <= 2 * (JOBS + 1) + 2 * JOBS + 12, "{most_processes} processes");
    assert!(most_files <= 8, "{most_files} files in memory for two plugins");
}

/// How many events the store holds.
fn events(context: &Context) -> i64 {
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    database.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn an_interrupted_run_of_jailed_plugins_is_taken_up_again() {
    let context = Context::new();
    let suite = many(&context, 24);
    let run = ["run", &suite, "--agent", "./mine.wasm", "--isolation", "process", "--jobs", "2"];
    context.json(&run);
    let undisturbed = verdicts(&context);
    for how in [Signal::INT, Signal::KILL] {
        let child = spawn(&context, &run);
        let mut workers = BTreeSet::new();
        let began = Instant::now();
        // In the midst of it.
        let enough = events(&context) + 15;
        while began.elapsed() < Duration::from_secs(60) && events(&context) < enough {
            workers.extend(children_of(child.id()));
            std::thread::sleep(Duration::from_millis(2));
        }
        workers.extend(children_of(child.id()));
        assert!(!workers.is_empty());
        assert!(signal(child.id().try_into().unwrap(), how));
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        // It may have been through already.
        assert!(matches!(ended.status.code(), None | Some(0 | 130)), "{how:?}: {:?}: {said}", ended.status);
        gone(&workers);
        context.json(&["resume", "--isolation", "process", "--jobs", "2"]);
        assert_eq!(verdicts(&context), undisturbed, "{how:?}");
        assert_eq!(context.json(&["replay", "--jobs", "2"])["identical"], json!(24), "{how:?}");
    }
}

/// A component with a section that says nothing, so that it is not the one that came with the
/// program.
fn of_a_stranger(builtin: &str) -> Vec<u8> {
    let mut component = lancet_builtin::find(Role::Agent, builtin).unwrap().component.to_vec();
    component.extend([0, 6, 5, b'o', b't', b'h', b'e', b'r']);
    component
}

#[test]
fn a_stranger_s_agent_is_asked_in_a_jail_what_can_be_set_of_it() {
    let context = Context::new();
    fs::write(context.path("mine.wasm"), of_a_stranger("tool-loop")).unwrap();
    let inspect = ["plugin", "inspect", "./mine.wasm"];
    let mine = context.json(&inspect);
    let builtin = context.json(&["plugin", "inspect", "tool-loop"]);
    assert!(mine["configuration"].is_object() && mine["configuration"] == builtin["configuration"]);
    // It asks models, of which it was granted none.
    context.small_suite("suite");
    let run = ["run", "suite", "--agent", "./mine.wasm", "--isolation", "process"];
    context.lancet(&run).fails(2, &["mine.wasm", "hint", "--model"]);
    assert!(!context.path("store").exists(), "something was written");
    // Where there is no jail, nobody asks it.
    let refused = kernel::output(Lacking::Seccomp, context.command(&inspect));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("mine.wasm") && said.contains("seccomp"), "{said}");
}

#[test]
fn who_is_started_with_ends_of_processes_ignored_hears_of_them() {
    let context = Context::new();
    let suite = strangers(&context);
    // Compiled, too: that is a process as well.
    let cache = context.path("cache");
    let mut command = Command::new("sh");
    let like = context.command(&[]);
    command.args(["-c", "trap '' CHLD; exec \"$@\"", "sh"]).arg(like.get_program());
    command.args(["run", &suite, "--agent", "./mine.wasm", "--isolation", "process", "--format", "json"]);
    command.current_dir(context.path("")).env_clear().stdin(Stdio::null());
    command.envs(like.get_envs().filter_map(|(key, value)| Some((key, value?)))).env("LANCET_CACHE", &cache);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["totals"]["all"]["invalid"], json!(0));
    let shown = context.json(&["show", "latest/one/1"]);
    assert!(shown.as_array().unwrap().iter().all(|event| !event.to_string().contains("-crash")), "{shown:#}");
}

/// The binary in a folder of an ordinary user's, started by a program that limits it.
fn of_a_user(context: &Context, user: u32, limits: &[&str], arguments: &[&str]) -> Command {
    let home = context.path("");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    let (copy, own) = (context.path("lancet"), context.path("own"));
    if !copy.exists() {
        let built = env!("CARGO_BIN_EXE_lancet");
        assert!(Command::new("cp").arg(built).arg(&copy).status().unwrap().success());
        fs::create_dir(&own).unwrap();
        chown(&own, Some(user), Some(user)).unwrap();
    }
    let mut command = Command::new("prlimit");
    command.args(limits).arg(&copy).args(arguments).uid(user).gid(user);
    command.current_dir(&home).env_clear().stdin(Stdio::null());
    command.env("PATH", "/usr/bin:/bin").env("HOME", &own);
    command.env("LANCET_STORE", own.join("store")).env("LANCET_CACHE", own.join("cache"));
    command
}

#[test]
fn where_no_process_or_thread_can_be_had_that_is_said() {
    const USER: u32 = 4245;
    if !rustix::process::getuid().is_root() {
        not_shown("what is said where no process or thread can be had");
        return;
    }
    let context = Context::new();
    let suite = strangers(&context);
    let run = ["run", &suite, "--agent", "./mine.wasm", "--jobs", "8", "--attempts", "8", "--quiet"];
    let whole = of_a_user(&context, USER, &[], &run).output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", String::from_utf8_lossy(&whole.stderr));
    let store = context.path("own/store");
    let (mut refused, mut of_processes) = (0, 0);
    // Threads are looked for first, several for each processor: of those limits a few do.
    let threads = 2 * std::thread::available_parallelism().unwrap().get();
    for most in (1..3).chain(threads + 6..) {
        fs::remove_dir_all(&store).unwrap();
        let limit = format!("--nproc={most}:{most}");
        let output = of_a_user(&context, USER, &[&limit], &run).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(0) {
            // What ran was jailed.
            let show = of_a_user(&context, USER, &[], &["show", "latest/one/1", "--format", "json"]);
            let shown: Value = serde_json::from_slice(&{ show }.output().unwrap().stdout).unwrap();
            assert_eq!(shown[0]["jail"]["seccomp"], json!(true), "{shown:#}");
            break;
        }
        assert_eq!(output.status.code(), Some(1), "{most} threads: {said}");
        assert!(said.contains("error: ") && said.contains("hint: "), "{most} threads: {said}");
        assert!(said.contains("RLIMIT_NPROC"), "{most} threads: {said}");
        refused += 1;
        of_processes += usize::from(said.contains("no further process can be started"));
        fs::create_dir_all(&store).unwrap();
    }
    // Whether it is a thread or a process that is lacking depends on which of them came first.
    println!("refused with {refused} limits, for want of a process with {of_processes}");
    assert!(refused > 3);
}

#[test]
fn a_program_that_cannot_be_started_again_is_told_with_what_to_do() {
    if !rustix::process::getuid().is_root() {
        not_shown("what is said of a program that its user cannot read");
        return;
    }
    let context = Context::new();
    let suite = strangers(&context);
    let run = ["run", &suite, "--agent", "./mine.wasm"];
    // Whose user may execute it and not read it.
    let mut command = of_a_user(&context, 4246, &[], &run);
    fs::set_permissions(context.path("lancet"), fs::Permissions::from_mode(0o711)).unwrap();
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("opening this program") && said.contains("has to be able to read it"), "{said}");
    assert!(!Path::new(&context.path("own/store")).exists(), "something was written");
}
