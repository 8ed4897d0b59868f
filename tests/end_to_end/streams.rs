//! What becomes of commands whose output nobody reads, or that cannot be written, and of those
//! that are told to stop, or have no threads.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use lancet_core::Role;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::context::{Context, copy, hostile, judged_by, sample, side_by_side};
use crate::option_table::{self, Told};
use crate::packages::GRADER;

/// How long anything may take that is to end now.
const SOON: Duration = Duration::from_secs(60);

/// The commands that the program calls itself by, with pipes of its own.
const OF_THE_HOST: [&str; 3] = ["compile-plugin", "plugin-worker", "try-prompt"];

/// Every command, most of them with something that works and with something that does not.
const COMMANDS: [&str; 79] = [
    "--help",
    "--version",
    "attest --key mine --output new.jsonl",
    "attest --key nobody",
    "cosign run.attested.jsonl --key witness --first --output new.jsonl",
    "cosign run.attested.jsonl --key witness",
    "completions bash",
    "doctor --docker-socket nowhere",
    "export --key mine --output new.tar",
    "export --key nobody",
    "frobnicate",
    "grade SUITE --predictions nowhere.json",
    "grade SUITE --patch SUITE/suite.toml --task cart-badge-stale",
    "key import theirs.pub --name theirs",
    "key import nowhere.pub --name theirs",
    "key list",
    "key list --format json",
    "key new other",
    "key new mine",
    "key revoke mine --reason lost",
    "key rotate mine next",
    "key show mine",
    "key show nobody",
    "log show",
    "log show --format json",
    "log sign --key mine --output new.checkpoint",
    "plugin build project",
    "plugin build nowhere",
    "plugin check nowhere.wasm",
    "plugin check project/plugin.toml",
    "plugin inspect first",
    "plugin inspect package.wasm",
    "plugin inspect nowhere.wasm",
    "plugin list",
    "plugin new acme/new-choice --lang rust --world grader",
    "plugin new project --lang rust --world grader",
    "plugin pack grader.wasm --manifest grader.toml --output new.wasm",
    "plugin pack nowhere.wasm --output new.wasm",
    "plugin record latest/cart-badge-stale/1 --output new.json",
    "plugin record latest --output new.json",
    "plugin sign package.wasm --key mine",
    "plugin sign grader.wasm --key mine",
    "plugin test manager-choice --fixtures fixtures",
    "plugin test manager-choice --fixtures nowhere",
    "regrade",
    "replay",
    "report",
    "report --format csv",
    "report --results -",
    "resume",
    "run --help",
    "run SUITE --agent first --task cart-badge-stale",
    "run SUITE --agent nobody",
    "runs",
    "show",
    "show latest/cart-badge-stale/1",
    "suite check SUITE",
    "suite check nowhere",
    "suite import swe-lancer --csv nowhere.csv --out new",
    "suite import swe-lancer --csv table.csv --out new",
    "suite new new --kind swe-manager",
    "suite new project --kind swe-manager",
    "suite pin SUITE",
    "suite sign SUITE --key mine --output new.json",
    "plugin lock grader.wasm",
    "plugin add localhost:1/acme/choice:1",
    "plugin outdated",
    "plugin pull localhost:1/acme/choice:1",
    "plugin push package.wasm localhost:1/acme/choice",
    "suite pull localhost:1/acme/shop:1",
    "suite push SUITE localhost:1/acme/shop:1",
    "plugin lock nowhere.wasm",
    "policy explain manager-choice",
    "policy explain nowhere.wasm",
    "suite lock nowhere",
    "verify package.wasm",
    "verify run.attested.jsonl",
    "verify nowhere.tar",
    "verify grader.wasm",
];

#[test]
fn every_command_is_tried() {
    for Told { command, .. } in option_table::COMMANDS {
        let is_tried = |line: &str| line.strip_prefix(command).is_some_and(|rest| !rest.starts_with('-'));
        assert!(
            OF_THE_HOST.contains(command) || COMMANDS.iter().any(|line| is_tried(line)),
            "`lancet {command}` is not tried with output that nobody reads: add a line to `COMMANDS`"
        );
    }
}

