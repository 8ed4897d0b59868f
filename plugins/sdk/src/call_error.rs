//! Errors of calls, as Rust has errors.

use crate::CallError;

impl CallError {
    /// The text that the host gave, for a person or a model.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::NotFound(text)
            | Self::Refused(text)
            | Self::TooLarge(text)
            | Self::Unavailable(text)
            | Self::Other(text) => text,
        }
    }
}
