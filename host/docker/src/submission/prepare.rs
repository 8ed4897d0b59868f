//! What an environment's containers need before there are any: images that `setup` and
//! `conceal` have left, a work tree that is a folder, and no history beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use lancet_core::{Environment, InfraFault, InfraFaultKind, PinnedImage, Sha256, Step};

use crate::engine::container::Container;
use crate::engine::exec::{SHOWN_BYTES, shown};
use crate::engine::hardening::{ContainerSpec, idle};
use crate::engine::label::PREPARED;
use crate::engine::tree::PathKind;
use crate::engine::wait::Ended;
use crate::{Docker, DockerError, Lease, Prepared};

impl Docker {
    /// Makes ready what an environment's containers need: checks that its images
    /// are there, are the pinned ones, and for this platform; runs `setup` and
    /// `conceal`, once for all environments with the same image and commands, and
    /// keeps what they leave as images; and checks that the work tree is a folder
    /// whose repository holds one commit, and that the agent's image shows no other
    /// repository that holds more: such a one is concealed in an image of its own, which
    /// is the app's too unless the environment has a `conceal` of its own.
    ///
    /// # Errors
    /// [`InfraFaultKind::ImageMissing`], [`InfraFaultKind::ImageDigest`],
    /// [`InfraFaultKind::ImagePlatform`], [`InfraFaultKind::SetupFailed`],
    /// [`InfraFaultKind::WorkTreeMissing`], [`InfraFaultKind::HistoryPresent`], and
    /// those of the engine.
    pub async fn prepare(&self, environment: &Environment, lease: &Lease) -> Result<Prepared, InfraFault> {
        for image in environment.images() {
            self.image(image).await?;
        }
        let Environment { image, setup, conceal, account, variables, work_tree, .. } = environment;
        let argv = |step: &Option<Step>| step.as_ref().map(|step| step.argv.clone());
        let depends_on = (&image.reference, argv(setup), argv(conceal), account, variables, work_tree);
        let slot = self.preparations().slot(Sha256::of_json(&depends_on));
        let mut slot = slot.lock().await;
        if let Some(prepared) = &*slot
            && self.still_there(prepared).await?
        {
            return Ok(prepared.clone());
        }
        let presence = self.presence().await?;
        match Box::pin(self.made_ready(environment, lease)).await {
            Ok(prepared) => Ok(slot.insert(prepared).clone()),
            Err(fault) => {
                // A step that an engine ended as it was stopped has not failed.
                if fault.kind != InfraFaultKind::DockerUnreachable {
                    presence.confirm().await?;
                }
                Err(fault)
            }
        }
    }

    async fn made_ready(&self, environment: &Environment, lease: &Lease) -> Result<Prepared, InfraFault> {
        let Environment { image, setup, conceal, .. } = environment;
        let ready = match setup {
            Some(step) => self.prepared(environment, image, "setup", step, lease).await?,
            None => image.clone(),
        };
        let Some(step) = conceal else {
            // What an agent may not read, what it wrote may not read either while it is
            // tested.
            let agent = self.examined(environment, &ready, lease).await?;
            return Ok(Prepared { app: agent.clone(), agent });
        };
        // The tests that `conceal` takes away are carried out where they still are, and what
        // was submitted is elsewhere.
        let agent = self.prepared(environment, &ready, "conceal", step, lease).await?;
        let agent = self.examined(environment, &agent, lease).await?;
        Ok(Prepared { agent, app: ready })
    }

    /// Somebody may have removed an image since.
    async fn still_there(&self, prepared: &Prepared) -> Result<bool, DockerError> {
        for image in [&prepared.app, &prepared.agent] {
            match self.image(image).await {
                Ok(_) => {}
                Err(DockerError::ImageMissing { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The image that a step leaves, from an earlier time or made now.
    async fn prepared(
        &self,
        environment: &Environment,
        base: &PinnedImage,
        name: &str,
        step: &Step,
        lease: &Lease,
    ) -> Result<PinnedImage, InfraFault> {
        let depends_on = (&base.reference, &step.argv, environment.account, &environment.variables);
        let key = Sha256::of_json(&depends_on).to_string();
        let reference = match self.kept(&key).await? {
            Some(id) => id,
            None => {
                let _admission = self.admit(&[environment.resources]).await?;
                let container =
                    self.create(&ContainerSpec::setup(environment, base, &step.argv, lease)).await?;
                let result = self.run_step(&container, environment, base, name, step, &key).await;
                // What cannot be removed now is the reaper's.
                let _ = container.remove().await;
                result?
            }
        };
        Ok(PinnedImage { name: environment.image.name.clone(), reference })
    }

    async fn run_step(
        &self,
        container: &Container,
        environment: &Environment,
        base: &PinnedImage,
        name: &str,
        step: &Step,
        key: &str,
    ) -> Result<String, InfraFault> {
        let time = Duration::from_secs(step.timeout_seconds.into());
        container.start().await?;
        let problem = match container.wait(time, environment.resources.disk_bytes).await? {
            Ended::Exited { code: 0, .. } => {
                let labels = BTreeMap::from([(PREPARED.to_owned(), key.to_owned())]);
                return Ok(container.commit(&self.image(base).await?, &labels).await?);
            }
            Ended::Exited { out_of_memory: true, .. } => "ran out of memory".to_owned(),
            Ended::Exited { code, .. } => format!("exited with {code}"),
            Ended::TimedOut => format!("was not done after {} s", step.timeout_seconds),
            Ended::DiskLimit => format!("wrote over {} bytes", environment.resources.disk_bytes),
        };
        let output = container.logs(SHOWN_BYTES).await?;
        let message = format!("`{name}` {problem}; its output ends with:\n{}", shown(&output));
        Err(InfraFault::new(InfraFaultKind::SetupFailed, message))
    }

    /// Looks whether an agent can work there, and makes of the image one that shows no
    /// history where this one does.
    async fn examined(
        &self,
        environment: &Environment,
        agent: &PinnedImage,
        lease: &Lease,
    ) -> Result<PinnedImage, InfraFault> {
        let _admission = self.admit(&[environment.resources]).await?;
        let container = self.create(&ContainerSpec::setup(environment, agent, &idle(), lease)).await?;
        let result = async {
            work_tree_is_folder(&container, &environment.work_tree).await?;
            container.start().await?;
            self.without_history(environment, agent, &container, lease).await
        };
        let result = result.await;
        let _ = container.remove().await;
        result
    }
}

/// The engine lists changes by their real paths, so no part of the work tree's may
/// be a symbolic link.
async fn work_tree_is_folder(container: &Container, tree: &str) -> Result<(), InfraFault> {
    for end in tree.match_indices('/').map(|(end, _)| end).skip(1).chain([tree.len()]) {
        let path = &tree[..end];
        let problem = match container.look(path).await? {
            Some(PathKind::Folder) => continue,
            Some(PathKind::Symlink) => "is a symbolic link",
            Some(PathKind::File | PathKind::Other) => "is no folder",
            None => "is not there",
        };
        let message = format!("work tree `{tree}`: `{path}` {problem}");
        return Err(InfraFault::new(InfraFaultKind::WorkTreeMissing, message));
    }
    Ok(())
}
