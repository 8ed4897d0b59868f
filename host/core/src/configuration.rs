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
                number.as_u64().is_some_and(|number| number <= MAX_NUMBER)
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
            SettingKind::Number => "a whole number".to_owned(),
            SettingKind::Flag => "true or false".to_owned(),
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, kind: SettingKind, default: Value) -> DeclaredSetting {
        DeclaredSetting { name: name.into(), kind, default, choices: Vec::new(), about: String::new() }
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
