//! One container from its making to its removal. Whoever makes one removes it; what is
//! dropped in the middle of something is removed in the background.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerConfig, ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder,
    EventsOptionsBuilder, InspectContainerOptionsBuilder, KillContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use lancet_core::PinnedImage;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use crate::engine::archive::{Holder, Packer};
use crate::engine::hardening::{self, ContainerSpec, Givens, HOME};
use crate::engine::image::ImageInfo;
use crate::engine::user::{self, Claim, User};
use crate::engine::{admission, label, quota};
use crate::{Docker, DockerError};

/// The exit status of a first process that SIGKILL ended.
const KILLED: i64 = 137;
/// How long an event of the engine may come after the end that it belongs to.
const EVENT_PATIENCE: Duration = Duration::from_secs(2);
/// How long a killed container may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(60);

/// A container. Whoever makes one removes it; one that is dropped is removed in the
/// background, and what is left even then by the reaper.
pub(crate) struct Container {
    docker: Docker,
    id: String,
    user: User,
    /// The user is nobody else's until this is dropped.
    claim: Option<Claim>,
    /// Whether it was us who killed it.
    killed: AtomicBool,
    /// Whether the engine's events say that it ran out of memory, once asked.
    memory_event: OnceCell<bool>,
    removed: AtomicBool,
}

/// What a container is made as.
pub(crate) struct Identity {
    pub(crate) user: User,
    /// The image that it asks for, with what belongs to the account given to the user.
    pub(crate) image: PinnedImage,
    pub(crate) info: ImageInfo,
    /// `None` where others may have the same user.
    pub(crate) claim: Option<Claim>,
}

impl Identity {
    /// What the container is to be named.
    pub(crate) fn name(&self) -> Option<String> {
        self.claim.as_ref().map(|claim| format!("{}{}", user::NAME, claim.id))
    }
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not started yet.
    Created,
    /// Its first process runs.
    Running,
    /// All its processes are frozen.
    Paused,
    /// Its first process has ended, and all others with it.
    Exited {
        /// The exit status; 128 and the signal's number after a signal.
        code: i64,
        /// Whether any of its processes was ended for want of memory.
        out_of_memory: bool,
    },
}

/// What came of reading a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Download {
    /// It is not there.
    Missing,
    /// Its archive is larger than what is read.
    TooLarge,
    /// Its archive. The first entry is the path itself, by its last name.
    Tar(Vec<u8>),
}

impl Docker {
    /// Creates a container, without starting it.
    ///
    /// # Errors
    /// [`DockerError::ResourcesExceeded`] above the operator's ceiling; those of
    /// [`Docker::image`]; any other.
    pub(crate) async fn create(&self, spec: &ContainerSpec<'_>) -> Result<Container, DockerError> {
        let options = self.options();
        if let Some(excess) = admission::excess(&spec.resources, &options.ceiling) {
            return Err(DockerError::ResourcesExceeded(excess));
        }
        // Every future that makes a container holds these.
        let identity = Box::pin(self.identity(spec)).await?;
        Box::pin(self.create_for(spec, identity)).await
    }

    /// As [`Docker::create`], for the identity that was found first; for another where
    /// that cannot be used any more.
    pub(crate) async fn create_for(
        &self,
        spec: &ContainerSpec<'_>,
        mut identity: Identity,
    ) -> Result<Container, DockerError> {
        // Users that other processes have given out.
        let mut elsewhere = Vec::new();
        let mut is_gone = false;
        loop {
            match Box::pin(self.create_as(spec, &identity)).await {
                Err(error) if user::is_taken(&error) => elsewhere.extend(identity.claim),
                // It has no name, so somebody's cleaning up took it: once that may be.
                Err(DockerError::ImageMissing { .. }) if !is_gone && identity.image != *spec.image => {
                    is_gone = true;
                    self.forget(&identity.image);
                    drop(identity);
                }
                Err(error) => return Err(error),
                Ok(mut container) => {
                    container.claim = identity.claim;
                    return Ok(container);
                }
            }
            identity = Box::pin(self.identity(spec)).await?;
        }
    }

