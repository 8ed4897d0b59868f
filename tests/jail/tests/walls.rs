//! What a worker that was taken over reaches: nothing, by either wall alone too little, and
//! without walls plenty.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use rustix::process::Resource;
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_evil-worker");

/// The worker where every user gets at it. Copied once, before any process is started: a
/// program that another thread's child still has open to write to is not executed.
static COPY: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(WORKER, folder.path().join("worker")).unwrap();
    folder
});

/// What came of each attempt, and what held.
fn attempts(walls: &str, user: Option<u32>) -> (BTreeMap<String, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let everybodys = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everybodys.clone()).unwrap();
    let targets = folder.path().join("targets");
    std::fs::create_dir(&targets).unwrap();
    std::fs::set_permissions(&targets, everybodys).unwrap();
    let mut command = Command::new(COPY.path().join("worker"));
    command.arg("attempts").arg(&targets).arg(walls).env("SECRET", "secret");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let (held, rest) = said.split_once('\n').unwrap();
    if !walls.contains("no-seccomp") {
        assert_eq!(std::fs::read(targets.join("secret")).unwrap(), b"secret");
        assert!(targets.join("victim").exists());
    }
    let outcomes = rest.lines().map(|line| line.split_once('\t').unwrap());
    (outcomes.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())).collect(), held.to_owned())
}

fn reached(outcomes: &BTreeMap<String, String>) -> Vec<&str> {
    outcomes.iter().filter(|(_, outcome)| *outcome == "REACHED").map(|(name, _)| name.as_str()).collect()
}

/// The users that a host is tried as: this one, and an ordinary one where this is root.
fn users() -> Vec<Option<u32>> {
    if is_root() { vec![None, Some(4242)] } else { vec![None] }
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(Path::new("/proc/self")).unwrap()) == 0
}

#[test]
fn nothing_is_reached() {
    for user in users() {
        let (outcomes, held) = attempts("", user);
        assert!(outcomes.len() >= 60, "{}", outcomes.len());
        assert_eq!(reached(&outcomes), [""; 0], "{held}");
        let killed = outcomes.values().filter(|outcome| *outcome == "killed").count();
        assert!(killed > 100, "{killed} killed: {outcomes:?}");
        for name in BEYOND_LIMITS.iter().chain(&["line-out-of-band", "line-read-out-of-band", "memory-huge"])
        {
            // Allocators try `mremap`, and do without.
            let is_tried = *name == "memory-of-stack-enlarged";
            assert_eq!(outcomes[*name] != "killed", is_tried, "{name}: {}", outcomes[*name]);
        }
        if std::env::var_os("LANCET_JAIL_SHOW").is_some() {
            println!("{held}\n{outcomes:#?}");
        }
    }
}

#[test]
fn a_compiler_has_threads_and_nothing_else() {
    let (outcomes, _) = attempts("compiling", None);
    // All of its memory counts, and not what can be written to alone.
    assert_eq!(reached(&outcomes), ["limit-of-data", "new-thread"]);
}

/// What loading compiled code takes, and gives to whoever takes over a process meanwhile.
const WHILE_LOADING: &[&str] = &[
    "execute-changed",
    "execute-given-file",
    "execute-new",
    "memory-hidden-when-filled",
    "memory-only-read-when-filled",
];

/// And to whoever does so where Landlock sees to which files are read: the process's own code, once
/// more, and whether there are files of a name.
const WHILE_LOADING_A_FILE: &[&str] = &["file-stat", "file-statx", "proc-line-anew"];

#[test]
fn while_loading_memory_is_executed_and_names_of_files_are_seen() {
    if lancet_jail::Jail::probe().landlock.is_err() {
        eprintln!("not shown: what is read while loading is up to Landlock, which this kernel has not");
        return;
    }
    // And so it stays where whoever takes over the process then forges its inner wall.
    for when in ["loading", "forging"] {
        let (outcomes, _) = attempts(when, None);
        let mut known = [WHILE_LOADING, WHILE_LOADING_A_FILE].concat();
        known.sort_unstable();
        assert_eq!(reached(&outcomes), known, "{when}");
    }
}

/// Whether this process may lift its limits (CAP_SYS_RESOURCE).
fn may_lift_limits() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(capabilities.trim(), 16).unwrap() >> 24 & 1 == 1
}

