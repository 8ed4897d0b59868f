//! What is left to spend on models. Granted to agents; to a grader only by the operator.
//!
//! Units are named by lower-case words joined by `-`, and there may be more than these:
//! `asks`, `tokens`, `input-tokens`, `output-tokens`, `microdollars`, `milliseconds`,
//! `tool-calls`. The host holds a plugin to its limits whether or not it looks at them: an
//! ask that they do not allow is [`Failure::OverBudget`](crate::model::Failure::OverBudget).

pub use crate::bindings::imports::lancet::plugin::budget::Allowance;

/// Every limit that this attempt is under, its own or its share of the run's, sorted by
/// unit; empty when there is none.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn allowances() -> Vec<Allowance> {
    host!(budget::allowances())
}

/// What is left of a unit, or `None` when it is not limited.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn left(unit: &str) -> Option<u64> {
    host!(budget::left(unit))
}
