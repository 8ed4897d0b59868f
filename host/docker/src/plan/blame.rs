//! Whose fault it is that a run came to nothing.
//!
//! *Invalid* is nobody's verdict, and what a failure of the infrastructure made so is
//! done again by `lancet resume`: no candidate may be able to choose it. So a run that
//! comes to nothing is made once more without the submission. What is sound then, and
//! broken with the submission, is the submission's own failure.

use std::sync::atomic::{AtomicBool, Ordering};

use lancet_core::{
    ArtifactKind, InfraFault, InfraFaultKind, Isolation, KILLED, Outcome, RunEnd, conclude,
    passes_but_for_its_status,
};

use crate::plan::artifact::{Artifacts, Results};
use crate::plan::run::{Running, Seen};
use crate::submission::layout::Laying;

/// What the engine said, among the artifacts of a run that it could not carry out.
const ENGINE_OUTPUT: &str = "engine-output";

impl Running<'_> {
    /// Makes a run, and finds out whose fault it is when it came to nothing.
    ///
    /// # Errors
    /// What is nobody's fault: the infrastructure failed without the submission too, or
    /// the engine went away.
    pub(crate) async fn judged(&mut self) -> Result<Seen, InfraFault> {
        let seen = Box::pin(self.seen()).await;
        if !self.comes_to_nothing(&seen) {
            return seen;
        }
        let without = self.without().await?;
        if !without.is_sound || self.is_of_the_tests(&seen, without) {
            return seen;
        }
        if !self.may_be_chance(&seen) {
            return Ok(broken(seen));
        }
        // An engine that stumbles, or is being stopped and kills the tests, is none of
        // the submission's doing, and does not do it twice.
        let again = Box::pin(self.seen()).await;
        if self.comes_to_nothing(&again) { Ok(broken(again)) } else { again }
    }

    /// Whether a candidate may have brought it about that there is no verdict.
    fn comes_to_nothing(&self, seen: &Result<Seen, InfraFault>) -> bool {
        if self.laying.is_empty() {
            return false;
        }
        match seen {
            Ok(seen) => {
                // What explains it is the submission's failure already.
                seen.limit.is_none() && conclude(self.plan, seen.facts()).outcome == Outcome::Invalid
            }
            // The engine may have stumbled over what was submitted, once that was there.
            // That it is away, that its disk is full, and that an image is missing comes
            // from elsewhere.
            Err(fault) => fault.kind == InfraFaultKind::DockerError && self.laid.load(Ordering::Relaxed),
        }
    }

    fn may_be_chance(&self, seen: &Result<Seen, InfraFault>) -> bool {
        let is_beside = matches!(self.plan.isolation, Isolation::Single { .. });
        looks_like_chance(
            is_beside && self.started.load(Ordering::Relaxed),
            seen.as_ref().map(|seen| seen.end),
        )
    }

    /// Whether nothing is amiss but the status that the tests end with, and they end with the
    /// same one without the submission: that is how these tests end. No candidate wins by it:
    /// with any other status this would be a pass.
    fn is_of_the_tests(&self, seen: &Result<Seen, InfraFault>, without: Without) -> bool {
        let Ok(seen) = seen else { return false };
        status(seen).is_some()
            && status(seen) == without.status
            && passes_but_for_its_status(self.plan, seen.facts())
    }

    /// What the tests come to without the submission, which is found out once. A service that
    /// does not come up shows nothing.
    ///
    /// # Errors
    /// The engine's, which is not remembered: that it failed says nothing of the tests.
    async fn without(&mut self) -> Result<Without, InfraFault> {
        if let Some(without) = self.without {
            return Ok(without);
        }
        let without = steadily(|| {
            let (laying, images) = (Laying::default(), self.images.clone());
            let (laid, started) = (AtomicBool::new(false), AtomicBool::new(false));
            let without = Running { laying, images, laid, started, ..*self };
            Box::pin(async move {
                let seen = Box::pin(without.seen()).await?;
                let came_up = seen.end != RunEnd::NotReady;
                let is_sound = came_up && conclude(without.plan, seen.facts()).outcome != Outcome::Invalid;
                Ok::<_, InfraFault>(Without { is_sound, status: status(&seen) })
            })
        })
        .await?;
        Ok(*self.without.insert(without))
    }
}

