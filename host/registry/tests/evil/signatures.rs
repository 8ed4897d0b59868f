//! Lists of signatures that are old, wrong, or too long.

use std::sync::Mutex;

use lancet_core::Sha256;
use lancet_registry::{Artifact, Problem, Registry, RegistryError, Signatures, push_signature, signatures};
use serde_json::{Value, json};

use crate::server::{Server, Told};
use crate::shelf::Shelf;
use crate::{filled, options, reference, refused, spoiled};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

async fn sign(server: &Server, of: &Artifact, bundle: &[u8]) -> Result<Sha256, RegistryError> {
    let registry = Registry::writer(&reference(server, ":1.0.0"), &options()).unwrap();
    push_signature(&registry, of, bundle).await
}

async fn of(server: &Server, artifact: &Artifact) -> Result<Signatures, RegistryError> {
    signatures(&Registry::reader(&reference(server, ":1.0.0"), &options()).unwrap(), artifact).await
}

fn fallback(artifact: &Artifact) -> String {
    format!("sha256-{}", artifact.digest.hex())
}

fn listed(digest: Sha256) -> Value {
    json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": BUNDLE,
        "digest": digest.to_string(), "size": 500})
}

#[tokio::test]
async fn signatures_are_found_by_either_way() {
    for shelf in [Shelf::default(), Shelf::with_lists()] {
        let artifact = filled(&shelf).await;
        let server = spoiled(&shelf, |_| None).await;
        assert_eq!(of(&server, &artifact).await.unwrap(), Signatures::default());
        sign(&server, &artifact, b"first").await.unwrap();
        sign(&server, &artifact, b"second").await.unwrap();
        sign(&server, &artifact, b"second").await.unwrap();
        let mut found = of(&server, &artifact).await.unwrap();
        found.bundles.sort();
        assert_eq!(
            found,
            Signatures { bundles: vec![b"first".to_vec(), b"second".to_vec()], passed_over: vec![] }
        );
    }
}

#[tokio::test]
async fn a_list_that_others_write_to_is_merged() {
    let shelf = Shelf::default();
    let artifact = filled(&shelf).await;
    let tag = fallback(&artifact);
    // Somebody else's entry with what we do not know, and somebody who overwrites ours once.
    let others = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "annotations": {"a": "b"}, "manifests": [listed(Sha256::of(b"sbom"))]})
    .to_string();
    shelf.put_manifest(&tag, others.as_bytes());
    let (honest, times) = (shelf.clone(), Mutex::new(0));
    let name = tag.clone();
    let server = spoiled(&shelf, move |asked| {
        let mut times = times.lock().unwrap();
        if asked.method == "PUT" && asked.path.ends_with(&name) && *times == 0 {
            *times += 1;
            let told = honest.answer(asked);
            honest.put_manifest(&name, others.as_bytes());
            return Some(told);
        }
        None
    })
    .await;
    let entry = sign(&server, &artifact, b"ours").await.unwrap();
    let index: Value = serde_json::from_slice(&shelf.manifest(&tag).unwrap()).unwrap();
    assert_eq!(index["annotations"]["a"], "b");
    assert_eq!(index["manifests"][0], listed(Sha256::of(b"sbom")));
    assert_eq!(index["manifests"][1]["digest"], entry.to_string());
    // One that never keeps it.
    let server = spoiled(&shelf, move |asked| {
        (asked.method == "PUT" && asked.path.ends_with(&tag)).then(|| Told::new(201, ""))
    })
    .await;
    refused(sign(&server, &artifact, b"more").await, Problem::Refused, "does not keep what is written to it");
}

