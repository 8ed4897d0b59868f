//! One setting of a grader: what it may be.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use crate::error::ManifestError;
use crate::pattern;
use crate::schema::beyond;
use crate::table::Keys;
use crate::text::shown;

/// The most values in `enum`: 200.
const MAX_CHOICES: usize = 200;
/// The most bytes of a text that is a value: 16 KiB.
pub(super) const MAX_VALUE_BYTES: usize = 16 << 10;
/// The most bytes of what is said about a setting: 1 KiB.
const MAX_LINE_BYTES: usize = 1 << 10;
/// The largest number that every JSON reader holds exactly: 2^53 - 1.
pub(super) const MAX_NUMBER: i64 = (1 << 53) - 1;

const KEYS: [&str; 7] = ["type", "description", "enum", "minimum", "maximum", "pattern", "default"];

/// What a setting may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// The type of its values.
    #[serde(rename = "type")]
    pub kind: SettingType,
    /// What it does, in one line.
    pub description: Option<String>,
    /// All that it may be.
    #[serde(rename = "enum")]
    pub choices: Option<Vec<Value>>,
    /// The least number.
    pub minimum: Option<Number>,
    /// The largest number.
    pub maximum: Option<Number>,
    /// What a text has to match somewhere.
    pub pattern: Option<String>,
    /// What it is when nobody sets it.
    pub default: Option<Value>,
}

