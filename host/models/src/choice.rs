//! Which models a run may ask, as the operator says it: `--model [NAME=]FORM/ID`, and
//! `models.toml` for what does not fit there.

mod address;
mod file;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use lancet_core::{KeyFrom, ModelChoice, WireForm};

pub use file::MAX_MODELS_BYTES;

use crate::price::price;
use crate::wire::Profile;

/// The name of a model that is given none: what plugins ask for that know of one only.
const MAIN: &str = "main";
/// The most characters of a model's name, and of its id at the provider.
const MAX_NAME: usize = 64;
const MAX_ID: usize = 256;

/// The most tokens of an answer where the operator says nothing: 16,384. It is below what
/// providers refuse to answer in one piece.
pub const DEFAULT_ANSWER_TOKENS: u64 = 16_384;
/// The most tokens of an answer of a provider's own form: nothing is streamed, and a
/// connection that waits for more than these take to write does not last.
const MAX_WHOLE_ANSWER_TOKENS: u64 = 200_000;
/// The most requests under way at a time where the operator says nothing: 16.
pub const DEFAULT_CONCURRENCY: u32 = 16;
/// The most requests for one answer where the operator says nothing: 6.
pub const DEFAULT_TRIES: u32 = 6;
/// The most seconds without a byte of a reply where the operator says nothing: 600.
/// Answers come in one piece, after all the thinking.
pub const DEFAULT_IDLE_SECONDS: u32 = 600;

/// Models that cannot be chosen so: where that was said, what is wrong, and what is
/// expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ChoiceError {
    place: String,
    what: String,
}

impl ChoiceError {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// A model as `--model` names it: `[NAME=]FORM/ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFlag {
    /// What plugins ask for it by; `main` if it was given none.
    pub name: String,
    /// The form of requests.
    pub form: WireForm,
    /// What the provider calls the model; the file of [`WireForm::Scripted`], and the run
    /// of [`WireForm::Recorded`], as they were named.
    pub id: String,
}

/// A text that names no [`ModelFlag`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseModelFlagError {
    /// There is no form before a `/`.
    #[error("`{0}` has no form: expected `[NAME=]FORM/ID`, like `anthropic/claude-opus-5-5`")]
    Shape(String),
    /// The form is none that is known.
    #[error("`{0}` is no form of models: there are anthropic, openai, chat, scripted and recorded")]
    Form(String),
    /// The name is none.
    #[error("`{0}` is no name of a model: 1 to 64 of the characters a-z, A-Z, 0-9, `_`, `-` and `.`")]
    Name(String),
    /// The id is none.
    #[error("`{0}` names no model after the `/`: expected the provider's name of it")]
    Id(String),
}

impl FromStr for ModelFlag {
    type Err = ParseModelFlagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cut = |text: &str| text.chars().take(80).collect::<String>();
        let (before, id) = text.split_once('/').ok_or_else(|| ParseModelFlagError::Shape(cut(text)))?;
        let (name, form) = before.split_once('=').unwrap_or((MAIN, before));
        if !is_name(name) {
            return Err(ParseModelFlagError::Name(cut(name)));
        }
        let form = form_of(form).ok_or_else(|| ParseModelFlagError::Form(cut(form)))?;
        if !is_id(id) {
            return Err(ParseModelFlagError::Id(cut(text)));
        }
        Ok(Self { name: name.to_owned(), form, id: id.to_owned() })
    }
}

impl fmt::Display for ModelFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}/{}", self.name, self.form.as_str(), self.id)
    }
}

/// The models that a run may ask: those of flags in their order, then those of a file
/// (its name, for messages, and its text) in its order. The first is the one that is
/// meant.
///
/// `base_url` goes to the flags with the form `chat`, which need one, or else to the
/// only flag that reaches out. For [`WireForm::Scripted`] and [`WireForm::Recorded`]
/// the caller finds what `id` names, and sets `script` and `run` to it.
///
/// # Errors
/// When a model cannot be chosen so, or two have the same name.
pub fn choices(
    flags: &[ModelFlag],
    base_url: Option<&str>,
    file: Option<(&str, &str)>,
) -> Result<Vec<ModelChoice>, ChoiceError> {
    let mut chosen = of_flags(flags, base_url)?;
    if let Some((name, text)) = file {
        chosen.extend(file::choices(name, text)?);
    }
    let mut names = BTreeSet::new();
    match chosen.iter().find(|choice| !names.insert(choice.name.as_str())) {
        None => Ok(chosen),
        Some(choice) => Err(ChoiceError::new(
            format!("model `{}`", choice.name),
            "the name is given to two models: name one of them otherwise, with `--model NAME=FORM/ID` or `name`",
        )),
    }
}

