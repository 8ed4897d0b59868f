//! What a run came to, from what the store recorded of it.

use std::collections::BTreeMap;

use lancet_core::{
    AttemptId, AttemptState, Capability, Cents, Digester, Expense, Kind, Outcome, Payments, Report,
    ReportedModel, ReportedPlugin, Time, TotalsByKind, Tried, published_rows, reported_limits,
};
use lancet_store::{AttemptRow, Reader, RunRow};

use crate::error::Error;

/// What each attempt of a run spent on models: nothing is read of a run without any. What was
/// asked, waited for and served is the journals', with all that was given up in them; what was
/// paid is the ledger's, which has what is in no journal too.
///
/// # Errors
/// What the store says.
pub fn expenses(
    reader: &Reader,
    run: &RunRow,
    attempts: &[AttemptRow],
) -> Result<BTreeMap<AttemptId, Expense>, Error> {
    if run.spec.models.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut paid: BTreeMap<AttemptId, (Payments, u64)> = BTreeMap::new();
    for entry in reader.ledger(&run.id)? {
        let (payments, unanswered) = paid.entry(entry.new.attempt.clone()).or_default();
        payments.add(&entry.counts());
        *unanswered += u64::from(entry.tool_calls.is_none());
    }
    let mut expenses = BTreeMap::new();
    for row in attempts {
        let events = reader.events(&row.id)?;
        let mut expense = Expense::of(events.iter().map(|timed| (timed.at_us, &timed.event)));
        (expense.payments, expense.failed_tries) = paid.remove(&row.id).unwrap_or_default();
        expenses.insert(row.id.clone(), expense);
    }
    Ok(expenses)
}

/// Works out what a run came to, from what the store recorded of it. The attempts come
/// in the order of task and number, and what they spent by their names: of those that are not
/// among them nothing is said.
#[must_use]
pub fn report(run: &RunRow, attempts: &[AttemptRow], expenses: &BTreeMap<AttemptId, Expense>) -> Report {
    let spec = &run.spec;
    let mut totals = TotalsByKind::empty();
    let mut digests = Digester::new();
    let mut kinds = Vec::new();
    for rows in attempts.chunk_by(|one, next| one.id.task == next.id.task) {
        let Some(AttemptRow { kind, price, .. }) = rows.first() else { continue };
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
        let tried: Vec<_> = rows.iter().map(tried).collect();
        for totals in totals.of_mut(*kind) {
            totals.add_task(*price, &tried);
            for (row, tried) in rows.iter().zip(&tried) {
                if let (Some(Outcome::Invalid), Some(reason)) = (tried.outcome, &row.reason) {
                    totals.add_invalid_reason(reason);
                }
                if let Some(expense) = expenses.get(&row.id) {
                    totals.add_expense(tried, expense);
                }
            }
        }
        for digest in rows.iter().filter_map(|row| row.verdict_digest) {
            digests.part(digest.as_bytes());
        }
    }
    for (kind, not_runnable) in &spec.not_runnable {
        for totals in totals.of_mut(*kind) {
            totals.add_not_runnable(*not_runnable, spec.attempts);
        }
    }
    totals.swe_manager.finish();
    totals.ic_swe.finish();
    totals.all.finish();

    let published = match spec.suite.reported.origin.as_deref() {
        Some("swe-lancer") => {
            let kinds: Vec<_> = Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)).collect();
            published_rows(&kinds)
        }
        _ => Vec::new(),
    };
    let reported =
        |p: &lancet_core::PluginIdentity| ReportedPlugin { name: p.name.clone(), digest: p.digest };
    Report {
        run: run.id.clone(),
        started: run.created.clone(),
        complete: run.counts.pending() == 0,
        suite: spec.suite.reported.clone(),
        agent: reported(&spec.agent),
        graders: spec.graders.iter().map(reported).collect(),
        control: spec.is_control(),
        by_model: spec.grader_grant.has(Capability::Model)
            && expenses.values().any(|expense| expense.by_model),
        seed: spec.seed,
        attempts_per_task: spec.attempts,
        totals,
        baselines: spec.baselines.clone(),
        without_baseline: spec.without_baseline,
        published,
        verdicts_digest: digests.finish(),
        models: spec.models.iter().map(ReportedModel::from).collect(),
        attempt_budget: reported_limits(&spec.budgets.attempt),
        run_budget: reported_limits(&spec.budgets.run),
    }
}

fn tried(row: &AttemptRow) -> Tried {
    Tried {
        outcome: match row.state {
            AttemptState::Decided(outcome) => Some(outcome),
            AttemptState::Queued | AttemptState::Submitted => None,
        },
        earned: row.earned.unwrap_or(Cents::ZERO),
        time: Time { solve_ms: milliseconds(row.solve_us), grade_ms: milliseconds(row.grade_us) },
        test_runs: row.test_runs.unwrap_or_default(),
        flaky: row.flaky.unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of an attempt are far below 2^52")]
fn milliseconds(us: Option<u64>) -> f64 {
    us.unwrap_or_default() as f64 / 1000.0
}
