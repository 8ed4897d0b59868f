//! What a running container takes of the disk, as its file system has it: blocks that
//! no size speaks of count too, and so do files that have no name any more.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::engine::listing::MAX_FILES;
use crate::engine::overlayfs::{Layers, Usage};

/// Bytes of a block in what the kernel says of files.
const BLOCK_BYTES: u64 = 512;
/// So many bytes may be taken by folders themselves, which most file systems give a
/// block of 4 KiB each: nobody who makes folders thinks of these.
const FOLDER_BYTES: u64 = 512 << 20;
/// A folder stays open while what is in it is looked at when its path from the last
/// one that does has so many bytes: what a process can nest has no end, and paths have.
const PATH_BYTES: usize = 3_000;
/// The uppermost ones do anyway: whatever their names become, what is in them is found.
const NEAR_FOLDERS: usize = 16;
/// The most folders that are open for that at the same time, one in the other. What
/// is nested deeper counts as without end.
const OPEN_FOLDERS: usize = 64 + NEAR_FOLDERS;
/// How often a folder is read for what was in it and was not there by its name. Who
/// is there each time and can never be got at does not mean to be.
const TRIES: usize = 30;
/// What is not there so many times in a row is gone.
const MISSES: usize = 3;
/// The most folders that are kept to be read again.
const KEPT_FOLDERS: usize = 64;

const ENDLESS: Usage = Usage { bytes: u64::MAX, files: usize::MAX };

/// Where what is in a folder is found. All of that shares it: paths are long.
struct Place {
    anchor: Rc<Anchor>,
    /// From the anchor.
    path: PathBuf,
}

struct Anchor {
    folder: OwnedFd,
    /// How many lie above it.
    depth: usize,
}

/// A folder that is to be looked at.
struct Folder {
    above: Rc<Place>,
    /// Empty for the first.
    name: Box<OsStr>,
    /// Its inode's number, whatever its name is by then.
    number: u64,
}

/// What was in a folder and was not there by its name: it was removed, or has another.
struct Missing {
    place: Rc<Place>,
    numbers: HashSet<u64>,
}

/// There is more than is looked at.
struct Endless;

/// A look at all that there is.
#[derive(Default)]
struct Look {
    usage: Usage,
    folder_bytes: u64,
    linked: HashSet<(u64, u64)>,
    folders: Vec<Folder>,
    /// By where their places are kept.
    missing: HashMap<*const Place, Missing>,
}

impl Look {
    /// # Errors
    /// It cannot be told.
    fn at(folder: OwnedFd, most: usize) -> io::Result<Usage> {
        let mut look = Self::default();
        let place = Place { anchor: Rc::new(Anchor { folder, depth: 0 }), path: PathBuf::new() };
        let name = OsStr::new("").into();
        look.folders.push(Folder { above: Rc::new(place), name, number: 0 });
        loop {
            let next = if look.missing.len() < KEPT_FOLDERS { look.folders.pop() } else { None };
            let looked = match next {
                Some(folder) => look.folder(&folder, most)?,
                None => match look.missing.keys().next().copied().and_then(|key| look.missing.remove(&key)) {
                    Some(missing) => look.again(missing, most)?,
                    None => break,
                },
            };
            if let Err(Endless) = looked {
                return Ok(ENDLESS);
            }
        }
        let bytes = look.usage.bytes.saturating_add(look.folder_bytes.saturating_sub(FOLDER_BYTES));
        Ok(Usage { bytes, ..look.usage })
    }

