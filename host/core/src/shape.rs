//! Lists that stand where a table belongs.

use serde::Serialize;
use serde_json::Value;

/// The first place at which a file has a list and what was read of it has a table, dotted: `grader`,
/// `proposals.0`. Serde takes a list of the fields' values for one, in their order, which no
/// schema does, and no other reader.
pub fn list_for_table<T: Serialize>(found: &Value, read: &T) -> Option<String> {
    let read = serde_json::to_value(read).ok()?;
    let mut way = Vec::new();
    differs(found, &read, &mut way).then(|| way.join("."))
}

fn differs(found: &Value, read: &Value, way: &mut Vec<String>) -> bool {
    let mut goes = |name: String, found: &Value, read: &Value| {
        way.push(name);
        let differs = differs(found, read, way);
        if !differs {
            way.pop();
        }
        differs
    };
    match (found, read) {
        (Value::Array(_), Value::Object(_)) => true,
        (Value::Array(found), Value::Array(read)) => {
            found.iter().zip(read).enumerate().any(|(at, (found, read))| goes(at.to_string(), found, read))
        }
        (Value::Object(found), Value::Object(read)) => found
            .iter()
            .filter_map(|(name, found)| Some((name, found, read.get(name)?)))
            .any(|(name, found, read)| goes(name.clone(), found, read)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Pair {
        first: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        more: Vec<Pair>,
    }

    #[test]
    fn a_list_of_a_tables_values_is_no_table() {
        for (text, expected) in [
            (json!({"first": 1}), None),
            (json!({"first": 1, "more": [{"first": 2}, {"first": 3}]}), None),
            (json!([1]), Some("")),
            (json!({"first": 1, "more": [{"first": 2}, [3, []]]}), Some("more.1")),
            (json!({"first": 1, "more": [{"first": 2, "more": [[3]]}]}), Some("more.0.more.0")),
        ] {
            let read: Pair = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(list_for_table(&text, &read).as_deref(), expected, "{text}");
        }
    }
}
