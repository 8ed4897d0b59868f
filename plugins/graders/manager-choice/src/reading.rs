//! Which proposal an answer names.

use lancet_sdk::Answer;

use crate::json::{Object, Scalar, object};
use crate::key::Mode;

/// Why an answer names no proposal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The reason code.
    pub(crate) reason: &'static str,
    /// What was seen, and what was expected.
    pub(crate) detail: String,
}

/// The id that an answer names.
///
/// # Errors
/// Why it names none.
pub(crate) fn chosen(answer: &Answer, mode: Mode) -> Result<u32, Unreadable> {
    let unreadable = |reason, detail: &str| Err(Unreadable { reason, detail: detail.into() });
    match answer {
        Answer::Choice(id) => Ok(*id),
        Answer::Document(text) => {
            let read = match mode {
                Mode::Strict => strict(text),
                Mode::Lenient => lenient(text),
            };
            read.map_err(|detail| Unreadable { reason: "malformed-answer", detail })
        }
        Answer::WorkTree => unreadable("wrong-kind", "a work tree; expected the choice of a proposal"),
        Answer::Nothing => unreadable("no-submission", "nothing was handed in"),
    }
}

const EXPECTED: &str = r#"expected `{"selected_proposal_id": ID}`"#;

fn strict(text: &str) -> Result<u32, String> {
    let Object(entries) = object(text).map_err(|e| format!("{e}; {EXPECTED}"))?;
    match entries.as_slice() {
        [(key, value)] if key == "selected_proposal_id" => {
            value.id().ok_or_else(|| format!("`{key}` is not a proposal's id; {EXPECTED}"))
        }
        [(_, _)] => Err(format!("another key than `selected_proposal_id`; {EXPECTED}")),
        _ => Err(format!("{} keys instead of one; {EXPECTED}", entries.len())),
    }
}

fn lenient(text: &str) -> Result<u32, String> {
    const EXPECTED: &str = "expected an object whose first value is a proposal's id";
    let Object(entries) = object(text).map_err(|e| format!("{e}; {EXPECTED}"))?;
    let (first, _) = entries.first().ok_or_else(|| format!("an empty object; {EXPECTED}"))?;
    // A key that is there twice keeps its place and takes the later value in
    // Python's dictionaries.
    let value = entries.iter().rev().find(|(key, _)| key == first).map(|(_, value)| value);
    value.and_then(number).ok_or_else(|| format!("the first value is not a proposal's id; {EXPECTED}"))
}

/// An id, also one that is written with a fraction of zero.
fn number(value: &Scalar) -> Option<u32> {
    match *value {
        Scalar::Float(number) => {
            #[expect(clippy::cast_possible_truncation, reason = "compared with what it came from")]
            let whole = number as u32;
            (f64::from(whole) == number).then_some(whole)
        }
        _ => value.id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_takes_one_form_only() {
        assert_eq!(strict(r#"{"selected_proposal_id": 3}"#), Ok(3));
        assert_eq!(strict(" {\"selected_proposal_id\":\n0} "), Ok(0));
        for text in [
            "",
            "3",
            "null",
            "[3]",
            r#"["selected_proposal_id", 3]"#,
            "{}",
            r#"{"selected_proposal_id": 3.0}"#,
            r#"{"selected_proposal_id": 3e0}"#,
            r#"{"selected_proposal_id": "3"}"#,
            r#"{"selected_proposal_id": -3}"#,
            r#"{"selected_proposal_id": 4294967299}"#,
            r#"{"selected_proposal_id": true}"#,
            r#"{"selected_proposal_id": [3]}"#,
            r#"{"selected_proposal_id": 3, "why": "best"}"#,
            r#"{"selected_proposal_id": 3, "selected_proposal_id": 3}"#,
            r#"{"proposal": 3}"#,
            r#"{"Selected_Proposal_Id": 3}"#,
            r#"{"selected_proposal_id": 3} {"#,
            "\u{feff}{\"selected_proposal_id\": 3}",
        ] {
            let error = strict(text).unwrap_err();
            assert!(error.contains(EXPECTED), "{text}: {error}");
        }
    }

    #[test]
    fn lenient_takes_the_first_value_under_any_key() {
        for (text, id) in [
            (r#"{"selected_proposal_id": 3}"#, 3),
            (r#"{"proposal": 3, "selected_proposal_id": 4}"#, 3),
            (r#"{"": 3}"#, 3),
            (r#"{"id": 3.0}"#, 3),
            (r#"{"a": 1, "b": 2, "a": 3}"#, 3),
            (r#"{"a": 0}"#, 0),
            (r#"{"a": 3, "b": {"c": [1, {}]}}"#, 3),
        ] {
            assert_eq!(lenient(text), Ok(id), "{text}");
        }
        for text in [
            "",
            "3",
            "[3]",
            "{}",
            r#"{"a": "3"}"#,
            r#"{"a": true}"#,
            r#"{"a": null, "b": 3}"#,
            r#"{"a": 3.5}"#,
            r#"{"a": -1}"#,
            r#"{"a": -0.5}"#,
            r#"{"a": 1e300}"#,
            r#"{"a": 4294967296}"#,
        ] {
            assert!(lenient(text).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
        let text = format!(r#"{{"selected_proposal_id": {}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert!(strict(&text).is_err());
        assert!(lenient(&text).is_err());
    }

    #[test]
    fn details_stay_short_whatever_was_handed_in() {
        let text = format!(r#"{{"{}": 3}}"#, "k".repeat(60_000));
        assert!(strict(&text).unwrap_err().len() < 300);
    }
}
