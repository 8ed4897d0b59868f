//! The one reading of an attempt's journal: what its plugins did, what was handed in,
//! what it was judged and what was decided, event by event.

mod scrutiny;

use std::collections::BTreeMap;

use crate::{
    Answer, CallRecord, Capability, Capture, Event, InfraFault, Limits, Outcome, Phase, Request, Response,
    Sha256, SolveEnd, TestReport, Verdict, VerdictRecord,
};

pub use scrutiny::{Scrutiny, Standing, Subject};

/// What one plugin did in an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The plugin's component.
    pub plugin: Sha256,
    /// What the plugin might import.
    pub grant: Vec<Capability>,
    /// The limits that the plugin ran under.
    pub limits: Limits,
    /// The engine that the plugin's fuel belongs to.
    pub engine: String,
    /// Microseconds from when the attempt was taken up to when the plugin began.
    pub began_us: u64,
    /// Every call of a capability, in order.
    pub calls: Vec<CallRecord>,
    /// The paid call that was begun and has no answer yet.
    pub asked: Option<Asked>,
    /// How many paid calls were begun, answered or not.
    pub paid: u64,
}

impl Part {
    /// The reports of the plugin's test runs, by plan.
    #[must_use]
    pub fn into_reports(self) -> BTreeMap<String, TestReport> {
        self.calls
            .into_iter()
            .filter_map(|call| match call.response {
                Response::Tested(report) => Some((report.plan.clone(), *report)),
                _ => None,
            })
            .collect()
    }
}

/// A call that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Fuel that the plugin had used.
    pub fuel_used: u64,
    /// What the plugin asked.
    pub request: Request,
}

/// How an agent's work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solved {
    /// How the agent's work ended.
    pub end: SolveEnd,
    /// Fuel that the agent used in all; `None` when the clock ended it.
    pub fuel_used: Option<u64>,
    /// The digest of what was handed in.
    pub submission: Sha256,
    /// Microseconds that the agent took.
    pub took_us: u64,
}

/// What a grader said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graded {
    /// The grader's verdict, or the invalid one that the host put in its place.
    pub verdict: Verdict,
    /// Fuel that the grader used in all; `None` when the clock ended it.
    pub fuel_used: Option<u64>,
    /// Microseconds that the grader took.
    pub took_us: u64,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The verdict with all that it is about.
    pub record: VerdictRecord,
    /// The digest of `record`.
    pub digest: Sha256,
}

/// How far a journal has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Queued,
    Solving,
    Captured,
    Solved,
    Grading,
    Graded,
    Decided,
}

/// An event where it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// A call, and there is no plugin that it could be of. It is left out.
    #[error("a call before its plugin began")]
    Unbegun,
    /// An event of this name. It is taken for what it says.
    #[error("`{0}` cannot come here")]
    Early(&'static str),
}

/// What a journal lacks that is taken for a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotWhole(&'static str);

/// The journal of an attempt that is decided, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// What the agent did.
    pub solve: Part,
    /// How the agent's work ended.
    pub solved: Solved,
    /// What was taken from the agent's container.
    pub capture: Option<Capture>,
    /// What the grader did and said, where one was asked.
    pub grade: Option<(Part, Graded)>,
    /// What the attempt came to.
    pub decided: Decision,
}

/// How an attempt went, by its journal so far. Every beginning of a good journal is a
/// good one. What an attempt that was taken up again had come to before does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    stage: Stage,
    /// What the agent did, once it began.
    pub solve: Option<Part>,
    /// What was taken from the agent's container.
    pub capture: Option<Capture>,
    /// How the agent's work ended.
    pub solved: Option<Solved>,
    /// What the grader did, once it began.
    pub grade: Option<Part>,
    /// What the grader said.
    pub graded: Option<Graded>,
    /// What was decided.
    pub decided: Option<Decision>,
    /// The phase that was taken up again last, and what had failed.
    pub reopened: Option<(Phase, InfraFault)>,
    /// What a plugin had done and been answered for money when its phase was begun
    /// again: nothing of that need be paid for twice.
    pub given_up: Option<(Phase, Part)>,
    counts_only: bool,
    tests: u64,
    flaky: bool,
    test_passed: bool,
}

