//! The modules of one crate, and which file a path leads to.

use std::collections::{BTreeMap, BTreeSet};

use crate::structure::source::{Module, Source};

/// How often one path may lead on to another.
const MAX_STEPS: usize = 16;

/// A library or a program.
pub(super) struct Tree {
    modules: Vec<Node>,
}

struct Node {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    names: BTreeMap<String, Vec<String>>,
    paths: Vec<Vec<String>>,
    is_test: bool,
}

/// That a file imports something from another, or names it in its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge<'t> {
    pub(super) from: &'t str,
    pub(super) to: &'t str,
    /// A path by which it does.
    pub(super) path: &'t [String],
}

impl Tree {
    /// Follows the modules from the file that the crate begins with.
    pub(super) fn of(root: &str, sources: &BTreeMap<String, Source>) -> Self {
        let mut tree = Self { modules: Vec::new() };
        if let Some(source) = sources.get(root) {
            tree.add(&source.module, root, &parent(root), None, false, sources);
        }
        tree
    }

    /// Adds a module of a file, and those below it, the files of which lie in `folder`.
    fn add(
        &mut self,
        module: &Module,
        file: &str,
        folder: &str,
        parent: Option<usize>,
        is_test: bool,
        sources: &BTreeMap<String, Source>,
    ) -> usize {
        let index = self.modules.len();
        let is_test = is_test || module.is_test;
        self.modules.push(Node {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            names: module.names.clone(),
            paths: module.paths.iter().cloned().collect(),
            is_test,
        });
        for (name, inner) in &module.inline {
            let child = self.add(inner, file, &format!("{folder}/{name}"), Some(index), is_test, sources);
            self.modules[index].children.insert(name.clone(), child);
        }
        for declared in &module.files {
            let places = match &declared.path {
                Some(path) => vec![joined(&self::parent(file), path)],
                None => vec![
                    format!("{folder}/{}.rs", declared.name),
                    format!("{folder}/{}/mod.rs", declared.name),
                ],
            };
            // What is not there, cargo complains of.
            for place in places {
                if let Some(source) = sources.get(&place) {
                    let below = match (&declared.path, place.strip_suffix(".rs")) {
                        (None, Some(stem)) if !stem.ends_with("/mod") => stem.to_owned(),
                        _ => self::parent(&place),
                    };
                    let is_test = is_test || declared.is_test;
                    let child = self.add(&source.module, &place, &below, Some(index), is_test, sources);
                    self.modules[index].children.insert(declared.name.clone(), child);
                }
            }
        }
        index
    }

    /// The files that are only built for tests: not those that also have a module of tests.
    pub(super) fn test_files(&self) -> BTreeSet<&str> {
        let of = |is_test| {
            let nodes = self.modules.iter().filter(move |node| node.is_test == is_test);
            nodes.map(|node| node.file.as_str()).collect::<BTreeSet<_>>()
        };
        &of(true) - &of(false)
    }

    /// What files have of others, tests left out.
    pub(super) fn edges(&self) -> Vec<Edge<'_>> {
        let mut edges = Vec::new();
        for (index, node) in self.modules.iter().enumerate().filter(|(_, node)| !node.is_test) {
            for path in &node.paths {
                if let Some(target) = self.resolve(index, path, MAX_STEPS) {
                    let to = self.modules[target].file.as_str();
                    if to != node.file {
                        edges.push(Edge { from: &node.file, to, path });
                    }
                }
            }
        }
        // Of several paths to one file, an import says most.
        edges.sort_unstable_by_key(|edge| (edge.from, edge.to, !is_import(edge.path), edge.path));
        edges.dedup_by_key(|edge| (edge.from, edge.to));
        edges
    }

    /// The module in whose file lies what a path names, as seen from a module; `None` when
    /// it lies outside of the crate. What is imported with `*` is taken for the
    /// importer's own.
    fn resolve(&self, from: usize, path: &[String], steps: usize) -> Option<usize> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => self.modules[from].parent?,
            name => {
                let node = &self.modules[from];
                if let Some(child) = node.children.get(name) {
                    *child
                } else {
                    // Otherwise it is another crate's, or the standard library's.
                    let imported = node.names.get(name)?;
                    return self.follow(from, imported, rest, steps);
                }
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let node = &self.modules[at];
            if name == "super" {
                at = node.parent?;
            } else if let Some(child) = node.children.get(name) {
                at = *child;
            } else if let Some(imported) = node.names.get(name) {
                return self.follow(at, imported, after, steps);
            } else {
                break;
            }
            rest = after;
        }
        Some(at)
    }

    /// Goes on from a name that a module has by an import.
    fn follow(&self, module: usize, imported: &[String], rest: &[String], steps: usize) -> Option<usize> {
        // Names that lead back to themselves are crates' and macros'.
        if steps == 0 {
            return None;
        }
        let whole: Vec<String> = imported.iter().chain(rest).cloned().collect();
        self.resolve(module, &whole, steps - 1)
    }

    /// The folder that a file belongs to: the one below it, of the same name, when there
    /// are modules in it, and otherwise the one that it lies in.
    pub(super) fn folder_of<'f>(&self, file: &'f str) -> &'f str {
        let stem = file.strip_suffix(".rs").unwrap_or(file);
        let is_above = self.modules.iter().any(|node| {
            !node.is_test && node.file.strip_prefix(stem).is_some_and(|rest| rest.starts_with('/'))
        });
        if is_above { stem } else { file.rsplit_once('/').map_or("", |(folder, _)| folder) }
    }
}

