//! A Docker engine for the tests, installed and started where there is none.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::run;

/// What every image here begins with.
const BASE: &str = "debian:bookworm-slim";

/// How long a started engine may take to answer.
const START: Duration = Duration::from_secs(60);

/// Variables of the tests that build images. With the host's network, builds reach
/// package servers also where the engine's own bridge leads nowhere.
pub(crate) const VARIABLES: [(&str, &str); 1] = [("LANCET_BUILD_NETWORK", "host")];

/// Makes sure that there is a Docker engine with the base image: installs and starts
/// what is missing on Debian as root, and says elsewhere what to do.
pub(crate) fn ensure() -> Result<(), String> {
    if !answers() {
        install()?;
        start()?;
    }
    base_image()
}

fn answers() -> bool {
    quiet("docker", &["version", "--format", "{{.Server.Version}}"])
}

fn quiet(name: &str, arguments: &[&str]) -> bool {
    Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install() -> Result<(), String> {
    const BY_HAND: &str = "the tests need a Docker engine, 20.10 or later, that this user can reach: install it \
                           (https://docs.docker.com/engine/install/), start it, and add yourself to the group `docker`";
    if run::is_installed("dockerd") && run::is_installed("docker") {
        return if is_root() { Ok(()) } else { Err(format!("the Docker engine does not answer; {BY_HAND}")) };
    }
    if !is_root() || !run::is_installed("apt-get") {
        return Err(BY_HAND.to_owned());
    }
    eprintln!("installing the Docker engine");
    run::program("apt-get", &["update"])?;
    run::program("apt-get", &["install", "--yes", "--no-install-recommends", "docker.io", "iptables"])
        .map_err(|e| format!("{e}; {BY_HAND}"))
}

/// Starts the engine where no init system does.
fn start() -> Result<(), String> {
    if answers() {
        return Ok(());
    }
    let log = run::workspace().join("target/dockerd.log");
    fs::create_dir_all(run::workspace().join("target")).map_err(|e| format!("making target/: {e}"))?;
    let file = File::create(&log).map_err(|e| format!("creating {}: {e}", log.display()))?;
    let errors = file.try_clone().map_err(|e| format!("creating {}: {e}", log.display()))?;
    eprintln!("starting dockerd, whose log is {}", log.display());
    // In a session of its own, so that it outlives this process and its terminal.
    Command::new("setsid")
        .arg("dockerd")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(|e| format!("dockerd cannot be started: {e}"))?;
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if answers() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    let end = fs::read_to_string(&log).unwrap_or_default();
    let end: Vec<_> = end.lines().rev().take(5).collect();
    Err(format!(
        "dockerd does not answer after {} s; its log ends with:\n{}",
        START.as_secs(),
        end.join("\n")
    ))
}

/// The base image, from a registry or, where none can be reached, made of Debian's
/// own packages.
fn base_image() -> Result<(), String> {
    if quiet("docker", &["image", "inspect", BASE]) {
        return Ok(());
    }
    eprintln!("fetching {BASE}");
    if quiet("docker", &["pull", BASE]) {
        return Ok(());
    }
    if !is_root() || !run::is_installed("apt-get") {
        return Err(format!("{BASE} cannot be pulled; the images of the tests begin with it"));
    }
    eprintln!("no registry can be reached; making {BASE} with debootstrap");
    if !run::is_installed("debootstrap") {
        run::program("apt-get", &["update"])?;
        run::program("apt-get", &["install", "--yes", "--no-install-recommends", "debootstrap"])?;
    }
    let root = run::workspace().join("target/bookworm");
    let root = root.to_str().ok_or("the workspace's path is not UTF-8")?;
    if Path::new(root).exists() {
        fs::remove_dir_all(root).map_err(|e| format!("removing {root}: {e}"))?;
    }
    run::program("debootstrap", &["--variant=minbase", "bookworm", root])?;
    // Where packages come through a proxy with a certificate of its own, builds have
    // to trust it as this machine does.
    let script = format!(
        "set -eu
         mkdir -p {root}/usr/local/share/ca-certificates {root}/etc/ssl/certs
         cp /etc/ssl/certs/ca-certificates.crt {root}/etc/ssl/certs/ || true
         cp /usr/local/share/ca-certificates/*.crt {root}/usr/local/share/ca-certificates/ 2>/dev/null || true
         if [ -f /etc/apt/sources.list.d/debian.sources ]; then
           rm -f {root}/etc/apt/sources.list
           cp /etc/apt/sources.list.d/debian.sources {root}/etc/apt/sources.list.d/
         fi
         rm -rf {root}/var/cache/apt/archives/*.deb {root}/var/lib/apt/lists/*
         tar -C {root} -c . | docker import \\
           --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \\
           --change 'CMD [\"bash\"]' - {BASE}
         rm -rf {root}"
    );
    run::program("sh", &["-c", &script])
}
