//! A suite's folder, read once from one handle: every file is opened from the
//! folder that it lies in, and no symbolic link is followed. One in memory is read alike.

use std::collections::BTreeMap;

use lancet_core::{Digester, MAX_TEXT_BYTES, Sha256, TaskId};
use lancet_file::UNFINISHED_FILE;

use crate::files::Folder;
use crate::folder::{EntryKind, ReadFile, TooLarge};
use crate::format::{
    LOCK_FILE, MAX_ANSWER_KEY_BYTES, MAX_BUILD_BYTES, MAX_BUILD_FILE_BYTES, MAX_BUILD_FILES,
    MAX_GRADER_BYTES, MAX_GRADERS_BYTES, MAX_LOCK_BYTES, MAX_NOTE_BYTES, MAX_PRIVATE_BYTES, MAX_TEXTS_BYTES,
    MAX_TOML_BYTES, UNFINISHED_LOCK,
};
use crate::problem::Problem;
use crate::rules::is_name;

/// How many folders may lie in one another.
const MAX_DEPTH: usize = 12;
/// The most files and folders of a suite.
const MAX_ENTRIES: usize = 1_000_000;

/// What git and its hosts have at the top level of a repository. It is not looked into.
const OF_GIT: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// A file that is only digested when the suite is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredFile {
    /// From the folder that it was listed for.
    pub(crate) path: String,
    pub(crate) sha256: Sha256,
    pub(crate) bytes: u64,
    pub(crate) executable: bool,
}

/// The files of one task that are read on: the others are only digested.
#[derive(Default)]
pub(crate) struct TaskTree {
    pub(crate) task_toml: Option<Vec<u8>>,
    pub(crate) statement: Option<Vec<u8>>,
    pub(crate) answer_key: Option<Vec<u8>>,
    /// By path from the task's folder.
    pub(crate) proposals: BTreeMap<String, Vec<u8>>,
    /// All in `private/`, by path from there, sorted by it.
    pub(crate) private: Vec<StoredFile>,
    pub(crate) cases: CaseTree,
}

/// The files of a task's `cases/`.
#[derive(Default)]
pub(crate) struct CaseTree {
    /// The cases' tables, by name without the ending.
    pub(crate) tables: BTreeMap<String, Vec<u8>>,
    /// What they hand in, by name.
    pub(crate) files: Vec<StoredFile>,
    /// All of them, tables too.
    pub(crate) all: Vec<StoredFile>,
}

/// What was found in the folder.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) suite_toml: Option<Vec<u8>>,
    pub(crate) has_tasks: bool,
    pub(crate) tasks: BTreeMap<TaskId, TaskTree>,
    /// By path from the suite's folder.
    pub(crate) graders: BTreeMap<String, Sha256>,
    /// By the build folder, as a path from the suite's folder; the files sorted by
    /// their path from there.
    pub(crate) builds: BTreeMap<String, Vec<StoredFile>>,
    pub(crate) digester: Digester,
    /// Over the files of all `cases/`, which are no part of the suite's digest: what is
    /// tried with a task changes nothing of the task.
    pub(crate) cases_digester: Digester,
    /// What lies at the top level and is no part of the suite, sorted.
    pub(crate) beside: Vec<String>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    entries: usize,
    /// How many bytes there are of what is held in memory.
    graders_bytes: u64,
    texts_bytes: u64,
}

/// What a file is, by where it lies.
enum Place {
    Suite,
    /// What a repository has for its readers: no part of the suite itself.
    Note,
    Grader,
    /// A file of a build folder: the folder, and the path from there.
    Build(String, String),
    /// What the images stand for: no part of the suite itself.
    Lock,
    Task(TaskId, TaskFileKind),
}

enum TaskFileKind {
    Toml,
    Statement,
    AnswerKey,
    Proposal(String),
    /// The path from `private/`.
    Private(String),
    /// The name in `cases/`.
    Case(String),
    Note,
}