impl History {
    /// Reads a journal, whatever is wrong with it: what has no place in it is left out.
    pub fn of(events: impl IntoIterator<Item = (u64, Event)>) -> Self {
        let mut history = Self::default();
        for (at_us, event) in events {
            let _ = history.add(at_us, event);
        }
        history
    }

    /// A history that keeps neither calls nor captures: there may be thousands at a time.
    fn counting() -> Self {
        Self { counts_only: true, ..Self::default() }
    }

    /// Adds an event, `at_us` microseconds after the attempt was taken up.
    ///
    /// # Errors
    /// When the event cannot come here.
    pub fn add(&mut self, at_us: u64, event: Event) -> Result<(), Misplaced> {
        let name = event.name();
        let fits = self.fits(&event);
        match event {
            Event::Began { phase, plugin, grant, limits, engine, record: _, jail: _, package: _ } => {
                let calls = Vec::new();
                let part =
                    Part { plugin, grant, limits, engine, began_us: at_us, calls, asked: None, paid: 0 };
                self.give_up(phase);
                match phase {
                    Phase::Solve => (self.stage, self.solve) = (Stage::Solving, Some(part)),
                    Phase::Grade => {
                        (self.stage, self.grade) = (Stage::Grading, Some(part));
                        (self.tests, self.flaky, self.test_passed) = (0, false, false);
                    }
                }
            }
            Event::Asked { phase, fuel_used, request } => {
                let part = self.part(phase).ok_or(Misplaced::Unbegun)?;
                part.asked = Some(Asked { fuel_used, request });
                part.paid += 1;
            }
            Event::Called { phase, call } => self.called(phase, call)?,
            Event::Captured { capture } => {
                self.stage = Stage::Captured;
                self.capture = Some(capture).filter(|_| !self.counts_only);
            }
            Event::Solved { end, fuel_used, submission } => {
                let took_us = at_us.saturating_sub(self.solve.as_ref().map_or(0, |part| part.began_us));
                self.stage = Stage::Solved;
                self.solved = Some(Solved { end, fuel_used, submission, took_us });
            }
            Event::Graded { verdict, fuel_used } => {
                let took_us = at_us.saturating_sub(self.grade.as_ref().map_or(0, |part| part.began_us));
                (self.stage, self.graded) = (Stage::Graded, Some(Graded { verdict, fuel_used, took_us }));
            }
            Event::Decided { record, digest } => {
                (self.stage, self.decided) = (Stage::Decided, Some(Decision { record, digest }));
            }
            Event::Reopened { phase, cause } => self.reopen(phase, cause),
        }
        if fits { Ok(()) } else { Err(Misplaced::Early(name)) }
    }

    /// What was handed in, and what of it was taken from a container; `None` before
    /// there is anything.
    #[must_use]
    pub fn handed_in(&self) -> Option<(Answer, Option<&Capture>)> {
        let answer = self.solved.as_ref()?.end.submission()?;
        Some((answer, self.capture.as_ref()))
    }

    /// Whether what was handed in can be graded: it has been taken, or it needs no
    /// taking.
    #[must_use]
    pub fn was_submitted(&self) -> bool {
        !matches!(self.handed_in(), Some((_, Some(Capture::Unavailable(_)))) | None)
    }

    /// What of the infrastructure made the attempt invalid, by what the host itself
    /// recorded of it: how the agent's work ended, what was taken from its container, or
    /// how a call of the grader was answered. A verdict's own words count for nothing,
    /// as they may be a grader's.
    #[must_use]
    pub fn unavailable(&self) -> Option<&InfraFault> {
        let verdict = &self.decided.as_ref()?.record.verdict;
        // Whatever is answered so is the last thing that a grader does.
        let graders = self.grade.iter().flat_map(|part| part.calls.iter().rev()).find_map(|call| match &call
            .response
        {
            Response::Unavailable(fault) => Some(fault),
            _ => None,
        });
        let agents = || match (self.solved.as_ref().map(|solved| &solved.end), &self.capture) {
            (Some(SolveEnd::Unavailable(fault)), _) | (_, Some(Capture::Unavailable(fault))) => Some(fault),
            _ => None,
        };
        let fault = graders.or_else(agents)?;
        (verdict.outcome == Outcome::Invalid && verdict.reason == fault.reason()).then_some(fault)
    }

