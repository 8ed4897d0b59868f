//! Reason codes that only the host gives.

use crate::{FaultKind, InfraFaultKind, ReasonCode, RefusalKind, Role};

/// The reason of an agent that handed in nothing because its patch was refused.
pub const PATCH_DOES_NOT_APPLY: &str = "patch-does-not-apply";
/// The reason of an agent that was given no patch and handed in nothing.
pub const NO_PATCH: &str = "no-patch";

impl ReasonCode {
    /// Whether only the host gives this reason: what of the infrastructure failed, how
    /// a plugin failed, why a submission is not accepted, and why there is none. A grader that gives
    /// one would have people believe that the host saw something, so its verdict does
    /// not count.
    ///
    /// The reasons of [`conclude`](crate::conclude) are not among them: a grader that
    /// goes by a test run gives its conclusion's reason.
    #[must_use]
    pub fn is_hosts_own(&self) -> bool {
        let of_a_plugin = || {
            [Role::Agent, Role::Grader].into_iter().any(|role| {
                let kind = self.as_str().strip_prefix(role.as_str()).and_then(|rest| rest.strip_prefix('-'));
                kind.is_some_and(|kind| FaultKind::ALL.iter().any(|known| known.as_str() == kind))
            })
        };
        InfraFaultKind::of_reason(self).is_some()
            || RefusalKind::ALL.iter().any(|kind| kind.as_str() == self.as_str())
            || [PATCH_DOES_NOT_APPLY, NO_PATCH].contains(&self.as_str())
            || of_a_plugin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, InfraFault, RefusedSubmission};

    #[test]
    fn whatever_the_host_gives_is_its_own() {
        let infrastructure = InfraFaultKind::ALL.map(|kind| InfraFault::new(kind, "").reason());
        let refusals =
            RefusalKind::ALL.map(|kind| RefusedSubmission { kind, message: String::new() }.reason());
        let faults = FaultKind::ALL
            .into_iter()
            .flat_map(|kind| [Role::Agent, Role::Grader].map(|role| Fault::new(kind, "").reason(role)));
        let nothing = [PATCH_DOES_NOT_APPLY, NO_PATCH].map(|reason| reason.parse().unwrap());
        for reason in infrastructure.into_iter().chain(refusals).chain(faults).chain(nothing) {
            assert!(reason.is_hosts_own(), "{reason}");
        }
    }

    #[test]
    fn the_reasons_of_graders_are_theirs() {
        for reason in [
            "right-choice",
            "no-submission",
            "wrong-kind",
            "tests-passed",
            "tests-failed",
            "app-not-ready",
            "out-of-memory",
            "disk-limit",
            "no-report",
            "grader-disagrees",
            "agent",
            "grader",
            "agent-traps",
            "trap",
        ] {
            assert!(!reason.parse::<ReasonCode>().unwrap().is_hosts_own(), "{reason}");
        }
    }
}
