//! A new plugin's project: the example of its language, under its own name.

use std::fs;
use std::path::{Path, PathBuf};

use lancet_core::Role;
use lancet_file::WholeFolder;

use crate::component::link_kit;
use crate::embedded::{below, lay};
use crate::error::Error;
use crate::language::Language;
use crate::project::own;
use crate::tool::Tool;

/// The publisher of a plugin that is given none.
const PUBLISHER: &str = "local";
/// What the kits are called in every language, so that no plugin can be.
const KIT: &str = "lancet-sdk";
/// What the examples are called.
const EXAMPLES: [&str; 2] = ["example/my-grader", "example/my-agent"];
/// The most bytes of each half of a name: 64.
const MAX_NAME_BYTES: usize = 64;

/// A project that was begun.
#[derive(Debug, Clone)]
pub struct Start {
    /// Its folder.
    pub folder: PathBuf,
    /// The whole name of the plugin, `publisher/name`.
    pub name: String,
    /// The files in it, by their paths from there.
    pub files: Vec<String>,
    /// The tools that have to be installed before it can be built.
    pub missing: Vec<Tool>,
}

/// Begins a project in a new folder below `parent`, called by the second half of the name. The folder
/// is there with all that is in it, or not at all.
///
/// # Errors
/// When the name is none, the folder exists already, or it cannot be written.
pub fn start(parent: &Path, name: &str, language: Language, role: Role) -> Result<Start, Error> {
    let (publisher, short) = name.split_once('/').unwrap_or((PUBLISHER, name));
    if ![publisher, short].iter().all(|half| is_name(half)) {
        return Err(Error::Name(name.chars().take(200).collect()));
    }
    if short == KIT {
        return Err(Error::KitName);
    }
    let folder = parent.join(short);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists(folder.clone()),
        _ => Error::write(&folder)(error),
    };
    let made = WholeFolder::begin(&folder).map_err(failed)?;
    let whole = format!("{publisher}/{short}");
    let files = write(made.path(), (&whole, short), language, role)
        .map_err(|error| at_its_place(error, made.path(), &folder))?;
    made.place().map_err(failed)?;
    let tools: &[Tool] = match language {
        Language::Rust => &[Tool::RustTarget],
        Language::Python => &[Tool::ComponentizePy],
        Language::JavaScript => &[Tool::Node, Tool::ComponentizeQjs],
    };
    let is_missing = |tool: &&Tool| matches!(tool.state(&folder), crate::tool::ToolState::Missing { .. });
    let missing = tools.iter().filter(is_missing).copied().collect();
    Ok(Start { folder, name: whole, files, missing })
}

/// An error with a file of the project by the place that it was to have.
fn at_its_place(error: Error, made: &Path, folder: &Path) -> Error {
    match error {
        Error::File { doing, path, source } => {
            let path = path.strip_prefix(made).map(|rest| folder.join(rest)).unwrap_or(path);
            Error::File { doing, path, source }
        }
        other => other,
    }
}

/// Writes the files of a project of that whole and short name, and gives their paths in its folder.
fn write(
    folder: &Path,
    (whole, short): (&str, &str),
    language: Language,
    role: Role,
) -> Result<Vec<String>, Error> {
    let mut files = Vec::new();
    for (path, text) in below(&format!("plugins/examples/{language}/{role}")) {
        // A folder of the examples would be a repository, a package or a workflow of this one.
        let path = match path {
            "gitignore" => ".gitignore".to_owned(),
            _ => path.replace("github/", ".github/"),
        };
        let file = folder.join(&path);
        let above = file.parent().unwrap_or(folder);
        fs::create_dir_all(above).map_err(Error::write(above))?;
        fs::write(&file, named(text, whole, short)).map_err(Error::write(&file))?;
        files.push(path);
    }
    files.sort();
    // So that its tests run, and an editor knows the kit, before it has been built.
    lay(language, &own(folder)?.join("kit"))?;
    if language == Language::JavaScript {
        link_kit(folder)?;
    }
    Ok(files)
}

