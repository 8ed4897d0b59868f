//! What of an agent the operator can set, as the agent itself says.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most settings of one agent, and the most variables of its prompt: 200.
pub const MAX_SETTINGS: usize = 200;
/// The most bytes of a name: 64.
const MAX_NAME_BYTES: usize = 64;
/// The most bytes of a value, of a choice or of what is said about a setting: 16 KiB.
const MAX_VALUE_BYTES: usize = 16 << 10;
/// The most bytes of a prompt: 1 MiB.
pub const MAX_PROMPT_BYTES: usize = 1 << 20;
/// The largest number that every JSON reader holds exactly: 2^53 - 1.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// What values a setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    /// A string.
    Text,
    /// A whole number from 0 to 2^53 - 1.
    Number,
    /// `true` or `false`.
    Flag,
}

/// A setting of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeclaredSetting {
    /// The setting's name: lower-case words joined by `-`.
    pub name: String,
    /// What values it has.
    pub kind: SettingKind,
    /// The value when the operator gives none.
    pub default: Value,
    /// The values that it may have, when it is a text and may not have all.
    pub choices: Vec<String>,
    /// What it does.
    pub about: String,
    /// The smallest value that it takes, when it is a number; 0 if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
    /// The largest value that it takes, when it is a number; 2^53 - 1 if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
}

/// A prompt of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeclaredPrompt {
    /// The template when the operator gives none.
    pub text: String,
    /// The variables that a template may use.
    pub variables: BTreeSet<String>,
}

/// All that can be set of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// The settings; each name once.
    pub settings: Vec<DeclaredSetting>,
    /// The prompt, if there is one.
    pub prompt: Option<DeclaredPrompt>,
}

/// What is wrong with a declaration, or with a value for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// The agent's own declaration is broken.
    #[error("what the agent declares is broken: {0}")]
    Declaration(String),
    /// There is no such setting.
    #[error("the agent has no setting `{name}`; it has {known}")]
    Unknown {
        /// The setting that was named.
        name: String,
        /// Those that there are, joined.
        known: String,
    },
    /// A value of another kind.
    #[error("the setting `{name}` takes {expected}, not `{found}`")]
    Value {
        /// The setting.
        name: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
}

impl Configuration {
    /// Checks a declaration.
    ///
    /// # Errors
    /// [`ConfigurationError::Declaration`], with the setting's name.
    pub fn validated(self) -> Result<Self, ConfigurationError> {
        let broken = |why: String| Err(ConfigurationError::Declaration(why));
        if self.settings.len() > MAX_SETTINGS {
            return broken(format!("{} settings, at most {MAX_SETTINGS} are allowed", self.settings.len()));
        }
        let mut seen = BTreeSet::new();
        for setting in &self.settings {
            let shown: String = setting.name.chars().take(MAX_NAME_BYTES).collect();
            let words = setting.name.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
            if !words || setting.name.len() > MAX_NAME_BYTES {
                return broken(format!("`{shown}` is no name of a setting: lower-case words joined by `-`"));
            }
            if !seen.insert(setting.name.as_str()) {
                return broken(format!("the setting `{shown}` is there twice"));
            }
            let longest = setting.choices.iter().map(String::len).max().unwrap_or(0);
            let default = setting.default.as_str().map_or(0, str::len);
            if longest.max(default).max(setting.about.len()) > MAX_VALUE_BYTES
                || setting.choices.len() > MAX_SETTINGS
            {
                return broken(format!("the setting `{shown}` has more text than {MAX_VALUE_BYTES} bytes"));
            }
            if !setting.choices.is_empty() && setting.kind != SettingKind::Text {
                return broken(format!("the setting `{shown}` has choices and is no text"));
            }
            let bounded = setting.least.is_some() || setting.most.is_some();
            if bounded && setting.kind != SettingKind::Number {
                return broken(format!("the setting `{shown}` has bounds and is no number"));
            }
            let (least, most) = setting.bounds();
            if least > most || most > MAX_NUMBER {
                return broken(format!(
                    "the setting `{shown}` takes {least} to {most}: expected bounds in order, and at most {MAX_NUMBER}"
                ));
            }
            if !setting.takes(&setting.default) {
                return broken(format!("the setting `{shown}` does not take its own default"));
            }
        }
        if let Some(prompt) = &self.prompt {
            let bytes = prompt.text.len();
            if bytes > MAX_PROMPT_BYTES {
                return broken(format!(
                    "the prompt has {bytes} bytes, at most {MAX_PROMPT_BYTES} are allowed"
                ));
            }
            let variables = prompt.variables.len();
            if variables > MAX_SETTINGS {
                return broken(format!(
                    "the prompt has {variables} variables, at most {MAX_SETTINGS} are allowed"
                ));
            }
            let named = |name: &&String| {
                let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                first
                    && name.len() <= MAX_NAME_BYTES
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            };
            if let Some(name) = prompt.variables.iter().find(|name| !named(name)) {
                let name = shown(name);
                return broken(format!("`{name}` is no name of a variable: letters, digits and `_`"));
            }
        }
        Ok(self)
    }

