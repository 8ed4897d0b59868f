//! Working out new contents, all or nothing.

use std::collections::{BTreeMap, BTreeSet};

use sha1::{Digest as _, Sha1};

use crate::contents::patched;
use crate::parser::{Action, Content, Patch, Section};
use crate::{PatchError, shown};

/// The most comparisons of lines that finding the places of all hunks may take.
const MAX_EFFORT: u64 = 50_000_000;

/// How often over the bytes that are written may be read: each part reads the whole of
/// the file that it is about.
const READ_FACTOR: usize = 4;

/// What there is at the paths that a patch speaks of.
pub type Tree = BTreeMap<String, Found>;

/// What there is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// What it holds; empty where that was not wanted.
        bytes: Vec<u8>,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A folder.
    Folder,
    /// Nothing, as the file of that path is no folder.
    BelowFile(String),
    /// Something that no patch is applied to, in words that follow its path: `is a
    /// symbolic link`.
    Other(String),
}

/// What is to be done for a patch. Each path comes once; what goes comes before what is
/// written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the work tree.
    pub path: String,
    /// What becomes of it.
    pub kind: ChangeKind,
}

/// See [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// The file goes.
    Remove,
    /// A new file.
    Create {
        /// What it holds.
        bytes: Vec<u8>,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A file that is there.
    Write {
        /// What it holds now; `None` for what it held.
        bytes: Option<Vec<u8>>,
        /// Whether it may be executed now; `None` for as before.
        executable: Option<bool>,
    },
}

/// A path after the sections so far.
enum State {
    File {
        bytes: Vec<u8>,
        executable: bool,
        /// Whether it is another file than the one that was there before the patch.
        is_new: bool,
    },
    Gone,
}

impl Patch<'_> {
    /// Works out what a tree becomes, in memory. The tree has to have what
    /// [`Patch::wanted`] asks for. `most` bounds the bytes of all files that are
    /// written, and four times that those of what each part is applied to.
    ///
    /// Several parts about one path are applied one after the other, but what is renamed
    /// or copied is the file as it was before the patch, as it is with git.
    ///
    /// # Errors
    /// The first part that does not apply.
    pub fn apply(&self, tree: &Tree, most: usize) -> Result<Vec<Change>, PatchError> {
        let going = self.sections.iter().filter_map(|section| match &section.action {
            Action::Delete => Some(section.path.as_str()),
            Action::Rename(from) => Some(from.as_str()),
            _ => None,
        });
        let mut work = Work {
            tree,
            going: going.collect(),
            after: BTreeMap::new(),
            moved: BTreeMap::new(),
            left: most,
            readable: most.saturating_mul(READ_FACTOR),
            effort: MAX_EFFORT,
        };
        for section in &self.sections {
            work.apply(section)?;
        }
        work.changes()
    }
}

struct Work<'a> {
    tree: &'a Tree,
    /// What goes somewhere in the patch.
    going: BTreeSet<&'a str>,
    /// By path, with the line of the section.
    after: BTreeMap<&'a str, (usize, State)>,
    /// What has been renamed, with the line.
    moved: BTreeMap<&'a str, usize>,
    left: usize,
    readable: usize,
    effort: u64,
}

impl<'a> Work<'a> {
    fn apply(&mut self, section: &'a Section<'_>) -> Result<(), PatchError> {
        let path = section.path.as_str();
        let error = |message: String| PatchError::new(section.line, message);
        let (old, was_executable) = match &section.action {
            // A tree of files has no empty folders.
            Action::CreateFolder => return self.check_free(section),
            Action::Create => {
                self.check_free(section)?;
                (Vec::new(), false)
            }
            Action::ModifyOrCreate if self.is_absent(path) => {
                self.check_free(section)?;
                (Vec::new(), false)
            }
            Action::Modify | Action::ModifyOrCreate | Action::Delete => self.current(path, section.line)?,
            Action::Rename(from) | Action::Copy(from) => {
                self.check_free(section)?;
                if let Action::Rename(_) = section.action {
                    if let Some((line, State::File { is_new: false, .. })) = self.after.get(from.as_str()) {
                        return Err(error(format!(
                            "`{from}` is renamed, and line {line} has changed it already"
                        )));
                    }
                    if let Some(line) = self.moved.insert(from, section.line) {
                        return Err(error(format!(
                            "`{from}` is renamed, and line {line} has done so already"
                        )));
                    }
                }
                self.original(from, section.line)?
            }
        };
        let new = match &section.content {
            Content::Same => old,
            Content::Text(hunks) => patched(path, &old, hunks, self.left, &mut self.effort)?,
            Content::Binary { binary, old: before, new: after } => {
                check_blob(
                    &old,
                    before,
                    binary.line,
                    &format!("`{path}` is not what the binary patch is for"),
                )?;
                let new = binary.contents(&old, self.left)?;
                check_blob(
                    &new,
                    after,
                    binary.line,
                    &format!("`{path}` does not become what the patch says"),
                )?;
                new
            }
        };
        if section.action == Action::Delete {
            if !new.is_empty() {
                return Err(error(format!(
                    "`{path}` is to go, and holds {} bytes that the patch does not take away",
                    new.len()
                )));
            }
            self.after.insert(path, (section.line, State::Gone));
            return Ok(());
        }
        self.left = self
            .left
            .checked_sub(new.len())
            .ok_or_else(|| error("the files become larger than allowed".to_owned()))?;
        if let Action::Rename(from) = &section.action
            && !matches!(self.after.get(from.as_str()), Some((_, State::File { .. })))
        {
            self.after.insert(from, (section.line, State::Gone));
        }
        let executable = section.executable.unwrap_or(was_executable);
        let is_new = match self.after.get(path) {
            Some((_, State::File { is_new, .. })) => *is_new,
            Some((_, State::Gone)) => true,
            None => !matches!(section.action, Action::Modify | Action::ModifyOrCreate),
        };
        self.after.insert(path, (section.line, State::File { bytes: new, executable, is_new }));
        Ok(())
    }

