//! The grader `playwright-e2e`: do the hidden tests pass in a browser?
//!
//! It judges as `junit` does, by the run's exit status, its JUnit report, the tests
//! that are required and the sentinels; for the reasons see `lancet-evidence`. For
//! the people who read the verdict it names the traces, films and screenshots that
//! were kept, and puts the end of the log beside what failed. Those are no ground
//! for a pass.

#![forbid(unsafe_code)]

use lancet_evidence::{Tested, judge, test};
use lancet_sdk::tests::TestRun;
use lancet_sdk::{
    ArtifactEntry, ArtifactKind, Check, GradeError, Grader, Outcome, Task, Verdict, artifacts, log,
};

/// The most bytes of a log that are put into an explanation.
const TAIL_BYTES: u32 = 2_000;
/// The most bytes of an explanation: the contract's limit.
const MAX_EXPLANATION_BYTES: usize = 4 << 10;
/// The most artifacts of a kind that are named.
const MAX_NAMED: usize = 10;

struct PlaywrightE2e;

impl Grader for PlaywrightE2e {
    fn grade(task: Task) -> Result<Verdict, GradeError> {
        let (plan, report) = match test(&task, "playwright-e2e")? {
            Tested::Not(verdict) => return Ok(verdict),
            Tested::Run { plan, report } => (plan, report),
        };
        let mut verdict = judge(&plan, &report);
        let Some(run) = report.decisive() else { return Ok(verdict) };
        verdict.checks.extend(recordings(run));
        if verdict.outcome != Outcome::Pass
            && let Some(entry) = run.artifacts.iter().find(|entry| entry.kind == ArtifactKind::Log)
        {
            match artifacts::read(&entry.name, entry.bytes.saturating_sub(TAIL_BYTES.into()), TAIL_BYTES) {
                Ok(bytes) => append(&mut verdict.explanation, &entry.name, &bytes),
                Err(error) => log::warn("the log could not be read", &[("why", error.message())]),
            }
        }
        Ok(verdict)
    }
}

lancet_sdk::export_grader!(PlaywrightE2e);

/// A check that names what the browser left, if it left anything: whatever it is,
/// it holds.
fn recordings(run: &TestRun) -> Option<Check> {
    let mut detail = String::new();
    for (kind, word) in [
        (ArtifactKind::Trace, "traces"),
        (ArtifactKind::Video, "videos"),
        (ArtifactKind::Screenshot, "screenshots"),
    ] {
        let of_kind: Vec<_> = run.artifacts.iter().filter(|entry| entry.kind == kind).collect();
        if !of_kind.is_empty() {
            detail.push_str(if detail.is_empty() { "" } else { "; " });
            detail.push_str(word);
            detail.push_str(": ");
            detail.push_str(&names(&of_kind));
        }
    }
    (!detail.is_empty()).then(|| Check { name: "recordings".into(), passed: true, detail })
}

/// The first few names, each cut to a line's length.
fn names(entries: &[&ArtifactEntry]) -> String {
    const NAME_BYTES: usize = 100;
    let mut text = String::new();
    for (index, entry) in entries.iter().take(MAX_NAMED).enumerate() {
        text.push_str(if index == 0 { "" } else { ", " });
        text.push_str(&entry.name[..entry.name.floor_char_boundary(NAME_BYTES)]);
    }
    if entries.len() > MAX_NAMED {
        text.push_str(&format!(" and {} more", entries.len() - MAX_NAMED));
    }
    text
}

/// Puts the end of a log below an explanation, as much of it as there is room for,
/// without the control characters that colour it.
fn append(explanation: &mut String, name: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let plain: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
    let plain = plain.trim();
    let name = &name[..name.floor_char_boundary(100)];
    let heading = format!("\n\nThe end of `{name}`:\n");
    let room = MAX_EXPLANATION_BYTES.saturating_sub(explanation.len() + heading.len());
    if plain.is_empty() || room == 0 {
        return;
    }
    explanation.push_str(&heading);
    explanation.push_str(&plain[plain.ceil_char_boundary(plain.len().saturating_sub(room))..]);
}

#[cfg(test)]
mod unit {
    use lancet_sdk::tests::{Conclusion, ReportState, RunEnd};

    use super::*;

    fn run(artifacts: Vec<(String, ArtifactKind)>) -> TestRun {
        TestRun {
            end: RunEnd::Exited(1),
            status: None,
            report: ReportState::Read,
            cases: Vec::new(),
            artifacts: artifacts
                .into_iter()
                .map(|(name, kind)| ArtifactEntry { name, kind, bytes: 1 })
                .collect(),
            conclusion: Conclusion { outcome: Outcome::Fail, reason: String::new(), detail: String::new() },
        }
    }

    #[test]
    fn what_the_browser_left_is_named_by_kind() {
        assert_eq!(recordings(&run(vec![("log".into(), ArtifactKind::Log)])), None);
        let check = recordings(&run(vec![
            ("shots/a.png".into(), ArtifactKind::Screenshot),
            ("shots/b.png".into(), ArtifactKind::Screenshot),
            ("trace.zip".into(), ArtifactKind::Trace),
        ]))
        .unwrap();
        assert_eq!(check.detail, "traces: trace.zip; screenshots: shots/a.png, shots/b.png");
    }

    #[test]
    fn any_number_of_artifacts_fits_into_a_check() {
        let many = |kind| (0..1_000).map(move |n| (format!("{}{n}", "é".repeat(1_000)), kind));
        let kinds = [ArtifactKind::Trace, ArtifactKind::Video, ArtifactKind::Screenshot];
        let check = recordings(&run(kinds.into_iter().flat_map(many).collect())).unwrap();
        assert!(check.detail.len() <= 4_096, "{}", check.detail.len());
        assert!(check.detail.ends_with(" and 990 more"));
    }

    #[test]
    fn the_end_of_a_log_is_kept_and_its_colours_are_not() {
        let mut explanation = "1 of 2 required tests did not pass".to_owned();
        append(&mut explanation, "log", b"\x1b[31mError\x1b[0m: \xff no button\n\n");
        assert_eq!(
            explanation,
            "1 of 2 required tests did not pass\n\nThe end of `log`:\n[31mError[0m: \u{fffd} no button"
        );
        let mut long = "é".repeat(2_000);
        append(&mut long, "log", "é\n".repeat(1_000).as_bytes());
        assert!(long.len() <= MAX_EXPLANATION_BYTES);
        assert!(long.ends_with('é'));
        let mut empty = String::new();
        append(&mut empty, "log", b" \n");
        assert_eq!(empty, "");
    }
}
