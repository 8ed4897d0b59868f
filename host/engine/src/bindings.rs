//! Types of the contract, generated from `wit/`, and how they become the
//! domain's. Generated code stays in here.

use lancet_core::{
    Answer, Artifact, ArtifactEntry, ArtifactKind, CallError, CallErrorKind, CaseStatus, Check,
    CommandOutput, Conclusion, FileChange, Kind, LogLevel, MalformedVerdict, Observation, Outcome, PlanView,
    ReportState, RunEnd, SearchHit, SubmittedFile, Task, TestCase, TestReport, TestRun, Verdict,
    WorkspaceEntry,
};

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub(crate) mod agent {
    wasmtime::component::bindgen!({
        world: "agent",
        path: "../../wit",
        exports: { default: async },
        // Only the exports are used from here. Imports are linked one capability
        // at a time, by what is granted; see `linker`.
        imports: { default: trappable },
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

pub(crate) use agent::lancet::plugin::{log, shell, types, user_tool, workspace};
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
