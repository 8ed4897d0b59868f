//! What the agent's container shows of a history: every repository in the image, wherever
//! it lies.
//!
//! They are found by their names, by a script that needs no more than the agent's own
//! tools do (`sh`, `find`, `head`, `tr`), as the agent's account and before anything else runs;
//! they are read by this process, from the engine's archives, so no git has to be there.
//! The work tree's own has to hold one commit. What any other one holds beside that is
//! taken away: the engine puts an empty folder in its place, which only the agent's
//! containers have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use bytes::Bytes;
use lancet_core::{Account, Environment, InfraFault, InfraFaultKind, PinnedImage, Sha256};
use tokio::sync::mpsc;

use crate::engine::archive::{Entry, EntryKind, Holder, Packer, read};
use crate::engine::container::{Container, Download};
use crate::engine::exec::{ExecEnd, ExecSpec, shown};
use crate::engine::hardening::{ContainerSpec, idle};
use crate::engine::label::PREPARED;
use crate::engine::path::is_below;
use crate::engine::pieces::{Pieces, hand_on};
use crate::engine::tree::PathKind;
use crate::engine::user::User;
use crate::submission::object::Problem;
use crate::submission::repository::examine;
use crate::{Docker, DockerError, Lease};

/// The label with the paths that were taken away, one per line.
const CONCEALED: &str = "dev.lancet.concealed";
/// How long looking for repositories may take: a file system of a million files is
/// walked through in seconds once, and in a minute or two from a slow disk.
const FIND_TIME: Duration = Duration::from_secs(300);
/// How long looking into all of them may take.
const EXAMINE_TIME: Duration = Duration::from_secs(300);
/// Bytes of the list of what was found.
const MAX_FOUND: usize = 4 << 20;
/// The most repositories of an image.
const MAX_REPOSITORIES: usize = 2_000;
/// Bytes of a `.git` that is a file.
const MAX_POINTER: u64 = 64 << 10;
/// What is printed when all was looked at.
const DONE: &[u8] = b"done";
/// The repositories of other systems, which hold all of a history or may.
const OTHERS: [&str; 9] = [".hg", ".svn", ".bzr", ".jj", "_darcs", ".pijul", ".fslckout", "_FOSSIL_", ".sl"];

/// What stands before the path of a folder that cannot be looked into.
const LOCKED: &[u8] = b"locked ";

