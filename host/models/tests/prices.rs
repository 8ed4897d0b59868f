//! The table of prices says what two public ones do, or why not.

mod python;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use python::Python;

const LITELLM: &str = "litellm==1.110.2";
const RATES: [&str; 4] = ["input", "output", "input-cached", "input-cache-written"];

/// Rates that differ between ours and another table's; one that the other lacks does not.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut rates = |place: &str, ours: &Value, theirs: &Value| {
        for rate in RATES {
            if !theirs[rate].is_null() && theirs[rate] != ours[rate] {
                found.push(format!("{rate}{place}: ours {}, theirs {}", ours[rate], theirs[rate]));
            }
        }
    };
    rates("", ours, theirs);
    let no_tiers = Vec::new();
    let ours: BTreeMap<String, &Value> = ours["above"]
        .as_array()
        .unwrap_or(&no_tiers)
        .iter()
        .map(|tier| (tier["tokens"].to_string(), tier))
        .collect();
    let theirs: BTreeMap<&String, &Value> = theirs["above"].as_object().into_iter().flatten().collect();
    for (tokens, tier) in &theirs {
        let nothing = Value::Null;
        rates(&format!(" above {tokens}"), ours.get(*tokens).copied().unwrap_or(&nothing), tier);
    }
    for tokens in ours.keys().filter(|tokens| !theirs.contains_key(tokens)) {
        found.push(format!("ours has rates above {tokens}"));
    }
    found
}

#[test]
fn prices_are_those_of_public_tables_or_say_why_not() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/prices.toml")).unwrap();
    let table: Value = toml::from_str(&text).unwrap();
    let models = table["model"].as_array().unwrap();
    let mut lines = format!("{}\n", table["as-of"].as_str().unwrap());
    let mut of_ours = BTreeMap::new();
    for model in models {
        let also = model["also"].as_array().into_iter().flatten();
        for id in also.chain([&model["id"]]).map(|id| id.as_str().unwrap()) {
            writeln!(lines, "{} {id}", model["provider"].as_str().unwrap()).unwrap();
            of_ours.insert(id, model);
        }
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("priced-models.txt");
    fs::write(&file, lines).unwrap();

    let python = Python::oracles();
    let told = python.script("prices.py", &[&python.wheel(LITELLM), &file]);
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in told.lines() {
        let theirs: Value = serde_json::from_str(line).unwrap();
        let (name, id) = (theirs["table"].as_str().unwrap(), theirs["id"].as_str().unwrap());
        let model = of_ours[id];
        let found = differences(&model["price"], &theirs);
        let reason = model["differs"][name].as_str();
        match (found.is_empty(), reason) {
            (false, None) => wrong.push(format!("{id} in {name}: {}", found.join("; "))),
            (true, Some(_)) => wrong.push(format!("{id} in {name}: `differs` is out of date, they agree")),
            _ => {}
        }
        *compared.entry(name.to_owned()).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A table that has hardly any of them compares nothing.
    for name in ["litellm", "genai-prices"] {
        let count = compared.get(name).copied().unwrap_or(0);
        assert!(count * 10 >= of_ours.len() * 8, "{name} has {count} of {}", of_ours.len());
    }
}
