//! Where calls of capabilities are answered when they are not answered from a record:
//! one function from a [`Request`] to a [`Response`].
//!
//! A new kind of call gets its arm in [`Sources::at_once`] or [`Sources::ask`], its
//! source in [`Sources`], and nothing else of this crate decides what it is answered.

use std::sync::Arc;

use lancet_core::{
    Allowance, CallError, CallErrorKind, CallRecord, InfraFault, InfraFaultKind, MAX_PATCH_BYTES,
    ModelFailure, ModelFailureKind, Request, Response,
};

use crate::capability::answer_key::AnswerKeySource;
use crate::capability::artifacts::ArtifactsSource;
use crate::capability::budget::BudgetSource;
use crate::capability::input::InputSource;
use crate::capability::model::ModelSource;
use crate::capability::settings::SettingsSource;
use crate::capability::shell::ShellSource;
use crate::capability::submission::SubmissionSource;
use crate::capability::tests::TestsSource;
use crate::capability::user_tool::UserToolSource;
use crate::capability::workspace::WorkspaceSource;
use crate::exchange::check_length;
use crate::outside::{Answering, NotRecalled, Outside, SourceError};

/// One small source for each capability that reaches outside.
///
/// `submission` and `answer-key` that are granted and have no source are a mistake
/// of the host's. Without `input` there is none; without the others the task has
/// no environment, which a plugin is told.
#[derive(Clone, Default)]
pub struct Sources {
    /// What answers `submission`.
    pub submission: Option<Arc<dyn SubmissionSource>>,
    /// What answers `answer-key`.
    pub answer_key: Option<Arc<dyn AnswerKeySource>>,
    /// What answers `input`.
    pub input: Option<Arc<dyn InputSource>>,
    /// What answers `tests`.
    pub tests: Option<Arc<dyn TestsSource>>,
    /// What answers `artifacts`.
    pub artifacts: Option<Arc<dyn ArtifactsSource>>,
    /// What answers `workspace`.
    pub workspace: Option<Arc<dyn WorkspaceSource>>,
    /// What answers `shell`.
    pub shell: Option<Arc<dyn ShellSource>>,
    /// What answers `user-tool`.
    pub user_tool: Option<Arc<dyn UserToolSource>>,
    /// What answers `settings`. Without it there are none.
    pub settings: Option<Arc<dyn SettingsSource>>,
    /// What answers `budget`. Without it nothing is limited.
    pub budget: Option<Arc<dyn BudgetSource>>,
    /// What answers `model`. Without it no model is offered.
    pub model: Option<Arc<dyn ModelSource>>,
}

impl Outside for Sources {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        match self.at_once(request) {
            Some(answered) => Answering::Now(answered),
            None => Answering::Later(Box::pin(self.ask(request))),
        }
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        match &call.request {
            Request::TestsRun { .. } => self.tests.as_ref().map_or(Ok(()), |source| source.recall(call)),
            Request::WorkspaceList { .. }
            | Request::WorkspaceRead { .. }
            | Request::WorkspaceSearch { .. }
            | Request::WorkspaceWrite { .. }
            | Request::WorkspaceRemove { .. }
            | Request::WorkspaceApplyPatch { .. }
            | Request::WorkspaceApplyInput => {
                self.workspace.as_ref().map_or(Ok(()), |source| source.recall(call))
            }
            Request::ShellRun { .. } => self.shell.as_ref().map_or(Ok(()), |source| source.recall(call)),
            Request::UserToolReproduce => {
                self.user_tool.as_ref().map_or(Ok(()), |source| source.recall(call))
            }
            Request::ModelOpen { .. }
            | Request::ModelSay { .. }
            | Request::ModelGive { .. }
            | Request::ModelAsk { .. }
            | Request::ModelWithout { .. } => {
                self.model.as_ref().map_or(Ok(()), |source| source.recall(call))
            }
            Request::LogWrite { .. }
            | Request::RandomNext
            | Request::RandomBelow { .. }
            | Request::SettingsValue { .. }
            | Request::SettingsPrompt
            | Request::BudgetAllowances
            | Request::BudgetLeft { .. }
            | Request::ModelOffers
            | Request::ModelLength { .. }
            | Request::ModelTokens { .. }
            | Request::SubmissionAnswer
            | Request::AnswerKeyRead
            | Request::InputRead
            | Request::SubmissionFiles
            | Request::SubmissionRead { .. }
            | Request::SubmissionDiff { .. }
            | Request::TestsPlans
            | Request::ArtifactsList
            | Request::ArtifactsRead { .. }
            | Request::UserToolRead { .. } => Ok(()),
        }
    }
}

