//! What a call of a capability is: what a plugin asks, what it is told, and for both
//! the name, the size and the effect that the rest of the project goes by.

use serde::{Deserialize, Serialize};

use crate::{
    Allowance, Answer, AnswerPart, ArtifactEntry, CallError, CommandOutput, ConversationSetup, FileChange,
    InfraFault, ModelAnswer, ModelFailure, Observation, Octets, Offer, Plan, ReportState, SearchHit,
    SubmittedFile, TestReport, TestRun, ToolResult, WorkspaceEntry,
};

/// What a call does outside of the plugin that makes it, and so when its record has to
/// be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing: whoever asks again is told the same. Its record need never be durable
    /// by itself.
    Pure,
    /// Something in a container of the attempt. A container that is gone takes it along,
    /// so its record is durable with the next write that is.
    Container,
    /// Something that costs money. It is noted before it is asked, and durable before
    /// the plugin is told: what has been paid for is never asked twice.
    Paid,
}

/// What an item of a list, or a field, counts beside its text, in bytes: about what the
/// host allocates for it, and an empty one must not be free.
pub const ITEM_BYTES: usize = 64;

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
        /// How much the message matters.
        level: LogLevel,
        /// The message's text, as far as it is kept.
        message: String,
        /// The message's fields, as far as they are kept.
        fields: Vec<(String, String)>,
        /// Bytes that were dropped because of a limit.
        #[serde(default, skip_serializing_if = "is_zero")]
        dropped_bytes: u64,
    },
    /// `random.next-u64`.
    RandomNext,
    /// `random.below`.
    RandomBelow {
        /// The bound that the number is to be below.
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
        /// The byte to begin at.
        offset: u64,
        /// The most bytes to give.
        length: u32,
    },
    /// `submission.diff`.
    SubmissionDiff {
        /// The byte to begin at.
        offset: u64,
        /// The most bytes to give.
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
        /// The byte to begin at.
        offset: u64,
        /// The most bytes to give.
        length: u32,
    },
    /// `workspace.list`.
    WorkspaceList {
        /// A folder, empty for the work tree itself.
        path: String,
    },
    /// `workspace.read`.
    WorkspaceRead {
        /// The path of a file in the work tree.
        path: String,
        /// The byte to begin at.
        offset: u64,
        /// The most bytes to give.
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
        /// The path of a file in the work tree.
        path: String,
        /// All of the file's bytes.
        contents: Octets,
    },
    /// `workspace.remove`.
    WorkspaceRemove {
        /// The path of a file in the work tree.
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
        /// The command, for `sh -c`.
        command: String,
        /// The most seconds that the command may take.
        timeout_seconds: u32,
    },
    /// `user-tool.reproduce`.
    UserToolReproduce,
    /// `user-tool.read`.
    UserToolRead {
        /// The artifact's name.
        name: String,
        /// The byte to begin at.
        offset: u64,
        /// The most bytes to give.
        length: u32,
    },
    /// `settings.value`.
    SettingsValue {
        /// The setting's name.
        name: String,
    },
    /// `settings.prompt`.
    SettingsPrompt,
    /// `budget.allowances`.
    BudgetAllowances,
    /// `budget.left`.
    BudgetLeft {
        /// What the amount is of.
        unit: String,
    },
    /// `model.offers`.
    ModelOffers,
    /// `model.conversation.open`.
    ModelOpen {
        /// How the conversation is set up.
        setup: ConversationSetup,
    },
    /// `model.conversation.say`.
    ModelSay {
        /// The conversation, by the number that it was opened with.
        conversation: u32,
        /// What a user says.
        text: String,
    },
    /// `model.conversation.give`.
    ModelGive {
        /// The conversation, by the number that it was opened with.
        conversation: u32,
        /// What tools gave.
        results: Vec<ToolResult>,
    },
    /// `model.conversation.ask`.
    ModelAsk {
        /// The conversation, by the number that it was opened with.
        conversation: u32,
    },
    /// `model.conversation.length`.
    ModelLength {
        /// The conversation, by the number that it was opened with.
        conversation: u32,
    },
    /// `model.conversation.tokens`.
    ModelTokens {
        /// The conversation, by the number that it was opened with.
        conversation: u32,
    },
    /// `model.conversation.without`.
    ModelWithout {
        /// The conversation, by the number that it was opened with.
        conversation: u32,
        /// The first entry that is left out.
        first: u32,
        /// The first entry after it that is kept.
        end: u32,
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
            Self::SettingsValue { .. } => "settings.value",
            Self::SettingsPrompt => "settings.prompt",
            Self::BudgetAllowances => "budget.allowances",
            Self::BudgetLeft { .. } => "budget.left",
            Self::ModelOffers => "model.offers",
            Self::ModelOpen { .. } => "model.conversation.open",
            Self::ModelSay { .. } => "model.conversation.say",
            Self::ModelGive { .. } => "model.conversation.give",
            Self::ModelAsk { .. } => "model.conversation.ask",
            Self::ModelLength { .. } => "model.conversation.length",
            Self::ModelTokens { .. } => "model.conversation.tokens",
            Self::ModelWithout { .. } => "model.conversation.without",
        }
    }

    /// How much the request brings from the plugin, in bytes of text and data: what it costs in
    /// fuel, and what of a record it takes up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::LogWrite { message, fields, .. } => {
                message.len() + sum(fields, |(key, value)| key.len() + value.len())
            }
            Self::SubmissionRead { path: text, .. }
            | Self::TestsRun { plan: text }
            | Self::ArtifactsRead { name: text, .. }
            | Self::WorkspaceList { path: text }
            | Self::WorkspaceRead { path: text, .. }
            | Self::WorkspaceRemove { path: text }
            | Self::WorkspaceApplyPatch { patch: text }
            | Self::ShellRun { command: text, .. }
            | Self::UserToolRead { name: text, .. }
            | Self::SettingsValue { name: text }
            | Self::BudgetLeft { unit: text }
            | Self::ModelSay { text, .. } => text.len(),
            Self::ModelOpen { setup } => of_setup(setup),
            Self::ModelGive { results, .. } => sum(results, |result| result.call.len() + result.text.len()),
            Self::WorkspaceSearch { pattern, path } => pattern.len() + path.len(),
            Self::WorkspaceWrite { path, contents } => path.len() + contents.0.len(),
            Self::RandomNext
            | Self::RandomBelow { .. }
            | Self::SubmissionAnswer
            | Self::AnswerKeyRead
            | Self::InputRead
            | Self::WorkspaceApplyInput
            | Self::SubmissionFiles
            | Self::SubmissionDiff { .. }
            | Self::TestsPlans
            | Self::ArtifactsList
            | Self::UserToolReproduce
            | Self::SettingsPrompt
            | Self::BudgetAllowances
            | Self::ModelOffers
            | Self::ModelAsk { .. }
            | Self::ModelLength { .. }
            | Self::ModelTokens { .. }
            | Self::ModelWithout { .. } => 0,
        }
    }

    /// What answering the request does.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::LogWrite { .. }
            | Self::RandomNext
            | Self::RandomBelow { .. }
            | Self::SubmissionAnswer
            | Self::AnswerKeyRead
            | Self::InputRead
            | Self::SubmissionFiles
            | Self::SubmissionRead { .. }
            | Self::SubmissionDiff { .. }
            | Self::TestsPlans
            | Self::ArtifactsList
            | Self::ArtifactsRead { .. }
            | Self::UserToolRead { .. }
            | Self::SettingsValue { .. }
            | Self::SettingsPrompt
            | Self::BudgetAllowances
            | Self::BudgetLeft { .. }
            | Self::ModelOffers
            | Self::ModelOpen { .. }
            | Self::ModelSay { .. }
            | Self::ModelGive { .. }
            | Self::ModelLength { .. }
            | Self::ModelTokens { .. }
            | Self::ModelWithout { .. } => Effect::Pure,
            Self::ModelAsk { .. } => Effect::Paid,
            Self::TestsRun { .. }
            | Self::WorkspaceList { .. }
            | Self::WorkspaceRead { .. }
            | Self::WorkspaceSearch { .. }
            | Self::WorkspaceWrite { .. }
            | Self::WorkspaceRemove { .. }
            | Self::WorkspaceApplyPatch { .. }
            | Self::WorkspaceApplyInput
            | Self::ShellRun { .. }
            | Self::UserToolReproduce => Effect::Container,
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
    /// A number, or none.
    MaybeNumber(Option<u64>),
    /// Limits that the attempt is under.
    Allowances(Vec<Allowance>),
    /// Models that may be used.
    Offers(Vec<Offer>),
    /// A conversation, by the number that it has in the attempt, from 0.
    Conversation(u32),
    /// What a model answered.
    Answered(Box<ModelAnswer>),
    /// No answer of a model, and why: for the plugin to handle.
    Unanswered(Box<ModelFailure>),
    /// Nothing, and why: for the plugin to handle.
    Refused(CallError),
    /// Nothing, because the infrastructure failed. It ends the plugin.
    Unavailable(InfraFault),
}