/// Whether a path begins where only paths of the crate's own do.
fn is_import(path: &[String]) -> bool {
    path.first().is_some_and(|first| matches!(first.as_str(), "crate" | "self" | "super"))
}

fn parent(file: &str) -> String {
    file.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
}

/// A path from a folder, with its `..` gone.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::tests::{sources, tree};

    /// The edges as `from -> to`, without what all paths begin with.
    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let short = |path: &str| path.trim_start_matches("host/a/src/").to_owned();
        tree(files).edges().iter().map(|edge| format!("{} -> {}", short(edge.from), short(edge.to))).collect()
    }

    #[test]
    fn paths_lead_to_the_file_that_defines() {
        let edges = edges(&[
            ("host/a/src/lib.rs", "mod x; pub mod y; pub use y::z::Thing; pub use serde::Serialize;"),
            (
                "host/a/src/x.rs",
                "use crate::{Thing, Serialize}; use crate::y; fn f() { y::Other::new(); std::fs::read(); }",
            ),
            (
                "host/a/src/y/mod.rs",
                "pub(crate) mod z; mod w { use super::super::x::F; } pub use self::z::Other;",
            ),
            (
                "host/a/src/y/z.rs",
                "pub struct Thing; pub struct Other; use super::super::x::{self, G}; use super::Other as O;",
            ),
        ]);
        assert_eq!(
            edges,
            [
                "lib.rs -> y/z.rs",
                "x.rs -> y/mod.rs",
                "x.rs -> y/z.rs",
                "y/mod.rs -> x.rs",
                "y/mod.rs -> y/z.rs",
                "y/z.rs -> x.rs",
            ]
        );
    }

    #[test]
    fn names_that_name_themselves_end() {
        let edges = edges(&[
            (
                "host/a/src/lib.rs",
                "mod b; use b; use b::c; use serde; use serde::Serialize; use m as n; use n as m;",
            ),
            (
                "host/a/src/b.rs",
                "macro_rules! m { () => {} } pub(crate) use m; pub use crate::c; pub use crate::b::d; fn f() { m::x(); c::y(); d::z(); crate::m::x(); }",
            ),
        ]);
        assert_eq!(edges, ["lib.rs -> b.rs"]);
    }

    #[test]
    fn modules_lie_where_they_say() {
        let files = [
            ("host/a/src/lib.rs", "mod a; mod b { mod c; } #[cfg(test)] mod t; mod gone;"),
            ("host/a/src/a.rs", "#[path = \"../other/d.rs\"] mod d; mod e; #[cfg(test)] mod tests;"),
            ("host/a/src/a/e.rs", "use super::d::X;"),
            ("host/a/src/a/tests.rs", "use crate::b::c::Y;"),
            ("host/a/src/b/c.rs", "use crate::a::e::Z;"),
            ("host/a/other/d.rs", "mod below;"),
            ("host/a/other/below.rs", "use crate::b::c::Y;"),
            ("host/a/src/t.rs", "mod u; use crate::a::A;"),
            ("host/a/src/t/u.rs", "use crate::a::A;"),
        ];
        let tree = Tree::of("host/a/src/lib.rs", &sources(&files));
        let edges: Vec<_> = tree.edges().iter().map(|edge| (edge.from, edge.to)).collect();
        assert_eq!(
            edges,
            [
                ("host/a/other/below.rs", "host/a/src/b/c.rs"),
                ("host/a/src/a/e.rs", "host/a/other/d.rs"),
                ("host/a/src/b/c.rs", "host/a/src/a/e.rs"),
            ]
        );
        let tests: Vec<_> = tree.test_files().into_iter().collect();
        assert_eq!(tests, ["host/a/src/a/tests.rs", "host/a/src/t.rs", "host/a/src/t/u.rs"]);
        assert_eq!(tree.folder_of("host/a/src/a.rs"), "host/a/src/a");
        // There are only tests below it.
        assert_eq!(tree.folder_of("host/a/src/t.rs"), "host/a/src");
        assert_eq!(tree.folder_of("host/a/src/lib.rs"), "host/a/src");
    }
}
