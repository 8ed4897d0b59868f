use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use lancet_core::{CallError, CallRecord, InfraFault, Request, Response};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::capability::answer_key::AnswerKeySource;
use crate::capability::artifacts::ArtifactsSource;
use crate::capability::input::InputSource;
use crate::capability::shell::ShellSource;
use crate::capability::submission::SubmissionSource;
use crate::capability::tests::TestsSource;
use crate::capability::user_tool::UserToolSource;
use crate::capability::workspace::WorkspaceSource;

/// What a source that reaches into containers answers: what was asked for, why
/// the plugin does not get it, or what of the infrastructure failed.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<Result<T, CallError>, InfraFault>> + Send + 'a>>;

/// Where answers to a plugin's calls come from when it runs for real: one small
/// trait for each capability that reaches outside.
///
/// `submission` and `answer-key` that are granted and have no source are a mistake
/// of the host's. Without `input` there is none; without the others the task has
/// no environment, which a plugin is told.
#[derive(Clone, Default)]
pub struct Sources {
    /// For `submission`.
    pub submission: Option<Arc<dyn SubmissionSource>>,
    /// For `answer-key`.
    pub answer_key: Option<Arc<dyn AnswerKeySource>>,
    /// For `input`.
    pub input: Option<Arc<dyn InputSource>>,
    /// For `tests`.
    pub tests: Option<Arc<dyn TestsSource>>,
    /// For `artifacts`.
    pub artifacts: Option<Arc<dyn ArtifactsSource>>,
    /// For `workspace`.
    pub workspace: Option<Arc<dyn WorkspaceSource>>,
    /// For `shell`.
    pub shell: Option<Arc<dyn ShellSource>>,
    /// For `user-tool`.
    pub user_tool: Option<Arc<dyn UserToolSource>>,
}

/// What stands behind the capabilities during one call of a plugin.
pub enum Source {
    /// The world.
    Live(Sources),
    /// A record of an earlier execution. Every call is compared with it.
    Recorded {
        /// The calls, in their order.
        calls: Vec<CallRecord>,
        /// Whether the fuel at each call is compared too: not when it was
        /// recorded with another engine.
        compare_fuel: bool,
    },
}

/// The first call at which an execution differs from its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The number of the call, from 0.
    pub call: usize,
    /// What the record holds there; `None` past its end.
    pub recorded: Option<(Request, u64)>,
    /// What the plugin did there; `None` when it ended before.
    pub replayed: Option<(Request, u64)>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Option<(Request, u64)>| match side {
            Some((request, fuel)) => format!("{request:?} at fuel {fuel}"),
            None => "no call".to_owned(),
        };
        write!(
            f,
            "call {} differs: recorded {}, replayed {}",
            self.call,
            side(&self.recorded),
            side(&self.replayed)
        )
    }
}

/// Ends the guest because its execution differs from its record.
#[derive(Debug, thiserror::Error)]
#[error("the execution differs from its record")]
pub(crate) struct Diverged(pub(crate) Divergence);

/// Ends the guest because the host cannot answer.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is granted and has no source")]
pub(crate) struct NoSource(pub(crate) &'static str);

/// The recorder at the boundary: each call of a capability passes here once.
pub(crate) struct Exchange {
    behind: Behind,
    recorded: Vec<CallRecord>,
    /// When each of them was answered.
    answered: Vec<Instant>,
    bytes: u64,
}

enum Behind {
    Live(Live),
    Recorded { calls: VecDeque<CallRecord>, compare_fuel: bool },
}

/// What a call is answered from when there is no record of it.
pub(crate) struct Live {
    pub(crate) sources: Sources,
    pub(crate) random: Box<ChaCha8Rng>,
}

/// What is known of a call before anything is asked.
pub(crate) enum Known<'a> {
    /// Its response.
    Recorded(Response),
    /// Nothing: this is to be asked.
    Live(&'a mut Live),
}

impl Exchange {
    pub(crate) fn new(source: Source, seed: [u8; 32]) -> Self {
        let behind = match source {
            Source::Live(sources) => {
                Behind::Live(Live { sources, random: Box::new(ChaCha8Rng::from_seed(seed)) })
            }
            Source::Recorded { calls, compare_fuel } => {
                Behind::Recorded { calls: calls.into(), compare_fuel }
            }
        };
        Self { behind, recorded: Vec::new(), answered: Vec::new(), bytes: 0 }
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.recorded.len()
    }

    /// How many bytes they carried.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Every call so far.
    pub(crate) fn recorded(&self) -> &[CallRecord] {
        &self.recorded
    }

    /// Compares a call with the record, where there is one.
    ///
    /// # Errors
    /// [`Diverged`], when the record has another one in this place.
    pub(crate) fn known(&mut self, fuel_used: u64, request: &Request) -> wasmtime::Result<Known<'_>> {
        match &mut self.behind {
            Behind::Live(live) => Ok(Known::Live(live)),
            Behind::Recorded { calls, compare_fuel } => {
                let same = |call: &CallRecord| {
                    call.request == *request && (!*compare_fuel || call.fuel_used == fuel_used)
                };
                match calls.pop_front() {
                    Some(call) if same(&call) => Ok(Known::Recorded(call.response)),
                    other => Err(wasmtime::Error::from(Diverged(Divergence {
                        call: self.recorded.len(),
                        recorded: other.map(|c| (c.request, c.fuel_used)),
                        replayed: Some((request.clone(), fuel_used)),
                    }))),
                }
            }
        }
    }

    /// Adds a call that has been answered.
    pub(crate) fn record(&mut self, fuel_used: u64, request: Request, response: Response) {
        let bytes = request.bytes().saturating_add(response.bytes());
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.recorded.push(CallRecord { fuel_used, request, response });
        self.answered.push(Instant::now());
    }

    /// The record, when each call was answered, and the call that should have come and
    /// did not.
    pub(crate) fn finish(self) -> (Vec<CallRecord>, Vec<Instant>, Option<Divergence>) {
        let missing = match self.behind {
            Behind::Recorded { mut calls, .. } => calls.pop_front().map(|call| Divergence {
                call: self.recorded.len(),
                recorded: Some((call.request, call.fuel_used)),
                replayed: None,
            }),
            Behind::Live(_) => None,
        };
        (self.recorded, self.answered, missing)
    }
}