#[test]
fn each_limit_alone_is_missed() {
    let (outcomes, _) = attempts("only-limit-of", None);
    assert!(LIMITS.iter().all(|(name, ..)| outcomes.contains_key(*name)), "{outcomes:?}");
    assert_eq!(reached(&outcomes), [""; 0]);
    for (name, resource, most) in LIMITS {
        // Without the right to lift it, the limit may be as low already.
        let found = rustix::process::getrlimit(*resource).maximum;
        if may_lift_limits() || found.is_none_or(|found| found > *most) {
            let (outcomes, _) = attempts(&format!("only-limit-of,no-limit-{}", *resource as u32), None);
            assert_eq!(reached(&outcomes), [*name]);
        }
    }
    // What each keeps from being done, where the filter does not.
    for (resource, attempt) in [
        (Resource::As, "memory-reserved-beyond-limit"),
        (Resource::Data, "memory-beyond-limit"),
        (Resource::Memlock, "memory-locked"),
        (Resource::Nproc, "new-process"),
    ] {
        let outcome = |more: &str| {
            let walls = format!("no-seccomp,no-landlock,only-{attempt}{more}");
            attempts(&walls, None).0.remove(attempt).unwrap()
        };
        let with = outcome("");
        assert!(with.starts_with("refused"), "{attempt}: {with}");
        assert_eq!(outcome(&format!(",no-limit-{}", resource as u32)), "REACHED", "{attempt}");
    }
}

/// The limits, the attempt that finds one missing, and the most that it may be.
const LIMITS: &[(&str, Resource, u64)] = &[
    ("limit-of-address-space", Resource::As, 64 << 30),
    ("limit-of-core", Resource::Core, 0),
    ("limit-of-data", Resource::Data, 200 << 20),
    ("limit-of-descriptors", Resource::Nofile, 16),
    ("limit-of-files", Resource::Fsize, 1 << 20),
    ("limit-of-locked-memory", Resource::Memlock, 0),
    ("limit-of-messages", Resource::Msgqueue, 0),
    ("limit-of-niceness", Resource::Nice, 0),
    ("limit-of-processes", Resource::Nproc, 2_048),
    ("limit-of-processor-time", Resource::Cpu, 61),
    ("limit-of-real-time", Resource::Rtprio, 0),
    ("limit-of-signals", Resource::Sigpending, 16),
    ("limit-of-stack", Resource::Stack, 8 << 20),
];

#[test]
fn the_filter_alone_lets_nothing_through() {
    for user in users() {
        let (outcomes, _) = attempts("no-landlock", user);
        assert_eq!(reached(&outcomes), [""; 0]);
    }
}

/// What the limits by themselves do not see.
const BEYOND_LIMITS: &[&str] = &[
    "memory-as-stack",
    "memory-hidden-when-filled",
    "memory-of-stack-enlarged",
    "memory-only-read-when-filled",
];

#[test]
fn limits_without_the_filter_are_passed_by() {
    let (outcomes, _) = attempts("no-seccomp", None);
    let reached = reached(&outcomes);
    for name in BEYOND_LIMITS {
        assert!(reached.contains(name), "{name} with limits alone: {reached:?}");
    }
    // What they do see.
    for name in ["memory-beyond-limit", "memory-of-stack-beyond-limit"] {
        assert!(!reached.contains(&name), "{name} with limits: {reached:?}");
    }
}

#[test]
fn without_a_wall_its_attempts_succeed() {
    for user in users() {
        let (landlock, _) = attempts("no-seccomp,no-limits", user);
        let (neither, _) = attempts("no-seccomp,no-landlock,no-limits", user);
        let (landlock, neither) = (reached(&landlock), reached(&neither));
        // What Landlock has no say in.
        for name in [
            "new-process",
            "execute-new",
            "execute-given-file",
            "line-out-of-band",
            "memory-shared",
            "memory-file",
            "socket-udp",
            "threads-without-end",
        ] {
            assert!(landlock.contains(&name), "{name} with Landlock alone: {landlock:?}");
        }
        let stack = rustix::process::getrlimit(Resource::Stack).maximum;
        if stack.is_none_or(|most| most > 8 << 20) {
            assert!(landlock.contains(&"memory-of-stack-beyond-limit"), "{landlock:?}");
        }
        for name in ["file-read", "file-write", "file-create", "socket-tcp", "socket-unix", "new-program"] {
            assert!(neither.contains(&name), "{name} without walls: {neither:?}");
        }
        if std::env::var_os("LANCET_JAIL_SHOW").is_some() {
            println!(
                "{} with Landlock alone: {landlock:?}\n{} without: {neither:?}",
                landlock.len(),
                neither.len()
            );
        }
    }
}
