//! What a machine offers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that was looked at on a machine. A list of these is the JSON of `lancet doctor
/// --format json`, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at, such as `engine`, `store` or `docker`.
    pub check: String,
    /// Whether it is as it has to be.
    pub ok: bool,
    /// What was found, for people.
    pub detail: String,
    /// What could be done about it, for people; absent when there is nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// Something that is as it has to be.
    #[must_use]
    pub fn good(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { check: check.into(), ok: true, detail: detail.into(), hint: None }
    }

    /// Something that is not, and what to do about it.
    #[must_use]
    pub fn bad(check: impl Into<String>, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check: check.into(), ok: false, detail: detail.into(), hint: Some(hint.into()) }
    }
}
