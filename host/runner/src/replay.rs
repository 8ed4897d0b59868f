//! Recorded attempts, executed again from nothing but what the store holds of them.

mod bound;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lancet_core::{
    Answer, AttemptId, AttemptState, Capability, Capture, Check, Difference, Fault, FaultKind, Graded, Grant,
    Part, PluginIdentity, ReplayPhase, ReplayResult, Replayed, ReplayedAttempt, Role, RunId, RunRecord,
    RunSpec, Sha256, SolveEnd, Task, Verdict, Whole, attempt_seed,
};
use lancet_engine::{Behind, Call, Divergence, ENGINE_ID, EngineError, Plugin};
use lancet_store::{AttemptRow, Audit, Reader};
use tokio::task::JoinSet;

use self::bound::{Beyond, Bound};
use crate::attempt::{may_ask, refused_verdict, submission_digest, undecidable, verdict_record};
use crate::catalog::{self, Loader};
use crate::error::Error;
use crate::evidence::{Evidence, RecordedAttempt, whole};
use crate::nothing;
use crate::observer::{Notice, Observer};
use crate::recorder;

pub use self::bound::ReplayBounds;

/// The least number of journals that are read at a time.
const READ_AHEAD: usize = 64;

/// What came of replaying one attempt.
enum Finding {
    Alike(ReplayResult),
    Different { phase: ReplayPhase, what: String },
    Beyond(Beyond),
}

impl Finding {
    fn of(self, attempt: String) -> ReplayedAttempt {
        match self {
            Self::Alike(result) => ReplayedAttempt::alike(attempt, result),
            Self::Different { phase, what } => ReplayedAttempt::different(attempt, phase, what),
            Self::Beyond(Beyond { phase, what, .. }) => ReplayedAttempt::beyond_limits(attempt, phase, what),
        }
    }
}

/// Executes the attempts of a run again, or one of them, `jobs` at a time. Attempts whose
/// records contradict the rest are different without being executed.
///
/// # Errors
/// When there is no such run or attempt, or a recorded plugin or blob cannot be used.
pub async fn replay(
    reader: &Reader,
    loader: &Loader,
    run: &RunId,
    only: Option<&AttemptId>,
    jobs: NonZeroUsize,
    observer: &dyn Observer,
) -> Result<Replayed, Error> {
    let audit = reader.audit(run)?;
    if !audit.lists_attempts() {
        observer.notice(Notice::Unlisted { run: &audit.run.id });
    }
    let contradictions = contradictions(&audit, only);
    let Audit { run, attempts: rows, .. } = audit;
    if let Some(attempt) = only
        && !contradictions.iter().any(|(name, _)| *name == attempt.to_string())
    {
        // Whether there is one at all.
        reader.attempt(attempt)?;
    }
    // What contradicts the rest need not be executed to be different.
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|row| only.is_none_or(|only| row.id == *only))
        .filter(|row| !contradictions.iter().any(|(name, _)| *name == row.id.to_string()))
        .collect();
    if run.spec.engine != ENGINE_ID {
        observer.notice(Notice::FuelNotCompared { recorded: &run.spec.engine });
    }
    let mut recorded = RecordedPlugins { loader, evidence: reader, plugins: BTreeMap::new() };
    let mut attempts = Vec::new();
    for rows in rows.chunks(READ_AHEAD.max(jobs.get())) {
        let prepared = rows
            .iter()
            .map(|row| recorded.prepare(row, || journal(reader, row)))
            .collect::<Result<Vec<_>, _>>()?;
        let findings = play(&run.spec, reader, prepared, jobs, None).await?;
        attempts.extend(rows.iter().zip(findings).map(|(row, finding)| finding.of(row.id.to_string())));
    }
    for (name, what) in contradictions {
        attempts.push(Finding::Different { phase: ReplayPhase::Record, what }.of(name));
    }
    Ok(counted(&run.id, attempts))
}

