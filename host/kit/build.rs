//! Writes the table of what is embedded: the contract, the kits, and the projects that a new
//! plugin begins as. They are read from where they are written and tested, so that there is
//! one copy of each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Files and folders, from the workspace's folder.
const EMBEDDED: [&str; 7] = [
    "Cargo.toml",
    "wit",
    "plugins/README.md",
    "plugins/sdk",
    "plugins/python",
    "plugins/javascript",
    "plugins/examples",
];

/// What tools leave in those folders.
const LEFT_OUT: [&str; 6] = ["target", "node_modules", "__pycache__", ".lancet", ".venv", "Cargo.lock"];

fn main() {
    // At run time: a script compiled for one checkout may be run for another that
    // shares its target folder.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets CARGO_MANIFEST_DIR");
    let workspace = Path::new(&manifest).join("../..");
    let mut table = String::from("&[\n");
    for name in EMBEDDED {
        let path = workspace.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        for file in files(&path) {
            let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let name = file.strip_prefix(&workspace).expect("it was found there").display().to_string();
            writeln!(table, "({name:?}, {text:?}),").expect("a String takes everything");
        }
    }
    table.push(']');
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR for build scripts"));
    fs::write(out_dir.join("embedded.rs"), table).expect("Cargo has made OUT_DIR");
}

/// A file, or those of a folder, in the order of their names.
fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !LEFT_OUT.contains(&name.as_ref()) && !name.ends_with(".wasm")
    });
    paths.sort();
    paths.iter().flat_map(|path| files(path)).collect()
}