impl Response {
    /// How much the response brings to the plugin, in bytes of text and data.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Done
            | Self::Number(_)
            | Self::MaybeNumber(_)
            | Self::Conversation(_)
            | Self::Applied(_)
            | Self::MaybeText(None) => 0,
            Self::Text(text) | Self::MaybeText(Some(text)) => text.len(),
            Self::Answer(Answer::Document(text)) => text.len(),
            Self::Answer(Answer::Choice(_) | Answer::WorkTree | Answer::Nothing) => 0,
            Self::Bytes(bytes) => bytes.0.len(),
            Self::Files(files) => sum(files, |file| {
                file.path.len()
                    + match file.change {
                        FileChange::Written { .. } => 64,
                        FileChange::Deleted => 0,
                    }
            }),
            Self::Plans(plans) => sum(plans, |plan| {
                plan.name.len() + sum(&plan.required, String::len) + sum(&plan.sentinels, String::len)
            }),
            Self::Tested(report) => of_report(report),
            Self::Artifacts(entries) => of_entries(entries),
            Self::Entries(entries) => sum(entries, |entry| entry.path.len()),
            Self::Hits(hits) => sum(hits, |hit| hit.path.len() + hit.text.len()),
            Self::Output(output) => output.stdout.0.len() + output.stderr.0.len(),
            Self::Observed(observation) => of_entries(&observation.artifacts),
            Self::Allowances(allowances) => sum(allowances, |allowance| allowance.unit.len()),
            Self::Offers(offers) => sum(offers, |offer| offer.name.len() + offer.id.len()),
            Self::Answered(answer) => of_answer(answer),
            Self::Unanswered(failure) => failure.message.len(),
            Self::Refused(error) => error.message.len(),
            Self::Unavailable(fault) => fault.message.len(),
        }
    }
}

