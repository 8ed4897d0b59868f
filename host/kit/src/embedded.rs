//! What is embedded in the program, and how it is laid into a project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::error::Error;
use crate::language::Language;

/// Paths from the folder of the workspace, and the texts of the files.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The embedded files below a folder, by their paths from there.
pub(crate) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let folder = format!("{folder}/");
    FILES.iter().filter_map(move |(path, text)| Some((path.strip_prefix(folder.as_str())?, *text)))
}

/// The text of an embedded file, or nothing.
fn text(path: &str) -> &'static str {
    FILES.iter().find(|(name, _)| *name == path).map_or("", |(_, text)| text)
}

/// The version of the kits, which is that of this program.
pub(crate) const KIT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Lays the kit of a language below a folder, as it lies in a checkout, and takes away what
/// another version left there. What is right already is not touched: tools go by the times of
/// files.
pub(crate) fn lay(language: Language, folder: &Path) -> Result<(), Error> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    // Its own tests are for those who change it.
    for (path, text) in below(language.kit()).filter(|(path, _)| !path.starts_with("tests/")) {
        let text = match (language, path) {
            (Language::Rust, "Cargo.toml") => standalone(text),
            _ => text.to_owned(),
        };
        files.push((Path::new(language.kit()).join(path), text));
    }
    if language == Language::Rust {
        // What its source takes from beside it.
        files.extend(below("wit").map(|(path, text)| (Path::new("wit").join(path), text.to_owned())));
        files.push(("plugins/README.md".into(), text("plugins/README.md").to_owned()));
    }
    lay_files(folder, &files)
}

/// Lays the files of the contract into a folder, and one file more.
pub(crate) fn lay_contract(folder: &Path, world: (&str, String)) -> Result<(), Error> {
    let contract = below("wit").filter(|(path, _)| !path.contains('/') && path.ends_with(".wit"));
    let mut files: Vec<_> = contract.map(|(path, text)| (path.into(), text.to_owned())).collect();
    files.push((world.0.into(), world.1));
    lay_files(folder, &files)
}

/// Makes a folder hold these files and no other.
fn lay_files(folder: &Path, files: &[(PathBuf, String)]) -> Result<(), Error> {
    // What it leads to is somebody else's, and nothing is removed there.
    if folder.is_symlink() {
        fs::remove_file(folder).map_err(Error::write(folder))?;
    }
    let wanted: BTreeSet<_> = files.iter().map(|(path, _)| folder.join(path)).collect();
    remove_others(folder, &wanted)?;
    for (path, text) in files {
        let path = folder.join(path);
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(Error::write(parent))?;
        fs::write(&path, text).map_err(Error::write(&path))?;
    }
    Ok(())
}

/// Removes the files below a folder that are not wanted. What runs the kit (`__pycache__`)
/// leaves files there, too.
fn remove_others(folder: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::read(folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::read(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Error::read(&path))?;
        if kind.is_dir() {
            remove_others(&path, wanted)?;
            // Only one that has become empty goes.
            let _ = fs::remove_dir(&path);
        } else if !kind.is_file() || !wanted.contains(&path) {
            // What is written through a link would be somebody else's, and a pipe would wait for ever.
            fs::remove_file(&path).map_err(Error::write(&path))?;
        }
    }
    Ok(())
}

