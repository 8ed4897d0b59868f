//! What a running container takes of the disk, as its file system has it: blocks that
//! no size speaks of count too, and so do files that have no name any more.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::container::Usage;
use crate::upper::Upper;

/// Bytes of a block in what the kernel says of files.
const BLOCK_BYTES: u64 = 512;
/// So many bytes may be taken by folders themselves, which most file systems give a
/// block of 4 KiB each: nobody who makes folders thinks of these.
const FOLDER_BYTES: u64 = 512 << 20;
/// A folder is opened anew when its path from the last one that was has so many
/// bytes: what a process can nest has no end, and paths have.
const PATH_BYTES: usize = 3_000;
/// The most folders that are open for that at the same time, one in the other. What
/// is nested deeper counts as without end.
const OPEN_FOLDERS: usize = 64;

const ENDLESS: Usage = Usage { bytes: u64::MAX, files: usize::MAX };

/// A folder that is to be looked at.
struct Folder {
    anchor: Rc<Anchor>,
    /// From the anchor.
    path: PathBuf,
}

struct Anchor {
    folder: OwnedFd,
    /// How many lie above it.
    depth: usize,
}

impl Upper {
    /// What the container takes; it may be running, and `process` is one of its own
    /// then. Files that only they still have open count while it is. Blocks.
    ///
    /// A file's name can be made to lead elsewhere at any time, so every folder is
    /// opened by its names alone, and no link is followed.
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
        let mut linked = HashSet::new();
        let root = rustix::fs::open(&self.upper, folder_flags(), Mode::empty())?;
        let root = Rc::new(Anchor { folder: root, depth: 0 });
        let mut usage = Usage::default();
        let mut folder_bytes = 0_u64;
        let mut folders = vec![Folder { anchor: root, path: PathBuf::new() }];
        while let Some(Folder { anchor, path }) = folders.pop() {
            let opened = match open_below(&anchor.folder, &path) {
                Ok(opened) => opened,
                // It is being worked on.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            };
            let entries = Dir::read_from(&opened)?;
            let (anchor, path, opened) = if path.as_os_str().len() > PATH_BYTES {
                if anchor.depth == OPEN_FOLDERS {
                    return Ok(ENDLESS);
                }
                (Rc::new(Anchor { folder: opened, depth: anchor.depth + 1 }), PathBuf::new(), None)
            } else {
                (anchor, path, Some(opened))
            };
            let here = opened.as_ref().unwrap_or(&anchor.folder);
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                usage.files += 1;
                let Ok(found) = rustix::fs::statat(here, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
                if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                    folder_bytes = folder_bytes.saturating_add(bytes(&found));
                    let path = path.join(OsStr::from_bytes(name.to_bytes()));
                    folders.push(Folder { anchor: Rc::clone(&anchor), path });
                } else if found.st_nlink < 2 || linked.insert((found.st_dev, found.st_ino)) {
                    usage.bytes = usage.bytes.saturating_add(bytes(&found));
                }
            }
        }
        usage.bytes = usage.bytes.saturating_add(folder_bytes.saturating_sub(FOLDER_BYTES));
        Ok(usage)
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
