//! The answer key of tasks that tests decide.

use serde_json::Value;

/// The task's private configuration: `{"plan": "hidden"}`.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// The name of the test plan that decides.
    pub plan: String,
}

const EXPECTED: &str = r#"expected `{"plan": "NAME"}` with the name of one of the task's test plans"#;

impl Key {
    /// Reads `private/answer-key.json`.
    ///
    /// # Errors
    /// What is wrong with it and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let key: Value =
            serde_json::from_str(text).map_err(|e| format!("answer-key.json: not JSON: {e}; {EXPECTED}"))?;
        let Value::Object(mut entries) = key else {
            return Err(format!("answer-key.json: not an object; {EXPECTED}"));
        };
        let plan = match entries.remove("plan") {
            Some(Value::String(plan)) => plan,
            Some(_) => return Err(format!("answer-key.json: `plan` is not a string; {EXPECTED}")),
            None => return Err(format!("answer-key.json: `plan` is missing; {EXPECTED}")),
        };
        match entries.keys().next() {
            None => Ok(Self { plan }),
            Some(other) => {
                let start = &other[..other.floor_char_boundary(40)];
                Err(format!("answer-key.json: unknown key `{start}`; {EXPECTED}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_named() {
        assert_eq!(Key::parse(r#" {"plan": "hidden"} "#), Ok(Key { plan: "hidden".into() }));
    }

    #[test]
    fn anything_else_says_what_was_expected() {
        for (text, fragment) in [
            ("", "not JSON"),
            ("hidden", "not JSON"),
            (r#""hidden""#, "not an object"),
            (r#"["hidden"]"#, "not an object"),
            ("{}", "`plan` is missing"),
            (r#"{"plan": 3}"#, "`plan` is not a string"),
            (r#"{"plan": null}"#, "`plan` is not a string"),
            (r#"{"plan": "hidden", "partial": true}"#, "unknown key `partial`"),
        ] {
            let error = Key::parse(text).unwrap_err();
            assert!(error.contains(fragment), "{text}: {error}");
            assert!(error.contains(EXPECTED), "{text}: {error}");
        }
    }
}
