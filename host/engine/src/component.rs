//! What a component is, read from its bytes before anything of it is compiled or run.

use std::collections::BTreeSet;
use std::fmt;

use lancet_core::{CONTRACT_PACKAGE, CONTRACT_VERSION, Capability, Grant, Granter, Role, Sha256};
use lancet_package::{Facts, Manifest, ManifestError, PackageError};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::wasi;

/// The largest component that is looked at: 64 MiB. A Python guest has 18 MiB.
pub const MAX_COMPONENT_BYTES: usize = 64 << 20;

/// Interfaces of the contract that hold nothing but types: no power, always there.
///
/// What is in `types` was in `evidence` too before anybody built against 0.1.0. Stores keep
/// components of that time, which import it, and replay them: it is met, unlinked as `types`
/// is, for as long as this host serves 0.1.
const TYPES: [&str; 2] = ["types", "evidence"];

/// How deep components may be nested in one another: what is known needs 3.
/// Compiling and loading takes time and memory with the square of the depth.
const MAX_NESTING: usize = 32;

/// One import of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The import's name in the binary: `lancet:plugin/log@0.1.0`.
    pub name: String,
    /// What the import is to this host.
    pub meaning: Meaning,
}

/// What an import is to this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The contract's types: no power, always there.
    Types,
    /// A capability of this version of the contract.
    Capability(Capability),
    /// An interface of the contract in a version that this host does not serve.
    OtherVersion,
    /// An interface that the contract does not have.
    UnknownInterface,
    /// WASI that is not even in the inert profile.
    Wasi,
    /// Something else altogether.
    Foreign,
}

/// What can be known of a component without running any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The digest of the component's bytes.
    pub digest: Sha256,
    /// The component's size in bytes.
    pub bytes: usize,
    /// The plugin's role, read from what the component exports.
    pub role: Role,
    /// The version of the contract that the component exports.
    pub contract: String,
    /// What the component imports, in the order of the binary.
    pub imports: Vec<Import>,
    /// What the component exports, in the order of the binary.
    pub exports: Vec<String>,
    /// Whether the component says what can be set of it: it exports `configuring`.
    pub configurable: bool,
    /// What the component says of itself, when it is a package: it is what the manifest says.
    pub manifest: Option<Manifest>,
    /// The functions of the contract that the component imports: `interface.function`.
    pub(crate) functions: BTreeSet<String>,
}

/// Why bytes are no plugin.
#[derive(Debug, thiserror::Error)]
pub enum NotAPlugin {
    /// Over [`MAX_COMPONENT_BYTES`].
    #[error("it has {0} bytes, at most {MAX_COMPONENT_BYTES} (64 MiB) are looked at")]
    TooLarge(u64),
    /// No WebAssembly at all.
    #[error("it is not WebAssembly: expected a component, which begins with `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error("it is a core module, not a component")]
    CoreModule,
    /// Broken, truncated, or using a feature that is off.
    #[error("{}", crate::feature::invalid(.0))]
    Invalid(String),
    /// Exports of neither world.
    #[error(
        "it exports neither `lancet:plugin/solving` (an agent) nor `lancet:plugin/grading` (a grader); its exports: {0}"
    )]
    NoWorld(String),
    /// Exports of both worlds.
    #[error("it exports both `lancet:plugin/solving` and `lancet:plugin/grading`; a plugin is one of them")]
    BothWorlds,
    /// Another version of the contract.
    #[error("it exports `{0}`, but this host serves version {CONTRACT_VERSION} of the contract")]
    OtherVersion(String),
    /// A package that is doubled, broken, or not what its manifest says.
    #[error("{0}")]
    Package(PackageError),
    /// A plugin, but of the other role.
    #[error("it is {found}, expected {expected}")]
    OtherRole {
        /// The plugin's role.
        found: Role,
        /// The role that was asked for.
        expected: Role,
    },
}

impl NotAPlugin {
    /// What to do about the error.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Package(cause) => cause.hint(),
            Self::CoreModule => {
                Some("make a component of it: `wasm-tools component new MODULE -o COMPONENT`")
            }
            Self::NotWasm => Some("give the path of a `.wasm` component"),
            Self::TooLarge(_) => Some("build it in release mode and strip it"),
            Self::Invalid(said) => Some(match crate::feature::beyond(said) {
                Some(feature) => feature.without,
                None => "build it again; `wasm-tools validate FILE` says more",
            }),
            Self::NoWorld(_) | Self::BothWorlds => {
                Some("build it against the world `agent` or `grader` of `lancet:plugin`")
            }
            Self::OtherVersion(_) => Some("build it against the `wit/` folder of this version of Lancet"),
            Self::OtherRole { expected: Role::Agent, .. } => Some("a grader cannot be run as an agent"),
            Self::OtherRole { expected: Role::Grader, .. } => Some("an agent cannot judge"),
        }
    }
}

