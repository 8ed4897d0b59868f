//! Building a project's component with the tool chain of its language.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lancet_core::Capability;
use lancet_guest_build::Request;

use crate::embedded::{KIT_VERSION, lay, lay_contract};
use crate::error::Error;
use crate::language::Language;
use crate::project::Project;
use crate::tool::{MAX_SAID, Tool, text_of};
use crate::world;

/// How much of what a tool wrote is shown when it fails: the last 16 KiB.
const MAX_OUTPUT: usize = 16 << 10;

/// How long a tool may take that executes what is at the top of the plugin's own modules: 15 minutes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The most bytes of a component that a tool made: 64 MiB, as of any.
const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// A component, and what it was built with.
#[derive(Debug, Clone)]
pub struct Built {
    /// The component in its binary form. It is no package yet.
    pub component: Vec<u8>,
    /// The tool and its version, for people.
    pub tool: String,
}

/// Builds a project's component: lays the kit of its language and the world that its manifest
/// asks for into `.lancet`, and has the tool chain build for that world. Cargo's own words go
/// to standard error; other tools are heard when they fail.
///
/// # Errors
/// When the tool chain is not there, or is one that was not tested; when it fails; when the
/// project does not say what is to be built. [`Error::Stopped`] when `is_stopped` said so while
/// the tool chain was at work: then nothing of that is left running.
pub fn build(project: &Project, is_stopped: &dyn Fn() -> bool) -> Result<Built, Error> {
    let own = project.own()?;
    let entry = project.entry()?;
    let kit = own.join("kit");
    lay(project.language(), &kit)?;
    match project.language() {
        Language::Rust => rust(project, &entry, is_stopped),
        Language::Python => python(project, (&own, &entry), is_stopped),
        Language::JavaScript => javascript(project, (&own, &entry), is_stopped),
    }
}

fn rust(project: &Project, package: &str, is_stopped: &dyn Fn() -> bool) -> Result<Built, Error> {
    let target = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    let target = match target {
        Some(folder) => env::current_dir().map_err(Error::read("."))?.join(folder),
        // Cargo is started in the project's folder.
        None => PathBuf::from("target"),
    };
    let folder = project.folder();
    let absolute = folder.canonicalize().map_err(Error::read(folder))?;
    let request = Request::new(&absolute, absolute.join(target)).of_an_author().package(package);
    let built = lancet_guest_build::build_by(
        &request,
        |cargo| lancet_child::status(cargo, is_stopped),
        |compiler| lancet_child::output(compiler, MAX_SAID, is_stopped),
    );
    let mut guests = built.map_err(|error| match error {
        lancet_guest_build::Error::Stopped => Error::Stopped("cargo"),
        error => error.into(),
    })?;
    kit_of_rust(&absolute)?;
    let component = guests.pop().map(|guest| guest.component).unwrap_or_default();
    Ok(Built { component, tool: "cargo".to_owned() })
}

/// The kit that Cargo took is the one that was tested with this program.
fn kit_of_rust(folder: &Path) -> Result<(), Error> {
    let path = folder.join("Cargo.lock");
    // It is elsewhere when the project is a member of a workspace.
    let Ok(text) = text_of(&path) else { return Ok(()) };
    let lock: toml::Table = toml::from_str(&text).unwrap_or_default();
    let packages = lock.get("package").and_then(|packages| packages.as_array());
    let kit = packages
        .into_iter()
        .flatten()
        .find(|package| package.get("name").and_then(|name| name.as_str()) == Some("lancet-sdk"));
    let version = kit.and_then(|kit| kit.get("version")?.as_str());
    tested_kit(version.unwrap_or(KIT_VERSION), path, || {
        format!(
            "write `lancet-sdk = {{ path = \".lancet/kit/{}\" }}` into `Cargo.toml`",
            Language::Rust.kit()
        )
    })
}

fn tested_kit(found: &str, path: PathBuf, install: impl FnOnce() -> String) -> Result<(), Error> {
    if found == KIT_VERSION {
        return Ok(());
    }
    Err(Error::Untested {
        name: "the kit `lancet-sdk`".to_owned(),
        path,
        found: found.to_owned(),
        tested: KIT_VERSION.to_owned(),
        install: install(),
    })
}

/// A copy of the kit in a project's folder comes before the one that is laid.
fn kit_of_python(folder: &Path) -> Result<(), Error> {
    let path = folder.join("lancet_sdk/__init__.py");
    let Ok(text) = text_of(&path) else { return Ok(()) };
    let version = text.lines().find_map(|line| line.strip_prefix("__version__ = \"")?.strip_suffix('"'));
    tested_kit(version.unwrap_or("of no version"), path, || {
        "remove that folder: `lancet plugin build` lays the kit beside it".to_owned()
    })
}

