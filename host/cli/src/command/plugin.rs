//! `lancet plugin`: looks into plugins, begins and builds them, makes packages of them, and tries them.

mod add;
mod check;
mod kit;
mod package;
mod power;
mod record;
mod registry;
mod sign;
mod target;
mod test;

use std::num::NonZeroUsize;

use lancet_core::{
    Configuration, Grant, Granter, InspectedImport, InspectedPlugin, ListedPlugin, Role, SettingKind,
};
use lancet_engine::{Inspection, Meaning};
use lancet_runner::{Loader, Named};

use crate::arguments::{FormatKind, Global, PluginCommand};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::isolation::IsolationArguments;
use crate::output;
use crate::registry::{PluginRegistry, in_registry};
use crate::render::{Table, clipped, left, right};
use crate::session::{block_on, loader};

/// Looks into plugins.
pub(crate) fn main(command: &PluginCommand, global: &Global) -> Result<Exit, Failure> {
    match command {
        PluginCommand::Inspect { file, format } => inspect_file(file, format.kind),
        PluginCommand::List { format } => list(format.kind),
        PluginCommand::New(new) => kit::new(new),
        PluginCommand::Build(build) => kit::build(build),
        PluginCommand::Pack { component, manifest, output } => package::pack(component, manifest, output),
        PluginCommand::Lock(lock) => super::lock::plugins(lock),
        PluginCommand::Sign(arguments) => sign::main(arguments),
        PluginCommand::Registry(PluginRegistry::Push(arguments)) => registry::push(arguments),
        PluginCommand::Registry(PluginRegistry::Pull(arguments)) => registry::pull(arguments),
        PluginCommand::Registry(PluginRegistry::Add(arguments)) => add::add(arguments),
        PluginCommand::Registry(PluginRegistry::Outdated(arguments)) => add::outdated(arguments),
        PluginCommand::Check(arguments) => check::main(arguments),
        PluginCommand::Test(arguments) => test::main(arguments),
        PluginCommand::Record(arguments) => record::main(arguments, global),
    }
}

