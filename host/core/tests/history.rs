//! Journals of attempts, as a host writes them: every beginning of one folds, and comes
//! to what its events say.

use lancet_core::{
    Answer, CallError, CallErrorKind, CallRecord, Capture, Cents, Event, History, InfraFault, InfraFaultKind,
    Kind, Limits, Outcome, Phase, RefusalKind, RefusedSubmission, Request, Response, Score, Sha256, SolveEnd,
    Verdict, VerdictRecord,
};
use proptest::prelude::*;

fn fault() -> InfraFault {
    InfraFault::new(InfraFaultKind::DiskFull, "no space left")
}

fn verdict(outcome: Outcome, reason: &str) -> Verdict {
    let (reason, score) = (reason.parse().unwrap(), Score::ZERO);
    Verdict { outcome, reason, score, checks: Vec::new(), explanation: String::new() }
}

fn decided(verdict: Verdict) -> Event {
    let digest = Sha256::of(b"");
    let record = VerdictRecord {
        task: "t".parse().unwrap(),
        attempt: 1,
        kind: Kind::IcSwe,
        price: Cents(1),
        agent: digest,
        grader: digest,
        submission: digest,
        verdict,
        earned: Cents::ZERO,
        by_model: false,
    };
    Event::Decided { digest: record.digest(), record }
}

fn began(phase: Phase) -> Event {
    Event::Began {
        phase,
        plugin: Sha256::of(b"plugin"),
        grant: Vec::new(),
        limits: Limits::standard(),
        engine: "engine".to_owned(),
        record: None,
        jail: None,
        package: None,
    }
}

fn solved(end: SolveEnd) -> Event {
    Event::Solved { end, fuel_used: Some(1), submission: Sha256::of(b"") }
}

fn call(phase: Phase, fuel_used: u64, request: Request, response: Response) -> Event {
    Event::Called { phase, call: CallRecord { fuel_used, request, response } }
}

/// Writes journals by a list of choices, which begins again where it ends.
struct Author<'a> {
    choices: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    events: Vec<Event>,
    fuel: u64,
}

impl Author<'_> {
    fn choose(&mut self, among: u8) -> u8 {
        self.choices.next().copied().unwrap_or(0) % among
    }

    /// A plugin's calls. `true` when the infrastructure failed the last of them.
    fn part(&mut self, phase: Phase) -> bool {
        self.events.push(began(phase));
        for _ in 0..self.choose(6) {
            self.fuel += 1_000;
            let request = match self.choose(3) {
                0 => Request::RandomNext,
                1 => Request::TestsRun { plan: "hidden".to_owned() },
                _ => Request::ShellRun { command: "make".to_owned(), timeout_seconds: 1 },
            };
            if self.choose(3) == 0 {
                // Once more, where a host died before there was an answer.
                for _ in 0..=self.choose(2) {
                    self.events.push(Event::Asked { phase, fuel_used: self.fuel, request: request.clone() });
                }
                if self.choose(4) == 0 {
                    // The container is gone, and what was done in it with it.
                    self.events.push(began(phase));
                    continue;
                }
            }
            let response = match self.choose(6) {
                0 => Response::Unavailable(fault()),
                1 => Response::Refused(CallError::new(CallErrorKind::Other, "no")),
                _ => Response::Done,
            };
            let is_over = matches!(response, Response::Unavailable(_));
            self.events.push(call(phase, self.fuel, request, response));
            if is_over {
                return true;
            }
        }
        false
    }

    fn reopens(&mut self, phase: Phase) -> bool {
        let reopens = self.events.len() < 60 && self.choose(2) == 0;
        if reopens {
            self.events.push(Event::Reopened { phase, cause: fault() });
        }
        reopens
    }

    fn solve(&mut self) {
        let lost = self.part(Phase::Solve);
        let end = match self.choose(5) {
            _ if lost => SolveEnd::Unavailable(fault()),
            0 => SolveEnd::GaveUp("why".to_owned()),
            1 => SolveEnd::TimedOut,
            2 => SolveEnd::Answer(Answer::Nothing),
            _ => SolveEnd::Answer(Answer::WorkTree),
        };
        let capture = (end == SolveEnd::Answer(Answer::WorkTree)).then(|| match self.choose(2) {
            0 => Capture::Unavailable(fault()),
            _ => Capture::Refused(RefusedSubmission { kind: RefusalKind::BadPath, message: String::new() }),
        });
        let lost = lost || matches!(capture, Some(Capture::Unavailable(_)));
        self.events.extend(capture.map(|capture| Event::Captured { capture }));
        self.events.push(solved(end));
        if !lost {
            return self.grade();
        }
        self.events.push(decided(verdict(Outcome::Invalid, "disk-full")));
        if self.reopens(Phase::Solve) {
            self.solve();
        }
    }

    fn grade(&mut self) {
        if self.choose(4) == 0 {
            return self.events.push(decided(verdict(Outcome::Fail, "host-saw-it")));
        }
        let verdict = match (self.part(Phase::Grade), self.choose(3)) {
            (true, _) => verdict(Outcome::Invalid, "disk-full"),
            // A grader's own words.
            (_, 0) => verdict(Outcome::Invalid, "grader-error"),
            _ => verdict(Outcome::Fail, "tests-failed"),
        };
        let lost = verdict.reason.as_str() == "disk-full";
        self.events.push(Event::Graded { verdict: verdict.clone(), fuel_used: Some(self.fuel) });
        self.events.push(decided(verdict));
        if lost && self.reopens(Phase::Grade) {
            self.grade();
        }
    }
}

