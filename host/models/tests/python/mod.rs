//! Python packages of others, as oracles: in one virtual environment below the target
//! folder, where they stay for the next time.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages of all tests that want a few: installed together once, with what they share.
const ORACLES: [&str; 5] =
    ["anthropic==2.14.0", "cryptography==50.0.2", "genai-prices==0.2.3", "llmock==0.2.2", "openai==3.57.0"];

/// A virtual environment.
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// The environment with the packages of all tests.
    #[allow(dead_code, reason = "not every test wants them")]
    pub(crate) fn oracles() -> Self {
        Self::with("oracles", &ORACLES)
    }

    /// The environment with these packages and what they need, which are known by that name.
    pub(crate) fn with(name: &str, packages: &[&str]) -> Self {
        let python = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("python").join(name) };
        once(&python.folder, &packages.join("\n"), || {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&python.folder), HINT);
            // Of all that is installed little is used, and that is compiled when it is.
            python.pip(
                ["install".as_ref(), "--no-compile".as_ref()]
                    .into_iter()
                    .chain(packages.iter().map(OsStr::new)),
            );
        });
        python
    }

    /// The wheel of a package, without what it needs.
    #[allow(dead_code, reason = "not every test wants one")]
    pub(crate) fn wheel(&self, package: &str) -> PathBuf {
        let folder = self.folder.join("wheels").join(package);
        let found = || {
            let mut files = fs::read_dir(&folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
            files.find(|path| path.extension().is_some_and(|end| end == "whl"))
        };
        found().unwrap_or_else(|| {
            let arguments = ["download", "--no-deps", "--only-binary=:all:", "--dest"].map(OsStr::new);
            self.pip(arguments.into_iter().chain([folder.as_os_str(), package.as_ref()]));
            found().unwrap_or_else(|| panic!("pip left no wheel of {package} in {}", folder.display()))
        })
    }

    fn pip<'a>(&self, arguments: impl Iterator<Item = &'a OsStr>) {
        let quietly = ["--quiet", "--disable-pip-version-check", "--no-input"];
        run(Command::new(self.folder.join("bin/pip")).args(quietly).args(arguments), HINT);
    }

    /// A program of the environment: `python`, or one that a package brought.
    #[allow(dead_code, reason = "not every test wants one")]
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.folder.join("bin").join(name))
    }

    /// What a script of this folder's parent prints.
    #[allow(dead_code, reason = "not every test wants one")]
    pub(crate) fn script(&self, name: &str, arguments: &[&Path]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
        run(Command::new(self.folder.join("bin/python")).arg(script).args(arguments), HINT)
    }
}

const HINT: &str = "Python 3.11 with its `venv` module and PyPI have to be at hand";

/// Has a folder below the target folder filled, unless it has been already with just what is
/// wanted. Of several tests that want it one fills it, and the others find it.
pub(crate) fn once(folder: &Path, wanted: &str, fill: impl FnOnce()) {
    const WRITABLE: &str = "the target folder can be written to";
    let done = folder.join("installed");
    fs::create_dir_all(folder).expect(WRITABLE);
    let lock = File::create(folder.with_extension("lock")).expect(WRITABLE);
    lock.lock().expect("files of the target folder can be locked");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return;
    }
    fill();
    fs::write(done, wanted).expect(WRITABLE);
}

/// What a command prints that has to succeed; `hint` says what it needs.
pub(crate) fn run(command: &mut Command, hint: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{told}\n{hint}", output.status);
    String::from_utf8(output.stdout).expect("scripts print UTF-8")
}
