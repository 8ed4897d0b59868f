//! What a run and its attempts have used, and what requests under way may still use.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lancet_core::{
    Allowance, Budget, BudgetUnit, Budgets, Microdollars, ModelChoice, ModelFailure, ModelFailureKind, Price,
    Spent, Usage,
};
use tokio::sync::Notify;

use crate::provider::{Became, Estimate, Held};

/// The fewest tokens that an answer is asked for with, unless the plugin asked for fewer:
/// 1,024. With less than that left, a budget counts as reached.
pub const LEAST_ANSWER_TOKENS: u64 = 1_024;

/// What has been used, by unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Requests that were answered, or that have to be paid for without an answer.
    pub asks: u64,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// Millionths of a dollar, as far as prices are known.
    pub microdollars: u64,
    /// Milliseconds of wall clock.
    pub milliseconds: u64,
    /// Calls of tools that models made.
    pub tool_calls: u64,
}

impl Used {
    /// The amount of a unit.
    #[must_use]
    pub fn of(&self, unit: BudgetUnit) -> u64 {
        match unit {
            BudgetUnit::Asks => self.asks,
            BudgetUnit::InputTokens => self.input_tokens,
            BudgetUnit::Microdollars => self.microdollars,
            BudgetUnit::Milliseconds => self.milliseconds,
            BudgetUnit::OutputTokens => self.output_tokens,
            BudgetUnit::Tokens => self.input_tokens.saturating_add(self.output_tokens),
            BudgetUnit::ToolCalls => self.tool_calls,
        }
    }

    /// Adds what one request came to that gave no answer. One that came to [`NOTHING`] is no
    /// ask: it was refused, and is sent again. This and [`Used::add_answer`] is how totals are
    /// made of a ledger's rows.
    pub fn add(&mut self, spent: &Spent) {
        if *spent != NOTHING {
            self.asks = self.asks.saturating_add(1);
        }
        self.hold(spent);
    }

    /// Adds what one request came to that was answered. It is an ask, even where it came to
    /// nothing.
    pub fn add_answer(&mut self, spent: &Spent) {
        self.asks = self.asks.saturating_add(1);
        self.hold(spent);
    }

    fn hold(&mut self, amount: &Spent) {
        let (input, output, cost) = amounts(amount);
        self.input_tokens = self.input_tokens.saturating_add(input);
        self.output_tokens = self.output_tokens.saturating_add(output);
        self.microdollars = self.microdollars.saturating_add(cost);
    }

    fn release(&mut self, amount: &Spent) {
        let (input, output, cost) = amounts(amount);
        self.input_tokens = self.input_tokens.saturating_sub(input);
        self.output_tokens = self.output_tokens.saturating_sub(output);
        self.microdollars = self.microdollars.saturating_sub(cost);
    }

    fn take(&mut self, part: &Self) {
        self.asks = self.asks.saturating_sub(part.asks);
        self.input_tokens = self.input_tokens.saturating_sub(part.input_tokens);
        self.output_tokens = self.output_tokens.saturating_sub(part.output_tokens);
        self.microdollars = self.microdollars.saturating_sub(part.microdollars);
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            asks: self.asks.saturating_add(other.asks),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            microdollars: self.microdollars.saturating_add(other.microdollars),
            milliseconds: self.milliseconds.saturating_add(other.milliseconds),
            tool_calls: self.tool_calls.saturating_add(other.tool_calls),
        }
    }
}

/// What a request comes to that was refused, or never arrived: known to be nothing.
pub const NOTHING: Spent = Spent {
    usage: Usage {
        input: Some(0),
        input_cached: None,
        input_cache_written: None,
        output: Some(0),
        output_reasoning: None,
    },
    cost: Some(Microdollars(0)),
    estimated: false,
};

fn amounts(spent: &Spent) -> (u64, u64, u64) {
    let Usage { input, output, .. } = spent.usage;
    (input.unwrap_or(0), output.unwrap_or(0), spent.cost.map_or(0, |cost| cost.0))
}

/// A limit of money, and a model whose tokens have no known price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "money is limited, and no price is known of model `{name}` ({form}/{id}): expected a `price` for it, \
     or a budget without {unit}",
    form = .form.as_str(), unit = BudgetUnit::Microdollars
)]
pub struct UnpricedModel {
    /// What plugins ask for the model by.
    pub name: String,
    /// The form of its requests.
    pub form: lancet_core::WireForm,
    /// What the provider calls it.
    pub id: String,
}

