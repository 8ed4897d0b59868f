//! What was set of the plugin, or its defaults. Granted to agents, and to graders whose
//! manifest (`plugin.toml`) has settings.
//!
//! An agent declares its settings with [`Configure`](crate::Configure), a grader in its
//! manifest, and the host has checked the values against that before the run. So each of these
//! gives a value without more ado, and asking for what was not declared, or may be left out and
//! has no default, is a mistake of the plugin's author.

use serde_json::Value;

/// The value of a setting that is a text.
///
/// # Panics
/// When the plugin declares no text of that name: the attempt ends as a trap does. On targets
/// other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn text(name: &str) -> String {
    value(name, "a text", |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// The value of a setting that is a number, from 0 to 2^53 - 1.
///
/// # Panics
/// As [`text`].
#[must_use]
pub fn number(name: &str) -> u64 {
    value(name, "a number", |value| value.as_u64())
}

/// The value of a setting that is a flag.
///
/// # Panics
/// As [`text`].
#[must_use]
pub fn flag(name: &str) -> bool {
    value(name, "a flag", |value| value.as_bool())
}

/// The text of the prompt: the operator's, or the one that the agent declares. Or `None` when
/// the agent declares none.
///
/// It is a template in the language of Jinja, and to render it is the agent's: the feature
/// `prompt` of this crate does that.
///
/// # Panics
/// On targets other than `wasm32`, where no host is there to ask.
#[must_use]
pub fn prompt() -> Option<String> {
    host!(settings::prompt())
}

fn json(name: &str) -> Option<String> {
    host!(settings::value(name))
}

fn value<T>(name: &str, kind: &str, take: impl FnOnce(Value) -> Option<T>) -> T {
    read(name, kind, json(name).as_deref(), take).unwrap_or_else(|why| panic!("{why}"))
}

fn read<T>(
    name: &str,
    kind: &str,
    json: Option<&str>,
    take: impl FnOnce(Value) -> Option<T>,
) -> Result<T, String> {
    let Some(json) = json else {
        return Err(format!("the agent declares no setting `{name}`: add {kind} to its `configuration`"));
    };
    serde_json::from_str(json)
        .ok()
        .and_then(take)
        .ok_or_else(|| format!("the setting `{name}` is {json} and no {}", &kind[2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_by_its_kind() {
        let number = |json| read("steps", "a number", json, |value| value.as_u64());
        assert_eq!(number(Some("250")), Ok(250));
        assert_eq!(number(Some("true")).unwrap_err(), "the setting `steps` is true and no number");
        let missing = number(None).unwrap_err();
        assert_eq!(missing, "the agent declares no setting `steps`: add a number to its `configuration`");
    }
}