#[tokio::test]
async fn what_a_list_says_is_not_believed() {
    let shelf = Shelf::default();
    let artifact = filled(&shelf).await;
    let server = spoiled(&shelf, |_| None).await;
    let good = sign(&server, &artifact, b"bundle").await.unwrap();
    let honest: Value = serde_json::from_slice(&shelf.manifest(&good.to_string()).unwrap()).unwrap();
    type Change = fn(&mut Value);
    const CHANGES: [(&str, Change); 8] = [
        ("it belongs to sha256:", |m| m["subject"]["digest"] = Sha256::of(b"other").to_string().into()),
        ("it says of nothing", |m| drop(m.as_object_mut().unwrap().remove("subject"))),
        ("and no signature", |m| m["artifactType"] = "application/spdx+json".into()),
        ("and no signature", |m| drop(m.as_object_mut().unwrap().remove("artifactType"))),
        ("it has 0 layers", |m| m["layers"] = json!([])),
        ("its layer is `text/plain`", |m| m["layers"][0]["mediaType"] = "text/plain".into()),
        ("says that it has 1048577 bytes", |m| m["layers"][0]["size"] = ((1 << 20) + 1).into()),
        ("it is no manifest", |m| *m = json!({})),
    ];
    for (expected, change) in CHANGES {
        let mut manifest = honest.clone();
        change(&mut manifest);
        let manifest = manifest.to_string();
        shelf.put_manifest("other", manifest.as_bytes());
        // The list says of it that it is one.
        let list =
            json!({"schemaVersion": 2, "manifests": [listed(Sha256::of(manifest.as_bytes())), listed(good)]});
        shelf.put_manifest(&fallback(&artifact), list.to_string().as_bytes());
        let found = of(&server, &artifact).await.unwrap();
        assert_eq!(found.bundles, [b"bundle".to_vec()], "{expected}");
        assert!(found.passed_over[0].1.contains(expected), "{expected}: {:?}", found.passed_over);
    }
    // One that does not call it a signature is passed by for nothing: its own manifest says so.
    let mut entry = listed(good);
    entry["artifactType"] = "application/spdx+json".into();
    let list = |entries: Value| json!({"schemaVersion": 2, "manifests": entries}).to_string();
    shelf.put_manifest(&fallback(&artifact), list(json!([entry])).as_bytes());
    assert_eq!(of(&server, &artifact).await.unwrap().bundles.len(), 1);
    // An old one, with what is gone.
    shelf.put_manifest(
        &fallback(&artifact),
        list(json!([listed(Sha256::of(b"gone")), listed(good)])).as_bytes(),
    );
    let found = of(&server, &artifact).await.unwrap();
    assert_eq!((found.bundles.len(), found.passed_over.len()), (1, 1));
    shelf.forget(&good.to_string());
    assert_eq!(of(&server, &artifact).await.unwrap().bundles.len(), 0);
}

#[tokio::test]
async fn lists_and_what_they_name_are_bounded() {
    let shelf = Shelf::default();
    let artifact = filled(&shelf).await;
    let server = spoiled(&shelf, |_| None).await;
    let good = sign(&server, &artifact, b"bundle").await.unwrap();
    let tag = fallback(&artifact);
    let many: Vec<_> = (0..65).map(|_| listed(good)).collect();
    shelf.put_manifest(&tag, json!({"schemaVersion": 2, "manifests": many}).to_string().as_bytes());
    refused(of(&server, &artifact).await, Problem::Refused, "at most 64 are looked at");
    refused(
        sign(&server, &artifact, b"x").await.map(|_| ()).and_then(|()| of_error()),
        Problem::Refused,
        "at most 64",
    );
    shelf.put_manifest(&tag, &vec![b' '; (1 << 20) + 1]);
    refused(of(&server, &artifact).await, Problem::Refused, "at most 1048576 are read");
    shelf.put_manifest(&tag, shelf.manifest("1.0.0").unwrap().as_slice());
    refused(of(&server, &artifact).await, Problem::Refused, "no index");
    // Other bytes under the digest of a signature, or of its layer.
    for what in [format!("/manifests/{good}"), format!("/blobs/{}", Sha256::of(b"bundle"))] {
        let list = json!({"schemaVersion": 2, "manifests": [listed(good)]}).to_string();
        shelf.put_manifest(&tag, list.as_bytes());
        let server =
            spoiled(&shelf, move |asked| asked.path.ends_with(&what).then(|| Told::new(200, "others"))).await;
        refused(of(&server, &artifact).await, Problem::Refused, "the digest of what came is");
    }
    // A list that says nothing of itself but fails is no empty one.
    let server =
        spoiled(&shelf, |asked| asked.path.contains("/referrers/").then(|| Told::new(500, ""))).await;
    refused(of(&server, &artifact).await, Problem::Unreachable, "it answers 500");
    refused(
        sign(&server, &artifact, &vec![b'x'; (1 << 20) + 1]).await,
        Problem::Asked,
        "at most 1048576 are sent",
    );
}

/// What must not be come to: a list that is full took one entry more.
fn of_error() -> Result<(), RegistryError> {
    panic!("the list is full")
}
