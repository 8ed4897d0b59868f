//! Files of containers that do not run, looked up at a cost that follows their number and
//! not the size of the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::query_parameters::{ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lancet_core::{Account, PinnedImage, Resources, Sha256};
use tokio::sync::mpsc;

use crate::engine::archive::{self, EntryKind};
use crate::engine::container::{Container, Download};
use crate::engine::group::{Group, grouped, split};
use crate::engine::hardening::ContainerSpec;
use crate::engine::path::{in_git, is_below, joined, names};
use crate::engine::pieces::{Pieces, hand_on};
use crate::{Docker, DockerError, Lease, Purpose};

/// Requests to the engine at a time.
const CONCURRENCY: usize = 8;
/// One request costs the engine about as much as packing this many bytes of files
/// that nobody asked for: each starts a process there, some 40 ms. For each path that
/// is wanted so much is put up with before a folder is given up.
const REQUEST_BYTES: u64 = 4 << 20;
/// What an entry costs besides its bytes, by the same measure: 40 µs, and 250 µs
/// where its owner has no name in the image, for which Engine 20.10 looks each time.
const ENTRY_BYTES: u64 = 32 << 10;

/// The most names of a path that the engine is asked for: it takes one with more
/// than 255 for a link that leads round in a circle. What lies deeper is read from an
/// archive of the folder that is this deep.
const MAX_NAMES: usize = 200;

/// What a container that is never started may use: the least there is.
const NOTHING: Resources = Resources { cpu_millis: 0, memory_bytes: 0, pids: 0, disk_bytes: 0, shm_bytes: 0 };

/// How long reading one file of an image may take at most; then the reaper comes.
const READ_LIFETIME: Duration = Duration::from_secs(600);

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeKind {
    File,
    Symlink(Vec<u8>),
    /// Another name of a file that came before it in the same archive. Fetched by
    /// itself it is a file like any other, which is done with what is asked for; so
    /// this is only found where a folder is taken whole, and where it lies too deep to
    /// be asked for.
    HardLink,
    Folder,
    /// A device or a pipe. The engine leaves sockets out.
    Other,
}

impl NodeKind {
    /// In words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Symlink(_) => "a symbolic link",
            Self::HardLink => "a hard link",
            Self::Folder => "a folder",
            Self::Other => "a device or a pipe",
        }
    }
}

/// A file of a container, as the engine's archive has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) executable: bool,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// Of its bytes, where they were read.
    pub(crate) sha256: Option<Sha256>,
    /// Its bytes, where they were kept.
    pub(crate) content: Option<Vec<u8>>,
}

/// How much is read of the files that are gathered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appetite {
    /// Larger files are not read: their size is all that is known of them.
    pub(crate) read: u64,
    /// Larger files are read for their digest, and not kept.
    pub(crate) keep: u64,
    /// The most bytes that are kept in all.
    pub(crate) room: u64,
    /// Whether what there is no room for ends everything; otherwise it is only read
    /// for its digest.
    pub(crate) strict: bool,
    /// Whether a folder stands for all that it holds.
    pub(crate) expand: bool,
    /// More files than these end everything.
    pub(crate) files: usize,
}

/// What ended a gathering before it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Bytes,
    Files,
}

/// What was found, by path from the root that was given. What is not there is
/// missing from it.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) excess: Option<Excess>,
}

/// What lies at a path, as far as it can be told without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathKind {
    Folder,
    Symlink,
    File,
    Other,
}

impl Container {
    /// What lies at an absolute path; a symbolic link as its last part is not
    /// followed, but those above it are. Cheap: nothing is packed for it.
    ///
    /// # Errors
    /// [`DockerError`], but not that there is nothing.
    pub(crate) async fn look(&self, path: &str) -> Result<Option<PathKind>, DockerError> {
        match self.stat(path).await {
            // Below a file there is nothing either; the engine takes it for a failure
            // of its own, and has no words for it here.
            Err(error) if error.status() == Some(500) => {
                for (end, _) in path.match_indices('/').skip(1) {
                    match self.stat(&path[..end]).await? {
                        Some(PathKind::Folder | PathKind::Symlink) => {}
                        Some(PathKind::File | PathKind::Other) | None => return Ok(None),
                    }
                }
                Err(error)
            }
            found => found,
        }
    }

