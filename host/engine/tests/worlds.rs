//! The worlds of `wit/` have what their role may have. Some toolchains have a component
//! import all of its world, called or not: such a component is loaded, and a world with an
//! interface that nobody can grant would be of no use to them.

mod frozen;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use lancet_core::{CONTRACT_PACKAGE, CONTRACT_VERSION, Capability, Grant, Granter, Role};
use lancet_engine::{Compiler, LoadError, Plugin, Runtime, RuntimeOptions};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, PackageId, Resolve};

/// Each world, with the role of its components and what an operator grants them.
const WORLDS: [(&str, Role, &[Capability]); 4] = [
    ("agent", Role::Agent, &[]),
    ("configurable-agent", Role::Agent, &[]),
    ("control", Role::Agent, &[Capability::AnswerKey]),
    ("grader", Role::Grader, &[]),
];

fn contract() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_dir(folder).unwrap();
    (resolve, package)
}

fn grant(role: Role, granted: &[Capability]) -> Grant {
    granted.iter().fold(Grant::standard(role), |grant, capability| grant.with(*capability).unwrap())
}

/// The interfaces that a world imports, without those that it needs only for their types.
fn imports(world: &str) -> BTreeSet<String> {
    let (resolve, package) = contract();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let interfaces = resolve.worlds[world].imports.iter().filter_map(|(key, item)| match item {
        wit_parser::WorldItem::Interface { id, .. } if !resolve.interfaces[*id].functions.is_empty() => {
            Some(resolve.name_world_key(key))
        }
        _ => None,
    });
    interfaces.collect()
}

/// A component that imports every function of a world.
fn whole(resolve: &Resolve, package: PackageId, world: &str) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = dummy_module(resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).unwrap().encode().unwrap()
}

fn load(component: &[u8], grant: &Grant) -> Result<Plugin, LoadError> {
    let options = RuntimeOptions { concurrency: NonZeroUsize::MIN, cache: None };
    Runtime::new(&options).unwrap().load("whole", component, grant, &Compiler::Here)
}

#[test]
fn each_imports_what_its_role_may_have_and_nothing_else() {
    for (world, role, granted) in WORLDS {
        let may = grant(role, granted);
        let expected = may.iter().map(|c| format!("{CONTRACT_PACKAGE}/{c}@{CONTRACT_VERSION}")).collect();
        assert_eq!(imports(world), expected, "{world}");
        // A component without the operator's word imports nothing that needs it.
        let by_operator: Vec<_> = may.iter().filter(|c| c.granter(role) == Granter::Operator).collect();
        assert_eq!(by_operator, granted, "{world}");
    }
}

#[test]
fn there_is_no_other_world() {
    let (resolve, package) = contract();
    let worlds: Vec<_> = resolve.packages[package].worlds.keys().map(String::as_str).collect();
    assert_eq!(BTreeSet::from_iter(worlds), WORLDS.map(|(world, ..)| world).into());
}

#[test]
fn every_capability_of_the_contract_is_in_the_world_of_whom_it_is_for() {
    let interfaces: BTreeSet<_> = WORLDS.iter().flat_map(|(world, ..)| imports(world)).collect();
    for capability in Capability::ALL.into_iter().filter(|c| *c != Capability::WasiInert) {
        let name = format!("{CONTRACT_PACKAGE}/{capability}@{CONTRACT_VERSION}");
        assert!(interfaces.contains(&name), "no world imports `{name}`");
    }
}

#[test]
fn a_component_that_imports_all_of_its_world_is_loaded() {
    for (world, role, granted) in WORLDS {
        let (resolve, package) = contract();
        let component = whole(&resolve, package, world);
        let plugin = load(&component, &grant(role, granted)).unwrap_or_else(|e| panic!("{world}: {e:?}"));
        for name in imports(world) {
            let interface = name.rsplit('/').next().unwrap().split('@').next().unwrap();
            let id = resolve.packages[package].interfaces[interface];
            for function in resolve.interfaces[id].functions.keys() {
                assert!(
                    plugin.imports(&format!("{interface}.{function}")),
                    "{world}: {interface}.{function}"
                );
            }
        }
        if !granted.is_empty() {
            let refused = load(&component, &Grant::standard(role)).err();
            assert!(matches!(refused, Some(LoadError::Imports { .. })), "{world}: {refused:?}");
        }
    }
}

#[test]
fn interfaces_without_functions_have_none_by_whatever_name() {
    // `evidence` is met for components that were recorded before it went into `types`.
    let with = |import: &str| {
        let text = format!(
            r#"(component {import} (instance $i) (export "lancet:plugin/solving@0.1.0" (instance $i)))"#
        );
        load(&wat::parse_str(text).unwrap(), &Grant::standard(Role::Agent)).err().unwrap()
    };
    for name in ["types", "evidence"] {
        let name = format!("{CONTRACT_PACKAGE}/{name}@{CONTRACT_VERSION}");
        let error = with(&format!(r#"(import "{name}" (instance (export "read" (func))))"#));
        assert!(matches!(&error, LoadError::Types { cause, .. } if cause.contains(&name)), "{error:?}");
        // What is wrong with it otherwise is only what it exports.
        let error = with(&format!(r#"(import "{name}" (instance))"#));
        assert!(matches!(&error, LoadError::Types { cause, .. } if !cause.contains(&name)), "{error:?}");
    }
}

#[test]
fn what_is_said_of_types_is_short_however_long_their_names_are() {
    let long = "x".repeat(100_000);
    for import in [
        format!(r#"(import "lancet:plugin/types@0.1.0" (instance (export "{long}" (func))))"#),
        format!(r#"(import "lancet:plugin/log@0.1.0" (instance (export "{long}" (func))))"#),
    ] {
        let text = format!(
            r#"(component {import} (instance $i) (export "lancet:plugin/solving@0.1.0" (instance $i)))"#
        );
        let error = load(&wat::parse_str(text).unwrap(), &Grant::standard(Role::Agent)).err().unwrap();
        assert!(matches!(error, LoadError::Types { .. }), "{error:.300}");
        assert!(error.to_string().len() < 4_000, "{} bytes: {error:.300}", error.to_string().len());
    }
}
