//! `cases/NAME.toml`: submissions by which a task checks itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `cases/NAME.toml`: a submission to the task, and the verdict that it has to get. It has
/// exactly one of `patch`, `script` and `choice`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CaseFile {
    /// What the submission does, and why it is right or wrong: one line, at most 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<String>,
    /// Of an `ic-swe` task: a patch that is applied to the work tree. The name of a file in
    /// `cases/`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub patch: Option<String>,
    /// Of an `ic-swe` task: a shell script of at most 1 MiB that is run in the work tree, in the
    /// agent's container, for at most ten minutes. The name of a file in `cases/`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<String>,
    /// Of a `swe-manager` task: the id of the proposal that is chosen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub choice: Option<u32>,
    /// The verdict that the submission has to get, outcome and reason: `fail tests-failed`,
    /// `fail wrong-choice`, `pass tests-passed`.
    pub expect: String,
    /// What a pass has to be worth, in thousandths of the price: 1 to 1000, by default 1000.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(range(min = 1, max = 1000))]
    pub score: Option<u16>,
}
