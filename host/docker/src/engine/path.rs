//! Paths as texts: plain ones, joined by `/`, from whatever root both sides agree on.

pub(crate) fn joined(folder: &str, below: &str) -> String {
    match (folder, below) {
        (folder, "") => folder.to_owned(),
        ("", below) => below.to_owned(),
        (folder, below) => format!("{folder}/{below}"),
    }
}

/// Whether `path` lies below `folder`, both from the same root.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a path is a repository's own, at any depth.
pub(crate) fn in_git(path: &str) -> bool {
    path.split('/').any(|name| name == ".git")
}

/// How many names a path has.
pub(crate) fn names(path: &str) -> usize {
    if path.is_empty() { 0 } else { path.split('/').count() }
}

/// The first `reach` names of a path.
pub(crate) fn within(path: &str, reach: usize) -> &str {
    path.match_indices('/').nth(reach - 1).map_or(path, |(end, _)| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_names() {
        assert_eq!(within("", 2), "");
        assert_eq!((names(""), names("a"), names("a/b")), (0, 1, 2));
    }

    #[test]
    fn repositories_are_told_by_whole_names() {
        for path in [".git", ".git/config", "a/.git", "a/.git/b"] {
            assert!(in_git(path), "{path}");
        }
        for path in [".gitignore", "a/git", "a/.github/b"] {
            assert!(!in_git(path), "{path}");
        }
        assert!(is_below("a/b", "a") && is_below("a", "") && !is_below("ab", "a") && !is_below("a", "a"));
    }
}
