//! Takes the sources of the grader and the agent out of `plugins/README.md`, so that what
//! people read is what is built and tried.

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
    let blocks: Vec<_> = blocks.map(|(block, _)| block).collect();
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo has not set OUT_DIR")?);
    for role in ["grader", "agent"] {
        let exports = format!("export_{role}!");
        let found: Vec<_> = blocks.iter().filter(|block| block.contains(&exports)).collect();
        let [source] = found[..] else {
            return Err(format!("expected one example with `{exports}`, found {}", found.len()));
        };
        fs::write(folder.join(format!("{role}.rs")), source).map_err(|e| e.to_string())?;
    }
    Ok(())
}
