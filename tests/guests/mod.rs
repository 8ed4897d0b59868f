//! A grader and an agent in Python and in JavaScript: built once below the target folder, by
//! tools of pinned versions that are installed there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lancet_core::Sha256;

use crate::python::{Python, once, run};

/// The compiler of Python components.
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
/// The compiler of JavaScript components with QuickJS, which `jco componentize --backend
/// quickjs` (jco 1.35) calls: a tenth of what comes with that.
const COMPONENTIZE_QJS: &str = "componentize-qjs@0.4.5";

/// A guest of this folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guest {
    /// The name of its file.
    source: &'static str,
    /// Of `worlds.wit`.
    world: &'static str,
    /// Whether it imports WASI, and has to be granted the inert profile. A component of
    /// Python's would import its sockets too, which nobody grants.
    pub(crate) wants_wasi: bool,
}

/// Python's agent.
pub(crate) const PYTHON_AGENT: Guest = Guest { source: "chooser.py", world: "choosing", wants_wasi: false };
/// Python's grader.
pub(crate) const PYTHON_GRADER: Guest = Guest { source: "judge.py", world: "judging", wants_wasi: false };
/// JavaScript's agent.
pub(crate) const JAVASCRIPT_AGENT: Guest =
    Guest { source: "chooser.js", world: "choosing", wants_wasi: false };
/// JavaScript's grader, which imports WASI.
pub(crate) const JAVASCRIPT_GRADER: Guest = Guest { source: "judge.js", world: "judging", wants_wasi: true };

impl Guest {
    /// Its component.
    pub(crate) fn component(self) -> Vec<u8> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
        let source = sources.join(self.source);
        let folder = below_target("guests").join(self.source.replace('.', "-"));
        let component = folder.join("component.wasm");
        once(&folder, &self.made_of(&source, &sources), || {
            let contract = contract(&folder.join("wit"), &sources);
            if source.extension().is_some_and(|extension| extension == "py") {
                self.build_python(&source, &contract, &component);
            } else {
                self.build_javascript(&source, &contract, &component);
            }
        });
        fs::read(component).unwrap()
    }

    /// What has to be the same for a component to be the one that would be built.
    fn made_of(self, source: &Path, sources: &Path) -> String {
        let mut text = format!("{self:?} {COMPONENTIZE_PY} {COMPONENTIZE_QJS}");
        let worlds = sources.join("worlds.wit");
        let contract = files(&sources.join("../../wit"));
        // What becomes a part of the component, and little else.
        let kits = ["python/lancet_sdk", "javascript", "javascript/component"];
        let kits = kits.into_iter().flat_map(|kit| files(&kits_of(sources).join(kit)));
        let kits = kits
            .filter(|path| path.extension().is_some_and(|end| end == "py" || end == "js" || end == "json"));
        for path in [source.to_owned(), worlds].into_iter().chain(contract).chain(kits) {
            text.push_str(&format!(" {}", Sha256::of(&fs::read(path).unwrap())));
        }
        text
    }

    fn build_python(self, source: &Path, contract: &Path, component: &Path) {
        let mut command = Command::new(componentize_py().join("bin/componentize-py"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg("-d").arg(contract).args([
            "-w",
            self.world,
            "componentize",
        ]);
        if !self.wants_wasi {
            command.arg("--stub-wasi");
        }
        let sources = source.parent().unwrap();
        command.arg("-p").arg(sources).arg("-p").arg(kits_of(sources).join("python"));
        command.arg(source.file_stem().unwrap());
        run(command.arg("-o").arg(component), "componentize-py has to be able to build it");
    }

    fn build_javascript(self, source: &Path, contract: &Path, component: &Path) {
        let mut command = Command::new(componentize_qjs().join("node_modules/.bin/componentize-qjs"));
        command.arg("--wit").arg(contract).arg("--js").arg(source).args(["--world", self.world, "--sync"]);
        // Nothing above it is imported, and the kit lies beside this folder.
        command.arg("--module-root").arg(source.parent().unwrap().join("../.."));
        if !self.wants_wasi {
            command.arg("--stub-wasi");
        }
        run(command.arg("-o").arg(component), NODE);
    }
}

const NODE: &str = "Node.js 20 or newer with npm and the registry of npm have to be at hand";

/// The virtual environment with the compiler of Python components.
pub(crate) fn componentize_py() -> PathBuf {
    Python::with("componentize-py", &[COMPONENTIZE_PY]);
    below_target("python").join("componentize-py")
}

/// The folder in whose `node_modules` the compiler of JavaScript components is.
pub(crate) fn componentize_qjs() -> PathBuf {
    let folder = below_target("npm").join("componentize-qjs");
    once(&folder, COMPONENTIZE_QJS, || {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        run(npm.arg(&folder).arg(COMPONENTIZE_QJS), NODE);
    });
    folder
}

/// The contract with the worlds of these guests, in a folder of its own.
fn contract(folder: &Path, sources: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let package = format!("package lancet:plugin@{};\n", lancet_core::CONTRACT_VERSION);
    let worlds = fs::read_to_string(sources.join("worlds.wit")).unwrap();
    fs::write(folder.join("worlds.wit"), package + &worlds).unwrap();
    for path in files(&sources.join("../../wit")) {
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    folder.to_owned()
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The folder of the kits of languages.
fn kits_of(sources: &Path) -> PathBuf {
    sources.join("../../plugins")
}

fn below_target(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
