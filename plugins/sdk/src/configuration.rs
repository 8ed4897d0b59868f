//! What of an agent the operator can set, as the agent itself says.

pub use crate::bindings::configurable::exports::lancet::plugin::configuring::{
    Configuration, Kind, Prompt, Setting,
};

/// An agent that has something that the operator can set. Exported with
/// [`export_configuration!`](crate::export_configuration), beside the agent itself.
pub trait Configure {
    /// Tells what can be set.
    ///
    /// It is called before a run, with nothing behind any import: it can ask the host for
    /// nothing, a line of the log included. What is declared twice, has a default of
    /// another kind or outside its bounds, or is larger than allowed has the agent refused.
    fn configuration() -> Configuration;
}

impl Configuration {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { settings: Vec::new(), prompt: None }
    }

    /// And with a setting, at most 200; each name once.
    #[must_use]
    pub fn setting(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }

    /// With a prompt: a template of at most 1 MiB in the language of Jinja, and all the
    /// variables that a template may use.
    #[must_use]
    pub fn prompt(mut self, text: impl Into<String>, variables: &[&str]) -> Self {
        let variables = variables.iter().map(|name| (*name).to_owned()).collect();
        self.prompt = Some(Prompt { text: text.into(), variables });
        self
    }
}

impl Default for Configuration {
    fn default() -> Self {
        Self::new()
    }
}

impl Setting {
    /// A setting that is a text of at most 16 KiB. `name` is lower-case words joined by `-`,
    /// `about` says in one sentence what the setting does.
    #[must_use]
    pub fn text(name: &str, default: &str, about: &str) -> Self {
        Self::of(Kind::Text, name, serde_json::Value::from(default).to_string(), about)
    }

    /// A setting that is a whole number from 0 to 2^53 - 1; see [`Self::least`] and
    /// [`Self::most`].
    #[must_use]
    pub fn number(name: &str, default: u64, about: &str) -> Self {
        Self::of(Kind::Number, name, default.to_string(), about)
    }

    /// A setting that is `true` or `false`.
    #[must_use]
    pub fn flag(name: &str, default: bool, about: &str) -> Self {
        Self::of(Kind::Flag, name, default.to_string(), about)
    }

    /// With the values that a text may have; the default has to be one of them.
    #[must_use]
    pub fn choices(mut self, choices: &[&str]) -> Self {
        self.choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        self
    }

    /// With the smallest value that a number may have. Smaller ones are refused before a run.
    #[must_use]
    pub fn least(mut self, least: u64) -> Self {
        self.least = Some(least);
        self
    }

    /// With the largest value that a number may have, at most 2^53 - 1. Larger ones are
    /// refused before a run.
    #[must_use]
    pub fn most(mut self, most: u64) -> Self {
        self.most = Some(most);
        self
    }

    fn of(kind: Kind, name: &str, default: String, about: &str) -> Self {
        let (choices, about) = (Vec::new(), about.into());
        Self { name: name.into(), kind, default, choices, about, least: None, most: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_json() {
        let text = Setting::text("way", "a \"b\"", "The way.").choices(&["a \"b\"", "c"]);
        assert_eq!((&*text.default, text.choices.len()), (r#""a \"b\"""#, 2));
        let number = Setting::number("steps", 250, "").least(1).most(300);
        assert_eq!((&*number.default, number.least, number.most), ("250", Some(1), Some(300)));
        assert_eq!(Setting::flag("look", true, "").default, "true");
        let all = Configuration::new().setting(text).prompt("{{ title }}", &["title"]);
        assert_eq!((all.settings.len(), all.prompt.unwrap().variables), (1, vec!["title".to_owned()]));
    }
}
