//! `lancet plugin new` and `lancet plugin build`.

use std::path::Path;
use std::time::Instant;

use lancet_core::Role;
use lancet_engine::Meaning;
use lancet_kit::{Error, Language, Project};

use super::package;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kit::{PluginBuild, PluginNew};
use crate::output;
use crate::render::display_safe;

/// Begins a plugin in a folder of its own, below this one.
pub(super) fn new(new: &PluginNew) -> Result<Exit, Failure> {
    let (language, role) = (Language::from(new.lang), Role::from(new.world));
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
    output::print(&text)?;
    Ok(Exit::Done)
}

/// Builds the package of the plugin in a folder.
pub(super) fn build(build: &PluginBuild) -> Result<Exit, Failure> {
    let PluginBuild { folder, output, lang } = build;
    let manifest = folder.join("plugin.toml");
    let (said, text) = package::read_manifest(&manifest)?;
    let project = Project::new(folder, said, lang.map(Language::from)).map_err(|error| failure(&error))?;
    let package = output.clone().unwrap_or_else(|| project.package());
    let began = Instant::now();
    let built = lancet_kit::build(&project).map_err(|error| failure(&error))?;
    let seconds = began.elapsed().as_secs_f64();
    let said = project.manifest();
    let (packed, inspection) = package::packed((&package, built.component), &manifest, (said, &text))?;
    package::write(&package, &[(&manifest, "manifest")], &packed)?;
    let imports = inspection.imports.iter().filter_map(|import| match import.meaning {
        Meaning::Capability(capability) => Some(capability.to_string()),
        _ => None,
    });
    let mut imports: Vec<_> = imports.collect();
    imports.sort_unstable();
    imports.dedup();
    let imports = if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") };
    let (made, tool) = (package::made(&package, said, &packed), display_safe(&built.tool));
    output::print(&format!("{made}\nimports {imports}\nbuilt   in {seconds:.1} s by {tool}"))?;
    Ok(Exit::Done)
}

/// A project that is not as it should be is its author's to mend; what could not be read or
/// written is the machine's.
fn failure(error: &Error) -> Failure {
    let exit = match error {
        _ if error.is_of_the_machine() => Exit::Host,
        Error::Failed { .. } | Error::Rust(_) => Exit::Plugin,
        _ => Exit::Usage,
    };
    let failure = Failure::new(exit, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
