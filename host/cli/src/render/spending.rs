//! What a run spent on models, as text and CSV.

use std::collections::BTreeMap;

use lancet_core::{AttemptId, AttemptState, Cents, Expense, ModelTotals, Outcome, Report, ReportedLimit};
use lancet_store::AttemptRow;

use super::figure::{NO_RATE, balance, count, dollars, duration, money};
use super::report::by_kind;
use super::safety::spreadsheet;
use super::sheet::{Block, name};
use super::table::{Table, csv_text, left, right};

/// What stands where nothing is known, which is not nothing.
const UNKNOWN: &str = "unknown";

/// The columns of a report's CSV for models, as paths in the totals of a kind.
pub(super) const COLUMNS: [&str; 19] = [
    "models.asks",
    "models.answers",
    "models.failed_tries",
    "models.cost_microdollars",
    "models.unpriced_requests",
    "models.estimated_microdollars",
    "models.estimated_requests",
    "models.tokens.input",
    "models.tokens.input_cached",
    "models.tokens.input_cache_written",
    "models.tokens.output",
    "models.tokens.output_reasoning",
    "models.untold_requests",
    "models.work_ms",
    "models.wait_ms",
    "models.completion_ms",
    "models.earned_cents_per_hour",
    "models.net_cents",
    "models.over_budget_attempts",
];

/// The models of a run and its budgets.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts: Vec<_> = report
        .models
        .iter()
        .map(|model| {
            let place = if model.base_url.is_empty() {
                String::new()
            } else {
                format!("  {}", name(&model.base_url))
            };
            let price = model
                .price_as_of
                .as_ref()
                .map(|day| format!("  prices of {}", name(day)))
                .unwrap_or_default();
            ("model", format!("{}  {}{place}{price}", name(&model.name), name(&model.model)))
        })
        .collect();
    for (whose, limits) in [("each attempt", &report.attempt_budget), ("the run", &report.run_budget)] {
        if !limits.is_empty() {
            facts.push(("budget", format!("{whose}  {}", written(limits))));
        }
    }
    facts
}

fn written(limits: &[ReportedLimit]) -> String {
    let limits = limits.iter().map(|limit| crate::amount::written(&limit.unit, limit.limit));
    limits.collect::<Vec<_>>().join("  ")
}

/// What was spent, by kind: nothing of a run without models.
pub(super) fn block(report: &Report) -> Option<Block> {
    let all = report.totals.all.models.as_ref()?;
    let figures = ["asks", "in", "cached", "out", "reasoning", "cost", "net", "per hour", "completion"];
    let mut table = Table::new([left("kind")].into_iter().chain(figures.map(right)));
    for (kind, totals) in by_kind(report) {
        let Some(models) = &totals.models else { continue };
        let tokens = &models.tokens;
        let told = |number: Option<u64>| number.map_or_else(|| UNKNOWN.to_owned(), count);
        table.row([
            kind.to_owned(),
            count(models.asks),
            told(tokens.input),
            told(tokens.input_cached),
            told(tokens.output),
            told(tokens.output_reasoning),
            cost(models),
            models.net_cents.map_or_else(|| UNKNOWN.to_owned(), balance),
            models.earned_cents_per_hour.map_or_else(|| NO_RATE.to_owned(), money),
            models.completion_ms.map_or_else(|| NO_RATE.to_owned(), duration),
        ]);
    }
    let recorded = report.models.iter().any(|model| model.model.starts_with("recorded/")).then(|| {
        "recorded: amounts and times are those of the run whose answers these are; nothing was paid now"
            .to_owned()
    });
    Some(Block {
        title: "models, summed over all attempts".to_owned(),
        table: Some(table),
        notes: recorded.into_iter().chain(notes(all)).collect(),
    })
}

/// A number of things: `1 request`, `2 requests`.
fn many(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

fn cost(models: &ModelTotals) -> String {
    match models.cost_microdollars {
        None => UNKNOWN.to_owned(),
        Some(cost) if models.unpriced_requests > 0 => format!("{} + {UNKNOWN}", dollars(cost)),
        Some(cost) => dollars(cost),
    }
}

fn notes(models: &ModelTotals) -> Vec<String> {
    let mut notes = vec![
        "net: earned less cost; per hour: earned in an hour of agents' time; completion: its mean".to_owned(),
        format!(
            "agents' time: {} working, {} waiting for models",
            duration(models.work_ms),
            duration(models.wait_ms)
        ),
    ];
    let served: Vec<_> = models
        .served
        .iter()
        .map(|served| {
            let model = if served.model.is_empty() { "a model without a name" } else { &served.model };
            format!("{} ({})", name(model), many(served.answers, "answer"))
        })
        .collect();
    if !served.is_empty() {
        notes.push(format!("served: {}", served.join(", ")));
    }
    if models.unpriced_requests > 0 {
        let requests = many(models.unpriced_requests, "request");
        notes.push(format!("cost: no price is known for {requests}, and nothing of that is in it"));
    }
    if models.untold_requests > 0 {
        let requests = many(models.untold_requests, "request");
        notes.push(format!("tokens: those of {requests} are not known, and nothing of them is in the sums"));
    }
    if models.estimated_requests > 0 {
        notes.push(format!(
            "estimated: {} of the cost, for {} whose provider did not get to tell",
            dollars(models.estimated_microdollars),
            many(models.estimated_requests, "request")
        ));
    }
    if models.failed_tries > 0 {
        notes.push(format!("{} without an answer", many(models.failed_tries, "request")));
    }
    if models.over_budget_attempts > 0 {
        notes.push(format!("{} that reached a budget", many(models.over_budget_attempts, "attempt")));
    }
    notes
}

/// The attempts of a run in the columns that SWE-Lancer's own harness writes. What is not decided
/// is left out, and what is not known is empty. What was earned is in dollars.
pub(crate) fn results_csv(attempts: &[AttemptRow], expenses: &BTreeMap<AttemptId, Expense>) -> String {
    const HEADINGS: [&str; 7] = [
        "question_id",
        "attempt_id",
        "correct",
        "input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "earned",
    ];
    let mut records = vec![HEADINGS.map(str::to_owned).to_vec()];
    for row in attempts {
        let AttemptState::Decided(outcome) = row.state else { continue };
        let payments = expenses.get(&row.id).map(|expense| expense.payments).unwrap_or_default();
        let known = |tokens: u64| if payments.untold > 0 { String::new() } else { tokens.to_string() };
        let earned = row.earned.unwrap_or(Cents::ZERO).0;
        records.push(vec![
            spreadsheet(row.id.task.as_str()),
            row.id.number.to_string(),
            if outcome == Outcome::Pass { "True" } else { "False" }.to_owned(),
            known(payments.input),
            known(payments.output),
            known(payments.output_reasoning),
            format!("{}.{:02}", earned / 100, earned % 100),
        ]);
    }
    csv_text(&records)
}
