use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lancet_core::{AttemptState, Environment, Outcome, RunId, Sha256};
use lancet_engine::Plugin;
use lancet_store::{AttemptRow, RunLock, RunRow, Store, failpoint};
use tokio::task::JoinSet;

use crate::attempt::{Attempt, AttemptError};
use crate::exit::Exit;
use crate::failure::{Failure, host, warn};
use crate::progress::Progress;
use crate::record;
use crate::sandboxes::Sandboxes;

/// A run about to be executed, or to be gone on with.
pub(crate) struct Execution {
    pub(crate) store: Store,
    /// Held so that no other process executes the same run.
    pub(crate) lock: RunLock,
    pub(crate) run: RunRow,
    pub(crate) agent: Plugin,
    /// By the digest of the component.
    pub(crate) graders: BTreeMap<Sha256, Plugin>,
    pub(crate) sandboxes: Arc<Sandboxes>,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) quiet: bool,
}

impl Execution {
    /// Brings every attempt that is not decided to its end, `jobs` at a time.
    /// A signal stops it between attempts; what is under way is finished.
    pub(crate) async fn finish(self) -> Result<Exit, Failure> {
        let rows = self.store.attempts(&self.run.id).await?;
        let total = rows.len() as u64;
        let mut waiting =
            rows.into_iter().filter(|row| !matches!(row.state, AttemptState::Decided(_))).collect::<Vec<_>>();
        let mut progress = Progress::new(total, total - waiting.len() as u64, self.quiet);
        let environments = self.group_by_image(&mut waiting)?;
        self.sandboxes.refuse_shared(&environments).await?;
        let contained = !environments.is_empty();
        waiting.reverse();
        // What a run that was killed has left, and later what this one forgets.
        let reaper = if contained { self.sandboxes.reap().await } else { None };

        let spec = Arc::new(self.run.spec.clone());
        let mut signal = std::pin::pin!(interrupted());
        let mut under_way: JoinSet<Result<Outcome, AttemptError>> = JoinSet::new();
        let mut stopped = false;
        let mut failure = None;
        loop {
            while !stopped && failure.is_none() && under_way.len() < self.jobs.get() {
                let Some(row) = waiting.pop() else { break };
                let grader = self.grader(&row)?;
                let attempt = Attempt {
                    store: self.store.clone(),
                    spec: Arc::clone(&spec),
                    agent: self.agent.clone(),
                    grader,
                    row,
                    record: self.run.record,
                    sandboxes: Arc::clone(&self.sandboxes),
                };
                under_way.spawn(attempt.finish());
            }
            tokio::select! {
                biased;
                joined = under_way.join_next() => match joined {
                    None => break,
                    Some(Ok(Ok(outcome))) => progress.decided(outcome),
                    Some(Ok(Err(error))) => failure = failure.or(Some(Failure::from(error))),
                    Some(Err(error)) => failure = failure.or(Some(host("an attempt's task died", error))),
                },
                () = &mut signal, if !stopped => {
                    stopped = true;
                    if !under_way.is_empty() {
                        warn("stopping: the attempts under way are finished first");
                    }
                }
            }
        }
        drop(progress);
        drop(reaper);
        if contained {
            self.sandboxes.clear().await;
            self.sandboxes.tell_shared().await;
        }
        if let Some(failure) = failure {
            return Err(
                failure.hint(format!("nothing decided is lost; `lancet resume {}` goes on", self.run.id))
            );
        }
        if stopped && !waiting.is_empty() {
            return Ok(Exit::Interrupted);
        }
        failpoint("run-before-finish");
        self.store.finish_run(&self.run.id).await?;
        drop(self.lock);
        Ok(Exit::Done)
    }

    /// Puts attempts with one image one after the other, so that what is prepared of
    /// it is prepared once and is at hand; those without any come first. Gives their
    /// environments.
    fn group_by_image(&self, waiting: &mut Vec<AttemptRow>) -> Result<Vec<Environment>, Failure> {
        let reader = self.store.reader();
        let mut images: BTreeMap<Sha256, Option<String>> = BTreeMap::new();
        let mut environments = Vec::new();
        let mut keyed = Vec::with_capacity(waiting.len());
        for row in waiting.drain(..) {
            let image = match row.setting_blob {
                None => None,
                Some(digest) => match images.get(&digest) {
                    Some(image) => image.clone(),
                    None => {
                        let environment = record::setting(&reader, Some(digest))?.environment;
                        let image =
                            environment.as_ref().map(|environment| environment.image.reference.clone());
                        environments.extend(environment);
                        images.insert(digest, image.clone());
                        image
                    }
                },
            };
            keyed.push((image, row));
        }
        // Stable: within an image the order of the suite stays.
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        waiting.extend(keyed.into_iter().map(|(_, row)| row));
        Ok(environments)
    }

    fn grader(&self, row: &AttemptRow) -> Result<Plugin, Failure> {
        self.graders.get(&row.grader.digest).cloned().ok_or_else(|| {
            Failure::new(
                Exit::Store,
                format!("attempt {} names the grader {}, which its run does not", row.id, row.grader.digest),
            )
        })
    }
}

/// Resolves at the first interrupt or termination signal.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers the signals kill the process, which loses nothing.
        _ => std::future::pending().await,
    }
}

/// A name for a run that starts now. The last part is the microsecond, in
/// sixteenths that are drawn, so that runs sort by their start and two processes
/// hardly ever choose the same.
pub(crate) fn new_run_id() -> Result<RunId, Failure> {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Seeded from the operating system, which is all the chance needed here.
    let drawn = std::hash::RandomState::new().build_hasher().finish() & 0xf;
    let now = jiff::Timestamp::now();
    let micros = u64::try_from(now.subsec_microsecond()).unwrap_or_default();
    let time = now.strftime("%Y%m%d-%H%M%S").to_string();
    format!("{time}-{:06x}", (micros << 4) | drawn).parse().map_err(|e| host("naming the run", e))
}

/// Runs a future on a runtime of its own, made only for commands that need it.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| host("starting the executor", e))?
        .block_on(future)
}
