//! Lays files into a container before anything runs there: a submission, and the tests on
//! top of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bollard::query_parameters::UploadToContainerOptionsBuilder;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use lancet_core::{
    ChangeSet, FileChange, InfraFault, InfraFaultKind, LaidFile, Plan, RESULTS_FOLDER, Sha256,
};

use tokio::sync::mpsc;

use crate::engine::archive::{Holder, Packer};
use crate::engine::container::Container;
use crate::engine::path::is_below;
use crate::engine::tree::PathKind;
use crate::engine::user::User;
use crate::submission::changed::check_path;
use crate::{Docker, DockerError};

/// Where blobs are read from: the contents of submitted files and of hidden tests.
pub trait BlobSource: Send + Sync {
    /// The bytes of a blob.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    fn blob(&self, digest: Sha256) -> io::Result<Vec<u8>>;
}

/// Any file in the folder for results: that folder and what is above it are there for it.
const A_RESULT: &str = "/lancet/results/any";
/// The lists of files and folders that [`Laying::first`] takes away. They stay in
/// the container, and tell whoever runs there no more than it handed in itself.
const GONE_FILES: &str = "/.lancet-gone-files";
const GONE_FOLDERS: &str = "/.lancet-gone-folders";
/// The engine's archives cannot take anything away. The container's own first
/// process does, and becomes what is to run there after that. A folder that is left
/// empty goes too, as with `git`. Its mode may have been changed for it.
const TAKE_AWAY: &str = "(cd \"$1\" \
    && { xargs -0 chmod u+w -- </.lancet-gone-folders 2>/dev/null || :; } \
    && xargs -0 rm -f -- </.lancet-gone-files \
    && { xargs -0 rmdir -p -- </.lancet-gone-folders 2>/dev/null || :; }) || exit 125; \
    shift; exec \"$@\"";
/// Looks at folders of a container at a time.
const CONCURRENCY: usize = 8;
/// An archive is sent in pieces of about so many bytes, and of one file more.
const PIECE_BYTES: usize = 256 << 10;
/// So many of them wait for the engine.
const PIECES: usize = 4;

/// Files that are laid into a container before anything runs there. The last one
/// for a path counts; what is in its way goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Laying {
    /// By absolute path.
    files: BTreeMap<String, (Sha256, bool)>,
    work_tree: String,
    gone: BTreeSet<String>,
    /// Whether the folder for results is laid too, as the user's own.
    results: bool,
}

impl Laying {
    /// A submission, into its work tree.
    pub(crate) fn submission(work_tree: &str, changes: &ChangeSet) -> Result<Self, InfraFault> {
        let mut laying = Self { work_tree: work_tree.to_owned(), ..Self::default() };
        for file in &changes.files {
            // Whoever made the change set has checked it; nothing rests on that.
            check_path(&file.path)
                .map_err(|refused| InfraFault::new(InfraFaultKind::DockerError, refused.to_string()))?;
            let path = format!("{work_tree}/{}", file.path);
            match &file.change {
                FileChange::Written { sha256, executable, .. } => laying.put(path, *sha256, *executable),
                FileChange::Deleted => laying.take(path),
            }
        }
        Ok(laying)
    }

    /// Adds what a plan needs: its files, on top, and where anything is kept of the folder for
    /// results, that folder as the user's own.
    pub(crate) fn add_plan(&mut self, plan: &Plan) {
        self.add(&plan.files_at, &plan.files);
        let artifacts = plan.artifacts.iter().map(|artifact| &artifact.path);
        let mut kept = artifacts.chain([&plan.report]).chain(&plan.status_file);
        self.results = kept.any(|path| path == RESULTS_FOLDER || is_below(path, RESULTS_FOLDER));
    }

    /// Adds a plan's files, on top.
    fn add(&mut self, folder: &str, files: &[LaidFile]) {
        for file in files {
            self.put(format!("{folder}/{}", file.path), file.sha256, file.executable);
        }
    }