    fn folder(&mut self, folder: &Folder, most: usize) -> io::Result<Result<(), Endless>> {
        let Place { anchor, path } = &*folder.above;
        let path = path.join(&*folder.name);
        match open_below(&anchor.folder, &path) {
            Ok(opened) => self.opened(opened, anchor, path, false, most),
            Err(error) if is_worked_on(error) => {
                self.miss(&folder.above, folder.number);
                Ok(Ok(()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn opened(
        &mut self,
        opened: OwnedFd,
        anchor: &Rc<Anchor>,
        path: PathBuf,
        is_renamed: bool,
        most: usize,
    ) -> io::Result<Result<(), Endless>> {
        let entries = Dir::read_from(&opened)?;
        let stays = is_renamed || anchor.depth < NEAR_FOLDERS || path.as_os_str().len() > PATH_BYTES;
        let (place, opened) = if stays {
            if anchor.depth == OPEN_FOLDERS {
                return Ok(Err(Endless));
            }
            let anchor = Rc::new(Anchor { folder: opened, depth: anchor.depth + 1 });
            (Place { anchor, path: PathBuf::new() }, None)
        } else {
            (Place { anchor: Rc::clone(anchor), path }, Some(opened))
        };
        let place = Rc::new(place);
        let here = opened.as_ref().unwrap_or(&place.anchor.folder);
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.usage.files += 1;
            if self.usage.files > most {
                return Ok(Err(Endless));
            }
            let Ok(found) = rustix::fs::statat(here, name, AtFlags::SYMLINK_NOFOLLOW) else {
                self.miss(&place, entry.ino());
                continue;
            };
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                self.folder_bytes = self.folder_bytes.saturating_add(bytes(&found));
                let name = OsStr::from_bytes(name.to_bytes()).into();
                self.folders.push(Folder { above: Rc::clone(&place), name, number: entry.ino() });
            } else {
                self.file(&found);
            }
        }
        Ok(Ok(()))
    }

    fn file(&mut self, found: &Stat) {
        if found.st_nlink < 2 || self.linked.insert((found.st_dev, found.st_ino)) {
            self.usage.bytes = self.usage.bytes.saturating_add(bytes(found));
        }
    }

    fn miss(&mut self, place: &Rc<Place>, number: u64) {
        let missing = self.missing.entry(Rc::as_ptr(place));
        let missing = missing.or_insert_with(|| Missing { place: Rc::clone(place), numbers: HashSet::new() });
        missing.numbers.insert(number);
    }

    /// Looks for what was missing by its number: a process can rename what it has
    /// again and again, and nothing has to be stopped for it this way.
    fn again(&mut self, missing: Missing, most: usize) -> io::Result<Result<(), Endless>> {
        let Missing { place, mut numbers } = missing;
        let mut misses = 0;
        for _ in 0..TRIES {
            let here = match open_below(&place.anchor.folder, &place.path) {
                Ok(here) => here,
                Err(error) if is_worked_on(error) => return Ok(Ok(())),
                Err(error) => return Err(error.into()),
            };
            misses += 1;
            for entry in Dir::read_from(&here)? {
                let entry = entry?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") || !numbers.contains(&entry.ino()) {
                    continue;
                }
                misses = 0;
                let Ok(found) = rustix::fs::statat(&here, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
                if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                    let path = Path::new(OsStr::from_bytes(name.to_bytes()));
                    let opened = match open_below(&here, path) {
                        Ok(opened) => opened,
                        Err(error) if is_worked_on(error) => continue,
                        Err(error) => return Err(error.into()),
                    };
                    let looked = self.opened(opened, &place.anchor, PathBuf::new(), true, most)?;
                    if looked.is_err() {
                        return Ok(looked);
                    }
                } else {
                    self.file(&found);
                }
                numbers.remove(&entry.ino());
            }
            if numbers.is_empty() || misses == MISSES {
                return Ok(Ok(()));
            }
        }
        Ok(Err(Endless))
    }
}

/// Whether something is not there as its name said a moment ago.
fn is_worked_on(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::AGAIN)
}

impl Layers {
    /// What the container takes; it may be running, and `process` is one of its own
    /// then. Files that only they still have open count while it is. Blocks.
    ///
    /// A file's name can be made to lead elsewhere at any time, so every folder is
    /// opened by its names alone, and no link is followed. More than [`MAX_FILES`] count
    /// as without end.
    ///
    /// # Errors
    /// It cannot be told from here.
    pub(crate) fn usage(&self, process: Option<i32>) -> io::Result<Usage> {
        let mut usage = self.named()?;
        if let Some(process) = process {
            usage.bytes = usage.bytes.saturating_add(self.unnamed(process));
        }
        Ok(usage)
    }

    fn named(&self) -> io::Result<Usage> {
        Look::at(rustix::fs::open(&self.upper, folder_flags(), Mode::empty())?, MAX_FILES)
    }

    /// Bytes of files without a name that the processes beside this one have open or
    /// mapped. Those that are on their way through a socket cannot be seen.
    fn unnamed(&self, process: i32) -> u64 {
        // The engine's number of it need not be ours.
        let own = Path::new("/proc").join(process.to_string());
        if !self.is_root_of(&own) {
            return 0;
        }
        let (Ok(space), Ok(processes)) = (own.join("ns/mnt").read_link(), std::fs::read_dir("/proc")) else {
            return 0;
        };
        let mut seen = HashSet::new();
        processes
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|process| process.join("ns/mnt").read_link().is_ok_and(|other| other == space))
            .flat_map(|process| open_files(&process).chain(mapped_files(&process)))
            .fold(0, |sum: u64, file| sum.saturating_add(unnamed_bytes(&file, &mut seen)))
    }