/// Prints what may be a part of a history below a folder (`$1`), each path with a NUL
/// after it. Object stores are known by what is in them, packs and bundles by how they
/// begin. What the account cannot read, and can make readable since it is the account's,
/// is told of too.
const FIND: &str = r#"command -v find >/dev/null && command -v head >/dev/null && command -v tr >/dev/null || exit 1
find "$1" -xdev -prune -type d ! -perm -500 >/dev/null || exit 1
find "$1" -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o -type d ! -perm -500 -exec sh -c '
        for path; do
            [ -O "$path" ] && printf "locked %s\0" "$path"
        done
        :' sh {} + -o \( -name .git -o -name .hg -o -name .svn \
    -o -name .bzr -o -name .jj -o -name _darcs -o -name .pijul -o -name .fslckout -o -name _FOSSIL_ -o -name .sl \
    -o -name '*.pack' -o -name '*.bundle' -o -type d -name objects \) -exec sh -c '
        is_store() {
            for file in "$1"/pack/pack-* "$1"/pack/*.pack "$1"/pack/.*.pack; do
                [ -e "$file" ] && return 0
            done
            for store in "$1"/pack "$1"/[0-9a-f][0-9a-f]; do
                [ -d "$store" ] || continue
                [ -e "${1%/*}/HEAD" ] && return 0
                for file in "$store"/*; do
                    name=${file##*/}
                    case "$name" in
                        *[!0-9a-f]*) ;;
                        *) case "${#name}" in 38 | 62) return 0 ;; esac ;;
                    esac
                done
            done
            return 1
        }
        for path; do
            case "$path" in
                */objects) is_store "$path" && printf "%s\0" "$path" ;;
                */objects/pack/*.pack) ;;
                *.pack | *.bundle)
                    if [ -f "$path" ] && [ ! -r "$path" ]; then
                        [ -O "$path" ] && printf "%s\0" "$path"
                        continue
                    fi
                    case "$path" in
                        *.pack) [ -f "$path" ] && [ "$(head -c 4 "$path" | tr -dc A-Z)" = PACK ] ;;
                        *) [ -f "$path" ] && [ "$(head -c 16 "$path" | tr -dc a-z)" = vgitbundle ] ;;
                    esac && printf "%s\0" "$path" ;;
                *) printf "%s\0" "$path" ;;
            esac
        done
        :' sh {} + 2>/dev/null
printf 'done\0'"#;

/// Something in an image that may tell of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A repository's own folder: `.git`, a bare one.
    Repository,
    /// Objects without the rest of a repository.
    Objects,
    /// `.git` as a file, or as a link.
    Pointer,
    /// A pack or a bundle.
    File,
    /// A repository of another system.
    Other,
}

/// By their paths, which are absolute and without links.
type Found = BTreeMap<String, What>;

impl Docker {
    /// Sees to it that a container of the agent's image shows no history: gives the
    /// image itself, or one that was made of it. `container` is one of it that runs.
    ///
    /// # Errors
    /// [`InfraFaultKind::HistoryPresent`], and those of the engine.
    pub(crate) async fn without_history(
        &self,
        environment: &Environment,
        agent: &PinnedImage,
        container: &Container,
        lease: &Lease,
    ) -> Result<PinnedImage, InfraFault> {
        let found = container.repositories().await.map_err(Failure::fault)?;
        let examined = tokio::time::timeout(EXAMINE_TIME, container.examine(environment, found)).await;
        let late = |_| present(format!("its repositories were not looked into within {EXAMINE_TIME:?}"));
        let concealed = examined.map_err(late)?.map_err(Failure::fault)?;
        if concealed.is_empty() {
            return Ok(agent.clone());
        }
        self.conceal(environment, agent, &concealed, lease).await
    }

    /// The image without these, from an earlier time or made now.
    async fn conceal(
        &self,
        environment: &Environment,
        agent: &PinnedImage,
        concealed: &Found,
        lease: &Lease,
    ) -> Result<PinnedImage, InfraFault> {
        let paths: Vec<&String> = concealed.keys().collect();
        let depends_on = ("without history, 1", &agent.reference, environment.account, &paths);
        let key = Sha256::of_json(&depends_on).to_string();
        let reference = match self.kept(&key).await? {
            Some(id) => id,
            None => {
                let container =
                    self.create(&ContainerSpec::setup(environment, agent, &idle(), lease)).await?;
                let made = async {
                    container.replace(packed(concealed, environment.account)?).await?;
                    container.is_concealed(concealed).await?;
                    let labels = BTreeMap::from([
                        (PREPARED.to_owned(), key.clone()),
                        (
                            CONCEALED.to_owned(),
                            paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join("\n"),
                        ),
                    ]);
                    Ok(container.commit(&self.image(agent).await?, &labels).await?)
                };
                let made: Result<String, InfraFault> = made.await;
                // What cannot be removed now is the reaper's.
                let _ = container.remove().await;
                made?
            }
        };
        Ok(PinnedImage { name: agent.name.clone(), reference })
    }
}

/// Why it is not known what is there.
enum Failure {
    Docker(DockerError),
    Present(String),
}

impl From<DockerError> for Failure {
    fn from(error: DockerError) -> Self {
        Self::Docker(error)
    }
}

impl Failure {
    fn fault(self) -> InfraFault {
        match self {
            Self::Docker(error) => error.into(),
            Self::Present(message) => present(message),
        }
    }
}

fn present(message: String) -> InfraFault {
    InfraFault::new(InfraFaultKind::HistoryPresent, message)
}

impl Container {
    /// What the agent's account finds in it.
    async fn repositories(&self) -> Result<Found, Failure> {
        let argv = ["sh", "-c", FIND, "sh", "/"].map(str::to_owned);
        let output = self
            .exec(&ExecSpec {
                argv: &argv,
                variables: &BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
                working_directory: Some("/"),
                stdin: &[],
                time: FIND_TIME,
                output_bytes: MAX_FOUND,
            })
            .await?;
        let mut paths: Vec<&[u8]> = output.stdout.bytes.split(|byte| *byte == 0).collect();
        // Behind the last NUL there is nothing.
        let is_whole = paths.pop() == Some(b"") && paths.pop() == Some(DONE);
        if output.end != ExecEnd::Exited(0) || !is_whole {
            let why = shown(&output.stderr.bytes);
            let message = format!("it cannot be told which repositories are there ({:?}): {why}", output.end);
            return Err(Failure::Present(message));
        }
        let mut found = Found::new();
        for path in paths {
            if let Some(locked) = path.strip_prefix(LOCKED) {
                let message = format!(
                    "`{}`: the agent's account owns this folder and cannot look into it, so it is not known what \
                     is there; give its owner the right to read and enter it (`chmod u+rx`)",
                    String::from_utf8_lossy(locked)
                );
                return Err(Failure::Present(message));
            }
            let Ok(path) = std::str::from_utf8(path) else {
                let shown = String::from_utf8_lossy(path).into_owned();
                return Err(Failure::Present(format!("`{shown}`: its path is not UTF-8")));
            };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let (path, what) = match name {
                "objects" => match self.look(&format!("{folder}/HEAD")).await? {
                    Some(_) if !folder.is_empty() => (folder, What::Repository),
                    _ => (path, What::Objects),
                },
                ".git" => match self.look(path).await? {
                    Some(PathKind::Folder) => (path, What::Repository),
                    _ => (path, What::Pointer),
                },
                _ if OTHERS.contains(&name) => (path, What::Other),
                _ => (path, What::File),
            };
            found.insert(path.to_owned(), what);
            if found.len() > MAX_REPOSITORIES {
                return Err(Failure::Present(format!("there are more than {MAX_REPOSITORIES} repositories")));
            }
        }
        Ok(found)
    }

    /// What of it has to be concealed.
    async fn examine(&self, environment: &Environment, found: Found) -> Result<Found, Failure> {
        let tree = environment.work_tree.as_str();
        let own = format!("{tree}/.git");
        let (mut concealed, mut pointers) = (Found::new(), BTreeMap::new());
        let mut problems: BTreeMap<String, String> = BTreeMap::new();
        for (path, what) in found {
            let problem = match what {
                What::Pointer => {
                    pointers.insert(path.clone(), self.pointed_at(&path).await?);
                    continue;
                }
                What::Repository => self.look_into(&path).await?,
                What::Objects | What::File => Some("it holds objects of a repository".to_owned()),
                What::Other => Some("it is a repository that is not looked into".to_owned()),
            };
            if let Some(problem) = problem {
                problems.insert(path.clone(), problem);
                concealed.insert(path, what);
            }
        }
        // A repository of its own, a linked one, or one of another system.
        let at_the_top = OTHERS.map(|name| format!("{tree}/{name}"));
        let linked = pointers.get(&own).cloned().flatten();
        for (path, problem) in &problems {
            let is_own = *path == own
                || is_below(path, &own)
                || at_the_top.contains(path)
                || linked.as_ref().is_some_and(|linked| linked == path || is_below(linked, path));
            if is_own {
                return Err(Failure::Present(format!("repository `{tree}`: {problem}")));
            }
            if path == tree || is_below(tree, path) {
                return Err(Failure::Present(format!(
                    "repository `{path}`, in which the work tree is: {problem}"
                )));
            }
        }
        for (path, target) in pointers {
            let leads = |concealed: &String| {
                target.as_ref().is_some_and(|target| target == concealed || is_below(target, concealed))
            };
            if path != own && concealed.keys().any(leads) {
                concealed.insert(path, What::Pointer);
            }
        }
        // What is in one that goes has gone.
        let paths: BTreeSet<String> = concealed.keys().cloned().collect();
        concealed.retain(|path, _| !paths.iter().any(|other| is_below(path, other)));
        Ok(concealed)
    }

    /// Where a `.git` that is a file leads to.
    async fn pointed_at(&self, path: &str) -> Result<Option<String>, Failure> {
        let Download::Tar(tar) = self.download(path, MAX_POINTER).await? else { return Ok(None) };
        let entries = read(&tar, 1).unwrap_or_default();
        let Some(Entry { kind: EntryKind::File(bytes), .. }) = entries.first() else { return Ok(None) };
        let text = String::from_utf8_lossy(bytes);
        let target = text.trim().strip_prefix("gitdir:").map(str::trim);
        Ok(target.map(|target| resolved(path.rsplit_once('/').map_or("", |(folder, _)| folder), target)))
    }

    /// What is wrong with a repository, by its own folder.
    async fn look_into(&self, path: &str) -> Result<Option<String>, Failure> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let (sender, receiver) = mpsc::channel::<Bytes>(4);
        let reading = tokio::task::spawn_blocking(move || examine(Pieces::new(receiver)));
        let mut stream = self.docker().client().download_from_container(self.id(), Some(options));
        let failure = hand_on(&mut stream, sender).await;
        let failure = failure.map(|error| self.docker().failed("reading a repository", error));
        drop(stream);
        let examined = reading.await.unwrap_or_else(|error| Err(Problem::Unknown(error.to_string())));
        match (examined, failure) {
            (Ok(()), Some(error)) => Err(error.into()),
            (examined, _) => Ok(examined.err().map(|problem| problem.to_string())),
        }
    }

    /// Unpacks an archive into its root, and puts files in the place of folders: all
    /// that was in these is gone.
    async fn replace(&self, tar: Vec<u8>) -> Result<(), DockerError> {
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let docker = self.docker();
        let body = bollard::body_full(Bytes::from(tar));
        let client = docker.slow_client();
        docker.slow_call("concealing files", client.upload_to_container(self.id(), Some(options), body)).await
    }

    /// Whether nothing is left of it.
    async fn is_concealed(&self, concealed: &Found) -> Result<(), InfraFault> {
        /// An empty folder, and the end of an archive.
        const EMPTY: u64 = 16 << 10;
        for path in concealed.keys() {
            let left = self.download(path, EMPTY).await?;
            let is_empty = matches!(&left, Download::Tar(tar) if read(tar, 1).is_ok_and(|entries| {
                entries.len() == 1 && matches!(entries[0].kind, EntryKind::Folder | EntryKind::File(b""))
            }));
            if !is_empty {
                return Err(present(format!("`{path}` cannot be concealed")));
            }
        }
        Ok(())
    }
}

/// An empty folder in the place of each repository, an empty file in that of a file.
fn packed(concealed: &Found, account: Account) -> Result<Vec<u8>, DockerError> {
    let holder = Holder::User(User::of(account));
    let mut packer = Packer::new();
    for (path, what) in concealed {
        let path = path.trim_start_matches('/');
        // First a file: it takes the place of all that is there.
        packer.file(path, b"", 0o644, holder)?;
        if *what != What::File {
            packer.folder(path, 0o755, holder)?;
        }
    }
    packer.finish()
}

/// A path as it is from a folder, without `.` and `..`.
fn resolved(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut names = Vec::new();
    for name in whole.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_by_their_names() {
        for (folder, path, expected) in [
            ("/srv/app", "../.git/worktrees/app", "/srv/.git/worktrees/app"),
            ("/srv/app", "/else/where.git", "/else/where.git"),
            ("/srv/app", "./.git", "/srv/app/.git"),
            ("/srv", "../../../x", "/x"),
        ] {
            assert_eq!(resolved(folder, path), expected);
        }
    }

    /// What is printed of a folder that a script has filled, without the folder's path.
    fn found_in(script: &str) -> Vec<String> {
        let place = tempfile::tempdir().unwrap();
        let run = |script: &str| {
            let mut command = std::process::Command::new("sh");
            command.args(["-c", script, "sh"]).arg(place.path()).current_dir(place.path());
            let output = command.env("LC_ALL", "C").output().unwrap();
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        run(script);
        let printed = run(FIND).replace(place.path().to_str().unwrap(), "");
        run("chmod -R u+rwx .");
        let mut found: Vec<String> = printed.split('\0').map(str::to_owned).collect();
        assert_eq!((found.pop().as_deref(), found.pop().as_deref()), (Some(""), Some("done")));
        found.sort();
        found
    }

    #[test]
    fn a_folder_is_a_store_by_what_is_in_it() {
        let digits = "0123456789abcdef0123456789abcdef012345";
        for (script, found) in [
            (
                "mkdir -p src/objects/ab src/objects/pack; touch src/objects/ab/shape.js src/objects/pack/box.js",
                &[][..],
            ),
            (
                &format!(
                    "mkdir -p src/objects/xy src/objects/ab; touch src/objects/xy/{digits} src/objects/ab/{digits}g"
                ),
                &[],
            ),
            (&format!("mkdir -p objects/ab; touch objects/ab/{digits}"), &["/objects"]),
            (&format!("mkdir -p objects/ab; touch objects/ab/{digits}{}", &digits[..24]), &["/objects"]),
            ("mkdir -p objects/pack; touch objects/pack/pack-1.idx", &["/objects"]),
            ("mkdir -p objects/pack; touch objects/pack/.other.pack", &["/objects"]),
            ("mkdir -p bare/objects/pack; touch bare/HEAD", &["/bare/objects"]),
            (
                &format!("mkdir -p .git/lfs/objects/ab/cd; touch .git/lfs/objects/ab/cd/abcd{digits}"),
                &["/.git"],
            ),
            (
                "printf 'PACK 1' > a.pack; printf 'else' > b.pack; printf '# v2 git bundle' > c.bundle",
                &["/a.pack", "/c.bundle"],
            ),
        ] {
            assert_eq!(found_in(script), found, "{script}");
        }
    }

    #[test]
    fn folders_that_their_owner_cannot_enter_are_told_of() {
        for mode in ["000", "400", "100", "077"] {
            let script = format!("mkdir -p a/b/.git c; chmod {mode} a/b; chmod 500 c");
            assert!(found_in(&script).contains(&"locked /a/b".to_owned()), "{mode}");
        }
        assert_eq!(found_in("mkdir -p a/b; chmod 500 a"), Vec::<String>::new());
    }

    #[test]
    fn every_other_system_is_looked_for() {
        for name in OTHERS {
            assert!(FIND.contains(&format!("-name {name} ")), "{name}");
        }
    }
}
