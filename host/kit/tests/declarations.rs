//! What the kit of JavaScript declares is what the contract has: each interface, and in it each
//! function with its parameters, each field and each case.

use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::{Interface, Resolve, TypeDefKind};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `tool-call` as `toolCall`.
fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// `tool-call` as `ToolCall`.
fn pascal(name: &str) -> String {
    let name = camel(name);
    name[..1].to_uppercase() + &name[1..]
}

/// What has to stand in the declarations of an interface, in any order.
fn expected(resolve: &Resolve, interface: &Interface) -> Vec<String> {
    let mut lines = Vec::new();
    for function in interface.functions.values() {
        let name = function.name.rsplit('.').next().unwrap().trim_start_matches('[');
        let name = name.rsplit(']').next().unwrap();
        let is_method = function.name.starts_with("[method]");
        let parameters = function.params.iter().skip(usize::from(is_method));
        let names: Vec<_> = parameters.map(|parameter| format!("{}: ", camel(&parameter.name))).collect();
        lines.push(format!("{}({}", camel(name), names.first().map_or("", String::as_str)));
        lines.extend(names);
    }
    for (name, id) in &interface.types {
        match &resolve.types[*id].kind {
            TypeDefKind::Record(record) => {
                lines.push(format!("export interface {} {{", pascal(name)));
                lines.extend(record.fields.iter().map(|field| format!("  {}: ", camel(&field.name))));
            }
            TypeDefKind::Enum(cases) => {
                lines.push(format!("export type {} =", pascal(name)));
                lines.extend(cases.cases.iter().map(|case| format!("| \"{}\"", case.name)).skip(1));
            }
            TypeDefKind::Variant(variant) => {
                lines.push(format!("export type {} =", pascal(name)));
                lines.extend(variant.cases.iter().map(|case| format!("| {{ tag: \"{}\"", case.name)));
            }
            TypeDefKind::Resource => lines.push(format!("export class {} {{", pascal(name))),
            // Of another interface, or a name for a plain type.
            _ => lines.push(pascal(name)),
        }
    }
    lines
}

#[test]
fn the_javascript_kit_declares_the_contract() {
    let mut resolve = Resolve::default();
    resolve.push_dir(workspace().join("wit")).unwrap();
    let kit = workspace().join("plugins/javascript");
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(kit.join("package.json")).unwrap()).unwrap();
    let mut looked_at = 0;
    for (_, interface) in resolve.interfaces.iter() {
        let name = interface.name.as_deref().unwrap();
        // What is exported is declared with `grader` and `agent`.
        if matches!(name, "grading" | "solving") {
            continue;
        }
        let file = kit.join("types").join(format!("{name}.d.ts"));
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        for line in expected(&resolve, interface) {
            assert!(text.contains(&line), "{}: `{line}` is missing", file.display());
        }
        assert_eq!(package["exports"][format!("./{name}")]["types"], format!("./types/{name}.d.ts"));
        if !matches!(name, "types" | "configuring") {
            let component = fs::read_to_string(kit.join("component").join(format!("{name}.js"))).unwrap();
            assert!(component.contains(&format!(" from \"lancet:plugin/{name}@0.1.0\";")), "{name}");
            let double = fs::read_to_string(kit.join("double").join(format!("{name}.js"))).unwrap();
            for function in interface.functions.values().filter(|function| !function.name.starts_with('[')) {
                let asks = format!("asks(\"{name}\", \"{}\")", camel(&function.name));
                assert!(double.contains(&asks), "{name}: {asks}");
            }
        }
        looked_at += 1;
    }
    assert!(looked_at >= 15, "{looked_at}");
}
