use std::sync::Arc;

use lancet_core::{
    Answer, AttemptState, CallRecord, Event, Outcome, Phase, Role, RunSpec, Sha256, SolveEnd, Task, Verdict,
    VerdictRecord, attempt_seed,
};
use lancet_engine::{Call, ENGINE_ID, EngineError, Plugin, Source, Sources};
use lancet_store::{AttemptRow, Store, StoreError, Transition, failpoint};

use crate::failure::Failure;
use crate::record::{self, Recorder};

/// One attempt and what it takes to bring it to its end.
pub(crate) struct Attempt {
    pub(crate) store: Store,
    pub(crate) spec: Arc<RunSpec>,
    pub(crate) agent: Plugin,
    pub(crate) grader: Plugin,
    pub(crate) row: AttemptRow,
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

/// What the agent left, by the journal.
struct Solved {
    answer: Answer,
    elapsed_us: u64,
}

impl Attempt {
    /// Solves and grades, from wherever the attempt is. Each half is durable
    /// before the next begins: what was handed in is never asked for again.
    pub(crate) async fn finish(self) -> Result<Outcome, AttemptError> {
        let reader = self.store.reader();
        let task = record::task(&reader, self.row.task_blob).map_err(|e| self.records(e))?;
        let key = record::answer_key(&reader, self.row.key_blob).map_err(|e| self.records(e))?;
        let mut recorder = Recorder::take_up(&self.store, &self.row).await?;
        let solved = match self.row.state {
            AttemptState::Decided(outcome) => return Ok(outcome),
            AttemptState::Submitted => self.submitted()?,
            AttemptState::Queued => match self.solve(&mut recorder, &task, &key).await? {
                Ok(solved) => solved,
                Err(outcome) => return Ok(outcome),
            },
        };
        failpoint("attempt-submitted");
        self.grade(&mut recorder, &task, key, solved).await
    }

    fn records(&self, failure: Failure) -> AttemptError {
        AttemptError::Records(self.row.id.to_string(), failure)
    }

    /// What an interrupted attempt had handed in.
    fn submitted(&self) -> Result<Solved, AttemptError> {
        let events = self.store.reader().events(&self.row.id)?;
        let answer = events.iter().find_map(|line| match &line.event {
            Event::Solved { end, .. } => end.submission(),
            _ => None,
        });
        match answer {
            Some(answer) => Ok(Solved { answer, elapsed_us: self.row.solve_us.unwrap_or_default() }),
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
        }
    }

    /// Has the agent work. `Err` is the outcome when there is nothing to grade.
    async fn solve(
        &self,
        recorder: &mut Recorder<'_>,
        task: &Task,
        key: &str,
    ) -> Result<Result<Solved, Outcome>, AttemptError> {
        recorder.note(self.began(Phase::Solve));
        // Only an agent with the grant is linked to it: that run is a control.
        let sources = Sources { submission: None, answer_key: Some(Arc::new(key.to_owned())) };
        let call = Call {
            task,
            limits: &self.spec.agent_limits,
            seed: attempt_seed(self.spec.seed, &self.row.id.task, self.row.id.number),
            source: Source::Live(sources),
        };
        let output = self.agent.solve(call).await?;
        failpoint("attempt-solved");
        note_calls(recorder, Phase::Solve, output.calls);
        let elapsed_us = micros(output.elapsed);
        let submission = output.end.submission();
        let digest = submission.as_ref().unwrap_or(&Answer::Nothing).digest();
        recorder.note(Event::Solved {
            end: output.end.clone(),
            fuel_used: output.fuel_used,
            submission: digest,
        });
        match (submission, output.end) {
            (None, SolveEnd::Fault(fault)) => {
                let verdict = Verdict::invalid(fault.reason(Role::Agent), fault.message);
                let outcome =
                    self.decide(recorder, verdict, &Answer::Nothing, Some(elapsed_us), None).await?;
                Ok(Err(outcome))
            }
            (answer, _) => {
                recorder.commit(Transition::Submitted { solve_us: elapsed_us }).await?;
                Ok(Ok(Solved { answer: answer.unwrap_or(Answer::Nothing), elapsed_us }))
            }
        }
    }

    async fn grade(
        &self,
        recorder: &mut Recorder<'_>,
        task: &Task,
        key: String,
        solved: Solved,
    ) -> Result<Outcome, AttemptError> {
        recorder.note(self.began(Phase::Grade));
        let output = grade(&self.grader, &self.spec, &self.row, task, key, &solved.answer).await?;
        failpoint("attempt-graded");
        note_calls(recorder, Phase::Grade, output.calls);
        recorder.note(Event::Graded { verdict: output.verdict.clone(), fuel_used: output.fuel_used });
        let times = (Some(solved.elapsed_us), Some(micros(output.elapsed)));
        self.decide(recorder, output.verdict, &solved.answer, times.0, times.1).await
    }

    async fn decide(
        &self,
        recorder: &mut Recorder<'_>,
        verdict: Verdict,
        answer: &Answer,
        solve_us: Option<u64>,
        grade_us: Option<u64>,
    ) -> Result<Outcome, AttemptError> {
        let record = verdict_record(&self.spec, &self.row, self.grader.digest(), verdict, answer);
        let digest = record.digest();
        let (outcome, reason) = (record.verdict.outcome, record.verdict.reason.clone());
        let earned = record.earned;
        recorder.note(Event::Decided { record, digest });
        let decided =
            Transition::Decided { outcome, reason, earned, verdict_digest: digest, solve_us, grade_us };
        recorder.commit(decided).await?;
        failpoint("attempt-decided");
        Ok(outcome)
    }
}

fn note_calls(recorder: &mut Recorder<'_>, phase: Phase, calls: Vec<CallRecord>) {
    for call in calls {
        recorder.note(Event::Called { phase, call });
    }
}

fn micros(elapsed: std::time::Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Has a grader judge one recorded submission.
pub(crate) async fn grade(
    grader: &Plugin,
    spec: &RunSpec,
    row: &AttemptRow,
    task: &Task,
    key: String,
    answer: &Answer,
) -> Result<lancet_engine::GradeOutput, EngineError> {
    let sources = Sources { submission: Some(Arc::new(answer.clone())), answer_key: Some(Arc::new(key)) };
    let call = Call {
        task,
        limits: &spec.grader_limits,
        seed: attempt_seed(spec.seed, &row.id.task, row.id.number),
        source: Source::Live(sources),
    };
    grader.grade(call, answer).await
}

/// A verdict with all that it is about.
pub(crate) fn verdict_record(
    spec: &RunSpec,
    row: &AttemptRow,
    grader: Sha256,
    verdict: Verdict,
    answer: &Answer,
) -> VerdictRecord {
    let earned = verdict.payout(row.price);
    VerdictRecord {
        task: row.id.task.clone(),
        attempt: row.id.number,
        kind: row.kind,
        price: row.price,
        agent: spec.agent.digest,
        grader,
        submission: answer.digest(),
        verdict,
        earned,
    }
}
