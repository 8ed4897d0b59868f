//! Takes what was changed in a work tree, and says why it is not accepted.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use lancet_core::{
    Capture, ChangeSet, Environment, FileChange, InfraFault, InfraFaultKind, PinnedImage, Protection,
    RefusalKind, RefusedSubmission, Sha256, SubmissionLimits, SubmittedFile,
};
use tokio::sync::OnceCell;

use crate::engine::container::Container;
use crate::engine::listing::{ChangeKind, Changes, MAX_REACH_BYTES};
use crate::engine::tree::{Appetite, Gathered, Node, NodeKind, PathKind};
use crate::submission::changed::{Changed, MAX_LOOKED_AT, check_path, refused, too_many};
use crate::submission::diff::{DiffWriter, MAX_SHOWN_FILE_BYTES, Side, SideKind};
use crate::submission::rules::Rules;
use crate::{Docker, DockerError, Lease};

/// Looks at folders of a container at a time.
const CONCURRENCY: usize = 8;
/// The most bytes of the image's own files that are kept for the diff.
const MAX_OLD_BYTES: u64 = 64 << 20;
/// The most dropped changes that are named one by one.
const MAX_OVERLAID: usize = 1_000;

/// A submission with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What was handed in, or why it is not accepted.
    pub capture: Capture,
    /// The contents of the submitted files, and the diff: all that the change set names.
    pub blobs: Vec<Vec<u8>>,
}

/// Why there is no change set.
enum Failure {
    Refused(RefusedSubmission),
    Docker(DockerError),
}

impl From<DockerError> for Failure {
    fn from(error: DockerError) -> Self {
        Self::Docker(error)
    }
}

impl From<RefusedSubmission> for Failure {
    fn from(refused: RefusedSubmission) -> Self {
        Self::Refused(refused)
    }
}

impl Docker {
    /// The submission of an agent that never opened its container: nothing changed.
    #[must_use]
    pub fn unchanged(environment: &Environment) -> Captured {
        submission(environment, Vec::new(), Vec::new(), DiffWriter::new(), BTreeMap::new())
    }

    /// What a container that is stopped or paused has changed in the work tree,
    /// against the original, of whose image it was made. The engine's own list of
    /// changes says what is to be looked at, so the cost follows the change and not the
    /// tree.
    ///
    /// # Errors
    /// [`InfraFault`]: those of the engine. A submission that is not accepted is no
    /// error.
    pub(crate) async fn capture(
        &self,
        environment: &Environment,
        container: &Container,
        original: &Original,
    ) -> Result<Captured, InfraFault> {
        let by_folders = container.changes_by_folders(&environment.work_tree).await?;
        self.capture_listed(environment, container, original, by_folders).await
    }

    /// As [`Docker::capture`], by a list of what was changed; without one the engine
    /// makes it.
    pub(crate) async fn capture_listed(
        &self,
        environment: &Environment,
        container: &Container,
        original: &Original,
        listed: Option<Changes>,
    ) -> Result<Captured, InfraFault> {
        let rules = Rules::new(&environment.protected)
            .map_err(|error| InfraFault::new(InfraFaultKind::DockerError, error))?;
        let capturing = Capturing { docker: self, environment, rules, container, original };
        let captured = match capturing.run(listed.as_ref()).await {
            // What the engine says of its own accord may be over the next time.
            Err(Failure::Docker(error)) if error.may_be_the_containers() => {
                capturing.run(listed.as_ref()).await
            }
            captured => captured,
        };
        match captured {
            Ok(captured) => Ok(captured),
            Err(Failure::Docker(error)) if error.may_be_the_containers() => {
                capturing.original_is_sound().await.map_err(|_| InfraFault::from(error))?;
                let message =
                    "its container's files cannot be read any more, those of its image can".to_owned();
                let capture = Capture::Refused(refused(RefusalKind::Unreadable, message));
                Ok(Captured { capture, blobs: Vec::new() })
            }
            Err(Failure::Docker(error)) => Err(error.into()),
            Err(Failure::Refused(refused)) => {
                Ok(Captured { capture: Capture::Refused(refused), blobs: Vec::new() })
            }
        }
    }
}

impl Container {
    /// What is not as in the image, from the engine's folders where they can be read,
    /// which is quick.
    async fn changes_by_folders(&self, work_tree: &str) -> Result<Option<Changes>, DockerError> {
        let Some(layers) = self.layers().await? else { return Ok(None) };
        let work_tree = work_tree.to_owned();
        let listed = tokio::task::spawn_blocking(move || layers.changes(&work_tree)).await;
        Ok(listed.ok().and_then(Result::ok))
    }
}

struct Capturing<'a> {
    docker: &'a Docker,
    environment: &'a Environment,
    rules: Rules,
    container: &'a Container,
    original: &'a Original,
}

