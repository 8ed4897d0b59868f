//! What a suite consists of, when it is in order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Baselines, Capability, Cents, PackageIdentity, Sha256, TaskId};

/// One image of `lancet suite pin --format json`, a public interface: fields are added, never
/// changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedImage {
    /// The image's name in the suite.
    pub image: String,
    /// How it was come by: `built`, `resolved`, or `pinned already`.
    pub how: String,
    /// What it is pinned to, by digest.
    pub reference: String,
}

/// A suite that is in order. This is the JSON of `lancet suite check --format json` without
/// `--controls`, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedSuite {
    /// The suite's name.
    pub name: String,
    /// The digest over all of the suite's files but those of `beside`, of the tasks' `cases/`, and
    /// the lock of its images.
    pub digest: Sha256,
    /// What lies at the top level of the folder and is no part of the suite: what git, its hosts
    /// and readers of a repository want there.
    pub beside: Vec<String>,
    /// How many cases the tasks have: submissions of their own that they are checked with.
    pub cases: u64,
    /// The digest over the files of all cases; `null` when there are none.
    pub cases_digest: Option<Sha256>,
    /// How many tasks the suite has.
    pub tasks: usize,
    /// Tasks in which a manager chooses among proposals.
    pub swe_manager: u64,
    /// Tasks in which an individual contributor hands in a patch.
    pub ic_swe: u64,
    /// What all tasks pay together, in cents.
    pub available_cents: Cents,
    /// What trivial policies get on the manager tasks; `null` when there are none.
    pub baselines: Option<Baselines>,
    /// Manager tasks that no baseline counts, because only their own grader can read their
    /// answer keys.
    pub without_baseline: u64,
    /// Gold patches that were read.
    pub gold_patches: usize,
    /// Gold patches that lie in images, and were not read therefore.
    pub gold_in_images: usize,
    /// GitHub issues that several tasks are made of, and those tasks.
    pub shared_issues: Vec<(u64, Vec<TaskId>)>,
    /// The graders that tasks name, each as a run would load it.
    pub graders: Vec<CheckedGrader>,
    /// The images that no task can be run with until the suite is pinned.
    pub unpinned: Vec<UnpinnedImage>,
    /// What is odd in the suite and no mistake.
    pub warnings: Vec<SuiteWarning>,
}

/// A grader of a suite, which a run would load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedGrader {
    /// The name of a built-in one, or the component's path from the suite's folder.
    pub grader: String,
    /// The digest of its component.
    pub digest: Sha256,
    /// How many tasks it judges.
    pub tasks: u64,
    /// Which package it is; absent when it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageIdentity>,
    /// The capabilities that it imports.
    pub imports: Vec<Capability>,
}

/// An image of a suite that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnpinnedImage {
    /// The suite's name for it.
    pub image: String,
    /// Why it cannot be used.
    pub state: PinState,
}

/// How far the lock of a suite's images is from what the suite says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PinState {
    /// `images.lock` does not have the image.
    NotPinned,
    /// What the image is made from has changed since it was pinned.
    Stale,
}

/// One thing that is odd in a suite's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuiteWarning {
    /// The file or folder, as a path from the suite's folder.
    pub file: String,
    /// The key in the file, dotted, such as `proposals[2].file`; absent when it is about the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is odd.
    pub message: String,
    /// What to do; absent when there is nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A suite that cannot be used. This is the JSON of `lancet suite check --format json` where
/// something is wrong, a public interface: fields are added, never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedSuite {
    /// The suite's folder, as it was given.
    pub suite: String,
    /// All that is wrong with the suite: at least one thing.
    pub problems: Vec<SuiteProblem>,
    /// What is odd in the suite besides, and no mistake.
    pub warnings: Vec<SuiteWarning>,
}

/// One thing that is wrong with a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuiteProblem {
    /// The file or folder, as a path from the suite's folder; absent when it is about the whole suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The key in the file, dotted, such as `grader.digest`; absent when it is about the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do; absent when there is nothing to say beyond the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
