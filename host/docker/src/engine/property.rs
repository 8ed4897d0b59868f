//! What of an image belongs to the account of its processes: that is given to the user that
//! a container gets instead, since a home is mostly its owner's alone.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use lancet_core::UNPRIVILEGED_ID;

/// The file that names an image's users.
const ACCOUNTS: &str = "etc/passwd";
const MAX_ACCOUNTS_BYTES: u64 = 1 << 20;
/// What of an image is given to another user costs so much disk again for every
/// attempt that goes on at a time.
const MAX_OWNED_BYTES: u64 = 128 << 20;
const MAX_OWNED_FILES: u32 = 50_000;
/// All of an image has to be read to know what in it belongs to whom.
pub(crate) const MAX_IMAGE_BYTES: u64 = 4 << 30;

/// What of an image belongs to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    Nothing,
    Some,
    TooMuch,
}

/// Why containers of some images, whose account is not root, have that account's user
/// and none of their own.
#[must_use]
pub fn user_bounds() -> String {
    format!(
        "over {} MiB or {MAX_OWNED_FILES} files of it belong to the user {UNPRIVILEGED_ID}, or it is larger than {} GiB",
        MAX_OWNED_BYTES >> 20,
        MAX_IMAGE_BYTES >> 30
    )
}

/// Keeps what belongs to the account, as the user's, and the image's list of users
/// with the account's entry under the user's id: programs look their own name up.
pub(crate) fn sift(archive: impl Read, user: u32) -> io::Result<(Property, Vec<u8>)> {
    let mut kept = tar::Builder::new(Vec::new());
    let (mut files, mut bytes) = (0, 0);
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path_bytes().into_owned();
        let (id, kind) = (entry.header().uid()?, entry.header().entry_type());
        if kind.is_file() && path == ACCOUNTS.as_bytes() && entry.size() <= MAX_ACCOUNTS_BYTES {
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            if let Some(renamed) = renamed(&text, user) {
                let mut header = header(entry.header(), renamed.len() as u64)?;
                kept.append_data(&mut header, ACCOUNTS, renamed.as_slice())?;
                files += 1;
            }
            continue;
        }
        if id != u64::from(UNPRIVILEGED_ID) {
            continue;
        }
        files += 1;
        bytes += entry.size();
        if files > MAX_OWNED_FILES || bytes > MAX_OWNED_BYTES {
            return Ok((Property::TooMuch, Vec::new()));
        }
        let mut header = header(entry.header(), entry.size())?;
        header.set_uid(user.into());
        let path = Path::new(OsStr::from_bytes(&path));
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            kept.append_link(&mut header, path, Path::new(OsStr::from_bytes(&target)))?;
        } else if kind.is_file() || kind.is_dir() || kind.is_fifo() {
            kept.append_data(&mut header, path, &mut entry)?;
        }
    }
    let property = if files == 0 { Property::Nothing } else { Property::Some };
    Ok((property, kept.into_inner()?))
}

/// The same in the one form that takes names of any length.
fn header(found: &tar::Header, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(found.entry_type());
    header.set_mode(found.mode()? & 0o7777);
    header.set_uid(found.uid()?);
    header.set_gid(found.gid()?);
    header.set_mtime(found.mtime()?);
    header.set_size(size);
    Ok(header)
}

/// passwd(5) with the user's id in place of the account's; `None` where it has none.
fn renamed(text: &[u8], user: u32) -> Option<Vec<u8>> {
    let account = UNPRIVILEGED_ID.to_string();
    let mut found = false;
    let lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
            let id = user.to_string();
            match fields.get_mut(2) {
                Some(field) if *field == account.as_bytes() => {
                    found = true;
                    *field = id.as_bytes();
                    fields.join(&b':')
                }
                _ => line.to_vec(),
            }
        })
        .collect();
    found.then(|| lines.join(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: u32 = 60_578;

    #[test]
    fn only_the_accounts_own_entry_gets_another_id() {
        let text = b"root:x:0:0::/:/bin/sh\nchat:x:10001:10001::/home/chat:/bin/sh\n# 10001:10001:10001\n";
        let expected =
            b"root:x:0:0::/:/bin/sh\nchat:x:60578:10001::/home/chat:/bin/sh\n# 10001:10001:60578\n";
        assert_eq!(renamed(text, USER).unwrap(), expected);
        assert_eq!(renamed(b"root:x:0:0::/:/bin/sh\nchat:x:100011:10001::/:\n", USER), None);
        assert_eq!(renamed(b"\xff:::\n\n10001", USER), None);
    }

    /// Path, kind, owner, contents or target.
    type Entry = (String, tar::EntryType, u64, Vec<u8>);

    fn entries(tar: &[u8]) -> Vec<Entry> {
        let mut archive = tar::Archive::new(tar);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let mut bytes = entry.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default();
            entry.read_to_end(&mut bytes).unwrap();
            assert_eq!(entry.header().gid().unwrap(), 7);
            (path, entry.header().entry_type(), entry.header().uid().unwrap(), bytes)
        });
        entries.collect()
    }

    #[test]
    fn what_belongs_to_the_account_is_the_users_and_the_rest_is_left() {
        use tar::EntryType::{Directory, Link, Regular, Symlink};
        let long = format!("srv/{}/file", "n".repeat(200));
        let account = u64::from(UNPRIVILEGED_ID);
        let mut image = tar::Builder::new(Vec::new());
        for (path, kind, owner, bytes) in [
            ("srv/", Directory, account, &b""[..]),
            (long.as_str(), Regular, account, b"long"),
            ("srv/link", Symlink, account, b"../else"),
            ("srv/hard", Link, account, b"srv/file"),
            ("srv/root", Regular, 0, b"root's"),
            ("etc/passwd", Regular, 0, b"a:x:10001:7::/:"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o644);
            header.set_uid(owner);
            header.set_gid(7);
            header.set_mtime(1);
            if matches!(kind, Symlink | Link) {
                header.set_size(0);
                image.append_link(&mut header, path, Path::new(OsStr::from_bytes(bytes))).unwrap();
            } else {
                header.set_size(bytes.len() as u64);
                image.append_data(&mut header, path, bytes).unwrap();
            }
        }
        let image = image.into_inner().unwrap();
        let (property, kept) = sift(image.as_slice(), USER).unwrap();
        assert!(property == Property::Some);
        let user = u64::from(USER);
        let expected: Vec<Entry> = vec![
            ("srv/".into(), Directory, user, Vec::new()),
            (long, Regular, user, b"long".into()),
            ("srv/link".into(), Symlink, user, b"../else".into()),
            ("srv/hard".into(), Link, user, b"srv/file".into()),
            ("etc/passwd".into(), Regular, 0, b"a:x:60578:7::/:".into()),
        ];
        assert_eq!(entries(&kept), expected);
        assert!(sift(kept.as_slice(), USER).unwrap().0 == Property::Nothing);
    }

    #[test]
    fn what_is_too_much_is_given_up() {
        let mut image = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_uid(UNPRIVILEGED_ID.into());
        header.set_gid(0);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(0);
        for n in 0..=MAX_OWNED_FILES {
            image.append_data(&mut header, n.to_string(), io::empty()).unwrap();
        }
        let image = image.into_inner().unwrap();
        assert!(sift(image.as_slice(), USER).unwrap().0 == Property::TooMuch);
    }
}
