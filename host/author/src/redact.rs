//! What of a fixture is nobody else's business: texts under named fields, replaced.

use std::collections::BTreeSet;

use lancet_core::Fixture;
use serde_json::Value;

/// What stands in place of a text that was taken out.
const REDACTED: &str = "redacted";

/// The most names that an error lists.
const MAX_LISTED: usize = 40;

/// Why a field cannot be redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// The fixture has no such field.
    #[error("the fixture has no field `{name}`; it has {known}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// Those that there are, joined.
        known: String,
    },
    /// Without it there is no fixture.
    #[error("`{name}` cannot be redacted: without it this is no fixture ({problem})")]
    Needed {
        /// The name that was given.
        name: String,
        /// What the fixture says without it.
        problem: String,
    },
}

/// Replaces every text under fields of these names, at any depth, and everything below them;
/// numbers and flags stay. What was redacted is noted in the fixture.
///
/// # Errors
/// When there is no such field, what is left is no fixture, or something else would have to come
/// of it.
pub fn redact(fixture: &Fixture, names: &[String]) -> Result<Fixture, RedactError> {
    let mut fixture = fixture.clone();
    for name in names {
        let needed = |problem: String| RedactError::Needed { name: name.clone(), problem };
        let mut value = serde_json::to_value(&fixture).map_err(|e| needed(e.to_string()))?;
        let mut known = BTreeSet::new();
        if !below(&mut value, name, &mut known) {
            let listed: Vec<_> = known.into_iter().take(MAX_LISTED).collect();
            return Err(RedactError::Unknown { name: name.clone(), known: listed.join(", ") });
        }
        let redacted: Fixture = serde_json::from_value(value).map_err(|e| needed(e.to_string()))?;
        if redacted.expect != fixture.expect {
            return Err(needed("what has to come of it would be another".to_owned()));
        }
        if (&redacted.contract, &redacted.engine) != (&fixture.contract, &fixture.engine) {
            return Err(needed("no host could tell whether it can be read".to_owned()));
        }
        crate::Fixture::of("", redacted.clone()).map_err(|e| needed(e.to_string()))?;
        fixture = redacted;
        if let Some(origin) = &mut fixture.recorded {
            origin.redacted.push(name.clone());
        }
    }
    Ok(fixture)
}

/// Redacts the fields of that name, and says whether there was any; `known` gets the names of
/// all others.
fn below(value: &mut Value, name: &str, known: &mut BTreeSet<String>) -> bool {
    let mut is_there = false;
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                if key == name {
                    texts(field);
                    is_there = true;
                } else {
                    known.insert(key.clone());
                    is_there |= below(field, name, known);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                is_there |= below(item, name, known);
            }
        }
        _ => {}
    }
    is_there
}

/// Replaces every text of a value. Bytes in base64 become a text.
fn texts(value: &mut Value) {
    match value {
        Value::String(text) => REDACTED.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(texts),
        Value::Object(fields) => {
            if fields.remove("base64").is_some() {
                fields.insert("text".to_owned(), Value::from(REDACTED));
            }
            fields.values_mut().for_each(texts);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> Fixture {
        serde_json::from_value(serde_json::json!({
            "fixture": 1, "contract": "0.1.0", "engine": lancet_engine::ENGINE_ID, "role": "grader",
            "task": {"id": "t", "kind": "ic-swe", "statement": "secret one", "title": "secret two"},
            "submission": "work-tree", "answer-key": {"plan": "secret"},
            "files": [{"path": "a", "contents": {"base64": "AP8="}}, {"path": "b"}],
            "expect": {"outcome": "fail", "reason": "tests-failed"},
            "recorded": {"attempt": "r/t/1", "plugin": lancet_core::Sha256::of(b"")},
        }))
        .unwrap()
    }

    #[test]
    fn texts_below_a_name_are_replaced_and_that_is_said() {
        let names = ["statement", "answer-key", "files"].map(str::to_owned);
        let error = redact(&fixture(), &names).unwrap_err().to_string();
        // Both paths become the same.
        assert!(error.contains("`files`") && error.contains("twice"), "{error}");
        let names = ["statement", "answer-key", "contents"].map(str::to_owned);
        let redacted = redact(&fixture(), &names).unwrap();
        let text = serde_json::to_string(&redacted).unwrap();
        assert!(
            !text.contains("secret one") && !text.contains("AP8=") && text.contains("secret two"),
            "{text}"
        );
        assert_eq!(redacted.answer_key, Some(serde_json::json!({"plan": "redacted"})));
        assert_eq!(redacted.recorded.unwrap().redacted, names);
    }

    #[test]
    fn what_is_not_there_or_has_to_be_is_refused() {
        let error = redact(&fixture(), &["nothing".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no field `nothing`") && error.contains("answer-key"), "{error}");
        for name in ["contract", "engine", "role", "kind", "outcome", "reason", "expect", "plugin"] {
            let error = redact(&fixture(), &[name.to_owned()]).unwrap_err();
            assert!(matches!(error, RedactError::Needed { .. }), "{name}: {error}");
        }
    }
}
