//! What a grader says, and what it is worth.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::tells_again;
use crate::{Answer, Cents, Fault, FaultKind, Kind, Role, Sha256, SolveEnd, TaskId};

/// The most checks that a verdict may name.
pub const MAX_CHECKS: usize = 256;
/// The most bytes of one check's detail.
pub const MAX_DETAIL_BYTES: usize = 4 << 10;
/// The most bytes of a verdict's explanation.
pub const MAX_EXPLANATION_BYTES: usize = 4 << 10;
/// The most bytes of a verdict's texts together.
pub const MAX_VERDICT_BYTES: usize = 64 << 10;

const MAX_CHECK_NAME_BYTES: usize = 128;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Solved, and paid.
    Pass,
    /// Not solved.
    Fail,
    /// Undecided, because something other than the submission was at fault.
    Invalid,
}

impl Outcome {
    /// `pass`, `fail` or `invalid`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why, in one stable code: lower-case ASCII words and digits joined by `-`, at
/// most 64 bytes, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ReasonCode(String);

impl ReasonCode {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReasonCode {
    type Err = MalformedVerdict;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(word)
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedVerdict::Reason(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for ReasonCode {
    type Error = MalformedVerdict;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ReasonCode> for String {
    fn from(code: ReasonCode) -> Self {
        code.0
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Thousandths of the price, 0 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u16", try_from = "u16")]
pub struct Score(u16);

impl Score {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const FULL: Self = Self(1000);

    /// The number, 0 to 1000.
    #[must_use]
    pub fn thousandths(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Score {
    type Error = MalformedVerdict;

    fn try_from(score: u16) -> Result<Self, Self::Error> {
        if score <= 1000 { Ok(Self(score)) } else { Err(MalformedVerdict::ScoreOver1000(score)) }
    }
}

impl From<Score> for u16 {
    fn from(score: Score) -> Self {
        score.0
    }
}

/// One named thing that the grader looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Short and stable, unique in its verdict.
    pub name: String,
    /// Whether the check held.
    pub passed: bool,
    /// What the check saw.
    pub detail: String,
}

/// A judgement that holds together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Pass, fail or invalid.
    pub outcome: Outcome,
    /// The reason for the outcome.
    pub reason: ReasonCode,
    /// Thousandths of the price that a pass pays.
    pub score: Score,
    /// The checks behind the outcome.
    pub checks: Vec<Check>,
    /// A sentence for a person.
    pub explanation: String,
}

/// A rule of the contract that a verdict broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedVerdict {
    /// The score is too high.
    #[error("score {0} is over 1000 thousandths")]
    ScoreOver1000(u16),
    /// A pass that pays nothing.
    #[error("a pass with score 0")]
    PassWithoutScore,
    /// An invalid verdict that pays something.
    #[error("an invalid verdict with score {0}, expected 0")]
    InvalidWithScore(u16),
    /// A pass although the host saw no submission.
    #[error("a pass although nothing was handed in")]
    PassWithoutSubmission,
    /// A pass of a task with tests although the host saw none pass.
    #[error("a pass although no test run that the host saw passed")]
    PassWithoutPassedTests,
    /// No reason code.
    #[error("`{0}` is not a reason code: expected lower-case words joined by `-`, at most 64 bytes")]
    Reason(String),
    /// A reason that only the host gives.
    #[error("the reason `{0}` is the host's own; a grader gives a reason of its own")]
    HostsReason(ReasonCode),
    /// Too many checks.
    #[error("{0} checks, at most {MAX_CHECKS} are allowed")]
    TooManyChecks(usize),
    /// A check without a usable name.
    #[error("a check's name has {0} bytes, expected 1 to {MAX_CHECK_NAME_BYTES}")]
    CheckName(usize),
    /// Two checks of one name.
    #[error("two checks are named `{0}`")]
    DuplicateCheck(String),
    /// A text over its limit.
    #[error("{what} has {bytes} bytes, at most {limit} are allowed")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// What the host itself saw of an attempt, whatever its grader says.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The task's kind.
    pub kind: Kind,
    /// What was handed in.
    pub submission: &'a Answer,
    /// Whether a test run that it made for this grading came to a pass.
    pub tests_passed: bool,
}

impl Verdict {
    /// A verdict that the host itself comes to, when something other than the
    /// submission was at fault.
    #[must_use]
    pub fn invalid(reason: ReasonCode, explanation: impl Into<String>) -> Self {
        let mut explanation = explanation.into();
        truncate(&mut explanation, MAX_EXPLANATION_BYTES);
        Self { outcome: Outcome::Invalid, reason, score: Score::ZERO, checks: Vec::new(), explanation }
    }

    /// A grader's verdict with what the agent said when it gave up, behind the grader's own
    /// words and cut to [`MAX_EXPLANATION_BYTES`]: what is decided then. The same verdict
    /// where the agent did not give up. Records from before this hold the grader's words
    /// alone.
    #[must_use]
    pub fn with_end(&self, end: &SolveEnd) -> Self {
        let mut verdict = self.clone();
        let SolveEnd::GaveUp(why) = end else { return verdict };
        let before = if verdict.explanation.is_empty() { "" } else { "; " };
        verdict.explanation.push_str(&format!("{before}the agent gave up: {why}"));
        truncate(&mut verdict.explanation, MAX_EXPLANATION_BYTES);
        verdict
    }

    /// A verdict that the host itself comes to, on a submission that cannot be judged
    /// because of what its maker did.
    #[must_use]
    pub fn failed(reason: ReasonCode, explanation: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, ..Self::invalid(reason, explanation) }
    }

    /// Whether `self` is `recorded` once more. Older records of a grader that trapped leave out
    /// what it said before, and are otherwise the same.
    #[must_use]
    pub fn repeats(&self, recorded: &Self) -> bool {
        let is_of_fault = recorded.outcome == Outcome::Invalid && recorded.reason.is_hosts_own();
        let alike = || Self { explanation: recorded.explanation.clone(), ..self.clone() } == *recorded;
        self == recorded || (is_of_fault && tells_again(&self.explanation, &recorded.explanation) && alike())
    }

    /// Whether it is one that the host puts in place of a grader's that the clock ended, or
    /// whose process failed it: such a grading cannot be executed again, so nothing else may
    /// claim it.
    #[must_use]
    pub fn is_of_grader_cut_off(&self) -> bool {
        let mut kinds = FaultKind::ALL.into_iter().filter(|kind| kind.cuts_off());
        let is_due = kinds.any(|kind| self.reason == Fault::new(kind, "").reason(Role::Grader));
        self.outcome == Outcome::Invalid && is_due
    }

    /// Checks what a grader returned against the contract and against what the
    /// host saw, and gives it back when it holds together. A test that the host
    /// did not observe cannot pass: an individual contributor's task passes only
    /// on a test run that did.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn validated(self, observed: Observed<'_>) -> Result<Self, MalformedVerdict> {
        match self.outcome {
            Outcome::Pass if self.score == Score::ZERO => return Err(MalformedVerdict::PassWithoutScore),
            Outcome::Pass if *observed.submission == Answer::Nothing => {
                return Err(MalformedVerdict::PassWithoutSubmission);
            }
            Outcome::Pass if observed.kind == Kind::IcSwe && !observed.tests_passed => {
                return Err(MalformedVerdict::PassWithoutPassedTests);
            }
            Outcome::Invalid if self.score != Score::ZERO => {
                return Err(MalformedVerdict::InvalidWithScore(self.score.0));
            }
            _ => {}
        }
        if self.reason.is_hosts_own() {
            return Err(MalformedVerdict::HostsReason(self.reason));
        }
        if self.checks.len() > MAX_CHECKS {
            return Err(MalformedVerdict::TooManyChecks(self.checks.len()));
        }
        let mut names = BTreeSet::new();
        let mut total = self.explanation.len();
        within("the explanation", self.explanation.len(), MAX_EXPLANATION_BYTES)?;
        for check in &self.checks {
            if !(1..=MAX_CHECK_NAME_BYTES).contains(&check.name.len()) {
                return Err(MalformedVerdict::CheckName(check.name.len()));
            }
            within("a check's detail", check.detail.len(), MAX_DETAIL_BYTES)?;
            if !names.insert(check.name.as_str()) {
                return Err(MalformedVerdict::DuplicateCheck(check.name.clone()));
            }
            total += check.name.len() + check.detail.len();
        }
        within("the verdict", total, MAX_VERDICT_BYTES)?;
        Ok(self)
    }

    /// What this verdict earns of `price`.
    #[must_use]
    pub fn payout(&self, price: Cents) -> Cents {
        match self.outcome {
            Outcome::Pass => price.thousandths(self.score.0),
            Outcome::Fail | Outcome::Invalid => Cents::ZERO,
        }
    }
}

fn within(what: &'static str, bytes: usize, limit: usize) -> Result<(), MalformedVerdict> {
    if bytes <= limit { Ok(()) } else { Err(MalformedVerdict::TooLong { what, bytes, limit }) }
}

/// Cuts `text` to at most `limit` bytes without cutting a character.
fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
}

/// A verdict with all that it is about: what is digested, paid and attested.
///
/// It holds no time and no place, so the same attempt decided again, elsewhere
/// or in another order, has the same digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecord {
    /// The task.
    pub task: TaskId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The task's kind.
    pub kind: Kind,
    /// The task's price.
    pub price: Cents,
    /// The agent's component.
    pub agent: Sha256,
    /// The grader's component.
    pub grader: Sha256,
    /// The submission.
    pub submission: Sha256,
    /// The judgement.
    pub verdict: Verdict,
    /// What is paid.
    pub earned: Cents,
    /// Whether the grader might ask language models, which it imports and is granted: the
    /// judgement rests on more than what is named here then, and may come out otherwise the
    /// next time. Records of earlier versions follow the grant alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_model: bool,
}

impl VerdictRecord {
    /// The digest that a replay has to come to again.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of_json(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(outcome: Outcome, score: u16) -> Verdict {
        Verdict {
            outcome,
            reason: "right-choice".parse().unwrap(),
            score: score.try_into().unwrap(),
            checks: vec![Check { name: "choice".into(), passed: true, detail: String::new() }],
            explanation: String::new(),
        }
    }

