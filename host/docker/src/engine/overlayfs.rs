//! What a container has changed, from the folders in which overlayfs keeps it: the engine
//! takes seconds for what is there to be read.

use std::io;
use std::path::PathBuf;

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::InspectContainerOptionsBuilder;

use crate::DockerError;
use crate::engine::container::Container;
use crate::engine::listing::Changes;

/// The folder in which overlayfs keeps what a container has written.
///
/// The engine lists a container's changes by comparing every file of its root with
/// the image's, which takes seconds for a large image (its `overlay2` driver has an
/// exact comparison too, and does not use it for this). Where this process may read
/// the engine's folders, which takes root on the engine's own machine, the names are
/// taken from there; everything else is still asked of the engine.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) upper: PathBuf,
    /// From the topmost down.
    lowers: Vec<PathBuf>,
}

/// What a container has written to its root file system and not removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Bytes, in whole blocks of the file system.
    pub(crate) bytes: u64,
    /// Files and folders.
    pub(crate) files: usize,
}

impl Container {
    /// Where its changes lie, if they can be read.
    ///
    /// # Errors
    /// [`DockerError`], but not that they cannot be read.
    pub(crate) async fn layers(&self) -> Result<Option<Layers>, DockerError> {
        if !may_read() {
            return Ok(None);
        }
        let docker = self.docker();
        let options = InspectContainerOptionsBuilder::default().build();
        let inspect = docker.client().inspect_container(self.id(), Some(options));
        Ok(Layers::of(&docker.call("inspecting a container", inspect).await?))
    }
}

impl Layers {
    /// Where a container's changes lie, if they can be read.
    pub(crate) fn of(found: &ContainerInspectResponse) -> Option<Self> {
        if !may_read() {
            return None;
        }
        let driver = found.graph_driver.as_ref().filter(|driver| driver.name == "overlay2")?;
        let (upper, lowers) = (driver.data.get("UpperDir")?, driver.data.get("LowerDir")?);
        let upper = PathBuf::from(upper);
        // Its name is the engine's own, at random: a folder of that name is that one.
        let there = upper.is_absolute() && upper.symlink_metadata().is_ok_and(|found| found.is_dir());
        there.then(|| Self { upper, lowers: lowers.split(':').map(PathBuf::from).collect() })
    }
}

