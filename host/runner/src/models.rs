//! The models of a run: who answers, what it costs, and what is left of its budgets.
//! One for all attempts of the run.

mod conversations;
pub(crate) mod order;
mod paid;
mod purse;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lancet_core::{
    AttemptId, Budgets, Microdollars, ModelChoice, Offer, Phase, RunId, RunSpec, Sha256, WireForm,
};
use lancet_engine::{BudgetSource, SettingsSource};
use lancet_models::{Broker, Clients, Held, Key, Ledger, Provider, Recorded, RecordedAnswer, Scripted, Used};
use lancet_store::{Elapsed, LedgerEntry, NewEntry, Reader, Store};

use crate::error::Error;
use crate::observer::{Notice, Observer};
use crate::recorder;

pub(crate) use conversations::Conversations;
pub(crate) use paid::Paid;
use settings::Settings;

/// The models of a run.
pub(crate) struct Models {
    store: Store,
    models: Vec<Model>,
    ledger: Ledger<AttemptId>,
    settings: Arc<Settings>,
    /// Requests so far whose cost nobody knows.
    unpriced: AtomicU64,
}

/// A model that plugins may ask.
pub(crate) struct Model {
    pub(crate) choice: ModelChoice,
    pub(crate) provider: Arc<dyn Provider>,
}

/// What the scripts of an order say, by the blob that they are going to be in.
pub(crate) type Scripts = BTreeMap<Sha256, Arc<str>>;

/// Who answers for each model of a run. Scripts come from the store where `scripts` has
/// not got them.
///
/// # Errors
/// When a key is not there, a script or an earlier run cannot be read, or there is no base
/// URL.
pub(crate) fn providers(
    reader: &Reader,
    choices: &[ModelChoice],
    scripts: &Scripts,
) -> Result<Vec<Model>, Error> {
    let mut clients = None;
    choices
        .iter()
        .map(|choice| {
            let provider = provider(reader, choice, scripts, &mut clients)?;
            Ok(Model { choice: choice.clone(), provider })
        })
        .collect()
}

fn provider(
    reader: &Reader,
    choice: &ModelChoice,
    scripts: &Scripts,
    clients: &mut Option<Clients>,
) -> Result<Arc<dyn Provider>, Error> {
    let unusable = |problem: String| Error::Model { name: choice.name.clone(), problem };
    Ok(match choice.form {
        WireForm::Messages | WireForm::Responses | WireForm::Chat => {
            let key = read_key(choice)?;
            if clients.is_none() {
                *clients = Some(Clients::new().map_err(|e| unusable(e.to_string()))?);
            }
            let clients = clients.as_ref().ok_or_else(|| unusable("no HTTP".to_owned()))?;
            Arc::new(Broker::new(clients, choice, key)?)
        }
        WireForm::Scripted => {
            let digest = choice.script.ok_or_else(|| unusable("its script is not recorded".to_owned()))?;
            let text = match scripts.get(&digest) {
                Some(text) => text.to_string(),
                None => String::from_utf8(reader.blob(digest)?).map_err(|e| unusable(e.to_string()))?,
            };
            let script = Scripted::parse(&text).map_err(|e| unusable(format!("`{}`: {e}", choice.id)))?;
            Arc::new(script.priced(choice.price.clone()))
        }
        WireForm::Recorded => {
            let run = choice.run.as_ref().ok_or_else(|| unusable("its run is not named".to_owned()))?;
            Arc::new(Recorded::new(recorded(reader, run)?))
        }
    })
}

/// Reads the key of a model.
pub(crate) fn read_key(choice: &ModelChoice) -> Result<Option<Key>, Error> {
    Key::read(&choice.key).map_err(|source| Error::Key { name: choice.name.clone(), source })
}

