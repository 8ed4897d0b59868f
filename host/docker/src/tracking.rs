use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::Docker;

/// The beginning of the names of our bridges, and of nobody else's.
pub(crate) const BRIDGE: &str = "lancet";
/// Whether what goes over a bridge passes the machine's own packet filter, and with
/// that its table of connections.
const FILTERED: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
/// Where the interfaces of this process's network name space are.
const INTERFACES: &str = "/sys/class/net";

/// Whether what goes over private networks takes places in the machine's table of
/// connections. That is everybody's, and whoever may send datagrams fills it: each
/// port that they are sent from or to is another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// Bridges do not pass the packet filter.
    Unfiltered,
    /// A rule keeps it out.
    Exempt,
    /// It does, as long as nobody adds [`Tracking::RULE`].
    Tracked,
    /// Only root can see it.
    Hidden,
}

impl Tracking {
    /// The command that keeps it out, for root on the engine's machine. It holds for
    /// all networks of Lancet's, until the machine is started again.
    pub const RULE: &str = "iptables -t raw -I PREROUTING -i lancet+ -j CT --notrack";

    /// Looks at this machine, and changes nothing.
    pub async fn look() -> Self {
        match std::fs::read_to_string(FILTERED) {
            // Without the file there is no such filter at all.
            Err(_) => Self::Unfiltered,
            Ok(value) if value.trim() == "0" => Self::Unfiltered,
            Ok(_) if !is_root() => Self::Hidden,
            Ok(_) if rule("-C").await => Self::Exempt,
            Ok(_) => Self::Tracked,
        }
    }
}

impl Docker {
    /// Keeps what goes over private networks out of the machine's table, where this
    /// process may. Nothing else depends on it, and `doctor` says whether it holds.
    pub(crate) async fn keep_untracked(&self, bridge: &str) {
        let tried = self.untracked().get_or_init(|| async {
            // The engine's machine may be another, or its network name space.
            if is_root()
                && Path::new(INTERFACES).join(bridge).exists()
                && Tracking::look().await == Tracking::Tracked
            {
                rule("-I").await;
            }
        });
        tried.await;
    }
}

/// Looks for the rule (`-C`), or adds it (`-I`).
async fn rule(action: &str) -> bool {
    let interfaces = format!("{BRIDGE}+");
    let status = Command::new("iptables")
        .args(["-w", "5", "-t", "raw", action, "PREROUTING", "-i", &interfaces, "-j", "CT", "--notrack"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.await.is_ok_and(|status| status.success())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_for_our_bridges() {
        assert!(Tracking::RULE.contains(&format!(" -i {BRIDGE}+ ")));
    }
}
