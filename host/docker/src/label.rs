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

/// Every label that ties a resource to a lease.
pub(crate) const LEASE: [&str; 5] = [OWNER, RUN, ATTEMPT, DEADLINE, ROLE];

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// An agent works in it.
    Agent,
    /// It runs the app with the submission.
    App,
    /// It runs the hidden tests, and no submitted code.
    Driver,
    /// It runs app and tests together, for images that cannot be split.
    Single,
    /// It prepares an image.
    Setup,
    /// A file is read from it; it is never started.
    File,
}

impl Role {
    /// The label's value.
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

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whom containers, networks and volumes belong to, and until when. Each carries
/// it in its labels, so that what a dead owner leaves is found and removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The instance of the host: an [`Owner`].
    pub owner: String,
    /// The run.
    pub run: String,
    /// The attempt: `RUN/TASK/N`.
    pub attempt: String,
    /// From then on the reaper removes what is left, even of a live owner.
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

    /// The labels of a resource for that role.
    pub(crate) fn labels(&self, role: &str) -> HashMap<String, String> {
        let deadline = self.deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        HashMap::from([
            (OWNER.to_owned(), self.owner.clone()),
            (RUN.to_owned(), self.run.clone()),
            (ATTEMPT.to_owned(), self.attempt.clone()),
            (DEADLINE.to_owned(), deadline.to_string()),
            (ROLE.to_owned(), role.to_owned()),
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
    /// This process.
    #[must_use]
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            machine: machine(),
            boot: boot(),
            namespace: namespace(),
            pid,
            start: process_start(pid).unwrap_or_default(),
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (machine, boot, namespace) = (next()?.to_owned(), next()?.to_owned(), next()?.to_owned());
        let (pid, start) = (next()?.parse().ok()?, next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { machine, boot, namespace, pid, start })
    }

    /// Whether it still lives. When that cannot be known from here (another
    /// machine, another process id name space), it is taken for alive: then the
    /// lease's deadline decides.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        if self.machine != machine() {
            return true;
        }
        if self.boot != boot() {
            return false;
        }
        self.namespace != namespace() || process_start(self.pid) == Some(self.start)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}-{}", self.machine, self.boot, self.namespace, self.pid, self.start)
    }
}

/// The machine's identity, hashed: machine-id(5) asks that it not be handed out.
fn machine() -> String {
    let id = ["/etc/machine-id", "/proc/sys/kernel/hostname"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok().filter(|text| !text.trim().is_empty()));
    let digest = Sha256::of(id.unwrap_or_default().trim().as_bytes()).to_string();
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    if id.is_empty() { "unknown".to_owned() } else { id }
}

/// The digits of `pid:[4026531836]`.
fn namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let id: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    if id.is_empty() { "0".to_owned() } else { id }
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
