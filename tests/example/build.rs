//! Takes the sources of the graders and agents out of `plugins/README.md`, so that what
//! people read is what is built and tried.

use std::path::PathBuf;
use std::{env, fs, process};

const README: &str = "../../plugins/README.md";

/// What each example ends with, and where its source is put.
const EXAMPLES: [(&str, &str); 4] = [
    ("grader.rs", "export_grader!(RightChoice)"),
    ("parts.rs", "export_grader!(Parts)"),
    ("agent.rs", "export_agent!(Asks)"),
    ("words.rs", "export_agent!(Words)"),
];

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
    for (file, exports) in EXAMPLES {
        let found: Vec<_> = blocks.iter().filter(|block| block.contains(exports)).collect();
        let [source] = found[..] else {
            return Err(format!("expected one example with `{exports}`, found {}", found.len()));
        };
        fs::write(folder.join(file), source).map_err(|e| e.to_string())?;
    }
    Ok(())
}