impl Sources {
    /// Answers what needs no waiting; `None` for everything else.
    fn at_once(&self, request: &Request) -> Option<Result<Response, SourceError>> {
        Some(match request {
            Request::AnswerKeyRead => match &self.answer_key {
                Some(source) => Ok(Response::Text(source.read())),
                None => Err(SourceError::Missing("answer-key")),
            },
            Request::SubmissionAnswer => self.submission().map(|source| Response::Answer(source.answer())),
            Request::InputRead => {
                let text = self.input.as_ref().map_or(Ok(None), |source| source.read());
                text.map(Response::MaybeText).map_err(Into::into)
            }
            Request::TestsPlans => {
                Ok(Response::Plans(self.tests.as_ref().map_or_else(Vec::new, |source| source.plans())))
            }
            Request::SettingsValue { name } => {
                Ok(Response::MaybeText(self.settings.as_ref().and_then(|source| source.value(name))))
            }
            Request::SettingsPrompt => {
                Ok(Response::MaybeText(self.settings.as_ref().and_then(|source| source.prompt())))
            }
            Request::BudgetAllowances => Ok(Response::Allowances(self.allowances())),
            Request::BudgetLeft { unit } => {
                let allowances = self.allowances();
                let limited = allowances.iter().find(|allowance| allowance.unit == *unit);
                Ok(Response::MaybeNumber(
                    limited.map(|allowance| allowance.limit.saturating_sub(allowance.used)),
                ))
            }
            _ => return self.of_conversation(request),
        })
    }

    /// Answers what is about a conversation and needs no model.
    fn of_conversation(&self, request: &Request) -> Option<Result<Response, SourceError>> {
        let failing = |done: Result<Response, ModelFailure>| {
            Ok(done.unwrap_or_else(|failure| Response::Unanswered(Box::new(failure))))
        };
        let Some(model) = &self.model else {
            return match request {
                Request::ModelOffers => Some(Ok(Response::Offers(Vec::new()))),
                Request::ModelOpen { .. } => Some(failing(Err(no_model()))),
                _ => None,
            };
        };
        Some(match request {
            Request::ModelOffers => Ok(Response::Offers(model.offers())),
            Request::ModelOpen { setup } => failing(model.open(setup).map(Response::Conversation)),
            Request::ModelSay { conversation, text } => {
                failing(model.say(*conversation, text).map(|()| Response::Done))
            }
            Request::ModelGive { conversation, results } => {
                failing(model.give(*conversation, results).map(|()| Response::Done))
            }
            Request::ModelLength { conversation } => {
                Ok(Response::Number(u64::from(model.length(*conversation))))
            }
            Request::ModelTokens { conversation } => Ok(Response::Number(model.tokens(*conversation))),
            Request::ModelWithout { conversation, first, end } => {
                failing(model.without(*conversation, *first, *end).map(Response::Conversation))
            }
            _ => return None,
        })
    }

    fn allowances(&self) -> Vec<Allowance> {
        self.budget.as_ref().map_or_else(Vec::new, |source| source.allowances())
    }

