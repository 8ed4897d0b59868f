//! Components that misbehave, with what has to become of them.
//!
//! They are real ones: made by the build script from WebAssembly text (`wat/`)
//! and from Rust (`guests/`), and for what no tool would make (truncated files,
//! 64 MiB of padding) here, when asked for.
//!
//! Where a case misbehaves when it is called, it does so on tasks whose id
//! contains `evil`, and is an ordinary plugin for the others (see
//! [`Case::evil_only`]): an agent that chooses the first proposal, or a grader
//! whose verdict is a fail with the reason `ordinary`. So one run shows what
//! becomes of the neighbours.
//!
//! ```
//! use lancet_hostile::{Expected, case, component};
//!
//! let case = case("endless-loop-agent").unwrap();
//! assert_eq!(case.expected, Expected::Fault(lancet_core::FaultKind::OutOfFuel));
//! assert!(component(case).starts_with(b"\0asm"));
//! ```

#![forbid(unsafe_code)]

mod bomb;
mod broken;
mod corpus;

use lancet_core::{Capability, FaultKind, Kind, Role};

pub use bomb::{BOMBS, bomb};
pub use corpus::cases;

/// Name, what it does, and the component, by name.
static COMPONENTS: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Unique; ends with the role where there is one for each role.
    pub name: &'static str,
    /// What it is, or pretends to be.
    pub role: Role,
    /// The number of the threat: 16 endless loops, 17 growth, 18 recursion, 19
    /// large and malformed values, 20 traps around host calls, 21 imports, 22
    /// files, 23 different verdicts on the same inputs, 24 leaks, 25 malformed
    /// components.
    pub threat: u8,
    /// What it does.
    pub what: &'static str,
    /// What has to become of it.
    pub expected: Expected,
    /// The kind of task that it is made for.
    pub kind: Kind,
    /// What it has to be granted beyond its role's standard grant. Without, it
    /// has to be refused.
    pub needs: &'static [Capability],
    /// Whether it misbehaves on tasks whose id contains `evil` only. The others
    /// misbehave on every task, or are refused.
    pub evil_only: bool,
}

/// What has to become of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The call ends with a fault of this kind.
    Fault(FaultKind),
    /// It cannot be loaded, and the error contains this text.
    Refused(&'static str),
    /// It can be loaded, and when it is asked what can be set, that ends with a fault whose
    /// text contains this. No run of it begins.
    Undescribed(&'static str),
    /// It is contained, and comes to an ordinary answer or verdict, the same
    /// each time.
    Harmless,
}

/// The case of that name, if there is one.
#[must_use]
pub fn case(name: &str) -> Option<&'static Case> {
    cases().iter().find(|case| case.name == name)
}

/// A case's component, or what it gives out for one. Most are a few KiB; one is
/// of 64 MiB.
///
/// # Panics
/// When the case is not of this corpus.
#[must_use]
pub fn component(case: &Case) -> Vec<u8> {
    embedded(case.name)
        .map(<[u8]>::to_vec)
        .or_else(|| broken::component(case.name, &ordinary(case.role)))
        .unwrap_or_else(|| panic!("the corpus has no component `{}`", case.name))
}

/// A plugin that does nothing wrong, made as the others are: what the broken
/// ones are made of, and a control.
///
/// # Panics
/// Never: the build script has made it.
#[must_use]
pub fn ordinary(role: Role) -> Vec<u8> {
    let name = format!("ordinary-{role}");
    embedded(&name).expect("the build script makes it").to_vec()
}

fn embedded(name: &str) -> Option<&'static [u8]> {
    let at = COMPONENTS.binary_search_by_key(&name, |(name, ..)| name).ok()?;
    Some(COMPONENTS[at].2)
}
