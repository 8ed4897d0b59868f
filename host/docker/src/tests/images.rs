//! Building, pinning and reading images.

use std::collections::BTreeMap;

use lancet_core::{InfraFault, InfraFaultKind, PinnedImage};

use super::{Bench, options, request};
use crate::{BuildRequest, Docker, DockerError};

fn written(dockerfile: &str) -> (tempfile::TempDir, BuildRequest) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(folder.path().join("file"), "content").unwrap();
    let request = BuildRequest { folder: folder.path().to_owned(), ..request() };
    (folder, request)
}

async fn build(bench: &Bench, request: BuildRequest) -> Result<(PinnedImage, Vec<String>), DockerError> {
    let mut lines = Vec::new();
    let image = bench.docker.build(request, &mut |line| lines.push(line.to_owned())).await?;
    Ok((image, lines))
}

async fn remove(bench: &Bench, image: &PinnedImage) {
    let options = bollard::query_parameters::RemoveImageOptionsBuilder::default().force(true).build();
    bench.docker.client().remove_image(&image.reference, Some(options), None).await.unwrap();
}

#[tokio::test]
async fn what_is_built_is_pinned_labelled_and_tagged() {
    let bench = Bench::new().await;
    let info = bench.docker.image(&bench.image).await.unwrap();
    assert_eq!(info.id, bench.image.reference);
    assert_eq!(info.labels["dev.lancet.image"], "docker-tests");
    let tag = format!("lancet/docker-tests:{}", &bench.image.reference["sha256:".len()..][..12]);
    assert_eq!(bench.docker.resolve(&tag).await.unwrap().reference, bench.image.reference);
}

#[tokio::test]
async fn stages_and_arguments_are_chosen() {
    let bench = Bench::new().await;
    let dockerfile = "FROM debian:bookworm-slim AS one\nARG WORD=none\nRUN echo $WORD > /word\nFROM one AS two\nRUN exit 1\n";
    let (_folder, request) = written(dockerfile);
    let request = BuildRequest {
        name: "docker-tests-stages".to_owned(),
        target: Some("one".to_owned()),
        arguments: BTreeMap::from([("WORD".to_owned(), "given".to_owned())]),
        ..request
    };
    let (image, lines) = build(&bench, request).await.unwrap();
    assert_eq!(bench.docker.image_file(&image, "/word", 100).await.unwrap(), b"given\n");
    assert!(lines.iter().any(|line| line.contains("RUN echo $WORD")), "{lines:?}");
    remove(&bench, &image).await;
}

#[tokio::test]
async fn a_failed_build_tells_the_end_of_its_output() {
    let bench = Bench::new().await;
    let (_folder, request) = written("FROM debian:bookworm-slim\nRUN echo what went wrong >&2; exit 3\n");
    let error = build(&bench, request).await.unwrap_err();
    let DockerError::BuildFailed { reason, output, .. } = &error else { panic!("{error}") };
    assert!(reason.contains('3'), "{reason}");
    assert!(output.contains("what went wrong"), "{output}");
    let (_folder, request) =
        written("FROM debian:bookworm-slim\nRUN echo 'x: No space left on device' >&2; exit 1\n");
    assert!(matches!(build(&bench, request).await, Err(DockerError::DiskFull { .. })));
    let (_folder, request) = written("FRUM debian\n");
    assert!(matches!(build(&bench, request).await, Err(DockerError::BuildFailed { .. })));
}

#[tokio::test]
async fn an_image_with_volumes_is_refused() {
    let bench = Bench::new().await;
    let (_folder, request) = written("FROM debian:bookworm-slim\nVOLUME /data\n");
    let (image, _) = build(&bench, request).await.unwrap();
    let error = bench.docker.image(&image).await.unwrap_err();
    assert!(matches!(error, DockerError::ImageVolumes { .. }), "{error}");
    remove(&bench, &image).await;
}

#[tokio::test]
async fn images_that_are_not_the_pinned_ones_are_refused() {
    let bench = Bench::new().await;
    let zeros = "0".repeat(64);
    for (reference, kind) in [
        (format!("sha256:{zeros}"), InfraFaultKind::ImageMissing),
        (format!("debian@sha256:{zeros}"), InfraFaultKind::ImageMissing),
        ("debian:bookworm-slim".to_owned(), InfraFaultKind::ImageDigest),
        // The engine would take a part of an id for the whole.
        (bench.image.reference[..20].to_owned(), InfraFaultKind::ImageDigest),
    ] {
        let image = PinnedImage { name: "pinned".to_owned(), reference: reference.clone() };
        let error = bench.docker.image(&image).await.unwrap_err();
        assert_eq!(InfraFault::from(error).kind, kind, "{reference}");
    }
}

#[tokio::test]
async fn local_names_resolve_and_unknown_ones_are_missing() {
    let bench = Bench::new().await;
    let pinned = bench.docker.resolve("debian:bookworm-slim").await.unwrap();
    assert_eq!(pinned.name, "debian:bookworm-slim");
    assert!(pinned.digest().is_some());
    bench.docker.image(&pinned).await.unwrap();
    let error = bench.docker.resolve("registry.invalid/nothing:1").await.unwrap_err();
    assert!(matches!(error, DockerError::ImageMissing { .. }), "{error}");
}

#[tokio::test]
async fn files_of_images_are_read_within_bounds() {
    let bench = Bench::new().await;
    let read = async |path: &str, limit| bench.docker.image_file(&bench.image, path, limit).await;
    assert_eq!(read("/srv/app/greeting", 6).await.unwrap(), b"hello\n");
    assert!(matches!(read("/srv/app/greeting", 5).await, Err(DockerError::TooLarge { .. })));
    assert!(matches!(read("/usr/bin/git", 1 << 10).await, Err(DockerError::TooLarge { .. })));
    for missing in ["/srv/app/nothing", "/srv/app", "/etc/mtab"] {
        assert!(matches!(read(missing, 1 << 20).await, Err(DockerError::PathMissing { .. })), "{missing}");
    }
}

#[tokio::test]
async fn the_engine_says_what_it_is() {
    let bench = Bench::new().await;
    let info = bench.docker.engine().await.unwrap();
    assert!(info.cpu_millis >= 1_000 && info.memory_bytes > 0);
    assert!(info.runtimes.iter().any(|runtime| runtime == "runc"), "{:?}", info.runtimes);
    assert!(!info.version.is_empty() && !info.architecture.is_empty());
    bench.docker.wait_until_reachable(std::time::Duration::from_secs(5)).await.unwrap();
    let unknown = Docker::connect(crate::DockerOptions { runtime: Some("nothing".to_owned()), ..options() });
    assert!(matches!(unknown.await, Err(DockerError::RuntimeMissing { .. })));
}