    /// Answers what reaches further, which may take its time.
    async fn ask(&self, request: &Request) -> Result<Response, SourceError> {
        Ok(match request {
            Request::SubmissionFiles => Response::Files(self.submission()?.files().await?),
            Request::SubmissionRead { path, offset, length } => {
                Response::Bytes(self.submission()?.read(path, *offset, *length).await?)
            }
            Request::SubmissionDiff { offset, length } => {
                Response::Bytes(self.submission()?.diff(*offset, *length).await?)
            }
            Request::TestsRun { plan } => {
                Response::Tested(Box::new(having(self.tests.as_ref())?.run(plan).await?))
            }
            Request::ArtifactsList => Response::Artifacts(having(self.artifacts.as_ref())?.list().await?),
            Request::ArtifactsRead { name, offset, length } => {
                Response::Bytes(having(self.artifacts.as_ref())?.read(name, *offset, *length).await?)
            }
            Request::WorkspaceList { path } => Response::Entries(self.workspace()?.list(path).await?),
            Request::WorkspaceRead { path, offset, length } => {
                Response::Bytes(self.workspace()?.read(path, *offset, *length).await?)
            }
            Request::WorkspaceSearch { pattern, path } => {
                Response::Hits(self.workspace()?.search(pattern, path).await?)
            }
            Request::WorkspaceWrite { path, contents } => {
                self.workspace()?.write(path, &contents.0).await?;
                Response::Done
            }
            Request::WorkspaceRemove { path } => {
                self.workspace()?.remove(path).await?;
                Response::Done
            }
            Request::WorkspaceApplyPatch { patch } => {
                self.workspace()?.apply_patch(patch).await?;
                Response::Done
            }
            Request::WorkspaceApplyInput => self.apply_input().await?,
            Request::ShellRun { command, timeout_seconds } => {
                Response::Output(having(self.shell.as_ref())?.run(command, *timeout_seconds).await?)
            }
            Request::UserToolReproduce => Response::Observed(self.user_tool()?.reproduce().await?),
            Request::UserToolRead { name, offset, length } => {
                Response::Bytes(self.user_tool()?.read(name, *offset, *length).await?)
            }
            Request::ModelAsk { conversation } => {
                let model = self.model.as_ref().ok_or(SourceError::Missing("model"))?;
                match model.ask(*conversation).await? {
                    Ok(answer) => Response::Answered(Box::new(answer)),
                    Err(failure) => Response::Unanswered(Box::new(failure)),
                }
            }
            Request::LogWrite { .. }
            | Request::RandomNext
            | Request::RandomBelow { .. }
            | Request::SettingsValue { .. }
            | Request::SettingsPrompt
            | Request::BudgetAllowances
            | Request::BudgetLeft { .. }
            | Request::ModelOffers
            | Request::ModelOpen { .. }
            | Request::ModelSay { .. }
            | Request::ModelGive { .. }
            | Request::ModelLength { .. }
            | Request::ModelTokens { .. }
            | Request::ModelWithout { .. }
            | Request::SubmissionAnswer
            | Request::AnswerKeyRead
            | Request::InputRead
            | Request::TestsPlans => return Err(SourceError::Missing(request.name())),
        })
    }

    fn submission(&self) -> Result<&Arc<dyn SubmissionSource>, SourceError> {
        self.submission.as_ref().ok_or(SourceError::Missing("submission"))
    }

    fn workspace(&self) -> Result<&Arc<dyn WorkspaceSource>, CallError> {
        having(self.workspace.as_ref())
    }

    /// A task with an environment may be one without a user.
    fn user_tool(&self) -> Result<&Arc<dyn UserToolSource>, CallError> {
        self.user_tool.as_ref().ok_or_else(|| match self.workspace {
            Some(_) => CallError::new(CallErrorKind::Unavailable, "this task has no user tool"),
            None => no_environment(),
        })
    }

    /// Applies what the operator gave. It is read here and not kept: it may be large, and
    /// few agents are at it at a time.
    async fn apply_input(&self) -> Result<Response, SourceError> {
        let input = match self.input.clone() {
            Some(input) => {
                tokio::task::spawn_blocking(move || input.read()).await.map_err(|e| unread(&e))??
            }
            None => None,
        };
        let Some(patch) = input.map(complete) else { return Ok(Response::Applied(false)) };
        if !patch.is_empty() {
            check_length("a patch", patch.len(), MAX_PATCH_BYTES)?;
            self.workspace()?.apply_patch(&patch).await?;
        }
        Ok(Response::Applied(true))
    }
}

/// The source of a capability that reaches into the task's environment.
fn having<T>(source: Option<&T>) -> Result<&T, CallError> {
    source.ok_or_else(no_environment)
}

/// What a plugin is told that asks for a model where the operator chose none.
fn no_model() -> ModelFailure {
    ModelFailure::new(ModelFailureKind::Refused, "no model is offered: the operator chose none")
}

/// What a plugin is told where its task has nothing to reach into.
fn no_environment() -> CallError {
    CallError::new(CallErrorKind::Unavailable, "this task has no environment")
}

fn unread(error: &tokio::task::JoinError) -> InfraFault {
    InfraFault::new(InfraFaultKind::DiskFull, format!("the operator's text could not be read: {error}"))
}

/// A patch ends with a line break, which tools that copy texts like to take away. One
/// with nothing in it is empty.
fn complete(mut patch: String) -> String {
    if patch.trim().is_empty() {
        patch.clear();
    } else if !patch.ends_with('\n') {
        patch.push('\n');
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_ends_with_a_line_break_unless_there_is_nothing_in_it() {
        for patch in ["", " \n\n"] {
            assert_eq!(complete(patch.into()), "");
        }
        for patch in ["--- a/x\n", "--- a/x"] {
            assert_eq!(complete(patch.into()), "--- a/x\n");
        }
    }
}
