//! `lancet show`.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{
    AnswerPart, AttemptId, Capture, CaseStatus, Conclusion, Difference, Event, FileChange, ModelAnswer,
    Phase, Response, RunId, Setting, ShownAttempt, ShownEvent, ShownState, SolveEnd, TestCase, TestReport,
    TestRun, Transcript,
};
use lancet_runner::Error;
use lancet_store::{EntryState, Store, TimedEvent};

use super::{artifact, verdict};
use crate::arguments::{FormatKind, Global, Show};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{LostQuestion, Table, either, left, numbered, right, transcript_text};
use crate::session::block_on;

/// Shows a run's attempts, or the journal of one attempt.
pub(crate) fn main(arguments: &Show, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let format = arguments.format.kind;
    block_on(async {
        match super::attempt_named(&store, &arguments.what).await? {
            Some(attempt) => {
                match &arguments.artifact {
                    Some(name) => artifact::print(&store, &attempt, name).await?,
                    None if arguments.transcript => {
                        transcript(&store, &attempt, format, arguments.full).await?;
                    }
                    None => journal(&store, &attempt, format).await?,
                }
                let audit = store.audit(&attempt.run).await?;
                whole(&attempt.run, audit.of(&attempt).cloned().collect())
            }
            None if arguments.transcript => Err(of_one("--transcript", &arguments.what)),
            None if arguments.artifact.is_some() => Err(of_one("--artifact", &arguments.what)),
            None => attempts(&store, &store.resolve_run(&arguments.what).await?, format).await,
        }
    })?;
    Ok(Exit::Done)
}

fn of_one(option: &str, what: &str) -> Failure {
    Failure::usage(format!("`{option}` is of one attempt, and `{what}` names a run"))
        .hint("name the attempt as RUN/TASK/NUMBER; `lancet show RUN` lists them")
}

async fn attempts(store: &Store, run: &RunId, format: FormatKind) -> Result<(), Failure> {
    let mut table = Table::new([
        left("attempt"),
        left("kind"),
        right("price"),
        left("state"),
        left("reason"),
        right("earned"),
        left("verdict"),
    ]);
    let mut lines = Vec::new();
    // What is there is shown, and then what is wrong with it: who looks at a store
    // that somebody has changed wants to see it.
    let audit = store.audit(run).await?;
    for row in &audit.attempts {
        let dash = || "-".to_owned();
        let state = ShownState::from(row.state);
        table.row([
            row.id.to_string(),
            row.kind.to_string(),
            row.price.to_string(),
            state.as_str().to_owned(),
            row.reason.as_ref().map_or_else(dash, ToString::to_string),
            row.earned.map_or_else(dash, |earned| earned.to_string()),
            row.verdict_digest.map_or_else(dash, |digest| digest.short()),
        ]);
        lines.push(ShownAttempt {
            attempt: row.id.to_string(),
            kind: row.kind,
            price_cents: row.price,
            state,
            reason: row.reason.as_ref().map(ToString::to_string),
            earned_cents: row.earned,
            verdict_digest: row.verdict_digest,
            solve_us: row.solve_us,
            grade_us: row.grade_us,
            test_runs: row.test_runs,
            flaky: row.flaky,
        });
    }
    output::print_table(format, &table, &lines)?;
    whole(run, audit.differences)
}

/// What is shown does not hold together when there are differences.
fn whole(run: &RunId, differences: Vec<Difference>) -> Result<(), Failure> {
    match differences.is_empty() {
        true => Ok(()),
        false => Err(Error::Contradicted { run: run.clone(), differences }.into()),
    }
}

async fn journal(store: &Store, attempt: &AttemptId, format: FormatKind) -> Result<(), Failure> {
    let events = store.events(attempt).await?;
    let why = match format {
        FormatKind::Table => verdict::text(store, attempt, &events).await,
        _ => String::new(),
    };
    let mut table =
        Table::new([right("seq"), right("at us"), left("event"), left("phase"), right("fuel"), left("what")]);
    let sentinels = sentinels(store, attempt).await;
    for (seq, TimedEvent { at_us, event }) in events.iter().enumerate() {
        let (phase, fuel, what) = described(event, &sentinels);
        table.row([
            seq.to_string(),
            at_us.to_string(),
            event.name().to_owned(),
            phase.to_owned(),
            fuel.map_or_else(String::new, |fuel| fuel.to_string()),
            what,
        ]);
    }
    let lines: Vec<_> = events
        .into_iter()
        .enumerate()
        .map(|(seq, line)| ShownEvent { seq, at_us: line.at_us, event: line.event })
        .collect();
    output::print_table(format, &table, &lines)?;
    if why.is_empty() { Ok(()) } else { output::tell(&why) }
}

/// The tests of each plan that have to fail. None where what the attempt is judged in cannot be
/// read: the journal is shown all the same.
type Sentinels = BTreeMap<String, BTreeSet<String>>;

