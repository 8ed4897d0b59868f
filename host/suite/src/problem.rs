//! What is wrong with a suite, and the words for it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use lancet_core::{Sha256, one_line};
use serde::Serialize;

/// One thing that is wrong, or odd, in a suite's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file or folder, as a path from the suite's folder.
    pub file: String,
    /// The key in the file, dotted: `grader.digest`, `proposals[2].file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), key: None, message: message.into(), hint: None }
    }

    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(key) = &self.key {
            write!(f, ": `{key}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Why a suite cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The folder cannot be opened.
    #[error("cannot open the suite folder `{}`", path.display())]
    Open {
        /// The suite's folder.
        path: PathBuf,
        /// Why the folder cannot be opened.
        source: io::Error,
    },
    /// The folder is no valid suite. All that was found is listed.
    #[error("the suite `{}` has {}: {}", path.display(), count(problems.len()), problems.first().map(ToString::to_string).unwrap_or_default())]
    Invalid {
        /// The suite's folder.
        path: PathBuf,
        /// What is wrong, by file.
        problems: Vec<Problem>,
        /// What is odd, by file.
        warnings: Vec<Problem>,
    },
    /// A grader's component cannot be read.
    #[error("cannot read the grader `{path}` of the suite")]
    Grader {
        /// The component's file, as a path from the suite's folder.
        path: String,
        /// Why the component cannot be read.
        source: io::Error,
    },
    /// A grader's component is no longer what it was.
    #[error(
        "the grader `{path}` has the digest {found}, expected {expected}: it changed after the suite was loaded"
    )]
    GraderChanged {
        /// The component's file, as a path from the suite's folder.
        path: String,
        /// The digest that the component had.
        expected: Sha256,
        /// The digest that the component has now.
        found: Sha256,
    },
    /// A file of the suite cannot be read.
    #[error("cannot read `{path}` of the suite")]
    File {
        /// The file, as a path from the suite's folder.
        path: String,
        /// Why the file cannot be read.
        source: io::Error,
    },
    /// A file of the suite is no longer what it was.
    #[error(
        "`{path}` of the suite has the digest {found}, expected {expected}: it changed after the suite was loaded"
    )]
    FileChanged {
        /// The file, as a path from the suite's folder.
        path: String,
        /// The digest that the file had.
        expected: Sha256,
        /// The digest that the file has now.
        found: Sha256,
    },
    /// The lock of a suite's images cannot be written.
    #[error("cannot write `{}`", path.display())]
    WriteLock {
        /// The lock's file.
        path: PathBuf,
        /// Why the lock cannot be written.
        source: io::Error,
    },
    /// A new suite cannot be called so.
    #[error(
        "`{}` is no name for a suite: expected letters, digits, `-`, `_` and `.`, at most 100, beginning with a letter or digit",
        _0.display()
    )]
    StarterName(PathBuf),
    /// A new suite's folder cannot be made.
    #[error("cannot make the suite folder `{}`", path.display())]
    Begin {
        /// The suite's folder.
        path: PathBuf,
        /// Why the folder cannot be made.
        source: io::Error,
    },
    /// The suite has no such image.
    #[error("the suite has no image `{0}`")]
    UnknownImage(String),
    /// What an image is to be pinned to can change.
    #[error(
        "`{reference}` is nothing that `{image}` can be pinned to: expected `sha256:…` or `repository@sha256:…`"
    )]
    NotAPin {
        /// The image's name in the suite.
        image: String,
        /// What the image was to be pinned to.
        reference: String,
    },
    /// The suite has no such build folder.
    #[error("no image of the suite is built from `{0}`")]
    UnknownBuild(String),
    /// No task names this grader.
    #[error("no task of the suite has the grader `{0}`")]
    UnknownGrader(String),
    /// A manager task without a readable answer key.
    #[error("the answer key of the task `{0}` does not say which proposal is right")]
    NoAnswer(String),
    /// A pattern that cannot be read.
    #[error("`{pattern}` is no pattern: {message}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why the pattern cannot be read.
        message: String,
    },
    /// A pattern that no task's id matches.
    #[error("no task{} matches `{pattern}`", of_kind.as_ref().map(|kind| format!(" of kind {kind}")).unwrap_or_default())]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// The kind that was asked for.
        of_kind: Option<lancet_core::Kind>,
        /// Ids that are near the pattern.
        near: Vec<String>,
    },
}

impl SuiteError {
    /// What is wrong in the folder, when that is the matter.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems, .. } => problems,
            _ => &[],
        }
    }

    /// What is odd in a folder in which something is wrong as well.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        match self {
            Self::Invalid { warnings, .. } => warnings,
            _ => &[],
        }
    }

    /// What to do about the error.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open { path, source } if source.kind() == io::ErrorKind::NotFound => Some(format!(
                "there is nothing at `{}`; name the folder that holds suite.toml",
                path.display()
            )),
            Self::Open { source, .. } if source.kind() == io::ErrorKind::NotADirectory => {
                Some("a suite is a folder; a table is made into one with `lancet suite import`".to_owned())
            }
            Self::StarterName(_) => {
                Some("name the folder that is to be made: `lancet suite new my-suite`".to_owned())
            }
            Self::Begin { path, source } if source.kind() == io::ErrorKind::AlreadyExists => Some(format!(
                "there is something at `{}` already, which is left as it is: choose another name",
                path.display()
            )),
            Self::Begin { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("make the folder that it is to lie in first".to_owned())
            }
            Self::Invalid { problems, .. } => problems.first().and_then(|p| p.hint.clone()),
            Self::GraderChanged { .. } | Self::FileChanged { .. } => Some("load the suite again".to_owned()),
            Self::Pattern { .. } => Some(
                "`*` stands for any characters, `?` for one, `[…]` for one of several, `{a,b}` for a or b"
                    .to_owned(),
            ),
            Self::NoMatch { near, .. } if !near.is_empty() => {
                let near: Vec<_> = near.iter().map(|id| format!("`{id}`")).collect();
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::NoMatch { .. } => Some("patterns are compared with whole ids: `12155-*`".to_owned()),
            _ => None,
        }
    }
}

fn count(problems: usize) -> String {
    if problems == 1 { "a problem".to_owned() } else { format!("{problems} problems, the first of them") }
}

/// What somebody wrote, short enough to be repeated, and in one line.
pub(crate) fn shown(text: &str) -> String {
    let mut short = one_line(text, 80);
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

/// The nearest of `known`, when it is near enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (strsim::damerau_levenshtein(&k.to_lowercase(), &name.to_lowercase().replace('_', "-")), k))
        .min()
        .filter(|(distance, k)| *distance <= 1 + k.len().min(name.len()) / 4)
        .map(|(_, k)| k)
}