/// What stands in for `componentize-py` of the version that is asked for, whatever it is told to
/// build: that component lies beside it. Before that it does what `first` says.
fn tools(folder: &Path, component: &[u8], first: &str) {
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(folder.join("bin/made.wasm"), component).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'componentize-py 0.25.1' && exit\n{first}\n\
         while [ \"$1\" != --output ]; do shift; done\nexec cp '{}' \"$2\"\n",
        folder.join("bin/made.wasm").display()
    );
    let path = folder.join("bin/componentize-py");
    fs::write(&path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes a project of a grader, which such a tool builds.
pub(crate) fn project(folder: &Path, tools: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("plugin.toml"), GRADER).unwrap();
    fs::write(folder.join("pyproject.toml"), "").unwrap();
    fs::write(folder.join("grader.py"), "").unwrap();
    symlink(tools, folder.join(".venv")).unwrap();
}

/// A context with a grader, `package.wasm` that is signed with the key `mine`, another key, a tool that builds
/// it, a run with a fixture and `run.attested.jsonl` of it, and a table.
pub(crate) fn publisher() -> Context {
    let context = Context::new();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    fs::write(context.path("grader.wasm"), grader.component).unwrap();
    fs::write(context.path("grader.toml"), GRADER).unwrap();
    fs::write(context.path("table.csv"), table(1)).unwrap();
    tools(&context.path("tools"), grader.component, "");
    context.run_sample("first", &["--task", "cart-badge-stale"]);
    for line in [
        "plugin pack grader.wasm --manifest grader.toml --output package.wasm",
        "key new mine",
        "key new witness",
        "plugin sign package.wasm --key mine",
        "attest --key mine --output run.attested.jsonl",
        "plugin record latest/cart-badge-stale/1 --output fixtures/one.json",
    ] {
        let outcome = context.lancet(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.code, Some(0), "{line}: {}", outcome.stderr);
    }
    let theirs = lancet_trust::PrivateKey::generate().unwrap().public();
    fs::write(context.path("theirs.pub"), theirs.to_pem()).unwrap();
    context
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

    let context = publisher();
    let suite = sample();
    let wrong = side_by_side(&COMMANDS, |line| {
        let words: Vec<_> =
            line.split(' ').map(|word| word.replace("SUITE", suite.to_str().unwrap())).collect();
        let run = |stdout: Stream, stderr: Stream| {
            // Each has all of it, and what another made is not in its way.
            let place = tempfile::tempdir().unwrap();
            copy(&context.path("."), place.path());
            project(&place.path().join("project"), &context.path("tools"));
            // A shell closes what is to be closed.
            let mut shell = String::from("exec \"$0\" \"$@\"");
            for (stream, number) in [(stdout, 1), (stderr, 2)] {
                if stream == Closed {
                    shell.push_str(&format!(" {number}>&-"));
                }
            }
            let program = context.command(&[]);
            let mut command = Command::new("sh");
            command.arg("-c").arg(shell).arg(program.get_program()).args(&words);
            command.current_dir(place.path()).env_clear();
            command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.env("HOME", place.path()).env("LANCET_STORE", place.path().join("store"));
            command.stdin(Stdio::null()).stdout(stdout.open()).stderr(stderr.open()).output().unwrap()
        };
        let mut wrong = Vec::new();
        let began = Instant::now();
        let usual = run(Read, Read);
        println!("{line}: {} in {:.1?}", usual.status, began.elapsed());
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
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
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
        // Two at once, too: of different kinds, as two of one kind may come to one.
        signal(&again, Signal::TERM);
        signal(&again, Signal::INT);
        assert_eq!(ended(&mut again).code(), Some(130));
    }
}

/// What a command waits for when it is told to stop.
enum Waits {
    /// A program that it has started, which writes its number into the file `began`.
    Program,
    /// A Docker engine, which does not answer.
    Engine,
    /// Its user, when it has said that.
    Said(&'static str),
    /// A plugin.
    Guest,
}

#[test]
fn two_signals_end_whatever_a_command_waits_for() {
    const SIGNER: &str = "echo $$ >began; sleep 600";
    let context = publisher();
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    tools(&context.path("slow"), grader.component, SIGNER);
    project(&context.path("project"), &context.path("slow"));
    let endless = context.small_suite("endless");
    judged_by(&endless, &hostile("endless-loop-grader"));
    // It misbehaves on such tasks.
    fs::rename(endless.join("tasks/one"), endless.join("tasks/evil-one")).unwrap();
    crate::paths::with_image(&context);
    fs::write(context.path("patch"), "").unwrap();
    let engine = UnixListener::bind(context.path("engine")).unwrap();
    engine.set_nonblocking(true).unwrap();
    let sign = ["--key", "mine", "--signer", SIGNER, "--output", "new.jsonl"];
    let docker = ["--docker-socket", "engine", "--docker-patience", "600"];
    let endless = ["--grader-fuel", "18000000000000000000", "--grader-timeout", "86400"];
    let cases: [(Vec<&str>, Waits); 13] = [
        ([&["plugin", "sign", "package.wasm"], &sign[..]].concat(), Waits::Program),
        ([&["suite", "sign", "endless"], &sign[..]].concat(), Waits::Program),
        ([&["attest"], &sign[..]].concat(), Waits::Program),
        (vec!["key", "rotate", "mine", "next", "--signer", SIGNER], Waits::Program),
        (vec!["plugin", "build", "project"], Waits::Program),
        (
            vec!["plugin", "test", "manager-choice", "--fixtures", "fixtures", "--watch"],
            Waits::Said("waiting for a file"),
        ),
        ([&["suite", "pin", "images", "--rebuild"], &docker[..]].concat(), Waits::Engine),
        ([&["suite", "check", "images", "--controls"], &docker[..]].concat(), Waits::Engine),
        ([&["run", "images", "--agent", "noop"], &docker[..]].concat(), Waits::Engine),
        (
            [&["grade", "images", "--task", "uneven-split", "--patch", "patch"], &docker[..]].concat(),
            Waits::Engine,
        ),
        ([&["doctor"], &docker[..]].concat(), Waits::Engine),
        ([&["suite", "check", "endless", "--controls"], &endless[..]].concat(), Waits::Guest),
        ([&["run", "endless", "--agent", "first"], &endless[..]].concat(), Waits::Guest),
    ];
    for (words, waits) in cases {
        for signals in [[Signal::INT, Signal::INT], [Signal::TERM, Signal::INT]] {
            let _ = fs::remove_file(context.path("began"));
            // As a terminal does it: whatever is in the command's group is told, too.
            let mut command = context.command(&words);
            let told = tempfile::NamedTempFile::new().unwrap();
            command.process_group(0).stdout(Stdio::piped()).stderr(told.reopen().unwrap());
            let mut child = command.spawn().unwrap();
            let what = format!("{words:?} waits");
            let began = || fs::read_to_string(context.path("began")).unwrap_or_default();
            match waits {
                Waits::Program => until(&what, || began().ends_with('\n')),
                Waits::Engine => until(&what, || engine.accept().is_ok()),
                Waits::Guest => until(&what, || is_at_work(&child)),
                Waits::Said(said) => {
                    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
                    assert!(lines.any(|line| line.unwrap().contains(said)), "{what}");
                }
            }
            let group = Pid::from_child(&child);
            kill_process_group(group, signals[0]).unwrap();
            // A signal of the same kind comes to nothing before the first has been heard.
            let is_heard = || fs::read_to_string(told.path()).unwrap().contains("stopping:");
            until("the first signal is heard", || is_heard() || child.try_wait().unwrap().is_some());
            // It may have ended by then.
            let _ = kill_process_group(group, signals[1]);
            let started = Instant::now();
            let status = ended(&mut child);
            println!("{words:?}: {status} after {:.1?}", started.elapsed());
            // With a handler, and without.
            assert!(status.code() == Some(130) || status.signal().is_some(), "{words:?}: {status}");
            for made in ["new.jsonl", "project/right-choice.wasm"] {
                assert!(!context.path(made).exists(), "{words:?} leaves {made}");
            }
            if let Ok(program) = began().trim().parse::<u32>() {
                until("the program ends, too", || !is_alive(program));
            }
            while engine.accept().is_ok() {}
        }
    }
    let keys = context.lancet(&["key", "list"]).stdout;
    assert!(keys.contains("mine") && !keys.contains("next"), "{keys}");
}

#[test]
fn a_signal_to_a_build_alone_ends_its_tool_chain() {
    let context = Context::new();
    let began = context.path("began");
    let slow = format!("sleep 600 & echo $! >{0}\necho $$ >>{0}\nwait", began.display());
    let grader = lancet_builtin::find(Role::Grader, "manager-choice").unwrap();
    tools(&context.path("slow"), grader.component, &slow);
    project(&context.path("python"), &context.path("slow"));
    let new = ["plugin", "new", "acme/rust", "--lang", "rust", "--world", "grader"];
    assert_eq!(context.lancet(&new).code, Some(0));
    let cargo = context.path("cargo");
    fs::write(&cargo, format!("#!/bin/sh\n{slow}\n")).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for words in [["plugin", "build", "python"], ["plugin", "build", "rust"], ["plugin", "test", "rust"]] {
        for which in [Signal::TERM, Signal::INT, Signal::HUP] {
            let _ = fs::remove_file(&began);
            let mut command = heard(&context, &words);
            command.env("PATH", &path).env("CARGO", &cargo).stdout(Stdio::null()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let programs = || fs::read_to_string(&began).unwrap_or_default();
            until("the tool is at work", || programs().lines().count() == 2);
            signal(&child, which);
            let status = ended(&mut child);
            let mut told = String::new();
            child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
            assert_eq!(status.code(), Some(130), "{words:?}: {told}");
            assert!(told.contains("stopped while "), "{words:?}: {told}");
            let programs = programs();
            let mut programs = programs.lines().map(|line| line.parse::<u32>().unwrap());
            until("its programs end, too", || programs.clone().all(|program| !is_alive(program)));
            assert_eq!(programs.by_ref().count(), 2);
        }
    }
}

/// A command that no signal is ignored by, whoever runs these tests.
fn heard(context: &Context, words: &[&str]) -> Command {
    let program = context.command(words);
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT"]).arg(program.get_program()).args(program.get_args());
    command.current_dir(context.path(".")).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn a_signal_or_a_kill_ends_a_command_with_what_it_has_started() {
    let context = Context::new();
    let began = context.path("began");
    let slow = format!("sleep 600 & echo $! >{0}\necho $$ >>{0}\nwait", began.display());
    let script = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    // A tool that does not say what version it has, and a helper that does not give what it keeps.
    project(&context.path("project"), &context.path("tools"));
    script(&context.path("tools/bin/componentize-py"), &slow);
    script(&context.path("helpers/docker-credential-slow"), &slow);
    let path = std::env::join_paths(
        [context.path("helpers")]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("localhost:{}", registry.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for asked in registry.incoming() {
            let mut asked = asked.unwrap();
            let mut request = [0; 4096];
            let _ = asked.read(&mut request);
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = asked.write_all(answer.as_bytes());
        }
    });
    let config = format!("{{\"credHelpers\": {{\"{place}\": \"slow\"}}}}");
    fs::create_dir(context.path("docker")).unwrap();
    fs::write(context.path("docker/config.json"), config).unwrap();
    let reference = format!("{place}/acme/choice:1");
    let path = path.unwrap();
    for words in [&["plugin", "build", "project"][..], &["plugin", "pull", &reference, "--output", "x.wasm"]]
    {
        for which in [Signal::TERM, Signal::INT, Signal::HUP, Signal::KILL] {
            let _ = fs::remove_file(&began);
            let mut command = heard(&context, words);
            command.env("PATH", &path).env("DOCKER_CONFIG", context.path("docker"));
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let programs = || fs::read_to_string(&began).unwrap_or_default();
            until("it is at work", || programs().lines().count() == 2);
            signal(&child, which);
            let status = ended(&mut child);
            let expected = if which == Signal::KILL { None } else { Some(130) };
            assert_eq!(status.code(), expected, "{words:?}: {which:?}");
            let programs: Vec<u32> = programs().lines().map(|line| line.parse().unwrap()).collect();
            until("its programs end, too", || programs.iter().all(|program| !is_alive(*program)));
        }
    }
    // What a tool says in colours is told without, and as little as that a project is built with `--quiet`.
    let version = "[ \"$1\" = --version ] && echo 'componentize-py 0.25.1' && exit";
    script(
        &context.path("coloured/bin/componentize-py"),
        &format!("{version}\nprintf '\\033[31mbad\\033[0m' >&2; exit 3"),
    );
    project(&context.path("other"), &context.path("coloured"));
    for (words, is_told) in
        [(&["plugin", "test", "other"][..], true), (&["plugin", "test", "other", "--quiet"], false)]
    {
        let outcome = context.lancet(words);
        outcome.fails(4, &["componentize-py failed (exit status: 3):\n  bad\n"]);
        assert!(!outcome.stderr.contains("1b"), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.contains("building: `other/"), is_told, "{}", outcome.stderr);
    }
    // Whoever is to go on when the terminal is gone does.
    let _ = fs::remove_file(&began);
    let mut command = Command::new("sh");
    let program = context.command(&["plugin", "build", "project"]);
    command
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args());
    command.current_dir(context.path(".")).env("PATH", &path).env("HOME", context.path("."));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it is at work", || fs::read_to_string(&began).unwrap_or_default().lines().count() == 2);
    signal(&child, Signal::HUP);
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    signal(&child, Signal::TERM);
    assert_eq!(ended(&mut child).code(), Some(130));
}

/// Whether there is such a process, which is more than what its parent has not asked about.
fn is_alive(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    !state.is_empty() && !state.contains("State:\tZ")
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
    until("nobody reads it any more", || readers.iter().all(|reader| !is_alive(*reader)));
    assert_eq!(fs::read_dir(context.path("temporary")).unwrap().count(), 0, "nothing is left");
}
