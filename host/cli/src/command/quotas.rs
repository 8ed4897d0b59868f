//! What `lancet doctor` says of what the kernel has a fixed number of.

use lancet_core::Finding;
use lancet_docker::{DockerOptions, Tracking, user_bounds};

use crate::session::block_on;

/// The most processes that containers of this many attempts have together is far
/// below it; what the kernel needs for each is charged to its container.
const MANY: u64 = 1 << 20;

/// Something that the kernel has a fixed number of.
struct Quota {
    /// The file of the quota, below `/proc/sys`.
    key: &'static str,
    /// What is to be had at least, where containers share it.
    least: Option<u64>,
}

const fn quota(key: &'static str) -> Quota {
    Quota { key, least: None }
}

const fn shared(key: &'static str, least: u64) -> Quota {
    Quota { key, least: Some(least) }
}

/// Counted for each user. Limits of processes, such as of descriptors on their way
/// through sockets, are set by the host itself.
const OF_A_USER: [Quota; 7] = [
    quota("fs/inotify/max_user_instances"),
    quota("fs/inotify/max_user_watches"),
    quota("fs/epoll/max_user_watches"),
    quota("fs/pipe-user-pages-soft"),
    quota("fs/pipe-user-pages-hard"),
    quota("kernel/keys/maxkeys"),
    quota("kernel/keys/maxbytes"),
];

/// Counted for the machine, whoever uses it.
const OF_THE_MACHINE: [Quota; 6] = [
    shared("kernel/pid_max", MANY),
    shared("kernel/threads-max", 1 << 16),
    shared("kernel/pty/max", 1 << 16),
    shared("fs/aio-max-nr", MANY),
    shared("fs/file-max", MANY),
    quota("net/netfilter/nf_conntrack_max"),
];

impl Quota {
    fn value(&self) -> Option<u64> {
        std::fs::read_to_string(format!("/proc/sys/{}", self.key)).ok()?.trim().parse().ok()
    }

    /// The quota's name, as sysctl(8) has it.
    fn name(&self) -> String {
        self.key.replace('/', ".")
    }

    fn shown(&self) -> Option<String> {
        Some(format!("{} {}", self.name(), self.value()?))
    }

    /// What to set the quota to, as an argument of sysctl(8), where it is too small.
    fn raise(&self) -> Option<String> {
        let (value, least) = (self.value()?, self.least?);
        (value < least).then(|| format!("{}={least}", self.name()))
    }
}

/// What of this machine's kernel attempts of a run with these options could take from one
/// another. None of it is a fault of the machine's.
pub(super) fn findings(options: &DockerOptions, remapped: Option<bool>) -> Vec<Finding> {
    let mut findings = vec![of_a_user(options, remapped), of_the_machine()];
    findings.extend(connections(options));
    findings
}

fn of_a_user(options: &DockerOptions, remapped: Option<bool>) -> Finding {
    let root = match remapped {
        Some(true) => "which share one that is not this machine's root",
        Some(false) | None => "which share root's with one another and with this machine",
    };
    let sharing = if options.has_own_kernel() {
        format!(
            "; none of it is counted for containers under `{}`",
            options.runtime.as_deref().unwrap_or_default()
        )
    } else if options.own_users {
        format!(
            "; each container that runs submitted code or tests has a user of its own: images that need root, and those beyond bounds ({}), are refused",
            user_bounds()
        )
    } else {
        format!(
            "; each container that runs submitted code or tests has a user of its own, except those that need root, {root}, and those of an image beyond bounds ({}), which share that user",
            user_bounds()
        )
    };
    let detail = format!("{}{sharing}", list(&OF_A_USER));
    let shares = remapped != Some(true) && !options.own_users && !options.has_own_kernel();
    let hint = shares.then(|| {
        "for images that need root use `--container-runtime runsc` (gVisor) or `userns-remap` of the engine; `--own-users` refuses them"
            .to_owned()
    });
    Finding { check: "quotas of a user".to_owned(), ok: true, detail, hint }
}

fn of_the_machine() -> Finding {
    let raise: Vec<String> = OF_THE_MACHINE.iter().filter_map(Quota::raise).collect();
    Finding {
        check: "quotas of the machine".to_owned(),
        ok: true,
        detail: format!("{}; shared by all that runs here", list(&OF_THE_MACHINE)),
        hint: (!raise.is_empty()).then(|| format!("raise by `sysctl -w {}`", raise.join(" "))),
    }
}

fn connections(options: &DockerOptions) -> Option<Finding> {
    let tracking = block_on(async { Ok(Tracking::look().await) }).ok()?;
    let is_left = options.leave_packet_filter;
    let (detail, hint) = match tracking {
        Tracking::Unfiltered => ("traffic between containers does not pass the packet filter", None),
        Tracking::Exempt => ("a rule keeps traffic between containers out of it", None),
        Tracking::Tracked if is_left => (
            "traffic between containers takes places in it, and can fill it; the packet filter is left as it is",
            Some(format!("as root: `{}`", Tracking::RULE)),
        ),
        Tracking::Tracked => (
            "traffic between containers takes places in it, and can fill it",
            Some(format!(
                "a run by root adds the rule, unless told to `--leave-packet-filter`: `{}`",
                Tracking::RULE
            )),
        ),
        Tracking::Hidden => (
            "only root can see whether a rule keeps traffic between containers out of it",
            Some(format!("as root: `{}`", Tracking::RULE)),
        ),
        Tracking::Unknown => (
            "without iptables(8) it cannot be told whether traffic between containers takes places in it, and no run adds a rule against it",
            None,
        ),
    };
    Some(Finding { check: "table of connections".to_owned(), ok: true, detail: detail.to_owned(), hint })
}

fn list(quotas: &[Quota]) -> String {
    let shown: Vec<String> = quotas.iter().filter_map(Quota::shown).collect();
    if shown.is_empty() { "not known here".to_owned() } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_and_small_is_to_be_raised() {
        let here = Quota { key: "kernel/pid_max", least: None };
        let Some(value) = here.value() else { return };
        assert_eq!(here.raise(), None);
        assert_eq!(here.shown(), Some(format!("kernel.pid_max {value}")));
        assert_eq!(shared("kernel/pid_max", value).raise(), None);
        assert_eq!(
            shared("kernel/pid_max", value + 1).raise(),
            Some(format!("kernel.pid_max={}", value + 1))
        );
        assert_eq!(shared("kernel/nothing", 1).raise(), None);
    }
}