/// Executes attempts again from what is at hand of them, `jobs` at a time, without a store. Whether
/// records and journals hold together is for the caller to look at before. A stranger may have made
/// them: no call of a plugin uses more than `bounds`, and once one has computed for as long as it
/// may, no further attempts are executed.
///
/// # Errors
/// When a plugin or a blob cannot be used, or an attempt is not one of the run's record.
pub async fn replay_evidence(
    evidence: &dyn Evidence,
    loader: &Loader,
    record: &RunRecord,
    recorded: &[RecordedAttempt],
    jobs: NonZeroUsize,
    bounds: &ReplayBounds,
    observer: &dyn Observer,
) -> Result<Replayed, Error> {
    if record.spec.engine != ENGINE_ID {
        observer.notice(Notice::FuelNotCompared { recorded: &record.spec.engine });
    }
    let due = record.attempts();
    let mut plugins = RecordedPlugins { loader, evidence, plugins: BTreeMap::new() };
    let bounds = Arc::new(bounds.clone());
    let (mut attempts, mut is_over) = (Vec::new(), false);
    // Journals may be large: there are as many at a time as are executed.
    for recorded in recorded.chunks(jobs.get()) {
        if is_over {
            let beyond = |attempt: &RecordedAttempt| {
                let id = attempt.id(&record.run).to_string();
                Finding::Beyond(Beyond::unexecuted()).of(id)
            };
            attempts.extend(recorded.iter().map(beyond));
            continue;
        }
        let mut prepared = Vec::new();
        for attempt in recorded {
            let row = attempt.row(record, &due)?;
            prepared.push(plugins.prepare(&row, || attempt.journal(evidence, &row.id))?);
        }
        let findings = play(&record.spec, evidence, prepared, jobs, Some(&bounds)).await?;
        is_over = findings.iter().any(|finding| matches!(finding, Finding::Beyond(beyond) if beyond.is_late));
        let named = recorded.iter().zip(findings);
        attempts.extend(named.map(|(attempt, finding)| finding.of(attempt.id(&record.run).to_string())));
    }
    Ok(counted(&record.run, attempts))
}

/// All findings, with how many there are of each.
fn counted(run: &RunId, mut attempts: Vec<ReplayedAttempt>) -> Replayed {
    attempts.sort_by(|a, b| by_number(&a.attempt).cmp(&by_number(&b.attempt)));
    let count = |result| attempts.iter().filter(|attempt| attempt.result == result).count();
    let (undecided, beyond_limits) = (count(ReplayResult::Undecided), count(ReplayResult::BeyondLimits));
    Replayed {
        run: run.to_string(),
        replayed: attempts.len() - undecided - beyond_limits,
        identical: count(ReplayResult::Identical),
        different: count(ReplayResult::Different),
        undecided,
        beyond_limits,
        attempts,
    }
}

/// What the store's records of the run, or of one attempt of it, contradict one another
/// in: a line for each attempt, and one for the run as a whole.
fn contradictions(audit: &Audit, only: Option<&AttemptId>) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = Vec::new();
    let wanted = |difference: &&Difference| match (&difference.attempt, only) {
        (Some(attempt), Some(only)) => *attempt == only.to_string(),
        _ => true,
    };
    for difference in audit.differences.iter().filter(wanted) {
        let name = difference.attempt.clone().unwrap_or_else(|| difference.run.to_string());
        let what = format!("`{}` {}", difference.column, difference.problem);
        match lines.iter_mut().find(|(other, _)| *other == name) {
            Some((_, told)) => told.push_str(&format!("; {what}")),
            None => lines.push((name, what)),
        }
    }
    lines
}

/// What lines are sorted by: the run itself first, then its attempts by task and number.
fn by_number(name: &str) -> (&str, u64) {
    match name.rsplit_once('/') {
        Some((task, number)) => (task, number.parse().unwrap_or_default()),
        None => (name, 0),
    }
}

/// The plugins that journals name, each loaded once.
struct RecordedPlugins<'a> {
    loader: &'a Loader,
    evidence: &'a dyn Evidence,
    plugins: BTreeMap<(Sha256, Role, Vec<Capability>), Plugin>,
}

/// An attempt ready to be replayed; `None` when it is not decided.
struct Prepared {
    row: AttemptRow,
    play: Option<(Whole, Plugin, Option<Plugin>)>,
}

