//! What a run spent on models, as text and CSV.

use std::collections::BTreeMap;

use lancet_core::{
    AttemptId, AttemptState, Cents, Expense, Microdollars, ModelTotals, Outcome, Report, ReportedLimit,
};
use lancet_store::AttemptRow;

use super::figure::{NO_RATE, balance, count, dollars, duration, many, whole_dollars};
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
                .filter(|day| !day.is_empty())
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
            per_hour(models),
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

/// The least milliseconds of agents' time that say what an hour of it would earn.
const LEAST_MS: f64 = 1_000.0;

fn per_hour(models: &ModelTotals) -> String {
    let rate = models.earned_cents_per_hour.filter(|_| models.work_ms + models.wait_ms >= LEAST_MS);
    rate.map_or_else(|| NO_RATE.to_owned(), whole_dollars)
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
        // Of no price nothing can be estimated.
        let part = match models.estimated_microdollars {
            Microdollars(0) if models.unpriced_requests > 0 => "an unknown part".to_owned(),
            part => dollars(part),
        };
        notes.push(format!(
            "estimated: {part} of the cost, for {} whose provider did not get to tell",
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
/// is left out, and what is not known is empty: whether an invalid attempt is correct, and tokens
/// of which some were not told or are estimated. What was earned is in dollars.
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
        let whole = payments.untold == 0 && payments.estimated == 0;
        let known =
            |tokens: Option<u64>| tokens.filter(|_| whole).map_or_else(String::new, |n| n.to_string());
        let tokens = payments.tokens();
        let earned = row.earned.unwrap_or(Cents::ZERO).0;
        records.push(vec![
            spreadsheet(row.id.task.as_str()),
            row.id.number.to_string(),
            match outcome {
                Outcome::Pass => "True",
                Outcome::Fail => "False",
                Outcome::Invalid => "",
            }
            .to_owned(),
            known(tokens.input),
            known(tokens.output),
            known(tokens.output_reasoning),
            format!("{}.{:02}", earned / 100, earned % 100),
        ]);
    }
    csv_text(&records)
}