async fn sentinels(store: &Store, attempt: &AttemptId) -> Sentinels {
    let Ok(row) = store.attempt(attempt).await else { return Sentinels::new() };
    let Some(digest) = row.setting_blob else { return Sentinels::new() };
    let setting =
        store.blob(digest).await.ok().and_then(|bytes| serde_json::from_slice::<Setting>(&bytes).ok());
    let plans = setting.and_then(|setting| setting.environment).map(|environment| environment.plans);
    plans.into_iter().flatten().map(|plan| (plan.name, plan.sentinels.into_iter().collect())).collect()
}

/// The requests of an attempt that were under way when its run was stopped, in the order in which they
/// were made.
async fn lost(store: &Store, attempt: &AttemptId) -> Result<Vec<LostQuestion>, Failure> {
    let ledger = store.ledger(&attempt.run).await?;
    let lost =
        ledger.into_iter().filter(|line| line.new.attempt == *attempt && line.state != EntryState::Settled);
    Ok(lost
        .map(|line| LostQuestion {
            phase: line.new.phase,
            conversation: line.new.conversation,
            aside: line.new.held,
        })
        .collect())
}

/// What the plugins of an attempt said to models, and what these said.
async fn transcript(
    store: &Store,
    attempt: &AttemptId,
    format: FormatKind,
    full: bool,
) -> Result<(), Failure> {
    if matches!(format, FormatKind::Csv | FormatKind::Md) {
        return Err(Failure::usage("a transcript is no table")
            .hint("leave `--format` out for a text, or give `--format json`"));
    }
    let events = store.events(attempt).await?;
    let transcript = Transcript::of(attempt, events.iter().map(|timed| (timed.at_us, &timed.event)));
    if format == FormatKind::Json {
        return output::print_json(&transcript);
    }
    if transcript.is_empty() {
        return output::print("no plugin of this attempt talked to a model");
    }
    let lost = lost(store, attempt).await?;
    output::print(&transcript_text(&transcript, &lost, output::style(), full))
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Solve => "solve",
        Phase::Grade => "grade",
    }
}

/// A line of a journal for people: its phase, its fuel, and what it says.
fn described(event: &Event, sentinels: &Sentinels) -> (&'static str, Option<u64>, String) {
    match event {
        Event::Began { phase, plugin, grant, limits, engine, jail, package, .. } => {
            let grant = grant.iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ");
            let package = package.as_ref().map_or_else(String::new, |package| format!(" ({package})"));
            let mut what =
                format!("plugin {}{package} may use {grant}; fuel {}; {engine}", plugin.short(), limits.fuel);
            if let Some(jail) = jail {
                what.push_str(&format!("; jailed: {jail}"));
            }
            (phase_name(*phase), None, what)
        }
        Event::Asked { phase, fuel_used, request } => {
            (phase_name(*phase), Some(*fuel_used), request.to_string())
        }
        Event::Called { phase, call } => {
            let what = format!("{}{}", call.request, told(&call.response, sentinels));
            (phase_name(*phase), Some(call.fuel_used), what)
        }
        Event::Solved { end, fuel_used, submission } => {
            let what = match end {
                SolveEnd::Answer(_) => format!("{end} ({})", submission.short()),
                end => end.to_string(),
            };
            ("solve", *fuel_used, what)
        }
        Event::Captured { capture } => ("solve", None, captured(capture)),
        Event::Reopened { phase, cause } => {
            (phase_name(*phase), None, format!("taken up again after: {cause}"))
        }
        Event::Graded { verdict, fuel_used } => {
            let checks = verdict
                .checks
                .iter()
                .map(|c| format!("{} {}", c.name, if c.passed { "yes" } else { "no" }))
                .collect::<Vec<_>>()
                .join(", ");
            // What the host puts in a verdict's place has no checks.
            let why = if verdict.checks.is_empty() { &verdict.explanation } else { &checks };
            ("grade", *fuel_used, format!("{} {}: {why}", verdict.outcome, verdict.reason))
        }
        Event::Decided { record, digest } => {
            let verdict = &record.verdict;
            let what = format!(
                "{} {}, earned {} ({}){}",
                verdict.outcome,
                verdict.reason,
                record.earned,
                digest.short(),
                if record.by_model { ", by a grader that could ask models" } else { "" }
            );
            ("", None, what)
        }
    }
}

