//! The loop: asks the model, does what its reply asks for, and ends.

use std::collections::VecDeque;

use lancet_brief::selected;
use lancet_sdk::log::Level;
use lancet_sdk::model::{Answer as Said, Failure, Offer, Part, Setup, Stop};
use lancet_sdk::prompt::{Value, render};
use lancet_sdk::{Answer, ArtifactKind, CallError, SolveError, Task, TaskKind};

use crate::reply::{self, Reply};
use crate::world::World;

/// The variables that a prompt may use.
pub(crate) const VARIABLES: [&str; 10] =
    ["id", "kind", "title", "statement", "price", "proposals", "environment", "turns", "seconds", "decision"];

/// Where a manager writes the choice, in the work tree.
const DECISION: &str = "manager_decisions.json";
/// The most bytes of the choice that an answer may have.
const MOST_DECISION: usize = 64 << 10;
/// The most bytes of a message: somewhat less than the 4 MiB that one call to the host may
/// carry.
const MOST_BYTES: usize = 3 << 20;
/// The most bytes that are read of what the user left in logs: as of what code prints.
const LOG_BYTES: usize = 256 << 10;
/// How many bytes may be said and answered in all. The host ends whoever has more than 128
/// MiB of conversation, with what it has done; a reply and a message are the most that come
/// at once.
const MOST_TALK: usize = 112 << 20;
/// How many bytes may be printed and read in all. The host ends whoever has more than 32 MiB
/// carried beside the conversation.
const MOST_CARRIED: usize = 24 << 20;
/// How many replies there may be. The host ends whoever makes more than 100,000 calls, and
/// a turn takes about ten.
const MOST_REPLIES: u64 = 9_000;
/// What a call gets: the model was given no tools, and made one up.
const NO_TOOLS: &str = "There are no tools. Reply with text, as the first message says.";
/// Tokens that are left for an answer where neither the operator nor the offer says how many
/// it may have.
const ANSWER_TOKENS: u64 = 4_096;

/// What the operator can set.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) model: String,
    pub(crate) effort: String,
    pub(crate) turns: u64,
    pub(crate) seconds: u32,
    pub(crate) answer_tokens: u64,
}

/// Why the work is over, by the word for it and what is known of it.
struct End {
    word: &'static str,
    why: String,
}

impl End {
    fn new(word: &'static str, why: impl Into<String>) -> Self {
        Self { word, why: why.into() }
    }
}

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
    let has_files = !matches!(world.read(DECISION, 1), Err(CallError::Unavailable(_)));
    if task.kind == TaskKind::IcSwe && !has_files {
        return Err(SolveError::Other("the task has no environment to work in".into()));
    }
    let mut variables = lancet_brief::variables(task);
    variables.extend([
        ("environment", Value::from(has_files)),
        ("turns", options.turns.into()),
        ("seconds", options.seconds.into()),
        ("decision", DECISION.into()),
    ]);
    let message = render(template, variables)
        .map_err(|error| SolveError::Other(format!("the prompt cannot be rendered: {error}")))?;
    let message = message.trim();
    if message.len() > MOST_BYTES {
        let bytes = message.len();
        return Err(SolveError::Other(format!(
            "the prompt has {bytes} bytes, at most {MOST_BYTES} can be sent"
        )));
    }
    let mut setup = Setup::new().model(&*offer.name).effort(&*options.effort);
    if options.answer_tokens > 0 {
        setup = setup.answer_tokens(options.answer_tokens);
    }
    if let Err(failure) = world.open(&setup).and_then(|()| world.say(message)) {
        return Err(SolveError::Other(format!("no conversation could be begun: {}", failure.message())));
    }

    let room = room(&offer, options);
    let mut session = Session {
        world,
        task,
        options,
        has_files,
        room,
        replies: 0,
        lost: 0,
        left_out: 0,
        turns: VecDeque::new(),
        talk: message.len(),
        carried: 0,
        ran: false,
        choice: None,
    };
    let end = session.work();
    session.ended(end)
}

/// Tokens that a conversation may have before an answer, where that is known.
fn room(offer: &Offer, options: &Options) -> Option<u64> {
    let set = (options.answer_tokens > 0).then_some(options.answer_tokens);
    let answer = set.or(offer.answer_tokens).unwrap_or(ANSWER_TOKENS);
    // A model may answer with as much as its context has. Half of it is for what was said.
    offer.context_tokens.map(|context| context.saturating_sub(answer).max(context / 2))
}

struct Session<'a, W> {
    world: &'a mut W,
    task: &'a Task,
    options: &'a Options,
    has_files: bool,
    room: Option<u64>,
    replies: u64,
    lost: u64,
    /// Messages that were left out.
    left_out: u32,
    /// Entries of the conversation that each turn made, without the first message: a reply,
    /// the results of calls in it, what went back.
    turns: VecDeque<u32>,
    /// Bytes that were said and answered.
    talk: usize,
    /// Bytes that were printed and read.
    carried: usize,
    /// Whether code was run, which may have changed the work tree.
    ran: bool,
    /// A manager's choice, where it is read from a reply.
    choice: Option<u32>,
}