    fn manager(submission: &Answer) -> Observed<'_> {
        Observed { kind: Kind::SweManager, submission, tests_passed: false }
    }

    #[test]
    fn what_does_not_hold_together_is_refused() {
        let choice = manager(&Answer::Choice(1));
        assert!(verdict(Outcome::Pass, 1000).validated(choice).is_ok());
        assert_eq!(verdict(Outcome::Pass, 0).validated(choice), Err(MalformedVerdict::PassWithoutScore));
        assert_eq!(
            verdict(Outcome::Pass, 1).validated(manager(&Answer::Nothing)),
            Err(MalformedVerdict::PassWithoutSubmission)
        );
        assert_eq!(
            verdict(Outcome::Invalid, 5).validated(choice),
            Err(MalformedVerdict::InvalidWithScore(5))
        );
        let mut twice = verdict(Outcome::Fail, 0);
        twice.checks.push(twice.checks[0].clone());
        assert!(matches!(twice.validated(choice), Err(MalformedVerdict::DuplicateCheck(_))));
        let mut long = verdict(Outcome::Fail, 0);
        long.explanation = "x".repeat(MAX_EXPLANATION_BYTES + 1);
        assert!(matches!(long.validated(choice), Err(MalformedVerdict::TooLong { .. })));
        let mut many = verdict(Outcome::Fail, 0);
        many.checks = (0..=MAX_CHECKS)
            .map(|i| Check { name: i.to_string(), passed: true, detail: String::new() })
            .collect();
        assert_eq!(many.validated(choice), Err(MalformedVerdict::TooManyChecks(MAX_CHECKS + 1)));
    }