fn told(response: &Response, sentinels: &Sentinels) -> String {
    match response {
        Response::Done => String::new(),
        Response::Number(number) => format!(" -> {number}"),
        Response::Applied(true) => String::new(),
        Response::Applied(false) => " -> none".to_owned(),
        Response::Text(text) => format!(" -> {} of text", numbered(text.len(), "byte")),
        Response::Answer(answer) => format!(" -> {answer}"),
        Response::MaybeText(None) => " -> none".to_owned(),
        Response::MaybeText(Some(text)) => format!(" -> {} of text", numbered(text.len(), "byte")),
        Response::Bytes(bytes) => format!(" -> {}", numbered(bytes.0.len(), "byte")),
        Response::Files(files) => format!(" -> {}", numbered(files.len(), "file")),
        Response::Plans(plans) => format!(" -> {}", numbered(plans.len(), "plan")),
        Response::Tested(report) => tested(report, sentinels.get(&report.plan)),
        Response::Artifacts(artifacts) => format!(" -> {}", numbered(artifacts.len(), "artifact")),
        Response::Entries(entries) => {
            format!(" -> {} {}", entries.len(), either(entries.len(), "entry", "entries"))
        }
        Response::Hits(hits) => format!(" -> {}", numbered(hits.len(), "hit")),
        Response::Output(output) => match output.exit_status {
            Some(status) => format!(" -> exit status {status}"),
            None => " -> out of time".to_owned(),
        },
        Response::Observed(observation) => {
            let how = if observation.completed { "carried out" } else { "not carried out" };
            format!(" -> {how}, {}", numbered(observation.artifacts.len(), "artifact"))
        }
        Response::MaybeNumber(None) => " -> none".to_owned(),
        Response::MaybeNumber(Some(number)) => format!(" -> {number}"),
        Response::Allowances(allowances) => format!(" -> {}", numbered(allowances.len(), "limit")),
        Response::Offers(offers) => format!(" -> {}", numbered(offers.len(), "model")),
        Response::Conversation(number) => format!(" -> conversation {number}"),
        Response::Answered(answer) => answered(answer),
        Response::Unanswered(failure) => format!(" -> no answer: {failure}"),
        Response::Refused(error) => format!(" -> refused: {}", error.message),
        Response::Unavailable(fault) => format!(" -> the infrastructure failed: {fault}"),
    }
}

fn answered(answer: &ModelAnswer) -> String {
    let text: usize =
        answer.parts.iter().map(|part| if let AnswerPart::Text(text) = part { text.len() } else { 0 }).sum();
    format!(" -> {} of text, {}", numbered(text, "byte"), numbered(answer.calls().count(), "call"))
}

/// What was taken out of the agent's container, by path.
fn captured(capture: &Capture) -> String {
    const SHOWN: usize = 5;
    match capture {
        Capture::Refused(refused) => format!("refused the work tree: {refused}"),
        Capture::Unavailable(fault) => format!("could not take the work tree: {fault}"),
        Capture::Taken(changes) => {
            let mut paths: Vec<_> = changes
                .files
                .iter()
                .take(SHOWN)
                .map(|file| match file.change {
                    FileChange::Written { .. } => file.path.clone(),
                    FileChange::Deleted => format!("{} (deleted)", file.path),
                })
                .collect();
            if changes.files.len() > SHOWN {
                paths.push(format!("and {} more", changes.files.len() - SHOWN));
            }
            let files = numbered(changes.files.len(), "changed file");
            let changed = format!("took {files} ({})", changes.digest().short());
            if paths.is_empty() { changed } else { format!("{changed}: {}", paths.join(", ")) }
        }
    }
}

/// Each run of a plan, and what it came to. A sentinel has to fail, and is counted apart.
fn tested(report: &TestReport, sentinels: Option<&BTreeSet<String>>) -> String {
    let count = |cases: &[&TestCase], status: &[CaseStatus]| {
        cases.iter().filter(|case| status.contains(&case.status)).count()
    };
    let run = |run: &TestRun| {
        let is_sentinel = |case: &&TestCase| sentinels.is_some_and(|sentinels| sentinels.contains(&case.id));
        let (sentinels, cases): (Vec<_>, Vec<_>) = run.cases.iter().partition(is_sentinel);
        let all = numbered(cases.len(), "case");
        let mut counts = format!("{} of {all} passed", count(&cases, &[CaseStatus::Passed]));
        if !sentinels.is_empty() {
            let failed = count(&sentinels, &[CaseStatus::Failed, CaseStatus::Errored]);
            let all = numbered(sentinels.len(), "sentinel");
            let they_have = either(sentinels.len(), "it has", "they have");
            counts.push_str(&format!(", {failed} of {all} failed as {they_have} to"));
        }
        let Conclusion { outcome, reason, .. } = &run.conclusion;
        format!("{outcome} {reason} ({counts}, {}, {})", run.end, numbered(run.artifacts.len(), "artifact"))
    };
    format!(" -> {}", report.runs.iter().map(run).collect::<Vec<_>>().join("; then "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentinel_is_no_case_that_did_not_pass() {
        let case = |id: &str, status| TestCase { id: id.to_owned(), status, detail: String::new() };
        let run = TestRun {
            end: lancet_core::RunEnd::Exited(1),
            status: None,
            report: lancet_core::ReportState::Read,
            cases: vec![
                case("t::a", CaseStatus::Passed),
                case("t::b", CaseStatus::Passed),
                case("t::s", CaseStatus::Failed),
            ],
            artifacts: Vec::new(),
            conclusion: Conclusion {
                outcome: lancet_core::Outcome::Pass,
                reason: "tests-passed".parse().unwrap(),
                detail: String::new(),
            },
            wall_ms: 1,
        };
        let report = TestReport { plan: "hidden".to_owned(), runs: vec![run] };
        assert_eq!(
            tested(&report, Some(&BTreeSet::from(["t::s".to_owned()]))),
            " -> pass tests-passed (2 of 2 cases passed, 1 of 1 sentinel failed as it has to, exit status 1, \
             0 artifacts)"
        );
        assert!(tested(&report, None).contains("2 of 3 cases passed, exit status 1"));
    }
}
