//! A task's environment for agents that are tried: files, commands and models that are there in
//! memory alone, well or ill.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lancet_core::{
    Allowance, AnswerPart, ArtifactEntry, ArtifactKind, CallError, CallErrorKind, CallRecord, CommandOutput,
    Effect, MAX_CONVERSATIONS, ModelAnswer, ModelFailure, ModelFailureKind, ModelTool, Observation, Octets,
    Offer, Request, Response, SearchHit, Sha256, Spent, StopReason, ToolCall, WorkspaceEntry,
};
use lancet_engine::{Answering, NotRecalled, Outside};
use serde_json::{Value, json};

/// How an environment is.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    /// Whether there is one at all.
    pub(super) is_there: bool,
    /// What the operator gave.
    pub(super) input: Option<String>,
    /// A function that gives an error.
    pub(super) refusing: Option<(&'static str, CallErrorKind)>,
    /// What files, commands and searches give.
    pub(super) texts: Texts,
    /// What is set of the agent, as JSON by name.
    pub(super) settings: Arc<BTreeMap<String, String>>,
    /// The agent's prompt.
    pub(super) prompt: Option<Arc<str>>,
    /// What models say; without it none is offered.
    pub(super) model: Option<Model>,
    /// What there is to spend of each unit, and how much of it is used; nothing is bounded without.
    pub(super) allowance: Option<(u64, u64)>,
}

/// The units of a budget.
const UNITS: [&str; 7] =
    ["asks", "tokens", "input-tokens", "output-tokens", "microdollars", "milliseconds", "tool-calls"];

/// What files, commands and searches give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Texts {
    /// A few lines.
    #[default]
    Ordinary,
    /// Nothing at all.
    Empty,
    /// As much as there can be.
    Huge,
    /// Bytes that are no UTF-8.
    Binary,
}

/// What a model answers, each time.
#[derive(Debug, Clone)]
pub(super) enum Model {
    /// Calls every tool that it was given, one after the other, with what the tool's schema
    /// takes, and has nothing to say then.
    Works,
    /// These parts.
    Says(Vec<AnswerPart>, StopReason),
    /// A failure.
    Fails(ModelFailureKind),
}

impl Model {
    /// A call of a tool.
    pub(super) fn calls(name: &str, arguments: &str) -> Self {
        let call =
            ToolCall { id: "call-1".to_owned(), name: name.to_owned(), arguments: arguments.to_owned() };
        Self::Says(vec![AnswerPart::Call(call)], StopReason::Calls)
    }
}

/// One execution's environment.
pub(super) struct Running {
    world: World,
    conversations: AtomicU32,
    /// The tools of the conversation that was opened last, and how many of them were called.
    tools: Mutex<(Vec<ModelTool>, usize)>,
}

impl Running {
    pub(super) fn new(world: World) -> Self {
        Self { world, conversations: AtomicU32::new(0), tools: Mutex::default() }
    }

