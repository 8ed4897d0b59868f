use crate::{
    Answer, AttemptId, AttemptState, Capability, Capture, Cents, Event, Kind, Limits, Outcome, Phase,
    ReasonCode, Request, Response, RunSpec, Sha256, SolveEnd, Verdict, VerdictRecord,
};

/// What a journal has to be about, by the record of its run.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The attempt.
    pub id: AttemptId,
    /// The task's kind.
    pub kind: Kind,
    /// The task's price.
    pub price: Cents,
    /// Who judges.
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
    /// How far it has come.
    pub state: AttemptState,
    /// Events recorded.
    pub events: u64,
    /// Events recorded when the state last changed.
    pub settled: u64,
    /// Why, once it is decided.
    pub reason: Option<ReasonCode>,
    /// What is paid, once it is decided: price × score of a pass.
    pub earned: Option<Cents>,
    /// The digest of the verdict's record, once it is decided.
    pub verdict_digest: Option<Sha256>,
    /// Microseconds from the agent's beginning to its end.
    pub solve_us: Option<u64>,
    /// Microseconds from the grader's beginning to its end, once it is decided.
    pub grade_us: Option<u64>,
    /// Executions of test plans in the grading, once it is decided.
    pub test_runs: Option<u64>,
    /// Whether these differed, once it is decided.
    pub flaky: Option<bool>,
}

/// How far a journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Solving,
    Captured,
    Solved,
    Grading,
    Graded,
    Decided,
}

/// The one reading of an attempt's journal, event by event: how the attempt stands,
/// and what in the journal contradicts itself or the record of its run.
#[derive(Debug)]
pub struct History<'a> {
    subject: Subject<'a>,
    stage: Stage,
    standing: Standing,
    flaws: Vec<String>,
    began_us: u64,
    capture: Option<Sha256>,
    submission: Option<Sha256>,
    nothing: bool,
    graded: Option<(Verdict, u64)>,
    tests: (u64, bool),
    test_passed: bool,
}

