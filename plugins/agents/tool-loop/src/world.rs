//! What the loop reaches: the model and the task's environment.

use lancet_sdk::log::Level;
use lancet_sdk::model::{Answer, Conversation, Failure, Offer, Setup, ToolResult};
use lancet_sdk::shell::CommandOutput;
use lancet_sdk::user_tool::Observation;
use lancet_sdk::workspace::{Entry, Hit};
use lancet_sdk::{CallError, log, model, shell, user_tool, workspace};

/// The host, or what stands for it in a test. There is one conversation.
pub(crate) trait World {
    fn offers(&mut self) -> Vec<Offer>;
    fn open(&mut self, setup: &Setup) -> Result<(), Failure>;
    fn say(&mut self, text: &str) -> Result<(), Failure>;
    fn give(&mut self, results: &[ToolResult]) -> Result<(), Failure>;
    fn ask(&mut self) -> Result<Answer, Failure>;
    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError>;
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, CallError>;
    fn read(&mut self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError>;
    fn search(&mut self, pattern: &str, path: &str) -> Result<Vec<Hit>, CallError>;
    fn write(&mut self, path: &str, contents: &[u8]) -> Result<(), CallError>;
    fn apply_patch(&mut self, patch: &str) -> Result<(), CallError>;
    fn reproduce(&mut self) -> Result<Observation, CallError>;
    fn artifact(&mut self, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError>;
    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]);
}

/// The host.
#[derive(Default)]
pub(crate) struct Host {
    conversation: Option<Conversation>,
}

impl Host {
    fn conversation(&self) -> Result<&Conversation, Failure> {
        self.conversation.as_ref().ok_or_else(|| Failure::Other("no conversation has been opened".into()))
    }
}

impl World for Host {
    fn offers(&mut self) -> Vec<Offer> {
        model::offers()
    }

    fn open(&mut self, setup: &Setup) -> Result<(), Failure> {
        self.conversation = Some(Conversation::open(setup)?);
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.conversation()?.say(text)
    }

    fn give(&mut self, results: &[ToolResult]) -> Result<(), Failure> {
        self.conversation()?.give(results)
    }

    fn ask(&mut self) -> Result<Answer, Failure> {
        self.conversation()?.ask()
    }

    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError> {
        shell::run(command, seconds)
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, CallError> {
        workspace::list(path)
    }

    fn read(&mut self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
        workspace::read(path, offset, length)
    }

    fn search(&mut self, pattern: &str, path: &str) -> Result<Vec<Hit>, CallError> {
        workspace::search(pattern, path)
    }

    fn write(&mut self, path: &str, contents: &[u8]) -> Result<(), CallError> {
        workspace::write(path, contents)
    }

    fn apply_patch(&mut self, patch: &str) -> Result<(), CallError> {
        workspace::apply_patch(patch)
    }

    fn reproduce(&mut self) -> Result<Observation, CallError> {
        user_tool::reproduce()
    }

    fn artifact(&mut self, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
        user_tool::read(name, offset, length)
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]) {
        log::write(level, message, fields);
    }
}
