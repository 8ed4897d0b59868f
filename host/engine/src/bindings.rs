//! Types of the contract, generated from `wit/`, and how they become the
//! domain's. Generated code stays in here.

use lancet_core::{Answer, Check, Kind, LogLevel, MalformedVerdict, Outcome, Task, Verdict};

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

pub(crate) use agent::lancet::plugin::{log, types};

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
