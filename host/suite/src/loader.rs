//! Reads a suite's folder, and makes a suite of what is in it, with all problems named.

mod case;
mod environment;
mod image;
mod manager;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use lancet_core::{Cents, Kind, Proposal, Sha256, Task, TaskId};

use crate::diagnose;
use crate::files::{Files, Source};
use crate::format::{
    EnvironmentEntry, GraderEntry, MAX_LINE_BYTES, ManagerAnswerKey, SuiteFile, TaskFile, repeated_ids,
};
use crate::image::{ImageSource, key};
use crate::problem::{Problem, SuiteError, nearest, shown};
use crate::suite::{GraderRef, Loaded, Suite, SuiteTask};
use crate::tree::{StoredFile, TaskTree, Tree};

pub use manager::is_commit;

impl Suite {
    /// Reads a suite's folder.
    ///
    /// Every file is opened from the folder's handle, without following links.
    ///
    /// # Errors
    /// When the folder cannot be opened, and when anything in it is not as it
    /// has to be: then all problems are listed, sorted by file.
    pub fn open(path: &Path) -> Result<Self, SuiteError> {
        Self::open_folder(path, Graders::Present)
    }

    /// Reads a suite's folder for its images alone: a grader that is not there, or is another
    /// one than its task says, is nothing that pinning the images depends on.
    ///
    /// # Errors
    /// As [`Suite::open`], but for graders' components.
    pub fn open_for_images(path: &Path) -> Result<Self, SuiteError> {
        Self::open_folder(path, Graders::Unseen)
    }

    /// Reads a suite whose files are in memory. `path` is what messages call its folder; nothing
    /// is looked for there. Its images cannot be pinned: [`ImageLock::write`](crate::ImageLock::write)
    /// wants a folder.
    ///
    /// # Errors
    /// When anything is not as it has to be, as for [`Suite::open`].
    pub fn of_files(path: &Path, files: Files) -> Result<Self, SuiteError> {
        let loaded = load(Tree::read(&files.root()), path, Graders::Present)?;
        Ok(Self::new(Source::Memory(files), path.to_owned(), loaded))
    }

    fn open_folder(path: &Path, graders_are: Graders) -> Result<Self, SuiteError> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())
            .map_err(|source| SuiteError::Open { path: path.to_owned(), source })?;
        let loaded = load(Tree::read(&dir), path, graders_are)?;
        Ok(Self::new(Source::Folder(dir), path.to_owned(), loaded))
    }
}

/// Whether the components of graders have to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Graders {
    /// Each is what its task says.
    Present,
    /// Whether they are is of no interest.
    Unseen,
}

/// Checks all that was found.
fn load(tree: Tree, path: &Path, graders_are: Graders) -> Result<Loaded, SuiteError> {
    let mut loader = Loader {
        unread: tree.problems.iter().map(|p| p.file.clone()).collect(),
        problems: tree.problems,
        warnings: tree.warnings,
        used: BTreeSet::new(),
        settled: BTreeMap::new(),
        graders_are,
    };
    let file = loader.suite_file(tree.suite_toml);
    let images = file.as_ref().map(|file| loader.images(file, &tree.builds)).unwrap_or_default();
    if let Some(file) = &file {
        loader.environments(file, &images);
    }
    if !tree.has_tasks || tree.tasks.is_empty() {
        let problem = Problem::new("tasks", "the suite has no tasks");
        loader.problems.push(problem.hint("each task is a folder: tasks/<id>/task.toml"));
    }
    loader.warn_of_colliding_ids(tree.tasks.keys());
    let mut context = Context {
        graders: &tree.graders,
        builds: &tree.builds,
        environments: file.as_ref().map(|file| &file.environments),
        images,
    };
    let tasks: Vec<_> =
        tree.tasks.into_iter().filter_map(|(id, task)| loader.task(id, task, &mut context)).collect();
    let images = context.images;
    let has_cases = tasks.iter().any(|task| !task.cases.is_empty());
    if let Some(file) = &file {
        loader.warn_of_shared_containers(file);
    }
    for unused in tree.graders.keys().filter(|path| !loader.used.contains(*path)) {
        if unused.ends_with(".wasm") {
            loader.warnings.push(Problem::new(unused, "no task names this grader"));
        }
    }
    loader.problems.sort();
    loader.warnings.sort();
    match file {
        Some(file) if loader.problems.is_empty() => {
            let image_keys = images.iter().map(|(name, source)| (name.clone(), key(source, &tree.builds)));
            Ok(Loaded {
                file,
                digest: tree.digester.finish(),
                cases_digest: has_cases.then(|| tree.cases_digester.finish()),
                beside: tree.beside,
                tasks,
                graders: tree.graders,
                image_keys: image_keys.collect(),
                images,
                builds: tree.builds,
                warnings: loader.warnings,
            })
        }
        _ => Err(SuiteError::Invalid {
            path: path.to_owned(),
            problems: loader.problems,
            warnings: loader.warnings,
        }),
    }
}

