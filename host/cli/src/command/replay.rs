use std::collections::BTreeMap;

use lancet_core::{
    Answer, AttemptId, AttemptState, CallRecord, Capability, Capture, Difference, Event, Grant, Limits,
    Phase, Role, RunSpec, Sha256, SolveEnd, Verdict, attempt_seed,
};
use lancet_engine::{Behind, Call, Divergence, ENGINE_ID, Plugin, Runtime};
use lancet_store::{AttemptRow, Audit, Reader, RunRow};
use serde::Serialize;

use crate::arguments::{FormatKind, Global, Replay};
use crate::attempt::{refused_verdict, submission_digest, undecidable, verdict_record};
use crate::audit;
use crate::catalog;
use crate::execution::block_on;
use crate::exit::Exit;
use crate::failure::{Failure, host, warn};
use crate::nothing;
use crate::output;
use crate::record;
use crate::render::{Table, left};

/// One plugin's part of a journal.
struct Recorded {
    plugin: Sha256,
    grant: Vec<Capability>,
    limits: Limits,
    engine: String,
    calls: Vec<CallRecord>,
}

/// The journal of a decided attempt.
struct Journal {
    solve: Recorded,
    end: SolveEnd,
    solve_fuel: Option<u64>,
    capture: Option<Capture>,
    submission: Sha256,
    grade: Option<(Recorded, Verdict, Option<u64>)>,
    digest: Sha256,
}

/// What came of replaying one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Finding {
    /// Everything is the same: calls, fuel, submission, verdict, digest.
    Identical,
    /// The first difference.
    Different { phase: &'static str, what: String },
    /// It is not decided yet.
    Undecided,
}

#[derive(Serialize)]
struct Line {
    attempt: String,
    #[serde(flatten)]
    finding: FindingLine,
}

#[derive(Serialize)]
struct FindingLine {
    result: &'static str,
    phase: Option<&'static str>,
    difference: Option<String>,
}

#[derive(Serialize)]
struct Summary {
    run: String,
    replayed: usize,
    identical: usize,
    different: usize,
    undecided: usize,
    attempts: Vec<Line>,
}

/// Executes attempts again, from nothing but what the store recorded.
pub(crate) fn main(arguments: &Replay, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let reader = store.reader();
    let only = block_on(super::attempt_named(&store, &arguments.what))?;
    let audit = match &only {
        Some(attempt) => reader.audit(&attempt.run)?,
        None => reader.audit(&reader.resolve_run(&arguments.what)?)?,
    };
    if !audit.lists_attempts() {
        warn(&audit::unlisted(&audit.run.id));
    }
    let contradictions = contradictions(&audit, only.as_ref());
    let Audit { run, attempts: rows, .. } = audit;
    if let Some(attempt) = &only
        && !contradictions.iter().any(|(name, _)| *name == attempt.to_string())
    {
        // Whether there is one at all.
        reader.attempt(attempt)?;
    }
    // What contradicts the rest need not be executed to be different.
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|row| only.as_ref().is_none_or(|only| row.id == *only))
        .filter(|row| !contradictions.iter().any(|(name, _)| *name == row.id.to_string()))
        .collect();
    if run.spec.engine != ENGINE_ID {
        warn(&format!(
            "the run was recorded with {}, this is {ENGINE_ID}: fuel is not compared",
            run.spec.engine
        ));
    }
    let runtime = catalog::runtime(arguments.jobs.number())?;
    let mut theatre = Theatre { runtime, reader, plugins: BTreeMap::new() };
    let mut attempts = Vec::new();
    let mut findings = Vec::new();
    let jobs = arguments.jobs.number().get();
    for rows in rows.chunks(64.max(jobs)) {
        let prepared = rows.iter().map(|row| theatre.prepare(row)).collect::<Result<Vec<_>, _>>()?;
        findings.extend(block_on(play(&run.spec, &theatre.reader, prepared, jobs))?);
    }
    for (row, finding) in rows.iter().zip(&findings) {
        attempts.push(line(row.id.to_string(), finding));
    }
    for (name, what) in contradictions {
        let finding = Finding::Different { phase: "record", what };
        attempts.push(line(name, &finding));
        findings.push(finding);
    }
    attempts.sort_by(|a, b| by_number(&a.attempt).cmp(&by_number(&b.attempt)));
    let count = |wanted: fn(&Finding) -> bool| findings.iter().filter(|f| wanted(f)).count();
    let different = count(|f| matches!(f, Finding::Different { .. }));
    let summary = Summary {
        run: run.id.to_string(),
        replayed: findings.len() - count(|f| *f == Finding::Undecided),
        identical: count(|f| *f == Finding::Identical),
        different,
        undecided: count(|f| *f == Finding::Undecided),
        attempts,
    };
    print(&run, &summary, only.is_some(), arguments.format.kind)?;
    Ok(if different > 0 { Exit::Mismatch } else { Exit::Done })
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

