//! Plugins on fixtures: executes, compares, and says what differs.

use std::sync::Arc;

use lancet_core::{
    Answer, Capability, Expected, FaultKind, Limits, Outcome, Role, SolveEnd, TestResult, TestedFixture,
    TestedLimits, TestedPlugin, Verdict,
};
use lancet_engine::{Behind, Call, EngineError, Plugin};

use crate::fixture::{Fixture, FixtureError, GAVE_UP};
use crate::held::Held;

/// Runs a plugin on fixtures, one after the other: each with its name, and as it was read. The
/// plugin's calls are answered by what it asks, so that one that asks otherwise than the one
/// that was recorded can be tried.
///
/// # Errors
/// Only when the host is at fault; whatever the plugin does is in the result.
pub async fn test(
    plugin: &Plugin,
    limits: &Limits,
    fixtures: &[(String, Result<Fixture, FixtureError>)],
) -> Result<TestedPlugin, EngineError> {
    let mut tested = Vec::with_capacity(fixtures.len());
    for (name, fixture) in fixtures {
        tested.push(match fixture {
            Ok(fixture) => one(plugin, limits, fixture).await?,
            Err(error) => unusable(name, error),
        });
    }
    let passed = tested.iter().filter(|line| line.result == TestResult::Passed).count();
    Ok(TestedPlugin {
        plugin: plugin.name().to_owned(),
        digest: plugin.digest(),
        role: plugin.role(),
        limits: TestedLimits {
            fuel: limits.fuel,
            memory_bytes: limits.memory_bytes,
            calls: limits.calls,
            milliseconds: limits.wall_ms,
        },
        passed,
        failed: tested.len() - passed,
        fixtures: tested,
    })
}

/// What one call of a plugin may use when its author tries it: the standard limits of a plugin
/// like it, and what its manifest needs where that is more.
#[must_use]
pub fn limits(plugin: &Plugin) -> Limits {
    let standard = standard(plugin.role(), plugin.has(Capability::Model));
    let needs = plugin.manifest().map(|manifest| manifest.limits).unwrap_or_default();
    Limits {
        fuel: standard.fuel.max(needs.fuel.unwrap_or(0)),
        memory_bytes: standard.memory_bytes.max(needs.memory_mib.unwrap_or(0) << 20),
        wall_ms: standard.wall_ms.max(needs.seconds.unwrap_or(0) * 1_000),
        ..standard
    }
}

/// What one call of a plugin may use in a run whose operator says nothing else.
pub(crate) fn standard(role: Role, imports_model: bool) -> Limits {
    if role == Role::Agent && imports_model { Limits::asking() } else { Limits::standard() }
}

async fn one(plugin: &Plugin, limits: &Limits, fixture: &Fixture) -> Result<TestedFixture, EngineError> {
    let contents = match fixture.contents(plugin) {
        Ok(contents) => contents,
        Err(error) => return Ok(unusable(&fixture.name, &error)),
    };
    let held = Arc::new(Held::new(contents));
    let behind = Behind::Live(held.clone());
    let call = Call { task: &fixture.task, limits, seed: fixture.seed(), behind, journal: None };
    let expect = &fixture.file.expect;
    let (found, is_as_expected, explanation, calls, fuel_used, memory_bytes, elapsed) = match plugin.role() {
        Role::Grader => {
            let answer = fixture.file.submission.clone().unwrap_or(Answer::Nothing);
            let output = plugin.grade(call, &answer).await?;
            let verdict = output.verdict;
            let (found, is_as_expected) = (judged(&verdict), is_expected(expect, &verdict));
            let seen = (output.calls.len(), output.fuel_used, output.memory, output.elapsed);
            (found, is_as_expected, verdict.explanation, seen.0, seen.1, seen.2, seen.3)
        }
        Role::Agent => {
            let output = plugin.solve(call).await?;
            let (found, is_as_expected) = (ended(&output.end), is_expected_end(expect, &output.end));
            let seen = (output.calls.len(), output.fuel_used, output.memory, output.elapsed);
            (found, is_as_expected, said(&output.end), seen.0, seen.1, seen.2, seen.3)
        }
    };
    let (result, found, explanation) = match held.missing() {
        Some(missing) => (TestResult::Unanswered, None, missing),
        None if is_as_expected => (TestResult::Passed, Some(found), explanation),
        None => (TestResult::Differs, Some(found), explanation),
    };
    Ok(TestedFixture {
        fixture: fixture.name.clone(),
        result,
        expected: Some(expected(expect)),
        found,
        explanation,
        fuel_used,
        memory_bytes,
        calls,
        microseconds: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
    })
}