/// What a run without the submission has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Without {
    /// Whether the tests can be carried out.
    is_sound: bool,
    /// What they exited with, where they did.
    status: Option<i64>,
}

impl Without {
    /// One that has shown that the tests cannot be carried out.
    const NOTHING: Self = Self { is_sound: false, status: None };
}

/// What the tests exited with: their own status, where a file has it.
fn status(seen: &Seen) -> Option<i64> {
    let RunEnd::Exited(code) = seen.end else { return None };
    Some(seen.results.status.unwrap_or(code))
}

/// Whether something that befalls a run from outside looks like this. Not once submitted
/// code has run beside the tests: it can make it look so whenever it likes, and nobody
/// gets another roll of the dice for that.
fn looks_like_chance(ran_beside: bool, end: Result<RunEnd, &InfraFault>) -> bool {
    match end {
        _ if ran_beside => false,
        Ok(end) => matches!(end, RunEnd::Exited(code) if KILLED.contains(&code)),
        Err(_) => true,
    }
}

/// Finds out whether a run is sound, and tries once more when the engine fails it: an
/// engine that stumbled would leave the submission without its verdict.
async fn steadily<F: Future<Output = Result<Without, InfraFault>>>(
    mut run: impl FnMut() -> F,
) -> Result<Without, InfraFault> {
    let mut is_first = true;
    loop {
        match run().await {
            Err(fault) if fault.kind == InfraFaultKind::NotReady => return Ok(Without::NOTHING),
            Err(fault) if fault.kind == InfraFaultKind::DockerError && is_first => is_first = false,
            found => return found,
        }
    }
}

/// A run that the submission broke.
fn broken(seen: Result<Seen, InfraFault>) -> Seen {
    match seen {
        Ok(seen) => Seen { end: RunEnd::Broken, ..seen },
        Err(fault) => {
            let mut artifacts = Artifacts::default();
            artifacts.add(ENGINE_OUTPUT.to_owned(), ArtifactKind::Log, fault.message.into_bytes());
            Seen { end: RunEnd::Broken, limit: None, results: Results::none(), artifacts }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: InfraFaultKind) -> InfraFault {
        InfraFault::new(kind, "it failed")
    }

    #[test]
    fn chance_is_what_no_submitted_code_can_have_brought_about() {
        let stumbled = fault(InfraFaultKind::DockerError);
        for ran_beside in [true, false] {
            assert_eq!(looks_like_chance(ran_beside, Err(&stumbled)), !ran_beside);
            assert_eq!(looks_like_chance(ran_beside, Ok(RunEnd::Exited(137))), !ran_beside);
            assert!(!looks_like_chance(ran_beside, Ok(RunEnd::Exited(1))));
            assert!(!looks_like_chance(ran_beside, Ok(RunEnd::TimedOut)));
        }
    }

    #[tokio::test]
    async fn an_engine_that_stumbles_says_nothing_of_the_tests() {
        use InfraFaultKind::{DiskFull, DockerError, NotReady};
        let stumbled = || Err(fault(DockerError));
        let sound = Without { is_sound: true, status: Some(1) };
        for (runs, expected) in [
            (vec![Ok(sound)], Ok(sound)),
            (vec![Ok(Without::NOTHING)], Ok(Without::NOTHING)),
            (vec![Err(fault(NotReady))], Ok(Without::NOTHING)),
            (vec![Err(fault(DiskFull))], Err(fault(DiskFull))),
            (vec![stumbled(), Ok(sound)], Ok(sound)),
            (vec![stumbled(), Err(fault(NotReady))], Ok(Without::NOTHING)),
            (vec![stumbled(), stumbled()], stumbled()),
        ] {
            let mut runs = runs.into_iter();
            let found = steadily(|| std::future::ready(runs.next().unwrap())).await;
            assert_eq!(found, expected);
            assert!(runs.next().is_none());
        }
    }
}
