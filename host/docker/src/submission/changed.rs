//! Sorts out of a list of changes what is a submission's, and refuses what cannot be one.

use std::collections::{BTreeMap, BTreeSet};

use lancet_core::{MAX_PATH_BYTES, Protection, RefusalKind, RefusedSubmission, SubmissionLimits};

use crate::engine::listing::ChangeKind;
use crate::engine::path::{in_git, is_below};
use crate::submission::rules::Rules;

/// So many times the files that a submission may have, a container may have
/// changed paths in all: folders, and files that are as they were, are no part of a
/// submission, but looking at each costs time.
pub(crate) const MAX_LOOKED_AT: usize = 4;
/// The most folders that are new or have changes in them, unless so many more files
/// are allowed: each is looked at, made anew wherever the submission is laid, and
/// taken away again. The engine needs up to a millisecond for each of these.
const MAX_FOLDERS: usize = 10_000;
/// The engine's list of changes, as far as it concerns the work tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// What is there now, apart from folders with changes in them.
    pub(crate) present: BTreeMap<String, ChangeKind>,
    /// What was there, files and folders: of a folder all that is not in `present`.
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
        listed: &BTreeMap<String, ChangeKind>,
        twice: &BTreeSet<String>,
        work_tree: &str,
        rules: &Rules,
        limits: &SubmissionLimits,
    ) -> Result<Self, RefusedSubmission> {
        let mut changed = Self::default();
        let mut paths = BTreeMap::new();
        let mut above = false;
        for (path, kind) in listed {
            if path == work_tree || is_below(work_tree, path.trim_end_matches('/')) {
                above = true;
            } else if let Some(below) = path.strip_prefix(work_tree).and_then(|path| path.strip_prefix('/'))
                && !in_git(below)
            {
                if twice.contains(path) {
                    return Err(bad_path(below, "is there twice"));
                }
                paths.insert(below, *kind);
            }
        }
        // What is listed below it proves that it is a folder.
        changed.questionable = above && paths.is_empty();
        let (mut folders, mut leaves) = (0, 0);
        for (&path, &kind) in &paths {
            let below = format!("{path}/");
            let is_folder =
                paths.range(below.as_str()..).next().is_some_and(|(next, _)| next.starts_with(&below));
            if is_folder && kind != ChangeKind::Deleted {
                folders += 1;
                if kind == ChangeKind::Modified {
                    changed.folders.push(path.to_owned());
                }
                continue;
            }
            match kind {
                ChangeKind::Deleted if rules.covers(path) == Some(Protection::Overlaid) => {
                    changed.overlaid.push(path.to_owned());
                    continue;
                }
                ChangeKind::Deleted => {}
                _ if rules.of(path) == Some(Protection::Overlaid) => {
                    changed.overlaid.push(path.to_owned());
                    continue;
                }
                _ => {}
            }
            check_path(path)?;
            leaves += 1;
            match kind {
                ChangeKind::Deleted => {
                    changed.deleted.insert(path.to_owned());
                }
                // No part of a submission.
                ChangeKind::FolderAdded | ChangeKind::FolderKept => {}
                kind => {
                    changed.present.insert(path.to_owned(), kind);
                }
            }
        }
        let most = MAX_LOOKED_AT * limits.files as usize;
        if leaves > most {
            return Err(too_many(&format!("{leaves} paths are changed"), limits));
        }
        if folders > most.max(MAX_FOLDERS) {
            let message =
                format!("{folders} folders are new or have changes in them, {} may", most.max(MAX_FOLDERS));
            return Err(refused(RefusalKind::TooManyFiles, message));
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
    use crate::engine::listing::{Changes, Listing};
    use lancet_core::ProtectedPath;

    fn overlaid(pattern: &str) -> Rules {
        let rule = ProtectedPath { pattern: pattern.to_owned(), protection: Protection::Overlaid };
        Rules::new(&[rule]).unwrap()
    }

    fn sort_out(rules: &Rules, changes: &[(&str, ChangeKind)]) -> Result<Changed, RefusedSubmission> {
        let mut listing = Listing::new("/w/t");
        for (path, kind) in changes {
            listing.add((*path).to_owned(), *kind);
        }
        let Changes::Listed { changes, twice } = listing.finish() else { panic!() };
        Changed::sort_out(&changes, &twice, "/w/t", rules, &SubmissionLimits::default())
    }

    #[test]
    fn only_what_concerns_the_work_tree_is_looked_at() {
        use ChangeKind::{Added, Deleted, FolderAdded, FolderKept, Modified};
        let listed = [
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
            ("/w/t/empty", FolderAdded),
            ("/w/t/mode", FolderKept),
            ("/w/t/k", FolderKept),
            ("/w/t/k/l", Added),
        ];
        let found = sort_out(&overlaid("n/**"), &listed).unwrap();
        let expected = Changed {
            present: [("a/b", Modified), ("d/e", Added), ("k/l", Added), ("new/c", Added)]
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
        let rules = overlaid("n/**");
        let questionable = |changes: &[(&str, ChangeKind)]| sort_out(&rules, changes).unwrap().questionable;
        assert!(questionable(&[("/w", Modified), ("/w/t", Modified)]));
        assert!(!questionable(&[("/w", Modified), ("/w/t", Modified), ("/w/t/a", Modified)]));
        assert!(!questionable(&[("/x", Modified)]));
        assert!(questionable(&[("/w/t", Deleted)]));
    }

    #[test]
    fn folders_are_counted_beside_files() {
        let rules = overlaid("n/**");
        let wide: Vec<String> = (0..=MAX_FOLDERS).map(|index| format!("/w/t/d{index}")).collect();
        let files: Vec<String> = wide.iter().map(|path| format!("{path}/f")).collect();
        for kind in [ChangeKind::Added, ChangeKind::Modified, ChangeKind::FolderAdded, ChangeKind::FolderKept]
        {
            let all: Vec<_> = wide.iter().map(|path| (path.as_str(), kind)).collect();
            assert_eq!(sort_out(&rules, &all).unwrap_err().kind, RefusalKind::TooManyFiles);
            // What is overlaid costs nothing but the folders.
            let dropped: Vec<_> = files.iter().map(|path| (path.as_str(), ChangeKind::Added)).collect();
            let both: Vec<_> = all.into_iter().chain(dropped).collect();
            let refused = sort_out(&overlaid("*/f"), &both).unwrap_err();
            assert!(refused.message.contains("10001 folders"), "{refused}");
        }
    }

    #[test]
    fn names_that_look_the_same_are_no_plain_paths() {
        let twice = [("/w/t/\u{fffd}", ChangeKind::Added), ("/w/t/\u{fffd}", ChangeKind::Added)];
        let refused = sort_out(&overlaid("n/**"), &twice).unwrap_err();
        assert!(refused.message.contains("is there twice"), "{refused}");
        let elsewhere = [("/x/\u{fffd}", ChangeKind::Added), ("/x/\u{fffd}", ChangeKind::Added)];
        assert!(sort_out(&overlaid("n/**"), &elsewhere).unwrap().is_empty());
    }

    #[test]
    fn paths_have_to_be_plain() {
        for path in ["a", "a/b c", "-x", "ü/…", "a\\b", &"x".repeat(MAX_PATH_BYTES)] {
            assert!(check_path(path).is_ok(), "{path}");
        }
        for path in
            ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a\nb", "a\u{85}", "\u{fffd}", &"x".repeat(3_073)]
        {
            assert_eq!(check_path(path).unwrap_err().kind, RefusalKind::BadPath, "{path}");
        }
    }
}
