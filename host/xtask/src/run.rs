//! Running cargo and other programs in the workspace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lancet_guest_build::{Standard, TARGET, install_target};

/// The workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs cargo in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Result<(), String> {
    cargo_with(arguments, &[])
}

/// Runs cargo with variables of its own.
pub(crate) fn cargo_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).envs(variables.iter().copied());
    status(command, &format!("cargo {}", arguments.join(" ")))
}

/// Runs cargo in the workspace, and gives what it writes to its output.
pub(crate) fn cargo_output(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let command = command.args(arguments).current_dir(workspace()).stderr(Stdio::inherit());
    let what = format!("cargo {}", arguments.join(" "));
    match command.output() {
        Ok(output) if output.status.success() => {
            String::from_utf8(output.stdout).map_err(|e| format!("`{what}` wrote {e}"))
        }
        Ok(output) => Err(format!("`{what}` failed: {}", output.status)),
        Err(error) => Err(format!("`{what}` cannot be started: {error}")),
    }
}

/// The target that the compiler builds for by itself.
pub(crate) fn rustc_host() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output =
        Command::new(rustc).arg("-vV").output().map_err(|e| format!("rustc cannot be started: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "`rustc -vV` does not name its host".to_owned())
}

/// Runs a program in the workspace.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(name);
    command.args(arguments);
    status(command, &format!("{name} {}", arguments.join(" ")))
}

fn status(mut command: Command, what: &str) -> Result<(), String> {
    match command.current_dir(workspace()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{what}` failed: {status}")),
        Err(error) => Err(format!("`{what}` cannot be started: {error}")),
    }
}

/// Whether a program can be started.
pub(crate) fn is_installed(name: &str) -> bool {
    Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes sure that guests can be built: the one thing to install. First the
/// target as it may be there, then rustup's, then Debian's packages.
pub(crate) fn wasm_target() -> Result<(), String> {
    if Standard::find().is_ok() {
        return Ok(());
    }
    let Err(rustup) = install_target() else { return Ok(()) };
    eprintln!("{rustup}; trying Debian's packages");
    let apt = |arguments: &[&str]| program("apt-get", arguments);
    apt(&["update"])
        .and_then(|()| apt(&["install", "--yes", "--no-install-recommends", "rustc-web", "rust-web-src"]))
        .map_err(|apt| {
            format!("guests cannot be built: {rustup}; {apt}. Install the target with `rustup target add {TARGET}`")
        })?;
    Standard::find().map(drop).map_err(|e| e.to_string())
}
