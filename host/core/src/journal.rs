//! The lines of an attempt's journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Answer, CallRecord, Capability, Capture, Fault, InfraFault, JailRecord, Limits, PackageIdentity, Request,
    Sha256, Verdict, VerdictRecord,
};

/// Which plugin of an attempt is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The agent.
    Solve,
    /// The grader.
    Grade,
}

/// How an agent's call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SolveEnd {
    /// The agent handed something in, or said that it has nothing.
    Answer(Answer),
    /// The agent said why it has no answer: counts as nothing handed in.
    GaveUp(String),
    /// The agent computed for longer than it may: the attempt fails.
    TimedOut,
    /// The agent failed, and so does the attempt.
    Fault(Fault),
    /// The infrastructure failed the agent: the attempt is invalid for now.
    Unavailable(InfraFault),
}

impl SolveEnd {
    /// What is graded, when there is anything to grade.
    #[must_use]
    pub fn submission(&self) -> Option<Answer> {
        match self {
            Self::Answer(answer) => Some(answer.clone()),
            Self::GaveUp(_) | Self::TimedOut => Some(Answer::Nothing),
            Self::Fault(_) | Self::Unavailable(_) => None,
        }
    }
}

/// A line of an attempt's journal. Lines are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A plugin is about to run.
    Began {
        /// The phase of the plugin that begins.
        phase: Phase,
        /// The plugin's component, by digest.
        plugin: Sha256,
        /// What the plugin may import.
        grant: Vec<Capability>,
        /// The limits that the plugin runs under.
        limits: Limits,
        /// The engine, as fuel depends on it.
        engine: String,
        /// The digest of the run's [`RunRecord`](crate::RunRecord). Journals from
        /// before there were any have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<Sha256>,
        /// What holds the plugin, when it runs in a process of its own. One that runs in
        /// the host's process has none, as in journals from before there was another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jail: Option<JailRecord>,
        /// Which package the plugin is, when it is one. Journals of other plugins have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package: Option<PackageIdentity>,
    },
    /// A plugin is about to ask for what costs money. Written before it is asked, so that
    /// it is known what may have been paid for when there is no answer; the call follows
    /// when there is one. Journals without such calls have none.
    Asked {
        /// The phase of the plugin that asks.
        phase: Phase,
        /// Fuel that the plugin had used.
        fuel_used: u64,
        /// What the plugin asks.
        request: Request,
    },
    /// A plugin called a capability.
    Called {
        /// The phase of the plugin that called.
        phase: Phase,
        /// The call.
        call: CallRecord,
    },
    /// The agent is done.
    Solved {
        /// How the agent's call ended.
        end: SolveEnd,
        /// Fuel that the agent used in all. `None` when the clock ended it, since
        /// that happens at another point each time.
        fuel_used: Option<u64>,
        /// The digest of what was handed in.
        submission: Sha256,
    },
    /// The host took the work tree out of the agent's container, which has been
    /// stopped. Comes before [`Event::Solved`], whose digest is the capture's then.
    Captured {
        /// What the capture found.
        capture: Capture,
    },
    /// An attempt that the infrastructure made invalid is taken up again. What its
    /// journal holds of the phase that failed stays and no longer counts.
    Reopened {
        /// The phase that is done again.
        phase: Phase,
        /// What of the infrastructure had failed.
        cause: InfraFault,
    },
    /// The grader is done.
    Graded {
        /// The grader's verdict, or the invalid one that the host put in its place.
        verdict: Verdict,
        /// Fuel that the grader used in all. `None` when the clock ended it.
        fuel_used: Option<u64>,
    },
    /// The attempt is over and paid.
    Decided {
        /// The verdict with all that it is about.
        record: VerdictRecord,
        /// The digest of `record`.
        digest: Sha256,
    },
}

impl Event {
    /// The word that the event goes by in the journal.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Began { .. } => "began",
            Self::Asked { .. } => "asked",
            Self::Called { .. } => "called",
            Self::Solved { .. } => "solved",
            Self::Captured { .. } => "captured",
            Self::Reopened { .. } => "reopened",
            Self::Graded { .. } => "graded",
            Self::Decided { .. } => "decided",
        }
    }
}
