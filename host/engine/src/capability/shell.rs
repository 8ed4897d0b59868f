use std::sync::Arc;

use lancet_core::{CallError, CommandOutput, MAX_COMMAND_SECONDS, Request, Response};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::bindings::shell;
use crate::exchange::{Reply, Sources};
use crate::outside::{self, Unanswered, check_length, given, no_environment};
use crate::state::State;

/// The most bytes of a command.
const MAX_COMMAND_BYTES: usize = 64 << 10;

/// Runs commands in the agent's container.
pub trait ShellSource: Send + Sync {
    /// Runs `sh -c COMMAND` for at most that many seconds, of which there are 1 to
    /// [`MAX_COMMAND_SECONDS`].
    fn run<'a>(&'a self, command: &'a str, timeout_seconds: u32) -> Reply<'a, CommandOutput>;
}

fn source(sources: Sources) -> Result<Arc<dyn ShellSource>, CallError> {
    sources.shell.ok_or_else(no_environment)
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
            Box::new(async move {
                let timeout_seconds = timeout_seconds.clamp(1, MAX_COMMAND_SECONDS);
                let request = Request::ShellRun { command: command.clone(), timeout_seconds };
                let ask = |sources| async move {
                    check_length("a command", command.len(), MAX_COMMAND_BYTES)?;
                    let output = given(source(sources)?.run(&command, timeout_seconds).await)?;
                    Ok::<_, Unanswered>(Response::Output(output))
                };
                outside::call(store, request, ask, output).await
            })
        },
    )
}
