//! Types of the contract, generated from `wit/`, and how they become the
//! domain's. Generated code stays in here.

use lancet_core::{
    Allowance, Answer, AnswerPart, Artifact, ArtifactEntry, ArtifactKind, CallError, CallErrorKind,
    CaseStatus, Check, CommandOutput, Conclusion, Configuration, ConfigurationError, ConversationSetup,
    DeclaredPrompt, DeclaredSetting, FileChange, Kind, LogLevel, MAX_SETTINGS, MalformedVerdict, ModelAnswer,
    ModelFailure, ModelFailureKind, ModelParameter, ModelTool, Observation, Offer, Outcome, PlanView,
    ReportState, RunEnd, SearchHit, SettingKind, StopReason, SubmittedFile, Task, TestCase, TestReport,
    TestRun, ToolResult, Usage, Verdict, WorkspaceEntry,
};

/// What a guest's handle of a conversation stands for. Its representation is the
/// conversation's number.
#[allow(unreachable_pub, reason = "generated code names it")]
pub struct ConversationHandle;

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub(crate) mod agent {
    wasmtime::component::bindgen!({
        world: "agent",
        path: "../../wit",
        exports: { default: async },
        // Only the exports are used from here. Imports are linked one capability
        // at a time, by what is granted; see `linker`.
        imports: { default: trappable },
        with: {
            "lancet:plugin/model.conversation": super::ConversationHandle,
        },
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub(crate) mod grader {
    wasmtime::component::bindgen!({
        world: "grader",
        path: "../../wit",
        exports: { default: async },
        imports: { default: trappable },
        with: {
            "lancet:plugin/types": super::agent::lancet::plugin::types,
            "lancet:plugin/log": super::agent::lancet::plugin::log,
        },
    });
}

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub(crate) mod configurable {
    wasmtime::component::bindgen!({
        inline: "
            package lancet:host-configurable;
            world configurable {
                export lancet:plugin/configuring@0.1.0;
            }
        ",
        path: "../../wit",
        exports: { default: async },
    });
}

pub(crate) use agent::lancet::plugin::{budget, log, model, shell, types, user_tool, workspace};
pub(crate) use configurable::exports::lancet::plugin::configuring;
pub(crate) use grader::lancet::plugin::{submission, tests};

impl From<&Task> for types::Task {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.as_str().to_owned(),
            kind: match task.kind {
                Kind::IcSwe => types::TaskKind::IcSwe,
                Kind::SweManager => types::TaskKind::SweManager,
            },
            title: task.title.clone(),
            statement: task.statement.clone(),
            price: task.price.0,
            proposals: task
                .proposals
                .iter()
                .map(|p| types::Proposal { id: p.id, text: p.text.clone() })
                .collect(),
        }
    }
}

impl From<types::Answer> for Answer {
    fn from(answer: types::Answer) -> Self {
        match answer {
            types::Answer::Choice(id) => Self::Choice(id),
            types::Answer::Document(text) => Self::Document(text),
            types::Answer::WorkTree => Self::WorkTree,
            types::Answer::Nothing => Self::Nothing,
        }
    }
}

impl From<&Answer> for types::Answer {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Choice(id) => Self::Choice(*id),
            Answer::Document(text) => Self::Document(text.clone()),
            Answer::WorkTree => Self::WorkTree,
            Answer::Nothing => Self::Nothing,
        }
    }
}

impl From<log::Level> for LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

impl TryFrom<types::Verdict> for Verdict {
    type Error = MalformedVerdict;

    fn try_from(verdict: types::Verdict) -> Result<Self, Self::Error> {
        Ok(Self {
            outcome: match verdict.outcome {
                types::Outcome::Pass => Outcome::Pass,
                types::Outcome::Fail => Outcome::Fail,
                types::Outcome::Invalid => Outcome::Invalid,
            },
            reason: verdict.reason.parse()?,
            score: verdict.score.try_into()?,
            checks: verdict
                .checks
                .into_iter()
                .map(|c| Check { name: c.name, passed: c.passed, detail: c.detail })
                .collect(),
            explanation: verdict.explanation,
        })
    }
}

impl From<CallError> for types::CallError {
    fn from(CallError { kind, message }: CallError) -> Self {
        match kind {
            CallErrorKind::NotFound => Self::NotFound(message),
            CallErrorKind::Refused => Self::Refused(message),
            CallErrorKind::TooLarge => Self::TooLarge(message),
            CallErrorKind::Unavailable => Self::Unavailable(message),
            CallErrorKind::Other => Self::Other(message),
        }
    }
}

impl From<ArtifactKind> for types::ArtifactKind {
    fn from(kind: ArtifactKind) -> Self {
        match kind {
            ArtifactKind::Log => Self::Log,
            ArtifactKind::Trace => Self::Trace,
            ArtifactKind::Video => Self::Video,
            ArtifactKind::Screenshot => Self::Screenshot,
            ArtifactKind::Other => Self::Other,
        }
    }
}

