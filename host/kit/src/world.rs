//! The narrowed world: the contract, and of it what a manifest asks for.
//!
//! Components of some languages import all of the world that they are built for, called or
//! not. Built for this one, they import just what was asked for, and no import is ever linked
//! to a refusal.

use lancet_core::{CONTRACT_PACKAGE, CONTRACT_VERSION, Capability};
use lancet_package::{Manifest, World};

/// The name of that world. Not that of a role: a module of the plugin may be called so.
pub(crate) const NAME: &str = "asked";

/// The WIT of the world that imports what a manifest asks for, and exports what its world
/// exports. It stands beside the files of the contract, in their package.
#[must_use]
pub fn narrowed(manifest: &Manifest) -> String {
    let mut text = format!(
        "package {CONTRACT_PACKAGE}@{CONTRACT_VERSION};\n\n\
         // Written by `lancet plugin build`: what `plugin.toml` asks for.\nworld {NAME} {{\n"
    );
    for capability in manifest.asks.keys() {
        // WASI is no interface of the contract: a tool chain imports it by itself.
        if *capability != Capability::WasiInert {
            text.push_str(&format!("    import {capability};\n"));
        }
    }
    text.push_str(&format!("    export {};\n", manifest.world.role().export()));
    if manifest.world == World::ConfigurableAgent {
        text.push_str("    export configuring;\n");
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = include_str!("../../../plugins/examples/rust/grader/plugin.toml");

    fn world(manifest: &str) -> String {
        let text = narrowed(&Manifest::parse(manifest).unwrap());
        // It holds together with the contract, for a tool chain that reads both.
        let folder = tempfile::tempdir().unwrap();
        crate::embedded::lay_contract(folder.path(), ("asked.wit", text.clone())).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_dir(folder.path()).unwrap();
        resolve.select_world(&[package], Some(NAME)).unwrap();
        let (_, world) = text.split_once("world asked {\n").unwrap();
        world.to_owned()
    }

    #[test]
    fn it_imports_what_is_asked_for_and_nothing_else() {
        assert_eq!(
            world(MANIFEST),
            "    import log;\n    import submission;\n    import answer-key;\n    export grading;\n}\n"
        );
        let asks = MANIFEST.find("[asks]").unwrap();
        assert_eq!(world(&MANIFEST[..asks]), "    export grading;\n}\n");
    }

    #[test]
    fn each_world_exports_what_its_role_does() {
        let asks = MANIFEST.find("[asks]").unwrap();
        let of = |name: &str| {
            let manifest = MANIFEST[..asks].replace("world = \"grader\"", &format!("world = \"{name}\""));
            world(&format!("{manifest}[asks]\nwasi-inert = \"Its language wants it.\"\n"))
        };
        assert_eq!(of("agent"), "    export solving;\n}\n");
        assert_eq!(of("configurable-agent"), "    export solving;\n    export configuring;\n}\n");
        assert_eq!(of("control"), "    export solving;\n}\n");
    }
}
