//! What commands print as JSON.

use lancet_core::{Cents, Limits, Outcome, Replayed, RunId, Sha256, TaskId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key::KeyId;

/// What `lancet key list` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedKeys {
    /// The folder of keys.
    pub folder: String,
    /// The keys, by name.
    pub keys: Vec<ListedKey>,
    /// What is revoked, in the order of the list.
    pub revoked: Vec<ListedRevocation>,
}

/// A key or a digest that is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedRevocation {
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The digest of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256>,
    /// Why.
    pub reason: String,
}

/// A key, as `lancet key list` and `lancet key show` print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedKey {
    /// What it is called here.
    pub name: String,
    /// Its id: base64 of the SHA-256 of its public half.
    pub id: KeyId,
    /// Whether the private half is here, so that it can sign.
    pub has_private: bool,
    /// The key that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<KeyId>,
    /// Why it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// Its public half as a PEM file.
    pub pem: String,
}

/// A file whose signature holds, as `lancet verify` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedFile {
    /// The file, or the suite's folder.
    pub file: String,
    /// The file with the statement and the signature.
    pub bundle: String,
    /// The digest of the file, or over the suite's files.
    pub digest: Sha256,
    /// What kind of thing the statement says: its predicate's type.
    pub statement: String,
    /// Whom the statement is about.
    pub subjects: Vec<VerifiedSubject>,
    /// Who signed it.
    pub key: VerifiedKey,
    /// Whether it was taken in any spelling, and its predicate not looked at.
    pub foreign: bool,
}

/// Somebody whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedSubject {
    /// Its name: the signer's word.
    pub name: Option<String>,
    /// Its digests in hexadecimal digits, by algorithm.
    pub digest: std::collections::BTreeMap<String, String>,
}

/// The key by which a signature holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedKey {
    /// What it is called here, or the file that it came from.
    pub name: String,
    /// Its id.
    pub id: KeyId,
    /// The key that took its place since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<KeyId>,
}

/// A run with its verdicts whose signatures hold, as `lancet verify` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedRun {
    /// The file.
    pub file: String,
    /// The host's key, which has signed all of it.
    pub key: VerifiedKey,
    /// The run.
    pub run: RunId,
    /// The digest of the run's own record.
    pub run_record: Sha256,
    /// The suite's name: the host's word.
    pub suite: String,
    /// The digest over the suite's files.
    pub suite_digest: Sha256,
    /// What the agent was called: the host's word.
    pub agent: String,
    /// The agent's component.
    pub agent_digest: Sha256,
    /// Whether the agent was told the answers, so that this is no result.
    pub control: bool,
    /// How many verdicts the run has.
    pub due: usize,
    /// How many of them the file does not show.
    pub withheld: usize,
    /// The log that it is in; absent for a run from before its store had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<VerifiedLog>,
    /// What else the file has, of a run that was exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<VerifiedExport>,
    /// Those that it shows.
    pub verdicts: Vec<VerifiedVerdict>,
    /// What came of executing them again, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Replayed>,
    /// What each call of a plugin might use then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_limits: Option<ReplayLimits>,
}

/// What a call of a plugin may use at most when an exported run is executed again; of fuel it is what
/// the record says was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayLimits {
    /// The policy whose `[limits]` these are, where it has them; the rest is Lancet's own.
    pub policy: String,
    /// Seconds that an agent may compute.
    pub agent_seconds: u64,
    /// MiB of memory of an agent.
    pub agent_memory_mib: u64,
    /// Seconds that a grader may compute.
    pub grader_seconds: u64,
    /// MiB of memory of a grader.
    pub grader_memory_mib: u64,
}

impl ReplayLimits {
    /// Of those limits, by the policy of that name.
    #[must_use]
    pub fn new(policy: &str, agent: &Limits, grader: &Limits) -> Self {
        let seconds = |limits: &Limits| limits.wall_ms / 1000;
        let mib = |limits: &Limits| limits.memory_bytes >> 20;
        Self {
            policy: policy.to_owned(),
            agent_seconds: seconds(agent),
            agent_memory_mib: mib(agent),
            grader_seconds: seconds(grader),
            grader_memory_mib: mib(grader),
        }
    }
}

/// What an exported run has besides what was attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedExport {
    /// How many blobs, each of which is what its digest says.
    pub blobs: usize,
    /// How many bytes the file has in all.
    pub bytes: u64,
}

/// The log that a run was shown to be in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedLog {
    /// What names it.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them, in base64.
    pub root: String,
    /// The place of the leaf that says that the run begins, from 0.
    pub begin: u64,
    /// The place of the leaf that says that it ended.
    pub end: u64,
    /// How many leaves are not the run's: of other runs, or of what was taken back of this one.
    pub others: u64,
    /// The sizes of the earlier logs that were named and that it extends.
    pub extends: Vec<u64>,
    /// Who has cosigned its head, of those whose keys are known here.
    pub cosigned: Vec<VerifiedWitness>,
    /// How many more signatures it has, which count for nothing.
    pub unknown: usize,
}

/// Somebody who has cosigned the head of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedWitness {
    /// What its key is called here, or the file that it came from.
    pub name: String,
    /// Its key.
    pub id: KeyId,
    /// When, by its own word: RFC 3339, UTC. It decides nothing.
    pub time: String,
}

/// What a store's log tells, as `lancet log show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedLog {
    /// What names it.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them, in base64.
    pub root: String,
    /// Of the runs whose leaves are shown, those that are not over.
    pub open: Vec<RunId>,
    /// The leaves, in their order.
    pub leaves: Vec<ListedLeaf>,
}

/// A leaf of a store's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedLeaf {
    /// Its place, from 0.
    pub place: u64,
    /// What it is: `run-begin`, `verdict`, `reopened` or `run-end`.
    pub leaf: String,
    /// The run.
    pub run: RunId,
    /// The task, of a verdict and of an attempt that is taken up again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Which attempt at it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What became of it, of a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The digest of the run's record, of the verdict's, or the root over the run's verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256>,
    /// How many attempts are due, where the run begins, and how many verdicts count, where it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// When the run began, by the store and not by the log: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun: Option<String>,
}

/// A verdict whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedVerdict {
    /// The task.
    pub task: String,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// The reason code.
    pub reason: String,
    /// What it earned, in cents.
    pub earned_cents: Cents,
    /// The digest of the verdict's record, as its own content has it.
    pub digest: Sha256,
    /// How often it was taken up again after a verdict that was *invalid*, as the infrastructure had
    /// failed it: the host's word.
    pub retakes: u32,
}
