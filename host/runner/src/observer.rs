//! What is told of a run while it goes on.

use std::path::Path;

use lancet_core::{AttemptId, Cents, InfraFault, Microdollars, Outcome, RunId, TaskId};

/// Hears of what a run does, as it does it: a progress bar, a log, a stream of events.
///
/// It is called between two steps of the run and must not block; what it does with a
/// notice changes nothing in the run.
pub trait Observer: Send + Sync {
    /// Hears of one thing that has happened.
    fn notice(&self, notice: Notice<'_>);
}

/// Hears nothing.
impl Observer for () {
    fn notice(&self, _: Notice<'_>) {}
}

/// Something that has happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// Tasks that were wanted cannot be run; the others are.
    LeftOut {
        /// How many tasks they are.
        tasks: usize,
        /// Why the first of them cannot be run.
        why: &'a str,
        /// The suite's folder.
        suite: &'a Path,
    },
    /// A task has no gold patch, so that control of it is left out.
    WithoutGold {
        /// The task.
        task: &'a TaskId,
    },
    /// Attempts that the infrastructure failed are taken up again.
    Reopened {
        /// How many attempts they are.
        attempts: u64,
    },
    /// Requests to models were under way when the run's process ended: they count as what
    /// was set aside for them.
    Lost {
        /// How many requests they are.
        requests: u64,
    },
    /// The run was made before runs listed their attempts: whether one is missing is not
    /// checked.
    Unlisted {
        /// The run.
        run: &'a RunId,
    },
    /// The run was started with another engine for plugins, under which fuel counts
    /// differently, and goes on with this one.
    OtherEngine {
        /// The engine that the run was started with.
        recorded: &'a str,
    },
    /// The run that is replayed was recorded with another engine for plugins, so fuel is
    /// not compared.
    FuelNotCompared {
        /// The engine that the run was recorded with.
        recorded: &'a str,
    },
    /// It is known how much there is to do.
    Planned {
        /// Attempts of the run.
        attempts: u64,
        /// Those that are decided already.
        decided: u64,
        /// What those have earned.
        earned: Cents,
    },
    /// An attempt begins, or goes on from its last durable state.
    Began {
        /// The attempt.
        attempt: &'a AttemptId,
    },
    /// An attempt waits for something that is not its own work.
    Waits {
        /// The attempt.
        attempt: &'a AttemptId,
        /// What it waits for.
        what: Wait<'a>,
    },
    /// A question to a model has been answered, or has failed: what the run has spent on
    /// models so far, in all its attempts.
    Spent {
        /// The attempt that asked.
        attempt: &'a AttemptId,
        /// Money; `None` when a part of it has no known price.
        cost: Option<Microdollars>,
        /// Requests that were answered, or that have to be paid for without an answer.
        asks: u64,
        /// Tokens read and written.
        tokens: u64,
    },
    /// The agent can ask models, and the operator chose none: it is offered nothing.
    WithoutModel {
        /// The agent's name.
        agent: &'a str,
    },
    /// An attempt is over, and that is durable.
    Decided {
        /// The attempt.
        attempt: &'a AttemptId,
        /// How it ended.
        outcome: Outcome,
        /// What it earned.
        earned: Cents,
    },
    /// The run was told to stop. It begins no attempt any more; those under way are
    /// finished first.
    Stopping {
        /// How many attempts are under way.
        under_way: usize,
    },
    /// The run was told to end what is under way. These attempts stay at their last
    /// durable state, and a resumed run takes them up again.
    Aborting {
        /// How many attempts are under way.
        under_way: usize,
    },
    /// Containers had a kernel user that others had too.
    SharedUsers {
        /// The first image of those.
        image: &'a str,
        /// Why its containers cannot have a user of their own.
        reason: &'a str,
        /// How many other images there are.
        more: usize,
    },
}

/// What an attempt waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait<'a> {
    /// The answer to a call that reaches outside, such as `shell.run`.
    Call {
        /// The function, as in the contract.
        name: &'static str,
    },
    /// The engine for containers, which went away under it.
    Engine {
        /// What failed when it was gone.
        fault: &'a InfraFault,
    },
}
