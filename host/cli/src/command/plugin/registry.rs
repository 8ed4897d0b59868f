//! `lancet plugin push` and `pull`, and `inspect` of what lies in a registry.

use std::path::{Path, PathBuf};

use lancet_core::{Capability, PackageIdentity};
use lancet_registry::{Config, InspectedReference, ListedSignature, Reference, pushed_plugin};
use lancet_runner::Named;
use lancet_trust::Bundle;

use super::inspection;
use crate::arguments::FormatKind;
use crate::command::pulled::{Pulled, allowed, looked, told, version_of};
use crate::command::pushed::{Pushed, own_signature, push as push_with};
use crate::command::sign::write;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gate::signer_of_package;
use crate::output;
use crate::paths;
use crate::policy::{InForce, PolicyArgument};
use crate::registry::{PluginPull, PluginPush, can_be_written};
use crate::render::{Table, display_safe, left};

/// The names of annotations, as the OCI has them.
const NAME: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";

/// Pushes a package, and its signature.
pub(super) fn push(arguments: &PluginPush) -> Result<Exit, Failure> {
    let PluginPush { file, reference } = arguments;
    let reference: Reference = reference.parse()?;
    let name = file.display().to_string();
    let named = Named::new(&name, lancet_runner::read(file)?);
    // What would not be loaded is not given to others either.
    let (_, inspection) = inspection(&named)?;
    let Some(manifest) = &inspection.manifest else {
        return Err(Failure::new(
            Exit::Plugin,
            format!("`{name}` is no package: it has no name and version"),
        )
        .hint("`lancet plugin pack COMPONENT --manifest plugin.toml --output FILE` makes one"));
    };
    let version = manifest.version.to_string();
    let reference = match reference.tag() {
        Some(_) => reference,
        None => reference.tagged(&Reference::version_tag(&version))?,
    };
    let tag_version = reference.tag().and_then(version_of);
    if let Some(tag) = tag_version.as_ref().filter(|tag| **tag != manifest.version) {
        return Err(Failure::usage(format!(
            "`{reference}`: the tag is version {tag}, and `{name}` is {version}"
        ))
        .hint("leave the tag out: the version becomes one"));
    }
    let keys = PolicyArgument::default().in_force()?.keys;
    let bundle = own_signature(file, &signer_of_package(&keys, &named, file))?;
    let imports = inspection.imports.iter().map(|import| import.name.clone()).collect();
    let prepared =
        pushed_plugin(&named.component, (&manifest.name, &version), inspection.exports.clone(), imports)
            .map_err(|why| {
                Failure::usage(format!("`{name}`: {why}")).hint("build it in release mode and strip it")
            })?;
    let Pushed { reference, key } = push_with(&prepared, &reference, bundle.as_deref())?;
    output::print(&format!(
        "{reference}\npushed  {} {version}\ndigest  {}\nkey     {key}",
        manifest.name, named.identity.digest
    ))?;
    Ok(Exit::Done)
}

/// Pulls a plugin into a file, and its signature beside it.
pub(super) fn pull(arguments: &PluginPull) -> Result<Exit, Failure> {
    let PluginPull { reference, output, policy } = arguments;
    let reference: Reference = reference.parse()?;
    let InForce { policy, keys, .. } = policy.in_force()?;
    allowed(&policy, &reference)?;
    if let Some(output) = output {
        if output.exists() && !output.is_file() {
            return Err(Failure::usage(format!("`{}` is no regular file", output.display()))
                .hint("name the file to write with `--output`"));
        }
        can_be_written(output)?;
    }
    let mut pulled = Pulled::pull(&reference, &keys)?;
    let path = output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.wasm", short_name(&pulled))));
    is_free(&path, &pulled, output.is_some())?;
    pulled.goes_on()?;
    put(&path, &pulled)?;
    pulled.done();
    output::print(&format!("{}\n{}", display_safe(&path.display().to_string()), text(&pulled)))?;
    Ok(Exit::Done)
}