impl Capturing<'_> {
    async fn run(&self, listed: Option<&Changes>) -> Result<Captured, Failure> {
        let Environment { work_tree, submission: limits, .. } = self.environment;
        let by_engine;
        let listed = match listed {
            Some(listed) => listed,
            None => {
                by_engine = self.container.changes(work_tree).await?;
                &by_engine
            }
        };
        let (listed, twice) = match listed {
            Changes::Listed { changes, twice } => (changes, twice),
            Changes::TooMany => return Err(too_many("more paths are changed than are listed", limits).into()),
            Changes::TooDeep => {
                let message = format!("a path in the container is longer than {MAX_REACH_BYTES} bytes");
                return Err(refused(RefusalKind::BadPath, message).into());
            }
        };
        let changed = Changed::sort_out(listed, twice, work_tree, &self.rules, limits)?;
        if changed.questionable {
            self.work_tree_is_folder().await?;
        }
        if changed.is_empty() {
            return Ok(Docker::unchanged(self.environment));
        }
        let (new, made) = tokio::join!(self.new_files(&changed), async {
            if changed.needs_original() { self.original.container().await.map(drop) } else { Ok(()) }
        });
        let new = new?;
        made?;
        self.compare(changed, new).await
    }

    /// Whether the engine can do for the image what it could not do for the container.
    async fn original_is_sound(&self) -> Result<(), DockerError> {
        let work_tree = &self.environment.work_tree;
        let image = self.original.container().await?;
        image.changes(work_tree).await?;
        image.look(work_tree).await?;
        let appetite =
            Appetite { read: 0, keep: 0, room: 0, strict: false, expand: false, files: usize::MAX };
        self.original.gather(work_tree, BTreeSet::from([String::new()]), appetite).await.map(drop)
    }

    /// The work tree itself, or a folder above it, was replaced: nothing is read
    /// through whatever lies there now.
    async fn work_tree_is_folder(&self) -> Result<(), Failure> {
        let tree = &self.environment.work_tree;
        for (end, _) in tree.match_indices('/').skip(1).chain([(tree.len(), "")]) {
            if self.container.look(&tree[..end]).await? != Some(PathKind::Folder) {
                let message =
                    format!("the work tree `{tree}` is gone: `{}` is no folder any more", &tree[..end]);
                return Err(refused(RefusalKind::NotARegularFile, message).into());
            }
        }
        Ok(())
    }

    async fn new_files(&self, changed: &Changed) -> Result<Gathered, Failure> {
        let limits = &self.environment.submission;
        let appetite = Appetite {
            read: limits.file_bytes,
            keep: limits.file_bytes,
            // Files that turn out to be the image's own are in it too.
            room: limits.bytes.saturating_mul(2),
            strict: true,
            expand: false,
            files: usize::MAX,
        };
        let wanted: BTreeSet<String> = changed.present.keys().cloned().collect();
        let tree = &self.environment.work_tree;
        let new = self.docker.gather(self.container.id(), tree, wanted, appetite).await?;
        if new.excess.is_some() {
            let message = format!("the files have more than {} bytes", limits.bytes);
            return Err(refused(RefusalKind::TooLarge, message).into());
        }
        // The engine packs all there is but sockets.
        if let Some(missing) = changed.present.keys().find(|path| !new.nodes.contains_key(*path)) {
            let message = format!("`{missing}` is a socket");
            return Err(refused(RefusalKind::NotARegularFile, message).into());
        }
        Ok(new)
    }

    /// Compares what is there with what was, and makes the change set of it.
    async fn compare(&self, changed: Changed, new: Gathered) -> Result<Captured, Failure> {
        let limits = &self.environment.submission;
        let mut wanted = self.replaced(&changed, &new).await?;
        wanted.extend(changed.deleted.iter().cloned());
        wanted.extend(new.nodes.iter().filter_map(|(path, node)| {
            let was_there = changed.present.get(path) == Some(&ChangeKind::Modified);
            (was_there && node.kind != NodeKind::Folder).then(|| path.clone())
        }));
        let appetite = Appetite {
            read: limits.file_bytes,
            keep: MAX_SHOWN_FILE_BYTES,
            room: MAX_OLD_BYTES,
            strict: false,
            expand: true,
            files: MAX_LOOKED_AT * limits.files as usize,
        };
        let old = self.original.gather(&self.environment.work_tree, wanted, appetite).await?;
        if old.excess.is_some() {
            return Err(too_many("whole folders are deleted", limits).into());
        }
        let large =
            new.nodes.iter().filter(|(_, node)| node.kind == NodeKind::File && node.size > limits.file_bytes);
        let large: BTreeSet<String> = large.map(|(path, _)| path.clone()).collect();
        let untouched = self.untouched(&old, &new, large).await?;
        self.collect(changed, &old, new, &untouched)
    }

    /// What of the image lay where folders are now. The engine's list says of these
    /// that they are modified, as it does of folders that something else has changed
    /// in.
    async fn replaced(&self, changed: &Changed, new: &Gathered) -> Result<BTreeSet<String>, DockerError> {
        let modified = changed.present.iter().filter(|(_, kind)| **kind == ChangeKind::Modified);
        let folders =
            modified.filter(|(path, _)| new.nodes.get(*path).is_some_and(|n| n.kind == NodeKind::Folder));
        let folders: Vec<&String> = folders.map(|(path, _)| path).chain(&changed.folders).collect();
        if folders.is_empty() {
            return Ok(BTreeSet::new());
        }
        let image = self.original.container().await?;
        let tree = &self.environment.work_tree;
        // Boxed where they begin: a stream of borrowing closures cannot be shown to be
        // `Send` from further out (rust-lang/rust#102211).
        let looks: Vec<BoxFuture<'_, Result<Option<String>, DockerError>>> = folders
            .into_iter()
            .map(|path| {
                async move {
                    let found = image.look(&format!("{tree}/{path}")).await?;
                    Ok(found.filter(|found| *found != PathKind::Folder).map(|_| path.clone()))
                }
                .boxed()
            })
            .collect();
        let found: Vec<Option<String>> = stream::iter(looks).buffered(CONCURRENCY).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Those of the files above the limit that are the image's own after all: the
    /// list of changes names what was only touched, too.
    async fn untouched(
        &self,
        old: &Gathered,
        new: &Gathered,
        large: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, Failure> {
        let same_size = |path: &String| {
            let sizes = old.nodes.get(path).zip(new.nodes.get(path)).map(|(old, new)| (old.size, new.size));
            sizes.is_some_and(|(old, new)| old == new)
        };
        // One that is larger than it was is refused, whatever the others are.
        if large.is_empty() || !large.iter().all(same_size) {
            return Ok(BTreeSet::new());
        }
        let digests =
            Appetite { read: u64::MAX, keep: 0, room: 0, strict: false, expand: false, files: usize::MAX };
        let tree = &self.environment.work_tree;
        let now = self.docker.gather(self.container.id(), tree, large.clone(), digests).await?;
        let before = self.original.gather(tree, large, digests).await?;
        let same = now
            .nodes
            .into_iter()
            .filter(|(path, node)| before.nodes.get(path).is_some_and(|old| same(old, node)));
        Ok(same.map(|(path, _)| path).collect())
    }

    fn collect(
        &self,
        changed: Changed,
        old: &Gathered,
        mut new: Gathered,
        untouched: &BTreeSet<String>,
    ) -> Result<Captured, Failure> {
        let limits = &self.environment.submission;
        new.nodes.retain(|_, node| node.kind != NodeKind::Folder);
        let is_gone =
            |(path, old): &(&String, &Node)| old.kind != NodeKind::Folder && !new.nodes.contains_key(*path);
        let gone: Vec<String> = old.nodes.iter().filter(is_gone).map(|(path, _)| path.clone()).collect();
        new.nodes.retain(|path, node| {
            !untouched.contains(path) && !old.nodes.get(path).is_some_and(|old| same(old, node))
        });

        let mut overlaid = changed.overlaid;
        let mut paths: Vec<String> = new.nodes.keys().cloned().chain(gone).collect();
        paths.sort_unstable();
        for path in &paths {
            match self.rules.of(path) {
                Some(Protection::Refused) => {
                    let message = format!("`{path}` is not to be changed");
                    return Err(refused(RefusalKind::ProtectedPath, message).into());
                }
                Some(Protection::Overlaid) => overlaid.push(path.clone()),
                None => {}
            }
        }
        let dropped: BTreeSet<String> = overlaid.iter().cloned().collect();
        paths.retain(|path| {
            if dropped.contains(path) {
                return false;
            }
            // A file in the place of a folder whose files stay would be in their way,
            // and so would a folder in the place of a file that stays.
            let below = format!("{path}/");
            let in_the_way =
                dropped.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below))
                    || path.match_indices('/').any(|(end, _)| dropped.contains(&path[..end]));
            if in_the_way {
                overlaid.push(path.clone());
            }
            !in_the_way
        });
        overlaid.sort_unstable();
        overlaid.dedup();
        check(&paths, &new, limits)?;

        let mut diff = DiffWriter::new();
        let mut files = Vec::with_capacity(paths.len());
        let mut blobs = BTreeMap::new();
        for path in paths {
            let (was, is) = (old.nodes.get(&path), new.nodes.remove(&path));
            diff.file(&path, was.and_then(side), is.as_ref().and_then(side));
            let change = match is {
                None => FileChange::Deleted,
                Some(node) => {
                    let content = node.content.unwrap_or_default();
                    let sha256 = node.sha256.unwrap_or_else(|| Sha256::of(&content));
                    blobs.insert(sha256, content);
                    FileChange::Written { sha256, bytes: node.size, executable: node.executable }
                }
            };
            files.push(SubmittedFile { path, change });
        }
        Ok(submission(self.environment, files, overlaid, diff, blobs))
    }
}

