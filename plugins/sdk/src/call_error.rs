use crate::CallError;

impl CallError {
    /// What it says.
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
