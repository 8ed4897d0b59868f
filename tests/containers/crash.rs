//! The host killed at random points, the engine restarted under it: a run goes on,
//! nothing is lost or doubled, and nothing is left behind.

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use lancet_core::{CallErrorKind, Capture, InfraFaultKind, Step};
use lancet_docker::{Docker, DockerOptions, Lease};
use serde_json::Value;

use crate::context::Context;
use crate::scale::scaled;
use crate::suites::{self, command, copy_folder, json, left_behind, verdicts};

/// How many times a host is killed at a random point, in the whole campaign.
const KILLS: usize = 50;

/// How long what was left may stay: the reaper of the next run takes it.
const GONE: Duration = Duration::from_secs(60);

/// How often a run is resumed whose engine was restarted, at most.
const RESUMES: usize = 3;

/// The images of the small suite.
const IMAGES: [&str; 1] = ["box"];

/// A suite of two tasks, whose agents write a file and whose tests run: of one beside what
/// was handed in, of the other apart from it. Its only image is small, so that an engine of a
/// test's own has it soon.
fn small_suite(context: &Context) -> PathBuf {
    let source = suites::parametrized();
    let suite = context.path("suite");
    copy_folder(source, &suite);
    fs::copy(source.join("images.lock"), suite.join("images.lock")).unwrap();
    fs::write(context.path("script"), "echo changed >> NOTE\n").unwrap();
    suite
}

const RUN: [&str; 8] = ["run", "suite", "--agent", "script", "--input", "script", "--jobs", "2"];

fn has_run(context: &Context) -> bool {
    context.path("store/lancet.db").exists()
        && command(context, &["runs", "--format", "csv"])
            .output()
            .is_ok_and(|o| o.status.success() && String::from_utf8_lossy(&o.stdout).lines().count() > 1)
}

fn run_id(context: &Context) -> String {
    json(context, &["runs"], 0)[0]["run"].as_str().unwrap().to_owned()
}

/// Goes on with the run, or begins it when the kill came before it was recorded.
fn go_on(context: &Context) -> Value {
    if has_run(context) { json(context, &["resume"], 0) } else { json(context, &RUN, 0) }
}

