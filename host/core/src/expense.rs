//! What attempts spent on models, and what of it a report says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AnswerMark, Budget, BudgetUnit, Cents, Event, FailedTry, Microdollars, ModelChoice, ModelFailureKind,
    Phase, Request, Response, Spent,
};

/// What requests to providers came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payments {
    /// Requests that were counted.
    pub requests: u64,
    /// Requests whose cost is not known, as no price of theirs is.
    pub unpriced: u64,
    /// What the others cost.
    pub cost: Microdollars,
    /// Requests whose amounts are estimated, as their provider did not get to tell.
    pub estimated: u64,
    /// What of the cost is estimated.
    pub estimated_cost: Microdollars,
    /// Tokens read: all of them.
    pub input: u64,
    /// Of these, read from a cache.
    pub input_cached: u64,
    /// Of these, written to a cache.
    pub input_cache_written: u64,
    /// Tokens written: all of them.
    pub output: u64,
    /// Of these, reasoning.
    pub output_reasoning: u64,
    /// Requests whose numbers of tokens are not known: not that of all read, or not that of all written.
    pub untold: u64,
    /// Requests of which each number of tokens is known.
    pub told: Told,
}

/// How many requests told a number of tokens, for each number. One that none told is not known,
/// which is not 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Requests that told what was read, all of it.
    pub input: u64,
    /// Requests that told what of it was read from a cache.
    pub input_cached: u64,
    /// Requests that told what of it was written to a cache.
    pub input_cache_written: u64,
    /// Requests that told what was written, all of it.
    pub output: u64,
    /// Requests that told what of it was reasoning.
    pub output_reasoning: u64,
}

impl Payments {
    /// Counts what an answered request came to, or one that may have been.
    pub fn add(&mut self, spent: &Spent) {
        self.requests += 1;
        match spent.cost {
            Some(cost) => {
                self.cost = sum(self.cost, cost);
                if spent.estimated {
                    self.estimated_cost = sum(self.estimated_cost, cost);
                }
            }
            None => self.unpriced += 1,
        }
        self.estimated += u64::from(spent.estimated);
        let usage = &spent.usage;
        self.untold += u64::from(usage.input.is_none() || usage.output.is_none());
        let told = &mut self.told;
        for (total, told, tokens) in [
            (&mut self.input, &mut told.input, usage.input),
            (&mut self.input_cached, &mut told.input_cached, usage.input_cached),
            (&mut self.input_cache_written, &mut told.input_cache_written, usage.input_cache_written),
            (&mut self.output, &mut told.output, usage.output),
            (&mut self.output_reasoning, &mut told.output_reasoning, usage.output_reasoning),
        ] {
            *total = total.saturating_add(tokens.unwrap_or_default());
            *told += u64::from(tokens.is_some());
        }
    }

    /// Counts what a request came to that gave no answer: nothing, unless something of it is
    /// known or estimated.
    pub fn add_failed(&mut self, spent: &Spent) {
        if *spent != Spent::default() {
            self.add(spent);
        }
    }

    /// Adds what others came to.
    pub fn add_all(&mut self, other: &Self) {
        self.cost = sum(self.cost, other.cost);
        self.estimated_cost = sum(self.estimated_cost, other.estimated_cost);
        for (total, more) in [
            (&mut self.requests, other.requests),
            (&mut self.unpriced, other.unpriced),
            (&mut self.estimated, other.estimated),
            (&mut self.input, other.input),
            (&mut self.input_cached, other.input_cached),
            (&mut self.input_cache_written, other.input_cache_written),
            (&mut self.output, other.output),
            (&mut self.output_reasoning, other.output_reasoning),
            (&mut self.untold, other.untold),
            (&mut self.told.input, other.told.input),
            (&mut self.told.input_cached, other.told.input_cached),
            (&mut self.told.input_cache_written, other.told.input_cache_written),
            (&mut self.told.output, other.told.output),
            (&mut self.told.output_reasoning, other.told.output_reasoning),
        ] {
            *total = total.saturating_add(more);
        }
    }

