//! The languages that plugins are written in.

use std::fmt;
use std::str::FromStr;

/// A language that there is a kit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Built by Cargo for `wasm32-unknown-unknown`.
    Rust,
    /// Built by `componentize-py`, with CPython inside.
    Python,
    /// Built by `componentize-qjs`, with QuickJS inside.
    JavaScript,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::JavaScript];

    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }

    /// The file in a project's folder by which its language is known.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "pyproject.toml",
            Self::JavaScript => "package.json",
        }
    }

    /// The folder of its kit, in a checkout of Lancet and below a project's `.lancet/kit`.
    #[must_use]
    pub fn kit(self) -> &'static str {
        match self {
            Self::Rust => "plugins/sdk",
            Self::Python => "plugins/python",
            Self::JavaScript => "plugins/javascript",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|language| language.as_str() == text);
        found.ok_or_else(|| format!("there are kits for {known}"))
    }
}
