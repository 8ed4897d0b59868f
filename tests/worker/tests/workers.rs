//! Plugins in jailed processes: the same as in this process, and nothing reaches the host
//! or a neighbour when such a process lies, dies or is killed.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use lancet_core::{
    Answer, CallRecord, Capability, Cents, Fault, FaultKind, Grant, Kind, Limits, Outcome, Proposal, Role,
    SolveEnd, Task, Verdict,
};
use lancet_engine::{
    Behind, Call, Compiler, Durable, EngineError, Journal, LoadError, Plugin, Runtime, RuntimeOptions,
    SolveOutput, Sources, Workers,
};

#[path = "../../campaign/scale.rs"]
mod campaign;
#[path = "../../campaign/unprivileged.rs"]
mod unprivileged;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    // So that each component is compiled once.
    let cache = Some(CACHE.path().to_owned());
    Runtime::new(&RuntimeOptions { concurrency: NonZeroUsize::new(4).unwrap(), cache }).unwrap()
});
static CACHE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// Processes are counted here, so one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Where the worker lies for a user who does not get at the one that was built.
const ELSEWHERE: &str = "LANCET_TEST_STAND_IN";

fn workers(how: &str) -> Workers {
    let program = std::env::var_os(ELSEWHERE);
    Workers::of(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_stand-in-worker").into()), [how])
}

fn executor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn task(id: &str, kind: Kind) -> Task {
    Task {
        id: id.parse().unwrap(),
        kind,
        title: "A task".to_owned(),
        statement: "Something is wrong. \u{1}\"\\ é ".repeat(200),
        price: Cents(100_000),
        proposals: (0..4).map(|id| Proposal { id, text: "Do this. ".repeat(100) }).collect(),
    }
}

fn limits() -> Limits {
    Limits { fuel: 200_000_000, ..Limits::standard() }
}

fn live() -> Behind {
    Behind::live(Sources {
        submission: Some(Arc::new(Answer::Choice(2))),
        answer_key: Some(Arc::new(r#"{"correct": 2, "secret": "the key"}"#.to_owned())),
        ..Sources::default()
    })
}

/// What a call came to, in the form in which two calls are compared.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    end: End,
    calls: Vec<CallRecord>,
    told: Vec<CallRecord>,
    fuel_used: Option<u64>,
    diverged: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Solved(SolveEnd),
    Graded(Verdict),
}

/// A journal that keeps what it is told.
#[derive(Default)]
struct Kept(Mutex<Vec<CallRecord>>);

impl Journal for Kept {
    fn called(&self, call: &CallRecord, _: Instant) {
        self.0.lock().unwrap().push(call.clone());
    }

    fn asks<'a>(&'a self, _: u64, _: &'a lancet_core::Request) -> Durable<'a> {
        Box::pin(async { Ok(()) })
    }

    fn keeps(&self) -> Durable<'_> {
        Box::pin(async { Ok(()) })
    }
}

async fn call(plugin: &Plugin, task: &Task, limits: &Limits, behind: Behind) -> Seen {
    let kept = Arc::new(Kept::default());
    let journal: Arc<dyn Journal> = Arc::clone(&kept) as _;
    let call = Call { task, limits, seed: [9; 32], behind, journal: Some(journal) };
    let (end, calls, fuel_used, divergence) = match plugin.role() {
        Role::Agent => {
            let output = plugin.solve(call).await.unwrap();
            (End::Solved(output.end), output.calls, output.fuel_used, output.divergence)
        }
        Role::Grader => {
            let output = plugin.grade(call, &Answer::Choice(2)).await.unwrap();
            (End::Graded(output.verdict), output.calls, output.fuel_used, output.divergence)
        }
    };
    let told = std::mem::take(&mut *kept.0.lock().unwrap());
    Seen { end, calls, told, fuel_used, diverged: divergence.is_some() }
}

/// The reason of a fault of the plugin, in the words of a verdict.
fn reason(seen: &Seen) -> String {
    match &seen.end {
        End::Solved(SolveEnd::Fault(fault)) => fault.reason(Role::Agent).to_string(),
        End::Graded(verdict) if verdict.outcome == Outcome::Invalid => verdict.reason.to_string(),
        other => format!("{other:?}"),
    }
}

fn grant(role: Role, needs: &[Capability]) -> Grant {
    needs.iter().fold(Grant::standard(role), |grant, needed| grant.with(*needed).unwrap())
}

/// The processes that this one has started, but for the zombies.
fn children() -> BTreeSet<i32> {
    let own = std::process::id().to_string();
    let stat = |entry: std::fs::DirEntry| -> Option<i32> {
        let process: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let is_there = fields.next()? != "Z";
        (is_there && fields.next()? == own).then_some(process)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(stat).collect()
}

/// The same with how each was called.
fn children_and_commands() -> Vec<(i32, String)> {
    let command = |process| {
        let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        (process, String::from_utf8_lossy(&line).replace('\0', " "))
    };
    children().into_iter().map(command).collect()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits until something holds; how long that takes is the machine's affair.
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}: {:?}", children_and_commands());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_call_comes_to_the_same_in_this_process_and_in_a_jailed_one() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let cases = [
        "naps-agent",
        "random-bytes-agent",
        "stdout-flood-agent",
        "environment-agent",
        "panic-agent",
        "exit-agent",
        "log-loop-grader",
        "requests-over-limit-grader",
        "large-frames-grader",
        "checks-many-grader",
        "verdict-over-limit-grader",
        "linked-list-agent",
        "computes-agent",
    ]
    .map(|name| lancet_hostile::case(name).unwrap_or_else(|| panic!("no case {name}")));
    let hostile = cases.map(|case| {
        let id = if case.evil_only { "evil-1" } else { "good-1" };
        (case.name, case.role, lancet_hostile::component(case), grant(case.role, case.needs), id)
    });
    let models = ["turns", "model"];
    let ours = lancet_builtin::all()
        .iter()
        .filter(|plugin| !models.iter().any(|word| plugin.name.contains(word)))
        .map(|plugin| {
            // The one that knows the answers.
            let needs: &[_] = if plugin.name == "gold" { &[Capability::AnswerKey] } else { &[] };
            (plugin.name, plugin.role, plugin.component.to_vec(), grant(plugin.role, needs), "good-1")
        });
    let workers = workers("real");
    executor().block_on(async {
        let limits = limits();
        for (name, role, component, grant, id) in hostile.into_iter().chain(ours) {
            let here = RUNTIME.load(name, &component, &grant, &Compiler::Here).unwrap();
            let there = RUNTIME.load_jailed(name, &component, &grant, &Compiler::Here, &workers).unwrap();
            assert!(there.held().is_some_and(|held| held.seccomp), "{name}");
            for capability in Capability::ALL {
                assert_eq!(there.has(capability), here.has(capability), "{name}: {capability}");
            }
            // The host reads them from the bytes, and in this process the engine is asked.
            for function in FUNCTIONS {
                assert_eq!(there.imports(function), here.imports(function), "{name}: {function}");
            }
            if role == Role::Agent {
                assert_eq!(there.describe().await.unwrap(), here.describe().await.unwrap(), "{name}");
            }
            let task = task(id, Kind::SweManager);
            let in_process = call(&here, &task, &limits, live()).await;
            let jailed = call(&there, &task, &limits, live()).await;
            assert!(jailed == in_process, "{name}: {:?} for {:?}", jailed.end, in_process.end);
            assert_eq!(jailed.told, jailed.calls, "{name}");
            // On the record of the other, and on one that is not its own.
            let recorded = || Behind::Recorded { calls: in_process.calls.clone(), compare_fuel: true };
            let replayed = call(&there, &task, &limits, recorded()).await;
            assert!(replayed == in_process, "{name} replays to {:?}", replayed.end);
            let other = || Behind::Recorded { calls: in_process.calls[1..].to_vec(), compare_fuel: true };
            if !in_process.calls.is_empty() {
                let (one, two) =
                    (call(&here, &task, &limits, other()).await, call(&there, &task, &limits, other()).await);
                assert!(one == two, "{name}: {:?} for {:?}", two.end, one.end);
            }
            // Where the fuel ends early, and the calls.
            for tight in [
                Limits { fuel: in_process.fuel_used.unwrap_or(2) / 2, ..limits.clone() },
                Limits { calls: u32::try_from(in_process.calls.len() / 2).unwrap(), ..limits.clone() },
            ] {
                let one = call(&here, &task, &tight, live()).await;
                let two = call(&there, &task, &tight, live()).await;
                assert!(one == two, "{name}, tightly: {:?} for {:?}", two.end, one.end);
            }
        }
    });
}

