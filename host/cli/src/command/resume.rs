//! `lancet resume`.

use lancet_runner::{Host, Run, Sandboxes};

use super::report;
use crate::arguments::{Global, Resume};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::session::{block_on, finish, loader};

/// Goes on with a run, by what was recorded when it started.
pub(crate) fn main(arguments: &Resume, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    block_on(async {
        let id = store.resolve_run(&arguments.run).await?;
        let spec = store.run(&id).await?.spec;
        let jobs = arguments.jobs.number_with(&spec.models, &spec.agent_limits);
        let sandboxes = Sandboxes::new(arguments.docker.options());
        let host = Host { store, loader: loader(jobs, &arguments.isolation)?, sandboxes };
        let progress = Progress::new(global.quiet);
        let run = Run::take_up(&host, &id, &*progress).await?;
        let exit = if run.is_over() { Exit::Done } else { Box::pin(finish(run, jobs, progress)).await? };
        report::print_outcome(&host.store, &id, arguments.format.kind, exit).await
    })
}
