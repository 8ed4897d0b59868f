//! Images as they are pinned: that the engine has them, and that they are what was pinned.

use std::collections::{BTreeMap, HashMap};

use bollard::models::ImageInspect;
use bollard::query_parameters::{CreateImageOptionsBuilder, ListImagesOptionsBuilder};
use futures_util::StreamExt as _;
use lancet_core::PinnedImage;

use crate::engine::hardening::HOME;
use crate::engine::label::PREPARED;
use crate::{Docker, DockerError};

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageInfo {
    /// The image's id: `sha256:…`.
    pub id: String,
    /// The digests by which registries know the image, one per registry:
    /// `repository@sha256:…`.
    pub repository_digests: Vec<String>,
    /// The image's environment variables, `NAME=value`.
    pub variables: Vec<String>,
    /// The image's labels.
    pub labels: BTreeMap<String, String>,
    /// The folder that the image's processes start in; empty for the root.
    pub working_directory: String,
    /// The program and arguments that come before the command.
    pub entry_point: Vec<String>,
    /// The command that runs unless another one is given.
    pub command: Vec<String>,
    /// The image's size in bytes, with those of the images it builds on.
    pub bytes: u64,
}

impl ImageInfo {
    /// Whether it says where the home is. Ours, in an image that was kept from a
    /// container, does not count.
    pub(crate) fn has_home(&self) -> bool {
        self.variables.iter().filter_map(|variable| variable.strip_prefix("HOME=")).any(|home| home != HOME)
    }
}

impl Docker {
    /// Makes sure that the engine has the image, that it is the pinned one, for this
    /// platform, and without volumes of its own.
    ///
    /// # Errors
    /// [`DockerError::ImageMissing`], [`DockerError::ImageDigest`],
    /// [`DockerError::ImagePlatform`], [`DockerError::ImageVolumes`].
    pub async fn image(&self, image: &PinnedImage) -> Result<ImageInfo, DockerError> {
        let mismatch = |found: String| DockerError::ImageDigest {
            name: image.name.clone(),
            wanted: image.reference.clone(),
            found,
        };
        if image.digest().is_none() {
            return Err(mismatch("named without a digest".to_owned()));
        }
        let found = self.inspect_image(&image.reference).await?.ok_or_else(|| DockerError::ImageMissing {
            name: image.name.clone(),
            reason: format!("{} is not there", image.reference),
        })?;
        let id = found.id.clone().unwrap_or_default();
        let digests = found.repo_digests.clone().unwrap_or_default();
        if id != image.reference && !digests.contains(&image.reference) {
            let found = digests.first().cloned().unwrap_or(id);
            return Err(mismatch(found));
        }
        self.examine(&image.name, found)
    }

    /// Pins an image by its name: what the engine has, else what a registry hands out
    /// without credentials. An image that a registry knows is pinned by the registry's
    /// digest, so that other machines find it; any other by its id.
    ///
    /// # Errors
    /// [`DockerError::ImageMissing`], [`DockerError::ImagePlatform`],
    /// [`DockerError::ImageVolumes`].
    pub async fn resolve(&self, name: &str) -> Result<PinnedImage, DockerError> {
        let found = match self.inspect_image(name).await? {
            Some(found) => found,
            None => {
                self.pull(name).await?;
                self.inspect_image(name).await?.ok_or_else(|| DockerError::ImageMissing {
                    name: name.to_owned(),
                    reason: "it was pulled and is not there".to_owned(),
                })?
            }
        };
        let info = self.examine(name, found)?;
        let repository = repository(name);
        let digest = info
            .repository_digests
            .into_iter()
            .find(|digest| digest.split_once('@').is_some_and(|(from, _)| from == repository));
        Ok(PinnedImage { name: name.to_owned(), reference: digest.unwrap_or(info.id) })
    }

    /// The image that was kept under a key.
    pub(crate) async fn kept(&self, key: &str) -> Result<Option<String>, DockerError> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{PREPARED}={key}")])]);
        // All: one that another was made of is hidden otherwise.
        let options = ListImagesOptionsBuilder::default().all(true).filters(&filters).build();
        let found = self.call("listing images", self.client().list_images(Some(options))).await?;
        // Two hosts may have made it at the same time.
        Ok(found.into_iter().map(|image| image.id).min())
    }

    /// `None` when the engine does not have it.
    async fn inspect_image(&self, name: &str) -> Result<Option<ImageInspect>, DockerError> {
        match self.call("inspecting an image", self.client().inspect_image(name)).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn pull(&self, name: &str) -> Result<(), DockerError> {
        // Without a tag the engine would pull every one.
        let tagged = name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        let from = if tagged { name.to_owned() } else { format!("{name}:latest") };
        let options = CreateImageOptionsBuilder::default().from_image(&from).build();
        let mut progress = std::pin::pin!(self.slow_client().create_image(Some(options), None, None));
        let missing = |reason: String| DockerError::ImageMissing { name: name.to_owned(), reason };
        while let Some(step) = progress.next().await {
            match step.map_err(|error| self.failed_slowly("pulling an image", error)) {
                Ok(step) => {
                    if let Some(error) = step.error_detail {
                        let words = error.message.unwrap_or_default();
                        return Err(match DockerError::from_message("pulling an image", 0, words) {
                            DockerError::Engine { message, .. } => missing(message),
                            other => other,
                        });
                    }
                }
                Err(DockerError::Engine { message, .. }) => return Err(missing(message)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What all images have to be.
    fn examine(&self, name: &str, image: ImageInspect) -> Result<ImageInfo, DockerError> {
        let system = image.os.unwrap_or_default();
        let architecture = image.architecture.unwrap_or_default();
        let needed = &self.info().architecture;
        if system != "linux" || &architecture != needed {
            return Err(DockerError::ImagePlatform {
                name: name.to_owned(),
                found: format!("{system}/{architecture}"),
                needed: format!("linux/{needed}"),
            });
        }
        let config = image.config.unwrap_or_default();
        let volumes = config.volumes.unwrap_or_default();
        if !volumes.is_empty() {
            return Err(DockerError::ImageVolumes { name: name.to_owned(), paths: volumes.join(", ") });
        }
        Ok(ImageInfo {
            id: image.id.unwrap_or_default(),
            repository_digests: image.repo_digests.unwrap_or_default(),
            variables: config.env.unwrap_or_default(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            working_directory: config.working_dir.unwrap_or_default(),
            entry_point: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            bytes: u64::try_from(image.size.unwrap_or_default()).unwrap_or_default(),
        })
    }
}

/// A name without its tag and digest: `debian:bookworm-slim` → `debian`. A colon
/// before a slash belongs to a registry's port.
fn repository(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_names_without_tags() {
        for (name, expected) in [
            ("debian", "debian"),
            ("debian:bookworm-slim", "debian"),
            ("ghcr.io/a/b:1", "ghcr.io/a/b"),
            ("localhost:5000/a", "localhost:5000/a"),
            ("localhost:5000/a:1@sha256:00", "localhost:5000/a"),
        ] {
            assert_eq!(repository(name), expected);
        }
    }
}