/// What tasks refer to.
struct Context<'s> {
    graders: &'s BTreeMap<String, Sha256>,
    builds: &'s BTreeMap<String, Vec<StoredFile>>,
    /// `None` when `suite.toml` could not be read, about which enough was said.
    environments: Option<&'s BTreeMap<String, EnvironmentEntry>>,
    /// Those of `suite.toml`, and those that tasks name themselves.
    images: BTreeMap<String, ImageSource>,
}

struct Loader {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Files and folders that could not be read, about which enough was said.
    unread: BTreeSet<String>,
    /// Grader files that some task names.
    used: BTreeSet<String>,
    /// The environments that tasks are in, with the kinds of these.
    settled: BTreeMap<String, BTreeSet<Kind>>,
    graders_are: Graders,
}

impl Loader {
    fn suite_file(&mut self, bytes: Option<Vec<u8>>) -> Option<SuiteFile> {
        const FILE: &str = "suite.toml";
        let Some(bytes) = bytes else {
            if !self.unread.contains(FILE) {
                let hint = "a suite's folder holds suite.toml and tasks/; a table is made into one with `lancet suite import`";
                self.problems.push(Problem::new(FILE, "missing").hint(hint));
            }
            return None;
        };
        let text = self.text(FILE, bytes)?;
        let file: SuiteFile = diagnose::toml(FILE, &text, &mut self.problems)?;
        self.line(FILE, "name", &file.name);
        Some(file)
    }