impl RecordedPlugins<'_> {
    fn prepare(
        &mut self,
        row: &AttemptRow,
        journal: impl FnOnce() -> Result<Whole, Error>,
    ) -> Result<Prepared, Error> {
        let AttemptState::Decided(_) = row.state else {
            return Ok(Prepared { row: row.clone(), play: None });
        };
        let journal = journal()?;
        let agent = self.plugin(Role::Agent, &journal.solve)?;
        let grader = match &journal.grade {
            Some((part, _)) => Some(self.plugin(Role::Grader, part)?),
            None => None,
        };
        Ok(Prepared { row: row.clone(), play: Some((journal, agent, grader)) })
    }

    fn plugin(&mut self, role: Role, recorded: &Part) -> Result<Plugin, Error> {
        let key = (recorded.plugin, role, recorded.grant.clone());
        if let Some(plugin) = self.plugins.get(&key) {
            return Ok(plugin.clone());
        }
        let identity = PluginIdentity { name: recorded.plugin.short(), digest: recorded.plugin };
        let named = catalog::recorded(self.evidence, &identity)?;
        let grant = recorded.grant.iter().fold(Grant::standard(role), |grant, capability| {
            grant.clone().with(*capability).unwrap_or(grant)
        });
        let plugin = self.loader.load(&named, &grant)?;
        self.plugins.insert(key, plugin.clone());
        Ok(plugin)
    }
}

/// Takes a journal apart into what its plugins did.
fn journal(reader: &Reader, row: &AttemptRow) -> Result<Whole, Error> {
    whole(&row.id, reader.events(&row.id)?.into_iter().map(|line| (line.at_us, line.event)))
}

async fn play(
    spec: &RunSpec,
    evidence: &dyn Evidence,
    prepared: Vec<Prepared>,
    jobs: NonZeroUsize,
    bounds: Option<&Arc<ReplayBounds>>,
) -> Result<Vec<Finding>, Error> {
    let spec = Arc::new(spec.clone());
    let mut findings: Vec<_> = prepared.iter().map(|_| Finding::Alike(ReplayResult::Undecided)).collect();
    let mut waiting = prepared.into_iter().enumerate();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < jobs.get() {
            let Some((index, one)) = waiting.next() else { break };
            let Some((journal, agent, grader)) = one.play else { continue };
            let task = recorder::task(evidence, one.row.task_blob)?;
            let (spec, bounds) = (Arc::clone(&spec), bounds.cloned());
            under_way.spawn(async move {
                let played = Played { task: &task, agent: &agent, grader: grader.as_ref() };
                let finding = replay_one(&spec, &one.row, played, journal, bounds.as_deref()).await?;
                Ok::<_, EngineError>((index, finding))
            });
        }
        let Some(joined) = under_way.join_next().await else { break };
        let (index, finding) = joined.map_err(|e| Error::host("a replay's task died", e))??;
        findings[index] = finding;
    }
    Ok(findings)
}

/// What is executed, and on what.
#[derive(Clone, Copy)]
struct Played<'a> {
    task: &'a Task,
    agent: &'a Plugin,
    grader: Option<&'a Plugin>,
}

