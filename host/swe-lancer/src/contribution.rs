//! What makes an individual contributor's task one that can be run: its tests, image and gold patch.

use std::collections::BTreeMap;

use lancet_patch::Patch;
use lancet_suite::{
    EnvironmentEntry, GoldEntry, ImageEntry, MAX_GOLD_BYTES, MAX_LINE_BYTES, MAX_TOML_BYTES, Profile,
    Reference, RerunName, SweLancerEntry, TaskFile, is_commit,
};

use crate::import::ImportOptions;
use crate::patch::reversed;
use crate::python::test_functions;
use crate::report::{Findings, ImportError, RowProblemKind};
use crate::row::ImportedTask;

/// The gold patch in a task's `private/`.
pub(crate) const GOLD_FILE: &str = "gold.patch";
/// What the suite calls the environment of all individual contributor tasks.
const ENVIRONMENT: &str = "swe-lancer";
/// What the suite calls the environment of manager tasks that are in one.
const MANAGERS: &str = "swe-lancer-managers";
/// What the suite calls the image of all issues.
const MONOLITH: &str = "monolith";

/// The published images, and how often tests are run in them.
pub(crate) struct Images {
    prefix: String,
    tag: String,
    is_monolith: bool,
    /// Whether managers' tasks are in the image that holds all issues.
    has_managers: bool,
    rerun: RerunName,
}

impl Images {
    pub(crate) fn of(options: &ImportOptions) -> Result<Self, ImportError> {
        let images = Self {
            prefix: options.image_prefix.clone(),
            tag: options.image_tag.clone(),
            is_monolith: options.monolith,
            has_managers: options.manager_repository,
            rerun: options.rerun,
        };
        let image = images.named(MONOLITH);
        match Reference::parse(&image) {
            Ok(reference) if reference.tag.is_some() && reference.digest.is_none() => Ok(images),
            Ok(_) => Err(ImportError::Image { image, message: "expected one tag".to_owned() }),
            Err(message) => Err(ImportError::Image { image, message }),
        }
    }

    fn named(&self, name: &str) -> String {
        format!("{}_{name}:{}", self.prefix, self.tag)
    }

    /// What `suite.toml` says of images and environments, for tasks of these kinds.
    pub(crate) fn entries(
        &self,
        contributors: bool,
        managers: bool,
    ) -> (BTreeMap<String, ImageEntry>, BTreeMap<String, EnvironmentEntry>) {
        let managers = managers && self.has_managers;
        let (mut images, mut environments) = (BTreeMap::new(), BTreeMap::new());
        if managers || contributors && self.is_monolith {
            let entry = ImageEntry { image: Some(self.named(MONOLITH)), ..ImageEntry::default() };
            images.insert(MONOLITH.to_owned(), entry);
        }
        let kinds = [(contributors, ENVIRONMENT, self.is_monolith), (managers, MANAGERS, true)];
        for (_, name, is_monolith) in kinds.into_iter().filter(|(there, ..)| *there) {
            let environment = EnvironmentEntry {
                profile: Some(Profile::SweLancer),
                image: is_monolith.then(|| MONOLITH.to_owned()),
                ..EnvironmentEntry::default()
            };
            environments.insert(name.to_owned(), environment);
        }
        (images, environments)
    }
}

/// What makes an individual contributor's task one that can be run.
pub(crate) struct Contribution {
    /// The task's file, with its environment.
    pub(crate) toml: String,
    pub(crate) gold: Option<String>,
}

/// The file of a manager's task whose agent reads the repository; `None` when it has the
/// proposals alone.
pub(crate) fn managed(task: &ImportedTask, images: &Images, findings: &mut Findings) -> Option<String> {
    if !images.has_managers {
        return None;
    }
    let commit = task.file.source.as_ref().and_then(|source| source.commit.as_deref());
    let problem = match commit {
        None => Some("the row has no `manager_commit`".to_owned()),
        Some(commit) if !is_commit(commit) => Some(format!("`manager_commit` is no commit: `{commit}`")),
        Some(_) => None,
    };
    let file = TaskFile { environment: Some(MANAGERS.to_owned()), ..task.file.clone() };
    let toml = toml::to_string(&file).ok().filter(|toml| toml.len() as u64 <= MAX_TOML_BYTES);
    let problem = problem.or_else(|| toml.is_none().then(|| "its task.toml would be too large".to_owned()));
    if let Some(problem) = problem {
        let message = format!("the agent has the proposals alone, and no repository: {problem}");
        findings.warnings.push(task.warning(RowProblemKind::NoRepository, message));
        return None;
    }
    toml
}