    /// As [`Docker::create`], for who knows whom its processes are to belong to.
    pub(crate) async fn create_as(
        &self,
        spec: &ContainerSpec<'_>,
        identity: &Identity,
    ) -> Result<Container, DockerError> {
        let options = self.options();
        let user = identity.user;
        let givens = Givens {
            runtime: options.runtime.as_deref(),
            ceiling: options.ceiling,
            image_has_home: identity.info.has_home(),
            user,
        };
        let spec = ContainerSpec { image: &identity.image, ..*spec };
        let mut body = hardening::container(&spec, &givens);
        // What cannot be written to needs none.
        if self.gives_quotas()
            && !spec.read_only_root
            && let Some(host) = &mut body.host_config
        {
            host.storage_opt = Some(quota::option(&spec.resources));
        }
        let named = identity.name().map(|name| CreateContainerOptionsBuilder::default().name(&name).build());
        let docker = self.clone();
        let made = Self::carried_through(async move {
            let doing = "creating a container";
            let create = |body| docker.call(doing, docker.client().create_container(named.clone(), body));
            let mut made = create(body.clone()).await;
            if let Some(host) = &mut body.host_config
                && host.storage_opt.is_some()
                && matches!(&made, Err(DockerError::Engine { status, message, .. }) if quota::is_refusal(*status, message))
            {
                docker.gives_no_quotas();
                host.storage_opt = None;
                made = create(body).await;
            }
            let made = made?;
            Ok(Container {
                docker,
                id: made.id,
                user,
                claim: None,
                killed: AtomicBool::new(false),
                memory_event: OnceCell::new(),
                removed: AtomicBool::new(false),
            })
        })
        .await;
        let container = match made {
            Err(DockerError::Engine { status: 404, message, .. }) => {
                return Err(DockerError::ImageMissing { name: spec.image.name.clone(), reason: message });
            }
            made => made?,
        };
        // With a read-only root it is a temporary file system.
        if hardening::needs_home(&spec, &givens) && !spec.read_only_root {
            let mut packer = Packer::new();
            packer.folder(HOME.trim_start_matches('/'), 0o700, Holder::User(user))?;
            container.upload("/", packer.finish()?).await?;
        }
        Ok(container)
    }

    /// Removes a container with its processes and anonymous volumes; one that is
    /// gone already is no error.
    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), DockerError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.call("removing a container", self.client().remove_container(id, Some(options))).await {
            // 409: somebody else is removing it just now.
            Err(error) if matches!(error.status(), Some(404 | 409)) => Ok(()),
            result => result,
        }
    }

    /// Removes something in the background: its owner was dropped in the middle of
    /// something. Where this does not succeed the reaper will.
    pub(crate) fn clean_up(&self, remove: impl Future<Output = Result<(), DockerError>> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(remove));
        }
    }
}

impl Container {
    /// The engine's id of it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The engine that it is in.
    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Whom its processes belong to.
    pub(crate) fn user(&self) -> User {
        self.user
    }

    /// Unpacks an archive into a folder of it. Only before anything that is not
    /// trusted has run in it: a symbolic link that such a process plants would lead
    /// the engine, which is root, elsewhere in the container. A read-only root
    /// refuses it; a volume in it does not.
    pub(crate) async fn upload(&self, folder: &str, tar: Vec<u8>) -> Result<(), DockerError> {
        let options =
            UploadToContainerOptionsBuilder::default().path(folder).no_overwrite_dir_non_dir("1").build();
        let body = bollard::body_full(Bytes::from(tar));
        let client = self.docker.slow_client();
        self.docker
            .slow_call("uploading files", client.upload_to_container(&self.id, Some(options), body))
            .await
    }

    /// Starts it.
    pub(crate) async fn start(&self) -> Result<(), DockerError> {
        let client = self.docker.client();
        self.docker.call("starting a container", client.start_container(&self.id, None)).await
    }

    /// What it is doing.
    pub(crate) async fn state(&self) -> Result<State, DockerError> {
        self.judged(&self.inspect(false).await?).await
    }

    /// The engine notes a want of memory only when it hears of it before it hears of
    /// the end, and both come at nearly the same time. When the first process was
    /// killed, and not by us, its events are asked, which know better. On a machine
    /// with far too much to do even they miss a few in a thousand; such a kill is
    /// then unexplained, which is safe: nothing is held against anybody for it.
    async fn judged(&self, found: &ContainerInspectResponse) -> Result<State, DockerError> {
        match state(found) {
            State::Exited { code: KILLED, out_of_memory: false } => {
                let asked = async {
                    if self.killed.load(Ordering::Relaxed) { Ok(false) } else { self.memory_events().await }
                };
                let out_of_memory = *self.memory_event.get_or_try_init(|| asked).await?;
                Ok(State::Exited { code: KILLED, out_of_memory })
            }
            state => Ok(state),
        }
    }

    /// Whether the engine remembers that it ran out of memory.
    pub(crate) async fn memory_events(&self) -> Result<bool, DockerError> {
        let filters = HashMap::from([("container", vec![self.id.as_str()]), ("event", vec!["oom"])]);
        let until = SystemTime::now() + EVENT_PATIENCE;
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() + 1;
        // Since 1970: all that the engine remembers, which are the last few hundred.
        let options =
            EventsOptionsBuilder::default().since("1").until(&until.to_string()).filters(&filters).build();
        let mut events = Box::pin(self.docker.client().events(Some(options)));
        match timeout(EVENT_PATIENCE, events.next()).await {
            Ok(Some(event)) => event
                .map(|_| true)
                .map_err(|error| self.docker.failed("asking for a container's events", error)),
            Ok(None) | Err(_) => Ok(false),
        }
    }

