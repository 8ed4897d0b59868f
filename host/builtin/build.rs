//! Builds the first-party plugins and writes the table that the library embeds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use lancet_guest_build::{Request, build, target_dir};

/// Role, name and description of each.
const PLUGINS: [(&str, &str, &str); 14] = [
    ("agent", "first", "chooses the first proposal"),
    ("agent", "last", "chooses the last proposal"),
    ("agent", "longest", "chooses the proposal with the most characters"),
    ("agent", "random", "chooses any proposal, or changes any line, from the run's seed"),
    ("agent", "choice", "chooses the proposal whose id it is given with `--input`"),
    ("agent", "patch", "applies the patch that it is given with `--input`"),
    ("agent", "script", "runs the shell script that it is given with `--input`"),
    ("agent", "tool-loop", "has a model work with tools that it calls, or with `bash` only"),
    ("agent", "swelancer-simple", "goes through the loop of SWE-Lancer's own agent, for comparison"),
    ("agent", "noop", "hands in nothing: a control"),
    ("agent", "gold", "hands in what the answer key says: a control, needs `--grant answer-key`"),
    ("grader", "manager-choice", "pays for the proposal that the answer key names"),
    ("grader", "junit", "pays when the hidden tests pass, by their JUnit report"),
    ("grader", "playwright-e2e", "pays when the hidden browser tests pass, and points at traces and logs"),
];

fn main() {
    // At run time: a script compiled for one checkout may be run for another that
    // shares its target folder.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets CARGO_MANIFEST_DIR");
    let workspace = Path::new(&manifest).join("../..");
    for input in ["plugins", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }

    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR for build scripts"));
    let mut request = Request::new(&workspace, target_dir(&out_dir));
    for (role, name, _) in PLUGINS {
        request = request.package(format!("lancet-{role}-{name}"));
    }
    let guests = build(&request).unwrap_or_else(|error| {
        println!("cargo::error={error}");
        process::exit(1);
    });

    let mut table = String::from("&[\n");
    for ((role, name, description), guest) in PLUGINS.into_iter().zip(guests) {
        let path = out_dir.join(format!("{}.wasm", guest.name));
        fs::write(&path, &guest.component).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        let role = if role == "agent" { "Agent" } else { "Grader" };
        writeln!(
            table,
            "Builtin {{ name: {name:?}, role: Role::{role}, description: {description:?}, \
             component: include_bytes!({path:?}) }},"
        )
        .expect("a String takes everything");
    }
    table.push(']');
    let path = out_dir.join("plugins.rs");
    fs::write(&path, table).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
}
