//! The plugin that an author names, and where its fixtures lie.

use std::path::{Path, PathBuf};

use lancet_author::{Fixture, FixtureError};
use lancet_core::{MAX_FIXTURE_BYTES, Role};
use lancet_kit::package_of;
use lancet_runner::Named;

use super::kit::{Built, MANIFEST, current};
use super::package::read_manifest;
use crate::exit::Exit;
use crate::failure::Failure;

/// The name of the folder with a plugin's fixtures.
const FIXTURES: &str = "fixtures";
/// How many folders above a component its manifest is looked for.
const MAX_ABOVE: usize = 6;
/// The most fixtures of a folder: 10,000.
const MAX_FIXTURES: usize = 10_000;
/// The most bytes of them together, since all are held in memory: 256 MiB.
const MAX_FIXTURES_BYTES: u64 = 256 << 20;

/// The plugin that an author named.
pub(super) struct Target {
    /// Its component, and what it is called.
    pub(super) named: Named,
    /// Where its files are.
    pub(super) place: Place,
}

/// Where a plugin's files are.
pub(super) struct Place {
    /// Its component; a built-in plugin has no file.
    pub(super) file: Option<PathBuf>,
}

/// Fixtures by the names of their files, each as it was read.
pub(super) type Fixtures = Vec<(String, Result<Fixture, FixtureError>)>;

impl Target {
    /// The plugin by that name: built in, a file, or the folder of a project, whose package is
    /// meant and built if need be; what came of that is put into `built`.
    pub(super) fn find(text: &str, built: &mut Option<Built>) -> Result<Self, Failure> {
        let path = Path::new(text);
        if let Some(builtin) = builtin(text) {
            let named = Named::new(text, builtin.component.to_vec());
            return Ok(Self { named, place: Place { file: None } });
        }
        let file = if path.is_dir() {
            let (package, just_now) = current(path)?;
            *built = just_now;
            package
        } else {
            path.to_owned()
        };
        let named = Named::new(&file.display().to_string(), lancet_runner::read(&file)?);
        Ok(Self { named, place: Place { file: Some(file) } })
    }
}

fn builtin(name: &str) -> Option<&'static lancet_builtin::Builtin> {
    [Role::Agent, Role::Grader].into_iter().find_map(|role| lancet_builtin::find(role, name))
}

impl Place {
    /// Where the files of the plugin by that name are, whether they are there or not. Nothing but
    /// a manifest is read, and nothing is built.
    pub(super) fn find(text: &str) -> Result<Self, Failure> {
        let path = Path::new(text);
        let file = match builtin(text) {
            Some(_) => None,
            None if path.is_dir() => Some(package_of(path, &read_manifest(&path.join(MANIFEST))?.0)),
            None => Some(path.to_owned()),
        };
        Ok(Self { file })
    }

    /// Where the plugin's fixtures are, unless somebody says otherwise: beside its file, or beside
    /// the `plugin.toml` that is in the folder of its file or above it.
    pub(super) fn fixtures(&self, given: Option<&Path>) -> Option<PathBuf> {
        if let Some(given) = given {
            return Some(given.to_owned());
        }
        let parent = self.file.as_deref().and_then(Path::parent);
        let beside = parent.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if beside.join(FIXTURES).is_dir() {
            return Some(beside.join(FIXTURES));
        }
        let absolute = beside.canonicalize().ok()?;
        let project = absolute.ancestors().take(MAX_ABOVE).find(|folder| folder.join(MANIFEST).is_file())?;
        Some(project.join(FIXTURES)).filter(|folder| folder.is_dir())
    }
}

/// Reads every fixture of a folder: its files that end with `.json`, by name.
pub(super) fn read_all(folder: &Path) -> Result<Fixtures, Failure> {
    let failed = |error: &std::io::Error| Failure::file("read", folder, error).exit(Exit::Usage);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| failed(&e))? {
        let path = entry.map_err(|e| failed(&e))?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    if files.len() > MAX_FIXTURES {
        let message =
            format!("`{}` has {} fixtures, at most {MAX_FIXTURES} are run", folder.display(), files.len());
        return Err(Failure::usage(message).hint("keep the fixtures of each plugin in a folder of their own"));
    }
    // What is larger than a fixture may be is not read at all.
    let sizes = files.iter().filter_map(|path| path.metadata().ok()).map(|found| found.len());
    let bytes: u64 = sizes.filter(|bytes| *bytes <= MAX_FIXTURE_BYTES as u64).sum();
    if bytes > MAX_FIXTURES_BYTES {
        let message = format!(
            "the fixtures in `{}` have {bytes} bytes, at most {MAX_FIXTURES_BYTES} (256 MiB) are read",
            folder.display()
        );
        return Err(Failure::usage(message).hint(
            "keep some of them in another folder, and name each folder with `--fixtures` in its turn",
        ));
    }
    files.sort();
    Ok(files.iter().map(|path| (name(path), read_one(path))).collect())
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read_one(path: &Path) -> Result<Fixture, FixtureError> {
    let bytes = lancet_file::read(path, MAX_FIXTURE_BYTES as u64)
        .map_err(|error| FixtureError { problem: format!("it cannot be read: {error}"), hint: None })?;
    Fixture::read(&name(path), &bytes)
}
