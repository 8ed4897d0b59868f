use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::query_parameters::ListContainersOptionsBuilder;
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use lancet_core::{Account, Environment, PinnedImage, Resources, Sha256, UNPRIVILEGED_ID};
use tokio::sync::mpsc;

use crate::container::Container;
use crate::hardening::ContainerSpec;
use crate::image::ImageInfo;
use crate::prepare::PREPARED;
use crate::{Docker, DockerError, DockerOptions, Lease, Role};

/// The kernel users of running containers: each has one that no other has. No
/// distribution gives these ids to people, services or containers, and they lie
/// below 65,536, which is all that a remapped engine has.
const USERS: RangeInclusive<u32> = 60_578..=61_183;
/// A container is named by its user: an engine gives out a name only once, to
/// however many processes that ask at the same time.
const NAME: &str = "lancet-user-";
/// The file that names an image's users.
const ACCOUNTS: &str = "etc/passwd";
const MAX_ACCOUNTS_BYTES: u64 = 1 << 20;
/// What of an image is given to another user costs so much disk again for every
/// attempt that goes on at a time.
const MAX_OWNED_BYTES: u64 = 128 << 20;
const MAX_OWNED_FILES: u32 = 50_000;
/// All of an image has to be read to know what in it belongs to whom.
const MAX_IMAGE_BYTES: u64 = 4 << 30;
/// An archive of what belongs to the account is kept up to this size, for further users.
const KEPT_BYTES: usize = 8 << 20;
/// How long that may take at most; then the reaper comes.
const READ_LIFETIME: Duration = Duration::from_secs(1_800);
const READING: &str = "reading an image";
/// Pieces of an image that are read ahead.
const READ_AHEAD: usize = 16;
/// Runtimes whose containers have a kernel of their own, by the beginning of their
/// names: nothing of the host's is counted for a user there.
const OWN_KERNEL: [&str; 2] = ["runsc", "kata"];

/// Whom a container's processes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct User {
    /// What the kernel counts their use of it by.
    pub(crate) id: u32,
    /// Nothing is counted by it: it is the account's, whoever the user is.
    pub(crate) group: u32,
}

impl User {
    /// Of an account, as images know it.
    pub(crate) fn of(account: Account) -> Self {
        let id = match account {
            Account::Unprivileged => UNPRIVILEGED_ID,
            Account::Root => 0,
        };
        Self { id, group: id }
    }
}

/// As the engine takes it.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.group)
    }
}

/// Which users are given out, and what is known of images.
#[derive(Default)]
pub(crate) struct Users {
    taken: Mutex<BTreeSet<u32>>,
    known: Mutex<HashMap<String, Known>>,
    shared: Mutex<BTreeMap<String, String>>,
}

/// What is known of an image.
#[derive(Default)]
struct Known {
    /// Held by who looks at it: reading all of an image takes a while.
    looking: Arc<tokio::sync::Mutex<()>>,
    /// What in it belongs to the account, once that was looked at.
    property: Option<Property>,
    /// That, as an archive, where it is small.
    archive: Option<Arc<Vec<u8>>>,
    /// The ids of the images that were made of it, by user.
    made: HashMap<u32, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Property {
    Nothing,
    Some,
    TooMuch,
}

/// A user that is given out until this is dropped.
pub(crate) struct Claim {
    users: Arc<Users>,
    id: u32,
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.users.taken).remove(&self.id);
    }
}

/// What a container is made as.
pub(crate) struct Identity {
    pub(crate) user: User,
    /// The image that it asks for, with what belongs to the account given to the user.
    pub(crate) image: PinnedImage,
    pub(crate) info: ImageInfo,
    /// `None` where others may have the same user.
    pub(crate) claim: Option<Claim>,
}

impl Identity {
    /// What the container is to be named.
    pub(crate) fn name(&self) -> Option<String> {
        self.claim.as_ref().map(|claim| format!("{NAME}{}", claim.id))
    }
}

