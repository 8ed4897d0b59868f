//! What can be set of a grader: a subset of JSON Schema, and values by it.

mod property;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use crate::error::ManifestError;
use crate::table::{Keys, kind};
use crate::text::{is_name, shown};
pub use property::{Property, SettingType};

/// The most settings: 200.
const MAX_SETTINGS: usize = 200;
/// The most bytes of a setting's name: 64.
const MAX_NAME_BYTES: usize = 64;

/// What can be set of a plugin: the schema of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The settings by name: lower-case words joined by `-`, at most 64 bytes.
    pub properties: BTreeMap<String, Property>,
    /// Those that have to be given.
    pub required: BTreeSet<String>,
}

/// What is wrong with values for settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("there is no setting `{name}`; there are {known}")]
    Unknown {
        /// The setting that was named.
        name: String,
        /// Those that there are, joined.
        known: String,
    },
    /// A value that the schema does not take.
    #[error("the setting `{name}` takes {expected}, not `{found}`")]
    Value {
        /// The setting.
        name: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A setting that has to be given.
    #[error("the setting `{name}` has to be given: {expected}")]
    Missing {
        /// The setting.
        name: String,
        /// What it takes.
        expected: String,
    },
}

impl Schema {
    /// Reads the table `settings` of a manifest.
    pub(crate) fn read(table: &Keys<'_>) -> Result<Self, ManifestError> {
        let table = table.clone().only(&["type", "required", "properties"]).map_err(beyond)?;
        match table.value("type") {
            None => {}
            Some(toml::Value::String(name)) if name == "object" => {}
            Some(other) => return Err(table.other("type", "`object`, or nothing", other)),
        }
        let mut properties = BTreeMap::new();
        if let Some(listed) = table.inner("properties")? {
            for (name, _) in listed.all() {
                if !is_name(name, MAX_NAME_BYTES) {
                    let problem = "is no name of a setting: lower-case words joined by `-`, at most 64 bytes";
                    return Err(ManifestError::new(listed.key(name), problem));
                }
                if let Some(property) = listed.inner(name)? {
                    properties.insert(name.clone(), Property::read(property)?);
                }
            }
        }
        if properties.len() > MAX_SETTINGS {
            let problem = format!("has {} settings, at most {MAX_SETTINGS} are allowed", properties.len());
            return Err(ManifestError::new(table.key("properties"), problem));
        }
        let required = required(&table, &properties)?;
        Ok(Self { properties, required })
    }

    /// That of what has no settings.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { properties: BTreeMap::new(), required: BTreeSet::new() }
    }

    /// Whether nothing can be set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    /// Every setting that has a value: the one that was given, or else the default.
    ///
    /// # Errors
    /// When a value is for no setting or breaks the schema, or one that has to be given is not.
    pub fn resolve(&self, given: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, SettingError> {
        for (name, value) in given {
            let property = self.property(name)?;
            if !property.takes(value) {
                let (name, expected) = (name.clone(), property.expected());
                return Err(SettingError::Value { name, expected, found: shown(&value.to_string()) });
            }
        }
        let mut values = BTreeMap::new();
        for (name, property) in &self.properties {
            match given.get(name).or(property.default.as_ref()) {
                Some(value) => drop(values.insert(name.clone(), value.clone())),
                None if self.required.contains(name) => {
                    return Err(SettingError::Missing { name: name.clone(), expected: property.expected() });
                }
                None => {}
            }
        }
        Ok(values)
    }

    /// Reads a value as it is written on a command line: a text needs no quotes.
    ///
    /// # Errors
    /// As [`Schema::resolve`].
    pub fn parse(&self, name: &str, text: &str) -> Result<Value, SettingError> {
        let property = self.property(name)?;
        let value = match property.kind {
            SettingType::String => Some(Value::from(text)),
            SettingType::Integer => text.parse::<i64>().ok().map(Value::from),
            SettingType::Number => serde_json::from_str::<Number>(text).ok().map(Value::Number),
            SettingType::Boolean => text.parse::<bool>().ok().map(Value::from),
        };
        value.filter(|value| property.takes(value)).ok_or_else(|| SettingError::Value {
            name: name.to_owned(),
            expected: property.expected(),
            found: shown(text),
        })
    }

    /// The schema as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let properties: Map<String, Value> =
            self.properties.iter().map(|(name, property)| (name.clone(), property.to_json())).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !self.required.is_empty() {
            schema["required"] = self.required.iter().map(String::as_str).collect();
        }
        schema
    }

    fn property(&self, name: &str) -> Result<&Property, SettingError> {
        self.properties.get(name).ok_or_else(|| {
            let known = self.properties.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            SettingError::Unknown { name: shown(name), known }
        })
    }
}

