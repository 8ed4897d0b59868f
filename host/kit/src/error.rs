//! Why a project could not be begun or built.

use std::io;
use std::path::PathBuf;

use crate::tool::Tool;

/// Why a project could not be begun or built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// The file or the folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The folder of a new project is there already.
    #[error("`{}` exists already; a new plugin gets a folder of its own", .0.display())]
    Exists(PathBuf),
    /// A name that a plugin cannot have.
    #[error(
        "`{0}` is no name for a plugin, expected `NAME` or `PUBLISHER/NAME`, each lower-case words joined by `-`, \
         beginning with a letter, at most 64 bytes"
    )]
    Name(String),
    /// The name of the kit that a plugin is built with.
    #[error("`lancet-sdk` is the name of the kit, which a plugin is built with and cannot have itself")]
    KitName,
    /// A file of the project says what cannot be.
    #[error("`{}`: `{key}`: {problem}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The key in it.
        key: String,
        /// What it holds, and what was expected.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// The folder holds a project of no language.
    #[error("`{}` holds no project: expected `Cargo.toml`, `pyproject.toml` or `package.json` beside `plugin.toml`", .0.display())]
    NoLanguage(PathBuf),
    /// The folder holds projects of several languages.
    #[error("`{}` holds {found}, so its language cannot be told", folder.display())]
    Languages {
        /// The folder.
        folder: PathBuf,
        /// The files that tell of languages.
        found: String,
    },
    /// A tool of the language is not there.
    #[error("{} is not installed (looked at {looked_at})", tool.name())]
    NoTool {
        /// The tool.
        tool: Tool,
        /// Where it was looked for.
        looked_at: String,
    },
    /// A tool, or a kit, that was not tested with this program.
    #[error("`{}` is {name} {found}, which this lancet was not tested with; expected {tested}", path.display())]
    Untested {
        /// The tool or the kit.
        name: String,
        /// Where it is.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The version that it should have.
        tested: String,
        /// The command that helps.
        install: String,
    },
    /// A tool does not say which version it has.
    #[error("`{} --version` did not end within {seconds} s", path.display())]
    Late {
        /// The program.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A tool does not come to an end.
    #[error("{} has not ended within {seconds} s", tool.name())]
    Endless {
        /// The tool.
        tool: Tool,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A tool ended otherwise than it should.
    #[error("{} failed ({status}):\n{output}", tool.name())]
    Failed {
        /// The tool.
        tool: Tool,
        /// How it ended.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// Whoever wanted it built wants that no more.
    #[error("stopped while {} was at work", _0)]
    Stopped(&'static str),
    /// The guests' Cargo, or what it made.
    #[error(transparent)]
    Rust(#[from] lancet_guest_build::Error),
}

impl Error {
    /// What to do about it, where more can be said than the error does.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(_) => Some("choose another name, or remove the folder".to_owned()),
            Self::Name(_) | Self::KitName => {
                Some("for example `right-choice` or `acme/right-choice`".to_owned())
            }
            Self::Key { hint, .. } => Some(hint.clone()),
            Self::NoLanguage(_) => Some(
                "`lancet plugin new NAME --lang python` makes one; `lancet plugin pack` takes a component"
                    .into(),
            ),
            Self::Languages { .. } => Some("name it with `--lang`".to_owned()),
            Self::NoTool { tool, .. } => Some(tool.install()),
            Self::Late { path, .. } => Some(format!(
                "run `{} --version` yourself, and install it anew if that hangs",
                path.display()
            )),
            Self::Untested { install, .. } => Some(install.clone()),
            Self::Endless { .. } => Some(
                "it executes what is at the top of the plugin's modules: look for a loop there that does not end, or build it \
                 on a machine that is less busy"
                    .to_owned(),
            ),
            Self::Failed { tool, output, .. } => Some(failed(*tool, output)),
            Self::Rust(lancet_guest_build::Error::Start { .. }) => {
                Some("install Rust with rustup, which brings rustc and cargo".to_owned())
            }
            Self::File { .. } | Self::Stopped(_) | Self::Rust(_) => None,
        }
    }

    /// Whether it is this machine that lacks something, and not the project.
    #[must_use]
    pub fn is_of_the_machine(&self) -> bool {
        use lancet_guest_build::Error as Rust;
        matches!(
            self,
            Self::File { .. }
                | Self::NoTool { .. }
                | Self::Untested { .. }
                | Self::Late { .. }
                | Self::Rust(Rust::NoStandardLibrary { .. } | Rust::Rustup { .. } | Rust::Start { .. })
        )
    }

    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing: "read", path, source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing: "write", path, source }
    }
}

/// What authors most often did when a tool says that.
fn failed(tool: Tool, output: &str) -> String {
    let says = |words: &str| output.contains(words);
    let is_not_there = says("load module 'lancet:plugin/") || says("resolving module 'lancet:plugin/");
    if is_not_there || says("is not asked for") {
        return "what is imported has to be in `[asks]` of `plugin.toml`: only that is in the world that it is built for"
            .to_owned();
    }
    match tool {
        Tool::ComponentizePy => {
            "the traceback is that of the module as it is loaded: `python3 -m unittest` loads it too"
                .to_owned()
        }
        Tool::ComponentizeQjs | Tool::Node => {
            "the module is loaded while it is built: `node --test` loads it too".to_owned()
        }
        Tool::RustTarget => "`cargo test` shows what is wrong with it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_told_from_other_mistakes() {
        for output in [
            "Error resolving module 'lancet:plugin/tests@0.1.0' from '/grader.js': not found",
            "could not load module 'lancet:plugin/tests@0.1.0'",
            "ImportError: `tests` is not asked for: add it",
        ] {
            assert!(failed(Tool::ComponentizeQjs, output).contains("`[asks]` of `plugin.toml`"), "{output}");
        }
        let other = "grading does not implement lancet:plugin/grading@0.1.0";
        assert!(failed(Tool::ComponentizeQjs, other).contains("`node --test`"));
        assert!(failed(Tool::ComponentizePy, other).contains("`python3 -m unittest`"));
    }
}