/// Loads the plugins that journals name, each once.
struct Theatre {
    runtime: Runtime,
    reader: Reader,
    plugins: BTreeMap<(Sha256, Role, Vec<Capability>), Plugin>,
}

/// An attempt ready to be replayed; `None` when it is not decided.
struct Prepared {
    row: AttemptRow,
    play: Option<(Journal, Plugin, Option<Plugin>)>,
}

impl Theatre {
    fn prepare(&mut self, row: &AttemptRow) -> Result<Prepared, Failure> {
        let AttemptState::Decided(_) = row.state else {
            return Ok(Prepared { row: row.clone(), play: None });
        };
        let journal = journal(&self.reader, row)?;
        let agent = self.plugin(Role::Agent, &journal.solve)?;
        let grader = match &journal.grade {
            Some((recorded, ..)) => Some(self.plugin(Role::Grader, recorded)?),
            None => None,
        };
        Ok(Prepared { row: row.clone(), play: Some((journal, agent, grader)) })
    }

    fn plugin(&mut self, role: Role, recorded: &Recorded) -> Result<Plugin, Failure> {
        let key = (recorded.plugin, role, recorded.grant.clone());
        if let Some(plugin) = self.plugins.get(&key) {
            return Ok(plugin.clone());
        }
        let identity = lancet_core::PluginIdentity { name: recorded.plugin.short(), digest: recorded.plugin };
        let named = catalog::recorded(&self.reader, &identity)?;
        let grant = recorded.grant.iter().fold(Grant::standard(role), |grant, capability| {
            grant.clone().with(*capability).unwrap_or(grant)
        });
        let plugin = catalog::load(&self.runtime, &named, &grant)?;
        self.plugins.insert(key, plugin.clone());
        Ok(plugin)
    }
}

