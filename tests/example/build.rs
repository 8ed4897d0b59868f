//! Takes the sources of the graders and agents out of the documentation, so that what people
//! read is what is built and tried.

use std::path::PathBuf;
use std::{env, fs, process};

const README: &str = "../../plugins/README.md";
const BOOK: &str = "../../docs/agent.md";

/// Where the source of each example is put, the text that shows it, and what it ends with.
const EXAMPLES: [(&str, &str, &str); 5] = [
    ("grader.rs", README, "export_grader!(RightChoice)"),
    ("parts.rs", README, "export_grader!(Parts)"),
    ("agent.rs", README, "export_agent!(Asks)"),
    ("words.rs", README, "export_agent!(Words)"),
    ("grep.rs", BOOK, "export_agent!(Grep)"),
];

fn main() {
    for (file, text, exports) in EXAMPLES {
        println!("cargo::rerun-if-changed={text}");
        if let Err(error) = take(file, text, exports) {
            println!("cargo::error={text}: {error}");
            process::exit(1);
        }
    }
}

fn take(file: &str, text: &str, exports: &str) -> Result<(), String> {
    let text = fs::read_to_string(text).map_err(|e| e.to_string())?;
    let blocks = text.split("```rust\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let found: Vec<_> = blocks.map(|(block, _)| block).filter(|block| block.contains(exports)).collect();
    let [source] = found[..] else {
        return Err(format!("expected one example with `{exports}`, found {}", found.len()));
    };
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo has not set OUT_DIR")?);
    fs::write(folder.join(file), source).map_err(|e| e.to_string())
}
