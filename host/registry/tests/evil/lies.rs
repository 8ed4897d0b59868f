//! What a registry gives that is not what was asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use lancet_core::Sha256;
use lancet_registry::{Config, Problem, Registry, pushed_plugin};
use serde_json::{Value, json};

use crate::server::Told;
use crate::shelf::Shelf;
use crate::{COMPONENT, filled, names, options, pulled, reference, refused, spoiled};

#[tokio::test]
async fn other_bytes_under_a_digest_are_refused() {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    for part in ["manifests", "config", "layer"] {
        let (manifest, config, layer) = (pushed.digest, pushed.manifest.config.clone(), pushed.layer.clone());
        for spoil in ["a bit", "shorter", "longer", "empty"] {
            let honest = shelf.clone();
            let (config, layer) = (config.clone(), layer.clone());
            let server = spoiled(&shelf, move |asked| {
                let which = match part {
                    "manifests" => format!("/manifests/{manifest}"),
                    "config" => format!("/blobs/{}", config.digest),
                    _ => format!("/blobs/{}", layer.digest),
                };
                if !asked.path.ends_with(&which) {
                    return None;
                }
                let mut told = honest.answer(asked);
                told.headers.clear();
                if let crate::server::Body::Bytes(bytes) = &mut told.body {
                    match spoil {
                        "a bit" => bytes[3] ^= 1,
                        "shorter" => drop(bytes.pop()),
                        "longer" => bytes.push(b' '),
                        _ => bytes.clear(),
                    }
                }
                Some(told)
            })
            .await;
            let found = pulled(&server, &format!("@{manifest}")).await;
            let expected = match (part, spoil) {
                ("manifests", _) | (_, "a bit") => "the digest of what came is",
                (_, "longer") => "bytes, at most",
                _ => "bytes, expected",
            };
            refused(found, Problem::Refused, expected);
        }
    }
}

#[tokio::test]
async fn a_registry_that_contradicts_itself_is_refused() {
    let shelf = Shelf::default();
    let pushed = filled(&shelf).await;
    // The header says another digest than the bytes have.
    let bytes = shelf.manifest("1.0.0").unwrap();
    let server = spoiled(&shelf, move |asked| {
        let said = Sha256::of(b"other").to_string();
        asked
            .path
            .contains("/manifests/")
            .then(|| Told::new(200, bytes.clone()).with("Docker-Content-Digest", said))
    })
    .await;
    refused(pulled(&server, ":1.0.0").await, Problem::Refused, "it says that the manifest is");
    // A tag that is moved while something is pushed to it.
    let (honest, was_put) = (shelf.clone(), AtomicBool::new(false));
    let server = spoiled(&shelf, move |asked| {
        if asked.method == "PUT" && asked.path.ends_with("/manifests/2.0.0") {
            let told = honest.answer(asked);
            honest.put_manifest("2.0.0", &honest.manifest("1.0.0").unwrap());
            was_put.store(true, Ordering::Relaxed);
            return Some(told);
        }
        None
    })
    .await;
    let registry = Registry::writer(&reference(&server, ":2.0.0"), &options()).unwrap();
    let plugin = pushed_plugin(b"\0asm two", ("acme/choice", "2.0.0"), vec![], vec![]).unwrap();
    refused(
        plugin.push(&registry, false).await,
        Problem::Refused,
        &format!("the tag names {} right after", pushed.digest),
    );
    // One that keeps something else than it is given.
    let server = spoiled(&shelf, |asked| {
        let said = Sha256::of(b"other").to_string();
        (asked.method == "PUT" && asked.path.contains("/manifests/"))
            .then(|| Told::new(201, "").with("Docker-Content-Digest", said))
    })
    .await;
    let registry = Registry::writer(&reference(&server, ":3.0.0"), &options()).unwrap();
    refused(plugin.push(&registry, false).await, Problem::Refused, "it says that it keeps the manifest as");
}