/// Whether an engine's refusal says that a name is given out already.
pub(crate) fn is_taken(error: &DockerError) -> bool {
    matches!(error, DockerError::Engine { status: 409, message, .. } if message.contains(NAME))
}

impl DockerOptions {
    /// Whether nothing of this kernel is counted for what runs in containers, by the name of
    /// their runtime.
    #[must_use]
    pub fn has_own_kernel(&self) -> bool {
        let runtime = self.runtime.as_deref().unwrap_or_default();
        OWN_KERNEL.iter().any(|name| runtime.starts_with(name))
    }
}

impl Docker {
    /// Finds a user for a container. Whoever runs submitted code, and whoever tests
    /// it, has one that nobody else has at that time: the kernel counts much for a
    /// user that it does not count for a container.
    ///
    /// # Errors
    /// Those of [`Docker::image`]; [`DockerError::SharedUser`] where that cannot be
    /// and the operator asks for it.
    pub(crate) async fn identity(&self, spec: &ContainerSpec<'_>) -> Result<Identity, DockerError> {
        let info = self.image(spec.image).await?;
        let shared =
            |info| Identity { user: User::of(spec.account), image: spec.image.clone(), info, claim: None };
        // What prepares images runs nothing that was submitted.
        if matches!(spec.role, Role::Setup | Role::File) {
            return Ok(shared(info));
        }
        if spec.account == Account::Root {
            self.share(spec.image, || "it needs root".to_owned())?;
            return Ok(shared(info));
        }
        let Some(claim) = self.claim().await? else {
            self.share(spec.image, || format!("all {} users are given out", USERS.count()))?;
            return Ok(shared(info));
        };
        let user = User { id: claim.id, group: UNPRIVILEGED_ID };
        // What cannot be written to has to be read: a home is mostly its owner's alone.
        match self.given_to(spec.image, info, user, spec.lease).await? {
            Ok((image, info)) => Ok(Identity { user, image, info, claim: Some(claim) }),
            Err(info) => {
                // With `own_users` nothing that was submitted ever has the account's:
                // whoever only tests may.
                if !(spec.role == Role::Driver && self.options().own_users) {
                    self.share(spec.image, user_bounds)?;
                }
                Ok(shared(info))
            }
        }
    }

    /// Why containers of an environment cannot have users of their own; `None` if they
    /// can.
    ///
    /// # Errors
    /// Those of [`Docker::image`], and of the engine.
    pub async fn shares_user(&self, environment: &Environment) -> Result<Option<String>, DockerError> {
        if self.has_own_kernel() {
            return Ok(None);
        }
        if environment.account == Account::Root {
            return Ok(Some("it needs root".to_owned()));
        }
        let info = self.image(&environment.image).await?;
        let lease = Lease::new("", "", READ_LIFETIME);
        let (property, _) = self.property(&environment.image, &info, &lease).await?;
        Ok((property == Property::TooMuch).then(user_bounds))
    }

    /// The images whose containers did not get users of their own, and why not.
    #[must_use]
    pub fn shared_users(&self) -> BTreeMap<String, String> {
        lock(&self.users().shared).clone()
    }

    /// Whether nothing of this kernel is counted for what runs in containers.
    #[must_use]
    pub fn has_own_kernel(&self) -> bool {
        self.options().has_own_kernel()
    }

    fn share(&self, image: &PinnedImage, reason: impl Fn() -> String) -> Result<(), DockerError> {
        if self.has_own_kernel() {
            return Ok(());
        }
        if self.options().own_users {
            return Err(DockerError::SharedUser { name: image.name.clone(), reason: reason() });
        }
        lock(&self.users().shared).entry(image.name.clone()).or_insert_with(reason);
        Ok(())
    }

