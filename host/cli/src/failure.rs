//! Where errors become words, hints and exit codes.

use std::fmt::Display;

pub(crate) use lancet_core::with_causes;
use lancet_core::{Difference, Role, RunId, SuiteProblem};
use lancet_docker::DockerError;
use lancet_engine::{EngineError, LoadError};
use lancet_models::KeyError;
use lancet_runner::Error;
use lancet_store::StoreError;
use lancet_suite::{NotPinned, SuiteError};

use crate::exit::Exit;
use crate::terminal::tell_of;

/// The one edge where errors become words and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &dyn Display) -> Self {
        Self::new(Exit::Host, format!("cannot {doing} `{}`: {error}", path.display()))
    }

    /// This failure with another exit code, at a place where it is somebody else's doing.
    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn maybe_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// What to do about the error, or that, where nothing is known.
    pub(crate) fn hint_or(&self, otherwise: &str) -> String {
        self.hint.clone().unwrap_or_else(|| otherwise.to_owned())
    }

    /// This failure with the file in front that has it.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        Self { message: format!("`{}`: {}", path.display(), self.message), ..self }
    }

    /// The error as one of what is wrong with a suite, in which that file has it.
    pub(crate) fn problem(&self, file: Option<String>, key: Option<String>) -> SuiteProblem {
        SuiteProblem { file, key, message: self.message.clone(), hint: self.hint.clone() }
    }

    /// The error and its hint as one of several in a list.
    pub(crate) fn in_a_list(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\n    hint: {hint}", self.message.replace('\n', "\n  ")),
            None => self.message.replace('\n', "\n  "),
        }
    }

    /// Writes the error and its hint to stderr.
    pub(crate) fn print(&self) {
        tell_of("error", "31", &self.message);
        if let Some(hint) = &self.hint {
            tell_of("hint", "36", hint);
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// A note that is no error.
pub(crate) fn warn(message: &str) {
    tell_of("warning", "33", message);
}

/// What to do about a plugin, an image or a limit that a key of the policy refuses.
fn not_let_in(key: &str) -> &'static str {
    match key {
        "signature" => {
            "get the file and the signature anew, both from whoever made them (`lancet verify FILE` says more); if it is \
             yours, sign it again, or move its signature away while you work on it"
        }
        "revoked" => "do not use it; its maker may have a newer version, signed by another key",
        "lock" => {
            "if it is meant to be used, look at it and lock it: `lancet suite lock SUITE`, `lancet plugin lock FILE`"
        }
        "unsigned" | "publisher.keys" => {
            "have its maker sign it, and take the key in with `lancet key import`; or let such come, in the policy"
        }
        "registries" => "take it from where the policy says, or add where it is from to the policy",
        "images.sources" => {
            "name the image from where the policy says, or add where it is from to the policy"
        }
        _ if key.starts_with("limits.") => "give the option as it says, or raise the limit in the policy",
        _ => "`lancet policy explain` says what each key comes to; docs/policy.md what it is for",
    }
}

/// The most problems of a suite that are listed.
const MAX_LISTED: usize = 50;

impl From<SuiteError> for Failure {
    fn from(error: SuiteError) -> Self {
        let SuiteError::Invalid { path, problems, .. } = &error else {
            return Self::new(Exit::Suite, with_causes(&error)).maybe_hint(error.hint());
        };
        let mut message =
            format!("the suite `{}` cannot be used; {} to mend:", path.display(), problems.len());
        for problem in problems.iter().take(MAX_LISTED) {
            message.push_str(&format!("\n  {problem}"));
            if let Some(hint) = &problem.hint {
                message.push_str(&format!("\n    hint: {hint}"));
            }
        }
        if problems.len() > MAX_LISTED {
            message.push_str(&format!("\n  and {} more", problems.len() - MAX_LISTED));
        }
        Self::new(Exit::Suite, message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::UnknownRun { .. }
            | StoreError::UnknownAttempt { .. }
            | StoreError::AmbiguousRun { .. }
            | StoreError::NoRuns { .. } => Exit::Usage,
            StoreError::NoThread { .. } | StoreError::NoCopy { .. } => Exit::Host,
            _ => Exit::Store,
        };
        Self::new(exit, with_causes(&error)).maybe_hint(error.hint())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let exit = if matches!(error, LoadError::Engine(_)) { Exit::Host } else { Exit::Plugin };
        Self::new(exit, with_causes(&error)).maybe_hint(error.hint())
    }
}

impl From<DockerError> for Failure {
    fn from(error: DockerError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Host, with_causes(&error)).hint(hint)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(Exit::Host, error.to_string()).maybe_hint(error.hint)
    }
}

