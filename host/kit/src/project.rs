//! A plugin's project: a folder with `plugin.toml` and the source in one language.

use std::fs;
use std::path::{Path, PathBuf};

use lancet_core::{CONTRACT_VERSION, Capability, said_of_toml};
use lancet_package::Manifest;
use toml::Table;

use crate::error::Error;
use crate::language::Language;
use crate::tool::text_of;

/// The folder in a project where the kit, the narrowed world and what is made of them lie.
const OWN: &str = ".lancet";

/// A plugin's project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its folder.
    folder: PathBuf,
    language: Language,
    manifest: Manifest,
}

impl Project {
    /// The project in a folder whose `plugin.toml` has been read. Without a language it is told
    /// by the files that are there.
    ///
    /// # Errors
    /// When the language cannot be told, or the manifest says what cannot be built.
    pub fn new(
        folder: impl Into<PathBuf>,
        manifest: Manifest,
        language: Option<Language>,
    ) -> Result<Self, Error> {
        let folder = folder.into();
        let language = match language {
            Some(language) if folder.join(language.mark()).is_file() => language,
            Some(language) => {
                return Err(Error::Key {
                    file: folder.join(language.mark()),
                    key: "(the file)".to_owned(),
                    problem: format!("missing, expected that of a plugin in {language}"),
                    hint: "leave `--lang` out to have the language told by the files that are there"
                        .to_owned(),
                });
            }
            None => {
                let found: Vec<_> =
                    Language::ALL.into_iter().filter(|l| folder.join(l.mark()).is_file()).collect();
                match found[..] {
                    [] => return Err(Error::NoLanguage(folder)),
                    [language] => language,
                    _ => {
                        let marks: Vec<_> = found.iter().map(|l| format!("`{}`", l.mark())).collect();
                        return Err(Error::Languages { folder, found: marks.join(" and ") });
                    }
                }
            }
        };
        let project = Self { folder, language, manifest };
        project.can_be_built()?;
        Ok(project)
    }

    /// Its language.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its package is put unless somebody says otherwise: [`package_of`] it.
    #[must_use]
    pub fn package(&self) -> PathBuf {
        package_of(&self.folder, &self.manifest)
    }