    fn put(&mut self, path: String, sha256: Sha256, executable: bool) {
        for (end, _) in path.match_indices('/') {
            self.files.remove(&path[..end]);
            self.gone.remove(&path[..end]);
        }
        let folder = format!("{path}/");
        let below = |other: &&String| other.starts_with(&folder);
        let files: Vec<String> =
            self.files.range(folder.clone()..).map(|(other, _)| other).take_while(below).cloned().collect();
        let gone: Vec<String> = self.gone.range(folder.clone()..).take_while(below).cloned().collect();
        for other in &files {
            self.files.remove(other);
        }
        for other in gone.iter().chain([&path]) {
            self.gone.remove(other);
        }
        self.files.insert(path, (sha256, executable));
    }

    fn take(&mut self, path: String) {
        // Where a file took a folder's place, all that was in it is gone already.
        if !path.match_indices('/').any(|(end, _)| self.files.contains_key(&path[..end])) {
            self.gone.insert(path);
        }
    }

    /// Leaves out a file that the submission must not bring.
    pub(crate) fn leave_out(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.gone.is_empty()
    }

    /// Whether something is to be gone.
    pub(crate) fn takes_away(&self) -> bool {
        !self.gone.is_empty()
    }

    /// The command that takes away what is to be gone, and then becomes `argv`.
    pub(crate) fn first(&self, argv: &[String]) -> Vec<String> {
        let shell = ["sh", "-c", TAKE_AWAY, "sh", &self.work_tree];
        shell.into_iter().map(str::to_owned).chain(argv.iter().cloned()).collect()
    }