    #[test]
    fn a_test_that_the_host_did_not_observe_cannot_pass() {
        let observed = |submission, tests_passed| Observed { kind: Kind::IcSwe, submission, tests_passed };
        let tree = Answer::WorkTree;
        assert_eq!(
            verdict(Outcome::Pass, 1000).validated(observed(&tree, false)),
            Err(MalformedVerdict::PassWithoutPassedTests)
        );
        assert!(verdict(Outcome::Pass, 1000).validated(observed(&tree, true)).is_ok());
        assert!(verdict(Outcome::Fail, 0).validated(observed(&tree, false)).is_ok());
        assert_eq!(
            verdict(Outcome::Pass, 1000).validated(observed(&Answer::Nothing, true)),
            Err(MalformedVerdict::PassWithoutSubmission)
        );
    }

    #[test]
    fn only_a_pass_pays() {
        let price = Cents(100_001);
        assert_eq!(verdict(Outcome::Pass, 1000).payout(price), price);
        assert_eq!(verdict(Outcome::Pass, 500).payout(price), Cents(50_000));
        assert_eq!(verdict(Outcome::Fail, 900).payout(price), Cents::ZERO);
    }

    #[test]
    fn a_host_verdict_is_cut_at_a_character() {
        let verdict = Verdict::invalid("agent-trap".parse().unwrap(), "é".repeat(MAX_EXPLANATION_BYTES));
        assert_eq!(verdict.explanation, "é".repeat(MAX_EXPLANATION_BYTES / 2));
    }

