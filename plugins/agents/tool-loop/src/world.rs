//! What the loop reaches beside the model: the work tree.

use lancet_brief::{Host, Reach};
use lancet_sdk::workspace::{Entry, Hit};
use lancet_sdk::{CallError, user_tool, workspace};

/// The host, or what stands for it in a test.
pub(crate) trait World: Reach {
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, CallError>;
    fn read(&mut self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError>;
    fn search(&mut self, pattern: &str, path: &str) -> Result<Vec<Hit>, CallError>;
    fn write(&mut self, path: &str, contents: &[u8]) -> Result<(), CallError>;
    fn apply_patch(&mut self, patch: &str) -> Result<(), CallError>;
    fn artifact(&mut self, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError>;
}

impl World for Host {
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

    fn artifact(&mut self, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, CallError> {
        user_tool::read(name, offset, length)
    }
}