    async fn stat(&self, path: &str) -> Result<Option<PathKind>, DockerError> {
        // Bits of Go's `os.FileMode`.
        const FOLDER: u32 = 1 << 31;
        const SYMLINK: u32 = 1 << 27;
        const SPECIAL: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
        let docker = self.docker();
        let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        let look = docker.client().get_container_archive_info(self.id(), Some(options));
        match docker.call("looking at a container's file", look).await {
            Ok(found) if found.file_mode & FOLDER != 0 => Ok(Some(PathKind::Folder)),
            Ok(found) if found.file_mode & SYMLINK != 0 => Ok(Some(PathKind::Symlink)),
            Ok(found) if found.file_mode & SPECIAL != 0 => Ok(Some(PathKind::Other)),
            Ok(_) => Ok(Some(PathKind::File)),
            // The container itself may be what is missing: then this fails.
            Err(error) if error.status() == Some(404) => self.state().await.map(|_| None),
            Err(error) => Err(error),
        }
    }
}

/// What to do with an entry of an archive.
enum Step {
    Pass,
    Read,
    Stop,
}

/// Looks at an archive's entries as they arrive.
trait Visitor: Send + 'static {
    /// By its path below what was asked for (empty for that itself), and without
    /// its bytes.
    fn meet(&mut self, path: &str, node: &Node) -> Step;

    /// The bytes of an entry that was to be read.
    fn take(&mut self, path: &str, node: Node, bytes: Vec<u8>);
}

impl Docker {
    /// A container that is never started: what an image holds can be read in no
    /// other way.
    ///
    /// # Errors
    /// Those of [`Docker::create`].
    pub(crate) async fn unstarted(
        &self,
        image: &PinnedImage,
        lease: &Lease,
    ) -> Result<Container, DockerError> {
        self.create(&ContainerSpec {
            purpose: Purpose::File,
            image,
            // An image need not have a command; this one is never run.
            argv: Some(&["/".to_owned()]),
            variables: &BTreeMap::new(),
            working_directory: Some("/"),
            account: Account::Unprivileged,
            resources: NOTHING,
            network: None,
            read_only_root: true,
            volume: None,
            lease,
        })
        .await
    }

    /// Reads a file of an image. A container is created for it, and never started.
    ///
    /// # Errors
    /// [`DockerError::PathMissing`] when it is not there or not a regular file,
    /// [`DockerError::TooLarge`] above `limit` bytes.
    pub async fn image_file(
        &self,
        image: &PinnedImage,
        path: &str,
        limit: u64,
    ) -> Result<Vec<u8>, DockerError> {
        /// A tar's header, padding and end.
        const TAR_OVERHEAD: u64 = 16 << 10;
        let lease = Lease::new("", "", READ_LIFETIME);
        let container = self
            .create(&ContainerSpec {
                purpose: Purpose::File,
                image,
                // An image need not have a command; this one is never run.
                argv: Some(&["/".to_owned()]),
                variables: &BTreeMap::new(),
                working_directory: Some("/"),
                account: Account::Unprivileged,
                resources: Resources::standard(),
                network: None,
                read_only_root: true,
                volume: None,
                lease: &lease,
            })
            .await?;
        let download = container.download(path, limit.saturating_add(TAR_OVERHEAD)).await;
        container.remove().await?;
        let missing = || DockerError::PathMissing { path: path.to_owned(), what: image.name.clone() };
        let large = || DockerError::TooLarge { what: format!("{path} of {}", image.name), limit };
        let tar = match download? {
            Download::Missing => return Err(missing()),
            Download::TooLarge => return Err(large()),
            Download::Tar(tar) => tar,
        };
        let entries = archive::read(&tar, 1).map_err(|_| missing())?;
        match entries.first().map(|entry| &entry.kind) {
            Some(EntryKind::File(bytes)) if bytes.len() as u64 > limit => Err(large()),
            Some(EntryKind::File(bytes)) => Ok(bytes.to_vec()),
            _ => Err(missing()),
        }
    }

