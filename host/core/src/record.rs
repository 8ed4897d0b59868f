//! A run's own record, and what contradicts it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Cents, Kind, PluginIdentity, RunId, RunSpec, Sha256, TaskId};

/// A run's own record, written when it starts and never changed: what it is and every
/// attempt that it is due. It is kept as a blob. The run's row names it by its digest,
/// and so does every journal of the run, so that neither a list that has been cut nor
/// another definition goes unnoticed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// When it was started: RFC 3339, UTC.
    pub created: String,
    /// All that it is defined by.
    pub spec: RunSpec,
    /// Every task with the attempts at it.
    pub tasks: Vec<ListedTask>,
}

/// A task of a run's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedTask {
    /// The task.
    pub task: TaskId,
    /// Its kind.
    pub kind: Kind,
    /// What a pass pays.
    pub price: Cents,
    /// The blob of its public part.
    pub task_blob: Sha256,
    /// The blob of its private configuration, when it has one.
    pub key_blob: Option<Sha256>,
    /// The blob of its [`crate::Setting`], when it has one.
    pub setting_blob: Option<Sha256>,
    /// Who judges it.
    pub grader: PluginIdentity,
    /// The attempts that are due, by their numbers.
    pub numbers: Vec<u32>,
}

impl RunRecord {
    /// Every attempt that the run is due.
    #[must_use]
    pub fn attempts(&self) -> BTreeMap<(&TaskId, u32), &ListedTask> {
        self.tasks
            .iter()
            .flat_map(|task| task.numbers.iter().map(move |number| ((&task.task, *number), task)))
            .collect()
    }
}

/// Something in the records of a run that another part of them contradicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The attempt, `RUN/TASK/NUMBER`; `None` when it is about the run as a whole.
    pub attempt: Option<String>,
    /// The run.
    pub run: RunId,
    /// Where in the store it shows: table and column, `attempts.earned_cents`.
    pub column: String,
    /// What is there, and what follows from the rest.
    pub problem: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attempt {
            Some(attempt) => write!(f, "attempt {attempt}")?,
            None => write!(f, "run {}", self.run)?,
        }
        write!(f, ": `{}` {}", self.column, self.problem)
    }
}
