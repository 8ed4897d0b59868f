//! Whatever a task says, no field of a container's host configuration changes but
//! the limits, and these stay below the operator's ceiling.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig};
use lancet_core::{Account, PinnedImage, Resources};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::TestEngine;
use super::golden::{inspect, pruned};
use crate::engine::hardening::{ContainerSpec, Givens, Joined, container};
use crate::engine::user::User;
use crate::{Lease, Purpose};

/// Everything that a task, a plan, or an attempt's name can contribute.
#[derive(Debug, Clone)]
struct Input {
    image: PinnedImage,
    argv: Option<Vec<String>>,
    variables: BTreeMap<String, String>,
    working_directory: Option<String>,
    resources: Resources,
    alias: Option<String>,
    run: String,
    attempt: String,
}

fn word() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec![
        "--privileged",
        "--cap-add=ALL",
        "/var/run/docker.sock:/var/run/docker.sock",
        "/:/host:rw",
        "host",
        "container:1",
        "unconfined",
        "seccomp=unconfined",
        "apparmor=unconfined",
        "SYS_ADMIN",
        "LD_PRELOAD",
        "PATH",
        "HOME",
        "DOCKER_HOST",
        "0:0",
        "root",
        "8.8.8.8",
        "",
        "{\"HostConfig\":{\"Privileged\":true}}",
        "\",\"Privileged\":true,\"x\":\"",
        "a=b=c",
        "../../../../etc",
        "runsc",
        "dev.lancet.owner",
    ]);
    prop_oneof![hostile.prop_map(str::to_owned), "\\PC{0,40}", any::<String>()]
}

fn resources() -> impl Strategy<Value = Resources> {
    let bytes = || prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0..1_u64 << 36];
    let count = || prop_oneof![Just(0), Just(u32::MAX), any::<u32>(), 0..10_000_u32];
    (count(), bytes(), count(), bytes(), bytes()).prop_map(
        |(cpu_millis, memory_bytes, pids, disk_bytes, shm_bytes)| Resources {
            cpu_millis,
            memory_bytes,
            pids,
            disk_bytes,
            shm_bytes,
        },
    )
}

fn input() -> impl Strategy<Value = Input> {
    let image = (word(), word()).prop_map(|(name, reference)| PinnedImage { name, reference });
    let argv = prop::option::of(prop::collection::vec(word(), 1..5));
    let variables = prop::collection::btree_map(word(), word(), 0..5);
    let names = (prop::option::of(word()), word(), word());
    (image, argv, variables, prop::option::of(word()), resources(), names).prop_map(
        |(image, argv, variables, working_directory, resources, (alias, run, attempt))| Input {
            image,
            argv,
            variables,
            working_directory,
            resources,
            alias,
            run,
            attempt,
        },
    )
}

impl Input {
    fn lease(&self) -> Lease {
        Lease::new(&self.run, &self.attempt, Duration::from_secs(600))
    }

    fn spec<'a>(&'a self, lease: &'a Lease, shape: &Shape) -> ContainerSpec<'a> {
        ContainerSpec {
            purpose: shape.purpose,
            image: &self.image,
            argv: self.argv.as_deref(),
            variables: &self.variables,
            working_directory: self.working_directory.as_deref(),
            account: shape.account,
            resources: self.resources,
            network: shape.network.then_some(Joined { network: "net", alias: self.alias.as_deref() }),
            read_only_root: shape.read_only_root,
            volume: shape.volume.then_some("volume"),
            lease,
        }
    }
}

/// What the host chooses, not the task.
#[derive(Debug, Clone)]
struct Shape {
    purpose: Purpose,
    account: Account,
    network: bool,
    read_only_root: bool,
    volume: bool,
}

fn shape() -> impl Strategy<Value = Shape> {
    let purpose = prop::sample::select(vec![
        Purpose::Agent,
        Purpose::App,
        Purpose::Driver,
        Purpose::Single,
        Purpose::Setup,
        Purpose::File,
    ]);
    let account = prop::sample::select(vec![Account::Unprivileged, Account::Root]);
    (purpose, account, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(purpose, account, network, read_only_root, volume)| Shape {
            purpose,
            account,
            network,
            read_only_root,
            volume,
        },
    )
}

fn ceiling() -> Resources {
    super::options().ceiling
}

fn body(spec: &ContainerSpec<'_>) -> ContainerCreateBody {
    container(
        spec,
        &Givens { runtime: None, ceiling: ceiling(), image_has_home: false, user: User::of(spec.account) },
    )
}

