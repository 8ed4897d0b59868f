//! The domain of Lancet: the words and the rules, without any input or output.
//!
//! Everything else depends on this crate, and it depends on nothing of the
//! project. Types here can only be valid: whoever holds a [`TaskId`] or a
//! [`ReasonCode`] need not check it again.

#![forbid(unsafe_code)]

mod answer;
mod capability;
mod digest;
mod fault;
mod journal;
mod limits;
mod money;
mod report;
mod run;
mod seed;
mod statistics;
mod task;
mod verdict;

pub use answer::{Answer, MAX_DOCUMENT_BYTES};
pub use capability::{
    CONTRACT_PACKAGE, CONTRACT_VERSION, Capability, Grant, Granter, ParseCapabilityError, Role,
};
pub use digest::{Digester, ParseSha256Error, Sha256};
pub use fault::{Fault, FaultKind};
pub use journal::{CallRecord, Event, LogLevel, Phase, Request, Response, SolveEnd};
pub use limits::Limits;
pub use money::{Cents, ParseCentsError};
pub use report::{
    Baseline, Baselines, Decided, Expectation, NotRunnable, PublishedRow, Report, ReportedPlugin,
    ReportedSuite, Time, Totals, TotalsByKind, published_rows,
};
pub use run::{AttemptId, AttemptState, ParseRunIdError, PluginIdentity, RunId, RunSpec, SuiteIdentity};
pub use seed::attempt_seed;
pub use statistics::{Ratio, RatioSum, wilson95};
pub use task::{Kind, MAX_TEXT_BYTES, ParseTaskIdError, Proposal, Task, TaskId};
pub use verdict::{
    Check, MAX_CHECKS, MAX_DETAIL_BYTES, MAX_EXPLANATION_BYTES, MAX_VERDICT_BYTES, MalformedVerdict, Outcome,
    ReasonCode, Score, Verdict, VerdictRecord,
};
