//! A journal read against the record of its run.

use crate::{
    Answer, AttemptId, AttemptState, Capability, Cents, Event, Kind, Outcome, Phase, ReasonCode, RunSpec,
    Sha256, Verdict,
};

use super::{Decision, Graded, History};

/// What a journal has to be about, by the record of its run.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The attempt that the journal has to be of.
    pub id: AttemptId,
    /// The task's kind.
    pub kind: Kind,
    /// The task's price.
    pub price: Cents,
    /// The grader that judges, by the digest of its component.
    pub grader: Sha256,
    /// What the run is defined by.
    pub spec: &'a RunSpec,
    /// The digest of the run's record; `None` for runs that were made before there
    /// was one.
    pub record: Option<Sha256>,
}

/// How an attempt stands by its journal. The store's row repeats it, so that it can be
/// asked for; it is true only as far as it is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How far the attempt has come.
    pub state: AttemptState,
    /// Events recorded.
    pub events: u64,
    /// Events recorded when the state last changed.
    pub settled: u64,
    /// The reason for the outcome, once the attempt is decided.
    pub reason: Option<ReasonCode>,
    /// What is paid, once the attempt is decided: price × score of a pass.
    pub earned: Option<Cents>,
    /// The digest of the verdict's record, once the attempt is decided.
    pub verdict_digest: Option<Sha256>,
    /// Microseconds from the agent's beginning to its end.
    pub solve_us: Option<u64>,
    /// Microseconds from the grader's beginning to its end, once the attempt is decided.
    pub grade_us: Option<u64>,
    /// Executions of test plans in the grading, once the attempt is decided.
    pub test_runs: Option<u64>,
    /// Whether the executions of test plans differed, once the attempt is decided.
    pub flaky: Option<bool>,
}

/// A journal that is read against the record of its run: how the attempt stands, and
/// what in the journal contradicts itself or that record.
#[derive(Debug)]
pub struct Scrutiny<'a> {
    subject: Subject<'a>,
    history: History,
    standing: Standing,
    flaws: Vec<String>,
    /// The digest of what was taken from the agent's container.
    capture: Option<Sha256>,
}

impl<'a> Scrutiny<'a> {
    /// A journal without events.
    #[must_use]
    pub fn new(subject: Subject<'a>) -> Self {
        let standing = Standing {
            state: AttemptState::Queued,
            events: 0,
            settled: 0,
            reason: None,
            earned: None,
            verdict_digest: None,
            solve_us: None,
            grade_us: None,
            test_runs: None,
            flaky: None,
        };
        Self { subject, history: History::counting(), standing, flaws: Vec::new(), capture: None }
    }

