//! What the built-in plugins import is all that they can do, and is what their
//! documentation says.

use std::collections::BTreeSet;

use lancet_builtin::{Builtin, all, find};
use lancet_core::{CONTRACT_PACKAGE, CONTRACT_VERSION, Role};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Agents that have something that the operator can set, and an engine for templates.
const CONFIGURABLE: [&str; 2] = ["swelancer-simple", "tool-loop"];

fn interfaces(plugin: &Builtin) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut imports = BTreeSet::new();
    let mut exports = BTreeSet::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(plugin.component) {
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

fn interface(name: &str) -> String {
    format!("{CONTRACT_PACKAGE}/{name}@{CONTRACT_VERSION}")
}

#[test]
fn each_imports_what_it_needs_and_no_more() {
    for plugin in all() {
        let needed: &[&str] = match (plugin.role, plugin.name) {
            // All of them have the log: there a panic says what it is about.
            (Role::Agent, "first" | "last" | "longest" | "noop") => &["types", "log"],
            (Role::Agent, "random") => &["types", "log", "random", "workspace"],
            (Role::Agent, "choice") => &["types", "log", "input"],
            (Role::Agent, "patch") => &["types", "log", "workspace"],
            (Role::Agent, "script") => &["types", "log", "input", "shell"],
            (Role::Agent, "tool-loop" | "swelancer-simple") => {
                &["types", "log", "workspace", "shell", "user-tool", "settings", "model"]
            }
            (Role::Agent, "gold") => &["types", "log", "answer-key"],
            (Role::Grader, "manager-choice") => &["types", "log", "submission", "answer-key"],
            (Role::Grader, "junit") => &["types", "log", "submission", "answer-key", "tests"],
            (Role::Grader, "playwright-e2e") => {
                &["types", "log", "submission", "answer-key", "tests", "artifacts"]
            }
            other => panic!("{other:?}: say here what it needs"),
        };
        let (imports, exports) = interfaces(plugin);
        assert_eq!(imports, needed.iter().map(|name| interface(name)).collect(), "{}", plugin.name);
        let mut offered = BTreeSet::from([interface(plugin.role.export())]);
        if CONFIGURABLE.contains(&plugin.name) {
            offered.insert(interface("configuring"));
        }
        assert_eq!(exports, offered, "{}", plugin.name);
    }
}

#[test]
fn each_is_valid_without_any_proposal_that_the_host_leaves_off() {
    for plugin in all() {
        let features = WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL;
        Validator::new_with_features(features).validate_all(plugin.component).unwrap();
    }
}

#[test]
fn each_is_small_and_names_no_folder_of_the_machine_that_built_it() {
    for plugin in all() {
        let most = if CONFIGURABLE.contains(&plugin.name) { 1_000_000 } else { 100_000 };
        assert!(plugin.component.len() < most, "{}: {} bytes", plugin.name, plugin.component.len());
        let text = String::from_utf8_lossy(plugin.component);
        for folder in [env!("CARGO_MANIFEST_DIR").strip_suffix("/host/builtin").unwrap(), "/.cargo/"] {
            assert!(!text.contains(folder), "{}: {folder}", plugin.name);
        }
    }
}

#[test]
fn names_find_their_plugin() {
    for plugin in all() {
        assert_eq!(find(plugin.role, plugin.name), Some(plugin));
    }
    assert_eq!(find(Role::Grader, "first"), None);
    assert_eq!(find(Role::Agent, "nobody"), None);
}
