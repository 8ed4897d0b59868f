//! What the loop reaches: the model and the task's environment.

use lancet_sdk::log::Level;
use lancet_sdk::model::{Answer, Conversation, Failure, Offer, Setup, ToolResult};
use lancet_sdk::shell::CommandOutput;
use lancet_sdk::user_tool::Observation;
use lancet_sdk::{CallError, log, model, shell, user_tool, workspace};

/// The host, or what stands for it in a test. There is one conversation, which
/// [`World::leave_out`] puts another in the place of.
pub(crate) trait World {
    fn offers(&mut self) -> Vec<Offer>;
    fn open(&mut self, setup: &Setup) -> Result<(), Failure>;
    fn say(&mut self, text: &str) -> Result<(), Failure>;
    fn give(&mut self, results: &[ToolResult]) -> Result<(), Failure>;
    fn ask(&mut self) -> Result<Answer, Failure>;
    fn tokens(&mut self) -> u64;
    fn leave_out(&mut self, first: u32, end: u32) -> Result<(), Failure>;
    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError>;
    fn read(&mut self, path: &str, length: u32) -> Result<Vec<u8>, CallError>;
    fn reproduce(&mut self) -> Result<Observation, CallError>;
    fn artifact(&mut self, name: &str, length: u32) -> Result<Vec<u8>, CallError>;
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

    fn tokens(&mut self) -> u64 {
        self.conversation.as_ref().map_or(0, Conversation::tokens)
    }

    fn leave_out(&mut self, first: u32, end: u32) -> Result<(), Failure> {
        self.conversation = Some(self.conversation()?.without(first, end)?);
        Ok(())
    }

    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError> {
        shell::run(command, seconds)
    }

    fn read(&mut self, path: &str, length: u32) -> Result<Vec<u8>, CallError> {
        workspace::read(path, 0, length)
    }

    fn reproduce(&mut self) -> Result<Observation, CallError> {
        user_tool::reproduce()
    }

    fn artifact(&mut self, name: &str, length: u32) -> Result<Vec<u8>, CallError> {
        user_tool::read(name, 0, length)
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]) {
        log::write(level, message, fields);
    }
}
