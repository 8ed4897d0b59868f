//! Takes the sources of the examples out of the documentation, so that what people read is
//! what is built and tried.

use std::path::PathBuf;
use std::{env, fs, process};

/// What an example is called here, the file that shows it, and what the one block there that
/// is it has in it.
const EXAMPLES: [(&str, &str, &str); 5] = [
    ("grader", "../../plugins/README.md", "export_grader!(RightChoice)"),
    ("parts", "../../plugins/README.md", "export_grader!(Parts)"),
    ("agent", "../../plugins/README.md", "export_agent!(Asks)"),
    ("words", "../../plugins/README.md", "export_agent!(Words)"),
    ("grep", "../../docs/agent.md", "export_agent!(Grep)"),
];

fn main() {
    for (name, file, exports) in EXAMPLES {
        println!("cargo::rerun-if-changed={file}");
        if let Err(error) = take(name, file, exports) {
            println!("cargo::error={file}: {error}");
            process::exit(1);
        }
    }
}

fn take(name: &str, file: &str, exports: &str) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    let blocks = text.split("```rust\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let found: Vec<_> = blocks.map(|(block, _)| block).filter(|block| block.contains(exports)).collect();
    let [source] = found[..] else {
        return Err(format!("expected one example with `{exports}`, found {}", found.len()));
    };
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("Cargo has not set OUT_DIR")?);
    fs::write(folder.join(format!("{name}.rs")), source).map_err(|e| e.to_string())
}
