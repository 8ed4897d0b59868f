use serde::{Deserialize, Serialize};

use crate::{
    Answer, ArtifactEntry, CallError, Capability, Capture, CommandOutput, Fault, InfraFault, Limits,
    Observation, Octets, Plan, SearchHit, Sha256, SubmittedFile, TestReport, Verdict, VerdictRecord,
    WorkspaceEntry,
};

/// Which plugin of an attempt is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The agent.
    Solve,
    /// The grader.
    Grade,
}

/// How much a log message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For whoever debugs the plugin.
    Debug,
    /// What happened.
    Info,
    /// Odd, but it went on.
    Warn,
    /// Something failed.
    Error,
}

/// What a plugin asked of a capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// `log.write`, or output to a WASI stream. Cut to the limits of a message.
    LogWrite {
        /// The level.
        level: LogLevel,
        /// The text, as far as it is kept.
        message: String,
        /// The fields, as far as they are kept.
        fields: Vec<(String, String)>,
        /// Bytes that were dropped because of a limit.
        #[serde(default, skip_serializing_if = "is_zero")]
        dropped_bytes: u64,
    },
    /// `random.next-u64`.
    RandomNext,
    /// `random.below`.
    RandomBelow {
        /// The bound.
        bound: u64,
    },
    /// `submission.answer`.
    SubmissionAnswer,
    /// `answer-key.read`.
    AnswerKeyRead,
    /// `input.read`.
    InputRead,
    /// `submission.files`.
    SubmissionFiles,
    /// `submission.read`.
    SubmissionRead {
        /// A path of the submission.
        path: String,
        /// Where to begin.
        offset: u64,
        /// The most bytes.
        length: u32,
    },
    /// `submission.diff`.
    SubmissionDiff {
        /// Where to begin.
        offset: u64,
        /// The most bytes.
        length: u32,
    },
    /// `tests.plans`.
    TestsPlans,
    /// `tests.run`.
    TestsRun {
        /// The plan's name.
        plan: String,
    },
    /// `artifacts.list`.
    ArtifactsList,
    /// `artifacts.read`.
    ArtifactsRead {
        /// The artifact's name.
        name: String,
        /// Where to begin.
        offset: u64,
        /// The most bytes.
        length: u32,
    },
    /// `workspace.list`.
    WorkspaceList {
        /// A folder, empty for the work tree itself.
        path: String,
    },
    /// `workspace.read`.
    WorkspaceRead {
        /// A file.
        path: String,
        /// Where to begin.
        offset: u64,
        /// The most bytes.
        length: u32,
    },
    /// `workspace.search`.
    WorkspaceSearch {
        /// An extended regular expression.
        pattern: String,
        /// A folder, empty for the work tree itself.
        path: String,
    },
    /// `workspace.write`.
    WorkspaceWrite {
        /// A file.
        path: String,
        /// All of its bytes.
        contents: Octets,
    },
    /// `workspace.remove`.
    WorkspaceRemove {
        /// A file.
        path: String,
    },
    /// `workspace.apply-patch`.
    WorkspaceApplyPatch {
        /// A unified diff.
        patch: String,
    },
    /// `workspace.apply-input`.
    WorkspaceApplyInput,
    /// `shell.run`.
    ShellRun {
        /// For `sh -c`.
        command: String,
        /// Seconds.
        timeout_seconds: u32,
    },
    /// `user-tool.reproduce`.
    UserToolReproduce,
    /// `user-tool.read`.
    UserToolRead {
        /// The artifact's name.
        name: String,
        /// Where to begin.
        offset: u64,
        /// The most bytes.
        length: u32,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Request {
    /// The function called, as in the contract: `interface.function`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::LogWrite { .. } => "log.write",
            Self::RandomNext => "random.next-u64",
            Self::RandomBelow { .. } => "random.below",
            Self::SubmissionAnswer => "submission.answer",
            Self::AnswerKeyRead => "answer-key.read",
            Self::InputRead => "input.read",
            Self::SubmissionFiles => "submission.files",
            Self::SubmissionRead { .. } => "submission.read",
            Self::SubmissionDiff { .. } => "submission.diff",
            Self::TestsPlans => "tests.plans",
            Self::TestsRun { .. } => "tests.run",
            Self::ArtifactsList => "artifacts.list",
            Self::ArtifactsRead { .. } => "artifacts.read",
            Self::WorkspaceList { .. } => "workspace.list",
            Self::WorkspaceRead { .. } => "workspace.read",
            Self::WorkspaceSearch { .. } => "workspace.search",
            Self::WorkspaceWrite { .. } => "workspace.write",
            Self::WorkspaceRemove { .. } => "workspace.remove",
            Self::WorkspaceApplyPatch { .. } => "workspace.apply-patch",
            Self::WorkspaceApplyInput => "workspace.apply-input",
            Self::ShellRun { .. } => "shell.run",
            Self::UserToolReproduce => "user-tool.reproduce",
            Self::UserToolRead { .. } => "user-tool.read",
        }
    }
}