fn written(choices: &[u8]) -> Vec<Event> {
    let mut author = Author { choices: choices.iter().cycle(), events: Vec::new(), fuel: 0 };
    author.solve();
    author.events
}

/// What comes after the last event of that kind.
fn since(events: &[Event], is_last: impl Fn(&Event) -> bool) -> &[Event] {
    &events[events.iter().rposition(is_last).map_or(0, |at| at + 1)..]
}

/// What was handed in, read backwards from the end.
fn handed_in(events: &[Event]) -> Option<(Answer, Option<&Capture>)> {
    let events = since(events, |event| matches!(event, Event::Reopened { phase: Phase::Solve, .. }));
    let capture = events.iter().rev().find_map(|event| match event {
        Event::Captured { capture } => Some(capture),
        _ => None,
    });
    let answer = events.iter().rev().find_map(|event| match event {
        Event::Solved { end, .. } => Some(end.submission()),
        _ => None,
    });
    Some((answer??, capture))
}

/// What of the infrastructure failed, by what came since the attempt was taken up again.
fn unavailable(events: &[Event]) -> Option<&InfraFault> {
    let fault =
        since(events, |event| matches!(event, Event::Reopened { .. })).iter().rev().find_map(|event| {
            match event {
                Event::Captured { capture: Capture::Unavailable(fault) }
                | Event::Solved { end: SolveEnd::Unavailable(fault), .. }
                | Event::Called {
                    phase: Phase::Grade,
                    call: CallRecord { response: Response::Unavailable(fault), .. },
                } => Some(fault),
                _ => None,
            }
        })?;
    let Event::Decided { record, .. } = events.last()? else { return None };
    let verdict = &record.verdict;
    (verdict.outcome == Outcome::Invalid && verdict.reason == fault.reason()).then_some(fault)
}

/// The calls of the last time that the phase was begun, unless it was taken back.
fn calls(events: &[Event], phase: Phase) -> Vec<&CallRecord> {
    let again = |event: &Event| match event {
        Event::Began { phase: began, .. } => *began == phase,
        Event::Reopened { phase: again, .. } => *again == phase || *again == Phase::Solve,
        _ => false,
    };
    let of_phase = |event| match event {
        &Event::Called { phase: of, ref call } if of == phase => Some(call),
        _ => None,
    };
    // A grader's calls went with the decision that was taken back.
    let part = since(events, again);
    let reopened = part.iter().any(|event| matches!(event, Event::Reopened { .. }));
    if reopened && phase == Phase::Grade { Vec::new() } else { part.iter().filter_map(of_phase).collect() }
}

