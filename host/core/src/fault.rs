//! How a plugin can fail by itself.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ReasonCode, Role};

/// How a plugin failed. Each kind has its reason code, `<role>-<kind>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A trap: unreachable code, an access out of bounds, a broken canonical ABI.
    Trap,
    /// The fuel is used up.
    OutOfFuel,
    /// The call stack is used up.
    StackOverflow,
    /// More memory, tables or instances than the limit, and the guest did not
    /// get over being refused.
    OutOfMemory,
    /// More handles than the limit.
    TooManyHandles,
    /// More calls of capabilities than the limit.
    TooManyCalls,
    /// More bytes in one call across the boundary than the limit.
    CallTooLarge,
    /// It computed for longer than the limit.
    Timeout,
    /// The component could not be instantiated.
    Instantiation,
    /// The result breaks a rule of the contract.
    MalformedResult,
    /// The plugin itself answered with an error.
    Error,
    /// The process that it runs in did what that process may not, or said to the host what
    /// it cannot say at that point.
    JailViolation,
    /// The process that it runs in died.
    Crash,
    /// The process that it runs in neither answers nor is at work, or is at work for far
    /// longer than a plugin can be.
    Hung,
}

impl FaultKind {
    /// Every kind there is.
    pub const ALL: [Self; 14] = [
        Self::Trap,
        Self::OutOfFuel,
        Self::StackOverflow,
        Self::OutOfMemory,
        Self::TooManyHandles,
        Self::TooManyCalls,
        Self::CallTooLarge,
        Self::Timeout,
        Self::Instantiation,
        Self::MalformedResult,
        Self::Error,
        Self::JailViolation,
        Self::Crash,
        Self::Hung,
    ];

    /// The kind in a reason code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::OutOfFuel => "out-of-fuel",
            Self::StackOverflow => "stack-overflow",
            Self::OutOfMemory => "out-of-memory",
            Self::TooManyHandles => "too-many-handles",
            Self::TooManyCalls => "too-many-calls",
            Self::CallTooLarge => "call-too-large",
            Self::Timeout => "timeout",
            Self::Instantiation => "instantiation",
            Self::MalformedResult => "malformed-result",
            Self::Error => "error",
            Self::JailViolation => "jail-violation",
            Self::Crash => "crash",
            Self::Hung => "hung",
        }
    }

    /// Whether it befell the process that the plugin ran in, and not the plugin as it was
    /// executed: another execution need not come to it again, and what fuel had been used
    /// is not known.
    #[must_use]
    pub fn is_of_process(self) -> bool {
        matches!(self, Self::JailViolation | Self::Crash | Self::Hung)
    }

    /// Whether the plugin was ended from outside, at a point that is another one each time.
    #[must_use]
    pub fn cuts_off(self) -> bool {
        self == Self::Timeout || self.is_of_process()
    }
}

/// What stands between a fault as the host sees it and what the plugin said before.
const SAID: &str = "; it said: ";

/// Whether a text is the one recorded, or that with what the plugin said beside it.
pub(crate) fn tells_again(text: &str, recorded: &str) -> bool {
    text.strip_prefix(recorded).is_some_and(|more| more.is_empty() || more.starts_with(SAID))
}

/// A plugin's failure: it is over for this call, and the host lives on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// How it failed.
    pub kind: FaultKind,
    /// What is known of it, for a person. Never holds addresses or times, so
    /// that the same execution gives the same text.
    pub message: String,
}

impl Fault {
    /// A fault of that kind.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The same fault, with what the plugin said before it.
    #[must_use]
    pub fn saying(self, words: &str) -> Self {
        Self { kind: self.kind, message: format!("{}{SAID}{words}", self.message) }
    }

    /// Whether `self` is `recorded` once more: the same in kind and message. Older records leave
    /// out what the plugin said before.
    #[must_use]
    pub fn repeats(&self, recorded: &Self) -> bool {
        self.kind == recorded.kind && tells_again(&self.message, &recorded.message)
    }

    /// The reason code of a verdict that this fault made invalid.
    ///
    /// # Panics
    /// Never: the words are reason codes already, which a test holds.
    #[must_use]
    pub fn reason(&self, role: Role) -> ReasonCode {
        format!("{}-{}", role.as_str(), self.kind.as_str()).parse().expect("role and kind are reason codes")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_reason_code() {
        for kind in FaultKind::ALL {
            for role in [Role::Agent, Role::Grader] {
                let reason = Fault::new(kind, "").reason(role);
                assert!(reason.as_str().starts_with(role.as_str()));
            }
        }
    }
}
