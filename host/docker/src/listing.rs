use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{Protection, RefusalKind, RefusedSubmission, SubmissionLimits};

use crate::container::{ChangeKind, PathChange};
use crate::rules::Rules;
use crate::tree::{in_git, is_below};

/// The longest path of a submission, in bytes.
const MAX_PATH_BYTES: usize = 4_096;
/// So many times the files that a submission may have, a container may have
/// changed paths in all: folders, and files that are as they were, are no part of a
/// submission, but looking at each costs time.
pub(crate) const MAX_LOOKED_AT: usize = 4;
/// The most folders with changes in them: each is looked at.
const MAX_FOLDERS: usize = 20_000;

/// The engine's list of changes, as far as it concerns the work tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// What is there now, apart from folders with changes in them.
    pub(crate) present: BTreeMap<String, ChangeKind>,
    /// What was there, files and folders: of a folder all that is not in `present`.
    /// The empty path is the work tree itself.
    pub(crate) deleted: BTreeSet<String>,
    /// Folders that are not as they were: something else may have been there.
    pub(crate) folders: Vec<String>,
    /// What is dropped without being looked at.
    pub(crate) overlaid: Vec<String>,
    /// Whether the work tree may no longer be a folder.
    pub(crate) questionable: bool,
}

impl Changed {
    pub(crate) fn is_empty(&self) -> bool {
        self.present.is_empty()
            && self.deleted.is_empty()
            && self.folders.is_empty()
            && self.overlaid.is_empty()
    }

    pub(crate) fn needs_original(&self) -> bool {
        !self.deleted.is_empty()
            || !self.folders.is_empty()
            || self.present.values().any(|kind| *kind == ChangeKind::Modified)
    }

    pub(crate) fn sort_out(
        listed: &[PathChange],
        work_tree: &str,
        rules: &Rules,
        limits: &SubmissionLimits,
    ) -> Result<Self, RefusedSubmission> {
        let mut changed = Self::default();
        let mut paths = BTreeMap::new();
        let mut above = false;
        for change in listed {
            if change.path == work_tree || is_below(work_tree, change.path.trim_end_matches('/')) {
                above = true;
                // It is there, and yet deleted: it was made anew.
                if change.kind == ChangeKind::Deleted {
                    changed.deleted.insert(String::new());
                }
            } else if let Some(path) =
                change.path.strip_prefix(work_tree).and_then(|path| path.strip_prefix('/'))
                && paths.insert(path, change.kind).is_some()
            {
                // Two names that are not UTF-8 look the same in the list.
                return Err(bad_path(path, "is there twice"));
            }
        }
        // What is listed below it proves that it is a folder.
        changed.questionable = above && paths.is_empty();
        for (&path, &kind) in &paths {
            if in_git(path) {
                continue;
            }
            let below = format!("{path}/");
            let is_folder =
                paths.range(below.as_str()..).next().is_some_and(|(next, _)| next.starts_with(&below));
            match kind {
                ChangeKind::Deleted if rules.covers(path) == Some(Protection::Overlaid) => {
                    changed.overlaid.push(path.to_owned());
                }
                ChangeKind::Deleted => {
                    check_path(path)?;
                    changed.deleted.insert(path.to_owned());
                }
                ChangeKind::Modified if is_folder => changed.folders.push(path.to_owned()),
                ChangeKind::Added if is_folder => {}
                _ if rules.of(path) == Some(Protection::Overlaid) => changed.overlaid.push(path.to_owned()),
                kind => {
                    check_path(path)?;
                    changed.present.insert(path.to_owned(), kind);
                }
            }
        }
        let looked_at = changed.present.len() + changed.deleted.len();
        if looked_at > MAX_LOOKED_AT * limits.files as usize || changed.folders.len() > MAX_FOLDERS {
            return Err(too_many(&format!("{looked_at} paths are changed"), limits));
        }
        Ok(changed)
    }
}