fn required(
    table: &Keys<'_>,
    properties: &BTreeMap<String, Property>,
) -> Result<BTreeSet<String>, ManifestError> {
    let mut required = BTreeSet::new();
    let listed = match table.value("required") {
        None => return Ok(required),
        Some(toml::Value::Array(listed)) => listed,
        Some(other) => return Err(table.other("required", "a list of names of settings", other)),
    };
    for (n, name) in listed.iter().enumerate() {
        let key = format!("{}[{n}]", table.key("required"));
        let Some(name) = name.as_str() else {
            return Err(ManifestError::new(
                key,
                format!("is {}, expected the name of a setting", kind(name)),
            ));
        };
        match properties.get(name) {
            None => {
                return Err(ManifestError::new(key, format!("there is no setting `{}`", shown(name))));
            }
            Some(property) if property.default.is_some() => {
                let problem = format!("the setting `{name}` has a default, so that it need not be given");
                return Err(ManifestError::new(key, problem).hint("remove one of the two"));
            }
            Some(_) if !required.insert(name.to_owned()) => {
                return Err(ManifestError::new(key, format!("`{name}` is there twice")));
            }
            Some(_) => {}
        }
    }
    Ok(required)
}

/// Says of an unknown key that it may well be one of JSON Schema.
fn beyond(error: ManifestError) -> ManifestError {
    error.hint("settings have a subset of JSON Schema: anything beyond it is for the plugin to check")
}

#[cfg(test)]
mod tests {
    use super::property::{MAX_NUMBER, MAX_VALUE_BYTES};
    use super::*;

    fn read(text: &str) -> Result<Schema, ManifestError> {
        let table = toml::from_str(text).unwrap();
        Schema::read(&Keys::of(&table).inner("settings").unwrap().unwrap())
    }

    /// The schema of one setting, `it`.
    fn one(text: &str) -> Result<Schema, ManifestError> {
        read(&format!("[settings.properties.it]\n{text}"))
    }

    fn given(value: impl Into<Value>) -> BTreeMap<String, Value> {
        BTreeMap::from([("it".to_owned(), value.into())])
    }

