//! `lancet show`.

use lancet_core::{
    AnswerPart, AttemptId, Capture, CaseStatus, Difference, Event, FileChange, ModelAnswer, Phase, Request,
    Response, RunId, ShownAttempt, ShownEvent, ShownState, SolveEnd, TestReport, Transcript,
};
use lancet_runner::Error;
use lancet_store::{EntryState, Store, TimedEvent};

use crate::arguments::{FormatKind, Global, Show};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{LostQuestion, Style, Table, hint, left, right, transcript_text};
use crate::session::block_on;

/// Shows a run's attempts, or the journal of one attempt.
pub(crate) fn main(arguments: &Show, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    let format = arguments.format.kind;
    block_on(async {
        match super::attempt_named(&store, &arguments.what).await? {
            Some(attempt) => {
                match arguments.transcript {
                    true => transcript(&store, &attempt, format, arguments.full).await?,
                    false => journal(&store, &attempt, format).await?,
                }
                let audit = store.audit(&attempt.run).await?;
                whole(&attempt.run, audit.of(&attempt).cloned().collect())
            }
            None if arguments.transcript => Err(Failure::usage(format!(
                "`--transcript` is of one attempt, and `{}` names a run",
                arguments.what
            ))
            .hint("name the attempt as RUN/TASK/NUMBER; `lancet show RUN` lists them")),
            None => attempts(&store, &store.resolve_run(&arguments.what).await?, format).await,
        }
    })?;
    Ok(Exit::Done)
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
    // One that was taken up again is not decided by what came before.
    let reason = match events.last().map(|timed| &timed.event) {
        Some(Event::Decided { record, .. }) => Some(record.verdict.reason.clone()),
        _ => None,
    };
    let mut table =
        Table::new([right("seq"), right("at us"), left("event"), left("phase"), right("fuel"), left("what")]);
    for (seq, TimedEvent { at_us, event }) in events.iter().enumerate() {
        let (phase, fuel, what) = described(event);
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
    match reason.as_ref().and_then(hint) {
        Some(hint) if format == FormatKind::Table => output::print(&format!("hint: {hint}")),
        _ => Ok(()),
    }
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
    output::print(&transcript_text(&transcript, &lost, Style { color: output::color(), width: 100 }, full))
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Solve => "solve",
        Phase::Grade => "grade",
    }
}

/// A line of a journal for people: its phase, its fuel, and what it says.
fn described(event: &Event) -> (&'static str, Option<u64>, String) {
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
        Event::Asked { phase, fuel_used, request } => (phase_name(*phase), Some(*fuel_used), asked(request)),
        Event::Called { phase, call } => {
            let what = format!("{}{}", asked(&call.request), told(&call.response));
            (phase_name(*phase), Some(call.fuel_used), what)
        }
        Event::Solved { end, fuel_used, submission } => {
            let what = match end {
                SolveEnd::Answer(answer) => format!("handed in {answer:?} ({})", submission.short()),
                SolveEnd::GaveUp(why) => format!("gave up: {why}"),
                SolveEnd::TimedOut => "ran out of time".to_owned(),
                SolveEnd::Fault(fault) => format!("failed: {fault}"),
                SolveEnd::Unavailable(fault) => format!("the infrastructure failed: {fault}"),
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

fn asked(request: &Request) -> String {
    match request {
        Request::LogWrite { level, message, fields, dropped_bytes } => {
            let level = format!("{level:?}").to_lowercase();
            let mut text = format!("log.write {level} {message:?}");
            for (key, value) in fields {
                text.push_str(&format!(" {key}={value:?}"));
            }
            if *dropped_bytes > 0 {
                text.push_str(&format!(" ({dropped_bytes} bytes dropped)"));
            }
            text
        }
        Request::RandomBelow { bound } => format!("random.below {bound}"),
        Request::TestsRun { plan } => format!("tests.run {plan}"),
        Request::SubmissionRead { path, .. }
        | Request::WorkspaceList { path }
        | Request::WorkspaceRead { path, .. }
        | Request::WorkspaceRemove { path } => format!("{} {path:?}", request.name()),
        Request::WorkspaceWrite { path, contents } => {
            format!("workspace.write {path:?}, {} bytes", contents.0.len())
        }
        Request::WorkspaceSearch { pattern, path } => format!("workspace.search {pattern:?} in {path:?}"),
        Request::WorkspaceApplyPatch { patch } => format!("workspace.apply-patch, {} bytes", patch.len()),
        Request::ShellRun { command, timeout_seconds } => {
            format!("shell.run {:?} for at most {timeout_seconds} s", shortened(command))
        }
        Request::ArtifactsRead { name, .. } | Request::UserToolRead { name, .. } => {
            format!("{} {name:?}", request.name())
        }
        other => other.name().to_owned(),
    }
}

fn told(response: &Response) -> String {
    match response {
        Response::Done => String::new(),
        Response::Number(number) => format!(" -> {number}"),
        Response::Applied(true) => String::new(),
        Response::Applied(false) => " -> none".to_owned(),
        Response::Text(text) => format!(" -> {} bytes of text", text.len()),
        Response::Answer(answer) => format!(" -> {answer:?}"),
        Response::MaybeText(None) => " -> none".to_owned(),
        Response::MaybeText(Some(text)) => format!(" -> {} bytes of text", text.len()),
        Response::Bytes(bytes) => format!(" -> {} bytes", bytes.0.len()),
        Response::Files(files) => format!(" -> {} files", files.len()),
        Response::Plans(plans) => format!(" -> {} plans", plans.len()),
        Response::Tested(report) => tested(report),
        Response::Artifacts(artifacts) => format!(" -> {} artifacts", artifacts.len()),
        Response::Entries(entries) => format!(" -> {} entries", entries.len()),
        Response::Hits(hits) => format!(" -> {} hits", hits.len()),
        Response::Output(output) => match output.exit_status {
            Some(status) => format!(" -> exit status {status}"),
            None => " -> out of time".to_owned(),
        },
        Response::Observed(observation) => {
            let how = if observation.completed { "carried out" } else { "not carried out" };
            format!(" -> {how}, {} artifacts", observation.artifacts.len())
        }
        Response::MaybeNumber(None) => " -> none".to_owned(),
        Response::MaybeNumber(Some(number)) => format!(" -> {number}"),
        Response::Allowances(allowances) => format!(" -> {} limits", allowances.len()),
        Response::Offers(offers) => format!(" -> {} models", offers.len()),
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
    format!(" -> {text} bytes of text, {} calls", answer.calls().count())
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
            let changed =
                format!("took {} changed files ({})", changes.files.len(), changes.digest().short());
            if paths.is_empty() { changed } else { format!("{changed}: {}", paths.join(", ")) }
        }
    }
}

/// Each run of a plan, and what it came to.
fn tested(report: &TestReport) -> String {
    let runs: Vec<_> = report
        .runs
        .iter()
        .map(|run| {
            let passed = run.cases.iter().filter(|case| case.status == CaseStatus::Passed).count();
            format!(
                "{} {} ({passed} of {} cases passed, {:?}, {} artifacts)",
                run.conclusion.outcome,
                run.conclusion.reason,
                run.cases.len(),
                run.end,
                run.artifacts.len()
            )
        })
        .collect();
    format!(" -> {}", runs.join("; then "))
}

fn shortened(text: &str) -> String {
    const LIMIT: usize = 200;
    let end = text.floor_char_boundary(LIMIT);
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}
