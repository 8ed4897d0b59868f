//! One attempt: it is solved, captured, graded and decided, from wherever it is.

use std::sync::{Arc, Mutex};

use lancet_core::{
    AgentFaults, Answer, AttemptState, CallRecord, Capability, Capture, Cents, ChangeSet, Environment, Event,
    Fault, FaultKind, InfraFault, Kind, Limits, Outcome, Phase, RefusedSubmission, Response, Role, RunSpec,
    Score, Setting, Sha256, SolveEnd, Task, Verdict, VerdictRecord, attempt_seed,
};
use lancet_engine::{
    Behind, Call, Divergence, ENGINE_ID, EngineError, GradeOutput, InputSource, Outside, Plugin,
    SettingsSource, Sources,
};
use lancet_store::{AttemptRow, RunLock, Store, Transition, failpoint};

use crate::agent_sources::AgentSources;
use crate::blobs::{Blobs, Input};
use crate::error::Error;
use crate::grader_settings;
use crate::grader_sources::{GraderSources, LiveTests, Tests};
use crate::models::{Conversations, Models, Paid};
use crate::nothing;
use crate::observer::{Notice, Observer, Wait};
use crate::recorder::{self, Beginning, Recorder};
use crate::sandboxes::Sandboxes;
use crate::watched::Watched;

/// How often a phase is begun again because the engine went away under it.
const TRIES: u32 = 3;

/// One attempt and what it takes to bring it to its end.
pub(crate) struct Attempt {
    pub(crate) store: Store,
    /// The right to execute the run, where there is more than this attempt to it.
    pub(crate) lock: Option<Arc<RunLock>>,
    pub(crate) spec: Arc<RunSpec>,
    pub(crate) agent: Plugin,
    pub(crate) grader: Plugin,
    pub(crate) row: AttemptRow,
    /// The digest of the run's own record, which the journal names.
    pub(crate) record: Option<Sha256>,
    pub(crate) sandboxes: Arc<Sandboxes>,
    /// Those of the run.
    pub(crate) models: Arc<Models>,
    pub(crate) observer: Arc<dyn Observer>,
    /// What is put before the sources of a plugin; tests have doubles there.
    pub(crate) before: Before,
}

/// What is put before the sources of the plugin of a phase.
pub(crate) type Before = Arc<dyn Fn(Phase, Arc<dyn Outside>) -> Arc<dyn Outside> + Send + Sync>;

/// What an attempt is about, from the blobs that its run recorded.
struct Inputs {
    task: Task,
    key: String,
    environment: Option<Arc<Environment>>,
    given: Option<Input>,
    /// What the grader reads of what was set of it.
    settings: Arc<dyn SettingsSource>,
}

/// What the agent left, by the journal.
struct Solved {
    answer: Answer,
    capture: Option<Capture>,
    /// How the agent ended.
    end: SolveEnd,
    /// The verdict, when nothing was handed in and the host saw why.
    nothing: Option<Verdict>,
    elapsed_us: u64,
}

/// How an attempt ended, and what it earned.
type Ended = (Outcome, Cents);

impl Attempt {
    /// Solves and grades, from wherever the attempt is. Each half is durable
    /// before the next begins: what was handed in is never asked for again.
    ///
    /// Dropped before it is done, it leaves the attempt at its last durable state;
    /// containers that it had are removed behind it.
    ///
    /// # Errors
    /// When the host itself fails. The attempt stays as it was recorded.
    pub(crate) async fn finish(self) -> Result<Outcome, Error> {
        self.observer.notice(Notice::Began { attempt: &self.row.id });
        let begun = self.models.begin(&self.row.id);
        let (outcome, earned) = self.decided().await?;
        drop(begun);
        self.observer.notice(Notice::Decided { attempt: &self.row.id, outcome, earned });
        Ok(outcome)
    }