fn python(
    project: &Project,
    (own, module): (&Path, &str),
    is_stopped: &dyn Fn() -> bool,
) -> Result<Built, Error> {
    let tool = Tool::ComponentizePy;
    let folder = project.folder();
    let found = tool.find(folder, is_stopped)?;
    kit_of_python(folder)?;
    let (wit, component) = (contract(project, own)?, own.join("component.wasm"));
    let mut command = Command::new(&found.program);
    // Compiled modules would be left in the project's folder.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let environment = folder.join(".venv");
    if environment.is_dir() {
        // Its packages are the plugin's.
        command.env("VIRTUAL_ENV", &environment);
    }
    command.arg("--wit-path").arg(&wit).args(["--world", world::NAME, "componentize", "--stub-wasi"]);
    for path in [folder, &own.join("kit").join(Language::Python.kit())] {
        command.arg("--python-path").arg(path);
    }
    command.arg("--output").arg(&component).arg(module);
    made(tool, &mut command, &component, is_stopped)
        .map(|component| Built { component, tool: format!("{} {}", tool.name(), found.version) })
}

fn javascript(
    project: &Project,
    (own, main): (&Path, &str),
    is_stopped: &dyn Fn() -> bool,
) -> Result<Built, Error> {
    let tool = Tool::ComponentizeQjs;
    let folder = project.folder();
    Tool::Node.find(folder, is_stopped)?;
    let found = tool.find(folder, is_stopped)?;
    link_kit(folder)?;
    let (wit, component) = (contract(project, own)?, own.join("component.wasm"));
    let mut command = Command::new(&found.program);
    command.arg("--wit").arg(&wit).args(["--world", world::NAME, "--sync"]);
    if !project.manifest().asks.contains_key(&Capability::WasiInert) {
        command.arg("--stub-wasi");
    }
    // Modules are looked for below it, and those of packages in its `node_modules`.
    command
        .arg("--module-root")
        .arg(folder)
        .arg("--js")
        .arg(folder.join(main))
        .arg("--output")
        .arg(&component);
    made(tool, &mut command, &component, is_stopped)
        .map(|component| Built { component, tool: format!("{} {}", tool.name(), found.version) })
}

/// Has `import "lancet-sdk"` find the kit, here and in Node.js, unless the project has it from
/// elsewhere: then it has to be of this version.
pub(crate) fn link_kit(folder: &Path) -> Result<(), Error> {
    let modules = folder.join("node_modules");
    let link = modules.join("lancet-sdk");
    let kit = Path::new("../.lancet/kit").join(Language::JavaScript.kit());
    match link.symlink_metadata() {
        Err(_) => {
            fs::create_dir_all(&modules).map_err(Error::write(&modules))?;
            std::os::unix::fs::symlink(kit, &link).map_err(Error::write(&link))
        }
        Ok(_) => {
            let manifest = link.join("package.json");
            let text = text_of(&manifest).map_err(Error::read(&manifest))?;
            let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let version = package["version"].as_str().unwrap_or("of no version");
            tested_kit(version, link.clone(), || {
                format!("run `npm uninstall lancet-sdk`, or `npm install lancet-sdk@{KIT_VERSION}`")
            })
        }
    }
}

/// The contract and the narrowed world in a folder of their own.
fn contract(project: &Project, own: &Path) -> Result<PathBuf, Error> {
    let folder = own.join("wit");
    lay_contract(&folder, ("asked.wit", world::narrowed(project.manifest())))?;
    Ok(folder)
}

/// What a tool wrote to a file, if it ended as it should.
fn made(
    tool: Tool,
    command: &mut Command,
    component: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Vec<u8>, Error> {
    // What an earlier build made is no result of this one.
    match fs::remove_file(component) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::write(component)(error));
        }
        _ => {}
    }
    // Where in the tool it failed is of no use to who wrote the plugin.
    command.env("RUST_BACKTRACE", "0").env_remove("RUST_LIB_BACKTRACE");
    let program = command.get_program().to_owned();
    let began = Instant::now();
    let is_late = || began.elapsed() > PATIENCE;
    let output = lancet_child::output(command, MAX_OUTPUT, &|| is_stopped() || is_late());
    let output = output.map_err(Error::read(PathBuf::from(program)))?.ok_or_else(|| {
        match is_late() && !is_stopped() {
            true => Error::Endless { tool, seconds: PATIENCE.as_secs() },
            false => Error::Stopped(tool.name()),
        }
    })?;
    if !output.status.success() {
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        let text = text.trim();
        let start =
            (text.len().saturating_sub(MAX_OUTPUT)..=text.len()).find(|at| text.is_char_boundary(*at));
        return Err(Error::Failed {
            tool,
            status: output.status.to_string(),
            output: text.get(start.unwrap_or_default()..).unwrap_or_default().to_owned(),
        });
    }
    lancet_file::read(component, MAX_COMPONENT_BYTES).map_err(|error| Error::read(component)(error.into()))
}
