//! A suite that was read: its tasks, and the files that go with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lancet_core::{Environment, Kind, ReportedSuite, Sha256, Task, TaskId};

use crate::case::Case;
use crate::environment::{Gold, GoldPlace, LaidContent, TaskEnvironment};
use crate::files::Source as FileSource;
use crate::folder::TooLarge;
use crate::format::{
    MAX_BUILD_FILE_BYTES, MAX_GOLD_BYTES, MAX_GRADER_BYTES, ManagerAnswerKey, Origin, Source, SuiteFile,
};
use crate::image::{BuildFile, ImageSource};
use crate::lock::{ImageLock, NotPinned};
use crate::problem::{Problem, SuiteError};
use crate::tree::StoredFile;

/// A suite whose files have been read and checked in full.
#[derive(Debug)]
pub struct Suite {
    files: FileSource,
    path: PathBuf,
    loaded: Loaded,
}

/// What was found in a folder that is a suite.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) file: SuiteFile,
    pub(crate) digest: Sha256,
    pub(crate) cases_digest: Option<Sha256>,
    pub(crate) beside: Vec<String>,
    pub(crate) tasks: Vec<SuiteTask>,
    pub(crate) graders: BTreeMap<String, Sha256>,
    pub(crate) images: BTreeMap<String, ImageSource>,
    pub(crate) image_keys: BTreeMap<String, Sha256>,
    pub(crate) builds: BTreeMap<String, Vec<StoredFile>>,
    pub(crate) warnings: Vec<Problem>,
}

/// A task with what is not for agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteTask {
    /// What an agent may know.
    pub public: Task,
    /// What judges it. A manager task always has one.
    pub grader: Option<GraderRef>,
    /// What the task sets of its grader, by name. It is checked by the grader's manifest
    /// before a run.
    pub grader_settings: BTreeMap<String, serde_json::Value>,
    /// The text of `private/answer-key.json`, for the grader.
    pub answer_key: Option<String>,
    /// Where it was imported from.
    pub source: Option<Source>,
    /// What it is worked on and judged in. An individual contributor's task without
    /// one cannot be run; a manager's agent reads the repository there, and without one
    /// has the proposals alone.
    pub environment: Option<TaskEnvironment>,
    /// The submissions by which the task checks itself, sorted by name. No agent sees them.
    pub cases: Vec<Case>,
}

impl SuiteTask {
    /// The id of the right proposal, when this is a manager task whose answer key is a
    /// [`ManagerAnswerKey`] that names one.
    #[must_use]
    pub fn right_choice(&self) -> Option<u32> {
        let key: ManagerAnswerKey = serde_json::from_str(self.answer_key.as_deref()?).ok()?;
        self.public.proposals.iter().any(|p| p.id == key.correct).then_some(key.correct)
    }

    /// Whether nobody but the task's own grader can tell what its answer key says:
    /// then there is neither a baseline nor a gold control of it. What a key holds
    /// is between its author and the grader.
    #[must_use]
    pub fn has_key_of_its_own(&self) -> bool {
        self.public.kind == Kind::SweManager
            && matches!(self.grader, Some(GraderRef::File { .. }))
            && self.right_choice().is_none()
    }
}

/// A task's grader.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GraderRef {
    /// Built into the host, by name.
    Builtin(String),
    /// A component of the suite.
    File {
        /// A path from the suite's folder, for [`Suite::grader_bytes`].
        path: String,
        /// What the task says it is, and what it was when the suite was loaded.
        digest: Sha256,
    },
}

impl Suite {
    pub(crate) fn new(files: FileSource, path: PathBuf, loaded: Loaded) -> Self {
        Self { files, path, loaded }
    }