    fn can_be_built(&self) -> Result<(), Error> {
        let file = self.folder.join("plugin.toml");
        let contract = &self.manifest.contract;
        if contract != CONTRACT_VERSION {
            return Err(Error::Key {
                file,
                key: "contract".to_owned(),
                problem: format!("`{contract}`, but this lancet builds for {CONTRACT_VERSION}"),
                hint: format!(
                    "write `contract = \"{CONTRACT_VERSION}\"`, or build with the lancet that has it"
                ),
            });
        }
        let reason = match self.language {
            // Nothing of the language's own is imported there.
            Language::Rust => "a plugin in Rust imports nothing of WASI",
            Language::Python => "a plugin in Python would import sockets with it, which nobody grants",
            Language::JavaScript => return Ok(()),
        };
        match self.manifest.asks.contains_key(&Capability::WasiInert) {
            true => Err(Error::Key {
                file,
                key: format!("asks.{}", Capability::WasiInert),
                problem: reason.to_owned(),
                hint: "remove it: `lancet plugin build` builds without WASI".to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// The folder for the kit, the world and what is made of them, which is made if need be.
    pub(crate) fn own(&self) -> Result<PathBuf, Error> {
        own(&self.folder)
    }

    /// The module or the file that the component is made of.
    pub(crate) fn entry(&self) -> Result<String, Error> {
        let mark = self.folder.join(self.language.mark());
        let text = text_of(&mark).map_err(Error::read(&mark))?;
        match self.language {
            Language::Rust => crate_name(&mark, &text),
            Language::Python => {
                let module = read_toml(&mark, &text)?
                    .get("tool")
                    .and_then(|tool| tool.get("lancet")?.get("module")?.as_str().map(str::to_owned))
                    .unwrap_or_else(|| self.manifest.world.role().to_string());
                let is_there = self.folder.join(format!("{}.py", module.replace('.', "/"))).is_file()
                    || self.folder.join(module.replace('.', "/")).join("__init__.py").is_file();
                match is_there {
                    true => Ok(module),
                    false => Err(Error::Key {
                        file: mark,
                        key: "tool.lancet.module".to_owned(),
                        problem: format!("there is no module `{module}` in the project's folder"),
                        hint:
                            "name the module with the plugin's class: `[tool.lancet]`, `module = \"grader\"`"
                                .to_owned(),
                    }),
                }
            }
            Language::JavaScript => {
                let hint = "name the file with the plugin's export: `\"main\": \"grader.js\"`".to_owned();
                let key = |problem| Error::Key { file: mark.clone(), key: "main".to_owned(), problem, hint };
                let package: serde_json::Value = match serde_json::from_str(&text) {
                    Ok(package) => package,
                    Err(error) => return Err(key(format!("the file is no JSON: {error}"))),
                };
                let Some(main) = package["main"].as_str() else {
                    return Err(key("missing".to_owned()));
                };
                match self.folder.join(main).is_file() {
                    true => Ok(main.to_owned()),
                    false => Err(key(format!("there is no file `{main}`"))),
                }
            }
        }
    }
}

/// The package of the project in a folder: `NAME.wasm` there, by the second half of its name.
#[must_use]
pub fn package_of(folder: &Path, manifest: &Manifest) -> PathBuf {
    let name = manifest.name.rsplit('/').next().unwrap_or_default();
    folder.join(format!("{name}.wasm"))
}

/// The folder of ours in a project. A link in its place might lead out of the project, and
/// what is in it is replaced.
pub(crate) fn own(folder: &Path) -> Result<PathBuf, Error> {
    let own = folder.join(OWN);
    match own.symlink_metadata() {
        Ok(found) if !found.is_dir() => Err(Error::Key {
            file: own,
            key: "(the file)".to_owned(),
            problem: "expected a folder, in which the kit is laid".to_owned(),
            hint: "remove it".to_owned(),
        }),
        Ok(_) => Ok(own),
        Err(_) => {
            fs::create_dir_all(&own).map_err(Error::write(&own))?;
            Ok(own)
        }
    }
}

/// The name of the crate whose library the component is made of.
fn crate_name(file: &Path, text: &str) -> Result<String, Error> {
    let manifest = read_toml(file, text)?;
    let key = |key: &str, problem: String, hint: &str| Error::Key {
        file: file.to_owned(),
        key: key.to_owned(),
        problem,
        hint: hint.to_owned(),
    };
    let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
    let Some(name) = name else {
        return Err(key("package.name", "missing".to_owned(), "a plugin is a package of its own"));
    };
    let library = manifest.get("lib");
    let of_library = |key: &str| library.and_then(|library| library.get(key));
    let types = of_library("crate-type").and_then(|types| types.as_array());
    if !types.is_some_and(|types| types.iter().any(|t| t.as_str() == Some("cdylib"))) {
        return Err(key(
            "lib.crate-type",
            "expected one of the types to be `cdylib`: a component is made of that".to_owned(),
            "add `crate-type = [\"cdylib\", \"rlib\"]` to `[lib]`",
        ));
    }
    match of_library("name").and_then(|name| name.as_str()) {
        Some(other) if other != name.replace('-', "_") => Err(key(
            "lib.name",
            format!("`{other}`, expected that of the package, `{}`", name.replace('-', "_")),
            "remove it",
        )),
        _ => Ok(name.to_owned()),
    }
}

fn read_toml(file: &Path, text: &str) -> Result<Table, Error> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Error::Key {
            file: file.to_owned(),
            key: format!("line {}", before.matches('\n').count() + 1),
            problem: format!("this is no TOML: {}", said_of_toml(error.message())),
            hint: "mend the file".to_owned(),
        }
    })
}
