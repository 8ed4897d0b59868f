//! `models.toml`: models with everything that can be said of them.

use lancet_core::{KeyFrom, ModelChoice, WireForm};
use serde::Deserialize;
use toml::Spanned;

use super::{ChoiceError, ModelFlag, Wrong, finished, form_of, is_id, is_name, preset};
use crate::price::RatesTable;

/// The most bytes of a `models.toml`: 1 MiB.
pub const MAX_MODELS_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    name: Option<String>,
    form: String,
    id: String,
    base_url: Option<String>,
    #[serde(default)]
    allow_plain_http: bool,
    key_env: Option<String>,
    key_file: Option<String>,
    effort: Option<String>,
    context_tokens: Option<u64>,
    answer_tokens: Option<u64>,
    tools: Option<bool>,
    #[serde(default)]
    parameters: Vec<String>,
    price: Option<RatesTable>,
    price_as_of: Option<String>,
    price_source: Option<String>,
    concurrency: Option<u32>,
    tries: Option<u32>,
    idle_seconds: Option<u32>,
}

/// The models of a file. Its name is for messages.
pub(super) fn choices(name: &str, text: &str) -> Result<Vec<ModelChoice>, ChoiceError> {
    if text.len() > MAX_MODELS_BYTES {
        let what = format!("{} bytes are too many: at most {MAX_MODELS_BYTES}", text.len());
        return Err(ChoiceError::new(name, what));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        // Without the line itself: somebody may have written a key into it.
        let before = error.span().map(|span| &text.as_bytes()[..span.start.min(text.len())]);
        let line = before.map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1);
        let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"));
        let at = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        let line = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        ChoiceError::new(place, plain(error.message(), at, line))
    })?;
    if file.model.is_empty() {
        return Err(ChoiceError::new(name, "there is no `[[model]]`: expected at least one"));
    }
    let choose = |table: Spanned<Table>| {
        let begins = table.span().start;
        table.into_inner().choice().map_err(|wrong| {
            let line = text[..begins].matches('\n').count() + 1;
            ChoiceError::new(
                format!("{name}, the model of line {line}"),
                format!("`{}` {}", wrong.key, wrong.what),
            )
        })
    };
    file.model.into_iter().map(choose).collect()
}

/// What the reader of TOML says, in words of TOML and without texts of the file: somebody may
/// have written a key where it does not belong. `at` is what it is about, and `line` the
/// line that it begins on.
fn plain(message: &str, at: &str, line: &str) -> String {
    if message == "duplicate key" {
        let key: String = at.trim().chars().take(80).collect();
        return format!("the key `{key}` is there twice: leave one out");
    }
    // Of several lines, the first says what is wrong.
    let message = message.lines().next().unwrap_or_default();
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let of_models = line.trim_start().starts_with('[') || line.trim_start().starts_with("model");
    let list = if of_models { "a list `[[model]]`" } else { "a list `[…]`" };
    let expected = match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number from 0 to 9223372036854775807",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "a sequence" => list,
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    let found = match found.split_once(": ") {
        Some((_, found)) if found.starts_with("string") => "a text",
        Some((_, "map")) => "a table",
        Some((_, "sequence")) => "a list",
        Some((_, found)) => found.trim_end_matches(" as i128").trim_end_matches(" as u128"),
        None => found,
    };
    format!("{found} is there, where {expected} is expected")
}

/// Whether an environment variable may be called so. What looks otherwise may be a key.
fn is_variable(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(letter) && !name.starts_with(|c: char| c.is_ascii_digit())
}

impl Table {
    fn choice(self) -> Result<ModelChoice, Wrong> {
        let form = form_of(&self.form).ok_or_else(|| {
            let what = format!("`{}` is none of anthropic, openai, chat, scripted and recorded", self.form);
            Wrong::new("form", what)
        })?;
        let name = self.name.clone().unwrap_or_else(|| super::MAIN.to_owned());
        if !is_name(&name) {
            let what = "is no name of a model: 1 to 64 of the characters a-z, A-Z, 0-9, `_`, `-` and `.`";
            return Err(Wrong::new("name", what));
        }
        if !is_id(&self.id) {
            return Err(Wrong::new("id", "names no model: expected the provider's name of it"));
        }
        let before = preset(&ModelFlag { name, form, id: self.id.clone() });
        let key = self.key(form)?.unwrap_or_else(|| before.key.clone());
        let price = self.price(form)?;
        let choice = ModelChoice {
            base_url: self.base_url.unwrap_or(before.base_url),
            key,
            effort: self.effort.unwrap_or_default(),
            context_tokens: self.context_tokens,
            answer_tokens: self.answer_tokens.unwrap_or(before.answer_tokens),
            tools: self.tools.unwrap_or(before.tools),
            parameters: self.parameters,
            concurrency: self.concurrency.unwrap_or(before.concurrency),
            tries: self.tries.unwrap_or(before.tries),
            idle_seconds: self.idle_seconds.unwrap_or(before.idle_seconds),
            ..before
        };
        finished(choice, self.allow_plain_http, price)
    }

    fn key(&self, form: WireForm) -> Result<Option<KeyFrom>, Wrong> {
        let key = match (&self.key_env, &self.key_file) {
            (Some(_), Some(_)) => return Err(Wrong::new("key-file", "and `key-env` exclude each other")),
            (Some(variable), None) => {
                if !is_variable(variable) {
                    // Not told back: it may be the key itself.
                    let what = "is no name of an environment variable: expected letters, digits and `_`, as in \
                                `GATEWAY_KEY`, and not the key itself";
                    return Err(Wrong::new("key-env", what));
                }
                Some(KeyFrom::Env(variable.clone()))
            }
            (None, Some(path)) if path.is_empty() => {
                return Err(Wrong::new("key-file", "is empty: expected the path of a file"));
            }
            (None, Some(path)) => Some(KeyFrom::File(path.clone())),
            (None, None) => None,
        };
        if key.is_some() && !form.reaches_out() {
            let given = if self.key_env.is_some() { "key-env" } else { "key-file" };
            return Err(Wrong::new(given, "is for models that requests go to: leave it out"));
        }
        Ok(key)
    }

    fn price(&self, form: WireForm) -> Result<Option<lancet_core::Price>, Wrong> {
        let Some(rates) = &self.price else {
            let alone = [("price-as-of", &self.price_as_of), ("price-source", &self.price_source)];
            let alone = alone.into_iter().find(|(_, value)| value.is_some());
            return alone.map_or(Ok(None), |(key, _)| {
                Err(Wrong::new(key, "is there without a `price`: leave it out"))
            });
        };
        if form == WireForm::Recorded {
            return Err(Wrong::new("price", "is that of the run that was recorded: leave it out"));
        }
        if rates.begins_at_nothing() {
            let what = "has rates above 0 tokens, which are those of every request: expected more tokens";
            return Err(Wrong::new("price", what));
        }
        if let Some(tokens) = rates.repeated_tier() {
            return Err(Wrong::new("price", format!("has two rates above {tokens} tokens")));
        }
        let as_of = self.price_as_of.as_deref().unwrap_or_default();
        if !as_of.is_empty() && as_of.parse::<jiff::civil::Date>().is_err() {
            return Err(Wrong::new(
                "price-as-of",
                format!("`{as_of}` is no day: expected one like `2026-11-25`"),
            ));
        }
        Ok(Some(rates.price(as_of, self.price_source.as_deref().unwrap_or("the operator"))))
    }
}