/// The limits, once it is known what was really changed.
fn check(paths: &[String], new: &Gathered, limits: &SubmissionLimits) -> Result<(), RefusedSubmission> {
    if paths.len() > limits.files as usize {
        return Err(too_many(&format!("{} files are changed", paths.len()), limits));
    }
    for path in paths {
        // Those that an image's folder has are looked at here for the first time.
        check_path(path)?;
    }
    let nodes = || paths.iter().filter_map(|path| new.nodes.get(path).map(|node| (path, node)));
    if let Some((path, node)) = nodes().find(|(_, node)| node.kind != NodeKind::File) {
        let message = format!("`{path}` is {}", node.kind.name());
        return Err(refused(RefusalKind::NotARegularFile, message));
    }
    if let Some((path, node)) = nodes().find(|(_, node)| node.size > limits.file_bytes) {
        let message = format!("`{path}` has {} bytes, a file may have {}", node.size, limits.file_bytes);
        return Err(refused(RefusalKind::TooLarge, message));
    }
    let total: u64 = nodes().map(|(_, node)| node.size).sum();
    if total > limits.bytes {
        let message = format!("the files have {total} bytes, all may have {}", limits.bytes);
        return Err(refused(RefusalKind::TooLarge, message));
    }
    Ok(())
}

/// Whether a file is as it was. Times and owners are no part of a submission.
fn same(old: &Node, new: &Node) -> bool {
    match (&old.kind, &new.kind) {
        (NodeKind::File, NodeKind::File) => {
            old.executable == new.executable
                && old.size == new.size
                && old.sha256.is_some()
                && old.sha256 == new.sha256
        }
        (old, new) => old == new && matches!(new, NodeKind::Symlink(_)),
    }
}