async fn replay_one(
    spec: &RunSpec,
    row: &AttemptRow,
    played: Played<'_>,
    journal: Whole,
    bounds: Option<&ReplayBounds>,
) -> Result<Finding, EngineError> {
    let Played { task, agent, grader } = played;
    let seed = attempt_seed(spec.seed, &row.id.task, row.id.number);
    let different = |phase, what: String| Ok(Finding::Different { phase, what });

    let nothing = nothing::verdict(row.kind, &journal.solved.end, &journal.solve.calls);
    // A call that was cut off, by the clock or with its process, ends somewhere else each
    // time: nothing was handed in then, and that is all there is to compare.
    if !is_cut_off(&journal.solved.end) {
        let compare_fuel = journal.solve.engine == ENGINE_ID;
        let bound = Bound::of(&journal.solve, journal.solved.fuel_used, bounds.map(|most| &most.agent));
        let behind = Behind::Recorded { calls: journal.solve.calls, compare_fuel };
        let call = Call { task, limits: &bound.limits, seed, behind, journal: None };
        let output = agent.solve(call).await?;
        let is_alike = output.divergence.is_none()
            && repeats(&output.end, &journal.solved.end)
            && (!compare_fuel || output.fuel_used == journal.solved.fuel_used);
        let is_late = matches!(output.end, SolveEnd::TimedOut);
        if let Some(beyond) = bound.beyond(ReplayPhase::Solve, is_late, is_alike) {
            return Ok(Finding::Beyond(beyond));
        }
        if let Some(divergence) = output.divergence {
            return different(ReplayPhase::Solve, told(&divergence));
        }
        if !repeats(&output.end, &journal.solved.end) {
            return different(
                ReplayPhase::Solve,
                format!("recorded: the agent {}; replayed: it {}", journal.solved.end, output.end),
            );
        }
        if compare_fuel && output.fuel_used != journal.solved.fuel_used {
            return different(ReplayPhase::Solve, fuel(journal.solved.fuel_used, output.fuel_used));
        }
    }
    let answer = journal.solved.end.submission().unwrap_or(Answer::Nothing);
    let submission = submission_digest(&answer, journal.capture.as_ref());
    if submission != journal.solved.submission {
        return different(
            ReplayPhase::Solve,
            format!("recorded submission {}, replayed {submission}", journal.solved.submission),
        );
    }
    let host = match &journal.capture {
        Some(Capture::Refused(refused)) => Some(refused_verdict(refused)),
        capture => undecidable(spec, &journal.solved.end, capture.as_ref()).or(nothing),
    };
    let host_decided = journal.grade.is_none();
    let asks = grader.is_some_and(|grader| may_ask(spec, grader));
    let (verdict, grader) = match (journal.grade, grader, host) {
        (Some((recorded, Graded { verdict, fuel_used, .. })), Some(grader), _) => {
            let is_cut_off = fuel_used.is_none();
            if is_cut_off && !verdict.is_of_grader_cut_off() {
                return different(
                    ReplayPhase::Grade,
                    format!(
                        "by the record the grader was cut off, and yet its verdict is `{}`",
                        brief(&verdict)
                    ),
                );
            }
            if !is_cut_off {
                let compare_fuel = recorded.engine == ENGINE_ID;
                let bound = Bound::of(&recorded, fuel_used, bounds.map(|most| &most.grader));
                let behind = Behind::Recorded { calls: recorded.calls, compare_fuel };
                let call = Call { task, limits: &bound.limits, seed, behind, journal: None };
                let output = grader.grade(call, &answer).await?;
                let is_alike = output.divergence.is_none()
                    && output.verdict.repeats(&verdict)
                    && (!compare_fuel || output.fuel_used == fuel_used);
                let timeout = Fault::new(FaultKind::Timeout, "").reason(Role::Grader);
                let is_late = output.fuel_used.is_none() && output.verdict.reason == timeout;
                if let Some(beyond) = bound.beyond(ReplayPhase::Grade, is_late, is_alike) {
                    return Ok(Finding::Beyond(beyond));
                }
                if let Some(divergence) = output.divergence {
                    return different(ReplayPhase::Grade, told(&divergence));
                }
                if !output.verdict.repeats(&verdict) {
                    return different(ReplayPhase::Grade, verdicts(&verdict, &output.verdict));
                }
                if compare_fuel && output.fuel_used != fuel_used {
                    return different(ReplayPhase::Grade, fuel(fuel_used, output.fuel_used));
                }
            }
            (verdict, grader.digest())
        }
        (None, _, Some(verdict)) => (verdict, row.grader.digest),
        _ => return different(ReplayPhase::Grade, "the journal holds no grading".to_owned()),
    };
    // Older records hold the grader's words alone, without what an agent said when it gave up,
    // and follow the grant alone where a grader might have asked models. Which grader would
    // have judged what none did is not loaded again.
    let granted = spec.grader_grant.has(Capability::Model);
    let by_model = if asks { [true, granted] } else { [false, granted] };
    let explained = if host_decided { verdict.clone() } else { verdict.with_end(&journal.solved.end) };
    let records = [&explained, &verdict]
        .into_iter()
        .flat_map(|verdict| by_model.map(|by_model| (verdict.clone(), by_model)))
        .map(|(verdict, by_model)| verdict_record(spec, row, grader, verdict, submission, by_model))
        .map(|record| record.digest());
    let digests: Vec<_> = records.collect();
    if !digests.contains(&journal.decided.digest) {
        return different(
            ReplayPhase::Grade,
            format!("recorded verdict digest {}, replayed {}", journal.decided.digest, digests[0]),
        );
    }
    Ok(Finding::Alike(ReplayResult::Identical))
}

