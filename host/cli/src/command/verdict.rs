//! Why an attempt's verdict is what it is: below its journal, in words.

use lancet_core::{
    Artifact, AttemptId, Event, Outcome, Phase, Request, Response, TestReport, TestRun, Verdict,
    VerdictRecord,
};
use lancet_store::{Store, TimedEvent};

use super::artifact;
use crate::render::{display_safe, hint, numbered};

/// The most lines of a plugin's log, of its checks, and of what tests wrote.
const MAX_LOG_LINES: usize = 40;
const MAX_CHECKS: usize = 64;
const MAX_OUTPUT_LINES: usize = 20;
/// The most lines of a check, and of an explanation.
const MAX_LINES: usize = 40;
/// What the tests of a run wrote.
const OUTPUT: &str = "output";

/// What the verdict says, with its checks; what plugins left in their logs; and the last lines of
/// what tests wrote that could not be judged.
pub(super) async fn text(store: &Store, attempt: &AttemptId, events: &[TimedEvent]) -> String {
    let mut text = String::new();
    // One that was taken up again is not decided by what came before.
    let decided = match events.last().map(|timed| &timed.event) {
        Some(Event::Decided { record, .. }) => Some(record),
        _ => None,
    };
    log(&mut text, events);
    // What `--artifact` prints, which is the last run's.
    let printed = artifact::left(events).into_iter().rev().find(|artifact| artifact.name == OUTPUT);
    for report in reports(events) {
        for (number, run) in report.runs.iter().enumerate() {
            if run.conclusion.outcome == Outcome::Invalid {
                run_that_came_to_nothing(&mut text, store, (attempt, printed), report, number, run).await;
            }
        }
    }
    if let Some(VerdictRecord { verdict, earned, .. }) = decided {
        let Verdict { outcome, reason, checks, explanation, .. } = verdict;
        text.push_str(&format!("\nverdict: {outcome} {reason}, earned {earned}\n"));
        paragraph(&mut text, explanation);
        if !checks.is_empty() {
            text.push_str("checks:\n");
        }
        for check in checks.iter().take(MAX_CHECKS) {
            let held = if check.passed { "yes" } else { "no " };
            text.push_str(&format!("  {held} {}\n", display_safe(&check.name)));
            paragraph(&mut text, &check.detail);
        }
        more(&mut text, checks.len().saturating_sub(MAX_CHECKS), "checks");
        if let Some(hint) = hint(reason) {
            text.push_str(&format!("hint: {hint}\n"));
        }
    }
    text
}

/// What people were told, indented, line by line.
fn paragraph(text: &mut String, told: &str) {
    let lines = artifact::lines(told.trim_end());
    for line in lines.iter().take(MAX_LINES) {
        text.push_str(&format!("      {line}\n"));
    }
    more(text, lines.len().saturating_sub(MAX_LINES), "lines");
}

fn more(text: &mut String, number: usize, things: &str) {
    if number > 0 {
        text.push_str(&format!("  and {number} more {things}; `--format json` has them all\n"));
    }
}

/// What plugins wrote to their logs: the last lines, since what went wrong stands at the end.
fn log(text: &mut String, events: &[TimedEvent]) {
    let mut lines = Vec::new();
    for timed in events {
        let Event::Called { phase, call } = &timed.event else { continue };
        let Request::LogWrite { level, message, fields, .. } = &call.request else { continue };
        let who = match phase {
            Phase::Solve => "agent",
            Phase::Grade => "grader",
        };
        let fields: String = fields.iter().map(|(key, value)| format!(" {key}={value:?}")).collect();
        let mut written = artifact::lines(message.trim_end());
        if written.is_empty() {
            // One that has fields alone.
            written.push(String::new());
        }
        for (index, line) in written.iter().enumerate() {
            let fields = if index == 0 { display_safe(&fields) } else { "".into() };
            lines.push(format!("  {who} {level}: {line}{fields}\n"));
        }
    }
    if lines.is_empty() {
        return;
    }
    text.push_str("\nlog:\n");
    let left_out = lines.len().saturating_sub(MAX_LOG_LINES);
    if left_out > 0 {
        let before = numbered(left_out, "line");
        text.push_str(&format!("  {before} before these; `--format json` has them all\n"));
    }
    text.extend(lines.into_iter().skip(left_out));
}

fn reports(events: &[TimedEvent]) -> impl Iterator<Item = &TestReport> {
    events.iter().filter_map(|timed| match &timed.event {
        Event::Called { call, .. } => match &call.response {
            Response::Tested(report) => Some(&**report),
            _ => None,
        },
        _ => None,
    })
}

async fn run_that_came_to_nothing(
    text: &mut String,
    store: &Store,
    (attempt, printed): (&AttemptId, Option<&Artifact>),
    report: &TestReport,
    number: usize,
    run: &TestRun,
) {
    let (plan, number) = (display_safe(&report.plan), number + 1);
    text.push_str(&format!(
        "\ntests `{plan}`, run {number}: {} {}, {}\n",
        run.conclusion.outcome, run.conclusion.reason, run.end
    ));
    paragraph(text, &run.conclusion.detail);
    let Some(output) = run.artifacts.iter().find(|artifact| artifact.name == OUTPUT) else { return };
    let bytes = match store.blob(output.sha256).await {
        Ok(bytes) => bytes,
        // What is there is shown of a store that is not whole, too.
        Err(error) => {
            text.push_str(&format!(
                "  what they wrote is not to be had: {}\n",
                display_safe(&error.to_string())
            ));
            return;
        }
    };
    let lines = artifact::lines(&String::from_utf8_lossy(&bytes));
    let shown = lines.len().min(MAX_OUTPUT_LINES);
    let all = match printed {
        Some(printed) if std::ptr::eq(printed, output) => {
            format!("; `lancet show {attempt} --artifact {OUTPUT}` prints them all")
        }
        _ => String::new(),
    };
    text.push_str(&match shown {
        0 => "  the tests wrote nothing\n".to_owned(),
        _ if shown < lines.len() => {
            format!("  the last {shown} of {} lines that they wrote{all}:\n", lines.len())
        }
        _ => "  what they wrote:\n".to_owned(),
    });
    for line in &lines[lines.len() - shown..] {
        text.push_str(&format!("  | {line}\n"));
    }
}
