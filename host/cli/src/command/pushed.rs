//! What is pushed to a registry, and its signature with it.

use std::path::Path;

use lancet_registry::{Prepared, Reference, Registry, push_signature};
use lancet_trust::{Bundle, Signed};

use super::pulled::{options, version_of};
use crate::exit::Exit;
use crate::failure::{Failure, warn};
use crate::paths;
use crate::session::block_on;

/// What lies in a registry now.
pub(super) struct Pushed {
    /// The reference, with the digest of the manifest that was pushed to it.
    pub(super) reference: Reference,
    /// The key that signed it, in words.
    pub(super) key: String,
}

/// Pushes something to its tag, and its signature. A tag that is a version names one thing for ever.
pub(super) fn push(
    prepared: &Prepared<'_>,
    reference: &Reference,
    bundle: Option<&[u8]>,
) -> Result<Pushed, Failure> {
    let registry = Registry::writer(reference, &options())?;
    let may_move = reference.tag().and_then(version_of).is_none();
    let pushed = block_on(async {
        let pushed = prepared.push(&registry, may_move).await?;
        if let Some(bundle) = bundle {
            push_signature(&registry, &pushed, bundle).await?;
        }
        Ok(pushed)
    })?;
    let key = bundle.map_or_else(|| "unsigned".to_owned(), key_of);
    Ok(Pushed { reference: reference.pinned(pushed.digest), key })
}

/// The signature beside what is pushed, if there is one that is its own.
pub(super) fn own_signature(file: &Path, signed: &Signed) -> Result<Option<Vec<u8>>, Failure> {
    let path = paths::signature(file)?;
    match signed {
        Signed::Not => return Ok(None),
        Signed::Broken(why) => {
            return Err(Failure::new(
                Exit::Unverified,
                format!("the signature of `{}` does not hold: {why}", file.display()),
            )
            .hint("sign it anew, or move the signature away"));
        }
        Signed::By { key, revoked: Some(reason), .. } => {
            return Err(Failure::new(
                Exit::Unverified,
                format!("`{}` is signed by the key {key}, which is revoked: {reason}", file.display()),
            )
            .hint("sign it with another key"));
        }
        Signed::Unknown(key) => {
            warn(&format!("the key {key} that signed `{}` is not known here", file.display()));
        }
        Signed::By { .. } => {}
    }
    lancet_file::read(&path, lancet_registry::MAX_MANIFEST_BYTES)
        .map(Some)
        .map_err(|error| Failure::file("read", &path, &error))
}

fn key_of(bundle: &[u8]) -> String {
    Bundle::parse(bundle).map_or_else(|_| "unreadable".to_owned(), |bundle| bundle.key_id().to_string())
}