    #[test]
    fn an_older_record_of_a_trap_leaves_out_what_was_said() {
        let trap = Fault::new(FaultKind::Trap, "unreachable");
        let judged = |fault: &Fault| Verdict::invalid(fault.reason(Role::Grader), fault.message.clone());
        let said = trap.clone().saying("no such line");
        assert_eq!(judged(&said).explanation, "unreachable; it said: no such line");
        assert!(said.repeats(&trap) && said.repeats(&said) && !trap.repeats(&said));
        assert!(judged(&said).repeats(&judged(&trap)) && judged(&said).repeats(&judged(&said)));
        // Nothing else may differ, and that only for the worse of knowing less.
        assert!(!judged(&trap).repeats(&judged(&said)));
        assert!(!judged(&said).repeats(&judged(&trap.clone().saying("another"))));
        assert!(!judged(&trap).repeats(&judged(&Fault::new(FaultKind::Trap, "unreach"))));
        assert!(!judged(&said).repeats(&judged(&Fault::new(FaultKind::OutOfMemory, "unreachable"))));
        assert!(!said.repeats(&Fault::new(FaultKind::OutOfMemory, "unreachable")));
        // A grader's own words are compared whole.
        let own = |words: &str| Verdict { explanation: words.to_owned(), ..verdict(Outcome::Fail, 0) };
        assert!(!own("no; it said: no").repeats(&own("no")));
    }

    #[test]
    fn what_an_agent_said_when_it_gave_up_is_behind_the_graders_words() {
        let plain = verdict(Outcome::Fail, 0);
        let gave_up = |why: &str| SolveEnd::GaveUp(why.to_owned());
        assert_eq!(plain.with_end(&gave_up("error: no")).explanation, "the agent gave up: error: no");
        let graded = Verdict { explanation: "nothing was handed in".into(), ..plain.clone() };
        let explained = graded.with_end(&gave_up("error: no"));
        assert_eq!(explained.explanation, "nothing was handed in; the agent gave up: error: no");
        assert_eq!(Verdict { explanation: graded.explanation.clone(), ..explained }, graded);
        let long = graded.with_end(&gave_up(&"é".repeat(MAX_EXPLANATION_BYTES)));
        assert!((MAX_EXPLANATION_BYTES - 1..=MAX_EXPLANATION_BYTES).contains(&long.explanation.len()));
        for end in [SolveEnd::Answer(Answer::Nothing), SolveEnd::TimedOut] {
            assert_eq!(graded.with_end(&end), graded);
        }
    }

    #[test]
    fn a_grader_does_not_speak_for_the_host() {
        for reason in ["disk-full", "grader-out-of-fuel", "agent-trap", "submission-too-large"] {
            let reason: ReasonCode = reason.parse().unwrap();
            for (outcome, score) in [(Outcome::Pass, 1000), (Outcome::Fail, 0), (Outcome::Invalid, 0)] {
                let verdict = Verdict { reason: reason.clone(), ..verdict(outcome, score) };
                assert_eq!(
                    verdict.validated(manager(&Answer::Choice(1))),
                    Err(MalformedVerdict::HostsReason(reason.clone()))
                );
            }
        }
    }

    proptest! {
        #[test]
        fn decoding_never_panics(text in ".*") {
            let _ = serde_json::from_str::<Verdict>(&text);
            let _ = text.parse::<ReasonCode>();
        }

        #[test]
        fn records_round_trip(score in 0u16..=1000, explanation in ".{0,100}", name in "[a-z]{1,20}") {
            let record = VerdictRecord {
                task: "t".parse().unwrap(),
                attempt: 1,
                kind: Kind::SweManager,
                price: Cents(5),
                agent: Sha256::of(b"a"),
                grader: Sha256::of(b"g"),
                submission: Answer::Choice(3).digest(),
                verdict: Verdict {
                    outcome: Outcome::Fail,
                    reason: "wrong-choice".parse().unwrap(),
                    score: score.try_into().unwrap(),
                    checks: vec![Check { name, passed: false, detail: explanation.clone() }],
                    explanation,
                },
                earned: Cents::ZERO,
                by_model: false,
            };
            let text = serde_json::to_string(&record).unwrap();
            let back: VerdictRecord = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.digest(), record.digest());
            prop_assert_eq!(back, record);
        }
    }
}
