use std::sync::Arc;
use std::time::Instant;

use lancet_core::{
    AgentFaults, Answer, AttemptState, CallRecord, Capture, Environment, Event, Fault, FaultKind, InfraFault,
    InfraFaultKind, Manifest, Outcome, Phase, RefusedSubmission, Response, Role, RunSpec, Score, Setting,
    Sha256, SolveEnd, Task, Verdict, VerdictRecord, attempt_seed,
};
use lancet_engine::{Behind, Call, ENGINE_ID, EngineError, GradeOutput, InputSource, Plugin, Sources};
use lancet_store::{AttemptRow, Store, StoreError, Transition, failpoint};

use crate::evidence::{Bench, Evidence};
use crate::failure::Failure;
use crate::nothing;
use crate::record::{self, Recorder};
use crate::sandboxes::Sandboxes;
use crate::workshop::{Workshop, unkept};

/// How often a phase is begun again because the engine went away under it.
const TRIES: u32 = 3;

/// One attempt and what it takes to bring it to its end.
pub(crate) struct Attempt {
    pub(crate) store: Store,
    pub(crate) spec: Arc<RunSpec>,
    pub(crate) agent: Plugin,
    pub(crate) grader: Plugin,
    pub(crate) row: AttemptRow,
    /// The digest of the run's own record, which the journal names.
    pub(crate) record: Option<Sha256>,
    pub(crate) sandboxes: Arc<Sandboxes>,
}

/// Why an attempt could not be brought to its end. It stays as it was recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttemptError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the records of attempt {0} cannot be used")]
    Records(String, Failure),
}

impl From<AttemptError> for Failure {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Store(error) => error.into(),
            AttemptError::Engine(error) => error.into(),
            AttemptError::Records(_, failure) => failure,
        }
    }
}

/// What an attempt is about, from the blobs that its run recorded.
struct Matter {
    task: Task,
    key: String,
    environment: Option<Arc<Environment>>,
    input: Option<Input>,
}

/// What the operator gave the agent, read when it is asked for: of hundreds of
/// attempts few are that far at a time.
#[derive(Clone)]
struct Input {
    store: Store,
    digest: Sha256,
}

impl InputSource for Input {
    fn read(&self) -> Result<Option<String>, InfraFault> {
        let text = self.store.reader().blob(self.digest).map_err(|e| unkept(&e))?;
        String::from_utf8(text).map(Some).map_err(|_| {
            InfraFault::new(InfraFaultKind::DiskFull, "the store: the agent's input is not UTF-8")
        })
    }
}

/// What the agent left, by the journal.
struct Solved {
    answer: Answer,
    capture: Option<Capture>,
    /// The verdict, when nothing was handed in and the host saw why.
    nothing: Option<Verdict>,
    elapsed_us: u64,
}

impl Attempt {
    /// Solves and grades, from wherever the attempt is. Each half is durable
    /// before the next begins: what was handed in is never asked for again.
    pub(crate) async fn finish(self) -> Result<Outcome, AttemptError> {
        let matter = self.matter().map_err(|e| self.records(e))?;
        let mut recorder = Recorder::take_up(&self.store, &self.row).await?;
        let solved = match self.row.state {
            AttemptState::Decided(outcome) => return Ok(outcome),
            AttemptState::Submitted => self.submitted()?,
            AttemptState::Queued => match self.solve(&mut recorder, &matter).await? {
                Ok(solved) => solved,
                Err(outcome) => return Ok(outcome),
            },
        };
        failpoint("attempt-submitted");
        self.grade(&mut recorder, &matter, solved).await
    }

    fn matter(&self) -> Result<Matter, Failure> {
        let reader = self.store.reader();
        let Setting { environment, input } = record::setting(&reader, self.row.setting_blob)?;
        Ok(Matter {
            task: record::task(&reader, self.row.task_blob)?,
            key: record::answer_key(&reader, self.row.key_blob)?,
            environment: environment.map(Arc::new),
            input: input.map(|digest| Input { store: self.store.clone(), digest }),
        })
    }

    fn records(&self, failure: Failure) -> AttemptError {
        AttemptError::Records(self.row.id.to_string(), failure)
    }

