//! The labels that tie containers, networks, volumes and images to whom they belong, so that
//! what a dead process leaves is found.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lancet_core::Sha256;

/// The instance of the host that a resource belongs to.
pub(crate) const OWNER: &str = "dev.lancet.owner";
/// The run.
pub(crate) const RUN: &str = "dev.lancet.run";
/// The attempt.
pub(crate) const ATTEMPT: &str = "dev.lancet.attempt";
/// When it may be removed whoever owns it: seconds since 1970.
pub(crate) const DEADLINE: &str = "dev.lancet.deadline";
/// What it is for.
pub(crate) const ROLE: &str = "dev.lancet.role";
/// The suite's name for an image that was built.
pub(crate) const IMAGE: &str = "dev.lancet.image";
/// The label of an image that was prepared; its value is the digest of all that it
/// depends on.
pub(crate) const PREPARED: &str = "dev.lancet.prepared";

/// Stands for what cannot be known where there is no `/proc`.
const UNKNOWN: &str = "unknown";
/// See [`UNKNOWN`]: no process but the first starts with the machine.
const UNKNOWN_START: u64 = 0;

/// Every label that ties a resource to a lease.
pub(crate) const LEASE: [&str; 5] = [OWNER, RUN, ATTEMPT, DEADLINE, ROLE];

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// An agent works in the container.
    Agent,
    /// The container runs the app with the submission.
    App,
    /// The container runs the hidden tests, and no submitted code.
    Driver,
    /// The container runs app and tests together, for images that cannot be split.
    Single,
    /// The container prepares an image, or is looked into for that.
    Setup,
    /// Files are read from the container; it is never started.
    File,
}

impl Purpose {
    /// The value of the label `dev.lancet.role`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::App => "app",
            Self::Driver => "driver",
            Self::Single => "single",
            Self::Setup => "setup",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whom containers, networks and volumes belong to, and until when. Each carries
/// it in its labels, so that what a dead owner leaves is found and removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The instance of the host that the resource belongs to: an [`Owner`] as text.
    pub owner: String,
    /// The id of the run that the resource belongs to.
    pub run: String,
    /// The attempt that the resource belongs to: `RUN/TASK/N`.
    pub attempt: String,
    /// The time from which on the reaper removes what is left, even of a live owner.
    pub deadline: SystemTime,
}

impl Lease {
    /// A lease of this process.
    #[must_use]
    pub fn new(run: &str, attempt: &str, lifetime: Duration) -> Self {
        Self {
            owner: Owner::this_process().to_string(),
            run: run.to_owned(),
            attempt: attempt.to_owned(),
            deadline: SystemTime::now() + lifetime,
        }
    }

    /// The labels of a resource for that purpose.
    pub(crate) fn labels(&self, purpose: &str) -> HashMap<String, String> {
        let deadline = self.deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        HashMap::from([
            (OWNER.to_owned(), self.owner.clone()),
            (RUN.to_owned(), self.run.clone()),
            (ATTEMPT.to_owned(), self.attempt.clone()),
            (DEADLINE.to_owned(), deadline.to_string()),
            (ROLE.to_owned(), purpose.to_owned()),
        ])
    }
}

/// An instance of the host: one process of one boot of one machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Tells machines apart that share an engine (a forwarded socket).
    machine: String,
    /// Tells boots apart: process ids begin anew with each.
    boot: String,
    /// The process id name space: a host in a container sees other ids.
    namespace: String,
    /// The process.
    pid: u32,
    /// When it started, in clock ticks since boot: ids are given out again.
    start: u64,
}

impl Owner {
    /// The instance that this process is.
    #[must_use]
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            machine: machine(),
            boot: boot(),
            namespace: namespace(),
            pid,
            start: process_start(pid).unwrap_or(UNKNOWN_START),
        }
    }

    /// Reads an instance from the text that [`fmt::Display`] wrote; `None` for any other.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (machine, boot, namespace) = (next()?.to_owned(), next()?.to_owned(), next()?.to_owned());
        let (pid, start) = (next()?.parse().ok()?, next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { machine, boot, namespace, pid, start })
    }

    /// Whether the instance still lives. When that cannot be known from here (another
    /// machine, another process id name space, no `/proc` here or there), it is taken
    /// for alive: then the lease's deadline decides.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.is_alive_seen_by(&Self::this_process())
    }

    fn is_alive_seen_by(&self, here: &Self) -> bool {
        let same = |a: &str, b: &str| (a != UNKNOWN && b != UNKNOWN).then_some(a == b);
        if same(&self.machine, &here.machine) != Some(true) {
            return true;
        }
        match same(&self.boot, &here.boot) {
            Some(true) => {}
            Some(false) => return false,
            None => return true,
        }
        if same(&self.namespace, &here.namespace) != Some(true) {
            return true;
        }
        match process_start(self.pid) {
            Some(start) => self.start == UNKNOWN_START || self.start == start,
            // It may just not be shown: `/proc` hides others' processes with `hidepid`.
            None => exists(self.pid),
        }
    }

    /// Whether what a label names as an owner lives, as [`Owner::is_alive`]. A name
    /// that cannot be read may be that of another version's: it counts as alive.
    #[must_use]
    pub fn lives(name: &str) -> bool {
        Self::parse(name).is_none_or(|owner| owner.is_alive())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}-{}", self.machine, self.boot, self.namespace, self.pid, self.start)
    }
}

