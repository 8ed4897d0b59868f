//! A container from its creation to its removal.

use std::collections::BTreeMap;
use std::time::Duration;

use lancet_core::{PinnedImage, Resources};

use super::{TestEngine, argv, output, run};
use crate::engine::archive::{self, EntryKind, Holder, Packer};
use crate::engine::container::{Download, State};
use crate::engine::exec::ExecEnd;
use crate::engine::hardening::ContainerSpec;
use crate::engine::listing::{ChangeKind, Changes};
use crate::engine::wait::Ended;

const DISK: u64 = 1 << 30;

fn soon() -> Duration {
    Duration::from_secs(60)
}

#[tokio::test]
async fn it_runs_its_command_and_says_how_it_ended() {
    let engine = TestEngine::new().await;
    let command = argv(&["sh", "-c", "echo out; echo err >&2; exit 3"]);
    let container = engine.docker.create(&engine.spec(&command)).await.unwrap();
    assert_eq!(container.state().await.unwrap(), State::Created);
    container.start().await.unwrap();
    let ended = container.wait(soon(), DISK).await.unwrap();
    assert_eq!(ended, Ended::Exited { code: 3, out_of_memory: false });
    assert_eq!(container.wait(soon(), DISK).await.unwrap(), ended);
    let log = String::from_utf8(container.logs(1_000).await.unwrap()).unwrap();
    assert!(log.contains("out\n") && log.contains("err\n"), "{log}");
    container.kill().await.unwrap();
    container.remove().await.unwrap();
}

#[tokio::test]
async fn without_a_command_it_runs_the_images_own() {
    let engine = TestEngine::new().await;
    let container = engine.docker.create(&ContainerSpec { argv: None, ..engine.spec(&[]) }).await.unwrap();
    container.start().await.unwrap();
    container.wait(soon(), DISK).await.unwrap();
    assert_eq!(container.logs(1_000).await.unwrap(), b"the image speaks\n");
    container.remove().await.unwrap();
}

#[tokio::test]
async fn it_is_killed_at_its_deadline() {
    let engine = TestEngine::new().await;
    let command = argv(&["sh", "-c", "trap '' TERM; sleep 600"]);
    let container = engine.docker.create(&engine.spec(&command)).await.unwrap();
    container.start().await.unwrap();
    let time = Duration::from_secs(1);
    assert_eq!(container.wait(time, DISK).await.unwrap(), Ended::TimedOut);
    assert!(matches!(container.state().await.unwrap(), State::Exited { code: 137, .. }));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn it_can_be_paused_resumed_and_killed() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    container.pause().await.unwrap();
    assert_eq!(container.state().await.unwrap(), State::Paused);
    container.unpause().await.unwrap();
    assert_eq!(container.state().await.unwrap(), State::Running);
    container.pause().await.unwrap();
    container.kill().await.unwrap();
    container.remove().await.unwrap();
}

#[tokio::test]
async fn files_go_in_and_come_out_within_bounds() {
    let engine = TestEngine::new().await;
    let idle = argv(&["sleep", "600"]);
    let container = engine.docker.create(&engine.spec(&idle)).await.unwrap();
    let mut packer = Packer::new();
    packer.file("added.sh", b"#!/bin/sh\necho ran", 0o755, Holder::User(container.user())).unwrap();
    packer.folder("folder", 0o755, Holder::Root).unwrap();
    packer.file("folder/inner", &[7; 100_000], 0o644, Holder::Root).unwrap();
    container.upload("/srv/app", packer.finish().unwrap()).await.unwrap();
    container.start().await.unwrap();
    assert_eq!(output(&container, &["/srv/app/added.sh"]).await, "ran\n");
    assert_eq!(
        output(&container, &["stat", "-c", "%u:%g %a", "/srv/app/added.sh"]).await,
        format!("{} 755\n", container.user())
    );
    assert_eq!(output(&container, &["stat", "-c", "%u:%g %a", "/srv/app/folder/inner"]).await, "0:0 644\n");
    output(&container, &["sh", "-c", "rm greeting; ln -s /etc/passwd link; mkfifo pipe; ln added.sh hard"])
        .await;
    container.kill().await.unwrap();

    assert_eq!(container.download("/srv/nothing", 1 << 20).await.unwrap(), Download::Missing);
    assert_eq!(container.download("/srv/app", 50_000).await.unwrap(), Download::TooLarge);
    let Download::Tar(tar) = container.download("/srv/app", 1 << 20).await.unwrap() else { panic!() };
    let entries = archive::read(&tar, 100).unwrap();
    let kind = |path: &str| &entries.iter().find(|entry| entry.path == path.as_bytes()).unwrap().kind;
    assert_eq!(kind("app"), &EntryKind::Folder);
    assert_eq!(kind("app/link"), &EntryKind::Symlink(b"/etc/passwd".to_vec()));
    assert_eq!(kind("app/pipe"), &EntryKind::Other);
    assert_eq!(kind("app/folder/inner"), &EntryKind::File(&[7; 100_000]));
    let (one, two) = (kind("app/added.sh"), kind("app/hard"));
    assert!(matches!(one, EntryKind::HardLink(_)) != matches!(two, EntryKind::HardLink(_)));
    // A link is taken as a link.
    let Download::Tar(tar) = container.download("/srv/app/link", 1 << 20).await.unwrap() else { panic!() };
    assert!(matches!(archive::read(&tar, 1).unwrap()[0].kind, EntryKind::Symlink(_)));

    let listed = container.changes("/srv/app").await.unwrap();
    let Changes::Listed { changes, .. } = listed else { panic!() };
    let expect = |path: &str, kind| assert_eq!(changes.get(path), Some(&kind), "{path} of {changes:?}");
    expect("/srv/app", ChangeKind::Modified);
    expect("/srv/app/greeting", ChangeKind::Deleted);
    expect("/srv/app/link", ChangeKind::Added);
    expect("/srv/app/folder/inner", ChangeKind::Added);
    container.remove().await.unwrap();
}

