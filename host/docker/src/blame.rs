//! Whose fault it is that a run came to nothing.
//!
//! *Invalid* is nobody's verdict, and what a failure of the infrastructure made so is
//! done again by `lancet resume`: no candidate may be able to choose it. So a run that
//! comes to nothing is made once more without the submission. What is sound then, and
//! broken with the submission, is the submission's own failure.

use std::sync::atomic::{AtomicBool, Ordering};

use lancet_core::{ArtifactKind, InfraFault, InfraFaultKind, Isolation, Outcome, RunEnd, conclude};

use crate::artifact::{Artifacts, Results};
use crate::lay::Laying;
use crate::plan::{Running, Seen};

/// What the engine said, among the artifacts of a run that it could not carry out.
const ENGINE_OUTPUT: &str = "engine-output";
/// The statuses of a process that SIGKILL or SIGTERM ended.
const KILLED: [i64; 2] = [137, 143];

impl Running<'_> {
    /// Makes a run, and finds out whose fault it is when it came to nothing.
    ///
    /// # Errors
    /// What is nobody's fault: the infrastructure failed without the submission too, or
    /// the engine went away.
    pub(crate) async fn judged(&mut self) -> Result<Seen, InfraFault> {
        let seen = self.seen().await;
        if !self.comes_to_nothing(&seen) || !self.is_sound_without().await? {
            return seen;
        }
        if !self.may_be_chance(&seen) {
            return Ok(broken(seen));
        }
        // An engine that stumbles, or is being stopped and kills the tests, is none of
        // the submission's doing, and does not do it twice.
        let again = self.seen().await;
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

    /// Whether something that befalls a run from outside looks like this. Not where
    /// submitted code runs beside the tests: it can make it look so whenever it likes,
    /// and nobody gets another roll of the dice for that.
    fn may_be_chance(&self, seen: &Result<Seen, InfraFault>) -> bool {
        if matches!(self.plan.isolation, Isolation::Single { .. }) {
            return false;
        }
        match seen {
            Ok(seen) => matches!(seen.end, RunEnd::Exited(code) if KILLED.contains(&code)),
            Err(_) => true,
        }
    }

    /// Whether the tests can be carried out without the submission, which is tried
    /// once. A service that does not come up, or an engine that fails, shows nothing.
    async fn is_sound_without(&mut self) -> Result<bool, InfraFault> {
        if let Some(sound) = self.sound {
            return Ok(sound);
        }
        let (laying, images, laid) = (Laying::default(), self.images.clone(), AtomicBool::new(false));
        let without = Running { laying, images, laid, ..*self };
        let sound = match Box::pin(without.seen()).await {
            Ok(seen) => {
                seen.end != RunEnd::NotReady && conclude(self.plan, seen.facts()).outcome != Outcome::Invalid
            }
            Err(fault) => match fault.kind {
                InfraFaultKind::DockerError | InfraFaultKind::NotReady => false,
                _ => return Err(fault),
            },
        };
        Ok(*self.sound.insert(sound))
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