    /// What the journal has to be about.
    #[must_use]
    pub fn subject(&self) -> &Subject<'a> {
        &self.subject
    }

    /// How the attempt stands after the events so far.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What in the journal does not hold together, in the order of its events.
    #[must_use]
    pub fn flaws(&self) -> &[String] {
        &self.flaws
    }

    /// Adds the event recorded as number `seq`, `at_us` microseconds after the
    /// attempt was taken up.
    pub fn add(&mut self, seq: u64, at_us: u64, event: Event) {
        self.count(seq);
        let name = event.name();
        let told = Told::by(&event);
        if self.history.add(at_us, event).is_err() {
            self.flaw(&format!("`{name}` cannot come here"));
        }
        match told {
            Told::Began(phase, record) => self.began(phase, record),
            Told::Captured(digest) => self.capture = Some(digest),
            Told::Solved => self.solved(),
            Told::Graded => self.graded(),
            Told::Decided => self.decided(),
            Told::Reopened(phase) => self.reopened(phase),
            Told::Meanwhile => {}
        }
    }

    /// Counts an event that cannot be read.
    pub fn unreadable(&mut self, seq: u64, problem: &str) {
        self.count(seq);
        self.flaw(problem);
    }

    /// Notes what is wrong with an event that has no place in the journal.
    pub fn note(&mut self, problem: String) {
        self.flaws.push(problem);
    }

    fn count(&mut self, seq: u64) {
        if seq != self.standing.events {
            let expected = self.standing.events;
            self.flaws.push(format!("has event {seq} where event {expected} has to be"));
        }
        self.standing.events = seq.saturating_add(1);
    }

    /// Notes what is wrong with the event that was counted last.
    fn flaw(&mut self, what: &str) {
        self.flaws.push(format!("event {}: {what}", self.standing.events.saturating_sub(1)));
    }

    fn differs(&mut self, what: &str, is: impl std::fmt::Display, due: impl std::fmt::Display) {
        self.flaw(&format!("{what} is {is}, it has to be {due}"));
    }

    fn began(&mut self, phase: Phase, record: Option<Sha256>) {
        let spec = self.subject.spec;
        let (due, granted, bounds) = match phase {
            Phase::Solve => (spec.agent.digest, &spec.agent_grant, &spec.agent_limits),
            Phase::Grade => (self.subject.grader, &spec.grader_grant, &spec.grader_limits),
        };
        let Some(part) = self.history.of_phase(phase) else { return };
        let plugin = part.plugin;
        let is_granted = granted.iter().eq(part.grant.iter().copied());
        let is_bounded = part.limits == *bounds;
        if plugin != due {
            self.differs("the plugin", plugin, due);
        }
        if !is_granted {
            self.flaw("the grant is not the run's");
        }
        if !is_bounded {
            self.flaw("the limits are not the run's");
        }
        if record != self.subject.record {
            let due = shown(self.subject.record.as_ref());
            self.differs("the run's record", shown(record.as_ref()), due);
        }
    }

    fn solved(&mut self) {
        let Some(solved) = &self.history.solved else { return };
        let (submission, took_us) = (solved.submission, solved.took_us);
        let answer = solved.end.submission().unwrap_or(Answer::Nothing);
        let due = self.capture.unwrap_or_else(|| answer.digest());
        if submission != due {
            self.differs("the submission", submission, due);
        }
        self.standing.state = AttemptState::Submitted;
        self.standing.settled = self.standing.events;
        self.standing.solve_us = Some(took_us);
    }

    /// Whether nothing was handed in, as far as the journal has come.
    fn is_nothing(&self) -> bool {
        let answer = self.history.solved.as_ref().and_then(|solved| solved.end.submission());
        answer.is_none_or(|answer| answer == Answer::Nothing)
    }

    fn graded(&mut self) {
        let Some(Graded { verdict, fuel_used, .. }) = &self.history.graded else { return };
        let passes = verdict.outcome == Outcome::Pass;
        if fuel_used.is_none() && !verdict.is_of_grader_cut_off() {
            self.flaw("it names no fuel, and nothing cut the grader off by its verdict");
        }
        if passes && self.is_nothing() {
            self.flaw("it passes, and nothing was handed in");
        }
        if passes && self.subject.kind == Kind::IcSwe && !self.history.test_passed {
            self.flaw("it passes, and the journal has no test run that did");
        }
    }

    fn decided(&mut self) {
        let Some(Decision { record, digest }) = self.history.decided.clone() else { return };
        let subject = self.subject.clone();
        let verdict = &record.verdict;
        let submission = self.history.solved.as_ref().map(|solved| solved.submission);
        let graded = self.history.graded.clone();
        if record.digest() != digest {
            self.differs("the verdict's digest", digest, record.digest());
        }
        if (&record.task, record.attempt) != (&subject.id.task, subject.id.number) {
            let due = format!("{}/{}", subject.id.task, subject.id.number);
            self.differs("the attempt decided", format!("{}/{}", record.task, record.attempt), due);
        }
        if record.kind != subject.kind {
            self.differs("the kind", record.kind, subject.kind);
        }
        if record.price != subject.price {
            self.differs("the price", record.price, subject.price);
        }
        if record.agent != subject.spec.agent.digest {
            self.differs("the agent", record.agent, subject.spec.agent.digest);
        }
        if record.grader != subject.grader {
            self.differs("the grader", record.grader, subject.grader);
        }
        if Some(record.submission) != submission {
            self.differs("the submission", record.submission, shown(submission.as_ref()));
        }
        let end = self.history.solved.as_ref().map(|solved| solved.end.clone());
        let explained =
            |graded: &Verdict| end.as_ref().map_or_else(|| graded.clone(), |end| graded.with_end(end));
        match graded.as_ref().map(|graded| &graded.verdict) {
            // What was decided may have what the agent said, too.
            Some(graded) if graded != verdict && explained(graded) != *verdict => {
                self.flaw(&format!(
                    "the verdict decided is {} {}, the one graded {} {}, or they differ in what they say",
                    verdict.outcome, verdict.reason, graded.outcome, graded.reason
                ));
            }
            None if verdict.outcome == Outcome::Pass => {
                self.flaw("it passes, and no grader said so");
            }
            _ => {}
        }
        // A grader that has the grant and does not import models asks none.
        if record.by_model && !subject.spec.grader_grant.has(Capability::Model) {
            self.differs("whether models may have judged", true, false);
        }
        let earned = verdict.payout(subject.price);
        if record.earned != earned {
            self.differs("what is earned", record.earned, earned);
        }
        let standing = &mut self.standing;
        standing.state = AttemptState::Decided(verdict.outcome);
        standing.settled = standing.events;
        standing.reason = Some(verdict.reason.clone());
        standing.earned = Some(earned);
        standing.verdict_digest = Some(record.digest());
        standing.grade_us = graded.as_ref().map(|graded| graded.took_us);
        (standing.test_runs, standing.flaky) = match graded {
            Some(_) => (Some(self.history.tests), Some(self.history.flaky)),
            None => (Some(0), Some(false)),
        };
    }

    fn reopened(&mut self, phase: Phase) {
        if self.standing.state != AttemptState::Decided(Outcome::Invalid) {
            self.flaw("only what is invalid is taken up again");
        }
        if phase == Phase::Solve {
            self.capture = None;
        }
        let standing = &mut self.standing;
        standing.state = match phase {
            Phase::Solve => AttemptState::Queued,
            Phase::Grade => AttemptState::Submitted,
        };
        standing.settled = standing.events;
        (standing.reason, standing.earned, standing.verdict_digest) = (None, None, None);
        (standing.grade_us, standing.test_runs, standing.flaky) = (None, None, None);
    }
}