impl<'a> History<'a> {
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
        Self {
            subject,
            stage: Stage::Queued,
            standing,
            flaws: Vec::new(),
            began_us: 0,
            capture: None,
            submission: None,
            nothing: true,
            graded: None,
            tests: (0, false),
            test_passed: false,
        }
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
    pub fn add(&mut self, seq: u64, at_us: u64, event: &Event) {
        self.count(seq);
        match event {
            Event::Began { phase, plugin, grant, limits, record, .. } => {
                self.began(*phase, *plugin, grant, limits, at_us);
                if *record != self.subject.record {
                    self.differs(
                        "the run's record",
                        shown(record.as_ref()),
                        shown(self.subject.record.as_ref()),
                    );
                }
            }
            Event::Called { phase, call } => {
                let stage = if *phase == Phase::Solve { Stage::Solving } else { Stage::Grading };
                self.expect(&[stage], "called");
                if let (Phase::Grade, Response::Tested(report)) = (phase, &call.response) {
                    self.tests.0 += report.runs.len() as u64;
                    self.tests.1 |= report.is_flaky();
                    self.test_passed |= matches!(call.request, Request::TestsRun { .. })
                        && report.conclusion().is_some_and(|concluded| concluded.outcome == Outcome::Pass);
                }
            }
            Event::Captured { capture } => {
                self.expect(&[Stage::Solving], "captured");
                self.stage = Stage::Captured;
                self.capture = Some(Capture::digest(capture));
            }
            Event::Solved { end, submission, .. } => self.solved(end, *submission, at_us),
            Event::Graded { verdict, fuel_used } => {
                self.expect(&[Stage::Grading], "graded");
                self.stage = Stage::Graded;
                if fuel_used.is_none() && !verdict.is_grader_timeout() {
                    self.flaw("it names no fuel, and the clock did not end the grader by its verdict");
                }
                self.graded = Some((verdict.clone(), at_us.saturating_sub(self.began_us)));
                if verdict.outcome == Outcome::Pass && self.nothing {
                    self.flaw("it passes, and nothing was handed in");
                }
                let unseen = self.subject.kind == Kind::IcSwe && !self.test_passed;
                if verdict.outcome == Outcome::Pass && unseen {
                    self.flaw("it passes, and the journal has no test run that did");
                }
            }
            Event::Decided { record, digest } => self.decided(record, *digest),
            Event::Reopened { phase, .. } => self.reopened(*phase),
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

    fn expect(&mut self, stages: &[Stage], event: &str) {
        if !stages.contains(&self.stage) {
            self.flaw(&format!("`{event}` cannot come here"));
        }
    }

    fn began(&mut self, phase: Phase, plugin: Sha256, grant: &[Capability], limits: &Limits, at_us: u64) {
        let spec = self.subject.spec;
        let (from, to, due, granted, bounds) = match phase {
            Phase::Solve => {
                (Stage::Queued, Stage::Solving, spec.agent.digest, &spec.agent_grant, &spec.agent_limits)
            }
            Phase::Grade => {
                (Stage::Solved, Stage::Grading, self.subject.grader, &spec.grader_grant, &spec.grader_limits)
            }
        };
        self.expect(&[from], "began");
        self.stage = to;
        self.began_us = at_us;
        if phase == Phase::Grade {
            (self.tests, self.test_passed) = ((0, false), false);
        }
        if plugin != due {
            self.differs("the plugin", plugin, due);
        }
        if !granted.iter().eq(grant.iter().copied()) {
            self.flaw("the grant is not the run's");
        }
        if limits != bounds {
            self.flaw("the limits are not the run's");
        }
    }

    fn solved(&mut self, end: &SolveEnd, submission: Sha256, at_us: u64) {
        self.expect(&[Stage::Solving, Stage::Captured], "solved");
        let answer = end.submission().unwrap_or(Answer::Nothing);
        let due = self.capture.unwrap_or_else(|| answer.digest());
        if submission != due {
            self.differs("the submission", submission, due);
        }
        self.nothing = answer == Answer::Nothing;
        self.submission = Some(submission);
        self.stage = Stage::Solved;
        self.standing.state = AttemptState::Submitted;
        self.standing.settled = self.standing.events;
        self.standing.solve_us = Some(at_us.saturating_sub(self.began_us));
    }

    fn decided(&mut self, record: &VerdictRecord, digest: Sha256) {
        self.expect(&[Stage::Solved, Stage::Graded], "decided");
        let subject = self.subject.clone();
        let verdict = &record.verdict;
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
        if Some(record.submission) != self.submission {
            self.differs("the submission", record.submission, shown(self.submission.as_ref()));
        }
        match &self.graded {
            Some((graded, _)) if graded != verdict => {
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
        let earned = verdict.payout(subject.price);
        if record.earned != earned {
            self.differs("what is earned", record.earned, earned);
        }
        self.stage = Stage::Decided;
        let standing = &mut self.standing;
        standing.state = AttemptState::Decided(verdict.outcome);
        standing.settled = standing.events;
        standing.reason = Some(verdict.reason.clone());
        standing.earned = Some(earned);
        standing.verdict_digest = Some(record.digest());
        standing.grade_us = self.graded.as_ref().map(|(_, us)| *us);
        (standing.test_runs, standing.flaky) = match &self.graded {
            Some(_) => (Some(self.tests.0), Some(self.tests.1)),
            None => (Some(0), Some(false)),
        };
    }

    fn reopened(&mut self, phase: Phase) {
        self.expect(&[Stage::Decided], "reopened");
        if self.standing.state != AttemptState::Decided(Outcome::Invalid) {
            self.flaw("only what is invalid is taken up again");
        }
        self.graded = None;
        (self.stage, self.standing.state) = match phase {
            Phase::Solve => (Stage::Queued, AttemptState::Queued),
            Phase::Grade => (Stage::Solved, AttemptState::Submitted),
        };
        if phase == Phase::Solve {
            (self.capture, self.submission, self.nothing) = (None, None, true);
        }
        let standing = &mut self.standing;
        standing.settled = standing.events;
        (standing.reason, standing.earned, standing.verdict_digest) = (None, None, None);
        (standing.grade_us, standing.test_runs, standing.flaky) = (None, None, None);
    }
}

fn shown(digest: Option<&Sha256>) -> String {
    digest.map_or_else(|| "none".to_owned(), Sha256::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Grant, InfraFault, InfraFaultKind, Role, Score};

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

    fn read<'s>(spec: &'s RunSpec, events: &[(u64, Event)]) -> History<'s> {
        let mut history = History::new(subject(spec));
        for (seq, (at, event)) in events.iter().enumerate() {
            history.add(seq as u64, *at, event);
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
                "event 3: it names no fuel, and the clock did not end the grader",
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
        let mut history = History::new(subject(&spec));
        history.add(1, 0, &began(&spec, Phase::Solve));
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
