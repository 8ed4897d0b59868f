//! `lancet plugin new` and `lancet plugin build`, and building what is to be tried.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use lancet_core::Role;
use lancet_engine::{Inspection, Meaning};
use lancet_kit::{Error, Language, Project, package_of};

use super::package;
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::kit::{PluginBuild, PluginNew};
use crate::output::{self, uncoloured};
use crate::render::display_safe;
use crate::session::Signals;
use crate::terminal::remark;

/// The name of a manifest's file.
pub(super) const MANIFEST: &str = "plugin.toml";

/// Begins a plugin in a folder of its own, below this one.
pub(super) fn new(new: &PluginNew) -> Result<Exit, Failure> {
    let (language, role) = (Language::from(new.lang), Role::from(new.world));
    // A signal ends this at once, as nobody listens for more, and removes what is half made.
    drop(Signals::listen());
    let started =
        lancet_kit::start(Path::new(""), &new.name, language, role).map_err(|error| failure(&error))?;
    let folder = started.folder.display().to_string();
    let folder = display_safe(&folder);
    let mut text = format!("{folder}: the {role} {} in {language}\n", started.name);
    for file in &started.files {
        text.push_str(&format!("  {file}\n"));
    }
    text.push_str(&format!("next:\n  cd {folder}\n"));
    for tool in &started.missing {
        text.push_str(&format!("  {} is not installed: {}\n", tool.name(), tool.install()));
    }
    text.push_str("  lancet plugin build");
    output::tell(&text)?;
    Ok(Exit::Done)
}

/// Builds the package of the plugin in a folder.
pub(super) fn build(build: &PluginBuild) -> Result<Exit, Failure> {
    let PluginBuild { folder, output, lang } = build;
    let (said, text) = package::read_manifest(&folder.join(MANIFEST))?;
    let project = Project::new(folder, said, lang.map(Language::from)).map_err(|error| failure(&error))?;
    let package = output.clone().unwrap_or_else(|| project.package());
    let made = make(&project, &text, &package)?;
    let imports = made.inspection.imports.iter().filter_map(|import| match import.meaning {
        Meaning::Capability(capability) => Some(capability.to_string()),
        _ => None,
    });
    let mut imports: Vec<_> = imports.collect();
    imports.sort_unstable();
    imports.dedup();
    let imports = if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") };
    let (tool, seconds) = (display_safe(&made.tool), made.took.as_secs_f64());
    let made = package::made(&package, project.manifest(), &made.packed);
    output::tell(&format!("{made}\nimports {imports}\nbuilt   in {seconds:.1} s by {tool}"))?;
    Ok(Exit::Done)
}

/// A package that was built.
struct Made {
    /// Its bytes.
    packed: Vec<u8>,
    /// What its component is.
    inspection: Inspection,
    /// What it was built with, for people.
    tool: String,
    /// How long the tool chain took.
    took: Duration,
}

/// Builds a project's package, and writes it.
fn make(project: &Project, text: &str, package: &Path) -> Result<Made, Failure> {
    let manifest = project.folder().join(MANIFEST);
    let (began, clock) = (SystemTime::now(), Instant::now());
    let signals = Signals::listen();
    let built = lancet_kit::build(project, &|| signals.have_come()).map_err(|error| failure(&error))?;
    // The tool chain may have been through just then.
    if signals.have_come() {
        return Err(Failure::new(Exit::Interrupted, "stopped when the component was built"));
    }
    drop(signals);
    let took = clock.elapsed();
    let (packed, inspection) =
        package::packed((package, built.component), &manifest, (project.manifest(), text))?;
    package::write(package, &[(&manifest, "manifest")], &packed)?;
    project.built_as_of(package, began).map_err(|error| Failure::file("write", package, &error))?;
    Ok(Made { packed, inspection, tool: built.tool, took })
}

/// What building a project just now came to.
pub(super) struct Built {
    /// How long the tool chain took.
    pub(super) took: Duration,
    /// What was written in the project's folder.
    pub(super) written: Vec<PathBuf>,
}

/// The package of the project in a folder. It is built if it is not there, or not younger than
/// each source; that is told on standard error.
pub(super) fn current(folder: &Path) -> Result<(PathBuf, Option<Built>), Failure> {
    let (said, text) = package::read_manifest(&folder.join(MANIFEST))?;
    let package = package_of(folder, &said);
    let project = match Project::new(folder, said, None) {
        Ok(project) => project,
        // Another tool chain makes it, and `lancet plugin pack`.
        Err(Error::NoLanguage(_)) => return Ok((there(folder, package)?, None)),
        Err(error) if package.is_file() => {
            warn(&format!("`{}` is tried as it is, since it cannot be built: {error}", package.display()));
            return Ok((package, None));
        }
        Err(error) => return Err(failure(&error)),
    };
    let why = match project.is_behind() {
        None => return Ok((package, None)),
        Some(None) => "is not there".to_owned(),
        Some(Some(source)) => {
            let source = source.strip_prefix(folder).unwrap_or(&source);
            format!("is older than `{}`", source.display())
        }
    };
    remark(format_args!("building: `{}` {}", shown(&package), display_safe(&why)));
    match make(&project, &text, &package) {
        Ok(made) => Ok((package, Some(Built { took: made.took, written: project.written_by_builds() }))),
        Err(failure) if package.is_file() && failure.exit != Exit::Interrupted => {
            let hint = failure.hint_or("mend it");
            Err(failure.hint(format!("{hint}; to try the package as it is, name `{}`", package.display())))
        }
        Err(failure) => Err(failure),
    }
}

fn shown(path: &Path) -> String {
    display_safe(&path.display().to_string()).into_owned()
}

/// The file of a package that nobody here can build.
fn there(folder: &Path, package: PathBuf) -> Result<PathBuf, Failure> {
    if package.is_file() {
        return Ok(package);
    }
    let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(Failure::usage(format!("`{}` has no package `{name}`", folder.display()))
        .hint(format!("build it, and make it with `lancet plugin pack COMPONENT --output {name}`")))
}

/// A project that is not as it should be is its author's to mend; what could not be read or
/// written is the machine's.
fn failure(error: &Error) -> Failure {
    let exit = match error {
        _ if error.is_of_the_machine() => Exit::Host,
        Error::Stopped(_) => Exit::Interrupted,
        Error::Failed { .. } | Error::Rust(_) => Exit::Plugin,
        _ => Exit::Usage,
    };
    // Some tools colour what they write wherever it goes to.
    let lines: Vec<_> = error.to_string().split('\n').map(|line| uncoloured(line).into_owned()).collect();
    let failure = Failure::new(exit, lines.join("\n"));
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