/// Functions that one or the other of those imports.
const FUNCTIONS: [&str; 9] = [
    "log.write",
    "random.next-u64",
    "random.below",
    "input.read",
    "workspace.apply-input",
    "workspace.write",
    "submission.answer",
    "answer-key.read",
    "tests.run",
];

/// What is expected of a worker that lies.
enum Comes {
    /// To a fault of the plugin.
    To(FaultKind),
    /// To an end like that of any plugin: what the parent makes of it says this.
    Like(&'static str),
}

/// An agent's first worker is sound, and those after it are as that says.
fn second_worker(how: &str) -> Result<SolveOutput, EngineError> {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let workers = workers(&format!("{how}-after:{}", mark.display()));
    let agent = lancet_hostile::ordinary(Role::Agent);
    executor().block_on(async {
        let grant = Grant::standard(Role::Agent);
        let plugin = RUNTIME.load_jailed("loser", &agent, &grant, &Compiler::Here, &workers).unwrap();
        let (task, limits) = (task("good", Kind::SweManager), limits());
        let call = Call { task: &task, limits: &limits, seed: [9; 32], behind: live(), journal: None };
        plugin.solve(call).await
    })
}

#[test]
fn a_jail_that_does_not_hold_before_a_plugin_is_loaded_is_the_machine_s() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let error = second_worker("loses-its-jail").unwrap_err();
    assert!(error.cause.contains("the jail does not hold") && error.hint.is_some(), "{error:?}");
}

