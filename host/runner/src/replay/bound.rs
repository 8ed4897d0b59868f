//! What a plugin may use when it is executed again.

use lancet_core::{Limits, Part, ReplayPhase};
use lancet_engine::ENGINE_ID;

/// Fuel that an execution may use beyond what its record says: none that ends as recorded does, and
/// one that does not is seen to use more.
const MORE_FUEL: u64 = 10_000;

/// The most that each call of a plugin may use in a replay of somebody else's record, who chose the
/// limits in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayBounds {
    /// An agent, in time, memory, and whatever else is counted but fuel: that is bounded by what
    /// the record says was used.
    pub agent: Limits,
    /// A grader.
    pub grader: Limits,
}

/// The limits of one call.
pub(super) struct Bound {
    pub(super) limits: Limits,
    /// Whose time it is, of somebody else's record.
    is_strangers: bool,
    /// In what it may use less than it might when it was recorded: what, how much here, how much then.
    lowered: Vec<(&'static str, u64, u64)>,
}

/// Why an execution was given up that might have gone on.
pub(super) struct Beyond {
    pub(super) phase: ReplayPhase,
    pub(super) what: String,
    /// Whether its time was over.
    pub(super) is_late: bool,
}

impl Beyond {
    /// Of an attempt behind one whose time was over.
    pub(super) fn unexecuted() -> Self {
        let what = "not executed: an attempt before it computed for as long as it may here".to_owned();
        Self { phase: ReplayPhase::Record, what, is_late: true }
    }
}

impl Bound {
    /// The limits of a call that the clock did not end, without the clock: this machine may be slower
    /// than the one that recorded it, and fuel bounds what is executed again. Of somebody else's record
    /// with `most` at most, and with the fuel that it says was used.
    pub(super) fn of(recorded: &Part, fuel_used: Option<u64>, most: Option<&Limits>) -> Self {
        let limits = recorded.limits.clone();
        let Some(most) = most else {
            let limits = Limits { wall_ms: u64::MAX, ..limits };
            return Self { limits, is_strangers: false, lowered: Vec::new() };
        };
        // Another engine counts otherwise, and there is the clock.
        let fuel = match fuel_used.filter(|_| recorded.engine == ENGINE_ID) {
            Some(used) => limits.fuel.min(used.saturating_add(MORE_FUEL)),
            None => limits.fuel,
        };
        let mut lowered = Vec::new();
        let mut least = |what, here: u64, then: u64| {
            if here < then {
                lowered.push((what, here, then));
            }
            here.min(then)
        };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let limits = Limits {
            fuel,
            memory_bytes: least("bytes of memory", most.memory_bytes, limits.memory_bytes),
            table_elements: least("elements of tables", most.table_elements, limits.table_elements),
            instances: small(least("instances", most.instances.into(), limits.instances.into())),
            handles: small(least("handles", most.handles.into(), limits.handles.into())),
            call_bytes: least("bytes in a call", most.call_bytes, limits.call_bytes),
            wall_ms: most.wall_ms,
            ..limits
        };
        Self { limits, is_strangers: true, lowered }
    }

    /// Why nothing is known of an execution that ended like that; `None` when its end counts.
    pub(super) fn beyond(&self, phase: ReplayPhase, is_late: bool, is_alike: bool) -> Option<Beyond> {
        if is_late && self.is_strangers {
            let seconds = self.limits.wall_ms.div_ceil(1000);
            let what = format!("it computed for longer than {seconds} s, the most that it may here");
            return Some(Beyond { phase, what, is_late });
        }
        if is_alike || self.lowered.is_empty() {
            return None;
        }
        let told = self.lowered.iter().map(|(what, here, then)| format!("{here} {what} in place of {then}"));
        let told: Vec<_> = told.collect();
        let what = format!("it goes otherwise with less than when it was recorded: {}", told.join(", "));
        Some(Beyond { phase, what, is_late: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(limits: Limits, engine: &str) -> Part {
        Part {
            plugin: lancet_core::Sha256::of(b"plugin"),
            grant: Vec::new(),
            limits,
            engine: engine.to_owned(),
            began_us: 0,
            calls: Vec::new(),
            asked: None,
            paid: 0,
        }
    }

    #[test]
    fn a_record_of_ones_own_is_bounded_by_its_fuel_alone() {
        let recorded = Limits { wall_ms: 1, fuel: 2, ..Limits::standard() };
        let bound = Bound::of(&part(recorded.clone(), ENGINE_ID), Some(1), None);
        assert_eq!(bound.limits.wall_ms, u64::MAX);
        assert_eq!(Limits { wall_ms: 1, ..bound.limits.clone() }, recorded);
        assert!(bound.beyond(ReplayPhase::Solve, true, false).is_none());
    }

    #[test]
    fn a_strangers_is_bounded_by_what_it_says_was_used_and_by_what_there_is_here() {
        let huge = Limits {
            fuel: u64::MAX,
            memory_bytes: u64::MAX,
            table_elements: u64::MAX,
            instances: u32::MAX,
            handles: u32::MAX,
            call_bytes: u64::MAX,
            wall_ms: u64::MAX,
            ..Limits::standard()
        };
        let most = Limits::standard();
        let bound = Bound::of(&part(huge.clone(), ENGINE_ID), Some(5), Some(&most));
        assert_eq!(bound.limits, Limits { fuel: 5 + MORE_FUEL, ..most.clone() });
        assert_eq!(bound.lowered.len(), 5);
        let late = bound.beyond(ReplayPhase::Grade, true, true).unwrap();
        assert!(late.is_late && late.what.contains("longer than 30 s"), "{}", late.what);
        assert!(bound.beyond(ReplayPhase::Grade, false, true).is_none());
        let other = bound.beyond(ReplayPhase::Grade, false, false).unwrap();
        assert!(other.what.contains("33554432 bytes of memory in place of 18446744073709551615"));
        // What it says was used cannot be more than it might use; another engine's count says nothing.
        let bound = Bound::of(&part(most.clone(), ENGINE_ID), Some(u64::MAX), Some(&most));
        assert_eq!(bound.limits, most);
        assert!(bound.beyond(ReplayPhase::Grade, false, false).is_none());
        let bound = Bound::of(&part(huge, "another"), Some(5), Some(&most));
        assert_eq!(bound.limits, Limits { fuel: u64::MAX, ..most });
    }
}
