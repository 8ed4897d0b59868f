//! Why what was signed is not what it has to be.

/// Why a statement does not say what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not of that form.
    #[error("its payload is no in-toto Statement v1 of that kind: {0}")]
    Json(String),
    /// A value that has to be another.
    #[error("`{key}` of its payload is {found}, expected {expected}")]
    Value {
        /// The key, dotted.
        key: &'static str,
        /// What is there.
        found: String,
        /// What has to be.
        expected: String,
    },
    /// The same content, spelled otherwise, or a key twice.
    #[error(
        "its payload is not in the one spelling that is written and taken: a key is there twice, in another place, or escaped otherwise"
    )]
    Spelling,
}

impl StatementError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Json(_) => {
                "a newer Lancet may have written it; `--foreign` takes any statement over a file"
            }
            Self::Spelling => "have it signed with `lancet`, or take it with `--foreign`",
            Self::Value { .. } => {
                "the signature is good, and for something else: get the file that was signed"
            }
        }
    }
}
