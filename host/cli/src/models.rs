//! The options of a run for models, budgets, settings and the prompt, and the files that they
//! name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use lancet_core::{Budgets, KeyFrom, MAX_PROMPT_BYTES, ModelChoice, WireForm};
use lancet_file::FileError;
use lancet_models::{MAX_MODELS_BYTES, MAX_SCRIPT_BYTES, ModelFlag, choices};

use crate::amount::{self, Amount};
use crate::exit::Exit;
use crate::failure::Failure;

/// The most bytes of a file of settings: 1 MiB.
const MAX_SETTINGS_BYTES: usize = 1 << 20;

/// What to do about models that cannot be chosen as they were.
const HINT: &str = "a model is `--model [NAME=]FORM/ID`, or a `[[model]]` of a file for `--models`; docs/models.md has \
                    all keys";

/// What a file for `--models` is.
const MODELS_HINT: &str =
    "`--models` takes a TOML file with one `[[model]]` per model; docs/models.md has all keys";
/// What a file of a scripted model is.
const SCRIPT_HINT: &str = "`scripted/FILE` takes a TOML file of answers, such as docs/examples/managers.toml; one that \
                           a file for `--models` names lies beside that file";
/// What a file for `--settings` is.
const SETTINGS_HINT: &str = "`--settings` takes a TOML file, one `KEY = VALUE` per line, as in `steps = 50`";
/// What a file for `--prompt` is.
const PROMPT_HINT: &str = "`--prompt` takes a file with a template for minijinja; `lancet plugin inspect AGENT` lists its variables";

/// Which models a run may ask, what it may spend on them, and what is set of its agent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Models and settings")]
pub(crate) struct ModelArguments {
    /// A model that plugins may ask: anthropic/ID, openai/ID, chat/ID, scripted/FILE or recorded/RUN. With
    /// NAME= in front plugins ask for it by that name; one without is `main`
    #[arg(long = "model", value_name = "[NAME=]FORM/ID")]
    pub(crate) models: Vec<ModelFlag>,
    /// Where the server of the --model is: needed with chat/ID, without what follows from `/chat/completions` on
    #[arg(long, value_name = "URL", requires = "models")]
    pub(crate) base_url: Option<String>,
    /// A file of models, for what does not fit into an option; docs/models.md has its keys
    #[arg(long = "models", id = "models-file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The most that each attempt may spend, as in usd=3.50, time=20m, asks=50, tokens=200k; once per unit.
    /// With a model on a network and without a time it is time=3h
    #[arg(long = "budget", value_name = "UNIT=AMOUNT", value_parser = amount::parse)]
    pub(crate) attempt: Vec<Amount>,
    /// The most that all attempts together may spend; once per unit
    #[arg(long = "run-budget", value_name = "UNIT=AMOUNT", value_parser = amount::parse)]
    pub(crate) run: Vec<Amount>,
    /// Set something of the agent, or of the graders with `grader:` in front; `lancet plugin inspect` lists what
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The same from a TOML file, one `KEY = VALUE` per line; --set comes before it
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// The agent's prompt, a template for minijinja, in place of its own
    #[arg(long, value_name = "FILE")]
    pub(crate) prompt: Option<PathBuf>,
}

/// The models that were chosen, and the scripts that they answer from, by their names.
pub(crate) struct Chosen {
    pub(crate) models: Vec<ModelChoice>,
    pub(crate) scripts: BTreeMap<String, Arc<str>>,
}

impl ModelArguments {
    /// The models of the options, then those of the file. What a file names lies beside it,
    /// when its path is not absolute.
    pub(crate) fn chosen(&self) -> Result<Chosen, Failure> {
        let given = match &self.file {
            None => None,
            Some(path) => {
                Some((path.display().to_string(), text("the models", path, MAX_MODELS_BYTES, MODELS_HINT)?))
            }
        };
        let file_text = given.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut models = choices(&self.models, self.base_url.as_deref(), file_text)
            .map_err(|error| Failure::usage(error.to_string()).hint(HINT))?;
        let folder = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let mut scripts = BTreeMap::new();
        for (number, model) in models.iter_mut().enumerate() {
            let beside = if number < self.models.len() { Path::new("") } else { folder };
            if let KeyFrom::File(path) = &mut model.key {
                // A run that is resumed from another folder reads the same.
                let whole = std::path::absolute(beside.join(&path)).unwrap_or_else(|_| beside.join(&path));
                *path = whole.display().to_string();
            }
            if model.form == WireForm::Scripted {
                let what = format!("the script of the model `{}`", model.name);
                let script = text(&what, &beside.join(&model.id), MAX_SCRIPT_BYTES, SCRIPT_HINT)?;
                scripts.insert(model.name.clone(), script.into());
            }
        }
        Ok(Chosen { models, scripts })
    }