#[test]
fn what_a_plugin_says_of_its_jail_ends_its_own_call() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let output = second_worker("slanders-its-jail").unwrap();
    let SolveEnd::Fault(fault) = &output.end else { panic!("{:?}", output.end) };
    assert_eq!(fault.kind, FaultKind::JailViolation, "{fault}");
}

#[test]
fn whatever_a_worker_says_or_does_harms_nobody_but_its_own_plugin() {
    use Comes::{Like, To};
    use FaultKind::{Crash, Hung, JailViolation, MalformedResult};
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let lies = [
        ("is-silent", To(Hung)),
        ("spins", To(Hung)),
        ("exits", To(Crash)),
        ("exits-with-3", To(Crash)),
        ("aborts", To(Crash)),
        ("panics", To(Crash)),
        ("overflows-its-stack", To(Crash)),
        ("opens-a-file", To(JailViolation)),
        ("starts-a-thread", To(JailViolation)),
        ("opens-a-socket", To(JailViolation)),
        ("says-nothing-at-length", To(JailViolation)),
        ("says-no-json", To(JailViolation)),
        ("says-bytes", To(JailViolation)),
        ("says-half", To(Hung)),
        ("says-a-byte-now-and-then", To(Hung)),
        ("says-a-byte-and-sleeps", To(Hung)),
        ("announces-4-gib", To(JailViolation)),
        ("floods-with-bytes", To(JailViolation)),
        ("floods-with-one-message", To(JailViolation)),
        ("floods-with-calls", To(JailViolation)),
        ("says-many-values", To(JailViolation)),
        ("nests-deeply", To(JailViolation)),
        ("has-a-further-field", To(JailViolation)),
        ("says-another-role-s-answer", To(JailViolation)),
        ("says-two-at-once", To(JailViolation)),
        ("answers", To(JailViolation)),
        ("says-over", To(JailViolation)),
        ("calls-what-it-was-not-granted", To(JailViolation)),
        ("calls-what-its-plugin-does-not-import", Like("a call of what its plugin does not import")),
        ("carries-too-much", Like("a call that carries more than any can")),
        ("goes-on-with-no-fuel", Like("a call after the guest was ended")),
        ("returns-with-no-fuel", Like("an end that the guest cannot have come to")),
        ("runs-tests", To(JailViolation)),
        ("talks-to-nobody", To(JailViolation)),
        ("gives-fuel-back", To(JailViolation)),
        ("has-more-fuel-than-there-is", To(JailViolation)),
        ("used-less-than-its-calls", To(JailViolation)),
        ("used-no-fuel", To(JailViolation)),
        ("was-ended-by-nobody", To(JailViolation)),
        ("blames-the-infrastructure", To(JailViolation)),
        ("blames-the-host", To(Crash)),
        ("goes-on-after-its-end", To(JailViolation)),
        ("is-hung-by-its-own-word", To(JailViolation)),
        ("made-too-many-calls-by-its-own-word", To(JailViolation)),
        ("tells-a-long-story", To(JailViolation)),
        ("writes-without-streams", To(JailViolation)),
        ("gives-up-at-length", To(JailViolation)),
        ("hands-in-a-large-document", To(MalformedResult)),
    ];
    let of_graders = [
        ("is-silent", To(Hung)),
        ("aborts", To(Crash)),
        ("opens-a-file", To(JailViolation)),
        ("fails-by-another-s-reason", To(JailViolation)),
        // A verdict before any call is what a grader may give; what it is worth is not for it
        // to say.
        ("passes", Like("a pass although no test run that the host saw passed")),
        ("passes-with-1001", To(JailViolation)),
        ("speaks-for-the-host", Like("grader-malformed-result")),
    ];
    let agent = lancet_hostile::ordinary(Role::Agent);
    let grader = lancet_hostile::ordinary(Role::Grader);
    // It imports `log` and nothing else, so that this is what can be lied about.
    let logs = lancet_hostile::component(lancet_hostile::case("log-loop-agent").unwrap());
    executor().block_on(async {
        let limits = Limits { wall_ms: 200, calls: 100, ..limits() };
        let load = |name: &str, component: &[u8], role, workers: &Workers| {
            RUNTIME.load_jailed(name, component, &Grant::standard(role), &Compiler::Here, workers).unwrap()
        };
        let neighbour = load("neighbour", &agent, Role::Agent, &workers("real"));
        let good = task("good", Kind::SweManager);
        let alone = call(&neighbour, &good, &limits, live()).await;
        assert!(matches!(alone.end, End::Solved(SolveEnd::Answer(_))), "{alone:?}");
        let before = resident_kib();
        let mut wrong = Vec::new();
        let of_agents = lies.into_iter().map(|lie| (Role::Agent, lie));
        for (role, (how, expected)) in of_agents.chain(of_graders.into_iter().map(|lie| (Role::Grader, lie)))
        {
            let (component, kind) = match role {
                Role::Agent => (&logs, Kind::SweManager),
                Role::Grader => (&grader, Kind::IcSwe),
            };
            let impatient = workers(how).impatient(Duration::from_millis(20), Duration::from_millis(100));
            let liar = load(how, component, role, &impatient);
            let (task, began) = (task("evil", kind), Instant::now());
            let (lied, beside) =
                tokio::join!(call(&liar, &task, &limits, live()), call(&neighbour, &good, &limits, live()));
            if beside != alone {
                wrong.push(format!("{how}: its neighbour came to {:?}", beside.end));
            }
            let is_as_expected = match &expected {
                To(kind) => {
                    let of_process = kind.is_of_process();
                    reason(&lied) == Fault::new(*kind, "").reason(role).to_string()
                        && (!of_process || lied.fuel_used.is_none())
                }
                Like(words) => format!("{:?}", lied.end).contains(words),
            };
            if !is_as_expected {
                wrong.push(format!("{how}: came to {:?}", lied.end));
            }
            println!("{how}: {:?}, {} ms", lied.end, began.elapsed().as_millis());
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(grown < 64 << 10, "the host grew by {grown} KiB");
    });
}

/// The same as an ordinary user, whose workers stay what they are and become nobody else.
#[test]
fn to_an_ordinary_user_s_host_neither() {
    const USER: u32 = 4242;
    if !rustix::process::getuid().is_root() {
        unprivileged::not_shown("that to a host of root's neither is done any harm");
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (worker, own) = (folder.path().join("worker"), folder.path().join("own"));
    let built = env!("CARGO_BIN_EXE_stand-in-worker");
    if std::fs::hard_link(built, &worker).is_err() {
        assert!(Command::new("cp").arg(built).arg(&worker).status().unwrap().success());
    }
    std::fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(USER), Some(USER)).unwrap();
    // By this name a program is itself, wherever it lies.
    let output = Command::new("/proc/self/exe")
        .args(["--exact", "whatever_a_worker_says_or_does_harms_nobody_but_its_own_plugin", "--nocapture"])
        .env(ELSEWHERE, &worker)
        .env("TMPDIR", &own)
        .current_dir("/")
        .uid(USER)
        .gid(USER)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("test result: ok. 1 passed"), "{said}");
}