/// What each change of a manifest or its config is refused by.
#[tokio::test]
async fn manifests_of_another_form_are_refused() {
    type Change = fn(&mut Value);
    const CHANGES: [(&str, Change); 19] = [
        ("it has 2 layers", |m| {
            let layer = m["layers"][0].clone();
            m["layers"].as_array_mut().unwrap().push(layer);
        }),
        ("it has 0 layers", |m| m["layers"] = json!([])),
        ("the layer's media type is `application/octet-stream`", |m| {
            m["layers"][0]["mediaType"] = "application/octet-stream".into();
        }),
        ("neither a plugin nor a suite", |m| {
            m["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
        }),
        ("the layer's media type is `application/wasm`", |m| {
            m["config"]["mediaType"] = "application/vnd.lancet.suite.config.v1+json".into();
        }),
        ("`mediaType` is `application/vnd.oci.image.index.v1+json`", |m| {
            m["mediaType"] = "application/vnd.oci.image.index.v1+json".into();
        }),
        ("`schemaVersion` is `1`", |m| m["schemaVersion"] = 1.into()),
        ("layer says that it has 67108865 bytes", |m| m["layers"][0]["size"] = ((64 << 20) + 1).into()),
        ("layer says that it has 18446744073709551615 bytes", |m| m["layers"][0]["size"] = u64::MAX.into()),
        ("config says that it has 1048577 bytes", |m| m["config"]["size"] = ((1 << 20) + 1).into()),
        ("bytes, expected", |m| m["layers"][0]["size"] = (COMPONENT.len() + 1).into()),
        ("at most", |m| m["layers"][0]["size"] = (COMPONENT.len() - 1).into()),
        ("it is no manifest", |m| m["layers"][0]["size"] = (-1).into()),
        ("it is no manifest", |m| m["layers"][0]["digest"] = "sha512:00".into()),
        ("it is no manifest", |m| m["layers"][0]["digest"] = "sha256:../../x".into()),
        ("it is no manifest", |m| drop(m.as_object_mut().unwrap().remove("config"))),
        ("it is no manifest", |m| *m = json!([])),
        ("it is no manifest", |m| *m = "text".into()),
        ("`layerDigests` name 1 layers", |m| {
            m["layers"][0]["digest"] = Sha256::of(b"other").to_string().into();
        }),
    ];
    let shelf = Shelf::default();
    filled(&shelf).await;
    let honest: Value = serde_json::from_slice(&shelf.manifest("1.0.0").unwrap()).unwrap();
    let server = spoiled(&shelf, |_| None).await;
    for (expected, change) in CHANGES {
        let mut manifest = honest.clone();
        change(&mut manifest);
        shelf.put_manifest("bad", manifest.to_string().as_bytes());
        refused(pulled(&server, ":bad").await, Problem::Refused, expected);
    }
    shelf.put_manifest("bad", b"{");
    refused(pulled(&server, ":bad").await, Problem::Refused, "it is no manifest");

    const CONFIGS: [(&str, Change); 6] = [
        ("has no `component`", |c| drop(c.as_object_mut().unwrap().remove("component"))),
        ("has no `component`", |c| c["component"] = Value::Null),
        ("`architecture` is `amd64`", |c| c["architecture"] = "amd64".into()),
        ("`layerDigests` name 0 layers", |c| c["layerDigests"] = json!([])),
        ("it is no config", |c| c["layerDigests"] = json!(["x"])),
        ("it is no config", |c| *c = json!(1)),
    ];
    let bytes = |config: &Value| {
        let mut manifest = honest.clone();
        let text = config.to_string();
        manifest["config"]["digest"] = Sha256::of(text.as_bytes()).to_string().into();
        manifest["config"]["size"] = text.len().into();
        shelf.put_blob(text.as_bytes());
        shelf.put_manifest("bad", manifest.to_string().as_bytes());
    };
    let good = json!({"created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2",
        "layerDigests": [Sha256::of(COMPONENT).to_string()],
        "component": {"exports": ["a:b/c"], "imports": [], "target": null}});
    bytes(&good);
    assert!(pulled(&server, ":bad").await.is_ok());
    for (expected, change) in CONFIGS {
        let mut config = good.clone();
        change(&mut config);
        bytes(&config);
        refused(pulled(&server, ":bad").await, Problem::Refused, expected);
    }
}

#[tokio::test]
async fn what_is_declared_is_compared_with_what_is() {
    let shelf = Shelf::default();
    filled(&shelf).await;
    let server = spoiled(&shelf, |_| None).await;
    let (artifact, _) = pulled(&server, ":1.0.0").await.unwrap();
    let Config::Plugin(config) = artifact.config else { panic!("it is a plugin") };
    let (grading, log) = ("lancet:plugin/grading@0.1.0", "lancet:plugin/log@0.1.0");
    let is = |exports: &[&str], imports: &[&str]| config.is_of(&names(exports), &names(imports));
    assert_eq!(is(&[grading], &[log]), Ok(()));
    for (exports, imports, expected) in [
        (
            vec![grading],
            vec![log, "lancet:plugin/answer-key@0.1.0"],
            "silent on imports of the component: `lancet:plugin/answer-key@0.1.0`",
        ),
        (vec![grading], vec![], "names imports that the component does not have: `lancet:plugin/log@0.1.0`"),
        (vec![], vec![log], "names exports that the component does not have"),
        (vec![grading, "x:y/z"], vec![log], "silent on exports"),
    ] {
        assert!(is(&exports, &imports).unwrap_err().contains(expected), "{expected}");
    }
}

#[tokio::test]
async fn lists_of_tags_are_read_within_bounds() {
    let shelf = Shelf::default();
    let tags = |told: fn() -> Told| {
        let shelf = shelf.clone();
        async move {
            let server = spoiled(&shelf, move |asked| asked.path.contains("/tags/list").then(told)).await;
            Registry::reader(&reference(&server, ""), &options()).unwrap().tags().await
        }
    };
    assert_eq!(tags(|| Told::new(200, r#"{"tags": null}"#)).await.unwrap(), [""; 0]);
    assert_eq!(tags(|| Told::new(200, r#"{"tags": ["1", "../x", "-a", "a b", ""]}"#)).await.unwrap(), ["1"]);
    refused(tags(|| Told::new(200, "[]")).await, Problem::Refused, "no list of tags");
    let next = || {
        Told::new(200, r#"{"tags": ["1"]}"#).with("Link", "</v2/acme/choice/tags/list?last=1>; rel=\"next\"")
    };
    refused(tags(next).await, Problem::Refused, "more than 20 pages");
    let away = || Told::new(200, r#"{"tags": ["1"]}"#).with("Link", "<https://10.0.0.1/x>; rel=\"next\"");
    refused(tags(away).await, Problem::Refused, "an address of a private network");
}