impl From<NotPinned> for Failure {
    fn from(error: NotPinned) -> Self {
        let hint = error.hint();
        Self::new(Exit::Suite, error.to_string()).maybe_hint(hint)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = with_causes(&error);
        match error {
            Error::Suite(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Load(error) => error.into(),
            Error::Engine(error) => error.into(),
            Error::Docker(error) => error.into(),
            Error::NotPinned(error) => error.into(),
            Error::Unavailable(fault) => Self::new(Exit::Host, message).hint(fault.kind.hint()),
            Error::UnknownPlugin { role, name, of_suite } => {
                let exit = if of_suite.is_some() { Exit::Suite } else { Exit::Usage };
                Self::new(exit, message).hint(known_plugins(role, &name))
            }
            Error::NothingToRun { of_suite: true, .. } => Self::new(Exit::Suite, message)
                .hint("`lancet suite check SUITE` says what the suite has; nothing was recorded"),
            Error::NothingToRun { of_suite: false, .. } => {
                Self::usage(message).hint("leave `--kind` out; nothing was recorded")
            }
            Error::BadPin { .. } => Self::usage(message)
                .hint("`lancet plugin inspect FILE` prints a component's digest"),
            Error::Swapped { .. } => Self::new(Exit::Plugin, message)
                .hint("somebody changed the file; when that is meant, pin the new digest"),
            Error::ReadPlugin { path, source } => {
                let failure = Self::file("read plugin", &path, &source);
                if source.kind() != std::io::ErrorKind::NotFound {
                    return failure;
                }
                failure
                    .exit(Exit::Usage)
                    .hint("give the path of a component, or the name of a built-in plugin (`lancet plugin list`)")
            }
            Error::NoJail { .. } => Self::new(Exit::Plugin, message).hint(
                "run Lancet on a kernel, or in a container, that lets filters of system calls be made (`lancet doctor` \
                 tries it); or say `--isolation in-process`, if Wasmtime is wall enough for this plugin",
            ),
            Error::NoLandlock { .. } => Self::new(Exit::Plugin, message).hint(
                "run Lancet where the kernel has it (`lancet doctor` says), or leave `--require landlock` out: seccomp \
                 holds the process in any case",
            ),
            Error::NotLetIn { ref key, .. } => Self::new(Exit::Plugin, message.clone()).hint(not_let_in(key)),
            Error::NotAFile { .. } => Self::usage(message).hint("give the path of a `.wasm` component"),
            Error::ComponentTooLarge { .. } => {
                Self::new(Exit::Plugin, message).hint("build it in release mode and strip it")
            }
            Error::NotRunnable { suite, .. } => Self::new(Exit::Suite, message).hint(pin_images(&suite)),
            Error::GoldNotUtf8 { .. } => {
                Self::new(Exit::Suite, message).hint("a gold patch is a unified diff")
            }
            Error::BadGold { .. } => Self::new(Exit::Suite, message)
                .hint("a gold patch is a unified diff from the task's work tree, as `git diff --binary` writes it"),
            Error::BadCase { .. } => Self::new(Exit::Suite, message)
                .hint("mend the patch, or expect what it is for: `expect = \"fail patch-does-not-apply\"`"),
            Error::TasksTooLarge { .. } => Self::new(Exit::Suite, message).hint(
                "shorten it: a quarter of a plugin's memory is for the task; `--agent-memory` and `--grader-memory` \
                 give those of a run more",
            ),
            Error::InputsTooLarge { applies, .. } => Self::usage(message).hint(if applies {
                "a patch may have as many bytes as the task lets be handed in (`submission.mib` of its environment)"
            } else {
                "what an agent reads itself may have 1 MiB; the agent `patch` applies larger ones"
            }),
            Error::Model { .. } => Self::usage(message)
                .hint("`--model [NAME=]FORM/ID` names a model; docs/models.md has all that can be said of one"),
            Error::Broker(_) => Self::usage(message)
                .hint("the server's address is `--base-url`, or `base-url` in a file of models"),
            Error::Key { source, .. } => Self::usage(message).hint(format!(
                "put the key {}; `key-env` and `key-file` in a file for `--models` name another place",
                match source {
                    KeyError::Unset(_) => "into that variable",
                    KeyError::File { .. } | KeyError::NotRegular(_) | KeyError::TooLong(_) => "into that file",
                    KeyError::Empty(_) | KeyError::Invalid(_) | KeyError::TooShort(_) => "there",
                }
            )),
            Error::Unpriced(_) => Self::usage(message).hint(
                "give its `price` in a file for `--models`, or limit `asks` or `tokens` instead of money",
            ),
            Error::ModelsUnused { .. } => Self::usage(message)
                .hint("leave `--model` out, run an agent that asks models, or grant one to a grader (`--grant grader:model`)"),
            Error::NoModel { .. } => Self::usage(message)
                .hint("name one with `--model FORM/ID`, for example `--model scripted/answers.toml`; docs/models.md has the forms"),
            Error::UnofferedModel { .. } => Self::usage(message)
                .hint("`--set model=NAME` takes a name of those; `--model NAME=FORM/ID` chooses another model"),
            Error::UnknownEffort { .. } => Self::usage(message)
                .hint("set one of those, or leave `--set effort=…` out for the model's own"),
            Error::NoTools { .. } => Self::usage(message).hint(
                "choose a model that takes tools, an agent that needs none (`swelancer-simple`), or other tasks with `--kind swe-manager`",
            ),
            Error::Undescribed { .. } => Self::new(Exit::Plugin, message)
                .hint("`lancet plugin inspect AGENT` asks it alone; the agent has to be mended"),
            Error::Setting { .. } => {
                Self::usage(message).hint("`lancet plugin inspect AGENT` lists its settings and what they take")
            }
            Error::NoPrompt { .. } => {
                Self::usage(message).hint("leave `--prompt` out, or run an agent that has a prompt")
            }
            Error::Prompt { of_agent: Some(_), .. } => Self::new(Exit::Plugin, message)
                .hint("the agent has to be mended; a prompt of your own takes its place (`--prompt`)"),
            Error::Prompt { of_agent: None, .. } => Self::usage(message).hint(
                "a prompt is a template for minijinja; `lancet plugin inspect AGENT` lists its variables",
            ),
            Error::GraderAsks { .. } => Self::usage(message)
                .hint("a verdict that depends on a model is not compared with another: judge in a run of its own"),
            Error::GraderSetting { of_operator, .. } => Self::new(if of_operator { Exit::Usage } else { Exit::Suite }, message).hint(
                "`lancet plugin inspect FILE` lists a grader's settings; a task gives them under `[grader.settings]`, \
                 the operator with `--set grader:NAME=VALUE`",
            ),
            Error::NoGraderSetting { .. } => {
                Self::usage(message).hint("`lancet plugin inspect FILE` lists a grader's settings")
            }
            Error::NeedsMore { role, limit, needed, .. } => Self::new(Exit::Plugin, message)
                .hint(format!("`--{role}-{} {needed}` gives it that in a run", limit.option())),
            Error::SharedUser { error, .. } => Self::new(Exit::Host, message).hint(error.hint()),
            Error::DamagedBlob { .. } => Self::new(Exit::Store, message)
                .hint("the run was recorded by another version; replay it with that one"),
            Error::NoSubmission(_)
            | Error::UnknownGrader { .. }
            | Error::UnrecordedGrader(_)
            | Error::BrokenJournal { .. } => Self::new(Exit::Store, message),
            Error::Contradicted { run, differences } => contradicted(&run, &differences),
            Error::Stopped { run, source } => {
                let failure = Self::from(*source);
                let goes_on = format!("nothing decided is lost; `lancet resume {run}` goes on");
                match failure.hint.clone() {
                    Some(hint) => failure.hint(format!("{hint}; {goes_on}")),
                    None => failure.hint(goes_on),
                }
            }
            _ => Self::new(Exit::Host, message),
        }
    }
}

fn known_plugins(role: Role, name: &str) -> String {
    let names: Vec<_> = lancet_builtin::all().iter().filter(|b| b.role == role).map(|b| b.name).collect();
    let near = names
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => format!(
            "built in are {}; a component is named by its path, for example `./{name}.wasm`",
            names.join(", ")
        ),
    }
}

/// What to do about images that are not pinned.
pub(crate) fn pin_images(suite: &std::path::Path) -> String {
    format!("`lancet suite pin {}` builds or pulls the images and pins them", suite.display())
}

/// The most differences of a run that are listed.
const MAX_DIFFERENCES: usize = 200;

/// The differences between a run's records.
fn contradicted(run: &RunId, differences: &[Difference]) -> Failure {
    let mut message = format!("the records of run {run} contradict one another:");
    for difference in differences.iter().take(MAX_DIFFERENCES) {
        message.push_str(&format!("\n  {difference}"));
    }
    if differences.len() > MAX_DIFFERENCES {
        let more = differences.len() - MAX_DIFFERENCES;
        message.push_str(&format!("\n  and {more} more; `lancet doctor` lists all"));
    }
    Failure::new(Exit::Store, message)
        .hint("something other than Lancet has changed the store: restore it from a backup")
}

/// Adds words in front of an error that does not name its subject.
pub(crate) fn host(doing: &str, error: impl Display) -> Failure {
    Failure::new(Exit::Host, format!("{doing}: {error}"))
}