    /// Every setting with its value: the operator's where there is one, the default
    /// otherwise.
    ///
    /// # Errors
    /// When a value is for no setting, or of another kind.
    pub fn resolve(
        &self,
        given: &BTreeMap<String, Value>,
    ) -> Result<BTreeMap<String, Value>, ConfigurationError> {
        let mut values: BTreeMap<String, Value> =
            self.settings.iter().map(|setting| (setting.name.clone(), setting.default.clone())).collect();
        for (name, value) in given {
            let setting = self.setting(name)?;
            if !setting.takes(value) {
                let (name, expected) = (name.clone(), setting.expected());
                return Err(ConfigurationError::Value { name, expected, found: shown(&value.to_string()) });
            }
            values.insert(name.clone(), value.clone());
        }
        Ok(values)
    }

    /// Reads a value as it is written on a command line: a text needs no quotes.
    ///
    /// # Errors
    /// As [`Configuration::resolve`].
    pub fn parse(&self, name: &str, text: &str) -> Result<Value, ConfigurationError> {
        let setting = self.setting(name)?;
        let value = match setting.kind {
            SettingKind::Text => Some(Value::from(text)),
            SettingKind::Number => text.parse::<u64>().ok().map(Value::from),
            SettingKind::Flag => text.parse::<bool>().ok().map(Value::from),
        };
        value.filter(|value| setting.takes(value)).ok_or_else(|| ConfigurationError::Value {
            name: name.to_owned(),
            expected: setting.expected(),
            found: shown(text),
        })
    }

    fn setting(&self, name: &str) -> Result<&DeclaredSetting, ConfigurationError> {
        self.settings.iter().find(|setting| setting.name == name).ok_or_else(|| {
            let known: Vec<_> = self.settings.iter().map(|setting| setting.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            ConfigurationError::Unknown { name: shown(name), known }
        })
    }
}

impl DeclaredSetting {
    fn takes(&self, value: &Value) -> bool {
        match (self.kind, value) {
            (SettingKind::Text, Value::String(text)) => {
                text.len() <= MAX_VALUE_BYTES && (self.choices.is_empty() || self.choices.contains(text))
            }
            (SettingKind::Number, Value::Number(number)) => {
                let (least, most) = self.bounds();
                number.as_u64().is_some_and(|number| (least..=most).contains(&number))
            }
            (SettingKind::Flag, Value::Bool(_)) => true,
            _ => false,
        }
    }

    fn expected(&self) -> String {
        match self.kind {
            SettingKind::Text if self.choices.is_empty() => "a text of at most 16 KiB".to_owned(),
            SettingKind::Text => {
                // An empty one has to be seen.
                let shown =
                    |choice: &String| if choice.is_empty() { "\"\"".to_owned() } else { choice.clone() };
                format!("one of {}", self.choices.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            SettingKind::Number => match (self.least, self.most) {
                (None, None) => "a whole number".to_owned(),
                (Some(least), None) => format!("a whole number, at least {least}"),
                (least, Some(most)) => format!("a whole number from {} to {most}", least.unwrap_or(0)),
            },
            SettingKind::Flag => "true or false".to_owned(),
        }
    }

    /// The smallest and the largest number that it takes.
    fn bounds(&self) -> (u64, u64) {
        (self.least.unwrap_or(0), self.most.unwrap_or(MAX_NUMBER))
    }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, kind: SettingKind, default: Value) -> DeclaredSetting {
        let (choices, about) = (Vec::new(), String::new());
        DeclaredSetting { name: name.into(), kind, default, choices, about, least: None, most: None }
    }

    fn bounded(default: u64, least: Option<u64>, most: Option<u64>) -> DeclaredSetting {
        DeclaredSetting { least, most, ..setting("steps", SettingKind::Number, default.into()) }
    }

    fn agents() -> Configuration {
        let tools = DeclaredSetting {
            choices: vec!["all".into(), "bash".into()],
            ..setting("tools", SettingKind::Text, "all".into())
        };
        let settings = vec![
            setting("steps", SettingKind::Number, 250.into()),
            tools,
            setting("look-first", SettingKind::Flag, true.into()),
        ];
        Configuration { settings, prompt: None }.validated().unwrap()
    }

    #[test]
    fn what_the_operator_gives_comes_before_the_default() {
        let given = BTreeMap::from([("steps".to_owned(), Value::from(3))]);
        let values = agents().resolve(&given).unwrap();
        assert_eq!(values["steps"], 3);
        assert_eq!((&values["tools"], &values["look-first"]), (&"all".into(), &true.into()));
    }

    #[test]
    fn values_are_read_by_their_kind() {
        let agents = agents();
        assert_eq!(agents.parse("steps", "12").unwrap(), 12);
        assert_eq!(agents.parse("tools", "bash").unwrap(), "bash");
        assert_eq!(agents.parse("look-first", "false").unwrap(), false);
        for (name, text) in [
            ("steps", "-1"),
            ("steps", "1.5"),
            ("steps", "9007199254740992"),
            ("tools", "none"),
            ("look-first", "yes"),
        ] {
            let error = agents.parse(name, text).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(text), "{error}");
        }
        let effort = DeclaredSetting {
            choices: vec![String::new(), "low".into()],
            ..setting("effort", SettingKind::Text, "".into())
        };
        let effort = Configuration { settings: vec![effort], prompt: None };
        assert_eq!(effort.parse("effort", "").unwrap(), "");
        let error = effort.parse("effort", "high").unwrap_err().to_string();
        assert!(error.contains("one of \"\", low"), "{error}");
        let error = agents.parse("step", "1").unwrap_err().to_string();
        assert!(error.contains("`step`") && error.contains("steps, tools, look-first"), "{error}");
    }