    /// Takes a journal apart that has been decided.
    ///
    /// # Errors
    /// When there is something that it lacks.
    pub fn whole(self) -> Result<Whole, NotWhole> {
        let solved = self.solved.ok_or(NotWhole("no submission"))?;
        let grade = match (self.grade, self.graded) {
            (Some(part), Some(graded)) => Some((part, graded)),
            (None, None) => None,
            _ => return Err(NotWhole("half a grading")),
        };
        Ok(Whole {
            solve: self.solve.ok_or(NotWhole("the agent never began"))?,
            solved,
            capture: self.capture,
            grade,
            decided: self.decided.ok_or(NotWhole("no verdict"))?,
        })
    }

    /// Whether an event can come next.
    fn fits(&self, event: &Event) -> bool {
        let at_work = |phase| match phase {
            Phase::Solve => Stage::Solving,
            Phase::Grade => Stage::Grading,
        };
        match event {
            Event::Began { phase, .. } => {
                let before = match phase {
                    Phase::Solve => Stage::Queued,
                    Phase::Grade => Stage::Solved,
                };
                // What was paid for stays in the journal when its phase is begun again.
                let paid = self.of_phase(*phase).is_some_and(|part| part.paid > 0);
                self.stage == before || (self.stage == at_work(*phase) && paid)
            }
            Event::Asked { phase, .. } => self.stage == at_work(*phase),
            Event::Called { phase, call } => {
                let asked = self.of_phase(*phase).and_then(|part| part.asked.as_ref());
                self.stage == at_work(*phase)
                    && asked.is_none_or(|asked| {
                        (asked.fuel_used, &asked.request) == (call.fuel_used, &call.request)
                    })
            }
            Event::Captured { .. } => self.stage == Stage::Solving,
            Event::Solved { .. } => matches!(self.stage, Stage::Solving | Stage::Captured),
            Event::Graded { .. } => self.stage == Stage::Grading,
            Event::Decided { .. } => matches!(self.stage, Stage::Solved | Stage::Graded),
            Event::Reopened { .. } => self.stage == Stage::Decided,
        }
    }

    fn of_phase(&self, phase: Phase) -> Option<&Part> {
        match phase {
            Phase::Solve => self.solve.as_ref(),
            Phase::Grade => self.grade.as_ref(),
        }
    }

    fn part(&mut self, phase: Phase) -> Option<&mut Part> {
        match phase {
            Phase::Solve => self.solve.as_mut(),
            Phase::Grade => self.grade.as_mut(),
        }
    }

    fn called(&mut self, phase: Phase, call: CallRecord) -> Result<(), Misplaced> {
        if let (Phase::Grade, Response::Tested(report)) = (phase, &call.response) {
            self.tests += report.runs.len() as u64;
            self.flaky |= report.is_flaky();
            self.test_passed |= matches!(call.request, Request::TestsRun { .. })
                && report.conclusion().is_some_and(|concluded| concluded.outcome == Outcome::Pass);
        }
        let counts_only = self.counts_only;
        let part = self.part(phase).ok_or(Misplaced::Unbegun)?;
        part.asked = None;
        if !counts_only {
            part.calls.push(call);
        }
        Ok(())
    }

    /// Puts the part of a phase that is begun again aside, if anything was paid in it.
    fn give_up(&mut self, phase: Phase) {
        let part = match phase {
            Phase::Solve => self.solve.take(),
            Phase::Grade => self.grade.take(),
        };
        if let Some(part) = part.filter(|part| part.paid > 0) {
            self.given_up = Some((phase, part));
        }
    }

    fn reopen(&mut self, phase: Phase, cause: InfraFault) {
        self.give_up(phase);
        match phase {
            Phase::Solve => {
                self.stage = Stage::Queued;
                (self.solve, self.solved, self.capture) = (None, None, None);
            }
            Phase::Grade => self.stage = Stage::Solved,
        }
        (self.grade, self.graded, self.decided) = (None, None, None);
        self.reopened = Some((phase, cause));
    }
}