    /// Looks up paths of a container that does not run, or is paused, at a cost that
    /// follows their number and not the size of the tree: few are fetched one by
    /// one, many by the folders that they share.
    ///
    /// # Errors
    /// [`DockerError`], but not that a path is missing.
    pub(crate) async fn gather(
        &self,
        container: &str,
        root: &str,
        wanted: BTreeSet<String>,
        appetite: Appetite,
    ) -> Result<Gathered, DockerError> {
        let shared = Arc::new(Mutex::new(Shared { found: Gathered::default(), room: appetite.room }));
        let reach = MAX_NAMES.saturating_sub(root.split('/').count()).max(1);
        // The root of a container is never fetched whole.
        let mut waiting = if root.is_empty() { split("", wanted, reach) } else { grouped(wanted, reach) };
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < CONCURRENCY
                && let Some(group) = waiting.pop()
            {
                let gatherer = Gatherer::new(group, reach, appetite, Arc::clone(&shared));
                running.push(self.walk(container, root, gatherer));
            }
            let Some(gatherer) = running.next().await else { break };
            if let Some(gatherer) = gatherer? {
                waiting.extend(gatherer.left());
            }
            if lock(&shared).found.excess.is_some() {
                break;
            }
        }
        drop(running);
        Ok(std::mem::take(&mut lock(&shared).found))
    }

    /// Sends an archive of the visitor's folder through it; `None` when there is no
    /// such path.
    async fn walk(
        &self,
        container: &str,
        root: &str,
        visitor: Gatherer,
    ) -> Result<Option<Gatherer>, DockerError> {
        let doing = "reading a container's files";
        let path =
            if visitor.folder.is_empty() { root.to_owned() } else { format!("{root}/{}", visitor.folder) };
        let (sender, receiver) = mpsc::channel::<Bytes>(4);
        let reading = tokio::task::spawn_blocking(move || read(receiver, visitor));
        let options = DownloadFromContainerOptionsBuilder::default().path(&path).build();
        let mut stream = self.client().download_from_container(container, Some(options));
        let failure = hand_on(&mut stream, sender).await.map(|error| self.failed(doing, error));
        drop(stream);
        let malformed = |reason: String| DockerError::Malformed { doing, reason };
        let read = reading.await.map_err(|error| malformed(error.to_string()))?;
        match (failure, read) {
            (Some(error), _) if is_missing_path(&error) => Ok(None),
            (Some(error), Ok(mut visitor)) if is_loop(&error) => {
                visitor.lost_in_links();
                Ok(Some(visitor))
            }
            (Some(error), _) => Err(error),
            (None, Ok(visitor)) => Ok(Some(visitor)),
            (None, Err(error)) => Err(malformed(error.to_string())),
        }
    }
}

/// The engine has one status for a missing container and a missing path, and takes
/// a path below a file for a failure of its own.
fn is_missing_path(error: &DockerError) -> bool {
    match error {
        DockerError::Engine { status: 404, message, .. } => !message.contains("No such container"),
        DockerError::Engine { status: 500, message, .. } => message.trim_end().ends_with(": not a directory"),
        _ => false,
    }
}

/// The engine follows even the link that it is asked for, and fails when that leads
/// round in a circle.
fn is_loop(error: &DockerError) -> bool {
    matches!(error, DockerError::Engine { status: 500, message, .. } if message.contains(": too many links in "))
}

fn read<V: Visitor>(pieces: mpsc::Receiver<Bytes>, mut visitor: V) -> io::Result<V> {
    let mut archive = tar::Archive::new(Pieces::new(pieces));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => NodeKind::File,
            tar::EntryType::Symlink => {
                NodeKind::Symlink(entry.link_name_bytes().unwrap_or_default().into_owned())
            }
            tar::EntryType::Link => NodeKind::HardLink,
            tar::EntryType::Directory => NodeKind::Folder,
            _ => NodeKind::Other,
        };
        // Names begin with the last part of what was asked for. Those that are not
        // UTF-8 keep a sign of it, by which they are refused.
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_end_matches('/').split_once('/').map_or("", |(_, rest)| rest).to_owned();
        let executable = entry.header().mode()? & 0o100 != 0;
        let node = Node { kind, executable, size: entry.size(), sha256: None, content: None };
        match visitor.meet(&path, &node) {
            Step::Pass => {}
            Step::Stop => return Ok(visitor),
            Step::Read => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                visitor.take(&path, node, bytes);
            }
        }
    }
    Ok(visitor)
}