    /// What an interrupted attempt had handed in.
    fn submitted(&self) -> Result<Solved, AttemptError> {
        let events = self.store.reader().events(&self.row.id)?;
        let handed_in = record::handed_in(&events);
        match handed_in {
            Some((answer, capture)) => Ok(Solved {
                answer,
                capture,
                nothing: nothing::recorded(self.row.kind, &events),
                elapsed_us: self.row.solve_us.unwrap_or_default(),
            }),
            None => Err(self.records(Failure::new(
                crate::exit::Exit::Store,
                format!(
                    "the journal of attempt {} holds no submission, although it is submitted",
                    self.row.id
                ),
            ))),
        }
    }

    fn began(&self, phase: Phase) -> Event {
        let (plugin, limits) = match phase {
            Phase::Solve => (&self.agent, &self.spec.agent_limits),
            Phase::Grade => (&self.grader, &self.spec.grader_limits),
        };
        Event::Began {
            phase,
            plugin: plugin.digest(),
            grant: plugin.grant().iter().collect(),
            limits: limits.clone(),
            engine: ENGINE_ID.to_owned(),
            record: self.record,
        }
    }

    /// Has the agent work. `Err` is the outcome when there is nothing to grade. When
    /// the engine goes away under it and comes back, it begins again.
    async fn solve(
        &self,
        recorder: &mut Recorder<'_>,
        matter: &Matter,
    ) -> Result<Result<Solved, Outcome>, AttemptError> {
        let mut tries = 1;
        let (end, solved) = loop {
            let (end, solved) = self.solve_once(recorder, matter).await?;
            match failed(&end, solved.capture.as_ref()) {
                Some(fault) if tries < TRIES && self.sandboxes.recovered(fault).await => {
                    tries += 1;
                    recorder.forget();
                }
                _ => break (end, solved),
            }
        };
        if let Some(verdict) = undecidable(&self.spec, &end, solved.capture.as_ref()) {
            return self.decide(recorder, verdict, &solved, None, Testing::default()).await.map(Err);
        }
        recorder.commit(Transition::Submitted { solve_us: solved.elapsed_us }).await?;
        Ok(Ok(solved))
    }

    async fn solve_once(
        &self,
        recorder: &mut Recorder<'_>,
        matter: &Matter,
    ) -> Result<(SolveEnd, Solved), AttemptError> {
        let began_us = recorder.note(self.began(Phase::Solve));
        let workshop = matter.environment.as_ref().map(|environment| {
            let lease = self.sandboxes.lease(&self.row.id, environment);
            Workshop::new(Arc::clone(&self.sandboxes), Arc::clone(environment), lease, self.store.clone())
        });
        let mut sources = Sources {
            // Only an agent with the grant is linked to it: that run is a control.
            answer_key: Some(Arc::new(matter.key.clone())),
            input: matter.input.clone().map(|input| Arc::new(input) as Arc<dyn InputSource>),
            ..Sources::default()
        };
        if let Some(workshop) = &workshop {
            sources.workspace = Some(workshop.clone());
            sources.shell = Some(workshop.clone());
            sources.user_tool = Some(workshop.clone());
        }
        let call = Call {
            task: &matter.task,
            limits: &self.spec.agent_limits,
            seed: attempt_seed(self.spec.seed, &self.row.id.task, self.row.id.number),
            behind: Behind::live(sources),
            journal: None,
        };
        let output = self.agent.solve(call).await;
        failpoint("attempt-solved");
        let capture = match (&workshop, &output) {
            (Some(workshop), Ok(output)) if output.end == SolveEnd::Answer(Answer::WorkTree) => {
                let captured = workshop.capture().await;
                // What the journal names is there before the journal is.
                self.store.put_blobs(captured.blobs.into_iter().map(Into::into).collect()).await?;
                Some(captured.capture)
            }
            (Some(workshop), _) => {
                workshop.discard().await;
                None
            }
            (None, _) => None,
        };
        let output = output?;
        failpoint("attempt-captured");
        let nothing = nothing::verdict(self.row.kind, &output.end, &output.calls);
        note_calls(recorder, Phase::Solve, output.calls, output.answered);
        if let Some(capture) = &capture {
            recorder.note(Event::Captured { capture: capture.clone() });
        }
        let answer = output.end.submission().unwrap_or(Answer::Nothing);
        let solved_us = recorder.note(Event::Solved {
            submission: submission_digest(&answer, capture.as_ref()),
            end: output.end.clone(),
            fuel_used: output.fuel_used,
        });
        let elapsed_us = solved_us.saturating_sub(began_us);
        Ok((output.end, Solved { answer, capture, nothing, elapsed_us }))
    }