/// Reads what a component is and what it imports, without compiling it.
///
/// # Errors
/// When it is no plugin of this contract.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, NotAPlugin> {
    if bytes.len() > MAX_COMPONENT_BYTES {
        return Err(NotAPlugin::TooLarge(bytes.len() as u64));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(NotAPlugin::NotWasm);
    }
    let (imports, exports) = names(bytes)?;
    let types = validate(bytes)?;
    let functions = functions(&imports, &types);
    let (role, contract) = role(&exports)?;
    let configurable = configurable(&exports)?;
    let imports = imports
        .into_iter()
        .map(|(name, is_instance)| {
            let meaning = if is_instance { meaning(&name) } else { Meaning::Foreign };
            Import { name, meaning }
        })
        .collect();
    let manifest = lancet_package::read(bytes).map_err(NotAPlugin::Package)?;
    let (digest, bytes) = (Sha256::of(bytes), bytes.len());
    let inspection =
        Inspection { digest, bytes, role, contract, imports, exports, configurable, manifest, functions };
    if let Some(manifest) = &inspection.manifest {
        inspection.compare(manifest).map_err(|error| NotAPlugin::Package(error.into()))?;
    }
    Ok(inspection)
}

/// The features that plugins may use: those of the engine's configuration.
fn validate(bytes: &[u8]) -> Result<Types, NotAPlugin> {
    let features = WasmFeatures::WASM2
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD;
    Validator::new_with_features(features).validate_all(bytes).map_err(|e| NotAPlugin::Invalid(e.to_string()))
}

type Names = (Vec<(String, bool)>, Vec<String>);

