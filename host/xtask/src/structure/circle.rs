//! No circle of imports between files of different folders: then each folder can be read,
//! and moved, by itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::structure::tree::{Edge, Tree};

/// The circles of a crate that leave a folder: of those that share files, the shortest.
/// A file with a folder of its name belongs to that folder.
pub(super) fn problems(tree: &Tree) -> Vec<String> {
    let edges = tree.edges();
    let mut from: BTreeMap<&str, Vec<&Edge<'_>>> = BTreeMap::new();
    for edge in &edges {
        from.entry(edge.from).or_default().push(edge);
    }
    let leaves = |edge: &&Edge<'_>| tree.folder_of(edge.from) != tree.folder_of(edge.to);
    let mut circles: Vec<Vec<&Edge<'_>>> = edges
        .iter()
        .filter(leaves)
        .filter_map(|edge| {
            let back = shortest(&from, edge.to, edge.from)?;
            Some([vec![edge], back].concat())
        })
        .collect();
    circles.sort_by_key(Vec::len);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for circle in circles {
        if circle.iter().any(|edge| seen.contains(edge.from)) {
            continue;
        }
        seen.extend(circle.iter().map(|edge| edge.from));
        found.push(shown(&circle));
    }
    found
}

/// The fewest imports that lead from one file to another.
fn shortest<'e, 't>(
    from: &BTreeMap<&str, Vec<&'e Edge<'t>>>,
    start: &'t str,
    end: &str,
) -> Option<Vec<&'e Edge<'t>>> {
    let mut came_by: BTreeMap<&str, &'e Edge<'t>> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(file) = waiting.pop_front() {
        for edge in from.get(file).into_iter().flatten() {
            if edge.to == start || came_by.contains_key(edge.to) {
                continue;
            }
            came_by.insert(edge.to, edge);
            waiting.push_back(edge.to);
        }
    }
    let mut path = Vec::new();
    let mut at = end;
    while at != start {
        let edge = came_by.get(at)?;
        path.push(*edge);
        at = edge.from;
    }
    path.reverse();
    Some(path)
}

/// `a.rs -> b.rs -> a.rs`, with the path of each import.
fn shown(circle: &[&Edge<'_>]) -> String {
    let steps =
        circle.iter().map(|edge| format!("{} -> {} by `{}`", edge.from, edge.to, edge.path.join("::")));
    format!("imports run in a circle between folders: {}", steps.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::tests::tree;

    const ROOT: (&str, &str) = ("host/a/src/lib.rs", "mod x; mod y; mod z; pub use x::X; pub use y::Y;");

    #[test]
    fn circles_within_a_folder_are_its_own_affair() {
        for files in [
            [
                ROOT,
                ("host/a/src/x.rs", "use crate::y::Y;"),
                ("host/a/src/y.rs", "use crate::x::X;"),
                ("host/a/src/z.rs", ""),
            ],
            [
                ROOT,
                ("host/a/src/x.rs", "mod deep; use deep::D;"),
                ("host/a/src/x/deep.rs", "use super::X;"),
                ("host/a/src/y.rs", ""),
            ],
            // What is imported from the root is not in the root.
            [
                ROOT,
                ("host/a/src/x.rs", "mod deep; use crate::Y;"),
                ("host/a/src/x/deep.rs", "use crate::Y;"),
                ("host/a/src/y.rs", ""),
            ],
        ] {
            assert_eq!(problems(&tree(&files)), [""; 0]);
        }
    }

    #[test]
    fn circles_between_folders_are_named() {
        let deep = ("host/a/src/x/deep.rs", "");
        for (files, steps) in [
            (
                [
                    ROOT,
                    ("host/a/src/x.rs", "mod deep; use crate::y::Y;"),
                    deep,
                    ("host/a/src/y.rs", "use crate::x::X;"),
                    ("host/a/src/z.rs", ""),
                ],
                ["x.rs -> host/a/src/y.rs by `crate::y::Y`", "y.rs -> host/a/src/x.rs by `crate::x::X`"],
            ),
            // Through a third file, a re-export, and a path in code.
            (
                [
                    ROOT,
                    ("host/a/src/x.rs", "mod deep;"),
                    ("host/a/src/x/deep.rs", "fn f() { crate::Y::new(super::z()) }"),
                    ("host/a/src/y.rs", "use crate::z;"),
                    ("host/a/src/z.rs", "impl From<crate::x::deep::D> for Z {}"),
                ],
                [
                    "deep.rs -> host/a/src/y.rs by `crate::Y::new`",
                    "z.rs -> host/a/src/x/deep.rs by `crate::x::deep::D`",
                ],
            ),
        ] {
            let found = problems(&tree(&files));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(steps.iter().all(|step| found[0].contains(step)), "{found:?}");
        }
    }

    #[test]
    fn tests_may_import_what_they_like() {
        let files = [
            ROOT,
            ("host/a/src/x.rs", "mod deep; use crate::y::Y;"),
            ("host/a/src/x/deep.rs", ""),
            ("host/a/src/y.rs", "#[cfg(test)] mod tests { use crate::x::X; }"),
        ];
        assert_eq!(problems(&tree(&files)), [""; 0]);
    }
}