/// The manifest of a crate of this workspace, with what it has from the workspace written out:
/// it is built on its own.
fn standalone(manifest: &str) -> String {
    let read = |text: &str| toml::from_str::<Table>(text).unwrap_or_default();
    let workspace = read(text("Cargo.toml"));
    let of_workspace = |part: &str, name: &str| workspace.get("workspace")?.get(part)?.get(name).cloned();
    let mut manifest = read(manifest);
    // They are for those who change the crate.
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    if let Some(package) = manifest.get_mut("package").and_then(Value::as_table_mut) {
        for (name, value) in package.iter_mut() {
            if let (true, Some(given)) = (is_of_workspace(value), of_workspace("package", name)) {
                *value = given;
            }
        }
    }
    if let Some(dependencies) = manifest.get_mut("dependencies").and_then(Value::as_table_mut) {
        for (name, value) in dependencies.iter_mut() {
            if !is_of_workspace(value) {
                continue;
            }
            let mut given = match of_workspace("dependencies", name) {
                Some(Value::Table(given)) => given,
                Some(version) => Table::from_iter([("version".to_owned(), version)]),
                None => continue,
            };
            for (key, own) in value.as_table().into_iter().flatten().filter(|(key, _)| *key != "workspace") {
                match (given.get_mut(key), own) {
                    (Some(Value::Array(given)), Value::Array(own)) => given.extend(own.iter().cloned()),
                    _ => drop(given.insert(key.clone(), own.clone())),
                }
            }
            *value = Value::Table(given);
        }
    }
    toml::to_string(&manifest).unwrap_or_default()
}

fn is_of_workspace(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_of_rust_stands_alone() {
        let manifest = standalone(text("plugins/sdk/Cargo.toml"));
        assert!(!manifest.contains("workspace"), "{manifest}");
        let table: Table = toml::from_str(&manifest).unwrap();
        assert_eq!(table["package"]["version"].as_str(), Some(KIT_VERSION));
        let bindgen = &table["dependencies"]["wit-bindgen"];
        assert_eq!(bindgen["default-features"].as_bool(), Some(false), "{manifest}");
        assert_eq!(table["dependencies"]["minijinja"]["optional"].as_bool(), Some(true), "{manifest}");
    }

    #[test]
    fn where_a_link_leads_nothing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("file"), "mine").unwrap();
        let (kit, wit) = (folder.path().join("kit"), folder.path().join("wit"));
        let linked = |link: &Path| std::os::unix::fs::symlink(&precious, link).unwrap();
        linked(&kit);
        linked(&wit);
        lay(Language::Python, &kit).unwrap();
        lay_contract(&wit, ("asked.wit", String::new())).unwrap();
        for place in [&kit, &wit] {
            assert!(!place.is_symlink() && place.is_dir(), "{}", place.display());
        }
        // Nor is anything written where one deeper in the folder leads.
        linked(&kit.join("deeper"));
        fs::remove_file(wit.join("asked.wit")).unwrap();
        std::os::unix::fs::symlink(precious.join("file"), wit.join("asked.wit")).unwrap();
        lay_contract(&wit, ("asked.wit", "world".to_owned())).unwrap();
        assert_eq!(fs::read(wit.join("asked.wit")).unwrap(), b"world");
        fs::remove_dir_all(kit.join("plugins")).unwrap();
        linked(&kit.join("plugins"));
        lay(Language::Python, &kit).unwrap();
        assert!(kit.join("plugins").join("python").is_dir() && !kit.join("plugins").is_symlink());
        let left: Vec<_> = fs::read_dir(&precious).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["file"]);
        assert_eq!(fs::read(precious.join("file")).unwrap(), b"mine");
    }

    #[test]
    fn a_kit_is_laid_whole_and_what_is_right_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let kit = folder.path().join(language.as_str());
            lay(language, &kit).unwrap();
            let mark = kit.join(language.kit()).join(language.mark());
            let written = fs::metadata(&mark).unwrap().modified().unwrap();
            // Another version left something, and somebody changed something.
            fs::create_dir_all(kit.join("old/deep")).unwrap();
            fs::write(kit.join("old/deep/file"), "old").unwrap();
            let mut others = below(language.kit()).filter(|(path, _)| *path != language.mark());
            let changed = kit.join(language.kit()).join(others.next().unwrap().0);
            let expected = fs::read(&changed).unwrap();
            fs::write(&changed, "changed").unwrap();
            lay(language, &kit).unwrap();
            assert!(!kit.join("old").exists());
            assert_eq!(fs::read(&changed).unwrap(), expected);
            assert_eq!(fs::metadata(&mark).unwrap().modified().unwrap(), written, "{}", mark.display());
        }
    }
}