#[test]
fn whose_processes_do_not_get_ready_holds_up_no_other() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let how = format!("gets-not-ready-after:{}", folder.path().join("mark").display());
    let component = lancet_hostile::ordinary(Role::Agent);
    let grant = Grant::standard(Role::Agent);
    let load = |name: &str, workers: &Workers| {
        RUNTIME.load_jailed(name, &component, &grant, &Compiler::Here, workers).unwrap()
    };
    let (limits, task) = (limits(), task("good", Kind::SweManager));
    executor().block_on(async {
        let silent = load("silent", &workers(&how).ready_within(Duration::from_secs(60)));
        let neighbour = load("neighbour", &workers("real"));
        let alone = call(&neighbour, &task, &limits, live()).await;
        // More of its workers are needed than stand ready.
        let neighbours = async {
            for _ in 0..12 {
                assert!(call(&neighbour, &task, &limits, live()).await == alone);
            }
        };
        let waiting = async {
            tokio::join!(call(&silent, &task, &limits, live()), call(&silent, &task, &limits, live()))
        };
        tokio::select! {
            biased;
            ended = waiting => panic!("what never gets ready ended: {ended:?}"),
            () = neighbours => {}
        }
    });
    until("a process is left", || {
        for process in children() {
            let process = rustix::process::Pid::from_raw(process).unwrap();
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
        children().is_empty()
    });
    // The plugin is gone, and none of those that were still to be started for it is.
    std::thread::sleep(Duration::from_millis(200));
    assert!(children().is_empty(), "{:?}", children_and_commands());
}

