use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerConfig, ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder,
    EventsOptionsBuilder, InspectContainerOptionsBuilder, KillContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder, WaitContainerOptions,
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::engine::archive::{Holder, Packer};
use crate::engine::hardening::{self, ContainerSpec, HOME, Setting};
use crate::engine::image::ImageInfo;
#[cfg(target_os = "linux")]
use crate::engine::overlayfs::Upper;
use crate::engine::user::{self, Claim, Identity, User};
use crate::engine::{admission, label, quota};
use crate::{Docker, DockerError};

/// How often a container's use of the disk is looked at. Between two looks it may
/// write as much as the disk takes; its limit of file sizes holds at once.
const DISK_LOOK: Duration = Duration::from_secs(2);
/// So many times as long as that look took it is let be.
const DISK_REST: u32 = 2;
/// How often the engine is asked what was written when it cannot add it up.
const DISK_TRIES: u32 = 3;
/// How often the engine is asked for its files too: empty ones take no bytes, but the
/// machine has only so many.
const FILES_LOOK: Duration = Duration::from_secs(10);
/// So many times as long as that look took it is let be.
const FILES_REST: u32 = 20;
/// The most files and folders that it may write.
pub(crate) const MAX_FILES: usize = 1_000_000;
/// Bytes of one line of the engine's list of changes.
const CHANGE_BYTES: u64 = 100;
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

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Exited {
        /// See [`State::Exited`].
        code: i64,
        /// See [`State::Exited`].
        out_of_memory: bool,
    },
    /// It was killed at its deadline.
    TimedOut,
    /// It wrote more than it may; if it still ran, it was killed.
    DiskLimit,
}

/// What a container may write to its root file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskLimits {
    /// Bytes of its files.
    pub(crate) bytes: u64,
    /// Files and folders.
    pub(crate) files: usize,
}

/// What a container has written to its root file system and not removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Bytes, in whole blocks of the file system.
    pub(crate) bytes: u64,
    /// Files and folders.
    pub(crate) files: usize,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ChangeKind {
    /// It, or something in it, is not as in the image.
    Modified,
    /// As [`ChangeKind::Modified`], and it is known to be a folder in both.
    FolderKept,
    /// As [`ChangeKind::Added`], and it is known to be a folder.
    FolderAdded,
    /// The image does not have it.
    Added,
    /// The image has it, the container does not.
    Deleted,
}

