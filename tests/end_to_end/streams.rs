//! What becomes of commands whose output nobody reads, or that cannot be written, and of those
//! that are told to stop, or have no threads.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::context::{Context, copy, hostile, sample, side_by_side};

/// How long anything may take that is to end now.
const SOON: Duration = Duration::from_secs(60);

/// A command of each kind, which a run has been made for.
fn commands(suite: &str) -> Vec<Vec<String>> {
    let lines = [
        "--help",
        "--version",
        "run --help",
        "completions bash",
        "suite check SUITE",
        "suite check nowhere",
        "suite import swe-lancer --csv nowhere.csv --out new",
        "suite pin SUITE",
        "run SUITE --agent first --task cart-badge-stale",
        "run SUITE --agent nobody",
        "grade SUITE --predictions nowhere.json",
        "runs",
        "show",
        "show latest/cart-badge-stale/1",
        "report",
        "report --format csv",
        "report --results -",
        "resume",
        "regrade",
        "replay",
        "plugin list",
        "plugin inspect first",
        "plugin pack nowhere.wasm --output new.wasm",
        "doctor --docker-socket nowhere",
        "frobnicate",
    ];
    let words = |line: &str| line.split(' ').map(|word| word.replace("SUITE", suite)).collect();
    lines.map(words).to_vec()
}

/// A stream as commands find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Read,
    Closed,
    Full,
    Broken,
}

impl Stream {
    fn open(self) -> Stdio {
        match self {
            Self::Read => Stdio::piped(),
            Self::Closed => Stdio::null(),
            Self::Full => fs::File::options().write(true).open("/dev/full").unwrap().into(),
            Self::Broken => std::io::pipe().unwrap().1.into(),
        }
    }
}

