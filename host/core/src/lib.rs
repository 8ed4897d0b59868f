//! The domain of Lancet: the words and the rules, without any input or output.
//!
//! Everything else depends on this crate, and it depends on nothing of the
//! project. Types here can only be valid: whoever holds a [`TaskId`] or a
//! [`ReasonCode`] need not check it again.

#![forbid(unsafe_code)]

mod answer;
mod bounds;
mod call;
mod capability;
mod checked;
mod conclusion;
mod configuration;
mod controls;
mod digest;
mod doctor;
mod environment;
mod expense;
mod fault;
mod fixture;
mod fold;
mod history;
mod infrastructure;
mod isolation;
mod jail;
mod journal;
mod leaf;
mod limits;
mod model;
mod money;
mod octets;
mod plugin;
mod record;
mod regrade;
mod replay;
mod report;
mod reserved;
mod run;
mod runs;
mod seed;
mod shape;
mod show;
mod spending;
mod statistics;
mod submission;
mod task;
mod test_report;
mod tested;
mod transcript;
mod verdict;
mod wording;
mod workspace;

pub use answer::{Answer, MAX_DOCUMENT_BYTES};
pub use bounds::{MAX_CALL_ERROR_BYTES, MAX_COMMAND_BYTES, MAX_HIT_BYTES, MAX_PATH_BYTES, MAX_PATTERN_BYTES};
pub use call::{CallRecord, Effect, ITEM_BYTES, LogLevel, PlanView, Request, Response};
pub use capability::{
    CONTRACT_PACKAGE, CONTRACT_VERSION, Capability, Grant, Granter, ParseCapabilityError, Role,
};
pub use checked::{
    CheckedGrader, CheckedSuite, ListedImage, PinState, RefusedSuite, SuiteProblem, SuiteWarning,
    UnpinnedImage,
};
pub use conclusion::{Conclusion, Facts, KILLED, conclude, passes_but_for_its_status};
pub use configuration::{
    Configuration, ConfigurationError, DeclaredPrompt, DeclaredSetting, MAX_PROMPT_BYTES, MAX_SETTINGS,
    SettingKind,
};
pub use controls::{
    CaseCoverage, ControlledTask, Controls, RequiredTest, SurpriseCause, TriedCase, UntriedControl,
};
pub use digest::{Digester, ParseSha256Error, RunningDigest, Sha256};
pub use doctor::Finding;
pub use environment::{
    Account, ArtifactRule, CaseNaming, Environment, Isolation, LaidFile, PinnedImage, Plan, ProtectedPath,
    Protection, RESULTS_FOLDER, Rerun, Resources, Service, Step, SubmissionLimits, TESTS_FOLDER,
    UNPRIVILEGED_ID,
};
pub use expense::{
    Expense, ModelTotals, Payments, ReportedLimit, ReportedModel, ServedModel, TokenTotals, Told,
    reported_limits,
};
pub use fault::{Fault, FaultKind};
pub use fixture::{
    Expected, FIXTURE_VERSION, Fixture, FixtureArtifact, FixtureCall, FixtureConclusion, FixtureContents,
    FixtureFile, FixtureOrigin, FixturePlan, FixtureRun, FixtureTask, FixtureTestCase, MAX_FIXTURE_BYTES,
};
pub use fold::fold;
pub use history::{
    Asked, Decision, Graded, History, Misplaced, NotWhole, Part, Scrutiny, Solved, Standing, Subject, Whole,
};
pub use infrastructure::{InfraFault, InfraFaultKind};
pub use isolation::PluginIsolation;
pub use jail::JailRecord;
pub use journal::{Event, Phase, SolveEnd};
pub use leaf::{Leaf, LoggedBegin, LoggedEnd, LoggedReopening, LoggedVerdict};
pub use limits::Limits;
pub use model::{
    Allowance, AnswerMark, AnswerPart, ConversationSetup, FailedTry, MAX_CONVERSATIONS,
    MAX_MODEL_FAILURE_BYTES, MAX_MODEL_TOOLS, Microdollars, ModelAnswer, ModelFailure, ModelFailureKind,
    ModelParameter, ModelTool, Offer, Spent, StopReason, ToolCall, ToolResult, Usage,
};
pub use money::{Cents, ParseCentsError};
pub use octets::Octets;
pub use plugin::{InspectedImport, InspectedPackage, InspectedPlugin, ListedPlugin, PackageIdentity};
pub use record::{Difference, ListedTask, RunRecord};
pub use regrade::{Regraded, RegradedAttempt};
pub use replay::{ReplayPhase, ReplayResult, Replayed, ReplayedAttempt};
pub use report::{
    Baseline, Baselines, Decided, Expectation, NotRunnable, PerAttempt, PublishedRow, Report, ReportedPlugin,
    ReportedSuite, TestTotals, Time, Totals, TotalsByKind, Tried, published_rows,
};
pub use reserved::{NO_PATCH, PATCH_DOES_NOT_APPLY};
pub use run::{
    AgentFaults, AttemptId, AttemptState, ParseRunIdError, PluginIdentity, RunId, RunSpec, RunTrust, Setting,
    SuiteIdentity,
};
pub use runs::{ListedRun, RunState};
pub use seed::attempt_seed;
pub use shape::list_for_table;
pub use show::{ShownAttempt, ShownEvent, ShownState};
pub use spending::{
    Budget, BudgetUnit, Budgets, KeyFrom, ModelChoice, ParseBudgetUnitError, Price, Rates, WireForm,
};
pub use statistics::{Clustered, Ratio, RatioSum, wilson95};
pub use submission::{Capture, ChangeSet, FileChange, RefusalKind, RefusedSubmission, SubmittedFile};
pub use task::{Kind, MAX_TEXT_BYTES, ParseTaskIdError, Proposal, Task, TaskId};
pub use test_report::{
    Artifact, ArtifactKind, CaseStatus, MAX_CASE_DETAIL_BYTES, MAX_NAMES_BYTES, MAX_REPORT_BYTES,
    MAX_TEST_CASES, ReportState, RunEnd, TestCase, TestReport, TestRun, case_id,
};
pub use tested::{
    CheckedPlugin, PluginFinding, Severity, TestResult, TestedFixture, TestedLimits, TestedPlugin,
};
pub use transcript::{Shortened, ShownConversation, ShownTurn, Transcript, Turn};
pub use verdict::{
    Check, MAX_CHECKS, MAX_DETAIL_BYTES, MAX_EXPLANATION_BYTES, MAX_VERDICT_BYTES, MalformedVerdict,
    Observed, Outcome, ReasonCode, Score, Verdict, VerdictRecord,
};
pub use wording::{hint_of_descriptors, one_line, said_of_toml, with_causes};
pub use workspace::{
    ArtifactEntry, CallError, CallErrorKind, CommandOutput, MAX_COMMAND_SECONDS, MAX_ENTRIES,
    MAX_OUTPUT_BYTES, MAX_PATCH_BYTES, MAX_READ_BYTES, MAX_WRITE_BYTES, Observation, SearchHit,
    WorkspaceEntry,
};