    /// The cost, when a part of it is known, or all of it by there being nothing.
    #[must_use]
    pub fn known_cost(&self) -> Option<Microdollars> {
        (self.unpriced == 0 || self.unpriced < self.requests).then_some(self.cost)
    }

    /// The tokens, as far as they were told: `None` for a number that no request told, although
    /// there were requests.
    #[must_use]
    pub fn tokens(&self) -> TokenTotals {
        let known = |total, told| (told > 0 || self.requests == 0).then_some(total);
        TokenTotals {
            input: known(self.input, self.told.input),
            input_cached: known(self.input_cached, self.told.input_cached),
            input_cache_written: known(self.input_cache_written, self.told.input_cache_written),
            output: known(self.output, self.told.output),
            output_reasoning: known(self.output_reasoning, self.told.output_reasoning),
        }
    }
}

fn sum(one: Microdollars, other: Microdollars) -> Microdollars {
    [one, other].into_iter().sum()
}

/// What an attempt did with models, both of its plugins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expense {
    /// Questions that were answered, or that may have to be paid for without an answer.
    pub asks: u64,
    /// Questions beside these that nothing has to be paid for: a budget did not allow them,
    /// or a provider did not take them.
    pub refused_asks: u64,
    /// Questions that were answered.
    pub answers: u64,
    /// Requests that gave no answer.
    pub failed_tries: u64,
    /// Milliseconds that the agent waited for answers, tries and waits included.
    pub solve_wait_ms: u64,
    /// The same of the grader.
    pub grade_wait_ms: u64,
    /// What was paid.
    pub payments: Payments,
    /// Answers by the model that was served, as its provider names it.
    pub served: BTreeMap<String, u64>,
    /// Whether a budget was reached: something was not asked for that.
    pub over_budget: bool,
    /// Whether the verdict may rest on what a model said: [`by_model`](crate::VerdictRecord::by_model).
    pub by_model: bool,
}

impl Expense {
    /// What a journal says, with all that was given up in it: its events, each with its time
    /// in microseconds. What was paid for questions without an answer on record is not in a
    /// journal; a store's ledger has it.
    ///
    /// A phase that goes on from what was recorded of an earlier beginning has that in the
    /// journal once more. It counts once.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = (u64, &'a Event)>) -> Self {
        let mut expense = Self::default();
        let mut asked: BTreeMap<Phase, u64> = BTreeMap::new();
        let mut next: BTreeMap<(Phase, u32), u32> = BTreeMap::new();
        let mut seen: BTreeMap<(Phase, u32, u32), Vec<&Response>> = BTreeMap::new();
        for (at_us, event) in events {
            match event {
                Event::Asked { phase, request: Request::ModelAsk { .. }, .. } => {
                    expense.asks += 1;
                    asked.insert(*phase, at_us);
                }
                Event::Called { phase, call } => {
                    let Request::ModelAsk { conversation } = &call.request else { continue };
                    let asked_us = asked.remove(phase);
                    if is_of_before(&call.response) {
                        expense.asks -= u64::from(asked_us.is_some());
                        *next.entry((*phase, *conversation)).or_default() += 1;
                        continue;
                    }
                    if let Response::Unavailable(_) = &call.response {
                        // It is asked again, as the same question.
                        expense.asks += u64::from(asked_us.is_none());
                        let ms = asked_us.map_or(0, |asked_us| at_us.saturating_sub(asked_us) / 1_000);
                        expense.waited(*phase, ms);
                        continue;
                    }
                    let next = next.entry((*phase, *conversation)).or_default();
                    let seen = seen.entry((*phase, *conversation, *next)).or_default();
                    *next += 1;
                    if asked_us.is_none() && seen.contains(&&call.response) {
                        continue;
                    }
                    seen.push(&call.response);
                    // Answered without having been asked: nothing went out for it.
                    expense.asks += u64::from(asked_us.is_none());
                    expense.called(*phase, &call.response);
                }
                Event::Decided { record, .. } => expense.by_model = record.by_model,
                Event::Began { phase, .. } => {
                    asked.remove(phase);
                    next.retain(|(other, _), _| other != phase);
                }
                _ => {}
            }
        }
        expense
    }

    fn called(&mut self, phase: Phase, response: &Response) {
        match response {
            Response::Answered(answer) => {
                self.answers += 1;
                self.payments.add(&answer.spent);
                self.failed(&answer.tries);
                *self.served.entry(answer.served.clone()).or_default() += 1;
                self.waited(phase, answer.waited_ms);
            }
            Response::Unanswered(failure) => {
                self.over_budget |= failure.kind == ModelFailureKind::OverBudget;
                self.failed(&failure.tries);
                // Earlier records have no more than the waits between tries.
                let between = failure.tries.iter().map(|tried| tried.waited_ms).sum();
                self.waited(phase, failure.waited_ms.max(between));
                if !failure
                    .tries
                    .iter()
                    .any(|tried| tried.spent.estimated || tried.spent.cost > Some(Microdollars(0)))
                {
                    self.refused();
                }
            }
            Response::Refused(_) => self.refused(),
            _ => {}
        }
    }

    /// A question that went nowhere, or that a provider did not take.
    fn refused(&mut self) {
        self.asks = self.asks.saturating_sub(1);
        self.refused_asks += 1;
    }

    fn failed(&mut self, tries: &[FailedTry]) {
        self.failed_tries += tries.len() as u64;
        for tried in tries {
            self.payments.add_failed(&tried.spent);
        }
    }

    fn waited(&mut self, phase: Phase, ms: u64) {
        let waited = match phase {
            Phase::Solve => &mut self.solve_wait_ms,
            Phase::Grade => &mut self.grade_wait_ms,
        };
        *waited = waited.saturating_add(ms);
    }
}

