use std::io;
use std::path::{Path, PathBuf};

use bollard::query_parameters::InspectContainerOptionsBuilder;

use crate::DockerError;
#[cfg(target_os = "linux")]
use crate::container::{ChangeKind, PathChange};
use crate::container::{Changes, Container};

/// Whether a path was there before is looked up for so many; all that come after
/// are said to have been.
#[cfg(target_os = "linux")]
const LOOKED_UP: usize = 20_000;

/// The folder in which overlayfs keeps what a container has written.
///
/// The engine lists a container's changes by comparing every file of its root with
/// the image's, which takes seconds for a large image (its `overlay2` driver has an
/// exact comparison too, and does not use it for this). Where this process may read
/// the engine's folders, which takes root on the engine's own machine, the names are
/// taken from there; everything else is still asked of the engine.
#[derive(Debug)]
pub(crate) struct Upper {
    upper: PathBuf,
    /// From the topmost down.
    lowers: Vec<PathBuf>,
}

impl Container {
    /// Where its changes lie, if they can be read.
    ///
    /// # Errors
    /// [`DockerError`], but not that they cannot be read.
    pub(crate) async fn upper(&self) -> Result<Option<Upper>, DockerError> {
        if !may_read() {
            return Ok(None);
        }
        let docker = self.docker();
        let options = InspectContainerOptionsBuilder::default().build();
        let inspect = docker.client().inspect_container(self.id(), Some(options));
        let found = docker.call("inspecting a container", inspect).await?;
        let Some(driver) = found.graph_driver.filter(|driver| driver.name == "overlay2") else {
            return Ok(None);
        };
        let (Some(upper), Some(lowers)) = (driver.data.get("UpperDir"), driver.data.get("LowerDir")) else {
            return Ok(None);
        };
        let upper = PathBuf::from(upper);
        // Its name is the engine's own, at random: a folder of that name is that one.
        let there = upper.is_absolute() && upper.symlink_metadata().is_ok_and(|found| found.is_dir());
        Ok(there.then(|| Upper { upper, lowers: lowers.split(':').map(PathBuf::from).collect() }))
    }
}

/// Whether it can be told which folders hide what is below them: overlayfs marks
/// them so that only a capable root sees it, and nobody else that there is anything
/// to see.
#[cfg(target_os = "linux")]
fn may_read() -> bool {
    const DAC_OVERRIDE: u64 = 1 << 1;
    const SYS_ADMIN: u64 = 1 << 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let held = held.and_then(|held| u64::from_str_radix(held.trim(), 16).ok()).unwrap_or_default();
    held & (DAC_OVERRIDE | SYS_ADMIN) == DAC_OVERRIDE | SYS_ADMIN
}

#[cfg(not(target_os = "linux"))]
fn may_read() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
impl Upper {
    pub(crate) fn changes(&self, _: &str, _: usize) -> io::Result<Changes> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn exceeds(&self, _: usize) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
impl Upper {
    /// What has changed at or below `tree`, without repositories, as long as it is at
    /// most so many paths. The container has to be stopped or paused. A folder is
    /// named only where something else was, or where it hides what was in it; both
    /// count as deleted. Blocks.
    ///
    /// # Errors
    /// It cannot be told from here.
    pub(crate) fn changes(&self, tree: &str, most: usize) -> io::Result<Changes> {
        let mut found = Vec::new();
        let ends = tree.match_indices('/').map(|(end, _)| end).skip(1).chain([tree.len()]);
        for path in ends.map(|end| &tree[..end]) {
            match self.entry(path)? {
                None => return Ok(Changes::Listed(found)),
                Some(Entry::Folder) => found.extend(self.made_anew(path)?),
                Some(Entry::Whiteout) => {
                    found.push(PathChange { path: path.to_owned(), kind: ChangeKind::Deleted });
                    return Ok(Changes::Listed(found));
                }
                Some(Entry::Other) => {
                    found.push(PathChange { path: path.to_owned(), kind: ChangeKind::Modified });
                    return Ok(Changes::Listed(found));
                }
            }
        }
        let mut folders = vec![tree.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(below(&self.upper, &folder))? {
                let name = entry?.file_name();
                let Some(name) = name.to_str() else {
                    // As the engine would write it. What is below it is refused with it.
                    let path = format!("{folder}/{}", name.to_string_lossy());
                    found.push(PathChange { path, kind: ChangeKind::Added });
                    continue;
                };
                if name == ".git" {
                    continue;
                }
                let path = format!("{folder}/{name}");
                match self.entry(&path)? {
                    None => return Err(io::ErrorKind::NotFound.into()),
                    Some(Entry::Folder) => {
                        found.extend(self.made_anew(&path)?);
                        folders.push(path);
                    }
                    Some(Entry::Whiteout) => found.push(PathChange { path, kind: ChangeKind::Deleted }),
                    Some(Entry::Other) => {
                        let was_there = found.len() >= LOOKED_UP || self.lower(&path).is_some();
                        let kind = if was_there { ChangeKind::Modified } else { ChangeKind::Added };
                        found.push(PathChange { path, kind });
                    }
                }
                if found.len() + folders.len() > most {
                    return Ok(Changes::TooMany);
                }
            }
        }
        Ok(Changes::Listed(found))
    }

    /// Whether a container that may be running has written more than so many files
    /// and folders. Blocks.
    ///
    /// # Errors
    /// It cannot be told from here.
    pub(crate) fn exceeds(&self, most: usize) -> io::Result<bool> {
        let mut seen = 0;
        let mut folders = vec![self.upper.clone()];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                // It is being worked on.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                seen += 1;
                if seen > most {
                    return Ok(true);
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
        Ok(false)
    }

    /// Whether a folder took the place of something else, or hides what was in it.
    fn made_anew(&self, path: &str) -> io::Result<Option<PathChange>> {
        let folder = below(&self.upper, path);
        if rustix::fs::lgetxattr(&folder, "trusted.overlay.redirect", &mut [0_u8; 1][..]).is_ok() {
            // It was moved here, and what is below it lies elsewhere.
            return Err(io::ErrorKind::Unsupported.into());
        }
        let mut mark = [0_u8; 1];
        let marked = rustix::fs::lgetxattr(&folder, "trusted.overlay.opaque", &mut mark[..]);
        let opaque = matches!(marked, Ok(1)) && mark == *b"y";
        let was_folder = match self.lower(path) {
            None => return Ok(None),
            Some(was_folder) => was_folder,
        };
        let anew = opaque || !was_folder;
        Ok(anew.then(|| PathChange { path: path.to_owned(), kind: ChangeKind::Deleted }))
    }

    fn entry(&self, path: &str) -> io::Result<Option<Entry>> {
        match below(&self.upper, path).symlink_metadata() {
            Ok(found) if found.is_dir() => Ok(Some(Entry::Folder)),
            Ok(found) if is_whiteout(&found) => Ok(Some(Entry::Whiteout)),
            Ok(_) => Ok(Some(Entry::Other)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the image has something there, and whether that is a folder. One that
    /// a folder further up hides is found too: the image itself is asked about all
    /// that is found here.
    fn lower(&self, path: &str) -> Option<bool> {
        let found = self.lowers.iter().find_map(|lower| below(lower, path).symlink_metadata().ok())?;
        (!is_whiteout(&found)).then(|| found.is_dir())
    }
}

#[cfg(target_os = "linux")]
enum Entry {
    Folder,
    /// What hides something of the image.
    Whiteout,
    Other,
}

#[cfg(target_os = "linux")]
fn is_whiteout(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    found.file_type().is_char_device() && found.rdev() == 0
}

#[cfg(target_os = "linux")]
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}
