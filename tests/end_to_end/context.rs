use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::secrets::{self, Watch};

/// A folder of its own for one test, and the real binary to run in it.
pub(crate) struct Context {
    folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Context {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary in an environment without anything of the user's. Compiled
    /// code is shared between tests: compiling it again is not what they test.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lancet"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("LANCET_STORE", self.path("store"))
            .env("LANCET_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn lancet(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that has to succeed, and parses what it prints.
    /// Agents of the runs that it makes are looked at: whether any was told what is hidden.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let watch = Watch::begin(self, arguments);
        let outcome = self.lancet(&[arguments, &["--format", "json"]].concat());
        // What a grader could not judge then it cannot judge again, which is an exit code of its own.
        let is_invalid = arguments[0] == "regrade"
            && serde_json::from_str::<Value>(&outcome.stdout).is_ok_and(|shown| shown["invalid"] != 0);
        let expected = if is_invalid { 5 } else { 0 };
        assert_eq!(outcome.code, Some(expected), "{arguments:?}: {}", outcome.stderr);
        let told = watch.map(|watch| watch.end(&secrets::gold_of_suite)).unwrap_or_default();
        assert!(told.is_empty(), "{arguments:?}: {}", told.join("\n"));
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Runs an agent over the sample suite.
    pub(crate) fn run_sample(&self, agent: &str, more: &[&str]) -> Value {
        let suite = sample();
        self.json(&[&["run", suite.to_str().unwrap(), "--agent", agent], more].concat())
    }

    /// A suite of one small manager task, which a test may damage.
    pub(crate) fn small_suite(&self, name: &str) -> PathBuf {
        let suite = self.path(name);
        let task = suite.join("tasks/one");
        fs::create_dir_all(task.join("proposals")).unwrap();
        fs::create_dir_all(task.join("private")).unwrap();
        let write = |path: PathBuf, text: &str| fs::write(path, text).unwrap();
        write(suite.join("suite.toml"), "name = \"small\"\n");
        write(
            task.join("task.toml"),
            "title = \"One\"\nkind = \"swe-manager\"\nprice-cents = 100000\n\n[grader]\nplugin = \"manager-choice\"\n\n\
             [[proposals]]\nid = 0\nfile = \"proposals/0.md\"\n\n[[proposals]]\nid = 1\nfile = \"proposals/1.md\"\n",
        );
        write(task.join("statement.md"), "It is broken.\n");
        write(task.join("proposals/0.md"), "Mend it.\n");
        write(task.join("proposals/1.md"), "Mend it otherwise.\n");
        write(task.join("private/answer-key.json"), "{\"correct\": 1}\n");
        suite
    }
}

/// Has every task of a suite judged by a component of the suite's own.
pub(crate) fn judged_by(suite: &Path, component: &[u8]) {
    fs::create_dir_all(suite.join("graders")).unwrap();
    fs::write(suite.join("graders/mine.wasm"), component).unwrap();
    let digest = lancet_core::Sha256::of(component);
    let own = format!("file = \"graders/mine.wasm\"\ndigest = \"{digest}\"");
    for entry in fs::read_dir(suite.join("tasks")).unwrap() {
        let file = entry.unwrap().path().join("task.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, after) = text.split_once("[grader]\n").unwrap();
        let after = after.split_once("\n\n").map_or("", |(_, after)| after);
        fs::write(&file, format!("{before}[grader]\n{own}\n\n{after}")).unwrap();
    }
}

/// A component of the hostile corpus.
pub(crate) fn hostile(name: &str) -> Vec<u8> {
    lancet_hostile::component(lancet_hostile::case(name).unwrap())
}

impl Outcome {
    /// Asserts the exit code and that stderr names all of these.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, fragments: &[&str]) {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        for fragment in fragments {
            assert!(self.stderr.contains(fragment), "`{fragment}` is missing in:\n{}", self.stderr);
        }
    }
}

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The sample suite that the demonstration runs.
pub(crate) fn sample() -> PathBuf {
    workspace().join("tasks/storefront-managers")
}

/// The real task table, where it is at hand.
pub(crate) fn swe_lancer_data() -> Option<PathBuf> {
    let folder = std::env::var_os("LANCET_SWE_LANCER_DATA")
        .map_or_else(|| workspace().join("../shared/data/swe-lancer"), PathBuf::from);
    let found = folder.join("diamond-sample.csv").is_file();
    if !found {
        println!("left out: no SWE-Lancer table at {}; set LANCET_SWE_LANCER_DATA", folder.display());
    }
    found.then_some(folder)
}

/// A number at a path like `totals/swe-manager/pass`.
#[track_caller]
pub(crate) fn number(value: &Value, path: &str) -> f64 {
    value
        .pointer(&format!("/{path}"))
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

/// A text at such a path.
#[track_caller]
pub(crate) fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value
        .pointer(&format!("/{path}"))
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

/// Every file below a folder that has a text in it.
pub(crate) fn files_with(text: &str, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files_with(text, &path));
        } else if holds(&fs::read(&path).unwrap_or_default(), text) {
            found.push(path);
        }
    }
    found
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Does something with each of them, as many at a time as there are processors, and gives what
/// came of them in their order.
pub(crate) fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let turns = || {
        let turn = || next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mine = std::iter::repeat_with(turn).take_while(|number| *number < all.len());
        mine.map(|number| (number, work(&all[number]))).collect::<Vec<_>>()
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(turns)).collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
