//! What the dialects of JUnit's format have in common, as far as a verdict rests on
//! it: which elements and attributes say what became of a test.
//!
//! pytest, Jest, Playwright, gtest, Surefire, mocha, gotestsum, go-junit-report and
//! cargo-nextest agree that a test case has passed that holds nothing but output and
//! properties. Some say it in attributes besides, and some keep in other elements
//! what happened before a test passed. Whatever is not known to say "passed" does not.

use lancet_core::CaseStatus;
use quick_xml::name::QName;

/// What an element is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Suites,
    Suite,
    Case,
    /// What it says of the test case that it stands in.
    Outcome(CaseStatus),
    /// That of a try which was not the last one: Surefire, Playwright and
    /// cargo-nextest write them. A test that passed only when it was tried again did
    /// not pass: how often tests are run is the plan's to say.
    Try(CaseStatus),
    /// Output and properties, which say nothing.
    Silent,
    Unknown,
}

impl Element {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "testsuites" => Self::Suites,
            "testsuite" => Self::Suite,
            "testcase" => Self::Case,
            "failure" => Self::Outcome(CaseStatus::Failed),
            "error" => Self::Outcome(CaseStatus::Errored),
            "skipped" | "disabled" | "ignored" => Self::Outcome(CaseStatus::Skipped),
            "rerunFailure" | "flakyFailure" => Self::Try(CaseStatus::Failed),
            "rerunError" | "flakyError" => Self::Try(CaseStatus::Errored),
            "system-out" | "system-err" | "properties" | "property" => Self::Silent,
            _ => Self::Unknown,
        }
    }

    /// Whether what it holds is text for people.
    pub(super) fn is_telling(self) -> bool {
        matches!(self, Self::Outcome(_) | Self::Try(_))
    }
}

/// What an attribute of a test case, or of a suite, says of it. `None` when it says
/// nothing, or that all is well.
///
/// gtest writes `status="run"` and `result="completed"`; CTest and Ginkgo a status.
/// A word that is not known is not a pass. The attribute is given as [`word`] has it.
pub(super) fn said_by(attribute: &str, value: &str) -> Option<CaseStatus> {
    let value = value.trim().to_ascii_lowercase();
    let is_no = matches!(value.as_str(), "" | "0" | "false" | "no" | "none");
    let is_yes = matches!(value.as_str(), "" | "1" | "true" | "yes");
    let unless = |fine: bool, status| (!fine).then_some(status);
    match attribute {
        "status" | "result" | "outcome" | "state" | "verdict" | "disposition" | "conclusion" => {
            match value.as_str() {
                "" | "run" | "ran" | "passed" | "pass" | "success" | "successful" | "succeeded" | "ok"
                | "completed" | "executed" => None,
                "failed" | "fail" | "failure" | "failures" => Some(CaseStatus::Failed),
                "error" | "errored" | "errors" | "broken" => Some(CaseStatus::Errored),
                _ => Some(CaseStatus::Skipped),
            }
        }
        "failures" | "failed" => unless(is_no, CaseStatus::Failed),
        "errors" => unless(is_no, CaseStatus::Errored),
        "success" | "passed" => unless(is_yes, CaseStatus::Failed),
        // Or when it was run, or for how long.
        "executed" | "run" | "completed" => {
            let is_time = !is_no && value.starts_with(|c: char| c.is_ascii_digit());
            unless(is_yes || is_time, CaseStatus::Skipped)
        }
        _ if SKIPPED.contains(&attribute) || attribute == "disabled" || UNDECIDED.contains(&attribute) => {
            unless(is_no, CaseStatus::Skipped)
        }
        _ => None,
    }
}

/// Attributes that say, or count, what was left out; the same by other names.
pub(super) const SKIPPED: [&str; 5] = ["skipped", "skip", "skips", "ignored", "pending"];
/// Those that say, or count, what came to no end, each something else.
pub(super) const UNDECIDED: [&str; 9] = [
    "notrun",
    "inconclusive",
    "aborted",
    "interrupted",
    "timedout",
    "cancelled",
    "canceled",
    "invalid",
    "unknown",
];

/// The word that an attribute is, however it is written: without a prefix, small letters
/// alone. `None` for a declaration of a name space.
pub(super) fn word(key: QName<'_>) -> Option<String> {
    if key.as_namespace_binding().is_some() {
        return None;
    }
    let local: &str = key.local_name().into_inner();
    Some(local.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect())
}
