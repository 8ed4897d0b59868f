//! Reading the files that people write, with every mistake named.
//!
//! Well-formed files are read by serde. For the others, which serde would leave
//! at the first mistake, the file's schema, derived from the same types, is
//! walked beside the value.

use lancet_core::{list_for_table, said_of_toml};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problem::{Problem, nearest, shown};

/// How deep a file's values are compared with its schema.
const MAX_DEPTH: usize = 16;
/// The most problems that are reported of one file.
const MAX_PROBLEMS: usize = 100;

pub(crate) fn toml<T: Serialize + DeserializeOwned + JsonSchema>(
    file: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let error = match toml::from_str::<T>(text) {
        Ok(value) => {
            let table = text.parse::<toml::Table>().unwrap_or_default();
            return shaped(file, &from_toml(toml::Value::Table(table)), value, problems);
        }
        Err(error) => error,
    };
    match text.parse::<toml::Table>() {
        Ok(table) => compare::<T>(file, &from_toml(toml::Value::Table(table)), &error.to_string(), problems),
        Err(error) => {
            let place = error.span().map(|span| place(text, span.start)).unwrap_or_default();
            let message = format!("this is no TOML: {}{place}", said_of_toml(error.message()));
            problems.push(Problem::new(file, message));
        }
    }
    None
}

pub(crate) fn json<T: Serialize + DeserializeOwned + JsonSchema>(
    file: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let error = match serde_json::from_str::<T>(text) {
        Ok(value) => {
            return shaped(file, &serde_json::from_str(text).unwrap_or_default(), value, problems);
        }
        Err(error) => error,
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) => compare::<T>(file, &value, &error.to_string(), problems),
        Err(_) if text.starts_with('\u{feff}') => {
            let message = "this is no JSON: it begins with a byte order mark, expected UTF-8 without one";
            problems.push(Problem::new(file, message.to_owned()));
        }
        Err(error) => problems.push(Problem::new(file, format!("this is no JSON: {error}"))),
    }
    None
}

/// What was read, unless the file has a list where a table belongs.
fn shaped<T: Serialize + JsonSchema>(
    file: &str,
    found: &Value,
    read: T,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Some(key) = list_for_table(found, &read) else { return Some(read) };
    let otherwise = format!("`{key}` is a list, expected a table or an object");
    compare::<T>(file, found, &otherwise, problems);
    None
}

/// Where in the text, for people.
fn place(text: &str, offset: usize) -> String {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    format!(", at line {line}, column {}", before[line_start..].chars().count() + 1)
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) if number.is_finite() => Value::from(number),
        toml::Value::Float(_) => odd(NUMBER, &value),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => odd(DATE, &time),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(from_toml).collect()),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, from_toml(value))).collect())
        }
    }
}

/// What TOML has and JSON has not, as a value of no type that a file takes: a table with a key that
/// no file can have.
fn odd(kind: &str, value: &dyn std::fmt::Display) -> Value {
    Value::Object([(kind.to_owned(), Value::String(value.to_string()))].into_iter().collect())
}

const DATE: &str = "\0date";
const NUMBER: &str = "\0number";

/// Such a value, as messages show it.
fn told_odd(value: &Value) -> Option<String> {
    let entries = value.as_object().filter(|entries| entries.len() == 1)?;
    let (kind, text) = entries.iter().next()?;
    match (kind.as_str(), text.as_str()?) {
        (DATE, text) => Some(format!("the date or time `{text}`")),
        (NUMBER, text) => Some(format!("`{text}`")),
        _ => None,
    }
}

fn compare<T: JsonSchema>(file: &str, value: &Value, otherwise: &str, problems: &mut Vec<Problem>) {
    let root = schemars::schema_for!(T);
    let mut comparison = Comparison { file, root: root.as_value(), problems: Vec::new() };
    comparison.walk(value, root.as_value(), "", 0);
    if comparison.problems.is_empty() {
        // What no schema says: a duplicate key, a digest of the wrong form.
        comparison.problems.push(Problem::new(file, otherwise.trim().replace('\n', " ")));
    }
    problems.append(&mut comparison.problems);
}

struct Comparison<'a> {
    file: &'a str,
    root: &'a Value,
    problems: Vec<Problem>,
}