    async fn decided(&self) -> Result<Ended, Error> {
        let inputs = self.inputs()?;
        let mut recorder = Recorder::take_up(&self.store, &self.row, self.lock.clone()).await?;
        let solved = match self.row.state {
            AttemptState::Decided(outcome) => return Ok((outcome, self.row.earned.unwrap_or(Cents::ZERO))),
            AttemptState::Submitted => self.submitted()?,
            AttemptState::Queued => match self.solve(&mut recorder, &inputs).await? {
                Ok(solved) => solved,
                Err(ended) => return Ok(ended),
            },
        };
        failpoint("attempt-submitted");
        self.grade(&mut recorder, &inputs, solved).await
    }

    fn inputs(&self) -> Result<Inputs, Error> {
        let reader = self.store.reader();
        let Setting { environment, input, grader_settings } =
            recorder::setting(&reader, self.row.setting_blob)?;
        Ok(Inputs {
            settings: grader_settings::source(&self.grader, &self.row.id.task, &grader_settings)?,
            task: recorder::task(&reader, self.row.task_blob)?,
            key: recorder::answer_key(&reader, self.row.key_blob)?,
            environment: environment.map(Arc::new),
            given: input.map(|digest| Input { blobs: self.blobs(), digest }),
        })
    }

    fn blobs(&self) -> Blobs {
        Blobs::new(&self.store)
    }

    /// Whether a phase is worth another try: the engine for containers went away under
    /// it, and is back. Waits for it.
    async fn recovered(&self, fault: &InfraFault) -> bool {
        if !self.sandboxes.may_recover(fault).await {
            return false;
        }
        self.observer.notice(Notice::Waits { attempt: &self.row.id, what: Wait::Engine { fault } });
        self.sandboxes.recovered().await
    }

    /// What an interrupted attempt had handed in.
    fn submitted(&self) -> Result<Solved, Error> {
        let history = recorder::history(self.store.reader().events(&self.row.id)?);
        match history.handed_in() {
            Some((answer, capture)) => Ok(Solved {
                answer,
                capture: capture.cloned(),
                nothing: nothing::recorded(self.row.kind, &history),
                end: history.solved.map_or(SolveEnd::Answer(Answer::Nothing), |solved| solved.end),
                elapsed_us: self.row.solve_us.unwrap_or_default(),
            }),
            None => Err(Error::NoSubmission(self.row.id.clone())),
        }
    }

    /// What a plugin's calls are answered by. What was `paid` for before is not asked of a
    /// model again.
    fn outside(&self, phase: Phase, mut sources: Sources, paid: Paid) -> Arc<dyn Outside> {
        let (plugin, limits) = self.plugin(phase);
        if plugin.grant().has(Capability::Model) && !self.models.is_empty() {
            sources.model = Some(Arc::new(Conversations {
                models: Arc::clone(&self.models),
                blobs: self.blobs(),
                attempt: self.row.id.clone(),
                phase,
                call_bytes: limits.call_bytes,
                paid,
                observer: Arc::clone(&self.observer),
                open: Mutex::default(),
                held: Mutex::default(),
            }));
            sources.budget = Some(self.models.allowances(&self.row.id));
        }
        if phase == Phase::Solve {
            sources.settings = Some(self.models.settings());
        }
        let (attempt, observer) = (self.row.id.clone(), Arc::clone(&self.observer));
        Arc::new(Watched { behind: (self.before)(phase, Arc::new(sources)), attempt, observer })
    }

    fn plugin(&self, phase: Phase) -> (&Plugin, &Limits) {
        match phase {
            Phase::Solve => (&self.agent, &self.spec.agent_limits),
            Phase::Grade => (&self.grader, &self.spec.grader_limits),
        }
    }

    fn began(&self, phase: Phase) -> Event {
        let (plugin, limits) = self.plugin(phase);
        Event::Began {
            phase,
            plugin: plugin.digest(),
            grant: plugin.grant().iter().collect(),
            limits: limits.clone(),
            engine: ENGINE_ID.to_owned(),
            record: self.record,
            jail: plugin.jail(),
            package: plugin.package(),
        }
    }

