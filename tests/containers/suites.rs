//! The sample suites, copied and with their images built once for all tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::context::{Context, workspace};
use crate::hostile;
use crate::secrets::Watch;

/// Where copies with their lock files lie: a suite's own folder is left alone.
fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("suites")
}

/// A copy of `tasks/expensify-common`, pinned.
pub(crate) fn expensify_common() -> &'static Path {
    static SUITE: OnceLock<PathBuf> = OnceLock::new();
    SUITE.get_or_init(|| pinned("expensify-common", &workspace().join("tasks/expensify-common")))
}

/// A copy of `tasks/web-chat`, pinned.
pub(crate) fn web_chat() -> &'static Path {
    static SUITE: OnceLock<PathBuf> = OnceLock::new();
    SUITE.get_or_init(|| pinned("web-chat", &workspace().join("tasks/web-chat")))
}

/// A copy of `tests/suites/lab`, pinned: one small bug in work trees that lie differently.
pub(crate) fn lab() -> &'static Path {
    static SUITE: OnceLock<PathBuf> = OnceLock::new();
    SUITE.get_or_init(|| pinned("lab", &workspace().join("tests/suites/lab")))
}

/// A copy of `tests/suites/parametrized`, pinned: one small bug, found by a test with parameters.
pub(crate) fn parametrized() -> &'static Path {
    static SUITE: OnceLock<PathBuf> = OnceLock::new();
    SUITE.get_or_init(|| pinned("parametrized", &workspace().join("tests/suites/parametrized")))
}

/// A copy of `tests/suites/managers`, pinned: manager tasks with and without a repository.
pub(crate) fn managers() -> &'static Path {
    static SUITE: OnceLock<PathBuf> = OnceLock::new();
    SUITE.get_or_init(|| pinned("managers", &workspace().join("tests/suites/managers")))
}

/// Copies a suite and pins its images, which the engine builds at most once.
pub(crate) fn pinned(name: &str, source: &Path) -> PathBuf {
    let place = place();
    fs::create_dir_all(&place).unwrap();
    // Test processes may run at the same time.
    let guard = File::create(place.join(format!("{name}.guard"))).unwrap();
    guard.lock().unwrap();
    let copy = place.join(name);
    // The lock file stays, so that what is built is not built again.
    let lock = fs::read(copy.join("images.lock")).ok();
    let _ = fs::remove_dir_all(&copy);
    copy_folder(source, &copy);
    if let Some(lock) = lock {
        fs::write(copy.join("images.lock"), lock).unwrap();
    }
    pin(&copy);
    copy
}

/// `lancet suite pin`, which has to succeed.
#[track_caller]
pub(crate) fn pin(suite: &Path) {
    let context = Context::new();
    let outcome = lancet(&context, &["suite", "pin", suite.to_str().unwrap(), "--quiet"]);
    assert_eq!(outcome.0, Some(0), "{}", outcome.2);
}

/// Runs the binary with what it needs to reach the engine.
pub(crate) fn lancet(context: &Context, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(context, arguments).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The binary in the test's own environment, with what leads to the engine.
pub(crate) fn command(context: &Context, arguments: &[&str]) -> Command {
    let mut command = context.command(arguments);
    for name in ["DOCKER_HOST", "LANCET_BUILD_NETWORK", "LANCET_CONTAINER_RUNTIME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The same, parsed from JSON. `code` is the exit code that it has to have. Agents of the
/// runs that it makes are looked at: whether any was told what is hidden.
#[track_caller]
pub(crate) fn json(context: &Context, arguments: &[&str], code: i32) -> serde_json::Value {
    let watch = Watch::begin(context, arguments);
    let (found, stdout, stderr) = lancet(context, &[arguments, &["--format", "json"]].concat());
    assert_eq!(found, Some(code), "{arguments:?}\n{stdout}\n{stderr}");
    let told = watch.map(|watch| watch.end(&hostile::gold)).unwrap_or_default();
    assert!(told.is_empty(), "{arguments:?}: {}", told.join("\n"));
    serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}\n{stderr}"))
}

/// What a run decided, by task and number: outcome and reason. What tests say of a
/// failure may differ from run to run; this may not.
#[track_caller]
pub(crate) fn verdicts(context: &Context, run: &str) -> Vec<(String, String, String)> {
    let lines = json(context, &["show", run], 0);
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let attempt =
        |line| text(line, "attempt").split_once('/').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (attempt(line), text(line, "state"), text(line, "reason")))
        .collect()
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if entry.file_name() != "images.lock" {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Containers, networks and volumes of Lancet's that belong to runs of a store.
pub(crate) fn left_behind(run: &str) -> Vec<String> {
    let mut left = Vec::new();
    for (what, list) in [
        ("container", &["ps", "-aq"][..]),
        ("network", &["network", "ls", "-q"]),
        ("volume", &["volume", "ls", "-q"]),
    ] {
        let filter = format!("label=dev.lancet.run={run}");
        let output = Command::new("docker")
            .args(list)
            .args(["--filter", &filter])
            .output()
            .expect("the docker client");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        left.extend(String::from_utf8_lossy(&output.stdout).lines().map(|id| format!("{what} {id}")));
    }
    left
}