    /// Lays everything into a container that has not been started.
    pub(crate) async fn lay(&self, container: &Container, blobs: &dyn BlobSource) -> Result<(), InfraFault> {
        if self.is_empty() && !self.results {
            return Ok(());
        }
        let mut folders = self.missing_folders(container).await?;
        // One that the image has may be another's, or root's.
        if self.results
            && !folders.contains(&RESULTS_FOLDER)
            && container.look(RESULTS_FOLDER).await? == Some(PathKind::Folder)
        {
            folders.push(RESULTS_FOLDER);
        }
        let (sender, receiver) = mpsc::channel::<Bytes>(PIECES);
        let pieces = stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|piece| (Ok::<_, io::Error>(piece), receiver))
        });
        let packing = self.pack(Holder::User(container.user()), folders, blobs, sender);
        let (packed, laid) = tokio::join!(packing, container.lay("/", pieces));
        packed?;
        Ok(laid?)
    }

    /// Packs everything, and gives it away piece by piece: what was handed in may be
    /// much, and folders take as much room in an archive as files do.
    async fn pack(
        &self,
        holder: Holder,
        folders: Vec<&str>,
        blobs: &dyn BlobSource,
        sender: mpsc::Sender<Bytes>,
    ) -> Result<(), InfraFault> {
        let mut packer = Packer::new();
        for folder in folders {
            packer.folder(relative(folder), 0o755, holder)?;
            if packer.packed() > PIECE_BYTES && sender.send(packer.take().into()).await.is_err() {
                return Ok(());
            }
        }
        for (path, (sha256, executable)) in &self.files {
            let mode = if *executable { 0o755 } else { 0o644 };
            packer.file(relative(path), &read(blobs, *sha256)?, mode, holder)?;
            if packer.packed() > PIECE_BYTES && sender.send(packer.take().into()).await.is_err() {
                return Ok(());
            }
        }
        if !self.gone.is_empty() {
            let below = |path: &String| path.strip_prefix(&self.work_tree).map(relative).map(str::to_owned);
            let files: BTreeSet<String> = self.gone.iter().filter_map(below).collect();
            let folders = files.iter().filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder));
            let folders: BTreeSet<&str> = folders.collect();
            let list = |names: &mut dyn Iterator<Item = &str>| {
                names.fold(Vec::new(), |mut list, name| {
                    list.extend_from_slice(b"./");
                    list.extend_from_slice(name.as_bytes());
                    list.push(0);
                    list
                })
            };
            let (files, folders) =
                (list(&mut files.iter().map(String::as_str)), list(&mut folders.into_iter()));
            packer.file(relative(GONE_FILES), &files, 0o444, Holder::Root)?;
            packer.file(relative(GONE_FOLDERS), &folders, 0o444, Holder::Root)?;
        }
        // Nobody reads on where the engine has failed.
        let _ = sender.send(packer.finish()?.into()).await;
        Ok(())
    }

    /// The folders above the files that the container does not have, or has
    /// something else in place of. A symbolic link outside of the work tree is the
    /// image's own affair, and is followed.
    /// Below one that is missing nothing is looked at.
    async fn missing_folders(&self, container: &Container) -> Result<Vec<&str>, DockerError> {
        let mut missing = BTreeSet::new();
        let mut level: Vec<&str> = vec![""];
        let folders = self.folders();
        while !level.is_empty() {
            let below = level.iter().filter_map(|folder| folders.get(folder)).flatten().copied();
            // Owned, and boxed where they begin: a stream of borrowing closures cannot be
            // shown to be `Send` from further out (rust-lang/rust#102211).
            let looks: Vec<BoxFuture<'_, _>> = below
                .map(|folder| async move { Ok((folder, self.is_missing(container, folder).await?)) }.boxed())
                .collect();
            let found: Vec<Result<(&str, bool), DockerError>> =
                stream::iter(looks).buffered(CONCURRENCY).collect().await;
            level.clear();
            for found in found {
                let (folder, is_missing) = found?;
                if is_missing {
                    missing.insert(folder);
                } else {
                    level.push(folder);
                }
            }
        }
        // All below them, which a sorted set has right behind.
        let mut all = missing.clone();
        let mut waiting: Vec<&str> = missing.into_iter().collect();
        while let Some(folder) = waiting.pop() {
            let below = folders.get(folder).into_iter().flatten();
            waiting.extend(below.clone());
            all.extend(below);
        }
        Ok(all.into_iter().collect())
    }

    /// The folders above the files, each by the one above it; the root is empty.
    fn folders(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let result = self.results.then_some(A_RESULT);
        for path in self.files.keys().map(String::as_str).chain(result) {
            // Deepest first: one that is known has all above it known.
            let mut rest = path;
            while let Some((above, _)) = rest.rsplit_once('/') {
                if above.is_empty() {
                    break;
                }
                let over = above.rsplit_once('/').map_or("", |(over, _)| over);
                if !folders.entry(over).or_default().insert(above) {
                    break;
                }
                rest = above;
            }
        }
        folders
    }

    async fn is_missing(&self, container: &Container, folder: &str) -> Result<bool, DockerError> {
        if is_below(&self.work_tree, folder) || folder == self.work_tree {
            return Ok(false);
        }
        Ok(match container.look(folder).await? {
            Some(PathKind::Folder) => false,
            Some(PathKind::Symlink) => is_below(folder, &self.work_tree),
            Some(PathKind::File | PathKind::Other) | None => true,
        })
    }
}

/// A driver's volume: the tests in it, and a folder for the results, both the
/// tests' own.
pub(crate) fn pack_volume(
    volume: &str,
    tests: &str,
    results: &str,
    files: &[LaidFile],
    blobs: &dyn BlobSource,
    user: User,
) -> Result<Vec<u8>, InfraFault> {
    let holder = Holder::User(user);
    let mut packer = Packer::new();
    let mut folders = BTreeSet::new();
    let paths = files.iter().map(|file| (format!("{tests}/{}", file.path), file)).collect::<Vec<_>>();
    let below = |path: &str| path.strip_prefix(volume).map(|path| relative(path).to_owned());
    let all = paths.iter().map(|(path, _)| path.rsplit_once('/').map_or("", |(folder, _)| folder));
    for folder in all.chain([tests, results]) {
        let Some(folder) = below(folder) else {
            let message = format!("`{folder}` is outside of `{volume}`, and nothing else can be written to");
            return Err(InfraFault::new(InfraFaultKind::DockerError, message));
        };
        let ends = folder.match_indices('/').map(|(end, _)| end).chain([folder.len()]);
        folders.extend(ends.map(|end| folder[..end].to_owned()));
    }
    for folder in folders.iter().filter(|folder| !folder.is_empty()) {
        packer.folder(folder, 0o755, holder)?;
    }
    for (path, file) in &paths {
        let mode = if file.executable { 0o755 } else { 0o644 };
        let path = below(path).unwrap_or_default();
        packer.file(&path, &read(blobs, file.sha256)?, mode, holder)?;
    }
    Ok(packer.finish()?)
}