/// Names of the imports (and whether they are instances) and exports of the
/// outermost component.
fn names(bytes: &[u8]) -> Result<Names, NotAPlugin> {
    let invalid = |e: wasmparser::BinaryReaderError| NotAPlugin::Invalid(e.to_string());
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(NotAPlugin::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                if depth > MAX_NESTING {
                    let text = format!("components are nested more than {MAX_NESTING} deep");
                    return Err(NotAPlugin::Invalid(text));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(invalid)?;
                    let is_instance = matches!(import.ty, wasmparser::ComponentTypeRef::Instance(_));
                    imports.push((import.name.name.to_owned(), is_instance));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(invalid)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

/// The functions of the contract among what is imported, and types beside them, as the engine
/// has them.
fn functions(imports: &[(String, bool)], types: &Types) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for (name, _) in imports {
        let Some((CONTRACT_PACKAGE, interface, _)) = split(name) else { continue };
        let Some(item) = types.component_item_for_import(name) else { continue };
        if let ComponentEntityType::Instance(instance) = item.ty {
            let exports = types[instance].exports.keys();
            functions.extend(exports.map(|function| format!("{interface}.{function}")));
        }
    }
    functions
}

/// Splits `ns:package/interface@version`.
fn split(name: &str) -> Option<(&str, &str, &str)> {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let (package, interface) = path.split_once('/')?;
    Some((package, interface, version))
}

/// Whether this host serves that version: every `0.1.x`, since those only add.
fn served(version: &str) -> bool {
    version
        .strip_prefix("0.1.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
}

fn role(exports: &[String]) -> Result<(Role, String), NotAPlugin> {
    let mut found = None;
    for name in exports {
        let Some((CONTRACT_PACKAGE, interface, version)) = split(name) else { continue };
        let Some(role) = [Role::Agent, Role::Grader].into_iter().find(|r| r.export() == interface) else {
            continue;
        };
        if !served(version) {
            return Err(NotAPlugin::OtherVersion(name.clone()));
        }
        if found.replace((role, version.to_owned())).is_some() {
            return Err(NotAPlugin::BothWorlds);
        }
    }
    found.ok_or_else(|| {
        NotAPlugin::NoWorld(if exports.is_empty() { "none".to_owned() } else { exports.join(", ") })
    })
}

/// Whether `configuring` is exported.
fn configurable(exports: &[String]) -> Result<bool, NotAPlugin> {
    for name in exports {
        if let Some((CONTRACT_PACKAGE, "configuring", version)) = split(name) {
            return if served(version) { Ok(true) } else { Err(NotAPlugin::OtherVersion(name.clone())) };
        }
    }
    Ok(false)
}

fn meaning(name: &str) -> Meaning {
    match split(name) {
        Some((CONTRACT_PACKAGE, _, version)) if !served(version) => Meaning::OtherVersion,
        Some((CONTRACT_PACKAGE, interface, _)) if TYPES.contains(&interface) => Meaning::Types,
        Some((CONTRACT_PACKAGE, interface, _)) => {
            Capability::of_interface(interface).map_or(Meaning::UnknownInterface, Meaning::Capability)
        }
        Some((package, interface, version)) if package.starts_with("wasi:") => {
            let known = version.starts_with("0.2.") && wasi::has(&format!("{package}/{interface}"));
            if known { Meaning::Capability(Capability::WasiInert) } else { Meaning::Wasi }
        }
        _ => Meaning::Foreign,
    }
}

/// An import that a plugin was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportProblem {
    /// The import that was not granted.
    pub import: Import,
    /// The plugin's role.
    pub role: Role,
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: ", self.import.name)?;
        match self.import.meaning {
            Meaning::Types => f.write_str("always granted"),
            Meaning::Capability(capability) => match capability.granter(self.role) {
                Granter::Role => write!(f, "withheld, although it comes with the role `{}`", self.role),
                Granter::Manifest => f.write_str(
                    "it comes with the `[settings]` of a package's manifest, of which there are none",
                ),
                Granter::Operator => {
                    let prefix = if self.role == Role::Grader { "grader:" } else { "" };
                    write!(f, "not granted; the operator would have to, with `--grant {prefix}{capability}`")
                }
                Granter::Nobody => {
                    write!(f, "nobody can grant `{capability}` to a plugin of the role `{}`", self.role)
                }
            },
            Meaning::OtherVersion => {
                write!(f, "this host serves version {CONTRACT_VERSION}; build the plugin against its `wit/`")
            }
            Meaning::UnknownInterface => {
                write!(f, "the contract has no such interface; a newer host might")
            }
            Meaning::Wasi => f.write_str("nobody can grant it: it is not in the inert profile of WASI"),
            Meaning::Foreign => f.write_str("nobody can grant it: it is no interface of the contract"),
        }
    }
}

/// Every import that a plugin was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportProblems(pub Vec<ImportProblem>);

impl fmt::Display for ImportProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it imports what it was not granted:")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ImportProblems {}

impl Inspection {
    /// Compares what the plugin imports with what it is granted.
    ///
    /// # Errors
    /// Every import beyond the grant.
    pub fn check(&self, grant: &Grant) -> Result<(), ImportProblems> {
        let problems: Vec<_> = self
            .imports
            .iter()
            .filter(|import| match import.meaning {
                Meaning::Types => false,
                Meaning::Capability(capability) => !grant.has(capability),
                Meaning::OtherVersion | Meaning::UnknownInterface | Meaning::Wasi | Meaning::Foreign => true,
            })
            .map(|import| ImportProblem { import: import.clone(), role: self.role })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(ImportProblems(problems)) }
    }

    /// What the plugin is linked to: what it is granted, and its settings, when its manifest has
    /// any.
    pub(crate) fn linked(&self, grant: &Grant) -> Grant {
        let is_set = self.manifest.as_ref().is_some_and(|manifest| !manifest.settings.is_empty());
        let grant = grant.clone();
        if is_set { grant.clone().with(Capability::Settings).unwrap_or(grant) } else { grant }
    }

    /// Compares the component with a manifest: its own is compared when it is read.
    ///
    /// # Errors
    /// The first key under which the manifest says something else.
    pub fn compare(&self, manifest: &Manifest) -> Result<(), ManifestError> {
        let Self { role, contract, configurable, .. } = self;
        let imports = self.capabilities();
        let facts = Facts { role: *role, contract, configurable: *configurable, imports: &imports };
        manifest.check(facts)
    }

    /// The capabilities that the plugin imports.
    pub(crate) fn capabilities(&self) -> BTreeSet<Capability> {
        let capability = |import: &Import| match import.meaning {
            Meaning::Capability(capability) => Some(capability),
            _ => None,
        };
        self.imports.iter().filter_map(capability).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(body: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {body})")).unwrap()
    }

    const SOLVING: &str = r#"(instance $i) (export "lancet:plugin/solving@0.1.0" (instance $i))"#;

    #[test]
    fn what_is_no_plugin_says_what_it_is() {
        assert!(matches!(inspect(b""), Err(NotAPlugin::NotWasm)));
        assert!(matches!(inspect(b"#!/bin/sh"), Err(NotAPlugin::NotWasm)));
        assert!(matches!(inspect(&wat::parse_str("(module)").unwrap()), Err(NotAPlugin::CoreModule)));
        let whole = component(SOLVING);
        assert!(matches!(inspect(&whole[..whole.len() - 3]), Err(NotAPlugin::Invalid(_))));
        assert!(matches!(inspect(&component("")), Err(NotAPlugin::NoWorld(_))));
        let v2 = SOLVING.replace("0.1.0", "0.2.0");
        assert!(matches!(inspect(&component(&v2)), Err(NotAPlugin::OtherVersion(_))));
        let both = format!(r#"{SOLVING} (export "lancet:plugin/grading@0.1.0" (instance $i))"#);
        assert!(matches!(inspect(&component(&both)), Err(NotAPlugin::BothWorlds)));
        assert!(matches!(inspect(&vec![0; MAX_COMPONENT_BYTES + 1]), Err(NotAPlugin::TooLarge(_))));
    }

    #[test]
    fn a_package_is_what_its_manifest_says() {
        const ASKS: &str = "log = \"It notes what it chose.\"\nwasi-inert = \"Its language wants it.\"";
        let text = |asks: &str| {
            format!(
                "name = \"acme/first\"\nversion = \"1.0.0\"\ncontract = \"0.1.0\"\nworld = \"agent\"\n\
                 description = \"Chooses the first.\"\nauthors = [\"Ada\"]\nlicence = \"MIT\"\n[asks]\n{asks}"
            )
        };
        let imports =
            ["lancet:plugin/types@0.1.0", "lancet:plugin/log@0.1.0", "wasi:clocks/wall-clock@0.2.6"];
        let body: String = imports.iter().map(|i| format!(r#"(import "{i}" (instance))"#)).collect();
        let bare = component(&format!("{body} {SOLVING}"));
        assert_eq!(inspect(&bare).unwrap().manifest, None);
        let package = lancet_package::write(&bare, &text(ASKS)).unwrap();
        let inspection = inspect(&package).unwrap();
        assert_eq!(inspection.manifest.as_ref().unwrap().name, "acme/first");
        assert_eq!(inspection.imports, inspect(&bare).unwrap().imports);

        for (asks, words) in [
            ("log = \"It notes.\"".to_owned(), "`asks`: the component imports `wasi-inert`"),
            (format!("{ASKS}\nmodel = \"It asks.\""), "`asks.model`: the manifest asks for it"),
            (format!("{ASKS}\nsubmission = \"x\""), "`asks.submission`: nobody can grant"),
        ] {
            let lying = lancet_package::write(&bare, &text(&asks));
            let error = match lying {
                Ok(lying) => inspect(&lying).unwrap_err(),
                Err(error) => NotAPlugin::Package(error),
            };
            assert!(error.to_string().contains(words), "{error}");
        }
        // That of another component.
        let other =
            component(&format!(r#"{SOLVING} (export "lancet:plugin/configuring@0.1.0" (instance $i))"#));
        let error = inspect(&lancet_package::write(&other, &text("")).unwrap()).unwrap_err().to_string();
        assert!(
            error.contains("`world`: `agent`, but the component is of the world `configurable-agent`"),
            "{error}"
        );
        let newer = component(&SOLVING.replace("0.1.0", "0.1.1"));
        let error = inspect(&lancet_package::write(&newer, &text("")).unwrap()).unwrap_err();
        assert!(
            error.to_string().contains("solving@0.1.1") && error.hint().unwrap().contains("0.1.1"),
            "{error}"
        );
        let doubled = [package.as_slice(), &package[bare.len()..]].concat();
        assert!(matches!(inspect(&doubled), Err(NotAPlugin::Package(PackageError::Doubled(2)))));
    }

    #[test]
    fn every_import_beyond_the_grant_is_listed_with_who_could_grant_it() {
        let imports = [
            "lancet:plugin/log@0.1.0",
            "lancet:plugin/log@0.2.0",
            "lancet:plugin/answer-key@0.1.7",
            "lancet:plugin/submission@0.1.0",
            "lancet:plugin/teleport@0.1.0",
            "wasi:clocks/wall-clock@0.2.6",
            "wasi:sockets/tcp@0.2.0",
            "evil:host/backdoor@1.0.0",
        ];
        let body: String = imports.iter().map(|i| format!(r#"(import "{i}" (instance))"#)).collect();
        let inspection = inspect(&component(&format!("{body} {SOLVING}"))).unwrap();
        assert_eq!(inspection.imports.len(), imports.len());
        let ImportProblems(problems) = inspection.check(&Grant::standard(Role::Agent)).unwrap_err();
        let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text.len(), imports.len() - 1, "{text:#?}");
        for (line, fragment) in text.iter().zip([
            "this host serves version 0.1.0",
            "--grant answer-key",
            "nobody can grant `submission`",
            "no such interface",
            "--grant wasi-inert",
            "not in the inert profile",
            "no interface of the contract",
        ]) {
            assert!(line.contains(fragment), "{line}");
        }
    }
}
