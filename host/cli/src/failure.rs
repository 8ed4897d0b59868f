use std::fmt::Display;
use std::io::IsTerminal as _;

use lancet_docker::DockerError;
use lancet_engine::{EngineError, LoadError};
use lancet_store::StoreError;
use lancet_suite::SuiteError;

use crate::exit::Exit;
use crate::render::display_safe;

/// The one edge where errors become words and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Exit::Host, format!("cannot {doing} `{}`: {error}", path.display()))
    }

    /// The same failure, at a place where it is somebody else's doing.
    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn maybe_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// The error and its hint as one of several in a list.
    pub(crate) fn in_a_list(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\n    hint: {hint}", self.message.replace('\n', "\n  ")),
            None => self.message.replace('\n', "\n  "),
        }
    }

    /// Writes the error and its hint to stderr.
    pub(crate) fn print(&self) {
        say("error", "31", &self.message);
        if let Some(hint) = &self.hint {
            say("hint", "36", hint);
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// A note that is no error.
pub(crate) fn warn(message: &str) {
    say("warning", "33", message);
}

/// Text of suites and plugins may hold control characters, which must not reach
/// the terminal; line breaks are kept, since errors list things.
fn say(word: &str, colour: &str, text: &str) {
    let text = text.split('\n').map(display_safe).collect::<Vec<_>>().join("\n");
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) {
        eprintln!("\x1b[1;{colour}m{word}\x1b[0m: {text}");
    } else {
        eprintln!("{word}: {text}");
    }
}

/// An error with all its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

/// The most problems of a suite that are listed.
const MAX_LISTED: usize = 50;

impl From<SuiteError> for Failure {
    fn from(error: SuiteError) -> Self {
        let SuiteError::Invalid { path, problems, .. } = &error else {
            return Self::new(Exit::Suite, with_causes(&error)).maybe_hint(error.hint());
        };
        let mut message =
            format!("the suite `{}` cannot be used; {} to mend:", path.display(), problems.len());
        for problem in problems.iter().take(MAX_LISTED) {
            message.push_str(&format!("\n  {problem}"));
            if let Some(hint) = &problem.hint {
                message.push_str(&format!("\n    hint: {hint}"));
            }
        }
        if problems.len() > MAX_LISTED {
            message.push_str(&format!("\n  and {} more", problems.len() - MAX_LISTED));
        }
        Self::new(Exit::Suite, message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::UnknownRun { .. }
            | StoreError::UnknownAttempt { .. }
            | StoreError::AmbiguousRun { .. }
            | StoreError::NoRuns { .. } => Exit::Usage,
            _ => Exit::Store,
        };
        Self::new(exit, with_causes(&error)).maybe_hint(error.hint())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let exit = if matches!(error, LoadError::Engine(_)) { Exit::Host } else { Exit::Plugin };
        Self::new(exit, with_causes(&error)).maybe_hint(error.hint())
    }
}

impl From<DockerError> for Failure {
    fn from(error: DockerError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Host, with_causes(&error)).hint(hint)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(Exit::Host, error.to_string())
    }
}

/// Adds words in front of an error that does not name its subject.
pub(crate) fn host(doing: &str, error: impl Display) -> Failure {
    Failure::new(Exit::Host, format!("{doing}: {error}"))
}
