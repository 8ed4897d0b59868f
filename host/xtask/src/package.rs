//! Whether the kit for plugins in Rust could be published: packed as the registry would have it,
//! with the contract and the guide in it. Nothing is published.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::run;

const KIT: &str = "lancet-sdk";
const FOLDER: &str = "plugins/sdk";
/// Where the contract is.
const CONTRACT: &str = "wit";
/// A path out of the kit's folder, which leads nowhere in a package.
const OUTSIDE: &str = "../../";

/// Packs the kit, and looks at what is in the package: all that the crate is built of.
pub(crate) fn check() -> Result<(), String> {
    let list = run::cargo_output(&["package", "--package", KIT, "--allow-dirty", "--offline", "--list"])?;
    let packed: BTreeSet<&str> = list.lines().collect();
    let mut problems = missing(&packed, &names(&run::workspace().join(CONTRACT))?);
    for name in packed.iter().filter(|name| name.ends_with(".rs")) {
        let path = run::workspace().join(FOLDER).join(name);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        problems.extend(outside(name, &text));
    }
    if !problems.is_empty() {
        return Err(format!("the package of {KIT}:\n  {}", problems.join("\n  ")));
    }
    run::cargo(&["package", "--package", KIT, "--allow-dirty", "--offline", "--no-verify", "--quiet"])
}

/// Packs the kit, and compiles what was packed, apart from this workspace.
pub(crate) fn compile() -> Result<(), String> {
    check()?;
    // Where what it depends on has been compiled already, as far as that is the same.
    let target = run::workspace().join("target");
    let target = target.to_str().ok_or("the path of the target folder is not UTF-8")?;
    run::cargo_with(
        &["package", "--package", KIT, "--allow-dirty", "--offline"],
        &[("CARGO_TARGET_DIR", target)],
    )
}

/// What a package needs beside its sources and does not have.
fn missing(packed: &BTreeSet<&str>, contract: &[String]) -> Vec<String> {
    let contract = contract.iter().map(|name| format!("{CONTRACT}/{name}"));
    let needed = contract.chain(["README.md", "LICENSE", "src/lib.rs"].map(str::to_owned));
    needed
        .filter(|name| !packed.contains(name.as_str()))
        .map(|name| format!("`{name}` is missing: `include` in {FOLDER}/Cargo.toml has to name it"))
        .collect()
}

/// The lines of a source that reach for files outside of the package.
fn outside<'a>(name: &'a str, text: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = text.lines().zip(1..).filter(|(line, _)| line.contains(OUTSIDE));
    lines.map(move |(_, number)| {
        format!(
            "{FOLDER}/{name}:{number}: `{OUTSIDE}` leads out of the package: make a link to the file in {FOLDER}"
        )
    })
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let error = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        found.push(name.into_string().map_err(|_| format!("{}: a name is not UTF-8", folder.display()))?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_lacks_is_named() {
        let packed = BTreeSet::from(["src/lib.rs", "README.md", "LICENSE", "wit/log.wit"]);
        assert_eq!(missing(&packed, &["log.wit".to_owned()]), [""; 0]);
        let found = missing(&packed, &["log.wit".to_owned(), "new.wit".to_owned()]).join("\n");
        assert!(found.starts_with("`wit/new.wit` is missing"), "{found}");
        assert!(missing(&BTreeSet::new(), &[]).len() == 3);
    }

    #[test]
    fn what_leads_out_of_a_package_is_named() {
        let found: Vec<_> = outside("src/lib.rs", "\npath: \"../../wit\",\n\"../README.md\"").collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("plugins/sdk/src/lib.rs:2: "), "{}", found[0]);
    }
}
