//! Which paths of a container are fetched together: few one by one, many by the folder that
//! they share, since every request costs the engine a process.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::path::{is_below, joined, within};

/// So few files are fetched one by one.
const FEW: usize = 4;

/// Paths that are fetched together, in one archive of a folder; or one path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) folder: String,
    pub(crate) wanted: BTreeSet<String>,
}

/// One group of all below the folder that they share, or one of each when they are
/// few. No group's folder has more than `reach` names.
pub(crate) fn grouped(wanted: BTreeSet<String>, reach: usize) -> Vec<Group> {
    if wanted.len() <= FEW {
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for path in wanted {
            groups.entry(within(&path, reach).to_owned()).or_default().insert(path);
        }
        return groups.into_iter().map(|(folder, wanted)| Group { folder, wanted }).collect();
    }
    vec![Group { folder: within(&shared_folder(&wanted), reach).to_owned(), wanted }]
}

/// The groups below a folder that is too large to be fetched whole.
pub(crate) fn split(folder: &str, wanted: BTreeSet<String>, reach: usize) -> Vec<Group> {
    let mut children: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in wanted {
        let below = path.strip_prefix(folder).unwrap_or(&path).trim_start_matches('/');
        let child = joined(folder, below.split('/').next().unwrap_or(below));
        children.entry(child).or_default().insert(path);
    }
    let groups = children.into_iter().flat_map(|(child, wanted)| {
        if wanted.len() <= FEW {
            return grouped(wanted, reach);
        }
        // The child itself may be among what is wanted.
        let shared = within(&shared_folder(&wanted), reach).to_owned();
        vec![Group { folder: if is_below(&shared, &child) { shared } else { child }, wanted }]
    });
    groups.collect()
}

/// The deepest folder that holds all of these paths: the one that holds the first
/// and the last, as what comes between begins with all that these two share.
pub(crate) fn shared_folder(paths: &BTreeSet<String>) -> String {
    let (Some(first), Some(last)) = (paths.first(), paths.last()) else { return String::new() };
    let folders = |path: &str| path.rsplit_once('/').map_or(0, |(folder, _)| folder.split('/').count());
    let most = folders(first).min(folders(last));
    let same = first.split('/').zip(last.split('/')).take(most).take_while(|(a, b)| a == b).count();
    first.split('/').take(same).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn the_shared_folder_is_the_deepest() {
        for (paths, folder) in [
            (&["a/b/c", "a/b/d"][..], "a/b"),
            (&["a/b/c", "a/bc/d"], "a"),
            (&["a-b/c", "a/b"], ""),
            (&["a", "a/b"], ""),
            (&["a/b"], "a"),
            (&["a"], ""),
            (&["", "a/b"], ""),
        ] {
            assert_eq!(shared_folder(&set(paths)), folder, "{paths:?}");
        }
    }

    #[test]
    fn splitting_always_gets_further_down() {
        let wanted = set(&["x/a", "x/a/1", "x/a/2", "x/a/3", "x/a/4", "x/b/c/1", "x/d"]);
        let groups = grouped(wanted.clone(), 100);
        assert_eq!(groups, [Group { folder: "x".to_owned(), wanted: wanted.clone() }]);
        let groups = split("x", wanted, 100);
        let folders: Vec<&str> = groups.iter().map(|group| group.folder.as_str()).collect();
        assert_eq!(folders, ["x/a", "x/b/c/1", "x/d"]);
        let groups = split("x/a", groups.into_iter().next().unwrap().wanted, 100);
        let folders: Vec<&str> = groups.iter().map(|group| group.folder.as_str()).collect();
        assert_eq!(folders, ["x/a", "x/a/1", "x/a/2", "x/a/3", "x/a/4"]);
    }

    #[test]
    fn what_lies_deep_is_fetched_by_a_folder_within_reach() {
        let folders = |groups: Vec<Group>| groups.into_iter().map(|group| group.folder).collect::<Vec<_>>();
        assert_eq!(folders(grouped(set(&["a/b/c/d", "a/b/c/e/f", "a/x"]), 3)), ["a/b/c", "a/x"]);
        assert_eq!(
            folders(grouped(set(&["a/b/c/1", "a/b/c/2", "a/b/c/3", "a/b/c/4", "a/b/c/5"]), 2)),
            ["a/b"]
        );
        let many = set(&["a/b/c/1", "a/b/c/2", "a/b/c/3", "a/b/c/4", "a/b/c/5", "b"]);
        assert_eq!(folders(split("", many, 2)), ["a/b", "b"]);
    }
}