    /// The last `limit` bytes of what its first process wrote, both streams as they
    /// came.
    pub(crate) async fn logs(&self, limit: usize) -> Result<Vec<u8>, DockerError> {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
        let mut stream = std::pin::pin!(self.docker.client().logs(&self.id, Some(options)));
        let mut kept = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| self.docker.failed("reading a container's log", error))?;
            kept.extend_from_slice(piece.as_ref());
            if kept.len() > limit.saturating_mul(2) {
                kept.drain(..kept.len() - limit);
            }
        }
        kept.drain(..kept.len().saturating_sub(limit));
        Ok(kept)
    }

    /// The archive of a file or folder, as long as it is at most `limit` bytes. A
    /// symbolic link as the last part of the path is not followed; temporary file
    /// systems cannot be read.
    pub(crate) async fn download(&self, path: &str, limit: u64) -> Result<Download, DockerError> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let mut stream =
            std::pin::pin!(self.docker.client().download_from_container(&self.id, Some(options)));
        let mut tar = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = match piece.map_err(|error| self.docker.failed("downloading files", error)) {
                Ok(piece) => piece,
                Err(error) if error.status() == Some(404) => return Ok(Download::Missing),
                Err(error) => return Err(error),
            };
            if (tar.len() + piece.len()) as u64 > limit {
                return Ok(Download::TooLarge);
            }
            tar.extend_from_slice(&piece);
        }
        Ok(Download::Tar(tar))
    }

    /// Ends all its processes at once, and waits until they are gone. One that does
    /// not run is no error.
    pub(crate) async fn kill(&self) -> Result<(), DockerError> {
        let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        let client = self.docker.client();
        match self.docker.call("killing a container", client.kill_container(&self.id, Some(options))).await {
            Err(error) if error.status() == Some(409) => {}
            result => {
                result?;
                self.killed.store(true, Ordering::Relaxed);
            }
        }
        self.gone().await
    }

    async fn gone(&self) -> Result<(), DockerError> {
        let gone = async {
            while !matches!(state(&self.inspect(false).await?), State::Exited { .. } | State::Created) {
                sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        let late = |_| DockerError::Timeout { doing: "killing a container", limit: KILL_PATIENCE };
        timeout(KILL_PATIENCE, gone).await.map_err(late)?
    }

    /// Freezes all its processes.
    pub(crate) async fn pause(&self) -> Result<(), DockerError> {
        let client = self.docker.client();
        self.docker.call("pausing a container", client.pause_container(&self.id)).await
    }

    /// Lets its processes go on.
    pub(crate) async fn unpause(&self) -> Result<(), DockerError> {
        let client = self.docker.client();
        self.docker.call("resuming a container", client.unpause_container(&self.id)).await
    }

    /// Keeps its root file system as an image, with those labels and otherwise with
    /// the image's own configuration rather than the container's.
    pub(crate) async fn commit(
        &self,
        image: &ImageInfo,
        labels: &BTreeMap<String, String>,
    ) -> Result<String, DockerError> {
        // Whatever is left out here would be taken from the container; a container
        // that somebody starts from the image must not look like ours.
        let no_lease = label::LEASE.map(|name| (name.to_owned(), String::new()));
        let labels = no_lease.into_iter().chain(labels.clone()).collect();
        let working_directory =
            if image.working_directory.is_empty() { "/" } else { image.working_directory.as_str() };
        let config = ContainerConfig {
            entrypoint: Some(image.entry_point.clone()),
            cmd: Some(image.command.clone()),
            env: Some(image.variables.clone()),
            working_dir: Some(working_directory.to_owned()),
            labels: Some(labels),
            ..ContainerConfig::default()
        };
        let options = CommitContainerOptionsBuilder::default().container(&self.id).pause(true).build();
        let client = self.docker.slow_client();
        let kept =
            self.docker.call("keeping a container as an image", client.commit_container(options, config));
        Ok(kept.await?.id)
    }

    /// Removes it, with all its processes.
    pub(crate) async fn remove(self) -> Result<(), DockerError> {
        self.docker.remove_container(&self.id).await?;
        self.removed.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) async fn inspect(&self, size: bool) -> Result<ContainerInspectResponse, DockerError> {
        let options = InspectContainerOptionsBuilder::default().size(size).build();
        let client = self.docker.client();
        self.docker.call("inspecting a container", client.inspect_container(&self.id, Some(options))).await
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.removed.load(Ordering::Relaxed) {
            let (docker, id) = (self.docker.clone(), self.id.clone());
            self.docker.clean_up(async move { docker.remove_container(&id).await });
        }
    }
}

fn state(found: &ContainerInspectResponse) -> State {
    let Some(state) = &found.state else { return State::Created };
    let exited = State::Exited {
        code: state.exit_code.unwrap_or(-1),
        out_of_memory: state.oom_killed.unwrap_or_default(),
    };
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) => State::Created,
        Some(ContainerStateStatusEnum::PAUSED) => State::Paused,
        Some(
            ContainerStateStatusEnum::EXITED
            | ContainerStateStatusEnum::DEAD
            | ContainerStateStatusEnum::REMOVING,
        ) => exited,
        _ => State::Running,
    }
}