/// Whether it can be told which folders hide what is below them: overlayfs marks
/// them so that only a capable root sees it, and nobody else that there is anything
/// to see.
#[cfg(target_os = "linux")]
pub(crate) fn may_read() -> bool {
    const DAC_OVERRIDE: u64 = 1 << 1;
    const SYS_ADMIN: u64 = 1 << 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let held = held.and_then(|held| u64::from_str_radix(held.trim(), 16).ok()).unwrap_or_default();
    held & (DAC_OVERRIDE | SYS_ADMIN) == DAC_OVERRIDE | SYS_ADMIN
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn may_read() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
impl Layers {
    pub(crate) fn changes(&self, _: &str) -> io::Result<Changes> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
impl Layers {
    /// What is not as in the image, at, above and below the work tree: what the
    /// engine would list, path by path, and files besides whose size and time are as
    /// they were while their bytes are not. The container has to be stopped or paused.
    /// Blocks.
    ///
    /// # Errors
    /// It cannot be told from here.
    pub(crate) fn changes(&self, work_tree: &str) -> io::Result<Changes> {
        walk::Walk::new(&self.upper, &self.lowers, work_tree).run()
    }
}

#[cfg(target_os = "linux")]
mod walk {
    use std::collections::HashSet;
    use std::ffi::{OsStr, OsString};
    use std::fs::{File, Metadata};
    use std::io::{self, Read as _};
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
    use std::path::{Path, PathBuf};
    use std::rc::Rc;

    use crate::engine::listing::{ChangeKind, Changes, Listing, MAX_FILES, MAX_REACH_BYTES};
    use crate::engine::path::{in_git, is_below};

    /// Looks at all that a container has written. Paths are short enough for the
    /// kernel, as one that is not ends everything.
    pub(super) struct Walk<'a> {
        upper: &'a Path,
        lowers: &'a [PathBuf],
        work_tree: &'a str,
        listing: Listing<'a>,
        folders: Vec<Folder>,
        /// How much more is looked at.
        left: usize,
    }

    /// Where a folder lies. What it has in it shares this: a path is long, and there
    /// may be a million folders below it.
    struct Place {
        /// From the container's root, as the engine would write it: with a sign for
        /// each byte that is not UTF-8. The root is empty.
        shown: String,
        /// From the container's root, relative.
        path: PathBuf,
    }

    /// A folder that the container has written to.
    struct Folder {
        above: Rc<Place>,
        /// Empty for the root.
        name: Box<OsStr>,
        /// Those of the image's layers in which it is a folder, from the topmost down.
        lowers: Rc<[usize]>,
        /// Whether it hides what those layers have in it.
        hides: bool,
    }

    /// What the image has at a path.
    struct Lower {
        found: Metadata,
        /// The layer that it was found in.
        layer: usize,
        /// See [`Folder::lowers`].
        lowers: Vec<usize>,
    }

    /// Why nothing more is looked at.
    enum Beyond {
        /// A path is longer than is looked at.
        TooDeep,
        /// There is more than any container may write.
        TooMany,
    }

    impl Folder {
        fn place(&self) -> Rc<Place> {
            if self.name.is_empty() {
                return Rc::clone(&self.above);
            }
            let shown = format!("{}/{}", self.above.shown, shown(&self.name));
            Rc::new(Place { shown, path: self.above.path.join(&*self.name) })
        }
    }

    impl<'a> Walk<'a> {
        pub(super) fn new(upper: &'a Path, lowers: &'a [PathBuf], work_tree: &'a str) -> Self {
            let root = Folder {
                above: Rc::new(Place { shown: String::new(), path: PathBuf::new() }),
                name: OsString::new().into(),
                lowers: (0..lowers.len()).collect(),
                hides: false,
            };
            let (listing, folders) = (Listing::new(work_tree), vec![root]);
            Self { upper, lowers, work_tree, listing, folders, left: MAX_FILES }
        }

        pub(super) fn run(mut self) -> io::Result<Changes> {
            while let Some(folder) = self.folders.pop() {
                match self.folder(&folder)? {
                    Ok(()) => {}
                    Err(Beyond::TooDeep) => return Ok(Changes::TooDeep),
                    Err(Beyond::TooMany) => return Ok(Changes::TooMany),
                }
            }
            Ok(self.listing.finish())
        }

        fn folder(&mut self, folder: &Folder) -> io::Result<Result<(), Beyond>> {
            let place = folder.place();
            let mut names = HashSet::new();
            for entry in std::fs::read_dir(self.upper.join(&place.path))? {
                let entry = entry?;
                let name = entry.file_name();
                let shown = format!("{}/{}", place.shown, shown(&name));
                if shown.len() > MAX_REACH_BYTES {
                    return Ok(Err(Beyond::TooDeep));
                }
                let Some(left) = self.left.checked_sub(1) else { return Ok(Err(Beyond::TooMany)) };
                self.left = left;
                if self.concerns(&shown) {
                    self.entry(folder, &place, shown, &name)?;
                    if folder.hides {
                        names.insert(name);
                    }
                } else if entry.file_type()?.is_dir() {
                    // Whatever is in it, nothing may be too deep.
                    let (above, lowers) = (Rc::clone(&place), Rc::default());
                    self.folders.push(Folder { above, name: name.into(), lowers, hides: false });
                }
            }
            if folder.hides && !folder.lowers.is_empty() {
                self.hidden(folder, &place, names)?;
            }
            Ok(Ok(()))
        }

        /// Whether something at that path is to be listed.
        fn concerns(&self, shown: &str) -> bool {
            !self.listing.is_full()
                && (shown == self.work_tree
                    || is_below(shown, self.work_tree)
                    || is_below(self.work_tree, shown))
        }

        /// Something that lies in the container's own folder.
        fn entry(
            &mut self,
            folder: &Folder,
            place: &Rc<Place>,
            shown: String,
            name: &OsStr,
        ) -> io::Result<()> {
            let path = place.path.join(name);
            let found = self.upper.join(&path).symlink_metadata()?;
            let lower = self.lower(&folder.lowers, &path)?;
            if is_whiteout(&found) {
                if lower.is_some() {
                    self.list(shown, ChangeKind::Deleted);
                }
                return Ok(());
            }
            if !found.is_dir() {
                match lower {
                    None => self.list(shown, ChangeKind::Added),
                    Some(lower) if differs(&found, &lower.found) => self.list(shown, ChangeKind::Modified),
                    // Either it was opened and not written to, or its time was put back.
                    Some(lower) if found.is_file() && !in_git(&shown) => {
                        let before = self.lowers[lower.layer].join(&path);
                        if !same_bytes(&self.upper.join(&path), &before)? {
                            self.list(shown, ChangeKind::Modified);
                        }
                    }
                    Some(_) => {}
                }
                return Ok(());
            }
            let real = self.upper.join(&path);
            if has_mark(&real, "trusted.overlay.redirect") {
                // It was moved here, and what is below it lies elsewhere.
                return Err(io::ErrorKind::Unsupported.into());
            }
            let hides = folder.hides || is_opaque(&real);
            let lowers = match lower {
                None => {
                    self.list(shown, ChangeKind::FolderAdded);
                    Rc::default()
                }
                Some(lower) if !lower.found.is_dir() => {
                    self.list(shown, ChangeKind::Modified);
                    Rc::default()
                }
                Some(lower) => {
                    if differs(&found, &lower.found) {
                        self.list(shown, ChangeKind::FolderKept);
                    }
                    lower.lowers.into()
                }
            };
            self.folders.push(Folder { above: Rc::clone(place), name: name.into(), lowers, hides });
            Ok(())
        }

        fn list(&mut self, shown: String, kind: ChangeKind) {
            self.listing.add_above(&shown);
            self.listing.add(shown, kind);
        }

        /// Lists what the image has in a folder that hides it.
        fn hidden(&mut self, folder: &Folder, place: &Place, mut seen: HashSet<OsString>) -> io::Result<()> {
            for &layer in folder.lowers.iter() {
                for entry in std::fs::read_dir(self.lowers[layer].join(&place.path))? {
                    let name = entry?.file_name();
                    if seen.contains(&name) {
                        continue;
                    }
                    let path = place.path.join(&name);
                    if !is_whiteout(&self.lowers[layer].join(path).symlink_metadata()?) {
                        let shown = format!("{}/{}", place.shown, shown(&name));
                        if self.concerns(&shown) {
                            self.list(shown, ChangeKind::Deleted);
                        }
                    }
                    seen.insert(name);
                }
            }
            Ok(())
        }

        /// What the image has at a path, by the layers in which the folder above is one.
        fn lower(&self, above: &[usize], path: &Path) -> io::Result<Option<Lower>> {
            let mut lower: Option<Lower> = None;
            for &layer in above {
                let real = self.lowers[layer].join(path);
                let found = match real.symlink_metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    found => found?,
                };
                if is_whiteout(&found) {
                    break;
                }
                let is_folder = found.is_dir();
                match &mut lower {
                    None => {
                        let lowers = if is_folder { vec![layer] } else { Vec::new() };
                        lower = Some(Lower { found, layer, lowers });
                    }
                    Some(lower) if is_folder => lower.lowers.push(layer),
                    Some(_) => {}
                }
                if !is_folder || is_opaque(&real) {
                    break;
                }
            }
            Ok(lower)
        }
    }

    /// As the engine's JSON has a name: a sign for each byte that is not UTF-8.
    fn shown(name: &OsStr) -> String {
        let mut shown = String::with_capacity(name.len());
        for chunk in name.as_bytes().utf8_chunks() {
            shown.push_str(chunk.valid());
            shown.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        shown
    }

    /// What the engine takes for a change.
    fn differs(now: &Metadata, before: &Metadata) -> bool {
        // Archives have whole seconds.
        let same_time = now.mtime() == before.mtime()
            && (now.mtime_nsec() == before.mtime_nsec() || now.mtime_nsec() == 0 || before.mtime_nsec() == 0);
        now.mode() != before.mode()
            || now.uid() != before.uid()
            || now.gid() != before.gid()
            || now.rdev() != before.rdev()
            || (!now.is_dir() && (now.size() != before.size() || !same_time))
    }

    fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
        const PIECE: usize = 128 << 10;
        let open = |path: &Path| {
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NOATIME;
            File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
        };
        let (mut one, mut other) = (open(one)?, open(other)?);
        let (mut this, mut that) = (Vec::new(), Vec::new());
        loop {
            this.clear();
            that.clear();
            one.by_ref().take(PIECE as u64).read_to_end(&mut this)?;
            other.by_ref().take(PIECE as u64).read_to_end(&mut that)?;
            if this != that {
                return Ok(false);
            }
            if this.is_empty() {
                return Ok(true);
            }
        }
    }

    /// What hides something of the image.
    fn is_whiteout(found: &Metadata) -> bool {
        found.file_type().is_char_device() && found.rdev() == 0
    }

    /// Whether a folder hides all that the layers below have in it.
    fn is_opaque(folder: &Path) -> bool {
        let mut mark = [0_u8; 1];
        let marked = rustix::fs::lgetxattr(folder, "trusted.overlay.opaque", &mut mark[..]);
        matches!(marked, Ok(1)) && mark == *b"y"
    }

    fn has_mark(path: &Path, name: &str) -> bool {
        !matches!(
            rustix::fs::lgetxattr(path, name, &mut [0_u8; 1][..]),
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP)
        )
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_look_ends_at_what_is_too_much() {
            let upper = tempfile::tempdir().unwrap();
            for n in 0..3 {
                std::fs::create_dir_all(upper.path().join(format!("srv/{n}/below"))).unwrap();
                std::fs::create_dir_all(upper.path().join(format!("tmp/{n}"))).unwrap();
            }
            let walk = |left| Walk { left, ..Walk::new(upper.path(), &[], "/srv") }.run().unwrap();
            let Changes::Listed { changes, .. } = walk(11) else { panic!("too much") };
            let paths: Vec<&str> = changes.keys().map(String::as_str).collect();
            assert_eq!(
                paths,
                ["/srv", "/srv/0", "/srv/0/below", "/srv/1", "/srv/1/below", "/srv/2", "/srv/2/below"]
            );
            assert_eq!(walk(10), Changes::TooMany);
        }

        #[test]
        fn names_are_shown_as_the_engine_does() {
            for (name, as_shown) in [
                (&b"plain"[..], "plain"),
                ("\u{fffd}\u{fc}".as_bytes(), "\u{fffd}\u{fc}"),
                (b"a\xff", "a\u{fffd}"),
                (b"\xe2\x82a", "\u{fffd}\u{fffd}a"),
                (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
                (b"\xf0\x9f\x98", "\u{fffd}\u{fffd}\u{fffd}"),
            ] {
                assert_eq!(shown(OsStr::from_bytes(name)), as_shown);
            }
        }
    }
}
