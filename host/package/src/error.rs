//! Why a manifest or a package is refused.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text::{MAX_MANIFEST_BYTES, SECTION};

/// The most characters of a key, and of what is said of it: a manifest may name 64 KiB of either.
const MAX_KEY: usize = 120;
const MAX_SAID: usize = 1_000;

/// What is wrong with a manifest: the first thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("`{key}`: {problem}")]
pub struct ManifestError {
    /// The key, dotted: `asks.tests`. For a text that is no TOML, the line: `line 3`.
    pub key: String,
    /// What is wrong, and what was expected.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ManifestError {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: shown(key.into(), MAX_KEY), problem: shown(problem.into(), MAX_SAID), hint: None }
    }

    /// What to do about it: of what was found, or how such a file is written.
    #[must_use]
    pub fn advice(&self) -> &str {
        self.hint.as_deref().unwrap_or(
            "mend that key; plugins/README.md has a whole `plugin.toml` and says what each key may be",
        )
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(shown(hint.into(), MAX_SAID));
        self
    }
}

/// A text for people, the end of a longer one replaced by `…`.
fn shown(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Why a component is no package, or cannot be made one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum PackageError {
    /// The bytes are no component, or a broken one.
    #[error("its sections cannot be told apart: {0}")]
    Broken(Cow<'static, str>),
    /// More than one section.
    #[error("it has {0} sections `{SECTION}`, expected one")]
    Doubled(usize),
    /// The only section is that of a component or a module inside.
    #[error("the section `{SECTION}` is in a component or a module inside it, expected in the outermost one")]
    Nested,
    /// A section over [`MAX_MANIFEST_BYTES`].
    #[error("its section `{SECTION}` has {0} bytes, at most {MAX_MANIFEST_BYTES} (64 KiB) are allowed")]
    TooLarge(usize),
    /// A section that is no text.
    #[error("its section `{SECTION}` is no UTF-8, expected the text of `plugin.toml`")]
    NoText,
    /// A manifest that is refused.
    #[error("its manifest (section `{SECTION}`) is refused: {0}")]
    Manifest(#[from] ManifestError),
    /// A component that has a manifest and was to get one.
    #[error("it is a package already: it has a section `{SECTION}`")]
    Packed,
}

impl PackageError {
    /// What to do about the error.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Broken(_) => Some("build it again; `wasm-tools validate FILE` says more"),
            Self::Nested => Some("compose it of components that are no packages, and pack what comes of it"),
            Self::Doubled(_) | Self::Packed => Some(
                "pack the component that the tool chain built: `lancet plugin pack COMPONENT --manifest plugin.toml -o FILE`",
            ),
            Self::TooLarge(_) => Some("shorten its descriptions"),
            Self::NoText => Some("pack the component again"),
            Self::Manifest(error) => Some(error.advice()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_names_is_cut_for_people() {
        let long = "é".repeat(30_000);
        for text in
            [format!("{long} = 1"), format!("name = \"{long}\""), format!("[asks]\n\"{long}\" = \"x\"")]
        {
            let error = crate::Manifest::parse(&text).unwrap_err();
            let said = format!("{error} {:?}", error.hint);
            assert!(said.len() < 6_000, "{} bytes: {said:.200}", said.len());
        }
        let bare = ManifestError::new("version", "is no version");
        assert!(bare.advice().contains("plugins/README.md"), "{}", bare.advice());
        let short = ManifestError::new("asks.tests", "missing").hint("say why");
        assert_eq!(short.advice(), "say why");
        assert_eq!(short.to_string(), "`asks.tests`: missing");
    }
}
