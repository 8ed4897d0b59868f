//! Archives as the engine takes and gives them: packed so that equal contents make equal
//! bytes, and read without trusting what is in them.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use crate::DockerError;
use crate::engine::user::User;

/// Who owns an entry that is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A container's processes.
    User(User),
    /// Root: nothing in the container but the engine may change it.
    Root,
}

/// Packs files for the engine: only folders and regular files, each with a fixed
/// owner, mode and time, so that equal contents make equal bytes.
pub(crate) struct Packer {
    tar: tar::Builder<Vec<u8>>,
}

impl Packer {
    pub(crate) fn new() -> Self {
        let mut tar = tar::Builder::new(Vec::new());
        tar.mode(tar::HeaderMode::Deterministic);
        Self { tar }
    }

    /// Adds a folder. The path is relative, without `..`.
    ///
    /// # Errors
    /// The path does not fit into a tar.
    pub(crate) fn folder(&mut self, path: &str, mode: u32, holder: Holder) -> Result<(), DockerError> {
        let mut header = header(tar::EntryType::Directory, mode, holder, 0);
        let path = format!("{}/", path.trim_end_matches('/'));
        self.tar.append_data(&mut header, &path, io::empty()).map_err(|error| refused(&path, &error))
    }

    /// Adds a file. The path is relative, without `..`.
    ///
    /// # Errors
    /// The path does not fit into a tar.
    pub(crate) fn file(
        &mut self,
        path: &str,
        bytes: &[u8],
        mode: u32,
        holder: Holder,
    ) -> Result<(), DockerError> {
        let mut header = header(tar::EntryType::Regular, mode, holder, bytes.len() as u64);
        self.tar.append_data(&mut header, path, bytes).map_err(|error| refused(path, &error))
    }

    /// What is packed so far and was not taken yet, so that an archive need not be in
    /// memory whole.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.tar.get_mut())
    }

    /// How many bytes [`Packer::take`] would give.
    pub(crate) fn packed(&self) -> usize {
        self.tar.get_ref().len()
    }

    /// The archive, or what is left of it.
    pub(crate) fn finish(self) -> Result<Vec<u8>, DockerError> {
        self.tar.into_inner().map_err(|error| refused("the archive", &error))
    }
}

fn header(kind: tar::EntryType, mode: u32, holder: Holder, size: u64) -> tar::Header {
    let (id, group) = match holder {
        Holder::User(user) => (user.id.into(), user.group.into()),
        Holder::Root => (0, 0),
    };
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(id);
    header.set_gid(group);
    header.set_size(size);
    header.set_mtime(PACKED_TIME);
    header
}

/// The time of every packed file: 2020-01-01. Some tools take 1970 for an error.
const PACKED_TIME: u64 = 1_577_836_800;

fn refused(path: &str, error: &dyn std::error::Error) -> DockerError {
    DockerError::Context { path: path.to_owned(), reason: error.to_string() }
}

/// Packs a folder of the host, for a build: names sorted, owner root, modes 0644
/// and 0755. Symbolic links and anything else that is neither folder nor regular
/// file are refused, and so is a `.dockerignore`, which would have no effect here.
///
/// # Errors
/// [`DockerError::Context`], [`DockerError::TooLarge`] above `limit` bytes.
pub(crate) fn pack_folder(folder: &Path, limit: u64) -> Result<Vec<u8>, DockerError> {
    let mut packer = Packer::new();
    let mut left = limit;
    pack_into(&mut packer, folder, "", limit, &mut left)?;
    packer.finish()
}

fn pack_into(
    packer: &mut Packer,
    folder: &Path,
    prefix: &str,
    limit: u64,
    left: &mut u64,
) -> Result<(), DockerError> {
    let here = folder.display().to_string();
    let names = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
    });
    let mut names = names.map_err(|error| refused(&here, &error))?;
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let shown = path.display().to_string();
        let other = |reason: &str| DockerError::Context { path: shown.clone(), reason: reason.to_owned() };
        let name = name.to_str().ok_or_else(|| other("its name is not UTF-8"))?;
        if prefix.is_empty() && name == ".dockerignore" {
            return Err(other("it would have no effect: the whole folder is the context"));
        }
        let packed = format!("{prefix}{name}");
        let kind = std::fs::symlink_metadata(&path).map_err(|error| refused(&shown, &error))?;
        if kind.is_dir() {
            packer.folder(&packed, 0o755, Holder::Root)?;
            pack_into(packer, &path, &format!("{packed}/"), limit, left)?;
        } else if kind.is_file() {
            let bytes = kind.len();
            *left = left
                .checked_sub(bytes)
                .ok_or_else(|| DockerError::TooLarge { what: "the build's folder".to_owned(), limit })?;
            let bytes = std::fs::read(&path).map_err(|error| refused(&shown, &error))?;
            let mode = if is_executable(&kind) { 0o755 } else { 0o644 };
            packer.file(&packed, &bytes, mode, Holder::Root)?;
        } else {
            return Err(other("it is neither a folder nor a regular file"));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    false
}

/// What an entry of an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind<'a> {
    /// A regular file, with its bytes.
    File(&'a [u8]),
    /// A symbolic link, with its target.
    Symlink(Vec<u8>),
    /// Another name of a file of the same archive.
    HardLink(Vec<u8>),
    /// A folder.
    Folder,
    /// A device, a pipe, a socket, or what this does not know.
    Other,
}

