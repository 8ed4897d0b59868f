//! What processes in a container find themselves able to do.

use std::time::Duration;

use lancet_core::{Account, Resources};

use super::unprivileged::not_shown;
use super::{TestEngine, argv, output, run};
use crate::Purpose;
use crate::engine::container::State;
use crate::engine::disk::DiskLimits;
use crate::engine::exec::ExecEnd;
use crate::engine::hardening::ContainerSpec;
use crate::engine::user::User;
use crate::engine::wait::Ended;

#[tokio::test]
async fn processes_have_no_capabilities_and_cannot_get_any() {
    let engine = TestEngine::new().await;
    let idle = argv(&["sleep", "600"]);
    for account in [Account::Unprivileged, Account::Root] {
        let container = engine.docker.create(&ContainerSpec { account, ..engine.spec(&idle) }).await.unwrap();
        container.start().await.unwrap();
        let status = output(&container, &["cat", "/proc/self/status"]).await;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_once(':').unwrap().1.trim().to_owned()
        };
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(field(set), "0000000000000000", "{set} of {account:?}");
        }
        assert_eq!(field("NoNewPrivs"), "1");
        // 2 is a filter.
        assert_eq!(field("Seccomp"), "2");
        let user = container.user();
        assert_eq!(user.id == 0, account == Account::Root);
        assert_eq!(user.group, User::of(account).group);
        assert_eq!(output(&container, &["id", "-u"]).await.trim(), user.id.to_string());
        assert_eq!(output(&container, &["id", "-g"]).await.trim(), user.group.to_string());
        for forbidden in [
            ["mount", "-t", "tmpfs", "tmpfs", "/mnt"].as_slice(),
            &["unshare", "-U", "true"],
            &["sh", "-c", "echo 1 > /proc/sys/kernel/panic"],
            &["sh", "-c", "echo x > /sys/kernel/uevent_helper"],
            &["mknod", "/tmp/null", "c", "1", "3"],
            &["dmesg"],
        ] {
            assert_ne!(
                run(&container, forbidden).await.end,
                ExecEnd::Exited(0),
                "{forbidden:?} as {account:?}"
            );
        }
        container.remove().await.unwrap();
    }
}