/// Reads an issue folder's test and patch; `None` when the task cannot be run.
pub(crate) fn contribution(
    task: &ImportedTask,
    issue_files: &[(String, Vec<u8>)],
    images: &Images,
    findings: &mut Findings,
) -> Option<Contribution> {
    let id = task.id.as_str();
    let swe_lancer = match issue(id, issue_files, images) {
        Ok(issue) => issue,
        Err(message) => {
            let message = format!("the task cannot be run: {message}");
            findings.warnings.push(task.warning(RowProblemKind::NotRunnable, message));
            return None;
        }
    };
    let gold = match gold(issue_files) {
        Ok(gold) => Some(gold),
        Err(message) => {
            let message = format!("there is no gold patch: {message}");
            findings.warnings.push(task.warning(RowProblemKind::NoGold, message));
            None
        }
    };
    let file = TaskFile {
        environment: Some(ENVIRONMENT.to_owned()),
        gold: gold.is_some().then(|| GoldEntry { file: Some(GOLD_FILE.to_owned()), image_file: None }),
        swe_lancer: Some(swe_lancer),
        ..task.file.clone()
    };
    match toml::to_string(&file) {
        Ok(toml) if toml.len() as u64 <= MAX_TOML_BYTES => Some(Contribution { toml, gold }),
        // A suite that does not load is worse than a task that is not run.
        _ => {
            let message = "the task cannot be run: its task.toml would be too large".to_owned();
            findings.warnings.push(task.warning(RowProblemKind::NotRunnable, message));
            None
        }
    }
}

fn text<'f>(files: &'f [(String, Vec<u8>)], name: &str) -> Result<&'f str, String> {
    let (_, bytes) =
        files.iter().find(|(file, _)| file == name).ok_or_else(|| format!("there is no `{name}`"))?;
    std::str::from_utf8(bytes).map_err(|error| format!("`{name}`: {error}"))
}

fn issue(id: &str, files: &[(String, Vec<u8>)], images: &Images) -> Result<SweLancerEntry, String> {
    let required = test_functions(text(files, "test.py")?);
    if required.is_empty() {
        return Err("`test.py` has no test function".to_owned());
    }
    if required.len() > lancet_core::MAX_TEST_CASES || required.iter().any(|name| name.len() > MAX_LINE_BYTES)
    {
        return Err("`test.py` has more or longer test functions than a task may have".to_owned());
    }
    let image = images.named(id);
    if !images.is_monolith {
        Reference::parse(&image).map_err(|message| format!("`{image}` is no name of an image: {message}"))?;
    }
    Ok(SweLancerEntry {
        question_id: id.to_owned(),
        image: (!images.is_monolith).then_some(image),
        required,
        sentinels: Vec::new(),
        rerun: (images.rerun != RerunName::Once).then_some(images.rerun),
    })
}

/// The gold patch: the one that planted the bug, turned around.
fn gold(files: &[(String, Vec<u8>)]) -> Result<String, String> {
    // When it is set, it plants the bug, and the patch does nothing.
    if text(files, "revert_command.txt").is_ok_and(|command| !command.trim().is_empty()) {
        return Err("`revert_command.txt` plants the bug".to_owned());
    }
    const PATCH: &str = "bug_reintroduce.patch";
    let planted = text(files, PATCH)?;
    let read = Patch::parse(planted.as_bytes()).map_err(|error| format!("`{PATCH}`, {error}"))?;
    // What goes through Windows comes with line ends that are not the files'.
    let planted = if read.is_cr_lf() { planted.replace("\r\n", "\n") } else { planted.to_owned() };
    let gold = reversed(&planted).map_err(|error| format!("`{PATCH}`, {error}"))?;
    // It has to be one that agents' patches are applied like.
    Patch::parse(gold.as_bytes())
        .map_err(|error| format!("turned around, `{PATCH}` cannot be applied: {error}"))?;
    if gold.len() as u64 > MAX_GOLD_BYTES {
        return Err(format!("it would be larger than {MAX_GOLD_BYTES} bytes"));
    }
    Ok(gold)
}