/// What an event is looked at for once it has been added.
enum Told {
    Began(Phase, Option<Sha256>),
    Captured(Sha256),
    Solved,
    Graded,
    Decided,
    Reopened(Phase),
    Meanwhile,
}

impl Told {
    fn by(event: &Event) -> Self {
        match event {
            Event::Began { phase, record, .. } => Self::Began(*phase, *record),
            Event::Solved { .. } => Self::Solved,
            Event::Graded { .. } => Self::Graded,
            Event::Decided { .. } => Self::Decided,
            Event::Reopened { phase, .. } => Self::Reopened(*phase),
            Event::Captured { capture } => Self::Captured(capture.digest()),
            Event::Asked { .. } | Event::Called { .. } => Self::Meanwhile,
        }
    }
}

fn shown(digest: Option<&Sha256>) -> String {
    digest.map_or_else(|| "none".to_owned(), Sha256::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Grant, InfraFault, InfraFaultKind, Limits, Role, Score, SolveEnd, Verdict, VerdictRecord};

    fn spec() -> RunSpec {
        let plugin = |name: &str| json!({"name": name, "digest": Sha256::of(name.as_bytes())});
        let spec = json!({
            "suite": {"reported": {"name": "s", "digest": Sha256::of(b"s")}, "path": "s"},
            "agent": plugin("agent"),
            "graders": [plugin("grader")],
            "seed": 0,
            "attempts": 1,
            "kind": null,
            "tasks": [],
            "agent-grant": Grant::standard(Role::Agent),
            "grader-grant": Grant::standard(Role::Grader),
            "agent-limits": Limits::standard(),
            "grader-limits": Limits::standard(),
            "engine": "engine",
            "not-runnable": [],
            "baselines": null,
        });
        serde_json::from_value(spec).unwrap()
    }

    fn subject(spec: &RunSpec) -> Subject<'_> {
        Subject {
            id: "20261123-083329-4f2a9c/one/1".parse().unwrap(),
            kind: Kind::SweManager,
            price: Cents(1000),
            grader: Sha256::of(b"grader"),
            spec,
            record: Some(Sha256::of(b"record")),
        }
    }

    fn began(spec: &RunSpec, phase: Phase) -> Event {
        let (plugin, grant) = match phase {
            Phase::Solve => (spec.agent.digest, &spec.agent_grant),
            Phase::Grade => (Sha256::of(b"grader"), &spec.grader_grant),
        };
        Event::Began {
            phase,
            plugin,
            grant: grant.iter().collect(),
            limits: Limits::standard(),
            engine: "another".to_owned(),
            record: Some(Sha256::of(b"record")),
            jail: None,
            package: None,
        }
    }

    fn decided(verdict: Verdict, price: u64, earned: u64) -> Event {
        let record = VerdictRecord {
            task: "one".parse().unwrap(),
            attempt: 1,
            kind: Kind::SweManager,
            price: Cents(price),
            agent: Sha256::of(b"agent"),
            grader: Sha256::of(b"grader"),
            submission: Answer::Choice(1).digest(),
            verdict,
            earned: Cents(earned),
            by_model: false,
        };
        Event::Decided { digest: record.digest(), record }
    }

    fn verdict(outcome: Outcome, score: Score) -> Verdict {
        let reason = "reason".parse().unwrap();
        Verdict { outcome, reason, score, checks: Vec::new(), explanation: String::new() }
    }

    /// Of an attempt that passed for half of the price.
    fn journal(spec: &RunSpec) -> Vec<(u64, Event)> {
        let half = verdict(Outcome::Pass, 500.try_into().unwrap());
        vec![
            (10, began(spec, Phase::Solve)),
            (
                25,
                Event::Solved {
                    end: SolveEnd::Answer(Answer::Choice(1)),
                    fuel_used: Some(1),
                    submission: Answer::Choice(1).digest(),
                },
            ),
            (30, began(spec, Phase::Grade)),
            (34, Event::Graded { verdict: half.clone(), fuel_used: Some(1) }),
            (35, decided(half, 1000, 500)),
        ]
    }

    fn read<'s>(spec: &'s RunSpec, events: &[(u64, Event)]) -> Scrutiny<'s> {
        let mut history = Scrutiny::new(subject(spec));
        for (seq, (at, event)) in events.iter().enumerate() {
            history.add(seq as u64, *at, event.clone());
        }
        history
    }

    #[test]
    fn a_row_follows_from_its_journal() {
        let spec = spec();
        let events = journal(&spec);
        assert_eq!(read(&spec, &[]).standing().state, AttemptState::Queued);
        let submitted = read(&spec, &events[..3]);
        let standing = submitted.standing();
        assert_eq!((standing.state, standing.events, standing.settled), (AttemptState::Submitted, 3, 2));
        let whole = read(&spec, &events);
        assert_eq!(whole.flaws(), [""; 0]);
        let standing = whole.standing();
        assert_eq!(standing.state, AttemptState::Decided(Outcome::Pass));
        assert_eq!((standing.events, standing.settled, standing.earned), (5, 5, Some(Cents(500))));
        assert_eq!((standing.solve_us, standing.grade_us), (Some(15), Some(4)));
        assert_eq!((standing.test_runs, standing.flaky), (Some(0), Some(false)));
    }

    #[test]
    fn what_does_not_hold_together_is_named() {
        let spec = spec();
        type Change<'a> = &'a dyn Fn(&mut Vec<(u64, Event)>);
        let flaws = |change: Change<'_>| {
            let mut events = journal(&spec);
            change(&mut events);
            read(&spec, &events).flaws().join("\n")
        };
        let half = verdict(Outcome::Pass, 500.try_into().unwrap());
        for (change, words) in [
            (
                &(|e: &mut Vec<_>| drop(e.remove(0))) as &dyn Fn(&mut Vec<(u64, Event)>),
                "`solved` cannot come here",
            ),
            (&|e| drop(e.remove(3)), "`decided` cannot come here"),
            (&|e| drop(e.remove(3)), "no grader said so"),
            (&|e| e.push(e[4].clone()), "event 5: `decided` cannot come here"),
            (
                &|e| e[3].1 = Event::Graded { verdict: half.clone(), fuel_used: None },
                "event 3: it names no fuel, and nothing cut the grader off",
            ),
            (
                &|e| e[4].1 = decided(verdict(Outcome::Fail, Score::ZERO), 1000, 0),
                "the verdict decided is fail",
            ),
            (&|e| e[4].1 = decided(half.clone(), 1000, 1000), "what is earned is $10, it has to be $5"),
            (&|e| e[4].1 = decided(half.clone(), 9000, 500), "the price is $90, it has to be $10"),
            (&|e| e[2].1 = began(&spec, Phase::Solve), "`began` cannot come here"),
        ] {
            assert!(flaws(change).contains(words), "{words}: {}", flaws(change));
        }
        let mut other = spec.clone();
        other.agent_limits.fuel += 1;
        assert!(read(&other, &journal(&spec)).flaws()[0].contains("the limits are not the run's"));
        let mut history = Scrutiny::new(subject(&spec));
        history.add(1, 0, began(&spec, Phase::Solve));
        assert!(history.flaws()[0].contains("has event 1 where event 0 has to be"));
    }

    #[test]
    fn what_is_taken_up_again_is_open_again() {
        let spec = spec();
        let invalid = verdict(Outcome::Invalid, Score::ZERO);
        let mut events = journal(&spec);
        events[3].1 = Event::Graded { verdict: invalid.clone(), fuel_used: Some(1) };
        events[4].1 = decided(invalid, 1000, 0);
        let cause = InfraFault::new(InfraFaultKind::DiskFull, "full");
        events.push((0, Event::Reopened { phase: Phase::Grade, cause: cause.clone() }));
        let reopened = read(&spec, &events);
        assert_eq!(reopened.flaws(), [""; 0]);
        let standing = reopened.standing();
        assert_eq!((standing.state, standing.events, standing.settled), (AttemptState::Submitted, 6, 6));
        assert_eq!((standing.earned, standing.grade_us, standing.solve_us), (None, None, Some(15)));
        let graded = journal(&spec).split_off(2);
        events.extend(graded);
        assert_eq!(read(&spec, &events).flaws(), [""; 0]);
        assert_eq!(read(&spec, &events).standing().earned, Some(Cents(500)));
        // A pass is never taken up again.
        let mut passed = journal(&spec);
        passed.push((0, Event::Reopened { phase: Phase::Grade, cause }));
        assert!(read(&spec, &passed).flaws()[0].contains("only what is invalid"));
    }
}