impl From<ArtifactEntry> for types::ArtifactEntry {
    fn from(entry: ArtifactEntry) -> Self {
        Self { name: entry.name, kind: entry.kind.into(), bytes: entry.bytes }
    }
}

impl From<Artifact> for types::ArtifactEntry {
    fn from(artifact: Artifact) -> Self {
        Self { name: artifact.name, kind: artifact.kind.into(), bytes: artifact.bytes }
    }
}

impl From<WorkspaceEntry> for workspace::Entry {
    fn from(entry: WorkspaceEntry) -> Self {
        Self { path: entry.path, bytes: entry.bytes }
    }
}

impl From<SearchHit> for workspace::Hit {
    fn from(hit: SearchHit) -> Self {
        Self { path: hit.path, line: hit.line, text: hit.text }
    }
}

impl From<CommandOutput> for shell::CommandOutput {
    fn from(output: CommandOutput) -> Self {
        Self {
            exit_status: output.exit_status,
            stdout: output.stdout.0,
            stderr: output.stderr.0,
            dropped_bytes: output.dropped_bytes,
        }
    }
}

impl From<Observation> for user_tool::Observation {
    fn from(observation: Observation) -> Self {
        Self {
            completed: observation.completed,
            artifacts: observation.artifacts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<SubmittedFile> for submission::SubmittedFile {
    fn from(file: SubmittedFile) -> Self {
        let change = match file.change {
            FileChange::Written { sha256, bytes, executable } => {
                let sha256 = sha256.hex();
                submission::FileChange::Written(submission::WrittenFile { sha256, bytes, executable })
            }
            FileChange::Deleted => submission::FileChange::Deleted,
        };
        Self { path: file.path, change }
    }
}

impl From<PlanView> for tests::Plan {
    fn from(plan: PlanView) -> Self {
        Self {
            name: plan.name,
            required: plan.required,
            sentinels: plan.sentinels,
            pass_exit: plan.pass_exit,
            most_runs: plan.most_runs,
        }
    }
}

impl From<TestReport> for tests::TestReport {
    fn from(report: TestReport) -> Self {
        Self { plan: report.plan, runs: report.runs.into_iter().map(Into::into).collect() }
    }
}

impl From<TestRun> for tests::TestRun {
    fn from(run: TestRun) -> Self {
        Self {
            end: match run.end {
                RunEnd::Exited(status) => tests::RunEnd::Exited(status),
                RunEnd::TimedOut => tests::RunEnd::TimedOut,
                RunEnd::OutOfMemory => tests::RunEnd::OutOfMemory,
                RunEnd::DiskLimit => tests::RunEnd::DiskLimit,
                RunEnd::NotReady => tests::RunEnd::NotReady,
                RunEnd::Broken => tests::RunEnd::Broken,
            },
            status: run.status,
            report: match run.report {
                ReportState::Read => tests::ReportState::Read,
                ReportState::Missing => tests::ReportState::Missing,
                ReportState::Malformed(text) => tests::ReportState::Malformed(text),
                ReportState::TooLarge(text) => tests::ReportState::TooLarge(text),
            },
            cases: run.cases.into_iter().map(Into::into).collect(),
            artifacts: run.artifacts.into_iter().map(Into::into).collect(),
            conclusion: run.conclusion.into(),
        }
    }
}

impl From<TestCase> for tests::TestCase {
    fn from(case: TestCase) -> Self {
        let status = match case.status {
            CaseStatus::Passed => tests::CaseStatus::Passed,
            CaseStatus::Failed => tests::CaseStatus::Failed,
            CaseStatus::Errored => tests::CaseStatus::Errored,
            CaseStatus::Skipped => tests::CaseStatus::Skipped,
        };
        Self { id: case.id, status, detail: case.detail }
    }
}

impl From<Conclusion> for tests::Conclusion {
    fn from(conclusion: Conclusion) -> Self {
        let outcome = match conclusion.outcome {
            Outcome::Pass => types::Outcome::Pass,
            Outcome::Fail => types::Outcome::Fail,
            Outcome::Invalid => types::Outcome::Invalid,
        };
        Self { outcome, reason: conclusion.reason.into(), detail: conclusion.detail }
    }
}

impl TryFrom<configuring::Configuration> for Configuration {
    type Error = ConfigurationError;

    fn try_from(declared: configuring::Configuration) -> Result<Self, Self::Error> {
        // Before any of it is looked at: what is counted may be all that one call can carry.
        let variables = declared.prompt.as_ref().map_or(0, |prompt| prompt.variables.len());
        for (count, what) in [(declared.settings.len(), "settings"), (variables, "variables")] {
            if count > MAX_SETTINGS {
                let why = format!("{count} {what}, at most {MAX_SETTINGS} are allowed");
                return Err(ConfigurationError::Declaration(why));
            }
        }
        let mut settings = Vec::with_capacity(declared.settings.len());
        for setting in declared.settings {
            let default = serde_json::from_str(&setting.default).map_err(|error| {
                let shown: String = setting.name.chars().take(80).collect();
                ConfigurationError::Declaration(format!("the default of `{shown}` is no JSON: {error}"))
            })?;
            settings.push(DeclaredSetting {
                name: setting.name,
                kind: match setting.kind {
                    configuring::Kind::Text => SettingKind::Text,
                    configuring::Kind::Number => SettingKind::Number,
                    configuring::Kind::Flag => SettingKind::Flag,
                },
                default,
                choices: setting.choices,
                about: setting.about,
                least: setting.least,
                most: setting.most,
            });
        }
        let prompt = declared.prompt.map(|prompt| DeclaredPrompt {
            text: prompt.text,
            variables: prompt.variables.into_iter().collect(),
        });
        Self { settings, prompt }.validated()
    }
}

impl From<Allowance> for budget::Allowance {
    fn from(allowance: Allowance) -> Self {
        Self { unit: allowance.unit, limit: allowance.limit, used: allowance.used }
    }
}

impl From<Offer> for model::Offer {
    fn from(offer: Offer) -> Self {
        let Offer { name, id, context_tokens, answer_tokens, tools } = offer;
        Self { name, id, context_tokens, answer_tokens, tools }
    }
}

impl From<model::Setup> for ConversationSetup {
    fn from(setup: model::Setup) -> Self {
        Self {
            model: setup.model,
            instructions: setup.instructions,
            tools: setup
                .tools
                .into_iter()
                .map(|tool| ModelTool {
                    name: tool.name,
                    description: tool.description,
                    parameters: tool.parameters,
                })
                .collect(),
            effort: setup.effort,
            answer_tokens: setup.answer_tokens,
            parameters: setup
                .parameters
                .into_iter()
                .map(|parameter| ModelParameter { name: parameter.name, value: parameter.value })
                .collect(),
        }
    }
}

impl From<model::ToolResult> for ToolResult {
    fn from(result: model::ToolResult) -> Self {
        Self { call: result.call, text: result.text, failed: result.failed }
    }
}

impl From<AnswerPart> for model::Part {
    fn from(part: AnswerPart) -> Self {
        match part {
            AnswerPart::Text(text) => Self::Text(text),
            AnswerPart::Reasoning(text) => Self::Reasoning(text),
            AnswerPart::Call(call) => {
                Self::Call(model::ToolCall { id: call.id, name: call.name, arguments: call.arguments })
            }
            AnswerPart::Other(other) => {
                Self::Other(model::Parameter { name: other.name, value: other.value })
            }
        }
    }
}

impl From<Usage> for model::Usage {
    fn from(usage: Usage) -> Self {
        let Usage { input, input_cached, input_cache_written, output, output_reasoning } = usage;
        Self { input, input_cached, input_cache_written, output, output_reasoning }
    }
}

impl From<ModelAnswer> for model::Answer {
    fn from(answer: ModelAnswer) -> Self {
        let cost = answer.cost().map(|cost| cost.0);
        // What is estimated was not counted by the provider. It is charged all the same, so
        // the cost is told.
        let usage = answer.told().into();
        Self {
            parts: answer.parts.into_iter().map(Into::into).collect(),
            stop: match answer.stop {
                StopReason::Finished => model::Stop::Finished,
                StopReason::Calls => model::Stop::Calls,
                StopReason::Length => model::Stop::Length,
                StopReason::Context => model::Stop::Context,
                StopReason::Refused => model::Stop::Refused,
                StopReason::Paused => model::Stop::Paused,
                StopReason::Other => model::Stop::Other,
            },
            stop_detail: answer.stop_detail,
            usage,
            cost,
        }
    }
}

impl From<ModelFailure> for model::Failure {
    fn from(failure: ModelFailure) -> Self {
        match failure.kind {
            ModelFailureKind::OverBudget => Self::OverBudget(failure.message),
            ModelFailureKind::TooLong => Self::TooLong(failure.message),
            ModelFailureKind::Refused => Self::Refused(failure.message),
            ModelFailureKind::Rejected => Self::Rejected(failure.message),
            ModelFailureKind::Other => Self::Other(failure.message),
        }
    }
}

#[cfg(test)]
mod lowering {
    use lancet_core::{AnswerMark, Microdollars, Sha256, Spent};

    use super::*;

    /// What the host estimates of an answer without a usage is in the record and in the budgets.
    #[test]
    fn a_plugin_is_told_the_tokens_that_a_provider_told() {
        let usage = Usage { input: Some(700), output: Some(4_000), ..Usage::default() };
        let spent = Spent { usage, cost: Some(Microdollars(90)), estimated: true };
        for (marks, told) in [(vec![AnswerMark::NoUsage], [None; 2]), (Vec::new(), [Some(700), Some(4_000)])]
        {
            let answer = ModelAnswer {
                parts: Vec::new(),
                stop: StopReason::Finished,
                stop_detail: String::new(),
                spent,
                tries: Vec::new(),
                served: String::new(),
                marks,
                asked: Sha256::of(b""),
                raw: Sha256::of(b""),
                waited_ms: 0,
            };
            let lowered = model::Answer::from(answer);
            assert_eq!([lowered.usage.input, lowered.usage.output], told);
            assert_eq!(lowered.cost, Some(90));
        }
    }
}