    /// The name that reports show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.loaded.file.name
    }

    /// What the suite is about, when it says so.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.loaded.file.description.as_deref()
    }

    /// Where the suite was imported from.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.loaded.file.origin.as_ref()
    }

    /// The digest over all files: for each, in the order of the bytes of their
    /// paths, the path and the content. What [`Suite::beside`] names, the lock of the images
    /// and `cases/` are no part of it: no verdict depends on them.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        self.loaded.digest
    }

    /// The digest over all files in the tasks' `cases/`, made as [`Suite::digest`] is: what the
    /// suite is checked with. `None` when no task has a case.
    #[must_use]
    pub fn cases_digest(&self) -> Option<Sha256> {
        self.loaded.cases_digest
    }

    /// The files and folders at the top level that are let be and are no part of the suite,
    /// sorted: what git, its hosts and readers of a repository want there.
    #[must_use]
    pub fn beside(&self) -> &[String] {
        &self.loaded.beside
    }

    /// The suite as a report names it.
    #[must_use]
    pub fn reported(&self) -> ReportedSuite {
        let origin = self.loaded.file.origin.as_ref();
        ReportedSuite {
            name: self.loaded.file.name.clone(),
            digest: self.loaded.digest,
            origin: origin.map(|o| o.format.as_str().to_owned()),
            set: origin.and_then(|o| o.set.clone()),
            source_digest: origin.map(|o| o.source_sha256),
        }
    }

    /// The tasks, sorted by id.
    #[must_use]
    pub fn tasks(&self) -> &[SuiteTask] {
        &self.loaded.tasks
    }

    /// The task of that id.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<&SuiteTask> {
        self.loaded
            .tasks
            .binary_search_by(|task| task.public.id.cmp(id))
            .ok()
            .map(|index| &self.loaded.tasks[index])
    }

    /// What is odd but does no harm, sorted by file.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.loaded.warnings
    }

    /// The folder, as it was named when the suite was opened; of a suite in memory what it
    /// was said to be called.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> &FileSource {
        &self.files
    }

    /// What a task is worked on and judged in, with its images looked up; `None`
    /// when it has no environment.
    ///
    /// # Errors
    /// When an image is not pinned, or has changed since.
    pub fn environment(&self, task: &SuiteTask, lock: &ImageLock) -> Result<Option<Environment>, NotPinned> {
        task.environment.as_ref().map(|environment| environment.resolve(self, lock)).transpose()
    }

    /// The files that a task's plans lay into containers, each once, by digest.
    pub fn laid_files<'s>(&'s self, task: &'s SuiteTask) -> impl Iterator<Item = LaidContent<'s>> {
        let laid = task.environment.iter().flat_map(|environment| &environment.laid);
        laid.map(|(sha256, place)| LaidContent { suite: self, sha256: *sha256, place })
    }

    /// A task's gold patch; `None` when it has none.
    ///
    /// # Errors
    /// When its file cannot be read, and when it is no longer what it was as the
    /// suite was loaded.
    pub fn gold(&self, task: &SuiteTask) -> Result<Option<Gold>, SuiteError> {
        Ok(match task.environment.as_ref().and_then(|environment| environment.gold.as_ref()) {
            None => None,
            Some(GoldPlace::Image { image, path }) => {
                Some(Gold::Image { image: image.clone(), path: path.clone() })
            }
            Some(GoldPlace::File { path, sha256 }) => {
                let bytes = self.verified(path, MAX_GOLD_BYTES, *sha256)?;
                let text = String::from_utf8(bytes).map_err(|error| SuiteError::File {
                    path: path.clone(),
                    source: std::io::Error::other(error.utf8_error()),
                })?;
                Some(Gold::File(text))
            }
        })
    }

    /// The path of a task's gold patch from the suite's folder; `None` when it has none,
    /// or has it in an image.
    #[must_use]
    pub fn gold_file<'s>(&self, task: &'s SuiteTask) -> Option<&'s str> {
        match task.environment.as_ref()?.gold.as_ref()? {
            GoldPlace::File { path, .. } => Some(path),
            GoldPlace::Image { .. } => None,
        }
    }

    /// What the suite's images are made from, by the suite's names for them. A task
    /// that names an image of a registry itself has it here by that reference.
    #[must_use]
    pub fn images(&self) -> &BTreeMap<String, ImageSource> {
        &self.loaded.images
    }

    /// The digest of what an image is made from; `None` when the suite has no such
    /// image.
    #[must_use]
    pub fn image_key(&self, image: &str) -> Option<Sha256> {
        self.loaded.image_keys.get(image).copied()
    }

    /// The files of a build folder, sorted by path.
    ///
    /// # Errors
    /// When no image is built from it, and when a file cannot be read or is no
    /// longer what it was as the suite was loaded.
    pub fn build_files(&self, folder: &str) -> Result<Vec<BuildFile>, SuiteError> {
        let files =
            self.loaded.builds.get(folder).ok_or_else(|| SuiteError::UnknownBuild(folder.to_owned()))?;
        let read = |file: &StoredFile| {
            let path = format!("{folder}/{}", file.path);
            let bytes = self.verified(&path, MAX_BUILD_FILE_BYTES, file.sha256)?;
            Ok(BuildFile { path: file.path.clone(), bytes, executable: file.executable })
        };
        files.iter().map(read).collect()
    }

    /// Reads a file, when it is still what it was as the suite was loaded.
    pub(crate) fn verified(&self, path: &str, limit: u64, expected: Sha256) -> Result<Vec<u8>, SuiteError> {
        let error = |source| SuiteError::File { path: path.to_owned(), source };
        let file = self
            .files
            .read(path, limit)
            .map_err(error)?
            .map_err(|TooLarge| error(std::io::Error::other(format!("larger than {limit} bytes"))))?;
        let found = Sha256::of(&file.bytes);
        if found == expected {
            Ok(file.bytes)
        } else {
            Err(SuiteError::FileChanged { path: path.to_owned(), expected, found })
        }
    }

    /// Reads the component of a [`GraderRef::File`].
    ///
    /// # Errors
    /// When no task names it, when it cannot be read, and when it is no longer
    /// what it was as the suite was loaded.
    pub fn grader_bytes(&self, path: &str) -> Result<Vec<u8>, SuiteError> {
        let expected =
            *self.loaded.graders.get(path).ok_or_else(|| SuiteError::UnknownGrader(path.to_owned()))?;
        let error = |source| SuiteError::Grader { path: path.to_owned(), source };
        let file = self.files.read(path, MAX_GRADER_BYTES).map_err(error)?.map_err(|TooLarge| {
            error(std::io::Error::other(format!("larger than {MAX_GRADER_BYTES} bytes")))
        })?;
        let bytes = file.bytes;
        let found = Sha256::of(&bytes);
        if found == expected {
            Ok(bytes)
        } else {
            Err(SuiteError::GraderChanged { path: path.to_owned(), expected, found })
        }
    }

    /// The GitHub issues that several tasks are about, each with those tasks.
    /// Their prices are counted once for each task, as the source does.
    #[must_use]
    pub fn shared_issues(&self) -> Vec<(u64, Vec<TaskId>)> {
        shared_issues(self.loaded.tasks.iter().filter_map(|task| {
            let issue = task.source.as_ref()?.github_issue?;
            Some((issue, &task.public.id))
        }))
    }
}

/// The issues that two or more tasks are about, each with those tasks, sorted.
#[must_use]
pub fn shared_issues<'a>(tasks: impl Iterator<Item = (u64, &'a TaskId)>) -> Vec<(u64, Vec<TaskId>)> {
    let mut issues: BTreeMap<u64, Vec<TaskId>> = BTreeMap::new();
    for (issue, id) in tasks {
        issues.entry(issue).or_default().push(id.clone());
    }
    issues.retain(|_, tasks| tasks.len() > 1);
    issues.values_mut().for_each(|tasks| tasks.sort());
    issues.into_iter().collect()
}