/// What came of listing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changes {
    /// All of them.
    Listed {
        /// By absolute path: the work tree, and what is above and below it.
        changes: BTreeMap<String, ChangeKind>,
        /// Paths that were met twice.
        twice: BTreeSet<String>,
    },
    /// More than are read.
    TooMany,
    /// A path, anywhere in the container, is longer than
    /// [`crate::submission::changed::MAX_REACH_BYTES`].
    TooDeep,
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
        let setting = Setting {
            runtime: options.runtime.as_deref(),
            ceiling: options.ceiling,
            image_has_home: identity.info.has_home(),
            user,
        };
        let spec = ContainerSpec { image: &identity.image, ..*spec };
        let mut body = hardening::container(&spec, &setting);
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
        if hardening::needs_home(&spec, &setting) && !spec.read_only_root {
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

    /// Bytes that it has written to its root file system, and has not removed; more
    /// than any limit where it cannot be told. By the blocks that the file system has
    /// given to it where the engine's folders can be read, with files that are open
    /// and have no name any more; by the sizes of its files otherwise.
    pub(crate) async fn disk_bytes(&self) -> Result<u64, DockerError> {
        if let Some(taken) = self.taken().await? {
            return Ok(taken.bytes);
        }
        for _ in 0..DISK_TRIES {
            if let Some(bytes) = disk(&self.inspect(true).await?) {
                return Ok(bytes);
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(u64::MAX)
    }

    /// What it takes of the disk, where the engine's folders can be read; without end
    /// above [`MAX_FILES`].
    #[cfg(target_os = "linux")]
    async fn taken(&self) -> Result<Option<Usage>, DockerError> {
        let found = self.inspect(false).await?;
        let Some(upper) = Upper::of(&found) else { return Ok(None) };
        let process = found.state.and_then(|state| state.pid).and_then(|process| i32::try_from(process).ok());
        let process = process.filter(|process| *process > 0);
        let taken = tokio::task::spawn_blocking(move || upper.usage(process)).await;
        Ok(taken.ok().and_then(Result::ok))
    }

    #[cfg(not(target_os = "linux"))]
    async fn taken(&self) -> Result<Option<Usage>, DockerError> {
        Ok(None)
    }

    /// Waits until it has ended; kills it at the deadline, and when it has written
    /// `disk_bytes` or more, or more than a million files. Its bytes are looked at every
    /// two seconds and at the end, its files then or every ten seconds at most. It has
    /// to have been started.
    pub(crate) async fn wait(&self, deadline: Instant, disk_bytes: u64) -> Result<Ended, DockerError> {
        self.wait_within(deadline, DiskLimits { bytes: disk_bytes, files: MAX_FILES }).await
    }

    /// As [`Container::wait`], with a limit of files too.
    pub(crate) async fn wait_within(
        &self,
        deadline: Instant,
        limits: DiskLimits,
    ) -> Result<Ended, DockerError> {
        let client = self.docker.client();
        loop {
            // On the heap: attempts are many at a time, and this is in all of them.
            let mut ended = Box::pin(client.wait_container(&self.id, None::<WaitContainerOptions>));
            let mut filled = Box::pin(self.filled(limits));
            // The status is not taken from the first answer: it is -1 when the engine
            // lost sight of the container, and inspecting tells more.
            let killed = tokio::select! {
                answer = ended.next() => match answer {
                    None | Some(Ok(_)) => None,
                    Some(Err(bollard::errors::Error::DockerContainerWaitError { .. })) => None,
                    Some(Err(error)) => return Err(self.docker.failed("waiting for a container", error)),
                },
                filled = &mut filled => filled.map(|()| Some(Ended::DiskLimit))?,
                () = sleep_until(deadline) => Some(Ended::TimedOut),
            };
            if killed.is_some() {
                self.kill().await?;
            }
            match (self.state().await?, killed) {
                (State::Exited { .. }, _) if self.disk_bytes().await? >= limits.bytes => {
                    return Ok(Ended::DiskLimit);
                }
                (State::Exited { .. }, Some(killed)) => return Ok(killed),
                (State::Exited { code, out_of_memory }, None) => {
                    return Ok(Ended::Exited { code, out_of_memory });
                }
                (State::Created | State::Running | State::Paused, _) => {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Looks again and again, until it has written too much.
    async fn filled(&self, limits: DiskLimits) -> Result<(), DockerError> {
        let mut next_files = Instant::now() + FILES_LOOK;
        let mut rest = DISK_LOOK;
        loop {
            sleep(rest).await;
            let began = Instant::now();
            if let Some(taken) = self.taken().await? {
                if taken.bytes >= limits.bytes || taken.files > limits.files {
                    return Ok(());
                }
            } else {
                if self.disk_bytes().await? >= limits.bytes {
                    return Ok(());
                }
                // The engine compares every file of the image for its list.
                if began >= next_files {
                    if self.changes_exceed(limits.files as u64 * CHANGE_BYTES).await? {
                        return Ok(());
                    }
                    next_files = Instant::now() + FILES_LOOK.max(began.elapsed() * FILES_REST);
                }
            }
            rest = DISK_LOOK.max(began.elapsed() * DISK_REST);
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

    async fn inspect(&self, size: bool) -> Result<ContainerInspectResponse, DockerError> {
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

/// `None` when the engine could not add up what was written. Something changed under
/// it, or there are folders nested so deep that it does not get at them, which is a
/// way to write without being counted.
fn disk(found: &ContainerInspectResponse) -> Option<u64> {
    u64::try_from(found.size_rw.unwrap_or_default()).ok()
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
