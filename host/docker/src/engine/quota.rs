//! Quotas of the file system that the engine's layers lie on, where it has them.

use std::collections::HashMap;
use std::path::Path;

use lancet_core::Resources;

/// So much more than a container may write, its file system lets it: who writes too
/// much is to be ended for it, and not to meet a full disk, which would make a verdict
/// depend on the file system. Folders take a block each, and are not counted.
const MARGIN_BYTES: u64 = 768 << 20;

/// What bounds the disk that a container takes, on this engine and machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskBound {
    /// The file system's own quota, at once, some way above the limit; and looks at
    /// blocks.
    Quota,
    /// Looks at the blocks that its files take, every two seconds: with blocks beyond
    /// a file's end, and files that are open and have no name any more.
    Blocks,
    /// Looks at the sizes of its files, every two seconds, by the engine.
    Sizes,
}

/// The engine's option for a container's quota.
pub(crate) fn option(resources: &Resources) -> HashMap<String, String> {
    let bytes = resources.disk_bytes.saturating_add(MARGIN_BYTES);
    HashMap::from([("size".to_owned(), bytes.to_string())])
}

/// Whether an engine's refusal to make a container is about its quota, by the words
/// of its storage drivers. An image may be called anything, and one that is not there
/// has a status of its own.
pub(crate) fn is_refusal(status: u16, message: &str) -> bool {
    const WORDS: [&str; 6] = [
        "--storage-opt",
        "'pquota'",
        "project quota",
        "quota limit for projid",
        "projid for",
        "enabled quotas",
    ];
    status != 404 && WORDS.iter().any(|words| message.contains(words))
}

/// Whether the engine's layers lie on a file system with quotas for folders that its
/// driver can set: `overlay2` on XFS, mounted with `pquota`. `mounts` is what Linux
/// has in `/proc/self/mountinfo`.
pub(crate) fn is_there(driver: &str, backing: &str, root: &Path, mounts: &str) -> bool {
    if driver != "overlay2" || backing != "xfs" {
        return false;
    }
    let found = mounts.lines().filter_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let at = Path::new(mount.split(' ').nth(4)?);
        let mut system = system.split(' ');
        let (kind, options) = (system.next()?, system.nth(1)?);
        root.starts_with(at).then_some((at, kind, options))
    });
    // Of several at one place the last one is seen.
    found.max_by_key(|(at, ..)| at.components().count()).is_some_and(|(_, kind, options)| {
        kind == "xfs" && options.split(',').any(|option| matches!(option, "prjquota" | "pquota"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_there_where_layers_lie_on_xfs_that_was_mounted_with_it() {
        let with = "30 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                    31 30 7:0 / /var/lib/docker rw,relatime shared:2 - xfs /dev/loop0 rw,attr2,inode64,prjquota\n";
        let root = Path::new("/var/lib/docker");
        assert!(is_there("overlay2", "xfs", root, with));
        assert!(!is_there("overlay2", "xfs", Path::new("/srv/docker"), with));
        assert!(!is_there("overlay2", "xfs", root, &with.replace("prjquota", "noquota")));
        assert!(!is_there("overlay2", "extfs", root, with));
        assert!(!is_there("vfs", "xfs", root, with));
        assert!(!is_there("overlay2", "xfs", root, ""));
        let over = format!("{with}32 31 8:1 / /var/lib/docker rw - xfs /dev/loop1 rw,noquota\n");
        assert!(!is_there("overlay2", "xfs", root, &over));
    }

    #[test]
    fn an_engines_refusal_is_told_from_others() {
        for words in [
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
            "Failed to set quota limit for projid 3 on /var/lib/docker/overlay2/backingFsBlockDev: no such device",
            "Filesystem does not support, or has not enabled quotas",
        ] {
            assert!(is_refusal(500, words), "{words}");
        }
        assert!(!is_refusal(404, "No such image: sha256:0"));
        assert!(!is_refusal(404, "No such image: acme/--storage-opt"));
        assert!(!is_refusal(400, "invalid reference of acme/quota-api"));
    }
}
