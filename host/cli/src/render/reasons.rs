//! Why attempts came to no decision, and what to do about it.

use std::collections::BTreeMap;

use lancet_core::{AttemptId, InfraFaultKind, ReasonCode, RunId};

use super::figure::many;
use super::safety::clipped;
use super::sheet::Block;

/// The most characters of a message that are shown.
pub(crate) const MAX_MESSAGE: usize = 400;

/// Why some attempts are *invalid*.
#[derive(Debug)]
struct Reason {
    attempts: u64,
    /// The first attempt that has it.
    first: AttemptId,
    /// What is known of that one.
    message: String,
}

/// The reasons for which attempts of a run are *invalid*.
#[derive(Debug, Default)]
pub(crate) struct Reasons(BTreeMap<ReasonCode, Reason>);

impl Reasons {
    /// Whether an attempt with this reason has been added: the message of another is not shown.
    pub(crate) fn has(&self, code: &ReasonCode) -> bool {
        self.0.contains_key(code)
    }

    /// Counts an attempt, with what its verdict says. Attempts come in the order of the run.
    pub(crate) fn add(&mut self, attempt: &AttemptId, code: ReasonCode, message: String) {
        let reason = self.0.entry(code);
        reason.or_insert_with(|| Reason { attempts: 0, first: attempt.clone(), message }).attempts += 1;
    }
}

/// What to do about an attempt that has this reason; `None` when it is none of the infrastructure's.
pub(crate) fn hint(code: &ReasonCode) -> Option<&'static str> {
    InfraFaultKind::of_reason(code).map(InfraFaultKind::hint)
}

/// Whether the attempt may be decided when its run is resumed, once the reason is gone: what is wrong
/// with a suite or an order was recorded with the run, and stays.
fn is_resumed(code: &ReasonCode) -> bool {
    use InfraFaultKind::{HistoryPresent, ImageDigest, ModelDiffers, WorkTreeMissing};
    InfraFaultKind::of_reason(code)
        .is_some_and(|kind| !matches!(kind, ImageDigest | WorkTreeMissing | HistoryPresent | ModelDiffers))
}

/// A reason per line with how many attempts have it, one message and what to do; nothing when there
/// is no invalid attempt.
pub(super) fn block(run: &RunId, reasons: &Reasons) -> Option<Block> {
    if reasons.0.is_empty() {
        return None;
    }
    let mut sorted: Vec<_> = reasons.0.iter().collect();
    sorted.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.attempts));
    let mut notes = Vec::new();
    let mut resumed = 0;
    for (code, Reason { attempts, first, message }) in sorted {
        // What the host says begins with the code.
        let message = message.strip_prefix(&format!("{code}: ")).unwrap_or(message);
        let colon = if message.is_empty() { "" } else { ": " };
        notes.push(format!("{code}, {}{colon}{}", many(*attempts, "attempt"), clipped(message, MAX_MESSAGE)));
        match hint(code) {
            Some(hint) => notes.push(format!("  hint: {hint}")),
            None => notes.push(format!("  hint: `lancet show {first}` has what was done")),
        }
        if is_resumed(code) {
            resumed += attempts;
        }
    }
    if resumed > 0 {
        notes.push(format!("`lancet resume {run}` takes {} up again", many(resumed, "attempt")));
    }
    Some(Block { title: "invalid, by reason".to_owned(), table: None, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(of: &[(&str, u32)]) -> Reasons {
        let mut reasons = Reasons::default();
        for (code, attempts) in of {
            for number in 1..=*attempts {
                let attempt = format!("20261123-083329-4f2a9c/one/{number}").parse().unwrap();
                let code: ReasonCode = code.parse().unwrap();
                assert_eq!(reasons.has(&code), number > 1);
                let message = format!("{code}: no, {number}\u{1b}[2J");
                reasons.add(&attempt, code, message);
            }
        }
        reasons
    }

    fn notes(of: &[(&str, u32)]) -> Vec<String> {
        let run = "20261123-083329-4f2a9c".parse().unwrap();
        block(&run, &reasons(of)).map_or_else(Vec::new, |block| block.notes)
    }

    #[test]
    fn each_reason_has_a_line_and_what_to_do() {
        let found = notes(&[("grader-trap", 1), ("model-unauthorized", 12)]);
        assert_eq!(found[0], "model-unauthorized, 12 attempts: no, 1\\u{1b}[2J");
        assert!(found[1].contains("  hint: look at the key"), "{found:?}");
        assert_eq!(found[2], "grader-trap, 1 attempt: no, 1\\u{1b}[2J");
        assert_eq!(found[3], "  hint: `lancet show 20261123-083329-4f2a9c/one/1` has what was done");
        assert_eq!(found[4..], ["`lancet resume 20261123-083329-4f2a9c` takes 12 attempts up again"]);
        assert_eq!(notes(&[]), [""; 0]);
    }

    #[test]
    fn nobody_is_told_to_resume_what_stays_as_it_is() {
        for code in ["model-differs", "image-digest", "grader-error"] {
            let found = notes(&[(code, 2)]);
            assert!(found.len() == 2 && !found.concat().contains("lancet resume"), "{found:?}");
        }
    }
}
