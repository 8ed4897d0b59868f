//! Volumes, for what a container with a read-only root is given and leaves.

use std::sync::atomic::{AtomicBool, Ordering};

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptionsBuilder;

use crate::{Docker, DockerError, Lease};

/// A volume, mounted at `/lancet`: what a container with a read-only root can be
/// given, and where its results are read from. Docker does not bound its size; a
/// container's limit of file sizes bounds each file in it, and only containers that
/// no submitted code enters get one.
pub(crate) struct Volume {
    docker: Docker,
    name: String,
    removed: AtomicBool,
}

impl Docker {
    /// Makes a volume.
    ///
    /// # Errors
    /// [`DockerError`].
    pub(crate) async fn volume(&self, lease: &Lease) -> Result<Volume, DockerError> {
        let request = VolumeCreateRequest {
            driver: Some("local".to_owned()),
            labels: Some(lease.labels("volume")),
            ..VolumeCreateRequest::default()
        };
        let docker = self.clone();
        Self::carried_through(async move {
            let made = docker.call("creating a volume", docker.client().create_volume(request)).await?;
            Ok(Volume { docker, name: made.name, removed: AtomicBool::new(false) })
        })
        .await
    }

    /// Removes a volume; one that is gone already is no error.
    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), DockerError> {
        let options = RemoveVolumeOptionsBuilder::default().force(true).build();
        match self.call("removing a volume", self.client().remove_volume(name, Some(options))).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            result => result,
        }
    }
}

impl Volume {
    /// What a container names it by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Removes it; the container that has it has to be gone.
    ///
    /// # Errors
    /// [`DockerError`], but not that it is gone already.
    pub(crate) async fn remove(self) -> Result<(), DockerError> {
        self.docker.remove_volume(&self.name).await?;
        self.removed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if !self.removed.load(Ordering::Relaxed) {
            let (docker, name) = (self.docker.clone(), self.name.clone());
            self.docker.clean_up(async move { docker.remove_volume(&name).await });
        }
    }
}
