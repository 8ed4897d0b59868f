//! A suite of a report: its own counts have to agree with the cases in it.

use std::collections::BTreeSet;

use lancet_core::{CaseStatus, TestCase};

use super::dialect::{SKIPPED, UNDECIDED, said_by};

/// A suite, or all of them, while it is open.
#[derive(Debug)]
pub(super) struct Suite {
    name: String,
    /// What its cases are named by besides their classes, if by anything.
    pub(super) group: String,
    /// How many cases there were before it.
    pub(super) first: usize,
    pub(super) tally: Tally,
    claims: Claims,
    /// Its attributes that say something of it, and what.
    said: Vec<(String, CaseStatus)>,
    problem: Option<String>,
}

/// What the cases of a suite show.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) passed: u64,
    /// Failures and errors, of which a case can have several; those of tries that
    /// were not the last are among them, since Surefire counts them.
    pub(super) failing: u64,
    pub(super) skipped: u64,
}

/// What a suite says of its cases.
#[derive(Debug, Clone, Copy, Default)]
struct Claims {
    tests: Option<u64>,
    /// No more than these can have passed.
    passed: Option<u64>,
    failed: u64,
    errors: u64,
    /// Of those that passed in the end, or did not: a try of each failed.
    flaky: u64,
    skipped: u64,
    disabled: u64,
    undecided: u64,
}

impl Claims {
    fn failing(&self) -> u64 {
        self.failed.saturating_add(self.errors)
    }

    fn skipped(&self) -> u64 {
        self.skipped.saturating_add(self.disabled).saturating_add(self.undecided)
    }
}

impl Suite {
    pub(super) fn new(first: usize) -> Self {
        Self {
            name: String::new(),
            group: String::new(),
            first,
            tally: Tally::default(),
            claims: Claims::default(),
            said: Vec::new(),
            problem: None,
        }
    }

    /// Takes note of an attribute: how it is written, and the word that it is.
    pub(super) fn attribute(&mut self, key: &str, word: &str, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        if key == "name" {
            value.clone_into(&mut self.name);
            return;
        }
        let count = value.parse::<u64>();
        let claims = &mut self.claims;
        // What is counted twice by two names is still as many.
        match (word, &count) {
            ("tests", Ok(count)) => {
                claims.tests = Some(claims.tests.map_or(*count, |least| least.min(*count)));
            }
            ("failures" | "failed", Ok(count)) => claims.failed = claims.failed.max(*count),
            ("errors", Ok(count)) => claims.errors = claims.errors.max(*count),
            ("flaky" | "flakes", Ok(count)) => claims.flaky = claims.flaky.max(*count),
            ("disabled", Ok(count)) => claims.disabled = claims.disabled.max(*count),
            (word, Ok(count)) if SKIPPED.contains(&word) => claims.skipped = claims.skipped.max(*count),
            (word, Ok(count)) if UNDECIDED.contains(&word) => {
                claims.undecided = claims.undecided.saturating_add(*count);
            }
            ("passed" | "passes" | "successes", Ok(count)) => {
                claims.passed = Some(claims.passed.map_or(*count, |least| least.min(*count)));
            }
            // One of it may mean yes.
            ("executed" | "run" | "completed" | "success", Ok(count @ 2..)) => {
                claims.passed = Some(claims.passed.map_or(*count, |least| least.min(*count)));
            }
            ("tests" | "failures" | "failed" | "errors" | "disabled", Err(_)) => {
                self.object(&format!("its `{key}` is `{value}`, which is no number"));
            }
            (word, Err(_)) if SKIPPED.contains(&word) => {
                self.object(&format!("its `{key}` is `{value}`, which is no number"));
            }
            _ => {
                if let Some(status) = said_by(word, value) {
                    self.said.push((format!("its `{key}` is `{value}`"), status));
                }
            }
        }
    }

    /// Says what is wrong with it; the first counts.
    pub(super) fn object(&mut self, problem: &str) {
        self.problem.get_or_insert_with(|| problem.to_owned());
    }

    /// Why none of its cases can be taken for passed, if so. `cases` are its own.
    ///
    /// Suites count more than they show: pytest counts subtests, and a test once more
    /// whose teardown breaks; mocha counts pending tests and leaves them out. So only
    /// that is a contradiction by which a case shown as passed may not have: more
    /// failures than are shown, or fewer passes. Jest shows `test.todo` as passed, and
    /// counts it nowhere.
    pub(super) fn contradiction(&self, cases: &[TestCase]) -> Option<String> {
        let problem = self.problem.clone().or_else(|| self.miscounted(cases));
        problem.map(|problem| match self.name.as_str() {
            "" => format!("the suite contradicts its cases: {problem}"),
            name => format!("the suite `{name}` contradicts its cases: {problem}"),
        })
    }

    fn miscounted(&self, cases: &[TestCase]) -> Option<String> {
        let Self { tally, claims, said, .. } = self;
        // That it failed is no news where a case did.
        let fails = |status| matches!(status, CaseStatus::Failed | CaseStatus::Errored);
        if let Some((what, _)) = said.iter().find(|(_, status)| !(fails(*status) && tally.failing > 0)) {
            return Some(what.clone());
        }
        let (failing, skipped) = (claims.failing(), claims.skipped());
        if failing > tally.failing {
            return Some(format!("it counts {failing} failures and errors, they show {}", tally.failing));
        }
        if claims.flaky > tally.failing {
            return Some(format!(
                "it counts {} that passed only when tried again, they show {}",
                claims.flaky, tally.failing
            ));
        }
        if let Some(passed) = claims.passed.filter(|passed| tally.passed > *passed) {
            return Some(format!("it counts {passed} that passed, they show {}", tally.passed));
        }
        let Some(tests) = claims.tests else {
            let hidden = skipped > tally.skipped;
            return hidden
                .then(|| format!("it counts {skipped} that did not run, they show {}", tally.skipped));
        };
        let passed = tests.saturating_sub(failing.saturating_add(skipped));
        if tally.passed <= passed || tally.passed <= passed.saturating_add(again(cases)) {
            return None;
        }
        Some(format!("it counts {passed} that passed, they show {}", tally.passed))
    }
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failing += other.failing;
        self.skipped += other.skipped;
    }
}

/// How many cases are further reports of a test that failed already: pytest counts
/// their errors, and not them.
fn again(cases: &[TestCase]) -> u64 {
    let failing = |case: &&TestCase| matches!(case.status, CaseStatus::Failed | CaseStatus::Errored);
    let ids: BTreeSet<&str> = cases.iter().filter(failing).map(|case| case.id.as_str()).collect();
    (cases.iter().filter(failing).count() - ids.len()) as u64
}