#[test]
fn what_cannot_be_started_is_refused_and_never_run_in_this_process() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let component = lancet_hostile::ordinary(Role::Agent);
    let grant = Grant::standard(Role::Agent);
    let load =
        |workers: &Workers| RUNTIME.load_jailed("mine", &component, &grant, &Compiler::Here, workers).err();
    let missing = load(&Workers::of("/nowhere/lancet", ["real"]));
    assert!(matches!(missing, Some(LoadError::Engine(_))), "{missing:?}");
    // A program that is not this one says nothing of a jail.
    let other = load(&Workers::of("/bin/true", ["real"]));
    assert!(matches!(other, Some(LoadError::Compile { .. } | LoadError::Engine(_))), "{other:?}");
    let dies = load(&workers("dies-while-loading"));
    assert!(
        matches!(&dies, Some(LoadError::Compile { cause, .. }) if cause.contains("exit status: 9")),
        "{dies:?}"
    );
    let speaks = load(&workers("speaks-before-its-job"));
    assert!(
        matches!(&speaks, Some(LoadError::Compile { cause, .. }) if cause.contains("jail-violation")),
        "{speaks:?}"
    );
    // What a plugin imports is for nobody to say but its bytes.
    let says = load(&workers("says-what-it-imports"));
    assert!(
        matches!(&says, Some(LoadError::Compile { cause, .. }) if cause.contains("jail-violation")),
        "{says:?}"
    );
    until("a process is left", || children().is_empty());
}