/// Sees to it, before a run, that its budgets can be kept. Recorded models need no price:
/// what their answers cost when they were recorded counts. A scripted model needs one as
/// any other.
///
/// # Errors
/// [`UnpricedModel`] for the first model that may cost something nobody knows, when money
/// is limited.
pub fn check(budgets: &Budgets, choices: &[ModelChoice]) -> Result<(), UnpricedModel> {
    let unpriced = choices
        .iter()
        .find(|choice| choice.form != lancet_core::WireForm::Recorded && choice.price.is_none());
    match unpriced {
        Some(choice) if budgets.limits_money() => {
            Err(UnpricedModel { name: choice.name.clone(), form: choice.form, id: choice.id.clone() })
        }
        _ => Ok(()),
    }
}

/// Keeps the budgets of a run and of each of its attempts: arithmetic in memory, which
/// whoever writes it down calls first. `K` names an attempt.
///
/// A request is held before it is sent, at what it may come to, and settled at what it came
/// to. So limits hold however many requests are under way: a limit of tokens or money is
/// exceeded by no more than requests under way came to above their estimates: under a limit
/// of money or of tokens that are read, that is the most that a conversation can have
/// ([`Estimate::most_input_tokens`]) at the dearest rates that may apply.
///
/// A request that would have fewer tokens for its answer only since others are under way
/// waits for those: answers are cut short for what is used, not for what may be.
///
/// A question that is dropped while its request is under way stays held, since nobody
/// knows what it comes to. Whoever began the attempt calls [`Ledger::end`], always, which
/// settles what is left as it was held.
#[derive(Debug)]
pub struct Ledger<K> {
    budgets: Budgets,
    books: Mutex<Books<K>>,
    settled: Notify,
}

#[derive(Debug)]
struct Books<K> {
    run: Account,
    attempts: BTreeMap<K, Account>,
    open: BTreeMap<u64, (K, Spent)>,
    next: u64,
}

/// What is known of the run, or of one attempt.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    used: Used,
    held: Used,
    /// What of `used` is estimated, for requests of questions that got no answer.
    doubted: Used,
    /// Since when the clock runs; `used` has the milliseconds before.
    since: Option<Instant>,
}

impl Account {
    /// Used and held, up to now.
    fn taken(&self) -> Used {
        let mut taken = self.used.plus(&self.held);
        taken.milliseconds = self.milliseconds();
        taken
    }

    fn milliseconds(&self) -> u64 {
        let running = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        let running = u64::try_from(running.as_millis()).unwrap_or(u64::MAX);
        self.used.milliseconds.saturating_add(running)
    }

    /// When the limit of milliseconds is reached.
    fn end(&self, budget: &Budget) -> Option<Instant> {
        let limit = *budget.get(&BudgetUnit::Milliseconds)?;
        let left = Duration::from_millis(limit.saturating_sub(self.used.milliseconds));
        // A limit beyond what a clock can count is none.
        self.since.unwrap_or_else(Instant::now).checked_add(left)
    }
}

/// Whose budget.
#[derive(Debug, Clone, Copy)]
enum Scope {
    Attempt,
    Run,
}

/// Why a request is not held.
enum Short {
    /// Requests under way hold what it needs.
    Wait,
    /// Too little is left.
    Over(Box<ModelFailure>),
}

impl<K: Ord + Clone> Ledger<K> {
    /// A ledger that goes on from what the run has used and what each of its attempts has.
    /// The run's clock goes on from its milliseconds, from now.
    #[must_use]
    pub fn new(budgets: Budgets, run: Used, attempts: impl IntoIterator<Item = (K, Used)>) -> Self {
        let attempts =
            attempts.into_iter().map(|(attempt, used)| (attempt, Account { used, ..Account::default() }));
        let books = Books {
            run: Account { used: run, since: Some(Instant::now()), ..Account::default() },
            attempts: attempts.collect(),
            open: BTreeMap::new(),
            next: 0,
        };
        Self { budgets, books: Mutex::new(books), settled: Notify::new() }
    }