impl Container {
    /// As [`Container::upload`], except that a file may take a folder's place, and
    /// that the archive comes in pieces.
    async fn lay(
        &self,
        folder: &str,
        pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), DockerError> {
        let docker: &Docker = self.docker();
        let options = UploadToContainerOptionsBuilder::default().path(folder).build();
        let laying = docker.slow_client().upload_to_container(
            self.id(),
            Some(options),
            bollard::body_try_stream(pieces),
        );
        docker.slow_call("laying files into a container", laying).await
    }
}

fn read(blobs: &dyn BlobSource, digest: Sha256) -> Result<Vec<u8>, InfraFault> {
    let unreadable = |error: io::Error| {
        let message = format!("blob {digest}, which is to be laid into a container: {error}");
        InfraFault::new(InfraFaultKind::DockerError, message)
    };
    blobs.blob(digest).map_err(unreadable)
}

fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use lancet_core::SubmittedFile;

    fn laying(files: &[(&str, bool)]) -> Laying {
        let file = |(path, written): &(&str, bool)| SubmittedFile {
            path: (*path).to_owned(),
            change: if *written {
                FileChange::Written { sha256: Sha256::of(b""), bytes: 0, executable: false }
            } else {
                FileChange::Deleted
            },
        };
        let files = files.iter().map(file).collect();
        let changes = ChangeSet { base: String::new(), files, overlaid: Vec::new(), diff: Sha256::of(b"") };
        Laying::submission("/w", &changes).unwrap()
    }

    fn paths(laying: &Laying) -> (Vec<&str>, Vec<&str>) {
        (laying.files.keys().map(String::as_str).collect(), laying.gone.iter().map(String::as_str).collect())
    }

    #[test]
    fn files_and_folders_that_take_each_others_place_are_not_taken_away_again() {
        let laying = laying(&[("a", false), ("a/b", true), ("c", true), ("c/d", false), ("e", false)]);
        assert_eq!(paths(&laying), (vec!["/w/a/b", "/w/c"], vec!["/w/e"]));
        assert!(laying.takes_away());
    }

    #[test]
    fn folders_are_found_below_each_other() {
        let laying = laying(&[("a/b/c/f", true), ("a/b/g", true), ("a-b/h", true), ("i", true)]);
        let folders = laying.folders();
        assert_eq!(folders[""], ["/w"].into());
        assert_eq!(folders["/w"], ["/w/a", "/w/a-b"].into());
        assert_eq!(folders["/w/a"], ["/w/a/b"].into());
        assert_eq!(folders["/w/a/b"], ["/w/a/b/c"].into());
        assert_eq!(folders.len(), 4);
    }

    #[test]
    fn tests_come_on_top() {
        let mut laying = laying(&[("t", true), ("u/x.py/y", true), ("u/z.py", false), ("v", false)]);
        let test = |path: &str| LaidFile {
            path: path.to_owned(),
            sha256: Sha256::of(b"test"),
            bytes: 4,
            executable: false,
        };
        laying.add("/w/t", &[test("a.py")]);
        laying.add("/w/u", &[test("x.py"), test("z.py")]);
        laying.leave_out("/w/t/a.py");
        assert_eq!(paths(&laying), (vec!["/w/u/x.py", "/w/u/z.py"], vec!["/w/v"]));
    }

    #[test]
    fn paths_that_leave_the_work_tree_are_refused() {
        for path in ["../x", "/x", "a//b", "a/./b", ""] {
            let files = vec![SubmittedFile { path: path.to_owned(), change: FileChange::Deleted }];
            let changes =
                ChangeSet { base: String::new(), files, overlaid: Vec::new(), diff: Sha256::of(b"") };
            assert!(Laying::submission("/w", &changes).is_err(), "{path}");
        }
    }
}