    #[test]
    fn values_keep_to_the_schema() {
        let integer = Value::from(1);
        let cases: [(&str, Vec<Value>, Vec<Value>, &str); 10] = [
            (
                "type = \"string\"",
                vec!["".into(), "a".into()],
                vec![integer.clone()],
                "a text of at most 16 KiB",
            ),
            ("type = \"string\"", vec![], vec!["a".repeat(MAX_VALUE_BYTES + 1).into()], "a text of"),
            (
                "type = \"string\"\npattern = \"^[a-z]+$\"",
                vec!["abc".into()],
                vec!["".into(), "A".into(), "abc\n".into()],
                "a text of at most 16 KiB that matches `^[a-z]+$`",
            ),
            (
                "type = \"string\"\nenum = [\"a\", \"b\"]",
                vec!["a".into()],
                vec!["c".into(), Value::Null],
                "one of \"a\", \"b\"",
            ),
            (
                "type = \"integer\"",
                vec![0.into(), (-MAX_NUMBER).into(), MAX_NUMBER.into()],
                vec![
                    1.0.into(),
                    (MAX_NUMBER + 1).into(),
                    u64::MAX.into(),
                    "1".into(),
                    true.into(),
                    json!([1]),
                ],
                "a whole number",
            ),
            (
                "type = \"integer\"\nminimum = -1\nmaximum = 3",
                vec![(-1).into(), 3.into()],
                vec![(-2).into(), 4.into()],
                "a whole number from -1 to 3",
            ),
            (
                "type = \"number\"\nminimum = 0.5",
                vec![0.5.into(), 1.into()],
                vec![0.into(), 0.4.into(), Value::Null],
                "a number, at least 0.5",
            ),
            (
                "type = \"number\"\nenum = [1, 2.5]",
                vec![1.0.into(), 2.5.into()],
                vec![2.into()],
                "one of 1, 2.5",
            ),
            ("type = \"number\"\nmaximum = 2", vec![2.0.into()], vec![2.1.into()], "a number, at most 2"),
            (
                "type = \"boolean\"",
                vec![true.into()],
                vec![0.into(), "true".into(), json!({})],
                "true or false",
            ),
        ];
        for (text, good, bad, expected) in cases {
            let schema = one(text).unwrap();
            for value in good {
                assert_eq!(schema.resolve(&given(value.clone())).unwrap()["it"], value, "{text}");
            }
            for value in bad {
                let error = schema.resolve(&given(value.clone())).unwrap_err().to_string();
                assert!(error.starts_with(&format!("the setting `it` takes {expected}")), "{text}: {error}");
            }
        }
    }