    /// What the run is limited by.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Has the numbers of what is held begin at `next`, for who keeps those of an earlier
    /// process.
    #[must_use]
    pub fn numbered_from(self, next: u64) -> Self {
        self.books().next = next;
        self
    }

    /// Starts an attempt's clock, which goes on from its milliseconds before. Nothing
    /// happens when it runs.
    pub fn begin(&self, attempt: &K) {
        let mut books = self.books();
        let account = books.attempt(attempt);
        account.since.get_or_insert_with(Instant::now);
    }

    /// Ends an attempt: stops its clock and settles what it still holds as it was held,
    /// which happens when a question is dropped under way. Gives that back, for whoever
    /// writes it down, with what each is settled at.
    pub fn end(&self, attempt: &K) -> Vec<Held> {
        let mut books = self.books();
        let account = books.attempt(attempt);
        account.used.milliseconds = account.milliseconds();
        account.since = None;
        let left: Vec<Held> = books
            .open
            .iter()
            .filter(|(_, (holder, _))| holder == attempt)
            .map(|(number, (_, amount))| Held {
                number: *number,
                answer_tokens: amount.usage.output.unwrap_or(0),
                amount: *amount,
            })
            .collect();
        for held in &left {
            books.settle(held.number, &held.amount, Became::Nothing);
        }
        drop(books);
        self.settled.notify_waiters();
        left
    }

