//! `lancet resume`.

use std::collections::BTreeSet;

use lancet_core::{PinnedImage, RunId, Setting};
use lancet_runner::{Host, Run, Sandboxes};
use lancet_store::Store;

use super::report;
use crate::arguments::{Global, Resume};
use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::gate::{Gate, guarded};
use crate::progress::Progress;
use crate::session::{block_on, finish};

/// Goes on with a run, by what was recorded when it started.
pub(crate) fn main(arguments: &Resume, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    block_on(async {
        let id = store.resolve_run(&arguments.run).await?;
        let spec = store.run(&id).await?.spec;
        let jobs = arguments.jobs.number_with(&spec.models, &spec.agent_limits);
        let gate = Gate::of_run(&arguments.policy, &arguments.isolation, &spec)?;
        if Run::is_due(&store, &id).await? {
            gate.recorded_suite(&spec)?;
            gate.limits(&spec.agent_limits, &spec.grader_limits)?;
            gate.pinned_images(&images(&store, &id).await?)?;
        }
        let sandboxes = Sandboxes::new(arguments.docker.options());
        let host = Host { store, loader: guarded(jobs, &arguments.isolation, &gate)?, sandboxes };
        let progress = Progress::new(global.quiet);
        let run = Run::take_up(&host, &id, &*progress).await?;
        let exit = if run.is_over() { Exit::Done } else { Box::pin(finish(run, jobs, progress)).await? };
        report::print_outcome(&host.store, &id, arguments.format.kind, exit).await
    })
}

/// The images that attempts of a run are worked on and judged in.
async fn images(store: &Store, run: &RunId) -> Result<BTreeSet<PinnedImage>, Failure> {
    let rows = store.attempts(run).await?;
    let settings: BTreeSet<_> = rows.iter().filter_map(|row| row.setting_blob).collect();
    let mut images = BTreeSet::new();
    for blob in settings {
        let setting: Setting = serde_json::from_slice(&store.reader().blob(blob)?)
            .map_err(|error| host("reading what a run recorded of an environment", error))?;
        images.extend(setting.environment.iter().flat_map(|environment| environment.images().cloned()));
    }
    Ok(images)
}