#[tokio::test]
async fn more_changes_than_are_read_are_told() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let script = "import os\nos.chdir('/srv/app')\nfor _ in range(12): os.mkdir('d' * 240); os.chdir('d' * 240)\nfor i in range(22000): open('n' * 200 + str(i), 'w').close()";
    output(&container, &["python3", "-c", script]).await;
    container.kill().await.unwrap();
    assert_eq!(container.changes("/srv/app").await.unwrap(), Changes::TooMany);
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_volume_takes_files_that_a_read_only_root_refuses() {
    let engine = TestEngine::new().await;
    let volume = engine.docker.volume(&engine.lease).await.unwrap();
    let idle = argv(&["sleep", "600"]);
    let spec = ContainerSpec {
        read_only_root: true,
        volume: Some(volume.name()),
        working_directory: Some("/lancet/tests"),
        ..engine.spec(&idle)
    };
    let container = engine.docker.create(&spec).await.unwrap();
    let mut packer = Packer::new();
    packer.folder("tests", 0o755, Holder::Root).unwrap();
    packer.file("tests/a", b"a", 0o644, Holder::Root).unwrap();
    packer.folder("results", 0o755, Holder::User(container.user())).unwrap();
    let tar = packer.finish().unwrap();
    assert!(container.upload("/srv", tar.clone()).await.is_err());
    container.upload("/lancet", tar).await.unwrap();
    container.start().await.unwrap();
    assert_eq!(output(&container, &["sh", "-c", "cat a && echo b > ../results/b"]).await, "a");
    assert_ne!(run(&container, &["sh", "-c", "echo b > b"]).await.end, ExecEnd::Exited(0));
    container.kill().await.unwrap();
    assert!(matches!(container.download("/lancet/results/b", 1 << 20).await.unwrap(), Download::Tar(_)));
    container.remove().await.unwrap();
    volume.remove().await.unwrap();
}

#[tokio::test]
async fn an_image_kept_from_a_container_is_otherwise_like_its_own() {
    let engine = TestEngine::new().await;
    let before = engine.docker.image(&engine.image).await.unwrap();
    let container = engine.idle().await;
    output(&container, &["sh", "-c", "echo changed > greeting"]).await;
    container.kill().await.unwrap();
    let labels = BTreeMap::from([("dev.lancet.prepared".to_owned(), "x".to_owned())]);
    let kept = container.commit(&before, &labels).await.unwrap();
    container.remove().await.unwrap();
    let kept = PinnedImage { name: "kept".to_owned(), reference: kept };
    let after = engine.docker.image(&kept).await.unwrap();
    assert_eq!(after.labels["dev.lancet.prepared"], "x");
    assert_eq!(after.labels["dev.lancet.owner"], "");
    assert_eq!((&after.entry_point, &after.command), (&before.entry_point, &before.command));
    assert_eq!(after.working_directory, before.working_directory);
    assert!(!after.has_home());
    let own =
        engine.docker.create(&ContainerSpec { argv: None, image: &kept, ..engine.spec(&[]) }).await.unwrap();
    own.start().await.unwrap();
    own.wait(soon(), DISK).await.unwrap();
    assert_eq!(own.logs(1_000).await.unwrap(), b"the image speaks\n");
    own.remove().await.unwrap();
    assert_eq!(engine.docker.image_file(&kept, "/srv/app/greeting", 100).await.unwrap(), b"changed\n");
    engine
        .docker
        .client()
        .remove_image(&kept.reference, None::<bollard::query_parameters::RemoveImageOptions>, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn one_that_is_dropped_is_removed_all_the_same() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let id = container.id().to_owned();
    drop(container);
    let gone = async {
        while engine.docker.client().inspect_container(&id, None).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
}

#[tokio::test]
async fn resources_of_nothing_are_not_resources_without_limit() {
    let engine = TestEngine::new().await;
    let command = argv(&["true"]);
    let resources = Resources { cpu_millis: 0, memory_bytes: 0, pids: 0, disk_bytes: 0, shm_bytes: 0 };
    let container =
        engine.docker.create(&ContainerSpec { resources, ..engine.spec(&command) }).await.unwrap();
    let host = super::golden::inspect(&container).await.host_config.unwrap();
    assert_eq!(host.pids_limit, Some(8));
    assert_eq!((host.memory, host.memory_swap), (Some(16 << 20), Some(16 << 20)));
    assert_eq!(host.nano_cpus, Some(10_000_000));
    container.remove().await.unwrap();
}
