//! A disk whose power can be cut: what had reached it at a moment is kept, and what only
//! the kernel's memory held is gone, as it is not when a process is killed.
//!
//! The disk is a file on a file system of its own, and looks like a block device to the
//! file system on it. A cut freezes the file system *below*, which holds all further writes
//! of the block device back and asks nothing of what is above, and copies the file.
//!
//! Needs root, loop devices, and `e2fsprogs`, which every Debian has.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::unprivileged::not_shown;

/// The size of a disk.
const DISK: &str = "64M";
/// The size of what is below, which holds one disk at a time.
const BELOW: &str = "160M";

/// What is on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The usual one. Whatever makes one file durable makes the names of all others so, too.
    Ext4,
    /// Without a journal: nothing is durable but what was asked for. It is repaired before
    /// it is read again.
    Ext2,
}

impl Format {
    /// Half of all rounds each.
    pub(crate) fn of_round(round: usize) -> Self {
        if round.is_multiple_of(2) { Self::Ext4 } else { Self::Ext2 }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Ext4 => "mkfs.ext4",
            Self::Ext2 => "mkfs.ext2",
        }
    }
}

/// Room for disks, one at a time.
pub(crate) struct Below {
    // Unmounted before the folder that holds it goes.
    mounted: Mounted,
    folder: TempDir,
}

/// A file system that is mounted.
struct Mounted(PathBuf);

/// A disk under power.
pub(crate) struct Disk {
    mounted: Mounted,
    image: PathBuf,
    below: PathBuf,
    copy: PathBuf,
    format: Format,
}

/// A disk after its power was cut, under power again.
pub(crate) struct Recovered {
    mounted: Mounted,
}

impl Below {
    /// `None` where that takes an account that this is not, and that is known.
    pub(crate) fn new() -> Option<Self> {
        if fs::metadata("/proc/self").expect("`/proc` is mounted").uid() != 0 {
            not_shown("that nothing is lost when the power is cut");
            return None;
        }
        // In memory where that is possible: how long a disk takes is not what is looked at.
        let memory = Path::new("/dev/shm");
        let folder = match has_room(memory) {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.expect("a folder for disks");
        let image = folder.path().join("below.img");
        make(&image, BELOW, Format::Ext4);
        let mounted = Mounted::new(&image, &folder.path().join("below"));
        Some(Self { mounted, folder })
    }

    /// A new disk, in place of the one before.
    pub(crate) fn disk(&self, format: Format) -> Disk {
        let below = self.mounted.0.clone();
        let image = below.join("disk.img");
        make(&image, DISK, format);
        let mounted = Mounted::new(&image, &self.folder.path().join("disk"));
        Disk { mounted, image, below, copy: self.folder.path().join("copy.img"), format }
    }

    /// What was kept of a disk when its power was cut.
    pub(crate) fn recover(&self, disk: &Disk) -> Recovered {
        if disk.format == Format::Ext2 {
            // 1: errors were found, and all are mended.
            run(Command::new("e2fsck").args(["-f", "-y"]).arg(&disk.copy), &[0, 1]);
        }
        Recovered { mounted: Mounted::new(&disk.copy, &self.folder.path().join("copy")) }
    }
}

impl Disk {
    /// The folder that the disk is mounted on.
    pub(crate) fn path(&self) -> &Path {
        &self.mounted.0
    }

    /// Keeps what is on the disk now. The disk itself goes on, which nobody looks at.
    pub(crate) fn cut(&self) {
        let frozen = Frozen::new(&self.below);
        let mut copy = Command::new("cp");
        run(copy.args(["--sparse=always", "--reflink=never"]).arg(&self.image).arg(&self.copy), &[0]);
        drop(frozen);
    }
}

impl Recovered {
    /// The folder that it is mounted on.
    pub(crate) fn path(&self) -> &Path {
        &self.mounted.0
    }
}

impl Mounted {
    fn new(image: &Path, folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder to mount at");
        // The loop device goes with the mount. Nobody else waits for these disks.
        run(Command::new("mount").args(["-o", "loop,noatime"]).arg(image).arg(folder), &[0]);
        Self(folder.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // At once if possible; lazily where a process that was killed still holds a file.
        let umount = |arguments: &[&str]| {
            Command::new("umount").args(arguments).arg(&self.0).stderr(std::process::Stdio::null()).status()
        };
        if !umount(&[]).is_ok_and(|status| status.success()) {
            let _ = umount(&["--lazy"]);
        }
    }
}

/// A file system whose writes are held back, until this is dropped.
struct Frozen<'a>(&'a Path);

impl<'a> Frozen<'a> {
    fn new(folder: &'a Path) -> Self {
        run(Command::new("fsfreeze").arg("--freeze").arg(folder), &[0]);
        Self(folder)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("--unfreeze").arg(self.0).status();
    }
}

/// Whether all images fit into a folder. In containers `/dev/shm` has 64 MiB.
fn has_room(folder: &Path) -> bool {
    let output = Command::new("df").args(["--output=avail", "--block-size=1M"]).arg(folder).output();
    let told = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    told.lines().nth(1).and_then(|line| line.trim().parse::<u64>().ok()).is_some_and(|free| free >= 1_024)
}

fn make(image: &Path, size: &str, format: Format) {
    let _ = fs::remove_file(image);
    run(Command::new("truncate").args(["--size", size]).arg(image), &[0]);
    // Without its lazy beginnings, nothing is written later that nobody asked for.
    let mut mkfs = Command::new(format.program());
    run(mkfs.args(["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(image), &[0]);
}

fn run(command: &mut Command, allowed: &[i32]) {
    // Debian keeps these where only root's path leads.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let needs = "cutting the power needs root, loop devices (`losetup --find` tells one), and the packages \
                 e2fsprogs, mount and util-linux";
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}; {needs}"));
    let is_fine = output.status.code().is_some_and(|code| allowed.contains(&code));
    assert!(is_fine, "{command:?}: {}: {}; {needs}", output.status, String::from_utf8_lossy(&output.stderr));
}