/// The choice of a model whose answers are those of an earlier run, which is named by the
/// choice or by its id: as the model of that name was chosen there, so that the agent
/// meets the same bounds.
///
/// # Errors
/// When there is no such run, or it asked no model of that name.
pub(crate) async fn as_recorded(store: &Store, choice: &ModelChoice) -> Result<ModelChoice, Error> {
    let run = match &choice.run {
        Some(run) => run.clone(),
        None => store.resolve_run(&choice.id).await?,
    };
    let row = store.run(&run).await?;
    let Some(of) = row.spec.models.iter().find(|model| model.name == choice.name) else {
        let known: Vec<_> = row.spec.models.iter().map(|model| format!("`{}`", model.name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let problem = format!("run {run} asked no model of that name: it asked {known}");
        return Err(Error::Model { name: choice.name.clone(), problem });
    };
    Ok(Recorded::choice(of, run))
}

/// The answers of an earlier run: of each attempt those of the phase that counts, and of
/// one that is not decided as far as it has come.
fn recorded(reader: &Reader, run: &RunId) -> Result<Vec<RecordedAnswer>, Error> {
    let mut answers = Vec::new();
    for row in reader.attempts(run)? {
        let history = recorder::history(reader.events(&row.id)?);
        for (phase, part) in [(Phase::Solve, history.solve), (Phase::Grade, history.grade)] {
            let Some(part) = part else { continue };
            let calls = part.calls.iter();
            for (place, outcome) in paid::questions(calls.map(|call| (&call.request, &call.response))) {
                answers.push(RecordedAnswer {
                    task: row.id.task.to_string(),
                    attempt: row.id.number,
                    conversation: paid::in_attempt(phase, place.0),
                    ordinal: place.1,
                    raw: match outcome {
                        Ok(answer) => reader.blob(answer.raw)?.into(),
                        Err(_) => Arc::from([]),
                    },
                    outcome: outcome.cloned().map_err(Clone::clone),
                });
            }
        }
    }
    Ok(answers)
}

impl Models {
    /// The models of a run, which goes on from what its ledger says.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn open(
        store: &Store,
        run: &RunId,
        spec: &RunSpec,
        models: Vec<Model>,
    ) -> Result<Arc<Self>, Error> {
        let entries = if models.is_empty() { Vec::new() } else { store.ledger(run).await? };
        let unpriced = entries.iter().filter(|entry| entry.counts().cost.is_none()).count() as u64;
        Ok(Arc::new(Self {
            store: store.clone(),
            models,
            ledger: ledger(spec.budgets.clone(), &entries),
            settings: Arc::new(Settings::read(&store.reader(), spec)?),
            unpriced: AtomicU64::new(unpriced),
        }))
    }

    /// Nobody to ask.
    #[cfg(test)]
    pub(crate) fn none(store: &Store) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            models: Vec::new(),
            ledger: ledger(Budgets::default(), &[]),
            settings: Arc::new(Settings::default()),
            unpriced: AtomicU64::new(0),
        })
    }

    /// Whether there is anybody to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// What plugins may ask for.
    pub(crate) fn offers(&self) -> Vec<Offer> {
        self.models
            .iter()
            .map(|Model { choice, .. }| Offer {
                name: choice.name.clone(),
                id: choice.id.clone(),
                context_tokens: choice.context_tokens,
                answer_tokens: Some(choice.answer_tokens),
                tools: choice.tools,
            })
            .collect()
    }

    /// What the operator set for the agent.
    pub(crate) fn settings(&self) -> Arc<dyn SettingsSource> {
        self.settings.clone()
    }

    /// Starts an attempt's clock.
    pub(crate) fn begin(self: &Arc<Self>, attempt: &AttemptId) -> Begun {
        if !self.is_empty() {
            self.ledger.begin(attempt);
        }
        Begun { models: Arc::clone(self), attempt: attempt.clone() }
    }

    /// What an attempt has left.
    pub(crate) fn allowances(self: &Arc<Self>, attempt: &AttemptId) -> Arc<dyn BudgetSource> {
        Arc::new(Allowances { models: Arc::clone(self), attempt: attempt.clone() })
    }

    /// How long an attempt and the run have gone on.
    fn elapsed(&self, attempt: &AttemptId) -> Elapsed {
        Elapsed {
            attempt_ms: self.ledger.attempt_used(attempt).milliseconds,
            run_ms: self.ledger.run_used().milliseconds,
        }
    }

    fn note_unpriced(&self) {
        self.unpriced.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells what the run has spent so far.
    fn tell(&self, attempt: &AttemptId, observer: &dyn Observer) {
        let used = self.ledger.run_used();
        let is_known = self.unpriced.load(Ordering::Relaxed) == 0;
        observer.notice(Notice::Spent {
            attempt,
            cost: is_known.then_some(Microdollars(used.microdollars)),
            asks: used.asks,
            tokens: used.input_tokens.saturating_add(used.output_tokens),
        });
    }
}

/// The ledger in memory that goes on from the one in the store.
fn ledger(budgets: Budgets, entries: &[LedgerEntry]) -> Ledger<AttemptId> {
    let mut run = Used::default();
    let mut attempts: BTreeMap<AttemptId, Used> = BTreeMap::new();
    let mut next = 0;
    for entry in entries {
        let new = &entry.new;
        next = next.max(new.entry + 1);
        let calls = entry.tool_calls.unwrap_or(0);
        let own = attempts.entry(new.attempt.clone()).or_default();
        for (used, milliseconds) in [(&mut run, new.run_ms), (own, new.attempt_ms)] {
            match entry.tool_calls {
                Some(_) => used.add_answer(&entry.counts()),
                None => used.add(&entry.counts()),
            }
            used.tool_calls += calls;
            used.milliseconds = used.milliseconds.max(milliseconds);
        }
    }
    let ledger = Ledger::new(budgets, run, attempts).numbered_from(next);
    let place = |entry: &LedgerEntry| {
        let NewEntry { attempt, phase, conversation, ordinal, .. } = &entry.new;
        (attempt.clone(), *phase, *conversation, *ordinal)
    };
    let answered: BTreeSet<_> =
        entries.iter().filter(|entry| entry.tool_calls.is_some()).map(place).collect();
    for entry in entries.iter().filter(|entry| entry.counts().estimated) {
        if !answered.contains(&place(entry)) {
            ledger.doubt(&entry.new.attempt, &entry.counts());
        }
    }
    ledger
}

/// An attempt whose clock runs. It is stopped when this is dropped, and what is still held
/// for a question that was given up is settled as what was held.
pub(crate) struct Begun {
    models: Arc<Models>,
    attempt: AttemptId,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.models.is_empty() {
            return;
        }
        for Held { number, amount, .. } in self.models.ledger.end(&self.attempt) {
            let elapsed = self.models.elapsed(&self.attempt);
            self.models.store.note_settled(&self.attempt, number, amount.kept(), elapsed);
        }
    }
}

/// What an attempt has left.
struct Allowances {
    models: Arc<Models>,
    attempt: AttemptId,
}

impl BudgetSource for Allowances {
    fn allowances(&self) -> Vec<lancet_core::Allowance> {
        self.models.ledger.allowances(&self.attempt)
    }
}
