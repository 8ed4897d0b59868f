//! The cargo that builds guests, free of what the cargo around it has set.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::{Error, PROFILE, Request, SETTINGS, Standard, TARGET};

/// Runs `cargo build` for guests.
pub(crate) fn cargo_build(
    request: &Request,
    standard: &Standard,
    examples: &[String],
    packages: &[String],
    run: &mut dyn FnMut(&mut Command) -> io::Result<Option<ExitStatus>>,
) -> Result<(), Error> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_parent(&mut cargo);
    cargo.current_dir(&request.workspace);
    cargo.args(["build", "--profile", PROFILE, "--target", TARGET, "--target-dir"]).arg(&request.target_dir);
    // A build script's Cargo has settled the versions; elsewhere they are
    // settled by whoever commits `Cargo.lock`.
    if request.of_an_author {
        for setting in SETTINGS {
            cargo.arg("--config").arg(format!("profile.{PROFILE}.{setting}"));
        }
    } else if request.workspace.join("Cargo.lock").is_file() {
        cargo.arg("--locked");
    }
    for package in packages {
        match request.of_an_author {
            // An author's package may be called as one that it depends on is.
            true => cargo.arg("--package").arg(spec(&request.workspace, package)),
            false => cargo.args(["--package", package]),
        };
    }
    for example in examples {
        cargo.args(["--example", example]);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&request.workspace));
    if request.quick {
        // Of the same profile, so that what runs at build time is built once for both.
        for (setting, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1")] {
            cargo.env(format!("CARGO_PROFILE_{}_{setting}", PROFILE.to_uppercase()), value);
        }
    }
    match standard {
        Standard::Installed => {
            if let Some(rustc) = env::var_os("RUSTC") {
                cargo.env("RUSTC", rustc);
            }
        }
        Standard::Debian { rustc, linker } => {
            // `-Zbuild-std` is for nightly compilers, or for whoever says that
            // they know: what is built here is a fixed, tested configuration.
            cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
            let mut path = env::var_os("PATH").unwrap_or_default();
            if !path.is_empty() {
                path.push(":");
            }
            path.push(linker);
            cargo.env("PATH", path);
        }
    }
    let arguments = cargo.get_args().map(|argument| argument.to_string_lossy());
    let command = format!("cargo {}", arguments.collect::<Vec<_>>().join(" "));
    match run(&mut cargo) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(Error::Cargo { status, command }),
        Ok(None) => Err(Error::Stopped),
        Err(source) => Err(Error::Start { program: command, source }),
    }
}

/// What Cargo calls the package in a folder, and no other.
fn spec(folder: &Path, package: &str) -> String {
    let mut spec = String::from("path+file://");
    for byte in folder.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => spec.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => spec.push(char::from(*byte)),
            byte => spec.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{spec}#{package}")
}

/// Takes out of a command's environment what a Cargo around it has set for the
/// crate that it builds, and for the host's target: flags, wrappers (`cargo
/// clippy` is one), folders, features and the like.
pub(crate) fn without_parent(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if is_of_parent(text) {
            command.env_remove(&name);
        }
    }
}

fn is_of_parent(name: &str) -> bool {
    const NAMES: [&str; 22] = [
        "CARGO_BUILD_RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_DIR",
        "CARGO_TARGET_TMPDIR",
        "CLIPPY_ARGS",
        "LLVM_PROFILE_FILE",
        "OPT_LEVEL",
        "OUT_DIR",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
        "TARGET",
    ];
    const BEGINNINGS: [&str; 7] = [
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_RESOLVER_",
        "CARGO_TARGET_WASM32_",
        "DEP_",
    ];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Flags that keep this machine's folders out of the components, so that the
/// same sources give the same digest in another checkout.
fn rust_flags(workspace: &Path) -> OsString {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let workspace = workspace.canonicalize().ok();
    let mut flags = OsString::new();
    for (folder, name) in [(cargo_home, "/cargo"), (workspace, "/lancet")] {
        let Some(folder) = folder else { continue };
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_told_from_others_of_its_name() {
        assert_eq!(spec(Path::new("/a b/é#?/x"), "log"), "path+file:///a%20b/%C3%A9%23%3F/x#log");
    }

    #[test]
    fn what_cargo_sets_for_another_crate_is_told_from_what_the_user_sets() {
        for name in
            ["RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_CFG_UNIX", "CARGO_PKG_NAME", "TARGET", "DEP_Z_X"]
        {
            assert!(is_of_parent(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_MAKEFLAGS",
            "RUSTUP_TOOLCHAIN",
            "RUSTC",
        ] {
            assert!(!is_of_parent(name), "{name}");
        }
    }

    #[test]
    fn an_author_elsewhere_gets_the_profile_of_the_workspace() {
        let manifest = include_str!("../../../Cargo.toml");
        let (_, profile) = manifest.split_once(&format!("[profile.{PROFILE}]\n")).unwrap();
        let profile = profile.split("\n\n").next().unwrap().trim();
        let written = profile.lines().map(|line| line.replace(" = ", "=").replace('"', "'"));
        assert_eq!(written.collect::<Vec<_>>(), SETTINGS);
    }

    #[test]
    fn the_folders_of_this_machine_are_mapped() {
        let flags = rust_flags(Path::new(env!("CARGO_MANIFEST_DIR"))).into_string().unwrap();
        let flags: Vec<_> = flags.split('\u{1f}').collect();
        assert!(flags.iter().all(|f| f.starts_with("--remap-path-prefix=/")), "{flags:?}");
        assert!(flags.last().unwrap().ends_with("guest-build=/lancet"), "{flags:?}");
    }
}