/// The limits are checked, and then taken out.
fn without_limits(mut host: HostConfig) -> HostConfig {
    let ceiling = ceiling();
    let within = |value: Option<i64>, most: u64, what: &str| {
        let value = u64::try_from(value.unwrap()).unwrap();
        assert!(value > 0 && value <= most, "{what} {value}");
    };
    assert_eq!(host.memory, host.memory_swap);
    within(host.memory.take(), ceiling.memory_bytes, "memory");
    host.memory_swap = None;
    within(host.nano_cpus.take(), u64::from(ceiling.cpu_millis) * 1_000_000, "processors");
    within(host.pids_limit.take(), u64::from(ceiling.pids), "processes");
    within(host.shm_size.take(), ceiling.shm_bytes, "shared memory");
    let ulimits = host.ulimits.as_mut().unwrap();
    let mut file = None;
    for limit in ulimits.iter_mut().filter(|limit| limit.name.as_deref() == Some("fsize")) {
        assert_eq!(limit.soft, limit.hard);
        file = limit.soft.take();
        limit.hard = None;
    }
    within(file, ceiling.disk_bytes, "file size");
    ulimits.sort_by_key(|limit| limit.name.clone());
    for options in host.tmpfs.iter_mut().flat_map(|folders| folders.values_mut()) {
        let mut parts: Vec<&str> = options.split(',').collect();
        let size = parts.iter().position(|part| part.starts_with("size=")).unwrap();
        let bytes: i64 = parts.remove(size)["size=".len()..].parse().unwrap();
        within(Some(bytes), ceiling.memory_bytes, "a temporary file system");
        *options = parts.join(",");
    }
    // A home of the task's own needs none of ours.
    if let Some(folders) = &mut host.tmpfs {
        folders.remove("/tmp/home");
    }
    host
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_task_changes_only_its_limits(input in input(), other in input(), shape in shape()) {
        let (lease, other_lease) = (input.lease(), other.lease());
        let one = body(&input.spec(&lease, &shape));
        let two = body(&other.spec(&other_lease, &shape));
        prop_assert_eq!(one.user.clone(), two.user.clone());
        prop_assert_eq!(one.hostname.clone(), two.hostname.clone());
        prop_assert_eq!(one.healthcheck.clone(), two.healthcheck.clone());
        prop_assert!(one.volumes.is_none() && one.exposed_ports.is_none());
        prop_assert!(one.network_disabled.is_none());
        prop_assert_eq!(without_limits(one.host_config.unwrap()), without_limits(two.host_config.unwrap()));
    }

    #[test]
    fn nothing_that_weakens_is_ever_set(input in input(), shape in shape()) {
        let lease = input.lease();
        let host = body(&input.spec(&lease, &shape)).host_config.unwrap();
        prop_assert_eq!(host.cap_drop.as_deref(), Some(&["ALL".to_owned()][..]));
        prop_assert_eq!(host.security_opt.as_deref(), Some(&["no-new-privileges".to_owned()][..]));
        prop_assert_eq!(host.privileged, Some(false));
        prop_assert_eq!(host.auto_remove, Some(false));
        prop_assert_eq!(host.publish_all_ports, Some(false));
        prop_assert_eq!(host.init, Some(true));
        let network = if shape.network { "net" } else { "none" };
        prop_assert_eq!(host.network_mode.as_deref(), Some(network));
        let value = serde_json::to_value(&host).unwrap();
        let set: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        for unset in [
            "CapAdd", "Devices", "DeviceRequests", "DeviceCgroupRules", "Binds", "VolumesFrom", "GroupAdd",
            "PortBindings", "ExtraHosts", "Links", "Sysctls", "MaskedPaths", "ReadonlyPaths", "PidMode",
            "UTSMode", "UsernsMode", "CgroupParent", "Cgroup", "StorageOpt", "VolumeDriver", "Annotations",
            "ContainerIDFile", "Isolation", "CpusetCpus", "MemorySwappiness", "CpuRealtimeRuntime",
        ] {
            prop_assert!(!set.contains(&unset), "{}", unset);
        }
    }
}

/// What the engine makes of it, for a few of them. An input that the engine refuses
/// is one that does no harm.
#[tokio::test]
async fn the_engine_sees_the_same_whatever_a_task_says() {
    const CREATED: usize = 24;
    let engine = TestEngine::new().await;
    let network = engine.docker.network(&engine.lease).await.unwrap();
    let volume = engine.docker.volume(&engine.lease).await.unwrap();
    let mut runner = TestRunner::deterministic();
    let mut expected: BTreeMap<String, Value> = BTreeMap::new();
    let (mut created, mut tries) = (0, 0);
    while created < CREATED {
        tries += 1;
        assert!(tries < 50 * CREATED, "the engine refuses nearly everything");
        let mut input = input().new_tree(&mut runner).unwrap().current();
        let shape = shape().new_tree(&mut runner).unwrap().current();
        input.image = engine.image.clone();
        // The engine refuses more processors than there are.
        input.resources.cpu_millis %= 1_000;
        let ceiling = ceiling();
        input.resources.memory_bytes %= ceiling.memory_bytes;
        input.resources.pids %= ceiling.pids;
        input.resources.disk_bytes %= ceiling.disk_bytes;
        input.resources.shm_bytes %= ceiling.shm_bytes;
        let lease = input.lease();
        let mut spec = input.spec(&lease, &shape);
        spec.network =
            shape.network.then_some(Joined { network: network.name(), alias: input.alias.as_deref() });
        spec.volume = shape.volume.then_some(volume.name());
        let Ok(container) = engine.docker.create(&spec).await else { continue };
        created += 1;
        let found = inspect(&container).await;
        // Each has a user of its own.
        let owner = format!("uid={},", container.user().id);
        container.remove().await.unwrap();
        let mut host = without_limits(found.host_config.unwrap());
        for options in host.tmpfs.iter_mut().flat_map(|folders| folders.values_mut()) {
            *options = options.replace(&owner, "uid=<user>,");
        }
        let host = pruned(serde_json::to_value(host).unwrap()).unwrap();
        // Where submitted code runs, other limits hold.
        let purpose = match shape.purpose {
            Purpose::Agent | Purpose::App | Purpose::Single => Purpose::Agent,
            Purpose::Driver | Purpose::Setup | Purpose::File => Purpose::Driver,
        };
        let shape = Shape { purpose, ..shape };
        assert_eq!(expected.entry(format!("{shape:?}")).or_insert_with(|| host.clone()), &host, "{input:?}");
    }
    volume.remove().await.unwrap();
    network.remove().await.unwrap();
}
