//! The JSON Schemas under `docs/schemas`.

use std::fs;
use std::path::PathBuf;

use lancet_core::{
    CheckedPlugin, CheckedSuite, Controls, Finding, Fixture, InspectedPlugin, ListedImage, ListedPlugin,
    ListedRun, RefusedSuite, Regraded, Replayed, Report, ShownAttempt, ShownEvent, TestedPlugin, Transcript,
};
use lancet_registry::{InspectedReference, OutdatedPlugin};
use lancet_swe_lancer::ImportSummary;
use lancet_trust::{ExplainedPolicy, ListedKey, ListedKeys, ListedLog, VerifiedFile, VerifiedRun};
use schemars::{Schema, schema_for};

use crate::run;

/// Every schema that is published, by file name: generated from the types that
/// the host reads and writes.
fn schemas() -> Result<Vec<(String, String)>, String> {
    let mut schemas = lancet_suite::schemas();
    schemas.push(("fixture.schema.json", schema_for!(Fixture)));
    schemas.extend(printed());
    schemas
        .into_iter()
        .map(|(name, schema)| {
            let text = serde_json::to_string_pretty(&schema).map_err(|e| format!("{name}: {e}"))?;
            Ok((name.to_owned(), text + "\n"))
        })
        .collect()
}

/// What commands print with `--format json`.
fn printed() -> [(&'static str, Schema); 25] {
    [
        ("report.schema.json", schema_for!(Report)),
        ("runs.schema.json", schema_for!(Vec<ListedRun>)),
        ("show.schema.json", schema_for!(Vec<ShownAttempt>)),
        ("show-attempt.schema.json", schema_for!(Vec<ShownEvent>)),
        ("transcript.schema.json", schema_for!(Transcript)),
        ("regrade.schema.json", schema_for!(Regraded)),
        ("replay.schema.json", schema_for!(Replayed)),
        ("suite-check.schema.json", schema_for!(CheckedSuite)),
        ("suite-check-problems.schema.json", schema_for!(RefusedSuite)),
        ("suite-check-controls.schema.json", schema_for!(Controls)),
        ("suite-import.schema.json", schema_for!(ImportSummary)),
        ("suite-pin.schema.json", schema_for!(Vec<ListedImage>)),
        ("doctor.schema.json", schema_for!(Vec<Finding>)),
        ("plugin-inspect.schema.json", schema_for!(InspectedPlugin)),
        ("plugin-inspect-reference.schema.json", schema_for!(InspectedReference)),
        ("plugin-outdated.schema.json", schema_for!(Vec<OutdatedPlugin>)),
        ("plugin-list.schema.json", schema_for!(Vec<ListedPlugin>)),
        ("key-list.schema.json", schema_for!(ListedKeys)),
        ("key-show.schema.json", schema_for!(ListedKey)),
        ("log-show.schema.json", schema_for!(ListedLog)),
        ("policy-explain.schema.json", schema_for!(ExplainedPolicy)),
        ("verify.schema.json", schema_for!(VerifiedFile)),
        ("verify-run.schema.json", schema_for!(VerifiedRun)),
        ("plugin-check.schema.json", schema_for!(CheckedPlugin)),
        ("plugin-test.schema.json", schema_for!(TestedPlugin)),
    ]
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