/// What the capability answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// Nothing to say.
    Done,
    /// A number.
    Number(u64),
    /// Whether there was something to apply.
    Applied(bool),
    /// A text.
    Text(String),
    /// A submission.
    Answer(Answer),
    /// A text, or none.
    MaybeText(Option<String>),
    /// Bytes.
    Bytes(Octets),
    /// The files of a submission.
    Files(Vec<SubmittedFile>),
    /// The task's test plans.
    Plans(Vec<PlanView>),
    /// What test runs showed.
    Tested(Box<TestReport>),
    /// Artifacts of the test runs so far.
    Artifacts(Vec<ArtifactEntry>),
    /// Files of the work tree.
    Entries(Vec<WorkspaceEntry>),
    /// Lines that were found.
    Hits(Vec<SearchHit>),
    /// What a command did.
    Output(CommandOutput),
    /// What the user found.
    Observed(Observation),
    /// Nothing, and why: for the plugin to handle.
    Refused(CallError),
    /// Nothing, because the infrastructure failed. It ends the plugin.
    Unavailable(InfraFault),
}

/// A test plan as a grader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanView {
    /// Its name.
    pub name: String,
    /// The tests that have to run and to pass.
    pub required: Vec<String>,
    /// The tests that have to run and to fail.
    pub sentinels: Vec<String>,
    /// The exit status of a run in which everything is as it has to be.
    pub pass_exit: i64,
    /// The most runs.
    pub most_runs: u32,
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        Self {
            name: plan.name.clone(),
            required: plan.required.clone(),
            sentinels: plan.sentinels.clone(),
            pass_exit: plan.pass_exit,
            most_runs: plan.rerun.most(),
        }
    }
}

/// One call of a capability, as the host saw it at the boundary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRecord {
    /// Fuel that the plugin had used when it called.
    pub fuel_used: u64,
    /// What it asked.
    pub request: Request,
    /// What it was told.
    pub response: Response,
}

/// How an agent's call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SolveEnd {
    /// It handed something in, or said that it has nothing.
    Answer(Answer),
    /// It said why it has no answer: counts as nothing handed in.
    GaveUp(String),
    /// It computed for longer than it may: the attempt fails.
    TimedOut,
    /// It failed, and so does the attempt.
    Fault(Fault),
    /// The infrastructure failed it: the attempt is invalid for now.
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
        /// Which.
        phase: Phase,
        /// Its component.
        plugin: Sha256,
        /// What it may import.
        grant: Vec<Capability>,
        /// What it may use.
        limits: Limits,
        /// The engine, as fuel depends on it.
        engine: String,
        /// The digest of the run's [`RunRecord`](crate::RunRecord). Journals from
        /// before there were any have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<Sha256>,
    },
    /// A plugin called a capability.
    Called {
        /// Which.
        phase: Phase,
        /// The call.
        call: CallRecord,
    },
    /// The agent is done.
    Solved {
        /// How it ended.
        end: SolveEnd,
        /// Fuel that it used in all. `None` when the clock ended it, since
        /// that happens at another point each time.
        fuel_used: Option<u64>,
        /// The digest of what was handed in.
        submission: Sha256,
    },
    /// The host took the work tree out of the agent's container, which has been
    /// stopped. Comes before [`Event::Solved`], whose digest is the capture's then.
    Captured {
        /// What it found.
        capture: Capture,
    },
    /// An attempt that the infrastructure made invalid is taken up again. What its
    /// journal holds of the phase that failed stays and no longer counts.
    Reopened {
        /// The phase that is done again.
        phase: Phase,
        /// What had failed.
        cause: InfraFault,
    },
    /// The grader is done.
    Graded {
        /// Its verdict, or the invalid one that the host put in its place.
        verdict: Verdict,
        /// Fuel that it used in all. `None` when the clock ended it.
        fuel_used: Option<u64>,
    },
    /// The attempt is over and paid.
    Decided {
        /// The verdict with all that it is about.
        record: VerdictRecord,
        /// Its digest.
        digest: Sha256,
    },
}

impl Event {
    /// The word that the event goes by in the journal.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Began { .. } => "began",
            Self::Called { .. } => "called",
            Self::Solved { .. } => "solved",
            Self::Captured { .. } => "captured",
            Self::Reopened { .. } => "reopened",
            Self::Graded { .. } => "graded",
            Self::Decided { .. } => "decided",
        }
    }
}
