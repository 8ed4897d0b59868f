//! What a component is, read from its bytes before anything of it is compiled or run.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use lancet_core::{CONTRACT_PACKAGE, CONTRACT_VERSION, Capability, Grant, Granter, Role, Sha256};
use lancet_package::{Facts, Manifest, ManifestError, PackageError};
use serde::{Deserialize, Serialize};
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

/// The most imports and exports of a component, each. The contract and the inert profile of
/// WASI have some fifty interfaces.
const MAX_NAMES: u64 = 1_000;
/// The most bytes of all their names, with those of the functions in the contract's interfaces:
/// 256 KiB. A plugin that imports all that there is has 6 KiB.
const MAX_NAME_BYTES: usize = 256 << 10;
/// The most bytes of what a validator says, which repeats names.
const MAX_WORDS: usize = 1_000;

/// The most characters of a name that are shown to people, and the most names of a list.
const MAX_SHOWN: usize = 120;
const MAX_LISTED: usize = 20;

/// One import of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The import's name in the binary: `lancet:plugin/log@0.1.0`.
    pub name: String,
    /// What the import is to this host.
    pub meaning: Meaning,
}

/// What an import is to this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// What is read of a component's bytes, by whatever process reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    role: Role,
    contract: String,
    imports: Vec<Import>,
    exports: Vec<String>,
    configurable: bool,
    manifest: Option<Manifest>,
    functions: BTreeSet<String>,
}

/// Why bytes are no plugin.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
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
    /// More imports or exports than are looked at.
    #[error("it has {imports} imports and {exports} exports, at most {MAX_NAMES} of each are looked at")]
    TooManyNames {
        /// How many imports it has.
        imports: u64,
        /// How many exports it has.
        exports: u64,
    },
    /// Longer names than are looked at.
    #[error(
        "the names of its imports and exports have more than {MAX_NAME_BYTES} bytes (256 KiB) in all, which is the \
         most that is looked at"
    )]
    NamesTooLong,
    /// Reading it takes more than it may, or ends who reads it.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
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
    #[error("its role is `{found}`, expected `{expected}`")]
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
            Self::TooManyNames { .. } | Self::NamesTooLong => Some(
                "a plugin imports and exports the contract's interfaces, and WASI's where its language does",
            ),
            Self::Unreadable(_) => Some("a component this hard to read is not run; build it smaller"),
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

/// Reads what a component is and what it imports, without compiling it, in this process: for
/// components that came with this program. What strangers wrote can take gigabytes to read, and
/// is read by [`crate::Runtime::inspect`].
///
/// # Errors
/// When it is no plugin of this contract.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, NotAPlugin> {
    plain(bytes)?;
    Ok(Inspection::of(bytes, known(bytes)?))
}

/// What can be said of a component without reading it.
pub(crate) fn plain(bytes: &[u8]) -> Result<(), NotAPlugin> {
    if bytes.len() > MAX_COMPONENT_BYTES {
        return Err(NotAPlugin::TooLarge(bytes.len() as u64));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(NotAPlugin::NotWasm);
    }
    Ok(())
}

/// Reads what a component is: what [`Inspection`] has of it.
pub(crate) fn known(bytes: &[u8]) -> Result<Known, NotAPlugin> {
    plain(bytes)?;
    count(bytes)?;
    let types = validate(bytes)?;
    let (imports, exports) = names(bytes)?;
    let functions = functions(&imports, &types)?;
    let (role, contract) = role(&exports)?;
    let configurable = configurable(&exports)?;
    let imports = imports
        .into_iter()
        .map(|(name, is_instance)| {
            let meaning = if is_instance { meaning(&name) } else { Meaning::Foreign };
            Import { name, meaning }
        })
        .collect::<Vec<_>>();
    let manifest = lancet_package::read(bytes).map_err(NotAPlugin::Package)?;
    if let Some(manifest) = &manifest {
        let facts = Facts { role, contract: &contract, configurable, imports: &capabilities(&imports) };
        manifest.check(facts).map_err(|error| NotAPlugin::Package(error.into()))?;
    }
    Ok(Known { role, contract, imports, exports, configurable, manifest, functions })
}

/// The features that plugins may use: those of the engine's configuration.
fn validate(bytes: &[u8]) -> Result<Types, NotAPlugin> {
    let features = WasmFeatures::WASM2
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD;
    Validator::new_with_features(features).validate_all(bytes).map_err(|e| invalid(&e))
}

