//! Who pays for one question: the run's budgets, and the store's ledger.

use std::future::ready;
use std::sync::{Mutex, PoisonError};

use lancet_core::{AttemptId, InfraFault, InfraFaultKind, ModelChoice, Phase, Spent};
use lancet_models::{Became, Estimate, Held, NOTHING, NotAsked, Purse, Waiting};
use lancet_store::{NewEntry, StoreError};

use crate::blobs::unkept;
use crate::models::Models;

/// Pays for one question.
pub(crate) struct Question<'a> {
    pub(crate) models: &'a Models,
    pub(crate) attempt: &'a AttemptId,
    pub(crate) phase: Phase,
    pub(crate) conversation: u32,
    pub(crate) ordinal: u32,
    pub(crate) choice: &'a ModelChoice,
    /// The request that was settled last.
    pub(crate) last: Mutex<Option<u64>>,
}

impl Question<'_> {
    /// The request that was settled last: the one that was answered, if any was.
    pub(crate) fn last(&self) -> Option<u64> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn held(&self, estimate: Estimate) -> Result<Held, NotAsked> {
        let ledger = &self.models.ledger;
        let price = self.choice.price.as_ref();
        let held = match ledger.hold(self.attempt, estimate, price).await {
            Ok(held) => held,
            Err(failure) if ledger.is_over_by_doubt(self.attempt, estimate, price) => {
                let message = format!(
                    "{}, part of it for questions that the infrastructure left without an answer: what those came \
                     to is an estimate, on which nothing is graded. A resumed run goes on from what is used, and \
                     ends here again: begin a new run with a higher limit (`--run-budget` for the run's, `--budget` \
                     for the attempt's)",
                    failure.message
                );
                let fault = InfraFault::new(InfraFaultKind::ModelUnavailable, message);
                return Err(NotAsked::Fault { fault, tries: Vec::new() });
            }
            Err(failure) => return Err(NotAsked::Failure(failure)),
        };
        let elapsed = self.models.elapsed(self.attempt);
        let entry = NewEntry {
            attempt: self.attempt.clone(),
            entry: held.number,
            phase: self.phase,
            conversation: self.conversation,
            ordinal: self.ordinal,
            model: self.choice.name.clone(),
            held: held.amount,
            attempt_ms: elapsed.attempt_ms,
            run_ms: elapsed.run_ms,
            held_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        if let Err(error) = self.models.store.hold(entry).await {
            ledger.settle(held, NOTHING, Became::Nothing);
            return Err(unwritten(&error));
        }
        Ok(held)
    }

    /// What is written here comes before anything that is written later, the next request's
    /// line and the answer's in the journal among it: nobody has to wait for it. Where the
    /// host dies before, the line is held and counts as what was held.
    fn settled(&self, held: Held, spent: Spent, became: Became) {
        let number = held.number;
        let spent = spent.kept();
        self.models.ledger.settle(held, spent, became);
        if spent.cost.is_none() {
            self.models.note_unpriced();
        }
        self.models.store.note_settled(self.attempt, number, spent, self.models.elapsed(self.attempt));
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
    }
}

fn unwritten(error: &StoreError) -> NotAsked {
    NotAsked::Fault { fault: unkept(error), tries: Vec::new() }
}

impl Purse for Question<'_> {
    fn hold(&self, estimate: Estimate) -> Waiting<'_, Result<Held, NotAsked>> {
        Box::pin(self.held(estimate))
    }

    fn settle(&self, held: Held, spent: Spent, became: Became) -> Waiting<'_, Result<(), NotAsked>> {
        self.settled(held, spent, became);
        Box::pin(ready(Ok(())))
    }
}