/// Takes a journal apart into what its plugins did.
fn journal(reader: &Reader, row: &AttemptRow) -> Result<Journal, Failure> {
    let mut solve = None;
    let mut solved = None;
    let mut captured = None;
    let mut grade = None;
    let mut graded = None;
    let mut decided = None;
    let broken = |what: &str| {
        Failure::new(Exit::Store, format!("the journal of attempt {} is not whole: {what}", row.id))
    };
    for line in reader.events(&row.id)? {
        match line.event {
            Event::Began { phase, plugin, grant, limits, engine, .. } => {
                let recorded = Recorded { plugin, grant, limits, engine, calls: Vec::new() };
                match phase {
                    Phase::Solve => solve = Some(recorded),
                    Phase::Grade => grade = Some(recorded),
                }
            }
            Event::Called { phase, call } => {
                let part = match phase {
                    Phase::Solve => &mut solve,
                    Phase::Grade => &mut grade,
                };
                part.as_mut().ok_or_else(|| broken("a call before its plugin began"))?.calls.push(call);
            }
            Event::Asked { .. } => {}
            Event::Captured { capture } => captured = Some(capture),
            Event::Solved { end, fuel_used, submission } => solved = Some((end, fuel_used, submission)),
            // What came before is no part of the decision that is replayed.
            Event::Reopened { phase, .. } => {
                if phase == Phase::Solve {
                    (solve, solved, captured) = (None, None, None);
                }
                (grade, graded, decided) = (None, None, None);
            }
            Event::Graded { verdict, fuel_used } => graded = Some((verdict, fuel_used)),
            Event::Decided { digest, .. } => decided = Some(digest),
        }
    }
    let (end, solve_fuel, submission) = solved.ok_or_else(|| broken("no submission"))?;
    let grade = match (grade, graded) {
        (Some(recorded), Some((verdict, fuel))) => Some((recorded, verdict, fuel)),
        (None, None) => None,
        _ => return Err(broken("half a grading")),
    };
    Ok(Journal {
        solve: solve.ok_or_else(|| broken("the agent never began"))?,
        end,
        solve_fuel,
        capture: captured,
        submission,
        grade,
        digest: decided.ok_or_else(|| broken("no verdict"))?,
    })
}

async fn play(
    spec: &RunSpec,
    reader: &Reader,
    prepared: Vec<Prepared>,
    jobs: usize,
) -> Result<Vec<Finding>, Failure> {
    let spec = std::sync::Arc::new(spec.clone());
    let mut findings = vec![Finding::Undecided; prepared.len()];
    let mut waiting = prepared.into_iter().enumerate();
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        while under_way.len() < jobs {
            let Some((index, one)) = waiting.next() else { break };
            let Some((journal, agent, grader)) = one.play else { continue };
            let task = record::task(reader, one.row.task_blob)?;
            let spec = std::sync::Arc::clone(&spec);
            under_way.spawn(async move {
                let finding = replay(&spec, &one.row, &task, journal, &agent, grader.as_ref()).await?;
                Ok::<_, lancet_engine::EngineError>((index, finding))
            });
        }
        let Some(joined) = under_way.join_next().await else { break };
        let (index, finding) = joined.map_err(|e| host("a replay's task died", e))??;
        findings[index] = finding;
    }
    Ok(findings)
}