    /// Has the agent work. `Err` is how it ended when there is nothing to grade. When
    /// the engine goes away under it and comes back, it begins again.
    async fn solve(&self, recorder: &mut Recorder, inputs: &Inputs) -> Result<Result<Solved, Ended>, Error> {
        let mut tries = 1;
        let (end, solved) = loop {
            let (end, solved) = self.solve_once(recorder, inputs).await?;
            match failed(&end, solved.capture.as_ref()) {
                Some(fault) if tries < TRIES && self.recovered(fault).await => {
                    tries += 1;
                    recorder.forget().await?;
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
        recorder: &mut Recorder,
        inputs: &Inputs,
    ) -> Result<(SolveEnd, Solved), Error> {
        let outside = inputs.environment.as_ref().map(|environment| {
            let lease = self.sandboxes.lease(&self.row.id, environment);
            AgentSources::new(Arc::clone(&self.sandboxes), Arc::clone(environment), lease, self.blobs())
        });
        let mut sources = Sources {
            // Only an agent with the grant is linked to it: that run is a control.
            answer_key: Some(Arc::new(inputs.key.clone())),
            input: inputs.given.clone().map(|given| Arc::new(given) as Arc<dyn InputSource>),
            ..Sources::default()
        };
        if let Some(outside) = &outside {
            sources.workspace = Some(outside.clone());
            sources.shell = Some(outside.clone());
            sources.user_tool = Some(outside.clone());
        }
        let Beginning { began_us, behind, journal } =
            recorder.begin(self.began(Phase::Solve), Phase::Solve, |paid| {
                self.outside(Phase::Solve, sources.clone(), paid)
            });
        let call = Call {
            task: &inputs.task,
            limits: &self.spec.agent_limits,
            seed: attempt_seed(self.spec.seed, &self.row.id.task, self.row.id.number),
            behind,
            journal: Some(journal),
        };
        let output = self.agent.solve(call).await;
        failpoint("attempt-solved");
        let capture = match (&outside, &output) {
            (Some(outside), Ok(output))
                if output.end == SolveEnd::Answer(Answer::WorkTree) && is_tested(self.row.kind) =>
            {
                let captured = outside.capture().await;
                // What the journal names is there before the journal is.
                self.blobs().keep(captured.blobs).await?;
                Some(captured.capture)
            }
            (Some(outside), _) => {
                outside.discard().await;
                None
            }
            (None, _) => None,
        };
        let output = output?;
        failpoint("attempt-captured");
        self.undiverged(output.divergence.as_ref())?;
        let nothing = nothing::verdict(self.row.kind, &output.end, &output.calls);
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
        let end = output.end.clone();
        Ok((output.end, Solved { answer, capture, end, nothing, elapsed_us }))
    }

    /// Has the grader judge, again when the engine went away under it.
    async fn grade(&self, recorder: &mut Recorder, inputs: &Inputs, solved: Solved) -> Result<Ended, Error> {
        if let Some(Capture::Refused(refused)) = &solved.capture {
            let verdict = refused_verdict(refused);
            return self.decide(recorder, verdict, &solved, None, Testing::default()).await;
        }
        if let Some(verdict) = solved.nothing.clone() {
            return self.decide(recorder, verdict, &solved, None, Testing::default()).await;
        }
        let mut tries = 1;
        let (began_us, output) = loop {
            let (began_us, output) = self.grade_once(recorder, inputs, &solved, tries == TRIES).await?;
            match &output.unavailable {
                Some(fault) if tries < TRIES && self.recovered(fault).await => {
                    tries += 1;
                    recorder.forget().await?;
                }
                _ => break (began_us, output),
            }
        };
        failpoint("attempt-graded");
        let testing = Testing::of(&output.calls);
        let graded_us =
            recorder.note(Event::Graded { verdict: output.verdict.clone(), fuel_used: output.fuel_used });
        let verdict = output.verdict.with_end(&solved.end);
        self.decide(recorder, verdict, &solved, Some(graded_us.saturating_sub(began_us)), testing).await
    }

    async fn grade_once(
        &self,
        recorder: &mut Recorder,
        inputs: &Inputs,
        solved: &Solved,
        last_try: bool,
    ) -> Result<(u64, GradeOutput), Error> {
        let changes = taken(solved.capture.as_ref()).cloned();
        let tested = inputs.environment.as_ref().filter(|_| is_tested(self.row.kind));
        let sources = || match tested {
            None => Sources { submission: Some(Arc::new(solved.answer.clone())), ..Sources::default() },
            Some(environment) => {
                let tests = Tests::Live(LiveTests {
                    sandboxes: Arc::clone(&self.sandboxes),
                    environment: Arc::clone(environment),
                    lease: self.sandboxes.lease(&self.row.id, environment),
                    last_try,
                });
                judged_by(GraderSources::new(self.blobs(), &solved.answer, changes.clone(), tests))
            }
        };
        let sources = || Sources {
            answer_key: Some(Arc::new(inputs.key.clone())),
            settings: Some(Arc::clone(&inputs.settings)),
            ..sources()
        };
        let Beginning { began_us, behind, journal } =
            recorder.begin(self.began(Phase::Grade), Phase::Grade, |paid| {
                self.outside(Phase::Grade, sources(), paid)
            });
        let call = Call {
            task: &inputs.task,
            limits: &self.spec.grader_limits,
            seed: attempt_seed(self.spec.seed, &self.row.id.task, self.row.id.number),
            behind,
            journal: Some(journal),
        };
        let output = self.grader.grade(call, &solved.answer).await?;
        self.undiverged(output.divergence.as_ref())?;
        Ok((began_us, output))
    }

    /// Nothing is decided by a plugin that did otherwise than its journal says.
    fn undiverged(&self, divergence: Option<&Divergence>) -> Result<(), Error> {
        divergence.map_or(Ok(()), |divergence| {
            let doing = "an attempt cannot go on from its journal";
            Err(Error::host(doing, format!("{}: {divergence}", self.row.id)))
        })
    }

    async fn decide(
        &self,
        recorder: &mut Recorder,
        verdict: Verdict,
        solved: &Solved,
        grade_us: Option<u64>,
        testing: Testing,
    ) -> Result<Ended, Error> {
        let submission = submission_digest(&solved.answer, solved.capture.as_ref());
        let by_model = may_ask(&self.spec, &self.grader);
        let record =
            verdict_record(&self.spec, &self.row, self.grader.digest(), verdict, submission, by_model);
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
        Ok((outcome, earned))
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

/// Whether a grader might ask models: it is granted that, and imports it.
pub(crate) fn may_ask(spec: &RunSpec, grader: &Plugin) -> bool {
    spec.grader_grant.has(Capability::Model) && grader.has(Capability::Model)
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
pub(crate) fn taken(capture: Option<&Capture>) -> Option<&ChangeSet> {
    match capture {
        Some(Capture::Taken(changes)) => Some(changes),
        Some(Capture::Refused(_) | Capture::Unavailable(_)) | None => None,
    }
}

/// What names what was handed in.
pub(crate) fn submission_digest(answer: &Answer, capture: Option<&Capture>) -> Sha256 {
    capture.map_or_else(|| answer.digest(), Capture::digest)
}

/// Whether a work tree is what is handed in and tested. A manager only reads in its
/// environment: what it did there is gone with the container, and its grader is shown
/// what it answered.
pub(crate) fn is_tested(kind: Kind) -> bool {
    kind == Kind::IcSwe
}

/// The sources of a grader that has tests to judge by.
pub(crate) fn judged_by(sources: Arc<GraderSources>) -> Sources {
    Sources {
        submission: Some(sources.clone()),
        tests: Some(sources.clone()),
        artifacts: Some(sources),
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
    by_model: bool,
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
        by_model,
    }
}

#[cfg(test)]
mod resumed;
