//! Signatures: manifests of their own that say to which one they belong.

use std::collections::BTreeSet;

use lancet_core::Sha256;
use serde_json::Value;

use crate::artifact::Artifact;
use crate::error::{Problem, RegistryError, Wrong};
use crate::manifest::{
    Descriptor, EMPTY, INDEX, Index, MANIFEST, MAX_MANIFEST_BYTES, Manifest, SIGNATURE, within,
};
use crate::registry::{Registry, moved};

/// The most entries of a list of what belongs to something.
const MAX_REFERRERS: usize = 64;
/// How often a list is merged anew that somebody else wrote to meanwhile.
const MAX_TRIES: usize = 5;
/// The config of a manifest that has none.
const NOTHING: &[u8] = b"{}";
/// A list of nothing yet.
const EMPTY_INDEX: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// The signatures of something in a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signatures {
    /// The bytes of each bundle, which nobody has verified yet.
    pub bundles: Vec<Vec<u8>>,
    /// What is listed and does not count: which, and why.
    pub passed_over: Vec<(Sha256, String)>,
}

/// Pushes a signature of something that was pushed, and lists it where others look.
///
/// # Errors
/// When the registry does not take it, or lists something else.
pub async fn push_signature(
    registry: &Registry,
    of: &Artifact,
    bundle: &[u8],
) -> Result<Sha256, RegistryError> {
    pushed(registry, of, bundle).await.map_err(|wrong| registry.of(wrong))
}

async fn pushed(registry: &Registry, of: &Artifact, bundle: &[u8]) -> Result<Sha256, Wrong> {
    if bundle.len() as u64 > MAX_MANIFEST_BYTES {
        let what = format!("the signature has {} bytes, at most {MAX_MANIFEST_BYTES} are sent", bundle.len());
        return Err(Wrong::new(Problem::Asked, what, "sign it anew"));
    }
    registry.put_blob(NOTHING, "the empty config").await?;
    registry.put_blob(bundle, "the signature").await?;
    let mut manifest = Manifest::new(Descriptor::of(EMPTY, NOTHING), Descriptor::of(SIGNATURE, bundle));
    manifest.artifact_type = Some(SIGNATURE.to_owned());
    manifest.subject = Some(of.descriptor.clone());
    let bytes = manifest.to_bytes();
    let mut listed = Descriptor::of(MANIFEST, &bytes);
    listed.artifact_type = Some(SIGNATURE.to_owned());
    let keeps_lists = registry.put_manifest(&listed.digest.to_string(), MANIFEST, &bytes).await?;
    if !keeps_lists {
        list(registry, of.digest, &listed).await?;
    }
    Ok(listed.digest)
}

/// The tag under which lists are kept where the registry keeps none by itself.
fn fallback(digest: Sha256) -> String {
    format!("sha256-{}", digest.hex())
}

/// Adds an entry to that list. Somebody else may write to it at the same time, and nothing locks it:
/// so it is read again, and merged again until it has the entry.
async fn list(registry: &Registry, digest: Sha256, entry: &Descriptor) -> Result<(), Wrong> {
    let tag = fallback(digest);
    for _ in 0..=MAX_TRIES {
        let text = match registry.by_tag(&tag).await? {
            Some(found) => found.bytes,
            None => EMPTY_INDEX.as_bytes().to_vec(),
        };
        let index = Index::parse(&text)?;
        if index.manifests.iter().any(|other| other.digest == entry.digest) {
            return Ok(());
        }
        if index.manifests.len() >= MAX_REFERRERS {
            return Err(too_many(index.manifests.len()));
        }
        registry.put_manifest(&tag, INDEX, &with(&text, entry)).await?;
    }
    let what = format!("the list of signatures under the tag `{tag}` does not keep what is written to it");
    Err(moved(what))
}

/// An index with one entry more. What others wrote into it stays as it is.
fn with(index: &[u8], entry: &Descriptor) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(index).unwrap_or_default();
    if let (Some(list), Ok(entry)) = (value["manifests"].as_array_mut(), serde_json::to_value(entry)) {
        list.push(entry);
    }
    serde_json::to_vec(&value).unwrap_or_default()
}

fn too_many(found: usize) -> Wrong {
    let what = format!("{found} manifests belong to it, at most {MAX_REFERRERS} are looked at");
    Wrong::refused(what, "remove what is no signature; see who else writes to the repository")
}

/// The signatures of something. Of a list only the digests are believed: whether an entry is a
/// signature of this, its own manifest says.
///
/// # Errors
/// When a list cannot be read, is too long, or something has other bytes than its digest names.
pub async fn signatures(registry: &Registry, of: &Artifact) -> Result<Signatures, RegistryError> {
    found(registry, of.digest).await.map_err(|wrong| registry.of(wrong))
}

async fn found(registry: &Registry, digest: Sha256) -> Result<Signatures, Wrong> {
    let index = match registry.referrers(digest).await? {
        Some(bytes) => Some(bytes),
        None => registry.by_tag(&fallback(digest)).await?.map(|found| found.bytes),
    };
    let Some(index) = index else { return Ok(Signatures::default()) };
    let index = Index::parse(&index)?;
    if index.manifests.len() > MAX_REFERRERS {
        return Err(too_many(index.manifests.len()));
    }
    let mut found = Signatures::default();
    let mut seen = BTreeSet::new();
    for entry in &index.manifests {
        if !seen.insert(entry.digest) {
            continue;
        }
        // It is asked for as a manifest: an entry that is gone is one fewer.
        let bytes = match registry.by_digest(entry.digest).await {
            Ok(fetched) => fetched.bytes,
            Err(wrong) if wrong.problem == Problem::Missing => {
                found.passed_over.push((entry.digest, "it is listed, and not there".to_owned()));
                continue;
            }
            Err(wrong) => return Err(wrong),
        };
        match layer(&bytes, digest) {
            Ok(layer) => {
                let bundle = registry.blob(&layer, "the signature").await?;
                if !found.bundles.contains(&bundle) {
                    found.bundles.push(bundle);
                }
            }
            Err(why) => found.passed_over.push((entry.digest, why)),
        }
    }
    Ok(found)
}

/// The layer of a manifest that is a signature of that; why it is none.
fn layer(bytes: &[u8], of: Sha256) -> Result<Descriptor, String> {
    let manifest = Manifest::parse(bytes).map_err(|wrong| wrong.what)?;
    let kind = manifest.artifact_type.as_deref().unwrap_or(&manifest.config.media_type);
    if kind != SIGNATURE {
        return Err(format!("it is `{}`, and no signature", crate::error::cut(kind)));
    }
    match manifest.subject {
        Some(subject) if subject.digest == of => {}
        Some(subject) => return Err(format!("it belongs to {}", subject.digest)),
        None => return Err("it says of nothing that it belongs to that".to_owned()),
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(format!("it has {} layers, expected one", manifest.layers.len()));
    };
    if layer.media_type != SIGNATURE {
        return Err(format!("its layer is `{}`", crate::error::cut(&layer.media_type)));
    }
    within("layer", layer, MAX_MANIFEST_BYTES).map_err(|wrong| wrong.what)?;
    Ok(layer.clone())
}