    /// Sets aside what a request may come to. The most tokens of its answer are lowered to
    /// what is left of the attempt's and the run's tokens, output tokens and money; while
    /// that is so only for requests under way, it waits for those. A model without a price
    /// is not held to a limit of money: [`check`] is asked before.
    ///
    /// Dropped before it is done, nothing is held.
    ///
    /// # Errors
    /// `over-budget` when a limit is reached, or fewer than [`LEAST_ANSWER_TOKENS`] are
    /// left for the answer, or the time is over while it waits.
    pub async fn hold(
        &self,
        attempt: &K,
        estimate: Estimate,
        price: Option<&Price>,
    ) -> Result<Held, ModelFailure> {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            // Registered before the books are read, so that no settling is missed.
            settled.as_mut().enable();
            match self.books().hold(&self.budgets, attempt, estimate, price) {
                Ok(held) => return Ok(held),
                Err(Short::Over(failure)) => return Err(*failure),
                Err(Short::Wait) => {}
            }
            match self.deadline(attempt) {
                // At the deadline the books say which limit is reached.
                Some(end) => {
                    let _ = tokio::time::timeout_at(end.into(), settled).await;
                }
                None => settled.await,
            }
        }
    }

    /// Settles what a request came to, of which one that was answered is an ask whatever it
    /// came to. What was settled before, or by [`Ledger::end`], stays as it is.
    #[expect(clippy::needless_pass_by_value, reason = "what is held is settled once")]
    pub fn settle(&self, held: Held, spent: Spent, became: Became) {
        self.books().settle(held.number, &spent, became);
        self.settled.notify_waiters();
    }

    /// Notes of what was settled for an attempt that it is an estimate, for a question that
    /// got no answer. It stays used: a provider may bill it.
    pub fn doubt(&self, attempt: &K, spent: &Spent) {
        let mut books = self.books();
        books.run.doubted.add(spent);
        books.attempt(attempt).doubted.add(spent);
    }

    /// Whether a request that cannot be held as a limit is reached could be, were nothing
    /// counted of what is in doubt ([`Ledger::doubt`]). No verdict may rest on that limit:
    /// how much an outage used of it is nothing that the attempt did.
    #[must_use]
    pub fn is_over_by_doubt(&self, attempt: &K, estimate: Estimate, price: Option<&Price>) -> bool {
        let books = self.books();
        let own = books.attempts.get(attempt).copied().unwrap_or_default();
        let need = Need::new(estimate, price, &self.budgets);
        [(&own, &self.budgets.attempt), (&books.run, &self.budgets.run)].into_iter().all(
            |(account, budget)| {
                let mut used = Used { milliseconds: account.milliseconds(), ..account.used };
                used.take(&account.doubted);
                budget.iter().all(|(unit, limit)| {
                    need.answer(*unit, limit.saturating_sub(used.of(*unit))) >= need.least
                })
            },
        )
    }

    /// Counts calls of tools that an answer of the attempt has.
    pub fn tool_calls(&self, attempt: &K, calls: u64) {
        let mut books = self.books();
        books.run.used.tool_calls = books.run.used.tool_calls.saturating_add(calls);
        let account = books.attempt(attempt);
        account.used.tool_calls = account.used.tool_calls.saturating_add(calls);
    }

    /// Every limit that an attempt is under: for each unit the one of which less is left,
    /// its own or the run's, sorted by the unit's word. What is held counts as used.
    #[must_use]
    pub fn allowances(&self, attempt: &K) -> Vec<Allowance> {
        let books = self.books();
        let own = books.attempts.get(attempt).copied().unwrap_or_default().taken();
        let run = books.run.taken();
        BudgetUnit::ALL
            .into_iter()
            .filter_map(|unit| {
                [(&self.budgets.attempt, &own), (&self.budgets.run, &run)]
                    .into_iter()
                    .filter_map(|(budget, taken)| Some((*budget.get(&unit)?, taken.of(unit))))
                    .min_by_key(|(limit, used)| limit.saturating_sub(*used))
                    .map(|(limit, used)| Allowance { unit: unit.as_str().into(), limit, used })
            })
            .collect()
    }

    /// When the attempt's or the run's time is over, whichever is first; none when no time
    /// is limited.
    #[must_use]
    pub fn deadline(&self, attempt: &K) -> Option<Instant> {
        let books = self.books();
        let own = books.attempts.get(attempt).copied().unwrap_or_default();
        [own.end(&self.budgets.attempt), books.run.end(&self.budgets.run)].into_iter().flatten().min()
    }

    /// What the run has used. What is held is not in it.
    #[must_use]
    pub fn run_used(&self) -> Used {
        let books = self.books();
        Used { milliseconds: books.run.milliseconds(), ..books.run.used }
    }

    /// What an attempt has used. What is held is not in it.
    #[must_use]
    pub fn attempt_used(&self, attempt: &K) -> Used {
        let books = self.books();
        let account = books.attempts.get(attempt).copied().unwrap_or_default();
        Used { milliseconds: account.milliseconds(), ..account.used }
    }

    fn books(&self) -> MutexGuard<'_, Books<K>> {
        // Nothing panics between two changes of the books.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> Books<K> {
    fn attempt(&mut self, attempt: &K) -> &mut Account {
        if !self.attempts.contains_key(attempt) {
            self.attempts.insert(attempt.clone(), Account::default());
        }
        self.attempts.get_mut(attempt).expect("it is there now")
    }

    fn hold(
        &mut self,
        budgets: &Budgets,
        attempt: &K,
        estimate: Estimate,
        price: Option<&Price>,
    ) -> Result<Held, Short> {
        let own = *self.attempt(attempt);
        let need = Need::new(estimate, price, budgets);
        let mut now = estimate.answer_tokens;
        let mut alone = estimate.answer_tokens;
        for (scope, account, budget) in
            [(Scope::Attempt, &own, &budgets.attempt), (Scope::Run, &self.run, &budgets.run)]
        {
            let used = Used { milliseconds: account.milliseconds(), ..account.used };
            let taken = account.taken();
            for (unit, limit) in budget {
                let most = need.answer(*unit, limit.saturating_sub(used.of(*unit)));
                if most < need.least {
                    return Err(Short::Over(Box::new(over(scope, *unit, *limit, used.of(*unit)))));
                }
                alone = alone.min(most);
                now = now.min(need.answer(*unit, limit.saturating_sub(taken.of(*unit))));
            }
        }
        if now < alone {
            return Err(Short::Wait);
        }
        let amount = need.amount(now);
        let number = self.next;
        self.next += 1;
        self.run.held.hold(&amount);
        self.run.held.asks += 1;
        let account = self.attempt(attempt);
        account.held.hold(&amount);
        account.held.asks += 1;
        account.since.get_or_insert_with(Instant::now);
        self.open.insert(number, (attempt.clone(), amount));
        Ok(Held { number, answer_tokens: now, amount })
    }

    fn settle(&mut self, number: u64, spent: &Spent, became: Became) {
        let Some((attempt, amount)) = self.open.remove(&number) else { return };
        let close = |account: &mut Account| {
            account.held.release(&amount);
            account.held.asks = account.held.asks.saturating_sub(1);
            match became {
                Became::Answer => account.used.add_answer(spent),
                Became::Nothing => account.used.add(spent),
            }
        };
        close(&mut self.run);
        close(self.attempt(&attempt));
    }
}

