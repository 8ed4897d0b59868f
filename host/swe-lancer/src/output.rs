//! Writing the suite's folder, whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use lancet_core::{Digester, Sha256};
use lancet_file::HiddenFolder;
use lancet_suite::SuiteFile;

use crate::contribution::{Contribution, GOLD_FILE, Images, contribution, managed};
use crate::issue_folder::Issues;
use crate::report::{Findings, ImportError};
use crate::row::ImportedTask;

/// A suite's folder to be: nothing is at its place before all of it is.
pub(crate) struct Output {
    out: PathBuf,
    parent: PathBuf,
}

impl Output {
    /// Checks that the place is free, before any work is done.
    pub(crate) fn prepare(out: &Path) -> Result<Self, ImportError> {
        let error =
            |what: &str, source| ImportError::Write { out: out.to_owned(), what: what.to_owned(), source };
        let out = match fs::read_dir(out) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(ImportError::OutputExists { out: out.to_owned() });
                }
                // Also makes `.` and the like into a path that can be renamed to.
                fs::canonicalize(out).map_err(|source| error("the folder", source))?
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound && out.symlink_metadata().is_err() => {
                out.to_owned()
            }
            Err(_) => return Err(ImportError::OutputExists { out: out.to_owned() }),
        };
        let parent = match out.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => return Err(ImportError::OutputExists { out }),
        };
        if let Err(source) = fs::metadata(&parent) {
            return Err(ImportError::Write { out, what: "into the parent folder".to_owned(), source });
        }
        Ok(Self { out, parent })
    }

    /// Writes everything, in the order of the paths' bytes, and gives the
    /// suite's digest. On an error nothing is left, unless it is that the
    /// last step, the folder's new name, cannot be made durable.
    pub(crate) fn write(
        self,
        suite: &SuiteFile,
        tasks: &[ImportedTask],
        issues: Option<&Issues>,
        images: &Images,
        findings: &mut Findings,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Written, ImportError> {
        let error =
            |what: &str, source| ImportError::Write { out: self.out.clone(), what: what.to_owned(), source };
        let going_on = || match is_stopped() {
            true => Err(ImportError::Stopped { out: self.out.clone() }),
            false => Ok(()),
        };
        going_on()?;
        // Removed with whatever is in it when this function is left early.
        let hidden = HiddenFolder::begin(&self.parent, HIDDEN);
        let hidden = hidden.map_err(|source| error("a temporary folder", source))?;
        // Inside it, for a temporary folder is only for its owner to read.
        let place = hidden.path().join("suite");
        let mut writer = Writer::new(&place).map_err(|source| error("the suite's folder", source))?;
        writer.suite(suite).map_err(|source| error("suite.toml", source))?;
        let (mut runnable, mut gold) = (0, 0);
        for task in tasks {
            going_on()?;
            let issue_files = match issues {
                Some(issues) if task.file.kind == lancet_core::Kind::IcSwe => issues.files(task, findings),
                _ => None,
            };
            let made = issue_files.as_ref().and_then(|files| contribution(task, files, images, findings));
            let managed = match task.file.kind {
                lancet_core::Kind::SweManager => managed(task, images, findings),
                lancet_core::Kind::IcSwe => None,
            };
            let issue_files = issue_files.unwrap_or_default();
            runnable += u64::from(made.is_some());
            gold += u64::from(made.as_ref().is_some_and(|made| made.gold.is_some()));
            writer
                .task(task, managed.as_deref(), made.as_ref(), &issue_files)
                .map_err(|source| error(&format!("the task {}", task.id), source))?;
        }
        flush(&place).map_err(|source| error("everything to the disk", source))?;
        going_on()?;
        fs::rename(&place, &self.out).map_err(|source| match source.kind() {
            // Something came to be there in the meantime.
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists => ImportError::OutputExists { out: self.out.clone() },
            _ => error("the suite's folder", source),
        })?;
        let parent = fs::File::open(&self.parent);
        parent.and_then(|parent| parent.sync_all()).map_err(|source| error("the parent folder", source))?;
        Ok(Written { digest: writer.digester.finish(), runnable, gold })
    }
}

/// What the names of temporary folders begin with.
const HIDDEN: &str = ".lancet-import-";

/// What was written.
pub(crate) struct Written {
    pub(crate) digest: Sha256,
    /// Individual contributor tasks with an environment, and those of them with a
    /// gold patch.
    pub(crate) runnable: u64,
    pub(crate) gold: u64,
}

struct Writer {
    root: Dir,
    tasks: Dir,
    digester: Digester,
}

impl Writer {
    fn new(place: &Path) -> io::Result<Self> {
        fs::create_dir(place)?;
        let root = Dir::open_ambient_dir(place, ambient_authority())?;
        root.create_dir("tasks")?;
        let tasks = root.open_dir("tasks")?;
        Ok(Self { root, tasks, digester: Digester::new() })
    }

    fn suite(&mut self, suite: &SuiteFile) -> io::Result<()> {
        let text = toml::to_string(suite).map_err(io::Error::other)?;
        self.digester.part(b"suite.toml").part(text.as_bytes());
        self.root.write("suite.toml", text)
    }

    fn task(
        &mut self,
        task: &ImportedTask,
        managed: Option<&str>,
        contribution: Option<&Contribution>,
        issue_files: &[(String, Vec<u8>)],
    ) -> io::Result<()> {
        let id = task.id.as_str();
        self.tasks.create_dir(id)?;
        let dir = self.tasks.open_dir(id)?;
        let toml =
            contribution.map(|contribution| contribution.toml.as_str()).or(managed).unwrap_or(&task.toml);
        let mut files: Vec<(String, &[u8])> = vec![
            ("task.toml".to_owned(), toml.as_bytes()),
            ("statement.md".to_owned(), task.statement.as_bytes()),
        ];
        for (entry, text) in task.file.proposals.iter().zip(&task.proposals) {
            files.push((entry.file.clone(), text.as_bytes()));
        }
        files.extend(task.private.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.as_slice())));
        files.extend(
            issue_files.iter().map(|(name, bytes)| (format!("private/issue/{name}"), bytes.as_slice())),
        );
        if let Some(gold) = contribution.and_then(|contribution| contribution.gold.as_ref()) {
            files.push((format!("private/{GOLD_FILE}"), gold.as_bytes()));
        }
        files.sort_by(|(a, _), (b, _)| a.cmp(b));

        if !task.proposals.is_empty() {
            dir.create_dir("proposals")?;
        }
        if !task.private.is_empty() || !issue_files.is_empty() {
            dir.create_dir("private")?;
        }
        if !issue_files.is_empty() {
            dir.create_dir("private/issue")?;
        }
        for (path, bytes) in files {
            self.digester.part(format!("tasks/{id}/{path}").as_bytes()).part(bytes);
            dir.write(path, bytes)?;
        }
        Ok(())
    }
}

/// Makes all that was written on this file system durable at once. Asking for
/// each of some thousand files would take minutes on a disk.
fn flush(place: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(fs::File::open(place)?)?;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = place;
        rustix::fs::sync();
    }
    Ok(())
}
