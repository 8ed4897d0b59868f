//! The loop: asks the model, carries out what it calls, and ends.

use lancet_brief::{Reach as _, ids, selected};
use lancet_sdk::log::Level;
use lancet_sdk::model::{Answer as Said, Failure, Setup, Stop, ToolCall, ToolResult};
use lancet_sdk::prompt::{Value, render};
use lancet_sdk::{Answer, ArtifactKind, CallError, SolveError, Task, TaskKind};

use crate::HAND_IN_LINE;
use crate::arguments::Arguments;
use crate::meter::Meter;
use crate::observation::{both, command, cut};
use crate::options::Options;
use crate::tool::Tool;
use crate::world::World;

/// The variables that a prompt may use.
pub(crate) const VARIABLES: [&str; 11] = [
    "id",
    "kind",
    "title",
    "statement",
    "price",
    "proposals",
    "tools",
    "environment",
    "steps",
    "command_seconds",
    "hand_in_line",
];

/// What parts the instructions of a template from its message.
const MESSAGE: &str = "{# message #}";
/// What stands for [`MESSAGE`] where a template is rendered, which comments do not survive.
const PARTING: &str = "\u{0}message\u{0}";
/// How many answers in a row may be without a valid call.
const MOST_INVALID: u32 = 3;
/// How many calls of one answer are carried out. It bounds what one turn can cost.
const MOST_CALLS: usize = 32;
/// Bytes of a message, and of all results of a turn: somewhat less than the 4 MiB that one
/// call to the host may carry.
const MOST_BYTES: usize = 3 << 20;
/// Bytes that the host counts for each result of a turn beside its text and its call's id.
const RESULT_BYTES: usize = 64;
/// Bytes that are read at once.
const CHUNK: u32 = 64 << 10;
/// How many chunks of one file are looked through for the lines that are asked for.
const MOST_CHUNKS: u64 = 64;
/// The most bytes of lines that are kept of a file.
const MOST_READ: usize = 1 << 20;

/// Works on a task.
///
/// # Errors
/// When there is no model for it, or it does not work before anything was done.
pub(crate) fn solve(
    world: &mut impl World,
    task: &Task,
    options: &Options,
    template: &str,
) -> Result<Answer, SolveError> {
    let offer = lancet_brief::offer(world.offers(), &options.model).map_err(SolveError::Other)?;
    // Any file will do: only a task without an environment answers `unavailable`.
    let has_files = !matches!(world.read("README.md", 0, 1), Err(CallError::Unavailable(_)));
    let mut tools = Tool::kit(task, options, has_files);
    match task.kind {
        TaskKind::IcSwe if !has_files => {
            return Err(SolveError::Other("the task has no environment to work in".into()));
        }
        TaskKind::IcSwe if !offer.tools => {
            return Err(SolveError::Other(format!(
                "the model `{}` takes no tools: choose one that does, or the agent `swelancer-simple`",
                offer.name
            )));
        }
        TaskKind::SweManager if task.proposals.is_empty() => return Ok(Answer::Nothing),
        _ => {}
    }
    if !offer.tools {
        tools.clear();
    }

    let mut session = Session::new(Meter::new(world), task, options, tools);
    let (instructions, message) = session.prompt(template, has_files)?;
    let mut setup = Setup::new().model(offer.name).instructions(instructions).effort(&*options.effort);
    for tool in &session.tools {
        setup = setup.tool(tool.name(), tool.description(task, options), tool.parameters(task));
    }
    if options.answer_tokens > 0 {
        setup = setup.answer_tokens(options.answer_tokens);
    }
    let begun = session.world.open(&setup).and_then(|()| session.world.say(&message));
    if let Err(failure) = begun {
        return Err(SolveError::Other(format!("no conversation could be begun: {}", failure.message())));
    }
    let end = session.work();
    session.ended(end)
}