#[test]
fn workers_that_are_killed_cost_their_own_attempts_and_leave_nothing_behind() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let kills = campaign::scaled(200);
    let case = lancet_hostile::case("computes-agent").unwrap();
    let (component, grant) = (lancet_hostile::component(case), grant(case.role, case.needs));
    until("a process is left", || children().is_empty());
    let options = RuntimeOptions { concurrency: NonZeroUsize::new(4).unwrap(), cache: None };
    let runtime = Runtime::new(&options).unwrap();
    let plugin =
        runtime.load_jailed("killed", &component, &grant, &Compiler::Here, &workers("real")).unwrap();
    let executor = executor();
    let limits = Limits { fuel: Limits::standard().fuel, ..limits() };
    let (evil, good) = (task("evil", Kind::SweManager), task("good", Kind::SweManager));
    let whole = executor.block_on(call(&plugin, &evil, &limits, live()));
    let short = executor.block_on(call(&plugin, &good, &limits, live()));
    assert!(matches!(whole.end, End::Solved(SolveEnd::Answer(_))), "{:?}", whole.end);
    let (open, resident) = (descriptors(), resident_kib());
    let (is_over, killed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (crashed, went_on, wrong) = std::thread::scope(|scope| {
        scope.spawn(|| {
            // The same sequence each time; what it hits is chance.
            let mut random = 0x9e37_79b9_u64;
            let mut killed_ones = BTreeSet::new();
            while killed.load(Ordering::Relaxed) < kills {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                std::thread::sleep(Duration::from_micros(random >> 49));
                let children: Vec<_> = children().into_iter().collect();
                let Some(process) =
                    children.get(usize::try_from(random >> 33).unwrap() % children.len().max(1))
                else {
                    continue;
                };
                killed_ones.insert(*process);
                let process = rustix::process::Pid::from_raw(*process).unwrap();
                if rustix::process::kill_process(process, rustix::process::Signal::KILL).is_ok() {
                    killed.fetch_add(1, Ordering::Relaxed);
                }
            }
            is_over.store(true, Ordering::Relaxed);
            // The last ones may be dying yet, and would be counted among those that stand ready.
            until("a killed process is left", || children().is_disjoint(&killed_ones));
        });
        let (mut crashed, mut went_on, mut wrong) = (0, 0, Vec::new());
        while !is_over.load(Ordering::Relaxed) {
            let (one, two, three) = executor.block_on(async {
                tokio::join!(
                    call(&plugin, &evil, &limits, live()),
                    call(&plugin, &evil, &limits, live()),
                    call(&plugin, &good, &limits, live())
                )
            });
            for (seen, undisturbed) in [(one, &whole), (two, &whole), (three, &short)] {
                if seen == *undisturbed {
                    went_on += 1;
                } else if reason(&seen) == "agent-crash" && seen.fuel_used.is_none() {
                    crashed += 1;
                } else {
                    wrong.push(seen.end);
                }
            }
        }
        (crashed, went_on, wrong)
    });
    assert!(wrong.is_empty(), "{wrong:?}");
    println!("{kills} kills: {crashed} calls ended by them, {went_on} went on");
    assert!(crashed <= kills, "a kill ends one call at most");
    assert!(crashed > 0 && went_on > 0, "{crashed} calls were hit, {went_on} were not");
    // The pool is as it was.
    assert_eq!(executor.block_on(call(&plugin, &evil, &limits, live())), whole);
    until("the pool is not filled", || children().len() == 5);
    assert!(descriptors() <= open + 8, "{open} descriptors before, {} after", descriptors());
    let grown = resident_kib().saturating_sub(resident);
    assert!(grown < 16 << 10, "the host grew by {grown} KiB");
    drop((plugin, runtime));
    until("a process is left", || children().is_empty());
}
