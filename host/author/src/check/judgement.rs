//! What no plugin may come to, whatever it is given.

use std::sync::Arc;

use lancet_core::{Answer, FaultKind, Kind, Outcome, Request, SolveEnd, Verdict};

use super::End;
use super::execution::{Input, Seen, Took};
use super::finding::{
    CONTRADICTS_ITSELF, DEPENDS_ON_TASK, Findings, MALFORMED, NEVER_ANSWERS, NEVER_JUDGES, NEVER_PASSES,
    PASSES_ANY_CHOICE, PASSES_NOTHING, PASSES_RESEMBLING, PASSES_UNREAD, PASSES_UNTESTED, Rule, TELLS_KEY,
    UNKNOWN_CHOICE, WRONG_KIND, of_fault,
};
use super::submission::Graded;
use super::work::Worked;
use crate::trial::{fault_of, is_of_limit};

/// How a plugin failed, if it did. An error that it returns itself is none.
pub(super) fn fault(seen: &Seen) -> Option<FaultKind> {
    match &seen.end {
        // What does not match a response is told with the same reason as a grader's own error.
        End::Judged(verdict) => fault_of(verdict).filter(|kind| *kind != FaultKind::Error),
        End::Solved(SolveEnd::Fault(fault)) => Some(fault.kind),
        End::Solved(SolveEnd::TimedOut) => Some(FaultKind::Timeout),
        End::Solved(_) => None,
    }
}

/// Whether a limit ended it, which takes as long as the limit lets it.
pub(super) fn is_of_limits(seen: &Seen) -> bool {
    fault(seen).is_some_and(is_of_limit)
}

/// Whether it was ended only when its fuel or its time was used up.
pub(super) fn is_of_time(seen: &Seen) -> bool {
    matches!(fault(seen), Some(FaultKind::OutOfFuel | FaultKind::Timeout | FaultKind::Hung))
}

/// Holds verdicts against what graders may come to.
pub(super) fn graders(inputs: &[Arc<Graded>], seen: &[(Seen, Took)], findings: &mut Findings) {
    let (mut judged, mut passed) = (false, false);
    for (input, (seen, _)) in inputs.iter().zip(seen) {
        let End::Judged(verdict) = &seen.end else { continue };
        judged |= verdict.outcome != Outcome::Invalid;
        passed |= verdict.outcome == Outcome::Pass && input.is_base;
        let broken = match fault(seen) {
            Some(FaultKind::MalformedResult) => Some(malformed(verdict)),
            Some(kind) => Some(of_fault(kind)),
            None => input
                .if_passed
                .filter(|_| verdict.outcome == Outcome::Pass && (!input.by_key || read_key(seen))),
        };
        if let Some(rule) = broken {
            findings.add(rule, input.tried(), seen.words());
        }
        if verdict.outcome == Outcome::Pass
            && !verdict.checks.is_empty()
            && verdict.checks.iter().all(|check| !check.passed)
        {
            let seen = format!("`{}`, and none of its checks passed", crate::trial::judged(verdict));
            findings.add(CONTRADICTS_ITSELF, input.tried(), seen);
        }
        if let Some(secret) = input.secrets.told(verdict.outcome, texts(seen, verdict).into_iter()) {
            findings.add(TELLS_KEY, input.tried(), format!("its verdict or its log has {secret}"));
        }
    }
    compared(inputs, seen, findings);
    let all = "all inputs";
    if seen.len() < inputs.len() {
        // What was left out might have been judged.
    } else if !judged {
        findings.add(NEVER_JUDGES, all, "no verdict was a pass or a fail");
    } else if !passed {
        findings.add(NEVER_PASSES, all, "no verdict was a pass where one was due or could have been");
    }
}

/// Which rule a result breaks that the host refuses.
fn malformed(verdict: &Verdict) -> Rule {
    match verdict.explanation.as_str() {
        text if text.starts_with("a pass although nothing") => PASSES_NOTHING,
        text if text.starts_with("a pass although no test") => PASSES_UNTESTED,
        _ => MALFORMED,
    }
}

fn read_key(seen: &Seen) -> bool {
    seen.requests.contains(&Request::AnswerKeyRead)
}

