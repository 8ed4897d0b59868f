//! What the loop reaches beside the model: how long its conversation is, and files.

use lancet_brief::{Host, Reach};
use lancet_sdk::model::{Conversation, Failure};
use lancet_sdk::{CallError, user_tool, workspace};

/// The host, or what stands for it in a test.
pub(crate) trait World: Reach {
    fn tokens(&mut self) -> u64;
    /// Puts another conversation in the place of this one: without these entries.
    fn leave_out(&mut self, first: u32, end: u32) -> Result<(), Failure>;
    fn read(&mut self, path: &str, length: u32) -> Result<Vec<u8>, CallError>;
    fn artifact(&mut self, name: &str, length: u32) -> Result<Vec<u8>, CallError>;
}

impl World for Host {
    fn tokens(&mut self) -> u64 {
        self.conversation().map_or(0, Conversation::tokens)
    }

    fn leave_out(&mut self, first: u32, end: u32) -> Result<(), Failure> {
        let shorter = self.conversation()?.without(first, end)?;
        self.go_on_with(shorter);
        Ok(())
    }

    fn read(&mut self, path: &str, length: u32) -> Result<Vec<u8>, CallError> {
        workspace::read(path, 0, length)
    }

    fn artifact(&mut self, name: &str, length: u32) -> Result<Vec<u8>, CallError> {
        user_tool::read(name, 0, length)
    }
}
