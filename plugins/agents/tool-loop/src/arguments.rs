//! The arguments of a call, as a model wrote them.

use serde_json::{Map, Value};

/// The arguments of a call: an object, whatever it holds.
pub(crate) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads them. A model that has nothing to say may leave them empty.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(values)) => Ok(Self(values)),
            Ok(_) => Err("the arguments are JSON, and no object".into()),
            Err(error) => Err(format!("the arguments are no JSON ({error})")),
        }
    }

    /// A text that has to be there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn text(&self, key: &str) -> Result<&str, String> {
        self.maybe_text(key)?.ok_or_else(|| format!("`{key}` is missing"))
    }

    /// A text that may be left out.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn maybe_text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{key}` is no text")),
        }
    }

    /// A whole number that may be left out, also one in quotation marks.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn maybe_number(&self, key: &str) -> Result<Option<u64>, String> {
        let number = match self.0.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_u64(),
        };
        number.map(Some).ok_or_else(|| format!("`{key}` is no whole number from 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told() {
        let wrong = |text| Arguments::read(text).err().unwrap();
        assert!(wrong("{\"command\": \"ls").starts_with("the arguments are no JSON (EOF"));
        assert_eq!(wrong("[1]"), "the arguments are JSON, and no object");
        let arguments = Arguments::read(r#"{"a": "x", "n": 3, "q": "4", "f": 1.5, "z": null}"#).unwrap();
        assert_eq!(arguments.text("a"), Ok("x"));
        assert_eq!(arguments.text("b").unwrap_err(), "`b` is missing");
        assert_eq!(arguments.text("n").unwrap_err(), "`n` is no text");
        assert_eq!(arguments.maybe_text("z"), Ok(None));
        assert_eq!((arguments.maybe_number("n"), arguments.maybe_number("q")), (Ok(Some(3)), Ok(Some(4))));
        assert!(arguments.maybe_number("f").is_err() && arguments.maybe_number("a").is_err());
        assert_eq!(arguments.maybe_number("z"), Ok(None));
        assert!(Arguments::read(" ").is_ok());
    }
}
