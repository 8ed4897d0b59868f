//! What is wrong with a component by its own bytes, before any of it runs.

use lancet_core::{CONTRACT_PACKAGE, Capability, Granter, Role, Severity};
use lancet_engine::{ImportProblem, Inspection, LoadError, Meaning, NotAPlugin};
use lancet_package::{Manifest, Metadata};

use super::finding::{
    CONTROL, Findings, LARGE, NEEDS_GRANT, NEEDS_MORE, NO_MANIFEST, NO_METADATA, OTHER_METADATA,
    UNKNOWN_EXPORT,
};
use crate::trial::standard;

/// The most bytes of a component that is not called large: half of what is loaded, 32 MiB.
const MAX_COMFORTABLE_BYTES: usize = 32 << 20;

const LOOKED_AT: &str = "its bytes";

/// For what is no plugin at all.
pub(crate) fn not_a_plugin(cause: &NotAPlugin, findings: &mut Findings) {
    let code = match cause {
        NotAPlugin::TooLarge(_)
        | NotAPlugin::TooManyNames { .. }
        | NotAPlugin::NamesTooLong
        | NotAPlugin::Unreadable(_) => "too-large",
        NotAPlugin::NotWasm | NotAPlugin::CoreModule => "not-a-component",
        NotAPlugin::Invalid(_) => "invalid-component",
        NotAPlugin::NoWorld(_) | NotAPlugin::BothWorlds | NotAPlugin::OtherRole { .. } => "wrong-world",
        NotAPlugin::OtherVersion(_) => "wrong-version",
        NotAPlugin::Package(_) => "lying-manifest",
    };
    let change =
        cause.hint().unwrap_or("build it again, and make the package again with `lancet plugin pack`");
    findings.tell(Severity::Error, code, LOOKED_AT.to_owned(), cause.to_string(), change.to_owned());
}

/// For what is a plugin that no host loads.
pub(crate) fn not_loaded(cause: &LoadError, findings: &mut Findings) {
    let code = match cause {
        LoadError::NotAPlugin { cause, .. } => return not_a_plugin(cause, findings),
        LoadError::Imports { problems, .. } => {
            problems.0.iter().for_each(|problem| import(problem, findings));
            return;
        }
        LoadError::Types { .. } => "wrong-types",
        LoadError::Compile { .. } | LoadError::Engine(_) => "not-compiled",
    };
    let change = cause.hint().unwrap_or_else(|| "build it smaller, or with another tool chain".to_owned());
    findings.tell(Severity::Error, code, "loading it".to_owned(), cause.to_string(), change);
}

/// An import that nobody can grant to a plugin of its role.
fn import(problem: &ImportProblem, findings: &mut Findings) {
    let name = &problem.import.name;
    let change = match problem.import.meaning {
        Meaning::OtherVersion => format!("build it against the `wit/` folder of this version of Lancet, which has no `{name}`"),
        Meaning::Wasi => format!("build it without `{name}`: a plugin has no network and no files"),
        Meaning::Capability(Capability::Settings) => {
            "describe its settings under `[settings.properties]` of its manifest and pack it, or do not import `settings`".to_owned()
        }
        _ => format!("do not call `{name}`, and build against the world `{}` of the contract", problem.role),
    };
    findings.tell(Severity::Error, "import-refused", LOOKED_AT.to_owned(), problem.to_string(), change);
}

/// For what is a plugin.
pub(crate) fn inspected(component: &[u8], inspection: &Inspection, findings: &mut Findings) {
    let role = inspection.role;
    for name in inspection.exports.iter().filter(|name| !is_of_world(name, role)) {
        findings.add(UNKNOWN_EXPORT, LOOKED_AT, format!("it exports `{name}`"));
    }
    if inspection.bytes > MAX_COMFORTABLE_BYTES {
        findings.add(LARGE, LOOKED_AT, format!("it has {} bytes", inspection.bytes));
    }
    match &inspection.manifest {
        None => findings.add(NO_MANIFEST, LOOKED_AT, "it is no package: it has no section `lancet:plugin`"),
        Some(manifest) => {
            metadata(component, manifest, findings);
            let standard = standard(role, inspection.capabilities().contains(&Capability::Model));
            for (needed, had, limit) in manifest.limits.beyond(&standard) {
                let seen = format!("`limits.{}` is {needed}, and the standard limit is {had}", limit.key());
                findings.add(NEEDS_MORE, "its manifest", seen);
            }
        }
    }
    let mut named: Vec<Capability> = Vec::new();
    for import in &inspection.imports {
        let Meaning::Capability(capability) = import.meaning else { continue };
        if capability.granter(role) != Granter::Operator || named.contains(&capability) {
            continue;
        }
        named.push(capability);
        if capability.makes_control() {
            findings.add(CONTROL, LOOKED_AT, format!("it imports `{capability}`"));
        } else {
            let prefix = if role == Role::Grader { "grader:" } else { "" };
            let seen = format!("it imports `{capability}`, which `--grant {prefix}{capability}` would grant");
            findings.add(NEEDS_GRANT, LOOKED_AT, seen);
        }
    }
}

/// Whether other tools are told of the package what its manifest says.
fn metadata(component: &[u8], manifest: &Manifest, findings: &mut Findings) {
    // What has no sections that can be told apart has no manifest.
    for Metadata { section, found, expected } in
        lancet_package::metadata(component, manifest).into_iter().flatten()
    {
        let due = expected.map_or("nothing of it".to_owned(), |text| format!("`{text}`"));
        match found {
            None => findings.add(
                NO_METADATA,
                LOOKED_AT,
                format!("it has no section `{section}`, its manifest {due}"),
            ),
            Some(found) => {
                let seen = format!("its section `{section}` has `{found}`, its manifest {due}");
                findings.add(OTHER_METADATA, LOOKED_AT, seen);
            }
        }
    }
}

/// Whether a plugin of that role exports that.
fn is_of_world(export: &str, role: Role) -> bool {
    let path = export.split_once('@').map_or(export, |(path, _)| path);
    let Some((package, interface)) = path.split_once('/') else {
        // What the tool chains of JavaScript and Python add to all that they build.
        return matches!(export, "init" | "exports");
    };
    let is_configuring = role == Role::Agent && interface == "configuring";
    package == CONTRACT_PACKAGE && (interface == role.export() || is_configuring)
}
