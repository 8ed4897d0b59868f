//! Finds the kernel user that a container gets, and the image of it in which that user has
//! what belongs to the account.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::ListContainersOptionsBuilder;
use lancet_core::{Account, Environment, PinnedImage, Resources, Sha256, UNPRIVILEGED_ID};
use tokio::sync::mpsc;

use crate::engine::container::{Container, Identity};
use crate::engine::hardening::ContainerSpec;
use crate::engine::image::ImageInfo;
use crate::engine::label::PREPARED;
use crate::engine::pieces::{Pieces, hand_on};
use crate::engine::property::{MAX_IMAGE_BYTES, Property, sift, user_bounds};
use crate::engine::user::{Claim, NAME, User, lock, users};
use crate::{Docker, DockerError, DockerOptions, Lease, Purpose};

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
    /// it, has one that nobody else has at that time, and who tests has one that no
    /// submitted code ever has: the kernel counts much for a user that it does not count
    /// for a container.
    ///
    /// # Errors
    /// Those of [`Docker::image`]; [`DockerError::SharedUser`] where that cannot be
    /// and the operator asks for it.
    pub(crate) async fn identity(&self, spec: &ContainerSpec<'_>) -> Result<Identity, DockerError> {
        let info = self.image(spec.image).await?;
        let shared =
            |info| Identity { user: User::of(spec.account), image: spec.image.clone(), info, claim: None };
        // What prepares images runs nothing that was submitted.
        if matches!(spec.purpose, Purpose::Setup | Purpose::File) {
            return Ok(shared(info));
        }
        if spec.account == Account::Root {
            self.share(spec.image, || "it needs root".to_owned())?;
            return Ok(shared(info));
        }
        let Some(claim) = self.claim(spec.purpose).await? else {
            self.share(spec.image, || format!("all {} users are given out", users(spec.purpose).count()))?;
            return Ok(shared(info));
        };
        let user = User { id: claim.id, group: UNPRIVILEGED_ID };
        // What cannot be written to has to be read: a home is mostly its owner's alone.
        match self.given_to(spec.image, info, user, spec.lease).await? {
            Ok((image, info)) => Ok(Identity { user, image, info, claim: Some(claim) }),
            Err(info) => {
                // With `own_users` nothing that was submitted ever has the account's:
                // whoever only tests may.
                if !(spec.purpose == Purpose::Driver && self.options().own_users) {
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

    /// The lowest that is not given out of those for a purpose: images are made for few.
    async fn claim(&self, purpose: Purpose) -> Result<Option<Claim>, DockerError> {
        let filters = HashMap::from([("name", vec![NAME])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = self.call("listing containers", self.client().list_containers(Some(options))).await?;
        let names = found.iter().filter_map(|container| container.names.as_ref()).flatten();
        let elsewhere: BTreeSet<u32> =
            names.filter_map(|name| name.trim_start_matches('/').strip_prefix(NAME)?.parse().ok()).collect();
        let users = self.users();
        let mut taken = lock(&users.taken);
        let free = self::users(purpose).find(|id| !taken.contains(id) && !elsewhere.contains(id));
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
                let (_, tar) = sifted(move || sift(archive.as_slice(), user.id)).await?;
                let presence = self.presence().await?;
                let container = self.unstarted_as_root(base, &info, lease).await?;
                let kept = async {
                    container.upload("/", tar).await?;
                    presence.confirm().await?;
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
            purpose: Purpose::File,
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
        let user = User::of(Account::Unprivileged).id;
        let presence = self.presence().await?;
        let lease = Lease { deadline: std::time::SystemTime::now() + READ_LIFETIME, ..lease.clone() };
        let container = self.unstarted_as_root(image, info, &lease).await?;
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let pieces = Pieces::new(receiver);
        let sifting = tokio::spawn(sifted(move || sift(pieces, user)));
        let mut pieces = std::pin::pin!(self.slow_client().export_container(container.id()));
        let failed = hand_on(&mut pieces, sender).await.map(|error| self.failed_slowly(READING, error));
        let sifted = match sifting.await {
            Ok(sifted) => sifted,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let _ = container.remove().await;
        match failed {
            Some(error) => Err(error),
            None => {
                // An engine that is being stopped unmounts what it is reading, and ends its
                // archive in good order.
                presence.confirm().await?;
                sifted
            }
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