    /// Has the grader judge, again when the engine went away under it.
    async fn grade(
        &self,
        recorder: &mut Recorder<'_>,
        matter: &Matter,
        solved: Solved,
    ) -> Result<Outcome, AttemptError> {
        if let Some(Capture::Refused(refused)) = &solved.capture {
            let verdict = refused_verdict(refused);
            return self.decide(recorder, verdict, &solved, None, Testing::default()).await;
        }
        if let Some(verdict) = solved.nothing.clone() {
            return self.decide(recorder, verdict, &solved, None, Testing::default()).await;
        }
        let mut tries = 1;
        let (began_us, output) = loop {
            let began_us = recorder.note(self.began(Phase::Grade));
            let output = self.grade_once(matter, &solved, tries == TRIES).await?;
            match &output.unavailable {
                Some(fault) if tries < TRIES && self.sandboxes.recovered(fault).await => {
                    tries += 1;
                    recorder.forget();
                }
                _ => break (began_us, output),
            }
        };
        failpoint("attempt-graded");
        let testing = Testing::of(&output.calls);
        note_calls(recorder, Phase::Grade, output.calls, output.answered);
        let graded_us =
            recorder.note(Event::Graded { verdict: output.verdict.clone(), fuel_used: output.fuel_used });
        self.decide(recorder, output.verdict, &solved, Some(graded_us.saturating_sub(began_us)), testing)
            .await
    }

    async fn grade_once(
        &self,
        matter: &Matter,
        solved: &Solved,
        last_try: bool,
    ) -> Result<GradeOutput, EngineError> {
        let manifest = taken(solved.capture.as_ref()).cloned();
        let sources = match &matter.environment {
            None => Sources { submission: Some(Arc::new(solved.answer.clone())), ..Sources::default() },
            Some(environment) => {
                let bench = Bench {
                    sandboxes: Arc::clone(&self.sandboxes),
                    environment: Arc::clone(environment),
                    lease: self.sandboxes.lease(&self.row.id, environment),
                    last_try,
                };
                judged_by(Evidence::live(&self.store, &solved.answer, manifest, bench))
            }
        };
        grade(&self.grader, &self.spec, &self.row, &matter.task, &matter.key, sources, &solved.answer).await
    }

    async fn decide(
        &self,
        recorder: &mut Recorder<'_>,
        verdict: Verdict,
        solved: &Solved,
        grade_us: Option<u64>,
        testing: Testing,
    ) -> Result<Outcome, AttemptError> {
        let submission = submission_digest(&solved.answer, solved.capture.as_ref());
        let record = verdict_record(&self.spec, &self.row, self.grader.digest(), verdict, submission);
        let digest = record.digest();
        let (outcome, reason) = (record.verdict.outcome, record.verdict.reason.clone());
        let earned = record.earned;
        recorder.note(Event::Decided { record, digest });
        let decided = Transition::Decided {
            outcome,
            reason,
            earned,
            verdict_digest: digest,
            solve_us: Some(solved.elapsed_us),
            grade_us,
            test_runs: testing.runs,
            flaky: testing.flaky,
        };
        recorder.commit(decided).await?;
        failpoint("attempt-decided");
        Ok(outcome)
    }
}

/// How tests were run in a grading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Testing {
    pub(crate) runs: u64,
    pub(crate) flaky: bool,
}

impl Testing {
    pub(crate) fn of(calls: &[CallRecord]) -> Self {
        calls.iter().fold(Self::default(), |testing, call| match &call.response {
            Response::Tested(report) => Self {
                runs: testing.runs + report.runs.len() as u64,
                flaky: testing.flaky || report.is_flaky(),
            },
            _ => testing,
        })
    }
}

/// The failure of the infrastructure that an agent's work came to.
fn failed<'a>(end: &'a SolveEnd, capture: Option<&'a Capture>) -> Option<&'a InfraFault> {
    match (end, capture) {
        (SolveEnd::Unavailable(fault), _) | (_, Some(Capture::Unavailable(fault))) => Some(fault),
        _ => None,
    }
}