/// A test plan as a grader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanView {
    /// The plan's name.
    pub name: String,
    /// The tests that have to run and to pass.
    pub required: Vec<String>,
    /// The tests that have to run and to fail.
    pub sentinels: Vec<String>,
    /// The exit status of a run in which everything is as it has to be.
    pub pass_exit: i64,
    /// The most runs that the plan's rerun rule allows.
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
    /// What the plugin asked.
    pub request: Request,
    /// What the plugin was told.
    pub response: Response,
}

fn of_setup(setup: &ConversationSetup) -> usize {
    setup.model.len()
        + setup.instructions.len()
        + setup.effort.len()
        + sum(&setup.tools, |tool| tool.name.len() + tool.description.len() + tool.parameters.len())
        + sum(&setup.parameters, |parameter| parameter.name.len() + parameter.value.len())
}

/// What the plugin is told of an answer.
fn of_answer(answer: &ModelAnswer) -> usize {
    answer.stop_detail.len()
        + sum(&answer.parts, |part| match part {
            AnswerPart::Text(text) | AnswerPart::Reasoning(text) => text.len(),
            AnswerPart::Call(call) => call.id.len() + call.name.len() + call.arguments.len(),
            AnswerPart::Other(other) => other.name.len() + other.value.len(),
        })
}

fn of_entries(entries: &[ArtifactEntry]) -> usize {
    sum(entries, |entry| entry.name.len())
}

fn of_report(report: &TestReport) -> usize {
    report.plan.len() + sum(&report.runs, of_run)
}

fn of_run(run: &TestRun) -> usize {
    let state = match &run.report {
        ReportState::Read | ReportState::Missing => 0,
        ReportState::Malformed(text) | ReportState::TooLarge(text) => text.len(),
    };
    state
        + run.conclusion.reason.as_str().len()
        + run.conclusion.detail.len()
        + sum(&run.cases, |case| case.id.len() + case.detail.len())
        + sum(&run.artifacts, |artifact| artifact.name.len())
}

fn sum<T>(items: &[T], bytes: impl Fn(&T) -> usize) -> usize {
    items.iter().map(|item| ITEM_BYTES + bytes(item)).sum()
}