/// An entry of an archive that the engine sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// As the archive has it, without the `/` at the end of folders: bytes, because
    /// names in a container need not be UTF-8.
    pub(crate) path: Vec<u8>,
    /// What it is.
    pub(crate) kind: EntryKind<'a>,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub(crate) mode: u32,
}

/// Why an archive is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// More entries than the caller takes.
    #[error("the archive has more than {0} entries")]
    TooMany(usize),
    /// Not a tar, or one whose headers lie about sizes.
    #[error("the archive is malformed: {0}")]
    Malformed(String),
}

/// Reads an archive that is whole in memory: nothing is copied but the names, so a
/// header that lies about a size cannot make it allocate.
///
/// # Errors
/// [`ArchiveError`].
pub(crate) fn read(tar: &[u8], most: usize) -> Result<Vec<Entry<'_>>, ArchiveError> {
    let malformed = |error: io::Error| ArchiveError::Malformed(error.to_string());
    let mut archive = tar::Archive::new(tar);
    let mut entries = Vec::new();
    for entry in archive.entries().map_err(malformed)? {
        let entry = entry.map_err(malformed)?;
        if entries.len() == most {
            return Err(ArchiveError::TooMany(most));
        }
        let target =
            |entry: &tar::Entry<'_, &[u8]>| entry.link_name_bytes().map(Cow::into_owned).unwrap_or_default();
        let kind = match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                EntryKind::File(content(tar, entry.raw_file_position(), entry.size())?)
            }
            tar::EntryType::Symlink => EntryKind::Symlink(target(&entry)),
            tar::EntryType::Link => EntryKind::HardLink(target(&entry)),
            tar::EntryType::Directory => EntryKind::Folder,
            _ => EntryKind::Other,
        };
        let mut path = entry.path_bytes().into_owned();
        while path.len() > 1 && path.last() == Some(&b'/') {
            path.pop();
        }
        let mode = entry.header().mode().map_err(malformed)? & 0o7777;
        entries.push(Entry { path, kind, mode });
    }
    Ok(entries)
}

fn content(tar: &[u8], start: u64, size: u64) -> Result<&[u8], ArchiveError> {
    let range =
        usize::try_from(start).ok().zip(start.checked_add(size).and_then(|end| usize::try_from(end).ok()));
    range
        .and_then(|(start, end)| tar.get(start..end))
        .ok_or_else(|| ArchiveError::Malformed("a size points beyond the end".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let mut packer = Packer::new();
        let holder = Holder::User(User { id: 60_578, group: 10_001 });
        packer.folder("tests", 0o755, holder).unwrap();
        packer.file("tests/a.py", b"assert True", 0o644, holder).unwrap();
        let long = format!("tests/{}/b", "x".repeat(300));
        packer.file(&long, b"", 0o755, Holder::Root).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn packs_the_same_bytes_each_time_and_reads_them_back() {
        let tar = packed();
        assert_eq!(tar, packed());
        let entries = read(&tar, 10).unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].kind, EntryKind::Folder);
        assert_eq!(entries[0].path, b"tests");
        assert_eq!(entries[1].kind, EntryKind::File(b"assert True"));
        assert_eq!(entries[1].mode, 0o644);
        assert_eq!(entries[2].path.len(), 308);
    }

    #[test]
    fn paths_that_leave_the_folder_cannot_be_packed() {
        for path in ["../a", "a/../../b"] {
            let mut packer = Packer::new();
            assert!(packer.file(path, b"", 0o644, Holder::Root).is_err(), "{path}");
        }
    }

    #[test]
    fn entries_are_counted() {
        assert_eq!(read(&packed(), 2), Err(ArchiveError::TooMany(2)));
    }

    #[test]
    fn a_size_that_lies_is_an_error() {
        let mut header = header(tar::EntryType::Regular, 0o644, Holder::Root, 1 << 40);
        header.set_path("a").unwrap();
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend([0; 512]);
        assert!(matches!(read(&tar, 10), Err(ArchiveError::Malformed(_))));
    }

    #[test]
    fn links_and_devices_are_told_apart() {
        let mut tar = tar::Builder::new(Vec::new());
        for (kind, name) in [
            (tar::EntryType::Symlink, "symlink"),
            (tar::EntryType::Link, "link"),
            (tar::EntryType::Char, "device"),
            (tar::EntryType::Fifo, "pipe"),
        ] {
            let mut header = header(kind, 0o644, Holder::Root, 0);
            tar.append_link(&mut header, name, "/etc/passwd").unwrap();
        }
        let tar = tar.into_inner().unwrap();
        let kinds: Vec<_> = read(&tar, 10).unwrap().into_iter().map(|entry| entry.kind).collect();
        let target = b"/etc/passwd".to_vec();
        assert_eq!(
            kinds,
            [
                EntryKind::Symlink(target.clone()),
                EntryKind::HardLink(target),
                EntryKind::Other,
                EntryKind::Other
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_with_a_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch").unwrap();
        assert!(pack_folder(folder.path(), 1 << 20).is_ok());
        assert!(matches!(pack_folder(folder.path(), 5), Err(DockerError::TooLarge { .. })));
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert!(matches!(pack_folder(folder.path(), 1 << 20), Err(DockerError::Context { .. })));
    }
}