    /// What may be spent.
    pub(crate) fn budgets(&self) -> Result<Budgets, Failure> {
        Ok(Budgets {
            attempt: amount::budget("--budget", &self.attempt)?,
            run: amount::budget("--run-budget", &self.run)?,
        })
    }

    /// What is set of the agent, as it is written on a command line.
    pub(crate) fn settings(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut settings = match &self.settings {
            None => BTreeMap::new(),
            Some(path) => settings_of(path, &text("the settings", path, MAX_SETTINGS_BYTES, SETTINGS_HINT)?)?,
        };
        let mut set = BTreeMap::new();
        for option in &self.set {
            let Some((name, value)) = option.split_once('=') else {
                let shown: String = option.chars().take(80).collect();
                return Err(Failure::usage(format!("`--set {shown}` sets nothing: expected KEY=VALUE"))
                    .hint("for example `--set steps=50`"));
            };
            if set.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Failure::usage(format!("`--set` sets `{name}` twice")).hint("give it once"));
            }
        }
        settings.extend(set);
        Ok(settings)
    }

    /// The agent's prompt.
    pub(crate) fn prompt(&self) -> Result<Option<String>, Failure> {
        self.prompt.as_deref().map(|path| text("the prompt", path, MAX_PROMPT_BYTES, PROMPT_HINT)).transpose()
    }
}

/// The settings of a file, as they would be written on a command line.
fn settings_of(path: &Path, text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let unreadable = |why: String| {
        Failure::usage(format!("the settings `{}` cannot be used: {why}", path.display()))
            .hint("one `KEY = VALUE` per line, as in `steps = 50` or `tools = \"bash\"`")
    };
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| {
            let before = &text.as_bytes()[..span.start.min(text.len())];
            before.iter().filter(|byte| **byte == b'\n').count() + 1
        });
        unreadable(line.map_or_else(String::new, |line| format!("line {line}: ")) + error.message())
    })?;
    let written = |(name, value): (String, toml::Value)| {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(flag) => flag.to_string(),
            other => {
                let kind = other.type_str();
                return Err(unreadable(format!(
                    "`{name}` is of the kind {kind}: expected a text, a whole number, or true or false"
                )));
            }
        };
        Ok((name, text))
    };
    table.into_iter().map(written).collect()
}

/// A file of the operator's as text; `hint` says what it has to be.
fn text(what: &str, path: &Path, most: usize, hint: &str) -> Result<String, Failure> {
    let unusable = |why: String| Failure::usage(format!("{what} `{}` cannot be used: {why}", path.display()));
    let bytes = lancet_file::read(path, most as u64).map_err(|error| match error {
        FileError::TooLarge(_) => unusable(format!("it has more than {most} bytes, which is the most"))
            .hint("shorten it, or name another file"),
        error => Failure::file(&format!("read {what}"), path, &error).exit(Exit::Usage).hint(hint),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        unusable(format!("it is no UTF-8 at byte {at}")).hint("save it as UTF-8 text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_file_are_written_as_on_a_command_line() {
        let path = Path::new("settings.toml");
        let settings = settings_of(path, "steps = 5\ntools = \"bash\"\nlook-first = false\n").unwrap();
        assert_eq!(settings["steps"], "5");
        assert_eq!((settings["tools"].as_str(), settings["look-first"].as_str()), ("bash", "false"));
        for (text, why) in [
            ("steps = 5\nsteps = ", "line 2"),
            ("steps = 1.5", "`steps` is of the kind float"),
            ("steps = [1]", "`steps` is of the kind array"),
            ("[agent]\nsteps = 1", "`agent` is of the kind table"),
        ] {
            let error = settings_of(path, text).unwrap_err().to_string();
            assert!(error.contains("`settings.toml`") && error.contains(why), "{text}: {error}");
        }
    }
}