impl Comparison<'_> {
    fn problem(&mut self, key: &str, message: String, hint: Option<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            let key = (!key.is_empty()).then(|| key.to_owned());
            self.problems.push(Problem { file: self.file.to_owned(), key, message, hint });
        }
    }

    fn walk(&mut self, value: &Value, schema: &Value, key: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let target = name.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            if let Some(target) = target.cloned() {
                self.walk(value, &target, key, depth + 1);
            }
            return;
        }
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            // `Option<T>`: T or null.
            if let Some(choice) =
                choices.iter().find(|c| c.get("type").and_then(Value::as_str) != Some("null"))
            {
                self.walk(value, choice, key, depth + 1);
            }
            return;
        }
        if let Some(names) = names(schema) {
            if !value.as_str().is_some_and(|text| names.contains(&text)) {
                let hint = value.as_str().and_then(|text| nearest(text, names.iter().copied()));
                let expected: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                let message = format!("expected {}, found {}", expected.join(" or "), found(value));
                self.problem(key, message, hint.map(|name| format!("did you mean `{name}`?")));
            }
            return;
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|t| is_type(value, t)) {
            let wanted: Vec<_> = types.iter().filter(|t| **t != "null").map(|t| describe(t)).collect();
            self.problem(key, format!("expected {}, found {}", wanted.join(" or "), written(value)), None);
            return;
        }
        match value {
            Value::Object(entries) => self.object(entries, schema, key, depth),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.walk(item, schema, &format!("{key}[{index}]"), depth + 1);
                    }
                }
            }
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                let bound = |name| schema.get(name).and_then(Value::as_f64);
                let highest = bound("maximum").or_else(|| {
                    let format = schema.get("format").and_then(Value::as_str);
                    (format == Some("uint32")).then(|| f64::from(u32::MAX))
                });
                if bound("minimum").is_some_and(|least| number < least) {
                    let message =
                        format!("expected at least {}, found {value}", bound("minimum").unwrap_or_default());
                    self.problem(key, message, None);
                } else if let Some(highest) = highest.filter(|most| number > *most) {
                    self.problem(key, format!("expected at most {highest}, found {value}"), None);
                }
            }
            // The one pattern there is: see `Sha256`.
            Value::String(text)
                if schema.get("pattern").is_some() && text.parse::<lancet_core::Sha256>().is_err() =>
            {
                let message = format!(
                    "expected `sha256:` and 64 lower-case hexadecimal digits, found {}",
                    found(value)
                );
                self.problem(key, message, None);
            }
            _ => {}
        }
    }

    fn object(&mut self, entries: &Map<String, Value>, schema: &Value, key: &str, depth: usize) {
        let path = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        let Some(known) = schema.get("properties").and_then(Value::as_object) else {
            // A table whose keys are names that the suite gives.
            if let Some(schema) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
                for (name, value) in entries {
                    self.walk(value, schema, &path(&shown(name)), depth + 1);
                }
            }
            return;
        };
        for (name, value) in entries {
            match known.get(name) {
                Some(schema) => self.walk(value, schema, &path(name), depth + 1),
                None => {
                    let hint = match nearest(name, known.keys().map(String::as_str)) {
                        _ if is_of_the_host(name) => {
                            "the host alone decides that, the same for every container; no suite can ask for it"
                                .to_owned()
                        }
                        Some(near) => format!("did you mean `{near}`?"),
                        None => {
                            let known: Vec<_> = known.keys().map(|k| format!("`{k}`")).collect();
                            format!("there are {}", known.join(", "))
                        }
                    };
                    self.problem(&path(&shown(name)), "unknown key".to_owned(), Some(hint));
                }
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| !entries.contains_key(*name)) {
            let about = known.get(name).and_then(|schema| schema.get("description")).and_then(Value::as_str);
            let about = about.map(|text| text.replace('\n', " "));
            self.problem(&path(name), "missing".to_owned(), about.map(|text| format!("`{name}`: {text}")));
        }
    }
}

/// What containers get from the host alone, as Docker and its like call it.
const OF_THE_HOST: [&str; 44] = [
    "apparmor",
    "binds",
    "cap-add",
    "cap-drop",
    "capabilities",
    "cgroup",
    "cgroup-parent",
    "cgroupns",
    "cgroupns-mode",
    "device-requests",
    "devices",
    "dns",
    "entrypoint",
    "extra-hosts",
    "gpus",
    "group-add",
    "host-config",
    "hostname",
    "init",
    "ipc",
    "ipc-mode",
    "links",
    "mac-address",
    "masked-paths",
    "mount",
    "mounts",
    "network",
    "network-mode",
    "networks",
    "pid",
    "pid-mode",
    "ports",
    "privileged",
    "readonly-paths",
    "restart",
    "runtime",
    "seccomp",
    "security-opt",
    "sysctls",
    "tmpfs",
    "ulimits",
    "user",
    "userns-mode",
    "volumes",
];

fn is_of_the_host(name: &str) -> bool {
    OF_THE_HOST.contains(&name.to_ascii_lowercase().replace('_', "-").as_str())
}

/// The names that an enumeration allows, in either of the forms in which a
/// schema writes one.
fn names(schema: &Value) -> Option<Vec<&str>> {
    if let Some(names) = schema.get("enum").and_then(Value::as_array) {
        return Some(names.iter().filter_map(Value::as_str).collect());
    }
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    Some(choices.iter().filter_map(|choice| choice.get("const").and_then(Value::as_str)).collect())
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object() && told_odd(value).is_none(),
        // TOML has no null, and our JSON files have no key that may be it.
        _ => false,
    }
}

fn describe(name: &str) -> &'static str {
    match name {
        "string" => "text",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "a table",
    }
}

/// The same where it is of another type than expected: a text in its quotes, which may be all
/// that is wrong with it.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text `\"{}\"`", shown(text)),
        value => found(value),
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", text.chars().take(80).collect::<String>()),
        Value::Number(_) | Value::Bool(_) => format!("`{value}`"),
        Value::Null => "null".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => told_odd(value).unwrap_or_else(|| "a table".to_owned()),
    }
}
