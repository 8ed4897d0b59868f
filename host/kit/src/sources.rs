//! The files that a project's package is made of, and whether one was saved after it was built.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::language::Language;
use crate::project::Project;

/// Folders in which there is no source.
const NO_SOURCES: [&str; 3] = ["node_modules", "target", "__pycache__"];
/// The folder of that name at the top of a project holds none either.
const FIXTURES: &str = "fixtures";
/// What tells a folder that a tool made: a cache, or a virtual environment of Python's.
const MADE_BY_TOOLS: [&str; 2] = ["CACHEDIR.TAG", "pyvenv.cfg"];
/// How far the time of a saved file may lie before the clock's: file systems take theirs from a
/// clock that is set on every few milliseconds.
const COARSE: Duration = Duration::from_millis(10);

/// When a file was saved, and its bytes.
pub type Saved = (SystemTime, u64);

/// The files of a project that its package may be made of: all that are in its folder, but for
/// its fixtures, hidden ones, components (`*.wasm`), and what tools keep there (`target`,
/// `node_modules`, `__pycache__`, virtual environments and marked caches). Links to folders are
/// not followed.
#[must_use]
pub fn sources(folder: &Path) -> BTreeMap<PathBuf, Saved> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        // What cannot be read is for the tool chain to complain of.
        for entry in fs::read_dir(&inner).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                let is_fixtures = inner == folder && name == FIXTURES;
                let is_made = MADE_BY_TOOLS.iter().any(|mark| path.join(mark).exists());
                if !is_fixtures && !is_made && !NO_SOURCES.contains(&&*name) {
                    folders.push(path);
                }
            } else if !name.ends_with(".wasm")
                && let Some(saved) = saved(&path)
            {
                found.insert(path, saved);
            }
        }
    }
    found
}

/// When a regular file was saved, and its bytes.
fn saved(path: &Path) -> Option<Saved> {
    let found = path.metadata().ok().filter(fs::Metadata::is_file)?;
    Some((found.modified().ok()?, found.len()))
}

impl Project {
    /// Whether there is no package, or one of the [`sources`] was saved since it was built: then
    /// that source, and `None` without a package.
    #[must_use]
    pub fn is_behind(&self) -> Option<Option<PathBuf>> {
        let Some((built, _)) = saved(&self.package()) else { return Some(None) };
        let newest = sources(self.folder()).into_iter().max_by_key(|(_, (time, _))| *time)?;
        (newest.1.0 >= built).then_some(Some(newest.0))
    }

    /// The files in its folder that building it writes, but for those in hidden ones.
    #[must_use]
    pub fn written_by_builds(&self) -> Vec<PathBuf> {
        let lock = (self.language() == Language::Rust).then(|| self.folder().join("Cargo.lock"));
        [self.package()].into_iter().chain(lock).collect()
    }

    /// Gives a package that was just written the time as of which it is right. `began` is when its
    /// building began: a source that was saved since need not be in it.
    ///
    /// # Errors
    /// When the file's time cannot be set.
    pub fn built_as_of(&self, package: &Path, began: SystemTime) -> io::Result<()> {
        let written = self.written_by_builds();
        let now = SystemTime::now();
        let is_saved_since = sources(self.folder())
            .into_iter()
            .any(|(path, (time, _))| time + COARSE >= began && !written.contains(&path));
        let time = if is_saved_since { began } else { now };
        fs::File::options().write(true).open(package)?.set_modified(time - COARSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = include_str!("../../../plugins/examples/rust/grader/plugin.toml");

    fn project(folder: &Path) -> Project {
        let write = |file: &str, text: &str| {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for file in ["plugin.toml", "Cargo.toml", "Cargo.lock", "src/lib.rs", "prompt.md"] {
            write(file, "");
        }
        for file in [
            "fixtures/one.json",
            "target/guest/x.d",
            "built/CACHEDIR.TAG",
            "built/guest/x.d",
            "environment/pyvenv.cfg",
            "environment/lib/site.py",
            "src/__pycache__/x.pyc",
            "node_modules/lancet-sdk/index.js",
            ".lancet/kit/plugins/sdk/src/lib.rs",
            ".git/index",
            "my-grader.wasm",
            "dist/other.wasm",
        ] {
            write(file, "");
        }
        Project::new(folder, lancet_package::Manifest::parse(MANIFEST).unwrap(), None).unwrap()
    }

    fn set(path: &Path, time: SystemTime) {
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn what_a_package_is_not_made_of_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("round")).unwrap();
        project(folder.path());
        let found: Vec<_> = sources(folder.path()).into_keys().collect();
        let expected = ["Cargo.lock", "Cargo.toml", "plugin.toml", "prompt.md", "src/lib.rs"];
        assert_eq!(found, expected.map(|file| folder.path().join(file)));
        assert!(sources(&folder.path().join("nowhere")).is_empty());
    }

    #[test]
    fn a_source_that_was_saved_since_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path());
        let source = folder.path().join("src/lib.rs");
        let now = SystemTime::now();
        let (hour, second) = (Duration::from_secs(3600), Duration::from_secs(1));
        for path in sources(folder.path()).into_keys() {
            set(&path, now - hour);
        }
        set(&project.package(), now);
        assert_eq!(project.is_behind(), None);
        set(&source, now);
        assert_eq!(project.is_behind(), Some(Some(source.clone())));
        set(&source, now - second);
        assert_eq!(project.is_behind(), None);
        fs::remove_file(project.package()).unwrap();
        assert_eq!(project.is_behind(), Some(None));
    }

    #[test]
    fn what_is_saved_while_it_is_built_is_built_the_next_time_and_what_building_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path());
        let source = folder.path().join("src/lib.rs");
        let began = SystemTime::now();
        let (hour, second) = (Duration::from_secs(3600), Duration::from_secs(1));
        for path in sources(folder.path()).into_keys() {
            set(&path, began - hour);
        }
        let package = project.package();
        // Cargo wrote it meanwhile.
        set(&folder.path().join("Cargo.lock"), began + Duration::from_millis(1));
        std::thread::sleep(Duration::from_millis(20));
        project.built_as_of(&package, began).unwrap();
        assert_eq!(project.is_behind(), None);
        set(&source, began + Duration::from_millis(2));
        project.built_as_of(&package, began).unwrap();
        assert_eq!(project.is_behind().unwrap(), Some(source.clone()));
        // And when that was before.
        project.built_as_of(&package, began + second).unwrap();
        assert_eq!(project.is_behind(), None);
    }
}