    /// Whether what that process has for its root is kept here.
    fn is_root_of(&self, process: &Path) -> bool {
        let mounts = std::fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
        let mut parts = self.upper.components().rev();
        let (Some(last), Some(layer)) = (parts.next(), parts.next()) else { return false };
        let end = Path::new(layer.as_os_str()).join(last);
        mounts
            .lines()
            .filter(|line| line.split(' ').nth(4) == Some("/"))
            .flat_map(|line| line.split(','))
            .filter_map(|option| option.strip_prefix("upperdir="))
            .any(|upper| Path::new(upper).ends_with(&end))
    }
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn open_below(folder: &OwnedFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    rustix::fs::openat2(folder, path, folder_flags(), Mode::empty(), resolve)
}

fn bytes(found: &Stat) -> u64 {
    u64::try_from(found.st_blocks).unwrap_or_default().saturating_mul(BLOCK_BYTES)
}

fn open_files(process: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let files = std::fs::read_dir(process.join("fd")).into_iter().flatten();
    files.filter_map(|entry| Some(entry.ok()?.path()))
}

/// What is mapped of files that have no name any more.
fn mapped_files(process: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folder = process.join("map_files");
    let maps = std::fs::read(process.join("maps")).unwrap_or_default();
    let ranges: Vec<String> = maps
        .split(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b" (deleted)"))
        .filter_map(|line| {
            let range = std::str::from_utf8(line.split(|byte| *byte == b' ').next()?).ok()?;
            let (from, to) = range.split_once('-')?;
            let bound = |digits| u64::from_str_radix(digits, 16).ok();
            Some(format!("{:x}-{:x}", bound(from)?, bound(to)?))
        })
        .collect();
    ranges.into_iter().map(move |range| folder.join(range))
}

/// What a file takes of a disk, when it has no name and was not seen yet.
fn unnamed_bytes(file: &Path, seen: &mut HashSet<(u64, u64)>) -> u64 {
    // Memory, which has its own limit.
    const IN_MEMORY: [u64; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];
    let Ok(found) = rustix::fs::stat(file) else { return 0 };
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile
        || found.st_nlink > 0
        || !seen.insert((found.st_dev, found.st_ino))
    {
        return 0;
    }
    match rustix::fs::statfs(file) {
        Ok(system) if !IN_MEMORY.contains(&u64::try_from(system.f_type).unwrap_or_default()) => bytes(&found),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn look(folder: &Path, most: usize) -> Usage {
        Look::at(rustix::fs::open(folder, folder_flags(), Mode::empty()).unwrap(), most).unwrap()
    }

    #[test]
    fn a_look_ends_at_more_files_than_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..5 {
            fs::create_dir_all(folder.path().join(format!("{n}/below"))).unwrap();
        }
        assert_eq!(look(folder.path(), 10).files, 10);
        assert_eq!(look(folder.path(), 9), ENDLESS);
    }

    #[test]
    fn what_is_renamed_all_the_time_is_counted() {
        const BYTES: usize = 1 << 20;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("one/in/it")).unwrap();
        fs::write(at("one/in/it/file"), vec![1; BYTES]).unwrap();
        fs::write(at("first"), vec![1; BYTES]).unwrap();
        let is_over = AtomicBool::new(false);
        let looks: Vec<Usage> = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for (from, to) in
                        [("one", "other"), ("first", "last"), ("other", "one"), ("last", "first")]
                    {
                        fs::rename(at(from), at(to)).unwrap();
                    }
                }
            });
            let looks = (0..200).map(|_| look(folder.path(), MAX_FILES)).collect();
            is_over.store(true, Ordering::Relaxed);
            looks
        });
        for found in looks {
            assert!(found.bytes >= 2 * BYTES as u64, "{found:?}");
        }
    }

    #[test]
    fn what_is_removed_meanwhile_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let made = tempfile::tempdir_in(folder.path()).unwrap();
                    fs::write(made.path().join("file"), "x").unwrap();
                }
            });
            let looks: Vec<Usage> = (0..200).map(|_| look(folder.path(), MAX_FILES)).collect();
            is_over.store(true, Ordering::Relaxed);
            assert!(looks.iter().all(|found| *found != ENDLESS));
        });
    }
}