    fn bytes(&self, offset: u64, length: u32) -> Octets {
        let length = length as usize;
        let all = match self.world.texts {
            Texts::Empty => return Octets::default(),
            Texts::Huge => return Octets(vec![b'x'; length]),
            Texts::Binary => vec![0xff, 0, 0xc3, 0x28, 0x80],
            Texts::Ordinary => b"export const add = (a, b) => a;\n".to_vec(),
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        Octets(all[start..start.saturating_add(length).min(all.len())].to_vec())
    }

    fn response(&self, request: &Request) -> Response {
        if let Some((function, kind)) = self.world.refusing
            && function == request.name()
        {
            return Response::Refused(CallError::new(kind, "it is not to be had, as a trial"));
        }
        let texts = self.world.texts;
        match request {
            Request::InputRead => Response::MaybeText(self.world.input.clone()),
            Request::SettingsValue { name } => Response::MaybeText(self.world.settings.get(name).cloned()),
            Request::SettingsPrompt => {
                Response::MaybeText(self.world.prompt.as_ref().map(|prompt| prompt.to_string()))
            }
            Request::BudgetAllowances => Response::Allowances(match self.world.allowance {
                None => Vec::new(),
                Some((limit, used)) => {
                    UNITS.map(|unit| Allowance { unit: unit.to_owned(), limit, used }).into()
                }
            }),
            Request::BudgetLeft { unit } => {
                let left = self.world.allowance.filter(|_| UNITS.contains(&unit.as_str()));
                Response::MaybeNumber(left.map(|(limit, used)| limit.saturating_sub(used)))
            }
            Request::AnswerKeyRead => Response::Text(r#"{"correct": 3}"#.to_owned()),
            Request::ModelOffers
            | Request::ModelOpen { .. }
            | Request::ModelSay { .. }
            | Request::ModelGive { .. }
            | Request::ModelAsk { .. }
            | Request::ModelLength { .. }
            | Request::ModelTokens { .. }
            | Request::ModelWithout { .. } => self.of_model(request),
            _ if !self.world.is_there => {
                Response::Refused(CallError::new(CallErrorKind::Unavailable, "this task has no environment"))
            }
            Request::WorkspaceList { .. } => Response::Entries(match texts {
                Texts::Empty => Vec::new(),
                Texts::Huge => (0..10_000)
                    .map(|n| WorkspaceEntry { path: format!("folder/{n:05}.js"), bytes: 1 << 40 })
                    .collect(),
                Texts::Ordinary | Texts::Binary => {
                    vec![WorkspaceEntry { path: "add.js".to_owned(), bytes: 32 }]
                }
            }),
            Request::WorkspaceRead { offset, length, .. } | Request::UserToolRead { offset, length, .. } => {
                Response::Bytes(self.bytes(*offset, *length))
            }
            Request::WorkspaceSearch { .. } => Response::Hits(match texts {
                Texts::Empty => Vec::new(),
                Texts::Huge => (0..2_000)
                    .map(|n| SearchHit {
                        path: format!("folder/{n:05}.js"),
                        line: n + 1,
                        text: "x".repeat(512),
                    })
                    .collect(),
                Texts::Ordinary | Texts::Binary => {
                    vec![SearchHit { path: "add.js".to_owned(), line: 1, text: "add".to_owned() }]
                }
            }),
            Request::WorkspaceWrite { .. }
            | Request::WorkspaceRemove { .. }
            | Request::WorkspaceApplyPatch { .. } => Response::Done,
            Request::WorkspaceApplyInput => Response::Applied(self.world.input.is_some()),
            Request::ShellRun { .. } => Response::Output(CommandOutput {
                exit_status: (texts != Texts::Empty).then_some(i32::from(texts == Texts::Binary)),
                stdout: self.bytes(0, 256 << 10),
                stderr: self.bytes(0, 256 << 10),
                dropped_bytes: u64::from(texts == Texts::Huge) << 40,
            }),
            Request::UserToolReproduce => {
                let left = |name: String, kind, bytes| ArtifactEntry { name, kind, bytes };
                let artifacts = match texts {
                    Texts::Empty => Vec::new(),
                    Texts::Ordinary => vec![left("log.txt".to_owned(), ArtifactKind::Log, 32)],
                    Texts::Binary => vec![left("page.png".to_owned(), ArtifactKind::Screenshot, 5)],
                    Texts::Huge => {
                        (0..1_000).map(|n| left(format!("{n}.txt"), ArtifactKind::Log, 1 << 40)).collect()
                    }
                };
                Response::Observed(Observation { completed: texts == Texts::Ordinary, artifacts })
            }
            _ => Response::Refused(CallError::new(CallErrorKind::Unavailable, "it is not to be had")),
        }
    }

    fn of_model(&self, request: &Request) -> Response {
        let failing = |kind, message| Response::Unanswered(Box::new(ModelFailure::new(kind, message)));
        let Some(model) = &self.world.model else {
            return match request {
                Request::ModelOffers => Response::Offers(Vec::new()),
                _ => failing(ModelFailureKind::Refused, "no model is offered: the operator chose none"),
            };
        };
        match request {
            Request::ModelOffers => Response::Offers(vec![Offer {
                name: "main".to_owned(),
                id: "a-model".to_owned(),
                context_tokens: Some(100_000),
                answer_tokens: Some(10_000),
                tools: true,
            }]),
            Request::ModelOpen { .. } | Request::ModelWithout { .. } => {
                if let Request::ModelOpen { setup } = request {
                    *self.tools() = (setup.tools.clone(), 0);
                }
                let number = self.conversations.fetch_add(1, Ordering::Relaxed);
                if number as usize >= MAX_CONVERSATIONS {
                    return failing(ModelFailureKind::Refused, "there are too many conversations");
                }
                Response::Conversation(number)
            }
            Request::ModelAsk { .. } => match model {
                Model::Fails(kind) => failing(*kind, "it is not to be had, as a trial"),
                Model::Says(parts, stop) => answered(parts.clone(), *stop),
                Model::Works => match self.next_tool() {
                    Some(call) => answered(vec![AnswerPart::Call(call)], StopReason::Calls),
                    None => answered(vec![AnswerPart::Text("Done: 3.".to_owned())], StopReason::Finished),
                },
            },
            Request::ModelLength { .. } | Request::ModelTokens { .. } => Response::Number(10),
            _ => Response::Done,
        }
    }
}

impl Running {
    fn tools(&self) -> MutexGuard<'_, (Vec<ModelTool>, usize)> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call of the next tool.
    fn next_tool(&self) -> Option<ToolCall> {
        let (tools, called) = &mut *self.tools();
        let tool = tools.get(*called)?;
        *called += 1;
        let schema: Value = serde_json::from_str(&tool.parameters).unwrap_or_default();
        let properties = schema["properties"].as_object();
        let arguments = properties.into_iter().flatten().map(|(name, form)| (name.clone(), argument(form)));
        let arguments = Value::Object(arguments.collect()).to_string();
        Some(ToolCall { id: format!("call-{called}"), name: tool.name.clone(), arguments })
    }
}

/// A value that a tool's parameter takes.
fn argument(form: &Value) -> Value {
    if let Some(first) = form["enum"].as_array().and_then(|choices| choices.first()) {
        return first.clone();
    }
    match form["type"].as_str() {
        // A proposal that the tasks here have, and a number of lines, bytes or seconds.
        Some("integer" | "number") => json!(3),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("add.js"),
    }
}

fn answered(parts: Vec<AnswerPart>, stop: StopReason) -> Response {
    Response::Answered(Box::new(ModelAnswer {
        parts,
        stop,
        stop_detail: String::new(),
        spent: Spent::default(),
        tries: Vec::new(),
        served: String::new(),
        marks: Vec::new(),
        asked: Sha256::of(b""),
        raw: Sha256::of(b""),
        waited_ms: 0,
    }))
}

impl Outside for Running {
    fn answer<'a>(&'a self, request: &'a Request) -> Answering<'a> {
        Answering::Now(Ok(self.response(request)))
    }

    fn effect(&self, _: &Request) -> Effect {
        Effect::Pure
    }

    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        Err(NotRecalled::by(call))
    }
}
