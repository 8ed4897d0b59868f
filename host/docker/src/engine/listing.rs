//! What a container has changed, as it is listed: by the engine, or from the engine's own
//! folders. Both put the same into one list, so that no verdict depends on who made it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::path::{in_git, is_below};

/// The longest path of anything in a container, in bytes from its root. Processes
/// can nest folders without end, but whoever looks at a path from outside has 4,095
/// bytes for it and the engine's own folder before it. Nothing that is longer is
/// looked at, so that no verdict depends on who looks from where.
pub(crate) const MAX_REACH_BYTES: usize = 3_584;
/// The most changed paths that are listed: those that are dropped are among them.
const MAX_LISTED: usize = 300_000;
/// The most bytes of those paths.
const MAX_LISTED_BYTES: usize = 64 << 20;

/// The most files and folders that a container may write.
pub(crate) const MAX_FILES: usize = 1_000_000;

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ChangeKind {
    /// It, or something in it, is not as in the image.
    Modified,
    /// As [`ChangeKind::Modified`], and it is known to be a folder in both.
    FolderKept,
    /// As [`ChangeKind::Added`], and it is known to be a folder.
    FolderAdded,
    /// The image does not have it.
    Added,
    /// The image has it, the container does not.
    Deleted,
}

/// What came of listing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changes {
    /// All of them.
    Listed {
        /// By absolute path: the work tree, and what is above and below it.
        changes: BTreeMap<String, ChangeKind>,
        /// Paths that were met twice.
        twice: BTreeSet<String>,
    },
    /// More than are read.
    TooMany,
    /// A path, anywhere in the container, is longer than
    /// [`MAX_REACH_BYTES`].
    TooDeep,
}

/// A list of changes as it is made, whoever makes it: the engine and
/// [`crate::engine::overlayfs::Layers`] put the same into it.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    work_tree: &'a str,
    changes: BTreeMap<String, ChangeKind>,
    bytes: usize,
    /// Two names that are not UTF-8 look the same.
    twice: BTreeSet<String>,
    too_many: bool,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(work_tree: &'a str) -> Self {
        Self { work_tree, changes: BTreeMap::new(), bytes: 0, twice: BTreeSet::new(), too_many: false }
    }

    /// Whether more is not taken in. What is too long is still looked for: that comes
    /// first, as an engine that meets such a path lists nothing.
    pub(crate) fn is_full(&self) -> bool {
        self.too_many
    }

    /// Adds a change. Those that do not concern the work tree, and those of
    /// repositories in it, leave nothing behind.
    pub(crate) fn add(&mut self, path: String, kind: ChangeKind) {
        let concerns = path == self.work_tree
            || is_below(self.work_tree, path.trim_end_matches('/'))
            || self.below(&path).is_some_and(|below| !in_git(below));
        if !concerns || self.too_many {
            return;
        }
        self.bytes += path.len();
        match self.changes.entry(path) {
            Entry::Vacant(vacant) => {
                vacant.insert(kind);
            }
            Entry::Occupied(occupied) => {
                self.twice.insert(occupied.key().clone());
            }
        }
        if self.changes.len() > MAX_LISTED || self.bytes > MAX_LISTED_BYTES {
            self.too_many = true;
            self.changes.clear();
        }
    }

    /// Names the folders above a change, which the engine does too, unless they are
    /// named already.
    #[cfg(target_os = "linux")]
    pub(crate) fn add_above(&mut self, path: &str) {
        for (end, _) in path.rmatch_indices('/') {
            let folder = &path[..end];
            if folder.is_empty() || self.changes.contains_key(folder) {
                return;
            }
            self.add(folder.to_owned(), ChangeKind::FolderKept);
        }
    }

    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.work_tree).and_then(|path| path.strip_prefix('/'))
    }

    pub(crate) fn finish(self) -> Changes {
        if self.too_many {
            return Changes::TooMany;
        }
        Changes::Listed { changes: self.changes, twice: self.twice }
    }
}