/// Whether an answer is that of an earlier beginning of the phase, which counts there.
fn is_of_before(response: &Response) -> bool {
    matches!(response, Response::Answered(answer) if answer.marks.contains(&AnswerMark::FromRecord))
}

/// What a group of attempts spent on models, summed over all of them, pending ones too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelTotals {
    /// Questions that were answered, or that may have to be paid for without an answer.
    pub asks: u64,
    /// Questions beside these that nothing has to be paid for: a budget did not allow them,
    /// or a provider did not take them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused_asks: u64,
    /// Questions answered.
    pub answers: u64,
    /// Requests that gave no answer.
    pub failed_tries: u64,
    /// What it cost, in microdollars, as far as that is known. `null` when nothing of it is,
    /// which is not nothing.
    pub cost_microdollars: Option<Microdollars>,
    /// Requests whose cost is not known and not in `cost_microdollars`.
    pub unpriced_requests: u64,
    /// What of `cost_microdollars` is estimated, since a provider did not get to tell.
    pub estimated_microdollars: Microdollars,
    /// Requests whose amounts are estimated.
    pub estimated_requests: u64,
    /// Tokens, as far as providers told.
    pub tokens: TokenTotals,
    /// Requests whose tokens are not known and not in `tokens`.
    pub untold_requests: u64,
    /// Milliseconds in agents beside waits for models.
    pub work_ms: f64,
    /// Milliseconds that agents waited for models, tries and waits between them included.
    pub wait_ms: f64,
    /// Milliseconds that an attempt's agent took in the mean, both together, over the attempts
    /// that are decided. `null` when none is.
    pub completion_ms: Option<f64>,
    /// Cents earned per hour of agents' time, both together. `null` when nothing is decided.
    pub earned_cents_per_hour: Option<f64>,
    /// Cents earned less what it cost. `null` when not all of the cost is known.
    pub net_cents: Option<f64>,
    /// The models that answered, as their providers name them.
    pub served: Vec<ServedModel>,
    /// Attempts that reached a budget.
    pub over_budget_attempts: u64,
    #[serde(skip)]
    #[schemars(skip)]
    sums: Sums,
}

