//! What agents with a model reach of the host: the model, a shell, the user and the log.

use lancet_sdk::log::Level;
use lancet_sdk::model::{Answer, Conversation, Failure, Offer, Setup, ToolResult};
use lancet_sdk::shell::CommandOutput;
use lancet_sdk::user_tool::Observation;
use lancet_sdk::{CallError, log, model, shell, user_tool};

/// The host, or what stands for it in a test. There is one conversation.
pub trait Reach {
    /// The models that may be asked.
    fn offers(&mut self) -> Vec<Offer>;

    /// Begins the conversation; nothing is sent.
    ///
    /// # Errors
    /// When the setup is not allowed.
    fn open(&mut self, setup: &Setup) -> Result<(), Failure>;

    /// Adds what a user says.
    ///
    /// # Errors
    /// When no conversation has been opened, or the calls of the last answer have not got
    /// their results.
    fn say(&mut self, text: &str) -> Result<(), Failure>;

    /// Adds what tools gave.
    ///
    /// # Errors
    /// When no conversation has been opened, or the results are not those of the last
    /// answer's calls.
    fn give(&mut self, results: &[ToolResult]) -> Result<(), Failure>;

    /// Asks for an answer, and adds it.
    ///
    /// # Errors
    /// When there is none.
    fn ask(&mut self) -> Result<Answer, Failure>;

    /// Runs a command in the work tree, for at most so many seconds.
    ///
    /// # Errors
    /// When the task has no environment, or its time is over.
    fn shell(&mut self, command: &str, seconds: u32) -> Result<CommandOutput, CallError>;

    /// Has the user try the app as it is.
    ///
    /// # Errors
    /// When the task has no such user.
    fn reproduce(&mut self) -> Result<Observation, CallError>;

    /// Writes a line of the attempt's log.
    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]);
}

/// The host.
#[derive(Debug, Default)]
pub struct Host {
    conversation: Option<Conversation>,
}

impl Host {
    /// The conversation.
    ///
    /// # Errors
    /// When none has been opened.
    pub fn conversation(&self) -> Result<&Conversation, Failure> {
        self.conversation.as_ref().ok_or_else(|| Failure::Other("no conversation has been opened".into()))
    }

    /// Goes on with another conversation.
    pub fn go_on_with(&mut self, conversation: Conversation) {
        self.conversation = Some(conversation);
    }
}

impl Reach for Host {
    fn offers(&mut self) -> Vec<Offer> {
        model::offers()
    }

    fn open(&mut self, setup: &Setup) -> Result<(), Failure> {
        self.go_on_with(Conversation::open(setup)?);
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

    fn reproduce(&mut self) -> Result<Observation, CallError> {
        user_tool::reproduce()
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]) {
        log::write(level, message, fields);
    }
}