/// The type of a setting, by its name in JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingType {
    /// A text of at most 16 KiB.
    String,
    /// A whole number within 2^53 - 1 of 0.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl SettingType {
    const ALL: [Self; 4] = [Self::String, Self::Integer, Self::Number, Self::Boolean];

    /// The name in JSON Schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    fn is_of(self, value: &Value) -> bool {
        match (self, value) {
            (Self::String, Value::String(text)) => text.len() <= MAX_VALUE_BYTES,
            (Self::Integer, Value::Number(number)) => {
                number.as_i64().is_some_and(|number| (-MAX_NUMBER..=MAX_NUMBER).contains(&number))
            }
            (Self::Number, Value::Number(number)) => number.is_f64() || Self::Integer.is_of(value),
            (Self::Boolean, Value::Bool(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for SettingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Property {
    pub(super) fn read(table: Keys<'_>) -> Result<Self, ManifestError> {
        let table = table.only(&KEYS).map_err(beyond)?;
        let known = SettingType::ALL.map(SettingType::as_str).join(", ");
        let kind = match table.value("type") {
            Some(toml::Value::String(name)) => {
                SettingType::ALL.into_iter().find(|kind| kind.as_str() == name)
            }
            _ => None,
        };
        let Some(kind) = kind else {
            let problem = format!("expected one of {known}");
            return Err(beyond(ManifestError::new(table.key("type"), problem)));
        };
        let is_numeric = matches!(kind, SettingType::Integer | SettingType::Number);
        let plain = Self {
            kind,
            description: table.line("description", MAX_LINE_BYTES)?,
            choices: None,
            minimum: None,
            maximum: None,
            pattern: None,
            default: None,
        };
        let bound = |key: &str| match table.value(key) {
            None => Ok(None),
            Some(value) => match json_of(value) {
                Some(Value::Number(bound)) if is_numeric && kind.is_of(&Value::Number(bound.clone())) => {
                    Ok(Some(bound))
                }
                _ if is_numeric && matches!(value, toml::Value::Integer(_) | toml::Value::Float(_)) => {
                    let most =
                        if kind == SettingType::Integer { "within 2^53 - 1 of 0" } else { "that is finite" };
                    let problem = format!("`{value}`, expected {} {most}", plain.expected());
                    Err(ManifestError::new(table.key(key), problem))
                }
                _ if is_numeric => Err(table.other(key, &plain.expected(), value)),
                _ => Err(ManifestError::new(
                    table.key(key),
                    format!("is for numbers, and the type is `{kind}`"),
                )),
            },
        };
        let (minimum, maximum) = (bound("minimum")?, bound("maximum")?);
        if let (Some(least), Some(most)) = (&minimum, &maximum)
            && as_float(least) > as_float(most)
        {
            let problem = format!("{least}, expected at most the maximum, {most}");
            return Err(ManifestError::new(table.key("minimum"), problem));
        }
        let pattern = match table.value("pattern") {
            None => None,
            Some(toml::Value::String(text)) if kind == SettingType::String => {
                pattern::compile(text)
                    .map_err(|problem| ManifestError::new(table.key("pattern"), problem))?;
                Some(text.clone())
            }
            Some(other) if kind == SettingType::String => return Err(table.other("pattern", "a text", other)),
            Some(_) => {
                let problem = format!("is for texts, and the type is `{kind}`");
                return Err(ManifestError::new(table.key("pattern"), problem));
            }
        };
        let bounded = Self { minimum, maximum, pattern, ..plain };
        let choices = match table.value("enum") {
            None => None,
            Some(toml::Value::Array(listed)) if (1..=MAX_CHOICES).contains(&listed.len()) => {
                Some(bounded.choices(&table, listed)?)
            }
            Some(other) => {
                return Err(table.other("enum", &format!("a list of 1 to {MAX_CHOICES} values"), other));
            }
        };
        let whole = Self { choices, ..bounded };
        let default = match table.value("default") {
            None => None,
            Some(value) => match json_of(value).filter(|value| whole.takes(value)) {
                Some(value) => Some(value),
                None => {
                    let problem = format!("`{}`, expected {}", shown(&value.to_string()), whole.expected());
                    return Err(ManifestError::new(table.key("default"), problem));
                }
            },
        };
        Ok(Self { default, ..whole })
    }

    fn choices(&self, table: &Keys<'_>, listed: &[toml::Value]) -> Result<Vec<Value>, ManifestError> {
        let mut choices: Vec<Value> = Vec::new();
        for (n, listed) in listed.iter().enumerate() {
            let key = format!("{}[{n}]", table.key("enum"));
            let Some(choice) = json_of(listed).filter(|choice| self.takes(choice)) else {
                let problem = format!("`{}`, expected {}", shown(&listed.to_string()), self.expected());
                return Err(ManifestError::new(key, problem));
            };
            if choices.iter().any(|other| is_same(other, &choice)) {
                return Err(ManifestError::new(key, "is there twice"));
            }
            choices.push(choice);
        }
        Ok(choices)
    }

    pub(super) fn takes(&self, value: &Value) -> bool {
        let is_in_bounds = |number: &Number| {
            let number = as_float(number);
            self.minimum.as_ref().is_none_or(|least| number >= as_float(least))
                && self.maximum.as_ref().is_none_or(|most| number <= as_float(most))
        };
        let is_matched = |text: &str| match &self.pattern {
            None => true,
            Some(pattern) => pattern::compile(pattern).is_ok_and(|pattern| pattern.is_match(text)),
        };
        self.kind.is_of(value)
            && self.choices.as_ref().is_none_or(|choices| choices.iter().any(|choice| is_same(choice, value)))
            && match value {
                Value::Number(number) => is_in_bounds(number),
                Value::String(text) => is_matched(text),
                _ => true,
            }
    }

    /// What it takes, in words.
    #[must_use]
    pub fn expected(&self) -> String {
        if let Some(choices) = &self.choices {
            let listed: Vec<_> = choices.iter().map(|choice| shown(&choice.to_string())).collect();
            return format!("one of {}", listed.join(", "));
        }
        let what = match self.kind {
            SettingType::String => "a text of at most 16 KiB",
            SettingType::Integer => "a whole number",
            SettingType::Number => "a number",
            SettingType::Boolean => "true or false",
        };
        let bounds = match (&self.minimum, &self.maximum) {
            (None, None) => String::new(),
            (Some(least), None) => format!(", at least {least}"),
            (None, Some(most)) => format!(", at most {most}"),
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
        };
        let pattern = self.pattern.as_ref().map(|pattern| format!(" that matches `{}`", shown(pattern)));
        format!("{what}{bounds}{}", pattern.unwrap_or_default())
    }

    pub(super) fn to_json(&self) -> Value {
        let optional = [
            ("description", self.description.clone().map(Value::from)),
            ("enum", self.choices.clone().map(Value::from)),
            ("minimum", self.minimum.clone().map(Value::Number)),
            ("maximum", self.maximum.clone().map(Value::Number)),
            ("pattern", self.pattern.clone().map(Value::from)),
            ("default", self.default.clone()),
        ];
        let mut property = json!({ "type": self.kind.as_str() });
        for (key, value) in optional {
            if let Some(value) = value {
                property[key] = value;
            }
        }
        property
    }
}

/// A value as JSON has it: no date, list or table, and no number that JSON has not.
fn json_of(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::String(text) => Some(Value::from(text.as_str())),
        toml::Value::Integer(number) => Some(Value::from(*number)),
        toml::Value::Float(number) => Number::from_f64(*number).map(Value::Number),
        toml::Value::Boolean(flag) => Some(Value::from(*flag)),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

/// Whether two values are the same: 1 and 1.0 are.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => as_float(one) == as_float(other),
        _ => one == other,
    }
}

/// Whole numbers are at most 2^53 - 1, which a float holds exactly.
fn as_float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}
