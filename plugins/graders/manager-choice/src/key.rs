//! The answer key of manager tasks.

use crate::json::{Object, Scalar, object};

/// The task's private configuration: `{"correct": 3, "mode": "strict"}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// The id of the proposal that is paid.
    pub(crate) correct: u32,
    /// How a document is read.
    pub(crate) mode: Mode,
}

/// How a document that an agent hands in is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A JSON object with `selected_proposal_id` and nothing else.
    Strict,
    /// As the SWE-Lancer harness does: the first value, under any key.
    Lenient,
}

const EXPECTED: &str = r#"expected `{"correct": ID}` or `{"correct": ID, "mode": "strict" or "lenient"}`"#;

impl Key {
    /// Reads `private/answer-key.json`.
    ///
    /// # Errors
    /// What is wrong with it and what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Object(entries) = object(text).map_err(|e| format!("answer-key.json: {e}; {EXPECTED}"))?;
        let mut correct = None;
        let mut mode = None;
        for (key, value) in &entries {
            let seen = match (key.as_str(), value) {
                ("correct", value) => {
                    let id = value.id().ok_or_else(|| {
                        format!("answer-key.json: `correct` is not a proposal's id; {EXPECTED}")
                    })?;
                    correct.replace(id).is_some()
                }
                ("mode", Scalar::Text(text)) if text == "strict" => mode.replace(Mode::Strict).is_some(),
                ("mode", Scalar::Text(text)) if text == "lenient" => mode.replace(Mode::Lenient).is_some(),
                ("mode", _) => {
                    return Err(format!("answer-key.json: `mode` is none that there is; {EXPECTED}"));
                }
                _ => {
                    let start = &key[..key.floor_char_boundary(40)];
                    return Err(format!("answer-key.json: unknown key `{start}`; {EXPECTED}"));
                }
            };
            if seen {
                return Err(format!("answer-key.json: `{key}` is there twice; {EXPECTED}"));
            }
        }
        let correct = correct.ok_or_else(|| format!("answer-key.json: `correct` is missing; {EXPECTED}"))?;
        Ok(Self { correct, mode: mode.unwrap_or(Mode::Strict) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_unless_it_says_otherwise() {
        let key = |correct, mode| Ok(Key { correct, mode });
        assert_eq!(Key::parse(r#"{"correct": 3}"#), key(3, Mode::Strict));
        assert_eq!(Key::parse(r#"{"mode": "strict", "correct": 0}"#), key(0, Mode::Strict));
        assert_eq!(
            Key::parse(r#" {"correct": 4294967295, "mode": "lenient"} "#),
            key(u32::MAX, Mode::Lenient)
        );
    }

    #[test]
    fn anything_else_says_what_was_expected() {
        for (text, fragment) in [
            ("", "not a JSON object"),
            ("3", "not a JSON object"),
            ("[3]", "not a JSON object"),
            (r#"{"correct": 3} x"#, "not a JSON object"),
            ("{}", "`correct` is missing"),
            (r#"{"correct": "3"}"#, "`correct` is not"),
            (r#"{"correct": 3.0}"#, "`correct` is not"),
            (r#"{"correct": -3}"#, "`correct` is not"),
            (r#"{"correct": [3]}"#, "`correct` is not"),
            (r#"{"correct": 4294967296}"#, "`correct` is not"),
            (r#"{"correct": 3, "mode": "loose"}"#, "`mode` is none"),
            (r#"{"correct": 3, "mode": null}"#, "`mode` is none"),
            (r#"{"correct": 3, "correct": 4}"#, "`correct` is there twice"),
            (r#"{"correct": 3, "corect": 4}"#, "unknown key `corect`"),
        ] {
            let error = Key::parse(text).unwrap_err();
            assert!(error.contains(fragment), "{text}: {error}");
            assert!(error.contains(EXPECTED), "{text}: {error}");
        }
    }
}