/// Why the work is over.
#[derive(Debug)]
enum End {
    /// The model handed in.
    HandedIn(Answer),
    /// Something ends it, by the word for it and what is known of it.
    Stopped(&'static str, String),
    /// The provider does not take the request.
    Failed(String),
}

/// What became of a call.
enum Done {
    Gave(String),
    /// The call was right, and what it asked for failed.
    Failed(String),
    /// The call is not one that can be carried out.
    Mistake(String),
    Over(End),
}

struct Session<'a, W> {
    world: Meter<'a, W>,
    task: &'a Task,
    options: &'a Options,
    tools: Vec<Tool>,
    asks: u64,
    calls: u64,
    mistakes: u64,
    /// Answers in a row without a valid call.
    invalid: u32,
    /// Whether the work tree may have been changed.
    changed: bool,
}

impl<'a, W: World> Session<'a, W> {
    fn new(world: Meter<'a, W>, task: &'a Task, options: &'a Options, tools: Vec<Tool>) -> Self {
        let (asks, calls, mistakes, invalid, changed) = (0, 0, 0, 0, false);
        Self { world, task, options, tools, asks, calls, mistakes, invalid, changed }
    }

    /// The instructions and the first message.
    fn prompt(&self, template: &str, has_files: bool) -> Result<(String, String), SolveError> {
        let tools: Vec<_> = self.tools.iter().map(|tool| tool.name()).collect();
        let mut variables = lancet_brief::variables(self.task);
        variables.extend([
            ("tools", Value::from(tools)),
            ("environment", has_files.into()),
            ("steps", self.options.steps.into()),
            ("command_seconds", self.options.command_seconds.into()),
            ("hand_in_line", HAND_IN_LINE.into()),
        ]);
        // As one, so that what is set before the message is there in it.
        let whole = render(&template.replacen(MESSAGE, PARTING, 1), variables)
            .map_err(|error| SolveError::Other(format!("the prompt cannot be rendered: {error}")))?;
        let (instructions, message) = whole.split_once(PARTING).unwrap_or(("", &whole));
        let text = |text: &str| {
            if text.len() > MOST_BYTES {
                let why = format!("the prompt has {} bytes, at most {MOST_BYTES} can be sent", text.len());
                return Err(SolveError::Other(why));
            }
            Ok(text.trim().to_owned())
        };
        Ok((text(instructions)?, text(message)?))
    }

    fn work(&mut self) -> End {
        while self.asks < self.options.steps {
            if let Some(why) = self.world.is_full() {
                return End::Stopped("calls", why);
            }
            let said = match self.world.ask() {
                Ok(said) => said,
                Err(failure) => return failed(failure),
            };
            self.asks += 1;
            let then = match said.stop {
                Stop::Refused => return End::Stopped("refused", said.stop_detail),
                Stop::Context => return End::Stopped("context", said.stop_detail),
                // Asked again, it goes on.
                Stop::Paused if said.calls().next().is_none() => continue,
                _ if said.calls().next().is_none() => self.without_calls(&said),
                _ => self.carry_out(&said),
            };
            match then {
                Ok(None) if self.invalid >= MOST_INVALID => {
                    let why = format!("{MOST_INVALID} answers in a row had no valid call");
                    return End::Stopped("no-valid-call", why);
                }
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(failure) => return failed(failure),
            }
        }
        End::Stopped("steps", format!("the model was asked {} times", self.asks))
    }

    /// Takes a choice out of an answer of text, or says what an answer has to be like.
    fn without_calls(&mut self, said: &Said) -> Result<Option<End>, Failure> {
        let reply = match selected(&said.text()).filter(|_| self.task.kind == TaskKind::SweManager) {
            Some(id) => match self.choice(id) {
                Ok(answer) => return Ok(Some(End::HandedIn(answer))),
                Err(why) => why,
            },
            None if said.stop == Stop::Length => {
                format!("Your answer was cut off, as it was too long. Keep it short. {}", self.form())
            }
            None => self.form(),
        };
        self.invalid += 1;
        if self.invalid < MOST_INVALID {
            self.world.say(&reply)?;
        }
        Ok(None)
    }