#[test]
fn no_command_minds_whether_its_output_is_read() {
    use Stream::{Broken, Closed, Full, Read};

    let context = Context::new();
    let suite = sample();
    context.run_sample("first", &["--task", "cart-badge-stale"]);
    let wrong = side_by_side(&commands(suite.to_str().unwrap()), |words| {
        // Each has the run, and nobody else's.
        let store = tempfile::tempdir().unwrap();
        copy(&context.path("store"), store.path());
        let run = |stdout: Stream, stderr: Stream| {
            // A shell closes what is to be closed.
            let mut shell = String::from("exec \"$0\" \"$@\"");
            for (stream, number) in [(stdout, 1), (stderr, 2)] {
                if stream == Closed {
                    shell.push_str(&format!(" {number}>&-"));
                }
            }
            let program = context.command(&[]);
            let mut command = Command::new("sh");
            command.arg("-c").arg(shell).arg(program.get_program()).args(words);
            command.current_dir(program.get_current_dir().unwrap()).env_clear();
            command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.env("LANCET_STORE", store.path());
            command.stdin(Stdio::null()).stdout(stdout.open()).stderr(stderr.open()).output().unwrap()
        };
        let mut wrong = Vec::new();
        let usual = run(Read, Read);
        let prints = !usual.stdout.is_empty();
        for (stdout, stderr) in [(Closed, Closed), (Broken, Broken), (Read, Full)] {
            let found = run(stdout, stderr);
            if found.status.code() != usual.status.code() {
                let told = String::from_utf8_lossy(&found.stderr).into_owned();
                wrong.push(format!(
                    "{words:?}, {stdout:?} and {stderr:?}: {}, and not {}: {told}",
                    found.status, usual.status
                ));
            }
        }
        // What was to be printed is lost, and nobody is to take it for there.
        let full = run(Full, Read);
        let told = String::from_utf8_lossy(&full.stderr);
        let is_right = match prints {
            true => full.status.code() == Some(1) && told.contains("writing to stdout"),
            false => full.status.code() == usual.status.code(),
        };
        if !is_right {
            wrong.push(format!("{words:?} with a full stdout: {}: {told}", full.status));
        }
        let all = run(Full, Full);
        if all.status.code() != full.status.code() {
            wrong.push(format!("{words:?} with both full: {}", all.status));
        }
        wrong
    });
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits for the end, at most so long.
#[track_caller]
fn ended(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > SOON {
            let _ = child.kill();
            panic!("it has not ended after {} s", SOON.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < SOON, "it never came to that: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_signal_ends_a_run_now_and_leaves_it_to_be_resumed() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    fs::write(context.path("agent.wasm"), hostile("endless-loop-agent")).unwrap();
    // It misbehaves on such tasks.
    fs::rename(suite.join("tasks/one"), suite.join("tasks/evil-one")).unwrap();
    let run = [
        "run",
        "suite",
        "--agent",
        "agent.wasm",
        "--agent-fuel",
        "18000000000000000000",
        "--agent-timeout",
        "86400",
    ];
    for (number, both) in [[Signal::INT, Signal::INT], [Signal::TERM, Signal::INT]].into_iter().enumerate() {
        let mut child = context.command(&run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        until("the agent is at work", || is_at_work(&child));
        signal(&child, both[0]);
        let mut first = String::new();
        while !first.contains("stopping:") {
            assert_ne!(told.read_line(&mut first).unwrap(), 0, "{number}: {first}");
        }
        assert!(child.try_wait().unwrap().is_none(), "what is under way is finished first");
        signal(&child, both[1]);
        let status = ended(&mut child);
        told.read_to_string(&mut first).unwrap();
        assert_eq!(status.code(), Some(130), "{first}");
        assert!(first.contains("to be resumed") && first.contains("lancet resume"), "{first}");
        // Nothing holds the run any more, and it goes on.
        let shown = context.lancet(&["show"]);
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        let mut again =
            context.command(&["resume"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        until("the agent is at work again", || is_at_work(&again));
        // Two at once, too.
        signal(&again, both[0]);
        std::thread::sleep(Duration::from_millis(50));
        signal(&again, both[1]);
        assert_eq!(ended(&mut again).code(), Some(130));
    }
}

#[test]
fn a_signal_ends_a_command_that_waits_for_its_reader() {
    let context = Context::new();
    let suite = sample();
    context.run_sample("first", &[]);
    for words in [
        &["run", suite.to_str().unwrap(), "--agent", "first", "--task", "cart-badge-stale"][..],
        &["show", "--format", "json"],
        &["report"],
        &["replay", "--format", "json"],
    ] {
        // A pipe that is full, and that nobody reads.
        let (_reader, writer) = std::io::pipe().unwrap();
        let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
        rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
        while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
        rustix::fs::fcntl_setfl(&writer, flags).unwrap();
        let mut child = context.command(words).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1_500));
        assert!(child.try_wait().unwrap().is_none(), "{words:?} waits");
        signal(&child, Signal::INT);
        let status = ended(&mut child);
        // With a handler, and without.
        assert!(status.code() == Some(130) || status.signal() == Some(2), "{words:?}: {status}");
    }
}

/// A table of that many manager tasks.
fn table(rows: usize) -> String {
    let mut text = String::from(
        "question_id,variant,price,price_limit,manager_data,manager_commit,acceptable_folders,cwd,set,title,description,proposals\n",
    );
    for row in 0..rows {
        text.push_str(&format!("{row}-manager-0,swe_manager,1000.0,2000000.0,\"{{'all_proposals': [], 'game': {{'all_formal_proposals': [{{'id': 0, 'source_url': 'u', 'content': 'a', 'explanation': 'no'}}, {{'id': 1, 'source_url': 'u', 'content': 'bb', 'explanation': 'yes'}}], 'correct_proposal': {{'id': 1, 'approval_comment_url': 'u', 'explanation': 'yes'}}, 'correct_proposal_scraped_beforehand': None}}, 'price': 1000.0, 'title': 't', 'issue_repo_steps': 's', 'html_description': 'h', 'fix_commit_hash': 'c'}}\",abc,[],/app/expensify,diamond,Title,It is broken.,Proposal: 0:\n"));
    }
    text
}

#[test]
fn an_interrupted_import_leaves_nothing() {
    let context = Context::new();
    fs::write(context.path("table.csv"), table(10_000)).unwrap();
    fs::create_dir(context.path("place")).unwrap();
    let import = ["suite", "import", "swe-lancer", "--csv", "table.csv", "--out", "place/suite"];
    let written = || fs::read_dir(context.path("place")).unwrap().flatten().next().map(|entry| entry.path());
    let begun = || written().is_some_and(|hidden| hidden.join("suite/tasks").exists());
    for signals in [&[Signal::INT][..], &[Signal::TERM], &[Signal::INT, Signal::INT]] {
        let mut child =
            context.command(&import).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        until("something is written", begun);
        signals.iter().for_each(|which| signal(&child, *which));
        let status = ended(&mut child);
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(status.code(), Some(130), "{signals:?}: {told}");
        assert_eq!(written(), None, "{signals:?}: {told}");
    }
    // Killed, it can remove nothing; the next one does.
    let mut child = context.command(&import).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("something is written", begun);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(written().is_some());
    fs::write(context.path("table.csv"), table(1)).unwrap();
    assert_eq!(context.lancet(&import).code, Some(0));
    let left: Vec<_> =
        fs::read_dir(context.path("place")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["suite"]);
}

#[test]
fn without_threads_commands_say_so() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    fs::write(context.path("grader.wasm"), hostile("endless-loop-grader")).unwrap();
    context.run_sample("first", &["--task", "cart-badge-stale"]);
    let is_root = rustix::process::geteuid().is_root();
    // Root is above this limit.
    let (user, group) = (4_243, 4_243);
    if is_root {
        let owner = format!("{user}:{group}");
        let given = Command::new("chown").arg("-R").arg(owner).arg(context.path(".")).status().unwrap();
        assert!(given.success());
    }
    for words in [
        &["run", suite.to_str().unwrap(), "--agent", "first"][..],
        &["suite", "check", suite.to_str().unwrap()],
        &["plugin", "inspect", "grader.wasm"],
        &["resume"],
        &["report"],
        &["show"],
        &["regrade"],
        &["replay"],
        &["doctor"],
    ] {
        let program = context.command(&[]);
        let mut command = Command::new("bash");
        command.args(["-c", "ulimit -u 1; exec \"$0\" \"$@\""]).arg(program.get_program()).args(words);
        command.current_dir(context.path(".")).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("LANCET_CACHE", context.path("cache"));
        if is_root {
            command.uid(user).gid(group);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let status = ended(&mut child);
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
        println!("{words:?}: {status}: {told}");
        let is_told = status.code() == Some(0) || told.contains("RLIMIT_NPROC");
        assert!(is_told && status.code().is_some_and(|code| code != 101), "{words:?}: {status}: {told}");
    }
}

/// Whether a process that this one has started has computed for a second, which only a guest does.
fn is_at_work(parent: &Child) -> bool {
    let computed = |process: &u32| {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name is in brackets, and the time in user mode is the twelfth number behind it.
        let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest).to_owned();
        rest.split(' ').nth(11).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or(0)
    };
    children_of(parent.id()).iter().any(|process| computed(process) > 100)
}

/// The processes that a process has started.
fn children_of(parent: u32) -> Vec<u32> {
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |number: &u32| {
        let status = fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim);
        line == Some(&parent.to_string())
    };
    numbers.filter(is_child).collect()
}

#[test]
fn who_reads_a_component_ends_with_its_host() {
    let context = Context::new();
    fs::write(context.path("bomb.wasm"), lancet_hostile::bomb("siblings")).unwrap();
    fs::create_dir(context.path("temporary")).unwrap();
    let mut command = context.command(&["plugin", "inspect", "bomb.wasm"]);
    command.env("TMPDIR", context.path("temporary")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    until("somebody reads it", || !children_of(child.id()).is_empty());
    let readers = children_of(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    until("nobody reads it any more", || {
        readers.iter().all(|reader| {
            let state = fs::read_to_string(format!("/proc/{reader}/status")).unwrap_or_default();
            state.is_empty() || state.contains("State:\tZ")
        })
    });
    assert_eq!(fs::read_dir(context.path("temporary")).unwrap().count(), 0, "nothing is left");
}