    /// The lowest that is not given out: images are made for few.
    async fn claim(&self) -> Result<Option<Claim>, DockerError> {
        let filters = HashMap::from([("name", vec![NAME])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = self.call("listing containers", self.client().list_containers(Some(options))).await?;
        let names = found.iter().filter_map(|container| container.names.as_ref()).flatten();
        let elsewhere: BTreeSet<u32> =
            names.filter_map(|name| name.trim_start_matches('/').strip_prefix(NAME)?.parse().ok()).collect();
        let users = self.users();
        let mut taken = lock(&users.taken);
        let free = USERS.into_iter().find(|id| !taken.contains(id) && !elsewhere.contains(id));
        Ok(free.map(|id| {
            taken.insert(id);
            Claim { users: Arc::clone(users), id }
        }))
    }

    /// The image, with what belongs to the account given to a user; the same one when
    /// nothing does, and `Err` when it is too much.
    async fn given_to(
        &self,
        base: &PinnedImage,
        info: ImageInfo,
        user: User,
        lease: &Lease,
    ) -> Result<Result<(PinnedImage, ImageInfo), ImageInfo>, DockerError> {
        let made = {
            let mut known = lock(&self.users().known);
            let known = known.entry(info.id.clone()).or_default();
            match known.property {
                Some(Property::Nothing) => return Ok(Ok((base.clone(), info))),
                Some(Property::TooMuch) => return Ok(Err(info)),
                Some(Property::Some) | None => known.made.get(&user.id).cloned(),
            }
        };
        let key = Sha256::of_json(&("user", &info.id, user.id)).to_string();
        let kept = match made {
            Some(id) => Some(id),
            None => self.kept(&key).await?,
        };
        if let Some(reference) = kept {
            let image = PinnedImage { name: base.name.clone(), reference };
            match self.image(&image).await {
                Ok(found) => {
                    self.remember(&info.id, user, &image.reference);
                    return Ok(Ok((image, found)));
                }
                // Somebody has removed it since.
                Err(DockerError::ImageMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let (property, archive) = self.property(base, &info, lease).await?;
        match property {
            Property::Nothing => Ok(Ok((base.clone(), info))),
            Property::TooMuch => Ok(Err(info)),
            Property::Some => {
                let (_, tar) = sifted(move || sift(archive.as_slice(), user)).await?;
                let container = self.unstarted_as_root(base, &info, lease).await?;
                let kept = async {
                    container.upload("/", tar).await?;
                    container.commit(&info, &BTreeMap::from([(PREPARED.to_owned(), key)])).await
                };
                let kept = kept.await;
                // What cannot be removed now is the reaper's.
                let _ = container.remove().await;
                let image = PinnedImage { name: base.name.clone(), reference: kept? };
                let found = self.image(&image).await?;
                self.remember(&info.id, user, &image.reference);
                Ok(Ok((image, found)))
            }
        }
    }

    /// Forgets an image that was made of another, as it is gone.
    pub(crate) fn forget(&self, gone: &PinnedImage) {
        for known in lock(&self.users().known).values_mut() {
            known.made.retain(|_, made| *made != gone.reference);
        }
    }

    fn remember(&self, image: &str, user: User, made: &str) {
        let mut known = lock(&self.users().known);
        known.entry(image.to_owned()).or_default().made.insert(user.id, made.to_owned());
    }

    /// A container that is never started, and gets no home.
    async fn unstarted_as_root(
        &self,
        image: &PinnedImage,
        info: &ImageInfo,
        lease: &Lease,
    ) -> Result<Container, DockerError> {
        let account = Account::Root;
        let identity =
            Identity { user: User::of(account), image: image.clone(), info: info.clone(), claim: None };
        let spec = ContainerSpec {
            role: Role::File,
            image,
            // An image need not have a command; this one is never run.
            argv: Some(&["/".to_owned()]),
            variables: &BTreeMap::new(),
            working_directory: Some("/"),
            account,
            resources: Resources::standard(),
            network: None,
            read_only_root: false,
            volume: None,
            lease,
        };
        self.create_as(&spec, &identity).await
    }

    /// What of an image belongs to the account, and an archive of it. Nothing of the
    /// image is executed for it.
    async fn property(
        &self,
        image: &PinnedImage,
        info: &ImageInfo,
        lease: &Lease,
    ) -> Result<(Property, Arc<Vec<u8>>), DockerError> {
        let looking = Arc::clone(&lock(&self.users().known).entry(info.id.clone()).or_default().looking);
        let _looking = looking.lock().await;
        {
            let known = lock(&self.users().known);
            let known = known.get(&info.id).map(|known| (known.property, known.archive.clone()));
            match known {
                Some((Some(Property::Some), Some(archive))) => return Ok((Property::Some, archive)),
                Some((Some(property @ (Property::Nothing | Property::TooMuch)), _)) => {
                    return Ok((property, Arc::default()));
                }
                _ => {}
            }
        }
        let (property, archive) = match info.bytes {
            bytes if bytes > MAX_IMAGE_BYTES => (Property::TooMuch, Vec::new()),
            _ => self.read(image, info, lease).await?,
        };
        let archive = Arc::new(archive);
        let mut known = lock(&self.users().known);
        let known = known.entry(info.id.clone()).or_default();
        known.property = Some(property);
        known.archive = (archive.len() <= KEPT_BYTES).then(|| Arc::clone(&archive));
        Ok((property, archive))
    }

    async fn read(
        &self,
        image: &PinnedImage,
        info: &ImageInfo,
        lease: &Lease,
    ) -> Result<(Property, Vec<u8>), DockerError> {
        let user = User::of(Account::Unprivileged);
        let lease = Lease { deadline: std::time::SystemTime::now() + READ_LIFETIME, ..lease.clone() };
        let container = self.unstarted_as_root(image, info, &lease).await?;
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let pieces = Pieces { receiver, piece: Bytes::new() };
        let sifting = tokio::spawn(sifted(move || sift(pieces, user)));
        let mut pieces = std::pin::pin!(self.slow_client().export_container(container.id()));
        let mut failed = None;
        while let Some(piece) = pieces.next().await {
            match piece {
                // Whoever reads has seen enough.
                Ok(piece) => {
                    if sender.send(piece).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(self.failed_slowly(READING, error));
                    break;
                }
            }
        }
        drop(sender);
        let sifted = match sifting.await {
            Ok(sifted) => sifted,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let _ = container.remove().await;
        match failed {
            Some(error) => Err(error),
            None => sifted,
        }
    }
}

/// Carries it out apart: it computes, and waits for the engine's pieces.
async fn sifted(
    sift: impl FnOnce() -> io::Result<(Property, Vec<u8>)> + Send + 'static,
) -> Result<(Property, Vec<u8>), DockerError> {
    match tokio::task::spawn_blocking(sift).await {
        Ok(sifted) => {
            sifted.map_err(|error| DockerError::Malformed { doing: READING, reason: error.to_string() })
        }
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
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

/// An archive that comes in pieces.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Keeps what belongs to the account, as the user's, and the image's list of users
/// with the account's entry under the user's id: programs look their own name up.
fn sift(archive: impl Read, user: User) -> io::Result<(Property, Vec<u8>)> {
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
        header.set_uid(user.id.into());
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
fn renamed(text: &[u8], user: User) -> Option<Vec<u8>> {
    let account = UNPRIVILEGED_ID.to_string();
    let mut found = false;
    let lines: Vec<Vec<u8>> = text
        .split(|byte| *byte == b'\n')
        .map(|line| {
            let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
            let id = user.id.to_string();
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: User = User { id: 60_578, group: UNPRIVILEGED_ID };

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
        let user = u64::from(USER.id);
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
    fn a_user_is_given_out_once() {
        let users = Arc::new(Users::default());
        lock(&users.taken).insert(60_578);
        drop(Claim { users: Arc::clone(&users), id: 60_578 });
        assert!(lock(&users.taken).is_empty());
        assert!(!USERS.contains(&UNPRIVILEGED_ID));
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