impl Place {
    fn limit(&self) -> u64 {
        match self {
            Self::Suite | Self::Task(_, TaskFileKind::Toml) => MAX_TOML_BYTES,
            Self::Task(_, TaskFileKind::Case(name)) if name.ends_with(".toml") => MAX_TOML_BYTES,
            // It is not read.
            Self::Note => u64::MAX,
            Self::Task(_, TaskFileKind::Note) => MAX_NOTE_BYTES,
            Self::Grader => MAX_GRADER_BYTES,
            Self::Build(..) => MAX_BUILD_FILE_BYTES,
            Self::Lock => MAX_LOCK_BYTES,
            Self::Task(_, TaskFileKind::Statement | TaskFileKind::Proposal(_)) => MAX_TEXT_BYTES as u64,
            Self::Task(_, TaskFileKind::AnswerKey) => MAX_ANSWER_KEY_BYTES,
            Self::Task(_, TaskFileKind::Private(_) | TaskFileKind::Case(_)) => MAX_PRIVATE_BYTES,
        }
    }

    /// Where a path leads, or what is allowed there instead.
    fn of(path: &str) -> Result<Self, &'static str> {
        const ROOT: &str = "a suite holds suite.toml, tasks/, graders/, images/, images.lock, lancet.lock, README and LICENSE files, and what git wants";
        const TASK: &str = "a task holds task.toml, statement.md, proposals/, private/, cases/ and README.md";
        const CASES: &str =
            "cases/ holds files and no folders: NAME.toml, and the patches and scripts that these name";
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match (first, rest) {
            ("suite.toml", "") => Ok(Self::Suite),
            (name, "") if name.starts_with("README") || name.starts_with("LICENSE") => Ok(Self::Note),
            // The plugins that an operator looked at. The suite itself does not change by that.
            ("lancet.lock", "") => Ok(Self::Note),
            (LOCK_FILE, "") => Ok(Self::Lock),
            (name, "") if name.starts_with(UNFINISHED_LOCK) => Ok(Self::Lock),
            ("graders", rest) if !rest.is_empty() => Ok(Self::Grader),
            ("images", rest) => match rest.split_once('/') {
                Some((name, file)) => Ok(Self::Build(format!("images/{name}"), file.to_owned())),
                None => Err("images/ holds one folder for each build"),
            },
            ("tasks", rest) => {
                let Some((id, rest)) = rest.split_once('/') else {
                    return Err("tasks/ holds one folder for each task");
                };
                let id = id.parse().map_err(|_| TASK)?;
                let kind = match rest.split_once('/').unwrap_or((rest, "")) {
                    ("task.toml", "") => TaskFileKind::Toml,
                    ("statement.md", "") => TaskFileKind::Statement,
                    ("README.md", "") => TaskFileKind::Note,
                    ("proposals", name) if !name.is_empty() => TaskFileKind::Proposal(rest.to_owned()),
                    ("private", "answer-key.json") => TaskFileKind::AnswerKey,
                    ("private", name) if !name.is_empty() => TaskFileKind::Private(name.to_owned()),
                    ("cases", name) if name.contains('/') => return Err(CASES),
                    ("cases", name) if !name.is_empty() => TaskFileKind::Case(name.to_owned()),
                    _ => return Err(TASK),
                };
                Ok(Self::Task(id, kind))
            }
            _ => Err(ROOT),
        }
    }

    /// Whether a folder may be there.
    fn allows_folder(path: &str) -> Result<(), String> {
        let mut parts = path.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("graders" | "tasks" | "images"), None, _) | (Some("graders"), ..) => Ok(()),
            (Some("images"), Some(name), None) if !is_name(name) => {
                Err("not a name of lower-case letters, digits and `-`".to_owned())
            }
            (Some("images"), ..) => Ok(()),
            (Some("tasks"), Some(id), None) => id.parse::<TaskId>().map(drop).map_err(|e| e.to_string()),
            (Some("tasks"), Some(_), Some("proposals" | "private")) => Ok(()),
            (Some("tasks"), Some(_), Some("cases")) if parts.next().is_none() => Ok(()),
            _ => Err("a folder that does not belong here".to_owned()),
        }
    }
}

impl Tree {
    pub(crate) fn read(root: &impl Folder) -> Self {
        let mut tree = Self::default();
        tree.folder(root, "", 0);
        tree
    }