/// The machine's identity, hashed: machine-id(5) asks that it not be handed out.
fn machine() -> String {
    let id = ["/etc/machine-id", "/proc/sys/kernel/hostname"].iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        // The second is what systemd writes into an image that has not been booted.
        Some(text.trim().to_owned()).filter(|id| !id.is_empty() && id != "uninitialized")
    });
    let Some(id) = id else { return UNKNOWN.to_owned() };
    let digest = Sha256::of(id.as_bytes()).to_string();
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    known(id.chars().filter(char::is_ascii_hexdigit).take(16).collect())
}

/// The digits of `pid:[4026531836]`.
fn namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    known(link.to_string_lossy().chars().filter(char::is_ascii_digit).collect())
}

fn known(id: String) -> String {
    if id.is_empty() { UNKNOWN.to_owned() } else { id }
}

/// Whether there is such a process, of whomever.
#[cfg(unix)]
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // Any other error, such as that it may not be signalled, says that there is one.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn exists(_pid: u32) -> bool {
    true
}

/// Field 22 of `/proc/PID/stat`. The name in field 2 may hold blanks and
/// parentheses, so it is counted from the last one.
fn process_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_reads_back() {
        let owner = Owner::this_process();
        assert!(owner.start > 0);
        assert!(owner.is_alive());
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner));
    }

    #[test]
    fn a_recycled_process_id_is_not_taken_for_alive() {
        let owner = Owner::this_process();
        assert!(!Owner { start: owner.start + 1, ..owner.clone() }.is_alive());
        assert!(!Owner { boot: "0".to_owned(), ..owner.clone() }.is_alive());
        assert!(Owner { namespace: "0".to_owned(), pid: u32::MAX, ..owner.clone() }.is_alive());
        assert!(Owner { machine: "another".to_owned(), boot: "0".to_owned(), ..owner }.is_alive());
    }

    #[test]
    fn an_owner_whose_life_cannot_be_told_is_taken_for_alive() {
        let unknown = || UNKNOWN.to_owned();
        let here = Owner::this_process();
        let gone = Owner { pid: u32::MAX, start: 1, ..here.clone() };
        assert!(!gone.is_alive());
        for blind in [
            Owner { machine: unknown(), ..gone.clone() },
            Owner { boot: unknown(), ..gone.clone() },
            Owner { namespace: unknown(), ..gone.clone() },
            // As without `/proc`: on a machine that has it, and among themselves.
            Owner { boot: unknown(), namespace: unknown(), start: UNKNOWN_START, ..gone.clone() },
        ] {
            assert!(blind.is_alive(), "{blind}");
            let without = Owner { boot: unknown(), namespace: unknown(), ..here.clone() };
            assert!(blind.is_alive_seen_by(&without), "{blind}");
            assert!(gone.is_alive_seen_by(&blind), "{blind}");
        }
        assert!(Owner { start: UNKNOWN_START, ..here.clone() }.is_alive());
        assert!(exists(here.pid) && exists(1) && !exists(u32::MAX) && !exists(0));
        for name in ["", "nonsense", "a-b-c-d-e", &here.to_string()] {
            assert!(Owner::lives(name), "{name:?}");
        }
        assert!(!Owner::lives(&gone.to_string()));
    }

    #[test]
    fn an_ended_process_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let start = process_start(pid);
        child.wait().unwrap();
        let owner = Owner { pid, start: start.unwrap_or_default(), ..Owner::this_process() };
        assert!(!owner.is_alive());
    }

    #[test]
    fn malformed_owners_are_refused() {
        for text in ["", "a", "a-b-c-d-e", "a-b-c-1", "a-b-c-1-2-3", "a--c-1-2"] {
            assert_eq!(Owner::parse(text), None, "{text:?}");
        }
    }
}