impl<W: World> Session<'_, W> {
    fn work(&mut self) -> End {
        let mut turns = 0;
        while turns < self.options.turns {
            turns += 1;
            let said = match self.ask() {
                Ok(said) => said,
                Err(end) => return end,
            };
            self.replies += 1;
            self.talk += bytes(&said);
            if said.stop == Stop::Refused {
                return End::new("refused", said.stop_detail);
            }
            let mut entries = 1;
            // Nothing can be said before each call has its result.
            let results: Vec<_> = said.calls().map(|call| call.failed(NO_TOOLS)).collect();
            if !results.is_empty() {
                self.talk +=
                    results.iter().map(|result| result.call.len() + result.text.len()).sum::<usize>();
                if let Err(failure) = self.world.give(&results) {
                    return failed(failure);
                }
                entries += 1;
            }
            if said.stop == Stop::Paused {
                // Asked again, it goes on.
                self.turns.push_back(entries);
                continue;
            }
            let back = match self.answer(&said.text()) {
                Ok(back) => back,
                Err(end) => return end,
            };
            self.talk += back.len();
            if let Some(end) = self.is_full() {
                return end;
            }
            if turns < self.options.turns {
                if let Err(failure) = self.world.say(bounded(&back)) {
                    return failed(failure);
                }
                entries += 1;
            }
            self.turns.push_back(entries);
        }
        End::new("turns", format!("the model was asked {turns} times"))
    }

    /// Why no more should be begun: the host would end it soon.
    fn is_full(&self) -> Option<End> {
        let Self { replies, talk, carried, .. } = self;
        (*replies >= MOST_REPLIES || *talk > MOST_TALK || *carried > MOST_CARRIED).then(|| {
            let why = format!(
                "{replies} replies and what went back had {talk} bytes, and what was printed and read {carried}"
            );
            End::new("calls", why)
        })
    }

    /// Does what a reply asks for, and gives what goes back.
    fn answer(&mut self, text: &str) -> Result<String, End> {
        if self.task.kind == TaskKind::SweManager && !self.has_files {
            let known = |id: &u32| self.task.proposals.iter().any(|proposal| proposal.id == *id);
            self.choice = selected(text).filter(known);
            if self.choice.is_some() {
                return Err(End::new("done", ""));
            }
            self.lost += 1;
            let ids = lancet_brief::ids(self.task);
            return Ok(format!(
                "The reply names no proposal. End it with {{\"selected_proposal_id\": ID}}, where ID is one of {ids}."
            ));
        }
        match reply::read(text) {
            Reply::UserTool => self.user_tool(),
            Reply::Done => Err(End::new("done", "")),
            Reply::Code(code) => self.run(code),
            Reply::Lost => {
                self.lost += 1;
                Ok("The reply asked for nothing: it has no fenced block of Python that is whole, and is not \
                    `done`. Reply with one or the other."
                    .into())
            }
        }
    }

    /// Asks, and leaves out the oldest messages as far as that is needed.
    fn ask(&mut self) -> Result<Said, End> {
        while let Some(room) = self.room
            && self.world.tokens() > room
        {
            let tokens = self.world.tokens().max(1);
            // As many turns as have that share of the tokens, were all of them alike.
            let share = (tokens - room).saturating_mul(self.turns_before().into()) / tokens;
            if !self.leave_out(u32::try_from(share).unwrap_or(u32::MAX).max(1)).map_err(failed)? {
                break;
            }
        }
        loop {
            match self.world.ask() {
                Err(Failure::TooLong(why)) => {
                    let half = self.turns_before().div_ceil(2);
                    if !self.leave_out(half).map_err(failed)? {
                        return Err(End::new("context", why));
                    }
                }
                Err(failure) => return Err(failed(failure)),
                Ok(said) => return Ok(said),
            }
        }
    }

    /// Turns that may be left out: a reply and what went back. The first message stays, and
    /// so does the last turn.
    fn turns_before(&self) -> u32 {
        u32::try_from(self.turns.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    /// Leaves out the oldest turns. False when there are none.
    fn leave_out(&mut self, turns: u32) -> Result<bool, Failure> {
        let turns = turns.min(self.turns_before());
        if turns == 0 {
            return Ok(false);
        }
        let entries = self.turns.iter().take(turns as usize).sum::<u32>();
        self.world.leave_out(1, 1 + entries)?;
        self.turns.drain(..turns as usize);
        self.left_out += entries;
        Ok(true)
    }

    fn run(&mut self, code: &str) -> Result<String, End> {
        let seconds = self.options.seconds;
        let output = match self.world.shell(&reply::command(code), seconds) {
            Ok(output) => output,
            Err(CallError::Unavailable(why)) => return Err(End::new("time-over", why)),
            Err(error) => return Ok(format!("The code was not run: {}", error.message())),
        };
        self.ran = true;
        self.carried += code.len() + output.stdout.len() + output.stderr.len();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        if text.is_empty() {
            text.push_str("(It printed nothing.)");
        }
        if output.exit_status.is_none() {
            text.push_str(&format!("\n(It took longer than {seconds} seconds and was ended.)"));
        }
        if output.dropped_bytes > 0 {
            text.push_str(&format!("\n({} more bytes were printed and not kept.)", output.dropped_bytes));
        }
        Ok(text)
    }

    fn user_tool(&mut self) -> Result<String, End> {
        let seen = match self.world.reproduce() {
            Ok(seen) => seen,
            Err(error) => return Ok(format!("The user could not try the app: {}", error.message())),
        };
        let mut text = String::from(if seen.completed {
            "The user went through all of the steps.\n"
        } else {
            "The user could not go through all of the steps.\n"
        });
        for entry in &seen.artifacts {
            // The size of a picture differs from try to try and means nothing: what is said
            // to the model is to be the same when the app did the same.
            text.push_str(&match entry.kind {
                ArtifactKind::Log => format!("- {} ({} bytes)\n", entry.name, entry.bytes),
                _ => format!("- {}\n", entry.name),
            });
        }
        let mut left = LOG_BYTES;
        for entry in seen.artifacts.iter().filter(|entry| entry.kind == ArtifactKind::Log) {
            if left == 0 {
                break;
            }
            match self.world.artifact(&entry.name, u32::try_from(left).unwrap_or(u32::MAX)) {
                Ok(bytes) => {
                    left = left.saturating_sub(bytes.len());
                    self.carried += bytes.len();
                    text.push_str(&format!("\n{}:\n{}\n", entry.name, String::from_utf8_lossy(&bytes)));
                }
                Err(error) => text.push_str(&format!("\n{}: {}\n", entry.name, error.message())),
            }
        }
        Ok(text)
    }

    fn ended(mut self, end: End) -> Result<Answer, SolveError> {
        let End { word, why } = end;
        let there = match (word, self.task.kind) {
            ("failed", _) if !self.ran => Err(format!("the model gave no answer: {why}")),
            (_, TaskKind::SweManager) => self.decision(),
            // As it would be judged: a work tree that nothing has touched solves nothing.
            ("done", TaskKind::IcSwe) => Ok(Answer::WorkTree),
            (_, TaskKind::IcSwe) if self.ran => Ok(Answer::WorkTree),
            (_, TaskKind::IcSwe) => Err(String::new()),
        };
        // Whoever reads the verdict learns why there is nothing.
        let answer = there.map_err(|missing| {
            let known: Vec<_> = [&*missing, &*why].into_iter().filter(|text| !text.is_empty()).collect();
            SolveError::Other(match word {
                "failed" if !self.ran => missing,
                _ => format!("nothing was handed in ({word}): {}", known.join("; ")),
            })
        });
        let level = if word == "done" { Level::Info } else { Level::Warn };
        let counts = [self.replies.to_string(), self.lost.to_string(), self.left_out.to_string()];
        let [replies, lost, left_out] = counts.each_ref().map(String::as_str);
        let fields = [("why", &*why), ("replies", replies), ("lost", lost), ("left-out", left_out)];
        self.world.log(level, word, &fields);
        answer
    }

    /// What a manager decided: the document, for the grader to read, or what a reply said.
    ///
    /// # Errors
    /// Why there is none.
    fn decision(&mut self) -> Result<Answer, String> {
        if !self.has_files {
            return self.choice.map(Answer::Choice).ok_or_else(|| "no reply names a proposal".into());
        }
        match self.world.read(DECISION, 1 << 20) {
            Ok(bytes) if bytes.len() > MOST_DECISION => {
                Err(format!("`{DECISION}` has more than {MOST_DECISION} bytes, which a document may have"))
            }
            Ok(bytes) => String::from_utf8(bytes)
                .map(Answer::Document)
                .map_err(|_| format!("`{DECISION}` is no UTF-8")),
            Err(error) => Err(format!("`{DECISION}` cannot be read: {}", error.message())),
        }
    }
}

/// As much of a text as one call to the host may carry.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_BYTES)]
}

/// Bytes of a reply, as the host counts them.
fn bytes(said: &Said) -> usize {
    let part = |part: &Part| match part {
        Part::Text(text) | Part::Reasoning(text) => text.len(),
        Part::Call(call) => call.id.len() + call.name.len() + call.arguments.len(),
        Part::Other(other) => other.value.len(),
    };
    said.parts.iter().map(part).sum()
}

fn failed(failure: Failure) -> End {
    match failure {
        Failure::OverBudget(why) => End::new("over-budget", why),
        Failure::TooLong(why) => End::new("context", why),
        Failure::Refused(why) | Failure::Rejected(why) | Failure::Other(why) => End::new("failed", why),
    }
}

#[cfg(test)]
mod tests;
