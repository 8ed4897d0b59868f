//! The user tool: an agent has a plan run on what it has changed so far, while its own
//! container is paused.

use std::collections::BTreeMap;

use lancet_core::{CallError, CallErrorKind, Capture, Isolation, Plan, Sha256};

use crate::engine::admission::containers;
use crate::submission::agent::Answer;
use crate::{AgentBox, BlobSource, Captured, PlanOutcome};

/// What was just taken, before all else.
struct Fresh<'a> {
    fresh: BTreeMap<Sha256, Vec<u8>>,
    others: &'a dyn BlobSource,
}

impl BlobSource for Fresh<'_> {
    fn blob(&self, digest: Sha256) -> std::io::Result<Vec<u8>> {
        match self.fresh.get(&digest) {
            Some(bytes) => Ok(bytes.clone()),
            None => self.others.blob(digest),
        }
    }
}

impl AgentBox {
    /// Has a plan run on what was changed so far, in containers of its own, as
    /// [`crate::Docker::run_plan`] does. Processes are paused meanwhile, and their processors
    /// are the plan's. What could not be handed in is [`CallErrorKind::Refused`].
    ///
    /// # Errors
    /// [`lancet_core::InfraFault`]: those of [`crate::Docker::run_plan`].
    pub async fn try_plan(&self, plan: &Plan, blobs: &dyn BlobSource) -> Answer<PlanOutcome> {
        if self.is_over() {
            return Ok(Err(self.unavailable().await));
        }
        let mut admission = self.admission.lock().await;
        let tried = Box::pin(async {
            let Captured { capture, blobs: fresh } = self.capture().await?;
            let changes = match capture {
                Capture::Taken(changes) => changes,
                Capture::Refused(refused) => {
                    return Ok(Err(CallError::new(CallErrorKind::Refused, refused.to_string())));
                }
                Capture::Unavailable(fault) => return Err(fault),
            };
            let fresh = fresh.into_iter().map(|bytes| (Sha256::of(&bytes), bytes)).collect();
            let blobs = Fresh { fresh, others: blobs };
            let Self { docker, environment, lease, .. } = self;
            let mut images = docker.prepare(environment, lease).await?;
            // What the app shows to its user comes back to the agent, so it gets to see no
            // more than the agent does. Where the tests are in the image, they stay.
            if !matches!(plan.isolation, Isolation::Twin { .. }) {
                images.app = images.agent.clone();
            }
            let outcome = docker.carry_out(environment, plan, images, &changes, &blobs, lease);
            Box::pin(outcome).await.map(Ok)
        });
        let others = containers(&self.environment, plan);
        let tried = self.docker.in_place(&mut admission, &others, tried);
        self.paused(Box::pin(async { tried.await? })).await
    }
}
