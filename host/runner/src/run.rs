//! A run: recorded or taken up again, and brought to its end.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use lancet_core::{AttemptState, Environment, Outcome, Role, RunId, RunSpec, Sha256};
use lancet_docker::Reaper;
use lancet_engine::{ENGINE_ID, Plugin};
use lancet_store::{AttemptRow, RunLock, RunRow, Store, failpoint};
use tokio::sync::RwLockReadGuard;
use tokio::task::JoinSet;

use crate::attempt::Attempt;
use crate::audit;
use crate::catalog::{self, Loader};
use crate::error::Error;
use crate::models::{self, Models, Scripts};
use crate::observer::{Notice, Observer};
use crate::recorder;
use crate::sandboxes::Sandboxes;

/// Everything that outlives a run, and that several can share.
#[derive(Clone)]
pub struct Host {
    /// Where runs are recorded.
    pub store: Store,
    /// The engine for plugins.
    pub loader: Loader,
    /// The engine for containers.
    pub sandboxes: Arc<Sandboxes>,
}

/// A run that is recorded, and that no other process executes while this is held.
pub struct Run {
    pub(crate) store: Store,
    /// Shared with every write that is under way: who takes the run up next must not meet
    /// one.
    pub(crate) lock: Arc<RunLock>,
    pub(crate) row: RunRow,
    /// `None` when the run is over.
    pub(crate) plugins: Option<Plugins>,
    pub(crate) models: Arc<Models>,
    pub(crate) sandboxes: Arc<Sandboxes>,
}

/// The plugins of a run, loaded under its grants.
pub(crate) struct Plugins {
    pub(crate) agent: Plugin,
    /// By the digest of the component.
    pub(crate) graders: BTreeMap<Sha256, Plugin>,
}

/// How far a run was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every attempt is decided.
    Finished,
    /// It was told to stop, and attempts are left, which a later
    /// [`Run::take_up`] goes on with.
    Stopped,
}

impl Run {
    /// Whether something would be executed if the run were taken up: an attempt that is not decided, or
    /// one that the infrastructure failed.
    ///
    /// # Errors
    /// When the store cannot be read, or there is no such run.
    pub async fn is_due(store: &Store, id: &RunId) -> Result<bool, Error> {
        Ok(!is_over(&store.run(id).await?) || recorder::reopens(store, id).await? > 0)
    }

    /// Takes up a run by what was recorded when it started: neither its suite nor a
    /// plugin's file is read again. Attempts that the infrastructure failed are undecided
    /// again ([`Notice::Reopened`]).
    ///
    /// # Errors
    /// When there is no such run, another process executes it, its records contradict
    /// one another, or a plugin of it cannot be loaded any more.
    pub async fn take_up(host: &Host, id: &RunId, observer: &dyn Observer) -> Result<Self, Error> {
        let Host { store, loader, sandboxes } = host;
        let lock = store.lock_run(id)?;
        // Work that is added to records that do not hold together would make them
        // look as if they did.
        audit::audited(&store.reader(), id, observer)?;
        // What is missing, as a key may be, is found before anything is written.
        let reopens = recorder::reopens(store, id).await?;
        let row = store.run(id).await?;
        // One that is over can be reported whatever becomes of its plugins.
        let (models, plugins) = match is_over(&row) && reopens == 0 {
            true => (Vec::new(), None),
            false => {
                let models = models::providers(&store.reader(), &row.spec.models, &Scripts::new())?;
                (models, Some(Plugins::recorded(store, loader, &row.spec)?))
            }
        };
        let attempts = recorder::reopen(store, id).await?;
        if attempts > 0 {
            observer.notice(Notice::Reopened { attempts });
        }
        let row = store.run(id).await?;
        if row.spec.engine != ENGINE_ID && !is_over(&row) {
            observer.notice(Notice::OtherEngine { recorded: &row.spec.engine });
        }
        // Whoever was answering then is gone, and nobody else executes the run.
        let lost = store.lose(id).await?;
        if lost > 0 {
            observer.notice(Notice::Lost { requests: lost });
        }
        let models = Models::open(store, id, &row.spec, models).await?;
        Ok(Self {
            store: store.clone(),
            lock: Arc::new(lock),
            row,
            plugins,
            models,
            sandboxes: Arc::clone(sandboxes),
        })
    }

