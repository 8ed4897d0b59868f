//! Packages: what they say of themselves, and `lancet plugin pack`.

use std::io::Write as _;
use std::path::Path;

use lancet_core::{InspectedPackage, InspectedPlugin, Sha256};
use lancet_engine::{Inspection, MAX_COMPONENT_BYTES};
use lancet_file::{FileError, WholeFile};
use lancet_package::{MAX_MANIFEST_BYTES, Manifest, ManifestError};
use lancet_runner::Named;

use super::power::lets;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{Table, clipped, display_safe, left};

/// The most characters of a line of what a package says of itself: fifty authors may be named.
const MAX_LINE: usize = 1_200;

/// What a package says of itself, as it is printed.
pub(super) fn inspected(manifest: &Manifest) -> InspectedPackage {
    InspectedPackage {
        name: manifest.name.clone(),
        version: manifest.version.to_string(),
        world: manifest.world.to_string(),
        description: manifest.description.clone(),
        authors: manifest.authors.clone(),
        licence: manifest.licence.clone(),
        source: manifest.source.clone(),
        needs_fuel: manifest.limits.fuel,
        needs_memory_mib: manifest.limits.memory_mib,
        needs_seconds: manifest.limits.seconds,
        settings: (!manifest.settings.is_empty()).then(|| manifest.settings.to_json()),
    }
}