/// Refuses what is not a plain path: a submission is laid into containers by it,
/// and people read it.
pub(crate) fn check_path(path: &str) -> Result<(), RefusedSubmission> {
    if path.len() > MAX_PATH_BYTES {
        let start: String = path.chars().take(200).collect();
        return Err(bad_path(&format!("{start}…"), "is too long"));
    }
    if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err(bad_path(path, "is no plain path below the work tree"));
    }
    if path.contains(char::is_control) {
        return Err(bad_path(path, "has control characters"));
    }
    // The engine puts this sign for bytes that are not UTF-8.
    if path.contains(char::REPLACEMENT_CHARACTER) {
        return Err(bad_path(path, "is not UTF-8"));
    }
    Ok(())
}

pub(crate) fn bad_path(path: &str, problem: &str) -> RefusedSubmission {
    refused(RefusalKind::BadPath, format!("`{}` {problem}", path.escape_debug()))
}

pub(crate) fn too_many(what: &str, limits: &SubmissionLimits) -> RefusedSubmission {
    refused(RefusalKind::TooManyFiles, format!("{what}, a submission may have {} files", limits.files))
}

pub(crate) fn refused(kind: RefusalKind, message: String) -> RefusedSubmission {
    RefusedSubmission { kind, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lancet_core::ProtectedPath;

    fn overlaid(pattern: &str) -> Rules {
        let rule = ProtectedPath { pattern: pattern.to_owned(), protection: Protection::Overlaid };
        Rules::new(&[rule]).unwrap()
    }

    fn listed(changes: &[(&str, ChangeKind)]) -> Vec<PathChange> {
        changes.iter().map(|(path, kind)| PathChange { path: (*path).to_owned(), kind: *kind }).collect()
    }

    #[test]
    fn only_what_concerns_the_work_tree_is_looked_at() {
        use ChangeKind::{Added, Deleted, Modified};
        let listed = listed(&[
            ("/tmp/x", Added),
            ("/w", Modified),
            ("/w/t", Modified),
            ("/w/tree2/x", Added),
            ("/w/t/.git/index", Modified),
            ("/w/t/a", Modified),
            ("/w/t/a/b", Modified),
            ("/w/t/new", Added),
            ("/w/t/new/c", Added),
            ("/w/t/d", Deleted),
            ("/w/t/d/e", Added),
            ("/w/t/n/m", Added),
        ]);
        let rules = overlaid("n/**");
        let found = Changed::sort_out(&listed, "/w/t", &rules, &SubmissionLimits::default()).unwrap();
        let expected = Changed {
            present: [("a/b", Modified), ("d/e", Added), ("new/c", Added)]
                .map(|(p, k)| (p.to_owned(), k))
                .into(),
            deleted: ["d".to_owned()].into(),
            folders: vec!["a".to_owned()],
            overlaid: vec!["n/m".to_owned()],
            questionable: false,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_work_tree_that_was_replaced_is_questionable() {
        use ChangeKind::{Deleted, Modified};
        let sort_out = |changes: &[(&str, ChangeKind)]| {
            Changed::sort_out(&listed(changes), "/w/t", &overlaid("n/**"), &SubmissionLimits::default())
                .unwrap()
        };
        assert!(sort_out(&[("/w", Modified), ("/w/t", Modified)]).questionable);
        assert!(!sort_out(&[("/w", Modified), ("/w/t", Modified), ("/w/t/a", Modified)]).questionable);
        assert!(!sort_out(&[("/x", Modified)]).questionable);
        let anew = sort_out(&[("/w/t", Deleted)]);
        assert!(anew.questionable && anew.deleted.contains(""));
    }

    #[test]
    fn paths_have_to_be_plain() {
        for path in ["a", "a/b c", "-x", "ü/…", "a\\b", &"x".repeat(MAX_PATH_BYTES)] {
            assert!(check_path(path).is_ok(), "{path}");
        }
        for path in
            ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a\nb", "a\u{85}", "\u{fffd}", &"x".repeat(4_097)]
        {
            assert_eq!(check_path(path).unwrap_err().kind, RefusalKind::BadPath, "{path}");
        }
    }
}