    /// Carries out the calls of an answer, in their order, and gives back what came of them.
    fn carry_out(&mut self, said: &Said) -> Result<Option<End>, Failure> {
        let mut results: Vec<ToolResult> = Vec::new();
        let around: usize = said.calls().map(|call| RESULT_BYTES + call.id.len()).sum();
        let Some(mut room) = MOST_BYTES.checked_sub(around) else {
            let why =
                format!("one answer made {} calls, whose results cannot be given", said.calls().count());
            return Ok(Some(End::Stopped("calls", why)));
        };
        let mut valid = false;
        for (at, call) in said.calls().enumerate() {
            if let Some(why) = self.world.is_full() {
                return Ok(Some(End::Stopped("calls", why)));
            }
            let done = if at < MOST_CALLS {
                self.calls += 1;
                self.call(call)
            } else {
                Done::Mistake(format!("It was not carried out: one turn has at most {MOST_CALLS} calls."))
            };
            let (text, failed) = match done {
                Done::Over(end) => return Ok(Some(end)),
                Done::Gave(text) => (text, false),
                Done::Failed(text) => (text, true),
                Done::Mistake(text) => {
                    self.mistakes += 1;
                    let mut result = call.failed(text);
                    result.text.truncate(result.text.floor_char_boundary(room));
                    room -= result.text.len();
                    results.push(result);
                    continue;
                }
            };
            valid = true;
            let mut text = text;
            text.truncate(text.floor_char_boundary(room));
            room -= text.len();
            results.push(ToolResult { failed, ..call.gave(text) });
        }
        self.invalid = if valid { 0 } else { self.invalid + 1 };
        self.world.give(&results)?;
        Ok(None)
    }

    fn call(&mut self, call: &ToolCall) -> Done {
        let Some(tool) = self.tools.iter().copied().find(|tool| tool.name() == call.name) else {
            let name: String = call.name.chars().take(64).collect();
            return Done::Mistake(format!("There is no tool `{name}`. {}", self.list()));
        };
        let arguments = match Arguments::read(&call.arguments) {
            Ok(arguments) => arguments,
            Err(why) => return self.mistaken(tool, &why),
        };
        match self.use_tool(tool, &arguments) {
            Ok(done) => done,
            Err(why) => self.mistaken(tool, &why),
        }
    }

    fn mistaken(&self, tool: Tool, why: &str) -> Done {
        let (name, form) = (tool.name(), tool.form(self.task));
        Done::Mistake(format!("`{name}` was not carried out: {why}. It takes {form}. {}", self.list()))
    }

    /// Carries out a call.
    ///
    /// # Errors
    /// What is wrong with its arguments.
    fn use_tool(&mut self, tool: Tool, arguments: &Arguments) -> Result<Done, String> {
        Ok(match tool {
            Tool::Shell | Tool::Bash => {
                let text = arguments.text("command")?;
                self.shell(tool, text)
            }
            Tool::Read => {
                let path = arguments.text("path")?;
                let first = arguments.maybe_number("line")?.unwrap_or(1).max(1);
                let lines = arguments.maybe_number("lines")?.unwrap_or(200).max(1);
                self.read(path, first, lines)
            }
            Tool::Search => {
                let (pattern, path) =
                    (arguments.text("pattern")?, arguments.maybe_text("path")?.unwrap_or_default());
                let hits = self.world.search(pattern, path);
                self.told(hits, |hits| {
                    if hits.is_empty() {
                        return "nothing matches".into();
                    }
                    let line = |hit: &lancet_sdk::workspace::Hit| {
                        format!("{}:{}: {}\n", hit.path, hit.line, hit.text)
                    };
                    hits.iter().map(line).collect()
                })
            }
            Tool::Write => {
                let (path, contents) = (arguments.text("path")?, arguments.text("contents")?);
                self.changed = true;
                let written = self.world.write(path, contents.as_bytes());
                self.told(written, |()| format!("written: {} bytes", contents.len()))
            }
            Tool::ApplyPatch => {
                let patch = arguments.text("patch")?;
                self.changed = true;
                let applied = self.world.apply_patch(patch);
                self.told(applied, |()| "applied".into())
            }
            Tool::User => match arguments.maybe_text("artifact")? {
                None => self.reproduce(),
                Some(name) => self.artifact(name),
            },
            Tool::HandIn if self.task.kind == TaskKind::IcSwe => Done::Over(End::HandedIn(Answer::WorkTree)),
            Tool::HandIn => {
                let id = arguments.maybe_number("proposal")?.ok_or("`proposal` is missing")?;
                let answer =
                    u32::try_from(id).map_err(|_| self.no_proposal(id)).and_then(|id| self.choice(id));
                Done::Over(End::HandedIn(answer?))
            }
        })
    }