    fn problem(&mut self, path: &str, message: impl Into<String>) -> &mut Problem {
        let path = if path.is_empty() { "." } else { path };
        self.problems.push(Problem::new(path, message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    /// Reads a folder's files in the order of their paths' bytes: that is what
    /// makes the digest independent of how the folder came about.
    fn folder(&mut self, dir: &impl Folder, prefix: &str, depth: usize) {
        let entries = match dir.list() {
            Ok(entries) => entries,
            Err(error) => {
                self.problem(prefix.trim_end_matches('/'), format!("cannot list the folder: {error}"));
                return;
            }
        };
        for entry in entries {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                if self.entries == MAX_ENTRIES + 1 {
                    self.problem(prefix, format!("the suite has more than {MAX_ENTRIES} files and folders"));
                }
                return;
            }
            let (name, kind) = match entry {
                Ok(entry) => entry,
                Err(name) => {
                    self.problem(&format!("{prefix}{name}"), "the name is not UTF-8");
                    continue;
                }
            };
            let path = format!("{prefix}{name}");
            if prefix.is_empty() && OF_GIT.contains(&name.as_str()) {
                self.beside.push(name);
                continue;
            }
            match kind {
                // It belongs to whoever writes another file there, or was killed while it did.
                EntryKind::File if name.starts_with(UNFINISHED_FILE) => {
                    let problem =
                        Problem::new(path, "left by a `lancet` that was killed while it wrote a file");
                    self.warnings.push(problem.hint("remove it, unless one is running"));
                }
                EntryKind::Folder => self.enter(dir, &name, &path, depth),
                EntryKind::File => self.file(dir, &name, &path),
                EntryKind::Link => {
                    self.problem(&path, "a symbolic link; a suite holds plain files and folders only").hint =
                        Some("put the file itself there".to_owned());
                }
                EntryKind::Other => {
                    self.problem(&path, "neither a plain file nor a folder");
                }
            }
        }
    }

    fn enter(&mut self, dir: &impl Folder, name: &str, path: &str, depth: usize) {
        if let Err(message) = Place::allows_folder(path) {
            let hint = Place::of(&format!("{path}/file")).err().unwrap_or("rename or remove it");
            self.problem(path, message).hint = Some(hint.to_owned());
            return;
        }
        if depth >= MAX_DEPTH {
            self.problem(path, format!("folders are nested deeper than {MAX_DEPTH}"));
            return;
        }
        if path == "tasks" {
            self.has_tasks = true;
        } else if let Some(id) = path.strip_prefix("tasks/").and_then(|id| id.parse::<TaskId>().ok()) {
            self.tasks.insert(id, TaskTree::default());
        }
        match dir.enter(name) {
            Ok(dir) => self.folder(&dir, &format!("{path}/"), depth + 1),
            Err(error) => {
                self.problem(path, format!("cannot open the folder: {error}"));
            }
        }
    }

    fn file(&mut self, dir: &impl Folder, name: &str, path: &str) {
        let place = match Place::of(path) {
            Ok(place) => place,
            Err(allowed) => {
                self.problem(path, "a file that does not belong here").hint =
                    Some(format!("remove it: {allowed}"));
                return;
            }
        };
        if let Place::Lock = place {
            if name != LOCK_FILE {
                let problem = Problem::new(path, "left by a `lancet suite pin` that was interrupted");
                self.warnings.push(problem.hint("remove it, unless one is running"));
            }
            return;
        }
        if let Place::Note = place {
            self.beside.push(path.to_owned());
            return;
        }
        let ReadFile { bytes, executable } = match dir.read(name, place.limit()) {
            Ok(Ok(file)) => file,
            Ok(Err(TooLarge)) => {
                self.problem(
                    path,
                    format!("larger than {} bytes, which is the most for such a file", place.limit()),
                );
                return;
            }
            Err(error) => {
                self.problem(path, format!("cannot read the file: {error}"));
                return;
            }
        };
        if !self.fits(&place, path, bytes.len() as u64) {
            return;
        }
        let digester = match &place {
            Place::Task(_, TaskFileKind::Case(_)) => &mut self.cases_digester,
            _ => &mut self.digester,
        };
        digester.part(path.as_bytes()).part(&bytes);
        let stored = |path: String| StoredFile {
            path,
            sha256: Sha256::of(&bytes),
            bytes: bytes.len() as u64,
            executable,
        };
        match place {
            Place::Suite => self.suite_toml = Some(bytes),
            Place::Note | Place::Lock => {}
            Place::Build(folder, file) => {
                let stored = stored(file);
                self.build_file(&folder, stored);
            }
            Place::Grader => {
                self.graders.insert(path.to_owned(), Sha256::of(&bytes));
            }
            Place::Task(id, kind) => {
                let task = self.tasks.entry(id).or_default();
                if let TaskFileKind::Private(file) = &kind {
                    task.private.push(stored(file.clone()));
                } else if let TaskFileKind::Case(file) = &kind {
                    task.cases.all.push(stored(file.clone()));
                } else if let TaskFileKind::AnswerKey = kind {
                    task.private.push(stored("answer-key.json".to_owned()));
                }
                match kind {
                    TaskFileKind::Toml => task.task_toml = Some(bytes),
                    TaskFileKind::Statement => task.statement = Some(bytes),
                    TaskFileKind::AnswerKey => task.answer_key = Some(bytes),
                    TaskFileKind::Proposal(file) => {
                        task.proposals.insert(file, bytes);
                    }
                    TaskFileKind::Case(file) => match file.strip_suffix(".toml") {
                        Some(name) => {
                            task.cases.tables.insert(name.to_owned(), bytes);
                        }
                        None => task.cases.files.push(stored(file)),
                    },
                    TaskFileKind::Private(_) | TaskFileKind::Note => {}
                }
            }
        }
    }
}

impl Tree {
    /// Whether a file of so many bytes is within what is held of all of its kind.
    fn fits(&mut self, place: &Place, path: &str, bytes: u64) -> bool {
        let (held, most, what) = match place {
            Place::Grader => (&mut self.graders_bytes, MAX_GRADERS_BYTES, "graders"),
            Place::Suite
            | Place::Task(_, TaskFileKind::Toml | TaskFileKind::Statement)
            | Place::Task(_, TaskFileKind::AnswerKey | TaskFileKind::Proposal(_)) => {
                (&mut self.texts_bytes, MAX_TEXTS_BYTES, "texts")
            }
            Place::Task(_, TaskFileKind::Case(name)) if name.ends_with(".toml") => {
                (&mut self.texts_bytes, MAX_TEXTS_BYTES, "texts")
            }
            _ => return true,
        };
        let before = *held;
        *held += bytes;
        let (fits, is_first) = (*held <= most, before <= most);
        // Said once: by the file that goes beyond the bound.
        if !fits && is_first {
            let message =
                format!("with it the suite's {what} have more than {most} bytes together, which is the most");
            self.problem(path, message).hint = Some("make several suites of it".to_owned());
        }
        fits
    }

    /// Takes in a file of a build folder, within the bounds of all of them.
    fn build_file(&mut self, folder: &str, file: StoredFile) {
        let files = self.builds.entry(folder.to_owned()).or_default();
        // All of them are looked at with each one.
        if files.len() > MAX_BUILD_FILES {
            return;
        }
        files.push(file);
        let count = files.len();
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        let last = files.last().map_or(0, |file| file.bytes);
        // Said once: by the file that goes beyond the bound.
        if count == MAX_BUILD_FILES + 1 {
            self.problem(folder, format!("more than {MAX_BUILD_FILES} files"));
        }
        if bytes > MAX_BUILD_BYTES && bytes - last <= MAX_BUILD_BYTES {
            self.problem(folder, format!("more than {MAX_BUILD_BYTES} bytes"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_of_a_suite_has_a_bound_in_all() {
        let mut tree = Tree::default();
        let task: TaskId = "a-1".parse().unwrap();
        let proposal = Place::Task(task, TaskFileKind::Proposal("proposals/0.md".to_owned()));
        for (place, most, told) in [
            (Place::Grader, MAX_GRADERS_BYTES, "graders have more than 268435456 bytes together"),
            (proposal, MAX_TEXTS_BYTES, "texts have more than 536870912 bytes together"),
        ] {
            tree.problems.clear();
            assert!(tree.fits(&place, "one", 1) && tree.fits(&place, "two", most - 1));
            assert!(tree.problems.is_empty());
            assert!(!tree.fits(&place, "three", 1) && !tree.fits(&place, "four", 1));
            assert_eq!(tree.problems.len(), 1, "{:?}", tree.problems);
            assert!(tree.problems[0].to_string().contains(told), "{}", tree.problems[0]);
        }
        // What is only digested has none.
        assert!(tree.fits(&Place::Build("images/a".to_owned(), "b".to_owned()), "file", u64::MAX));
    }

    #[test]
    fn files_beyond_the_most_of_a_build_cost_nothing() {
        let mut tree = Tree::default();
        for number in 0..300_000 {
            let file =
                StoredFile { path: number.to_string(), sha256: Sha256::of(b""), bytes: 0, executable: false };
            tree.build_file("images/app", file);
        }
        assert_eq!(tree.builds["images/app"].len(), MAX_BUILD_FILES + 1);
        assert_eq!(tree.problems.len(), 1);
    }
}