fn inspect_file(file: &str, format: FormatKind) -> Result<Exit, Failure> {
    let builtin = [Role::Agent, Role::Grader].into_iter().find_map(|role| lancet_builtin::find(role, file));
    if builtin.is_none()
        && let Some(reference) = in_registry(file)?
    {
        return registry::inspect(&reference, format);
    }
    let bytes = match builtin {
        Some(builtin) => builtin.component.to_vec(),
        None => lancet_runner::read(file.as_ref())?,
    };
    let named = Named::new(file, bytes);
    let (loader, inspection) = inspection(&named)?;
    let imports: Vec<_> = inspection.imports.iter().map(|import| line(import, &inspection)).collect();
    let lines = InspectedPlugin {
        name: file.to_owned(),
        digest: inspection.digest,
        bytes: inspection.bytes,
        role: inspection.role,
        contract: inspection.contract.clone(),
        imports,
        configuration: configuration(&loader, &named, &inspection)?,
        package: inspection.manifest.as_ref().map(package::inspected),
    };
    if format == FormatKind::Table {
        let settings = inspection.manifest.as_ref().map(package::settings).unwrap_or_default();
        output::tell(&format!("{}{settings}{}", text(&lines), package::powers(&lines)))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([left("import").at_most(120), left("capability"), left("granted by")]);
    for import in &lines.imports {
        let capability = import.capability.map_or_else(|| "-".to_owned(), |c| c.to_string());
        table.row([import.import.clone(), capability, import.granted_by.clone()]);
    }
    output::print_table(format, &table, &lines)?;
    Ok(Exit::Done)
}

/// What a component is, or why it is no plugin, and who loads it. What did not come with this
/// program is read in a process of its own.
fn inspection(named: &Named) -> Result<(Loader, Inspection), Failure> {
    let loader = loader(NonZeroUsize::MIN, &IsolationArguments::default())?;
    let inspection = loader.inspect(named)?;
    Ok((loader, inspection))
}

/// What can be set of an agent, when it exports that at all. It is asked in an instance with
/// nothing behind its imports, whoever might grant them.
fn configuration(
    loader: &Loader,
    named: &Named,
    inspection: &Inspection,
) -> Result<Option<Configuration>, Failure> {
    if !inspection.configurable {
        return Ok(None);
    }
    let imported = inspection.imports.iter().filter_map(|import| match import.meaning {
        Meaning::Capability(capability) => Some(capability),
        _ => None,
    });
    let grant = imported.fold(Grant::standard(inspection.role), |grant, capability| {
        grant.clone().with(capability).unwrap_or(grant)
    });
    let described = match loader.load(named, &grant) {
        Ok(plugin) => block_on(async { Ok(plugin.describe().await?) })?.map_err(|fault| fault.to_string()),
        Err(lancet_runner::Error::Load(refused)) => Err(refused.to_string()),
        Err(error) => return Err(error.into()),
    };
    match described {
        Ok(configuration) => Ok(Some(configuration)),
        Err(why) => {
            let file = &named.identity.name;
            warn(&format!("what can be set of `{file}` cannot be told, and no run would take it: {why}"));
            Ok(None)
        }
    }
}

/// The settings and the prompt of an agent, for people.
fn configuration_text(configuration: &Configuration) -> String {
    let mut text = String::new();
    if !configuration.settings.is_empty() {
        let columns = [left("setting"), left("takes"), left("default").at_most(30), left("what it does")];
        let mut table = Table::new(columns);
        for setting in &configuration.settings {
            let takes = match setting.kind {
                SettingKind::Text if setting.choices.is_empty() => "text".to_owned(),
                SettingKind::Text => setting.choices.join(" | "),
                SettingKind::Number => match (setting.least, setting.most) {
                    (None, None) => "number".to_owned(),
                    (Some(least), None) => format!("number from {least}"),
                    (least, Some(most)) => format!("{} to {most}", least.unwrap_or(0)),
                },
                SettingKind::Flag => "true | false".to_owned(),
            };
            let default = match &setting.default {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            table.row([setting.name.clone(), takes, default, setting.about.clone()]);
        }
        text.push('\n');
        text.push_str(&output::table_text(&table));
    }
    if let Some(prompt) = &configuration.prompt {
        let variables: Vec<_> = prompt.variables.iter().map(String::as_str).collect();
        text.push_str(&format!(
            "\nprompt  {} bytes, which `--format json` prints; variables: {}\n",
            prompt.text.len(),
            crate::render::display_safe(&variables.join(", "))
        ));
    }
    text
}

fn text(lines: &InspectedPlugin) -> String {
    let mut table = Table::new([left("imports").at_most(120), left("capability"), left("granted by")]);
    for import in &lines.imports {
        let capability = import.capability.map_or_else(|| "-".to_owned(), |c| c.to_string());
        table.row([import.import.clone(), capability, import.granted_by.clone()]);
    }
    format!(
        "{}: {} for lancet:plugin@{}\n{}digest  {}\nsize    {} bytes\n\n{}{}",
        crate::render::display_safe(&lines.name),
        lines.role,
        clipped(&lines.contract, 60),
        lines.package.as_ref().map(package::heading).unwrap_or_default(),
        lines.digest,
        lines.bytes,
        output::table_text(&table),
        lines.configuration.as_ref().map(configuration_text).unwrap_or_default()
    )
}

fn line(import: &lancet_engine::Import, inspection: &Inspection) -> InspectedImport {
    let role = inspection.role;
    let (capability, granted_by) = match import.meaning {
        Meaning::Types => (None, "everybody (types only, no power)".to_owned()),
        Meaning::Capability(capability) => {
            let granter = match capability.granter(role) {
                Granter::Role => format!("the role `{role}`"),
                Granter::Manifest => "the settings of its manifest".to_owned(),
                Granter::Operator => {
                    let prefix = if role == Role::Grader { "grader:" } else { "" };
                    format!("the operator: `--grant {prefix}{capability}`")
                }
                Granter::Nobody => "nobody".to_owned(),
            };
            (Some(capability), granter)
        }
        Meaning::OtherVersion => (None, "nobody: this host serves another version".to_owned()),
        Meaning::UnknownInterface | Meaning::Wasi | Meaning::Foreign => (None, "nobody".to_owned()),
    };
    let lets = capability.map(|capability| power::lets(capability, role).to_owned());
    let why = capability.and_then(|capability| inspection.manifest.as_ref()?.asks.get(&capability).cloned());
    InspectedImport { import: import.name.clone(), capability, granted_by, lets, why }
}

fn list(format: FormatKind) -> Result<Exit, Failure> {
    let mut table = Table::new([left("name"), left("role"), right("bytes"), left("what it does")]);
    let mut lines = Vec::new();
    for builtin in lancet_builtin::all() {
        table.row([
            builtin.name.to_owned(),
            builtin.role.to_string(),
            builtin.component.len().to_string(),
            builtin.description.to_owned(),
        ]);
        lines.push(ListedPlugin {
            name: builtin.name.to_owned(),
            role: builtin.role,
            bytes: builtin.component.len(),
            description: builtin.description.to_owned(),
        });
    }
    output::print_table(format, &table, &lines)?;
    Ok(Exit::Done)
}
