use std::collections::BTreeMap;

use lancet_core::{AttemptState, Event, Outcome, Phase, RunId};
use lancet_engine::ENGINE_ID;
use lancet_store::{Store, TimedEvent};

use super::report;
use crate::arguments::{Global, Resume};
use crate::audit;
use crate::catalog;
use crate::execution::{Execution, block_on};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::record;
use crate::sandboxes::Sandboxes;

/// Goes on with a run, by what was recorded when it started.
pub(crate) fn main(arguments: &Resume, global: &Global) -> Result<Exit, Failure> {
    let store = super::existing_store(global)?;
    block_on(async {
        let id = store.resolve_run(&arguments.run).await?;
        let lock = store.lock_run(&id)?;
        // Work that is added to records that do not hold together would make them
        // look as if they did.
        audit::audited(&store.reader(), &id)?;
        let reopened = reopen(&store, &id).await?;
        let run = store.run(&id).await?;
        if reopened > 0 && !global.quiet {
            eprintln!("{reopened} attempts that the infrastructure failed are taken up again");
        }
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
        let sandboxes = Sandboxes::new(&arguments.docker);
        let execution = Execution {
            store: store.clone(),
            lock,
            run,
            agent,
            graders,
            sandboxes,
            jobs,
            quiet: global.quiet,
        };
        let exit = execution.finish().await?;
        report::print_outcome(&store, &id, arguments.format.kind, exit).await
    })
}

/// Takes up the attempts that are invalid because the infrastructure failed, by the
/// journal and not by the verdict's reason: what was handed in is graded, what was not
/// is worked on. Others stay decided: nobody gets a second roll of the dice.
async fn reopen(store: &Store, run: &RunId) -> Result<u64, Failure> {
    let mut reopened = 0;
    for row in store.attempts(run).await? {
        if row.state != AttemptState::Decided(Outcome::Invalid) {
            continue;
        }
        let events = store.events(&row.id).await?;
        let Some(cause) = record::unavailable(&events) else { continue };
        let submitted = row.solve_us.is_some() && record::was_submitted(&events);
        let phase = if submitted { Phase::Grade } else { Phase::Solve };
        let event = TimedEvent { at_us: 0, event: Event::Reopened { phase, cause } };
        store.reopen_attempt(&row.id, row.events, event, submitted).await?;
        reopened += 1;
    }
    Ok(reopened)
}
