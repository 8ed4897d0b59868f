//! Building, pinning and reading images.

use std::collections::BTreeMap;

use lancet_core::{InfraFault, InfraFaultKind, PinnedImage};

use super::{TestEngine, options, request};
use crate::{BuildRequest, Docker, DockerError};

fn written(dockerfile: &str) -> (tempfile::TempDir, BuildRequest) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(folder.path().join("file"), "content").unwrap();
    let request = BuildRequest { folder: folder.path().to_owned(), ..request() };
    (folder, request)
}

async fn build(
    engine: &TestEngine,
    request: BuildRequest,
) -> Result<(PinnedImage, Vec<String>), DockerError> {
    let mut lines = Vec::new();
    let image = engine.docker.build(request, &mut |line| lines.push(line.to_owned())).await?;
    Ok((image, lines))
}

async fn remove(engine: &TestEngine, image: &PinnedImage) {
    let options = bollard::query_parameters::RemoveImageOptionsBuilder::default().force(true).build();
    engine.docker.client().remove_image(&image.reference, Some(options), None).await.unwrap();
}

#[tokio::test]
async fn what_is_built_is_pinned_labelled_and_tagged() {
    let engine = TestEngine::new().await;
    let info = engine.docker.image(&engine.image).await.unwrap();
    assert_eq!(info.id, engine.image.reference);
    assert_eq!(info.labels["dev.lancet.image"], "docker-tests");
    let tag = format!("lancet/docker-tests:{}", &engine.image.reference["sha256:".len()..][..12]);
    assert_eq!(engine.docker.resolve(&tag).await.unwrap().reference, engine.image.reference);
}

#[tokio::test]
async fn stages_and_arguments_are_chosen() {
    let engine = TestEngine::new().await;
    let dockerfile = "FROM debian:bookworm-slim AS one\nARG WORD=none\nRUN echo $WORD > /word\nFROM one AS two\nRUN exit 1\n";
    let (_folder, request) = written(dockerfile);
    let request = BuildRequest {
        name: "docker-tests-stages".to_owned(),
        target: Some("one".to_owned()),
        arguments: BTreeMap::from([("WORD".to_owned(), "given".to_owned())]),
        ..request
    };
    let (image, lines) = build(&engine, request).await.unwrap();
    assert_eq!(engine.docker.image_file(&image, "/word", 100).await.unwrap(), b"given\n");
    assert!(lines.iter().any(|line| line.contains("RUN echo $WORD")), "{lines:?}");
    remove(&engine, &image).await;
}

#[tokio::test]
async fn a_failed_build_tells_the_end_of_its_output() {
    let engine = TestEngine::new().await;
    let (_folder, request) = written("FROM debian:bookworm-slim\nRUN echo what went wrong >&2; exit 3\n");
    let error = build(&engine, request).await.unwrap_err();
    let DockerError::BuildFailed { reason, output, .. } = &error else { panic!("{error}") };
    assert!(reason.contains('3'), "{reason}");
    assert!(output.contains("what went wrong"), "{output}");
    let (_folder, request) =
        written("FROM debian:bookworm-slim\nRUN echo 'x: No space left on device' >&2; exit 1\n");
    assert!(matches!(build(&engine, request).await, Err(DockerError::DiskFull { .. })));
    let (_folder, request) = written("FRUM debian\n");
    assert!(matches!(build(&engine, request).await, Err(DockerError::BuildFailed { .. })));
}

#[tokio::test]
async fn an_image_with_volumes_is_refused() {
    let engine = TestEngine::new().await;
    let (_folder, request) = written("FROM debian:bookworm-slim\nVOLUME /data\n");
    let (image, _) = build(&engine, request).await.unwrap();
    let error = engine.docker.image(&image).await.unwrap_err();
    assert!(matches!(error, DockerError::ImageVolumes { .. }), "{error}");
    remove(&engine, &image).await;
}

#[tokio::test]
async fn images_that_are_not_the_pinned_ones_are_refused() {
    let engine = TestEngine::new().await;
    let zeros = "0".repeat(64);
    for (reference, kind) in [
        (format!("sha256:{zeros}"), InfraFaultKind::ImageMissing),
        (format!("debian@sha256:{zeros}"), InfraFaultKind::ImageMissing),
        ("debian:bookworm-slim".to_owned(), InfraFaultKind::ImageDigest),
        // The engine would take a part of an id for the whole.
        (engine.image.reference[..20].to_owned(), InfraFaultKind::ImageDigest),
    ] {
        let image = PinnedImage { name: "pinned".to_owned(), reference: reference.clone() };
        let error = engine.docker.image(&image).await.unwrap_err();
        assert_eq!(InfraFault::from(error).kind, kind, "{reference}");
    }
}

#[tokio::test]
async fn local_names_resolve_and_unknown_ones_are_missing() {
    let engine = TestEngine::new().await;
    let pinned = engine.docker.resolve("debian:bookworm-slim").await.unwrap();
    assert_eq!(pinned.name, "debian:bookworm-slim");
    assert!(pinned.digest().is_some());
    engine.docker.image(&pinned).await.unwrap();
    let error = engine.docker.resolve("registry.invalid/nothing:1").await.unwrap_err();
    assert!(matches!(error, DockerError::ImageMissing { .. }), "{error}");
}

#[tokio::test]
async fn files_of_images_are_read_within_bounds() {
    let engine = TestEngine::new().await;
    let read = async |path: &str, limit| engine.docker.image_file(&engine.image, path, limit).await;
    assert_eq!(read("/srv/app/greeting", 6).await.unwrap(), b"hello\n");
    assert!(matches!(read("/srv/app/greeting", 5).await, Err(DockerError::TooLarge { .. })));
    assert!(matches!(read("/usr/bin/git", 1 << 10).await, Err(DockerError::TooLarge { .. })));
    for missing in ["/srv/app/nothing", "/srv/app", "/etc/mtab"] {
        assert!(matches!(read(missing, 1 << 20).await, Err(DockerError::PathMissing { .. })), "{missing}");
    }
}

#[tokio::test]
async fn the_engine_says_what_it_is() {
    let engine = TestEngine::new().await;
    let info = engine.docker.engine().await.unwrap();
    assert!(info.cpu_millis >= 1_000 && info.memory_bytes > 0);
    assert!(info.runtimes.iter().any(|runtime| runtime == "runc"), "{:?}", info.runtimes);
    assert!(!info.version.is_empty() && !info.architecture.is_empty());
    engine.docker.wait_until_reachable(std::time::Duration::from_secs(5)).await.unwrap();
    let unknown = Docker::connect(crate::DockerOptions { runtime: Some("nothing".to_owned()), ..options() });
    assert!(matches!(unknown.await, Err(DockerError::RuntimeMissing { .. })));
}