    fn shell(&mut self, tool: Tool, text: &str) -> Done {
        self.changed = true;
        let seconds = self.options.command_seconds;
        // Both outputs as one, in the order in which they were written.
        let output = match self.world.shell(&format!("exec 2>&1\n{text}"), seconds) {
            Ok(output) => output,
            Err(error) => return self.told(Err(error), |()| String::new()),
        };
        if tool == Tool::Bash && output.exit_status == Some(0) {
            let written = both(&output);
            let (first, rest) = written.trim_start().split_once('\n').unwrap_or((written.trim(), ""));
            if first.trim_end() == HAND_IN_LINE {
                let answer = match self.task.kind {
                    TaskKind::IcSwe => Ok(Answer::WorkTree),
                    TaskKind::SweManager => match rest.trim().parse().ok().or_else(|| selected(rest)) {
                        Some(id) => self.choice(id),
                        None => Err(format!("no id stands in the line after {HAND_IN_LINE}")),
                    },
                };
                return match answer {
                    Ok(answer) => Done::Over(End::HandedIn(answer)),
                    Err(why) => self.mistaken(tool, &why),
                };
            }
        }
        Done::Gave(command(&output, seconds, self.options.output_characters))
    }

    /// Lines of a file, or the files of a folder.
    fn read(&mut self, path: &str, first: u64, lines: u64) -> Done {
        let mut kept = Vec::new();
        let (mut line, mut found, mut whole) = (1, 0, false);
        for chunk in 0..MOST_CHUNKS {
            let bytes = match self.world.read(path, chunk * u64::from(CHUNK), CHUNK) {
                Ok(bytes) => bytes,
                Err(CallError::Unavailable(why)) => return time_over(why),
                Err(error) => return self.folder(path, error),
            };
            for byte in &bytes {
                // One line may be all of a large file.
                let wanted = line >= first && line - first < lines && kept.len() < MOST_READ;
                found += u64::from(wanted && (kept.is_empty() || kept.ends_with(b"\n")));
                if wanted {
                    kept.push(*byte);
                }
                line += u64::from(*byte == b'\n');
            }
            whole = bytes.len() < CHUNK as usize;
            if whole || line.saturating_sub(first) >= lines || kept.len() == MOST_READ {
                break;
            }
        }
        if found == 0 {
            let there = if whole { "the file has" } else { "the part of the file that can be read has" };
            return Done::Failed(format!("there is no line {first}: {there} {} lines", line - 1));
        }
        let last = first + found - 1;
        let text = cut(&String::from_utf8_lossy(&kept), self.options.output_characters);
        Done::Gave(format!("lines {first} to {last}:\n{text}"))
    }

    fn folder(&mut self, path: &str, error: CallError) -> Done {
        let most = self.options.output_characters;
        match self.world.list(path.trim_end_matches('/')) {
            Ok(entries) if !entries.is_empty() => {
                let paths: String = entries.iter().map(|entry| format!("{}\n", entry.path)).collect();
                Done::Gave(format!("{} files:\n{}", entries.len(), cut(&paths, most)))
            }
            _ => self.told(Err(error), |()| String::new()),
        }
    }

    fn reproduce(&mut self) -> Done {
        let seen = match self.world.reproduce() {
            Ok(seen) => seen,
            // Not every task has such a user: that does not say that the time is over.
            Err(error) => return Done::Failed(error.message().to_owned()),
        };
        let went = if seen.completed {
            "The user could go through all of the steps. That does not say that the issue is gone."
        } else {
            "The user could not go through all of the steps."
        };
        let mut text = format!("{went}\n");
        for entry in &seen.artifacts {
            // The size of a picture differs from try to try and means nothing: what is said
            // to the model is to be the same when the app did the same.
            text.push_str(&match entry.kind {
                ArtifactKind::Log => format!("- {} ({} bytes)\n", entry.name, entry.bytes),
                _ => format!("- {}\n", entry.name),
            });
        }
        if seen.artifacts.is_empty() {
            text.push_str("Nothing was left to look at.\n");
        }
        Done::Gave(cut(&text, self.options.output_characters))
    }

