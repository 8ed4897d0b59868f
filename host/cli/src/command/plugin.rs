//! `lancet plugin inspect` and `lancet plugin list`.

use lancet_core::{Granter, InspectedImport, InspectedPlugin, ListedPlugin, Role};
use lancet_engine::{Meaning, inspect};

use crate::arguments::{FormatKind, Global, PluginCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{Table, left, right};

/// Looks into plugins.
pub(crate) fn main(command: &PluginCommand, _: &Global) -> Result<Exit, Failure> {
    match command {
        PluginCommand::Inspect { file, format } => inspect_file(file, format.kind),
        PluginCommand::List { format } => list(format.kind),
    }
}

fn inspect_file(file: &str, format: FormatKind) -> Result<Exit, Failure> {
    let builtin = [Role::Agent, Role::Grader].into_iter().find_map(|role| lancet_builtin::find(role, file));
    let bytes = match builtin {
        Some(builtin) => builtin.component.to_vec(),
        None => lancet_runner::read(file.as_ref())?,
    };
    let inspection = inspect(&bytes).map_err(|cause| {
        let failure = Failure::new(Exit::Plugin, format!("plugin `{file}` cannot be used: {cause}"));
        match cause.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let imports: Vec<_> = inspection.imports.iter().map(|import| line(import, inspection.role)).collect();
    let lines = InspectedPlugin {
        name: file.to_owned(),
        digest: inspection.digest,
        bytes: inspection.bytes,
        role: inspection.role,
        contract: inspection.contract.clone(),
        imports,
    };
    if format == FormatKind::Table {
        output::print(&text(&lines))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new([left("import"), left("capability"), left("granted by")]);
    for import in &lines.imports {
        let capability = import.capability.map_or_else(|| "-".to_owned(), |c| c.to_string());
        table.row([import.import.clone(), capability, import.granted_by.clone()]);
    }
    output::print_table(format, &table, &lines)?;
    Ok(Exit::Done)
}

fn text(lines: &InspectedPlugin) -> String {
    let mut table = Table::new([left("imports"), left("capability"), left("granted by")]);
    for import in &lines.imports {
        let capability = import.capability.map_or_else(|| "-".to_owned(), |c| c.to_string());
        table.row([import.import.clone(), capability, import.granted_by.clone()]);
    }
    format!(
        "{}: {} for lancet:plugin@{}\ndigest  {}\nsize    {} bytes\n\n{}",
        crate::render::display_safe(&lines.name),
        lines.role,
        crate::render::display_safe(&lines.contract),
        lines.digest,
        lines.bytes,
        table.to_text()
    )
}

fn line(import: &lancet_engine::Import, role: Role) -> InspectedImport {
    let (capability, granted_by) = match import.meaning {
        Meaning::Types => (None, "everybody (types only, no power)".to_owned()),
        Meaning::Capability(capability) => {
            let granter = match capability.granter(role) {
                Granter::Role => format!("the role `{role}`"),
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
    InspectedImport { import: import.name.clone(), capability, granted_by }
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
