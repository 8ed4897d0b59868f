//! What a replay reads, wherever that comes from: a store, or a run that was exported from one.

use std::collections::BTreeMap;

use lancet_core::{
    AttemptId, AttemptState, Event, History, ListedTask, Misplaced, Outcome, RunId, RunRecord, Sha256,
    TaskId, Whole,
};
use lancet_store::{AttemptRow, Reader};

use crate::error::Error;

/// The blobs of a run by their digests, against which they are checked.
pub trait Evidence: Send + Sync {
    /// The bytes of a blob.
    ///
    /// # Errors
    /// When it is not there, is not what its digest says, or cannot be read.
    fn blob(&self, digest: Sha256) -> Result<Vec<u8>, Error>;
}

impl Evidence for Reader {
    fn blob(&self, digest: Sha256) -> Result<Vec<u8>, Error> {
        Ok(Self::blob(self, digest)?)
    }
}

/// An attempt that is over, by the record of its run and a journal in a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// The task.
    pub task: TaskId,
    /// Which attempt at it, from 1.
    pub number: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The blob of its journal: one event as JSON in each line.
    pub journal: Sha256,
}

impl RecordedAttempt {
    pub(crate) fn id(&self, run: &RunId) -> AttemptId {
        AttemptId { run: run.clone(), task: self.task.clone(), number: self.number }
    }

    /// The attempt as a store has it, as far as a replay looks at that.
    pub(crate) fn row(
        &self,
        record: &RunRecord,
        due: &BTreeMap<(&TaskId, u32), &ListedTask>,
    ) -> Result<AttemptRow, Error> {
        let id = self.id(&record.run);
        let Some(listed) = due.get(&(&self.task, self.number)) else {
            let problem = "the run's record does not list it".to_owned();
            return Err(Error::BrokenJournal { attempt: id, problem });
        };
        Ok(AttemptRow {
            id,
            kind: listed.kind,
            price: listed.price,
            task_blob: listed.task_blob,
            key_blob: listed.key_blob,
            setting_blob: listed.setting_blob,
            grader: listed.grader.clone(),
            state: AttemptState::Decided(self.outcome),
            events: 0,
            settled: 0,
            reason: None,
            earned: None,
            verdict_digest: None,
            solve_us: None,
            grade_us: None,
            test_runs: None,
            flaky: None,
        })
    }

    pub(crate) fn journal(&self, evidence: &dyn Evidence, id: &AttemptId) -> Result<Whole, Error> {
        let broken = |problem: String| Error::BrokenJournal { attempt: id.clone(), problem };
        let mut events = Vec::new();
        for line in evidence.blob(self.journal)?.split_inclusive(|byte| *byte == b'\n') {
            let event: Event = serde_json::from_slice(line).map_err(|error| broken(error.to_string()))?;
            // When it happened is in no export, and no replay looks at it.
            events.push((0, event));
        }
        whole(id, events)
    }
}

/// Takes those events apart.
pub(crate) fn whole(
    attempt: &AttemptId,
    events: impl IntoIterator<Item = (u64, Event)>,
) -> Result<Whole, Error> {
    let broken = |problem: String| Error::BrokenJournal { attempt: attempt.clone(), problem };
    let mut history = History::default();
    for (at_us, event) in events {
        if let Err(misplaced @ Misplaced::Unbegun) = history.add(at_us, event) {
            return Err(broken(misplaced.to_string()));
        }
    }
    history.whole().map_err(|lacking| broken(lacking.to_string()))
}
