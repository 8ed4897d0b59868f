//! Linux: files in memory, limits, Landlock, and what `/proc` says.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetStatus, Scope,
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior, setrlimit};

use super::{Stage, calls};
use crate::bounds::{Bounds, Work};

/// The user and the group that a jailed process of root's becomes.
const NOBODY: u32 = 65_534;

/// The most threads and processes of its user beside which a compiler gets a further thread.
/// Without a limit it could use up all that the machine or its control group has.
const MOST_THREADS: u64 = 2_048;

/// An empty file in memory, which nobody can execute where the kernel knows of that (6.3).
pub(crate) fn memory_file() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match memfd_create(c"lancet", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(rustix::io::Errno::INVAL) => memfd_create(c"lancet", flags),
        result => result,
    };
    Ok(File::from(file?))
}

/// Nobody writes to the file any more, or makes it longer or shorter, or lifts this.
pub(crate) fn seal(file: &File) -> io::Result<()> {
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    Ok(fcntl_add_seals(file.as_fd(), seals)?)
}

/// From here on no program that this process starts inherits any descriptor but the three
/// that it is given: whoever started this process may have left it some.
pub(crate) fn close_on_exec() {
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
}

/// Whether a child can be made nobody: this process is root, may change to other users,
/// and its user name space has that user and that group.
pub(crate) fn nobody() -> Option<u32> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    // CAP_SETGID and CAP_SETUID.
    let capabilities = u64::from_str_radix(&field("self", "CapEff")?, 16).ok()?;
    let is_mapped = |map: &str| {
        let map = fs::read_to_string(map).unwrap_or_default();
        map.lines().any(|line| {
            let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
            let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
            let first = first.unwrap_or(u64::MAX);
            first <= NOBODY.into() && u64::from(NOBODY) - first < count.unwrap_or(0)
        })
    };
    let may_drop_groups = fs::read_to_string("/proc/self/setgroups").map_or(true, |s| s.trim() != "deny");
    let can = capabilities & 0b1100_0000 == 0b1100_0000
        && is_mapped("/proc/self/uid_map")
        && is_mapped("/proc/self/gid_map")
        && may_drop_groups;
    can.then_some(NOBODY)
}

/// Becomes that user and its group, for good: real, effective and saved, with no further
/// group. Capabilities go with that. To be done with one thread.
pub(crate) fn become_user(user: u32) -> io::Result<()> {
    let (uid, gid) = (nix::unistd::Uid::from_raw(user), nix::unistd::Gid::from_raw(user));
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(gid, gid, gid)?;
    Ok(nix::unistd::setresuid(uid, uid, uid)?)
}

/// The descriptors of this process beyond the three standard ones.
pub(crate) fn only_three() -> io::Result<Result<(), Vec<String>>> {
    let folder = rustix::fs::open(
        "/proc/self/fd",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    let own = std::os::fd::AsRawFd::as_raw_fd(&folder).to_string();
    let mut others = Vec::new();
    for entry in rustix::fs::Dir::new(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !matches!(name.as_str(), "." | ".." | "0" | "1" | "2") && name != own {
            let target = fs::read_link(format!("/proc/self/fd/{name}")).unwrap_or_default();
            others.push(format!("{name} ({})", target.display()));
        }
    }
    Ok(if others.is_empty() { Ok(()) } else { Err(others) })
}

/// How many threads this process has.
pub(crate) fn threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Ends this process with the thread that started it, which lives as long as its process,
/// and keeps others of the same user from looking into it.
pub(crate) fn die_with_parent() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // No core either, which a limit does not keep a handler of cores from getting.
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Sets the limits of this process. `left_out` is the kernel's number of the one limit that is
/// not set.
pub(crate) fn limit(bounds: &Bounds, left_out: Option<u32>) -> io::Result<()> {
    let set = |resource: Resource, soft, hard| -> io::Result<()> {
        if left_out == Some(resource as u32) {
            return Ok(());
        }
        // What is lower already stays: raising it takes a privilege.
        let found = rustix::process::getrlimit(resource);
        let fit = |value: u64, most: Option<u64>| Some(most.map_or(value, |most| value.min(most)));
        let limit = Rlimit { current: fit(soft, found.current), maximum: fit(hard, found.maximum) };
        Ok(setrlimit(resource, limit)?)
    };
    let exactly = |resource, value| set(resource, value, value);
    exactly(Resource::Core, 0)?;
    exactly(Resource::Nofile, 16)?;
    exactly(Resource::Memlock, 0)?;
    exactly(Resource::Msgqueue, 0)?;
    exactly(Resource::Nice, 0)?;
    // Signals that wait count for all of a user's processes.
    exactly(Resource::Sigpending, 16)?;
    exactly(Resource::Rtprio, 0)?;
    // A stack is no memory to the limits below, and whoever started the host may have lifted
    // this one.
    exactly(Resource::Stack, 8 << 20)?;
    set(Resource::Cpu, bounds.cpu_seconds, bounds.cpu_seconds.saturating_add(1))?;
    match bounds.work {
        Work::Run => {
            exactly(Resource::Data, bounds.memory_bytes)?;
            exactly(Resource::As, Bounds::RESERVED_BYTES.max(bounds.memory_bytes))?;
            exactly(Resource::Fsize, 0)?;
            exactly(Resource::Nproc, 0)
        }
        // That there are threads only is the filter's business. How many is not: a limit by
        // the user counts what else the user runs, and a compiler does without threads where
        // it has none.
        Work::Compile { output_bytes } => {
            exactly(Resource::As, bounds.memory_bytes)?;
            exactly(Resource::Nproc, MOST_THREADS)?;
            exactly(Resource::Fsize, output_bytes)
        }
    }
}

/// Closes Landlock's wall around this thread and all that it starts: no rule at all, so no
/// file, no socket by name or address, no signal to anybody outside. The version of
/// Landlock's interface that is in force, or why none is.
pub(crate) fn landlock() -> Result<u32, String> {
    let all = ABI::V10;
    let restrict = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(all))?
            .handle_access(AccessNet::from_all(all))?
            .scope(Scope::from_all(all))?
            .create()?
            .restrict_self()
    };
    let status = restrict().map_err(|e| format!("landlock_restrict_self: {e}"))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("the kernel has Landlock switched off (EOPNOTSUPP; boot it with `lsm=landlock,…`)".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => Err("landlock_create_ruleset: the kernel has no Landlock \
             (it is older than 5.13 or built without), or a filter of system calls around this process \
             forbids it"
            .to_owned()),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi as u32),
        (_, status) => Err(format!("the kernel says {status:?} after it was restricted")),
    }
}