/// An example's text under another name, which may hold that of the example.
fn named(text: &str, whole: &str, short: &str) -> String {
    const MARKS: [&str; 3] = ["\0whole", "\0short", "\0crate"];
    let mut text = text.to_owned();
    for example in EXAMPLES {
        let of_example = example.rsplit('/').next().unwrap_or(example);
        text = text.replace(example, MARKS[0]).replace(of_example, MARKS[1]);
        text = text.replace(&of_example.replace('-', "_"), MARKS[2]);
    }
    text.replace(MARKS[0], whole).replace(MARKS[1], short).replace(MARKS[2], &short.replace('-', "_"))
}

/// Whether it is half of a plugin's name. It begins with a letter, as it becomes the name of a
/// crate and of a package, too.
fn is_name(name: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= MAX_NAME_BYTES
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.split('-').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_gets_its_new_name_whatever_that_holds() {
        let text = "name = \"example/my-grader\" # my-grader, use my_grader";
        assert_eq!(
            named(text, "acme/my-grader-2", "my-grader-2"),
            "name = \"acme/my-grader-2\" # my-grader-2, use my_grader_2"
        );
    }

    #[test]
    fn names_and_folders_that_cannot_be_are_refused_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "Mine", "a/b/c", "../up", "a/", "/a", "a_b", "1st", "a--b", "a b", "acme/\u{e9}"] {
            let refused = start(folder.path(), name, Language::Python, Role::Grader);
            assert!(matches!(refused, Err(Error::Name(_))), "{name}");
        }
        assert!(start(folder.path(), &"a".repeat(65), Language::Python, Role::Grader).is_err());
        let refused = start(folder.path(), "acme/lancet-sdk", Language::Rust, Role::Grader);
        assert!(matches!(refused, Err(Error::KitName)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join("taken"), "mine").unwrap();
        let refused = start(folder.path(), "acme/taken", Language::Python, Role::Grader);
        assert!(matches!(refused, Err(Error::Exists(_))));
        assert_eq!(fs::read(folder.path().join("taken")).unwrap(), b"mine");
    }

    #[test]
    fn a_project_is_there_whole_and_what_was_left_of_another_goes() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join(".lancet-folder-1-0-00000000/folder/src")).unwrap();
        let started = start(place.path(), "acme/new", Language::JavaScript, Role::Agent).unwrap();
        let found: Vec<_> = fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(found, ["new"]);
        // Its links lead on where it is now.
        assert!(started.folder.join("node_modules/lancet-sdk/package.json").is_file());
        let refused = start(place.path(), "acme/new", Language::Python, Role::Agent);
        assert!(matches!(refused, Err(Error::Exists(_))));
    }

    /// What a newcomer gets is what a host takes, in every language and for either role.
    #[test]
    fn every_project_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            for role in [Role::Grader, Role::Agent] {
                let name = format!("acme/{language}-{role}");
                let started = start(folder.path(), &name, language, role).unwrap();
                let read = |file: &str| fs::read_to_string(started.folder.join(file)).unwrap();
                let manifest = lancet_package::Manifest::parse(&read("plugin.toml")).unwrap();
                assert_eq!((manifest.name.as_str(), manifest.world.role()), (name.as_str(), role));
                for file in ["README.md", ".gitignore", ".github/workflows/plugin.yml", language.mark()] {
                    assert!(started.files.iter().any(|f| f == file), "{name}: {file}: {:?}", started.files);
                }
                // Lancet itself is built with guests of its own.
                let workflow = read(".github/workflows/plugin.yml");
                let (before, _) = workflow.split_once("cargo install ").unwrap();
                assert!(before.contains("- run: rustup target add wasm32-unknown-unknown\n"), "{name}");
                let all: String = started.files.iter().map(|file| read(file)).collect();
                assert!(!all.contains("my-grader") && !all.contains("my-agent"), "{name}");
                let project = crate::Project::new(&started.folder, manifest, None).unwrap();
                assert_eq!(project.language(), language);
                project.entry().unwrap();
                // The versions that are named are those that were tested.
                for tool in [Tool::ComponentizePy, Tool::ComponentizeQjs] {
                    let (_, rest) = all.split_once(&tool.name().to_string()).unwrap_or_default();
                    assert!(
                        rest.is_empty() || all.contains(tool.tested().unwrap()),
                        "{name}: {}",
                        tool.name()
                    );
                }
            }
        }
    }
}
