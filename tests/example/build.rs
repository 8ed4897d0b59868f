//! Takes the sources of the examples out of the documentation, so that what people read is
//! what is built and tried.

use std::path::PathBuf;
use std::{env, fs, process};

/// What an example is called here, the file that shows it, and what it is: the one block there
/// that exports that.
const EXAMPLES: [(&str, &str, &str); 4] = [
    ("grader", "../../plugins/README.md", "grader"),
    ("agent", "../../plugins/README.md", "agent"),
    ("parts", "../../docs/grader.md", "grader"),
    ("grep", "../../docs/agent.md", "agent"),
];

fn main() {
    for (name, file, role) in EXAMPLES {
        println!("cargo::rerun-if-changed={file}");
        if let Err(error) = take(name, file, role) {
            println!("cargo::error={file}: {error}");
            process::exit(1);
        }
    }
}

fn take(name: &str, file: &str, role: &str) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    let blocks = text.split("```rust\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let exports = format!("export_{role}!");
    let found: Vec<_> = blocks.map(|(block, _)| block).filter(|block| block.contains(&exports)).collect();
    let [source] = found[..] else {
        return Err(format!("expected one example with `{exports}`, found {}", found.len()));
    };
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo has not set OUT_DIR")?);
    fs::write(folder.join(format!("{name}.rs")), source).map_err(|e| e.to_string())
}
