//! The tools that make components, and whether they are there.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lancet_guest_build::{Standard, TARGET};

use crate::error::Error;

/// The most bytes of what a program says of itself, and of a file of a project's: 16 MiB, as lock
/// files can be large.
pub(crate) const MAX_SAID: usize = 16 << 20;
/// How long a program may take to say what version it has.
const PATIENCE: Duration = Duration::from_secs(15);

/// The oldest Node.js whose major version will do.
const MIN_NODE: u32 = 20;

/// A tool that makes components of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Rust's standard library for `wasm32-unknown-unknown`.
    RustTarget,
    /// `componentize-py` from PyPI.
    ComponentizePy,
    /// Node.js, which runs the next.
    Node,
    /// `componentize-qjs` from npm, which `jco componentize --backend quickjs` calls.
    ComponentizeQjs,
}

/// Whether a tool is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolState {
    /// It is, and was tested with this program.
    Ready {
        /// Where it is and which version it has, for people.
        detail: String,
    },
    /// It is not, or is of another version.
    Missing {
        /// What is the matter, for people.
        problem: String,
        /// The command that helps.
        install: String,
    },
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 4] = [Self::RustTarget, Self::ComponentizePy, Self::Node, Self::ComponentizeQjs];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RustTarget => "the Rust target wasm32-unknown-unknown",
            Self::ComponentizePy => "componentize-py",
            Self::Node => "Node.js",
            Self::ComponentizeQjs => "componentize-qjs",
        }
    }

    /// The version that this program was tested with; none where that does not matter.
    #[must_use]
    pub fn tested(self) -> Option<&'static str> {
        match self {
            Self::ComponentizePy => Some("0.25.1"),
            Self::ComponentizeQjs => Some("0.4.5"),
            Self::RustTarget | Self::Node => None,
        }
    }

    /// The command that installs it, in a project's folder.
    #[must_use]
    pub fn install(self) -> String {
        let tested = self.tested().unwrap_or_default();
        match self {
            Self::RustTarget => format!("run `rustup target add {TARGET}`"),
            Self::ComponentizePy => format!(
                "run `python3 -m venv .venv && .venv/bin/pip install componentize-py=={tested}` in the project's folder"
            ),
            Self::Node => format!("install Node.js {MIN_NODE} or newer, with npm"),
            Self::ComponentizeQjs => {
                format!(
                    "run `npm install --save-dev --save-exact componentize-qjs@{tested}` in the project's folder"
                )
            }
        }
    }

    /// Whether it is there for a project in that folder.
    #[must_use]
    pub fn state(self, folder: &Path) -> ToolState {
        let found = match self {
            Self::RustTarget => {
                let asked = Instant::now();
                let is_late = || asked.elapsed() > PATIENCE;
                match Standard::find_by(&mut |rustc| lancet_child::output(rustc, MAX_SAID, &is_late)) {
                    Ok(Standard::Installed) => Ok(format!("{TARGET} is installed")),
                    Ok(Standard::Debian { rustc, .. }) => {
                        Ok(format!("built from Debian's sources by {}", rustc.display()))
                    }
                    Err(lancet_guest_build::Error::Stopped) => {
                        let late = Error::Late { path: "rustc".into(), seconds: PATIENCE.as_secs() };
                        let install = late.hint().unwrap_or_default();
                        return ToolState::Missing { problem: late.to_string(), install };
                    }
                    Err(error) => Err(error),
                }
            }
            _ => match self.find(folder, &|| false) {
                Ok(found) => Ok(format!("{} at {}", found.version, found.program.display())),
                Err(error) => {
                    let install = error.hint().unwrap_or_else(|| self.install());
                    return ToolState::Missing { problem: error.to_string(), install };
                }
            },
        };
        match found {
            Ok(detail) => ToolState::Ready { detail },
            Err(error) => ToolState::Missing { problem: error.to_string(), install: self.install() },
        }
    }

    /// The program for a project in that folder, of a version that was tested.
    pub(crate) fn find(self, folder: &Path, is_stopped: &dyn Fn() -> bool) -> Result<Found, Error> {
        let file = match self {
            Self::ComponentizePy => "componentize-py",
            Self::ComponentizeQjs => "componentize-qjs",
            Self::Node => "node",
            Self::RustTarget => "cargo",
        };
        let places = self.places(folder);
        let program = places.iter().map(|place| place.join(file)).find(|path| path.is_file());
        let Some(program) = program else {
            // The search path is long, and known to whoever set it.
            let own = places.len() - on_path().count();
            let mut looked_at: Vec<_> =
                places.iter().take(own).map(|place| format!("`{}`", place.join(file).display())).collect();
            looked_at.push("PATH".to_owned());
            return Err(Error::NoTool { tool: self, looked_at: looked_at.join(", ") });
        };
        let version = self.version(&program, is_stopped)?;
        let expected = match self.tested() {
            Some(tested) if version != tested => tested.to_owned(),
            None if self == Self::Node && !is_recent_node(&version) => format!("{MIN_NODE} or newer"),
            _ => return Ok(Found { program, version }),
        };
        Err(Error::Untested {
            name: self.name().to_owned(),
            path: program,
            found: version,
            tested: expected,
            install: self.install(),
        })
    }

    /// Folders that it may be in, those of the project first.
    fn places(self, folder: &Path) -> Vec<PathBuf> {
        let own = match self {
            Self::ComponentizePy => {
                let active = env::var_os("VIRTUAL_ENV").filter(|active| !active.is_empty());
                let active = active.map(|active| PathBuf::from(active).join("bin"));
                [Some(folder.join(".venv/bin")), active].into_iter().flatten().collect()
            }
            Self::ComponentizeQjs => vec![folder.join("node_modules/.bin")],
            Self::Node | Self::RustTarget => Vec::new(),
        };
        own.into_iter().chain(on_path()).collect()
    }

    /// What version a program says that it has.
    fn version(self, program: &Path, is_stopped: &dyn Fn() -> bool) -> Result<String, Error> {
        let none = || "of no version".to_owned();
        if self == Self::ComponentizeQjs {
            // It has no option for that; the package that it is in says it.
            let real = program.canonicalize().map_err(Error::read(program))?;
            let manifest = real.parent().and_then(Path::parent).unwrap_or(&real).join("package.json");
            // pnpm puts a script in the place of npm's link, so that no package is found from there.
            let text = text_of(&manifest).unwrap_or_default();
            let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            return Ok(package["version"].as_str().map_or_else(none, str::to_owned));
        }
        let asked = Instant::now();
        let is_late = || asked.elapsed() > PATIENCE;
        let mut command = Command::new(program);
        command.arg("--version");
        let output = lancet_child::output(&mut command, MAX_SAID, &|| is_stopped() || is_late());
        let output = output.map_err(Error::read(program))?.ok_or_else(|| match is_late() {
            true => Error::Late { path: program.to_owned(), seconds: PATIENCE.as_secs() },
            false => Error::Stopped(self.name()),
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.split_whitespace().last().map_or_else(none, str::to_owned))
    }
}

/// Whether a version such as `v20.1.0` is that of a Node.js which will do.
fn is_recent_node(version: &str) -> bool {
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    major.parse::<u32>().is_ok_and(|major| major >= MIN_NODE)
}

/// A program, and the version that it says it has.
pub(crate) struct Found {
    pub(crate) program: PathBuf,
    pub(crate) version: String,
}

/// The text of a file in a project's folder, which may be anything.
pub(crate) fn text_of(path: &Path) -> io::Result<String> {
    let bytes = lancet_file::read(path, MAX_SAID as u64)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8"))
}

/// The folders of the search path.
fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).filter(|place| !place.as_os_str().is_empty()).collect::<Vec<_>>().into_iter()
}
