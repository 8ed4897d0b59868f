//! Takes the grader's source out of `plugins/README.md`, so that what people read is
//! what is built and tried.

use std::path::PathBuf;
use std::{env, fs, process};

const README: &str = "../../plugins/README.md";

fn main() {
    println!("cargo::rerun-if-changed={README}");
    if let Err(error) = take() {
        println!("cargo::error={README}: {error}");
        process::exit(1);
    }
}

fn take() -> Result<(), String> {
    let text = fs::read_to_string(README).map_err(|e| e.to_string())?;
    let blocks = text.split("```rust\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let graders: Vec<_> = blocks.map(|(block, _)| block).filter(|b| b.contains("export_grader!")).collect();
    let [grader] = graders[..] else {
        return Err(format!("expected one example that exports a grader, found {}", graders.len()));
    };
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo has not set OUT_DIR")?);
    fs::write(folder.join("grader.rs"), grader).map_err(|e| e.to_string())
}