    #[test]
    fn what_is_not_given_has_its_default_or_nothing() {
        let schema = read(
            "[settings]\ntype = \"object\"\nrequired = [\"c\"]\n[settings.properties]\n\
             a = { type = \"integer\", default = 3 }\nb = { type = \"boolean\" }\nc = { type = \"string\" }",
        )
        .unwrap();
        let error = schema.resolve(&BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(error, "the setting `c` has to be given: a text of at most 16 KiB");
        let c = BTreeMap::from([("c".to_owned(), Value::from("x"))]);
        let values = schema.resolve(&c).unwrap();
        assert_eq!(serde_json::to_value(&values).unwrap(), json!({ "a": 3, "c": "x" }));
        let error = schema.resolve(&given(1)).unwrap_err().to_string();
        assert_eq!(error, "there is no setting `it`; there are a, b, c");
        assert!(Schema::default().resolve(&given(1)).unwrap_err().to_string().contains("there are none"));
        assert!(Schema::default().resolve(&BTreeMap::new()).unwrap().is_empty());
        assert_eq!(schema.to_json()["properties"]["a"], json!({ "type": "integer", "default": 3 }));
        assert_eq!(schema.to_json()["required"], json!(["c"]));
    }

    #[test]
    fn values_are_read_from_a_command_line_by_their_type() {
        for (kind, text, value) in [
            ("string", "1", Value::from("1")),
            ("string", "", Value::from("")),
            ("integer", "-4", Value::from(-4)),
            ("number", "1.5", Value::from(1.5)),
            ("number", "2", Value::from(2)),
            ("boolean", "true", Value::from(true)),
        ] {
            assert_eq!(one(&format!("type = \"{kind}\"")).unwrap().parse("it", text).unwrap(), value);
        }
        for (kind, text) in [
            ("integer", "1.5"),
            ("integer", "9007199254740992"),
            ("number", "NaN"),
            ("number", "1e999"),
            ("number", "[1]"),
            ("boolean", "yes"),
        ] {
            let error =
                one(&format!("type = \"{kind}\"")).unwrap().parse("it", text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn what_is_beyond_the_subset_is_refused_by_its_key() {
        for (text, key, problem) in [
            ("[settings]\nadditionalProperties = true", "settings.additionalProperties", "unknown key"),
            ("[settings]\n\"$ref\" = \"x\"", "settings.$ref", "unknown key"),
            ("[settings]\ntype = \"array\"", "settings.type", "expected `object`"),
            ("[settings]\nproperties = 3", "settings.properties", "expected a table"),
            ("[settings]\nrequired = \"a\"", "settings.required", "expected a list"),
            ("[settings]\nrequired = [1]", "settings.required[0]", "expected the name"),
            ("[settings]\nrequired = [\"a\"]", "settings.required[0]", "no setting `a`"),
            ("[settings.properties]\nA = { type = \"string\" }", "settings.properties.A", "no name"),
            ("[settings.properties]\na = 3", "settings.properties.a", "expected a table"),
            (
                "[settings]\nrequired = [\"a\", \"a\"]\nproperties.a = { type = \"string\" }",
                "settings.required[1]",
                "twice",
            ),
            (
                "[settings]\nrequired = [\"a\"]\nproperties.a = { type = \"string\", default = \"\" }",
                "settings.required[0]",
                "has a default",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.key == key && error.problem.contains(problem), "{text}: {error}");
        }
        for (text, key, problem) in [
            ("", "type", "expected one of string"),
            ("type = \"array\"", "type", "expected one of string"),
            ("type = [\"string\", \"integer\"]", "type", "expected one of string"),
            ("type = \"integer\"\nmultipleOf = 2", "multipleOf", "unknown key"),
            ("type = \"string\"\nformat = \"date\"", "format", "unknown key"),
            ("type = \"string\"\nminimum = 1", "minimum", "is for numbers"),
            ("type = \"integer\"\nminimum = 0.5", "minimum", "`0.5`, expected a whole number"),
            ("type = \"integer\"\nmaximum = 9223372036854775807", "maximum", "within 2^53 - 1 of 0"),
            ("type = \"number\"\nminimum = inf", "minimum", "`inf`, expected a number that is finite"),
            ("type = \"integer\"\nminimum = \"1\"", "minimum", "expected a whole number"),
            ("type = \"number\"\nmaximum = nan", "maximum", "expected a number"),
            ("type = \"number\"\nmaximum = inf", "maximum", "expected a number"),
            ("type = \"integer\"\nminimum = 3\nmaximum = 2", "minimum", "at most the maximum, 2"),
            ("type = \"integer\"\npattern = \"a\"", "pattern", "is for texts"),
            ("type = \"string\"\npattern = 3", "pattern", "expected a text"),
            ("type = \"string\"\npattern = \"(?=a)\"", "pattern", "`(?`"),
            ("type = \"string\"\nenum = []", "enum", "1 to 200"),
            ("type = \"string\"\nenum = [\"a\", 1]", "enum[1]", "expected a text"),
            ("type = \"number\"\nenum = [1, 1.0]", "enum[1]", "twice"),
            ("type = \"integer\"\nmaximum = 2\nenum = [3]", "enum[0]", "at most 2"),
            ("type = \"string\"\ndefault = 3", "default", "expected a text"),
            ("type = \"string\"\nenum = [\"a\"]\ndefault = \"b\"", "default", "one of \"a\""),
            ("type = \"string\"\ndefault = 2020-01-01", "default", "expected a text"),
            ("type = \"boolean\"\ndescription = \"a\\nb\"", "description", "one line"),
        ] {
            let error = one(text).unwrap_err();
            assert_eq!(error.key, format!("settings.properties.it.{key}"), "{text}: {error}");
            assert!(error.problem.contains(problem), "{text}: {error}");
        }
        let many: String = (0..=MAX_SETTINGS).map(|n| format!("s{n} = {{ type = \"boolean\" }}\n")).collect();
        assert!(
            read(&format!("[settings.properties]\n{many}")).unwrap_err().problem.contains("201 settings")
        );
    }
}