proptest! {
    #[test]
    fn every_beginning_of_a_good_journal_folds(choices in prop::collection::vec(any::<u8>(), 1..80)) {
        let events = written(&choices);
        let mut history = History::default();
        for (number, event) in events.iter().enumerate() {
            // As it comes back out of a store.
            let json = serde_json::to_string(event).unwrap();
            let read: Event = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(history.add(number as u64, read), Ok(()), "event {} of {:?}", number, &events);
            let so_far = &events[..=number];
            prop_assert_eq!(history.handed_in(), handed_in(so_far));
            if history.decided.is_some() {
                prop_assert_eq!(history.unavailable(), unavailable(so_far));
            }
            for (phase, part) in [(Phase::Solve, &history.solve), (Phase::Grade, &history.grade)] {
                let folded: Vec<_> = part.iter().flat_map(|part| &part.calls).collect();
                prop_assert_eq!(folded, calls(so_far, phase));
            }
            let mut parts = [&history.solve, &history.grade].into_iter().flatten();
            let is_asked = parts.any(|part| part.asked.is_some());
            prop_assert!(is_asked || event.name() != "asked");
        }
        let graded = history.graded.is_some();
        prop_assert_eq!(history.whole().unwrap().grade.is_some(), graded);
    }
}

#[test]
fn what_is_no_journal_is_told_of_and_read_as_far_as_it_goes() {
    let mut history = History::default();
    let stray = call(Phase::Grade, 1, Request::RandomNext, Response::Number(1));
    assert_eq!(history.add(0, stray).unwrap_err().to_string(), "a call before its plugin began");
    let error = history.add(0, solved(SolveEnd::GaveUp("why".to_owned()))).unwrap_err();
    assert_eq!(error.to_string(), "`solved` cannot come here");
    assert_eq!(history.handed_in(), Some((Answer::Nothing, None)));
    assert_eq!(history.whole().unwrap_err().to_string(), "the agent never began");
}

#[test]
fn a_journal_that_stops_short_says_what_is_missing() {
    let solved = || solved(SolveEnd::Answer(Answer::Choice(1)));
    let read = |events: Vec<Event>| {
        History::of(events.into_iter().map(|event| (0, event))).whole().unwrap_err().to_string()
    };
    assert_eq!(read(vec![]), "no submission");
    assert_eq!(read(vec![began(Phase::Solve), solved(), began(Phase::Grade)]), "half a grading");
    assert_eq!(read(vec![began(Phase::Solve), solved()]), "no verdict");
}

#[test]
fn what_was_paid_for_and_begun_again_is_kept_apart() {
    let request = || Request::ShellRun { command: "ask".to_owned(), timeout_seconds: 1 };
    let asked = Event::Asked { phase: Phase::Solve, fuel_used: 5, request: request() };
    let mut history = History::default();
    history.add(0, began(Phase::Solve)).unwrap();
    assert!(history.clone().add(0, began(Phase::Solve)).is_err(), "nothing was paid for");
    history.add(0, asked).unwrap();
    assert_eq!(history.solve.as_ref().unwrap().asked.as_ref().unwrap().fuel_used, 5);
    let other = call(Phase::Solve, 6, request(), Response::Done);
    assert!(history.clone().add(0, other).is_err(), "another call than the one that was begun");
    history.add(0, call(Phase::Solve, 5, request(), Response::Done)).unwrap();
    history.add(0, began(Phase::Solve)).unwrap();
    assert_eq!(history.solve.as_ref().unwrap().calls, []);
    let (phase, part) = history.given_up.as_ref().unwrap();
    assert_eq!((*phase, part.calls.len(), part.paid, &part.asked), (Phase::Solve, 1, 1, &None));
}