/// Holds verdicts against one another.
fn compared(inputs: &[Arc<Graded>], seen: &[(Seen, Took)], findings: &mut Findings) {
    let judged = |index: usize| match &seen.get(index)?.0 {
        seen @ Seen { end: End::Judged(verdict), .. } if fault(seen).is_none() => Some(verdict),
        _ => None,
    };
    for (index, input) in inputs.iter().enumerate() {
        if let (Some(first), Some(verdict)) = (input.same_as.and_then(judged), judged(index))
            && (first.outcome, &first.reason, first.score)
                != (verdict.outcome, &verdict.reason, verdict.score)
        {
            let (was, is) = (crate::trial::judged(first), crate::trial::judged(verdict));
            findings.add(DEPENDS_ON_TASK, input.tried(), format!("`{is}`, and `{was}` without that"));
        }
        let is_other = |other: &usize| inputs[*other].other_choice_of == Some(index);
        let others: Vec<usize> = (0..inputs.len()).filter(is_other).collect();
        let paid = |index: usize| {
            judged(index).filter(|verdict| verdict.outcome == Outcome::Pass).map(|verdict| verdict.score)
        };
        // Where one is worth more than another, it matters which was chosen.
        let is_same = |other: &usize| paid(*other) == paid(index);
        if let (Some(right), Some(verdict)) = (input.resembles.and_then(paid), judged(index))
            && paid(index) == Some(right)
        {
            findings.add(PASSES_RESEMBLING, input.tried(), crate::trial::judged(verdict));
        }
        let failed = input.refused_of.and_then(judged).filter(|verdict| verdict.outcome == Outcome::Fail);
        if let (Some(was), Some(is)) = (failed, judged(index))
            && is.outcome == Outcome::Pass
        {
            let (was, is) = (crate::trial::judged(was), crate::trial::judged(is));
            findings.add(PASSES_UNREAD, input.tried(), format!("`{is}`, and `{was}` without the error"));
        }
        if !others.is_empty() && paid(index).is_some() && others.iter().all(is_same) {
            let seen = format!("it passed whichever of its {} proposals was chosen", others.len() + 1);
            findings.add(PASSES_ANY_CHOICE, input.tried(), seen);
        }
    }
}

/// All that people read of a verdict: its own texts and those of the log.
fn texts<'s>(seen: &'s Seen, verdict: &'s Verdict) -> Vec<&'s str> {
    let of_checks = verdict.checks.iter().flat_map(|check| [check.name.as_str(), check.detail.as_str()]);
    let of_log = seen.requests.iter().flat_map(|request| match request {
        Request::LogWrite { message, fields, .. } => {
            let fields = fields.iter().map(|(_, value)| value.as_str());
            std::iter::once(message.as_str()).chain(fields).collect()
        }
        _ => Vec::new(),
    });
    of_checks.chain(of_log).chain([verdict.reason.as_str(), verdict.explanation.as_str()]).collect()
}

/// The id that a document names, in the form that the contract has for it.
fn named(document: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(document).ok()?.get("selected_proposal_id")?.as_u64()
}

/// Holds what agents hand in against what they may.
pub(super) fn agents(inputs: &[Arc<Worked>], seen: &[(Seen, Took)], findings: &mut Findings) {
    let mut answered = false;
    for (input, (seen, _)) in inputs.iter().zip(seen) {
        let End::Solved(end) = &seen.end else { continue };
        answered |= matches!(end, SolveEnd::Answer(answer) if *answer != Answer::Nothing);
        if let Some(kind) = fault(seen) {
            findings.add(of_fault(kind), input.tried(), seen.words());
        }
        let task = input.task();
        let rule = match (end, task.kind) {
            // A control does as its key says, which is not of this task.
            (SolveEnd::Answer(Answer::Choice(_)), _) if read_key(seen) => None,
            (SolveEnd::Answer(Answer::Choice(id)), Kind::SweManager)
                if task.proposals.iter().all(|proposal| proposal.id != *id) =>
            {
                Some(UNKNOWN_CHOICE)
            }
            (SolveEnd::Answer(Answer::Document(text)), Kind::SweManager)
                if !read_key(seen)
                    && named(text).is_some_and(|id| {
                        task.proposals.iter().all(|proposal| Some(proposal.id) != u32::try_from(id).ok())
                    }) =>
            {
                Some(UNKNOWN_CHOICE)
            }
            (SolveEnd::Answer(Answer::WorkTree), Kind::SweManager)
            | (SolveEnd::Answer(Answer::Choice(_) | Answer::Document(_)), Kind::IcSwe) => Some(WRONG_KIND),
            _ => None,
        };
        if let Some(rule) = rule {
            findings.add(rule, input.tried(), seen.words());
        }
    }
    if !answered && seen.len() == inputs.len() {
        findings.add(NEVER_ANSWERS, "all inputs", "it handed in nothing each time");
    }
}
