//! What `lint` holds the workspace's structure to: which crate may depend on which, which
//! one alone knows a large dependency, that imports do not run in circles between
//! folders, and that files stay short.

mod circle;
mod crates;
mod length;
mod owner;
mod source;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::run;
use crates::Package;
use source::Source;
use tree::Tree;

/// Checks all of it, and lists whatever is not as it has to be.
pub(crate) fn check() -> Result<(), String> {
    let metadata = run::cargo_output(&["metadata", "--no-deps", "--format-version", "1"])?;
    let (root, packages) = crates::packages(&metadata)?;
    let mut sources = BTreeMap::new();
    for package in packages.iter().filter(|package| package.is_product()) {
        read(&root, &format!("{}/src", package.folder), &mut sources)?;
    }
    let found = problems(&packages, &sources);
    if found.is_empty() { Ok(()) } else { Err(format!("the structure:\n  {}", found.join("\n  "))) }
}

/// Everything that is wrong, a line per matter.
fn problems(packages: &[Package], sources: &BTreeMap<String, Source>) -> Vec<String> {
    let trees: Vec<Tree> = packages
        .iter()
        .filter(|package| package.is_product())
        .flat_map(|package| &package.roots)
        .map(|root| Tree::of(root, sources))
        .collect();
    let mut found = crates::problems(packages);
    found.extend(owner::problems(packages, sources));
    found.extend(trees.iter().flat_map(circle::problems));
    found.extend(length::problems(sources, &trees));
    found
}

/// Reads the files of Rust in a folder, and in those below it.
fn read(root: &Path, folder: &str, sources: &mut BTreeMap<String, Source>) -> Result<(), String> {
    let error = |path: &str, e: &dyn std::fmt::Display| format!("{path}: {e}");
    for entry in fs::read_dir(root.join(folder)).map_err(|e| error(folder, &e))? {
        let entry = entry.map_err(|e| error(folder, &e))?;
        let name = entry.file_name().into_string().map_err(|_| format!("{folder}: a name is not UTF-8"))?;
        let path = format!("{folder}/{name}");
        if entry.file_type().map_err(|e| error(&path, &e))?.is_dir() {
            read(root, &path, sources)?;
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).map_err(|e| error(&path, &e))?;
            sources.insert(path.clone(), Source::read(&text).map_err(|e| error(&path, &e))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files by path, as their texts say.
    pub(super) fn sources(files: &[(&str, &str)]) -> BTreeMap<String, Source> {
        files.iter().map(|(path, text)| ((*path).to_owned(), Source::read(text).unwrap())).collect()
    }

    /// One crate, `host/a`, in a library.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::of("host/a/src/lib.rs", &sources(files))
    }

    #[test]
    fn every_check_is_asked() {
        let sources = sources(&[
            ("host/core/src/lib.rs", "mod x;\nmod y;\nuse x::A;\n"),
            ("host/core/src/x.rs", "mod deep;\nuse crate::y::B;\npub struct A;\n"),
            ("host/core/src/x/deep.rs", "fn wasmtime() {}\n"),
            ("host/core/src/y.rs", &format!("use crate::x::A;\npub struct B;\n{}", "\n".repeat(600))),
        ]);
        let package = Package {
            name: "lancet-core".to_owned(),
            folder: "host/core".to_owned(),
            roots: vec!["host/core/src/lib.rs".to_owned()],
            dependencies: vec![crates::Dependency { name: "lancet-suite".to_owned(), is_dev: false }],
        };
        let found = problems(&[package], &sources).join("\n");
        for expected in [
            "lancet-core depends on lancet-suite",
            "host/core/src/x/deep.rs names `wasmtime`",
            "host/core/src/x.rs -> host/core/src/y.rs",
            "host/core/src/y.rs has 602 lines",
        ] {
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }
}