/// The last part of the package's name, or of its name in the registry.
pub(super) fn short_name(pulled: &Pulled) -> &str {
    let name =
        pulled.inspection.manifest.as_ref().map_or(pulled.reference.repository(), |manifest| &manifest.name);
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether nothing is lost when a file is written there, and nothing beside it would say something else of it.
fn is_free(path: &Path, pulled: &Pulled, replaces: bool) -> Result<(), Failure> {
    let taken = |what: &Path| {
        Err(Failure::usage(format!("`{}` is there already, and is something else", what.display()))
            .hint("name another file with `--output`, or move that one away"))
    };
    let same = |path: &Path, bytes: &[u8]| {
        lancet_file::read(path, bytes.len() as u64).is_ok_and(|found| found == bytes)
    };
    if path.symlink_metadata().is_ok() && !(replaces && path.is_file() || same(path, &pulled.named.component))
    {
        return taken(path);
    }
    let signature = paths::signature(path)?;
    match &pulled.bundle {
        Some(bundle) if signature.symlink_metadata().is_ok() && !same(&signature, bundle) && !replaces => {
            taken(&signature)
        }
        None if signature.symlink_metadata().is_ok() => taken(&signature),
        _ => Ok(()),
    }
}

/// Writes a plugin and its signature, each whole or not at all. The signature is first: without its
/// plugin it is of nothing, and an older plugin beside it is refused. One that is left there of
/// something else is removed when this has none, for it would not hold.
pub(super) fn put(path: &Path, pulled: &Pulled) -> Result<(), Failure> {
    let signature = paths::signature(path)?;
    match &pulled.bundle {
        Some(bundle) => write(&signature, bundle)?,
        None => match std::fs::remove_file(&signature) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::file("remove", &signature, &error));
            }
            _ => {}
        },
    }
    write(path, &pulled.named.component)
}

/// What was pulled, for people.
pub(super) fn text(pulled: &Pulled) -> String {
    let manifest = pulled.inspection.manifest.as_ref();
    let package = manifest.map_or_else(|| "none".to_owned(), |it| format!("{} {}", it.name, it.version));
    format!(
        "pulled   {}\npackage  {}\ndigest   {}\nkey      {}",
        pulled.reference,
        display_safe(&package),
        pulled.named.identity.digest,
        told(&pulled.signed)
    )
}

/// Says what a registry says of a plugin, of which nothing is read.
pub(super) fn inspect(reference: &Reference, format: FormatKind) -> Result<Exit, Failure> {
    let InForce { policy, keys, .. } = PolicyArgument::default().in_force()?;
    allowed(&policy, reference)?;
    let (_, artifact, found) = looked(reference)?;
    let Config::Plugin(config) = &artifact.config else {
        return Err(Failure::usage(format!("`{reference}` is a suite, expected a plugin"))
            .hint("`lancet suite pull` pulls it"));
    };
    let said = |name: &str| artifact.manifest.annotations.get(name).cloned();
    let component = config.component();
    let signatures = found.bundles.iter().filter_map(|bytes| {
        let key = Bundle::parse(bytes).ok()?.key_id();
        let name = keys.by_id(key).map(|known| known.name.to_string());
        Some(ListedSignature { key: key.to_string(), name })
    });
    let inspected = InspectedReference {
        reference: reference.pinned(artifact.digest).to_string(),
        digest: artifact.layer.digest,
        bytes: artifact.layer.size,
        package: said(NAME).zip(said(VERSION)).map(|(name, version)| PackageIdentity { name, version }),
        exports: component.exports.clone(),
        imports: component.imports.clone(),
        asks: component.imports.iter().filter_map(|import| capability(import)).collect(),
        signatures: signatures.collect(),
    };
    let mut table = Table::new([left("import").at_most(120), left("capability")]);
    for import in &inspected.imports {
        table.row([import.clone(), capability(import).map_or_else(|| "-".to_owned(), |it| it.to_string())]);
    }
    if format != FormatKind::Table {
        output::print_table(format, &table, &inspected)?;
        return Ok(Exit::Done);
    }
    let mut text = format!("{}\n", inspected.reference);
    if let Some(PackageIdentity { name, version }) = &inspected.package {
        text.push_str(&format!("package  {} {}\n", display_safe(name), display_safe(version)));
    }
    text.push_str(&format!("digest   {}\nsize     {} bytes\n", inspected.digest, inspected.bytes));
    for ListedSignature { key, name } in &inspected.signatures {
        let name = name.as_ref().map_or_else(|| "not known here".to_owned(), |name| format!("`{name}`"));
        text.push_str(&format!("key      {key}, {name}\n"));
    }
    if inspected.signatures.is_empty() {
        text.push_str("key      unsigned\n");
    }
    text.push_str(&format!(
        "\nThis is what the registry says; nothing of it was verified or run.\n\n{}",
        output::table_text(&table)
    ));
    output::print(&text)?;
    Ok(Exit::Done)
}

/// The capability that an import stands for, by its name.
fn capability(import: &str) -> Option<Capability> {
    import.strip_prefix("lancet:plugin/")?.split('@').next()?.parse().ok()
}
