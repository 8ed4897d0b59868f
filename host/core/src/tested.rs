//! What came of trying a plugin: on its fixtures, and on inputs that are made to break it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Role, Sha256};

/// What came of a plugin's fixtures. This is the JSON of `lancet plugin test --format json`, a
/// public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestedPlugin {
    /// The plugin, as it was named.
    pub plugin: String,
    /// The digest of its component.
    pub digest: Sha256,
    /// What it is there for.
    pub role: Role,
    /// What one call of it might use.
    pub limits: TestedLimits,
    /// How many fixtures came to what they have to.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
    /// Each fixture, by its file's name.
    pub fixtures: Vec<TestedFixture>,
}

/// What one call of a plugin might use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestedLimits {
    /// Units of fuel.
    pub fuel: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Calls of capabilities.
    pub calls: u32,
    /// Milliseconds of its own computing.
    pub milliseconds: u64,
}

/// What came of one fixture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestedFixture {
    /// The fixture: its file's name without the ending.
    pub fixture: String,
    /// How it compares with what has to come of it.
    pub result: TestResult,
    /// What has to come of it; `null` when the fixture cannot be used.
    pub expected: Option<String>,
    /// What came of it; `null` when nothing was executed.
    pub found: Option<String>,
    /// What the plugin says of it, or why there is nothing to compare.
    pub explanation: String,
    /// Units of fuel that were used; `null` when the clock ended the plugin.
    pub fuel_used: Option<u64>,
    /// Bytes of memory that it had at the end; `null` when they are not known.
    pub memory_bytes: Option<u64>,
    /// Calls of capabilities that it made.
    pub calls: usize,
    /// Microseconds that the call took.
    pub microseconds: u64,
}

/// How a fixture compares with what has to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TestResult {
    /// It came to that.
    Passed,
    /// It came to something else.
    Differs,
    /// The plugin asked for something that the fixture does not hold.
    Unanswered,
    /// The fixture cannot be used.
    Unusable,
}

impl TestResult {
    /// The word in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Differs => "differs",
            Self::Unanswered => "unanswered",
            Self::Unusable => "unusable",
        }
    }
}

/// What was found of a plugin. This is the JSON of `lancet plugin check --format json`, a public
/// interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedPlugin {
    /// The plugin, as it was named.
    pub plugin: String,
    /// The digest of its bytes.
    pub digest: Sha256,
    /// What it is there for; `null` when it is no plugin.
    pub role: Option<Role>,
    /// How many different inputs it was tried on.
    pub inputs: usize,
    /// How often it was executed.
    pub executions: usize,
    /// The most fuel that it used.
    pub most_fuel: u64,
    /// The most memory that it had, in bytes.
    pub most_memory_bytes: u64,
    /// How many findings have to be mended.
    pub errors: usize,
    /// How many findings are worth a look.
    pub warnings: usize,
    /// What was found, those to be mended first.
    pub findings: Vec<PluginFinding>,
}

/// One thing that was found of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PluginFinding {
    /// How much it matters.
    pub severity: Severity,
    /// What kind of finding it is: lower-case words joined by `-`, which stay what they are.
    pub code: String,
    /// What was tried.
    pub tried: String,
    /// What was seen.
    pub seen: String,
    /// What to change.
    pub change: String,
    /// On how many inputs the same was seen.
    pub times: usize,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It has to be mended.
    Error,
    /// It is worth a look.
    Warning,
}

impl Severity {
    /// The word in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
