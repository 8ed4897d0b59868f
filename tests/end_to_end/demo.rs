//! The commands of the demonstration reach no network: they succeed where there is none, and where
//! there is a proxy nothing comes to it.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::Command;

use crate::context::{Context, workspace};
use crate::demo_commands::COMMANDS;

/// Has `start` run each of the commands in the workspace, in one store.
fn run_all(start: impl Fn(Command) -> Command) {
    let context = Context::new();
    for (arguments, _) in COMMANDS {
        let mut command = start(context.command(arguments));
        let output = command.current_dir(workspace()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!output.stdout.is_empty(), "{arguments:?}: {said}");
    }
}

/// The same command in a network name space of its own, in which not even loopback is up.
fn without_network(command: &Command) -> Command {
    let mut apart = Command::new("unshare");
    if !is_root() {
        apart.args(["--user", "--map-root-user"]);
    }
    apart.args(["--net", "--"]).arg(command.get_program()).args(command.get_args()).env_clear();
    // `unshare` itself is looked for in the path.
    apart.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            apart.env(name, value);
        }
    }
    apart
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn the_demonstration_needs_no_network() {
    run_all(|command| without_network(&command));
}

#[test]
fn the_demonstration_connects_to_no_proxy() {
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", canary.local_addr().unwrap());
    run_all(|mut command| {
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, &proxy);
        }
        command
    });
    // Whoever connected would wait in the listener's queue.
    canary.set_nonblocking(true).unwrap();
    let nobody = canary.accept().map(|(_, from)| from);
    assert_eq!(nobody.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
}