/// Whether an agent came to the same end as by the record.
fn repeats(end: &SolveEnd, recorded: &SolveEnd) -> bool {
    match (end, recorded) {
        (SolveEnd::Fault(fault), SolveEnd::Fault(recorded)) => fault.repeats(recorded),
        _ => end == recorded,
    }
}

/// Whether an agent was ended by its clock, or with its process.
fn is_cut_off(end: &SolveEnd) -> bool {
    match end {
        SolveEnd::TimedOut => true,
        SolveEnd::Fault(fault) => fault.kind.cuts_off(),
        SolveEnd::Answer(_) | SolveEnd::GaveUp(_) | SolveEnd::Unavailable(_) => false,
    }
}

fn told(divergence: &Divergence) -> String {
    divergence.to_string()
}

fn fuel(recorded: Option<u64>, replayed: Option<u64>) -> String {
    let known = |fuel: Option<u64>| fuel.map_or_else(|| "unknown".to_owned(), |fuel| fuel.to_string());
    format!("recorded fuel {}, replayed {}", known(recorded), known(replayed))
}

/// A verdict's outcome and reason.
fn brief(verdict: &Verdict) -> String {
    format!("{} {}", verdict.outcome, verdict.reason)
}

/// The first in which two verdicts differ, in words.
fn verdicts(recorded: &Verdict, replayed: &Verdict) -> String {
    if brief(recorded) != brief(replayed) {
        return format!("recorded verdict `{}`, replayed `{}`", brief(recorded), brief(replayed));
    }
    let verdict = format!("both verdicts are `{}`", brief(recorded));
    if recorded.score != replayed.score {
        let (recorded, replayed) = (recorded.score.thousandths(), replayed.score.thousandths());
        return format!("{verdict}: recorded score {recorded} of 1000, replayed {replayed}");
    }
    let check = |check: Option<&Check>| match check {
        Some(Check { name, passed, detail }) => {
            format!("check `{name}` {} ({detail})", if *passed { "held" } else { "did not hold" })
        }
        None => "no such check".to_owned(),
    };
    let most = recorded.checks.len().max(replayed.checks.len());
    let mut sides = (0..most).map(|index| (recorded.checks.get(index), replayed.checks.get(index)));
    if let Some((recorded, replayed)) = sides.find(|(recorded, replayed)| recorded != replayed) {
        return format!("{verdict}: recorded {}, replayed {}", check(recorded), check(replayed));
    }
    format!(
        "{verdict}: recorded explanation \"{}\", replayed \"{}\"",
        recorded.explanation, replayed.explanation
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_that_differ_are_told_apart_in_words() {
        let verdict = |reason: &str, explanation: &str| {
            Verdict::failed(reason.parse().unwrap(), explanation.to_owned())
        };
        let one = verdict("wrong-choice", "it chose 1");
        assert_eq!(
            verdicts(&one, &verdict("no-choice", "it chose 1")),
            "recorded verdict `fail wrong-choice`, replayed `fail no-choice`"
        );
        assert_eq!(
            verdicts(&one, &verdict("wrong-choice", "it chose 2")),
            "both verdicts are `fail wrong-choice`: recorded explanation \"it chose 1\", replayed \"it chose 2\""
        );
        let check = Check { name: "applies".into(), passed: true, detail: "whole".into() };
        let with = Verdict { checks: vec![check.clone()], ..one.clone() };
        let without = Verdict { checks: vec![Check { passed: false, ..check }], ..one.clone() };
        assert!(
            verdicts(&with, &one).ends_with("recorded check `applies` held (whole), replayed no such check")
        );
        assert!(verdicts(&with, &without).contains("replayed check `applies` did not hold"));
        assert_eq!(fuel(Some(1), None), "recorded fuel 1, replayed unknown");
    }
}
