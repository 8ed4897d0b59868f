//! The JSON Schemas under `docs/schemas`.

use std::fs;
use std::path::PathBuf;

use crate::run;

/// Every schema that is published, by file name: generated from the types that
/// the host reads and writes.
fn schemas() -> Result<Vec<(String, String)>, String> {
    let mut schemas = lancet_suite::schemas();
    schemas.push(("report.schema.json", schemars::schema_for!(lancet_core::Report)));
    schemas
        .into_iter()
        .map(|(name, schema)| {
            let text = serde_json::to_string_pretty(&schema).map_err(|e| format!("{name}: {e}"))?;
            Ok((name.to_owned(), text + "\n"))
        })
        .collect()
}

fn folder() -> PathBuf {
    run::workspace().join("docs/schemas")
}

/// Writes them.
pub(crate) fn write() -> Result<(), String> {
    let folder = folder();
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    for (name, text) in schemas()? {
        let path = folder.join(&name);
        fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

/// Compares them with what is published.
pub(crate) fn check() -> Result<(), String> {
    for (name, text) in schemas()? {
        let path = folder().join(&name);
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            return Err(format!("docs/schemas/{name} is not what the types say; run `cargo xtask schemas`"));
        }
    }
    Ok(())
}
