//! The one place through which a run's work reads and writes contents.

use std::sync::Arc;

use lancet_core::{InfraFault, InfraFaultKind, Octets, Sha256, with_causes};
use lancet_docker::BlobSource;
use lancet_engine::InputSource;
use lancet_store::{Store, StoreError};

/// The contents that a run has recorded, by digest. Whoever works on an attempt has no
/// other way to them, so that one elsewhere can have another store behind it.
#[derive(Clone)]
pub(crate) struct Blobs(Store);

impl Blobs {
    pub(crate) fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    /// Keeps contents; they are durable when this returns.
    pub(crate) async fn keep(&self, contents: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.0.put_blobs(contents.into_iter().map(Arc::from).collect()).await.map(drop)
    }

    /// Keeps one; it is durable when this returns.
    pub(crate) async fn keep_one(&self, contents: Arc<[u8]>) -> Result<(), StoreError> {
        self.0.put_blobs(vec![contents]).await.map(drop)
    }

    /// Reads on the thread that asks.
    pub(crate) fn read(&self, digest: Sha256) -> Result<Vec<u8>, StoreError> {
        self.0.reader().blob(digest)
    }

    /// At most `length` bytes from `offset`, as far as there are any.
    pub(crate) async fn part(&self, digest: Sha256, offset: u64, length: u32) -> Result<Octets, InfraFault> {
        let bytes = self.0.blob(digest).await.map_err(|e| unkept(&e))?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length as usize).min(bytes.len());
        Ok(Octets(bytes[start..end].to_vec()))
    }
}

impl BlobSource for Blobs {
    fn blob(&self, digest: Sha256) -> std::io::Result<Vec<u8>> {
        self.read(digest).map_err(std::io::Error::other)
    }
}

/// What the operator gave the agent, read when it is asked for: of hundreds of attempts
/// few are that far at a time.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) blobs: Blobs,
    pub(crate) digest: Sha256,
}

impl InputSource for Input {
    fn read(&self) -> Result<Option<String>, InfraFault> {
        let text = self.blobs.read(self.digest).map_err(|e| unkept(&e))?;
        String::from_utf8(text).map(Some).map_err(|_| {
            InfraFault::new(InfraFaultKind::DiskFull, "the store: the agent's input is not UTF-8")
        })
    }
}

/// A blob that cannot be written or read is the host's failure, like a full disk.
pub(crate) fn unkept(error: &StoreError) -> InfraFault {
    InfraFault::new(InfraFaultKind::DiskFull, format!("the store: {}", with_causes(error)))
}