/// What a request needs.
struct Need<'a> {
    input: u64,
    /// The fewest tokens of an answer that are worth asking for.
    least: u64,
    price: Option<&'a Price>,
}

impl<'a> Need<'a> {
    fn new(estimate: Estimate, price: Option<&'a Price>, budgets: &Budgets) -> Self {
        let least = LEAST_ANSWER_TOKENS.min(estimate.answer_tokens).max(1);
        let limited = |unit| budgets.attempt.contains_key(unit) || budgets.run.contains_key(unit);
        let limits_input =
            [BudgetUnit::InputTokens, BudgetUnit::Microdollars, BudgetUnit::Tokens].iter().any(limited);
        let input = if limits_input { estimate.most_input_tokens } else { estimate.input_tokens };
        Self { input, least, price }
    }

    /// The most tokens of the answer, with so much left of a unit.
    fn answer(&self, unit: BudgetUnit, left: u64) -> u64 {
        let whole = |enough: bool| if enough { u64::MAX } else { 0 };
        match unit {
            BudgetUnit::Asks | BudgetUnit::Milliseconds | BudgetUnit::ToolCalls => whole(left > 0),
            BudgetUnit::InputTokens => whole(self.input <= left),
            BudgetUnit::OutputTokens => left,
            BudgetUnit::Tokens => left.saturating_sub(self.input),
            BudgetUnit::Microdollars => {
                let Some((input, output)) = self.rates() else { return u64::MAX };
                let left = u128::from(left) * 1_000_000;
                let Some(left) = left.checked_sub(u128::from(self.input) * u128::from(input)) else {
                    return 0;
                };
                let most = left.checked_div(u128::from(output)).unwrap_or(u128::MAX);
                u64::try_from(most).unwrap_or(u64::MAX)
            }
        }
    }

    /// The dearest rates that reading and writing may have, of every tier that the input may
    /// be in: what is written to a cache can cost more than what is read without one.
    fn rates(&self) -> Option<(u64, u64)> {
        let price = self.price?;
        let tiers = price.above.range(..self.input).map(|(_, rates)| rates);
        let dearest = tiers.chain([&price.rates]).fold((0, 0), |(read, written), rates| {
            let input = [Some(rates.input), rates.input_cached, rates.input_cache_written];
            let input = input.into_iter().flatten().fold(read, u64::max);
            (input, written.max(rates.output))
        });
        Some(dearest)
    }

    fn amount(&self, answer: u64) -> Spent {
        let cost = self.rates().map(|(input, output)| {
            let input = u128::from(self.input) * u128::from(input);
            let output = u128::from(answer) * u128::from(output);
            let cost = input.saturating_add(output).div_ceil(1_000_000);
            Microdollars(u64::try_from(cost).unwrap_or(u64::MAX))
        });
        let usage = Usage { input: Some(self.input), output: Some(answer), ..Usage::default() };
        Spent { usage, cost, estimated: true }
    }
}

fn over(scope: Scope, unit: BudgetUnit, limit: u64, used: u64) -> ModelFailure {
    let whose = match scope {
        Scope::Attempt => "attempt",
        Scope::Run => "run",
    };
    let message = if unit == BudgetUnit::Milliseconds {
        format!("the time is over: of the {whose}'s {limit} milliseconds, {used} have passed")
    } else {
        let (all, part) = match unit {
            BudgetUnit::Microdollars => (dollars(limit), format!("{} is used", dollars(used))),
            _ => (format!("{limit} {unit}"), format!("{used} are used")),
        };
        if used < limit {
            format!("too little is left of the {whose}'s {all} for an answer: {part}")
        } else {
            format!("the budget is used up: of the {whose}'s {all}, {part}")
        }
    };
    ModelFailure::new(ModelFailureKind::OverBudget, message)
}

fn dollars(microdollars: u64) -> String {
    let digits = format!("{}.{:06}", microdollars / 1_000_000, microdollars % 1_000_000);
    let whole = digits.trim_end_matches('0');
    let places = whole.len() - whole.find('.').map_or(0, |at| at + 1);
    format!("${whole}{}", "0".repeat(2_usize.saturating_sub(places)))
}

#[cfg(test)]
mod tests;