fn of_flags(flags: &[ModelFlag], base_url: Option<&str>) -> Result<Vec<ModelChoice>, ChoiceError> {
    let chat = |flag: &&ModelFlag| flag.form == WireForm::Chat;
    let outward = flags.iter().filter(|flag| flag.form.reaches_out()).count();
    let any_chat = flags.iter().any(|flag| chat(&flag));
    if base_url.is_some() && !any_chat && outward != 1 {
        let what = if outward == 0 {
            "no `--model` sends requests: leave it out"
        } else {
            "several `--model`s could be meant: give each its `base-url` in a `models.toml`"
        };
        return Err(ChoiceError::new("--base-url", what));
    }
    let choose = |flag: &ModelFlag| {
        let place = format!("--model {flag}");
        let takes = if any_chat { flag.form == WireForm::Chat } else { flag.form.reaches_out() };
        let mut choice = preset(flag);
        match base_url.filter(|_| takes) {
            Some(url) => choice.base_url = url.to_owned(),
            None if flag.form == WireForm::Chat => {
                let what = "the form `chat` needs the server's base URL: `--base-url https://HOST/v1`";
                return Err(ChoiceError::new(place, what));
            }
            None => {}
        }
        finished(choice, false, None).map_err(|wrong| ChoiceError::new(place, wrong.flag()))
    };
    flags.iter().map(choose).collect()
}

/// A choice with all that goes without saying.
fn preset(flag: &ModelFlag) -> ModelChoice {
    let (base_url, key) = match flag.form {
        WireForm::Messages => ("https://api.anthropic.com", KeyFrom::Env("ANTHROPIC_API_KEY".to_owned())),
        WireForm::Responses => ("https://api.openai.com/v1", KeyFrom::Env("OPENAI_API_KEY".to_owned())),
        // Whose server it is decides whose key may go there: the operator says it.
        WireForm::Chat | WireForm::Scripted | WireForm::Recorded => ("", KeyFrom::None),
    };
    ModelChoice {
        name: flag.name.clone(),
        form: flag.form,
        id: flag.id.clone(),
        base_url: base_url.to_owned(),
        key,
        effort: String::new(),
        context_tokens: None,
        answer_tokens: DEFAULT_ANSWER_TOKENS,
        tools: true,
        parameters: Vec::new(),
        price: None,
        concurrency: DEFAULT_CONCURRENCY,
        tries: DEFAULT_TRIES,
        idle_seconds: DEFAULT_IDLE_SECONDS,
        profile: Profile::of(flag.form).date.to_owned(),
        script: None,
        run: (flag.form == WireForm::Recorded).then(|| flag.id.parse().ok()).flatten(),
    }
}

/// A key whose value cannot be, and what is expected.
struct Wrong {
    key: &'static str,
    what: String,
}

impl Wrong {
    fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into() }
    }

    /// In words for where keys are flags.
    fn flag(&self) -> String {
        format!("`--{}` {}", self.key, self.what)
    }
}

/// Checks a choice that has all of its values, and looks its price up where none was said.
fn finished(
    mut choice: ModelChoice,
    allow_plain_http: bool,
    said: Option<lancet_core::Price>,
) -> Result<ModelChoice, Wrong> {
    if choice.form.reaches_out() {
        choice.base_url = address::checked(&choice.base_url, allow_plain_http)?;
    } else if !choice.base_url.is_empty() {
        return Err(Wrong::new("base-url", "is for models that requests go to: leave it out"));
    } else if choice.key != KeyFrom::None {
        return Err(Wrong::new("key-env", "is for models that requests go to: leave it out"));
    }
    let profile = Profile::of(choice.form);
    if !choice.effort.is_empty() && !profile.efforts.contains(&choice.effort.as_str()) {
        let what = format!("`{}` is none of {}", choice.effort, profile.efforts.join(", "));
        return Err(Wrong::new("effort", what));
    }
    let range = |key, value: u64, most: u64| {
        let fits = (1..=most).contains(&value);
        fits.then_some(()).ok_or_else(|| Wrong::new(key, format!("is {value}: expected 1 to {most}")))
    };
    if matches!(choice.form, WireForm::Messages | WireForm::Responses)
        && choice.answer_tokens > MAX_WHOLE_ANSWER_TOKENS
    {
        let what = format!(
            "is {}: expected 1 to {MAX_WHOLE_ANSWER_TOKENS}, as answers come in one piece, and longer ones are \
             cut off on the way",
            choice.answer_tokens
        );
        return Err(Wrong::new("answer-tokens", what));
    }
    range("answer-tokens", choice.answer_tokens, 10_000_000)?;
    range("context-tokens", choice.context_tokens.unwrap_or(1), 1_000_000_000)?;
    range("concurrency", choice.concurrency.into(), 10_000)?;
    range("tries", choice.tries.into(), 100)?;
    range("idle-seconds", choice.idle_seconds.into(), 3_600)?;
    let mut names = BTreeSet::new();
    for parameter in &choice.parameters {
        if parameter.is_empty() {
            return Err(Wrong::new("parameters", "has an empty name"));
        }
        if profile.is_reserved(parameter) {
            let what = format!("has `{parameter}`, which is the host's own: plugins cannot set it");
            return Err(Wrong::new("parameters", what));
        }
        if !names.insert(parameter) {
            return Err(Wrong::new("parameters", format!("has `{parameter}` twice")));
        }
    }
    // The table has the prices of the providers themselves, not those of others who
    // speak their forms.
    choice.price = said.or_else(|| price(address::provider(&choice.base_url)?, &choice.id));
    Ok(choice)
}

fn form_of(word: &str) -> Option<WireForm> {
    [WireForm::Messages, WireForm::Responses, WireForm::Chat, WireForm::Scripted, WireForm::Recorded]
        .into_iter()
        .find(|form| form.as_str() == word)
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(letter)
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.trim() == id && !id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
