//! Reading tables of TOML by their keys, so that an error names one.

use toml::{Table, Value};

use crate::error::ManifestError;
use crate::text::{is_line, shown};

/// A table of a manifest, and where it is.
#[derive(Clone)]
pub(crate) struct Keys<'t> {
    path: String,
    table: &'t Table,
}

impl<'t> Keys<'t> {
    /// The outermost table.
    pub(crate) fn of(table: &'t Table) -> Self {
        Self { path: String::new(), table }
    }

    /// The same, where no key but these may be.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, ManifestError> {
        match self.table.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(self),
            Some(key) => Err(ManifestError::new(
                self.key(key),
                format!("unknown key, expected one of {}", known.join(", ")),
            )
            .hint(match nearest(key, known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "remove it, or correct its name".to_owned(),
            })),
        }
    }

    /// A key's name from the outermost table.
    pub(crate) fn key(&self, key: &str) -> String {
        let key = shown(key);
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    /// What is under a key.
    pub(crate) fn value(&self, key: &str) -> Option<&'t Value> {
        self.table.get(key)
    }

    /// Every key with what is under it.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'t String, &'t Value)> {
        self.table.iter()
    }

    /// The table under a key.
    pub(crate) fn inner(&self, key: &str) -> Result<Option<Self>, ManifestError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Self { path: self.key(key), table })),
            Some(other) => Err(self.other(key, "a table", other)),
        }
    }

    /// One line of text under a key.
    pub(crate) fn line(&self, key: &str, most: usize) -> Result<Option<String>, ManifestError> {
        self.table.get(key).map(|value| as_line(self.key(key), value, most)).transpose()
    }

    /// One line of text that has to be there.
    pub(crate) fn needed(&self, key: &str, most: usize, example: &str) -> Result<String, ManifestError> {
        self.line(key, most)?.ok_or_else(|| {
            ManifestError::new(self.key(key), "missing").hint(format!("add `{key} = {example}`"))
        })
    }

    /// A whole number under a key, within bounds.
    pub(crate) fn number(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, ManifestError> {
        let expected = format!("a whole number from {least} to {most}");
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => match u64::try_from(*number) {
                Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
                _ => Err(ManifestError::new(self.key(key), format!("{number}, expected {expected}"))),
            },
            Some(other) => Err(self.other(key, &expected, other)),
        }
    }

    /// An error for what is of another type.
    pub(crate) fn other(&self, key: &str, expected: &str, found: &Value) -> ManifestError {
        ManifestError::new(self.key(key), format!("is {}, expected {expected}", kind(found)))
    }
}

/// The key that may well be meant by another word.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, nearest) =
        known.iter().map(|known| (strsim::damerau_levenshtein(known, key), *known)).min()?;
    (distance <= 1 + nearest.len() / 4).then_some(nearest)
}

/// One line of text.
pub(crate) fn as_line(key: String, value: &Value, most: usize) -> Result<String, ManifestError> {
    match value {
        Value::String(text) if text.len() > most => {
            Err(ManifestError::new(key, format!("has {} bytes, at most {most} are allowed", text.len())))
        }
        Value::String(text) if is_line(text) => Ok(text.clone()),
        Value::String(_) => Err(ManifestError::new(
            key,
            "expected one line of text that is not empty and has a letter or a digit, without control characters",
        )),
        other => Err(ManifestError::new(key, format!("is {}, expected a text", kind(other)))),
    }
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "a truth value",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
