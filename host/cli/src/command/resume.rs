use std::collections::BTreeMap;

use lancet_engine::ENGINE_ID;

use super::report;
use crate::arguments::{Global, Resume};
use crate::catalog;
use crate::execution::{Execution, block_on};
use crate::exit::Exit;
use crate::failure::{Failure, warn};

/// Goes on with a run, by what was recorded when it started.
pub(crate) fn main(arguments: &Resume, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    block_on(async {
        let id = store.resolve_run(&arguments.run).await?;
        let lock = store.lock_run(&id)?;
        let run = store.run(&id).await?;
        if run.counts.pending() == 0 && run.finished {
            return report::print_outcome(&store, &id, arguments.format.kind, Exit::Done).await;
        }
        if run.spec.engine != ENGINE_ID {
            warn(&format!(
                "the run was started with {}, and goes on with {ENGINE_ID}: fuel limits may bite elsewhere",
                run.spec.engine
            ));
        }
        let reader = store.reader();
        let runtime = catalog::runtime(arguments.jobs.number())?;
        let agent = catalog::recorded(&reader, &run.spec.agent)?;
        let agent = catalog::load(&runtime, &agent, &run.spec.agent_grant)?;
        let mut graders = BTreeMap::new();
        for identity in &run.spec.graders {
            let named = catalog::recorded(&reader, identity)?;
            graders.insert(identity.digest, catalog::load(&runtime, &named, &run.spec.grader_grant)?);
        }
        let jobs = arguments.jobs.number();
        let execution =
            Execution { store: store.clone(), lock, run, agent, graders, jobs, quiet: global.quiet };
        let exit = execution.finish().await?;
        report::print_outcome(&store, &id, arguments.format.kind, exit).await
    })
}