struct Shared {
    found: Gathered,
    room: u64,
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Gatherer {
    folder: String,
    /// The most names of a folder that can be asked for.
    reach: usize,
    wanted: BTreeSet<String>,
    appetite: Appetite,
    shared: Arc<Mutex<Shared>>,
    /// The folder that is being taken whole.
    open: Option<String>,
    /// What has to be fetched by itself.
    alone: Vec<String>,
    /// Bytes of what nobody wants that are still put up with.
    patience: u64,
    gave_up: bool,
}

impl Gatherer {
    fn new(group: Group, reach: usize, appetite: Appetite, shared: Arc<Mutex<Shared>>) -> Self {
        // There is no way further down from there.
        let is_last = names(&group.folder) >= reach;
        let patience =
            if is_last { u64::MAX } else { REQUEST_BYTES.saturating_mul(group.wanted.len() as u64) };
        Self {
            folder: group.folder,
            reach,
            wanted: group.wanted,
            appetite,
            shared,
            open: None,
            alone: Vec::new(),
            patience,
            gave_up: false,
        }
    }

    /// What has to be fetched from folders further down, or by itself.
    fn left(self) -> Vec<Group> {
        let mut left = if self.gave_up { split(&self.folder, self.wanted, self.reach) } else { Vec::new() };
        left.extend(
            self.alone.into_iter().map(|path| Group { wanted: BTreeSet::from([path.clone()]), folder: path }),
        );
        left
    }

    fn path(&self, below: &str) -> String {
        joined(&self.folder, below)
    }

    /// What was asked for is a link that leads nowhere.
    fn lost_in_links(&mut self) {
        if self.wanted.remove(&self.folder) {
            let kind = NodeKind::Symlink(Vec::new());
            let node = Node { kind, executable: false, size: 0, sha256: None, content: None };
            lock(&self.shared).found.nodes.insert(self.folder.clone(), node);
        }
    }

    /// Passes over an entry, as long as there is patience.
    fn pass(&mut self, node: &Node) -> Step {
        if self.patience < u64::MAX {
            self.patience = self.patience.saturating_sub(ENTRY_BYTES.saturating_add(node.size));
        }
        // A folder that is taken whole is not asked for in parts.
        self.gave_up = self.patience == 0 && self.open.is_none();
        if self.gave_up { Step::Stop } else { Step::Pass }
    }
}

impl Visitor for Gatherer {
    fn meet(&mut self, below: &str, node: &Node) -> Step {
        let path = self.path(below);
        if let Some(open) = self.open.take_if(|open| !is_below(&path, open)) {
            self.wanted.remove(&open);
        }
        if self.open.is_none() {
            if self.wanted.is_empty() {
                return Step::Stop;
            }
            if !self.wanted.contains(&path) {
                return self.pass(node);
            }
            if node.kind == NodeKind::Folder && self.appetite.expand {
                self.open = Some(path.clone());
            } else {
                self.wanted.remove(&path);
                if node.kind == NodeKind::HardLink && !below.is_empty() && names(&path) <= self.reach {
                    self.alone.push(path);
                    return self.pass(node);
                }
            }
        } else if in_git(&path) {
            return Step::Pass;
        }
        let mut shared = lock(&self.shared);
        if shared.found.excess.is_some() {
            return Step::Stop;
        }
        if shared.found.nodes.len() >= self.appetite.files {
            shared.found.excess = Some(Excess::Files);
            return Step::Stop;
        }
        if node.kind == NodeKind::File && node.size <= self.appetite.read {
            if node.size <= self.appetite.keep {
                match shared.room.checked_sub(node.size) {
                    Some(room) => shared.room = room,
                    None if self.appetite.strict => {
                        shared.found.excess = Some(Excess::Bytes);
                        return Step::Stop;
                    }
                    // Nothing more is kept.
                    None => self.appetite.keep = 0,
                }
            }
            return Step::Read;
        }
        shared.found.nodes.insert(path, node.clone());
        drop(shared);
        if self.open.is_none() && self.wanted.is_empty() { Step::Stop } else { self.pass(node) }
    }

    fn take(&mut self, below: &str, mut node: Node, bytes: Vec<u8>) {
        node.sha256 = Some(Sha256::of(&bytes));
        node.content = (node.size <= self.appetite.keep).then_some(bytes);
        lock(&self.shared).found.nodes.insert(self.path(below), node);
    }
}
