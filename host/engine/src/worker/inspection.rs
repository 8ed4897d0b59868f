//! What a plugin is once it is loaded, told by its first worker.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::thread;

use lancet_core::Limits;
use lancet_jail::Held;

use super::drive::employ;
use super::frame::{Inspected, Job, Work};
use super::pool::{NoWorker, Pool};
use crate::classify::Ending;
use crate::config::EngineError;
use crate::exchange::{Behind, Exchange};

/// Why a plugin cannot be loaded into a worker.
pub(crate) enum Unloadable {
    /// By what was compiled of it.
    Code(String),
    /// By this machine.
    Host(EngineError),
}

impl From<EngineError> for Unloadable {
    fn from(error: EngineError) -> Self {
        Self::Host(error)
    }
}

/// Has a worker load the plugin, and tell what it loaded. Blocks; what it waits for is
/// waited for on a thread of its own, since the caller may be at work for an executor.
pub(crate) fn inspect_loaded(pool: &Pool, work: Work) -> Result<(Inspected, Held), Unloadable> {
    let failed = |e: std::io::Error| EngineError::of("waiting for a jailed process", e.to_string());
    thread::scope(|scope| {
        let waiting = thread::Builder::new().name("plugin inspection".to_owned()).spawn_scoped(scope, || {
            let executor =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
            executor.block_on(inspected(pool, work))
        });
        match waiting.map_err(failed)?.join() {
            Ok(inspected) => inspected,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

async fn inspected(pool: &Pool, work: Work) -> Result<(Inspected, Held), Unloadable> {
    let worker = match pool.take_one().await {
        Ok(worker) => worker,
        Err(NoWorker::Plugin(fault)) => return Err(Unloadable::Code(fault.to_string())),
        Err(NoWorker::NotLoaded(problem)) => return Err(Unloadable::Code(problem)),
        Err(host) => return Err(host.into_error().into()),
    };
    let held = worker.held.clone();
    let limits = Limits::standard();
    // It asks for nothing.
    let imported = BTreeSet::new();
    let mut exchange =
        Exchange::new(&limits, [0; 32], Behind::Recorded { calls: Vec::new(), compare_fuel: true }, None);
    let job = Job { work, task: None, limits: Cow::Borrowed(&limits), seed: [0; 32] };
    let concluded = employ::<Inspected>(worker, pool.patience(), &job, &imported, &mut exchange).await?;
    match concluded.ended {
        Ok(inspected) => Ok((inspected, held)),
        Err(Ending::Fault(fault)) => Err(Unloadable::Code(fault.to_string())),
        Err(_) => Err(Unloadable::Code("what was compiled of it ended the process that looked at it".into())),
    }
}
