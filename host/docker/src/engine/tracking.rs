//! Keeps what goes over private networks out of the machine's table of connections, which is
//! everybody's and can be filled.

use std::path::{Path, PathBuf};
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
/// The program that has the rules.
const TOOL: &str = "iptables";
/// Where it is, besides the folders of `PATH`, which need not name these.
const TOOL_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Whether what goes over private networks takes places in the machine's table of
/// connections. That is everybody's, and whoever may send datagrams fills it: each
/// port that they are sent from or to is another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// Traffic over bridges does not pass the packet filter.
    Unfiltered,
    /// A rule of the packet filter keeps the traffic out of the table.
    Exempt,
    /// The traffic takes places in the table, as long as nobody adds [`Tracking::RULE`].
    Tracked,
    /// Only root can see whether it does.
    Hidden,
    /// There is no iptables(8) here to see the rules by, nor to add the rule.
    Unknown,
}

impl Tracking {
    /// The command that keeps the traffic of private networks out of the table, for root on the engine's machine. It holds for
    /// all networks of Lancet's, until the machine is started again.
    pub const RULE: &str = "iptables -t raw -I PREROUTING -i lancet+ -j CT --notrack";

    /// Looks at this machine, and changes nothing.
    pub async fn look() -> Self {
        match std::fs::read_to_string(FILTERED) {
            // Without the file there is no such filter at all.
            Err(_) => Self::Unfiltered,
            Ok(value) if value.trim() == "0" => Self::Unfiltered,
            Ok(_) => match tool() {
                None => Self::Unknown,
                Some(_) if !is_root() => Self::Hidden,
                Some(tool) if rule(&tool, "-C").await => Self::Exempt,
                Some(_) => Self::Tracked,
            },
        }
    }
}

/// Held by who looks for the rule to add it.
static ADDING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Docker {
    /// Keeps what goes over private networks out of the machine's table, where this
    /// process may and the operator does not want the rules left as they are. Nothing
    /// else depends on it, and `doctor` says whether it holds.
    pub(crate) async fn keep_untracked(&self, bridge: &str) {
        if self.options().leave_packet_filter {
            return;
        }
        let tried = self.untracked().get_or_init(|| async {
            // The engine's machine may be another, or its network name space.
            if !is_root() || !Path::new(INTERFACES).join(bridge).exists() {
                return;
            }
            let Some(tool) = tool() else { return };
            // Others of this process look when this is done. Another process may add it
            // at the same moment: twice does no more than once.
            let _adding = ADDING.lock().await;
            if Tracking::look().await == Tracking::Tracked {
                rule(&tool, "-I").await;
            }
        });
        tried.await;
    }
}

/// Looks for the rule (`-C`), or adds it (`-I`).
async fn rule(tool: &Path, action: &str) -> bool {
    let interfaces = format!("{BRIDGE}+");
    let status = Command::new(tool)
        .args(["-w", "5", "-t", "raw", action, "PREROUTING", "-i", &interfaces, "-j", "CT", "--notrack"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.await.is_ok_and(|status| status.success())
}

fn tool() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    found(folders.chain(TOOL_FOLDERS.map(PathBuf::from)))
}

fn found(folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.into_iter().map(|folder| folder.join(TOOL)).find(|tool| tool.is_file())
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
        assert!(Tracking::RULE.starts_with(&format!("{TOOL} ")));
    }

    #[test]
    fn what_is_not_there_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let folders = || [folder.path().join("nothing"), folder.path().to_owned()];
        assert_eq!(found(folders()), None);
        std::fs::write(folder.path().join(TOOL), "").unwrap();
        assert_eq!(found(folders()), Some(folder.path().join(TOOL)));
    }
}