async fn replay(
    spec: &RunSpec,
    row: &AttemptRow,
    task: &lancet_core::Task,
    journal: Journal,
    agent: &Plugin,
    grader: Option<&Plugin>,
) -> Result<Finding, lancet_engine::EngineError> {
    let seed = attempt_seed(spec.seed, &row.id.task, row.id.number);
    let different = |phase, what: String| Ok(Finding::Different { phase, what });

    let nothing = nothing::verdict(row.kind, &journal.end, &journal.solve.calls);
    // A call that the clock cut off ends somewhere else each time: nothing was handed
    // in then, and that is all there is to compare.
    if journal.end != SolveEnd::TimedOut {
        let compare_fuel = journal.solve.engine == ENGINE_ID;
        let behind = Behind::Recorded { calls: journal.solve.calls, compare_fuel };
        let limits = unhurried(&journal.solve.limits);
        let output = agent.solve(Call { task, limits: &limits, seed, behind, journal: None }).await?;
        if let Some(divergence) = output.divergence {
            return different("solve", told(&divergence));
        }
        if output.end != journal.end {
            return different("solve", format!("recorded end {:?}, replayed {:?}", journal.end, output.end));
        }
        if compare_fuel && output.fuel_used != journal.solve_fuel {
            return different("solve", fuel(journal.solve_fuel, output.fuel_used));
        }
    }
    let answer = journal.end.submission().unwrap_or(Answer::Nothing);
    let submission = submission_digest(&answer, journal.capture.as_ref());
    if submission != journal.submission {
        return different(
            "solve",
            format!("recorded submission {}, replayed {submission}", journal.submission),
        );
    }
    let host = match &journal.capture {
        Some(Capture::Refused(refused)) => Some(refused_verdict(refused)),
        capture => undecidable(spec, &journal.end, capture.as_ref()).or(nothing),
    };
    let (verdict, grader) = match (journal.grade, grader, host) {
        (Some((recorded, verdict, fuel_used)), Some(grader), _) => {
            let timed_out = fuel_used.is_none();
            if timed_out && !verdict.is_grader_timeout() {
                return different(
                    "grade",
                    format!("the clock ended the grader by the record, and the verdict is {verdict:?}"),
                );
            }
            if !timed_out {
                let compare_fuel = recorded.engine == ENGINE_ID;
                let behind = Behind::Recorded { calls: recorded.calls, compare_fuel };
                let limits = unhurried(&recorded.limits);
                let call = Call { task, limits: &limits, seed, behind, journal: None };
                let output = grader.grade(call, &answer).await?;
                if let Some(divergence) = output.divergence {
                    return different("grade", told(&divergence));
                }
                if output.verdict != verdict {
                    return different(
                        "grade",
                        format!("recorded verdict {verdict:?}, replayed {:?}", output.verdict),
                    );
                }
                if compare_fuel && output.fuel_used != fuel_used {
                    return different("grade", fuel(fuel_used, output.fuel_used));
                }
            }
            (verdict, grader.digest())
        }
        (None, _, Some(verdict)) => (verdict, row.grader.digest),
        _ => return different("grade", "the journal holds no grading".to_owned()),
    };
    let record = verdict_record(spec, row, grader, verdict, submission);
    if record.digest() != journal.digest {
        return different(
            "grade",
            format!("recorded verdict digest {}, replayed {}", journal.digest, record.digest()),
        );
    }
    Ok(Finding::Identical)
}

/// The limits of a call that the clock did not end, without the clock: this machine may be
/// slower than the one that recorded it, and fuel bounds what is executed again.
fn unhurried(limits: &Limits) -> Limits {
    Limits { wall_ms: u64::MAX, ..limits.clone() }
}

fn told(divergence: &Divergence) -> String {
    divergence.to_string()
}

fn fuel(recorded: Option<u64>, replayed: Option<u64>) -> String {
    format!("recorded fuel {recorded:?}, replayed {replayed:?}")
}

fn line(attempt: String, finding: &Finding) -> Line {
    let (result, phase, difference) = match finding {
        Finding::Identical => ("identical", None, None),
        Finding::Undecided => ("undecided", None, None),
        Finding::Different { phase, what } => ("different", Some(*phase), Some(what.clone())),
    };
    Line { attempt, finding: FindingLine { result, phase, difference } }
}

fn print(run: &RunRow, summary: &Summary, one: bool, format: FormatKind) -> Result<(), Failure> {
    let mut table = Table::new([left("attempt"), left("result"), left("phase"), left("difference")]);
    for line in &summary.attempts {
        // In a run of hundreds only what differs is worth a line.
        if format == FormatKind::Table && !one && line.finding.result == "identical" {
            continue;
        }
        table.row([
            line.attempt.clone(),
            line.finding.result.to_owned(),
            line.finding.phase.unwrap_or("-").to_owned(),
            line.finding.difference.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    if format != FormatKind::Table || one || summary.identical < summary.attempts.len() {
        output::print_table(format, &table, summary)?;
    }
    if format == FormatKind::Table {
        output::print(&format!(
            "run {}: {} replayed, {} identical, {} different, {} not decided yet",
            run.id, summary.replayed, summary.identical, summary.different, summary.undecided
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_bounded_by_fuel_alone() {
        let recorded = Limits { wall_ms: 1, fuel: 2, ..Limits::standard() };
        let limits = unhurried(&recorded);
        assert_eq!(limits.wall_ms, u64::MAX);
        assert_eq!(Limits { wall_ms: 1, ..limits }, recorded);
    }
}