/// Tokens. A number that no provider told is `null`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenTotals {
    /// Read, all of them.
    pub input: Option<u64>,
    /// Of these, read from a cache.
    pub input_cached: Option<u64>,
    /// Of these, written to a cache.
    pub input_cache_written: Option<u64>,
    /// Written, all of them, reasoning included.
    pub output: Option<u64>,
    /// Of these, reasoning.
    pub output_reasoning: Option<u64>,
}

/// A model that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServedModel {
    /// What its provider calls it; empty when it does not say.
    pub model: String,
    /// Its answers.
    pub answers: u64,
}

/// What totals are worked out from.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sums {
    payments: Payments,
    served: BTreeMap<String, u64>,
    decided: u64,
    decided_ms: f64,
}

impl ModelTotals {
    /// Adds an attempt: what it spent, how long its agent took in milliseconds, and whether it
    /// is decided.
    pub fn add(&mut self, expense: &Expense, solve_ms: f64, decided: bool) {
        self.asks += expense.asks;
        self.refused_asks += expense.refused_asks;
        self.answers += expense.answers;
        self.failed_tries += expense.failed_tries;
        self.over_budget_attempts += u64::from(expense.over_budget);
        self.sums.payments.add_all(&expense.payments);
        for (model, answers) in &expense.served {
            *self.sums.served.entry(model.clone()).or_default() += answers;
        }
        let wait_ms = precise(expense.solve_wait_ms);
        self.wait_ms += wait_ms;
        // An attempt that was resumed waited in a life that its time does not count.
        let work_ms = (solve_ms - wait_ms).max(0.0);
        self.work_ms += work_ms;
        if decided {
            self.sums.decided += 1;
            self.sums.decided_ms += wait_ms + work_ms;
        }
    }

    /// Works out the rest, once every attempt has been added.
    pub fn finish(&mut self, earned: Cents) {
        let payments = self.sums.payments;
        self.cost_microdollars = payments.known_cost();
        self.unpriced_requests = payments.unpriced;
        self.estimated_microdollars = payments.estimated_cost;
        self.estimated_requests = payments.estimated;
        self.untold_requests = payments.untold;
        self.tokens = payments.tokens();
        let earned = precise(earned.0);
        if self.sums.decided > 0 {
            let ms = self.sums.decided_ms;
            self.completion_ms = Some(ms / precise(self.sums.decided));
            self.earned_cents_per_hour = (ms > 0.0).then(|| earned * 3_600_000.0 / ms);
        }
        self.net_cents = (payments.unpriced == 0).then(|| earned - precise(payments.cost.0) / 10_000.0);
        let served = std::mem::take(&mut self.sums.served);
        self.served = served.into_iter().map(|(model, answers)| ServedModel { model, answers }).collect();
    }
}

#[expect(clippy::cast_precision_loss, reason = "amounts and times are far below 2^52")]
fn precise(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A model of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportedModel {
    /// What plugins ask for: `main`, or another name.
    pub name: String,
    /// The model as `--model` names it: `anthropic/NAME`, or `recorded/RUN` with the run's
    /// whole id.
    pub model: String,
    /// Where requests went; empty when none went out.
    pub base_url: String,
    /// The day of the price that its cost was worked out with; `null` when no price is known,
    /// or nobody said of which day it is.
    pub price_as_of: Option<String>,
}

impl From<&ModelChoice> for ReportedModel {
    fn from(choice: &ModelChoice) -> Self {
        let id = choice.run.as_ref().map_or_else(|| choice.id.clone(), ToString::to_string);
        Self {
            name: choice.name.clone(),
            model: format!("{}/{id}", choice.form.as_str()),
            base_url: choice.base_url.clone(),
            price_as_of: choice.price.as_ref().map(|price| price.as_of.clone()).filter(|day| !day.is_empty()),
        }
    }
}

/// One limit of what might be spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportedLimit {
    /// What the amount is of: `asks`, `tokens`, `input-tokens`, `output-tokens`, `microdollars`,
    /// `milliseconds` or `tool-calls`.
    pub unit: String,
    /// The most.
    pub limit: u64,
}