/// The lines on the package itself, for people.
pub(super) fn heading(package: &InspectedPackage) -> String {
    let needs: Vec<_> = [
        package.needs_fuel.map(|fuel| format!("fuel {fuel}")),
        package.needs_memory_mib.map(|mib| format!("{mib} MiB of memory")),
        package.needs_seconds.map(|seconds| format!("{seconds} s")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let lines = [
        ("package", Some(format!("{} {} (world `{}`)", package.name, package.version, package.world))),
        ("does", Some(package.description.clone())),
        ("by", Some(package.authors.join(", "))),
        ("licence", Some(package.licence.clone())),
        ("source", package.source.clone()),
        ("needs", (!needs.is_empty()).then(|| needs.join(", "))),
    ];
    let lines = lines.into_iter().filter_map(|(name, text)| Some((name, text?)));
    lines.map(|(name, text)| format!("{name:<8}{}\n", clipped(&text, MAX_LINE))).collect()
}

/// What each capability lets the plugin do, and why it asks for it, for people.
pub(super) fn powers(plugin: &InspectedPlugin) -> String {
    let mut capabilities: Vec<_> = plugin
        .imports
        .iter()
        .filter_map(|import| Some((import.capability?, import.granted_by.as_str(), import.why.as_deref())))
        .collect();
    capabilities.sort_by_key(|(capability, ..)| *capability);
    capabilities.dedup_by_key(|(capability, ..)| *capability);
    let mut text = String::new();
    for (capability, granted_by, why) in capabilities {
        text.push_str(&format!("\n{capability}\n  lets it  {}\n", lets(capability, plugin.role)));
        if let Some(why) = why {
            text.push_str(&format!("  asks     {}\n", display_safe(why)));
        }
        text.push_str(&format!("  granted  by {granted_by}\n"));
    }
    text
}

/// The settings in a package's manifest, for people.
pub(super) fn settings(manifest: &Manifest) -> String {
    if manifest.settings.is_empty() {
        return String::new();
    }
    let columns =
        [left("setting"), left("takes").at_most(60), left("default").at_most(30), left("what it does")];
    let mut table = Table::new(columns);
    for (name, property) in &manifest.settings.properties {
        let default = match &property.default {
            Some(value) => value.to_string(),
            None if manifest.settings.required.contains(name) => "(has to be given)".to_owned(),
            None => "-".to_owned(),
        };
        let about = property.description.clone().unwrap_or_default();
        table.row([name.clone(), property.expected(), default, about]);
    }
    format!("\n{}", output::table_text(&table))
}

/// Makes a package of a component and its manifest.
pub(super) fn pack(component: &Path, manifest: &Path, package: &Path) -> Result<Exit, Failure> {
    let (said, text) = parsed(manifest, text_of(manifest, &NAMED)?)?;
    let bytes = lancet_runner::read(component)?;
    let (packed, _) = packed((component, bytes), manifest, (&said, &text))?;
    write(package, &[(component, "component"), (manifest, "manifest")], &packed)?;
    output::tell(&made(package, &said, &packed))?;
    Ok(Exit::Done)
}

/// Reads a manifest's file: what it says, and its text.
pub(super) fn read_manifest(path: &Path) -> Result<(Manifest, String), Failure> {
    parsed(path, manifest_text(path)?)
}

fn parsed(path: &Path, text: String) -> Result<(Manifest, String), Failure> {
    let said = Manifest::parse(&text).map_err(|error| refused(path, &error))?;
    Ok((said, text))
}

/// The package of a component, if the manifest says of it what is so, and what the component is.
pub(super) fn packed(
    (component, bytes): (&Path, Vec<u8>),
    manifest: &Path,
    (said, text): (&Manifest, &str),
) -> Result<(Vec<u8>, Inspection), Failure> {
    let named = Named::new(&component.display().to_string(), bytes);
    let (_, inspection) = super::inspection(&named)?;
    inspection.compare(said).map_err(|error| refused(manifest, &error))?;
    let packed = lancet_package::write(&named.component, text).map_err(|error| {
        let message = format!("`{}` cannot be packed: {error}", component.display());
        Failure::new(Exit::Plugin, message).hint(error.hint().unwrap_or("build it again"))
    })?;
    if packed.len() > MAX_COMPONENT_BYTES {
        let message = format!(
            "the package has {} bytes, at most {MAX_COMPONENT_BYTES} (64 MiB) are loaded",
            packed.len()
        );
        return Err(Failure::new(Exit::Plugin, message).hint("build it in release mode and strip it"));
    }
    Ok((packed, inspection))
}

/// What was made, for people.
pub(super) fn made(package: &Path, said: &Manifest, packed: &[u8]) -> String {
    format!(
        "{}: {} {}, {}, {} bytes\ndigest  {}",
        display_safe(&package.display().to_string()),
        said.name,
        said.version,
        said.world,
        packed.len(),
        Sha256::of(packed)
    )
}

pub(super) fn refused(manifest: &Path, error: &ManifestError) -> Failure {
    Failure::usage(format!("`{}`: {error}", manifest.display())).hint(error.advice())
}

/// What to do about a manifest that cannot be read.
struct Hints {
    /// When there is no such file.
    no_file: &'static str,
    /// When it is no text.
    no_text: &'static str,
}

/// Where it is named by an option.
const NAMED: Hints = Hints {
    no_file: "`--manifest FILE` names a `plugin.toml`; plugins/README.md has one",
    no_text: "`--manifest FILE` names it, `COMPONENT` the component",
};

/// Where it is looked for in the plugin's folder.
const IN_FOLDER: Hints = Hints {
    no_file: "it is the plugin's manifest, beside its source; `lancet plugin new` writes one, and \
              plugins/README.md explains it",
    no_text: "write it as UTF-8; plugins/README.md explains what is in it",
};

/// Reads the manifest's file in a plugin's folder, never more than the limit of 64 KiB.
pub(super) fn manifest_text(path: &Path) -> Result<String, Failure> {
    text_of(path, &IN_FOLDER)
}

fn text_of(path: &Path, hints: &Hints) -> Result<String, Failure> {
    let name = path.display();
    let bytes = lancet_file::read(path, MAX_MANIFEST_BYTES as u64).map_err(|error| match error {
        FileError::NotRegular(what) => {
            Failure::usage(format!("`{name}` is no regular file, expected a `plugin.toml`: {what}"))
                .hint(hints.no_file)
        }
        FileError::TooLarge(most) => {
            Failure::usage(format!("`{name}` has more than {most} bytes (64 KiB), expected a `plugin.toml`"))
                .hint("shorten its descriptions")
        }
        FileError::Io(error) => Failure::file("read", path, &error).exit(Exit::Usage).hint(hints.no_file),
    })?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::usage(format!("`{name}` is no UTF-8, expected a `plugin.toml`")).hint(hints.no_text)
    })
}

/// Writes the package whole or not at all. What it is made of is not replaced by it.
pub(super) fn write(path: &Path, made_of: &[(&Path, &str)], bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    let is_same = |other: &Path| match (path.canonicalize(), other.canonicalize()) {
        (Ok(path), Ok(other)) => path == other,
        _ => false,
    };
    if let Some((_, what)) = made_of.iter().find(|(other, _)| is_same(other)) {
        return Err(Failure::usage(format!("`{}` is the {what} itself", path.display()))
            .hint("give the package a name of its own with `--output`"));
    }
    if path.exists() && !path.is_file() {
        return Err(Failure::usage(format!("`{}` is no regular file", path.display()))
            .hint("name the package's file with `--output`"));
    }
    let whole = WholeFile::begin(path, 0o644).map_err(|e| failed(&e))?;
    whole.file().write_all(bytes).map_err(|e| failed(&e))?;
    whole.replace().map_err(|e| failed(&e))
}