#[tokio::test]
async fn limits_are_those_that_were_asked_for() {
    let engine = TestEngine::new().await;
    let container = engine.idle().await;
    let limits = output(&container, &["cat", "/proc/self/limits"]).await;
    let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(limit("Max open files").contains(" 4096 "));
    assert!(limit("Max core file size").contains(" 0 "));
    assert!(limit("Max file size").contains(&Resources::standard().disk_bytes.to_string()));
    let shm = output(&container, &["df", "-B1", "--output=size", "/dev/shm"]).await;
    assert_eq!(shm.lines().last().unwrap().trim(), Resources::standard().shm_bytes.to_string());
    // Its own process tree, host name and home, and nothing of the machine's.
    assert_eq!(output(&container, &["cat", "/proc/sys/kernel/hostname"]).await.trim(), "lancet");
    assert_eq!(output(&container, &["sh", "-c", "cd $HOME && touch x && pwd"]).await.trim(), "/tmp/home");
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_read_only_root_has_room_to_write_in_temporary_folders_only() {
    let engine = TestEngine::new().await;
    let volume = engine.docker.volume(&engine.lease).await.unwrap();
    let idle = argv(&["sleep", "600"]);
    let spec = ContainerSpec {
        purpose: Purpose::Driver,
        read_only_root: true,
        volume: Some(volume.name()),
        resources: Resources { disk_bytes: 8 << 20, ..Resources::standard() },
        ..engine.spec(&idle)
    };
    let container = engine.docker.create(&spec).await.unwrap();
    container.start().await.unwrap();
    for allowed in ["touch /tmp/x", "touch /run/x", "cd $HOME && touch x"] {
        output(&container, &["sh", "-c", allowed]).await;
    }
    for refused in [
        "touch /srv/app/x",
        "touch /x",
        "touch /var/tmp/x",
        // The volume's own folder is root's; what is uploaded into it says whose it is.
        "touch /lancet/x",
        "head -c 9M /dev/zero > /tmp/large",
        "for i in 1 2 3; do head -c 4M /dev/zero > /tmp/part$i || exit 1; done",
    ] {
        assert_ne!(run(&container, &["sh", "-c", refused]).await.end, ExecEnd::Exited(0), "{refused}");
    }
    container.remove().await.unwrap();
    volume.remove().await.unwrap();
}

#[tokio::test]
async fn a_fork_bomb_and_a_memory_hog_end_in_their_container() {
    let engine = TestEngine::new().await;
    let resources = Resources { pids: 32, memory_bytes: 64 << 20, ..Resources::standard() };
    let fork = argv(&[
        "python3",
        "-c",
        "import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0:\n            os.setsid(); time.sleep(600)\n        n += 1\nexcept OSError:\n    pass\nos._exit(0 if 10 < n < 32 else 1)",
    ]);
    let container = engine.docker.create(&ContainerSpec { resources, ..engine.spec(&fork) }).await.unwrap();
    container.start().await.unwrap();
    let time = Duration::from_secs(60);
    let ended = container.wait(time, resources.disk_bytes).await.unwrap();
    assert_eq!(ended, Ended::Exited { code: 0, out_of_memory: false });
    container.remove().await.unwrap();

    for hog in
        ["x = bytearray(1 << 30)", "open('/dev/shm/x', 'wb').write(b'x' * (48 << 20)); y = b'y' * (48 << 20)"]
    {
        let hog = argv(&["python3", "-c", hog]);
        // On a busy machine the engine itself misses one in a few hundred.
        let mut tries = 0..3;
        while tries.next().is_some() {
            let spec = ContainerSpec { resources, ..engine.spec(&hog) };
            let container = engine.docker.create(&spec).await.unwrap();
            container.start().await.unwrap();
            let ended = container.wait(time, resources.disk_bytes).await.unwrap();
            let Ended::Exited { code: 137, out_of_memory } = ended else { panic!("{ended:?}") };
            let state = container.state().await.unwrap();
            assert_eq!(state, State::Exited { code: 137, out_of_memory });
            assert_eq!(container.memory_events().await.unwrap(), out_of_memory);
            container.remove().await.unwrap();
            if out_of_memory {
                break;
            }
        }
        assert!(!tries.is_empty());
    }
}

/// Whoever kills the first process from within is not taken for a want of memory.
#[tokio::test]
async fn a_kill_is_told_from_a_want_of_memory() {
    let engine = TestEngine::new().await;
    let command = argv(&["sh", "-c", "kill -9 $$"]);
    let container = engine.docker.create(&engine.spec(&command)).await.unwrap();
    container.start().await.unwrap();
    let time = Duration::from_secs(60);
    let ended = container.wait(time, 1 << 30).await.unwrap();
    assert_eq!(ended, Ended::Exited { code: 137, out_of_memory: false });
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_disk_filler_is_stopped() {
    let engine = TestEngine::new().await;
    let resources = Resources { disk_bytes: 16 << 20, ..Resources::standard() };
    let time = Duration::from_secs(120);
    // One that goes on and on, with files below the limit of one file; one that is
    // done before anybody looks.
    let endless = "i=0; while true; do i=$((i+1)); head -c 1M /dev/zero > /tmp/f$i; sleep 0.05; done";
    let quick = "for i in 1 2 3; do head -c 8M /dev/zero > /tmp/f$i; done";
    for script in [endless, quick] {
        let filler = argv(&["sh", "-c", script]);
        let container =
            engine.docker.create(&ContainerSpec { resources, ..engine.spec(&filler) }).await.unwrap();
        container.start().await.unwrap();
        assert_eq!(container.wait(time, resources.disk_bytes).await.unwrap(), Ended::DiskLimit);
        assert!(matches!(container.state().await.unwrap(), State::Exited { .. }));
        container.remove().await.unwrap();
    }
    // A single file stops growing at once.
    let container = engine
        .docker
        .create(&ContainerSpec { resources, ..engine.spec(&argv(&["sleep", "600"])) })
        .await
        .unwrap();
    container.start().await.unwrap();
    run(&container, &["sh", "-c", "head -c 64M /dev/zero > /tmp/large"]).await;
    assert_eq!(output(&container, &["stat", "-c", "%s", "/tmp/large"]).await.trim(), (16 << 20).to_string());
    container.remove().await.unwrap();
}

/// Where the engine's folders can be read: elsewhere only sizes are known.
#[tokio::test]
async fn blocks_that_no_size_speaks_of_are_counted() {
    let engine = TestEngine::new().await;
    let resources = Resources { disk_bytes: 16 << 20, ..Resources::standard() };
    for (script, ended) in [
        // Beyond the ends of files.
        ("for i in 1 2 3; do : > /tmp/$i; fallocate --keep-size --length 8M /tmp/$i; done; sleep 600", true),
        ("for i in 1 2 3; do : > /tmp/$i; fallocate --keep-size --length 8M /tmp/$i; done", true),
        // Of files without a name: open, in a program that runs, and made without one.
        (
            "exec 3>/tmp/x 4>/tmp/y; rm /tmp/x /tmp/y; head -c 12M /dev/zero >&3; head -c 12M /dev/zero >&4; sleep 600",
            true,
        ),
        (
            "(cat /bin/sleep; head -c 15M /dev/zero) > /tmp/s; cp /tmp/s /tmp/t; chmod +x /tmp/?; \
             /tmp/s 600 & /tmp/t 600 & sleep 0.5; rm /tmp/?; wait",
            true,
        ),
        // One file by several names, holes, and memory.
        (
            "head -c 8M /dev/zero > /tmp/a; ln /tmp/a /tmp/b; ln /tmp/a /tmp/c; truncate -s 15M /tmp/h /tmp/i; \
             exec 3>/dev/shm/x; rm /dev/shm/x; head -c 32M /dev/zero >&3; sleep 4",
            false,
        ),
    ] {
        let words = argv(&["sh", "-c", script]);
        let spec = ContainerSpec { resources, ..engine.spec(&words) };
        let container = engine.docker.create(&spec).await.unwrap();
        if container.layers().await.unwrap().is_none() {
            container.remove().await.unwrap();
            not_shown("that blocks without a name or a size count");
            return;
        }
        container.start().await.unwrap();
        let time = Duration::from_secs(60);
        let found = container.wait(time, resources.disk_bytes).await.unwrap();
        let expected = if ended { Ended::DiskLimit } else { Ended::Exited { code: 0, out_of_memory: false } };
        assert_eq!(found, expected, "{script}");
        container.remove().await.unwrap();
    }
}

#[tokio::test]
async fn what_lies_deeper_than_paths_reach_is_counted() {
    let engine = TestEngine::new().await;
    let script = "import os\nos.chdir('/tmp')\nfor i in range(60): os.mkdir('d' * 250); os.chdir('d' * 250)\n\
                  open('large', 'wb').write(b'x' * (4 << 20))\n\
                  for i in range(400): os.mkdir('d' * 250); os.chdir('d' * 250)";
    let words = argv(&["python3", "-c", script]);
    let container = engine.docker.create(&engine.spec(&words)).await.unwrap();
    if container.layers().await.unwrap().is_some() {
        container.start().await.unwrap();
        let time = Duration::from_secs(60);
        let ended = container.wait(time, 64 << 20).await.unwrap();
        assert_eq!(ended, Ended::Exited { code: 0, out_of_memory: false });
        let taken = container.disk_bytes().await.unwrap();
        assert!((4 << 20..5 << 20).contains(&taken), "{taken}");
    }
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_flood_of_empty_files_is_stopped() {
    let engine = TestEngine::new().await;
    let script = "import os, time\nfor i in range(20000): open('/tmp/' + 'n' * 200 + str(i), 'w').close()\ntime.sleep(600)";
    let flood = argv(&["python3", "-c", script]);
    let container = engine.docker.create(&engine.spec(&flood)).await.unwrap();
    container.start().await.unwrap();
    let time = Duration::from_secs(300);
    let ended = container.wait_within(time, DiskLimits { bytes: 1 << 30, files: 10_000 }).await.unwrap();
    assert_eq!(ended, Ended::DiskLimit);
    assert!(container.changes_exceed(1 << 20).await.unwrap());
    assert!(!container.changes_exceed(1 << 30).await.unwrap());
    container.remove().await.unwrap();
}

#[tokio::test]
async fn a_log_flood_is_capped() {
    let engine = TestEngine::new().await;
    let flood = argv(&["sh", "-c", "yes $(printf %2000s x | tr ' ' x) | head -c 60000000; echo the end"]);
    let container = engine.docker.create(&engine.spec(&flood)).await.unwrap();
    container.start().await.unwrap();
    let time = Duration::from_secs(120);
    let ended = container.wait(time, Resources::standard().disk_bytes).await.unwrap();
    assert_eq!(ended, Ended::Exited { code: 0, out_of_memory: false });
    let all = container.logs(64 << 20).await.unwrap();
    assert!(all.len() < 16 << 20, "{} bytes", all.len());
    assert_eq!(container.logs(1_000).await.unwrap(), all[all.len() - 1_000..]);
    container.remove().await.unwrap();
}

#[tokio::test]
async fn more_than_the_operator_allows_is_refused() {
    let engine = TestEngine::new().await;
    let idle = argv(&["sleep", "600"]);
    let resources = Resources { memory_bytes: 1 << 40, ..Resources::standard() };
    let refused = engine.docker.create(&ContainerSpec { resources, ..engine.spec(&idle) }).await.map(drop);
    assert!(matches!(refused, Err(crate::DockerError::ResourcesExceeded(_))));
    let fault = engine.docker.admit(&[resources]).await.unwrap_err();
    assert_eq!(fault.kind, lancet_core::InfraFaultKind::ResourcesExceeded);
    let _admission = engine.docker.admit(&[Resources::standard()]).await.unwrap();
}