#[track_caller]
fn assert_same(context: &Context, expected: &Verdicts, when: &str) {
    let report = json(context, &["report"], 0);
    assert_eq!(verdicts(context, "latest"), *expected, "{when}");
    assert_eq!(report["complete"], true, "{when}");
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    for event in ["solved", "captured", "graded", "decided"] {
        let count: i64 = database
            .query_row(
                "SELECT count(*) FROM events WHERE event LIKE ?1",
                [format!("{{\"event\":\"{event}\"%")],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(count, 2, "{when}: {event}");
    }
    assert_eq!(json(context, &["replay"], 0)["identical"], 2, "{when}");
}

#[track_caller]
fn assert_gone(run: &str, when: &str) {
    let deadline = Instant::now() + GONE;
    loop {
        let left = left_behind(run);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{when}: after {} s there are {left:?}", GONE.as_secs());
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// A small generator, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

type Verdicts = Vec<(String, String, String)>;

/// What the small suite comes to, and how long that takes where its images are prepared.
fn undisturbed() -> (Verdicts, Duration) {
    static FOUND: OnceLock<(Verdicts, Duration)> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let context = Context::new();
        small_suite(&context);
        json(&context, &RUN, 0);
        let started = Instant::now();
        json(&context, &RUN, 0);
        let elapsed = started.elapsed();
        (verdicts(&context, "latest"), elapsed)
    });
    found.clone()
}

#[test]
fn killed_at_random_points_a_run_goes_on_and_leaves_nothing() {
    let (expected, length) = undisturbed();
    let length = u64::try_from(length.as_millis()).unwrap();
    let mut random = Random(2026);
    let mut kills = 0;
    while kills < scaled(KILLS) {
        let context = Context::new();
        small_suite(&context);
        // Up to five kills in a row, each somewhere in what is left to do.
        for _ in 0..5 {
            let resuming = has_run(&context);
            let arguments: &[&str] = if resuming { &["resume"] } else { &RUN };
            let mut child =
                command(&context, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(random.below(length)));
            let was_running = child.try_wait().unwrap().is_none();
            child.kill().unwrap();
            child.wait().unwrap();
            if !was_running {
                break;
            }
            kills += 1;
        }
        go_on(&context);
        let when = format!("after {kills} kills");
        assert_same(&context, &expected, &when);
        assert_gone(&run_id(&context), &when);
    }
}

#[test]
fn killed_at_every_named_point_a_run_goes_on_and_leaves_nothing() {
    let (expected, _) = undisturbed();
    for point in
        ["attempt-solved", "attempt-captured", "attempt-submitted", "attempt-graded", "attempt-decided"]
    {
        let context = Context::new();
        small_suite(&context);
        let status = command(&context, &RUN)
            .env(lancet_store::FAILPOINT_VARIABLE, format!("{point}:1"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success(), "{point} was never passed");
        go_on(&context);
        assert_same(&context, &expected, point);
        assert_gone(&run_id(&context), point);
    }
}

/// An engine of the test's own, so that restarting it disturbs nobody.
struct Engine {
    folder: tempfile::TempDir,
    process: Option<std::process::Child>,
}

impl Engine {
    fn new() -> Self {
        let mut engine = Self { folder: tempfile::tempdir().unwrap(), process: None };
        engine.start();
        engine
    }

    fn socket(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    fn start(&mut self) {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let _ = fs::remove_file(path("dockerd.pid"));
        self.until_containerd_is_gone();
        let log = fs::OpenOptions::new().create(true).append(true).open(path("log")).unwrap();
        // In a network name space of its own: an engine without a bridge removes the
        // one of the engine beside it.
        let process = std::process::Command::new("unshare")
            .args(["--net", "dockerd"])
            .args(["--host", &self.socket(), "--data-root", &path("data"), "--exec-root", &path("exec")])
            .args([
                "--pidfile",
                &path("dockerd.pid"),
                "--bridge",
                "none",
                "--iptables=false",
                "--ip6tables=false",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dockerd, to be started by root");
        self.process = Some(process);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.docker(&["version"]).output().unwrap().status.success() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the test's own dockerd does not answer:\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the containerd of the engine before has ended, which the kernel kills when
    /// a dockerd dies. A dockerd that finds its process, be it one that nobody has waited for
    /// yet, takes it for running and never answers.
    fn until_containerd_is_gone(&self) {
        let file = self.folder.path().join("exec/containerd/containerd.pid");
        let Ok(id) = fs::read_to_string(&file) else { return };
        let status = Path::new("/proc").join(id.trim()).join("status");
        let deadline = Instant::now() + GONE;
        let is_there = |status: String| {
            status.starts_with("Name:\tcontainerd\n")
                && !status.lines().any(|line| line.starts_with("State:\tZ"))
        };
        while fs::read_to_string(&status).is_ok_and(is_there) {
            assert!(Instant::now() < deadline, "the containerd of an engine that was killed goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::remove_file(file);
    }

    fn stop(&mut self) {
        self.end(rustix::process::Signal::TERM);
    }

    /// Its containers go on until the next one finds them.
    fn crash(&mut self) {
        self.end(rustix::process::Signal::KILL);
    }

    fn end(&mut self, signal: rustix::process::Signal) {
        let Some(mut process) = self.process.take() else { return };
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&process), signal);
        process.wait().unwrap();
    }

    /// Waits until it has a container of that role, which runs.
    fn until_there_is(&self, role: &str) {
        let filter = format!("label=dev.lancet.role={role}");
        let running = ["ps", "-q", "--filter", &filter, "--filter", "status=running"];
        let deadline = Instant::now() + GONE;
        while self.docker(&running).output().unwrap().stdout.is_empty() {
            assert!(Instant::now() < deadline, "there is no container of the role {role}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn docker(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new("docker");
        command.args(["--host", &self.socket()]).args(arguments);
        command
    }

    /// Copies an image over from the engine that the tests share.
    fn take(&self, reference: &str) {
        let mut save = std::process::Command::new("docker")
            .args(["save", reference])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let loaded = self.docker(&["load"]).stdin(save.stdout.take().unwrap()).output().unwrap();
        assert!(save.wait().unwrap().success() && loaded.status.success(), "{loaded:?}");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the lock file pins the images to.
fn references(suite: &Path) -> Vec<String> {
    let lock = fs::read_to_string(suite.join("images.lock")).unwrap();
    IMAGES
        .iter()
        .map(|name| {
            let (_, entry) = lock.split_once(&format!("[images.{name}]")).unwrap();
            let line = entry.lines().find_map(|line| line.strip_prefix("reference = \"")).unwrap();
            line.trim_end_matches('"').to_owned()
        })
        .collect()
}

#[test]
fn an_engine_that_is_restarted_under_a_run_is_survived() {
    let (expected, length) = undisturbed();
    let mut engine = Engine::new();
    let context = Context::new();
    let suite = small_suite(&context);
    for reference in references(&suite) {
        engine.take(&reference);
    }
    for part in [2, 5, 8] {
        let _ = fs::remove_dir_all(context.path("store"));
        let mut child = command(&context, &RUN)
            .env("DOCKER_HOST", engine.socket())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(length * part / 10);
        engine.stop();
        engine.start();
        // It may have become invalid all the same; a resume decides then. On a machine with far
        // too much to do that may take another, but only the infrastructure can be why.
        let status = child.wait().unwrap();
        assert!(matches!(status.code(), Some(0 | 5)), "{status}");
        let mut invalid = Vec::new();
        loop {
            let mut resume = command(&context, &["resume", "--format", "json"]);
            let resumed = resume.env("DOCKER_HOST", engine.socket()).output().unwrap();
            if resumed.status.code() == Some(0) {
                break;
            }
            let shown = command(&context, &["show", "latest", "--format", "json"]).output().unwrap();
            invalid.push(String::from_utf8_lossy(&shown.stdout).into_owned());
            let errors = String::from_utf8_lossy(&resumed.stderr).into_owned();
            eprintln!("at {part} tenths, invalid after a resume: {}\n{errors}", invalid[invalid.len() - 1]);
            for task in ["beside", "apart"] {
                // How its tests ended, and what they printed.
                let journal = command(&context, &["show", &format!("latest/{task}/1")]).output().unwrap();
                eprintln!("{}", String::from_utf8_lossy(&journal.stdout));
            }
            assert!(resumed.status.code() == Some(5) && invalid.len() < RESUMES, "at {part} tenths");
        }
        assert_eq!(verdicts(&context, "latest"), expected, "at {part} tenths");
        let run = run_id(&context);
        let filter = format!("label=dev.lancet.run={run}");
        let left = engine.docker(&["ps", "-aq", "--filter", &filter]).output().unwrap();
        assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
    }
}

/// A socket in front of an engine's, which takes connections while that is away and passes
/// them on when it is back, as systemd's does: no call fails in between.
fn held_socket(engine: &Engine) -> PathBuf {
    let (front, back) = (engine.folder.path().join("held.sock"), engine.folder.path().join("docker.sock"));
    let listener = UnixListener::bind(&front).unwrap();
    std::thread::spawn(move || {
        for taken in listener.incoming() {
            let (Ok(taken), back) = (taken, back.clone()) else { return };
            std::thread::spawn(move || {
                let passed = loop {
                    match UnixStream::connect(&back) {
                        Ok(passed) => break passed,
                        Err(_) => std::thread::sleep(Duration::from_millis(20)),
                    }
                };
                let pass = |mut from: UnixStream, mut to: UnixStream| {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                };
                let other = (taken.try_clone().unwrap(), passed.try_clone().unwrap());
                let sending = std::thread::spawn(move || pass(other.0, other.1));
                pass(passed, taken);
                let _ = sending.join();
            });
        }
    });
    front
}

struct NoBlobs;

impl lancet_docker::BlobSource for NoBlobs {
    fn blob(&self, _: lancet_core::Sha256) -> std::io::Result<Vec<u8>> {
        Ok(b"def test_add():\n    pass\n".to_vec())
    }
}

#[test]
fn what_an_engine_does_as_it_is_stopped_is_nobodys_failure() {
    let mut engine = Engine::new();
    let context = Context::new();
    let suite = small_suite(&context);
    for reference in references(&suite) {
        engine.take(&reference);
    }
    let suite = lancet_suite::Suite::open(&suite).unwrap();
    let lock = lancet_suite::ImageLock::read(&suite).unwrap();
    let task = suite.task(&"beside".parse().unwrap()).unwrap();
    let mut environment = suite.environment(task, &lock).unwrap().unwrap();
    environment.plans[0].argv = ["sleep", "300"].map(str::to_owned).to_vec();
    environment.plans[0].timeout_seconds = 120;
    let options = DockerOptions { socket: Some(held_socket(&engine)), ..DockerOptions::default() };
    let lease = || Lease::new("run", "attempt", Duration::from_secs(600));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let docker = runtime.block_on(Docker::connect(options)).unwrap();

    // Between two calls of an agent, where it may wait for a model for minutes.
    let agent_box = runtime.block_on(docker.agent_box(&environment, &lease())).unwrap();
    let ran = runtime.block_on(agent_box.run("echo changed >> NOTE", 20)).unwrap().unwrap();
    assert_eq!(ran.exit_status, Some(0));
    let captured = runtime.block_on(agent_box.snapshot()).unwrap();
    engine.stop();
    engine.start();
    let fault = runtime.block_on(agent_box.run("true", 20)).unwrap_err();
    assert_eq!(fault.kind, InfraFaultKind::DockerUnreachable, "{}", fault.message);
    runtime.block_on(agent_box.discard());
    // An agent's own doing stays its own.
    let agent_box = runtime.block_on(docker.agent_box(&environment, &lease())).unwrap();
    let ended = runtime.block_on(agent_box.run("kill -9 -1; sleep 5", 20)).unwrap();
    let ended = ended.and_then(|_| runtime.block_on(agent_box.run("true", 20)).unwrap());
    assert!(ended.as_ref().is_err_and(|error| error.kind == CallErrorKind::Unavailable), "{ended:?}");
    runtime.block_on(agent_box.discard());

    // Under tests, beside which submitted code runs; also where it does not end them itself.
    let Capture::Taken(changes) = captured.capture else { panic!("{:?}", captured.capture) };
    for end in [Engine::stop, Engine::crash] {
        let (docker, environment, changes) = (docker.clone(), environment.clone(), changes.clone());
        let testing = runtime.spawn(async move {
            docker.run_plan(&environment, &environment.plans[0], &changes, &NoBlobs, &lease()).await
        });
        engine.until_there_is("single");
        end(&mut engine);
        engine.start();
        let fault = runtime.block_on(testing).unwrap().unwrap_err();
        assert_eq!(fault.kind, InfraFaultKind::DockerUnreachable, "{}", fault.message);
    }

    // Under a step that says it is done when it is told to end: nothing is kept of it.
    let script = "trap 'exit 0' TERM; sleep 300 & wait";
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    environment.setup = Some(Step { argv, timeout_seconds: 120 });
    let preparing = runtime.spawn(async move { docker.prepare(&environment, &lease()).await });
    engine.until_there_is("setup");
    engine.stop();
    engine.start();
    let fault = runtime.block_on(preparing).unwrap().unwrap_err();
    assert_eq!(fault.kind, InfraFaultKind::DockerUnreachable, "{}", fault.message);
}

#[test]
fn a_full_disk_is_invalid_and_decided_later() {
    // An engine whose data lies on a small file system, which is then filled.
    let mut engine = Engine { folder: tempfile::tempdir().unwrap(), process: None };
    let data = engine.folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=3g", "tmpfs", data.to_str().unwrap()])
        .status()
        .unwrap();
    assert!(mounted.success(), "the test mounts a small file system, as root");
    engine.start();
    let context = Context::new();
    let suite = small_suite(&context);
    for reference in references(&suite) {
        engine.take(&reference);
    }
    let filler = data.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    let block = vec![0; 1 << 20];
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
    let on = |arguments: &[&str]| {
        let output = command(&context, arguments).env("DOCKER_HOST", engine.socket()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, stderr) = on(&RUN);
    assert_eq!(code, Some(5), "{stderr}");
    let lines = json(&context, &["show", "latest"], 0);
    for line in lines.as_array().unwrap() {
        assert_eq!((line["state"].as_str(), line["reason"].as_str()), (Some("invalid"), Some("disk-full")));
    }
    drop(file);
    fs::remove_file(&filler).unwrap();
    let (code, stderr) = on(&["resume"]);
    assert_eq!(code, Some(0), "{stderr}");
    for line in json(&context, &["show", "latest"], 0).as_array().unwrap() {
        assert_eq!((line["state"].as_str(), line["reason"].as_str()), (Some("fail"), Some("tests-failed")));
    }
    engine.stop();
    let _ = std::process::Command::new("umount").arg(&data).status();
}

/// The same command where `/proc` is empty, as on machines that have none.
fn without_proc(command: &std::process::Command) -> std::process::Command {
    let mut blind = std::process::Command::new("unshare");
    blind.args(["--mount", "sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\""]);
    blind.arg(command.get_program()).args(command.get_args()).env_clear();
    blind.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    blind.env("PATH", std::env::var_os("PATH").unwrap());
    if let Some(folder) = command.get_current_dir() {
        blind.current_dir(folder);
    }
    blind
}

#[test]
fn what_belongs_to_a_host_that_cannot_be_seen_is_left_to_it() {
    let lab = suites::lab();
    let path = |file: &str| lab.join(file).to_str().unwrap().to_owned();
    let (suite, patch) = (path(""), path("tasks/slow/private/gold.patch"));
    let run = |task: &'static str| {
        // What does not need root can have a kernel user of its own.
        ["run", &suite, "--agent", "patch", "--input", &patch, "--task", task, "--own-users"]
            .map(str::to_owned)
    };
    let started = |context: &Context, task, blind: bool| {
        let run = run(task);
        let command = command(context, &run.each_ref().map(String::as_str));
        let mut command = if blind { without_proc(&command) } else { command };
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // Its tests take longer than until its own reaper comes again.
    let context = Context::new();
    let slow = started(&context, "slow", true);
    // Others come meanwhile, with and without `/proc`, and reap what they take for left over.
    for blind in [false, true] {
        std::thread::sleep(Duration::from_secs(5));
        let elsewhere = Context::new();
        let other = started(&elsewhere, "at-the-top", blind).wait_with_output().unwrap();
        assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    }
    let slow = slow.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&slow.stderr);
    assert_eq!(slow.status.code(), Some(0), "{errors}");
    let found = verdicts(&context, "latest");
    assert_eq!((found[0].1.as_str(), found[0].2.as_str()), ("pass", "tests-passed"), "{found:?} {errors}");
}
