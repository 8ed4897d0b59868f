use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use lancet_core::{CallRecord, Request, Response};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::capability::answer_key::AnswerKeySource;
use crate::capability::submission::SubmissionSource;

/// Where answers to a plugin's calls come from when it runs for real: one small
/// trait for each capability that reaches outside. One that is granted and has
/// no source is a mistake of the host's.
#[derive(Clone, Default)]
pub struct Sources {
    /// For `submission`.
    pub submission: Option<Arc<dyn SubmissionSource>>,
    /// For `answer-key`.
    pub answer_key: Option<Arc<dyn AnswerKeySource>>,
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
}

enum Behind {
    Live { sources: Sources, random: Box<ChaCha8Rng> },
    Recorded { calls: VecDeque<CallRecord>, compare_fuel: bool },
}

impl Exchange {
    pub(crate) fn new(source: Source, seed: [u8; 32]) -> Self {
        let behind = match source {
            Source::Live(sources) => Behind::Live { sources, random: Box::new(ChaCha8Rng::from_seed(seed)) },
            Source::Recorded { calls, compare_fuel } => {
                Behind::Recorded { calls: calls.into(), compare_fuel }
            }
        };
        Self { behind, recorded: Vec::new() }
    }

    pub(crate) fn calls(&self) -> usize {
        self.recorded.len()
    }

    /// Answers a call and records it.
    pub(crate) fn call(&mut self, fuel_used: u64, request: Request) -> wasmtime::Result<Response> {
        let response = match &mut self.behind {
            Behind::Live { sources, random } => live(sources, random, &request)?,
            Behind::Recorded { calls, compare_fuel } => {
                let same = |call: &CallRecord| {
                    call.request == request && (!*compare_fuel || call.fuel_used == fuel_used)
                };
                match calls.pop_front() {
                    Some(call) if same(&call) => call.response,
                    other => {
                        return Err(wasmtime::Error::from(Diverged(Divergence {
                            call: self.recorded.len(),
                            recorded: other.map(|c| (c.request, c.fuel_used)),
                            replayed: Some((request, fuel_used)),
                        })));
                    }
                }
            }
        };
        self.recorded.push(CallRecord { fuel_used, request, response: response.clone() });
        Ok(response)
    }

    /// The record, and the call that should have come and did not.
    pub(crate) fn finish(self) -> (Vec<CallRecord>, Option<Divergence>) {
        let missing = match self.behind {
            Behind::Recorded { mut calls, .. } => calls.pop_front().map(|call| Divergence {
                call: self.recorded.len(),
                recorded: Some((call.request, call.fuel_used)),
                replayed: None,
            }),
            Behind::Live { .. } => None,
        };
        (self.recorded, missing)
    }
}

fn live(sources: &Sources, random: &mut ChaCha8Rng, request: &Request) -> wasmtime::Result<Response> {
    Ok(match request {
        Request::LogWrite { .. } => Response::Done,
        Request::RandomNext => Response::Number(random.next_u64()),
        Request::RandomBelow { bound } => Response::Number(crate::capability::random::below(random, *bound)),
        Request::SubmissionAnswer => {
            let source = sources.submission.as_ref().ok_or(NoSource("submission"))?;
            Response::Answer(source.answer())
        }
        Request::AnswerKeyRead => {
            let source = sources.answer_key.as_ref().ok_or(NoSource("answer-key"))?;
            Response::Text(source.read())
        }
    })
}