    /// The run's name.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.row.id
    }

    /// Whether there is nothing left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        is_over(&self.row)
    }

    /// What the run is defined by.
    #[must_use]
    pub fn spec(&self) -> &RunSpec {
        &self.row.spec
    }

    /// Brings every attempt that is not decided to its end, `jobs` at a time.
    ///
    /// When `stop` is done no further attempt is begun, and those under way are finished;
    /// when `abort` is done after that, they are ended where they are. Either way
    /// everything that was recorded stays, and containers are removed.
    ///
    /// # Errors
    /// When the host itself fails: [`Error::Stopped`], after what was under way is
    /// finished.
    pub async fn finish(
        self,
        jobs: NonZeroUsize,
        stop: impl Future<Output = ()>,
        abort: impl Future<Output = ()>,
        observer: Arc<dyn Observer>,
    ) -> Result<Ended, Error> {
        let rows = self.store.attempts(&self.row.id).await?;
        let attempts = rows.len() as u64;
        let mut waiting =
            rows.into_iter().filter(|row| !matches!(row.state, AttemptState::Decided(_))).collect::<Vec<_>>();
        let decided = attempts - waiting.len() as u64;
        observer.notice(Notice::Planned { attempts, decided, earned: self.row.counts.earned });
        let environments = self.group_by_image(&mut waiting)?;
        let contained = !environments.is_empty();
        let spec = Arc::new(self.row.spec.clone());
        // All of them before the first begins: what is missing must not be found when
        // others are under way.
        let mut waiting = waiting
            .into_iter()
            .rev()
            .map(|row| self.attempt(row, &spec, &observer))
            .collect::<Result<Vec<_>, _>>()?;
        let (mut stop, mut abort) = (pin!(stop), pin!(abort));
        // An engine that is away is waited for, which must not be in vain.
        let (in_use, reaper) = tokio::select! {
            biased;
            ready = self.ready(&environments) => ready?,
            () = stop.as_mut() => return Ok(Ended::Stopped),
        };

        let mut under_way: JoinSet<Result<Outcome, Error>> = JoinSet::new();
        let (mut stopped, mut aborted, mut cut_off) = (false, false, false);
        let mut failure = None;
        loop {
            // Before the next is begun, which would only have to be finished.
            if !stopped && is_done(stop.as_mut()).await {
                stopped = true;
                if !under_way.is_empty() {
                    observer.notice(Notice::Stopping { under_way: under_way.len() });
                }
            }
            while !stopped && failure.is_none() && under_way.len() < jobs.get() {
                let Some(attempt) = waiting.pop() else { break };
                under_way.spawn(attempt.finish());
            }
            tokio::select! {
                biased;
                joined = under_way.join_next() => match joined {
                    None => break,
                    Some(Ok(Ok(_))) => {}
                    Some(Ok(Err(error))) => failure = failure.or(Some(error)),
                    Some(Err(error)) if aborted && error.is_cancelled() => cut_off = true,
                    Some(Err(error)) => {
                        failure = failure.or(Some(Error::host("an attempt's task died", error)));
                    }
                },
                () = &mut stop, if !stopped => {
                    stopped = true;
                    observer.notice(Notice::Stopping { under_way: under_way.len() });
                }
                () = &mut abort, if stopped && !aborted => {
                    aborted = true;
                    observer.notice(Notice::Aborting { under_way: under_way.len() });
                    under_way.abort_all();
                }
            }
        }
        drop(reaper);
        drop(in_use);
        if contained {
            self.sandboxes.clear(aborted).await;
            self.sandboxes.tell_shared(&*observer).await;
        }
        if let Some(source) = failure {
            return Err(Error::Stopped { run: self.row.id, source: Box::new(source) });
        }
        if cut_off || (stopped && !waiting.is_empty()) {
            return Ok(Ended::Stopped);
        }
        failpoint("run-before-finish");
        self.store.finish_run(&self.row.id).await?;
        drop(self.lock);
        Ok(Ended::Finished)
    }

    /// Whatever has to be there before the first attempt begins: leave to have containers,
    /// and somebody who removes what a run that was killed has left, and later what this one
    /// forgets.
    async fn ready(
        &self,
        environments: &[Environment],
    ) -> Result<(RwLockReadGuard<'_, ()>, Option<Reaper>), Error> {
        self.sandboxes.refuse_shared(environments).await?;
        let in_use = self.sandboxes.in_use().await;
        let reaper = if environments.is_empty() { None } else { self.sandboxes.reap().await };
        Ok((in_use, reaper))
    }

    /// Brings one attempt of the run to its end, from wherever it is: what somebody calls who
    /// is handed attempts one by one.
    ///
    /// Dropped before it is done, it leaves the attempt at its last durable state.
    ///
    /// # Errors
    /// When the host itself fails. The attempt stays as it was recorded.
    pub async fn finish_attempt(
        &self,
        row: AttemptRow,
        observer: Arc<dyn Observer>,
    ) -> Result<Outcome, Error> {
        let attempt = self.attempt(row, &Arc::new(self.row.spec.clone()), &observer)?;
        attempt.finish().await
    }

    fn attempt(
        &self,
        row: AttemptRow,
        spec: &Arc<RunSpec>,
        observer: &Arc<dyn Observer>,
    ) -> Result<Attempt, Error> {
        let plugins = self.plugins.as_ref();
        let grader = plugins.and_then(|plugins| plugins.graders.get(&row.grader.digest));
        let (Some(plugins), Some(grader)) = (plugins, grader) else {
            return Err(Error::UnknownGrader { grader: row.grader.digest, attempt: row.id });
        };
        Ok(Attempt {
            store: self.store.clone(),
            lock: Some(Arc::clone(&self.lock)),
            spec: Arc::clone(spec),
            agent: plugins.agent.clone(),
            grader: grader.clone(),
            row,
            record: self.row.record,
            sandboxes: Arc::clone(&self.sandboxes),
            models: Arc::clone(&self.models),
            observer: Arc::clone(observer),
            before: Arc::new(|_, sources| sources),
        })
    }

    /// Puts attempts with one image one after the other, so that what is prepared of
    /// it is prepared once and is at hand; those without any come first. Gives their
    /// environments.
    fn group_by_image(&self, waiting: &mut Vec<AttemptRow>) -> Result<Vec<Environment>, Error> {
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
                        let environment = recorder::setting(&reader, Some(digest))?.environment;
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
}

/// Whether a future is done, without waiting for it. One that is must not be asked again.
async fn is_done(mut future: Pin<&mut impl Future<Output = ()>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
}

fn is_over(row: &RunRow) -> bool {
    row.counts.pending() == 0 && row.finished
}

impl Plugins {
    /// The plugins as a run recorded them.
    fn recorded(store: &Store, loader: &Loader, spec: &RunSpec) -> Result<Self, Error> {
        let reader = store.reader();
        let agent = catalog::recorded(&reader, &spec.agent)?;
        loader.admit(&agent, Role::Agent)?;
        for identity in &spec.graders {
            loader.admit(&catalog::recorded(&reader, identity)?, Role::Grader)?;
        }
        let agent = loader.load(&agent, &spec.agent_grant)?;
        let mut graders = BTreeMap::new();
        for identity in &spec.graders {
            let named = catalog::recorded(&reader, identity)?;
            graders.insert(identity.digest, loader.load(&named, &spec.grader_grant)?);
        }
        Ok(Self { agent, graders })
    }
}