    fn is_absent(&self, path: &str) -> bool {
        match self.after.get(path) {
            Some((_, state)) => matches!(state, State::Gone),
            None => matches!(self.tree.get(path), None | Some(Found::Absent | Found::BelowFile(_))),
        }
    }

    /// Whether a file can be made there.
    fn check_free(&self, section: &Section<'_>) -> Result<(), PatchError> {
        let path = section.path.as_str();
        let error = |message: String| Err(PatchError::new(section.line, message));
        match self.after.get(path) {
            Some((line, State::File { .. })) => {
                return error(format!("`{path}` is there already, by line {line}"));
            }
            Some((_, State::Gone)) => return Ok(()),
            None => {}
        }
        match self.tree.get(path) {
            None | Some(Found::Absent) => Ok(()),
            Some(Found::File { .. }) if self.going.contains(path) => Ok(()),
            Some(Found::File { .. }) => error(format!("`{path}` is there already")),
            Some(Found::BelowFile(file)) if self.going.contains(file.as_str()) => Ok(()),
            Some(Found::BelowFile(file)) => {
                error(format!("`{path}` cannot be made, as `{file}` is no folder"))
            }
            Some(Found::Folder) => {
                let below = format!("{path}/");
                if self.going.iter().any(|gone| gone.starts_with(&below)) {
                    return Ok(());
                }
                error(format!("`{path}` is a folder"))
            }
            Some(Found::Other(what)) => error(format!("`{path}` {what}")),
        }
    }

    /// The file as the sections so far leave it.
    fn current(&mut self, path: &str, line: usize) -> Result<(Vec<u8>, bool), PatchError> {
        match self.after.get(path) {
            None => self.original(path, line),
            Some((_, State::File { bytes, executable, .. })) => {
                Ok((read(&mut self.readable, bytes, line)?, *executable))
            }
            Some((gone, State::Gone)) => {
                Err(PatchError::new(line, format!("`{path}` is gone already, by line {gone}")))
            }
        }
    }

    /// The file as it was before the patch.
    fn original(&mut self, path: &str, line: usize) -> Result<(Vec<u8>, bool), PatchError> {
        let error = |message: String| Err(PatchError::new(line, message));
        match self.tree.get(path) {
            Some(Found::File { bytes, executable }) => {
                Ok((read(&mut self.readable, bytes, line)?, *executable))
            }
            None | Some(Found::Absent | Found::BelowFile(_)) => {
                error(format!("there is no file `{path}` in the work tree"))
            }
            Some(Found::Folder) => error(format!("`{path}` is a folder")),
            Some(Found::Other(what)) => error(format!("`{path}` {what}")),
        }
    }

    fn changes(self) -> Result<Vec<Change>, PatchError> {
        let Self { tree, after, .. } = self;
        let (mut changes, mut written) = (Vec::new(), Vec::new());
        for (path, (line, state)) in &after {
            if let State::File { .. } = state {
                let above = path.match_indices('/').map(|(end, _)| &path[..end]);
                for folder in above {
                    if let Some((other, State::File { .. })) = after.get(folder) {
                        let message =
                            format!("`{path}` cannot be made, as line {other} makes a file of `{folder}`");
                        return Err(PatchError::new(*line, message));
                    }
                }
            }
        }
        for (path, (_, state)) in after {
            let before = match tree.get(path) {
                Some(Found::File { bytes, executable }) => Some((bytes, *executable)),
                _ => None,
            };
            let kind = match (before, state) {
                (None, State::Gone) => continue,
                (Some(_), State::Gone) => {
                    changes.push(Change { path: path.to_owned(), kind: ChangeKind::Remove });
                    continue;
                }
                (None, State::File { bytes, executable, .. }) => ChangeKind::Create { bytes, executable },
                (Some((old, was_executable)), State::File { bytes, executable, .. }) => {
                    let bytes = (bytes != *old).then_some(bytes);
                    let executable = (executable != was_executable).then_some(executable);
                    if bytes.is_none() && executable.is_none() {
                        continue;
                    }
                    ChangeKind::Write { bytes, executable }
                }
            };
            written.push(Change { path: path.to_owned(), kind });
        }
        changes.extend(written);
        Ok(changes)
    }
}

/// What a part is applied to, as far as reading it is allowed.
fn read(readable: &mut usize, bytes: &[u8], line: usize) -> Result<Vec<u8>, PatchError> {
    *readable = readable
        .checked_sub(bytes.len())
        .ok_or_else(|| PatchError::new(line, "the patch reads too much: its parts are about large files"))?;
    Ok(bytes.to_vec())
}

/// Checks contents against the start of git's name for them. One of zeros is nothing.
fn check_blob(bytes: &[u8], name: &str, line: usize, otherwise: &str) -> Result<(), PatchError> {
    if name.bytes().all(|digit| digit == b'0') {
        return if bytes.is_empty() { Ok(()) } else { Err(PatchError::new(line, otherwise)) };
    }
    if name.len() > 40 {
        let message = format!(
            "`{}` is no SHA-1 name of contents, which is what can be checked",
            shown(name.as_bytes())
        );
        return Err(PatchError::new(line, message));
    }
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found.starts_with(&name.to_ascii_lowercase()) { Ok(()) } else { Err(PatchError::new(line, otherwise)) }
}