/// The limits of a budget, sorted by unit.
#[must_use]
pub fn reported_limits(budget: &Budget) -> Vec<ReportedLimit> {
    let limit = |(unit, limit): (&BudgetUnit, &u64)| ReportedLimit { unit: unit.to_string(), limit: *limit };
    budget.iter().map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallRecord, ModelAnswer, ModelFailure, Sha256, StopReason, Usage};

    fn spent(cost: Option<u64>, input: u64, output: u64) -> Spent {
        let usage = Usage { input: Some(input), output: Some(output), ..Usage::default() };
        Spent { usage, cost: cost.map(Microdollars), estimated: false }
    }

    fn answer(spent: Spent, tries: Vec<FailedTry>) -> Response {
        Response::Answered(Box::new(ModelAnswer {
            parts: Vec::new(),
            stop: StopReason::Finished,
            stop_detail: String::new(),
            spent,
            tries,
            served: "m-1".into(),
            marks: Vec::new(),
            asked: Sha256::of(b"asked"),
            raw: Sha256::of(b"raw"),
            waited_ms: 1_000,
        }))
    }

    fn asked() -> Event {
        let request = Request::ModelAsk { conversation: 0 };
        Event::Asked { phase: Phase::Solve, fuel_used: 1, request }
    }

    fn called(response: Response) -> Event {
        let request = Request::ModelAsk { conversation: 0 };
        Event::Called { phase: Phase::Solve, call: CallRecord { fuel_used: 1, request, response } }
    }

    /// What events say that come half a second after one another.
    fn expense(events: &[Event]) -> Expense {
        Expense::of((0..).step_by(500_000).zip(events))
    }

    fn began() -> Event {
        let (plugin, limits, engine) = (Sha256::of(b""), crate::Limits::standard(), String::new());
        Event::Began {
            phase: Phase::Solve,
            plugin,
            grant: Vec::new(),
            limits,
            engine,
            record: None,
            jail: None,
            package: None,
        }
    }

    fn totals(expenses: &[Expense], earned: u64) -> ModelTotals {
        let mut totals = ModelTotals::default();
        for expense in expenses {
            totals.add(expense, 4_000.0, true);
        }
        totals.finish(Cents(earned));
        totals
    }

    #[test]
    fn a_journal_says_what_was_asked_tried_and_paid() {
        let cut = Spent { estimated: true, ..spent(Some(70), 10, 20) };
        let tried = |spent| FailedTry { status: Some(529), why: String::new(), waited_ms: 200, spent };
        let over = ModelFailure::new(ModelFailureKind::OverBudget, "too little is left");
        let expense = expense(&[
            asked(),
            called(answer(spent(Some(30), 5, 6), vec![tried(Spent::default()), tried(cut)])),
            // Killed in between, and asked again.
            asked(),
            asked(),
            called(answer(spent(Some(40), 7, 8), Vec::new())),
            called(Response::Unanswered(Box::new(over))),
        ]);
        assert_eq!((expense.asks, expense.answers, expense.failed_tries), (3, 2, 2));
        assert_eq!(expense.refused_asks, 1);
        assert!(expense.over_budget);
        assert_eq!((expense.solve_wait_ms, expense.served["m-1"]), (2_000, 2));
        let payments = expense.payments;
        assert_eq!((payments.requests, payments.cost, payments.unpriced), (3, Microdollars(140), 0));
        assert_eq!((payments.estimated, payments.estimated_cost), (1, Microdollars(70)));
        assert_eq!((payments.input, payments.output), (22, 34));
    }

    #[test]
    fn what_is_told_again_counts_once() {
        let mut again = answer(spent(Some(30), 5, 6), Vec::new());
        let first = again.clone();
        if let Response::Answered(answer) = &mut again {
            answer.marks.push(AnswerMark::FromRecord);
        }
        let expense = expense(&[asked(), called(first), asked(), called(again.clone()), called(again)]);
        assert_eq!((expense.asks, expense.answers, expense.solve_wait_ms), (1, 1, 1_000));
        assert_eq!(expense.payments.cost, Microdollars(30));
    }

    #[test]
    fn what_is_gone_on_from_counts_once_however_often() {
        let first = || called(answer(spent(Some(30), 5, 6), Vec::new()));
        let second = || called(answer(spent(Some(40), 7, 8), Vec::new()));
        let over = || {
            let mut over = ModelFailure::new(ModelFailureKind::OverBudget, "the time is over");
            over.waited_ms = 700;
            called(Response::Unanswered(Box::new(over)))
        };
        let fault = || {
            let fault = crate::InfraFault::new(crate::InfraFaultKind::ModelUnavailable, "529");
            called(Response::Unavailable(fault))
        };
        let events = [
            vec![began(), asked(), first(), asked(), over(), asked(), fault()],
            vec![began(), first(), over(), asked(), fault()],
            // The same answer to another question is another answer.
            vec![began(), first(), over(), asked(), second(), asked(), second()],
        ]
        .concat();
        let expense = expense(&events);
        assert_eq!((expense.asks, expense.answers, expense.refused_asks), (5, 3, 1));
        assert_eq!(expense.payments.cost, Microdollars(110));
        assert_eq!(expense.served["m-1"], 3);
        // Three answers, the failure, and the two questions that the infrastructure failed.
        assert_eq!(expense.solve_wait_ms, 3 * 1_000 + 700 + 2 * 500);
    }

    #[test]
    fn what_is_unknown_is_neither_nothing_nor_left_out() {
        let unpriced = expense(&[asked(), called(answer(spent(None, 5, 6), Vec::new()))]);
        let priced = expense(&[asked(), called(answer(spent(Some(30_000), 5, 6), Vec::new()))]);
        let none = totals(std::slice::from_ref(&unpriced), 100);
        assert_eq!((none.cost_microdollars, none.unpriced_requests, none.net_cents), (None, 1, None));
        assert_eq!(none.tokens.input, Some(5));
        let some = totals(&[unpriced, priced.clone()], 100);
        assert_eq!((some.cost_microdollars, some.unpriced_requests), (Some(Microdollars(30_000)), 1));
        assert_eq!(some.net_cents, None);
        let all = totals(std::slice::from_ref(&priced), 100);
        assert_eq!((all.cost_microdollars, all.net_cents), (Some(Microdollars(30_000)), Some(97.0)));
        let untold = expense(&[asked(), called(answer(Spent::default(), Vec::new()))]);
        let untold = totals(&[untold], 0);
        assert_eq!((untold.tokens, untold.untold_requests), (TokenTotals::default(), 1));
        // A number that one of two told is a sum, and one that neither told is none.
        let usage = Usage { input: Some(7), input_cached: Some(0), ..Usage::default() };
        let told = Spent { usage, cost: Some(Microdollars(1)), estimated: false };
        let told = expense(&[asked(), called(answer(told, Vec::new()))]);
        let tokens = totals(&[told, priced], 0).tokens;
        assert_eq!((tokens.input, tokens.input_cached, tokens.output), (Some(12), Some(0), Some(6)));
        assert_eq!((tokens.input_cache_written, tokens.output_reasoning), (None, None));
        // Nothing was asked, which costs nothing.
        let idle = totals(&[Expense::default()], 0);
        assert_eq!((idle.cost_microdollars, idle.tokens.input), (Some(Microdollars(0)), Some(0)));
    }

    #[test]
    fn waiting_and_working_are_told_apart() {
        let expense = Expense { solve_wait_ms: 3_000, ..Expense::default() };
        let two = totals(&[expense.clone(), expense], 200);
        assert_eq!((two.work_ms, two.wait_ms, two.completion_ms), (2_000.0, 6_000.0, Some(4_000.0)));
        assert_eq!(two.earned_cents_per_hour, Some(90_000.0));
        // It waited longer than its last life lasted.
        let resumed = Expense { solve_wait_ms: 9_000, ..Expense::default() };
        assert_eq!(totals(&[resumed], 0).completion_ms, Some(9_000.0));
    }
}
