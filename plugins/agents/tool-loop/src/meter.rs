//! Counts what goes to and fro, as the host does.

use lancet_brief::Reach;
use lancet_sdk::CallError;
use lancet_sdk::log::Level;
use lancet_sdk::model::{Answer, Failure, Offer, Part, Setup, Tool, ToolResult};
use lancet_sdk::shell::CommandOutput;
use lancet_sdk::user_tool::Observation;
use lancet_sdk::workspace::{Entry, Hit};

use crate::world::World;

/// How many calls there may be. The host ends an agent that asks models and makes more than
/// 100,000, with what it has done.
const MOST_CALLS: u32 = 99_000;
/// How many bytes of conversation with the model there may be. The host ends whoever has
/// more than 128 MiB of it; one answer, and all results of a turn, are the most that come
/// at once.
const MOST_TALK: usize = 112 << 20;
/// How many bytes all other calls may carry. The host ends whoever has more than 32 MiB
/// carried, and one call may carry 4 MiB.
const MOST_BYTES: usize = 24 << 20;

/// A world, and what of the host's bounds on it has been used.
pub(crate) struct Meter<'a, W> {
    world: &'a mut W,
    calls: u32,
    talk: usize,
    bytes: usize,
}

impl<'a, W: World> Meter<'a, W> {
    pub(crate) fn new(world: &'a mut W) -> Self {
        Self { world, calls: 0, talk: 0, bytes: 0 }
    }

    /// Whether no more should be begun, and why.
    pub(crate) fn is_full(&self) -> Option<String> {
        let Self { calls, talk, bytes, .. } = self;
        (*calls > MOST_CALLS || *talk > MOST_TALK || *bytes > MOST_BYTES).then(|| {
            format!(
                "there were {calls} calls to the host, which carried {bytes} bytes beside the {talk} of the \
                 conversation"
            )
        })
    }

    fn talked(&mut self, bytes: usize) -> &mut W {
        self.calls += 1;
        self.talk += bytes;
        self.world
    }

    fn sent(&mut self, bytes: usize) -> &mut W {
        self.calls += 1;
        self.bytes += bytes;
        self.world
    }

    fn got<T, E>(&mut self, result: Result<T, E>, bytes: impl FnOnce(&T) -> usize) -> Result<T, E> {
        self.bytes += result.as_ref().map_or(0, bytes);
        result
    }
}

impl<W: World> Reach for Meter<'_, W> {
    fn offers(&mut self) -> Vec<Offer> {
        self.sent(0).offers()
    }

    fn open(&mut self, setup: &Setup) -> Result<(), Failure> {
        let tool = |tool: &Tool| tool.name.len() + tool.description.len() + tool.parameters.len();
        let tools: usize = setup.tools.iter().map(tool).sum();
        self.talked(setup.instructions.len() + tools).open(setup)
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.talked(text.len()).say(text)
    }

    fn give(&mut self, results: &[ToolResult]) -> Result<(), Failure> {
        let bytes = results.iter().map(|result| result.call.len() + result.text.len()).sum();
        self.talked(bytes).give(results)
    }

    fn ask(&mut self) -> Result<Answer, Failure> {
        let answer = self.talked(0).ask();
        let part = |part: &Part| match part {
            Part::Text(text) | Part::Reasoning(text) => text.len(),
            Part::Call(call) => call.id.len() + call.name.len() + call.arguments.len(),
            Part::Other(other) => other.value.len(),
        };
        self.talk += answer.as_ref().map_or(0, |answer| answer.parts.iter().map(part).sum());
        answer
    }

    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError> {
        let output = self.sent(command.len()).shell(command, seconds);
        self.got(output, |output| output.stdout.len() + output.stderr.len())
    }

    fn reproduce(&mut self) -> Result<Observation, CallError> {
        let seen = self.sent(0).reproduce();
        self.got(seen, |seen| seen.artifacts.iter().map(|entry| entry.name.len() + 16).sum())
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]) {
        self.sent(message.len()).log(level, message, fields);
    }
}

impl<W: World> World for Meter<'_, W> {
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, CallError> {
        let entries = self.sent(path.len()).list(path);
        self.got(entries, |entries| entries.iter().map(|entry| entry.path.len() + 8).sum())
    }

    fn read(&mut self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
        let bytes = self.sent(path.len()).read(path, offset, length);
        self.got(bytes, Vec::len)
    }

    fn search(&mut self, pattern: &str, path: &str) -> Result<Vec<Hit>, CallError> {
        let hits = self.sent(pattern.len() + path.len()).search(pattern, path);
        self.got(hits, |hits| hits.iter().map(|hit| hit.path.len() + hit.text.len() + 8).sum())
    }

    fn write(&mut self, path: &str, contents: &[u8]) -> Result<(), CallError> {
        self.sent(path.len() + contents.len()).write(path, contents)
    }

    fn apply_patch(&mut self, patch: &str) -> Result<(), CallError> {
        self.sent(patch.len()).apply_patch(patch)
    }

    fn artifact(&mut self, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
        let bytes = self.sent(name.len()).artifact(name, offset, length);
        self.got(bytes, Vec::len)
    }
}