fn invalid(error: &wasmparser::BinaryReaderError) -> NotAPlugin {
    let words = error.to_string();
    NotAPlugin::Invalid(words[..words.floor_char_boundary(MAX_WORDS)].to_owned())
}

/// What the engine says of a component, for people: it repeats names as they are.
pub(crate) fn said(error: &wasmtime::Error) -> String {
    let mut words = format!("{error:#}");
    if words.len() > MAX_WORDS {
        words.truncate(words.floor_char_boundary(MAX_WORDS));
        words.push('…');
    }
    words
}

/// Counts what there is to be read, and how deep it is nested, before any of it is.
fn count(bytes: &[u8]) -> Result<(), NotAPlugin> {
    let (mut imports, mut exports) = (0_u64, 0_u64);
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| invalid(&e))? {
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
            Payload::ComponentImportSection(section) if depth == 0 => imports += u64::from(section.count()),
            Payload::ComponentExportSection(section) if depth == 0 => exports += u64::from(section.count()),
            _ => {}
        }
    }
    if imports.max(exports) > MAX_NAMES {
        return Err(NotAPlugin::TooManyNames { imports, exports });
    }
    Ok(())
}

type Names = (Vec<(String, bool)>, Vec<String>);

/// Names of the imports (and whether they are instances) and exports of the
/// outermost component, which is valid.
fn names(bytes: &[u8]) -> Result<Names, NotAPlugin> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let (mut depth, mut length) = (0_usize, 0_usize);
    let mut within = |name: &str| {
        length = length.saturating_add(name.len());
        if length > MAX_NAME_BYTES { Err(NotAPlugin::NamesTooLong) } else { Ok(name.to_owned()) }
    };
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| invalid(&e))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|e| invalid(&e))?;
                    let is_instance = matches!(import.ty, wasmparser::ComponentTypeRef::Instance(_));
                    imports.push((within(import.name.name)?, is_instance));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(within(export.map_err(|e| invalid(&e))?.name.name)?);
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

/// The functions of the contract among what is imported, and types beside them, as the engine
/// has them.
fn functions(imports: &[(String, bool)], types: &Types) -> Result<BTreeSet<String>, NotAPlugin> {
    let mut functions = BTreeSet::new();
    let mut length = 0_usize;
    for (name, _) in imports {
        let Some((CONTRACT_PACKAGE, interface, _)) = split(name) else { continue };
        let Some(item) = types.component_item_for_import(name) else { continue };
        if let ComponentEntityType::Instance(instance) = item.ty {
            for function in types[instance].exports.keys() {
                length = length.saturating_add(interface.len() + 1 + function.len());
                if length > MAX_NAME_BYTES {
                    return Err(NotAPlugin::NamesTooLong);
                }
                functions.insert(format!("{interface}.{function}"));
            }
        }
    }
    Ok(functions)
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
            return Err(NotAPlugin::OtherVersion(shown(name).into_owned()));
        }
        if found.replace((role, version.to_owned())).is_some() {
            return Err(NotAPlugin::BothWorlds);
        }
    }
    found.ok_or_else(|| NotAPlugin::NoWorld(listed(exports)))
}

/// Names for people: the first of them, none longer than a line.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(MAX_LISTED).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_LISTED {
        text.push_str(&format!(" and {} more", names.len() - MAX_LISTED));
    }
    text
}

/// A name for people.
fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}