fn unusable(name: &str, error: &FixtureError) -> TestedFixture {
    TestedFixture {
        fixture: name.to_owned(),
        result: TestResult::Unusable,
        expected: None,
        found: None,
        explanation: match &error.hint {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        },
        fuel_used: None,
        memory_bytes: None,
        calls: 0,
        microseconds: 0,
    }
}

/// Whether it is a limit that ends a plugin which fails like that: with another limit it need not
/// come to it.
pub(crate) fn is_of_limit(kind: FaultKind) -> bool {
    kind.cuts_off()
        || matches!(
            kind,
            FaultKind::OutOfFuel
                | FaultKind::OutOfMemory
                | FaultKind::TooManyCalls
                | FaultKind::TooManyHandles
                | FaultKind::CallTooLarge
                | FaultKind::StackOverflow
        )
}

/// The grader's fault that made a verdict invalid, if one did; the reasons of faults are the
/// host's own.
pub(crate) fn fault_of(verdict: &Verdict) -> Option<FaultKind> {
    let kind = verdict.reason.as_str().strip_prefix(Role::Grader.as_str())?.strip_prefix('-')?;
    let kind = FaultKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    (verdict.outcome == Outcome::Invalid).then_some(kind)
}

/// A verdict in words, as [`expected`] has one.
pub(crate) fn judged(verdict: &Verdict) -> String {
    let Verdict { outcome, reason, score, .. } = verdict;
    match score.thousandths() {
        0 => format!("{outcome} {reason}"),
        score => format!("{outcome} {reason} {score}"),
    }
}

/// How an agent ended, in words.
pub(crate) fn ended(end: &SolveEnd) -> String {
    match end {
        SolveEnd::Answer(answer) => handed_in(answer),
        SolveEnd::GaveUp(_) => GAVE_UP.to_owned(),
        SolveEnd::TimedOut => FaultKind::Timeout.as_str().to_owned(),
        SolveEnd::Fault(fault) => fault.kind.as_str().to_owned(),
        SolveEnd::Unavailable(fault) => fault.kind.to_string(),
    }
}

/// What an agent said of its end, where it was no answer.
pub(crate) fn said(end: &SolveEnd) -> String {
    match end {
        SolveEnd::Answer(_) => String::new(),
        SolveEnd::GaveUp(words) => words.clone(),
        SolveEnd::TimedOut => "it computed for longer than it may".to_owned(),
        SolveEnd::Fault(fault) => fault.message.clone(),
        SolveEnd::Unavailable(fault) => fault.message.clone(),
    }
}

/// An answer in words.
fn handed_in(answer: &Answer) -> String {
    match answer {
        Answer::Choice(id) => format!("choice {id}"),
        Answer::Document(text) => format!("document {text}"),
        Answer::WorkTree => "work-tree".to_owned(),
        Answer::Nothing => "nothing".to_owned(),
    }
}

/// What has to come of a fixture, in words.
fn expected(expect: &Expected) -> String {
    match (&expect.outcome, &expect.answer) {
        (Some(outcome), _) => {
            let reason = expect.reason.as_deref().unwrap_or_default();
            let score = expect.score.filter(|score| *score > 0).map(|score| format!(" {score}"));
            format!("{outcome} {reason}{}", score.unwrap_or_default())
        }
        (None, Some(answer)) => handed_in(answer),
        (None, None) => expect.ends.clone().unwrap_or_default(),
    }
}

fn is_expected(expect: &Expected, verdict: &Verdict) -> bool {
    expect.outcome == Some(verdict.outcome)
        && expect.reason.as_deref() == Some(verdict.reason.as_str())
        && expect.score.is_none_or(|score| score == verdict.score.thousandths())
}

fn is_expected_end(expect: &Expected, end: &SolveEnd) -> bool {
    match end {
        SolveEnd::Answer(answer) => expect.answer.as_ref() == Some(answer),
        other => expect.ends.as_deref() == Some(ended(other).as_str()),
    }
}