    #[test]
    fn numbers_keep_to_their_bounds() {
        for (least, most, good, bad, expected) in [
            (Some(1), None, vec![1, MAX_NUMBER], vec![0, MAX_NUMBER + 1], "a whole number, at least 1"),
            (None, Some(9), vec![0, 9], vec![10, u64::MAX], "a whole number from 0 to 9"),
            (Some(2), Some(5), vec![2, 5], vec![0, 1, 6], "a whole number from 2 to 5"),
            (Some(3), Some(3), vec![3], vec![2, 4], "a whole number from 3 to 3"),
        ] {
            let settings = vec![bounded(good[0], least, most)];
            let agent = Configuration { settings, prompt: None }.validated().unwrap();
            let given = |value: u64| BTreeMap::from([("steps".to_owned(), Value::from(value))]);
            for value in good {
                agent.resolve(&given(value)).unwrap();
                agent.parse("steps", &value.to_string()).unwrap();
            }
            for value in bad {
                let whole = format!("the setting `steps` takes {expected}, not `{value}`");
                assert_eq!(agent.resolve(&given(value)).unwrap_err().to_string(), whole);
                assert_eq!(agent.parse("steps", &value.to_string()).unwrap_err().to_string(), whole);
            }
        }
    }

    #[test]
    fn bounds_are_of_numbers_and_in_order() {
        let broken = |setting: DeclaredSetting| {
            Configuration { settings: vec![setting], prompt: None }.validated().unwrap_err().to_string()
        };
        for (setting, why) in [
            (bounded(3, Some(4), Some(2)), "takes 4 to 2"),
            (bounded(3, None, Some(u64::MAX)), "takes 0 to 18446744073709551615"),
            (bounded(3, Some(MAX_NUMBER + 1), None), "bounds in order"),
            (bounded(0, Some(1), None), "does not take its own default"),
            (bounded(7, None, Some(6)), "does not take its own default"),
            (
                DeclaredSetting { least: Some(1), ..setting("steps", SettingKind::Text, "a".into()) },
                "has bounds and is no number",
            ),
            (
                DeclaredSetting { most: Some(1), ..setting("steps", SettingKind::Flag, true.into()) },
                "has bounds and is no number",
            ),
        ] {
            let error = broken(setting);
            assert!(error.contains("`steps`") && error.contains(why), "{error}");
        }
    }

    /// What was written down before there were bounds is read.
    #[test]
    fn a_setting_without_bounds_is_read_and_written_as_before() {
        let before = r#"{"name":"steps","kind":"number","default":1,"choices":[],"about":""}"#;
        let read: DeclaredSetting = serde_json::from_str(before).unwrap();
        assert_eq!(read, bounded(1, None, None));
        assert_eq!(serde_json::to_string(&read).unwrap(), before);
    }

    #[test]
    fn variables_have_names() {
        let prompt = |name: &str| {
            let prompt = DeclaredPrompt { text: String::new(), variables: BTreeSet::from([name.to_owned()]) };
            Configuration { settings: Vec::new(), prompt: Some(prompt) }.validated()
        };
        assert!(prompt("hand_in_line").is_ok() && prompt("_a1").is_ok());
        for name in ["", "1a", "a-b", "a b", "é", &"a".repeat(65)] {
            assert!(prompt(name).unwrap_err().to_string().contains("is no name of a variable"), "{name}");
        }
    }

    #[test]
    fn a_broken_declaration_is_refused_by_name() {
        let broken = |settings| Configuration { settings, prompt: None }.validated().unwrap_err().to_string();
        assert!(broken(vec![setting("Steps", SettingKind::Flag, true.into())]).contains("`Steps`"));
        assert!(broken(vec![setting("a--b", SettingKind::Flag, true.into())]).contains("`a--b`"));
        assert!(broken(vec![setting("a", SettingKind::Flag, 1.into())]).contains("default"));
        let twice = setting("a", SettingKind::Flag, true.into());
        assert!(broken(vec![twice.clone(), twice]).contains("twice"));
    }
}