    fn artifact(&mut self, name: &str) -> Done {
        match self.world.artifact(name, 0, 1 << 20) {
            Ok(bytes) if bytes.contains(&0) => Done::Failed("it is no text".into()),
            Ok(bytes) => Done::Gave(cut(&String::from_utf8_lossy(&bytes), self.options.output_characters)),
            Err(error) => Done::Failed(error.message().to_owned()),
        }
    }

    fn told<T>(&self, result: Result<T, CallError>, say: impl FnOnce(T) -> String) -> Done {
        match result {
            Ok(value) => Done::Gave(cut(&say(value), self.options.output_characters)),
            // The environment was there at the beginning.
            Err(CallError::Unavailable(why)) => time_over(why),
            Err(error) => Done::Failed(error.message().to_owned()),
        }
    }

    fn choice(&self, id: u32) -> Result<Answer, String> {
        let known = self.task.proposals.iter().any(|proposal| proposal.id == id);
        if known { Ok(Answer::Choice(id)) } else { Err(self.no_proposal(id.into())) }
    }

    fn no_proposal(&self, id: u64) -> String {
        format!("there is no proposal {id}, but {}", ids(self.task))
    }

    fn list(&self) -> String {
        let names: Vec<_> = self.tools.iter().map(|tool| format!("`{}`", tool.name())).collect();
        format!("The tools are {}.", names.join(", "))
    }

    /// What an answer has to be like.
    fn form(&self) -> String {
        let end = match (self.task.kind, self.tools.as_slice()) {
            (TaskKind::SweManager, []) => {
                return "End your answer with your choice in this form: {\"selected_proposal_id\": ID}"
                    .into();
            }
            (_, [Tool::Bash]) => format!("a command whose output begins with the line {HAND_IN_LINE}"),
            _ => "`hand_in`".into(),
        };
        format!("Each answer has to call a tool. {} When you are done, hand in with {end}.", self.list())
    }

    fn ended(&mut self, end: End) -> Result<Answer, SolveError> {
        let (level, word, why, answer) = match end {
            End::HandedIn(answer) => (Level::Info, "handed-in", String::new(), Ok(answer)),
            End::Stopped(word, why) => {
                // Whoever reads the verdict learns why there is nothing.
                let nothing = || SolveError::Other(format!("nothing was handed in ({word}): {why}"));
                let answer = self.what_is_there().ok_or_else(nothing);
                (Level::Warn, word, why, answer)
            }
            End::Failed(why) => {
                let nothing = || SolveError::Other(format!("the model gave no answer: {why}"));
                let answer = self.what_is_there().ok_or_else(nothing);
                (Level::Error, "failed", why, answer)
            }
        };
        let (asks, calls, mistakes) =
            (self.asks.to_string(), self.calls.to_string(), self.mistakes.to_string());
        let counts = [("asks", asks.as_str()), ("calls", &calls), ("mistakes", &mistakes)];
        self.world.log(level, word, &[&[("why", why.as_str())], &counts[..]].concat());
        answer
    }

    fn what_is_there(&self) -> Option<Answer> {
        (self.task.kind == TaskKind::IcSwe && self.changed).then_some(Answer::WorkTree)
    }
}

fn failed(failure: Failure) -> End {
    match failure {
        Failure::OverBudget(why) => End::Stopped("over-budget", why),
        Failure::TooLong(why) => End::Stopped("context", why),
        Failure::Refused(why) | Failure::Rejected(why) | Failure::Other(why) => End::Failed(why),
    }
}

fn time_over(why: String) -> Done {
    Done::Over(End::Stopped("time-over", why))
}

#[cfg(test)]
mod tests;