    fn text(&mut self, file: &str, bytes: Vec<u8>) -> Option<String> {
        match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                self.problems.push(Problem::new(file, format!("not UTF-8 from byte {at} on")));
                None
            }
        }
    }

    /// Checks what has to be one line of text.
    fn line(&mut self, file: &str, key: &str, text: &str) {
        let message = if text.trim().is_empty() {
            "empty, expected a line of text".to_owned()
        } else if text.contains(['\n', '\r', '\0']) {
            "expected one line, found a line break or NUL".to_owned()
        } else if text.len() > MAX_LINE_BYTES {
            format!("{} bytes, at most {MAX_LINE_BYTES} are allowed", text.len())
        } else {
            return;
        };
        self.problems.push(Problem::new(file, message).key(key));
    }

    fn warn_of_colliding_ids<'a>(&mut self, ids: impl Iterator<Item = &'a TaskId>) {
        let mut seen: BTreeMap<String, &TaskId> = BTreeMap::new();
        for id in ids {
            if let Some(other) = seen.insert(id.as_str().to_ascii_lowercase(), id) {
                let message = format!("differs from tasks/{other} only in upper and lower case");
                let hint = "on a file system that does not tell them apart, one of them is lost";
                self.warnings.push(Problem::new(format!("tasks/{id}"), message).hint(hint));
            }
        }
    }

    fn task(&mut self, id: TaskId, tree: TaskTree, context: &mut Context<'_>) -> Option<SuiteTask> {
        let folder = format!("tasks/{id}");
        let path = |name: &str| format!("{folder}/{name}");
        let toml_path = path("task.toml");
        let statement = self.required(&path("statement.md"), tree.statement);
        let statement = statement.and_then(|bytes| self.text(&path("statement.md"), bytes));
        let answer_key = tree.answer_key.and_then(|bytes| self.text(&path("private/answer-key.json"), bytes));
        let file = self.required(&toml_path, tree.task_toml).and_then(|bytes| self.text(&toml_path, bytes));
        let file: TaskFile = diagnose::toml(&toml_path, &file?, &mut self.problems)?;

        self.line(&toml_path, "title", &file.title);
        if file.price_cents > Cents::MAX_PRICE {
            let message = format!(
                "{} cents are over {}, the highest price that is believed",
                file.price_cents.0,
                Cents::MAX_PRICE
            );
            self.problems.push(Problem::new(&toml_path, message).key("price-cents"));
        }
        if statement.as_ref().is_some_and(|text| text.trim().is_empty()) {
            self.warnings.push(Problem::new(path("statement.md"), "empty"));
        }
        let proposals = self.proposals(&folder, &file, tree.proposals);
        let grader = self.grader(&toml_path, &file, context.graders);
        let grader_settings = self.grader_settings(&toml_path, &file);
        self.answer_key(&folder, &file, answer_key.as_deref());
        let environment = self.task_environment(&id, &file, &tree.private, &tree.cases.all, context);
        let accepted = environment.as_ref().map(|environment| environment.template.submission.bytes);
        let cases = self.cases(&folder, file.kind, &proposals, accepted, tree.cases);
        if let Some(environment) = &environment
            && file.kind == Kind::IcSwe
        {
            self.tests_answer_key(&id, environment, grader.as_ref(), answer_key.as_deref());
        }
        Some(SuiteTask {
            public: Task {
                id,
                kind: file.kind,
                title: file.title,
                statement: statement?,
                price: file.price_cents,
                proposals,
            },
            grader,
            grader_settings,
            answer_key,
            source: file.source,
            environment,
            cases,
        })
    }

    /// A file that has to be there. When it could not be read, that has been
    /// said already.
    fn required(&mut self, file: &str, bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
        if bytes.is_none() && !self.unread.contains(file) {
            self.problems.push(Problem::new(file, "missing"));
        }
        bytes
    }

    fn proposals(
        &mut self,
        folder: &str,
        file: &TaskFile,
        mut texts: BTreeMap<String, Vec<u8>>,
    ) -> Vec<Proposal> {
        let toml_path = format!("{folder}/task.toml");
        match file.kind {
            Kind::SweManager if file.proposals.is_empty() => {
                let problem =
                    Problem::new(&toml_path, "missing: a swe-manager task needs at least one proposal");
                self.problems.push(problem.key("proposals").hint("add [[proposals]] with `id` and `file`"));
            }
            Kind::IcSwe if !file.proposals.is_empty() => {
                let problem = Problem::new(&toml_path, "an ic-swe task has no proposals");
                self.problems
                    .push(problem.key("proposals").hint("remove them, or set kind = \"swe-manager\""));
            }
            _ => {}
        }
        self.repeated_ids(&toml_path, file);

        let mut listed = BTreeSet::new();
        let mut proposals = Vec::with_capacity(file.proposals.len());
        for (index, entry) in file.proposals.iter().enumerate() {
            let problem =
                |message: String| Problem::new(&toml_path, message).key(format!("proposals[{index}].file"));
            let shown = entry.file.chars().take(200).collect::<String>();
            if !listed.insert(entry.file.as_str()) {
                self.problems.push(problem(format!("`{shown}` is listed twice")));
            } else if !entry.file.starts_with("proposals/")
                || entry.file.split('/').any(|part| matches!(part, "" | "." | ".."))
            {
                let problem = problem(format!("`{shown}` does not lie in proposals/"));
                self.problems.push(problem.hint("expected a path from the task's folder: `proposals/0.md`"));
            } else if let Some(bytes) = texts.remove(&entry.file) {
                if let Some(text) = self.text(&format!("{folder}/{}", entry.file), bytes) {
                    proposals.push(Proposal { id: entry.id, text });
                }
            } else if !self.unread.contains(&format!("{folder}/{}", entry.file)) {
                let near = nearest(&entry.file, texts.keys().map(String::as_str)).map(str::to_owned);
                let mut problem = problem(format!("there is no file `{shown}`"));
                problem.hint = near.map(|near| format!("did you mean `{near}`?"));
                self.problems.push(problem);
            }
        }
        for unlisted in texts.keys().filter(|file| !listed.contains(file.as_str())) {
            let problem =
                Problem::new(format!("{folder}/{unlisted}"), "task.toml does not list this proposal");
            self.problems.push(problem.hint("add it under [[proposals]], or remove the file"));
        }
        proposals
    }

    fn repeated_ids(&mut self, toml_path: &str, file: &TaskFile) {
        const KEY: &str = "repeated-proposal-ids";
        let repeated = repeated_ids(file.proposals.iter().map(|p| p.id));
        for id in repeated.iter().filter(|id| !file.repeated_proposal_ids.contains(id)) {
            let problem = Problem::new(toml_path, format!("several proposals have the id {id}"));
            let hint = format!("give each its own; if the source repeats it, declare {KEY} = [{id}]");
            self.problems.push(problem.key("proposals").hint(hint));
        }
        for id in file.repeated_proposal_ids.iter().filter(|id| !repeated.contains(id)) {
            let message = format!("{id} is declared as repeated, but no two proposals have it");
            self.problems.push(Problem::new(toml_path, message).key(KEY));
        }
        for id in repeated_ids(file.repeated_proposal_ids.iter().copied()) {
            self.problems.push(Problem::new(toml_path, format!("{id} is listed twice")).key(KEY));
        }
    }

    fn grader(
        &mut self,
        toml_path: &str,
        file: &TaskFile,
        graders: &BTreeMap<String, Sha256>,
    ) -> Option<GraderRef> {
        let problem = |key: &str, message: String| Problem::new(toml_path, message).key(key);
        match &file.grader {
            None if file.kind == Kind::SweManager => {
                let hint = "add [grader] with plugin = \"manager-choice\"";
                let message = "missing: a swe-manager task needs a grader";
                self.problems.push(problem("grader", message.to_owned()).hint(hint));
                None
            }
            None => None,
            Some(GraderEntry { plugin: Some(name), file: None, digest: None, .. }) => {
                let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
                    && name.len() <= 64
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if is_name {
                    return Some(GraderRef::Builtin(name.clone()));
                }
                let shown: String = name.chars().take(80).collect();
                let message = format!("`{shown}` is no name: expected lower-case letters, digits and `-`");
                let hint = "a component of the suite is named by `file` and `digest`";
                self.problems.push(problem("grader.plugin", message).hint(hint));
                None
            }
            Some(GraderEntry { plugin: None, file: Some(path), digest, .. }) => {
                let shown: String = path.chars().take(200).collect();
                let Some(found) = graders.get(path) else {
                    if self.graders_are == Graders::Unseen {
                        return None;
                    }
                    let near = nearest(path, graders.keys().map(String::as_str));
                    let hint = near.map_or_else(
                        || "expected a path from the suite's folder to a file in graders/".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    self.problems
                        .push(problem("grader.file", format!("there is no grader `{shown}`")).hint(hint));
                    return None;
                };
                self.used.insert(path.clone());
                match digest {
                    Some(digest) if digest == found => {
                        Some(GraderRef::File { path: path.clone(), digest: *digest })
                    }
                    _ if self.graders_are == Graders::Unseen => None,
                    Some(digest) => {
                        let message = format!("`{shown}` has the digest {found}, expected {digest}");
                        let hint = "the component is not the one that the task was written for; \
                                    if you changed it on purpose, write its digest here";
                        self.problems.push(problem("grader.digest", message).hint(hint));
                        None
                    }
                    None => {
                        let message = "missing: a component is named together with its digest".to_owned();
                        let hint = format!("add digest = \"{found}\"");
                        self.problems.push(problem("grader.digest", message).hint(hint));
                        None
                    }
                }
            }
            Some(GraderEntry { plugin: Some(_), file: None, digest: Some(_), .. }) => {
                let message = "a built-in grader has no digest here: the host brings its own".to_owned();
                self.problems.push(problem("grader.digest", message).hint("remove it"));
                None
            }
            Some(GraderEntry { plugin, file: _, digest: _, .. }) => {
                let found = if plugin.is_some() { "both" } else { "neither" };
                let message = format!("expected either `plugin` or `file`, found {found}");
                self.problems.push(problem("grader", message));
                None
            }
        }
    }

    /// What is set of a grader, as far as it can be looked at without the grader.
    fn grader_settings(&mut self, toml_path: &str, file: &TaskFile) -> BTreeMap<String, serde_json::Value> {
        let Some(GraderEntry { plugin, settings, .. }) = &file.grader else { return BTreeMap::new() };
        let problem = |key: &str, message: &str| Problem::new(toml_path, message).key(key);
        if plugin.is_some() && !settings.is_empty() {
            let problem = problem("grader.settings", "a built-in grader has no settings");
            self.problems.push(problem.hint("remove them"));
        }
        for (name, value) in settings {
            if value.is_null() || value.is_array() || value.is_object() {
                let key = format!("grader.settings.{}", shown(name));
                self.problems.push(problem(&key, "expected a text, a number, true or false"));
            }
        }
        settings.clone()
    }

    fn answer_key(&mut self, folder: &str, file: &TaskFile, text: Option<&str>) {
        let path = format!("{folder}/private/answer-key.json");
        if file.kind != Kind::SweManager {
            return;
        }
        // What a grader of the suite's own wants to read is its own affair: there may be
        // no key at all, and one of the usual form may mean something else.
        let is_own = |grader: &GraderEntry| grader.plugin.is_none() && grader.file.is_some();
        if file.grader.as_ref().is_some_and(is_own) {
            let key: Option<ManagerAnswerKey> = text.and_then(|text| serde_json::from_str(text).ok());
            if let Some(key) = key
                && !file.proposals.iter().any(|p| p.id == key.correct)
            {
                let message = format!("{} is no proposal's id", key.correct);
                let hint = "unless it means something else to the task's own grader, name a proposal";
                self.warnings.push(Problem::new(path, message).key("correct").hint(hint));
            }
            return;
        }
        let Some(text) = text else {
            if !self.unread.contains(&path) {
                let hint = "write {\"correct\": <the id of the right proposal>}";
                self.problems
                    .push(Problem::new(path, "missing: a swe-manager task needs an answer key").hint(hint));
            }
            return;
        };
        let key: Option<ManagerAnswerKey> = diagnose::json(&path, text, &mut self.problems);
        if let Some(key) = key
            && !file.proposals.iter().any(|p| p.id == key.correct)
        {
            let ids: BTreeSet<_> = file.proposals.iter().map(|p| p.id.to_string()).collect();
            let message = format!("{} is no proposal's id", key.correct);
            let hint = format!("the ids are {}", ids.into_iter().collect::<Vec<_>>().join(", "));
            self.problems.push(Problem::new(path, message).key("correct").hint(hint));
        }
    }
}