/// Filters this thread's system calls from now on, and those of all that it starts.
pub(crate) fn filter(work: Work, stage: Stage) -> Result<(), String> {
    let program = calls::program(work, stage, std::process::id()).map_err(|e| e.to_string())?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| match error {
        seccompiler::Error::Prctl(error) => format!("prctl(PR_SET_NO_NEW_PRIVS): {error}"),
        seccompiler::Error::Seccomp(error) => format!("seccomp(SECCOMP_SET_MODE_FILTER): {error}"),
        other => other.to_string(),
    })
}

/// Whether this thread can be given a filter of system calls. Gives it one that forbids
/// hardly anything.
pub(crate) fn can_filter() -> Result<(), String> {
    let program = calls::harmless().map_err(|e| e.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| match error {
        seccompiler::Error::Prctl(error) => format!("prctl(PR_SET_NO_NEW_PRIVS): {error}"),
        seccompiler::Error::Seccomp(error) => format!("seccomp(SECCOMP_SET_MODE_FILTER): {error}"),
        other => other.to_string(),
    })
}

/// What the kernel itself says of the walls around a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walls {
    /// How many filters there are; `None` where the kernel does not say (before 5.9).
    pub(crate) filters: Option<u32>,
    pub(crate) is_filtered: bool,
    pub(crate) no_new_privileges: bool,
    /// All four: real, effective, saved, of the file system.
    pub(crate) uids: Vec<u32>,
}

/// What the kernel says of that process, or of this one by `self`.
pub(crate) fn walls_around(process: &str) -> Option<Walls> {
    let status = status(process)?;
    let number = |name: &str| value(&status, name)?.parse::<u32>().ok();
    Some(Walls {
        filters: number("Seccomp_filters"),
        is_filtered: number("Seccomp") == Some(2),
        no_new_privileges: number("NoNewPrivs") == Some(1),
        uids: value(&status, "Uid")?.split_whitespace().filter_map(|uid| uid.parse().ok()).collect(),
    })
}

/// Whether `/proc` is mounted so that it shows no processes of others, nor own ones that cannot
/// be looked into.
pub(crate) fn hides_processes() -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    // Of several mounts on one another, the last is what is seen.
    let mut of_proc = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        (fields.next() == Some("/proc")).then(|| fields.nth(1).unwrap_or_default())
    });
    of_proc.next_back().is_some_and(|options| {
        let mut hiding = options.split(',').filter_map(|option| option.strip_prefix("hidepid="));
        hiding.next_back().is_some_and(|how| !matches!(how, "0" | "off"))
    })
}

fn field(process: &str, name: &str) -> Option<String> {
    value(&status(process)?, name).map(str::to_owned)
}

fn status(process: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/status")).ok()
}

fn value<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
}
