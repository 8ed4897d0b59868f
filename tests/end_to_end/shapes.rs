//! What commands print as JSON is what the types of `lancet-core` and the published schemas
//! say: every key in its place, and every value.

use lancet_core::{
    CheckedSuite, Controls, Finding, InspectedPlugin, ListedPlugin, ListedRun, Regraded, Replayed, Report,
    ShownAttempt, ShownEvent,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::{Context, Outcome, sample, workspace};

/// Reads what was printed as `T` and writes it again: a key that `T` does not know, or one
/// that it writes otherwise, makes another text. Then looks at it by the schema.
#[track_caller]
pub(crate) fn has_shape<T: Serialize + DeserializeOwned>(outcome: &Outcome, schema: &str) -> Value {
    let read: T = serde_json::from_str(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{schema}: {error}: {}{}", outcome.stdout, outcome.stderr));
    let found: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), found, "{schema}");
    let written = serde_json::to_string_pretty(&read).unwrap();
    assert_eq!(keys(&written), keys(&outcome.stdout), "{schema}");
    let path = workspace().join(format!("docs/schemas/{schema}.schema.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    if let Err(problem) = fits(&found, &schema, &schema) {
        panic!("{}: {problem}", path.display());
    }
    found
}

/// The keys of a document in their order, as deep as they stand. Numbers are left to the
/// comparison of values: the last digit of one that is read may be another.
fn keys(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| Some(line.split_once("\": ")?.0)).collect()
}

/// The part of JSON Schema that the published ones are made of. A key that no schema names is
/// a mistake, but for those of an event, of which it names two.
fn fits(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').ok_or("a reference to elsewhere")?;
        fits(value, root.pointer(pointer).ok_or_else(|| format!("no {reference}"))?, root)?;
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[choice].as_array()
            && !choices.iter().any(|schema| fits(value, schema, root).is_ok())
        {
            return Err(format!("{value} is none of {choices:?}"));
        }
    }
    if schema["const"] != Value::Null && schema["const"] != *value {
        return Err(format!("{value} is not {}", schema["const"]));
    }
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        return Err(format!("{value} is none of {known:?}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    if !types.is_empty() && !types.iter().any(is) {
        return Err(format!("{value} is no {types:?}"));
    }
    if let (Some(items), schema @ Value::Object(_)) = (value.as_array(), &schema["items"]) {
        items.iter().try_for_each(|item| fits(item, schema, root))?;
    }
    if let (Some(items), Some(schemas)) = (value.as_array(), schema["prefixItems"].as_array()) {
        items.iter().zip(schemas).try_for_each(|(item, schema)| fits(item, schema, root))?;
    }
    if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        let is_event = properties.contains_key("seq");
        for (key, value) in object {
            match properties.get(key) {
                Some(schema) => fits(value, schema, root).map_err(|problem| format!("{key}: {problem}"))?,
                None if is_event => {}
                None => return Err(format!("{key} is in no schema")),
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        if let Some(missing) = required.filter_map(Value::as_str).find(|key| !object.contains_key(*key)) {
            return Err(format!("{missing} is required"));
        }
    }
    Ok(())
}

#[test]
fn what_is_printed_of_runs_has_the_published_shape() {
    let context = Context::new();
    let suite = sample();
    let suite = suite.to_str().unwrap();
    let json = |arguments: &[&str]| context.lancet(&[arguments, &["--format", "json"]].concat());
    let report = json(&["run", suite, "--agent", "random", "--attempts", "3"]);
    has_shape::<Report>(&report, "report");
    has_shape::<Report>(&json(&["report"]), "report");
    let runs = has_shape::<Vec<ListedRun>>(&json(&["runs"]), "runs");
    assert_eq!(runs[0]["state"], "finished");
    let attempts = has_shape::<Vec<ShownAttempt>>(&json(&["show"]), "show");
    let attempt = attempts[0]["attempt"].as_str().unwrap();
    let events = has_shape::<Vec<ShownEvent>>(&json(&["show", attempt]), "show-attempt");
    assert_eq!(events.as_array().unwrap().last().unwrap()["event"], "decided");
    has_shape::<Replayed>(&json(&["replay"]), "replay");
    has_shape::<Regraded>(&json(&["regrade"]), "regrade");

    // And of what does not hold together.
    let database = rusqlite::Connection::open(context.path("store/lancet.db")).unwrap();
    let changed = database.execute("UPDATE attempts SET earned_cents = 1", []).unwrap();
    assert_eq!(changed, attempts.as_array().unwrap().len());
    let runs = has_shape::<Vec<ListedRun>>(&json(&["runs"]), "runs");
    assert_eq!(runs[0]["state"], "CONTRADICTED");
    has_shape::<Vec<ShownAttempt>>(&json(&["show"]), "show");
    let replayed = has_shape::<Replayed>(&json(&["replay"]), "replay");
    assert_ne!(replayed["different"], 0);
}

#[test]
fn what_is_printed_of_suites_has_the_published_shape() {
    let context = Context::new();
    let suite = context.small_suite("suite");
    std::fs::write(suite.join("tasks/one/statement.md"), "").unwrap();
    let json = |arguments: &[&str]| context.lancet(&[arguments, &["--format", "json"]].concat());
    let checked = has_shape::<CheckedSuite>(&json(&["suite", "check", "suite"]), "suite-check");
    assert_eq!(checked["warnings"][0]["file"], "tasks/one/statement.md", "{checked:#}");
    let sample = sample();
    has_shape::<CheckedSuite>(&json(&["suite", "check", sample.to_str().unwrap()]), "suite-check");
    has_shape::<Controls>(&json(&["suite", "check", "suite", "--controls"]), "suite-check-controls");
}

#[test]
fn what_is_printed_of_machine_and_plugins_has_the_published_shape() {
    let context = Context::new();
    let json = |arguments: &[&str]| context.lancet(&[arguments, &["--format", "json"]].concat());
    let findings = has_shape::<Vec<Finding>>(&json(&["doctor", "--docker-socket", "/nowhere"]), "doctor");
    assert!(findings.as_array().unwrap().iter().any(|finding| finding.get("hint").is_some()));
    let plugins = has_shape::<Vec<ListedPlugin>>(&json(&["plugin", "list"]), "plugin-list");
    for plugin in plugins.as_array().unwrap() {
        let inspect = json(&["plugin", "inspect", plugin["name"].as_str().unwrap()]);
        has_shape::<InspectedPlugin>(&inspect, "plugin-inspect");
    }
}