/// Whether `configuring` is exported.
fn configurable(exports: &[String]) -> Result<bool, NotAPlugin> {
    for name in exports {
        if let Some((CONTRACT_PACKAGE, "configuring", version)) = split(name) {
            return if served(version) {
                Ok(true)
            } else {
                Err(NotAPlugin::OtherVersion(shown(name).into_owned()))
            };
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
        write!(f, "`{}`: ", shown(&self.import.name))?;
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
        for problem in self.0.iter().take(MAX_LISTED) {
            write!(f, "\n  {problem}")?;
        }
        match self.0.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for ImportProblems {}

impl Inspection {
    /// What was read of those bytes.
    pub(crate) fn of(component: &[u8], known: Known) -> Self {
        let Known { role, contract, imports, exports, configurable, manifest, functions } = known;
        let (digest, bytes) = (Sha256::of(component), component.len());
        Self { digest, bytes, role, contract, imports, exports, configurable, manifest, functions }
    }

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
    #[must_use]
    pub fn capabilities(&self) -> BTreeSet<Capability> {
        capabilities(&self.imports)
    }
}

/// The capabilities among imports.
fn capabilities(imports: &[Import]) -> BTreeSet<Capability> {
    let capability = |import: &Import| match import.meaning {
        Meaning::Capability(capability) => Some(capability),
        _ => None,
    };
    imports.iter().filter_map(capability).collect()
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
    fn what_another_process_reads_is_what_is_read_here() {
        const SETTINGS: &str = "settings = \"How strict it is.\"\n[settings]\nrequired = [\"note\"]\n\
            [settings.properties.note]\ntype = \"string\"\npattern = \"^\\\\d+$\"\n\
            [settings.properties.share]\ntype = \"number\"\nminimum = 0.1\nmaximum = 12.3\ndefault = 0.30000000000000004\n\
            [settings.properties.steps]\ntype = \"integer\"\nenum = [1, -9007199254740991]\ndefault = 1\n";
        let text = |asks: &str| {
            format!(
                "name = \"acme/told\"\nversion = \"1.0.0-rc.1+b\"\ncontract = \"0.1.0\"\nworld = \"grader\"\n\
                 description = \"Is \u{202e}told \\\"so\\\".\"\nauthors = [\"Ada\"]\nlicence = \"MIT\"\n\
                 limits = {{ fuel = 9007199254740991, seconds = 5 }}\n[asks]\n{asks}"
            )
        };
        let grader = SOLVING.replace("solving", "grading");
        let bare = component(&format!(r#"(import "lancet:plugin/settings@0.1.0" (instance)) {grader}"#));
        let package = lancet_package::write(&bare, &text(SETTINGS)).unwrap();
        let told = |bytes: &[u8]| -> Result<Known, NotAPlugin> {
            serde_json::from_slice(&serde_json::to_vec(&known(bytes)).unwrap()).unwrap()
        };
        assert_eq!(inspect(&package).unwrap().manifest.unwrap().settings.properties.len(), 3);
        for bytes in [&bare, &package] {
            assert_eq!(Inspection::of(bytes, told(bytes).unwrap()), inspect(bytes).unwrap());
        }
        for bytes in [
            lancet_package::write(&component(&grader), &text("log = \"It notes.\"")).unwrap(),
            [package.as_slice(), &package[bare.len()..]].concat(),
            package[..package.len() - 1].to_vec(),
            component(SOLVING.replace("0.1.0", "0.2.0").as_str()),
            component(""),
        ] {
            let (here, there) = (inspect(&bytes).unwrap_err(), told(&bytes).unwrap_err());
            assert_eq!((there.to_string(), there.hint()), (here.to_string(), here.hint()));
        }
    }

    #[test]
    fn names_are_bounded_and_cut_for_people() {
        let imports = |count: usize, length: usize| -> String {
            let name = |i: usize| format!("a:b/i{i}x{}", "y".repeat(length));
            (0..count).map(|i| format!(r#"(import "{}" (instance))"#, name(i))).collect()
        };
        let read = |body: &str| inspect(&component(&format!("{body} {SOLVING}")));
        assert!(matches!(
            read(&imports(1_001, 0)),
            Err(NotAPlugin::TooManyNames { imports: 1_001, exports: 1 })
        ));
        assert!(matches!(read(&imports(3, 90_000)), Err(NotAPlugin::NamesTooLong)));
        let functions = |count: usize| {
            let exports = |i| format!(r#"(export "f{i}x{}" (func))"#, "y".repeat(200));
            let exports: String = (0..count).map(exports).collect();
            format!(r#"(import "lancet:plugin/log@0.1.0" (instance {exports}))"#)
        };
        assert_eq!(read(&functions(100)).unwrap().functions.len(), 100);
        assert!(matches!(read(&functions(2_000)), Err(NotAPlugin::NamesTooLong)));

        let problems = read(&imports(100, 2_000)).unwrap().check(&Grant::standard(Role::Agent)).unwrap_err();
        let text = problems.to_string();
        assert!(text.ends_with("and 80 more") && text.len() < 6_000, "{text}");
        let exports: String = (0..100)
            .map(|i| format!(r#"(instance $i{i}) (export "e{i}x{}" (instance $i{i}))"#, "y".repeat(2_000)))
            .collect();
        let text = inspect(&component(&exports)).unwrap_err().to_string();
        assert!(text.ends_with("and 80 more") && text.len() < 4_000, "{text}");
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
