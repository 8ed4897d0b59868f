//! `shell`: commands in the agent's container.

use lancet_core::{CallRecord, CommandOutput, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::shell;
use crate::link;
use crate::outside::{NotRecalled, Reply};
use crate::state::State;

/// Runs commands in the agent's container.
pub trait ShellSource: Send + Sync {
    /// Runs `sh -c COMMAND` for at most that many seconds, of which there are 1 to
    /// [`MAX_COMMAND_SECONDS`](lancet_core::MAX_COMMAND_SECONDS).
    fn run<'a>(&'a self, command: &'a str, timeout_seconds: u32) -> Reply<'a, CommandOutput>;

    /// Takes over what a command did that a record says was run.
    ///
    /// # Errors
    /// When that cannot be had again, as in a container that is gone.
    fn recall(&self, call: &CallRecord) -> Result<(), NotRecalled> {
        Err(NotRecalled::by(call))
    }
}

fn output(response: Response) -> Option<shell::CommandOutput> {
    match response {
        Response::Output(output) => Some(output.into()),
        _ => None,
    }
}

pub(crate) fn link(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap_async(
        "run",
        |store: StoreContextMut<'_, State>, (command, timeout_seconds): (String, u32)| {
            Box::new(link::call(store, Request::ShellRun { command, timeout_seconds }, output))
        },
    )
}
