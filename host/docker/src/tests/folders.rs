//! Of the crate's three folders each knows only those before it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 3] = ["engine", "submission", "plan"];

/// The files of a folder, with those below it, and the one that names its modules.
fn files(folder: &str) -> Vec<PathBuf> {
    fn below(path: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, found) } else { found.push(path) }
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![source.join(format!("{folder}.rs"))];
    below(&source.join(folder), &mut found);
    found
}

/// What the crate hands out, and the folder that each is of.
fn handed_out() -> BTreeMap<String, &'static str> {
    let library = include_str!("../lib.rs");
    let mut names = BTreeMap::new();
    for line in library.lines().filter_map(|line| line.strip_prefix("pub use ")) {
        let folder = FOLDERS.into_iter().find(|folder| line.starts_with(&format!("{folder}::"))).unwrap();
        let (_, last) = line.trim_end_matches([';', '}']).rsplit_once("::").unwrap();
        for name in last.trim_start_matches('{').split(',') {
            names.insert(name.trim().to_owned(), folder);
        }
    }
    names
}

#[test]
fn folders_know_only_those_before_them() {
    let handed_out = handed_out();
    assert!(handed_out.len() > 15, "{handed_out:?}");
    for (place, folder) in FOLDERS.into_iter().enumerate() {
        for file in files(folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            let later = &FOLDERS[place + 1..];
            for named in later {
                assert!(!text.contains(&format!("crate::{named}")), "{}: {named}", file.display());
            }
            // Through the crate's root, by name; a list may have several lines.
            for list in text.split("use crate::{").skip(1).chain(text.split("use crate::").skip(1)) {
                let list = list.split(';').next().unwrap_or(list);
                for name in list.split(|c: char| !c.is_alphanumeric() && c != '_') {
                    let from = handed_out.get(name).filter(|from| later.contains(*from));
                    assert_eq!(from, None, "{}: {name}", file.display());
                }
            }
        }
    }
}
