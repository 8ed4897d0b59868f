//! An honest registry in memory, of which a test spoils one thing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lancet_core::Sha256;
use serde_json::Value;

use crate::server::{Asked, Told};

/// What a registry keeps, and whether it keeps lists of what belongs to what.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    blobs: BTreeMap<String, Vec<u8>>,
    /// By tag and by digest.
    manifests: BTreeMap<String, Vec<u8>>,
    keeps_lists: bool,
}

impl Shelf {
    pub(crate) fn with_lists() -> Self {
        let shelf = Self::default();
        shelf.0.lock().unwrap().keeps_lists = true;
        shelf
    }

    pub(crate) fn put_blob(&self, bytes: &[u8]) {
        self.0.lock().unwrap().blobs.insert(Sha256::of(bytes).to_string(), bytes.to_vec());
    }

    pub(crate) fn put_manifest(&self, which: &str, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap();
        kept.manifests.insert(which.to_owned(), bytes.to_vec());
        kept.manifests.insert(Sha256::of(bytes).to_string(), bytes.to_vec());
    }

    pub(crate) fn manifest(&self, which: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().manifests.get(which).cloned()
    }

    pub(crate) fn forget(&self, which: &str) {
        self.0.lock().unwrap().manifests.remove(which);
    }

    /// As the protocol has it.
    pub(crate) fn answer(&self, asked: &Asked) -> Told {
        let path = asked.path.split('?').next().unwrap_or_default();
        let query = asked.path.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let Some((_, rest)) = path.strip_prefix("/v2/").and_then(|rest| rest.split_once("acme/choice/"))
        else {
            return Told::new(404, "");
        };
        let mut kept = self.0.lock().unwrap();
        match (asked.method.as_str(), rest.split_once('/').unwrap_or((rest, ""))) {
            ("POST", ("blobs", _)) => {
                Told::new(202, "").with("Location", "/v2/acme/choice/blobs/uploads/1?state=x")
            }
            ("PUT", ("blobs", _)) => {
                let digest = Sha256::of(&asked.body).to_string();
                let said = query.split('&').find_map(|pair| pair.strip_prefix("digest=")).unwrap_or_default();
                assert_eq!(said.replace("%3A", ":"), digest);
                kept.blobs.insert(digest, asked.body.clone());
                Told::new(201, "")
            }
            ("GET" | "HEAD", ("blobs", digest)) => {
                kept.blobs.get(digest).map_or(Told::new(404, ""), |bytes| Told::new(200, bytes.clone()))
            }
            ("PUT", ("manifests", which)) => {
                let digest = Sha256::of(&asked.body).to_string();
                kept.manifests.insert(which.to_owned(), asked.body.clone());
                kept.manifests.insert(digest.clone(), asked.body.clone());
                let told = Told::new(201, "").with("Docker-Content-Digest", digest);
                if kept.keeps_lists { told.with("OCI-Subject", "x") } else { told }
            }
            ("GET", ("manifests", which)) => match kept.manifests.get(which) {
                None => Told::new(404, r#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no such"}]}"#),
                Some(bytes) => {
                    Told::new(200, bytes.clone()).with("Docker-Content-Digest", Sha256::of(bytes).to_string())
                }
            },
            ("GET", ("referrers", digest)) if kept.keeps_lists => {
                let belongs = |bytes: &Vec<u8>| {
                    let manifest: Value = serde_json::from_slice(bytes).unwrap_or_default();
                    manifest["subject"]["digest"] == digest
                };
                let list: Vec<_> = kept.manifests.iter().filter(|(_, bytes)| belongs(bytes)).collect();
                let list: Vec<_> = list
                    .into_iter()
                    .map(|(_, bytes)| {
                        serde_json::json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
                            "digest": Sha256::of(bytes).to_string(), "size": bytes.len()})
                    })
                    .collect();
                Told::new(200, serde_json::json!({"schemaVersion": 2, "manifests": list}).to_string())
            }
            ("GET", ("tags", "list")) => {
                let tags: Vec<_> = kept.manifests.keys().filter(|key| !key.contains(':')).collect();
                Told::new(200, serde_json::json!({"name": "acme/choice", "tags": tags}).to_string())
            }
            _ => Told::new(404, "not found"),
        }
    }
}