/// The verdict of an attempt whose agent left nothing that could be judged: nobody's
/// when the infrastructure failed, its own when it did, by the rule of its run.
pub(crate) fn undecidable(spec: &RunSpec, end: &SolveEnd, capture: Option<&Capture>) -> Option<Verdict> {
    if let Some(fault) = failed(end, capture) {
        return Some(infrastructure_verdict(fault));
    }
    match (end, spec.agent_faults) {
        (SolveEnd::Fault(fault), AgentFaults::Fail) => {
            Some(Verdict::failed(fault.reason(Role::Agent), fault.message.clone()))
        }
        (SolveEnd::Fault(fault), AgentFaults::Invalid) => {
            Some(Verdict::invalid(fault.reason(Role::Agent), fault.message.clone()))
        }
        (SolveEnd::TimedOut, AgentFaults::Fail) => {
            let message = format!("it computed for longer than {} ms", spec.agent_limits.wall_ms);
            let fault = Fault::new(FaultKind::Timeout, message);
            Some(Verdict::failed(fault.reason(Role::Agent), fault.message))
        }
        // Graded with nothing handed in.
        (SolveEnd::TimedOut, AgentFaults::Invalid) => None,
        (SolveEnd::Answer(_) | SolveEnd::GaveUp(_) | SolveEnd::Unavailable(_), _) => None,
    }
}

fn infrastructure_verdict(fault: &InfraFault) -> Verdict {
    Verdict::invalid(fault.reason(), format!("{} (hint: {})", fault.message, fault.kind.hint()))
}

/// The verdict on a submission that is not accepted. The candidate made it so, and
/// it fails.
pub(crate) fn refused_verdict(refused: &RefusedSubmission) -> Verdict {
    Verdict {
        outcome: Outcome::Fail,
        reason: refused.reason(),
        score: Score::ZERO,
        checks: Vec::new(),
        explanation: refused.message.clone(),
    }
}

/// The submission that was taken, when one was.
pub(crate) fn taken(capture: Option<&Capture>) -> Option<&Manifest> {
    match capture {
        Some(Capture::Taken(manifest)) => Some(manifest),
        Some(Capture::Refused(_) | Capture::Unavailable(_)) | None => None,
    }
}

/// What names what was handed in.
pub(crate) fn submission_digest(answer: &Answer, capture: Option<&Capture>) -> Sha256 {
    capture.map_or_else(|| answer.digest(), Capture::digest)
}

fn note_calls(recorder: &mut Recorder<'_>, phase: Phase, calls: Vec<CallRecord>, answered: Vec<Instant>) {
    for (call, at) in calls.into_iter().zip(answered) {
        recorder.note_at(at, Event::Called { phase, call });
    }
}

/// The sources of a grader that has evidence.
pub(crate) fn judged_by(evidence: Arc<Evidence>) -> Sources {
    Sources {
        submission: Some(evidence.clone()),
        tests: Some(evidence.clone()),
        artifacts: Some(evidence),
        ..Sources::default()
    }
}

/// Has a grader judge one submission.
pub(crate) async fn grade(
    grader: &Plugin,
    spec: &RunSpec,
    row: &AttemptRow,
    task: &Task,
    key: &str,
    sources: Sources,
    answer: &Answer,
) -> Result<GradeOutput, EngineError> {
    let sources = Sources { answer_key: Some(Arc::new(key.to_owned())), ..sources };
    let call = Call {
        task,
        limits: &spec.grader_limits,
        seed: attempt_seed(spec.seed, &row.id.task, row.id.number),
        behind: Behind::live(sources),
        journal: None,
    };
    grader.grade(call, answer).await
}

/// A verdict with all that it is about.
pub(crate) fn verdict_record(
    spec: &RunSpec,
    row: &AttemptRow,
    grader: Sha256,
    verdict: Verdict,
    submission: Sha256,
) -> VerdictRecord {
    let earned = verdict.payout(row.price);
    VerdictRecord {
        task: row.id.task.clone(),
        attempt: row.id.number,
        kind: row.kind,
        price: row.price,
        agent: spec.agent.digest,
        grader,
        submission,
        verdict,
        earned,
    }
}
