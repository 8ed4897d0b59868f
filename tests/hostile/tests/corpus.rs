//! The corpus holds together: every case has its component, and what is meant to
//! be valid is, so that a case fails for its own reason and no other.

use std::collections::BTreeSet;

use lancet_core::{Capability, Role};
use lancet_hostile::{Case, Expected, case, cases, component, ordinary};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

fn validate(bytes: &[u8]) -> Result<(), String> {
    let features = WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL;
    Validator::new_with_features(features).validate_all(bytes).map(drop).map_err(|e| e.to_string())
}

/// Names of the imports and exports of the outermost component.
fn names(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().map(|i| i.unwrap().name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|e| e.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    (imports, exports)
}

fn is_valid_by_design(case: &Case) -> bool {
    case.threat != 25 || matches!(case.name, "header-only" | "core-module" | "over-64-mib")
}

#[test]
fn names_are_unique_and_find_their_case() {
    let names: BTreeSet<_> = cases().iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().len());
    for known in cases() {
        assert_eq!(case(known.name), Some(known));
        assert!((16..=25).contains(&known.threat), "{}", known.name);
        let role = known.name.rsplit_once('-').map(|(_, end)| end);
        assert!(
            !matches!(role, Some("agent" | "grader")) || role == Some(known.role.as_str()),
            "{}",
            known.name
        );
    }
}

#[test]
fn every_component_that_is_made_has_a_case() {
    let made: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/components.rs"));
    for (name, what, _) in made {
        assert!(name.starts_with("ordinary-") || case(name).is_some(), "{name} has no case");
        assert!(what.ends_with('.'), "{name}: `{what}` does not say what it does");
    }
}

#[test]
fn what_is_to_be_valid_is_and_what_is_to_be_invalid_is_not() {
    for case in cases() {
        let valid = validate(&component(case));
        match (is_valid_by_design(case), &valid) {
            (true, Err(error)) => panic!("{}: {error}", case.name),
            // How deep is too deep is for each validator to say.
            (false, Ok(())) if case.name != "nested-deeply" => panic!("{} is valid", case.name),
            _ => {}
        }
    }
}

#[test]
fn what_is_to_run_imports_what_it_is_granted_and_exports_its_role() {
    for case in cases().iter().filter(|case| !matches!(case.expected, Expected::Refused(_))) {
        let (imports, exports) = names(&component(case));
        let standard: &[&str] = match case.role {
            Role::Agent => &[
                "types",
                "log",
                "random",
                "input",
                "workspace",
                "shell",
                "user-tool",
                "settings",
                "budget",
                "model",
            ],
            Role::Grader => &["types", "log", "submission", "answer-key", "tests", "artifacts"],
        };
        for import in imports {
            let ours = standard.iter().any(|name| import == format!("lancet:plugin/{name}@0.1.0"));
            let inert = case.needs == [Capability::WasiInert] && import.starts_with("wasi:");
            let granted = case.needs.iter().any(|name| import == format!("lancet:plugin/{name}@0.1.0"));
            assert!(ours || inert || granted, "{} imports {import}", case.name);
        }
        let own = format!("lancet:plugin/{}@0.1.0", case.role.export());
        assert!(exports.contains(&own), "{} exports {exports:?}", case.name);
    }
}

#[test]
fn every_threat_has_a_case_of_an_agent_and_the_call_time_ones_of_a_grader() {
    for threat in 16..=25 {
        for role in [Role::Agent, Role::Grader] {
            let there = cases().iter().any(|case| (case.threat, case.role) == (threat, role));
            let asked = match threat {
                // Only a grader gives verdicts; what is malformed has no role.
                23 => role == Role::Grader,
                25 => role == Role::Agent,
                _ => true,
            };
            assert!(there || !asked, "{threat} {role}");
        }
    }
}

#[test]
fn the_ordinary_ones_are_valid_and_powerless() {
    for role in [Role::Agent, Role::Grader] {
        let bytes = ordinary(role);
        validate(&bytes).unwrap();
        let (imports, _) = names(&bytes);
        assert!(imports.iter().all(|import| import == "lancet:plugin/types@0.1.0"), "{imports:?}");
    }
}