fn side(node: &Node) -> Option<Side<'_>> {
    let kind = match (&node.kind, node.executable) {
        (NodeKind::Folder, _) => return None,
        (NodeKind::Symlink(_), _) => SideKind::Link,
        (_, true) => SideKind::Executable,
        (_, false) => SideKind::Plain,
    };
    let content = match &node.kind {
        NodeKind::Symlink(target) => Some(target.as_slice()),
        _ => node.content.as_deref().filter(|content| content.len() as u64 <= MAX_SHOWN_FILE_BYTES),
    };
    Some(Side { kind, content })
}

fn submission(
    environment: &Environment,
    files: Vec<SubmittedFile>,
    mut overlaid: Vec<String>,
    diff: DiffWriter,
    contents: BTreeMap<Sha256, Vec<u8>>,
) -> Captured {
    if overlaid.len() > MAX_OVERLAID {
        let more = overlaid.len() - MAX_OVERLAID;
        overlaid.truncate(MAX_OVERLAID);
        overlaid.push(format!("… and {more} more"));
    }
    let diff = diff.finish();
    let changes =
        ChangeSet { base: environment.image.reference.clone(), files, overlaid, diff: Sha256::of(&diff) };
    let blobs = contents.into_values().chain([diff]).collect();
    Captured { capture: Capture::Taken(changes), blobs }
}

/// The agent's image as it was. Only a container can give an image's files: one that
/// is never started, made when it is first asked for, and kept for the next time.
pub(crate) struct Original {
    docker: Docker,
    image: PinnedImage,
    lease: Lease,
    container: OnceCell<Container>,
}

impl Original {
    pub(crate) fn new(docker: &Docker, image: &PinnedImage, lease: &Lease) -> Self {
        Self {
            docker: docker.clone(),
            image: image.clone(),
            lease: lease.clone(),
            container: OnceCell::new(),
        }
    }

    /// Makes it, if it is not there yet.
    pub(crate) async fn container(&self) -> Result<&Container, DockerError> {
        self.container.get_or_try_init(|| self.docker.unstarted(&self.image, &self.lease)).await
    }

    async fn gather(
        &self,
        tree: &str,
        wanted: BTreeSet<String>,
        appetite: Appetite,
    ) -> Result<Gathered, DockerError> {
        if wanted.is_empty() {
            return Ok(Gathered::default());
        }
        self.docker.gather(self.container().await?.id(), tree, wanted, appetite).await
    }

    pub(crate) async fn remove(self) {
        if let Some(container) = self.container.into_inner() {
            // What cannot be removed now is the reaper's.
            let _ = container.remove().await;
        }
    }
}
